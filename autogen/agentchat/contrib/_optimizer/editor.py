"""The model of an `AgentOptimizer`: it edits functions by calls of tools, until they are valid."""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from pydantic import BaseModel

from ...._steps import Steps, invoke
from ...._untrusted import mark_untrusted
from ....oai._responses.tokens import hold_tokens
from ....oai.client import OpenAIWrapper
from ...agent import Message
from ..capabilities.transforms import MessageTokenLimiter
from .actions import Edit, InvalidAction, JSONObject, LearnedFunction, parse_edit
from .execution import Caller, FunctionFailed
from .prompts import ADD_FUNC, FAILURES, OPT_PROMPT, REMOVE_FUNC, RETRY, REVISE_FUNC
from .versions import FunctionVersion, History

logger = logging.getLogger(__name__)

_TOOLS = [ADD_FUNC, REVISE_FUNC, REMOVE_FUNC]
_ATTEMPTS = 3


class Editor:
    """A model that edits the best functions of a history.

    Args:
        client: Client of the model.
        max_actions: Maximum number of requests for changes in a step.
        max_history_tokens: Maximum number of tokens of the conversations in a request.
        get_caller: Returns the Python function that calls a function, for its trial call.
    """

    def __init__(
        self,
        client: OpenAIWrapper,
        max_actions: int,
        max_history_tokens: int,
        get_caller: Callable[[LearnedFunction], Caller],
    ) -> None:
        self._client = client
        self._max_actions = max_actions
        self._limiter = MessageTokenLimiter(max_tokens=max_history_tokens, model=None)
        self._get_caller = get_caller

    def improve(self, history: History, conversations: Sequence[tuple[str, list[Message], int]]) -> Steps[History]:
        """Return the history with a version that the model made of the best functions.

        Args:
            history: The history.
            conversations: The name, the messages and the result of each recorded conversation.
        """
        functions = {function.name: function for function in history.versions[history.best].functions}
        described = self._describe(conversations)
        for count in range(self._max_actions):
            prompt = self._build_prompt(history, functions, count, described)
            edits = yield from self._request_edits(prompt, functions)
            if not edits:
                break
            for edit in edits:
                # A revised function moves to the end, like a new function.
                functions.pop(edit.name, None)
                if edit.function is not None:
                    functions[edit.name] = edit.function
        return history.add(tuple(functions.values()))

    def _request_edits(self, prompt: str, functions: Mapping[str, LearnedFunction]) -> Steps[list[Edit]]:
        """Request actions until they are valid. None if the model wants to end, or gives no valid ones in three attempts."""
        messages: list[Message] = [{"role": "user", "content": prompt}]
        for _ in range(_ATTEMPTS):
            # Nobody reads the answer as it arrives.
            with hold_tokens():
                response = yield from invoke(
                    self._client.create, self._client.a_create, messages=messages, tools=_TOOLS, tool_choice="auto"
                )
            answer = self._client.extract_text_or_completion_object(response)[0]
            content, calls = _split_answer(answer)
            if not calls and "TERMINATE" in content:
                return []
            try:
                return (yield from self._check_calls(calls, functions))
            except InvalidAction as error:
                logger.info("The change of the optimizer's model can't be made: %s", error)
                said = content or "; ".join(f"{name}({arguments})" for name, arguments in calls) or "(nothing)"
                retry = RETRY.replace("{error}", str(error))
                messages = [*messages, {"role": "assistant", "content": said}, {"role": "user", "content": retry}]
        logger.warning("The optimizer's model made no valid change in %d attempts: this step ends here.", _ATTEMPTS)
        return []

    def _check_calls(
        self, calls: Iterable[tuple[str, object]], functions: Mapping[str, LearnedFunction]
    ) -> Steps[list[Edit]]:
        """Return the actions of calls. Each function was called with its example then.

        Raises:
            InvalidAction: if one of them is not valid, or there are none.
        """
        known, edits = dict(functions), []
        for name, arguments in calls:
            edit = parse_edit(name, arguments, known)
            if edit.function is None:
                known.pop(edit.name)
            else:
                try:
                    yield from self._get_caller(edit.function).run(dict(edit.example))
                except FunctionFailed as error:
                    raise InvalidAction(f"called with its example, {error}") from error
                known[edit.name] = edit.function
            edits.append(edit)
        if not edits:
            raise InvalidAction("there is no call of a tool.")
        return edits

    def _build_prompt(
        self, history: History, functions: Mapping[str, LearnedFunction], count: int, conversations: str
    ) -> str:
        measured = [version for version in history.versions if version.performance is not None]
        failures = [_describe_version(history.versions[number]) for number in history.failures]
        return string.Template(OPT_PROMPT).safe_substitute(
            statistic="\n".join(
                f"version {version.number}: result {version.performance:.2f}, {len(version.functions)} functions"
                for version in measured
            ),
            best_functions=_to_json([function.to_dict() for function in history.versions[history.best].functions]),
            incumbent_functions=_to_json([function.to_dict() for function in functions.values()]),
            actions_num=count,
            max_actions=self._max_actions,
            failure_experience=string.Template(FAILURES).safe_substitute(failures=_to_json(failures)) if failures else "",
            conversation_history=conversations,
        )

    def _describe(self, conversations: Sequence[tuple[str, list[Message], int]]) -> str:
        """Return conversations as text, shortened to the maximum number of tokens."""
        texts: list[Message] = []
        for name, messages, result in conversations:
            lines = [f"{name} (result: {result})", *map(_describe_message, messages)]
            texts.append({"role": "user", "content": "\n".join(lines)})
        shown = self._limiter.apply_transform(texts)
        return mark_untrusted("\n\n".join(str(message["content"]) for message in shown), "recorded conversations")


def _split_answer(answer: object) -> tuple[str, list[tuple[str, object]]]:
    """Return the text of an answer, and the name and the arguments of each of its calls."""
    if answer is None or isinstance(answer, str):
        return answer or "", []
    fields = answer if isinstance(answer, Mapping) else cast(BaseModel, answer).model_dump()
    calls = [call.get("function") or {} for call in fields.get("tool_calls") or ()]
    return str(fields.get("content") or ""), [(str(call.get("name")), call.get("arguments")) for call in calls]


def _describe_version(version: FunctionVersion) -> JSONObject:
    return {"functions": [function.to_dict() for function in version.functions], "result": version.performance}


def _describe_message(message: Message) -> str:
    """Return who said a message, and its text and calls."""
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    if message.get("function_call"):
        calls.append(message["function_call"])
    parts = [str(message.get("content") or ""), *(f"calls {c.get('name')}({c.get('arguments')})" for c in calls)]
    return f"{message.get('name') or message.get('role')}: " + "\n".join(part for part in parts if part)


def _to_json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
