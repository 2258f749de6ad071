"""Letting a model choose the next speaker.

Where the model is known to obey a JSON schema it is asked for one of the names, and can give nothing else. Any other model
is asked in words. Whatever goes wrong, the next speaker in order is taken, and the log says so.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from ..._steps import Steps
from ...oai._requests.retry import Blame, classify_error
from ...oai.client import OpenAIWrapper
from .._core.internals import group_internals
from .._core.messages import to_stored_form
from .._core.protocols import Group
from .._core.result import ChatResult
from .._replies.model_reply import run_request
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from .mentions import resolve_mention
from .selection_dialogue import CHECKER, SELECTED, SELECTOR, Attempts, ask_in_dialogue, opened, tell
from .validation import warn_of_descriptions

logger = logging.getLogger("autogen.agentchat.groupchat")

OBEY_SCHEMAS = ("gpt-4o", "gpt-4.1", "gpt-5", "o1", "o3", "o4")
"""Beginnings of the names of models that give nothing but what a JSON schema allows."""


def auto_select(
    group: Group, last: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
) -> Steps[Agent]:
    """The speaker that the model chooses, or the next one in order."""
    agents = list(agents or group.agents)
    group_internals(group).auto_reason = ""
    client = group._selection_client(selector)
    if client is None:
        return _in_order(group, last, agents, "there is no model that could choose", logging.INFO)
    warn_of_descriptions(group)
    messages = _transformed(group, messages)
    attempts = Attempts(1 + group.max_retries_for_selecting_speaker)
    try:
        if _obeys_schemas(group, client):
            chosen = yield from _from_the_list(group, client, messages, agents, attempts)
            if chosen is not None:
                return chosen
        if attempts.left:
            result = yield from ask_in_dialogue(group, selector, messages, agents, attempts)
            return group._process_speaker_selection_result(result, last, agents)
    except Exception as error:
        if classify_error(error) is None and not isinstance(error, TimeoutError):
            raise
        return _in_order(group, last, agents, f"the model could not be asked ({error})")
    return _in_order(group, last, agents, "the model could not name one agent")


def _is_refused(error: Exception) -> bool:
    fault = classify_error(error)
    return fault is not None and fault.blame is Blame.REQUEST


def _in_order(group: Group, last: Agent, agents: list[Agent], why: str, level: int = logging.WARNING) -> Agent:
    chosen = group.next_agent(last, agents)
    group_internals(group).auto_reason = f"next in order, as {why}"
    logger.log(level, "%s speaks next: %s.", chosen.name, group_internals(group).auto_reason)
    return chosen


# From a list


def _obeys_schemas(group: Group, client: Any) -> bool:
    if group.select_speaker_auto_structured is not None:
        return group.select_speaker_auto_structured
    configs = getattr(client, "_config_list", None) or [{}]
    return all(
        str(config.get("model")).startswith(OBEY_SCHEMAS)
        and str(config.get("api_type") or "openai").startswith(("openai", "azure"))
        and "model_client_cls" not in config
        for config in configs
    )


def _from_the_list(
    group: Group, client: Any, messages: list[Message], agents: list[Agent], attempts: Attempts
) -> Steps[Agent | None]:
    """Ask for a JSON object with one of the names; None if the request is refused, or the answer is something else."""
    schema = {
        "type": "object",
        "properties": {"next_speaker": {"type": "string", "enum": list(dict.fromkeys(agent.name for agent in agents))}},
        "required": ["next_speaker"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "next_speaker", "strict": True, "schema": schema}}
    said, question = opened(group, agents, messages)
    asked = [{"role": "system", "content": group.select_speaker_msg(agents)}, *said, to_stored_form(question, "user", CHECKER)]
    attempts.used += 1
    try:
        answer = yield from run_request(_mouthpiece(), client, asked, None, response_format=wanted)  # type: ignore[arg-type]
    except Exception as error:
        if not _is_refused(error):
            raise
        logger.info("The model is asked for the next speaker in words: %s", error)
        return None
    text = answer if isinstance(answer, str) else str((answer or {}).get("content") or "")
    try:
        names = [str(json.loads(text)["next_speaker"])]
    except (ValueError, TypeError, KeyError):
        names = resolve_mention(text, agents)
    chosen = next((agent for agent in agents if names == [agent.name]), None)
    tried = f"Attempt {attempts.used} of {attempts.total} to choose the next speaker from the list"
    if chosen is None:
        tell(group, f"{tried} failed: {text!r} is no name on it.", "red")
        return None
    tell(group, f"{tried} succeeded: {chosen.name}", "green")
    group_internals(group).auto_reason = "chosen by the model from the list"
    return chosen


def _mouthpiece() -> ConversableAgent:
    """An agent that a model speaks for."""
    return ConversableAgent(SELECTOR, llm_config=False, human_input_mode="NEVER")


def _transformed(group: Group, messages: list[Message]) -> list[Message]:
    """The conversation as the group's transforms leave it. Follow-ups are not transformed: they would push it out."""
    transforms = group_internals(group).transforms
    if transforms is None:
        return messages
    bearer = _mouthpiece()
    transforms.add_to_agent(bearer)
    return bearer.process_all_messages_before_reply(messages)


def outcome(group: Group, result: ChatResult, last: Agent, agents: list[Agent]) -> Agent:
    """The speaker that the two agents of the chat found, or the next one in order."""
    content = str(result.chat_history[-1].get("content") or "") if result.chat_history else ""
    if content.startswith(SELECTED):
        name = content.removeprefix(SELECTED)
        chosen = next((agent for agent in agents if agent.name == name), None) or group.agent_by_name(name)
        if chosen is not None:
            group_internals(group).auto_reason = "chosen by the model"
            return chosen
    return _in_order(group, last, agents, "the model could not name one agent")


# The model


def selection_client(group: Group, selector: Any) -> Any:
    """The client of the model that chooses: that of the group's own config, or the manager's; None if there is none.

    Raises:
        ValueError: The config names a model client class that was not given.
        RuntimeError: Two different classes of that name were given.
    """
    config = group.select_speaker_auto_llm_config
    if not config:
        return getattr(selector, "client", None)
    client = OpenAIWrapper(**config)
    given = group.select_speaker_auto_model_client_cls
    classes = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
    for entry in config.get("config_list") or [config]:
        name = entry.get("model_client_cls")
        if not isinstance(name, str):
            continue
        fitting = {kind for kind in classes if kind.__name__ == name}
        if not fitting:
            raise ValueError(
                f"The config for choosing speakers names the client {name!r}; give its class as "
                "select_speaker_auto_model_client_cls."
            )
        if len(fitting) > 1:
            raise RuntimeError(f"select_speaker_auto_model_client_cls has several classes of the name {name!r}.")
        client.register_model_client(fitting.pop())
    return client
