"""The engine: runs every case as often as wanted, several at a time, and scores the answers."""

from __future__ import annotations

import inspect
import json
import platform
import tempfile
import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from typing import Any

from .._jsonable import to_jsonable
from .._secrets import redact
from ..oai._requests.reply_file import ReplyFile, use_reply_file
from ..oai._usage.ledger import enter_chat_budget
from ..version import __version__
from ._processes import Workers
from ._programs import check_isolation
from ._records import Record, RecordFile, make_folder_name, read_settings, write_text
from ._runs import Outcome, RunContext, System, make_seed, prepare_work_dir, run_system
from ._sources import load_system
from .cases import Case, Limits
from .report import Report
from .scorers import Output, Scorer, apply_scorer, check_target, get_scorer_name, make_scorer


@dataclass(frozen=True)
class Plan:
    """All that decides the results of a benchmark, and how it runs.

    Attributes:
        name: Name of the suite.
        cases: Cases.
        system: System under test, or its spec for processes.
        system_name: Name of the system in records.
        scorers: Scorers of cases without scorers of their own.
        repeats: Runs of each case.
        jobs: Runs at the same time.
        isolation: Isolation.
        limits: Limits of each run.
        max_cost: Limit of the cost of all runs in USD; None for no limit.
        llm_config: Config of the models.
        judge_config: Config of the models that judge.
        seed: Seed.
        folder: Folder of results; None for a temporary one.
        retries_errors: Whether runs that ended with an error are run again.
        replay: Folder of earlier results, whose recorded responses are used instead of requests.
    """

    name: str
    cases: Sequence[Case]
    system: System | str
    system_name: str
    scorers: Sequence[Scorer]
    repeats: int = 1
    jobs: int = 1
    isolation: str = "none"
    limits: Limits = field(default_factory=Limits)
    max_cost: float | None = None
    llm_config: Mapping[str, Any] | None = field(default=None, repr=False)
    judge_config: Mapping[str, Any] | None = field(default=None, repr=False)
    seed: int = 0
    folder: Path | None = None
    retries_errors: bool = False
    replay: Path | None = None

    def __post_init__(self) -> None:
        check_isolation(self.isolation)
        for name in ("repeats", "jobs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}.")
        if self.replay is not None:
            # Raises an error if there are no results.
            read_settings(self.replay)
        if bare := [case.id for case in self.cases if not (case.scorers or self.scorers)]:
            raise ValueError(f"Nothing scores case {bare[0]!r}: give scorers to it, to the suite or to this call.")

    def describe(self) -> dict[str, Any]:
        """Return the settings that a resumed benchmark must share."""
        cases = json.dumps([to_jsonable(asdict(case)) for case in self.cases], sort_keys=True)
        scorers = [describe_scorer(scorer) for scorer in self.scorers]
        return {
            "suite": self.name,
            "cases": sha256(cases.encode("utf-8", "replace")).hexdigest()[:16],
            # For reports. The targets are not there: programs of models may run beside this folder.
            "inputs": {case.id: case.input for case in self.cases},
            "system": self.system_name,
            "models": _list_models(self.llm_config),
            "scorers": scorers,
            "isolation": self.isolation,
            "limits": asdict(self.limits),
            "seed": self.seed,
            "repeats": self.repeats,
            "replay": self.replay is not None,
        }


def describe_scorer(scorer: Scorer) -> dict[str, Any]:
    """Return the name of a scorer, and its settings if it has any."""
    settings = to_jsonable(getattr(scorer, "settings", {}))
    return {"name": get_scorer_name(scorer), **(settings if isinstance(settings, dict) else {})}


def _list_models(llm_config: Mapping[str, Any] | None) -> list[str]:
    entries = (llm_config or {}).get("config_list") or []
    return [str(entry.get("model")) for entry in entries]


def name_system(system: System | str) -> str:
    """Return the name of a system in records."""
    if isinstance(system, str):
        return system
    name = getattr(system, "__qualname__", None) or getattr(system, "name", None)
    return str(name or type(system).__name__)


def make_system_spec(system: System | str) -> str:
    """Return the spec by which another process imports a system.

    Raises:
        ValueError: if it can't be imported: a lambda, a function in a function, an agent, or one of the main module.
    """
    if isinstance(system, str):
        return system
    name, module = getattr(system, "__qualname__", None), getattr(system, "__module__", None)
    if not name or not module or "<" in name or not inspect.isroutine(system):
        raise ValueError(f"Another process can't import {system!r}: use a function at the top of a module.")
    if module == "__main__":
        return f"{inspect.getfile(system)}:{name}"
    return f"{module}:{name}"


def run_plan(plan: Plan) -> Report:
    """Run what has no record yet, and return the report of all runs.

    Raises:
        ValueError: if the plan is invalid, or its folder has results of another benchmark.
    """
    with _open_folder(plan) as folder:
        file = RecordFile(folder, plan.describe())
        try:
            _Engine(plan, folder, file).run()
            records = [record for record in file.records if record.repetition < plan.repeats]
        finally:
            file.close()
    return Report.make(plan.name, plan.system_name, {case.id: case.input for case in plan.cases}, records)


