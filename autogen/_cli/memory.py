"""`autogen memory`: the memories of agents, listed, searched, corrected, moved."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..embeddings import get_embedder
from ..memory import Memo, MemoStore, repair_store
from ..memory._memo_file import FILE
from ..retrieval import IndexFileError


def run_command(command: Callable[[], int]) -> int:
    """Run a command, and return its exit code. Errors of the store are printed without a traceback."""
    try:
        return command()
    except (IndexFileError, KeyError, ValueError, OSError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 1


def list_memories(path: Path, namespace: str) -> int:
    """Print all memories of a namespace."""
    store = _open(path, namespace)
    memos = store.get_all()
    _print_table(memos)
    if not memos and (others := [name for name in store.list_namespaces() if name != namespace]):
        print(f"There are memories in other namespaces: {', '.join(others)}.", file=sys.stderr)
    return 0


def search_memories(path: Path, text: str, namespace: str, limit: int) -> int:
    """Print the memories for a text. The exit code is 1 if there are none."""
    memos = _open(path, namespace, by_meaning=True).search(text, limit)
    _print_table(memos)
    return 0 if memos else 1


def edit_memory(path: Path, number: int, question: str | None, answer: str | None, namespace: str) -> int:
    """Change a memory."""
    if question is None and answer is None:
        raise ValueError("Nothing is changed: use --input or --output.")
    _print_table([_open(path, namespace).update(number, input_text=question, output_text=answer)])
    return 0


def remove_memories(path: Path, numbers: Sequence[int], namespace: str) -> int:
    """Delete memories. The exit code is 1 if one of them does not exist."""
    count = _open(path, namespace).delete(*numbers)
    print(f"{count} of {len(set(numbers))} deleted.")
    return 0 if count == len(set(numbers)) else 1


def export_memories(path: Path, target: Path | None, namespace: str) -> int:
    """Write memories as JSON lines."""
    target = target or Path("memories.jsonl")
    print(f"{_open(path).export(target, namespace=namespace)} memories are in {target}.")
    return 0


def import_memories(path: Path, source: Path, namespace: str | None) -> int:
    """Add the memories of an export."""
    store = MemoStore(path_to_db_dir=_get_folder(path), embedding_function=False)
    print(f"{store.import_(source, namespace=namespace)} memories are new.")
    return 0


def repair_memories(path: Path) -> int:
    """Put what can be read of a damaged store into a new one."""
    count, damaged = repair_store(_get_folder(path))
    print(f"{count} memories could be read. The damaged file is {damaged}.")
    return 0


def _get_folder(path: Path) -> Path:
    return path.parent if path.name == FILE else path


def _open(path: Path, namespace: str = "", *, by_meaning: bool = False) -> MemoStore:
    """Open an existing store. Vectors are made by the offline model only, and only for a store that has its vectors."""
    folder = _get_folder(path)
    if not (folder / FILE).is_file():
        raise ValueError(f"There are no memories in {folder}: it has no {FILE}.")
    store = MemoStore(path_to_db_dir=folder, embedding_function=False, namespace=namespace)
    recorded = store.recorded_embedder if by_meaning else None
    if recorded is not None and recorded.startswith("local:"):
        try:
            embedder = get_embedder("local")
        except ImportError:
            return store
        if embedder.identity == recorded:
            return MemoStore(path_to_db_dir=folder, embedding_function=embedder, namespace=namespace)
    return store


def _print_table(memos: Sequence[Memo]) -> None:
    table = Table("Id", "Date", "Said by", Column("Input", overflow="fold"), Column("Output", overflow="fold"), box=None)
    for memo in memos:
        date = f"{memo.updated:%Y-%m-%d}"
        # As text: memories may contain anything, also the markup of the table.
        table.add_row(str(memo.id), date, Text(memo.said_by), Text(memo.input), Text(memo.output))
    Console().print(table)
