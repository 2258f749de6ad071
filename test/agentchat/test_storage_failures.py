"""Checkpoints under bad luck: full disks, files that disappear, odd paths, and storage that fails."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from autogen import events, register_function
from autogen.operations import JournalError, SQLiteStore
from autogen.recording import Recording
from autogen.testing import OpenAIServer, ScriptedModel, tool_call

MESSAGES = 6


@pytest.fixture
def file(tmp_path):
    return tmp_path / "chat.db"


class FailingStore(SQLiteStore):
    """A store whose storage fails once, at the given write; later it would work again."""

    def __init__(self, file, fails_at, error):
        super().__init__(file)
        self.writes, self.fails_at, self.error = 0, fails_at, error

    def count(self):
        self.writes += 1
        if self.writes == self.fails_at:
            raise self.error

    def start_step(self, position):
        self.count()
        super().start_step(position)

    def finish_step(self, position, value):
        self.count()
        super().finish_step(position, value)

    def add_event(self, event):
        self.count()
        return super().add_event(event)


def hold_paying_chat(call, agent, checkpoint, paid):
    """Hold a chat with three payments; the model's answers depend only on the history."""

    def pay(n: int) -> str:
        paid.append(n)
        return f"paid {n}"

    def answer(messages):
        count = sum(message["role"] == "tool" for message in messages)
        return tool_call("pay", n=count, call_id=f"c{count}") if count < 3 else "fine"

    model = ScriptedModel(answer)
    caller, user = agent("caller", llm_config=model.llm_config), agent("user")
    user._is_termination_msg = lambda message: message.get("content") == "fine"
    register_function(pay, caller=caller, executor=user, name="pay", description="Pay.")
    result = call(user.initiate_chat, caller, message="go", checkpoint=checkpoint, on_unfinished="rerun")
    return [message["content"] for message in result.chat_history]


WHOLE = ["go", None, "paid 0", None, "paid 1", None, "paid 2", "fine"]


def get_recorded(file):
    return [message["content"] for message in Recording(file).messages]


@pytest.mark.slow
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_chat_ends_at_the_first_write_that_fails_wherever_that_is(call, agent, tmp_path, step):
    clean = FailingStore(tmp_path / "clean.db", 0, None)
    assert hold_paying_chat(call, agent, clean, []) == WHOLE
    assert clean.writes > 20
    for number in range(1, clean.writes + 1, step):
        error = [JournalError("the disk is full"), OSError(28, "No space left on device")][number % 2]
        file, paid = tmp_path / f"{number}.db", []
        with pytest.raises(JournalError, match=r"disk is full|No space left"):
            hold_paying_chat(call, agent, FailingStore(file, number, error), paid)
        recorded = get_recorded(file)
        assert recorded == WHOLE[: len(recorded)]
        assert not Recording(file).is_finished
        assert hold_paying_chat(call, agent, file, paid) == get_recorded(file) == WHOLE
        assert Recording(file).is_finished
        # At most the call whose result could not be written was made again, as the chat said.
        assert sorted(set(paid)) == [0, 1, 2]
        assert len(paid) <= 4
        kinds = [event["type"] for event in Recording(file).events]
        assert kinds.count("message_sent") == len(WHOLE)


def test_a_tool_does_not_hide_that_the_storage_failed(call, agent, file):
    """Errors of a tool go to the model, but not that one of the chat within it: it would be lost."""

    class FullStore(SQLiteStore):
        def add_event(self, event):
            if event.get("message") == "inner":
                raise JournalError("the disk is full")
            return super().add_event(event)

    def ask() -> str:
        return agent("x").initiate_chat(agent("y"), message="inner", max_turns=1).summary

    caller = agent("caller", llm_config=ScriptedModel(tool_call("ask"), "fine").llm_config)
    user = agent("user")
    register_function(ask, caller=caller, executor=user, name="ask", description="Ask.")
    with pytest.raises(JournalError, match="its journal has failed: the disk is full"):
        call(user.initiate_chat, caller, message="go", max_turns=3, checkpoint=FullStore(file))
    assert not Recording(file).is_finished


def test_a_failure_of_the_storage_is_no_fault_of_an_endpoint(call, agent, file):
    class FullStore(SQLiteStore):
        def add_event(self, event):
            if event["type"] == "model_answered":
                raise JournalError("the disk is full")
            return super().add_event(event)

    with OpenAIServer("one") as first, OpenAIServer("two") as second:
        entries = [{**server.config, "max_retries": 2} for server in (first, second)]
        b = agent("b", llm_config={"config_list": entries, "cache_seed": None})
        with pytest.raises(JournalError, match="the disk is full"):
            call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=FullStore(file))
        assert (len(first.requests), len(second.requests)) == (1, 0)


