"""Chats that wait for an answer which comes later, and chats that were interrupted inside a call."""

import asyncio
import contextlib
import sqlite3
import threading
from contextlib import closing

import pytest

from autogen import GroupChat, GroupChatManager, events, initiate_chats, register_function
from autogen._cli.inspect import run_inspect
from autogen._threads import is_cancelled
from autogen.agentchat.chat import StopReason, a_initiate_chats
from autogen.coding import CodeResult, MarkdownCodeExtractor
from autogen.control import ChatControl, ChatStopped, ChatWaiting
from autogen.recording import Recording
from autogen.testing import ScriptedModel, tool_call


@pytest.fixture
def file(tmp_path):
    return tmp_path / "chat.db"


def get_kinds(file):
    return [event["type"] for event in Recording(file).events]


class Payments:
    """A tool that needs an approval for each amount."""

    def __init__(self, *approved):
        self.approved, self.asked, self.paid = set(approved), [], []

    def pay(self, euros: int) -> str:
        self.asked.append(euros)
        if euros not in self.approved:
            raise ChatWaiting(f"the approval of {euros} euros")
        self.paid.append(euros)
        return f"paid {euros}"

    async def a_pay(self, euros: int) -> str:
        return self.pay(euros)

    def hold(self, call, agent, checkpoint, *answers, function=None, timeout=None, **options):
        caller = agent("caller", llm_config=ScriptedModel(*answers).llm_config)
        user = agent("user", **options)
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        function = function or self.pay
        caller.register_for_llm(name="pay", description="Pay.")(function)
        user.register_for_execution(name="pay", timeout=timeout)(function)
        return call(user.initiate_chat, caller, message="go", checkpoint=checkpoint)


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("form", ["pay", "a_pay"])
def test_a_tool_that_waits_is_called_again_and_nothing_else(call, agent, file, form, timeout):
    payments = Payments()

    def hold(*answers):
        return payments.hold(call, agent, file, *answers, function=getattr(payments, form), timeout=timeout)

    first = hold(tool_call("pay", euros=5))
    assert (first.stop_reason, first.stop_detail) == (StopReason.WAITING, "the approval of 5 euros")
    assert first.summary is None
    recorded = Recording(file).events
    assert recorded[-1]["type"] == "chat_waiting"
    assert recorded[-1]["reasons"] == ["the approval of 5 euros"]
    assert "chat_ended" not in get_kinds(file)
    assert not Recording(file).is_finished
    # Nobody has answered yet: the recording stays as it is.
    assert hold().stop_reason is StopReason.WAITING
    assert Recording(file).events == recorded
    payments.approved.add(5)
    result = hold("fine")
    assert (result.summary, payments.paid) == ("fine", [5])
    assert Recording(file).is_finished
    kinds = get_kinds(file)
    assert [kinds.count(kind) for kind in ("chat_started", "tool_called", "tool_returned", "chat_waiting")] == [1, 1, 1, 1]
    assert hold().summary == "fine"
    assert get_kinds(file) == kinds


