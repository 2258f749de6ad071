"""`autogen assistants`: the records of assistants on this machine."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Column, Table

from ..oai._legacy.assistant_store import AssistantStore


def show_assistants() -> None:
    """Print the assistants of the store."""
    records = AssistantStore().list()
    if not records:
        typer.echo("There are no assistants.")
        return
    table = Table("Id", "Name", Column("Instructions", overflow="ellipsis", no_wrap=True), box=None, header_style="bold")
    for record in records:
        table.add_row(str(record.id), str(record.name or ""), " ".join(str(record.instructions or "").split()))
    Console().print(table)


def import_assistants(file: Path) -> int:
    """Add the assistants of a file to the store, and return the exit code."""
    store = AssistantStore()
    try:
        records = store.import_file(file)
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        return 1
    for record in records:
        typer.echo(f"{record.id} {record.name or ''}".rstrip())
    typer.echo(f"{len(records)} imported into {store.path}.")
    return 0
