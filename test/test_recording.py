"""What a checkpoint tells, and taking another way from the middle of a chat."""

import json
import sqlite3

import pytest

from autogen.recording import JournalError, Recording
from autogen.testing import ScriptedModel


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
    with pytest.raises(JournalError, match="no checkpoint"):
        Recording(tmp_path / "notes.txt")
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE meta (key TEXT, value TEXT)")
    database.close()
    with pytest.raises(JournalError, match="version None"):
        Recording(tmp_path / "other.db")


def test_events_are_json_lines_for_other_programs(call, agent, file):
    hold(call, agent, file, "one", "two", "three")
    assert json.loads(json.dumps(Recording(file).events))[1]["type"] in {"message_sent", "reply_started"}
