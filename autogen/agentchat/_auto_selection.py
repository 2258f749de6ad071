"""Letting a model choose the next speaker.

Where the model is known to obey a JSON schema it is asked for one of the names, and can give nothing else. Any other model
is asked in words: two throw-away agents talk, one that the model speaks for and one that looks for a name in its answer
and asks again if there is not exactly one. Whatever goes wrong, the next speaker in order is taken, and the log says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._drive import Steps, ask
from ..formatting_utils import colored
from ..io.base import IOStream
from ..oai._resilience import fault_of
from ..oai.client import OpenAIWrapper
from ._model_reply import completion
from ._names import named
from .agent import Agent, Message
from .conversable_agent import ConversableAgent

if TYPE_CHECKING:
    from ._result import ChatResult
    from .groupchat import GroupChat

logger = logging.getLogger("autogen.agentchat.groupchat")

CHECKER, SELECTOR = "checking_agent", "speaker_selection_agent"
SELECTED, FAILED = "[AGENT SELECTED]", "[AGENT SELECTION FAILED]"

OBEY_SCHEMAS = ("gpt-4o", "gpt-4.1", "gpt-5", "o1", "o3", "o4")
"""Beginnings of the names of models that give nothing but what a JSON schema allows."""


def auto_select(
    group: GroupChat, last: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
) -> Steps[Agent]:
    """The speaker that the model chooses, or the next one in order."""
    agents = list(agents or group.agents)
    group._why_auto = ""
    client = group._selection_client(selector)
    if client is None:
        return _in_order(group, last, agents, "there is no model that could choose", logging.INFO)
    try:
        if _obeys_schemas(group, client):
            chosen = yield from _from_the_list(group, client, messages, agents)
            if chosen is not None:
                group._why_auto = "chosen by the model from the list"
                return chosen
        result = yield from _in_words(group, selector, messages, agents)
    except Exception as error:
        if fault_of(error) is None and not isinstance(error, TimeoutError):
            raise
        return _in_order(group, last, agents, f"the model could not be asked ({error})")
    return group._process_speaker_selection_result(result, last, agents)


def _in_order(group: GroupChat, last: Agent, agents: list[Agent], why: str, level: int = logging.WARNING) -> Agent:
    chosen = group.next_agent(last, agents)
    group._why_auto = f"next in order, as {why}"
    logger.log(level, "%s speaks next: %s.", chosen.name, group._why_auto)
    return chosen


# From a list


def _obeys_schemas(group: GroupChat, client: Any) -> bool:
    if group.select_speaker_auto_structured is not None:
        return group.select_speaker_auto_structured
    configs = getattr(client, "_config_list", None) or [{}]
    return all(
        str(config.get("model")).startswith(OBEY_SCHEMAS)
        and str(config.get("api_type") or "openai").startswith(("openai", "azure"))
        for config in configs
    )


def _from_the_list(group: GroupChat, client: Any, messages: list[Message], agents: list[Agent]) -> Steps[Agent | None]:
    """Ask for a JSON object with one of the names; None if the answer is something else."""
    schema = {
        "type": "object",
        "properties": {"next_speaker": {"type": "string", "enum": list(dict.fromkeys(agent.name for agent in agents))}},
        "required": ["next_speaker"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "next_speaker", "strict": True, "schema": schema}}
    _, asked = group._create_internal_agents(agents, 1, messages, _nobody_checks)
    opening = _opening(group, agents)
    conversation = [*asked._oai_system_message, *messages, *([opening] if opening else [])]
    answer = yield from completion(asked, client, conversation, None, response_format=wanted)
    text = answer if isinstance(answer, str) else str((answer or {}).get("content") or "")
    try:
        name = json.loads(text)["next_speaker"]
    except (ValueError, TypeError, KeyError):
        names = named(text, agents)
        name = names[0] if len(names) == 1 else None
    return next((agent for agent in agents if agent.name == name), None)


def _nobody_checks(*_: Any, **__: Any) -> tuple[bool, None]:
    return True, None


# In words


def _in_words(
    group: GroupChat, selector: ConversableAgent, messages: list[Message], agents: list[Agent]
) -> Steps[ChatResult]:
    """The chat between the agent that the model speaks for, and the one that looks for a name in its answers."""
    attempts = 1 + group.max_retries_for_selecting_speaker
    number = 0

    def validate(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, Any]:
        nonlocal number
        number += 1
        left = attempts - number
        return group._validate_speaker_name(recipient, messages, sender, config, left, number, agents)

    opening = _opening(group, agents)
    if opening is None:  # then the last message asks for an answer
        messages, opening = messages[:-1], messages[-1]
    checker, asked = group._create_internal_agents(agents, attempts, messages, validate, selector)
    options: dict[str, Any] = {
        "cache": None,
        "message": opening,
        "max_turns": 2 * attempts,
        "clear_history": False,
        "silent": not group.select_speaker_auto_verbose,
        "summary_method": None,
    }
    return (yield from ask(checker.initiate_chat, checker.a_initiate_chat, asked, **options))


def _opening(group: GroupChat, agents: list[Agent]) -> Message | None:
    text = group.select_speaker_prompt(agents)
    return None if text is None else _said_by_checker(group, text)


def _said_by_checker(group: GroupChat, text: str) -> Message:
    role = group.role_for_select_speaker_messages
    return {"content": text, "name": CHECKER, "override_role": role, "role": role}


def internal_agents(
    group: GroupChat,
    agents: list[Agent],
    messages: list[Message],
    validate: Callable[..., Any],
    selector: Any,
) -> tuple[ConversableAgent, ConversableAgent]:
    """The agent that checks, and the one that the model speaks for, which knows the conversation."""
    checker = ConversableAgent(CHECKER, default_auto_reply=None, llm_config=False, human_input_mode="NEVER")
    checker.register_reply([ConversableAgent, None], reply_func=validate, remove_other_reply_funcs=True)
    asked = ConversableAgent(
        SELECTOR,
        system_message=group.select_speaker_msg(agents),
        chat_messages={checker: _transformed(group, messages)},
        llm_config=False,
        human_input_mode="NEVER",
    )
    asked.client = group._selection_client(selector)
    return checker, asked


def _transformed(group: GroupChat, messages: list[Message]) -> list[Message]:
    """The conversation as the group's transforms leave it. Follow-ups are not transformed: they would push it out."""
    transforms = group._speaker_selection_transforms
    if transforms is None:
        return messages
    bearer = ConversableAgent(SELECTOR, llm_config=False, human_input_mode="NEVER")
    transforms.add_to_agent(bearer)
    return bearer.process_all_messages_before_reply(messages)


