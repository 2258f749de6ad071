"""What a group chat may be made of: fields, graph, and its small methods."""

import logging

import pytest

from autogen import GroupChat, GroupChatManager, LLMConfig
from autogen.exception_utils import AgentNameConflict, NoEligibleSpeaker, UndefinedNextAgent
from autogen.graph_utils import check_graph_validity, has_self_loops, invert_disallowed_to_allowed

TEXTS = [
    "select_speaker_message_template",
    "role_for_select_speaker_messages",
    "select_speaker_auto_multiple_template",
    "select_speaker_auto_none_template",
]


@pytest.fixture
def trio(agent):
    return [agent(name) for name in "abc"]


def test_the_order_of_the_fields_is_that_of_0_2(trio):
    group = GroupChat(trio, [], 5, "Root", False)
    assert (group.agents, group.messages, group.max_round, group.admin_name, group.func_call_filter) == (
        trio,
        [],
        5,
        "Root",
        False,
    )


def test_the_callers_list_is_the_record_and_a_missing_one_is_new(trio):
    messages = []
    assert GroupChat(trio, messages).messages is messages
    assert GroupChat(trio).messages is not GroupChat(trio).messages


def test_groups_with_the_same_fields_are_equal_and_have_no_hash(trio):
    assert GroupChat(trio, []) == GroupChat(trio, [])
    assert GroupChat(trio, []) != GroupChat(trio, [], 3)
    with pytest.raises(TypeError):
        hash(GroupChat(trio, []))


def test_no_key_is_shown(trio):
    config = {"config_list": [{"model": "m", "api_key": "sk-secret"}]}
    assert "sk-secret" not in repr(GroupChat(trio, [], select_speaker_auto_llm_config=config))


def test_a_group_without_agents_can_be_made():
    assert GroupChat([], []).agent_names == []


@pytest.mark.parametrize("value", [(), "yes", {}, 1])
def test_allow_repeat_speaker_is_a_bool_or_a_list(trio, value):
    with pytest.raises(ValueError, match="allow_repeat_speaker must be a bool or a list"):
        GroupChat(trio, [], allow_repeat_speaker=value)


@pytest.mark.parametrize("value", ["some", 1, ""])
def test_the_type_of_transitions_is_one_of_three(trio, value):
    with pytest.raises(ValueError, match="speaker_transitions_type") as caught:
        GroupChat(trio, [], speaker_transitions_type=value)
    assert repr(value) in str(caught.value)
    assert "'allowed', 'disallowed'" in str(caught.value)


def test_the_type_of_transitions_is_kept_in_lower_case(trio):
    assert GroupChat(trio, [], speaker_transitions_type="Allowed").speaker_transitions_type == "allowed"


def test_without_either_an_agent_may_speak_again(trio):
    assert GroupChat(trio, []).allow_repeat_speaker is True


def test_repetition_and_transitions_exclude_each_other(trio):
    graph = dict.fromkeys(trio, trio)
    with pytest.raises(ValueError, match="set one to None"):
        GroupChat(
            trio,
            [],
            allow_repeat_speaker=False,
            allowed_or_disallowed_speaker_transitions=graph,
            speaker_transitions_type="allowed",
        )


def test_transitions_need_their_type(trio):
    with pytest.raises(ValueError, match="speaker_transitions_type"):
        GroupChat(trio, [], allowed_or_disallowed_speaker_transitions={})


@pytest.mark.parametrize("kind", ["repeat", "disallowed"])
def test_a_stranger_is_named(trio, agent, kind):
    stranger = agent("stranger")
    fields = {
        "repeat": {"allow_repeat_speaker": [stranger]},
        "disallowed": {
            "allowed_or_disallowed_speaker_transitions": {stranger: trio},
            "speaker_transitions_type": "disallowed",
        },
    }
    with pytest.raises(ValueError, match="'stranger'"):
        GroupChat(trio, [], **fields[kind])


