"""Targets as programs use them: their public methods, those of a program, functions and group chats as targets."""

import asyncio

import pytest

from autogen import GroupChat, GroupChatManager, events
from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    AskUserTarget,
    FunctionTarget,
    FunctionTargetMessage,
    FunctionTargetResult,
    GroupChatConfig,
    GroupChatTarget,
    GroupManagerSelectionMessageContextStr,
    GroupManagerSelectionMessageString,
    GroupManagerTarget,
    Handoffs,
    HandoffSelector,
    NestedChatTarget,
    OnCondition,
    OnContextCondition,
    RandomAgentTarget,
    ReplyResult,
    RevertToUserTarget,
    SpeakerSelectionResult,
    StayTarget,
    TerminateTarget,
    a_initiate_group_chat,
    initiate_group_chat,
)
from autogen.agentchat.group.available_condition import AvailableCondition
from autogen.agentchat.group.conditions import (
    ContextCondition,
    ContextStrLLMCondition,
    ExpressionAvailableCondition,
    ExpressionContextCondition,
    LLMCondition,
    StringAvailableCondition,
    StringContextCondition,
    StringLLMCondition,
)
from autogen.agentchat.group.context_variables import ContextVariables
from autogen.agentchat.group.group_utils import cleanup_temp_user_messages
from autogen.agentchat.group.patterns import AutoPattern, DefaultPattern
from autogen.agentchat.group.targets import TransitionTarget
from autogen.agentchat.group.targets.function_target import broadcast
from autogen.testing import ScriptedModel, tool_call


@pytest.fixture
def pair(agent):
    return agent("a", default_auto_reply="from a"), agent("b", default_auto_reply="from b")


@pytest.fixture
def group(pair, agent):
    return GroupChat([*pair, agent("user")], [])


@pytest.fixture
def hold(mode):
    """Run a group chat to its end, in either form."""

    def hold(*args, **kwargs):
        if mode == "sync":
            return initiate_group_chat(*args, silent=True, **kwargs)
        return asyncio.run(a_initiate_group_chat(*args, silent=True, **kwargs))

    return hold


QUEUE = [{"recipient": None, "message": "inner", "max_turns": 1}]


@pytest.mark.parametrize(
    ("make", "shown", "normalized", "answer"),
    [
        (lambda a, b: AgentTarget(b), "b", "b", "b"),
        (lambda a, b: AgentNameTarget("b"), "b", "b", "b"),
        (lambda a, b: RevertToUserTarget(), "Revert to User", "revert_to_user", "user"),
        (lambda a, b: StayTarget(), "Stay", "stay", "a"),
        (lambda a, b: TerminateTarget(), "Terminate", "terminate", None),
        (lambda a, b: AskUserTarget(), "Ask User", "ask_user", "manual"),
        (lambda a, b: GroupManagerTarget(), "the group manager", "group_manager", "auto"),
        (lambda a, b: RandomAgentTarget([a, b]), "a random agent", "random_agent", "b"),
    ],
)
def test_a_target_says_where_it_leads_to(make, shown, normalized, answer, pair, group):
    target = make(*pair)
    result = target.resolve(group, pair[0], group.agents[2])
    found = result.get_speaker_selection_result(group)
    assert getattr(found, "name", found) == answer
    assert (target.display_name(), target.normalized_name()) == (shown, normalized)
    assert target.can_resolve_for_speaker_selection()
    assert not target.needs_agent_wrapper()
    assert str(target).startswith("Transferred to ")


def test_fields_of_targets(pair, group):
    target = RandomAgentTarget(pair)
    assert (AgentTarget(pair[0]).agent_name, target.agent_names, target.nominated_name) == ("a", ["a", "b"], "")
    target.resolve(group, pair[0])
    assert target.nominated_name == "b"
    nested = NestedChatTarget({"chat_queue": QUEUE})
    assert (nested.can_resolve_for_speaker_selection(), nested.needs_agent_wrapper()) == (False, True)


@pytest.mark.parametrize(
    ("fields", "error"),
    [({}, "needs"), ({"agent_name": "x"}, "no agent 'x'"), ({"terminate": False}, "needs")],
)
def test_results_that_say_nothing_are_refused(fields, error, group):
    with pytest.raises(ValueError, match=error):
        SpeakerSelectionResult(**fields).get_speaker_selection_result(group)


