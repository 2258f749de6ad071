"""`AgentOptimizer`: a model that learns functions for an assistant from its conversations.

The method is that of "Offline Training of Language Model Agents with Functions as Learnable Weights" (arXiv 2402.11359).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..._folders import replace_file
from ..._mistakes import trim_stop
from ..._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ...io.base import IOStream
from ...oai.client import OpenAIWrapper
from ...oai.openai_utils import filter_config
from ..agent import Message
from ..conversable_agent import ConversableAgent
from ._optimizer.actions import JSONObject, LearnedFunction
from ._optimizer.editor import Editor
from ._optimizer.execution import Caller, FunctionFailed, call_function
from ._optimizer.prompts import ADD_FUNC, OPT_PROMPT, REMOVE_FUNC, REVISE_FUNC
from ._optimizer.versions import FunctionVersion, History

if TYPE_CHECKING:
    from ...coding.base import CodeExecutor

__all__ = [
    "ADD_FUNC",
    "OPT_PROMPT",
    "REMOVE_FUNC",
    "REVISE_FUNC",
    "AgentOptimizer",
    "FunctionFailed",
    "FunctionVersion",
    "LearnedFunction",
    "execute_func",
]

Registrations: TypeAlias = tuple[list[JSONObject], dict[str, "Callable[..., str] | None"]]
"""Signatures for the model of an assistant, and functions for the agent that executes them."""

_FORMAT = 1


def execute_func(name: str, packages: Sequence[str], code: str, **args: Any) -> str:
    """Call a function that a model wrote, in a container, and return its result as text.

    Args:
        name: The name of the function.
        packages: The packages that it needs.
        code: The source code that defines it.
        **args: The arguments.

    Raises:
        FunctionFailed: if it fails.
        RuntimeError: if Docker is not available.
    """
    return call_function(name, packages, code, args)


class AgentOptimizer:
    """A model that learns functions for an assistant, as if they were the weights of a network.

    Conversations of the assistant are recorded, each with a result: 1 if it solved its task, else 0. A step compares their
    mean with that of the best functions so far. If it is worse, the best functions come back, and the model is shown the
    failure; in any case it then edits the best functions. It may add, revise and remove some. A function is offered only
    after it was compiled, and called with an example, where functions run: in a container, or by the `executor`.

    Args:
        max_actions_per_step: Maximum number of changes in a step.
        llm_config: Config of the model that edits functions.
        optimizer_model: Name of that model, among those of the config.
        executor: Executor of the functions; each call is a program of its own. None for a container (Docker).
        patience: Number of steps without a better result after which nothing is changed any more; None for no end.
        max_history_tokens: Maximum number of tokens of the conversations that the model sees in a request.

    Raises:
        AssertionError: if `llm_config` is not a dict.
        ValueError: if it is empty or does not have the model, or a number is not positive.

    >>> optimizer = AgentOptimizer(3, llm_config, optimizer_model="gpt-5")  # doctest: +SKIP
    >>> optimizer.train(assistant, user, tasks, judge, epochs=5)  # doctest: +SKIP
    """

    def __init__(
        self,
        max_actions_per_step: int,
        llm_config: Mapping[str, Any],
        optimizer_model: str | None = "gpt-4-1106-preview",
        *,
        executor: CodeExecutor | None = None,
        patience: int | None = None,
        max_history_tokens: int = 8000,
    ) -> None:
        assert isinstance(llm_config, dict), f"llm_config must be a dict, got {llm_config!r}."
        if not llm_config:
            raise ValueError("llm_config must not be empty: it has the model that edits functions.")
        numbers = {"max_actions_per_step": max_actions_per_step, "max_history_tokens": max_history_tokens}
        for name, number in {**numbers, **({} if patience is None else {"patience": patience})}.items():
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}.")
        self.max_actions_per_step = max_actions_per_step
        self.patience = patience
        self._client = OpenAIWrapper(**_choose_model(llm_config, optimizer_model))
        self._executor = executor
        self._callers: dict[str, Caller] = {}
        self._editor = Editor(self._client, max_actions_per_step, max_history_tokens, self._get_caller)
        self.reset_optimizer()

    def reset_optimizer(self) -> None:
        """Forget all functions, records and results."""
        self._history = History()
        self._forget_records()

    @property
    def client(self) -> OpenAIWrapper:
        """The client of the model that edits functions, as `gather_usage_summary` takes it."""
        return self._client

    @property
    def functions(self) -> list[JSONObject]:
        """The current functions: dicts with `name`, `description`, `arguments`, `packages` and `code`."""
        return [function.to_dict() for function in self._current_functions]

    # 0.2's name.
    @property
    def _trial_functions(self) -> list[JSONObject]:
        return self.functions

    @property
    def versions(self) -> list[FunctionVersion]:
        """All versions of the functions, by number."""
        return list(self._history.versions)

    @property
    def best_version(self) -> FunctionVersion:
        """The version with the best result so far."""
        return self._history.versions[self._history.best]

    @property
    def has_converged(self) -> bool:
        """True if `patience` steps brought no better result: steps change nothing any more."""
        return self._has_converged(self._history)

    def record_one_conversation(
        self, conversation_history: Sequence[Mapping[str, Any]], is_satisfied: bool | None = None
    ) -> None:
        """Record a conversation of the assistant.

        Args:
            conversation_history: Its messages.
            is_satisfied: True if it solved its task; None to ask the human.

        Raises:
            AssertionError: if the human answers something else than 1 or 0.
        """
        if is_satisfied is None:
            answer = IOStream.get_default().input("Did the conversation solve its task? 1 (yes) or 0 (no): ").strip()
            assert answer in ("0", "1"), f"The answer must be 1 or 0, got {answer!r}."
            is_satisfied = answer == "1"
        key = f"Conversation {len(self._trial_conversations_history) + 1}"
        self._trial_conversations_history.append({key: [dict(message) for message in conversation_history]})
        self._trial_conversations_performance.append({key: int(bool(is_satisfied))})

    def step(self) -> Registrations:
        """Judge the present functions by the recorded conversations, and let the model change the best functions.

        Returns:
            A list of arguments for `assistant.update_function_signature(**item)`, and a dict for
            `executor_agent.register_function(function_map=...)`. Functions that are gone are removed in both.

        Raises:
            RuntimeError: if no conversation was recorded since the last step; or if Docker is not available, and there is no
                executor.
        """
        return run_sync(self._step())

    async def a_step(self) -> Registrations:
        """Async version of `step`."""
        return await run_async(self._step())

    def rollback(self, number: int | None = None) -> Registrations:
        """Return to an earlier version. Conversations that were recorded since the last step are forgotten.

        Args:
            number: Number of the version; None for the best.

        Returns:
            As for `step`.

        Raises:
            ValueError: if there is no such version.
        """
        return self._change(self._history.select(number))

    def train(
        self,
        assistant: ConversableAgent,
        executor_agent: ConversableAgent,
        tasks: Sequence[object],
        judge: Callable[..., object],
        *,
        epochs: int = 5,
        message: Callable[[Any], str | Message] = str,
        **chat_options: Any,
    ) -> list[float]:
        """Train an assistant: let it work at each task in each epoch, and improve its functions between the epochs.

        At its end, the agents have the best functions. With `patience` it may end before its last epoch.

        Args:
            assistant: Agent whose model calls the functions.
            executor_agent: Agent that executes them, and begins the chats.
            tasks: The tasks.
            judge: Function of a task and the `ChatResult` of a chat about it, sync or async, that returns True if it is
                solved.
            epochs: Number of epochs.
            message: Function that makes the first message of a chat from a task.
            **chat_options: Further arguments of `initiate_chat`.

        Returns:
            The mean result of each epoch, from 0 to 1.

        Raises:
            ValueError: if there are no tasks.
        """
        return run_sync(self._train(assistant, executor_agent, tasks, judge, epochs, message, chat_options))

    async def a_train(
        self,
        assistant: ConversableAgent,
        executor_agent: ConversableAgent,
        tasks: Sequence[object],
        judge: Callable[..., object],
        *,
        epochs: int = 5,
        message: Callable[[Any], str | Message] = str,
        **chat_options: Any,
    ) -> list[float]:
        """Async version of `train`."""
        return await run_async(self._train(assistant, executor_agent, tasks, judge, epochs, message, chat_options))

    def save(self, path: str | Path) -> None:
        """Save the versions, with their functions and results, as JSON.

        Raises:
            OSError: if the file can't be written.
        """
        state = {"format": _FORMAT, **self._history.to_dict()}
        with replace_file(Path(path).absolute()) as file:
            file.write(json.dumps(state, indent=2, ensure_ascii=False).encode())

    def load(self, path: str | Path) -> Registrations:
        """Load what `save` has saved.

        Returns:
            As for `step`.

        Raises:
            OSError: if the file can't be read.
            ValueError: if it holds no saved versions; nothing is changed then.
        """
        try:
            state = json.loads(Path(path).read_text("utf-8"))
            if not isinstance(state, Mapping) or state.get("format") != _FORMAT:
                raise ValueError(f"its format is not {_FORMAT}")
            history = History.from_dict(state)
        except ValueError as error:
            raise ValueError(f"{path} holds no functions of an AgentOptimizer: {trim_stop(error)}.") from error
        return self._change(history)

    @property
    def _current_functions(self) -> tuple[LearnedFunction, ...]:
        return self._history.versions[self._history.current].functions

    def _forget_records(self) -> None:
        self._trial_conversations_history: list[dict[str, list[Message]]] = []
        self._trial_conversations_performance: list[dict[str, int]] = []

    def _step(self, *, is_last: bool = False) -> Steps[Registrations]:
        """Judge the current functions and improve the best, but for the last step of a training."""
        results = [result for record in self._trial_conversations_performance for result in record.values()]
        if not results:
            raise RuntimeError("No conversation was recorded since the last step: call record_one_conversation first.")
        conversations = [
            (name, messages, result)
            for record, result in zip(self._trial_conversations_history, results, strict=True)
            for name, messages in record.items()
        ]
        history = self._history.judge(results)
        if not is_last and not self._has_converged(history):
            history = yield from self._editor.improve(history, conversations)
        return self._change(history)

    def _has_converged(self, history: History) -> bool:
        return self.patience is not None and history.steps_without_gain >= self.patience

    def _change(self, history: History) -> Registrations:
        """Go over to another history. Return what the agents have to register, and to remove."""
        before, self._history = self._current_functions, history
        self._forget_records()
        functions = self._current_functions
        names = {function.name for function in functions}
        removed = [function for function in before if function.name not in names]
        signatures = [{"func_sig": function.signature, "is_remove": True} for function in removed]
        signatures += [{"func_sig": function.signature, "is_remove": False} for function in functions]
        callers: dict[str, Callable[..., str] | None] = {function.name: None for function in removed}
        callers.update({function.name: self._get_caller(function) for function in functions})
        return signatures, callers

    def _get_caller(self, function: LearnedFunction) -> Caller:
        """Return the Python function that calls a function: the same one each time, so that agents see no change."""
        key = json.dumps(function.to_dict())
        if key not in self._callers:
            self._callers[key] = Caller(function, self._executor)
        return self._callers[key]

    def _train(
        self,
        assistant: ConversableAgent,
        executor_agent: ConversableAgent,
        tasks: Sequence[object],
        judge: Callable[..., object],
        epochs: int,
        message: Callable[[Any], str | Message],
        chat_options: JSONObject,
    ) -> Steps[list[float]]:
        if not tasks:
            raise ValueError("There must be at least one task to train with.")
        performances = []
        for epoch in range(1, epochs + 1):
            for task in tasks:
                result = yield from invoke(
                    executor_agent.initiate_chat,
                    executor_agent.a_initiate_chat,
                    assistant,
                    message=message(task),
                    **chat_options,
                )
                is_solved = yield from invoke(*sync_and_async(judge, blocks=True), task, result)
                self.record_one_conversation(result.chat_history, bool(is_solved))
            results = [result for record in self._trial_conversations_performance for result in record.values()]
            performances.append(sum(results) / len(results))
            _apply((yield from self._step(is_last=epoch == epochs)), assistant, executor_agent)
            if self.has_converged:
                break
        return performances


def _choose_model(llm_config: Mapping[str, Any], model: str | None) -> JSONObject:
    """Return a config with the entries of one model.

    Raises:
        ValueError: if it has none.
    """
    entries = llm_config.get("config_list") or [{"model": llm_config.get("model")}]
    chosen = entries if model is None else filter_config(entries, {"model": [model]})
    if not chosen:
        known = ", ".join(dict.fromkeys(str(entry.get("model")) for entry in entries))
        raise ValueError(f"optimizer_model must be a model of the llm_config, which has {known}; got {model!r}.")
    return {**llm_config, "config_list": chosen} if llm_config.get("config_list") else dict(llm_config)


def _apply(registrations: Registrations, assistant: ConversableAgent, executor_agent: ConversableAgent) -> None:
    """Register functions with the agents, and remove those that are gone."""
    signatures, callers = registrations
    for signature in signatures:
        assistant.update_function_signature(**signature, silent_override=True)
    executor_agent.register_function(callers, silent_override=True)
