"""Starting and stopping, loggers of one's own, and that no logger breaks a chat."""

import inspect
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autogen
from autogen import ConversableAgent, register_function, runtime_logging
from autogen.logger import FileLogger, LoggerFactory, SqliteLogger
from autogen.logger.base_logger import BaseLogger
from autogen.testing import ScriptedModel, tool_call

METHODS = {
    "start": [],
    "log_chat_completion": [
        "invocation_id", "client_id", "wrapper_id", "source", "request", "response", "is_cached", "cost", "start_time",
    ],
    "log_new_agent": ["agent", "init_args"],
    "log_event": ["source", "name", "kwargs"],
    "log_new_wrapper": ["wrapper", "init_args"],
    "log_new_client": ["client", "wrapper", "init_args"],
    "log_function_use": ["source", "function", "args", "returns"],
    "stop": [],
    "get_connection": [],
}  # fmt: skip


@pytest.mark.parametrize("kind", [BaseLogger, SqliteLogger, FileLogger])
def test_the_methods_of_loggers_take_what_they_always_took(kind):
    assert {name: list(inspect.signature(getattr(kind, name)).parameters)[1:] for name in METHODS} == METHODS
    assert BaseLogger.__abstractmethods__ == METHODS.keys()


def test_the_factory_knows_two_types():
    assert isinstance(LoggerFactory.get_logger(), SqliteLogger)
    assert isinstance(LoggerFactory.get_logger("file", {"filename": "x"}), FileLogger)
    with pytest.raises(ValueError, match="must be 'sqlite' or 'file', got 'mongo'"):
        runtime_logging.start(logger_type="mongo")
    assert not runtime_logging.logging_enabled()


def test_it_is_reachable_after_a_plain_import_and_costs_no_import():
    probe = (
        "import autogen, sys; a = autogen.ConversableAgent('a', llm_config=False, human_input_mode='NEVER');"
        "a.initiate_chat(a, message='hi', max_turns=1, silent=True);"
        "assert not {'autogen.logger.sqlite_logger', 'autogen.logger.file_logger'} & set(sys.modules);"
        "print(autogen.runtime_logging.logging_enabled());"
        "import autogen.logger.file_logger; from autogen.logger import SqliteLogger; print(autogen.logger.name)"
    )
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).split() == ["False", "autogen"]


def test_start_and_stop_switch_it_on_and_off(agent, kept):
    assert runtime_logging.logging_enabled()
    one = agent("one")
    runtime_logging.stop()
    runtime_logging.stop()
    agent("two")
    assert not runtime_logging.logging_enabled()
    assert [name for name, *_ in kept.calls] == ["log_new_agent", "stop"]
    assert kept.calls[0][1][0] is one
    assert runtime_logging.autogen_logger is kept


def test_a_second_start_stops_the_first_logger(kept):
    other = type(kept)()
    assert runtime_logging.start(other) == "a session"
    runtime_logging.log_event("me", "later")
    assert [name for name, *_ in kept.calls] == ["stop"]
    assert [name for name, *_ in other.calls] == ["log_event"]


def test_without_a_logger_a_record_is_an_error_in_the_log(caplog):
    runtime_logging.log_event("me", "x")
    runtime_logging.log_new_agent(None, {})
    runtime_logging.log_new_wrapper(None, {})
    runtime_logging.log_new_client(None, None, {})
    runtime_logging.log_function_use(None, print, {}, None)
    runtime_logging.log_chat_completion(1, 2, 3, "me", {}, None, 0, 0.0, "")
    assert runtime_logging.get_connection() is None
    assert len(caplog.records) == 7
    assert all("Call autogen.runtime_logging.start" in r.message and r.levelno == logging.ERROR for r in caplog.records)


@pytest.mark.parametrize(
    ("logger_type", "name"), [("sqlite", "text.db"), ("sqlite", "missing/text.db"), ("file", "text.db/x.log")]
)
def test_a_start_that_fails_says_why_and_leaves_recording_off(tmp_path, agent, kept, logger_type, name):
    Path(tmp_path, "text.db").write_text("this is no database, " * 100)
    path = str(tmp_path / name)
    with pytest.raises((sqlite3.Error, OSError), match=r"text\.db"):
        runtime_logging.start(logger_type=logger_type, config={"dbname": path, "filename": path})
    assert not runtime_logging.logging_enabled()
    agent("a").receive("hi", agent("b"))
    assert runtime_logging.start()