def test_the_error_of_a_chat_is_not_replaced_by_that_of_its_storage(call, agent, file):
    class FullStore(SQLiteStore):
        def discard_step(self, position):
            raise JournalError("the disk is full")

    def answer(messages):
        raise KeyError("the reason")

    b = agent("b", llm_config=ScriptedModel(answer).llm_config)
    with pytest.raises(KeyError, match="the reason"):
        call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=FullStore(file))


PROGRAM = """
import resource, sys
from autogen import ConversableAgent
from autogen.operations import JournalError
from autogen.recording import Recording

file, limit = sys.argv[1], int(sys.argv[2])

def hold():
    count = [0]
    def say(sender, message, recipient, silent):
        count[0] += 1
        return {"content": f"{count[0]} " + "q" * 5000}
    a, b = (ConversableAgent(name, llm_config=False, human_input_mode="NEVER", default_auto_reply="yes") for name in "ab")
    for agent in (a, b):
        agent.register_hook("process_message_before_send", say)
    return a.initiate_chat(b, message="hi", max_turns=6, checkpoint=file, silent=True)

def recorded():
    return [message["content"].split()[0] for message in Recording(file).messages]

if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    try:
        hold()
    except JournalError as error:
        print("stopped:", error)
else:
    hold()
print(recorded(), Recording(file).is_finished)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits for the size of files")
@pytest.mark.parametrize("limit", [pytest.param(90_000, marks=pytest.mark.slow), 130_000])
def test_a_limit_for_the_size_of_files(file, limit):
    """As a disk that is full: SQLite itself finds no room."""

    def run(limit):
        command = [sys.executable, "-c", PROGRAM, str(file), str(limit)]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout.splitlines()

    said = [str(number) for number in range(1, 13)]
    stopped, recorded = run(limit)
    assert stopped.startswith(f"stopped: {file} can't be used")
    count = recorded.count(",") + 1
    assert recorded == f"{said[:count]} False"
    assert 0 < count < 12
    assert run(0) == [f"{said} True"]


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_for_a_while(call, agent, small_disk):
    """Room that is free again during the chat doesn't make it continue with a gap."""
    file, filler, fills = small_disk / "chat.db", small_disk / "filler", True
    sent = []

    def fill():
        with open(filler, "wb", buffering=0) as target:
            while True:
                target.write(b"x" * 4096)

    def say(sender, message, recipient, silent):
        sent.append(message)
        if fills and len(sent) == 4:
            with pytest.raises(OSError, match="No space"):
                fill()
        if fills and len(sent) == 5:
            filler.unlink()
        return {"content": f"{len(sent)} " + "q" * 5000}

    def hold():
        sent.clear()
        a, b = agent("a", default_auto_reply="yes"), agent("b", default_auto_reply="yes")
        for member in (a, b):
            member.register_hook("process_message_before_send", say)
        call(a.initiate_chat, b, message="hi", max_turns=6, checkpoint=file)

    def get_numbers():
        return [int(content.split()[0]) for content in get_recorded(file)]

    with pytest.raises(JournalError, match="disk is full"):
        hold()
    assert get_numbers() == [1, 2, 3]
    assert not Recording(file).is_finished
    with pytest.raises(JournalError, match="can't be used as a checkpoint: database or disk is full"):
        hold()
    filler.unlink()
    fills = False
    hold()
    assert get_numbers() == list(range(1, 13))
    assert Recording(file).is_finished


# Files that disappear


def replace_by_copy(file):
    shutil.copy(file, f"{file}.copy")
    os.replace(f"{file}.copy", file)


MISHAPS = {
    "removed": lambda file: file.unlink(),
    "renamed": lambda file: file.rename(file.with_name("away.db")),
    "replaced": replace_by_copy,
    "its lock removed": lambda file: os.unlink(f"{file}.lock"),
    "its log removed": lambda file: os.unlink(f"{file}-wal"),
    "its folder renamed": lambda file: file.parent.rename(file.parent.with_name("away")),
}


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be removed")
@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_file_that_is_taken_away_in_the_middle_is_noticed(call, agent, tmp_path, mishap):
    file = tmp_path / "folder" / "chat.db"
    file.parent.mkdir()

    def answer(messages):
        MISHAPS[mishap](file)
        return "fine"

    b = agent("b", llm_config=ScriptedModel(answer).llm_config)
    with pytest.raises(JournalError, match="removed or replaced while a chat used it"):
        call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be removed")
