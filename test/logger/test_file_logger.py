"""The lines of the file logger, written by real chats."""

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autogen import AssistantAgent, register_function, runtime_logging
from autogen.logger import FileLogger
from autogen.testing import ScriptedModel, tool_call

THREAD = threading.get_ident()


def handlers(path: Path) -> list[logging.Handler]:
    """Those that write to a file; pytest has handlers of its own there."""
    known = logging.getLogger("autogen.logger.file_logger").handlers
    return [handler for handler in known if getattr(handler, "baseFilename", None) == str(path)]


def test_the_first_line_names_the_session(tmp_path):
    session = runtime_logging.start(logger_type="file")
    path = tmp_path / "autogen_logs" / "runtime.log"
    assert session in path.read_text().splitlines()[0]
    assert runtime_logging.get_connection() is None
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["own.log", "deep/er.log", "absolute"])
def test_the_file_is_in_the_directory_of_logs_unless_its_path_is_absolute(tmp_path, name):
    path = tmp_path / "else" / "own.log" if name == "absolute" else tmp_path / "autogen_logs" / name
    given = str(path) if name == "absolute" else name
    runtime_logging.start(logger_type="file", config={"filename": given})
    assert path.exists()


def test_agents_wrappers_and_clients_are_lines(lines):
    model = ScriptedModel("hi")
    assistant = AssistantAgent("coder", llm_config=model.llm_config)
    session = runtime_logging.autogen_logger.session_id
    wrapper, client, base, agent = lines()
    assert wrapper.keys() == {"wrapper_id", "session_id", "json_state", "timestamp", "thread_id"}
    assert client.keys() == {"client_id", "wrapper_id", "session_id", "class", "json_state", "timestamp", "thread_id"}
    assert (client["class"], client["client_id"]) == ("ScriptedModel", id(model))
    assert json.loads(wrapper["json_state"])["config_list"][0]["model"] == "scripted"
    assert json.loads(client["json_state"])["model"] == "scripted"
    expected = {"id": id(assistant), "agent_name": "coder", "agent_type": "AssistantAgent", "session_id": session}
    assert expected.items() <= agent.items()
    assert agent.keys() - expected.keys() == {"wrapper_id", "current_time", "args", "thread_id"}
    assert agent["wrapper_id"] == client["wrapper_id"] == wrapper["wrapper_id"] == id(assistant.client)
    assert agent["args"]["name"] == base["args"]["name"] == "coder"
    assert "kwargs" in agent["args"]
    assert "kwargs" not in base["args"]
    assert agent["thread_id"] == THREAD


def test_events_and_tools_are_lines(call, agent, lines):
    def add(a: int, b: int = 2) -> int:
        return a + b

    model = ScriptedModel(tool_call("add", a=1), "done")
    caller, executor = agent("caller", llm_config=model.llm_config), agent("executor")
    register_function(add, caller=caller, executor=executor, description="Add.")
    call(executor.initiate_chat, caller, message="add", max_turns=2)
    received = next(line for line in lines() if line.get("event_name") == "received_message")
    source = {"source_id": id(caller), "source_name": "caller", "agent_class": "ConversableAgent"}
    assert source.items() <= received.items()
    assert received["agent_module"] == "autogen.agentchat.conversable_agent"
    assert json.loads(received["json_state"]) == {"message": {"content": "add"}, "sender": "executor", "valid": True}
    (used,) = [line for line in lines() if "function_name" in line]
    assert {
        "function_name": "add",
        "input_args": '{"a": 1}',
        "returns": "3",
        "source_name": "executor",
    }.items() <= used.items()
    expected = {"source_id", "source_name", "agent_module", "agent_class", "function_name", "timestamp", "thread_id"}
    assert used.keys() == expected | {"input_args", "returns"}


def test_answers_are_lines(lines):
    runtime_logging.log_chat_completion(7, 1, 2, "me", {"messages": []}, ["an", "answer"], 0, 0.5, "then")
    (line,) = lines()
    assert line.pop("end_time")
    assert line == {
        "invocation_id": "7", "client_id": 1, "wrapper_id": 2, "request": {"messages": []}, "response": "['an', 'answer']",
        "is_cached": 0, "cost": 0.5, "start_time": "then", "thread_id": THREAD, "source_name": "me",
    }  # fmt: skip