def test_an_agent_reports_once_for_each_constructor_and_what_each_was_given(kept):
    class Mine(autogen.AssistantAgent):
        pass

    mine = Mine("mine", llm_config=False, max_consecutive_auto_reply=3)
    user = autogen.UserProxyAgent("user", code_execution_config=False)
    reports = [args for name, args, _ in kept.calls if name == "log_new_agent"]
    assert [agent for agent, _ in reports] == [mine, mine, user, user]
    assert [given["name"] for _, given in reports] == ["mine", "mine", "user", "user"]
    parameters = [
        list(inspect.signature(kind.__init__).parameters)[1:] for kind in (ConversableAgent, autogen.AssistantAgent)
    ]
    assert [list(given) for _, given in reports[:2]] == parameters
    assert reports[1][1]["max_consecutive_auto_reply"] == 3
    assert reports[1][1]["description"] is None


class Broken(BaseLogger):
    """A logger that can do nothing."""

    def start(self):
        return "a session"

    def broken(self, *args, **kwargs):
        raise RuntimeError("the logger is broken, and shows sk-0123456789abcdefghij")

    log_chat_completion = log_new_agent = log_event = log_new_wrapper = broken
    log_new_client = log_function_use = stop = get_connection = broken


def test_a_logger_that_raises_breaks_no_chat(call, agent, caplog):
    runtime_logging.start(Broken())
    model = ScriptedModel(tool_call("add", a=1), "done")
    caller, executor = agent("caller", llm_config=model.llm_config), agent("executor")
    register_function(add, caller=caller, executor=executor, description="Add.")
    result = call(executor.initiate_chat, caller, message="add", max_turns=2)
    runtime_logging.stop()
    assert [message["content"] for message in result.chat_history] == ["add", None, "2", "done"]
    told = [record.message for record in caplog.records if record.name == "autogen.runtime_logging"]
    assert {text.split()[2] for text in told} == {
        "log_new_agent", "log_new_wrapper", "log_new_client", "log_event", "log_function_use", "stop",
    } | ({"log_chat_completion"} & {text.split()[2] for text in told})  # fmt: skip
    assert "sk-0123456789" not in caplog.text


def add(a: int) -> int:
    return a + 1


class Wild:
    """A value none of whose methods works."""

    def _no(self, *_):
        raise RuntimeError("no")

    __str__ = __repr__ = __getattr__ = __eq__ = __bool__ = __iter__ = __len__ = to_json = _no
    __hash__ = object.__hash__


class WildDict(dict):
    def items(self):
        raise RuntimeError("no")

    get = __iter__ = items


def endless():
    value = {"a": []}
    value["a"] += [value, value]
    return value


ODD = {
    "object": object(), "built in": print, "instance": Wild(), "class": Wild, "mapping": WildDict(a=1),
    "lambda": lambda: 0, "endless": endless(), "surrogate": "\ud800", "brackets": "[" * 9999, "JSON": '{"a": [NaN]}',
    "long": 10**5000,
}  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(), st.dates(),
    st.sampled_from(sorted(ODD)).map(lambda name: ODD[name]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.none(), st.binary(), st.floats()), inner, max_size=3),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("logger_type", ["sqlite", "file"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, name=st.text(min_size=1).filter(str.strip))
def test_wild_values_lose_no_record(tmp_path_factory, caplog, logger_type, value, name):
    check_every_record(tmp_path_factory.getbasetemp(), caplog, logger_type, value, name)


@pytest.mark.parametrize("logger_type", ["sqlite", "file"])
@pytest.mark.parametrize("name", ODD)
def test_odd_values_lose_no_record(tmp_path, caplog, logger_type, name):
    check_every_record(tmp_path, caplog, logger_type, ODD[name], name)
    check_every_record(tmp_path, caplog, logger_type, [{"api_key": ODD[name]}, (ODD[name],)], "\ud800")


def check_every_record(folder, caplog, logger_type, value, name):
    """Each record of such a value and such an agent is written."""
    path = folder / f"wild.{logger_type}"
    path.unlink(missing_ok=True)
    runtime_logging.start(logger_type=logger_type, config={"dbname": ":memory:", "filename": str(path)})
    caplog.clear()
    agent = ConversableAgent(name, llm_config=False, human_input_mode="NEVER", chat_messages={name: [value]})
    runtime_logging.log_event(agent, name, value=value)
    runtime_logging.log_new_agent(value, {"value": value})
    runtime_logging.log_new_wrapper(value, {"value": value})
    runtime_logging.log_new_client(value, value, {"value": value})
    runtime_logging.log_function_use(agent, value, {"value": value}, value)
    runtime_logging.log_chat_completion("x", 1, 2, value, {"value": value}, value, 0, None, value)
    if logger_type == "sqlite":
        tables = ("agents", "events", "oai_wrappers", "oai_clients", "function_calls", "chat_completions")
        connection = runtime_logging.get_connection()
        found = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        assert found == [2, 1, 1, 1, 1, 1], caplog.text
    else:
        lines = path.read_text().splitlines()
        assert len(lines) == 8
        assert all(line.startswith("{") for line in lines[1:]), lines
    runtime_logging.stop()