def test_a_file_that_replaces_another_keeps_its_steps(call, agent, file):
    """SQLite knows the log of a file by its name: that of the new file is not removed with the old one."""

    def hold(*answers):
        b = agent("b", llm_config=ScriptedModel(*answers).llm_config)
        return call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file).summary

    def answer(messages):
        for path in file.parent.iterdir():
            path.unlink()
        store.open({"another": "chat"})
        return "fine"

    store = SQLiteStore(file)
    with pytest.raises(JournalError, match="removed or replaced"):
        hold(answer)
    store.add_event({"type": "x", "at": 1.0, "chat": None})
    assert [event["type"] for _, event in store.read_events()] == ["x"]
    store.close()
    assert [event["type"] for event in Recording(file).events] == ["x"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be removed")
def test_whoever_removes_a_lock_takes_the_file_over(call, agent, file):
    """The chat that had it stops, and leaves the lock of the other."""

    def answer(messages):
        os.unlink(f"{file}.lock")
        other.open(chat)
        return "fine"

    b = agent("b", llm_config=ScriptedModel("fine").llm_config)
    call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file.with_name("same.db"))
    chat, other = json.loads(Recording(file.with_name("same.db")).about["chat"]), SQLiteStore(file)
    b = agent("b", llm_config=ScriptedModel(answer).llm_config)
    with pytest.raises(JournalError, match="removed or replaced"):
        call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file)
    with pytest.raises(JournalError, match="in use"):
        SQLiteStore(file).open(chat)
    other.close()
    b = agent("b", llm_config=ScriptedModel("fine").llm_config)
    assert call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file).summary == "fine"


RACE = """
import sys
from autogen import ConversableAgent
from autogen.operations import JournalError
from autogen.recording import Recording
a, b = (ConversableAgent(name, llm_config=False, human_input_mode="NEVER", default_auto_reply="yes") for name in "ab")
sys.stdin.read()
try:
    print(len(a.initiate_chat(b, message="hi", max_turns=20, checkpoint=sys.argv[1], silent=True).chat_history))
except JournalError as error:
    print("in use" if "in use" in str(error) else error)
"""


