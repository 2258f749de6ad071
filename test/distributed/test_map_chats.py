"""A chat for each of many items: side by side, within limits, and again after a crash."""

import asyncio
import json
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen import AssistantAgent, ChatResult, UserProxyAgent
from autogen.agentchat.chat import StopReason
from autogen.distributed import ChatFailure, a_map_chats, map_chats
from autogen.exception_utils import BudgetExceeded
from autogen.io import LATER
from autogen.operations import JournalError
from autogen.recording import Recording
from autogen.specs import SpecError
from autogen.testing import Reply, ScriptedModel, tool_call


def make_answer(model, **options):
    """Make a chat function that asks a model once, in the form of threads and of tasks."""

    def make_agents():
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        return user, AssistantAgent("assistant", llm_config=model.llm_config)

    def answer(item, run):
        user, assistant = make_agents()
        text = item["text"] if isinstance(item, dict) else str(item)
        return user.initiate_chat(assistant, message=text, max_turns=1, checkpoint=run.checkpoint, **options)

    async def a_answer(item, run):
        user, assistant = make_agents()
        text = item["text"] if isinstance(item, dict) else str(item)
        return await user.a_initiate_chat(assistant, message=text, max_turns=1, checkpoint=run.checkpoint, **options)

    return answer, a_answer


def run_all(is_async, items, chat, **options):
    """Run all chats by `map_chats` or `a_map_chats`, and return the results."""
    if not is_async:
        results = map_chats(items, chat, **options)
        list(results)
        return results

    async def run():
        return await a_map_chats(items, chat, **options)

    return asyncio.run(run())


FORMS = [(is_async, form) for is_async in (False, True) for form in (0, 1)]


@pytest.mark.parametrize(("is_async", "form"), FORMS)
def test_results_come_in_the_order_of_the_items_and_nothing_is_printed(capsys, is_async, form):
    answer = make_answer(ScriptedModel(lambda messages: messages[-1]["content"].upper()))[form]
    results = run_all(is_async, (f"text {number}" for number in range(30)), answer, limit=4)
    rows = results.to_table()
    assert [row["summary"] for row in rows] == [f"TEXT {number}" for number in range(30)]
    summary = results.summary()
    assert (summary.items, summary.done, summary.failed, summary.waiting) == (30, 30, 0, 0)
    assert summary.tokens == sum(row["tokens"] for row in rows) > 0
    assert {row["stop_reason"] for row in rows} == {"max_turns"}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", [0, 1])
def test_no_more_chats_than_the_limit_are_under_way(form):
    active, most, lock = 0, 0, threading.Lock()
    three = threading.Barrier(3)

    def begin():
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)

    def end():
        nonlocal active
        with lock:
            active -= 1

    def work(item, run):
        begin()
        # Passed by three at once alone; a fourth would have its time to begin.
        three.wait()
        time.sleep(0.001)
        end()
        return item

    async def a_work(item, run):
        begin()
        await asyncio.sleep(0.001)
        end()
        return item

    assert [result for _, result in map_chats(range(12), (work, a_work)[form], limit=3)] == list(range(12))
    assert most == 3


def test_results_come_as_they_are_ready_if_the_order_does_not_matter():
    may_end = threading.Event()

    def work(item, run):
        if item == 0:
            assert may_end.wait(60)
        return item

    seen = []
    with map_chats(range(3), work, ordered=False, limit=2) as results:
        for item, _ in results:
            seen.append(item)
            if len(seen) == 2:
                may_end.set()
    assert seen == [1, 2, 0]
    assert [item for item, _ in results] == [1, 2, 0]


