"""The function that AG2's events print with. `autogen.io` sets it to that of the current stream."""

from collections.abc import Callable

_print: Callable[..., object] = print


def print_objects(*objects: object, **kwargs: object) -> None:
    """Print to the current stream, as the built-in `print` does."""
    _print(*objects, **kwargs)


def set_print(function: Callable[..., object]) -> None:
    """Set the function that prints to the current stream."""
    global _print
    _print = function
