"""Hand-offs of agents in documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from ..specs._protocols import Build, Config, LiveObject, Writer
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig
from ._parts import AgentPart

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..agentchat.group import Handoffs

TargetName = Literal["user", "stay", "terminate", "ask_user", "manager"]

TARGETS: dict[TargetName, str] = {
    "user": "RevertToUserTarget",
    "stay": "StayTarget",
    "terminate": "TerminateTarget",
    "ask_user": "AskUserTarget",
    "manager": "GroupManagerTarget",
}


class TargetConfig(ComponentConfig):
    """Schema of a target: an agent, or another that has a name."""

    to: AgentPart = None
    target: TargetName | None = None

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if (self.to is None) == (self.target is None):
            raise ValueError("A hand-off goes to an agent (`to`), or to another target (`target`).")
        return self


class HandoffConfig(TargetConfig):
    """Schema of a hand-off: where to, and when.

    `when` is a condition that the model judges. `after_reply` is a hand-off after a reply with text. Any other is decided by
    the expression `if` on context variables before the agent replies.
    """

    when: str | None = None
    if_: str | None = Field(default=None, alias="if")
    after_reply: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.when is not None and self.after_reply:
            raise ValueError("A hand-off after a reply is not judged by the model: leave out `when` or `after_reply`.")
        if self.when is None and self.if_ is None and not self.after_reply:
            raise ValueError("A hand-off needs `when`, `if` or `after_reply`.")
        if self.if_ is not None:
            from ..agentchat.group import ContextExpression

            try:
                ContextExpression(self.if_)
            except SyntaxError as error:
                raise ValueError(f"`if` is not an expression on context variables: {error.msg}") from None
        return self


def add_handoffs(agent: Any, configs: list[HandoffConfig], build: Build) -> None:
    """Add hand-offs to an agent whose targets have been made."""
    if not configs:
        return
    from ..agentchat import group

    for config in configs:
        target = make_target(config, build)
        if config.when is not None:
            available = group.ExpressionAvailableCondition(group.ContextExpression(config.if_)) if config.if_ else None
            condition = group.OnCondition(target, group.StringLLMCondition(config.when), available=available)
            agent.handoffs.add_llm_condition(condition)
            continue
        expression = group.ExpressionContextCondition(group.ContextExpression(config.if_)) if config.if_ else None
        rule = group.OnContextCondition(target, expression)
        if config.after_reply:
            agent.handoffs.add_after_work(rule)
        else:
            agent.handoffs.add_context_condition(rule)


def make_target(config: TargetConfig, build: Build) -> LiveObject:
    """Make a target."""
    from ..agentchat.group import targets

    if config.target is None:
        return targets.AgentTarget(build.get_part(config.to))
    return getattr(targets, TARGETS[config.target])()


def write_target(target: Any, owner: str, writer: Writer) -> Config:
    """Write a target.

    Args:
        target: The target.
        owner: What has it, for the error.
        writer: The document.

    Raises:
        SpecError: if a document can't hold it.
    """
    from ..agentchat.group import targets

    if type(target) is targets.AgentTarget:
        return {"to": writer.write_part(target.agent)}
    for name, class_name in TARGETS.items():
        cls = getattr(targets, class_name)
        # The manager's may have a message of its own, which a document doesn't hold.
        if type(target) is cls and target == cls():
            return {"target": name}
    raise SpecError([Problem("", f"the target {target!r} of {owner} can't be written")])


def write_handoffs(agent: Any, handoffs: Handoffs, writer: Writer) -> list[dict[str, Any]]:
    """Write the hand-offs of an agent.

    Raises:
        SpecError: if one has a function, or a target that a document can't hold.
    """
    return [
        *(_write_rule(agent, rule, writer) for rule in handoffs.context_conditions),
        *(_write_rule(agent, rule, writer) for rule in handoffs.llm_conditions),
        *({**_write_rule(agent, rule, writer), "after_reply": True} for rule in handoffs.after_works),
    ]


def _write_rule(agent: Any, rule: Any, writer: Writer) -> Config:
    from ..agentchat import group

    config = write_target(rule.target, f"a hand-off of {agent.name!r}", writer)
    conditions = [each for each in (getattr(rule, "condition", None), rule.available) if each is not None]
    for condition in conditions:
        if isinstance(condition, group.StringLLMCondition):
            config["when"] = condition.prompt
        elif isinstance(condition, (group.ExpressionContextCondition, group.ExpressionAvailableCondition)):
            config["if"] = condition.expression.expression
        elif isinstance(condition, group.StringContextCondition):
            config["if"] = f"${{{condition.variable_name}}}"
        elif isinstance(condition, group.StringAvailableCondition):
            config["if"] = f"${{{condition.context_variable}}}"
        else:
            raise SpecError([Problem("", f"the condition {condition!r} of a hand-off of {agent.name!r} can't be written")])
    return config
