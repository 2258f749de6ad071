"""`autogen bench`: benchmarks that are run, resumed, reported and compared."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...bench._inspect_log import render_inspect_log
from ...bench._records import write_text
from ...bench.cases import Limits
from ...bench.evaluation import evaluate
from ...bench.readers import read_suite
from ...bench.report import Report, compare, read_report
from ...bench.suites import SUITES, Suite, load_suite
from ..choice import choose_model

_WRITERS = {".csv": Report.to_csv, ".htm": Report.to_html, ".html": Report.to_html, ".json": Report.to_json}
_ASSISTANT = "autogen.bench.systems:run_assistant"


@dataclass(frozen=True)
class BenchOptions:
    """Options of `autogen bench run`; see there."""

    suite: str
    system: str | None
    config: str | None
    model: str | None
    out: Path
    repeats: int
    jobs: int
    isolation: str
    limits: Limits
    max_cost: float | None
    sample: int | None
    seed: int
    retry_errors: bool
    replay: Path | None
    legacy: bool
    file_format: str | None


def run_bench(options: BenchOptions) -> int:
    """Run a benchmark, or what is left of it, and print the report. The exit code is 0, whatever passed."""
    suite = _find_suite(options)
    if options.sample is not None:
        suite = _cut_suite(suite, options.sample)
    system = options.system or suite.system or _ASSISTANT
    config = _choose_config(options, system)
    if options.isolation in ("none", "process"):
        print(
            "Programs that models write are not isolated; --isolation sandbox or docker protects this machine.",
            file=sys.stderr,
        )
    report = evaluate(
        suite,
        system,
        repeats=options.repeats,
        jobs=options.jobs,
        isolation=options.isolation,
        limits=options.limits,
        max_cost=options.max_cost,
        llm_config=config,
        out=options.out,
        seed=options.seed,
        retry_errors=options.retry_errors,
        replay=options.replay,
    )
    print(report.to_markdown())
    print(f"The results are in {options.out}. A page: autogen bench report {options.out} --out report.html", file=sys.stderr)
    return 0


def _find_suite(options: BenchOptions) -> Suite:
    if options.legacy and options.file_format:
        raise ValueError("--legacy is a format of its own: leave --format out.")
    file_format = "autogenbench" if options.legacy else options.file_format
    return read_suite(options.suite, file_format) if file_format else load_suite(options.suite)


def _cut_suite(suite: Suite, sample: int) -> Suite:
    """Return a suite with some of its cases, spread evenly over it: the same in each run."""
    # The first cases of a file are often of a kind.
    step = max(1.0, len(suite.cases) / sample)
    cases = [suite.cases[int(index * step)] for index in range(min(sample, len(suite.cases)))]
    return Suite(suite.name, cases, suite.scorers, suite.limits, suite.system, suite.description)


def _choose_config(options: BenchOptions, system: Any) -> dict[str, Any] | None:
    # A system of the user's may have models of its own.
    if not options.legacy and system != _ASSISTANT and options.config is None and options.model is None:
        return None
    choice = choose_model(options.config, options.model)
    print(f"Model: {choice.label}", file=sys.stderr)
    return {"config_list": choice.config_list, "cache_seed": None}


def show_suites() -> int:
    """Print the suites in the box."""
    for name, description in SUITES.items():
        print(f"{name:10} {description}")
    return 0


def show_report(folder: Path, out: Path | None, force: bool, export: str | None) -> int:
    """Print the report of a folder of results, or write it to a file in the form of its ending, or of another program."""
    if export is not None and out is None:
        raise ValueError(f"--export {export} needs --out FILE.")
    if out is None:
        print(read_report(folder).to_markdown())
        return 0
    # A report may have been edited.
    if out.exists() and not force:
        raise ValueError(f"{out} exists: --force overwrites it.")
    if export is not None:
        write_text(out, render_inspect_log(folder))
    else:
        write_text(out, _WRITERS.get(out.suffix.lower(), Report.to_markdown)(read_report(folder)))
    print(f"{out} is written.")
    return 0


def show_comparison(first: Path, second: Path) -> int:
    """Print the comparison of two folders of results."""
    print(compare(read_report(first), read_report(second)).to_markdown())
    return 0
