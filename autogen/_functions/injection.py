"""Injection: the parameters of tools that the framework fills in, and the model never does."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin
from weakref import WeakKeyDictionary

from .._secrets import MASK
from .._steps import Call, Steps, get_callable_name, is_coroutine_function, run_async, run_sync, sync_and_async
from .markers import BaseContext, ChatContext, Dependency, make_chat_context
from .signatures import expand_alias, find_references, get_signature, get_typed_signature, iter_parts, list_parameters

F = TypeVar("F", bound=Callable[..., Any])
Prepare = Callable[[Callable[..., Any]], tuple[Callable[..., Any], Callable[..., Any]]]
"""Makes the sync and the async form of a function."""

INJECTED = frozenset({"context_variables"})
"""Parameters that the executing agent fills in from its attributes of the same names."""

_MARK_NAMES = re.compile(r"\b(Depends|BaseContext|ChatContext)\b")
# Shorter texts are words that occur anywhere.
_MIN_HIDDEN_LENGTH = 4


@dataclass(frozen=True)
class _AgentAttribute:
    """An attribute of the executing agent."""

    name: str


@dataclass(frozen=True)
class _Chat:
    """The conversations of the executing agent."""


@dataclass(frozen=True)
class _Default:
    """The default of the parameter."""


@dataclass(frozen=True)
class _Missing:
    """Nothing: the program has to call the function with a value."""


@dataclass(frozen=True, eq=False)
class _Provider:
    """A function that returns the value.

    Attributes:
        function: The function.
        injection: Its own parameters that are filled in.
    """

    function: Callable[..., Any]
    injection: Injection


_Source = _AgentAttribute | _Chat | _Default | _Missing | _Provider | BaseContext


class Injection:
    """The parameters of a function that the framework fills in.

    Args:
        function: The function.
        outer: The functions that depend on it.

    Attributes:
        names: Names of the parameters.
        sources: Where the values come from, by name.

    Raises:
        TypeError: if an annotation that may be a mark can't be evaluated, or if functions depend on each other in a circle.
    """

    def __init__(self, function: Callable[..., Any], outer: tuple[object, ...] = ()) -> None:
        if any(function is other for other in outer):
            raise TypeError(f"The dependency {get_callable_name(function)!r} depends on itself.")
        parameters = find_injected(function)
        self.sources = {name: _find_source(name, p, (*outer, function)) for name, p in parameters.items()}
        self.names = frozenset(self.sources)
        self.is_async: bool = any(
            source.injection.is_async or is_coroutine_function(source.function)
            for source in self.sources.values()
            if isinstance(source, _Provider)
        )

    def check(self, function: Callable[..., Any]) -> None:
        """Check that something fills in each parameter.

        Raises:
            TypeError: if nothing does.
        """
        for name, source in self.sources.items():
            if isinstance(source, _Missing):
                raise TypeError(
                    f"The parameter {name!r} of {get_callable_name(function)!r} is of a BaseContext class, so the model "
                    "can't fill it in, and nothing else does: annotate it with Annotated[..., Depends(...)]."
                )


_injections: WeakKeyDictionary[Callable[..., Any], Injection] = WeakKeyDictionary()


def get_injection(function: Callable[..., Any]) -> Injection:
    """Return the parameters of a function that the framework fills in."""
    try:
        return _injections[function]
    # Some callables have no hash, or can't be referred to weakly.
    except (KeyError, TypeError):
        injection = Injection(function)
    try:
        _injections[function] = injection
    except TypeError:
        return injection
    return injection


def find_injected(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function that the framework fills in, by name.

    Raises:
        TypeError: if an annotation that may be a mark can't be evaluated.
    """
    try:
        signature = get_typed_signature(function)
    # Some functions written in C have no signature.
    except (TypeError, ValueError):
        return {}
    for name, parameter in list_parameters(signature):
        for text in find_references(parameter.annotation):
            # A mark that is not recognised would let the model fill the parameter in.
            if _MARK_NAMES.search(text):
                raise TypeError(
                    f"The annotation {text!r} of the parameter {name!r} of {get_callable_name(function)!r} can't be "
                    "evaluated: its names must be defined in the module, and not in a function or for type checkers only."
                )
    return {name: p for name, p in list_parameters(signature) if _is_injected(name, p)}


