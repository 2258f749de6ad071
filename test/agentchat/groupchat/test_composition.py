"""Groups made of other parts: teams in teams, deputies, subclasses, machines of states."""

import asyncio

import pytest

from autogen import Agent, ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat._core.internals import internals
from autogen.agentchat.chat import StopReason
from autogen.testing import ScriptedModel


def contents(messages):
    return [message["content"] for message in messages]


# Teams in teams


def test_a_team_answers_by_what_was_said_last_in_it(call, speaker, manage, record):
    team = manage([speaker("p", "draft"), speaker("q", "final TERMINATE")], "team", max_round=3)
    user, critic = speaker("user"), speaker("critic", "good")
    manager = manage([user, team, critic], max_round=3)
    result = call(user.initiate_chat, manager, message="write")
    assert record(manager) == [("user", "write"), ("team", "final"), ("critic", "good")]
    assert record(team) == [("chat_manager", "write"), ("p", "draft"), ("q", "final TERMINATE")]
    assert result.stop_reason is StopReason.MAX_ROUND


def test_a_team_hears_what_was_said_before_its_turn_and_since(call, speaker, manage, record):
    team = manage([speaker("p", "one", "two"), speaker("q")], "team", max_round=2)
    user, critic = speaker("user", "and"), speaker("critic", "hm", "so?")
    manager = manage([user, critic, team], max_round=6)
    call(user.initiate_chat, manager, message="write")
    outer = [("user", "write"), ("critic", "hm"), ("team", "one"), ("user", "and"), ("critic", "so?"), ("team", "two")]
    assert record(manager) == outer
    assert record(team) == [
        ("user", "write"),
        ("chat_manager", "hm"),
        ("p", "one"),
        ("user", "and"),
        ("chat_manager", "so?"),
        ("p", "two"),
    ]
    for member in team.groupchat.agents:
        assert contents(member.chat_messages[team]) == contents(team.groupchat.messages)
    for member in (user, critic):
        assert [message["name"] for message in member.chat_messages[manager]] == [name for name, _ in outer]


def test_a_team_that_says_nothing_ends_the_chat_with_its_reason(call, speaker, manage):
    team = manage([speaker("p"), speaker("q")], "team")
    user = speaker("user")
    result = call(user.initiate_chat, manage([user, team]), message="go")
    assert result.stop_reason is StopReason.NO_REPLY
    assert contents(result.chat_history) == ["go"]


def test_teams_nest_to_any_depth(call, speaker, manage, record):
    inner = manage([speaker("p", "deep"), speaker("q")], "inner", max_round=2)
    middle = manage([inner, speaker("r")], "middle", max_round=2)
    user = speaker("user")
    manager = manage([user, middle], max_round=2)
    call(user.initiate_chat, manager, message="go")
    assert record(manager) == [("user", "go"), ("middle", "deep")]


def test_a_new_chat_is_new_for_the_teams_too(call, speaker, manage, record):
    team = manage([speaker("p", "one", "two"), speaker("q")], "team", max_round=2)
    user = speaker("user")
    manager = manage([user, team], max_round=2)
    for said in ("one", "two"):
        call(user.initiate_chat, manager, message="go")
        assert record(team) == [("chat_manager", "go"), ("p", said)]


def test_costs_of_teams_count(call, agent, manage):
    def paid(text):
        return {"llm_config": ScriptedModel(lambda messages: text).llm_config}

    members = [agent("p", **paid("one two three")), agent("q")]
    chooser = ScriptedModel(lambda messages: "p").llm_config
    team = manage(members, "team", max_round=2, method="auto", select_speaker_auto_llm_config=chooser)
    user = agent("user")
    cost = call(user.initiate_chat, manage([user, team], max_round=2), message="go").cost
    assert cost["usage_excluding_cached_inference"]["scripted"]["completion_tokens"] == 3 + 1


def test_a_nested_chat_with_a_team_is_summed_up_from_its_record(call, speaker, agent, manage, record):
    def last_of_record(sender, recipient, args):
        return f"made: {recipient.groupchat.messages[-1]['content']}"

    for method, answer in [("last_msg", "final"), (last_of_record, "made: final")]:
        team = manage([speaker("p", "final"), speaker("q")], "team", max_round=2)
        proxy, user = agent("proxy"), speaker("user")
        manager = manage([user, proxy], max_round=2)
        proxy.register_nested_chats([{"recipient": team, "summary_method": method, "silent": True}], trigger=manager)
        call(user.initiate_chat, manager, message="go")
        assert record(manager)[-1] == ("proxy", answer)


def test_a_model_sums_up_the_whole_record(call, speaker, manage, agent):
    model = ScriptedModel("all in all")
    team = manage([speaker("p", "one"), speaker("q", "two")], "team", max_round=3, options={"llm_config": model.llm_config})
    outsider = agent("outsider")
    result = call(outsider.initiate_chat, team, message="go", summary_method="reflection_with_llm")
    assert result.summary == "all in all"
    assert contents(model.asked[0])[:-1] == ["go", "one", "two"]


