"""The live view: what stands on the terminal, and that nothing in a message can do harm to it."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import autogen.terminal
from autogen import GroupChat, GroupChatManager
from autogen._cli.app import app
from autogen._terminal.event_formatter import EventFormatter
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.io import IOConsole, IOStream
from autogen.testing import Fault, OpenAIServer, Reply, ScriptedModel, tool_call

KEY = "sk-0123456789abcdefghijklmnop"
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # what rich itself sends to a terminal


@pytest.fixture
def shown():
    """Hold chats under a view; gives what is shown."""

    def shown(hold, terminal=False, encoding="utf-8", **options):
        raw = io.BytesIO()
        file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
        with autogen.terminal.view(Console(file=file, force_terminal=terminal, width=100, _environ={}), **options):
            hold()
        return raw.getvalue().decode(encoding)

    return shown


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def test_a_chat_with_tools_and_a_retry(call, agent, shown):
    calls = [tool_call("multiply", a=6, b=7), tool_call("multiply", a="x")]
    with OpenAIServer(Fault(status=503), calls, Reply("It is 42.")) as server:
        config = {"config_list": [server.config | {"max_retries": 1, "price": [1, 1]}], "cache_seed": None}
        me = agent("me", llm_config=config | {"retry_policy": {"first_delay": 0.001}})
        text = shown(lambda: call(me.run, "What is 6 times 7?", tools=[multiply]))
    lines = [re.sub(r"\d+ \+ \d+ tokens · [\d.]+ USD|[\d.]+ s\b|http://\S+", "#", line) for line in text.splitlines()]
    assert lines == [
        "── user → me ──",
        "● user → me",
        "  What is 6 times 7?",
        "  ✗ me: scripted at # InternalServerError: Error code: 503 - The endpoint failed, as scripted. "
        " then: retrying in #",
        "● me → user  scripted · # · #",
        "  calls multiply(a=6, b=7)",
        '  calls multiply(a="x")',
        "  ✓ multiply → 42  #",
        lines[8],
        "● me → user  scripted · # · #",
        "  It is 42.",
        "── termination_message · 4 messages · # ──",
        "1 chat · 4 messages · 2 responses · # · 2 calls (1 failed) · 1 failed request · #",
    ]
    assert lines[8].startswith("  ✗ multiply → Error")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_reply_is_shown_while_it_arrives(call, agent, shown, terminal):
    with OpenAIServer("First *word*.\n\n- Second sk-0123456789abcdefghijklmnop\n- third") as server:
        me = agent("me", llm_config={"config_list": [server.config | {"stream": True}], "cache_seed": None})
        text = CODES.sub("", shown(lambda: call(me.run, "Write.", max_turns=1), terminal))
    # On a terminal the name stands above before the end is known, and no part is shown a second time under the whole.
    assert ("● me → user" in text) is not terminal
    expected = (
        ("● me", "First word.", " • Second ***", " • third") if terminal else ("● me", "First *word*.", "- Second ***")
    )
    positions = [text.rindex(part) for part in expected]
    assert positions == sorted(positions)
    assert "sk-01" not in text


def test_replies_that_arrive_at_the_same_time_are_not_mixed(agent, shown):
    long = Reply(" ".join(["word"] * 300))
    with OpenAIServer(*[long] * 4) as server:
        config = {"config_list": [server.config | {"stream": True}], "cache_seed": None}
        agents = [agent(f"me{number}", llm_config=config) for number in range(4)]

        def run():
            with ThreadPoolExecutor(4) as threads:
                contexts = [(copy_context(), me) for me in agents]
                list(threads.map(lambda pair: pair[0].run(pair[1].run, "Write.", max_turns=1), contexts))

        text = CODES.sub("", shown(run, terminal=True))
    assert set(re.findall(r"● #\d (me\d)", text)) == {"me0", "me1", "me2", "me3"}
    # Each reply is there as a whole: shown while it arrived, or as a message.
    assert len(re.findall(r"scripted · \d+ \+ 300 tokens", text)) == 4


def test_a_group_and_a_chat_inside(call, agent, shown):
    a, b, inner = agent("a", default_auto_reply="A"), agent("b"), agent("inner", default_auto_reply="deep")
    b.register_nested_chats([{"recipient": inner, "max_turns": 1}], trigger=lambda sender: True)
    manager = GroupChatManager(GroupChat([a, b], max_round=3, speaker_selection_method="round_robin"))
    text = shown(lambda: call(a.initiate_chat, manager, message="hi"))
    assert "↳ b  next in order\n    ── b → inner ──\n    ● b → inner\n      hi\n    ● inner → b\n      deep\n" in text
    assert "● a → chat_manager\n  A\n" in text
    assert text.splitlines()[-1].startswith("2 chats · 5 messages · ")


def test_code_and_errors(call, agent, shown, tmp_path):
    user = agent("user", code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)})
    starter = agent("starter", llm_config=ScriptedModel(ZeroDivisionError("no way")).llm_config)

    def hold():
        with pytest.raises(ZeroDivisionError):
            call(starter.initiate_chat, user, message="```python\nraise SystemExit(3)\n```")

    text = shown(hold)
    assert "  ✗ code → exit code 3  " in text
    assert "✗ starter: ZeroDivisionError: no way  then: raising the error" in text
    assert re.search(r"── failed after [\d.]+ s: ZeroDivisionError: no way ──", text)


def test_long_messages_are_cut_where_that_is_wanted(agent, shown):
    text = shown(lambda: agent("a").initiate_chat(agent("b"), message="1\n2\n3\n4", max_turns=1), lines=2)
    assert "  1\n  2\n  … 2 more lines\n" in text


def test_the_usual_printing_is_silent_within(call, agent, shown, capsys):
    loud = {"silent": False}
    text = shown(lambda: call(agent("a", **loud).initiate_chat, agent("b", **loud), message="hi", max_turns=1))
    assert capsys.readouterr().out == ""
    assert "● a → b\n  hi\n" in text
    agent("a", **loud).initiate_chat(agent("b", **loud), message="hi", max_turns=1)
    assert "hi" in capsys.readouterr().out


def test_markup_is_no_markup_and_keys_are_masked(agent, shown):
    message = f"[bold]x[/bold] [/] [link=http://a]y[/link] :smile: {KEY}"
    text = shown(lambda: agent("[red]a").initiate_chat(agent("b"), message=message, max_turns=1), terminal=True)
    plain = CODES.sub("", text)
    assert "[bold]x[/bold] [/] [link=http://a]y[/link] :smile: ***" in plain
    assert "[red]a → b" in plain


@given(st.text(st.characters(codec=None), max_size=60), st.sampled_from(["utf-8", "ascii", "cp1252"]))
def test_no_text_can_touch_the_terminal(text, encoding):
    clean = EventFormatter(encoding).clean(text)
    clean.encode(encoding)
    assert all(character.isprintable() or character in "\n\t\u200d" for character in clean)
    assert EventFormatter(encoding).clean(clean) == clean


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_a_model_wants_from_the_terminal_is_shown_as_its_code(agent, shown, terminal, encoding):
    evil = "\x1b]0;title\x07 \x1b[2J \x9b31m \r overwritten \x08 \u202e right to left \ud800 ü"
    model = ScriptedModel(tool_call("evil\x1b[1A", x=evil), evil)
    caller = agent("caller\x1b[3A", llm_config=model.llm_config)
    text = shown(lambda: agent("a").initiate_chat(caller, message=evil, max_turns=2), terminal, encoding)
    left = CODES.sub("", text) if terminal else text
    assert not {"\x07", "\x9b", "\x08", "\u202e"} & set(left)
    assert "\x1b]0" not in text
    for code in ("\x1b[2J", "\x1b[1A" if not terminal else "\x1b[1Ax", "\x1b[3A", "\x1b[31m right"):
        assert code not in text
    assert r"\x1b]0;title\x07 \x1b[2J \x9b31m" in left


def test_humans_are_asked_by_the_stream_that_was_in_use(call, agent, shown):
    class Stream(IOConsole):
        asked = []

        def print(self, *objects, **_):
            pytest.fail("nothing is printed")

        def input(self, prompt="", *, password=False):
            self.asked.append(prompt)
            return "typed"

        def input_within(self, seconds, prompt=""):
            return self.input(prompt)

    for options in ({}, {"human_input_timeout": 60}):
        user = agent("user", human_input_mode="ALWAYS", **options)
        with IOStream.set_default(Stream()):
            text = shown(lambda user=user: call(agent("a").initiate_chat, user, message="hi", max_turns=1), terminal=True)
        assert "typed" in text
    assert len(Stream.asked) == 2
    assert "'exit'" in Stream.asked[0]


def test_a_question_comes_with_what_was_printed_for_it(agent, shown):
    class Stream(IOConsole):
        def input(self, prompt="", *, password=False):
            return "2"

    members = [agent(name) for name in "abc"]
    manager = GroupChatManager(GroupChat(members, max_round=2, speaker_selection_method="manual"))
    with IOStream.set_default(Stream()):
        text = shown(lambda: members[0].initiate_chat(manager, message="hi"))
    assert "Please pick the next speaker:\n1: b\n2: c\n" in text.replace("1: a\n2: b", "1: b\n2: c")


def test_chats_side_by_side_are_told_apart(agent, shown):
    async def main():
        both = asyncio.Event()

        async def wait(*_, **__):
            both.set() if len(begun) == 2 else None
            await both.wait()
            return False, None

        begun = []

        async def one(name):
            begun.append(name)
            b = agent("b", default_auto_reply=f"reply of {name}")
            b.register_reply([type(b), None], wait)
            await agent(name).a_initiate_chat(b, message=f"I am {name}", max_turns=1)

        await asyncio.gather(one("x"), one("y"))

    text = shown(lambda: asyncio.run(main()))
    numbers = {name: re.search(rf"● (#\d )?{name} → b", text) for name in "xy"}
    assert numbers["y"].group(1) == "#2 "
    assert re.search(r"● #1 b → x\n  reply of x", text)
    assert re.search(r"● #2 b → y\n  reply of y", text)


def test_many_threads_write_whole_lines(agent, shown):
    def chat(number):
        a, b = agent(f"a{number}"), agent(f"b{number}", default_auto_reply=f"reply {number}\nline two of {number}")
        a.initiate_chat(b, message=f"hi {number}", max_turns=1)

    def hold():
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda job: job[0].run(chat, job[1]), [(copy_context(), number) for number in range(40)]))

    text = shown(hold)
    for number in range(40):
        assert f"  reply {number}\n  line two of {number}\n" in text
    assert "40 chats · 80 messages" in text.splitlines()[-1]


def test_views_may_be_nested_and_used_again(agent, shown):
    def chat():
        agent("a").initiate_chat(agent("b"), message="hi", max_turns=1)

    inner = []
    outer = shown(lambda: inner.append(shown(chat, terminal=True)), terminal=True)
    assert "● a" in CODES.sub("", outer)
    assert "● a" in CODES.sub("", inner[0])
    assert "● a" in CODES.sub("", shown(chat, terminal=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of nbclient's own parts
def test_a_notebook_gets_lines():
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    cell = (
        "import autogen.terminal; from autogen import ConversableAgent as C\n"
        "a, b = (C(name, llm_config=False, human_input_mode='NEVER') for name in 'ab')\n"
        "with autogen.terminal.view(): result = a.initiate_chat(b, message='[b]<i>hi', max_turns=1)"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    outputs = book.cells[0].outputs
    assert {output.output_type for output in outputs} == {"display_data"}
    assert any("[b]<i>hi" in output.data["text/plain"] for output in outputs)
    assert not any("<i>" in output.data["text/html"] for output in outputs)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_real_terminal_has_a_last_line_that_goes_away():
    import pty

    probe = (
        "import autogen.terminal; from autogen import ConversableAgent as C\n"
        "from autogen.testing import Reply, ScriptedModel\n"
        "model = ScriptedModel(Reply('hello', delay=0.5))\n"
        "a, b = (C(name, llm_config=c, human_input_mode='NEVER') for name, c in (('a', False), ('b', model.llm_config)))\n"
        "with autogen.terminal.view(): a.initiate_chat(b, message='hi', max_turns=1)"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    child = subprocess.Popen([sys.executable, "-c", probe], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    raw = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        raw += piece
    os.close(ours)
    assert child.wait() == 0
    text = raw.decode()
    assert "b asks scripted" in CODES.sub("", text)
    assert "b asks scripted" not in CODES.sub("", text.rpartition("── ")[2])
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0  # the cursor is there again


def test_the_command_line_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with OpenAIServer("hello") as server:
        (tmp_path / "LIST").write_text(json.dumps([server.config]))
        arguments = ["chat", "hi", "--config", "LIST", "--no-docker", "--human", "never", "--max-turns", "1"]
        output = CliRunner().invoke(app, arguments).output
    assert "● user → assistant\n  hi\n● assistant → user" in output
    assert "user (to assistant)" not in output
