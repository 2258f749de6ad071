"""Markdown of models on a terminal: nothing of it is lost, and nothing does harm."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autogen._terminal.markdown import MarkdownText, StreamedReply

FRAGMENTS = [
    "# T\n",
    "a ",
    "\n",
    "\n\n",
    "- x\n",
    "1. y\n",
    "```python\n",
    "```\n",
    "  ",
    "| a |\n|---|\n",
    "> q\n",
    "word",
    "\r",
    "\t",
    "***",
]


def render(text):
    file = io.StringIO()
    Console(file=file, width=60, force_terminal=True, color_system=None).print(MarkdownText(text))
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold** and `code`", "bold and code"),
        ("[bank](http://evil.example)", "bank (http://evil.example)"),
        ("<b>html</b> <!-- comment -->", "<b>html</b> <!-- comment -->"),
        ("![alt](http://x.example/i.png)", "!alt (http://x.example/i.png)"),
        ("[a]: http://x.example", "[a]: http://x.example"),
        ("[red]no markup[/red]", "[red]no markup[/red]"),
        ("```python\nprint('[bold]')\n```", "print('[bold]')"),
        ("", ""),
    ],
)
def test_what_is_shown(text, shown):
    assert render(text).strip() == shown


def test_blocks_are_finished_when_the_next_one_begins():
    reply = StreamedReply("chat", "a", 0)
    text = "# Title\n\nOne\ntwo.\n\n- x\n\n- y\n\n```\na\n\nb\n```\nend"
    finished = [block for character in text for block in reply.feed(character)]
    assert [block.strip() for block in finished] == ["# Title", "One\ntwo.", "- x\n\n- y"]
    assert reply.finish() == ["```\na\n\nb\n```\n", "end\n"]


@given(st.lists(st.sampled_from(FRAGMENTS)))
def test_no_piece_is_lost(pieces):
    reply = StreamedReply("chat", "a", 0)
    shown = [block for piece in pieces for block in reply.feed(piece)]
    assert "".join([*shown, reply.tail]) == reply.text == "".join(pieces)
    assert "".join([*shown, *reply.finish()]) == f"{reply.text}\n"


def test_a_word_that_arrives_is_not_shown_in_part():
    reply = StreamedReply("chat", "a", 0)
    reply.feed("The key is sk-01234")
    assert reply.get_whole_words() == "The key is "