def test_one_agent_may_be_in_several_groups(call, speaker, manage):
    a, b, c = speaker("a"), speaker("b", "to the first", "to the second"), speaker("c")
    first, second = manage([a, b], "first", max_round=2), manage([c, b], "second", max_round=2)
    call(a.initiate_chat, first, message="1")
    call(c.initiate_chat, second, message="2")
    assert contents(b.chat_messages[first]) == ["1", "to the first"]
    assert contents(b.chat_messages[second]) == ["2", "to the second"]


def test_members_may_talk_aside(call, speaker, manage, agent):
    friend = agent("friend", default_auto_reply="hint")
    a, b = speaker("a"), agent("b")

    def ask_aside(member, messages, sender, config):
        return True, member.initiate_chat(friend, message="?", max_turns=1, silent=True).summary

    b.register_reply([Agent], ask_aside)
    manager = manage([a, b], max_round=2)
    result = call(a.initiate_chat, manager, message="go")
    assert contents(result.chat_history) == ["go", "hint"]


# Deputies and subclasses


def test_any_agent_can_be_made_a_manager(call, speaker, agent, record):
    a, b = speaker("a"), speaker("b", "one")
    group = GroupChat([a, b], [], 2, speaker_selection_method="round_robin")
    deputy = agent("deputy")
    deputy.register_reply(Agent, reply_func=GroupChatManager.run_chat, config=group, reset_config=GroupChat.reset)
    call(a.initiate_chat, deputy, message="go")
    assert contents(group.messages) == ["go", "one"]
    assert contents(a.chat_messages[deputy]) == ["go", "one"]
    assert internals(deputy).last_speaker is b
    deputy.reset()
    assert group.messages == []


def test_an_override_of_the_choice_serves_both_colours(call, speaker, record):
    class Reversed(GroupChat):
        def select_speaker(self, last_speaker, selector):
            return self.agents[self.agents.index(last_speaker) - 1]

    a, b, c = speaker("a"), speaker("b", "b"), speaker("c", "c")
    manager = GroupChatManager(Reversed([a, b, c], [], 3), llm_config=False, silent=True)
    call(a.initiate_chat, manager, message="go")
    assert record(manager) == [("a", "go"), ("c", "c"), ("b", "b")]


def test_an_override_of_the_run_is_used(call, speaker, record):
    runs = []

    class Counting(GroupChatManager):
        def run_chat(self, messages=None, sender=None, config=None):
            runs.append(sender.name)
            return super().run_chat(messages, sender, config)

    a, b = speaker("a"), speaker("b", "b")
    group = GroupChat([a, b], [], 2, speaker_selection_method="round_robin")
    manager = Counting(group, llm_config=False, silent=True)
    call(a.initiate_chat, manager, message="go")
    assert runs == ["a"]
    assert record(manager) == [("a", "go"), ("b", "b")]


def test_an_override_of_the_awaited_run_is_used(speaker):
    runs = []

    class Counting(GroupChatManager):
        async def a_run_chat(self, messages=None, sender=None, config=None):
            runs.append(sender.name)
            return await super().a_run_chat(messages, sender, config)

    a, b = speaker("a"), speaker("b", "b")
    manager = Counting(GroupChat([a, b], [], 2, speaker_selection_method="round_robin"), llm_config=False, silent=True)
    asyncio.run(a.a_initiate_chat(manager, message="go"))
    assert runs == ["a"]


def test_everything_said_goes_through_overridden_senders_and_receivers(speaker):
    passed = []

    class Watching(ConversableAgent):
        def send(self, message, recipient, request_reply=None, silent=False):
            passed.append(("sends", self.name, recipient.name))
            super().send(message, recipient, request_reply, silent)

        def receive(self, message, sender, request_reply=None, silent=False):
            passed.append(("hears", self.name, sender.name))
            super().receive(message, sender, request_reply, silent)

    class WatchingManager(Watching, GroupChatManager):
        pass

    a, b, c = speaker("a"), speaker("b", "one", kind=Watching), speaker("c", kind=Watching)
    group = GroupChat([a, b, c], [], 2, speaker_selection_method="round_robin")
    manager = WatchingManager(group, llm_config=False, silent=True)
    a.initiate_chat(manager, message="go")
    assert passed == [
        ("hears", "chat_manager", "a"),
        ("sends", "chat_manager", "b"),
        ("hears", "b", "chat_manager"),
        ("sends", "chat_manager", "c"),
        ("hears", "c", "chat_manager"),
        ("sends", "b", "chat_manager"),
        ("hears", "chat_manager", "b"),
        ("sends", "chat_manager", "a"),
        ("sends", "chat_manager", "c"),
        ("hears", "c", "chat_manager"),
    ]
    assert contents(c.chat_messages[manager]) == ["go", "one"]


