"""Reports of benchmarks, and the paired comparison of two."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ._records import LIMIT_REASONS, Record, read_records, read_settings
from .statistics import bootstrap_interval, compute_pass_at_k, compute_sign_test, wilson_interval

__all__ = ["Comparison", "Report", "compare", "read_report"]

# Below this p-value, a difference is called one.
_SIGNIFICANT = 0.05
_FIELDS = [
    "case",
    "repetition",
    "system",
    "passed",
    "value",
    "stop_reason",
    "error",
    "turns",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "judge_cost",
    "seconds",
]


@dataclass(frozen=True)
class CaseSummary:
    """The runs of a case.

    Attributes:
        id: Id of the case.
        runs: Its records.
        pass_rate: Part of the runs that passed.
        value: Mean of their values.
        input: The task.
    """

    id: str
    runs: Sequence[Record]
    pass_rate: float
    value: float
    input: str = ""


@dataclass(frozen=True)
class Report:
    """The results of a benchmark.

    Attributes:
        suite: Name of the suite.
        system: Name of the system.
        records: Records, in the order of the cases and repetitions.
        cases: Summary of each case that has been run.
        missing: Ids of cases without a run, because the benchmark is not finished or its money was spent.
    """

    suite: str
    system: str
    records: Sequence[Record]
    cases: Sequence[CaseSummary]
    missing: Sequence[str]

    @classmethod
    def make(cls, suite: str, system: str, inputs: Mapping[str, str], records: Sequence[Record]) -> Report:
        """Make a report.

        Args:
            suite: Name of the suite.
            system: Name of the system.
            inputs: For the id of each case, in order, its task.
            records: Records; of two for the same run the later counts.
        """
        # A run that was repeated after an error has two.
        latest = {record.key: record for record in records}
        groups: dict[str, list[Record]] = {case_id: [] for case_id in inputs}
        for record in sorted(latest.values(), key=lambda record: record.repetition):
            groups.setdefault(record.case, []).append(record)
        cases = [
            CaseSummary(
                case_id,
                runs,
                pass_rate=fmean(run.passed for run in runs),
                value=fmean(run.value for run in runs),
                input=inputs.get(case_id, ""),
            )
            for case_id, runs in groups.items()
            if runs
        ]
        ordered = [record for case in cases for record in case.runs]
        return cls(suite, system, ordered, cases, [case_id for case_id, runs in groups.items() if not runs])

    @property
    def pass_rate(self) -> float:
        """Mean over the cases of the part of their runs that passed; 0 without runs."""
        return fmean(case.pass_rate for case in self.cases) if self.cases else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the pass rate (95%). Repetitions of a case are not independent: the cases are counted."""
        return wilson_interval(self.pass_rate, len(self.cases))

    @property
    def value(self) -> float:
        """Mean over the cases of the scorers' values; 0 without runs."""
        return fmean(case.value for case in self.cases) if self.cases else 0.0

    @property
    def value_interval(self) -> tuple[float, float]:
        """Bootstrap interval of the mean value (95%), over the cases."""
        return bootstrap_interval([case.value for case in self.cases]) if self.cases else (0.0, 1.0)

    @property
    def pass_at(self) -> dict[int, float]:
        """For each k up to the number of repetitions, the mean over the cases of the unbiased pass@k."""
        if not self.cases:
            return {}
        smallest = min(len(case.runs) for case in self.cases)
        return {
            k: fmean(compute_pass_at_k(len(case.runs), sum(run.passed for run in case.runs), k) for case in self.cases)
            for k in range(1, smallest + 1)
        }

    @property
    def means(self) -> dict[str, float]:
        """Means over the runs of `cost`, `seconds`, `turns` and `tokens`; 0 without runs."""
        runs = self.records
        if not runs:
            return dict.fromkeys(("cost", "seconds", "turns", "tokens"), 0.0)
        return {
            "cost": fmean(run.cost for run in runs),
            "seconds": fmean(run.seconds for run in runs),
            "turns": fmean(run.turns for run in runs),
            "tokens": fmean(run.prompt_tokens + run.completion_tokens for run in runs),
        }

    @property
    def failures(self) -> dict[str, int]:
        """Number of runs that did not pass, by the class of their error, the limit that ended them, or "wrong answer".

        With a wrong answer, the stop reason of the chat is in brackets.
        """
        return dict(Counter(_get_failure(run) for run in self.records if not run.passed).most_common())

    @property
    def total_cost(self) -> float:
        """Cost of all runs in USD, with that of the models that judged."""
        return sum(run.cost + run.judge_cost for run in self.records)

    @property
    def unpriced(self) -> list[str]:
        """Models without a known price, which count as 0."""
        return sorted({model for run in self.records for model in run.unpriced})

    def summarize(self) -> dict[str, Any]:
        """Return the numbers of the report as JSON."""
        return {
            "suite": self.suite,
            "system": self.system,
            "cases": len(self.cases),
            "missing": list(self.missing),
            "runs": len(self.records),
            "passed": sum(run.passed for run in self.records),
            "pass_rate": self.pass_rate,
            "interval": list(self.interval),
            "value": self.value,
            "value_interval": list(self.value_interval),
            "pass_at": {str(k): rate for k, rate in self.pass_at.items()},
            "means": self.means,
            "total_cost": self.total_cost,
            "unpriced": self.unpriced,
            "failures": self.failures,
        }

    def to_json(self) -> str:
        """Return the numbers and all records as JSON."""
        data = {**self.summarize(), "records": [asdict(record) for record in self.records]}
        return json.dumps(data, indent=2, ensure_ascii=False)

    def to_csv(self) -> str:
        """Return a table of the runs, with a line for each."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _FIELDS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        # Spreadsheets execute cells that begin like a formula.
        for record in self.records:
            row = asdict(record)
            writer.writerow(
                {
                    name: f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
                    for name, value in row.items()
                }
            )
        return text.getvalue()

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        low, high = self.interval
        means = self.means
        lines = [
            f"# {_escape(self.suite)}: {_escape(self.system)}",
            "",
            "| | |",
            "|---|---|",
            f"| passed | {self.pass_rate:.1%} ({low:.1%} to {high:.1%}, 95%) |",
            f"| mean value | {self.value:.3f} ({self.value_interval[0]:.3f} to {self.value_interval[1]:.3f}, 95%) |",
            *(f"| pass@{k} | {rate:.1%} |" for k, rate in self.pass_at.items() if k > 1),
            f"| cases, runs | {len(self.cases)}, {len(self.records)} |",
            f"| per run | {means['cost']:.4f} USD, {means['seconds']:.1f} s, {means['turns']:.1f} turns, "
            f"{means['tokens']:.0f} tokens |",
            *([f"| without a known price | {_escape(', '.join(self.unpriced))} |"] if self.unpriced else []),
            *([f"| not run | {_escape(', '.join(self.missing))} |"] if self.missing else []),
            *(f"| failed: {_escape(reason)} | {count} |" for reason, count in self.failures.items()),
            "",
            "| case | passed | value |",
            "|---|---|---|",
            *(
                f"| {_escape(case.id)} | {sum(run.passed for run in case.runs)}/{len(case.runs)} | {case.value:.2f} |"
                for case in self.cases
            ),
        ]
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """Return the report as a page that needs no network and no other file."""
        from ._page import render_report

        return render_report(self)


def _get_failure(run: Record) -> str:
    if run.error is not None or run.stop_reason in LIMIT_REASONS:
        return run.error or str(run.stop_reason)
    return f"wrong answer ({run.stop_reason})" if run.stop_reason else "wrong answer"


def _escape(text: str) -> str:
    """Return a text as part of a table in Markdown."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def read_report(folder: Path | str) -> Report:
    """Read the report of a folder of results, also while the benchmark runs or after it was killed.

    Raises:
        OSError: if the folder has no results.
        ValueError: if its files are damaged.
    """
    settings = read_settings(folder)
    records = read_records(folder)
    inputs = settings.get("inputs", {})
    return Report.make(str(settings.get("suite")), str(settings.get("system")), inputs, records)


