"""`MathUserProxyAgent`: the user's side of MathChat, which solves mathematical problems in a conversation with a model.

The method is that of "MathChat: Converse to Tackle Challenging Math Problems with LLM Agents" (arXiv 2306.01337).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ... import events
from ..._steps import Steps, run_async, run_sync
from ..._untrusted import mark_untrusted
from ...code_utils import UNKNOWN, extract_code, infer_lang
from ...fetching import FetchError
from ...math_utils import find_answers, have_same_value
from ...operations import Operation, fingerprint, perform, replay_safe
from .._core.internals import ORIGINAL_METHODS, get_conversation, get_default_reply, invoke_overridable
from .._replies import registry
from ..agent import Agent, Message
from ..conversable_agent import HumanInputMode, Reply
from ..user_proxy_agent import UserProxyAgent
from ._math import prompts, source
from ._math.interpreter import Interpreter
from ._math.prompts import PROMPTS
from ._math.wolfram import WolframAlphaAPIWrapper, get_from_dict_or_env

__all__ = ["PROMPTS", "MathUserProxyAgent", "WolframAlphaAPIWrapper", "get_from_dict_or_env"]

_PYTHON = ("python", "py", "python3")
_WOLFRAM = "wolfram"
_NO_WOLFRAM_RESULT = "Error: The wolfram query has no result."

# Names of 0.2, which programs and tests import.
_add_print_to_last_line = source.print_last_line
_remove_print = source.remove_prints


def _is_termination_msg_mathchat(message: Message) -> bool:
    """Return True for a message with an answer in a box and without a query; several answers must mean the same."""
    content = message.get("content")
    if not isinstance(content, str) or any(_get_tool(language) for language, _ in extract_code(content)):
        return False
    answers = find_answers(content)
    return bool(answers) and not _list_different(answers)


class MathUserProxyAgent(UserProxyAgent):
    """An agent that lets a model solve a mathematical problem: it runs its queries, and ends the chat with the answer.

    The model writes queries in fenced blocks, `python` or `wolfram`. Python is run by the executor of the
    `code_execution_config`. Without an executor it is a container, or with `{"use_docker": False}` a kernel on this machine
    (with the extra `jupyter-executor`; else a process for each query). Variables are kept from query to query. The package
    SymPy, of the extra `math`, has to be installed where the code runs. Wolfram Alpha needs the environment variable
    `WOLFRAM_ALPHA_APPID`. A query takes at most five seconds, or the `timeout` of the config, besides its imports.

    Attributes:
        MAX_CONSECUTIVE_AUTO_REPLY: Limit of replies in a row.
        DEFAULT_REPLY: Reply to a message without a query.
        last_reply: Results of the last queries; None before the first.

    >>> mathproxy = MathUserProxyAgent(code_execution_config={"use_docker": False})  # doctest: +SKIP
    >>> mathproxy.initiate_chat(
    ...     assistant, message=mathproxy.message_generator, problem="How many primes are below 100?"
    ... )  # doctest: +SKIP
    """

    MAX_CONSECUTIVE_AUTO_REPLY = 15
    DEFAULT_REPLY = prompts.DEFAULT_REPLY

    def __init__(
        self,
        name: str | None = "MathChatAgent",
        is_termination_msg: Callable[[Message], object] | None = _is_termination_msg_mathchat,
        human_input_mode: HumanInputMode = "NEVER",
        default_auto_reply: str | Message | None = DEFAULT_REPLY,
        max_invalid_q_per_step: int = 3,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            is_termination_msg: As for `UserProxyAgent`; by default a message with an answer in a box and without a query.
            human_input_mode: When the human is asked.
            default_auto_reply: Reply to a message without a query.
            max_invalid_q_per_step: Maximum number of replies in a row that report a failed query. The next one asks the
                model to think again.
            **kwargs: Further arguments of `UserProxyAgent`, such as `code_execution_config`.

        Raises:
            RuntimeError: if code is to run in Docker, and Docker is not available.
        """
        super().__init__(
            name=name or "MathChatAgent",
            is_termination_msg=is_termination_msg,
            human_input_mode=human_input_mode,
            default_auto_reply=default_auto_reply,
            **kwargs,
        )
        self.max_invalid_q_per_step = max_invalid_q_per_step
        self._interpreter = Interpreter(self)
        self._reset()
        # After the end of a chat and the human, before tools and code.
        self.register_reply([Agent, None], MathUserProxyAgent.generate_math_reply, position=2)

    @property
    def _previous_code(self) -> str:
        return self._interpreter.earlier

    @_previous_code.setter
    def _previous_code(self, code: str) -> None:
        self._interpreter.earlier = code

    @staticmethod
    def message_generator(sender: MathUserProxyAgent, recipient: Agent | None, context: Mapping[str, Any]) -> str:
        """Make the first message of a chat about a problem: the `message` of `initiate_chat`.

        Args:
            sender: The agent. It forgets the problem before.
            recipient: Not used.
            context: `problem`, and `prompt_type` ("default", "python" or "two_tools") or `customized_prompt`.

        Raises:
            ValueError: if there is no problem, or no such type.
        """
        sender.forget_problem()
        if not context.get("problem"):
            raise ValueError("A chat about a problem needs one: initiate_chat(..., problem=...).")
        prompt = context.get("customized_prompt")
        if prompt is None:
            prompt_type = context.get("prompt_type", "default")
            if prompt_type not in PROMPTS:
                raise ValueError(f"prompt_type must be {' or '.join(map(repr, PROMPTS))}, got {prompt_type!r}.")
            prompt = PROMPTS[prompt_type]
        return f"{prompt}{context['problem']}"

    def execute_one_python_code(self, pycode: str) -> tuple[str, bool]:
        """Run a query in Python.

        Args:
            pycode: Code. The value of its last line is printed if nothing else is.

        Returns:
            The output, or a text for the model that says why there is none; True if it worked.
        """
        return run_sync(self._interpreter.run(pycode))

    def execute_one_wolfram_query(self, query: str) -> tuple[str, bool]:
        """Ask Wolfram Alpha.

        Returns:
            The answer, or a text for the model that says why there is none; True if there is one.

        Raises:
            ValueError: if there is no id of an application; see `WolframAlphaAPIWrapper`.
        """
        return run_sync(self._ask_wolfram(query))

    def generate_math_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Reply to a message with the results of its queries.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            config: Not used.

        Returns:
            True and the results; the default reply to a message without a query. `(False, None)` for calls of tools.
        """
        return run_sync(self._reply_to_queries(messages, sender))

    async def a_generate_math_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_math_reply`."""
        return await run_async(self._reply_to_queries(messages, sender))

    def reset(self) -> None:
        """Forget all conversations, and the problem."""
        super().reset()
        self._reset()

    def forget_problem(self) -> None:
        """Forget the problem, with the variables of its queries. The messages of chats stay."""
        self._reset()

    def _reset(self) -> None:
        self.last_reply: str | None = None
        self._failures_in_a_row = 0
        self._has_asked_which = False
        self._interpreter.reset()

    def _reply_to_queries(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        conversation = get_conversation(self, messages, sender)
        message = conversation[-1] if conversation else {}
        if message.get("tool_calls") or message.get("function_call") or message.get("tool_responses"):
            return False, None
        blocks = extract_code(message.get("content") or "")
        if not blocks or (len(blocks) == 1 and blocks[0][0] == UNKNOWN):
            return True, self._answer_without_query(message)
        results = []
        for language, code in blocks:
            results.append((yield from self._run_query(language, code)))
        reply = "\n".join(output for output, _ in results).strip()
        if reply == self.last_reply:
            return True, reply + prompts.SAME_REPLY
        self.last_reply = reply
        self._failures_in_a_row = 0 if all(success for _, success in results) else self._failures_in_a_row + 1
        if self._failures_in_a_row > self.max_invalid_q_per_step:
            self._failures_in_a_row = 0
            return True, prompts.RETHINK_REPLY
        return True, reply

    def _answer_without_query(self, message: Message) -> str | Message | None:
        content = message.get("content")
        different = _list_different(find_answers(content)) if isinstance(content, str) else []
        # A model that does not decide is asked once.
        if not different or self._has_asked_which:
            return get_default_reply(self)
        self._has_asked_which = True
        return prompts.SEVERAL_ANSWERS.replace("{answers}", "; ".join(different))

    def _run_query(self, language: str, code: str) -> Steps[tuple[str, bool]]:
        tool = _get_tool(language or infer_lang(code))
        if tool == _PYTHON[0]:
            return (yield from invoke_overridable(self, "execute_one_python_code", self._interpreter.run, code))
        if tool == _WOLFRAM:
            output, success = yield from invoke_overridable(self, "execute_one_wolfram_query", self._ask_wolfram, code)
            return (mark_untrusted(output, "Wolfram Alpha") if success else output), success
        return "Error: Unknown language.", False

    def _ask_wolfram(self, query: str) -> Steps[tuple[str, bool]]:
        wolfram = WolframAlphaAPIWrapper()

        def ask() -> Steps[tuple[str, bool]]:
            try:
                output, success = yield from wolfram.run_step(query)
            except FetchError as error:
                return f"Error: {error}", False
            return (output, success) if output else (_NO_WOLFRAM_RESULT, False)

        operation: Operation[tuple[str, bool]] = Operation(
            kind="tool",
            key=lambda: f"{_WOLFRAM}:{fingerprint(query)}",
            run=ask,
            started=lambda: events.ToolCalled(agent=self.name, name=_WOLFRAM, arguments={"query": query}, _agent=self),
            finished=lambda result, seconds: events.ToolReturned(
                agent=self.name, name=_WOLFRAM, success=result[1], content=result[0], seconds=seconds
            ),
            encode=list,
            decode=tuple,
        )
        return (yield from perform(operation))


def _get_tool(language: str) -> str | None:
    """Return the tool that runs a block; None if there is none."""
    name = language.strip().lower()
    return _PYTHON[0] if name in _PYTHON else name if name == _WOLFRAM else None


def _list_different(answers: list[str]) -> list[str]:
    """Return the answers that mean different things; none if all mean the same."""
    different: list[str] = []
    for answer in answers:
        if not any(have_same_value(answer, other) for other in different):
            different.append(answer)
    return different if len(different) > 1 else []


# A resumed chat calls it again, and its queries are not run again: the interpreter gets their code with the next one.
replay_safe(MathUserProxyAgent.generate_math_reply)
replay_safe(MathUserProxyAgent.a_generate_math_reply)
registry.ASYNC_VARIANTS.add(MathUserProxyAgent.generate_math_reply, MathUserProxyAgent.a_generate_math_reply)
ORIGINAL_METHODS["execute_one_python_code"] = MathUserProxyAgent.execute_one_python_code
ORIGINAL_METHODS["execute_one_wolfram_query"] = MathUserProxyAgent.execute_one_wolfram_query
