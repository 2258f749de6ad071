"""Messages that are for some members only."""

from autogen import GroupChat, GroupChatManager
from autogen.testing import ScriptedModel, tool_call


def contents(agent, manager):
    return [message["content"] for message in agent.chat_messages[manager]]


def test_the_opening_may_be_for_some_only(call, agent):
    members = [agent(name, default_auto_reply=f"{name} heard it") for name in ("a", "b", "c")]
    manager = GroupChatManager(GroupChat(members, max_round=2, speaker_selection_method="round_robin"), silent=True)
    call(members[0].initiate_chat, manager, message={"content": "only b", "receivers": [members[1]]})
    assert contents(members[1], manager) == ["only b", "b heard it"]
    assert contents(members[2], manager) == ["b heard it"]


def test_receivers_are_no_part_of_a_request(call, agent):
    model = ScriptedModel("fine")
    members = [agent("a"), agent("b", llm_config=model.llm_config)]
    manager = GroupChatManager(GroupChat(members, max_round=2, speaker_selection_method="round_robin"), silent=True)
    call(members[0].initiate_chat, manager, message={"content": "only b", "receivers": "b"})
    assert not any("receivers" in message for message in model.asked[0])


def test_who_carries_out_a_call_hears_it_whomever_it_was_for(call, agent):
    caller = agent("caller", llm_config=ScriptedModel(tool_call("f"), "done").llm_config)
    holder, other = agent("holder", function_map={"f": lambda: "result"}), agent("other")
    group = GroupChat(
        [caller, holder, other],
        max_round=4,
        speaker_selection_method="round_robin",
        return_results_to_caller=True,
        visible_to=lambda message, agent: not message.get("tool_calls") or agent is caller,
    )
    manager = GroupChatManager(group, silent=True)
    call(other.initiate_chat, manager, message="go")
    assert [message["content"] for message in group.messages] == ["go", "", "result", "done"]
    assert contents(other, manager) == ["go", "result", "done"]
    assert holder.chat_messages[manager][1]["tool_calls"][0]["function"]["name"] == "f"