@dataclass(frozen=True)
class Comparison:
    """The paired comparison of two systems by the cases that both have run.

    Attributes:
        first: Name of the first system.
        second: Name of the second system.
        cases: Number of cases in both.
        skipped: Ids of cases that only one has run.
        pass_rates: Pass rates of both in these cases.
        difference: Pass rate of the second less that of the first.
        interval: Interval of the difference (95%), by the bootstrap over cases.
        wins: Number of cases in which the second passes more often.
        losses: Number of cases in which the first passes more often.
        p_value: Of the exact sign test over these; without repetitions it is McNemar's exact test.
        value_difference: Mean value of the second less that of the first.
        value_interval: Interval of that difference (95%), by the bootstrap over cases.
    """

    first: str
    second: str
    cases: int
    skipped: Sequence[str]
    pass_rates: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    wins: int
    losses: int
    p_value: float
    value_difference: float
    value_interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.p_value >= _SIGNIFICANT:
            return f"No difference shown: p = {self.p_value:.3g} over {self.cases} cases."
        better = self.second if self.difference > 0 else self.first
        return f"{better} is better: p = {self.p_value:.3g} over {self.cases} cases."

    def to_markdown(self) -> str:
        """Return the comparison as Markdown."""
        rows: Mapping[str, str] = {
            f"passed: {_escape(self.first)}": f"{self.pass_rates[0]:.1%}",
            f"passed: {_escape(self.second)}": f"{self.pass_rates[1]:.1%}",
            "difference": f"{self.difference:+.1%} ({self.interval[0]:+.1%} to {self.interval[1]:+.1%}, 95%)",
            "better, worse, same": f"{self.wins}, {self.losses}, {self.cases - self.wins - self.losses}",
            "difference of values": f"{self.value_difference:+.3f} "
            f"({self.value_interval[0]:+.3f} to {self.value_interval[1]:+.3f}, 95%)",
            **({"only in one": _escape(", ".join(self.skipped))} if self.skipped else {}),
        }
        table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
        return f"{_escape(self.verdict)}\n\n| | |\n|---|---|\n{table}\n"


