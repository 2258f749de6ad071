"""Registration of tools: for the model that may call them, and for the agent that executes them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import MethodType
from typing import Any, TypeVar

from ... import runtime_logging
from ..._mistakes import warn_caller
from ..._steps import get_callable_name, is_coroutine_function, run_async, run_sync
from .._core import runtime_log, turn_context
from .._core.internals import internals
from .._core.messages import assert_valid_name
from .._core.turn_context import Outcome
from .._replies.tool_arguments import repair_json
from .._replies.tool_execution import execute_call
from ..agent import Message
from .state import AgentState

logger = logging.getLogger("autogen.agentchat.conversable_agent")

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=Callable[..., object])
T = TypeVar("T")


class ToolRegistrationMixin(AgentState):
    """Tools of an agent."""

    _format_json_str = staticmethod(repair_json)

    def register_function(self, function_map: Mapping[str, Callable[..., object] | None]) -> None:
        """Register functions that the agent executes.

        Args:
            function_map: Functions by name; None removes a function.

        Raises:
            ValueError: if a name is not valid.
        """
        for name, function in function_map.items():
            assert_valid_name(name)
            # Warnings, because programs of 0.2 do both on purpose.
            if function is None and name not in self._function_map:
                warn_caller(f"Function {name!r} is not registered: nothing to remove.")
            if name in self._function_map and not _is_same_function(self._function_map[name], function):
                warn_caller(f"Function {name!r} is being overridden.")
        # A new dict: programs may hold the old one.
        merged = {**self._function_map, **function_map}
        self._function_map = {name: function for name, function in merged.items() if function is not None}

    def can_execute_function(self, name: str | list[str]) -> bool:
        """Return True if the agent executes this function, or all of these."""
        return all(item in self._function_map for item in ([name] if isinstance(name, str) else name))

    def execute_function(self, func_call: Message, verbose: bool = False) -> Outcome:
        """Execute a call suggested by a model.

        Args:
            func_call: `{"name": ..., "arguments": <JSON text>}`.
            verbose: True to print the arguments and the result, too.

        Returns:
            True if it succeeded, and a message with `name`, `role` and the result as `content`. No error is raised: the
            content describes it.
        """
        return run_sync(execute_call(self, func_call, "FUNCTION", verbose))

    async def a_execute_function(self, func_call: Message) -> Outcome:
        """Async version of `execute_function`."""
        return await run_async(execute_call(self, func_call, "ASYNC FUNCTION"))

    def update_tool_signature(self, tool_sig: str | Mapping[str, object], is_remove: bool) -> None:
        """Add a tool to those that the model may call, or remove one.

        Args:
            tool_sig: JSON schema of the tool; its name to remove it.
            is_remove: True to remove it.

        Raises:
            AssertionError: if the agent has no model, or no tools to remove.
            ValueError: if the schema is not a dict, or the name is not valid.
        """
        self._update_signature("tools", tool_sig, is_remove, lambda tool: tool["function"]["name"])

    def update_function_signature(self, func_sig: str | Mapping[str, object], is_remove: bool) -> None:
        """Add or remove a function, in the older form of function calls; see `update_tool_signature`."""
        self._update_signature("functions", func_sig, is_remove, lambda function: function["name"])

    def _update_signature(
        self, key: str, signature: str | Mapping[str, object], is_remove: bool, get_name: Callable[[Any], str]
    ) -> None:
        # A model that is set up when it is first needed is needed now.
        self._get_model_client()
        config = self.llm_config
        if not isinstance(config, dict):
            text = f"Agent {self.name!r} has no llm_config: a tool needs a model that calls it."
            logger.error(text)
            raise AssertionError(text)
        signatures = config.get(key, [])
        if is_remove:
            assert key in config, f"Agent {self.name!r} has no {key} to remove {signature!r} from."
            signatures = [item for item in signatures if get_name(item) != signature]
        else:
            if not isinstance(signature, dict):
                raise ValueError(f"A signature must be a dict, got a {type(signature).__name__}.")
            name = assert_valid_name(get_name(signature))
            if any(get_name(item) == name and not self._is_same_offer(key, name, item, signature) for item in signatures):
                warn_caller(f"Function {name!r} is being overridden.")
            internals(self).offered_functions[key, name] = internals(self).offered_function
            signatures = [*(item for item in signatures if get_name(item) != name), signature]
        # Endpoints refuse an empty list of tools.
        if signatures:
            config[key] = signatures
        else:
            config.pop(key, None)
        # Programs assign clients of their own, which take the tools with each request.
        if hasattr(self.client, "rebuild"):
            self.client = self.client.rebuild(**config)

    def _is_same_offer(self, key: str, name: str, old_signature: object, new_signature: object) -> bool:
        """Return True if two signatures of one name belong to one function, or are equal if a function is not known."""
        state = internals(self)
        old_function, new_function = state.offered_functions.get((key, name)), state.offered_function
        if old_function is None or new_function is None:
            return old_signature == new_signature
        return _is_same_function(old_function, new_function)

    def register_for_llm(
        self, *, name: str | None = None, description: str | None = None, api_style: str = "tool"
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function which the agent's model may call.

        Args:
            name: Name for the model; the function's own name if None.
            description: Description for the model. May be omitted if another decorator of the function has it.
            api_style: `tool`, or `function` for the older form.

        Raises:
            ValueError: if there is no description, or no such style.

        >>> @user.register_for_execution()  # doctest: +SKIP
        ... @assistant.register_for_llm(description="Add two numbers.")
        ... def add(a: int, b: int) -> int:
        ...     return a + b
        """

        def decorate(function: F) -> F:
            _set_if_given(function, "_name", name)
            _set_if_given(function, "_description", description)
            # Decorators of one function share name and description, whichever of them has the arguments.
            text = description or getattr(function, "_description", None)
            tool_name = name or get_tool_name(function)
            if text is None:
                raise ValueError(f"Function {tool_name!r} needs a description: the model chooses its tools by it.")
            from ...function_utils import get_function_schema

            schema = get_function_schema(function, name=tool_name, description=text)
            if api_style not in ("tool", "function"):
                raise ValueError(f"api_style must be 'tool' or 'function', got {api_style!r}.")
            # Not an argument of the methods below: subclasses override them.
            internals(self).offered_function = function
            try:
                if api_style == "tool":
                    self.update_tool_signature(schema, is_remove=False)
                else:
                    self.update_function_signature(schema["function"], is_remove=False)
            finally:
                internals(self).offered_function = None
            return function

        return decorate

    def register_for_execution(
        self, name: str | None = None, *, timeout: float | None = None, idempotent: bool = False
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function which the agent executes.

        Args:
            name: Name in calls; the function's own name if None.
            timeout: Timeout of a call in seconds; it is reported to the model. A coroutine function is cancelled. A sync
                function continues in its thread, but programs that it runs through an executor are killed.
            idempotent: True if a second call does no harm. A chat with a checkpoint then repeats a call that was under way
                when the process ended, whatever its `on_unfinished` says.

        Raises:
            ValueError: if the timeout is not positive.
        """
        if timeout is not None and not timeout > 0:
            raise ValueError(f"The timeout of a tool must be positive, got {timeout!r}.")

        def decorate(function: F) -> F:
            _set_if_given(function, "_name", name)
            wrapped = self._wrap_function(function)
            if timeout is not None:
                vars(wrapped)["_timeout"] = timeout
            if idempotent:
                vars(wrapped)["_idempotent"] = True
            self.register_function({name or get_tool_name(function): wrapped})
            return function

        return decorate

    def _register_own_functions(self, functions: Callable[..., object] | Iterable[Callable[..., object]]) -> None:
        """Register functions that the agent's model calls and the agent executes.

        Raises:
            ValueError: if different functions have the same name.
        """
        for function in index_by_name(as_list(functions)).values():
            self.register_for_llm(description=describe_function(function))(function)
            self.register_for_execution()(function)

    def _wrap_function(self, func: F) -> F:
        """Wrap a function for execution: pydantic arguments are loaded, and the result becomes text."""
        from ...function_utils import INJECTED, get_injected_parameters, load_basemodels_if_needed, serialize_to_str

        loaded = load_basemodels_if_needed(func)
        # Directives pass as they are: they are applied when the call has returned.

        def finish(kwargs: dict[str, object], result: object) -> object:
            if runtime_logging.is_logging:
                arguments = {key: value for key, value in kwargs.items() if key not in INJECTED}
                runtime_log.log_function_use(self, func, arguments, result)
            return result if turn_context.is_directive(result) else serialize_to_str(result)

        if is_coroutine_function(func):

            @wraps(func)
            async def a_run(*args: object, **kwargs: object) -> object:
                return finish(kwargs, await loaded(*args, **kwargs))

            wrapped: Any = a_run
        else:

            @wraps(func)
            def run(*args: object, **kwargs: object) -> object:
                return finish(kwargs, loaded(*args, **kwargs))

            wrapped = run
        # Read when the function is executed.
        vars(wrapped).update(_origin=func, _injected=get_injected_parameters(func))
        return wrapped  # type: ignore[no-any-return]


def register_function(
    f: F,
    *,
    caller: ToolRegistrationMixin,
    executor: ToolRegistrationMixin | None = None,
    name: str | None = None,
    description: str,
    timeout: float | None = None,
) -> None:
    """Register a function for one agent's model, and for execution by another agent.

    Args:
        f: Function; its annotations become the tool's schema.
        caller: Agent whose model may call it.
        executor: Agent that executes it; None for the caller itself.
        name: Name for the model; the function's own name if None.
        description: Description for the model.
        timeout: Timeout of a call in seconds; it is reported to the model.
    """
    f = caller.register_for_llm(name=name, description=description)(f)
    (executor or caller).register_for_execution(name=name, timeout=timeout)(f)


def describe_function(function: Callable[..., object]) -> str:
    """Return the description given to a decorator, or the first sentence of the docstring, or else the name."""
    from ..._functions.docstrings import get_summary

    return getattr(function, "_description", None) or get_summary(function) or get_callable_name(function)


def index_by_name(functions: Iterable[C]) -> dict[str, C]:
    """Return the functions of one list by name.

    Raises:
        ValueError: if different functions have the same name.
    """
    named: dict[str, C] = {}
    for function in functions:
        name = get_tool_name(function)
        if name in named and not _is_same_function(named[name], function):
            raise ValueError(
                f"Two different functions in one list have the name {name!r}. A model tells them apart by name: "
                "rename one of them, or register it with `register_function(..., name=...)`."
            )
        named[name] = function
    return named


def get_tool_name(function: Callable[..., object]) -> str:
    """Return the name given to a decorator, or else the function's own."""
    return getattr(function, "_name", None) or get_callable_name(function)


def as_list(items: T | Iterable[T] | None) -> list[T]:
    """Return one or several items as a list; None is an empty list."""
    if items is None:
        return []
    return list(items) if isinstance(items, (list, tuple)) else [items]  # type: ignore[list-item]


def _set_if_given(function: Callable[..., object], attribute: str, value: str | None) -> None:
    """Store an argument of a decorator on the function, where its other decorators can read it."""
    # Attributes of a bound method can't be set.
    if value is not None:
        with contextlib.suppress(AttributeError):
            setattr(function, attribute, value)


def _is_same_function(function: object, other: object) -> bool:
    """Return True if both are one function, or wrappers of it, or one method of one object."""
    function, other = getattr(function, "_origin", function), getattr(other, "_origin", other)
    return function is other or (isinstance(function, MethodType) and function == other)
