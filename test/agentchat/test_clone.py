"""Many sessions of one definition, side by side."""

import asyncio
import threading

import pytest

from autogen import BudgetExceeded, GroupChat, GroupChatManager, register_function
from autogen.agentchat.conditions import MaxMessages
from autogen.testing import Reply, ScriptedModel, tool_call


def contents(history):
    return [message["content"] for message in history]


def test_a_clone_has_the_definition_and_none_of_the_memory(call, agent):
    model = ScriptedModel(tool_call("f"), "done", tool_call("f"), "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent("user", is_termination_msg=lambda message: message["content"] == "done")
    register_function(lambda: "result", caller=caller, executor=user, name="f", description="F.")
    user.register_hook("process_message_before_send", lambda sender, message, recipient, silent: message)
    first = call(user.initiate_chat, caller, message="one")
    twin, other = user.clone(), caller.clone()
    assert type(twin) is type(user)
    assert (twin.name, twin.chat_messages, twin._human_input) == ("user", {}, [])
    assert other.get_total_usage() is None
    second = call(twin.initiate_chat, other, message="two")
    assert contents(second.chat_history)[0] == "two"
    assert contents(first.chat_history) == ["one", *contents(second.chat_history)[1:]]
    assert contents(user.chat_messages[caller]) == contents(first.chat_history)
    assert user.chat_messages.keys() == {caller}


def test_what_one_is_given_later_the_other_does_not_have(agent):
    one = agent("one", llm_config=ScriptedModel().llm_config)
    two = one.clone()
    two.register_for_llm(name="f", description="F.")(lambda: "")
    two.register_function({"g": lambda: ""})
    two.register_reply([type(two), None], lambda *_, **__: (False, None))
    two.update_system_message("Other.")
    two.register_hook("process_message_before_send", lambda sender, message, recipient, silent: message)
    assert "tools" not in one.llm_config
    assert one.function_map == {}
    assert len(one._reply_func_list) == len(two._reply_func_list) - 1
    assert one.system_message != "Other."
    assert one.hook_lists["process_message_before_send"] == []


def test_a_hundred_sessions_at_once_do_not_mix(agent):
    async def answer(*_, messages, **__):
        await asyncio.sleep(0)
        return True, f"re: {messages[-1]['content']}"

    a, b = agent("a", default_auto_reply="and?"), agent("b")
    b.register_reply([type(a), None], answer)

    async def session(number):
        result = await a.clone().a_initiate_chat(b.clone(), message=str(number), max_turns=2)
        return contents(result.chat_history)

    async def main():
        return await asyncio.gather(*(session(number) for number in range(100)))

    assert asyncio.run(main()) == [[str(n), f"re: {n}", "and?", "re: and?"] for n in range(100)]


def test_threads_do_not_mix_either(agent):
    a, b = agent("a", default_auto_reply="and?"), agent("b", default_auto_reply="yes")
    results = {}

    def session(number):
        results[number] = a.clone().initiate_chat(b.clone(), message=str(number), max_turns=20).chat_history

    threads = [threading.Thread(target=session, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(contents(results[number]) == [str(number), "yes", *["and?", "yes"] * 19] for number in range(20))


def test_a_group_is_cloned_with_its_members_and_its_graph(call, agent):
    a, b, c = (agent(name, default_auto_reply=name) for name in "abc")
    graph = {a: [b], b: [c], c: [a]}
    group = GroupChat(
        [a, b, c],
        max_round=5,
        speaker_selection_method="round_robin",
        allowed_or_disallowed_speaker_transitions=graph,
        speaker_transitions_type="allowed",
    )
    manager = GroupChatManager(group, silent=True)
    twin = manager.clone()
    members = twin.groupchat.agents
    call(members[0].initiate_chat, twin, message="go")
    assert [message["name"] for message in twin.groupchat.messages] == ["a", "b", "c", "a", "b"]
    assert group.messages == []
    assert not any(one in (a, b, c) for one in members)
    call(a.initiate_chat, manager, message="go")
    assert len(group.messages) == len(twin.groupchat.messages) == 5


def test_budgets_and_conditions_are_those_of_each_session(call, agent):
    usage = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}
    model = ScriptedModel(lambda messages: Reply("x", usage=usage))
    speaker = agent("speaker", llm_config={**model.llm_config, "max_tokens_total": 150}, is_termination_msg=MaxMessages(3))
    user = agent("user", default_auto_reply="go on")
    for _ in range(3):
        result = call(user.clone().initiate_chat, speaker.clone(), message="hi")
        assert len(result.chat_history) in (3, 4)
    for _ in range(2):
        call(user.initiate_chat, speaker, message="hi", max_turns=1)
    with pytest.raises(BudgetExceeded, match="200 are spent"):
        call(user.initiate_chat, speaker, message="hi", max_turns=1)
