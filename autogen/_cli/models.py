"""`autogen models`: models that run on this machine."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column, Table

from ..oai._local import weights

ASKS_FROM = 300_000_000
"""Size in bytes from which a download is confirmed first."""


def show_models() -> None:
    """Print the catalogue, with the paths of the models that are installed."""
    table = Table("Model", "Size", "Memory", "Licence", Column("Where", overflow="fold"), box=None, header_style="bold")
    for model in weights.ALL_MODELS.values():
        path = str(weights.get_weights_path(model))
        if not model.is_installed:
            path = f"not here: autogen models pull {model.name}"
        memory = f"{model.memory / 1e9:.1f} GB" if model.memory else ""
        table.add_row(model.name, f"{model.size / 1e6:.0f} MB", memory, model.licence, path)
    Console().print(table)


def is_large(name: str) -> bool:
    """Return True if the download of a model should be confirmed: it is large, and not there yet."""
    model = weights.ALL_MODELS.get(name)
    return model is not None and not model.is_installed and model.size >= ASKS_FROM


def pull_with_progress(name: str) -> Path:
    """Download the weights of a model with a progress bar, and return their path."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn(f"Pulling {name}"), *columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(name, total=None)
        return weights.pull(name, lambda done, total: progress.update(bar, completed=done, total=total))
