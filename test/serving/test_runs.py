"""Tasks that teams work on, in threads and in processes: events, questions, stops, limits, and a server that ends."""

import asyncio
import json
import os
import re
import threading
from pathlib import Path

import pytest
import served_teams

from autogen.serving import QueueFull, Runs, ShuttingDown, WorkerLimits

FILE = Path(served_teams.__file__)
FAST = False, pytest.param(True, marks=pytest.mark.slow)


def name_teams(*names, processes):
    return {name: f"{FILE}:make_{name}" if processes else getattr(served_teams, f"make_{name}") for name in names}


def with_runs(scenario, teams, **options):
    """Run a scenario with `Runs` in an event loop."""

    async def run():
        runs = Runs(teams, **options)
        try:
            await asyncio.wait_for(scenario(runs), 120)
        finally:
            await runs.drain(0)

    asyncio.run(run())


async def wait_for_status(run, status):
    while run.status != status:
        assert not run.is_over, run.to_dict()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("processes", FAST)
@pytest.mark.parametrize("is_durable", [False, True])
def test_a_run_has_events_and_a_result(tmp_path, processes, is_durable):
    async def scenario(runs):
        run = await runs.start("shouter", "hello")
        events = [event async for event in run.read_events()]
        assert (run.status, run.result.summary) == ("done", "HELLO")
        assert [number for number, _ in events] == list(range(1, len(events) + 1))
        kinds = [event["type"] for _, event in events]
        assert (kinds[0], kinds[-1], kinds.count("message_sent")) == ("chat_started", "chat_ended", 2)
        # Whoever comes later, or again, reads the rest.
        assert [event async for event in run.read_events(3)] == events[3:]
        assert run.to_dict()["usage"]["completion_tokens"] == 1
        assert runs.counts["done"] == 1

    folder = tmp_path if is_durable else None
    with_runs(scenario, name_teams("shouter", processes=processes), processes=processes, folder=folder)


@pytest.mark.parametrize("team", ["group", "counter"])
def test_teams_know_the_conversation_before_the_task(team):
    async def scenario(runs):
        history = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
        run = await runs.start(team, "three", history=history)
        await run.wait()
        assert run.status == "done", run.error
        text = str(run.result.chat_history)
        assert all(word in text for word in ("one", "two", "three"))
        if team == "counter":
            assert run.result.summary == "user: one | assistant: two | user: three"

    with_runs(scenario, name_teams(team, processes=False))


@pytest.mark.parametrize("processes", FAST)
@pytest.mark.parametrize("wait", [60, 0.01])
def test_a_question_is_answered_by_somebody(tmp_path, processes, wait):
    async def scenario(runs):
        run = await runs.start("asker", "go")
        await run.wait(for_questions=True)
        if wait < 1:
            # Nobody is there: the run needs no thread or process until there is an answer.
            await wait_for_status(run, "waiting")
            while run.host is not None:
                await asyncio.sleep(0.01)
        [question] = run.questions.values()
        assert "assistant" in question["prompt"]
        with pytest.raises(ValueError, match="has changed"):
            await runs.answer(question["id"], "yes", digest="of another question")
        await runs.answer(question["id"], "yes", digest=question["digest"], by="ada")
        with pytest.raises(LookupError):
            await runs.answer(question["id"], "no")
        await run.wait()
        assert (run.status, run.result.summary) == ("done", "go / May I? / yes / TERMINATE"), run.error
        kinds = [event["type"] for _, event in run.list_events()]
        assert [kinds.count(kind) for kind in ("human_asked", "model_asked")] == [1, 2]

    options = {"folder": tmp_path, "wait": wait, "processes": processes}
    with_runs(scenario, name_teams("asker", processes=processes), **options)


def test_a_question_without_a_folder_waits_in_its_thread():
    async def scenario(runs):
        run = await runs.start("asker", "go")
        await run.wait(for_questions=True)
        assert run.status == "running"
        await runs.answer(next(iter(run.questions)), "yes")
        await run.wait()
        assert run.result.summary == "go / May I? / yes / TERMINATE"
        other = await runs.start("asker", "go")
        await other.wait(for_questions=True)
        await runs.stop(other)
        assert (other.status, other.questions) == ("stopped", {})

    with_runs(scenario, name_teams("asker", processes=False), wait=0.01)


@pytest.mark.slow
def test_a_process_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("SLEEPER_FILE", str(tmp_path / "pid"))

    async def scenario(runs):
        run = await runs.start("sleeper", "go")
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
        await runs.stop(run)
        assert run.status == "stopped"
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    with_runs(scenario, name_teams("sleeper", processes=True), processes=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("team", "status", "words"),
    [
        ("hog", "done", "MemoryError"),
        ("victim", "failed", r"exit code 7.*my last words"),
        ("reader", "done", "read ''"),
        ("broken", "failed", "no agents today"),
    ],
)
def test_what_a_team_does_to_its_process_harms_nobody_else(team, status, words):
    async def scenario(runs):
        run, other = await runs.start(team, "go"), await runs.start("shouter", "go")
        await asyncio.gather(run.wait(), other.wait())
        assert (run.status, other.result.summary) == (status, "GO"), run.error
        text = " ".join((run.error or {"text": run.result and str(run.result.summary)})["text"].split())
        assert re.search(words, text), text
        assert "sk-abc" not in text

    limits = WorkerLimits(memory=2**30)
    with_runs(scenario, name_teams(team, "shouter", processes=True), processes=True, limits=limits)


