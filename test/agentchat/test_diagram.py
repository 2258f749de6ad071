"""A finished chat as a sequence diagram.

That Mermaid itself takes the text was checked with its own parser and renderer; no JavaScript runs here, so what these
tests hold is the escaping that made it so.
"""

import copy
import pickle
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import GroupChat, GroupChatManager
from autogen.agentchat.conditions import TextMention
from autogen.agentchat.diagram import SequenceDiagram, sequence_diagram
from autogen.testing import ScriptedModel, tool_call

ANY_TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "end",
        "%%{init: {}}%%",
        "</pre><script>",
        "a;b#c",
        "```py\nx\n```",
        "$$x$$",
        "\ud800",
        "wrap: x",
        "\u202etxt",
        "ﬂ°°35¶ß",
    ]
)
ARROW = re.compile(r"    p\d+(->>|-->>)p\d+: \S.*")
PARTICIPANT = re.compile(r"    participant p\d+ as \S.*")
NOTE = re.compile(r"    Note over p0(,p\d+)?: \S.*")
ESCAPED = re.compile(r"#\d+;| <br/>")


def lines(diagram):
    return [line.strip() for line in diagram.split("\n")[1:]]


def text_of(diagram):
    """What Mermaid shows: entities are read, tags are lines."""
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), diagram.replace(" <br/>", "\n"))


def test_a_chat_with_tools_is_drawn(call, agent):
    model = ScriptedModel([tool_call("add", a=1, b=2), tool_call("name", of="x y")], "It is 3. DONE")
    helper = agent("the helper", llm_config=model.llm_config)
    user = agent(
        "user",
        function_map={"add": lambda a, b: a + b, "name": lambda of: of.upper()},
        is_termination_msg=TextMention("DONE"),
    )
    result = call(user.initiate_chat, helper, message="What is 1 + 2?")
    diagram = sequence_diagram(result)
    assert diagram.startswith("sequenceDiagram\n")
    assert lines(text_of(diagram)) == [
        "participant p0 as user",
        "participant p1 as the helper",
        "p0->>p1: What is 1 + 2?",
        "p1->>p0: add(a=1, b=2)",
        'p1->>p0: name(of="x y")',
        "p0-->>p1: add → 3",
        "p0-->>p1: name → X Y",
        "p1->>p0: It is 3. DONE",
        "Note over p0,p1: ended by termination_message: 'the helper' said 'DONE'",
    ]


def test_a_group_is_drawn_by_who_speaks_next(call, agent):
    members = [agent(name, default_auto_reply=f"I am {name}") for name in ("red", "green", "blue")]
    group = GroupChat(members, max_round=4, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, silent=True)
    call(members[0].initiate_chat, manager, message="hi")
    assert lines(sequence_diagram(group, participants=["blue", members[1]])) == [
        "participant p0 as blue",
        "participant p1 as green",
        "participant p2 as red",
        "p2->>p1: hi",
        "p1->>p0: I am green",
        "p0->>p2: I am blue",
        "p2->>p0: I am red",
    ]


def test_messages_without_names_are_told_apart_by_role():
    called = tool_call("look", call_id="1")
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "wait", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "1", "content": "seen"},
        {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "no JSON"}},
        {"role": "function", "name": "old", "content": ""},
        {"role": "assistant", "content": ""},
    ]
    assert lines(text_of(sequence_diagram(messages))) == [
        "participant p0 as user",
        "participant p1 as assistant",
        "participant p2 as tools",
        "Note over p0,p2: system: Be kind.",
        "p0->>p1: hi",
        "p1->>p2: wait",
        "p1->>p2: look()",
        "p2-->>p1: look → seen",
        "p1->>p2: old(no JSON)",
        "p2-->>p1: old →",
        "p1->>p2: (empty)",
    ]


def test_an_agent_that_carries_out_its_own_calls_talks_to_itself():
    messages = [
        {"name": "a", "content": "", "tool_calls": [tool_call("f", call_id="1")]},
        {"name": "a", "role": "tool", "content": "x", "tool_responses": [{"tool_call_id": "1", "content": "x"}]},
        {"name": "b", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "u"}}]},
    ]
    diagram = sequence_diagram(messages, participants=["a", "b", "a b  c"])
    assert lines(text_of(diagram))[2:] == [
        "participant p2 as a b c",
        "p0->>p0: f()",
        "p0-->>p1: f → x",
        "p1->>p0: see<image>",
    ]


