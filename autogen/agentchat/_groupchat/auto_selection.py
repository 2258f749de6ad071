"""Speaker selection by a model.

A model that is known to follow a JSON schema gets one with the names of the candidates. Any other model is asked in a
dialogue. If both fail, the next speaker in order is selected, and the log says so.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from ..._steps import Steps, invoke
from ...oai._requests.retry import Blame, classify_error
from ...oai.abilities import get_abilities
from ...oai.client import OpenAIWrapper
from .._core.internals import group_internals
from .._core.messages import to_stored_form
from .._core.protocols import Group
from .._core.result import ChatResult
from .._replies.model_reply import run_request
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from .mentions import resolve_mention
from .selection_dialogue import (
    CHECKER,
    SELECTED,
    SELECTOR,
    Attempts,
    ask_in_dialogue,
    build_prompt,
    log_attempt,
    report_attempt,
)
from .validation import warn_of_equal_descriptions

logger = logging.getLogger("autogen.agentchat.groupchat")


def auto_select(
    group: Group, last: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
) -> Steps[Agent]:
    """Return the speaker that the model selects, or the next one in order."""
    agents = list(agents or group.agents)
    group_internals(group).auto_reason = ""
    client = get_client(group, selector)
    if client is None:
        why = "there is no model to select a speaker: pass llm_config to the GroupChatManager, or choose 'round_robin'"
        level = logging.INFO if group_internals(group).has_reported_model else logging.WARNING
        group_internals(group).has_reported_model = True
        return _select_in_order(group, last, agents, why, level)
    # Here, because descriptions matter to a model only.
    warn_of_equal_descriptions(group)
    messages = yield from _transform_messages(group, client, selector, messages)
    attempts = Attempts(1 + group.max_retries_for_selecting_speaker)
    try:
        if _supports_schema(group, client):
            chosen = yield from _ask_with_schema(group, client, messages, agents, attempts)
            if chosen is not None:
                return chosen
        if attempts.remaining:
            result = yield from ask_in_dialogue(group, selector, messages, agents, attempts)
            return group._process_speaker_selection_result(result, last, agents)
    except Exception as error:
        # An error of the endpoint must not end the chat, but an error of the program must not be hidden.
        fault = classify_error(error)
        if fault is None and not isinstance(error, TimeoutError):
            raise
        # A wrong key is wrong in every round: the program has to know.
        if fault is not None and fault.name == "access denied":
            raise
        return _select_in_order(group, last, agents, f"the request to the model failed ({error})")
    return _select_in_order(group, last, agents, "the model could not name one agent")


def _is_refusal(error: Exception) -> bool:
    fault = classify_error(error)
    return fault is not None and fault.blame is Blame.REQUEST


def _select_in_order(group: Group, last: Agent, agents: list[Agent], why: str, level: int = logging.WARNING) -> Agent:
    chosen = group.next_agent(last, agents)
    group_internals(group).auto_reason = f"next in order, as {why}"
    logger.log(level, "%s speaks next: %s.", chosen.name, group_internals(group).auto_reason)
    return chosen


def _supports_schema(group: Group, client: Any) -> bool:
    # The program knows its endpoint better.
    if group.select_speaker_auto_structured is not None:
        return group.select_speaker_auto_structured
    configs = getattr(client, "_config_list", None) or [{}]
    return all("model_client_cls" not in config and get_abilities(config).schema == "native" for config in configs)


def _ask_with_schema(
    group: Group, client: Any, messages: list[Message], agents: list[Agent], attempts: Attempts
) -> Steps[Agent | None]:
    """Request a JSON object with one of the names; return None if the request is refused or the answer is invalid."""
    schema = {
        "type": "object",
        "properties": {"next_speaker": {"type": "string", "enum": list(dict.fromkeys(agent.name for agent in agents))}},
        "required": ["next_speaker"],
        "additionalProperties": False,
    }
    response_format = {"type": "json_schema", "json_schema": {"name": "next_speaker", "strict": True, "schema": schema}}
    conversation, question = build_prompt(group, agents, messages)
    system_message = {"role": "system", "content": group.select_speaker_msg(agents)}
    request = [system_message, *conversation, to_stored_form(question, "user", CHECKER)]
    attempts.used += 1
    try:
        answer = yield from run_request(_make_selector_agent(), client, request, None, response_format=response_format)  # type: ignore[arg-type]
    except Exception as error:
        if not _is_refusal(error):
            raise
        logger.info("The endpoint refuses a schema, so the model is asked in a dialogue: %s", error)
        return None
    text = answer if isinstance(answer, str) else str((answer or {}).get("content") or "")
    # An endpoint may ignore the schema and return the name as text.
    try:
        names = [str(json.loads(text)["next_speaker"])]
    except (ValueError, TypeError, KeyError):
        names = resolve_mention(text, agents)
    report_attempt(group, text, names, agents, attempts.used, attempts.remaining)
    chosen = next((agent for agent in agents if names == [agent.name]), None)
    attempt = f"Attempt {attempts.used} of {attempts.total} to choose the next speaker from the list"
    if chosen is None:
        log_attempt(group, f"{attempt} failed: {text!r} is not a name on it.", "red")
        return None
    log_attempt(group, f"{attempt} succeeded: {chosen.name}", "green")
    group_internals(group).auto_reason = "chosen by the model from the list"
    return chosen


def _make_selector_agent() -> ConversableAgent:
    """Make a temporary agent, in whose name requests are sent."""
    return ConversableAgent(SELECTOR, llm_config=False, human_input_mode="NEVER")


def _transform_messages(
    group: Group, client: Any, selector: ConversableAgent, messages: list[Message]
) -> Steps[list[Message]]:
    """Apply the group's transforms to the conversation. Follow-up prompts are left out, so that they displace no message."""
    transforms = group_internals(group).transforms
    context = group.select_speaker_model_context
    if transforms is None and context is None:
        return messages
    # Transforms are hooks, so they need an agent; they may ask, or count for, the selecting model.
    agent = _make_selector_agent()
    agent.client, agent.llm_config = client, group.select_speaker_auto_llm_config or selector.llm_config
    agent.model_context = context
    if transforms is not None:
        transforms.add_to_agent(agent)
    return (yield from invoke(agent.process_all_messages_before_reply, agent.a_process_all_messages_before_reply, messages))


