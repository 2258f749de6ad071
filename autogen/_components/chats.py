"""Chats in documents: group chats, chats of two, and queues of chats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig, Part, PythonObject
from ._parts import AgentPart, ChatPart, ConditionPart, ModelPart


class ManagerConfig(ComponentConfig):
    """Schema of the manager of a group chat."""

    name: str = "chat_manager"
    system_message: str | None = None
    llm_config: ModelPart = None
    is_termination_msg: ConditionPart = None


class TransitionConfig(ComponentConfig):
    """Schema of the agents that may, or may not, speak after one."""

    after: AgentPart
    speakers: list[AgentPart]


class GroupChatConfig(ComponentConfig):
    """Schema of a group chat and its manager. Settings that are left out have their defaults."""

    agents: list[AgentPart] = Field(min_length=1)
    manager: ManagerConfig | Literal[False] = ManagerConfig()
    max_round: int | None = Field(default=None, ge=1)
    admin_name: str | None = None
    speaker_selection_method: Literal["auto", "manual", "random", "round_robin"] | PythonObject | None = None
    allow_repeat_speaker: bool | list[AgentPart] | None = None
    transitions: list[TransitionConfig] | None = None
    transitions_type: Literal["allowed", "disallowed"] | None = None
    func_call_filter: bool | None = None
    max_retries_for_selecting_speaker: int | None = Field(default=None, ge=0)
    enable_clear_history: bool | None = None
    send_introductions: bool | None = None
    select_speaker_message_template: str | None = None
    select_speaker_prompt_template: str | None = None
    role_for_select_speaker_messages: str | None = None


def make_manager_arguments(config: ManagerConfig, build: Build) -> Config:
    """Return the arguments of a manager that are set, besides its name."""
    arguments: Config = {}
    if config.llm_config is not None:
        arguments["llm_config"] = config.llm_config and build.get_part(config.llm_config)
    if config.is_termination_msg is not None:
        arguments["is_termination_msg"] = build.get_part(config.is_termination_msg)
    if config.system_message is not None:
        arguments["system_message"] = config.system_message
    return arguments


# Settings that are passed as they are.
PLAIN_ARGUMENTS = (
    *("max_round", "admin_name", "func_call_filter", "max_retries_for_selecting_speaker", "enable_clear_history"),
    *("send_introductions", "select_speaker_message_template", "select_speaker_prompt_template"),
    "role_for_select_speaker_messages",
)
# Settings that a document can't hold, with their defaults.
_UNWRITABLE = (
    *("select_speaker_transform_messages", "select_speaker_auto_model_client_cls", "select_speaker_auto_llm_config"),
    *("visible_to", "select_speaker_model_context"),
)


class GroupChatType(ComponentType):
    """The type of a `GroupChatManager`, or of a `GroupChat` without one."""

    name = "group_chat"
    kind = "chat"
    config_model = GroupChatConfig
    label = "Group chat"
    description = "Several agents that speak in turn."
    example: JSONObject = {
        "agents": [{"ref": "agent:writer"}, {"ref": "agent:critic"}],
        "speaker_selection_method": "round_robin",
        "max_round": 12,
    }

    def matches(self, obj: object) -> bool:
        """Return True for a manager, or a group chat."""
        from ..agentchat.groupchat import GroupChat, GroupChatManager

        return type(obj) in (GroupChat, GroupChatManager)

    def make(self, config: GroupChatConfig, build: Build) -> LiveObject:
        """Make the group chat and its manager."""
        from ..agentchat.groupchat import GroupChat, GroupChatManager

        arguments = {key: getattr(config, key) for key in PLAIN_ARGUMENTS if getattr(config, key) is not None}
        if config.speaker_selection_method is not None:
            arguments["speaker_selection_method"] = build.resolve(config.speaker_selection_method)
        if config.allow_repeat_speaker is not None:
            repeat = config.allow_repeat_speaker
            arguments["allow_repeat_speaker"] = build.get_parts(repeat) if isinstance(repeat, list) else repeat
        if config.transitions is not None:
            arguments["allowed_or_disallowed_speaker_transitions"] = {
                build.get_part(row.after): build.get_parts(row.speakers) for row in config.transitions
            }
            arguments["speaker_transitions_type"] = config.transitions_type or "allowed"
        group = GroupChat(build.get_parts(config.agents), **arguments)
        if not config.manager:
            return group
        return GroupChatManager(group, config.manager.name, **make_manager_arguments(config.manager, build))

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the settings that differ from the defaults.

        Raises:
            SpecError: if a setting is an object that a document can't hold.
        """
        from ..agentchat.groupchat import GroupChat

        group = obj if isinstance(obj, GroupChat) else obj.groupchat
        config: Config = {"agents": [writer.write_part(agent) for agent in group.agents]}
        defaults = GroupChat(agents=[])
        for key in PLAIN_ARGUMENTS:
            if getattr(group, key) != getattr(defaults, key):
                config[key] = getattr(group, key)
        problems = [
            Problem("", f"the setting {key!r} of a group chat can't be written", "leave it out")
            for key in _UNWRITABLE
            if getattr(group, key) is not None
        ]
        if group.eligibility_policies:
            problems.append(Problem("", "the eligibility policies of a group chat can't be written", "leave them out"))
        if problems:
            raise SpecError(problems)
        config |= self._write_selection(group, writer)
        config["manager"] = False if obj is group else self._write_manager(obj, writer)
        if config["manager"] == {}:
            del config["manager"]
        return config

    def _write_selection(self, group: Any, writer: Writer) -> Config:
        config: Config = {}
        method = group.speaker_selection_method
        if method != "auto":
            config["speaker_selection_method"] = method if isinstance(method, str) else writer.write_python(method)
        transitions = group.allowed_or_disallowed_speaker_transitions
        if transitions is not None:
            config["transitions"] = [
                {"after": writer.write_part(agent), "speakers": [writer.write_part(other) for other in others]}
                for agent, others in transitions.items()
            ]
            config["transitions_type"] = group.speaker_transitions_type
        elif isinstance(group.allow_repeat_speaker, list):
            config["allow_repeat_speaker"] = [writer.write_part(agent) for agent in group.allow_repeat_speaker]
        elif group.allow_repeat_speaker is False:
            config["allow_repeat_speaker"] = False
        return config

    def _write_manager(self, manager: Any, writer: Writer) -> Config:
        from ._agent_settings import read_settings

        found = read_settings(manager)
        if found.unwritable:
            raise SpecError([Problem("", f"the manager {manager.name!r} has {each}") for each in found.unwritable])
        config: Config = {}
        if manager.name != "chat_manager":
            config["name"] = manager.name
        if manager.system_message != "Group chat manager.":
            config["system_message"] = manager.system_message
        if isinstance(found.llm_config, Mapping):
            slug = str(found.llm_config["config_list"][0].get("model") or manager.name)
            config["llm_config"] = writer.write_shared(found.llm_config, slug)
        if found.condition is not None:
            config["is_termination_msg"] = writer.write_inline(found.condition)
        return config