@pytest.mark.parametrize("is_async", [False, True])
def test_failures_are_results_and_can_be_tried_again(is_async):
    broken = {3, 7}
    attempts = []

    def work(item, run):
        attempts.append((item, run.attempt))
        if item in broken:
            raise LookupError(f"no {item}, with sk-abcdefghijklmnopqrstuvwxyz012345")
        return item

    results = run_all(is_async, range(9), work, retries=2)
    assert [item for item, _ in results.dead_letters] == [3, 7]
    failure = results.dead_letters[0][1]
    assert (failure.kind, failure.attempts, type(failure.__cause__)) == ("LookupError", 3, LookupError)
    assert "no 3" in str(failure)
    assert "sk-abc" not in str(failure)
    assert [number for item, number in attempts if item == 3] == [1, 2, 3]
    assert results.summary().errors == {"LookupError": 2}
    broken.clear()
    again = results.retry()
    if is_async:
        asyncio.run(again._read_all())
    assert [row["summary"] for row in again.to_table()] == [3, 7]
    assert not again.dead_letters


def test_a_failure_may_stop_the_run():
    def work(item, run):
        if item == 2:
            raise LookupError("no 2")
        return item

    seen = []
    results = map_chats(range(1000), work, limit=1, retries=0, on_error="raise")
    with pytest.raises(ChatFailure, match="no 2") as caught:
        seen.extend(item for item, _ in results)
    assert seen == [0, 1]
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("form", [0, 1])
def test_a_chat_that_takes_too_long_is_stopped(form):
    model = ScriptedModel(Reply("late", delay=3600))
    answer = make_answer(model)[form]
    [(_, failure)] = map_chats(["slow"], answer, timeout=0.05, retries=0)
    assert (failure.kind, failure.attempts) == ("TimeoutError", 1)


def test_leaving_the_loop_stops_the_chats():
    stopped = threading.Event()
    model = ScriptedModel(lambda messages: Reply("late", delay=3600) if messages[-1]["content"] == "1" else "soon")

    def work(item, run):
        answer = make_answer(model, control=run.control)[0]
        result = answer(item, run)
        if result.stop_reason is StopReason.STOPPED:
            stopped.set()
        return result

    for item, result in map_chats(range(100), work, limit=2):
        assert (item, result.summary) == (0, "soon")
        break
    assert stopped.wait(60)
    assert len(model.requests) < 100


# Without a checkpoint, with one, and with ids.


@pytest.mark.parametrize("form", [0, 1])
def test_what_is_done_is_not_done_again(tmp_path, form):
    items = [{"id": number, "text": f"text {number}"} for number in range(5)]
    model = ScriptedModel(lambda messages: messages[-1]["content"].upper())
    answer = make_answer(model)[form]
    first = map_chats(items[:3], answer, checkpoint=tmp_path / "run.db", name="shout")
    table = first.to_table()
    assert len(model.requests) == 3
    results = map_chats(items, answer, checkpoint=tmp_path / "run.db", name="shout")
    assert results.to_table()[:3] == table
    assert [result.summary for _, result in results] == [f"TEXT {number}" for number in range(5)]
    assert all(isinstance(result, ChatResult) and result.stop_reason is StopReason.MAX_TURNS for _, result in results)
    assert len(model.requests) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]


def test_a_chat_goes_on_from_its_last_step(tmp_path):
    calls = []

    def pay(euros: int) -> str:
        calls.append(euros)
        return "paid"

    def work(item, run):
        model = ScriptedModel(
            *([] if calls else [tool_call("pay", euros=5)]), RuntimeError("down") if not run_well else "done"
        )
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        assistant = AssistantAgent("assistant", llm_config=model.llm_config)
        assistant.register_for_llm(description="Pay.")(pay)
        user.register_for_execution()(pay)
        return user.initiate_chat(assistant, message=item, max_turns=2, checkpoint=run.checkpoint)

    run_well = False
    assert map_chats(["x"], work, checkpoint=tmp_path / "run.db", retries=0).summary().failed == 1
    # A dead letter stays one until it is tried again.
    results = map_chats(["x"], work, checkpoint=tmp_path / "run.db")
    assert results.dead_letters[0][1].kind == "RuntimeError"
    run_well = True
    [(_, result)] = results.retry()
    assert (result.summary, calls) == ("done", [5])
    [(_, result)] = map_chats(["x"], work, checkpoint=tmp_path / "run.db")
    assert result.summary == "done"


