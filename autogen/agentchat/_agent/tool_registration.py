"""Making tools known: to the model that may call them, and to the agent that executes them."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ... import runtime_logging
from ..._steps import get_callable_name, is_coroutine_function, run_async, run_sync
from .._core import runtime_log, turn_context
from .._core.messages import assert_valid_name
from .._replies.tool_arguments import repair_json
from .._replies.tool_execution import Outcome, execute_call
from ..agent import Message
from .state import AgentState

logger = logging.getLogger("autogen.agentchat.conversable_agent")

F = TypeVar("F", bound=Callable[..., Any])


class ToolRegistrationMixin(AgentState):
    """The tools of an agent."""

    _format_json_str = staticmethod(repair_json)

    def register_function(self, function_map: dict[str, Callable[..., Any] | None]) -> None:
        """Add functions that the agent executes when they are called by name; None removes one.

        Raises:
            ValueError: A name is not valid.
        """
        for name, function in function_map.items():
            assert_valid_name(name)
            if function is None and name not in self._function_map:
                warnings.warn(f"Function {name!r} is not registered: nothing to remove.", UserWarning, stacklevel=2)
            if name in self._function_map:
                warnings.warn(f"Function {name!r} is being overridden.", UserWarning, stacklevel=2)
        merged = {**self._function_map, **function_map}
        self._function_map = {name: function for name, function in merged.items() if function is not None}

    def can_execute_function(self, name: str | list[str]) -> bool:
        """Whether the agent executes this function, or all of these."""
        return all(one in self._function_map for one in ([name] if isinstance(name, str) else name))

    def execute_function(self, func_call: Message, verbose: bool = False) -> Outcome:
        """Carry out a call that a model suggests.

        Args:
            func_call: `{"name": ..., "arguments": <JSON text>}`.
            verbose: Also print the arguments and the result.

        Returns:
            Whether it succeeded, and a message with `name`, `role` and the result as `content`. No error escapes: the
            content says what went wrong.
        """
        return run_sync(execute_call(self, func_call, "FUNCTION", verbose))

    async def a_execute_function(self, func_call: Message) -> Outcome:
        """`execute_function`, awaited."""
        return await run_async(execute_call(self, func_call, "ASYNC FUNCTION"))

    def update_tool_signature(self, tool_sig: str | dict[str, Any], is_remove: bool) -> None:
        """Tell the model about a tool, or no longer.

        Args:
            tool_sig: The tool's JSON schema; its name to remove it.
            is_remove: Whether to remove it.

        Raises:
            AssertionError: The agent has no model, or no tools to remove.
            ValueError: The schema is not a dict, or the name is not valid.
        """
        self._update_signature("tools", tool_sig, is_remove, lambda tool: tool["function"]["name"])

    def update_function_signature(self, func_sig: str | dict[str, Any], is_remove: bool) -> None:
        """`update_tool_signature` in the older form of function calls."""
        self._update_signature("functions", func_sig, is_remove, lambda function: function["name"])

    def _update_signature(
        self, key: str, signature: str | dict[str, Any], is_remove: bool, name_of: Callable[[dict[str, Any]], str]
    ) -> None:
        config = self.llm_config
        if not isinstance(config, dict):
            text = f"Agent {self.name!r} has no llm_config: a tool needs a model that calls it."
            logger.error(text)
            raise AssertionError(text)
        known = config.get(key, [])
        if is_remove:
            assert key in config, f"Agent {self.name!r} has no {key} to remove {signature!r} from."
            known = [one for one in known if name_of(one) != signature]
        else:
            if not isinstance(signature, dict):
                raise ValueError(f"A signature must be a dict, not a {type(signature).__name__}.")
            name = assert_valid_name(name_of(signature))
            if any(name_of(one) == name for one in known):
                warnings.warn(f"Function {name!r} is being overridden.", UserWarning, stacklevel=3)
            known = [*(one for one in known if name_of(one) != name), signature]
        if known:
            config[key] = known
        else:
            config.pop(key, None)
        if hasattr(self.client, "rebuild"):  # programs do put clients of their own here
            self.client = self.client.rebuild(**config)

    def register_for_llm(
        self, *, name: str | None = None, description: str | None = None, api_style: str = "tool"
    ) -> Callable[[F], F]:
        """Decorate a function that the agent's model may call.

        Args:
            name: The name for the model; the function's own name if None.
            description: What the function does. May be left out if another decorator of the function has it.
            api_style: `tool`, or `function` for the older form.

        Raises:
            ValueError: There is no description, or no such style.

        >>> @user.register_for_execution()  # doctest: +SKIP
        ... @assistant.register_for_llm(description="Add two numbers.")
        ... def add(a: int, b: int) -> int:
        ...     return a + b
        """

        def decorate(function: F) -> F:
            _remember(function, "_name", name)
            _remember(function, "_description", description)
            about = description or getattr(function, "_description", None)
            if about is None:
                raise ValueError(
                    f"Function {name or get_tool_name(function)!r} needs a description: the model chooses its tools by it."
                )
            from ...function_utils import get_function_schema

            schema = get_function_schema(function, name=name or get_tool_name(function), description=about)
            if api_style == "tool":
                self.update_tool_signature(schema, is_remove=False)
            elif api_style == "function":
                self.update_function_signature(schema["function"], is_remove=False)
            else:
                raise ValueError(f"api_style is {api_style!r}; it must be 'tool' or 'function'.")
            return function

        return decorate

    def register_for_execution(self, name: str | None = None, *, timeout: float | None = None) -> Callable[[F], F]:
        """Decorate a function that the agent executes when it is called.

        Args:
            name: The name it is called by; the function's own name if None.
            timeout: Seconds that a call may take; then the model is told so. A coroutine function is cancelled. A plain
                one can't be: it goes on in its thread, but the programs that it runs through an executor are killed.

        Raises:
            ValueError: The timeout is not more than 0.
        """
        if timeout is not None and not timeout > 0:
            raise ValueError(f"The timeout of a tool must be more than 0 seconds, not {timeout!r}.")

        def decorate(function: F) -> F:
            _remember(function, "_name", name)
            wrapped = self._wrap_function(function)
            if timeout is not None:
                vars(wrapped)["_timeout"] = timeout
            self.register_function({name or get_tool_name(function): wrapped})
            return function

        return decorate

    def _register_own_function(self, function: Callable[..., Any]) -> None:
        """Register a function that the agent's model calls and the agent executes."""
        self.register_for_llm(description=describe_function(function))(function)
        self.register_for_execution()(function)

    def _wrap_function(self, func: F) -> F:
        """The function as it is executed: arguments become pydantic models where annotated so, the result text."""
        from ...function_utils import INJECTED, get_injected_parameters, load_basemodels_if_needed, serialize_to_str

        loaded = load_basemodels_if_needed(func)

        def told(arguments: dict[str, Any], result: Any) -> Any:
            if runtime_logging.is_logging:
                runtime_log.log_function_use(self, func, {key: arguments[key] for key in arguments if key not in INJECTED}, result)
            return result if turn_context.is_directive(result) else serialize_to_str(result)

        if is_coroutine_function(func):

            @wraps(func)
            async def a_run(*args: Any, **kwargs: Any) -> Any:
                return told(kwargs, await loaded(*args, **kwargs))

            run: Any = a_run
        else:

            @wraps(func)
            def plain_run(*args: Any, **kwargs: Any) -> Any:
                return told(kwargs, loaded(*args, **kwargs))

            run = plain_run
        vars(run).update(_origin=func, _injected=get_injected_parameters(func))
        return run  # type: ignore[no-any-return]


