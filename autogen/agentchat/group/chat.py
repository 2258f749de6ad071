"""Group chats that follow a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..._steps import Steps, invoke, run_async, run_sync
from ...control import ChatControl
from .._core.result import ChatResult
from .._handoffs.context_variables import ContextVariables
from .._runs import AsyncRunIterResponse, AsyncRunResponse, RunIterResponse, RunResponse
from .._runs.run import Run, convert_summary
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat, GroupChatManager
from ._opening import Messages, find_author, make_outsider, validate_messages
from .patterns import Pattern
from .selector import HandoffSelector

__all__ = [
    "a_initiate_group_chat",
    "a_run_group_chat",
    "a_run_group_chat_iter",
    "initiate_group_chat",
    "run_group_chat",
    "run_group_chat_iter",
]

GroupResult: TypeAlias = tuple[ChatResult, ContextVariables, Agent]
"""The result of the chat, the context variables, and the last speaker."""

SafeguardPolicy: TypeAlias = Mapping[str, object] | str | Path | None
SafeguardModel: TypeAlias = Mapping[str, object] | Literal[False] | None


def initiate_group_chat(
    pattern: Pattern,
    messages: list[Message] | Message | str,
    max_rounds: int = 20,
    safeguard_policy: SafeguardPolicy = None,
    safeguard_llm_config: SafeguardModel = None,
    mask_llm_config: SafeguardModel = None,
    **kwargs: Any,
) -> GroupResult:
    """Run a group chat that follows a pattern.

    Args:
        pattern: Members, and the rule for the next speaker if there is no hand-off.
        messages: First message; or the messages of an earlier chat, which continues with the last of them. The author of
            a message without a name is the `user_agent`, or else somebody outside the group.
        max_rounds: Maximum number of messages.
        safeguard_policy: Policy for this chat: a dict, or the path of a JSON file; see `apply_safeguard_policy`.
        safeguard_llm_config: Config of the model that checks texts by it.
        mask_llm_config: Config of the model that masks them.
        **kwargs: As for `initiate_chat`: `silent`, `cache`, `max_cost`...

    Returns:
        The result, the context variables, and the last speaker.

    Raises:
        ValueError: if there is no message, or the author of a message or the target of a hand-off is not in the group.

    >>> result, variables, last_speaker = initiate_group_chat(pattern, "My parcel never came.")  # doctest: +SKIP
    """
    options = _add_safeguards(kwargs, safeguard_policy, safeguard_llm_config, mask_llm_config)
    return run_sync(run_pattern(pattern, messages, max_rounds, options))


async def a_initiate_group_chat(
    pattern: Pattern,
    messages: list[Message] | Message | str,
    max_rounds: int = 20,
    safeguard_policy: SafeguardPolicy = None,
    safeguard_llm_config: SafeguardModel = None,
    mask_llm_config: SafeguardModel = None,
    **kwargs: Any,
) -> GroupResult:
    """Async version of `initiate_group_chat`."""
    options = _add_safeguards(kwargs, safeguard_policy, safeguard_llm_config, mask_llm_config)
    return await run_async(run_pattern(pattern, messages, max_rounds, options))


def run_group_chat(
    pattern: Pattern,
    messages: list[Message] | Message | str,
    max_rounds: int = 20,
    safeguard_policy: SafeguardPolicy = None,
    safeguard_llm_config: SafeguardModel = None,
    mask_llm_config: SafeguardModel = None,
    **kwargs: Any,
) -> RunResponse:
    """Make the response of a group chat that begins when somebody looks at it; see `RunResponse`.

    Args:
        pattern: As for `initiate_group_chat`, like all arguments.
        messages: First message, or the messages of an earlier chat.
        max_rounds: Maximum number of messages.
        safeguard_policy: Policy for this chat.
        safeguard_llm_config: Config of the model that checks texts by it.
        mask_llm_config: Config of the model that masks them.
        **kwargs: As for `initiate_chat`.

    Raises:
        ValueError: if there is no message.

    >>> for event in run_group_chat(pattern, "My parcel never came.").events:  # doctest: +SKIP
    ...     event.print()
    """
    options = _add_safeguards(kwargs, safeguard_policy, safeguard_llm_config, mask_llm_config)
    return RunResponse.of_run(_make_run(pattern, messages, max_rounds, options))


async def a_run_group_chat(
    pattern: Pattern,
    messages: list[Message] | Message | str,
    max_rounds: int = 20,
    safeguard_policy: SafeguardPolicy = None,
    safeguard_llm_config: SafeguardModel = None,
    mask_llm_config: SafeguardModel = None,
    **kwargs: Any,
) -> AsyncRunResponse:
    """Async version of `run_group_chat`."""
    options = _add_safeguards(kwargs, safeguard_policy, safeguard_llm_config, mask_llm_config)
    return AsyncRunResponse.of_run(_make_run(pattern, messages, max_rounds, options))


def run_group_chat_iter(
    pattern: Pattern,
    messages: list[Message] | Message | str,
    max_rounds: int = 20,
    safeguard_policy: SafeguardPolicy = None,
    safeguard_llm_config: SafeguardModel = None,
    mask_llm_config: SafeguardModel = None,
    yield_on: Any = None,
    **kwargs: Any,
) -> RunIterResponse:
    """Make an iterator over AG2's events of a group chat, which waits until the next is requested.

    Args:
        pattern: As for `initiate_group_chat`, like all arguments but `yield_on`.
        messages: First message, or the messages of an earlier chat.
        max_rounds: Maximum number of messages.
        safeguard_policy: Policy for this chat.
        safeguard_llm_config: Config of the model that checks texts by it.
        mask_llm_config: Config of the model that masks them.
        yield_on: Classes of `autogen.events.agent_events`, or names of their types; None for all.
        **kwargs: As for `initiate_chat`.

    Raises:
        ValueError: if there is no message, or no such event.
    """
    options = _add_safeguards(kwargs, safeguard_policy, safeguard_llm_config, mask_llm_config)
    return RunIterResponse(_make_run(pattern, messages, max_rounds, options), yield_on)


def a_run_group_chat_iter(
    pattern: Pattern,
    messages: list[Message] | Message | str,
    max_rounds: int = 20,
    safeguard_policy: SafeguardPolicy = None,
    safeguard_llm_config: SafeguardModel = None,
    mask_llm_config: SafeguardModel = None,
    yield_on: Any = None,
    **kwargs: Any,
) -> AsyncRunIterResponse:
    """Async version of `run_group_chat_iter`, for `async for`; it is not awaited itself."""
    options = _add_safeguards(kwargs, safeguard_policy, safeguard_llm_config, mask_llm_config)
    return AsyncRunIterResponse(_make_run(pattern, messages, max_rounds, options), yield_on)


def _make_run(pattern: Pattern, messages: Messages, max_rounds: int, options: Mapping[str, Any]) -> Run:
    _check_pattern(pattern)
    if not messages:
        raise ValueError("A group chat needs a first message.")

    def start(control: ChatControl | None) -> Steps[tuple[ChatResult, ContextVariables]]:
        limits = {**options, **({} if control is None else {"control": control})}
        result, variables, _ = yield from run_pattern(pattern, messages, max_rounds, limits)
        return convert_summary(result), variables

    user = [] if pattern.user_agent is None else [pattern.user_agent]
    return Run(start, [*pattern.agents, *user], options.get("control"))


def _check_pattern(pattern: object) -> None:
    """Check that a pattern can make a group.

    Raises:
        TypeError: if it is something else.
    """
    if not hasattr(pattern, "build"):
        raise TypeError(f"pattern must be a Pattern, such as DefaultPattern(agent, agents), got {pattern!r:.100}.")


def _add_safeguards(
    options: dict[str, Any], policy: SafeguardPolicy, checking: SafeguardModel, masking: SafeguardModel
) -> dict[str, Any]:
    return {**options, **dict(zip(_SAFEGUARDS, (policy, checking, masking), strict=True))}


_SAFEGUARDS = ("safeguard_policy", "safeguard_llm_config", "mask_llm_config")


@contextmanager
def _enforce_policy(manager: GroupChatManager, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Apply the safeguard policy among some options in a `with` block, and return the other options.

    Raises:
        ValueError: if there is a config without a policy, or the policy has a mistake.
    """
    rest = {key: value for key, value in options.items() if key not in _SAFEGUARDS}
    policy, checking, masking = map(options.get, _SAFEGUARDS)
    if policy is None:
        if checking or masking:
            raise ValueError("safeguard_llm_config and mask_llm_config need a safeguard_policy.")
        yield rest
        return
    # Loads pydantic.
    from .._guardrails.enforcer import SafeguardEnforcer

    enforcer = SafeguardEnforcer(policy, checking, masking, manager)
    enforcer.install()
    try:
        yield rest
    finally:
        enforcer.remove()


