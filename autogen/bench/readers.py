"""Readers of public benchmarks from files that the user has. Nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from .._mistakes import suggest
from ._scenarios import PASSED, SECONDS
from .cases import Case, Limits, make_cases
from .suites import Suite

__all__ = ["FORMATS", "read_assistantbench", "read_autogenbench", "read_gaia", "read_gsm8k", "read_math", "read_suite"]

_FINAL_ANSWER = (
    "{question}\n\nEnd with a line of the form\nFINAL ANSWER: [answer]\nin which the answer is a number, as few words as "
    "possible, or a list of these, separated by commas. Write no units and no separators of thousands unless asked to."
)
_BOXED = "{problem}\n\nSolve this step by step, and give the result at the end in the form \\boxed{{answer}}."
_NUMBER = "{question}\n\nSolve this step by step, and give the result at the end as a number alone."


def read_gsm8k(path: Path | str) -> Suite:
    """Read problems of GSM8K: JSON lines with `question`, and `answer`, whose last line is `#### 42`.

    Raises:
        OSError: if the file can't be read.
        ValueError: if a line is not such a problem.
    """
    cases = []
    for number, row in _read_rows(Path(path), "question", "answer"):
        solution, mark, result = row["answer"].rpartition("####")
        # Targets have separators of thousands.
        target = result.strip().replace(",", "")
        if not mark or not _is_number(target):
            raise ValueError(
                f"{path}, line {number}: the answer must end with #### and a number, got {row['answer']!r:.80}."
            )
        prompt = _NUMBER.format(question=row["question"].strip())
        cases.append(Case(f"gsm8k-{number}", prompt, float(target), metadata={"steps": len(solution.splitlines())}))
    return Suite("gsm8k", make_cases(cases, str(path)), ("number",))


def read_math(path: Path | str) -> Suite:
    r"""Read problems of MATH: JSON lines, or a folder of JSON files, with `problem` and `solution`, whose `\boxed{}` counts.

    Raises:
        OSError: if a file can't be read.
        ValueError: if one is not such a problem.
    """
    source = Path(path)
    rows = _read_tree(source) if source.is_dir() else ((str(number), row) for number, row in _read_rows(source))
    cases = []
    for name, row in rows:
        _check_texts(row, ("problem", "solution"), f"{path}, {name}")
        metadata: dict[str, Any] = {key: row[key] for key in ("level", "type", "subject") if key in row}
        case_id = str(row.get("unique_id") or f"math-{name}")
        cases.append(Case(case_id, _BOXED.format(problem=row["problem"]), row["solution"], metadata=metadata))
    return Suite("math", make_cases(cases, str(path)), ("math",))


def read_gaia(path: Path | str) -> Suite:
    """Read questions of GAIA: `metadata.jsonl`, or the folder that has it and the files that questions come with.

    Questions without a known answer, such as those of its test set, are an error: nothing could be scored.

    Raises:
        OSError: if a file can't be read.
        ValueError: if a line is not such a question, or its file is missing.
    """
    source = Path(path)
    source = source / "metadata.jsonl" if source.is_dir() else source
    cases = []
    for number, row in _read_rows(source, "task_id", "Question", "Final answer"):
        if row["Final answer"] in ("", "?"):
            raise ValueError(f"{source}, line {number}: the question {row['task_id']!r} has no answer to compare with.")
        files: dict[str, str | Path] = {}
        question = row["Question"]
        if name := row.get("file_name"):
            # Only files beside the questions, whatever path a line has.
            attachment = source.parent / Path(name).name
            if not attachment.is_file():
                raise ValueError(f"{source}, line {number}: the file {name!r} of the question must be beside it.")
            files = {attachment.name: attachment}
            question = f"{question}\n\nThe file of this question is {attachment.name}, in the work directory."
        prompt = _FINAL_ANSWER.format(question=question)
        cases.append(Case(row["task_id"], prompt, row["Final answer"], files, {"level": row.get("Level")}))
    return Suite("gaia", make_cases(cases, str(source)), ("gaia",))


def read_assistantbench(path: Path | str) -> Suite:
    """Read tasks of AssistantBench: JSON lines with `id`, `task` and `answer`.

    Raises:
        OSError: if the file can't be read.
        ValueError: if a line is not such a task.
    """
    cases = []
    for _, row in _read_rows(Path(path), "id", "task", "answer"):
        prompt = _FINAL_ANSWER.format(question=row["task"])
        cases.append(Case(row["id"], prompt, row["answer"], metadata={"difficulty": row.get("difficulty")}))
    return Suite("assistantbench", make_cases(cases, str(path)), ("assistantbench",))


def read_autogenbench(path: Path | str) -> Suite:
    """Read a task file of AutoGenBench: JSON lines with `id`, `template` and `substitutions`, beside its templates.

    A template is a file, which becomes `scenario.py`; a folder; or a list of files, folders, and pairs of source and
    destination. Its programs run unchanged, in a process of their own (`isolation="process"`).

    Raises:
        OSError: if a file can't be read.
        ValueError: if a line is not such a task, or a template is missing.
    """
    source = Path(path)
    cases = []
    for number, row in _read_rows(source, "id"):
        origin = f"{source}, line {number}"
        files = _list_template(source.parent, row.get("template"), origin)
        for name, texts in _list_substitutions(row, origin).items():
            if name not in files:
                raise ValueError(f"{origin}: there is no file {name!r} in the template to substitute in.")
            content = Path(files[name]).read_text(encoding="utf-8")
            # In the order of the file, as its author saw it: a text may hold the next placeholder.
            for placeholder, text in texts.items():
                content = content.replace(placeholder, str(text))
            files[name] = content
        if "scenario.py" not in files:
            raise ValueError(f"{origin}: the template has no scenario.py.")
        cases.append(Case(row["id"], "", PASSED, files))
    return Suite(
        source.stem,
        make_cases(cases, str(path)),
        ("exact",),
        Limits(seconds=SECONDS),
        "autogen.bench._scenarios:run_scenario",
    )


def _list_template(folder: Path, template: object, origin: str) -> dict[str, str | Path]:
    items = [[template, "scenario.py" if (folder / template).is_file() else ""]] if isinstance(template, str) else template
    if not isinstance(items, list):
        raise ValueError(f"{origin}: the template must be a path or a list of paths, got {template!r:.80}.")
    files: dict[str, str | Path] = {}
    for item in items:
        pair = [item, ""] if isinstance(item, str) else item
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise ValueError(f"{origin}: an item of the template must be a path or a pair of paths, got {item!r:.80}.")
        start = folder / pair[0]
        if start.is_dir():
            files |= {_join(pair[1], file.relative_to(start)): file for file in start.rglob("*") if file.is_file()}
        elif start.is_file():
            files[_join(pair[1]) if pair[1] else start.name] = start
        else:
            raise ValueError(f"{origin}: there is no template {pair[0]!r} in {folder}.")
    return files


def _join(destination: str, path: Path = Path()) -> str:
    return (PurePosixPath(destination) / path.as_posix()).as_posix()


def _list_substitutions(row: Mapping[str, Any], origin: str) -> dict[str, dict[str, Any]]:
    values = row.get("substitutions", row.get("values")) or {}
    # Old task files have placeholders of the scenario alone.
    if isinstance(values, dict) and values and not any(isinstance(value, dict) for value in values.values()):
        values = {"scenario.py": values}
    if not isinstance(values, dict) or not all(isinstance(value, dict) for value in values.values()):
        raise ValueError(f"{origin}: the substitutions must be an object of objects, got {values!r:.80}.")
    return values


FORMATS: dict[str, Callable[[Path], Suite]] = {
    "assistantbench": read_assistantbench,
    "autogenbench": read_autogenbench,
    "gaia": read_gaia,
    "gsm8k": read_gsm8k,
    "math": read_math,
}
"""The readers by the names of their formats."""


def read_suite(path: Path | str, file_format: str) -> Suite:
    """Read a public benchmark.

    Args:
        path: The user's file or folder.
        file_format: Name of a format; see `FORMATS`.

    Raises:
        OSError: if a file can't be read.
        ValueError: if there is no such format, or a file is not in it.
    """
    if file_format not in FORMATS:
        hint = suggest(str(file_format), FORMATS)
        raise ValueError(f"The format of tasks must be one of {', '.join(FORMATS)}, got {file_format!r}.{hint}")
    return FORMATS[file_format](Path(path))


def _read_rows(path: Path, *names: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each line.

    Args:
        path: File of JSON lines. Empty lines are skipped.
        *names: Keys that must have texts.
    """
    # Not by `splitlines`, which splits at characters that JSON has in texts.
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            row = _parse_object(line, f"{path}, line {number}")
            _check_texts(row, names, f"{path}, line {number}")
            yield number, row


def _read_tree(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.json")):
        yield path.relative_to(folder).with_suffix("").as_posix(), _parse_object(path.read_text("utf-8"), str(path))


def _parse_object(text: str, origin: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{origin} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{origin} must be an object, got {text!r:.80}.")
    return row


def _check_texts(row: Mapping[str, Any], names: tuple[str, ...], origin: str) -> None:
    for name in names:
        if not isinstance(row.get(name), str):
            raise ValueError(f"{origin}: {name!r} must be a text, got {row.get(name)!r:.80}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
