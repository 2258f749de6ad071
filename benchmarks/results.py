"""Reports of the results: a table in the terminal, JSON, a plot, and the page `RESULTS.md`."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .kit import Row

HERE = Path(__file__).parent
MARKS = {True: "met", False: "missed", None: ""}


def describe_machine() -> dict[str, Any]:
    """Describe the machine and its load."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    load = [round(average, 1) for average in os.getloadavg()] if hasattr(os, "getloadavg") else []
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "load": load,
    }


def format_figure(value: float | None, unit: str = "") -> str:
    """Format a number with the digits that matter."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{text} {unit}".rstrip()


def format_ratio(row: Row, other: float | None) -> str:
    """Format our figure as a multiple of another."""
    return "" if not other else f"{row.ours / other:.2f}" if row.ours / other < 100 else f"{row.ours / other:,.0f}"


def format_table(rows: list[Row]) -> str:
    """Format the rows for a terminal."""
    from rich.console import Console
    from rich.table import Table

    shown = Table("what", box=None, pad_edge=False)
    for head in ("autogen", "floor", "x floor", "classic", "x classic", "goal"):
        shown.add_column(head, justify="right" if head != "goal" else "left")
    for row in rows:
        shown.add_row(
            row.what.replace("[", r"\["),
            format_figure(row.ours, row.unit),
            format_figure(row.floor, row.unit),
            format_ratio(row, row.floor),
            format_figure(row.peer, row.unit),
            format_ratio(row, row.peer),
            f"{MARKS[row.met]}{': ' if row.goal else ''}{row.goal or ''}",
        )
    console = Console(width=200)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def format_page(rows: list[Row], context: dict[str, Any]) -> str:
    """Return the text of `RESULTS.md`."""
    head = "| what | autogen | floor | x floor | classic | x classic | goal | |\n|---|--:|--:|--:|--:|--:|---|---|"
    lines = [
        f"| {row.what} | {format_figure(row.ours, row.unit)} | {format_figure(row.floor, row.unit)} "
        f"| {format_ratio(row, row.floor)} | {format_figure(row.peer, row.unit)} | {format_ratio(row, row.peer)} "
        f"| {row.goal or ''} | {MARKS[row.met]} |"
        for row in rows
    ]
    limits = [f"| {row.what} | {row.floor_is or '-'} | {row.limit} |" for row in rows]
    machine, server = context["machine"], context["server"]
    versions = "; ".join(
        f"{name}: {', '.join(f'{package} {number}' for package, number in packages.items())}"
        for name, packages in context["versions"].items()
    )
    return TEXT.format(
        table="\n".join([head, *lines]),
        limits="\n".join(["| what | the floor | what limits it |\n|---|---|---|", *limits]),
        versions=versions,
        rate=server["requests_a_second"],
        trip=server["round_trip"] * 1e6,
        rounds=context["rounds"],
        **machine,
    )


TEXT = """# What it costs

Written by `python -m benchmarks --write`: one run, all contenders in turns. Every figure is the median of its samples, each
taken in a process of its own (scripted turns and group rounds: the processor's time; events: the best). "Floor" is the same
without the framework; "classic" is `autogen-agentchat==0.2.40`, installed from the package index into an environment of its
own. "x" is our figure divided by theirs: less is better. The samples are in `results.json`.

- Machine: {processor}, {cores} cores, {system}; Python {python}; {date}; load when the run began: {load}.
- Versions: {versions}.
- Loopback server, a process of its own: {rate:,.0f} requests a second in bulk, {trip:.0f} us a round trip. Rounds: {rounds}.

{table}

![Our figures beside the floor and AutoGen classic](results.svg)

## What limits each figure

{limits}
"""


def draw_plot(rows: list[Row], path: Path) -> None:
    """Draw the floor and classic as multiples of our figure.

    Raises:
        ImportError: if matplotlib is not installed; the extra `graph` has it.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "autogen", "svg.fonttype": "none"})
    from matplotlib import pyplot

    shown = [row for row in rows if row.floor or row.peer][::-1]
    chart, axes = pyplot.subplots(figsize=(10, 0.45 * len(shown) + 1.2))
    for height, row in enumerate(shown):
        axes.plot([1], [height], "o", color="C0", label="autogen" if not height else None)
        for other, colour in ((row.floor, "C2"), (row.peer, "C3")):
            if other:
                axes.plot([other / row.ours], [height], "s", color=colour)
    for colour, name, mark in (("C2", "floor", "s"), ("C3", "AutoGen classic 0.2.40", "s")):
        axes.plot([], [], mark, color=colour, label=name)
    axes.set_xscale("log")
    axes.axvline(1, color="0.8", zorder=0)
    axes.set_yticks(
        range(len(shown)), [f"{row.what.replace('`', '')}: {format_figure(row.ours, row.unit)}" for row in shown]
    )
    axes.set_xlabel("times our figure (to the right: slower, or larger)")
    axes.legend(loc="lower right", fontsize="small")
    chart.tight_layout()
    chart.savefig(path, metadata={"Date": None})


def save(rows: list[Row], context: dict[str, Any], path: Path) -> None:
    """Write all results as JSON."""
    path.write_text(json.dumps({**context, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
