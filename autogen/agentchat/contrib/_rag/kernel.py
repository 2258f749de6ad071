"""Running Python in the kernel of the user's notebook."""

from __future__ import annotations

from typing import Any


def run_in_kernel(shell: Any, code: str) -> tuple[int, str, None]:
    """Run Python in an IPython shell.

    Args:
        shell: The shell.
        code: The code.

    Returns:
        The exit code, the output with the value of the last line or the error, and None.
    """
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        result = shell.run_cell(code)
    error = result.error_before_exec or result.error_in_exec
    parts = [captured.stdout, captured.stderr, "" if result.result is None else str(result.result)]
    parts.append("" if error is None else f"{type(error).__name__}: {error}")
    return int(error is not None), "\n".join(part.rstrip("\n") for part in parts if part.strip()), None
