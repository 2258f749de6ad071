"""Patterns of group chats, in documents."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field, model_validator

from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig, PythonObject
from ._parts import AgentPart
from .chats import ManagerConfig, make_manager_arguments
from .handoffs import TargetConfig, make_target, write_target

if TYPE_CHECKING:
    from typing_extensions import Self


Selection = Literal["default", "auto", "round_robin", "manual", "random"]

CLASSES: dict[Selection, str] = {
    "default": "DefaultPattern",
    "auto": "AutoPattern",
    "round_robin": "RoundRobinPattern",
    "manual": "ManualPattern",
    "random": "RandomPattern",
}
_MANAGER_KEYS = ("name", "system_message", "llm_config", "is_termination_msg")


class PatternConfig(ComponentConfig):
    """Schema of a pattern: the agents, who begins, and who speaks when there is no hand-off."""

    selection: Selection = "default"
    agents: list[AgentPart] = Field(min_length=1)
    initial_agent: AgentPart
    user_agent: AgentPart = None
    manager: ManagerConfig | None = None
    context_variables: Config = {}
    group_after_work: TargetConfig | None = None
    selection_message: str | None = None
    exclude_transit_message: bool = True
    summary_method: str | PythonObject = "last_msg"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.group_after_work is not None and self.selection != "default":
            raise ValueError(f"`group_after_work` has no effect for the selection {self.selection!r}.")
        if self.selection_message is not None and self.selection != "auto":
            raise ValueError("`selection_message` is for the selection 'auto'.")
        return self


class PatternType(ComponentType):
    """The type of patterns, for `initiate_group_chat`."""

    name = "pattern"
    kind = "chat"
    config_model = PatternConfig
    label = "Pattern"
    description = "A group chat whose agents hand over to each other."
    example: JSONObject = {
        "selection": "auto",
        "agents": [{"ref": "agent:triage"}, {"ref": "agent:expert"}],
        "initial_agent": {"ref": "agent:triage"},
    }

    def matches(self, obj: object) -> bool:
        """Return True for a pattern of exactly one of the classes of this package."""
        return type(obj) in map(_get_class, get_args(Selection))

    def make(self, config: PatternConfig, build: Build) -> LiveObject:
        """Make the pattern."""
        from ..agentchat.group import ContextVariables

        arguments: Config = {}
        if config.selection == "auto":
            arguments["selection_message"] = config.selection_message
        if config.group_after_work is not None:
            arguments["group_after_work"] = make_target(config.group_after_work, build)
        if config.manager is not None:
            given = {"name": config.manager.name} if "name" in config.manager.model_fields_set else {}
            arguments["group_manager_args"] = {**given, **make_manager_arguments(config.manager, build)}
        return _get_class(config.selection)(
            build.get_part(config.initial_agent),
            build.get_parts(config.agents),
            None if config.user_agent is None else build.get_part(config.user_agent),
            context_variables=ContextVariables(dict(config.context_variables)),
            exclude_transit_message=config.exclude_transit_message,
            summary_method=build.resolve(config.summary_method),
            **arguments,
        )

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the settings that differ from the defaults.

        Raises:
            SpecError: if a setting is an object that a document can't hold.
        """
        config: Config = {
            "agents": [writer.write_part(agent) for agent in obj.agents],
            "initial_agent": writer.write_part(obj.initial_agent),
        }
        selection = next(name for name in get_args(Selection) if type(obj) is _get_class(name))
        if selection != "default":
            config["selection"] = selection
        if obj.user_agent is not None:
            config["user_agent"] = writer.write_part(obj.user_agent)
        if obj.group_manager_args:
            config["manager"] = _write_manager(obj.group_manager_args, writer)
        if variables := getattr(obj.context_variables, "data", obj.context_variables):
            config["context_variables"] = dict(variables)
        if obj.group_after_work is not None and selection == "default":
            config["group_after_work"] = write_target(obj.group_after_work, "a pattern", writer)
        message = getattr(obj, "selection_message", None)
        if isinstance(message, str):
            config["selection_message"] = message
        elif message is not None:
            raise SpecError([Problem("", "the selection_message of a pattern can't be written", "use a text")])
        if not obj.exclude_transit_message:
            config["exclude_transit_message"] = False
        if obj.summary_method != "last_msg":
            method = obj.summary_method
            config["summary_method"] = method if isinstance(method, str) else writer.write_python(method)
        return config


def _get_class(selection: Selection) -> Any:
    return getattr(importlib.import_module("autogen.agentchat.group.patterns"), CLASSES[selection])


def _write_manager(arguments: JSONObject, writer: Writer) -> Config:
    if unknown := sorted(arguments.keys() - set(_MANAGER_KEYS)):
        raise SpecError(
            [Problem("", f"the argument {key!r} of the manager of a pattern can't be written") for key in unknown]
        )
    config = {key: arguments[key] for key in ("name", "system_message") if key in arguments}
    if arguments.get("llm_config"):
        config["llm_config"] = writer.write_shared(arguments["llm_config"], "manager")
    if arguments.get("is_termination_msg") is not None:
        config["is_termination_msg"] = writer.write_inline(arguments["is_termination_msg"])
    return config


PATTERN_TYPES = (PatternType(),)