def test_unreachable_targets(pair, group):
    for target in (AgentNameTarget("x"), RevertToUserTarget()):
        with pytest.raises(ValueError, match="has no"):
            target.resolve(group, pair[0])


class Ag2Target(TransitionTarget):
    """A target of a program that has AG2's method."""

    def resolve(self, groupchat, current_agent, user_agent):
        if len(groupchat.messages) > 3:
            return SpeakerSelectionResult(terminate=True)
        return SpeakerSelectionResult(agent_name="b" if current_agent.name == "a" else "a")


def test_a_target_with_the_method_of_ag2_is_followed(pair, hold):
    a, b = pair
    result, *_ = hold(DefaultPattern(a, [a, b], group_after_work=Ag2Target()), "Hi", max_rounds=9)
    assert [message["name"] for message in result.chat_history] == ["user", "a", "b", "a"]
    with pytest.raises(NotImplementedError, match="follow or resolve"):
        type("Empty", (TransitionTarget,), {})().resolve(None, a)


# Functions


def test_a_function_decides_sets_variables_and_sends_messages(pair, agent, hold):
    a, b = pair
    c = agent("c")

    def decide(output, context_variables, limit, **rest):
        assert (output, limit, rest) == ("from a", 3, {"more": 1})
        context_variables["seen"] = True
        return FunctionTargetResult(
            messages=[FunctionTargetMessage("for c", c), FunctionTargetMessage("for a", StayTarget())],
            context_variables={"order": 7},
            target=AgentNameTarget("b"),
        )

    a.handoffs.set_after_work(FunctionTarget(decide, extra_args={"limit": 3, "more": 1}))
    seen = []
    with events.subscribe(seen.append, types="message_sent"):
        result, variables, last = hold(DefaultPattern(a, [a, b, c]), "Hi")
    assert variables.data == {"seen": True, "order": 7}
    assert last is b
    # in the histories of these members, not in the record
    assert [message["content"] for message in result.chat_history] == ["Hi", "from a", "from b"]
    for member, text in ((c, "for c"), (a, "for a")):
        (received,) = [
            message for history in member.chat_messages.values() for message in history if text in str(message["content"])
        ]
        assert (received["role"], received["name"]) == ("user", "decide")
        assert received["content"].startswith("[FUNCTION_HANDOFF]")
    assert not any("FUNCTION" in str(message) for history in b.chat_messages.values() for message in history)
    sent = [event for event in seen if "FUNCTION" in str(event.message)]
    assert [(event.recipient, event.message["role"]) for event in sent] == [("c", "system"), ("a", "system")]


@pytest.mark.parametrize("messages", ["a note", None])
def test_a_text_is_for_the_agent_that_the_target_names(messages, pair, hold):
    a, b = pair

    async def decide(output, context_variables):
        return FunctionTargetResult(messages=messages, target=AgentTarget(b))

    a.handoffs.add_context_condition(OnContextCondition(FunctionTarget(decide), "ready"))
    _, _, last = hold(DefaultPattern(a, [a, b], context_variables={"ready": True}), "Hi")
    assert last is b
    notes = [message for message in next(iter(b.chat_messages.values())) if "a note" in message["content"]]
    assert len(notes) == bool(messages)


def test_a_function_is_the_target_of_a_tool_result(pair, agent, hold):
    _, b = pair

    def decide(output, context_variables):
        return FunctionTargetResult(target=b)

    def look() -> ReplyResult:
        """Look."""
        return ReplyResult("found", FunctionTarget(decide))

    clerk = agent("clerk", llm_config=ScriptedModel(tool_call("look")).llm_config, functions=[look])
    _, _, last = hold(DefaultPattern(clerk, [clerk, b]), "Hi")
    assert last is b


def test_a_function_that_returns_something_else_ends_the_chat_with_an_error(pair, hold):
    a, b = pair
    a.handoffs.set_after_work(FunctionTarget(lambda output, context_variables: b))
    with pytest.raises(ValueError, match="must return a FunctionTargetResult"):
        hold(DefaultPattern(a, [a, b]), "Hi")


