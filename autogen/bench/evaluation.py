"""`evaluate`: benchmarks in code, and in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .._threads import run_in_thread
from ._engine import Plan, name_system, run_plan
from ._runs import System
from .cases import Case, Limits, make_cases
from .report import Report
from .scorers import make_scorer
from .suites import Suite, load_suite

__all__ = ["a_evaluate", "bench", "evaluate"]


def evaluate(
    cases: Suite | str | Path | Iterable[Case | Mapping[str, Any] | tuple[str, Any]],
    chat: System | str | None = None,
    scorers: Sequence[Any] = (),
    *,
    repeats: int = 1,
    jobs: int = 1,
    isolation: str = "none",
    limits: Limits | Mapping[str, Any] | None = None,
    max_cost: float | None = None,
    llm_config: Mapping[str, Any] | None = None,
    judge_config: Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    name: str | None = None,
    seed: int = 0,
    retry_errors: bool = False,
    replay: Path | str | None = None,
) -> Report:
    """Run a benchmark, and return its report. Results in a folder are kept: what has a record is not run again.

    Args:
        cases: Cases, dictionaries, pairs of input and target, a suite, or the source of a suite; see `load_suite`.
        chat: System under test: a function of a case, or of a case and a `RunContext`, sync or async, that returns text or
            a `ChatResult`; an agent, which is cloned for each run; or `module:function`. None for that of the suite.
        scorers: Scorers, or specs of them; see `make_scorer`. Empty for those of the suite.
        repeats: Runs of each case.
        jobs: Runs at the same time.
        isolation: `none`: in threads of this process, where a run that exceeds its time is abandoned. `process`: a process
            for each run, killed at its time limit. `sandbox`, `docker`, `docker:IMAGE`: a process too, and programs that
            models write run in a sandbox or container (`context.executor`). All but `none` need a system that a process can
            import.
        limits: Limits of each run; those of the suite and of cases come first and before.
        max_cost: Cost in USD of all runs together, after which no run begins.
        llm_config: Config of the models, for `context.llm_config`.
        judge_config: Config of the models that judge; None for `llm_config`.
        out: Folder of results: records, transcripts, work directories. None keeps nothing.
        name: Name of the suite; None for its own.
        seed: Seed, from which each run has its own.
        retry_errors: Whether runs with an error are run again.
        replay: Folder of earlier results of the same cases, whose recorded responses are used instead of requests, so
            that the runs cost nothing. A request that was not made then is an error of its run.

    Raises:
        ValueError: if an argument is invalid, or `out` has results of another benchmark.
        OSError: if `replay` has no results.

    >>> report = evaluate([("What is 6 * 7?", 42)], lambda case: "It is 42.", ["number"])
    >>> report.pass_rate
    1.0
    """
    # Everything is checked before the first run costs anything.
    suite = _make_suite(cases)
    system = chat if chat is not None else suite.system
    if system is None:
        raise ValueError(f"The suite {suite.name!r} has no system: pass `chat`, the function or agent under test.")
    if limits is not None and not isinstance(limits, Limits):
        limits = Limits.from_dict(limits)
    judge = judge_config or llm_config
    plan = Plan(
        name=name or suite.name,
        cases=suite.cases,
        system=system,
        system_name=name_system(system),
        scorers=[make_scorer(spec, judge) for spec in (scorers or suite.scorers)],
        repeats=repeats,
        jobs=jobs,
        isolation=isolation,
        limits=suite.limits.override(limits) if limits is not None else suite.limits,
        max_cost=max_cost,
        llm_config=llm_config,
        judge_config=judge,
        seed=seed,
        folder=None if out is None else Path(out),
        retries_errors=retry_errors,
        replay=None if replay is None else Path(replay),
    )
    return run_plan(plan)


async def a_evaluate(
    cases: Suite | str | Path | Iterable[Case | Mapping[str, Any] | tuple[str, Any]],
    chat: System | str | None = None,
    scorers: Sequence[Any] = (),
    **options: Any,
) -> Report:
    """Async version of `evaluate`: the engine runs in a thread."""
    return await run_in_thread(partial(evaluate, cases, chat, scorers, **options))


def _make_suite(cases: Any) -> Suite:
    if isinstance(cases, Suite):
        return cases
    if isinstance(cases, (str, Path)):
        return load_suite(cases)
    return Suite("cases", make_cases(cases))


def bench(
    suite: Suite | str | Path | Iterable[Case | Mapping[str, Any] | tuple[str, Any]],
    scorers: Sequence[Any] = (),
    *,
    min_pass: float = 1.0,
    **options: Any,
) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """Turn a system into a test, for pytest: it fails if too few cases pass, and says which failed.

    Args:
        suite: As `cases` of `evaluate`.
        scorers: As for `evaluate`.
        min_pass: Minimum of the pass rate, from 0 to 1.
        **options: Further arguments of `evaluate`.

    Raises:
        ValueError: if `min_pass` is not from 0 to 1.

    >>> @bench([("What is 6 * 7?", 42)], ["number"])
    ... def test_sums(case):
    ...     return "42"
    >>> test_sums()
    """
    if isinstance(min_pass, bool) or not isinstance(min_pass, (int, float)) or not 0 <= min_pass <= 1:
        raise ValueError(f"min_pass must be a number from 0 to 1, got {min_pass!r}.")

    def make_test(system: Callable[..., Any]) -> Callable[[], None]:
        def run_test() -> None:
            report = evaluate(suite, system, scorers, **options)
            assert report.pass_rate >= min_pass, (
                f"{report.pass_rate:.1%} passed, not {min_pass:.1%}.\n{report.to_markdown()}"
            )

        # pytest collects it by its name. The parameters of the system would be fixtures, so its signature is not copied.
        run_test.__name__ = run_test.__qualname__ = system.__name__
        run_test.__doc__, run_test.__module__ = system.__doc__, system.__module__
        return run_test

    return make_test