def register_function(
    f: F,
    *,
    caller: ToolRegistrationMixin,
    executor: ToolRegistrationMixin | None = None,
    name: str | None = None,
    description: str,
    timeout: float | None = None,
) -> None:
    """Let one agent's model call a function, and another agent execute it.

    Args:
        f: The function; its annotations become the tool's schema.
        caller: The agent whose model may call it.
        executor: The agent that executes it; None for the caller itself.
        name: The name for the model; the function's own name if None.
        description: What it does.
        timeout: Seconds that a call may take; then the model is told so.
    """
    f = caller.register_for_llm(name=name, description=description)(f)
    (executor or caller).register_for_execution(name=name, timeout=timeout)(f)


def describe_function(function: Callable[..., Any]) -> str:
    """What a function is for: what a decorator said, the first line of its docstring, or else its name."""
    return (
        getattr(function, "_description", None)
        or (function.__doc__ or get_callable_name(function)).strip().partition("\n")[0]
    )


def as_list(one_or_several: Any) -> list[Any]:
    """Several as a list; None is none."""
    if one_or_several is None:
        return []
    return list(one_or_several) if isinstance(one_or_several, (list, tuple)) else [one_or_several]


def _remember(function: Callable[..., Any], attribute: str, value: str | None) -> None:
    """Let further decorators of a function know what this one was told."""
    if value is not None:
        with contextlib.suppress(AttributeError):  # a bound method can't remember anything
            setattr(function, attribute, value)


def get_tool_name(function: Callable[..., Any]) -> str:
    """Return the name under which a decorator registered a function, or else its own."""
    return getattr(function, "_name", None) or get_callable_name(function)