@pytest.mark.parametrize(
    ("function", "extra_args", "words"),
    [
        (3, None, "takes a function"),
        (lambda output: 1, None, "first two arguments"),
        (lambda output, variables: 1, {"z": 1}, "takes no z"),
        (lambda output, variables, limit: 1, None, "must have limit"),
        (lambda output, variables, *, limit: 1, {}, "must have limit"),
    ],
)
def test_functions_that_do_not_fit_are_refused(function, extra_args, words):
    with pytest.raises(ValueError, match=words):
        FunctionTarget(function, extra_args=extra_args)


def test_messages_need_a_group_that_runs_and_members(pair, group):
    with pytest.raises(ValueError, match="while its chat runs"):
        broadcast("Hi", group, pair[0], "f", StayTarget())

    def decide(output, context_variables):
        return FunctionTargetResult(messages="Hi", target=AgentNameTarget("stranger"))

    pair[0].handoffs.set_after_work(FunctionTarget(decide))
    with pytest.raises(ValueError, match="'stranger'"):
        initiate_group_chat(DefaultPattern(pair[0], list(pair)), "Hi", silent=True)


# Group chats


@pytest.mark.parametrize("own", [True, False])
def test_a_group_chat_is_a_target(own, agent, hold):
    seen = []

    def answer(recipient, messages, sender, config):
        seen.append((messages[-1]["content"], dict(recipient.context_variables)))
        recipient.context_variables["done"] = True
        return True, "inner answer"

    inner = agent("inner")
    inner.register_reply([object, None], answer, position=2)
    pattern = DefaultPattern(inner, [inner], context_variables={"mine": 1} if own else None)
    config = GroupChatConfig(pattern=pattern, messages="Begin" if own else None, max_rounds=3)
    outer, other = agent("outer"), agent("other", default_auto_reply="thanks")
    outer.handoffs.add_context_condition(OnContextCondition(GroupChatTarget(group_chat_config=config), "ready"))
    outer.handoffs.set_after_work(TerminateTarget())
    result, variables, _ = hold(DefaultPattern(outer, [outer, other], context_variables={"ready": True}), "Please")
    assert [message["content"] for message in result.chat_history] == ["Please", "inner answer"]
    assert seen == [("Begin", {"mine": 1})] if own else [("Please", {"ready": True})]
    assert variables.data == ({"ready": True} if own else {"ready": True, "done": True})


def test_a_model_hands_over_to_a_group_chat(agent, hold):
    inner = agent("inner", default_auto_reply="42")
    target = GroupChatTarget(GroupChatConfig(DefaultPattern(inner, [inner])))
    model = ScriptedModel(tool_call("transfer_to_group_chat_1"), "It is 42")
    outer = agent("outer", llm_config=model.llm_config)
    outer.handoffs.add_llm_condition(OnCondition(target, "It is about numbers."))
    result, *_ = hold(DefaultPattern(outer, [outer]), "What?")
    assert [message["content"] for message in result.chat_history][-2:] == ["42", "It is 42"]


def test_errors_of_the_inner_group_reach_the_program(agent, hold):
    inner = agent("inner", llm_config=ScriptedModel(ZeroDivisionError("down")).llm_config)
    outer = agent("outer")
    outer.handoffs.set_after_work(GroupChatTarget(GroupChatConfig(DefaultPattern(inner, [inner]))))
    with pytest.raises(ZeroDivisionError):
        hold(DefaultPattern(outer, [outer, agent("other")]), "Hi")
    with pytest.raises(TypeError, match="takes a GroupChatConfig"):
        GroupChatTarget({})


# Selection messages, hand-offs, conditions, variables


@pytest.mark.parametrize(
    "message",
    [
        GroupManagerSelectionMessageString("Pick {agentlist} for Ada."),
        GroupManagerSelectionMessageContextStr("Pick {agentlist} for {name}."),
    ],
)
def test_selection_messages(message, pair, agent, hold):
    model = ScriptedModel("b")
    clerk = agent("clerk", default_auto_reply="done")
    pattern = AutoPattern(
        clerk,
        [clerk, *pair],
        group_manager_args={"llm_config": model.llm_config},
        context_variables={"name": "Ada"},
        selection_message=message,
    )
    hold(pattern, "Hi", max_rounds=3)
    assert model.requests[0]["messages"][0]["content"] == "Pick ['clerk', 'a', 'b'] for Ada."