def get_injected_parameters(f: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the parameters that the framework fills in."""
    return tuple(get_injection(f).sources)


def without_parameters(signature: inspect.Signature, names: Iterable[str]) -> inspect.Signature:
    """Return a signature without some of its parameters."""
    hidden = set(names)
    visible = [p for name, p in signature.parameters.items() if name not in hidden]
    # Fields that are required may follow parameters with a default.
    return inspect.Signature(visible, return_annotation=signature.return_annotation, __validate_parameters__=False)


def get_context_types(annotation: object) -> list[type[BaseContext]]:
    """Return the classes of contexts that an annotation is composed of."""
    return [part for part in iter_parts(annotation) if isinstance(part, type) and issubclass(part, BaseContext)]


def _is_injected(name: str, parameter: inspect.Parameter) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    has_mark = name in INJECTED or isinstance(parameter.default, BaseContext) or _find_dependency(parameter) is not None
    return has_mark or bool(get_context_types(parameter.annotation))


def _find_source(name: str, parameter: inspect.Parameter, outer: tuple[object, ...]) -> _Source:
    dependency = _find_dependency(parameter)
    if dependency is not None:
        provider = dependency.provider
        if isinstance(provider, BaseContext):
            return provider
        return _Provider(provider, Injection(provider, outer))
    if name in INJECTED:
        return _AgentAttribute(name)
    if ChatContext in get_context_types(parameter.annotation):
        return _Chat()
    return _Missing() if parameter.default is parameter.empty else _Default()


def _find_dependency(parameter: inspect.Parameter) -> Dependency | None:
    """Return the mark of a parameter: its default, or metadata of its annotation; None if there is none."""
    if isinstance(parameter.default, Dependency):
        return parameter.default
    marks = (item for item in _iter_metadata(parameter.annotation) if isinstance(item, Dependency))
    return next(marks, None)


def _iter_metadata(annotation: object) -> Iterator[object]:
    """Yield the metadata of an annotation, also of the members of a union."""
    annotation = expand_alias(annotation)
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from metadata
        yield from _iter_metadata(inner)
    else:
        for argument in get_args(annotation):
            yield from _iter_metadata(argument)


class Resolution:
    """The values of one call. Functions that several parameters depend on are called once.

    Args:
        agent: The agent that executes the call; None for a call by the program.
        message: The message with the call, if there is one.
        prepare: Makes the sync and the async form of the functions that return values.
    """

    def __init__(self, agent: Any = None, message: dict[str, Any] | None = None, prepare: Prepare = sync_and_async) -> None:
        self._agent = agent
        self._message = message
        self._prepare = prepare
        self._values: list[object] = []
        self._provided: dict[int, object] = {}

    def resolve(self, injection: Injection) -> Steps[dict[str, Any]]:
        """Return the values of the parameters, by name. Without an agent, those that come from it are left out."""
        values: dict[str, Any] = {}
        for name, source in injection.sources.items():
            match source:
                case BaseContext():
                    values[name] = source
                    self._values.append(source)
                case _Provider():
                    values[name] = yield from self._call_provider(source)
                case _AgentAttribute() if self._agent is not None:
                    values[name] = getattr(self._agent, source.name)
                case _Chat() if self._agent is not None:
                    values[name] = make_chat_context(self._agent, self._message)
        return values

    def _call_provider(self, provider: _Provider) -> Steps[object]:
        key = id(provider.function)
        if key not in self._provided:
            arguments = yield from self.resolve(provider.injection)
            sync_function, async_function = self._prepare(provider.function)
            self._provided[key] = yield Call(sync_function, async_function, (), arguments)
            self._values.append(self._provided[key])
        return self._provided[key]

    def hide_values(self, text: str) -> str:
        """Return a text in which the texts that were filled in are masked, for the model and for logs."""
        texts = {secret for value in self._values for secret in _find_texts(value)}
        # The longest first: a shorter one may be a part of it.
        for secret in sorted(texts, key=len, reverse=True):
            if len(secret) >= _MIN_HIDDEN_LENGTH:
                text = text.replace(secret, MASK)
        return text


def _find_texts(value: object) -> Iterator[str]:
    """Yield a text, or the texts in the fields of a context."""
    if isinstance(value, str):
        yield value
    elif callable(reveal := getattr(value, "get_secret_value", None)):
        yield from _find_texts(reveal())
    elif isinstance(value, BaseContext):
        names = {name for kind in type(value).__mro__ for name in vars(kind).get("__slots__", ())}
        for name in (*names, *getattr(value, "__dict__", ())):
            yield from _find_texts(getattr(value, name, None))


def wrap_injected(function: F, injection: Injection, agent: Any = None) -> F:
    """Wrap a function so that its parameters are filled in, whoever calls it.

    Args:
        function: The function; for async functions the wrapper is async, too.
        injection: Its parameters that are filled in.
        agent: The agent that some of the values come from. Without one, the caller may give these.
    """
    signature = get_signature(function)
    visible = without_parameters(signature, injection.names)
    from_agent = {name for name, source in injection.sources.items() if not isinstance(source, (BaseContext, _Provider))}

    def bind(args: tuple[object, ...], kwargs: Mapping[str, object]) -> Steps[tuple[tuple[object, ...], dict[str, object]]]:
        values = {name: value for name, value in kwargs.items() if name in from_agent and agent is None}
        values.update((yield from Resolution(agent).resolve(injection)))
        named = {name: value for name, value in kwargs.items() if name not in injection.names}
        # Without positional arguments, parameters may be named that Python takes by position only.
        if not args:
            return (), {**named, **values}
        bound = inspect.BoundArguments(signature, cast("Any", {**visible.bind(*args, **named).arguments, **values}))
        return bound.args, bound.kwargs

    @functools.wraps(function)
    async def call_async(*args: object, **kwargs: object) -> object:
        positional, named = await run_async(bind(args, kwargs))
        return await function(*positional, **named)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        positional, named = run_sync(bind(args, kwargs))
        return function(*positional, **named)

    wrapper = call_async if is_coroutine_function(function) else call
    attributes = {"__signature__": visible, "_wrapping": _Wrapping(wrapper, function, injection)}
    vars(wrapper).update(attributes)
    return cast("F", wrapper)


@dataclass(frozen=True, eq=False)
class _Wrapping:
    """Attribute of a wrapper: its parts. It names the wrapper, because `functools.wraps` copies attributes."""

    wrapper: Callable[..., Any]
    function: Callable[..., Any]
    injection: Injection


def unwrap_injected(function: Callable[..., Any]) -> tuple[Callable[..., Any], Injection]:
    """Return the function for a caller that fills in its parameters itself, and these parameters."""
    wrapping: _Wrapping | None = getattr(function, "_wrapping", None)
    if wrapping is not None and wrapping.wrapper is function:
        return wrapping.function, wrapping.injection
    return function, get_injection(function)
