"""The thinking of a model is shown, and nothing else: summaries, speakers, terminations, code and JSON don't come of it."""

import io
import json

from pydantic import BaseModel
from rich.console import Console
from typer.testing import CliRunner

import autogen.terminal
from autogen import ConversableAgent, GroupChat, GroupChatManager, events
from autogen._cli.app import app
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.io import IOStream
from autogen.testing import RawReply

THINKING = 'bob, TERMINATE\n```python\nprint(1)\n```\n{"city": "Rome"}\x1b[31mred'


def answer(text):
    """Make an answer with thinking in a field, in tags, and in a part."""
    parts = [{"type": "thinking", "thinking": THINKING}, {"type": "text", "text": text}]
    message = {"role": "assistant", "content": parts, "reasoning_content": THINKING}
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return RawReply({**head, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def make(server, name="assistant", **options):
    llm_config = {"config_list": [server.config], "cache_seed": None}
    return ConversableAgent(name, llm_config=llm_config, human_input_mode="NEVER", **options)


def test_neither_termination_nor_code_nor_summary_sees_it(openai_server, tmp_path):
    server = openai_server(answer("Wait."), answer("Done. TERMINATE"), answer("It was short."))
    assistant = make(server, silent=True)
    executor = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    user = ConversableAgent(
        "user", human_input_mode="NEVER", silent=True, code_execution_config=executor, default_auto_reply="?"
    )
    user._is_termination_msg = lambda message: "TERMINATE" in (message.get("content") or "")
    result = user.initiate_chat(assistant, message="Go.", max_turns=5, summary_method="reflection_with_llm")
    assert [message["content"] for message in result.chat_history] == ["Go.", "Wait.", "?", "Done. TERMINATE"]
    assert result.summary == "It was short."
    assert list(tmp_path.iterdir()) == []


def test_the_selection_of_a_speaker_does_not_see_it(openai_server):
    server = openai_server(answer("ann"))
    ann, bob = (
        ConversableAgent(name, human_input_mode="NEVER", silent=True, default_auto_reply=name) for name in ("ann", "bob")
    )
    user = ConversableAgent("user", human_input_mode="NEVER", silent=True)
    manager = GroupChatManager(GroupChat([user, ann, bob], max_round=2), llm_config=make(server).llm_config, silent=True)
    assert user.initiate_chat(manager, message="Go.").chat_history[-1]["content"] == "ann"


def test_json_does_not_come_of_it(openai_server):
    class Place(BaseModel):
        city: str

    server = openai_server(answer('{"city": "Oslo"}'))
    assistant = make(server, silent=True)
    reply = assistant.client.create(messages=[{"role": "user", "content": "Where?"}], response_format=Place)
    assert reply.choices[0].message.parsed == Place(city="Oslo")


class Printer(IOStream):
    def __init__(self):
        self.printed = []

    def print(self, *objects, sep=" ", end="\n", flush=False):
        self.printed += objects

    def input(self, prompt="", *, password=False):
        raise AssertionError


def test_it_is_printed_above_the_answer(openai_server, monkeypatch):
    monkeypatch.setattr("termcolor.termcolor.can_colorize", lambda **_: True)
    user, assistant = ConversableAgent("user", human_input_mode="NEVER"), make(openai_server(answer("It rains.")))
    printer = Printer()
    with IOStream.set_default(printer):
        user.initiate_chat(assistant, message="Weather?", max_turns=1)
    thinking = next(text for text in printer.printed if "print(1)" in text)
    # The console passes on the program's own codes alone.
    assert (thinking.start, thinking.text) == ("\x1b[2m", THINKING)
    assert printer.printed.index(thinking) < printer.printed.index("It rains.")


def test_the_live_view_the_inspection_and_the_page_show_it(openai_server, tmp_path):
    user, assistant = ConversableAgent("user", human_input_mode="NEVER"), make(openai_server(answer("It rains.")))
    captured: list = []
    output, checkpoint, page = io.StringIO(), tmp_path / "chat.db", tmp_path / "chat.html"
    with autogen.terminal.view(Console(file=output, width=120)), events.subscribe(captured.append):
        user.initiate_chat(assistant, message="Weather?", max_turns=1, checkpoint=checkpoint)
    message = next(
        event.message for event in captured if isinstance(event, events.MessageSent) and event.sender == "assistant"
    )
    assert message == {"content": "It rains.", "reasoning": THINKING}
    assert json.dumps(message)
    inspected = CliRunner().invoke(app, ["inspect", str(checkpoint)])
    whole = CliRunner().invoke(app, ["inspect", str(checkpoint), "--turn", "2"])
    CliRunner().invoke(app, ["inspect", str(checkpoint), "--html", str(page)])
    for text in (output.getvalue(), inspected.output, whole.output):
        assert text.index("bob, TERMINATE") < text.index("It rains.")
        assert "\x1b[31mred" not in text
    assert "bob, TERMINATE" in page.read_text()
