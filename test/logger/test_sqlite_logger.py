"""The tables of the SQLite logger, filled by real chats."""

import dataclasses
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import uuid
from datetime import date, datetime
from types import SimpleNamespace

import pytest

from autogen import AssistantAgent, ConversableAgent, UserProxyAgent, register_function, runtime_logging
from autogen.logger import SqliteLogger
from autogen.testing import ScriptedModel, tool_call

TABLES = {
    "chat_completions": {
        "id": "INTEGER", "invocation_id": "TEXT", "client_id": "INTEGER", "wrapper_id": "INTEGER", "session_id": "TEXT",
        "source_name": "TEXT", "request": "TEXT", "response": "TEXT", "is_cached": "INEGER", "cost": "REAL",
        "start_time": "DATETIME", "end_time": "DATETIME",
    },
    "agents": {
        "id": "INTEGER", "agent_id": "INTEGER", "wrapper_id": "INTEGER", "session_id": "TEXT", "name": "TEXT",
        "class": "TEXT", "init_args": "TEXT", "timestamp": "DATETIME",
    },
    "oai_wrappers": {
        "id": "INTEGER", "wrapper_id": "INTEGER", "session_id": "TEXT", "init_args": "TEXT", "timestamp": "DATETIME",
    },
    "oai_clients": {
        "id": "INTEGER", "client_id": "INTEGER", "wrapper_id": "INTEGER", "session_id": "TEXT", "class": "TEXT",
        "init_args": "TEXT", "timestamp": "DATETIME",
    },
    "version": {"id": "INTEGER", "version_number": "INTEGER"},
    "events": {
        "event_name": "TEXT", "source_id": "INTEGER", "source_name": "TEXT", "agent_module": "TEXT",
        "agent_class_name": "TEXT", "id": "INTEGER", "json_state": "TEXT", "timestamp": "DATETIME",
    },
    "function_calls": {
        "source_id": "INTEGER", "source_name": "TEXT", "function_name": "TEXT", "args": "TEXT", "returns": "TEXT",
        "timestamp": "DATETIME",
    },
}  # fmt: skip


def is_time(text: str) -> bool:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").strftime("%Y-%m-%d %H:%M:%S.%f") == text


