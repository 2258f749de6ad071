"""Recipes for group chats, and holding a chat by one."""

import copy
import itertools

import pytest

from autogen import GroupChat, GroupChatManager, UserProxyAgent
from autogen.agentchat.group import (
    AgentTarget,
    ContextStr,
    ContextVariables,
    OnCondition,
    OnContextCondition,
    RevertToUserTarget,
    TerminateTarget,
    a_initiate_group_chat,
    initiate_group_chat,
)
from autogen.agentchat.group.patterns import (
    AutoPattern,
    DefaultPattern,
    ManualPattern,
    Pattern,
    RandomPattern,
    RoundRobinPattern,
)
from autogen.io import IOStream
from autogen.testing import ScriptedModel, tool_call


@pytest.fixture
def hold(mode):
    """`initiate_group_chat` in the mode under test, sync or async, silently."""
    import asyncio

    def hold(pattern, messages="Hello", max_rounds=20, **options):
        options = {"silent": True, **options}
        pattern.group_manager_args.setdefault("silent", True)
        if mode == "sync":
            return initiate_group_chat(pattern, messages, max_rounds, **options)
        return asyncio.run(a_initiate_group_chat(pattern, messages, max_rounds, **options))

    return hold


@pytest.fixture
def trio(member):
    return [member(name, default_auto_reply=name) for name in ("a", "b", "c")]


@pytest.fixture
def user(member):
    return member("user", default_auto_reply="go on")


def names(result):
    return [message.get("name") for message in result.chat_history]


def test_the_default_ends_where_no_hand_off_applies(hold, trio):
    a, b, _ = trio
    a.handoffs.set_after_work(b)
    result, known, last = hold(DefaultPattern(a, trio))
    assert names(result) == ["user", "a", "b"]
    assert last is b
    assert known == {}
    assert result.summary == "b"


def test_the_default_may_have_another_after_work(hold, trio, user):
    result, _, last = hold(DefaultPattern(trio[0], trio, user, group_after_work=RevertToUserTarget()), max_rounds=5)
    assert names(result) == ["user", "a", "user", "a", "user"]
    assert last is user


def test_round_robin_goes_through_all_and_the_user_last(hold, trio, user):
    _a, b, _c = trio
    result, *_ = hold(RoundRobinPattern(b, trio, user), max_rounds=9)
    assert names(result) == ["user", "b", "a", "c", "user", "b", "a", "c", "user"]


def test_round_robin_gives_way_to_hand_offs(hold, trio, user):
    trio[0].handoffs.add_after_work(OnContextCondition(trio[2], "skip"))
    result, *_ = hold(RoundRobinPattern(trio[0], trio, user, context_variables=ContextVariables({"skip": 1})), max_rounds=4)
    assert names(result) == ["user", "a", "c", "user"]


def test_by_chance_it_is_always_another(hold, trio, user):
    result, *_ = hold(RandomPattern(trio[0], trio, user), max_rounds=40)
    spoken = names(result)
    assert spoken[:2] == ["user", "a"]
    assert set(spoken) == {"a", "b", "c", "user"}
    assert all(one != other for one, other in itertools.pairwise(spoken))


def test_by_hand_the_human_says_who_is_next(hold, trio, user):
    class Typing(IOStream):
        typed = iter(["2", "3"])

        def print(self, *objects, sep=" ", end="\n", flush=False):
            pass

        def input(self, prompt="", *, password=False):
            return next(self.typed)

    with IOStream.set_default(Typing()):
        result, *_ = hold(ManualPattern(trio[0], trio, user), max_rounds=4)
    assert names(result) == ["user", "a", "b", "c"]


def test_a_model_chooses(hold, trio, user):
    model = ScriptedModel("c", "b")
    pattern = AutoPattern(
        trio[0],
        trio,
        user,
        {"llm_config": model.llm_config},
        ContextVariables({"tone": "kind"}),
        selection_message=ContextStr("Be {tone}: {agentlist}"),
    )
    result, *_ = hold(pattern, max_rounds=4)
    assert names(result) == ["user", "a", "c", "b"]
    assert "Be kind: ['a', 'b', 'c', 'user']" in str(model.asked[0])


