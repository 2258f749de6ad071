"""In which order it is decided who speaks next."""

import itertools

import pytest

from autogen import GroupChat, GroupChatManager
from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    AskUserTarget,
    ContextExpression,
    ContextVariables,
    GroupManagerTarget,
    HandoffSelector,
    NestedChatTarget,
    OnCondition,
    OnContextCondition,
    RandomAgentTarget,
    RevertToUserTarget,
    StayTarget,
    TerminateTarget,
)
from autogen.io import IOStream
from autogen.testing import ScriptedModel, tool_call


@pytest.fixture
def trio(member):
    """Three members that answer with their names, and a user."""
    return [member(name, default_auto_reply=name) for name in ("a", "b", "c")] + [member("user", default_auto_reply="go on")]


def test_the_first_turn_is_the_initial_agents_and_by_default_the_chat_ends_then(talk, trio):
    _a, b, _, user = trio
    chat = talk(user, trio, selector=HandoffSelector(b))
    assert chat.speakers == ["user", "b"]
    assert str(chat.result.stop_reason) == "terminate_target"
    assert chat.result.summary == "b"


def test_the_end_by_the_rules_logs_no_warning(talk, trio, caplog):
    talk(trio[3], trio)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_somebody_from_outside_may_begin(talk, trio, agent):
    chat = talk(agent("guest"), trio)
    assert chat.speakers == ["guest", "a"]


def test_after_works_are_tried_in_order(talk, trio):
    a, b, c, user = trio
    a.handoffs.add_after_works(
        [OnContextCondition(b, "no"), OnContextCondition(c, "yes", available="no"), OnContextCondition(b, "yes")]
    )
    a.handoffs.set_after_work(TerminateTarget()).add_after_works([OnContextCondition(b, "no"), OnContextCondition(c, "yes")])
    chat = talk(user, trio, context_variables=ContextVariables({"yes": 1}))
    assert chat.speakers == ["user", "a", "c"]


def test_an_after_work_that_is_not_available_is_passed_over(talk, trio):
    a, b, c, user = trio
    a.handoffs.add_after_works([OnContextCondition(b, available="no"), OnContextCondition(c)])
    assert talk(user, trio).speakers == ["user", "a", "c"]


def test_the_after_work_of_the_group_comes_last(talk, trio):
    a, b, c, user = trio
    a.handoffs.set_after_work(b)
    chat = talk(user, trio, after_work=c, max_round=5)
    assert chat.speakers == ["user", "a", "b", "c", "c"]


def test_after_the_user_the_agent_before_goes_on(talk, trio):
    a, b, _c, user = trio
    a.handoffs.set_after_work(b)
    b.handoffs.set_after_work(RevertToUserTarget())
    chat = talk(user, trio, user_agent=user, max_round=6)
    assert chat.speakers == ["user", "a", "b", "user", "b", "user"]


def test_an_after_work_of_the_user_comes_before_that(talk, trio):
    a, _b, c, user = trio
    a.handoffs.set_after_work(RevertToUserTarget())
    user.handoffs.set_after_work(c)
    assert talk(user, trio, user_agent=user).speakers == ["user", "a", "user", "c"]


def test_there_may_be_an_after_work_for_all_that_the_user_says(talk, trio):
    _a, _b, c, user = trio
    chat = talk(user, trio, user_agent=user, after_work=RevertToUserTarget(), user_after_work=c, max_round=5)
    assert chat.speakers == ["user", "a", "user", "c", "user"]


def test_context_conditions_lead_on_before_an_agent_answers(talk, trio):
    a, b, c, user = trio
    a.handoffs.add_context_conditions([OnContextCondition(b, "no"), OnContextCondition(b, ContextExpression("${n} > 1"))])
    b.handoffs.add_context_condition(OnContextCondition(c))
    chat = talk(user, trio, context_variables=ContextVariables({"n": 2}))
    assert chat.speakers == ["user", "c"]
    assert chat.group.last_selection == "c: a context condition of b"


def test_context_conditions_that_lead_in_a_circle_stop_before_it_closes(talk, trio):
    a, b, _, user = trio
    a.handoffs.add_context_condition(OnContextCondition(b))
    b.handoffs.add_context_condition(OnContextCondition(a))
    assert talk(user, trio).speakers == ["user", "b"]


def test_a_context_condition_may_end_the_chat_or_stay(talk, trio):
    a, b, _, user = trio
    a.handoffs.set_after_work(b)
    b.handoffs.add_context_condition(OnContextCondition(TerminateTarget()))
    assert talk(user, trio).speakers == ["user", "a"]
    b.handoffs.clear().add_context_condition(OnContextCondition(StayTarget()))
    assert talk(user, trio).speakers == ["user", "a", "b"]


def test_functions_are_conditions_and_see_what_is_known(talk, trio):
    a, b, _, user = trio
    seen = []

    def often(agent, messages):
        seen.append((agent.name, len(messages), agent.context_variables["n"]))
        return True

    a.handoffs.add_after_work(OnContextCondition(b, often))
    assert talk(user, trio, context_variables=ContextVariables({"n": 7})).speakers == ["user", "a", "b"]
    assert seen == [("a", 2, 7)]
    assert "n" not in a.context_variables  # they were the group's


