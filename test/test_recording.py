"""What a checkpoint tells, and taking another way from the middle of a chat."""

import json
import sqlite3
from contextlib import closing

import pytest

from autogen._cli.inspect import run_inspect
from autogen.operations import SQLiteStore
from autogen.recording import JournalError, Recording
from autogen.testing import OpenAIServer, ScriptedModel


@pytest.fixture
def file(tmp_path):
    return tmp_path / "chat.db"


def hold(call, agent, file, *words, turns=3, dies=None):
    def answer(messages):
        if len(said) == dies:
            raise SystemExit
        said.append(1)
        return words[len(said) - 1]

    said = []
    a, b = agent("a", default_auto_reply="more"), agent("b", llm_config=ScriptedModel(answer).llm_config)
    return call(a.initiate_chat, b, message="hi", max_turns=turns, checkpoint=file)


def said(recording):
    return [(message["sender"], message["content"]) for message in recording.messages]


WHOLE = [("a", "hi"), ("b", "one"), ("a", "more"), ("b", "two"), ("a", "more"), ("b", "three")]


def test_a_recorded_chat_can_be_read(call, agent, file):
    hold(call, agent, file, "one", "two", "three")
    recording = Recording(file)
    assert said(recording) == WHOLE
    assert recording.is_finished
    assert [step["kind"] for step in recording.steps] == ["model"] * 3
    assert all(step["finished"] for step in recording.steps)
    assert recording.events[0]["type"] == "chat_started"
    assert recording.events[-1]["stop_reason"] == "max_turns"


@pytest.mark.parametrize("dies", [0, 1, 2])
def test_a_chat_that_was_taken_up_again_is_one_chat(call, agent, file, dies):
    with pytest.raises(SystemExit):
        hold(call, agent, file, "one", "two", "three", dies=dies)
    assert not Recording(file).is_finished
    hold(call, agent, file, *["one", "two", "three"][dies:])
    recording = Recording(file)
    assert said(recording) == WHOLE
    assert recording.is_finished
    assert [event["type"] for event in recording.events].count("model_answered") == 3
    assert [path.name for path in file.parent.iterdir()] == ["chat.db"]


@pytest.mark.slow
@pytest.mark.parametrize("messages", range(1, 7))
def test_another_way_from_any_message(call, agent, file, tmp_path, messages):
    hold(call, agent, file, "one", "two", "three")
    fork = Recording(file).fork(tmp_path / "fork.db", messages=messages)
    assert said(fork) == WHOLE[:messages]
    result = hold(call, agent, fork.path, "other", "ways", "are there")
    kept = [content for _, content in WHOLE[:messages]]
    history = [message["content"] for message in result.chat_history]
    assert history[:messages] == kept
    if messages < 6:
        assert history[5] != "three"
    assert said(Recording(fork.path)) == list(zip("ababab", history, strict=True))
    assert said(Recording(file)) == WHOLE  # the first recording is as it was


@pytest.mark.parametrize("messages", range(1, 7))
def test_a_fork_is_cut_at_its_message_by_a_clock_that_stands_still(call, agent, file, tmp_path, monkeypatch, messages):
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    hold(call, agent, file, "one", "two", "three")
    fork = Recording(file).fork(tmp_path / "fork.db", messages=messages)
    assert said(fork) == WHOLE[:messages]
    assert len(fork.steps) == messages // 2


def test_a_recording_follows_a_chat_that_takes_another_way(call, agent, file):
    """Another system message is another request: what was said after it the first time was not said."""
    hold(call, agent, file, "one", "two", "three")
    a = agent("a", default_auto_reply="more")
    b = agent("b", system_message="Shout.", llm_config=ScriptedModel("ONE", "TWO", "THREE").llm_config)
    result = call(a.initiate_chat, b, message="hi", max_turns=3, checkpoint=file)
    assert said(Recording(file)) == [(name, text.upper() if name == "b" else text) for name, text in WHOLE]
    assert [message["content"] for message in result.chat_history] == [text for _, text in said(Recording(file))]
    assert [event["type"] for event in Recording(file).events].count("model_answered") == 3