@contextmanager
def _open_folder(plan: Plan) -> Iterator[Path]:
    if plan.folder is not None:
        yield plan.folder
        return
    with tempfile.TemporaryDirectory(prefix="autogen-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class _Engine:
    """The runs of a plan."""

    def __init__(self, plan: Plan, folder: Path, file: RecordFile) -> None:
        self._plan = plan
        self._folder = folder
        self._file = file
        self._workers = Workers()
        self._spec: str | None = None
        self._system: System | None = None
        if plan.isolation == "none":
            self._system = load_system(plan.system) if isinstance(plan.system, str) else plan.system
        else:
            self._spec = make_system_spec(plan.system)
            _check_jsonable(plan)
        judge = plan.judge_config or plan.llm_config
        self._scorers = {
            case.id: [make_scorer(spec, judge) for spec in case.scorers] or list(plan.scorers) for case in plan.cases
        }
        for case in plan.cases:
            for scorer in self._scorers[case.id]:
                check_target(scorer, case)
        self._lock = threading.Lock()
        self._spent = sum(record.cost + record.judge_cost for record in file.records)

    def run(self) -> None:
        """Run all runs without a record, in the order of the cases."""
        finished = {
            record.key for record in self._file.records if not (self._plan.retries_errors and record.error is not None)
        }
        runs = [
            (case, repetition)
            for repetition in range(self._plan.repeats)
            for case in self._plan.cases
            if (case.id, repetition) not in finished
        ]
        pool = ThreadPoolExecutor(self._plan.jobs, thread_name_prefix="autogen-bench")
        try:
            futures = [pool.submit(copy_context().run, self._run_one, case, repetition) for case, repetition in runs]
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._workers.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _run_one(self, case: Case, repetition: int) -> None:
        with self._lock:
            # Runs that are under way may exceed it together; none is begun after.
            if self._plan.max_cost is not None and self._spent >= self._plan.max_cost:
                return
        folder = self._folder / "runs" / make_folder_name(case.id) / str(repetition)
        work_dir = prepare_work_dir(folder, case)
        seed = make_seed(self._plan.seed, case.id, repetition)
        limits = self._plan.limits.override(case.limits)
        outcome = self._get_outcome(case, repetition, seed, folder, work_dir, limits)
        record = self._score(case, repetition, seed, outcome, work_dir)
        write_text(folder / "transcript.json", json.dumps(outcome.messages, indent=1, ensure_ascii=False))
        with self._lock:
            self._spent += record.cost + record.judge_cost
            self._file.append(record)

    def _get_outcome(self, case: Case, repetition: int, seed: int, folder: Path, work_dir: Path, limits: Limits) -> Outcome:
        plan = self._plan
        llm_config = dict(plan.llm_config) if plan.llm_config else None
        if self._system is not None:
            context = RunContext(case, repetition, seed, work_dir.resolve(), llm_config, plan.isolation)
            return run_system(self._system, context, limits, abandons=True, replies=self._open_replies(folder, _REPLIES))
        job: dict[str, Any] = {
            "system": self._spec,
            "path": [],
            # Its files are in the work directory already.
            "case": {**asdict(case), "files": {}, "scorers": [], "target": None},
            "repetition": repetition,
            "seed": seed,
            "llm_config": llm_config,
            "work_dir": str(work_dir.resolve()),
            "isolation": plan.isolation,
            "limits": asdict(limits),
            "outcome": str((folder / "outcome.json").resolve()),
            "replies": str(path.resolve()) if (path := self._find_replies(folder, _REPLIES)) else None,
            "replays": plan.replay is not None,
        }
        return self._workers.run(job, folder, limits.seconds)

    def _find_replies(self, folder: Path, name: str) -> Path | None:
        """Return the file with the responses of a run, or for them; None if the results are not kept."""
        if self._plan.replay is not None:
            return self._plan.replay / folder.relative_to(self._folder) / name
        return folder / name if self._plan.folder is not None else None

    def _open_replies(self, folder: Path, name: str) -> ReplyFile | None:
        path = self._find_replies(folder, name)
        return None if path is None else ReplyFile(path, replays=self._plan.replay is not None)

    def _score(self, case: Case, repetition: int, seed: int, outcome: Outcome, work_dir: Path) -> Record:
        record = Record(
            case=case.id,
            repetition=repetition,
            system=self._plan.system_name,
            seed=seed,
            answer=outcome.text,
            versions={"autogen": __version__, "python": platform.python_version()},
            **{name: getattr(outcome, name) for name in _COPIED},
        )
        if outcome.error is not None:
            return record
        output = Output(outcome.text, outcome.messages, outcome.value, work_dir, self._plan.isolation)
        replies = self._open_replies(work_dir.parent, _JUDGE_REPLIES)
        with enter_chat_budget({}) as ledger, use_reply_file(replies):
            try:
                for scorer in self._scorers[case.id]:
                    score = apply_scorer(scorer, case, output)
                    record.scores[_find_free_name(get_scorer_name(scorer), record.scores)] = redact(asdict(score))
            # A scorer may be the user's function, or ask a model. The answer is not to blame.
            except Exception as error:  # noqa: BLE001
                record.error = f"scorer: {type(error).__name__}"
                record.error_text = str(redact(f"{get_scorer_name(scorer)}: {error}"))[:2000]
                return record
            finally:
                record.judge_cost = ledger.actual["total_cost"] if ledger.actual else 0.0
        record.value = sum(score["value"] for score in record.scores.values()) / len(record.scores)
        record.passed = all(score["passed"] for score in record.scores.values())
        return record


def _check_jsonable(plan: Plan) -> None:
    values = {"llm_config": plan.llm_config, **{f"case {case.id!r}": case.metadata for case in plan.cases}}
    for name, value in values.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Another process can't get {name}, which must be JSON: {error}") from error


def _find_free_name(name: str, names: Container[str]) -> str:
    """Return a name, with a number if it is in use: a case may have two scorers of a kind."""
    return next(free for free in chain([name], (f"{name} {number}" for number in count(2))) if free not in names)


# In the folder of a run.
_REPLIES, _JUDGE_REPLIES = "replies.jsonl", "judge-replies.jsonl"
_COPIED = (
    "models",
    "stop_reason",
    "error",
    "error_text",
    "turns",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "unpriced",
    "seconds",
)