def test_by_name_and_to_stay(talk, trio):
    a, b, _, user = trio
    a.handoffs.set_after_work(AgentNameTarget("b"))
    b.handoffs.set_after_work(StayTarget())
    assert talk(user, trio, max_round=4).speakers == ["user", "a", "b", "b"]


def test_by_chance_but_never_the_same(talk, trio):
    a, b, c, user = trio
    for one in (a, b, c):
        one.handoffs.set_after_work(RandomAgentTarget([a, b, c]))
    speakers = talk(user, trio, max_round=40).speakers[1:]
    assert all(one != other for one, other in itertools.pairwise(speakers))
    assert set(speakers) == {"a", "b", "c"}


def test_nobody_is_left_to_choose_from_by_chance(talk, trio):
    trio[0].handoffs.set_after_work(RandomAgentTarget([trio[0]]))
    with pytest.raises(ValueError, match="there is no other agent"):
        talk(trio[3], trio)


def test_a_human_is_asked(talk, trio):
    class Typing(IOStream):
        def print(self, *objects, sep=" ", end="\n", flush=False):
            pass

        def input(self, prompt="", *, password=False):
            return "3"

    trio[0].handoffs.set_after_work(AskUserTarget())
    with IOStream.set_default(Typing()):
        assert talk(trio[3], trio).speakers == ["user", "a", "c"]


def test_the_manager_chooses_by_a_message_of_its_own(call, trio):
    a, _, _c, user = trio
    model = ScriptedModel("c")
    a.handoffs.set_after_work(GroupManagerTarget("Who serves {who}? {roles} {agentlist} {x}"))
    known = ContextVariables({"who": "{agentlist.__class__}"})
    group = GroupChat(trio, speaker_selection_method=HandoffSelector(a, context_variables=known))
    manager = GroupChatManager(group, llm_config=model.llm_config, silent=True)
    call(user.initiate_chat, manager, message="Hi", silent=True)
    assert [message["name"] for message in group.messages] == ["user", "a", "c"]
    told = str(model.asked[0])
    assert "Who serves {agentlist.__class__}?" in told
    assert "['a', 'b', 'c', 'user']" in told
    assert "{x}" in told
    assert "Who serves" not in group.select_speaker_msg()  # for that choice alone


def test_context_conditions_also_lead_on_from_whom_a_method_chose(call, trio):
    a, b, c, user = trio
    a.handoffs.set_after_work(GroupManagerTarget())
    b.handoffs.add_context_condition(OnContextCondition(c))
    c.handoffs.set_after_work(GroupManagerTarget())
    user.handoffs.add_context_condition(OnContextCondition(TerminateTarget()))
    group = GroupChat(trio, speaker_selection_method=HandoffSelector(a))
    manager = GroupChatManager(group, llm_config=ScriptedModel("b", "user").llm_config, silent=True)
    result = call(user.initiate_chat, manager, message="Hi", silent=True)
    assert [message["name"] for message in group.messages] == ["user", "a", "c"]
    assert str(result.stop_reason) == "terminate_target"


def test_a_function_may_be_a_target(talk, trio):
    a, b, c, user = trio
    answers = iter([b, AgentTarget(c), None])
    chat = talk(user, trio, after_work=lambda last, group: next(answers))
    assert chat.speakers == ["user", "a", "b", "c"]
    answers = iter(["round_robin"])
    a.handoffs.set_after_work(lambda last, group: next(answers))
    assert talk(user, trio).speakers == ["user", "a", "b"]


def test_nested_chats_are_an_answer(talk, trio, agent):
    a, b, _, user = trio
    expert = agent("expert", default_auto_reply="42")
    nested = NestedChatTarget({"chat_queue": [{"recipient": expert, "max_turns": 1, "summary_method": "last_msg"}]})
    a.handoffs.add_context_condition(OnContextCondition(nested)).set_after_work(b)
    chat = talk(user, trio)
    assert list(zip(chat.speakers, chat.texts, strict=True)) == [("user", "Hello"), ("a", "42"), ("b", "b")]
    assert expert.chat_messages[a][0]["content"] == "Hello"


def test_nested_chats_after_work_run_once(talk, trio, agent):
    a, _, c, user = trio
    expert = agent("expert", default_auto_reply="42")
    a.handoffs.set_after_work(NestedChatTarget([{"recipient": expert, "max_turns": 1}]))
    chat = talk(user, trio, after_work=lambda last, group: c if last is a else None)
    assert list(zip(chat.speakers, chat.texts, strict=True)) == [("user", "Hello"), ("a", "a"), ("a", "42"), ("c", "c")]


def test_a_target_outside_of_the_group_is_an_error_at_the_start(talk, trio, agent):
    a, b, _, user = trio
    for stranger in (agent("stranger"), AgentNameTarget("stranger"), RandomAgentTarget([b, agent("stranger")])):
        for add in (
            lambda one: a.handoffs.set_after_work(one),
            lambda one: a.handoffs.add(OnCondition(one, "Go.")),
            lambda one: b.handoffs.add(OnContextCondition(one, "never")),
        ):
            a.handoffs.clear()
            b.handoffs.clear()
            add(stranger)
            with pytest.raises(ValueError, match="hands over to 'stranger', who is not in the group"):
                talk(user, trio)
    b.handoffs.clear()
    with pytest.raises(ValueError, match="The group hands over to 'stranger'"):
        talk(user, trio, after_work=agent("stranger"))