def test_disallowed_followers_are_a_list(trio):
    with pytest.raises(ValueError, match="may not follow a"):
        GroupChat(
            trio,
            [],
            allowed_or_disallowed_speaker_transitions={trio[0]: trio[1]},
            speaker_transitions_type="disallowed",
        )


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("value", [None, ""])
def test_texts_can_not_be_empty(trio, field, value):
    with pytest.raises(ValueError, match=f"{field} cannot be empty or None"):
        GroupChat(trio, [], **{field: value})


def test_an_empty_prompt_omits_it(trio):
    group = GroupChat(trio, [], select_speaker_prompt_template="")
    assert group.select_speaker_prompt_template is None
    assert group.select_speaker_prompt() is None


@pytest.mark.parametrize("value", [None, 1.0, "2"])
def test_retries_are_a_whole_number(trio, value):
    with pytest.raises(ValueError, match="max_retries_for_selecting_speaker must be an int"):
        GroupChat(trio, [], max_retries_for_selecting_speaker=value)


def test_retries_are_not_negative(trio):
    with pytest.raises(ValueError, match="max_retries_for_selecting_speaker must be greater than or equal to 0"):
        GroupChat(trio, [], max_retries_for_selecting_speaker=-1)
    GroupChat(trio, [], max_retries_for_selecting_speaker=True)


def test_a_bare_list_of_transforms_is_refused(trio):
    with pytest.raises(ValueError, match="select_speaker_transform_messages must be None or MessageTransforms"):
        GroupChat(trio, [], select_speaker_transform_messages=[])


@pytest.mark.parametrize("value", [1, None])
def test_verbose_is_a_bool(trio, value):
    with pytest.raises(ValueError, match="select_speaker_auto_verbose"):
        GroupChat(trio, [], select_speaker_auto_verbose=value)


def test_the_first_of_several_mistakes_is_reported(trio):
    with pytest.raises(ValueError, match="allow_repeat_speaker"):
        GroupChat(trio, [], allow_repeat_speaker="no", speaker_transitions_type="no", select_speaker_auto_verbose=1)
    with pytest.raises(ValueError, match="select_speaker_message_template"):
        GroupChat(trio, [], select_speaker_message_template="", select_speaker_auto_verbose=1)


# The graph


def test_graphs_without_transitions(trio):
    a, b, c = trio
    assert GroupChat(trio, []).allowed_speaker_transitions_dict == {a: [b, c, a], b: [a, c, b], c: [a, b, c]}
    without = GroupChat(trio, [], allow_repeat_speaker=False).allowed_speaker_transitions_dict
    assert without == {a: [b, c], b: [a, c], c: [a, b]}
    assert GroupChat(trio, [], allow_repeat_speaker=[b]).allowed_speaker_transitions_dict == {**without, b: [a, c, b]}


def test_allowed_transitions_are_the_callers_dict(trio):
    a, b, c = trio
    graph = {a: [b], b: [c], c: [a]}
    group = GroupChat(
        trio, [], allowed_or_disallowed_speaker_transitions=graph, speaker_transitions_type="ALLOWED", max_round=3
    )
    assert group.allowed_speaker_transitions_dict is graph
    assert group.allow_repeat_speaker is None


def test_disallowed_transitions_are_turned_around(trio):
    a, b, c = trio
    refused = {a: [a, b], b: [c]}
    group = GroupChat(trio, [], allowed_or_disallowed_speaker_transitions=refused, speaker_transitions_type="disallowed")
    assert group.allowed_speaker_transitions_dict == {a: [c], b: [a, b], c: [a, b, c]}
    assert refused == {a: [a, b], b: [c]}


def test_turning_around_ignores_unknown_targets(trio, agent):
    a, b, c = trio
    assert invert_disallowed_to_allowed({a: [agent("x"), b]}, trio) == {a: [a, c], b: trio, c: trio}


def test_self_loops(trio):
    a, b, _ = trio
    assert has_self_loops({a: [b], b: [b]})
    assert not has_self_loops({a: [b], b: [a]})