@pytest.mark.slow
def test_processes_that_start_together_never_mix(file):
    processes = [
        subprocess.Popen([sys.executable, "-c", RACE, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.close()
    answers = []
    for process in processes:
        with process.stdout as output:
            answers.append(output.read().strip())
    assert [process.wait(60) for process in processes] == [0] * 4
    assert set(answers) <= {"40", "in use"}
    assert "40" in answers
    assert len(Recording(file).messages) == 40
    assert Recording(file).is_finished
    assert [path.name for path in file.parent.iterdir()] == [file.name]


READER = """
import os, sys
from autogen import ConversableAgent
from autogen._cli.inspect import run_inspect
from autogen.operations import JournalError
from autogen.recording import Recording
import filelock, urllib.parse, asyncio
a, b = (ConversableAgent(name, llm_config=False, human_input_mode="NEVER", default_auto_reply="yes") for name in "ab")
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
print(len(Recording(sys.argv[1]).messages))
try:
    a.initiate_chat(b, message="hi", max_turns=2, checkpoint=sys.argv[1], silent=True)
except JournalError as error:
    print("can't be used" if "can't be used as a checkpoint" in str(error) else error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize("left_open", [False, True], ids=["ended", "killed"])
def test_a_folder_where_nobody_may_write(agent, left_open):
    # Other users can't enter the folders of pytest.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "chat.db"
        agent("a").initiate_chat(agent("b"), message="hi", max_turns=1, checkpoint=file)
        if left_open:
            database = sqlite3.connect(file)
            database.execute("PRAGMA journal_mode = WAL")
            database.close()
        file.chmod(0o444)
        folder.chmod(0o555)
        shown = subprocess.run([sys.executable, "-c", READER, str(file)], capture_output=True, text=True, timeout=60)
        folder.chmod(0o755)
    assert (shown.stdout.splitlines(), shown.stderr) == (["2", "can't be used"], "")


# Paths


def make_symlink(file):
    link = file.with_name("link.db")
    link.symlink_to(file)
    return link


SAME_FILE = {
    "relative": lambda file: os.path.relpath(file),
    "with dots": lambda file: file.parent / ".." / file.parent.name / file.name,
    "a link": make_symlink,
    "a link to the folder": lambda file: make_symlink(file.parent) / file.name,
}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
@pytest.mark.parametrize("path", SAME_FILE)
def test_a_file_is_locked_by_whatever_path_it_is_reached(call, agent, tmp_path, path):
    file = tmp_path / "folder" / "chat.db"
    file.parent.mkdir()
    store = SQLiteStore(file)
    store.open({"a": "chat"})
    other = SAME_FILE[path](file)
    with pytest.raises(JournalError, match="in use by another chat"):
        SQLiteStore(other).open({"a": "chat"})
    store.close()
    chat_id = (store := SQLiteStore(other)).open({"a": "chat"})
    store.close()
    assert Recording(file).about["chat_id"] == chat_id


@pytest.mark.skipif(sys.platform == "win32", reason="a working directory can't be removed")
def test_a_relative_path_is_that_of_the_start(call, agent, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)

    def answer(messages):
        os.chdir(tmp_path / "other")
        return "fine"

    b = agent("b", llm_config=ScriptedModel(answer).llm_config)
    call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint="chat.db")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["chat.db", "other"]
    assert Recording(tmp_path / "chat.db").is_finished


def make_hard_link(folder):
    (folder / "first.db").write_bytes(b"")
    os.link(folder / "first.db", folder / "second.db")
    return folder / "second.db"


def make_loop(folder):
    (folder / "loop.db").symlink_to(folder / "loop.db")
    return folder / "loop.db"


def make_fifo(folder):
    os.mkfifo(folder / "fifo.db")
    return folder / "fifo.db"


def make_foreign(folder):
    with closing(sqlite3.connect(folder / "foreign.db")) as database, database:
        database.execute("CREATE TABLE bookmarks (url)")
    database.close()
    return folder / "foreign.db"


ODD_PATHS = {
    "hard links": (make_hard_link, r"it has 2 names \(hard links\)"),
    "a loop": (make_loop, "can't be used as a checkpoint"),
    "a pipe": (make_fifo, "it is not a regular file"),
    "a folder": (lambda folder: folder, "it is a folder"),
    "a device": (lambda folder: "/dev/null", "it is not a regular file"),
    "nothing": (lambda folder: "", "it is a folder"),
    "a null character": (lambda folder: "a\0b", "can't be used as a checkpoint"),
    "a name that is too long": (lambda folder: folder / ("x" * 300), "can't be used as a checkpoint"),
    "a file instead of a folder": (lambda folder: __file__ + "/chat.db", "there is no folder"),
    "the log of another": (lambda folder: folder / "chat.db-wal", "that of a file beside another"),
    "the lock of another": (lambda folder: folder / "chat.db.lock", "that of a file beside another"),
    "the file of another program": (make_foreign, "the table 'bookmarks' is not expected in it"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_paths_are_refused_and_left_as_they_are(call, agent, tmp_path, path):
    make, message = ODD_PATHS[path]
    checkpoint = make(tmp_path)
    before = {entry: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
    with pytest.raises(JournalError, match=message):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=checkpoint)
    assert {entry: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()} == before


@pytest.mark.parametrize("checkpoint", [5, True, b"chat.db", object()])
def test_a_checkpoint_is_a_path_or_a_store(call, agent, checkpoint):
    with pytest.raises(TypeError, match="checkpoint must be the path of a file or a JournalStore, got"):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=checkpoint)


def test_names_that_sqlite_knows_are_names_of_files(call, agent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:chat.db?mode=memory", "50%20 #1?.db", "ünï.db"):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=name)
        assert Recording(name).is_finished
        assert (tmp_path / name).is_file()


# Contents


def test_half_of_a_character_in_the_name_of_a_tool(call, agent, file):
    """A name from a model, which no function has."""

    def hold(*answers):
        caller = agent("caller", llm_config=ScriptedModel(*answers).llm_config)
        user = agent("user")
        register_function(lambda: "x", caller=caller, executor=user, name="tool", description="A tool.")
        return call(user.initiate_chat, caller, message="go", max_turns=2, checkpoint=file).chat_history

    first = hold(tool_call("pay\ud800"), "fine")
    assert json.dumps(hold()) == json.dumps(first)


def test_an_essential_listener_ends_the_chat(call, agent):
    seen = []

    def listen(event):
        seen.append(event.type)
        if event.type == "message_sent":
            raise OSError("no room for the record of this message")

    others = []
    with (
        events.subscribe(listen, essential=True),
        events.subscribe(lambda event: others.append(event.type)),
        pytest.raises(OSError, match="no room"),
    ):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1)
    assert seen == others == ["chat_started", "message_sent", "chat_ended"]