def compare(first: Report, second: Report) -> Comparison:
    """Compare two systems by the cases that both have run.

    Args:
        first: Report of the first system.
        second: Report of the second system.

    Raises:
        ValueError: if the suites are not the same, or have no case in common.
    """
    # Equal ids of other suites would be paired.
    if first.suite != second.suite:
        raise ValueError(f"The reports are of two suites, {first.suite!r} and {second.suite!r}: nothing can be paired.")
    mine, theirs = ({case.id: case for case in report.cases} for report in (first, second))
    common = [case_id for case_id in mine if case_id in theirs]
    if not common:
        raise ValueError("The reports have no case in common: nothing can be paired.")
    differences = [theirs[case_id].pass_rate - mine[case_id].pass_rate for case_id in common]
    values = [theirs[case_id].value - mine[case_id].value for case_id in common]
    # Cases without a difference tell nothing about its sign.
    wins, losses = sum(item > 0 for item in differences), sum(item < 0 for item in differences)
    names = (first.system, second.system)
    # A verdict must say which of the two is meant.
    if first.system == second.system:
        names = (f"{first.system} (first)", f"{second.system} (second)")
    return Comparison(
        *names,
        cases=len(common),
        skipped=[case_id for case_id in {**mine, **theirs} if case_id not in common],
        pass_rates=(fmean(mine[item].pass_rate for item in common), fmean(theirs[item].pass_rate for item in common)),
        difference=fmean(differences),
        interval=bootstrap_interval(differences),
        wins=wins,
        losses=losses,
        p_value=compute_sign_test(wins, losses),
        value_difference=fmean(values),
        value_interval=bootstrap_interval(values),
    )