def check_answer(
    group: GroupChat, messages: list[Message], attempts_left: int, attempt: int, agents: Sequence[Agent]
) -> tuple[bool, Message | None]:
    """Look for a name in the last message; ask again if there is none or several."""
    content = messages[-1].get("content")
    names = named(content.strip(), agents) if isinstance(content, str) else []
    total = attempt + attempts_left
    if len(names) == 1:
        messages.append({"role": "user", "content": f"{SELECTED}{names[0]}"})
        _tell(group, f"Attempt {attempt} of {total} to choose the next speaker succeeded: {names[0]}", "green")
        return True, None
    problem = "it named several agents" if names else "it named no agent"
    _tell(group, f"Attempt #{attempt} of {total} to choose the next speaker failed: {problem}.", "red")
    if attempts_left:
        template = group.select_speaker_auto_multiple_template if names else group.select_speaker_auto_none_template
        return True, _said_by_checker(group, template.format(agentlist=[agent.name for agent in agents]))
    messages.append({"role": "user", "content": f"{FAILED} Attempt #{attempt} of {total}: {problem}."})
    return True, None


def _tell(group: GroupChat, text: str, color: str) -> None:
    if group.select_speaker_auto_verbose:
        IOStream.get_default().print(colored(f">>>>>>>> {text}", color), flush=True)


def outcome(group: GroupChat, result: ChatResult, last: Agent, agents: list[Agent]) -> Agent:
    """The speaker that the two agents found, or the next one in order."""
    content = str(result.chat_history[-1].get("content") or "") if result.chat_history else ""
    if content.startswith(SELECTED):
        chosen = group.agent_by_name(content.removeprefix(SELECTED))
        if chosen is not None:
            group._why_auto = "chosen by the model"
            return chosen
    return _in_order(group, last, agents, "the model could not name one agent")


# The model


def selection_client(group: GroupChat, selector: Any) -> Any:
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