def test_to_the_user_where_there_is_none_is_an_error_when_it_is_reached(talk, trio):
    a, b, _, user = trio
    a.handoffs.add_after_works([OnContextCondition(RevertToUserTarget(), "yes"), OnContextCondition(b)])
    assert talk(user, trio).speakers == ["user", "a", "b"]
    with pytest.raises(ValueError, match="'a' hands over to the user, but the group has none"):
        talk(user, trio, context_variables=ContextVariables({"yes": 1}))


def test_calls_are_executed_in_the_turn_of_the_caller_who_gets_the_results(talk, member):
    caller, holder, user = member("caller", tool_call("f"), "done"), member("holder"), member("user")
    caller.update_tool_signature({"type": "function", "function": {"name": "f"}}, is_remove=False)
    holder.register_function({"f": lambda: "result"})
    chat = talk(user, [caller, holder, user])
    assert list(zip(chat.speakers, chat.texts, strict=True)) == [
        ("user", "Hello"),
        *[("caller", t) for t in ("", "result", "done")],
    ]


def test_context_conditions_wait_until_calls_are_executed(talk, member):
    b, user = member("b", default_auto_reply="b"), member("user")
    a = member("a", tool_call("login"))

    @a.register_for_execution()
    @a.register_for_llm(description="log in")
    def login(context_variables: ContextVariables) -> str:
        context_variables["ok"] = True
        return "in"

    a.handoffs.add_context_condition(OnContextCondition(b, "ok"))
    assert talk(user, [a, b, user]).speakers == ["user", "a", "a", "b"]


def test_a_second_chat_starts_afresh(talk, trio, call):
    a, b, _, user = trio
    a.handoffs.set_after_work(b)
    chat = talk(user, trio)
    call(user.initiate_chat, chat.manager, message="Again", silent=True)
    assert chat.speakers == ["user", "a", "b"]
    call(user.initiate_chat, chat.manager, message="More", silent=True, clear_history=False)
    assert chat.speakers == ["user", "a", "b", "user"]  # the after-work of the group: no user agent was named


def test_a_chat_that_goes_on_goes_on_with_the_same_agent(talk, trio, call):
    a, b, _, user = trio
    a.handoffs.set_after_work(b)
    chat = talk(user, trio, selector=HandoffSelector(a, user_agent=user))
    call(user.initiate_chat, chat.manager, message="More", silent=True, clear_history=False)
    assert chat.speakers == ["user", "a", "b", "user", "b"]


def test_the_graph_narrows_what_the_manager_chooses_and_hand_offs_overrule_it(call, trio):
    """A state flow: the states are agents, a graph says what may follow, conditions and after-works say what does."""
    start, work, check, user = trio
    start.handoffs.set_after_work(work)
    tries = ContextVariables({"tries": 0})

    def count(agent, messages):
        agent.context_variables["tries"] += 1

    work.register_hook("update_agent_state", count)
    work.handoffs.add_context_condition(OnContextCondition(TerminateTarget(), ContextExpression("${tries} >= 2")))
    work.handoffs.set_after_work(GroupManagerTarget())
    check.handoffs.set_after_work(work)
    group = GroupChat(
        trio,
        max_round=20,
        speaker_selection_method=HandoffSelector(start, context_variables=tries),
        allowed_or_disallowed_speaker_transitions={start: [check], work: [check], check: [user], user: [start]},
        speaker_transitions_type="allowed",
    )
    manager = GroupChatManager(group, llm_config=False, silent=True)
    result = call(user.initiate_chat, manager, message="Hi", silent=True)
    assert [message["name"] for message in group.messages] == ["user", "a", "b", "c", "b", "c"]
    assert tries == {"tries": 2}
    assert str(result.stop_reason) == "terminate_target"


def test_members_may_be_any_agents(talk, member):
    class Plain:
        """An agent that has nothing but what the protocol asks for."""

        __slots__ = ()
        name = description = "plain"

        def send(self, message, recipient, request_reply=None): ...
        def receive(self, message, sender, request_reply=None): ...
        def generate_reply(self, messages=None, sender=None, **kwargs):
            return "plain text"

        async def a_send(self, message, recipient, request_reply=None): ...
        async def a_receive(self, message, sender, request_reply=None): ...
        async def a_generate_reply(self, messages=None, sender=None, **kwargs):
            return "plain text"

    a, plain, user = member("a", default_auto_reply="a"), Plain(), member("user")
    a.handoffs.set_after_work(plain)
    assert talk(user, [a, plain, user]).speakers == ["user", "a", "plain"]


@pytest.mark.parametrize("wrong", ["a", None])
def test_an_initial_agent_is_needed(wrong):
    with pytest.raises(TypeError, match="initial_agent"):
        HandoffSelector(wrong)