def test_a_stopped_thread_is_left_behind():
    may_end = threading.Event()

    def make_team():
        def work() -> str:
            may_end.wait(60)
            return "late"

        return served_teams.make_caller(work, {})

    async def scenario(runs):
        run = await runs.start("team", "go")
        async for _, event in run.read_events():
            if event["type"] == "tool_called":
                break
        await runs.stop(run)
        assert run.status == "stopped"

    try:
        with_runs(scenario, {"team": make_team})
    finally:
        may_end.set()


def test_failures_are_reported_without_secrets():
    async def scenario(runs):
        run = await runs.start("broken", "go")
        await run.wait()
        assert (run.status, run.error["type"]) == ("failed", "LookupError")
        assert "sk-abc" not in run.error["text"]
        with pytest.raises(LookupError, match="Did you mean 'broken'"):
            await runs.start("brokn", "go")

    with_runs(scenario, name_teams("broken", processes=False))


def test_runs_wait_in_a_queue_of_limited_length():
    async def scenario(runs):
        first, second = await runs.start("asker", "1"), None
        await first.wait(for_questions=True)
        second = await runs.start("shouter", "2")
        assert (second.status, runs.active) == ("queued", {"queued": 1, "running": 1, "waiting": 0})
        with pytest.raises(QueueFull):
            await runs.start("shouter", "3")
        await runs.answer(next(iter(first.questions)), "exit")
        await second.wait()
        assert second.result.summary == "2"
        # One in the queue can be stopped as well.
        third = await runs.start("asker", "4")
        await third.wait(for_questions=True)
        fourth = await runs.start("shouter", "5")
        await runs.stop(fourth)
        assert fourth.status == "stopped"
        await runs.stop(third)

    with_runs(scenario, name_teams("asker", "shouter", processes=False), max_runs=1, max_queue=1)


def test_a_request_that_is_sent_twice_is_one_run():
    async def scenario(runs):
        one, two = [await runs.start("shouter", "hi", key="k", owner="ada") for _ in range(2)]
        other = await runs.start("shouter", "hi", key="k", owner="bob")
        assert one is two is not other

    with_runs(scenario, name_teams("shouter", processes=False))


@pytest.mark.parametrize("processes", FAST)
def test_runs_survive_the_server(tmp_path, processes):
    teams = name_teams("asker", "shouter", processes=processes)
    ids = []

    async def begin(runs):
        done, open_run = await runs.start("shouter", "hi"), await runs.start("asker", "go")
        await done.wait()
        await open_run.wait(for_questions=True)
        ids.extend([done.id, open_run.id])
        await runs.drain(0)
        assert open_run.status == "running"
        with pytest.raises(ShuttingDown):
            await runs.start("shouter", "late")

    async def go_on(runs):
        done = await runs.get(ids[0])
        assert (done.status, done.result.summary) == ("done", "HI")
        [run] = await runs.recover()
        assert run.id == ids[1]
        await run.wait(for_questions=True)
        await runs.answer(next(iter(run.questions)), "yes")
        await run.wait()
        assert run.result.summary == "go / May I? / yes / TERMINATE"
        kinds = [event["type"] for _, event in run.list_events()]
        assert kinds.count("model_asked") == 2
        for bad in ("..", "0" * 32, "run.json"):
            with pytest.raises(LookupError):
                await runs.get(bad)

    options = {"folder": tmp_path, "processes": processes}
    with_runs(begin, teams, **options)
    with_runs(go_on, teams, **options)


@pytest.mark.parametrize("processes", FAST)
def test_a_document_is_a_team(tmp_path, processes):
    agents = {
        "agent:user": {"name": "user", "llm_config": False, "human_input_mode": "NEVER"},
        "agent:echo": {"name": "echo", "llm_config": False, "human_input_mode": "NEVER", "default_auto_reply": "fine"},
    }
    chat = {"sender": {"ref": "agent:user"}, "recipient": {"ref": "agent:echo"}, "max_turns": 1}
    parts = {name: {"type": "conversable", "config": config} for name, config in agents.items()}
    parts["chat:main"] = {"type": "two_agents", "config": chat}
    document = {"autogen": 1, "description": "Is fine.", "start": {"chat": "main"}, "parts": parts}
    (tmp_path / "team.json").write_text(json.dumps(document))

    async def scenario(runs):
        assert runs.teams == {"file": "Is fine.", "inline": "Is fine."}
        for team in runs.teams:
            run = await runs.start(team, "go")
            await run.wait()
            assert run.result.summary == "fine", run.error

    with_runs(scenario, {"file": str(tmp_path / "team.json"), "inline": document}, processes=processes)
    with pytest.raises(ValueError, match="which chat begins"):
        Runs({"team": {**document, "start": None}})


def test_a_paused_run_goes_on_when_it_is_resumed():
    async def scenario(runs):
        run = await runs.start("asker", "go")
        await run.wait(for_questions=True)
        runs.pause(run)
        await runs.answer(next(iter(run.questions)), "yes")
        assert run.to_dict()["paused"] is True
        runs.resume(run)
        await run.wait()
        assert run.status == "done"

    with_runs(scenario, name_teams("asker", processes=False))


@pytest.mark.parametrize(
    ("teams", "options", "error", "words"),
    [
        ({}, {}, ValueError, "at least one team"),
        ({"a": 5}, {}, TypeError, "must be a function"),
        ({"a": "nowhere.py"}, {}, FileNotFoundError, "No such file"),
        ({"a": f"{FILE}:make_shoutr"}, {}, ValueError, "Did you mean 'make_shouter'"),
        ({"a": len}, {"processes": True}, ValueError, "module:function"),
        ({"a": len}, {"max_runs": 0}, ValueError, "max_runs"),
    ],
    ids=range(6),
)
def test_mistakes_are_named(teams, options, error, words):
    with pytest.raises(error, match=words):
        Runs(teams, **options)