def test_the_tables_are_those_that_programs_read():
    runtime_logging.start(config={"dbname": ":memory:"})
    connection = runtime_logging.get_connection()
    found = {
        table: {name: kind for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")} for table in TABLES
    }
    assert found == TABLES
    assert {table: list(columns) for table, columns in found.items()} == {t: list(c) for t, c in TABLES.items()}
    assert connection.execute("SELECT * FROM version").fetchall() == [(1, 1)]
    assert SqliteLogger.schema_version == 1


def test_the_database_is_logs_db_in_the_working_directory_and_its_owners_alone(tmp_path):
    runtime_logging.start()
    mode = (tmp_path / "logs.db").stat().st_mode
    assert os.name != "posix" or stat.S_IMODE(mode) == 0o600
    assert runtime_logging.get_connection().execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_agents_wrappers_and_clients_are_recorded_and_join(rows):
    model = ScriptedModel("hi")
    assistant = AssistantAgent("coder", llm_config=model.llm_config, description="writes code")
    user = UserProxyAgent("user", code_execution_config=False, human_input_mode="NEVER")
    coder, other = rows("agents")
    (wrapper,), (client,) = rows("oai_wrappers"), rows("oai_clients")
    assert (coder["name"], coder["class"], coder["agent_id"]) == ("coder", "AssistantAgent", id(assistant))
    assert json.loads(coder["init_args"])["description"] == "writes code"
    assert json.loads(coder["init_args"])["kwargs"] == {}  # the subclass reports last, and wins
    assert (other["name"], other["class"], other["wrapper_id"]) == ("user", "UserProxyAgent", "")
    assert json.loads(other["init_args"])["human_input_mode"] == "NEVER"
    assert coder["agent_id"] != other["agent_id"] == id(user)
    assert coder["wrapper_id"] == wrapper["wrapper_id"] == client["wrapper_id"] == assistant.client.wrapper_id
    assert json.loads(wrapper["init_args"])["config_list"][0]["model"] == "scripted"
    assert (client["class"], client["client_id"]) == ("ScriptedModel", id(model))
    assert len({row["session_id"] for row in (coder, other, wrapper, client)}) == 1
    assert uuid.UUID(coder["session_id"]).version == 4
    assert all(is_time(row["timestamp"]) for row in (coder, other, wrapper, client))


def test_a_client_that_is_registered_later_is_recorded_then(rows):
    class Mine(ScriptedModel):
        def __init__(self, config):
            super().__init__("hi")

    agent = ConversableAgent("a", llm_config={"config_list": [{"model": "m", "model_client_cls": "Mine"}]})
    assert rows("oai_clients") == []
    agent.register_model_client(Mine)
    assert [row["class"] for row in rows("oai_clients")] == ["Mine"]


def test_received_messages_and_reply_functions_are_events(call, agent, rows):
    a, b = agent("a"), agent("b", default_auto_reply="I see")
    b.register_reply([ConversableAgent, None], shrugs, position=0)
    b.register_reply([ConversableAgent, None], a_shrugs, position=0, ignore_async_in_sync_chat=True)
    call(a.initiate_chat, b, message="hello", max_turns=1)
    events = rows("events")
    received = [json.loads(e["json_state"]) for e in events if e["event_name"] == "received_message"]
    assert received == [
        {"message": {"content": "hello"}, "sender": "a", "valid": True},
        {"message": {"content": "I see"}, "sender": "b", "valid": True},
    ]
    first = events[0]
    assert (first["source_name"], first["source_id"], first["agent_class_name"]) == ("b", id(b), "ConversableAgent")
    assert first["agent_module"] == "autogen.agentchat.conversable_agent"
    assert is_time(first["timestamp"])
    asked = [json.loads(e["json_state"]) for e in events if e["event_name"] == "reply_func_executed"]
    assert {"reply_func_module": __name__, "reply_func_name": "shrugs", "final": False, "reply": None} in asked
    assert [one["reply_func_name"] for one in asked if one["reply_func_module"] != __name__] == [
        "check_termination_and_human_reply",
        "generate_function_call_reply",
        "generate_tool_calls_reply",
        "generate_oai_reply",
    ]


def test_only_a_reply_function_that_was_asked_is_an_event(call, mode, agent, rows):
    b = agent("b")
    b.register_reply([ConversableAgent, None], a_shrugs, position=0, ignore_async_in_sync_chat=True)
    call(agent("a").initiate_chat, b, message="hello", max_turns=1)
    names = [json.loads(e["json_state"]).get("reply_func_name") for e in rows("events")]
    assert ("a_shrugs" in names) is (mode == "async")


def shrugs(recipient, messages, sender, config):
    return False, None


async def a_shrugs(recipient, messages, sender, config):
    return False, None


def test_an_invalid_message_is_recorded_as_such(call, agent, rows):
    a, b = agent("a"), agent("b")
    with pytest.raises(ValueError, match="neither content nor calls"):
        call(b.receive, {"name": "x"}, a)
    assert json.loads(rows("events")[0]["json_state"]) == {"message": {"name": "x"}, "sender": "a", "valid": False}


@pytest.mark.parametrize("is_async", [False, True])
def test_tools_are_recorded_with_arguments_and_result(call, agent, rows, is_async):
    class Weather:
        def to_json(self):
            return {"sky": "blue"}

    def look(where: str, days: int = 1) -> str:
        return Weather()

    async def a_look(where: str, days: int = 1) -> str:
        return Weather()

    model = ScriptedModel(tool_call("look", where="up", days=2), "done")
    caller, executor = agent("caller", llm_config=model.llm_config), agent("executor")
    tool = a_look if is_async else look
    register_function(tool, caller=caller, executor=executor, name="look", description="Look.")
    call(executor.initiate_chat, caller, message="look up", max_turns=2)
    (row,) = rows("function_calls")
    assert (row["source_name"], row["source_id"], row["function_name"]) == ("executor", id(executor), tool.__name__)
    assert json.loads(row["args"]) == {"where": "up", "days": 2}
    assert json.loads(row["returns"]) == {"sky": "blue"}
    assert is_time(row["timestamp"])


def test_answers_are_stored_as_programs_read_them(rows):
    usage = SimpleNamespace(total_tokens=5)
    choice = SimpleNamespace(message=SimpleNamespace(content="hi"))
    response = SimpleNamespace(model="m", choices=[choice], usage=usage, message_retrieval_function=print)
    request = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0}
    for answer in (response, "no answer", None):
        invocation = uuid.uuid4()
        runtime_logging.log_chat_completion(invocation, 1, 2, "me", request, answer, 1, 0.5, "then")
    whole, text, nothing = rows("chat_completions")
    answer = {"model": "m", "choices": [{"message": {"content": "hi"}}], "usage": {"total_tokens": 5}}
    assert whole["response"] == json.dumps(answer, indent=4)
    assert json.loads(text["response"]) == {"response": "no answer"}
    assert json.loads(nothing["response"]) == {"response": None}
    assert json.loads(whole["request"]) == request
    numbers = {"client_id": 1, "wrapper_id": 2, "is_cached": 1, "cost": 0.5, "source_name": "me", "start_time": "then"}
    assert numbers.items() <= whole.items()
    assert nothing["invocation_id"] == str(invocation)
    assert is_time(whole["end_time"])