@pytest.mark.parametrize("graph", ["not a dict", "not a list", "stranger", "a name"])
def test_graphs_that_can_not_be_used(trio, agent, graph):
    a, b, _ = trio
    graphs = {"not a dict": [a], "not a list": {a: b}, "stranger": {agent("x"): [a]}, "a name": {a: ["b"]}}
    with pytest.raises(ValueError, match=r"dict|list|one of the agents|agents, not 'b'"):
        check_graph_validity(graphs[graph], trio)


@pytest.mark.parametrize("word", ["isolated", "do not match agents", "duplicate"])
def test_graphs_that_look_like_mistakes_are_warned_about(trio, caplog, word):
    a, b, c = trio
    whole = {a: [b, c], b: [a], c: [a]}
    graphs = {
        "isolated": {a: [b], b: [a], c: []},
        "do not match agents": {a: [b], b: [a]},
        "duplicate": {**whole, a: [b, b, c]},
    }
    check_graph_validity(whole, trio)
    assert not caplog.records
    check_graph_validity(graphs[word], trio)
    assert word in caplog.text
    assert {record.name for record in caplog.records} == {"root"}


def test_a_foreign_target_is_warned_about_and_never_speaks(trio, agent, caplog, manage, call):
    a, b, c = trio
    graph = {a: [b, agent("x")], b: [c], c: [a]}
    manager = manage(
        trio, allowed_or_disallowed_speaker_transitions=graph, speaker_transitions_type="allowed", max_round=4, method="auto"
    )
    assert "do not match agents" in caplog.text
    call(a.initiate_chat, manager, message="hi")
    assert [message["name"] for message in manager.groupchat.messages] == ["a", "b", "c", "a"]


# Small methods


def test_reset_empties_the_very_list(trio):
    messages = [{"role": "user", "content": "x"}]
    group = GroupChat(trio, messages)
    group.reset()
    assert group.messages is messages == []


@pytest.mark.parametrize(("role", "name"), [("user", "a"), ("assistant", "a"), ("tool", "a"), ("function", "f")])
def test_a_message_gets_the_name_of_its_speaker_but_a_functions_result(trio, role, name):
    group = GroupChat(trio, [])
    message = {"role": role, "content": "x", "name": "f"}
    group.append(message, trio[0])
    assert group.messages[0] is message
    assert message["name"] == name


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:"}}], "see<image>"),
    ],
)
def test_the_record_holds_text(trio, content, text):
    group = GroupChat(trio, [])
    group.append({"role": "user", "content": content}, trio[0])
    assert group.messages[0]["content"] == text


@pytest.mark.parametrize(
    ("message", "error"),
    [({"content": "x"}, KeyError), ({"role": "user"}, KeyError), ({"role": "user", "content": 5}, TypeError)],
)
def test_messages_that_are_none(trio, message, error):
    with pytest.raises(error):
        GroupChat(trio, []).append(message, trio[0])


def test_agents_by_name(trio, agent):
    twin = agent("a")
    group = GroupChat([*trio, twin], [])
    assert group.agent_names == ["a", "b", "c", "a"]
    assert group.agent_by_name("a") is trio[0]
    assert group.agent_by_name("A") is None
    assert group.agent_by_name("b", raise_on_name_conflict=True) is trio[1]
    assert group.agent_by_name("x", raise_on_name_conflict=True) is None
    with pytest.raises(AgentNameConflict):
        group.agent_by_name("a", raise_on_name_conflict=True)


def test_agents_of_groups_in_groups_are_found_once(agent):
    def team(name, members):
        return GroupChatManager(GroupChat(members, []), name, llm_config=False)

    deepest = team("L3", [agent("p"), agent("q")])
    middle = team("L2", [agent("r"), deepest])
    group = GroupChat([agent("t"), middle], [])
    assert [found.name for found in group.nested_agents()] == ["t", "L2", "r", "L3", "p", "q"]
    assert group.agent_by_name("q") is None
    assert group.agent_by_name("q", recursive=True).name == "q"


