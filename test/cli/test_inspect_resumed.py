"""`autogen inspect` of a run that ended in an error and was resumed."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from autogen import Agent
from autogen._cli.app import app
from autogen.recording import Recording


def inspect(*arguments):
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, ["inspect", *map(str, arguments)]).output


def copy_database(source, target):
    """Copy the file of a chat that is under way: its journal keeps it open."""
    reader, writer = sqlite3.connect(source), sqlite3.connect(target)
    reader.backup(writer)
    reader.close()
    writer.close()


@pytest.fixture
def resumed(call, agent, tmp_path):
    """Recordings of one chat: after its run failed, while the second run is under way, and at the end."""
    failed, under_way, ended = (tmp_path / f"{state}.db" for state in ("failed", "under_way", "ended"))
    runs = []

    def reply(recipient, messages, sender, config):
        if len(runs) == 1:
            raise LookupError("no such page")
        if messages[-1]["content"] == "hi":
            return True, "found"
        copy_database(ended, under_way)
        return True, "found more"

    def chat():
        runs.append(len(runs))
        answering = agent("b")
        answering.register_reply([Agent], reply)
        asking = agent("a", default_auto_reply="more")
        call(asking.initiate_chat, answering, message="hi", max_turns=2, checkpoint=ended)

    with pytest.raises(LookupError):
        chat()
    copy_database(ended, failed)
    chat()
    return failed, under_way, ended


@pytest.mark.slow
def test_each_state_of_a_resumed_chat_is_shown(resumed):
    wholes = [json.loads(inspect(file, "--json")) for file in resumed]
    assert [whole["state"] for whole in wholes] == ["failed", "open", "ended"]
    assert "LookupError: no such page" in inspect(resumed[0])
    for file in resumed[1:]:
        assert "LookupError: no such page" not in inspect(file)
    assert [turn["text"] for turn in wholes[-1]["talk"]["turns"]] == ["hi", "found", "more", "found more"]


def test_a_resumed_chat_is_recorded_as_one(resumed):
    events = Recording(resumed[-1]).events
    assert len({event["chat"] for event in events}) == 1
    assert [event["message"] for event in events if event["type"] == "message_sent"] == ["hi", "found", "more", "found more"]
    assert events[-1]["type"] == "chat_ended"
    assert events[-1]["error"] is None