def test_where_a_model_chooses_results_go_where_a_tool_says(hold, member, trio):
    from autogen.agentchat.group import GroupManagerTarget, ReplyResult

    clerk = member("clerk", tool_call("go"))

    @clerk.register_for_execution()
    @clerk.register_for_llm(description="Go.")
    def go() -> ReplyResult:
        return ReplyResult("going", GroupManagerTarget())

    model = ScriptedModel("b")
    pattern = AutoPattern(clerk, [clerk, *trio], group_manager_args={"llm_config": model.llm_config})
    result, *_ = hold(pattern, max_rounds=4)
    assert names(result) == ["user", "clerk", "clerk", "b"]


def test_a_model_is_needed_to_choose(hold, trio):
    with pytest.raises(ValueError, match="needs a model"):
        hold(AutoPattern(trio[0], trio))


@pytest.mark.parametrize("kind", [AutoPattern, ManualPattern, RandomPattern, RoundRobinPattern])
def test_others_have_an_after_work_of_their_own(kind, trio, caplog):
    if kind in (AutoPattern, ManualPattern):
        with pytest.raises(TypeError, match="group_after_work"):
            kind(trio[0], trio, group_after_work=TerminateTarget())
    else:
        kind(trio[0], trio, group_after_work=TerminateTarget())
        assert caplog.text.count("group_after_work has no effect") == 1


def test_a_pattern_prepares_a_group_for_a_program(trio, agent):
    user = agent("user")
    pattern = Pattern.create_default(trio[0], trio, user, {"name": "boss"}, {"order": 7})
    assert type(pattern) is DefaultPattern
    prepared = pattern.prepare_group_chat(4, [{"content": "Hi", "name": "b"}])
    (
        agents,
        wrapped,
        user_agent,
        variables,
        initial,
        after_work,
        executor,
        group,
        manager,
        messages,
        last,
        names,
        temporary,
    ) = prepared
    assert (agents, wrapped, user_agent, initial, executor, last) == (trio, [], user, trio[0], None, trio[1])
    assert (variables.data, names, temporary, group.max_round) == ({"order": 7}, ["a", "b", "c"], [], 4)
    assert (manager.name, manager.groupchat, after_work) == ("boss", group, TerminateTarget())
    result = last.initiate_chat(manager, message=messages[0], silent=True)
    assert [message["name"] for message in result.chat_history] == ["b", "a"]
    with pytest.raises(ValueError, match="must not have a groupchat"):
        DefaultPattern(trio[0], trio, group_manager_args={"groupchat": group})


def test_the_initial_agent_is_one_of_the_agents(trio, agent):
    with pytest.raises(ValueError, match="'stranger' is not one of the agents"):
        DefaultPattern(agent("stranger"), trio)


def test_a_pattern_builds_a_group_and_its_manager(trio, user):
    group, manager = RoundRobinPattern(trio[1], trio, user, {"name": "boss"}).build(7)
    assert isinstance(group, GroupChat)
    assert isinstance(manager, GroupChatManager)
    assert manager.groupchat is group
    assert group.agent_names == ["b", "a", "c", "user"]
    assert group.max_round == 7
    assert manager.name == "boss"


@pytest.mark.parametrize("kind", [DefaultPattern, RandomPattern, RoundRobinPattern])
def test_a_pattern_can_be_used_again_and_changes_nothing_at_its_agents(kind, hold, trio, user):
    trio[0].handoffs.add(OnCondition(trio[1], "Go.")).set_after_work(trio[2])
    rules = [copy.copy(vars(one.handoffs)) for one in trio]
    pattern = kind(trio[0], trio, user)
    first, known, _ = hold(pattern, max_rounds=3)
    known["left"] = "over"
    second, again, _ = hold(pattern, max_rounds=3)
    assert names(first) == names(second) == ["user", "a", "c"]
    assert again == {}
    assert [vars(one.handoffs) for one in trio] == rules
    assert not any(hooks for one in trio for hooks in one.hook_lists.values())


