"""Operations of extensions, and journals that are kept elsewhere than in a file."""

import json

import pytest

from autogen import events
from autogen._steps import Steps, run_async, run_sync
from autogen.operations import (
    KINDS,
    JournalError,
    JournalStore,
    Operation,
    OperationKind,
    Step,
    perform,
    register_kind,
    resolve_unfinished,
)
from autogen.testing import ScriptedModel


class MemoryStore:
    """A journal in a dict; `open` and `close` as a shared server would have them."""

    name = "memory"

    def __init__(self):
        self.chat = None
        self.is_open = False
        self.steps = {}
        self.events = {}

    def open(self, chat):
        if self.is_open:
            raise JournalError("memory is in use")
        if self.chat not in (None, chat):
            raise JournalError("memory is the checkpoint of another chat")
        self.chat, self.is_open = chat, True
        return "the-chat"

    def get_step(self, position):
        step = self.steps.get(position)
        return step and Step(step.state, step.value if step.value is None else json.loads(step.value))

    def start_step(self, position):
        self.steps[position] = Step("started", None)

    def finish_step(self, position, value):
        self.steps[position] = Step("finished", json.dumps(value))

    def discard_step(self, position):
        self.steps.pop(position, None)

    def has_steps_within(self, position):
        return any(other.scope == str(position) or other.scope.startswith(f"{position}/") for other in self.steps)

    def read_events(self, after=0):
        yield from [(number, json.loads(event)) for number, event in sorted(self.events.items()) if number > after]

    def add_event(self, event):
        number = max(self.events, default=0) + 1
        self.events[number] = json.dumps(event)
        return number

    def delete_events(self, first):
        self.events = {number: event for number, event in self.events.items() if number < first}

    def close(self):
        self.is_open = False


@pytest.fixture
def page_kind():
    register_kind("page", "A page was opened.")
    yield
    del KINDS["page"]


@pytest.fixture
def store():
    return MemoryStore()


def surf(agent, opened, url="http://example.org"):
    """An agent whose reply function opens a page, as an operation of an extension."""

    def open_page() -> Steps[str]:
        opened.append(url)
        yield from ()
        return f"the text of {url}"

    def reply(recipient, messages, sender, config):
        return True, run_sync(perform(Operation(kind="page", key=lambda: url, run=open_page)))

    surfer = agent("surfer")
    surfer.register_reply([type(surfer), None], reply)
    return surfer


def test_a_journal_may_be_kept_anywhere(call, agent, store):
    assert isinstance(store, JournalStore)

    def run(*replies):
        writer = agent("writer", llm_config=ScriptedModel(*replies).llm_config)
        return call(agent("user").initiate_chat, writer, message="hi", max_turns=1, checkpoint=store)

    assert run("one").summary == "one"
    # No reply is left in the script: it comes from the journal.
    assert run().summary == "one"
    assert not store.is_open
    kinds = [event["type"] for _, event in store.read_events()]
    assert kinds.count("chat_started") == kinds.count("chat_ended") == kinds.count("model_answered") == 1


def test_a_store_that_refuses_is_named(call, agent, store):
    store.open({"another": "chat"})
    with pytest.raises(JournalError, match="memory is in use"):
        call(agent("user").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=store)


def test_an_operation_of_an_extension_is_not_repeated(call, agent, store, page_kind):
    opened = []

    def run():
        return call(agent("user").initiate_chat, surf(agent, opened), message="go", max_turns=1, checkpoint=store)

    assert run().summary == run().summary == "the text of http://example.org"
    assert opened == ["http://example.org"]


def test_events_of_an_operation_carry_its_id(agent, page_kind):
    seen = []

    def work() -> Steps[int]:
        events.emit(events.MessageSent(sender="a", recipient="b", message="within"))
        yield from ()
        return 1

    operation = Operation(
        kind="page",
        key=lambda: "x",
        run=work,
        started=lambda: events.CodeStarted(agent="a", blocks=[]),
        finished=lambda result, seconds: events.CodeEnded(agent="a", exit_code=result, output="", seconds=seconds),
    )
    with events.subscribe(seen.append), events.enter_chat("chat"):
        assert run_sync(perform(operation)) == 1
        assert run_sync(perform(operation)) == 1
    first, second = seen[:3], seen[3:]
    assert [event.type for event in first] == ["code_started", "message_sent", "code_ended"]
    assert len({event.operation for event in first}) == len({event.operation for event in second}) == 1
    assert first[0].operation != second[0].operation
    assert {event.parent_operation for event in seen} == {"chat"}
    assert events.get_current_operation() == ""


def test_async_callers_perform_operations_too(page_kind):
    import asyncio

    async def fetch():
        return "async"

    from autogen._steps import invoke

    operation = Operation(kind="page", key=lambda: "x", run=lambda: invoke(lambda: "sync", fetch))
    assert asyncio.run(run_async(perform(operation))) == "async"
    assert run_sync(perform(operation)) == "sync"


def test_an_unknown_kind_is_refused_before_anything_runs():
    operation = Operation(kind="unheard_of", key=lambda: "x", run=lambda: pytest.fail("it ran"))
    with pytest.raises(ValueError, match=r"Unknown kind of operation: 'unheard_of'.*register_kind"):
        run_sync(perform(operation))


def test_kinds_are_identifiers(page_kind):
    assert KINDS["page"] == OperationKind("page", "A page was opened.")
    with pytest.raises(ValueError, match="must be an identifier, got 'a page'"):
        register_kind("a page")


@pytest.mark.parametrize(("way", "outcome"), [("report", "not known"), ("rerun", None), ("ask", "by hand")])
def test_what_was_under_way_is_decided_as_the_chat_says(way, outcome):
    class FakeJournal:
        on_unfinished = way

    def ask(prompt) -> Steps[str]:
        assert prompt.startswith("A page was opened. ")
        yield from ()
        return "by hand"

    result = run_sync(resolve_unfinished(FakeJournal(), "A page was opened.", ask))
    assert result is None if outcome is None else outcome in result
