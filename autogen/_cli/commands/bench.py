"""The commands of `autogen bench` and their arguments."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from .options import ConfigOption, complete_model

bench_app = typer.Typer(help="Benchmarks: run, resumed, reported and compared.", no_args_is_help=True)


class Export(str, enum.Enum):
    """A program whose logs `autogen bench report` can write."""

    inspect = "inspect"


@bench_app.command("list")
def list_suites_command() -> None:
    """Show the suites in the box."""
    from ..bench.commands import show_suites

    raise typer.Exit(show_suites())


@bench_app.command("run")
def run_bench_command(
    suite: Annotated[str, typer.Argument(help="A suite in the box, a folder, or a file of tasks.", metavar="SUITE")],
    system: Annotated[
        Optional[str],
        typer.Option(help="The system under test: module:function or file.py:function. By default that of the suite."),
    ] = None,
    config: ConfigOption = None,
    model: Annotated[
        Optional[str], typer.Option(help="A model, as for autogen chat.", autocompletion=complete_model)
    ] = None,
    out: Annotated[
        Path, typer.Option(help="The folder of results. What has a result there is not run again.", metavar="FOLDER")
    ] = Path("bench-results"),
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each task.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at the same time.")] = 1,
    isolation: Annotated[
        str,
        typer.Option(
            help="none, process for each run; sandbox, docker or docker:IMAGE for programs of models, too.", metavar="KIND"
        ),
    ] = "process",
    seconds: Annotated[Optional[float], typer.Option(help="The time limit of a run.")] = None,
    cost: Annotated[Optional[float], typer.Option(help="The cost limit of a run in USD.")] = None,
    tokens: Annotated[Optional[int], typer.Option(help="The token limit of a run.")] = None,
    turns: Annotated[Optional[int], typer.Option(help="The limit of messages of a run.")] = None,
    max_cost: Annotated[Optional[float], typer.Option(help="The cost in USD after which no run begins.")] = None,
    sample: Annotated[Optional[int], typer.Option(min=1, help="Run so many of the tasks only.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of all runs.")] = 0,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Run those that had an error again.")] = False,
    replay: Annotated[
        Optional[Path],
        typer.Option(help="Take the responses of models from these earlier results: it costs nothing.", metavar="FOLDER"),
    ] = None,
    legacy: Annotated[bool, typer.Option("--legacy", help="SUITE is a task file of AutoGenBench.")] = False,
    file_format: Annotated[
        Optional[str],
        typer.Option("--format", help="The format of a file of tasks: gsm8k, math, gaia, assistantbench.", metavar="NAME"),
    ] = None,
) -> None:
    """Run a benchmark. Stopped or killed, the same command goes on with it."""
    from ...bench.cases import Limits
    from ..bench.commands import BenchOptions, run_bench
    from ..environment import load_env_file

    load_env_file()
    limits = Limits(seconds, cost, tokens, turns)
    settings = (out, repeat, jobs, isolation, limits, max_cost, sample, seed, retry_errors, replay, legacy, file_format)
    raise typer.Exit(run_bench(BenchOptions(suite, system, config, model, *settings)))


@bench_app.command("report")
def show_bench_report_command(
    folder: Annotated[Path, typer.Argument(help="A folder of results.", metavar="FOLDER")],
    out: Annotated[
        Optional[Path], typer.Option(help="Write a file: .html, .csv, .json, or Markdown.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    export: Annotated[Optional[Export], typer.Option(help="Write FILE as the log of another program.")] = None,
) -> None:
    """Show the report of a benchmark, also while it runs."""
    from ..bench.commands import show_report

    raise typer.Exit(show_report(folder, out, force, export and export.value))


@bench_app.command("compare")
def compare_benches_command(
    first: Annotated[Path, typer.Argument(help="The results of a system.", metavar="FIRST")],
    second: Annotated[Path, typer.Argument(help="The results of another system.", metavar="SECOND")],
) -> None:
    """Compare two systems by the tasks that both have run."""
    from ..bench.commands import show_comparison

    raise typer.Exit(show_comparison(first, second))
