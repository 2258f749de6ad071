"""Hand-offs that models decide: the tools they have for it, what comes of their calls, and what others see of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.agentchat._handoffs.member_turn import remove_transfers
from autogen.agentchat.group import (
    AgentNameTarget,
    ContextExpression,
    ContextStr,
    ContextVariables,
    HandoffSelector,
    NestedChatTarget,
    OnCondition,
    RevertToUserTarget,
    StayTarget,
    TerminateTarget,
)
from autogen.testing import Reply, tool_call


def names_of(request):
    return [tool["function"]["name"] for tool in request.get("tools", ())]


@pytest.fixture
def user(member):
    return member("user", default_auto_reply="go on")


@pytest.fixture
def team(member, user):
    """A triage with this script that can hand over to refund and to sales, whose models say these texts."""

    def make(*script, refund=("Refunded.",), sales=("Sold.",), **options):
        members = [member("triage", *script, **options), member("refund", *refund), member("sales", *sales), user]
        members[0].handoffs.add_many([OnCondition(members[1], "Money back."), OnCondition(members[2], "Wants to buy.")])
        return members

    return make


def test_a_model_hands_over(talk, team, user):
    triage, _, sales, _ = members = team(tool_call("transfer_to_refund_1"))
    chat = talk(user, members)
    assert chat.speakers == ["user", "triage", "triage", "refund"]
    assert chat.texts[2:] == ["Transferred to refund.", "Refunded."]
    tool = triage.model.requests[0]["tools"][0]
    assert tool["function"]["description"] == "Money back."
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}, "required": []}
    assert names_of(triage.model.requests[0]) == ["transfer_to_refund_1", "transfer_to_sales_2"]
    assert sales.model.requests == []


def test_others_do_not_see_it_but_the_record_does(talk, team, user):
    _, refund, *_ = members = team(tool_call("transfer_to_refund_1"))
    chat = talk(user, members)
    assert [message["content"] for message in refund.model.asked[0]] == [refund.system_message, "Hello"]
    assert "tools" not in refund.model.requests[0]
    assert chat.group.messages[1]["tool_calls"]
    assert refund.chat_messages[chat.manager][1]["tool_calls"]  # the history is whole; the request is not


def test_others_see_it_if_that_is_wanted(talk, team, user):
    _, refund, *_ = members = team(tool_call("transfer_to_refund_1"))
    talk(user, members, exclude_transit_message=False)
    assert [message["role"] for message in refund.model.asked[0]] == ["system", "user", "assistant", "tool"]


def test_the_agent_itself_sees_what_it_did(talk, team, user):
    triage, refund, *_ = members = team(tool_call("transfer_to_refund_1"), "All done.")
    refund.handoffs.set_after_work(triage)
    chat = talk(user, members)
    assert chat.speakers[-2:] == ["refund", "triage"]
    assert [message["role"] for message in triage.model.asked[1]] == ["system", "user", "assistant", "tool", "user"]


def test_the_first_transfer_wins_and_the_others_are_explained(talk, team, user):
    members = team([tool_call("transfer_to_sales_2"), tool_call("transfer_to_refund_1")])
    chat = talk(user, members)
    answers = [answer["content"] for answer in chat.group.messages[2]["tool_responses"]]
    assert answers == ["Transferred to sales.", "Not transferred to refund: the hand-off to sales came first."]
    assert chat.speakers[-1] == "sales"


def test_tools_beside_a_transfer_are_executed_and_stay_visible(talk, team, user):
    triage, refund, *_ = members = team([tool_call("find", call_id="f"), tool_call("transfer_to_refund_1", call_id="t")])

    @triage.register_for_execution()
    @triage.register_for_llm(description="Find.")
    def find() -> str:
        return "found"

    chat = talk(user, members)
    assert [one["content"] for one in chat.group.messages[2]["tool_responses"]] == ["found", "Transferred to refund."]
    _, _, called, result = refund.model.asked[0]
    assert [call["id"] for call in called["tool_calls"]] == ["f"]
    assert result["content"] == "found"
    assert names_of(triage.model.requests[0]) == ["find", "transfer_to_refund_1", "transfer_to_sales_2"]


def test_what_is_said_beside_a_transfer_stays_as_text(talk, team, user):
    _, refund, *_ = members = team(Reply("One moment.", tool_calls=[tool_call("transfer_to_refund_1")]))
    talk(user, members)
    said = refund.model.asked[0][-1]
    assert (said["role"], said["name"], said["content"]) == ("user", "triage", "One moment.")
    assert "tool_calls" not in said


def test_what_is_not_available_is_not_offered_and_not_done(talk, member, user):
    known = ContextVariables({"vip": False, "name": "Ada"})
    boss = member("boss", "Hello.")

    def wait(messages):
        return tool_call("transfer_to_boss_1") if messages[-1]["role"] == "user" else "Sorry."

    clerk = member("clerk", wait)
    clerk.handoffs.add_many(
        [
            OnCondition(boss, "Complaints.", available="vip"),
            OnCondition(boss, ContextStr("{name} complains."), available=ContextExpression("not ${vip}")),
        ]
    )
    chat = talk(user, [clerk, boss, user], context_variables=known)
    assert chat.texts[2:] == ["Not transferred to boss: that is not possible now.", "Sorry."]
    [tool] = clerk.model.requests[0]["tools"]
    assert (tool["function"]["name"], tool["function"]["description"]) == ("transfer_to_boss_2", "Ada complains.")


@pytest.mark.parametrize(
    ("target", "speakers"),
    [
        (TerminateTarget(), ["user", "clerk", "clerk"]),
        (StayTarget(), ["user", "clerk", "clerk", "clerk"]),
        (RevertToUserTarget(), ["user", "clerk", "clerk", "user"]),
        (AgentNameTarget("other"), ["user", "clerk", "clerk", "other"]),
    ],
)
def test_a_model_may_choose_any_target(talk, member, user, target, speakers):
    clerk, other = member("clerk", tool_call("go"), "Still here."), member("other", default_auto_reply="other")
    clerk.handoffs.add(OnCondition(target, "Go.", llm_function_name="go"))
    user.handoffs.set_after_work(TerminateTarget())
    assert talk(user, [clerk, other, user], user_agent=user).speakers == speakers


def test_a_model_may_choose_nested_chats_and_gets_their_summary(talk, member, agent, user):
    expert = agent("expert", default_auto_reply="42")
    clerk, after = member("clerk", tool_call("transfer_to_nested_chat_1"), "It is 42."), member("after", "Thanks.")
    clerk.handoffs.add(OnCondition(NestedChatTarget([{"recipient": expert, "max_turns": 1}]), "Hard questions."))
    clerk.handoffs.set_after_work(after)
    chat = talk(user, [clerk, after, user])
    assert chat.texts == ["Hello", "", "42", "It is 42.", "Thanks."]
    assert "42" in [message["content"] for message in after.model.asked[0]]  # others see results


def test_a_chat_within_a_turn_has_no_part_in_it(talk, member, agent, user):
    """A tool that lets the same agent talk to somebody else: no transfers are offered there."""
    other, expert = member("other", "Done."), agent("expert", default_auto_reply="42")
    clerk = member("clerk", tool_call("consult"), "In the inner chat.", tool_call("transfer_to_other_1"))

    @clerk.register_for_execution()
    @clerk.register_for_llm(description="Ask an expert.")
    def consult() -> str:
        return expert.initiate_chat(clerk, message="What?", max_turns=1).summary

    clerk.handoffs.add(OnCondition(other, "Go."))
    assert talk(user, [clerk, other, user]).speakers[-1] == "other"
    both = ["consult", "transfer_to_other_1"]
    assert [names_of(request) for request in clerk.model.requests] == [both, ["consult"], both]


def test_a_summary_in_a_turn_is_asked_for_without_transfers(talk, member, agent, user):
    expert = agent("expert", default_auto_reply="42")
    clerk = member("clerk", "Question.", "Summary.", "Answer.")
    nested = {"recipient": expert, "max_turns": 1, "summary_method": "reflection_with_llm", "message": "What?"}
    clerk.handoffs.add(OnCondition(user, "Go."))
    clerk.register_nested_chats([nested], trigger=lambda sender: sender is not expert)
    talk(user, [clerk, user])
    assert clerk.model.requests
    assert all(names_of(request) == [] for request in clerk.model.requests)


def test_outside_of_a_group_no_transfers_are_offered(call, agent, team):
    triage, *_ = team("Hello.")
    call(agent("guest").initiate_chat, triage, message="Hi", max_turns=1)
    assert "tools" not in triage.model.requests[0]


def test_a_transfer_that_a_model_invents_is_an_unknown_tool(talk, team, user):
    members = team(tool_call("transfer_to_nowhere_9"), "Sorry.")
    chat = talk(user, members)
    assert "not found" in chat.texts[2]
    assert chat.texts[3] == "Sorry."


def test_nothing_is_left_behind(talk, team, user):
    """After runs agents are what they were: no tools, hooks, functions or variables."""
    members = team(lambda messages: tool_call("transfer_to_refund_1"), refund=[lambda messages: "Refunded."])
    triage = members[0]

    def state():
        return [
            (one.llm_config, dict(one.function_map), {k: list(v) for k, v in one.hook_lists.items()}, one.system_message)
            for one in members
        ] + [(one._reply_func_list, dict(one.context_variables)) for one in members]

    before = state()
    config = triage.llm_config
    for _ in range(3):
        chat = talk(user, members, context_variables=ContextVariables({"a": 1}))
        assert chat.speakers == ["user", "triage", "triage", "refund"]
        assert names_of(triage.model.requests[-1]) == ["transfer_to_refund_1", "transfer_to_sales_2"]
    assert state() == before
    assert triage.llm_config is config
    assert "tools" not in config
    assert len(triage.handoffs.llm_conditions) == 2
    assert not triage.handoffs.after_works


def test_a_run_that_fails_leaves_no_hand_off_for_the_next(talk, team, user, call):
    triage, *_ = members = team(tool_call("transfer_to_refund_1"), "Hello again.", refund=[RuntimeError("down")])
    selector = HandoffSelector(triage)
    with pytest.raises(RuntimeError, match="down"):
        talk(user, members, selector=selector)
    assert talk(user, members, selector=selector).texts == ["Hello", "Hello again."]


CALL = st.fixed_dictionaries({"id": st.sampled_from(["1", "2", "3", None]), "hidden": st.booleans()})


@given(st.lists(st.tuples(st.sampled_from(["me", "you", None]), st.lists(CALL, min_size=1, max_size=4)), max_size=5))
def test_what_is_left_of_a_conversation_is_in_order(turns):
    """Calls of others that are hidden vanish with their results; own calls and all others stay, in order."""
    messages, left = [], []
    for name, calls in turns:
        entries = [
            {"id": f"{len(messages)}-{place}" if c["id"] else None, "function": {"name": "go" if c["hidden"] else "f"}}
            for place, c in enumerate(calls)
        ]
        answers = [{"role": "tool", "tool_call_id": e["id"], "content": e["function"]["name"]} for e in entries]
        messages += [
            {"role": "assistant", "content": "", "tool_calls": entries, **({"name": name} if name else {})},
            {"role": "tool", "content": "", "tool_responses": answers},
        ]
        left += [e["function"]["name"] for e in entries if name != "you" or e["function"]["name"] != "go"]
    before = repr(messages)
    shown = remove_transfers(messages, {"go"}, "me")
    assert [c["function"]["name"] for m in shown for c in m.get("tool_calls", ())] == left
    assert [r["content"] for m in shown for r in m.get("tool_responses", ())] == left
    assert repr(messages) == before
