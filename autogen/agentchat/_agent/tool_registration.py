"""Registration of tools: for the model that may call them, and for the agent that executes them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import MethodType
from typing import Any, TypeVar

from ... import runtime_logging
from ..._functions.offers import get_offer_name
from ..._mistakes import warn_caller
from ..._steps import is_coroutine_function, run_async, run_sync
from ...tools.tool import Tool, attach_tool, get_tool, get_tool_name
from ...tools.toolkit import collect_tools
from .._approvals.labels import is_known_text, make_labels, set_labels
from .._approvals.policy import make_policy, set_policy
from .._core import runtime_log, turn_context
from .._core.internals import internals
from .._core.messages import assert_valid_name
from .._core.turn_context import Outcome
from .._replies.tool_arguments import repair_json
from .._replies.tool_execution import execute_call
from ..agent import Message
from .state import AgentState

logger = logging.getLogger("autogen.agentchat.conversable_agent")

# How a signature is named, by the key of the config that has it.
NAME_OF: dict[str, Callable[[Any], str]] = {
    "tools": get_offer_name,
    "functions": lambda schema: schema["name"],
}

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=Callable[..., object])
T = TypeVar("T")


class ToolRegistrationMixin(AgentState):
    """Tools of an agent."""

    _format_json_str = staticmethod(repair_json)

    def register_function(
        self, function_map: Mapping[str, Callable[..., object] | None], silent_override: bool = False
    ) -> None:
        """Register functions that the agent executes.

        Args:
            function_map: Functions or tools by name; None removes a function.
            silent_override: True to replace functions without a warning.

        Raises:
            ValueError: if a name is not valid.
        """
        for name, function in function_map.items():
            assert_valid_name(name)
            # Warnings, because programs of 0.2 do both on purpose.
            if function is None and name not in self._function_map:
                warn_caller(f"Function {name!r} is not registered: nothing to remove.")
            is_replaced = name in self._function_map and not _is_same_function(self._function_map[name], function)
            if is_replaced and not silent_override:
                warn_caller(f"Function {name!r} is being overridden.")
        # A new dict: programs may hold the old one.
        self._function_map = {**self._function_map, **self._prepare_functions(function_map)}
        for name in [name for name, function in function_map.items() if function is None]:
            self._function_map.pop(name, None)

    def _prepare_functions(self, function_map: Mapping[str, Callable[..., object] | None]) -> dict[str, Callable[..., Any]]:
        """Return the functions of a map: plain functions as they are, tools in the form in which they are executed."""
        functions = {name: function for name, function in function_map.items() if function is not None}
        return {
            name: self._wrap_function(function) if isinstance(function, Tool) else _replace_run_method(function)
            for name, function in functions.items()
        }

    def can_execute_function(self, name: str | list[str]) -> bool:
        """Return True if the agent executes this function, or all of these."""
        return all(item in self._function_map for item in ([name] if isinstance(name, str) else name))

    def execute_function(self, func_call: Message, call_id: str | bool | None = None, verbose: bool = False) -> Outcome:
        """Execute a call suggested by a model.

        Args:
            func_call: `{"name": ..., "arguments": <JSON text>}`.
            call_id: Id of the call, for its events. A bool means `verbose`, which was the second argument of AutoGen 0.2.
            verbose: True to print the arguments and the result, too.

        Returns:
            True if it succeeded, and a message with `name`, `role` and the result as `content`. No error is raised: the
            content describes it.
        """
        return run_sync(execute_call(self, func_call, "FUNCTION", call_id, verbose))

    async def a_execute_function(
        self, func_call: Message, call_id: str | bool | None = None, verbose: bool = False
    ) -> Outcome:
        """Async version of `execute_function`."""
        return await run_async(execute_call(self, func_call, "ASYNC FUNCTION", call_id, verbose))

    def update_tool_signature(
        self, tool_sig: str | Mapping[str, object], is_remove: bool, silent_override: bool = False
    ) -> None:
        """Add a tool to those that the model may call, or remove one.

        Args:
            tool_sig: JSON schema of the tool; its name to remove it.
            is_remove: True to remove it.
            silent_override: True to replace a tool without a warning.

        Raises:
            AssertionError: if the agent has no model, or no tools to remove.
            ValueError: if the schema is not a dict, or the name is not valid.
        """
        self._update_signature("tools", tool_sig, is_remove, silent_override)

    def update_function_signature(
        self, func_sig: str | Mapping[str, object], is_remove: bool, silent_override: bool = False
    ) -> None:
        """Add or remove a function, in the older form of function calls; see `update_tool_signature`.

        A function is removed by its name, or by a signature with that name.
        """
        self._update_signature("functions", func_sig, is_remove, silent_override)

    def _update_signature(
        self, key: str, signature: str | Mapping[str, object], is_remove: bool, silent_override: bool
    ) -> None:
        # A model that is set up when it is first needed is needed now.
        self._get_model_client()
        config = self.llm_config
        if not isinstance(config, dict):
            text = f"Agent {self.name!r} has no llm_config: a tool needs a model that calls it."
            logger.error(text)
            raise AssertionError(text)
        signatures = config.get(key, [])
        get_name: Callable[[Any], str] = NAME_OF[key]
        if is_remove:
            assert key in config, f"Agent {self.name!r} has no {key} to remove {signature!r} from."
            removed = get_name(signature) if isinstance(signature, dict) else signature
            signatures = [item for item in signatures if get_name(item) != removed]
        else:
            if not isinstance(signature, dict):
                raise ValueError(f"A signature must be a dict, got a {type(signature).__name__}.")
            name = assert_valid_name(get_name(signature))
            known = [item for item in signatures if get_name(item) == name]
            if not silent_override and any(not self._is_same_offer(key, name, item, signature) for item in known):
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
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        api_style: str = "tool",
        silent_override: bool = False,
        returns: str | Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function which the agent's model may call.

        The decorator returns the function, which then has the attributes of a `Tool`: `name`, `tool_schema` and so on, and
        the tool itself as `tool`. For a bound method, a built-in function or a partial object it returns the tool. For a
        `Tool` it returns that tool, or a copy of another name or description.

        Args:
            name: Name for the model; the function's own name if None.
            description: Description for the model. May be omitted if another decorator of the function has it, or the
                function has a docstring.
            api_style: `tool`, or `function` for the older form.
            silent_override: True to replace a tool of this name without a warning.
            returns: `untrusted` if the results are text of strangers, `private` if they must not leave, or both: replies
                that were made with such a result in view are labelled, and tools can refuse to run because of it.

        Raises:
            ValueError: if there is no description, no such style, or no such label.

        >>> @user.register_for_execution()  # doctest: +SKIP
        ... @assistant.register_for_llm(description="Add two numbers.")
        ... def add(a: int, b: int) -> int:
        ...     return a + b
        """
        labels = make_labels(returns).returns

        def decorate(function: F) -> F:
            offered = _make_registered_tool(function, name, description)
            if labels:
                offered = offered.with_labels(returns=labels)
                # The decorator that has it executed may be above or below this one.
                if hasattr(offered.function, "__dict__"):
                    vars(offered.function)["_returns"] = labels
            if not isinstance(function, Tool) and not offered.description:
                raise ValueError(f"Function {offered.name!r} needs a description: the model chooses its tools by it.")
            schema = offered.tool_schema
            if api_style not in ("tool", "function"):
                raise ValueError(f"api_style must be 'tool' or 'function', got {api_style!r}.")
            # Overrides of the methods below may not know the argument.
            options = {"silent_override": True} if silent_override else {}
            # Not an argument of them: subclasses override them.
            internals(self).offered_function = offered
            try:
                if api_style == "tool":
                    self.update_tool_signature(schema, is_remove=False, **options)
                else:
                    self.update_function_signature(schema["function"], is_remove=False, **options)
            finally:
                internals(self).offered_function = None
            registered: Any = offered if isinstance(function, Tool) else attach_tool(function, offered, has_schema=True)
            return registered  # type: ignore[no-any-return]

        return decorate

    def register_for_execution(
        self,
        name: str | None = None,
        description: str | None = None,
        *,
        serialize: bool = True,
        silent_override: bool = False,
        timeout: float | None = None,
        idempotent: bool = False,
        approve: Any = None,
        remember: str = "call",
        approvers: Iterable[str] = (),
        preview: Callable[..., str | None] | None = None,
        needs: str | Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function which the agent executes. It returns the same as `register_for_llm`.

        Args:
            name: Name in calls; the function's own name if None.
            description: Description for the decorators that register the function for a model.
            serialize: False if the result of `execute_function` has the returned object; messages have its text.
            silent_override: True to replace a function of this name without a warning.
            timeout: Timeout of a call in seconds; it is reported to the model. A coroutine function is cancelled. A sync
                function continues in its thread, but programs that it runs through an executor are killed.
            idempotent: True if a second call does no harm. A chat with a checkpoint then repeats a call that was under way
                when the process ended, whatever its `on_unfinished` says.
            approve: Who must approve a call before it is made: `human`, a function of the call, `Rules`, a `Reviewer`, or a
                list of these; see `autogen.agentchat.approvals`.
            remember: `call` to ask about each call; `chat` or `session` to ask once for each call with the same arguments,
                in a chat or until the agent is reset; `always` to add the tool to the file of the `Rules`, too, if the
                human says so.
            approvers: Names of those who may answer with `Recording.answer`; empty for anybody. Whoever is asked in the
                process itself may answer, too.
            preview: Function of the arguments of a call that returns a text for the human, such as
                `autogen.agentchat.approvals.preview_diff()`.
            needs: `trusted` to refuse calls that were written with untrusted text in view, `public` for private text, or
                both; see `returns` of `register_for_llm`. With `approve="human"`, the human sees the sources and decides.

        Raises:
            ValueError: if the timeout is not positive, `remember` is unknown or needs a file of rules, or `needs` is not
                known.
            TypeError: if `approve`, `approvers` or `preview` is of another type, or nothing fills in a parameter that no
                model may fill in.
        """
        if timeout is not None and not timeout > 0:
            raise ValueError(f"The timeout of a tool must be positive, got {timeout!r}.")
        policy = None if approve is None else make_policy(approve, remember, approvers, preview)
        if policy is None and (approvers or preview is not None):
            raise ValueError("approvers and preview are for a tool with approve=...")
        own_needs = make_labels(needs=needs).needs

        def decorate(function: F) -> F:
            executed = _make_registered_tool(function, name, description)
            # Overrides may not know the argument.
            wrapped = self._wrap_function(executed) if serialize else self._wrap_function(executed, serialize=False)
            if timeout is not None:
                vars(wrapped)["_timeout"] = timeout
            if idempotent:
                vars(wrapped)["_idempotent"] = True
            needed = make_policy(*executed.approval) if policy is None and executed.approval else policy
            if needed is not None:
                set_policy(wrapped, needed)
            if own_needs:
                set_labels(wrapped, make_labels(executed.labels[0], own_needs))
            self.register_function({executed.name: wrapped}, **({"silent_override": True} if silent_override else {}))
            registered: Any = executed if isinstance(function, Tool) else attach_tool(function, executed, has_schema=False)
            return registered  # type: ignore[no-any-return]

        return decorate

    def _register_own_functions(self, functions: Any) -> None:
        """Register functions that the agent's model calls and the agent executes.

        Raises:
            TypeError: if an item is neither a function nor a tool.
            ValueError: if different functions have the same name.
        """
        for tool in index_by_name(collect_tools(functions)).values():
            tool.register_for_llm(self)
            tool.register_for_execution(self)

    def _wrap_function(self, func: F, *, serialize: bool = True) -> F:
        """Wrap a function for execution: pydantic arguments are loaded, and the result becomes text."""
        from ..._functions.injection import get_injection, wrap_injected
        from ...function_utils import load_basemodels_if_needed, serialize_to_str

        tool = get_tool(func)
        function: Callable[..., Any] = func if tool is None else tool.function
        injection = get_injection(function)
        injection.check(function)
        # A schema that was given says nothing about the types of the function.
        has_own_schema = tool is not None and tool.parameters_json_schema is not None
        loaded = function if has_own_schema else load_basemodels_if_needed(function)
        # Directives pass as they are: they are applied when the call has returned.

        def finish(kwargs: dict[str, object], result: object) -> object:
            if runtime_logging.is_logging:
                arguments = {key: value for key, value in kwargs.items() if key not in injection.names}
                runtime_log.log_function_use(self, function, arguments, result)
            is_kept = not serialize or turn_context.is_directive(result) or is_known_text(result)
            return result if is_kept else serialize_to_str(result)

        run: Any
        if is_coroutine_function(function):

            @wraps(function)
            async def a_run_function(*args: object, **kwargs: object) -> object:
                return finish(kwargs, await loaded(*args, **kwargs))

            run = a_run_function
        else:

            @wraps(function)
            def run_function(*args: object, **kwargs: object) -> object:
                return finish(kwargs, loaded(*args, **kwargs))

            run = run_function
        wrapped: Any = wrap_injected(run, injection, self) if injection.names else run
        # Read when the function is executed.
        vars(wrapped).update(_origin=function, _serialize=serialize, _has_async_dependencies=injection.is_async)
        vars(wrapped)["_checked"] = None if has_own_schema else function
        if tool is not None and any(tool.labels):
            set_labels(wrapped, make_labels(*tool.labels))
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


def as_list(items: T | Iterable[T] | None) -> list[T]:
    """Return one or several items as a list; None is an empty list."""
    if items is None:
        return []
    return list(items) if isinstance(items, (list, tuple)) else [items]  # type: ignore[list-item]


def _make_registered_tool(function: Any, name: str | None, description: str | None) -> Tool:
    """Make the tool that a decorator registers; its description is empty if there is none.

    Decorators of one function share name and description, whichever of them has the arguments.
    """
    from ..._functions.docstrings import get_summary

    tool = get_tool(function)
    if isinstance(function, Tool):
        return Tool(name=name, description=description, func_or_tool=function) if name or description else function
    _set_if_given(function, "_name", name)
    _set_if_given(function, "_description", description)
    if tool is not None and (name or tool.name) == tool.name and (description or tool.description) == tool.description:
        return tool
    text = description or getattr(function, "_description", None) or get_summary(function)
    return Tool(name=name or get_tool_name(function), description=text, func_or_tool=function)


def _replace_run_method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as it is executed: in place of the `_run` of a LangChain tool, a function that invokes the tool.

    Notebooks of 0.2 register that method, which can't be called without LangChain's own arguments any more.
    """
    owner = getattr(function, "__self__", None)
    invoke = getattr(owner, "invoke", None)
    if getattr(function, "__name__", None) != "_run" or not callable(invoke):
        return function

    def run(**arguments: object) -> object:
        return invoke(arguments)

    return run


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