def test_hand_offs_by_the_type_of_their_targets(pair):
    stay, to_b = OnCondition(StayTarget(), "Stay."), OnCondition(AgentTarget(pair[1]), "To b.", llm_function_name="go")
    ending = OnContextCondition(TerminateTarget(), "done")
    handoffs = Handoffs().add_many([stay, to_b, ending])
    assert handoffs.get_llm_conditions_by_target_type(AgentTarget) == [to_b]
    assert handoffs.get_context_conditions_by_target_type(TerminateTarget) == [ending]
    assert (stay.has_target_type(StayTarget), ending.has_target_type(StayTarget)) == (True, False)
    handoffs.set_llm_function_names()
    assert [rule.llm_function_name for rule in handoffs.llm_conditions] == ["transfer_to_stay_1", "go"]


def test_conditions_are_asked_by_programs(agent):
    clerk = agent("clerk", context_variables={"ready": True, "name": "Ada"})
    variables = clerk.context_variables
    assert StringContextCondition("ready").evaluate(variables)
    assert not ExpressionContextCondition("not ${ready}").evaluate(variables)
    assert StringAvailableCondition("ready").is_available(clerk, [])
    assert not ExpressionAvailableCondition("not ${ready}").is_available(clerk, [])
    assert StringLLMCondition("When?").get_prompt(clerk, []) == "When?"
    assert ContextStrLLMCondition("For {name}?").get_prompt(clerk, []) == "For Ada?"


def test_conditions_of_a_program_have_the_methods_of_ag2(pair, agent, hold):
    class Ready(ContextCondition):
        def evaluate(self, context_variables):
            return context_variables["ready"]

    class Offered(AvailableCondition):
        def is_available(self, agent, messages):
            return agent.name == "clerk"

    class When(LLMCondition):
        def get_prompt(self, agent, messages):
            return f"When {agent.name} is tired."

    model = ScriptedModel("done")
    clerk = agent("clerk", llm_config=model.llm_config)
    clerk.handoffs.add_llm_condition(OnCondition(pair[0], When(), Offered()))
    clerk.handoffs.add_after_work(OnContextCondition(pair[1], Ready()))
    _, _, last = hold(DefaultPattern(clerk, [clerk, *pair], context_variables={"ready": True}), "Hi")
    assert last is pair[1]
    assert model.requests[0]["tools"][0]["function"]["description"] == "When clerk is tired."
    for kind, method, arguments in (
        (ContextCondition, "evaluate", ({},)),
        (AvailableCondition, "is_available", (clerk, [])),
        (LLMCondition, "get_prompt", (clerk, [])),
    ):
        with pytest.raises(NotImplementedError, match="must define"):
            getattr(type("Empty", (kind,), {})(), method)(*arguments)


def test_variables_are_a_live_dict_and_dump_as_in_ag2():
    variables = ContextVariables({"a": 1})
    variables.data["b"] = [2]
    variables.update(ContextVariables({"c": 3}))
    dump = variables.model_dump()
    assert dump == {"data": {"a": 1, "b": [2], "c": 3}}
    assert variables.model_dump_json() == '{"data":{"a": 1, "b": [2], "c": 3}}'
    dump["data"]["b"] = 0
    assert variables["b"] == [2]
    with pytest.raises(TypeError, match="'a'"):
        ContextVariables({"a": object()}).model_dump_json()


def test_the_temporary_user_of_ag2_loses_its_name(pair):
    result = pair[0].initiate_chat(pair[1], message={"content": "Hi", "name": "_User"}, max_turns=1, silent=True)
    cleanup_temp_user_messages(result)
    assert not any(message.get("name") == "_User" for message in result.chat_history)


def test_a_selector_has_targets_of_any_kind(pair):
    selector = HandoffSelector(pair[0], after_work=FunctionTarget(lambda output, variables: None))
    assert GroupChatManager(GroupChat(list(pair), speaker_selection_method=selector), llm_config=False)