def run_pattern(pattern: Pattern, messages: Messages, max_rounds: int, options: Mapping[str, object]) -> Steps[GroupResult]:
    """Run a group chat that follows a pattern; see `initiate_group_chat`."""
    _check_pattern(pattern)
    group, manager = pattern.build(max_rounds)
    selector = group.speaker_selection_method
    assert isinstance(selector, HandoffSelector)
    validated = validate_messages(messages, group)
    is_new = len(validated) == 1
    if is_new:
        starter, message = find_author(validated[0], pattern.user_agent, group), validated[0]
    else:
        starter, message = _resume(validated, pattern, group, manager)
    with _enforce_policy(manager, options) as rest:
        # Clearing the history would undo the resumption.
        chat_options: dict[str, Any] = {"summary_method": pattern.summary_method, "clear_history": is_new, **rest}
        result = yield from invoke(starter.initiate_chat, starter.a_initiate_chat, manager, message=message, **chat_options)
    return result, selector.context_variables, manager.last_speaker or starter


def _resume(
    messages: list[Message], pattern: Pattern, group: GroupChat, manager: GroupChatManager
) -> tuple[ConversableAgent, Message]:
    """Restore the state of an earlier chat. Returns the agent that continues it, and its message."""
    for message in messages:
        message.setdefault("role", "user")
        if pattern.user_agent is not None and message["role"] == "user":
            message.setdefault("name", pattern.user_agent.name)
    author, last_message = manager.resume(messages, silent=True)
    if isinstance(author, ConversableAgent) and author is not manager:
        return author, last_message
    return make_outsider(group), {key: value for key, value in last_message.items() if key != "name"}