def test_an_event_without_an_agent_has_no_class(lines):
    runtime_logging.log_event("me", "thought", about="100% of it")
    (line,) = lines()
    assert line.keys() == {"source_id", "source_name", "event_name", "json_state", "timestamp", "thread_id"}
    assert json.loads(line["json_state"]) == {"about": "100% of it"}


def test_a_record_that_fails_is_a_line_of_text(tmp_path, lines):
    runtime_logging.log_chat_completion("x", object(), 2, "me", {}, "hi", 0, 0.0, "then")
    text = Path(tmp_path, "autogen_logs", "runtime.log").read_text().splitlines()
    assert len(text) == 2
    assert text[1].startswith("[file logger] log_chat_completion failed, the record is lost: TypeError: ")


def test_starting_twice_does_not_double_lines(lines):
    logger = runtime_logging.autogen_logger
    assert logger.start() == logger.session_id
    logger.log_event("me", "first")
    runtime_logging.start(logger_type="file")
    runtime_logging.log_event("me", "second")
    text = Path(logger.log_file).read_text()
    assert text.count('"first"') == text.count('"second"') == 1


def test_two_loggers_do_not_write_into_each_others_files(tmp_path):
    one, two = (FileLogger({"filename": str(tmp_path / name)}) for name in ("one.log", "two.log"))
    one.start()
    two.start()
    one.log_event("me", "first")
    two.log_event("me", "second")
    one.stop()
    two.log_event("me", "third")
    two.stop()
    assert [name in (tmp_path / "one.log").read_text() for name in ("first", "second", "third")] == [True, False, False]
    assert [name in (tmp_path / "two.log").read_text() for name in ("first", "second", "third")] == [False, True, True]


def test_stop_removes_every_handler_and_a_later_start_is_a_new_session(tmp_path):
    logger = FileLogger({"filename": str(tmp_path / "x.log")})
    sessions = []
    for _ in range(2):
        sessions.append(logger.start())
        logger.start()
        assert len(handlers(tmp_path / "x.log")) == 1
        logger.stop()
        logger.stop()
        assert handlers(tmp_path / "x.log") == []
    text = (tmp_path / "x.log").read_text()
    assert len(set(sessions)) == 2
    assert all(text.count(session) == 1 for session in sessions)


def test_records_do_not_reach_the_applications_own_log(monkeypatch, lines):
    heard = []
    monkeypatch.setattr(logging.getLogger(), "handlers", [application := logging.Handler()])
    monkeypatch.setattr(application, "emit", heard.append)
    runtime_logging.log_event("me", "thought")
    assert len(lines()) == 1
    assert heard == []


@pytest.mark.slow
def test_long_lines_of_several_processes_do_not_mix(tmp_path):
    path = tmp_path / "shared.log"
    script = (
        "import sys; from autogen import runtime_logging as r;"
        "r.start(logger_type='file', config={'filename': sys.argv[1]});"
        "[r.log_event('me', 'long', text=sys.argv[2] * 50_000) for _ in range(40)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(path), letter]) for letter in "abc"]
    assert [process.wait(100) for process in running] == [0, 0, 0]
    records = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    texts = [json.loads(record["json_state"])["text"] for record in records]
    assert sorted(texts) == sorted([letter * 50_000 for letter in "abc"] * 40)


def test_a_record_before_the_start_is_reported(tmp_path, caplog):
    logger = FileLogger({"filename": str(tmp_path / "x.log")})
    logger.log_event("me", "early")
    assert "log_event failed, the record is lost: RuntimeError: the logger is not started" in caplog.text
    logger.start()
    logger.log_event("me", "in time")
    logger.stop()
    logger.log_event("me", "late")
    assert [record.levelname for record in caplog.records].count("ERROR") == 2
    written = (tmp_path / "x.log").read_text()
    assert "in time" in written
    assert "early" not in written
