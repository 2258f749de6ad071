"""`Runs`: tasks that teams work on, for all doors of a server and for programs that serve teams in their own way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from .._journal import Pending
from .._journal.questions import AlreadyAnswered, QuestionExpired, make_answer_text
from .._mistakes import suggest
from .._teams import describe_factory, is_document, load_factory
from ..agentchat import ChatResult
from ..types import Message
from ._execution import JSON, Job
from ._hosts import Host, ProcessHost, ThreadHost, WorkerLimits, WorkerPool
from ._run import DONE, FAILED, QUEUED, RUNNING, STOPPED, WAITING, Run, RunEvent, RunRequest
from ._run_record import RunFolders

__all__ = ["QueueFull", "Run", "RunEvent", "RunRequest", "Runs", "ShuttingDown", "Team", "WorkerLimits"]

logger = logging.getLogger("autogen.serving")

Team: TypeAlias = Callable[[], Any] | str | Mapping[str, Any]
"""A function that makes the agents for a run; its name, `module:function`, or a Python file; a document of
`autogen.specs`, or its file."""

_MAX_KEPT = 1_000


class QueueFull(RuntimeError):
    """Raised for a task when too many wait already."""


class ShuttingDown(RuntimeError):
    """Raised for a task when the server is about to end."""


class Runs:
    """The runs of some teams. All methods belong to one event loop.

    Args:
        teams: Functions that make fresh agents for each run, by the names of the teams.
        folder: Folder for checkpoints. With it, runs survive the server: the next with the same folder
            continues them, see `recover`.
        max_runs: Number of runs at once; others wait.
        max_queue: Number of runs that wait at most.
        processes: True for a process for each run, in which the team can neither block nor harm the server, and which is
            killed when the run is stopped. The teams must have names.
        limits: Limits of these processes.
        spares: Number of processes that are started before they are needed.
        wait: Seconds for which a run with a question keeps its process or thread. Then it is `waiting`, needs neither, and
            goes on when there is an answer. Without a `folder` it keeps it until then.
        trust_documents: True to trust documents like programs; else they may want nothing of this machine, see
            `autogen.specs.Consent`.

    Raises:
        ImportError, OSError: if there is no such module or file.
        TypeError: if a team has another form.
        ValueError: if there is no team, a document has faults, or an argument has an invalid value.

    >>> runs = Runs({"writers": make_writers}, folder="runs")  # doctest: +SKIP
    >>> run = await runs.start("writers", "A poem about rain")  # doctest: +SKIP
    >>> async for number, event in run.read_events():  # doctest: +SKIP
    ...     print(event["type"])
    """

    def __init__(
        self,
        teams: Mapping[str, Team],
        *,
        folder: str | Path | None = None,
        max_runs: int = 100,
        max_queue: int = 1_000,
        processes: bool = False,
        limits: WorkerLimits | None = None,
        spares: int = 1,
        wait: float = 60.0,
        trust_documents: bool = False,
    ) -> None:
        if not teams:
            raise ValueError("There must be at least one team to serve.")
        if max_runs < 1 or max_queue < 0:
            raise ValueError(f"max_runs must be 1 or more, and max_queue 0 or more, got {max_runs!r} and {max_queue!r}.")
        self._teams = dict(teams)
        self._trust_documents = trust_documents
        self._factories = {name: self._resolve(name, team, processes) for name, team in teams.items()}
        self._processes = processes
        self._limits = limits or WorkerLimits()
        self._pool = WorkerPool(spares)
        self._folders = None if folder is None else RunFolders(Path(folder))
        self._max_queue = max_queue
        self._slots = asyncio.Semaphore(max_runs)
        self._queued = 0
        self._wait = wait
        self._is_draining = False
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._keys: dict[tuple[str | None, str], str] = {}
        self.counts: dict[str, int] = dict.fromkeys((DONE, FAILED, STOPPED), 0)
        """Numbers of ended runs, by their status."""
        self.total_cost = 0.0
        """The cost of all ended runs in USD."""

    def _resolve(self, name: str, team: Team, processes: bool) -> Callable[[], Any] | None:
        if isinstance(team, (str, Mapping)):
            # A process imports a program itself.
            if processes and not is_document(team):
                return None
            return load_factory(team, is_trusted=self._trust_documents)
        if not callable(team):
            raise TypeError(f"The team {name!r} must be a function that makes it, or its name, got {team!r:.100}.")
        if processes:
            raise ValueError(
                f"For processes, the team {name!r} must be given as 'module:function' or 'file.py', since a process can't "
                "have the function of another."
            )
        return team

    @property
    def teams(self) -> dict[str, str]:
        """The names of the teams, with their descriptions."""
        return {name: describe_factory(factory) for name, factory in self._factories.items()}

    @property
    def active(self) -> dict[str, int]:
        """The numbers of runs that are queued, running and waiting."""
        statuses = [run.status for run in self._runs.values()]
        return {status: statuses.count(status) for status in (QUEUED, RUNNING, WAITING)}

    @property
    def is_draining(self) -> bool:
        """True once no more tasks are accepted."""
        return self._is_draining

    async def start(
        self,
        team: str,
        task: str,
        *,
        history: list[Message] | None = None,
        deadline: float | None = None,
        max_cost: float | None = None,
        key: str | None = None,
        owner: str | None = None,
        wants_events: bool = True,
    ) -> Run:
        """Start a run, or put it into the queue.

        Args:
            team: Name of the team.
            task: The task.
            history: Messages of the conversation before it.
            deadline: Time limit in seconds; None for no limit.
            max_cost: Limit of the cost in USD; None for no limit.
            key: Text that tells the request from others: a second one with the same key returns the same run.
            owner: Name of the user, to whom keys belong.
            wants_events: False if nobody reads events, which saves time. A run with a checkpoint has them anyway.

        Returns:
            The run, which goes on whether anybody waits for it or not.

        Raises:
            LookupError: if there is no such team.
            OSError: if the run can't be stored.
            QueueFull: if too many runs wait.
            ShuttingDown: if no more tasks are accepted.
        """
        if team not in self._factories:
            names = ", ".join(self._factories)
            raise LookupError(f"There is no team {team!r:.100}; there are: {names}.{suggest(team, self._factories)}")
        if key is not None and (known := self._keys.get((owner, key))) is not None:
            return await self.get(known)
        if self._is_draining:
            raise ShuttingDown("The server is about to end, and accepts no more tasks.")
        if self._slots.locked() and self._queued >= self._max_queue:
            raise QueueFull(f"{self._queued} tasks wait already. Try again later.")
        run = Run(RunRequest(team, task, history or [], deadline, max_cost))
        run.wants_events, run.key, run.owner = wants_events, key, owner
        if key is not None:
            self._keys[owner, key] = run.id
        self._add(run)
        self._store(run)
        self._launch(run)
        return run

    async def get(self, run_id: str) -> Run:
        """Return a run, also of an earlier server with the same folder.

        Raises:
            LookupError: if there is no such run.
        """
        if run_id in self._runs:
            return self._runs[run_id]
        record = None if self._folders is None else self._folders.load(run_id)
        if record is None:
            raise LookupError(f"There is no run {run_id!r:.100}.")
        return self._restore(record)

    def list_runs(self) -> list[Run]:
        """Return the runs in memory: those that are under way, and the last that have ended."""
        return list(self._runs.values())

    def _add(self, run: Run) -> None:
        run.on_end = self._record_end
        self._runs[run.id] = run
        if len(self._runs) > _MAX_KEPT:
            for old in [old for old in self._runs.values() if old.is_over][: len(self._runs) - _MAX_KEPT]:
                del self._runs[old.id]
                self._keys.pop((old.owner, old.key or ""), None)

    def _launch(self, run: Run) -> None:
        self._queued += 1
        run.task = asyncio.get_running_loop().create_task(self._conduct(run))

    async def _conduct(self, run: Run) -> None:
        """Execute a run as far as it goes: to its end, or to a question that nobody has answered in time."""
        async with self._slots:
            self._queued -= 1
            # It may have been stopped in the queue.
            if run.is_over:
                return
            run.status = RUNNING
            # A chat that goes on has its questions answered, or asks again.
            run.questions = {}
            run.notify()
            try:
                run.host = self._make_host(run.request.team)
                await run.host.execute(self._make_job(run), run.receive)
            except Exception as error:
                logger.exception("The run %s could not be executed.", run.id)
                run.receive({"kind": "failure", "type": type(error).__name__, "text": str(error)})
            finally:
                run.host = None
        if run.status == WAITING and not run.is_suspended:
            # Answers may have come meanwhile.
            self._read_questions(run)
            if not run.questions and not self._is_draining:
                run.status = QUEUED
                self._launch(run)
            self._try_to_store(run)
            run.notify()

    def _record_end(self, run: Run) -> None:
        """Count and store a run that is over, before its readers know."""
        self.counts[run.status] += 1
        self.total_cost += run.cost
        self._try_to_store(run)

    def _try_to_store(self, run: Run) -> None:
        try:
            self._store(run)
        except OSError:
            logger.exception("The state of the run %s could not be stored.", run.id)

    def _read_questions(self, run: Run) -> None:
        """Read the open questions of a run that waits, from its checkpoint."""
        recording = None if self._folders is None else self._folders.open_recording(run.id)
        if recording is not None:
            run.questions = {question.id: question.to_dict() for question in recording.pending}

    def _make_host(self, team: str) -> Host:
        if self._processes:
            self._pool.fill()
            reference = self._teams[team]
            assert not callable(reference)
            return ProcessHost(reference, self._pool, self._limits, is_trusted=self._trust_documents)
        factory = self._factories[team]
        assert factory is not None
        return ThreadHost(factory)

    def _make_job(self, run: Run) -> Job:
        request = run.request
        checkpoint = None if self._folders is None else str(self._folders.get_checkpoint(run.id))
        left = None
        if request.deadline is not None:
            left = max(run.started_at + request.deadline - time.time(), 0.001)
        return Job(
            task=request.task,
            history=request.history,
            checkpoint=checkpoint,
            deadline=left,
            max_cost=request.max_cost,
            wait=self._wait,
            wants_events=run.wants_events,
        )

    # Answers, pauses and stops.

    async def answer(
        self,
        question_id: str,
        value: str | Mapping[str, Any] | None = None,
        *,
        choice: str | None = None,
        digest: str | None = None,
        by: str = "",
    ) -> Run:
        """Answer a question. Its run goes on.

        Args:
            question_id: Id of the question.
            value: The text, as for `Recording.answer`.
            choice: One of the choices of an approval.
            digest: `digest` of the question as it was shown, if it was; another one is refused.
            by: Name of the person, as the server knows it.

        Returns:
            The run.

        Raises:
            AlreadyAnswered: if it has an answer.
            LookupError: if there is no such question, or its run has ended.
            QuestionExpired: if nobody answered in time.
            ValueError: if the answer does not fit the question, or the question has changed.
        """
        run = next((run for run in self._runs.values() if question_id in run.questions), None)
        if run is None:
            raise LookupError(f"There is no open question {question_id!r:.100}.")
        question = Pending.from_dict(run.questions[question_id])
        if digest is not None and digest != question.digest:
            raise ValueError("The question has changed since it was shown: show it again.")
        text = make_answer_text(question, value, choice)
        recording = None if self._folders is None else self._folders.open_recording(run.id)
        if recording is not None:
            # Stored first, so that the answer is not lost if the process dies now.
            answer = await asyncio.to_thread(partial(recording.answer, question, value, choice=choice, by=by))
            text = answer.text
        run.questions.pop(question_id, None)
        if run.host is not None:
            run.host.send({"kind": "answer", "id": question_id, "text": text})
        elif run.status == WAITING and not run.questions:
            run.status = QUEUED
            self._store(run)
            self._launch(run)
        run.notify()
        return run

    def pause(self, run: Run) -> None:
        """Pause a run before its next step. A run that is not under way stays as it is."""
        self._pause(run, True)

    def resume(self, run: Run) -> None:
        """Resume a paused run."""
        self._pause(run, False)

    def _pause(self, run: Run, is_paused: bool) -> None:
        if run.host is not None and run.is_paused != is_paused:
            run.is_paused = is_paused
            run.host.send({"kind": "pause" if is_paused else "resume"})
            run.notify()

    async def stop(self, run: Run) -> None:
        """Stop a run. A process is killed if it does not end within a second; a thread is abandoned."""
        if not (run.is_over or run.is_stopping):
            run.is_stopping = True
            if run.host is not None:
                await run.host.kill()
            else:
                run.receive({"kind": "failure", "type": "stopped", "text": ""})
        await run.wait()

    # The life of the server.

    async def recover(self) -> list[Run]:
        """Continue the runs of an earlier server that has ended in the middle of them, and start spare processes.

        Returns:
            The runs, and those that wait for an answer.
        """
        if self._processes:
            self._pool.fill()
        if self._folders is None:
            return []
        runs = []
        for record in self._folders:
            unknown = record["request"]["team"] not in self._factories
            if record["status"] in (QUEUED, RUNNING, WAITING) and record["id"] not in self._runs:
                if unknown:
                    logger.warning("The run %s is not continued: there is no team of its name.", record["id"])
                    continue
                runs.append(self._restore(record))
        for run in runs:
            if run.status != WAITING or not run.questions:
                run.status = QUEUED
                self._launch(run)
        return runs

    def _restore(self, record: JSON) -> Run:
        """Make a run of its record."""
        assert self._folders is not None
        run = Run(RunRequest(**record["request"]), record["id"])
        run.status, run.started_at, run.ended_at = record["status"], record["started_at"], record["ended_at"]
        run.error, run.key, run.owner = record["error"], record["key"], record["owner"]
        run.result = None if record["result"] is None else ChatResult.from_dict(record["result"])
        run.restore_events(self._folders.read_events(run.id))
        if run.status == WAITING:
            self._read_questions(run)
        if run.key is not None:
            self._keys[run.owner, run.key] = run.id
        self._add(run)
        return run

    def _store(self, run: Run) -> None:
        """Write the record of a run, if there is a folder.

        Raises:
            OSError: It can't be written.
        """
        if self._folders is None:
            return
        request = run.request
        record = {
            "id": run.id,
            "status": run.status,
            "request": {**vars(request), "history": list(request.history)},
            "result": None if run.result is None else run.result.to_dict(),
            **{name: getattr(run, name) for name in ("error", "started_at", "ended_at", "key", "owner")},
        }
        self._folders.save(run.id, record)

    async def drain(self, seconds: float = 30.0) -> None:
        """Accept no more tasks, wait for the runs that are under way, then end them.

        With a folder, the next server continues those that were not over; the others are stopped.

        Args:
            seconds: Seconds to wait.
        """
        self._is_draining = True
        tasks = {run.task: run for run in self._runs.values() if run.task is not None and not run.task.done()}
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        left = {task: run for task, run in tasks.items() if not task.done()}
        if self._folders is None:
            await asyncio.gather(*(self.stop(run) for run in left.values()))
        else:
            for run in left.values():
                run.is_suspended = True
            await asyncio.gather(*(run.host.kill() for run in left.values() if run.host is not None))
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._pool.close()


def describe_answer_error(error: Exception) -> str:
    """Return the kind of an error of `Runs.answer`: `answered`, `expired`, `unknown` or `invalid`."""
    if isinstance(error, AlreadyAnswered):
        return "answered"
    if isinstance(error, QuestionExpired):
        return "expired"
    return "unknown" if isinstance(error, LookupError) else "invalid"