def test_hooks_of_the_manager_see_each_message_to_each_member(call, speaker, manage):
    def whisper(sender, message, recipient, silent):
        return {**message, "content": f"{message['content']} to {recipient.name}"}

    a, b, c = speaker("a"), speaker("b", "one"), speaker("c")
    manager = manage([a, b, c], max_round=2)
    manager.register_hook("process_message_before_send", whisper)
    call(a.initiate_chat, manager, message="go")
    assert contents(c.chat_messages[manager]) == ["go to c", "one to c"]


def test_one_awaited_only_reply_function_refuses_a_plain_chat(speaker, manage):
    async def reply(recipient, messages, sender, config):
        return True, "x"

    a, b = speaker("a"), speaker("b")
    b.register_reply([Agent], reply)
    with pytest.raises(RuntimeError, match="'b'"):
        a.initiate_chat(manage([a, b]), message="go")


class Parrot:
    """No more than what the protocol of agents asks for."""

    name, description = "parrot", "Repeats."

    def __init__(self):
        self.heard = []

    def send(self, message, recipient, request_reply=None):
        recipient.receive(message, self, request_reply)

    async def a_send(self, message, recipient, request_reply=None):
        await recipient.a_receive(message, self, request_reply)

    def receive(self, message, sender, request_reply=None):
        self.heard.append(message["content"])

    async def a_receive(self, message, sender, request_reply=None):
        self.receive(message, sender)

    def generate_reply(self, messages=None, sender=None, **kwargs):
        return self.heard[-1].upper()

    async def a_generate_reply(self, messages=None, sender=None, **kwargs):
        return self.generate_reply()


def test_a_member_need_be_no_more_than_an_agent(call, speaker, manage, record):
    a, parrot = speaker("a", "two", "three"), Parrot()
    manager = manage([a, parrot], max_round=4, method="auto", allow_repeat_speaker=False, enable_clear_history=True)
    call(a.initiate_chat, manager, message="one", cache=None)
    assert record(manager) == [("a", "one"), ("parrot", "ONE"), ("a", "two"), ("parrot", "TWO")]
    last_agent, last_message = manager.resume(manager.groupchat.messages[:], silent=True)
    assert (last_agent, last_message["content"]) == (parrot, "TWO")


# Machines of states


def test_a_graph_alone_can_be_a_machine(call, speaker, manage, record):
    a, b, c = speaker("a", "a2"), speaker("b", "b1", "b2"), speaker("c", "end")
    manager = manage(
        [a, b, c],
        method="auto",
        allowed_or_disallowed_speaker_transitions={a: [b], b: [c]},
        speaker_transitions_type="allowed",
    )
    result = call(a.initiate_chat, manager, message="go")
    assert record(manager) == [("a", "go"), ("b", "b1"), ("c", "end")]
    assert result.stop_reason is StopReason.NO_ELIGIBLE_SPEAKER


def test_a_function_can_be_a_machine(call, speaker, manage, record):
    first, coder, runner = speaker("init"), speaker("coder", "v1", "v2"), speaker("runner", "exitcode: 1", "exitcode: 0")
    scientist = speaker("scientist", "paper")

    def transition(last, group):
        if last is first:
            return coder
        if last is coder:
            return runner
        if last is runner:
            return coder if "exitcode: 1" in group.messages[-1]["content"] else scientist
        return None

    manager = manage([first, coder, runner, scientist], max_round=20, method=transition)
    call(first.initiate_chat, manager, message="go")
    said = ["go", "v1", "exitcode: 1", "v2", "exitcode: 0", "paper"]
    assert [text for _, text in record(manager)] == said


def test_a_function_may_leave_one_state_to_the_model(call, speaker, manage, record):
    a, b, c = speaker("a"), speaker("b", "b"), speaker("c", "c")
    model = ScriptedModel("c")
    manager = manage(
        [a, b, c],
        max_round=3,
        method=lambda last, group: "auto" if last is a else b,
        options={"llm_config": model.llm_config},
        allowed_or_disallowed_speaker_transitions={a: [b, c], c: [a]},
        speaker_transitions_type="allowed",
    )
    call(a.initiate_chat, manager, message="go")
    assert record(manager) == [("a", "go"), ("c", "c"), ("b", "b")]
    assert "['b', 'c']" in model.asked[0][-1]["content"]


def test_a_function_that_falls_off_its_end_ends_the_chat_quietly(call, speaker, manage):
    def transition(last, group):  # noqa: RET503 - programs do write it so
        if last == "Scientist":
            return group.agents[0]

    a, b = speaker("a"), speaker("b")
    assert call(a.initiate_chat, manage([a, b], method=transition), message="go").stop_reason == "no_eligible_speaker"


def test_what_a_function_puts_on_the_record_is_on_the_record_alone(call, speaker, manage, record):
    def transition(last, group):
        group.messages.append({"role": "user", "name": "note", "content": "noted"})
        return group.agents[1]

    a, b = speaker("a"), speaker("b", "one")
    manager = manage([a, b], max_round=2, method=transition)
    call(a.initiate_chat, manager, message="go")
    assert record(manager) == [("a", "go"), ("note", "noted"), ("b", "one")]
    assert contents(a.chat_messages[manager]) == ["go", "one"]
