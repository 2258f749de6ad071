"""Running Python in the kernel of the user's notebook."""

from __future__ import annotations

from typing import Any


def run_in_kernel(shell: Any, code: str) -> tuple[int, str, None]:
    """Run Python in an IPython shell.

    Args:
        shell: The shell.
        code: The code.

    Returns:
        The exit code, the output as the shell shows it, and None.
    """
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        result = shell.run_cell(code)
    error = result.error_before_exec or result.error_in_exec
    # The shell shows the value of the last line, and the traceback of an error, itself.
    output = "\n".join(part.rstrip("\n") for part in (captured.stdout, captured.stderr) if part.strip())
    return int(error is not None), output, None
