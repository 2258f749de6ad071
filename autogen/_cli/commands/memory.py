"""The commands of `autogen memory` and their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

memory_app = typer.Typer(help="The memories of agents: listed, searched, corrected, moved.", no_args_is_help=True)

StoreArgument = Annotated[Path, typer.Argument(help="The folder of the memories.", metavar="PATH")]


NamespaceOption = Annotated[str, typer.Option(help="The user or tenant whose memories are meant.")]


@memory_app.command("list")
def list_memories_command(path: StoreArgument, namespace: NamespaceOption = "") -> None:
    """Show all memories."""
    from ..memory import list_memories, run_command

    raise typer.Exit(run_command(lambda: list_memories(path, namespace)))


@memory_app.command("search")
def search_memories_command(
    path: StoreArgument,
    text: Annotated[str, typer.Argument(help="A question, or words.", metavar="TEXT")],
    namespace: NamespaceOption = "",
    limit: Annotated[int, typer.Option(help="The maximum number of memories.", min=1)] = 10,
) -> None:
    """Show the memories for a text. The exit code is 1 if there are none."""
    from ..memory import run_command, search_memories

    raise typer.Exit(run_command(lambda: search_memories(path, text, namespace, limit)))


@memory_app.command("edit")
def edit_memory_command(
    path: StoreArgument,
    number: Annotated[int, typer.Argument(help="The id of the memory.", metavar="ID")],
    question: Annotated[Optional[str], typer.Option("--input", help="The new question or task.")] = None,
    answer: Annotated[Optional[str], typer.Option("--output", help="The new information or advice.")] = None,
    namespace: NamespaceOption = "",
) -> None:
    """Change a memory."""
    from ..memory import edit_memory, run_command

    raise typer.Exit(run_command(lambda: edit_memory(path, number, question, answer, namespace)))


@memory_app.command("rm")
def remove_memories_command(
    path: StoreArgument,
    numbers: Annotated[list[int], typer.Argument(help="The ids of the memories.", metavar="ID...")],
    namespace: NamespaceOption = "",
) -> None:
    """Delete memories. The exit code is 1 if one of them does not exist."""
    from ..memory import remove_memories, run_command

    raise typer.Exit(run_command(lambda: remove_memories(path, numbers, namespace)))


@memory_app.command("export")
def export_memories_command(
    path: StoreArgument,
    file: Annotated[Optional[Path], typer.Argument(help="The new file; by default memories.jsonl.", metavar="FILE")] = None,
    namespace: Annotated[str, typer.Option(help="The user or tenant whose memories are meant; * for all.")] = "*",
) -> None:
    """Write memories to a file of JSON lines."""
    from ..memory import export_memories, run_command

    raise typer.Exit(run_command(lambda: export_memories(path, file, namespace)))


@memory_app.command("import")
def import_memories_command(
    path: StoreArgument,
    file: Annotated[Path, typer.Argument(help="The file of JSON lines.", metavar="FILE")],
    namespace: Annotated[Optional[str], typer.Option(help="The user or tenant that gets them.")] = None,
) -> None:
    """Add the memories of a file, all or none of them."""
    from ..memory import import_memories, run_command

    raise typer.Exit(run_command(lambda: import_memories(path, file, namespace)))


@memory_app.command("repair")
def repair_memories_command(path: StoreArgument) -> None:
    """Move a damaged store away, and put what can be read into a new one."""
    from ..memory import repair_memories, run_command

    raise typer.Exit(run_command(lambda: repair_memories(path)))
