"""Finding the names of members in what a model says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent, GroupChat
from autogen.agentchat._groupchat.mentions import resolve_mention


def agents(*names):
    return [ConversableAgent(name, llm_config=False) for name in names]


@pytest.mark.parametrize(
    ("answer", "members", "found"),
    [
        ("Story writer", ["Story_writer"], {"Story_writer": 1}),
        (r"Story\_writer", ["Story_writer"], {"Story_writer": 1}),
        ("**Story_writer**", ["Story_writer"], {"Story_writer": 1}),
        ("Story_Writer, story_writer, StoryWriter, Story-writer, xStory_writer", ["Story_writer"], {}),
        ("Coder's turn", ["Coder"], {"Coder": 1}),
        ("Next: Coder.", ["Coder"], {"Coder": 1}),
        ("Coder, then Coder again", ["Coder"], {"Coder": 2}),
        ("_Coder_", ["Coder"], {}),
        ("Coder-2", ["Coder", "Coder-2"], {"Coder": 1, "Coder-2": 1}),
        ("Engineer 2", ["Engineer", "Engineer_2"], {"Engineer": 1, "Engineer_2": 1}),
        ("bob, not alice", ["alice", "bob"], {"alice": 1, "bob": 1}),
        ("as a coder", ["a"], {"a": 1}),
        ("由小王发言", ["小王"], {}),
        ("use .* now", [".*"], {".*": 1}),
        ("Has_space_x", ["Has space_x"], {}),
        (None, ["a"], {}),
        ([{"type": "text", "text": "bob"}], ["bob"], {"bob": 1}),
        ({"role": "user", "content": "bob"}, ["bob"], {"bob": 1}),
    ],
)
def test_mentions(answer, members, found):
    group = GroupChat(agents(*members), [])
    assert group._mentioned_agents(answer, group.agents) == found
    assert group._mentioned_agents(message_content=answer, agents=group.agents) == found


@pytest.mark.parametrize(
    ("answer", "members", "meant"),
    [
        ("Coder", ["Coder", "Coder-2"], ["Coder"]),
        ("Coder-2", ["Coder", "Coder-2"], ["Coder-2"]),
        ("I choose Coder-2.", ["Coder", "Coder-2"], ["Coder-2"]),
        ("Coder-2 or Coder", ["Coder", "Coder-2"], ["Coder", "Coder-2"]),
        ("Engineer 2", ["Engineer", "Engineer_2"], ["Engineer_2"]),
        ("_Coder_", ["Coder"], ["Coder"]),
        ("It is _Coder_ who speaks.", ["Coder", "Tester"], ["Coder"]),
        ("coder", ["Coder", "Tester"], ["Coder"]),
        ("coder", ["Coder", "CODER"], []),
        ('"**Coder**".', ["Coder", "Tester"], ["Coder"]),
        ("Next speaker: Coder, because the Tester is done.", ["Coder", "Tester"], ["Coder"]),
        ("Coder and Tester", ["Coder", "Tester"], ["Coder", "Tester"]),
        ("由小王发言", ["小王", "小李"], ["小王"]),
        ("请小王子说", ["小王", "小王子"], ["小王子"]),
        ("nobody", ["Coder", "Tester"], []),
        ("", ["Coder"], []),
    ],
)
def test_what_an_answer_means(answer, members, meant):
    assert resolve_mention(answer, agents(*members)) == meant


@given(
    st.lists(st.text(st.sampled_from("abAB_- 2王"), min_size=1, max_size=6).filter(str.strip), min_size=1, unique=True),
    st.data(),
)
def test_an_exact_answer_is_that_agent_or_nobody_else(names, data):
    name = data.draw(st.sampled_from(names))
    meant = resolve_mention(name, agents(*names))
    if len(meant) == 1:
        assert meant[0].replace("_", " ").strip(" -") == name.replace("_", " ").strip(" -")
    else:
        assert name in meant or not meant


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=4))
def test_whatever_is_said_only_members_are_meant(answer, names):
    assert set(resolve_mention(answer, agents(*names))) <= set(names)


def test_a_long_answer_of_blanks_is_read_at_once():
    assert resolve_mention("next" + " " * 20_000 + "a b", agents("a", "b")) in (["a", "b"], ["a"])