@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize("answered", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_calls_side_by_side_ask_all_their_questions_at_once(call, agent, file, answered, concurrent):
    payments = Payments(2)
    calls = [tool_call("pay", call_id=f"c{euros}", euros=euros) for euros in (1, 2, 3)]

    def hold(*answers):
        return payments.hold(call, agent, file, *answers, concurrent_tool_calls=concurrent)

    result = hold([*calls])
    assert result.stop_detail == "the approval of 1 euros, the approval of 3 euros"
    assert payments.paid == [2]
    for euros in answered:
        payments.approved.add(euros)
        result = hold("fine")
    assert result.summary == "fine"
    assert sorted(payments.paid) == [1, 2, 3]
    responses = result.chat_history[2]["tool_responses"]
    assert [response["content"] for response in responses] == ["paid 1", "paid 2", "paid 3"]
    kinds = get_kinds(file)
    assert kinds.count("tool_called") == kinds.count("tool_returned") == 3
    assert Recording(file).is_finished


def test_a_human_who_is_not_there(call, agent, file):
    there, asked = [], []

    def ask(prompt):
        asked.append(prompt)
        if not there:
            raise ChatWaiting("ada")
        return there.pop()

    def hold(answer=None):
        there[:] = [answer] if answer else []
        user = agent("user", human_input_mode="ALWAYS", human_input_source=ask)
        b = agent("b", default_auto_reply="yes")
        return call(user.initiate_chat, b, message="hi", checkpoint=file)

    for _ in range(3):
        assert hold().stop_detail == "ada"
    assert get_kinds(file).count("human_asked") == get_kinds(file).count("chat_waiting") == 1
    # The answer leads to another question, for which it waits as well.
    assert hold("more").stop_reason is StopReason.WAITING
    assert hold().stop_reason is StopReason.WAITING
    assert get_kinds(file).count("human_asked") == get_kinds(file).count("chat_waiting") == 2
    result = hold("exit")
    assert (result.stop_reason, result.human_input) == (StopReason.HUMAN_EXIT, ["more", "exit"])
    assert get_kinds(file).count("human_answered") == 2
    assert Recording(file).is_finished


def test_all_chats_around_a_call_wait(call, agent, file):
    payments = Payments()

    def hold(*answers):
        executor = agent("executor")
        planner = agent("planner", llm_config=ScriptedModel(*answers).llm_config)
        register_function(payments.pay, caller=planner, executor=executor, name="pay", description="Pay.")
        executor._is_termination_msg = lambda message: message.get("content") == "fine"
        members = [executor, planner]
        group = GroupChat(members, max_round=5, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, llm_config=False, silent=True)
        outer, asker = agent("outer"), agent("asker")
        outer.register_nested_chats([{"recipient": manager, "summary_method": "last_msg"}], trigger=asker)
        executor.register_reply([GroupChatManager], lambda *given, **named: (False, None))
        return call(asker.initiate_chat, outer, message="go", max_turns=1, checkpoint=file)

    assert hold(tool_call("pay", euros=5)).stop_reason is StopReason.WAITING
    recorded = Recording(file).events
    assert [event["type"] for event in recorded[-2:]] == ["chat_waiting"] * 2
    assert hold().stop_reason is StopReason.WAITING
    assert Recording(file).events == recorded
    payments.approved.add(5)
    assert "fine" in str(hold("fine").summary)
    assert payments.paid == [5]


def test_a_chat_that_can_not_be_resumed_does_not_wait(call, agent):
    with pytest.raises(ChatWaiting, match=r"waits for the approval of 5 euros\. Give it a checkpoint"):
        Payments().hold(call, agent, None, tool_call("pay", euros=5))


def test_chats_of_a_queue_wait_for_the_chat_that_waits(agent, tmp_path):
    approved = []

    def ask(prompt):
        if not approved:
            raise ChatWaiting("ada")
        return "exit"

    def make_queue():
        user = agent("user", human_input_mode="ALWAYS", human_input_source=ask)
        return [
            {
                "sender": user if number == 1 else agent("sender"),
                "recipient": agent("b", default_auto_reply=f"answer {number}"),
                "message": f"question {number}",
                "max_turns": None if number == 1 else 1,
                "checkpoint": tmp_path / f"{number}.db",
                "chat_id": number,
                "prerequisites": prerequisites,
                "silent": True,
            }
            for number, prerequisites in ((1, []), (2, [1]), (3, []))
        ]

    queue = [{key: value for key, value in chat.items() if key not in ("chat_id", "prerequisites")} for chat in make_queue()]
    assert [result.stop_reason for result in initiate_chats(queue)] == [StopReason.WAITING]
    results = asyncio.run(a_initiate_chats(make_queue()))
    assert {key: result.stop_reason for key, result in results.items()} == {1: StopReason.WAITING, 3: StopReason.MAX_TURNS}
    approved.append(1)
    assert sorted(asyncio.run(a_initiate_chats(make_queue()))) == [1, 2, 3]


def test_inspect_shows_for_what_a_chat_waits(call, agent, file, capsys):
    payments = Payments()
    payments.hold(call, agent, file, tool_call("pay", euros=5))
    assert run_inspect(file, html=None, turn=None, as_json=False, force=False) == 0
    assert "It waits for an answer: the approval of 5 euros" in capsys.readouterr().out
    payments.approved.add(5)
    payments.hold(call, agent, file, "fine")
    run_inspect(file, html=None, turn=None, as_json=False, force=False)
    shown = capsys.readouterr().out
    assert "A message said that the chat is over" in shown
    assert "waits" not in shown
    # The call is shown once, with the arguments of its start and the result of its end.
    assert shown.count("· pay(euros=5): returned") == 1
    assert "no result was recorded" not in shown


# Interruptions


class SlowExecutor:
    """An executor that is interrupted in the middle of its work."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self, run):
        self.run = run

    def execute_code_blocks(self, code_blocks):
        self.run()
        return CodeResult(exit_code=137 if is_cancelled() else 0, output="ran")

    def restart(self):
        pass


@pytest.mark.parametrize("on_unfinished", ["report", pytest.param("rerun", marks=pytest.mark.slow)])
@pytest.mark.parametrize("interruption", ["ctrl-c", "stop", "cancel", pytest.param("exit", marks=pytest.mark.slow)])
@pytest.mark.parametrize("operation", ["tool", "code", "tool in a nested chat"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_interrupted_call_is_not_made_again_unasked(agent, file, operation, interruption, on_unfinished, is_async):
    paid, released, entered = [], threading.Event(), threading.Event()
    control = ChatControl()

    def pay() -> str:
        paid.append(5)
        if len(paid) > 1:
            return "paid"
        if interruption == "ctrl-c":
            raise KeyboardInterrupt
        if interruption == "exit":
            raise SystemExit
        entered.set()
        if interruption == "cancel" and not is_async:
            raise asyncio.CancelledError
        if interruption == "stop":
            control.stop()
        while not released.wait(0.01) and not (is_cancelled() and operation == "code"):
            pass
        return "too late"

    def make_agents(*answers):
        model = ScriptedModel(*answers)
        config = {"executor": SlowExecutor(pay)} if operation == "code" else False
        user, caller = agent("user", code_execution_config=config), agent("caller", llm_config=model.llm_config)
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        if operation != "code":
            register_function(pay, caller=caller, executor=user, name="pay", description="Pay.")
            user.concurrent_tool_calls = True
        if operation != "tool in a nested chat":
            return user, caller
        outer, asker = agent("outer"), agent("asker")
        chat = {"sender": user, "recipient": caller, "message": "go", "summary_method": "last_msg"}
        outer.register_nested_chats([{**chat, "chat_id": 1}], trigger=asker, use_async=is_async)
        return asker, outer

    def hold(*answers):
        first, second = make_agents(*answers)
        chosen = control if interruption == "stop" and not paid else None
        options = {"message": "go", "checkpoint": file, "control": chosen, "on_unfinished": on_unfinished}
        if operation == "tool in a nested chat":
            options["max_turns"] = 1
        if not is_async:
            return first.initiate_chat(second, **options)

        async def main():
            task = asyncio.ensure_future(first.a_initiate_chat(second, **options))
            if interruption == "cancel" and not paid:
                await asyncio.to_thread(entered.wait, 60)
                task.cancel()
            return await task

        return asyncio.run(main())

    call = "```python\n1\n```" if operation == "code" else tool_call("pay")
    with contextlib.suppress(KeyboardInterrupt, SystemExit, asyncio.CancelledError, ChatStopped):
        hold(call)
    assert paid == [5]
    released.set()
    assert not Recording(file).is_finished
    unfinished = [step["kind"] for step in Recording(file).steps if not step["finished"]]
    assert ("code" if operation == "code" else "tool") in unfinished
    result = hold("fine")
    assert "fine" in str(result.summary)
    assert paid == ([5] if on_unfinished == "report" else [5, 5])
    told = str([event for event in Recording(file).events if event["type"] in ("tool_returned", "code_ended")])
    assert ("not known whether it took effect" in told) is (on_unfinished == "report")
    assert Recording(file).is_finished


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ChatStopped, ValueError])
def test_a_model_or_a_human_that_was_interrupted_is_asked_again(call, agent, file, interruption):
    asked = []

    def interrupt(value):
        asked.append(value)
        if len(asked) == 1:
            raise interruption
        return "exit"

    def hold(model, source):
        user = agent("user", human_input_mode="ALWAYS", human_input_source=source)
        b = agent("b", llm_config=ScriptedModel(model).llm_config)
        return call(user.initiate_chat, b, message="hi", checkpoint=file)

    with contextlib.suppress(interruption):
        hold(interrupt, None)
    with contextlib.suppress(interruption):
        asked.clear()
        hold("yes", interrupt)
    assert hold(None, interrupt).human_input == ["exit"]
    assert all(step["finished"] for step in Recording(file).steps)


def test_a_chat_that_was_stopped_is_recorded_to_its_end(call, agent, file):
    """The end of the first run was taken for that of the chat."""
    control = ChatControl()

    def hold(stops):
        a, b = agent("a", default_auto_reply="yes"), agent("b", default_auto_reply="no")
        sent = []

        def count(event):
            sent.append(event)
            if stops and len(sent) == 3:
                control.stop()

        with events.subscribe(count, types=["message_sent"]):
            return call(a.initiate_chat, b, message="hi", max_turns=3, checkpoint=file, control=control if stops else None)

    assert hold(stops=True).stop_reason is StopReason.STOPPED
    assert not Recording(file).is_finished
    assert hold(stops=False).stop_reason is StopReason.MAX_TURNS
    assert Recording(file).is_finished
    assert len(Recording(file).messages) == 6
    assert Recording(file).events[-1]["stop_reason"] == "max_turns"
    before = Recording(file).events
    hold(stops=False)
    assert Recording(file).events == before


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_tool_that_does_no_harm_is_called_again(call, agent, file, idempotent):
    called = []

    def look() -> str:
        called.append(1)
        if len(called) == 1:
            raise KeyboardInterrupt
        return "seen"

    def hold(*answers):
        caller, user = agent("caller", llm_config=ScriptedModel(*answers).llm_config), agent("user")
        caller.register_for_llm(description="Look.")(look)
        user.register_for_execution(idempotent=idempotent)(look)
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        return call(user.initiate_chat, caller, message="go", checkpoint=file).chat_history

    with pytest.raises(KeyboardInterrupt):
        hold(tool_call("look"))
    [response] = hold("fine")[2]["tool_responses"]
    assert (response["content"] == "seen") is idempotent
    assert len(called) == 1 + idempotent


def test_a_crash_just_before_a_call_is_reported_as_not_known(call, agent, file):
    """Nothing ran, but the file can't tell: the start is recorded before the call."""
    payments = Payments(5)
    payments.hold(call, agent, file, tool_call("pay", euros=5), "fine")
    with closing(sqlite3.connect(file)) as database, database:
        [[number]] = database.execute("SELECT n FROM steps WHERE kind = 'tool'")
        database.execute("UPDATE steps SET state = 'started', value = NULL WHERE n = ?", (number,))
        database.execute("DELETE FROM steps WHERE n > ?", (number,))
    database.close()
    result = payments.hold(call, agent, file, "fine")
    assert "not known whether it took effect" in result.chat_history[2]["tool_responses"][0]["content"]
    assert payments.paid == [5]