class TwoAgentsConfig(ComponentConfig):
    """Schema of a chat of two: an item of a queue of `initiate_chats`."""

    sender: AgentPart = None
    recipient: Annotated[Any, Part("agent", "chat")]
    message: str | None = None
    max_turns: int | None = Field(default=None, ge=1)
    clear_history: bool = True
    silent: bool = False
    summary_method: str | PythonObject | None = None
    summary_args: dict[str, Any] | None = None
    carryover: str | list[str] | None = None
    chat_id: int | None = None
    prerequisites: list[int] | None = None
    max_cost: float | None = Field(default=None, gt=0)
    max_tokens_total: int | None = Field(default=None, ge=1)


class TwoAgentsType(ComponentType):
    """The type of a chat of two: a dict for `initiate_chats`."""

    name = "two_agents"
    kind = "chat"
    config_model = TwoAgentsConfig
    label = "Chat of two"
    description = "Two agents that speak with each other."
    example: JSONObject = {
        "sender": {"ref": "agent:user"},
        "recipient": {"ref": "agent:assistant"},
        "max_turns": 3,
    }

    def matches(self, obj: object) -> bool:
        """Return True for an item of a queue."""
        return isinstance(obj, Mapping) and "recipient" in obj

    def make(self, config: TwoAgentsConfig, build: Build) -> LiveObject:
        """Make the item: the arguments of `initiate_chat`, and the sender."""
        plain = {key: value for key, value in config if key in config.model_fields_set and value is not None}
        agents = {key: build.get_part(plain[key]) for key in ("sender", "recipient") if key in plain}
        return {**build.resolve({key: value for key, value in plain.items() if key not in agents}), **agents}

    def write(self, obj: JSONObject, writer: Writer) -> Config:
        """Write the arguments.

        Raises:
            SpecError: if a document can't hold one.
        """
        config: Config = {}
        unknown = obj.keys() - TwoAgentsConfig.model_fields.keys()
        if unknown:
            raise SpecError([Problem("", f"the argument {key!r} of a chat can't be written") for key in sorted(unknown)])
        for key, value in obj.items():
            if key in ("sender", "recipient"):
                config[key] = writer.write_part(value)
            elif callable(value):
                config[key] = writer.write_python(value)
            elif value is not None:
                config[key] = value
        return config


class SequenceConfig(ComponentConfig):
    """Schema of a queue of chats."""

    chats: list[ChatPart] = Field(min_length=1)


class SequenceType(ComponentType):
    """The type of a queue of chats: a list for `initiate_chats`."""

    name = "sequence"
    kind = "chat"
    config_model = SequenceConfig
    label = "Sequence"
    description = "Chats one after the other; each gets the summaries of those before."
    example: JSONObject = {"chats": [{"type": "two_agents", "config": TwoAgentsType.example}]}

    def matches(self, obj: object) -> bool:
        """Return True for a list of items."""
        return isinstance(obj, list) and bool(obj) and all(isinstance(item, Mapping) and "recipient" in item for item in obj)

    def make(self, config: SequenceConfig, build: Build) -> LiveObject:
        """Make the list."""
        return build.get_parts(config.chats)

    def write(self, obj: list[Any], writer: Writer) -> Config:
        """Write the items."""
        return {"chats": [writer.write_inline(item) for item in obj]}


CHAT_TYPES = (GroupChatType(), TwoAgentsType(), SequenceType())