def test_variables_that_are_given_are_used_themselves(hold, trio):
    mine = ContextVariables({"a": 1})
    _, known, _ = hold(DefaultPattern(trio[0], trio, context_variables=mine))
    assert known is mine


@pytest.mark.parametrize(
    "messages",
    [
        "Hello",
        {"role": "user", "content": "Hello"},
        [{"content": "Hello"}],
        [{"role": "user", "content": "Hello", "name": "user"}],
    ],
)
def test_one_message_is_the_users(hold, trio, user, messages):
    result, *_ = hold(DefaultPattern(trio[0], trio, user), messages)
    assert names(result) == ["user", "a"]
    assert result.chat_history[0]["content"] == "Hello"


def test_without_a_user_agent_it_is_somebodys_from_outside(hold, trio, member):
    namesake = member("user", default_auto_reply="me")
    result, _, last = hold(DefaultPattern(namesake, [namesake, *trio]))
    assert names(result) == ["_user", "user"]
    assert last is namesake


def test_a_member_may_begin(hold, trio):
    result, *_ = hold(DefaultPattern(trio[0], trio), [{"role": "user", "content": "Hello", "name": "c"}])
    assert names(result) == ["c", "a"]


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], "needs a first message"),
        ([{"content": "x", "name": "stranger"}], r"must be in the group \(a, .*\), got 'stranger'"),
        ([{"content": "x", "name": "a"}, {"content": "x", "name": "stranger"}], "got 'stranger'"),
    ],
)
def test_messages_that_cannot_be_used(hold, trio, messages, text):
    with pytest.raises(ValueError, match=text):
        hold(DefaultPattern(trio[0], trio), messages)


def test_several_messages_are_an_earlier_chat_that_goes_on(hold, member, user):
    clerk = member("clerk", "Welcome back.")
    earlier = [
        {"role": "user", "content": "Hi"},
        {"role": "user", "name": "clerk", "content": "Hello, Ada."},
        {"role": "user", "content": "Me again."},
    ]
    before = copy.deepcopy(earlier)
    result, _, last = hold(DefaultPattern(clerk, [clerk], user), earlier)
    assert last is clerk
    assert result.summary == "Welcome back."
    assert earlier == before
    said = [(message["role"], message["content"]) for message in clerk.model.asked[0]]
    assert said[1:] == [("user", "Hi"), ("assistant", "Hello, Ada."), ("user", "Me again.")]


def test_the_history_of_a_chat_can_go_on_without_a_user_agent(hold, member, trio):
    clerk = member("clerk", tool_call("transfer_to_a_1"), "Again.")
    clerk.handoffs.add(OnCondition(AgentTarget(trio[0]), "Go."))
    pattern = DefaultPattern(clerk, [clerk, trio[0]])
    first, *_ = hold(pattern)
    history = [{key: value for key, value in one.items() if value != "user" or key == "role"} for one in first.chat_history]
    second, _, last = hold(pattern, [*history, {"role": "user", "content": "More."}])
    assert last is clerk
    assert second.summary == "Again."


def test_a_human_takes_part(hold, member, mode):
    typed = iter(["Yes, please.", "exit"])
    human = UserProxyAgent("human", code_execution_config=False, human_input_source=lambda prompt: next(typed), silent=True)
    clerk = member("clerk", "Shall I?", "Done.")
    clerk.handoffs.set_after_work(RevertToUserTarget())
    result, _, _last = hold(DefaultPattern(clerk, [clerk], human), "Cancel it.")
    assert [message["content"] for message in result.chat_history] == ["Cancel it.", "Shall I?", "Yes, please.", "Done."]
    assert str(result.stop_reason) == "human_exit"


def test_options_of_a_chat_are_passed_on(hold, trio):
    result, *_ = hold(DefaultPattern(trio[0], trio, summary_method=lambda *_: "mine"))
    assert result.summary == "mine"
    result, *_ = hold(DefaultPattern(trio[0], trio), summary_method=None)
    assert not result.summary