PROGRAM = """
import os, sys
from autogen.distributed import map_chats

def work(item, run):
    with open(sys.argv[2], "a") as file:
        file.write(f"{item} ")
    if item == 5 and sys.argv[3] == "die":
        os._exit(9)
    return item * item

results = map_chats(range(10), work, checkpoint=sys.argv[1], limit=1)
print([result for _, result in results])
"""


@pytest.mark.slow
def test_a_process_that_died_is_continued(tmp_path):
    arguments = [sys.executable, "-c", PROGRAM, str(tmp_path / "run.db"), str(tmp_path / "log")]
    assert subprocess.run([*arguments, "die"], check=False).returncode == 9
    done = subprocess.run([*arguments, "live"], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [number * number for number in range(10)]
    assert (tmp_path / "log").read_text().split() == [*"012345", *"56789"]


def test_chats_that_wait_for_humans_are_resumed_with_their_answers(tmp_path):
    def work(item, run):
        user = UserProxyAgent("user", human_input_mode="ALWAYS", human_input_source=LATER, code_execution_config=False)
        assistant = AssistantAgent("assistant", llm_config=ScriptedModel(lambda messages: "Shall I?").llm_config)
        return assistant.initiate_chat(user, message=f"Shall I {item}?", max_turns=1, checkpoint=run.checkpoint)

    waiting = {}
    results = map_chats(
        ["go", "stay"],
        lambda item, run: waiting.setdefault(item, run) and work(item, run),
        checkpoint=tmp_path / "r.db",
        name="n",
    )
    assert (results.summary().waiting, results.summary().done) == (2, 0)
    recording = Recording(waiting["go"].checkpoint)
    recording.answer(recording.pending[0], "yes")
    again = map_chats(["go", "stay"], work, checkpoint=tmp_path / "r.db", name="n")
    assert [row["stop_reason"] for row in again.to_table()] == ["max_turns", "waiting"]
    assert again.to_table()[0]["summary"] == "yes"


def test_one_budget_for_all_chats(tmp_path):
    model = ScriptedModel(lambda messages: Reply("fine", usage={"prompt_tokens": 500, "completion_tokens": 500}))
    # A dollar for each chat.
    model_config = {**model.config, "price": [1, 1]}
    answer, _ = make_answer(type("Priced", (), {"llm_config": {"config_list": [model_config], "cache_seed": None}}))
    options = {"checkpoint": tmp_path / "run.db", "limit": 1}
    results = map_chats(range(6), answer, budget=3, **options)
    assert [isinstance(result, ChatFailure) for _, result in results] == [False] * 3 + [True] * 3
    assert results.summary().cost == pytest.approx(3)
    assert {failure.kind for _, failure in results.dead_letters} == {BudgetExceeded.__name__}
    assert len(model.requests) == 3
    # What was spent before counts, and what was not done for want of money is done now.
    more = map_chats(range(6), answer, budget=5, **options)
    assert (more.summary().done, len(model.requests)) == (5, 5)


DOCUMENT = {
    "autogen": 1,
    "name": "asker",
    "start": {"chat": "main"},
    "parts": {
        "agent:user": {"type": "conversable", "config": {"name": "user", "llm_config": False, "human_input_mode": "NEVER"}},
        "agent:echo": {
            "type": "conversable",
            "config": {"name": "echo", "llm_config": False, "human_input_mode": "NEVER", "default_auto_reply": "fine"},
        },
        "chat:main": {
            "type": "two_agents",
            "config": {"sender": {"ref": "agent:user"}, "recipient": {"ref": "agent:echo"}, "max_turns": 1},
        },
    },
}


def test_a_document_is_a_chat(tmp_path):
    (tmp_path / "team.json").write_text(json.dumps(DOCUMENT))
    for chat in (DOCUMENT, str(tmp_path / "team.json")):
        rows = [result.chat_history for _, result in map_chats(["one", {"task": "two"}], chat)]
        assert [[message["content"] for message in row] for row in rows] == [["one", "fine"], ["two", "fine"]]
    with pytest.raises(SpecError, match="does not say which chat begins"):
        map_chats([1], {**DOCUMENT, "start": None})


class Unknown:
    """An item that no other process recognises."""


@pytest.mark.parametrize(
    ("items", "chat", "options", "error", "words"),
    [
        ([{"id": 1}, {"id": "1"}], None, {}, ValueError, "Items 0 and 1 have the same id '1'"),
        ([{"id": 1.5}], None, {}, TypeError, "must be text or a whole number, got 1.5"),
        ([Unknown()], None, {"checkpoint": "run.db"}, TypeError, 'make it a dict with an "id"'),
        ([1], None, {"checkpoint": "missing/run.db"}, JournalError, "there is no folder"),
        ([1], None, {"limit": 0}, ValueError, "limit must be a positive whole number, got 0"),
        ([1], None, {"retries": -1}, ValueError, "retries must be"),
        ([1], None, {"timeout": 0}, ValueError, "timeout must be positive"),
        ([1], None, {"budget": -1}, ValueError, "max_cost"),
        ([1], None, {"on_error": "rais"}, ValueError, "Did you mean 'raise'"),
        ([1], "json:dump_all", {}, ValueError, "has no function 'dump_all'"),
        ([1], "json", {}, ValueError, "'module:function'"),
        ([1], 5, {}, TypeError, "must be a function"),
    ],
    ids=range(12),
)
def test_mistakes_are_named(tmp_path, monkeypatch, items, chat, options, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        map_chats(items, chat or (lambda item, run: 1), **options).summary()


def test_an_error_of_the_items_comes_after_the_results():
    def yield_items():
        yield 1
        raise OSError("the disk")

    seen = []
    results = map_chats(yield_items(), lambda item, run: item)
    with pytest.raises(OSError, match="the disk"):
        seen.extend(item for item, _ in results)
    assert seen == [1]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    map_chats([1], lambda item, run: 1, checkpoint=tmp_path / "run.db", name="first").summary()
    with pytest.raises(JournalError, match="checkpoint of another run: first, and not second"):
        map_chats([1], lambda item, run: 1, checkpoint=tmp_path / "run.db", name="second").summary()
    (tmp_path / "text.db").write_text("no database, and long enough to be read as one" * 9)
    with pytest.raises(JournalError, match=r"text\.db"):
        map_chats([1], lambda item, run: 1, checkpoint=tmp_path / "text.db").summary()


def test_results_that_nobody_read_are_pointed_out():
    with pytest.warns(ResourceWarning, match="never read"):
        map_chats([1], lambda item, run: 1)


def test_lines_of_json(tmp_path):
    items = [{"id": "a", "text": "hi"}, {"id": "b", "text": "ho"}]
    answer, _ = make_answer(ScriptedModel("HI", RuntimeError("down")))
    map_chats(items, answer, limit=1, retries=0).to_jsonl(tmp_path / "out.jsonl")
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (first["id"], first["item"], first["result"]["summary"]) == ("a", items[0], "HI")
    assert (second["id"], second["result"], second["error"]) == ("b", None, "RuntimeError: down")
    assert ChatResult.from_dict(first["result"]).stop_reason is StopReason.MAX_TURNS


@pytest.mark.slow
@settings(max_examples=8)
@given(
    st.lists(
        st.one_of(
            st.text(),
            st.integers(),
            st.dictionaries(st.text(), st.floats(allow_nan=False)).map(lambda d: {k: v for k, v in d.items() if k != "id"}),
        )
    )
)
def test_any_items_are_recognised(tmp_path_factory, items):
    file = tmp_path_factory.mktemp("run") / "run.db"
    ids = []
    map_chats(items, lambda item, run: ids.append(run.item_id), checkpoint=file, limit=1, name="n").summary()
    assert len(set(ids)) == len(items)
    map_chats(items, lambda item, run: ids.append(run.item_id), checkpoint=file, limit=1, name="n").summary()
    assert len(ids) == len(items)