def test_a_nested_chat_that_takes_another_way(call, agent, file):
    """What the chat around it said after it is of the other way, too."""
    for inner_words, outer in (("deep", "first"), ("DEEP", "second")):
        inner = agent("inner", system_message=outer, llm_config=ScriptedModel(inner_words).llm_config)
        answering = agent("b")
        asking = agent("a", default_auto_reply="more")
        answering.register_nested_chats([{"recipient": inner, "max_turns": 1, "silent": True}], trigger=asking)
        call(asking.initiate_chat, answering, message="hi", max_turns=1, checkpoint=file)
    recording = Recording(file)
    assert said(recording) == [("a", "hi"), ("b", "DEEP")]
    told = [event["message"] for event in recording.events if event["type"] == "message_sent"]
    assert told == ["hi", "hi", "DEEP", "DEEP"]


def test_a_fork_is_a_new_file_of_messages_that_there_are(call, agent, file, tmp_path):
    hold(call, agent, file, "one", "two", "three")
    with pytest.raises(FileExistsError):
        Recording(file).fork(file, messages=1)
    for messages in (0, 7):
        with pytest.raises(ValueError, match="6 messages"):
            Recording(file).fork(tmp_path / "other.db", messages=messages)
    assert not (tmp_path / "other.db").exists()


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Recording(tmp_path / "nothing.db")
    (tmp_path / "notes.txt").write_text("notes " * 1000)
    with pytest.raises(JournalError, match="not a checkpoint"):
        Recording(tmp_path / "notes.txt")
    edit(tmp_path / "other.db", "CREATE TABLE meta (key TEXT, value TEXT)")
    with pytest.raises(JournalError, match="is not a checkpoint: the table 'meta' is not expected in it"):
        Recording(tmp_path / "other.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(JournalError, match="is not a checkpoint: nothing is recorded in it"):
        Recording(tmp_path / "empty.db")


def test_events_are_json_lines_for_other_programs(call, agent, file):
    hold(call, agent, file, "one", "two", "three")
    assert json.loads(json.dumps(Recording(file).events))[1]["type"] in {"message_sent", "reply_started"}


# What can't be read


def edit(file, *queries):
    with closing(sqlite3.connect(file)) as database, database:
        for query in queries:
            database.execute(query)
    database.close()


DAMAGE = {
    "cut JSON": ("UPDATE events SET data = substr(data, 1, 20) WHERE n = 2", r"row 2 of its events is not JSON"),
    "no text": ("UPDATE events SET data = 7.5 WHERE n = 2", r"row 2 of its events is not an event"),
    "bytes": ("UPDATE events SET data = x'ff00ff' WHERE n = 2", r"row 2 of its events is not JSON"),
    "broken UTF-8": ("UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE n = 2", "damaged"),
    "deep JSON": (
        "UPDATE events SET data = replace(printf('%.100000c', '['), ' ', '[') WHERE n = 2",
        r"row 2 of its events",
    ),
    "a list": ("UPDATE events SET data = '[]' WHERE n = 2", r"row 2 of its events is not an event"),
    "no type": ("UPDATE events SET data = '{}' WHERE n = 2", r"row 2 of its events is not an event"),
    "no step": ("UPDATE steps SET value = '{' WHERE n = 1", r"row 1 of its steps is not JSON"),
    "no events": ("DROP TABLE events", "not a checkpoint"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_row_is_named(call, agent, file, damage):
    hold(call, agent, file, "one", "two", "three")
    query, told = DAMAGE[damage]
    edit(file, query)
    recording = Recording(file)
    with pytest.raises(JournalError, match=told) as error:
        [recording.events, recording.steps]
    assert str(file) in str(error.value)


@pytest.mark.parametrize("lacks", ["sender", "at", "message"])
def test_a_message_that_lacks_something_is_named(call, agent, file, tmp_path, lacks):
    hold(call, agent, file, "one", "two", "three")
    edit(file, f"UPDATE events SET data = json_remove(data, '$.{lacks}') WHERE type = 'message_sent'")
    with pytest.raises(JournalError, match=r"row \d+ of its events is a message without"):
        Recording(file).messages
    with pytest.raises(JournalError, match="without"):
        Recording(file).fork(tmp_path / "fork.db", messages=1)
    assert not (tmp_path / "fork.db").exists()


def test_a_file_that_was_cut_off_anywhere(call, agent, file, tmp_path):
    """Whatever is left is read, or refused with words."""
    hold(call, agent, file, "one", "two", "three")
    whole, cut = file.read_bytes(), tmp_path / "cut.db"
    known = Recording(file).events
    refused = []
    for length in range(0, len(whole), 509):
        cut.write_bytes(whole[:length])
        try:
            recording = Recording(cut)
            assert recording.events == known
            [recording.messages, recording.steps, recording.is_finished]
        except JournalError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert all(str(cut) in told for told in refused)


def test_a_fork_that_fails_leaves_no_file(call, agent, file, tmp_path):
    hold(call, agent, file, "one", "two", "three")
    with pytest.raises(JournalError, match="can't be made"):
        Recording(file).fork(tmp_path / "no such folder" / "fork.db", messages=1)


def test_a_chat_of_which_nothing_was_kept_yet(file):
    """As a process leaves it that is killed in its first moment."""
    store = SQLiteStore(file)
    store.open({})
    recording = Recording(file)
    assert (recording.events, recording.messages, recording.is_finished) == ([], [], False)
    store.close()


# Files that are made to harm their reader

SLOW = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n, 1.0 at, 'x' type, '' chat, '{}' data"

HOSTILE = {
    "a view without end": ("DROP TABLE events", f"CREATE VIEW events AS {SLOW} FROM r"),
    "a trigger": (f"CREATE TRIGGER t AFTER INSERT ON events BEGIN INSERT INTO events SELECT * FROM ({SLOW} FROM r); END",),
    "a generated column": (
        "DROP TABLE events",
        "CREATE TABLE events (n INTEGER PRIMARY KEY, at REAL, type TEXT, chat TEXT, data TEXT AS (hex(zeroblob(4e8))))",
    ),
    "a check": (
        "DROP TABLE events",
        "CREATE TABLE events (n INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, chat TEXT, data TEXT NOT NULL, "
        "CHECK (length(hex(zeroblob(4e8))) > n))",
    ),
    "an index with a function": ("CREATE INDEX i ON events (length(hex(zeroblob(n))))",),
    "another table": ("CREATE TABLE more (n)",),
    "metadata that are no text": ("UPDATE meta SET value = x'00' WHERE key = 'chat'",),
}


def write_circle(file):
    """Put pages into the table of events that refer to each other, so that it has 500 ** 12 rows."""
    with closing(sqlite3.connect(file)) as database, database:
        [[root]] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'")
        [[size]] = database.execute("PRAGMA page_size")
        [[count]] = database.execute("PRAGMA page_count")
    database.close()
    content = bytearray(file.read_bytes())
    cells = 500

    def make_interior(child):
        cell = child.to_bytes(4, "big") + b"\x01"
        start = size - 5 * cells
        header = b"\x05\0\0" + cells.to_bytes(2, "big") + start.to_bytes(2, "big") + b"\0" + child.to_bytes(4, "big")
        pointers = b"".join((start + 5 * index).to_bytes(2, "big") for index in range(cells))
        return (header + pointers).ljust(start, b"\0") + cell * cells

    leaf = content[(root - 1) * size : root * size]
    content[(root - 1) * size : root * size] = make_interior(count + 1)
    for level in range(1, 12):
        content += make_interior(count + level + 1)
    content += leaf
    content[28:32] = (count + 12).to_bytes(4, "big")
    file.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("attack", [*HOSTILE, "pages in a circle"])
def test_a_hostile_file_is_refused_by_whoever_reads_it(call, agent, file, tmp_path, attack):
    hold(call, agent, file, "one", "two", "three")
    if attack in HOSTILE:
        edit(file, *HOSTILE[attack])
    else:
        write_circle(file)
    before = file.read_bytes()
    with pytest.raises(JournalError, match="checkpoint"):
        Recording(file).events
    with pytest.raises(JournalError):
        Recording(file).fork(tmp_path / "fork.db", messages=1)
    with pytest.raises(JournalError):
        hold(call, agent, file, "one", "two", "three")
    with pytest.raises(JournalError):
        run_inspect(file, html=None, turn=None, as_json=True, force=False)
    # The tables of the circle are as they should be, so that a resumed chat opens the file.
    assert file.read_bytes() == before or attack not in HOSTILE
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_whether_a_price_was_known_is_recorded(call, agent, file):
    with OpenAIServer("one", "two") as server:
        user = agent("user", default_auto_reply="more")
        known, unknown = ({**server.config, **more} for more in ({"price": [0.1, 0.1]}, {}))
        for name, config in (("known", known), ("unknown", unknown)):
            other = agent(name, llm_config={"config_list": [config], "cache_seed": None})
            call(user.initiate_chat, other, message="hi", max_turns=1, checkpoint=file.with_name(name))
    for name, price_known in (("known", True), ("unknown", False)):
        answers = [event for event in Recording(file.with_name(name)).events if event["type"] == "model_answered"]
        assert [(event["price_known"], event["cost"] > 0) for event in answers] == [(price_known, price_known)]