def get_speaker_from_result(group: Group, result: ChatResult, last: Agent, agents: list[Agent]) -> Agent:
    """Return the speaker that the dialogue selected, or the next one in order."""
    content = str(result.chat_history[-1].get("content") or "") if result.chat_history else ""
    if content.startswith(SELECTED):
        name = content.removeprefix(SELECTED)
        chosen = next((agent for agent in agents if agent.name == name), None) or group.agent_by_name(name)
        if chosen is not None:
            group_internals(group).auto_reason = "chosen by the model"
            return chosen
    return _select_in_order(group, last, agents, "the model could not name one agent")


def get_named_speaker(group: Group, last: Agent, text: str, agents: list[Agent]) -> Agent:
    """Return the agent that a text names, or the next one in order if it names none or several."""
    names = resolve_mention(text, agents)
    chosen = next((agent for agent in agents if names == [agent.name]), None)
    return chosen or _select_in_order(group, last, agents, "the text does not name one agent")


def get_client(group: Group, selector: object) -> Any:
    """Return the client of the selecting model: made once from the group's config, or else the client of the manager.

    Raises:
        ValueError: The config names a model client class that the group does not have.
        RuntimeError: The group has two different classes of that name.
    """
    config = group.select_speaker_auto_llm_config
    if not config:
        return getattr(selector, "client", None)
    state = group_internals(group)
    # The program may assign another config to the group.
    if state.client is None or state.client[0] is not config:
        state.client = (config, _make_client(group, config))
    return state.client[1]


def _make_client(group: Group, config: dict[str, Any]) -> OpenAIWrapper:
    client = OpenAIWrapper(**config)
    client_cls = group.select_speaker_auto_model_client_cls
    classes = list(client_cls) if isinstance(client_cls, (list, tuple)) else [client_cls] if client_cls else []
    for entry in config.get("config_list") or [config]:
        name = entry.get("model_client_cls")
        if not isinstance(name, str):
            continue
        matching = {kind for kind in classes if kind.__name__ == name}
        if not matching:
            raise ValueError(
                f"The config for choosing speakers names the client {name!r}; give its class as "
                "select_speaker_auto_model_client_cls."
            )
        if len(matching) > 1:
            raise RuntimeError(f"select_speaker_auto_model_client_cls has several classes of the name {name!r}.")
        client.register_model_client(matching.pop())
    return client
