"""Plans: lists of steps that agents write, see, and finish."""

import copy

import pytest

from autogen import ConversableAgent, events
from autogen.agentchat.conditions import TextMention
from autogen.agentchat.contrib.capabilities.plan import Plan, PlanDone
from autogen.testing import ScriptedModel, tool_call

STEPS = [{"content": "Read", "status": "in_progress"}, {"content": "Write", "status": "pending"}]
DONE = [{"content": "Read", "status": "completed"}, {"content": "Write", "status": "completed"}]


def make(*replies, **options):
    model = ScriptedModel(*replies)
    agent = ConversableAgent("agent", "Work.", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
    plan = Plan(**options)
    agent.add_capability(plan)
    return agent, plan, model


def wait(seconds: int) -> str:
    """Wait."""
    return "waited"


def test_an_agent_writes_a_plan():
    agent, plan, model = make(tool_call("write_todos", todos=STEPS), "Done.")
    changes = []
    with events.subscribe(changes.append, types=["plan_changed"]):
        agent.run("Go.", silent=True)
    assert model.asked[1][-1]["content"] == "1. [>] Read\n2. [ ] Write"
    assert plan.get_items(agent) == STEPS
    assert [(event.agent, event.items) for event in changes] == [("agent", STEPS)]


def test_the_plan_is_shown_behind_the_last_message_and_the_beginning_stays(call):
    replies = [tool_call("write_todos", todos=STEPS), *(tool_call("wait", seconds=n) for n in range(4)), "Done."]
    agent, _, model = make(*replies, remind_after=3)
    call(agent.run, "Go.", tools=[wait], silent=True)
    shown = [asked[-1]["content"].startswith("Your plan at present:\n1. [>] Read") for asked in model.asked]
    # The first request has no plan; in the next two the call is among the newest messages.
    assert shown == [False, False, False, True, True, True]
    assert "bring it up to date" not in model.asked[3][-1]["content"]
    assert "have not changed it for 4 replies" in model.asked[5][-1]["content"]
    for asked, following in zip(model.asked, model.asked[1:], strict=False):
        whole = [message for message in asked if not str(message["content"]).startswith("Your plan")]
        assert following[: len(whole)] == whole
    assert not any(
        "Your plan" in str(message["content"]) for messages in agent.chat_messages.values() for message in messages
    )


@pytest.mark.parametrize(
    ("todos", "message"),
    [
        ([{"content": " ", "status": "pending"}], "Step 1 has no content"),
        ([{**step, "status": "in_progress"} for step in STEPS], "One step at most is in_progress"),
        (STEPS * 2, "at most 3 steps"),
    ],
)
def test_a_plan_that_is_refused_changes_nothing(todos, message):
    calls = [tool_call("write_todos", todos=items) for items in (STEPS, todos)]
    agent, plan, model = make(*calls, "Done.", max_items=3)
    agent.run("Go.", silent=True)
    assert message in model.asked[2][-1]["content"]
    assert plan.get_items(agent) == STEPS


def test_several_steps_may_be_in_progress():
    both = [{**step, "status": "in_progress"} for step in STEPS]
    agent, plan, _ = make(tool_call("write_todos", todos=both), "Done.", parallel=True)
    agent.run("Go.", silent=True)
    assert plan.get_items(agent) == both


def test_a_saved_state_has_the_plan():
    agent, plan, _ = make(tool_call("write_todos", todos=STEPS), "Done.")
    user = ConversableAgent("user", human_input_mode="NEVER", silent=True, is_termination_msg=TextMention("Done."))
    user.initiate_chat(agent, message="Go.", silent=True)
    other, _, _ = make("x")
    other.load_state(copy.deepcopy(agent.save_state()), peers=[user])
    assert plan.get_items(other) == plan.get_items(agent) == STEPS


def test_a_chat_ends_when_all_steps_are_completed():
    agent, plan, _ = make(tool_call("write_todos", todos=DONE), "One more thing.", "Never said.")
    user = ConversableAgent(
        "user", human_input_mode="NEVER", silent=True, default_auto_reply="Go on.", is_termination_msg=PlanDone(plan, agent)
    )
    result = user.initiate_chat(agent, message="Go.", max_turns=5, silent=True)
    assert result.stop_detail == "the 2 steps of the plan of 'agent' are completed"
    assert result.summary == "One more thing."


def test_the_capability_is_taken_away():
    agent, plan, _ = make("x")
    plan.remove_from_agent(agent)
    assert agent.tools == []
    assert not agent.hook_lists["process_all_messages_before_reply"]


@pytest.mark.parametrize("option", ["max_items", "remind_after"])
def test_numbers_below_one_are_refused(option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        Plan(**{option: 0})
