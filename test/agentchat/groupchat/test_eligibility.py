"""Policies about who may speak next, and the mark of agents that are unavailable."""

import pytest

from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.eligibility_policy import AgentDescriptionGuard, AgentEligibilityPolicy, SelectionContext
from autogen.agentchat.group import HandoffSelector, RandomAgentTarget
from autogen.exception_utils import NoEligibleSpeaker
from autogen.testing import ScriptedModel, tool_call


class Allow:
    """A policy that accepts some names, and remembers each question."""

    def __init__(self, names):
        self.names = names
        self.asked = []

    def is_eligible(self, agent, ctx):
        self.asked.append((agent.name, ctx))
        return agent.name in self.names


@pytest.fixture
def trio(agent):
    return [agent(name) for name in "abc"]


def make_group(members, *policies, **options):
    return GroupChat(members, [], eligibility_policies=policies, **{"speaker_selection_method": "round_robin", **options})


def test_all_policies_have_to_accept_the_candidates_that_are_left(trio):
    first, second = Allow("bc"), Allow("abc")
    group = make_group(trio, first, second, allow_repeat_speaker=False)
    assert group.select_speaker(trio[0], None) is trio[1]
    # each candidate once, after the rule about repeating
    assert [name for name, _ in first.asked] == ["b", "c"]
    assert first.asked[0][1] == SelectionContext(round=0, last_speaker="a", participants=("a", "b", "c"))
    assert make_group(trio, Allow("c"), Allow("bc")).select_speaker(trio[0], None) is trio[2]


def test_a_single_candidate_costs_no_request(trio):
    model = ScriptedModel("a")
    group = make_group(trio, Allow("c"), speaker_selection_method="auto")
    manager = GroupChatManager(group, llm_config=model.llm_config)
    assert group.select_speaker(trio[0], manager) is trio[2]
    assert not model.requests


def test_without_an_eligible_agent_the_chat_ends(trio):
    group = make_group(trio, Allow(""))
    with pytest.raises(NoEligibleSpeaker, match="eligibility_policies"):
        group.select_speaker(trio[0], None)
    result = trio[0].initiate_chat(GroupChatManager(group, llm_config=False), message="Hello", silent=True)
    assert result.stop_reason == "no_eligible_speaker"
    assert len(result.chat_history) == 1


@pytest.mark.parametrize("select", [lambda trio: lambda last, group: trio[1], lambda trio: HandoffSelector(trio[1])])
def test_functions_that_name_an_agent_are_not_restricted(trio, select):
    assert make_group(trio, Allow(""), speaker_selection_method=select(trio)).select_speaker(trio[0], None) is trio[1]


def test_a_function_that_names_a_method_and_random_targets_are_restricted(trio):
    policy = Allow("c")
    group = make_group(trio, policy, speaker_selection_method=lambda last, group: "round_robin")
    assert group.select_speaker(trio[0], None) is trio[2]
    selector = HandoffSelector(trio[0], after_work=RandomAgentTarget(trio))
    group = make_group(trio, policy, speaker_selection_method=selector)
    assert group.select_speaker(trio[0], None) is trio[0]
    group.messages += [{"role": "user", "content": "Hi", "name": "a"}] * 2
    assert {group.select_speaker(trio[0], None) for _ in range(5)} == {trio[2]}
    policy.names = ""
    with pytest.raises(NoEligibleSpeaker):
        group.select_speaker(trio[0], None)


def test_a_result_does_not_return_to_a_caller_that_may_not_speak(agent, call):
    def look() -> str:
        return "found"

    model = ScriptedModel(tool_call("look"))
    caller = agent("caller", llm_config=model.llm_config, human_input_mode="NEVER")
    caller.register_for_llm(description="Look.")(look)
    worker, other = agent("worker"), agent("other", default_auto_reply=None)
    worker.register_for_execution()(look)
    policy = Allow(["worker", "other"])
    group = make_group([caller, worker, other], policy, return_results_to_caller=True, allow_repeat_speaker=False)
    manager = GroupChatManager(group, llm_config=False)
    group.speaker_selection_method = lambda last, group: caller if last is other else "round_robin"
    call(other.initiate_chat, manager, message="Look", silent=True)
    assert group.last_selection.startswith("other:")
    assert [message["name"] for message in group.messages] == ["other", "caller", "worker"]


def test_an_exception_of_a_policy_reaches_the_program(trio):
    class Broken:
        def is_eligible(self, agent, ctx):
            raise ZeroDivisionError("quota")

    with pytest.raises(ZeroDivisionError, match="quota"):
        make_group(trio, Broken()).select_speaker(trio[0], None)


class AsyncPolicy:
    async def is_eligible(self, agent, ctx):
        return False


@pytest.mark.parametrize(
    ("policies", "words"),
    [([object()], "is_eligible"), ([Allow], "is_eligible"), ([AsyncPolicy()], "coroutine"), (Allow(""), "a list")],
)
def test_policies_without_a_meaning_are_refused(trio, policies, words):
    with pytest.raises(ValueError, match=words):
        GroupChat(trio, eligibility_policies=policies)


def test_the_context_and_the_protocol():
    with pytest.raises(TypeError, match="participants"):
        SelectionContext(round=1, last_speaker=None, participants="abc")
    context = SelectionContext(round=1, last_speaker=None, participants=["a"])
    with pytest.raises(AttributeError):
        context.round = 2
    assert context.participants == ("a",)
    assert isinstance(Allow(""), AgentEligibilityPolicy)
    assert not isinstance(object(), AgentEligibilityPolicy)


@pytest.mark.parametrize("description", ["Knows the weather.", "", None])
def test_an_agent_is_marked_once_and_other_changes_stay(description):
    weather = ConversableAgent("weather", llm_config=False)
    weather.description = description
    guard = AgentDescriptionGuard(weather)
    guard.mark_available()
    assert weather.description == description
    guard.mark_unavailable()
    guard.mark_unavailable()
    AgentDescriptionGuard(weather).mark_unavailable()
    assert weather.description == "[UNAVAILABLE] " + (description or "")
    guard.mark_available()
    assert weather.description == description
    guard.mark_unavailable()
    weather.description += "Again."
    guard.mark_available()
    assert weather.description == (description or "") + "Again."