def test_two_teams_and_a_user_are_seven(agent):
    teams = [GroupChatManager(GroupChat([agent(f"{n}1"), agent(f"{n}2")], []), n, llm_config=False) for n in ("x", "y")]
    assert len(GroupChat([agent("user"), *teams], []).nested_agents()) == 7


def test_the_next_agent(trio, agent):
    a, b, c = trio
    group = GroupChat(trio, [])
    assert [group.next_agent(one) for one in trio] == [b, c, a]
    assert group.next_agent(agent("outsider")) is a
    assert group.next_agent(a, [a, c]) is c
    assert group.next_agent(c, [b]) is b
    assert group.next_agent(b, [b]) is b
    for among in ([agent("x")], [a, agent("a")], []):
        with pytest.raises(UndefinedNextAgent):
            group.next_agent(a, among)
    with pytest.raises(UndefinedNextAgent):
        GroupChat([], []).next_agent(a)


def test_agents_of_one_name_follow_each_other(agent):
    members = [agent("x"), agent("b"), agent("x")]
    group = GroupChat(members, [])
    assert [group.next_agent(one) for one in members] == [members[1], members[2], members[0]]


def test_the_texts_for_the_model(trio):
    a, b, _ = trio
    a.description, b.description = " Plans.\n", "Writes."
    group = GroupChat(trio, [])
    assert group._participant_roles([a, b]) == "a: Plans.\nb: Writes."
    text = group.select_speaker_msg([a, b])
    assert "a: Plans.\nb: Writes." in text
    assert "['a', 'b']" in text
    assert "['a', 'b']" in group.select_speaker_prompt([a, b])
    assert "['a', 'b', 'c']" in group.select_speaker_prompt()
    a.description = "Reviews."
    assert "a: Reviews." in group.select_speaker_msg()


def test_templates_are_formatted(trio):
    group = GroupChat(trio, [], select_speaker_message_template="{{x}} {roles}", select_speaker_prompt_template="{nobody}")
    assert group.select_speaker_msg().startswith("{x} a: ")
    with pytest.raises(KeyError):
        group.select_speaker_prompt()
    group.select_speaker_prompt_template = "{roles}"
    with pytest.raises(KeyError):
        group.select_speaker_prompt()


def test_introductions(trio, agent):
    group = GroupChat(trio, [])
    assert group.introductions_msg() == f"{GroupChat.DEFAULT_INTRO_MSG}\n\n{group._participant_roles()}"
    assert "stranger: " in group.introductions_msg([agent("stranger")])

    class Terse(GroupChat):
        DEFAULT_INTRO_MSG = "Hi."

    assert Terse(trio, []).introductions_msg().startswith("Hi.\n\na: ")


def test_an_empty_description_is_warned_about_once(trio, caplog):
    trio[0].description = ""
    group = GroupChat(trio, [])
    for _ in range(2):
        assert group._participant_roles().startswith("a:\nb: ")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "'a'" in caplog.text


@pytest.mark.parametrize("error", [AgentNameConflict, NoEligibleSpeaker, UndefinedNextAgent])
def test_errors_have_a_text_of_their_own(error):
    assert str(error())
    assert issubclass(error, Exception)


def test_a_manager_has_no_tools(trio):
    group = GroupChat(trio, [])
    for key in ("tools", "functions"):
        config = {"config_list": [{"model": "m", "api_key": "k"}], key: [{"name": "f"}]}
        with pytest.raises(ValueError, match=r"GroupChatManager is not allowed.*'functions'.*'tools'"):
            GroupChatManager(group, llm_config=config)
        with LLMConfig(**config), pytest.raises(ValueError, match="GroupChatManager is not allowed"):
            GroupChatManager(group)
        GroupChatManager(group, llm_config={**config, key: []})
