"""Ctrl-C, errors and spent budgets inside a run: who takes over, and what is left behind."""

import asyncio
import signal

import pytest

from autogen import Agent, GroupChat, GroupChatManager
from autogen.agentchat.chat import StopReason
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.exception_utils import BudgetExceeded
from autogen.testing import ScriptedModel


def contents(messages):
    return [message["content"] for message in messages]


@pytest.mark.parametrize("name", ["Admin", "boss"])
def test_the_administrator_takes_over_on_an_interrupt(call, speaker, manage, record, name):
    a, b, admin = speaker("a"), speaker("b", KeyboardInterrupt()), speaker(name, "I take over")
    manager = manage([a, b, admin], max_round=3, admin_name=name)
    if name == "Admin":
        del manager.groupchat.__dict__["admin_name"]  # the default
    call(a.initiate_chat, manager, message="go")
    assert record(manager)[:2] == [("a", "go"), (name, "I take over")]


def test_an_interrupt_of_the_choice_is_taken_over_too(call, speaker, manage, record):
    def interrupted(last, group):
        raise KeyboardInterrupt

    a, admin = speaker("a"), speaker("Admin", "I")
    manager = manage([a, admin], max_round=2, method=interrupted)
    call(a.initiate_chat, manager, message="go")
    assert record(manager) == [("a", "go"), ("Admin", "I")]


class Interrupted(GroupChatManager):
    """A manager whose message does not get through to `c`."""

    def send(self, message, recipient, request_reply=None, silent=False):
        if recipient.name == "c" and message["content"] == "x":
            raise KeyboardInterrupt
        super().send(message, recipient, request_reply, silent)

    async def a_send(self, message, recipient, request_reply=None, silent=False):
        self.send(message, recipient, request_reply, silent)


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), LookupError("x"), BudgetExceeded("chat", "max_cost", 2, 1)])
@pytest.mark.parametrize("second", [True, False])
def test_a_failure_leaves_whole_histories_and_the_caches(call, speaker, manage, failure, second):
    own, shared = InMemoryCache(), InMemoryCache()
    a, b, c = speaker("a"), speaker("b", "x"), speaker("c", failure)
    members = [a, b, c, speaker("Admin", KeyboardInterrupt())] if second else [a, b, c]
    b.client_cache = own
    manager = manage(members)
    with pytest.raises(type(failure) if not second else (KeyboardInterrupt, type(failure))) as caught:
        call(a.initiate_chat, manager, message="go", cache=shared)
    assert (a.client_cache, b.client_cache, c.client_cache, manager.client_cache) == (None, own, None, None)
    for member in members:
        assert contents(member.chat_messages[manager]) == contents(manager.groupchat.messages) == ["go", "x"]
    if isinstance(caught.value, BudgetExceeded):
        assert caught.value.result.stop_reason is StopReason.BUDGET
        assert contents(caught.value.result.chat_history) == ["go", "x"]


def test_a_message_on_the_record_is_heard_by_all_though_one_fails(call, speaker):
    members = [speaker("a"), speaker("b", "x"), speaker("c"), speaker("d")]
    manager = Interrupted(GroupChat(members, [], speaker_selection_method="round_robin"), llm_config=False, silent=True)
    with pytest.raises(KeyboardInterrupt):
        call(members[0].initiate_chat, manager, message="go")
    for member in members:
        assert contents(member.chat_messages[manager]) == ["go", "x"]
    assert contents(manager.groupchat.messages) == ["go", "x"]


def test_the_result_of_an_exceeded_budget_is_that_of_the_group(call, speaker, manage):
    a, b, c = speaker("a"), speaker("b", "x"), speaker("c", "y")
    model = ScriptedModel(lambda messages: "nobody")
    manager = manage([a, b, c], method="auto", options={"llm_config": model.llm_config})
    with pytest.raises(BudgetExceeded) as caught:
        call(a.initiate_chat, manager, message="go", max_tokens_total=1)
    assert contents(caught.value.result.chat_history) == ["go"]


@pytest.mark.usefixtures("sigint_raises")
def test_a_real_ctrl_c_leaves_whole_histories(call, mode, speaker, manage):
    def press(member, messages, sender, config):
        signal.raise_signal(signal.SIGINT)
        return True, "never said"

    async def a_press(member, messages, sender, config):
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        return True, "never said"

    a, b, c = speaker("a"), speaker("b", "x"), speaker("c")
    c.register_reply([Agent], press if mode == "sync" else a_press)
    manager = manage([a, b, c])
    with pytest.raises(KeyboardInterrupt):
        call(a.initiate_chat, manager, message="go")
    for member in (a, b, c):
        assert contents(member.chat_messages[manager]) == contents(manager.groupchat.messages) == ["go", "x"]
    b.register_reply([Agent], lambda *given, **named: (True, "TERMINATE"), position=0)
    result = call(a.initiate_chat, manager, message="still there?", clear_history=False)
    assert contents(result.chat_history) == ["go", "x", "still there?", "TERMINATE"]


class Lost(GroupChatManager):
    """A manager to whom `b` does not get through."""

    def _process_received_message(self, message, sender, silent):
        super()._process_received_message(message, sender, silent)
        if sender.name == "b":
            raise LookupError("the console is gone")


def test_what_fails_to_be_said_was_not_said(call, speaker):
    a, b = speaker("a"), speaker("b", "x")
    manager = Lost(GroupChat([a, b], [], speaker_selection_method="round_robin"), llm_config=False, silent=True)
    with pytest.raises(LookupError):
        call(a.initiate_chat, manager, message="go")
    for history in (
        a.chat_messages[manager],
        b.chat_messages[manager],
        manager.chat_messages[b],
        manager.groupchat.messages,
    ):
        assert contents(history) == ["go"]
