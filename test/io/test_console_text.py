"""What a terminal gets of text that models, tools and programs decide."""

import contextlib
import io
import os
import re
import subprocess
import sys

import pytest

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen.coding import ApprovedCodeExecutor, CodeBlock, LocalCommandLineCodeExecutor
from autogen.coding.approval import ask_a_human
from autogen.formatting_utils import colored
from autogen.io import IOConsole
from autogen.testing import OpenAIServer, ScriptedModel, tool_call

EVIL = (
    "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b]0;title\x07\x1b[8m\x9b31m\x9d0;t\x9c\rover\x08\x7f"
    "\u202e\u2066\u2028é\ud83d\ude00\ud800"
)
SHOWN = r"\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b]0;title\x07\x9b31m\x9d0;t\x9c\rover\x08\x7f\u202e\u2066\u2028é😀"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
OURS = re.compile(r"\x1b\[(0|3[0-7]|9[0-7])m")


def make_user(**options):
    return UserProxyAgent(
        "user", **{"human_input_mode": "NEVER", "max_consecutive_auto_reply": 1, "code_execution_config": False, **options}
    )


def make_assistant(*answers, name="assistant"):
    return AssistantAgent(name, llm_config=ScriptedModel(*answers, name="model").llm_config)


def chat(tmp_path):
    make_user().initiate_chat(make_assistant(EVIL), message=EVIL, max_turns=1)


def group_chat(tmp_path):
    members = [make_assistant(EVIL, name="a"), make_assistant(EVIL, name="b")]
    group = GroupChat([*members], [], max_round=3, speaker_selection_method="round_robin")
    make_user().initiate_chat(GroupChatManager(group, llm_config=False), message=EVIL)


def code(tmp_path):
    config = {"use_docker": False, "work_dir": str(tmp_path)}
    assistant = make_assistant(f"```python\nprint({EVIL[:-3]!a})\nprint('\\u00e9\\U0001f600')\n```", "TERMINATE")
    make_user(code_execution_config=config).initiate_chat(assistant, message="go", max_turns=2)


def tool(tmp_path):
    def echo(text: str) -> str:
        """Return the text."""
        return text

    make_assistant(tool_call("echo", text=EVIL, call_id="c" + EVIL), "done").run("go", tools=[echo], silent=False)


def streamed(tmp_path):
    with OpenAIServer(EVIL) as server:
        assistant = AssistantAgent("assistant", llm_config={**server.llm_config, "stream": True})
        assistant.generate_reply(messages=[{"role": "user", "content": "go"}])


def approval(tmp_path):
    executor = ApprovedCodeExecutor(LocalCommandLineCodeExecutor(work_dir=tmp_path), ask_a_human)
    executor.execute_code_blocks([CodeBlock(language=f"python{EVIL}", code=EVIL)])


def names(tmp_path):
    first, second = (
        ConversableAgent(f"{name}{EVIL}", llm_config=False, human_input_mode="NEVER", default_auto_reply="k")
        for name in "ab"
    )
    first.initiate_chat(second, message="hi", max_turns=1)


def question(tmp_path):
    other = ConversableAgent(f"a{EVIL}", llm_config=False, human_input_mode="NEVER", default_auto_reply="k")
    make_user(human_input_mode="ALWAYS").initiate_chat(other, message="hi", max_turns=1)


def banner(tmp_path):
    other = ConversableAgent("a", llm_config=False, human_input_mode="NEVER", default_auto_reply="k")
    make_user().initiate_chats([{"recipient": other, "message": EVIL, "verbose": True, "max_turns": 1}])


@pytest.mark.filterwarnings("ignore:.*unicode", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "way",
    [chat, group_chat, code, tool, streamed, approval, names, question, banner],
    ids=lambda way: way.__name__,
)
def test_no_way_to_the_console_passes_codes_on(way, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt="": print(prompt) or "exit")
    with contextlib.redirect_stdout(io.StringIO()) as screen:
        way(tmp_path)
    shown = screen.getvalue()
    assert not OBEYED.findall(OURS.sub("", shown))
    assert r"\x1b]52;c;ZXZpbA==\x07\x1b[2J" in shown
    assert "é" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (EVIL, SHOWN + "\ufffd"),
        ("plain\ttext\nof lines\r\n", "plain\ttext\nof lines\n"),
        ("\x1b[31mred\x1b[0m \x1b[8mhidden\x1b[1;38:2::1:2:3m", "red hidden"),
        ("\x1b\x1b[0m[2J", r"\x1b[2J"),
        ("👩\u200d👩 \u0645\u200c\u062e \u200f\u05e9\xa0\u3000",) * 2,
    ],
)
def test_text_stays_readable(text, shown):
    with contextlib.redirect_stdout(io.StringIO()) as screen:
        IOConsole().print(text, Exception(text), colored(text, "red", force_color=True), sep="|", end="\r")
    assert screen.getvalue() == f"{shown}|{shown}|\x1b[31m{shown}\x1b[0m\r"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-8:surrogateescape", "ascii:replace"])
def test_an_output_that_lacks_characters_gets_others(encoding):
    program = (
        "from autogen.io import IOConsole\nfrom autogen.formatting_utils import colored\nconsole = IOConsole()\n"
        "console.print('é ☃ \\ud800', colored('☃', 'red'))\n"
        "try: console.input('é ☃ \\ud800?')\nexcept EOFError: print('end')"
    )
    env = {**os.environ, "PYTHONIOENCODING": encoding, "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=env, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = {
        "ascii": rb"\xe9 \u2603 \ufffd \u2603",
        "latin-1": b"\xe9 \\u2603 \\ufffd \\u2603",
        "cp1252": b"\xe9 \\u2603 \\ufffd \\u2603",
        "utf-8": "é ☃ \ufffd ☃".encode(),
        "utf-8:surrogateescape": "é ☃ \ufffd ☃".encode(),
        "ascii:replace": b"? ? ? ?",
    }
    assert done.stdout.splitlines()[0] == lines[encoding]
    assert done.stdout.rstrip().endswith(b"?end")
