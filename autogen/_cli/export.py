"""`autogen export`: a team of a document as a Python program."""

from __future__ import annotations

import sys
from pathlib import Path

from .._components._program import format_program
from ..specs import load
from ..specs._documents import save_text


def export_program(path: Path, target: Path | None, force: bool) -> int:
    """Write the program of a document into a file, or print it.

    Raises:
        FileExistsError: if the file exists, and is not to be replaced.
        SpecError: if the document has faults, or parts that no plain program makes.
    """
    program = format_program(load(path))
    if target is None:
        sys.stdout.write(program)
        return 0
    if target.exists() and not force:
        raise FileExistsError(f"{target} exists. Use --force to replace it.")
    save_text(program, target)
    print(f"{target} is written. Next: python {target}", file=sys.stderr)
    return 0