def test_long_texts_code_and_line_breaks_are_shortened():
    text = "Look:\r\n\r\n```python\nprint(1)\nprint(2)\n```\nand\t then " + "x" * 50
    (arrow,) = [line for line in lines(sequence_diagram([{"name": "a", "content": text}], max_text=40)) if "->>" in line]
    assert text_of(arrow) == "p0->>p0: Look:\n[python, 2 lines]\nand then xxxxxx…"
    (arrow,) = lines(sequence_diagram([{"name": "a", "content": "```\nx"}]))[1:]
    assert text_of(arrow).endswith("[code, 0 lines]")


def test_syntax_in_texts_is_escaped():
    diagram = sequence_diagram([{"name": 'an "agent"; #1', "content": "a: b; # %% {x} <b> & `c` $$d$$ \\ end"}])
    assert lines(diagram) == [
        "participant p0 as an #34;agent#34;#59; #35;1",
        "p0->>p0: a#58; b#59; #35; #37;#37; #123;x#125; #60;b#62; #38; #96;c#96; #36;#36;d#36;#36; #92; end",
    ]


def test_an_empty_chat_has_a_diagram_too():
    assert lines(sequence_diagram([])) == ["participant p0 as nobody"]
    assert lines(sequence_diagram([], participants=["only"])) == ["participant p0 as only"]


def test_notebooks_show_a_picture_and_copies_are_the_same():
    diagram = sequence_diagram([{"name": "a", "content": "```mermaid\n```"}])
    assert diagram._repr_markdown_() == f"```mermaid\n{diagram}\n```\n"
    for copied in (pickle.loads(pickle.dumps(diagram)), copy.deepcopy(diagram)):
        assert isinstance(copied, SequenceDiagram)
        assert copied == diagram


def test_the_error_for_svg_says_how_to_render_one():
    with pytest.raises(AttributeError, match=r"mmdc -i chat\.mmd"):
        _ = sequence_diagram([]).svg


@pytest.mark.parametrize("wrong", [None, "text", {"content": "x"}, [1], 3])
def test_what_is_no_chat_is_refused(wrong):
    with pytest.raises(TypeError, match="ChatResult"):
        sequence_diagram(wrong)
    with pytest.raises(ValueError, match="max_text"):
        sequence_diagram([], max_text=0)


MESSAGES = st.fixed_dictionaries(
    {"content": ANY_TEXT | st.none()},
    optional={
        "name": ANY_TEXT,
        "role": st.sampled_from(["user", "assistant", "system", "tool", "function"]),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {"id": st.sampled_from("12"), "function": st.fixed_dictionaries({"name": ANY_TEXT, "arguments": ANY_TEXT})}
            ),
            max_size=2,
        ),
        "tool_responses": st.lists(
            st.fixed_dictionaries({"tool_call_id": st.sampled_from("12"), "content": ANY_TEXT}), max_size=2
        ),
    },
)


@given(st.lists(MESSAGES, max_size=5), st.lists(ANY_TEXT, max_size=3), st.integers(1, 80))
def test_whatever_is_said_each_arrow_is_one_line_and_nothing_is_left_unescaped(messages, participants, max_text):
    diagram = sequence_diagram(messages, participants=participants, max_text=max_text)
    head, *rest = diagram.split("\n")
    assert head == "sequenceDiagram"
    assert diagram.splitlines() == [head, *rest]  # no other line break is in it
    assert all(ARROW.fullmatch(line) or PARTICIPANT.fullmatch(line) or NOTE.fullmatch(line) for line in rest)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in diagram.replace("\n", ""))
    for line in rest:
        said = line.partition(" as " if "participant" in line else ": ")[2]
        assert not set(ESCAPED.sub("", said)) & set('#;:%{}$<>&"`\\')
    diagram.encode()