@dataclasses.dataclass
class Settings:
    api_key: str
    days: list


def test_values_without_a_json_form_are_named_and_secrets_masked(rows):
    day, numbers = date(2026, 1, 2), (number for number in (1, 2))
    runtime_logging.log_event(
        "me", "odd", a=object(), b=b"\xff", c={1, 2}, d=float("nan"), e=day, f=numbers, g=Settings("mine", [day])
    )
    (row,) = rows("events")
    assert json.loads(row["json_state"]) == {
        "a": "<<non-serializable: object>>",
        "b": "<<non-serializable: bytes>>",
        "c": [1, 2],
        "d": "nan",
        "e": "2026-01-02",
        "f": "<<non-serializable: generator>>",
        "g": {"api_key": "***", "days": ["2026-01-02"]},
    }
    assert list(numbers) == [1, 2]
    assert (row["source_name"], row["agent_module"], row["agent_class_name"]) == ("me", None, None)


def test_a_failing_statement_is_logged_and_not_raised(agent, caplog, rows):
    runtime_logging.get_connection().execute("DROP TABLE events")
    agent("a").receive("the secret word is xyzzy", agent("b"))
    assert "[sqlite logger] log_event failed" in caplog.text
    assert "xyzzy" not in caplog.text


def test_the_connection_is_closed_by_stop_and_kept(rows):
    connection = runtime_logging.get_connection()
    runtime_logging.stop()
    assert runtime_logging.get_connection() is connection
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_scripts_in_a_migrations_directory_are_not_executed(tmp_path):
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "002_drop.sql").write_text("DROP TABLE events;")
    (tmp_path / "002_drop.sql").write_text("DROP TABLE events;")
    runtime_logging.start()
    assert runtime_logging.get_connection().execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert runtime_logging.get_connection().execute("SELECT version_number FROM version").fetchone() == (1,)


def test_threads_write_into_one_database(agent, rows):
    def chat():
        a, b = agent("a", default_auto_reply="x"), agent("b", default_auto_reply="y")
        a.initiate_chat(b, message="go", max_turns=10)

    threads = [threading.Thread(target=chat) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(row["event_name"] == "received_message" for row in rows("events")) == 4 * 20


CHAT = """
import os, sys, autogen
from autogen import ConversableAgent, runtime_logging
def chat():
    options = {"human_input_mode": "NEVER", "llm_config": False, "silent": True}
    a, b = (ConversableAgent(name, default_auto_reply="x", **options) for name in "ab")
    a.initiate_chat(b, message="go", max_turns=25)
runtime_logging.start(config={"dbname": sys.argv[1]})
"""
FORK = """
chat()
child = os.fork()
chat()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("forks", [False, pytest.param(True, marks=pytest.mark.skipif(os.name != "posix", reason="fork"))])
def test_processes_write_into_one_database(tmp_path, forks):
    path = tmp_path / "shared.db"
    script = CHAT + (FORK if forks else "chat()")
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script, str(path)], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=100)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    assert not any("sqlite logger" in text for text in errors), errors
    connection = sqlite3.connect(path)
    (received,) = connection.execute("SELECT count(*) FROM events WHERE event_name = 'received_message'").fetchone()
    (agents,) = connection.execute("SELECT count(DISTINCT session_id) FROM agents").fetchone()
    connection.close()
    assert received == 3 * (3 if forks else 1) * 50
    assert agents == 3
