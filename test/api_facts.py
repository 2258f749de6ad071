"""Facts about a public API: signatures in text, compared with the real functions."""

import ast
import inspect

NOT_A_DEFAULT = object()


def parameters(signature: str):
    """The parameters of a signature in text: name, kind, and default where it is a literal."""
    text = signature.removeprefix("async ").split(") @")[0]
    text = text if text.endswith(")") else text + ")"
    arguments = ast.parse(f"def f{text.replace('<text>', '_').replace('<expr>', '_')}: pass").body[0].args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in zip(plain, defaults, strict=True):
        yield argument.arg, "plain", default
    if arguments.vararg:
        yield arguments.vararg.arg, "*", None
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument.arg, "keyword", default
    if arguments.kwarg:
        yield arguments.kwarg.arg, "**", None


def kind_of(parameter: inspect.Parameter) -> str:
    kinds = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**", parameter.KEYWORD_ONLY: "keyword"}
    return kinds.get(parameter.kind, "plain")


def check_signature(where: str, signature: str, real, others: bool = True) -> None:
    """The real function takes what the signature says, in its order, with its defaults; it may take more.

    With `others`, it also takes any other arguments where the signature does.
    """
    if "@property" in signature:
        assert isinstance(real, property), where
        return
    function = inspect.unwrap(getattr(real, "__func__", real))
    # The function of an async context manager is an async generator.
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    assert is_async is signature.startswith("async "), where
    given = list(inspect.signature(function).parameters.values())
    wanted = [item for item in parameters(signature) if others or item[1] not in ("*", "**")]
    plain = [(p.name, kind_of(p)) for p in given if kind_of(p) == "plain"]
    assert plain[: len([w for w in wanted if w[1] == "plain"])] == [(n, k) for n, k, _ in wanted if k == "plain"], where
    by_name = {p.name: p for p in given}
    for name, kind, default in wanted:
        assert kind_of(by_name[name]) == kind, f"{where}: {name}"
        value = literal(default)
        if value is not NOT_A_DEFAULT:
            assert by_name[name].default == value, f"{where}: default of {name}"


def literal(node):
    try:
        return NOT_A_DEFAULT if node is None else ast.literal_eval(node)
    except ValueError:
        return NOT_A_DEFAULT


def find_gaps(home, facts: dict) -> set[str]:
    """Return the names in a module that are missing, or whose signatures differ from the facts."""
    gaps = set()
    for name, what in facts.items():
        if name in ("__all__", "constants"):
            gaps |= {part for part in what if not hasattr(home, part)}
            continue
        name = name.removeprefix("class ")
        if not hasattr(home, name):
            gaps.add(name)
        elif isinstance(what, str):
            gaps |= {name} if differs(name, what, getattr(home, name)) else set()
        else:
            gaps |= {f"{name}.{part}" for part in find_gaps_of_class(getattr(home, name), what)}
    return gaps


def find_gaps_of_class(kind: type, what: dict) -> set[str]:
    """Return the methods and fields that are missing, or whose signatures differ from the facts."""
    known = list_attributes(kind)
    gaps = {field.partition("=")[0] for field in what.get("fields", ())} - known
    for method, signature in what.get("methods", {}).items():
        real = inspect.getattr_static(kind, method, None)
        # a method of a built-in type has no signature in all versions of Python
        is_data = inspect.ismethoddescriptor(real) or ("@property" in signature and not callable(real))
        if method not in known if is_data else differs(method, signature, real):
            gaps.add(method)
    return gaps


def list_attributes(kind: type) -> set[str]:
    """Return the attributes of a class and its objects: those that it declares, and the arguments of its constructor."""
    names = {*dir(kind), *getattr(kind, "__dataclass_fields__", ()), *getattr(kind, "model_fields", ())}
    names |= {name for base in kind.__mro__ for name in getattr(base, "__annotations__", ())}
    names |= set(inspect.signature(kind.__init__).parameters)
    # an event has the fields of its content
    if {"type", "content"} == set(getattr(kind, "model_fields", ())):
        names |= list_attributes(kind.model_fields["content"].annotation)
    return names


def differs(where: str, signature: str, real) -> bool:
    """Return True if a function does not take the parameters of the signature; it may refuse unnamed others."""
    try:
        check_signature(where, signature, real, others=False)
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return True
    return False
