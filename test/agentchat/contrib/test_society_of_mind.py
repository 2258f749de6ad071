"""An agent that thinks by holding a group chat."""

import asyncio

import pytest

from autogen import Cache, ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.contrib.society_of_mind_agent import SocietyOfMindAgent
from autogen.testing import Reply, ScriptedModel, tool_call

COSTS = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}


def last_word(agent, messages):
    return messages[-1]["content"]


@pytest.fixture
def team(agent):
    """A manager of members that speak in turn, each by its own script, and of one that only listens."""

    def make(*lines, name="inner", **options):
        members = [
            agent(f"{name}_{number}", llm_config=ScriptedModel(*said, name=f"{name}-model-{number}").llm_config)
            for number, said in enumerate(lines)
        ]
        listener = agent(f"{name}_listener")
        group = GroupChat([*members, listener], [], speaker_selection_method="round_robin", max_round=len(members) + 1)
        return GroupChatManager(group, name=f"{name}_manager", silent=True, llm_config=False, **options)

    return make


def contents(messages):
    return [message["content"] for message in messages]


def test_a_group_inside_gives_one_answer_outside(call, agent, team):
    with ScriptedModel("Warm before you are.") as writer:
        manager = team(["How about: fresh bread?"], ["Too plain. Something with warmth."])
        society = agent("society", SocietyOfMindAgent, chat_manager=manager, llm_config=writer.llm_config)
        result = call(agent("user").initiate_chat, society, message="A slogan, please.", max_turns=1)
    assert contents(result.chat_history) == ["A slogan, please.", "Warm before you are."]
    record = manager.groupchat.messages
    assert [(m["name"], m["content"]) for m in record] == [
        ("society", "A slogan, please."),
        ("inner_0", "How about: fresh bread?"),
        ("inner_1", "Too plain. Something with warmth."),
    ]
    assert society.get_chat_results(-1).stop_reason == "max_round"


def test_the_model_is_shown_the_discussion_between_two_instructions(call, agent, team):
    with ScriptedModel("done") as writer:
        society = agent("society", SocietyOfMindAgent, chat_manager=team(["a"], ["b"]), llm_config=writer.llm_config)
        call(agent("user").initiate_chat, society, message="go", max_turns=1)
    (asked,) = writer.asked
    assert [m["role"] for m in asked] == ["system", "user", "user", "user", "user"]
    assert [(m["name"], m["content"]) for m in asked[1:-1]] == [("society", "go"), ("inner_0", "a"), ("inner_1", "b")]
    assert asked[-1]["content"] == SocietyOfMindAgent.DEFAULT_RESPONSE_PROMPT


@pytest.mark.parametrize("kind", ["prompt", "function", "coroutine", "later"])
def test_the_answer_is_prepared_by_a_prompt_or_a_function(call, agent, team, kind):
    async def slowly(agent, messages):
        await asyncio.sleep(0)
        return f"{agent.name} heard {len(messages)}"

    preparer = {"prompt": "In French.", "coroutine": slowly}.get(kind, lambda *of: f"{of[0].name} heard {len(of[1])}")
    model = ScriptedModel("D'accord.")
    society = agent(
        "society",
        SocietyOfMindAgent,
        chat_manager=team(["a"]),
        response_preparer=None if kind == "later" else preparer,
        llm_config=model.llm_config,
    )
    if kind == "later":
        society.response_preparer = preparer
    result = call(agent("user").initiate_chat, society, message="go", max_turns=1)
    assert result.summary == ("D'accord." if kind == "prompt" else "society heard 2")
    assert [asked[-1]["content"] for asked in model.asked] == (["In French."] if kind == "prompt" else [])


def test_an_own_way_to_ask_the_model_is_used_in_both_colours(call, agent, team):
    class Loud(SocietyOfMindAgent):
        def _llm_response_preparer(self, prompt, messages):
            return super()._llm_response_preparer(prompt, messages).upper()

    society = agent("society", Loud, chat_manager=team(["a"]), llm_config=ScriptedModel("quiet").llm_config)
    assert call(agent("user").initiate_chat, society, message="go", max_turns=1).summary == "QUIET"


def test_for_each_answer_the_group_starts_afresh_and_knows_the_conversation(call, agent, team):
    with ScriptedModel("red", "blue") as thinker:
        manager = team(["", ""])
        member, _ = manager.groupchat.agents
        member.client = agent("x", llm_config=thinker.llm_config).client
        society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
        user = agent("user", default_auto_reply="And another?")
        result = call(user.initiate_chat, society, message="A colour?", max_turns=2)
    assert contents(result.chat_history) == ["A colour?", "red", "And another?", "blue"]
    assert contents(manager.groupchat.messages) == ["And another?", "blue"]
    second = [(m["role"], m.get("name"), m["content"]) for m in thinker.asked[1][1:]]
    assert second == [
        ("user", "user", "A colour?"),
        ("user", "society", "red"),
        ("user", "society", "And another?"),
    ]


def test_what_members_said_elsewhere_and_humans_typed_is_kept(call, agent, team):
    manager = team(["a"])
    member, _ = manager.groupchat.agents
    friend = agent("friend")
    friend.send("Do you remember me?", member, request_reply=False)
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
    society._human_input.append("typed outside")
    call(agent("user").initiate_chat, society, message="go", max_turns=1, clear_history=False)
    assert contents(member.chat_messages[friend]) == ["Do you remember me?"]
    assert society._human_input == ["typed outside"]


def test_calls_of_the_outer_chat_reach_the_group_as_text(call, agent, team):
    with ScriptedModel(tool_call("clock", call_id="c1"), "It is noon.") as outer:
        manager = team(["They know the time."])
        society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
        asker = agent("asker", llm_config=outer.llm_config)
        asker.register_for_execution(name="clock")(lambda: "12:00")
        group = GroupChat([asker, society], speaker_selection_method=lambda last, group: order.pop(0))
        order = [asker, asker, asker, society, None]
        call(agent("user").initiate_chat, GroupChatManager(group, silent=True, llm_config=False), message="What time is it?")
    assert contents(manager.groupchat.messages) == ["It is noon.", "They know the time."]
    member, _ = manager.groupchat.agents
    heard = member.chat_messages[manager]
    assert [(m["role"], m["name"], m["content"]) for m in heard[:3]] == [
        ("user", "user", "What time is it?"),
        ("user", "asker", "Call of clock({})"),
        ("user", "asker", "12:00"),
    ]
    assert not any("tool_calls" in m or "tool_responses" in m for m in heard)


def test_calls_inside_reach_the_preparing_model_as_text(call, agent):
    with ScriptedModel(tool_call("clock", call_id="c1"), "noon") as thinker, ScriptedModel("It is noon.") as writer:
        one = agent("one", llm_config=thinker.llm_config)
        two = agent("two")
        two.register_for_execution()(one.register_for_llm(name="clock", description="The time.")(lambda: "12:00"))
        group = GroupChat([one, two], max_round=4, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, silent=True, llm_config=False)
        society = agent("society", SocietyOfMindAgent, chat_manager=manager, llm_config=writer.llm_config)
        result = call(agent("user").initiate_chat, society, message="Time?", max_turns=1)
    assert result.summary == "It is noon."
    (asked,) = writer.asked
    assert contents(asked[1:4]) == ["Time?", "Call of clock({})", "12:00"]
    assert all(set(m) <= {"role", "name", "content"} for m in asked)


def test_a_result_of_a_tool_can_be_the_task(call, agent, team):
    manager = team(["I see."])
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
    result = {
        "role": "tool",
        "content": "12:00",
        "tool_responses": [{"tool_call_id": "c", "role": "tool", "content": "12:00"}],
    }
    assert call(society.generate_reply, messages=[result], sender=agent("user")) == "I see."
    assert manager.groupchat.messages[0] == {"role": "user", "name": "society", "content": "12:00"}


def test_it_is_a_member_like_any_other_of_a_group(call, agent, team):
    inner = team(["x"], ["y"])
    society = agent("society", SocietyOfMindAgent, chat_manager=inner, response_preparer=last_word)
    critic = agent("critic", llm_config=ScriptedModel("Well said.").llm_config)
    outer = GroupChat([society, critic], max_round=3, speaker_selection_method="round_robin")
    result = call(agent("user").initiate_chat, GroupChatManager(outer, silent=True, llm_config=False), message="go")
    assert [(m["name"], m["content"]) for m in result.chat_history] == [
        ("user", "go"),
        ("society", "y"),
        ("critic", "Well said."),
    ]
    assert [m["content"] for m in inner.groupchat.messages] == ["go", "x", "y"]


def test_a_society_can_be_in_a_society(call, agent, team):
    deepest = agent("deepest", SocietyOfMindAgent, chat_manager=team(["down here"], name="c"), response_preparer=last_word)
    group = GroupChat([deepest, agent("neighbour", default_auto_reply="up here")], max_round=3)
    group.speaker_selection_method = "round_robin"
    middle = GroupChatManager(group, name="middle_manager", silent=True, llm_config=False)
    society = agent(
        "society",
        SocietyOfMindAgent,
        chat_manager=middle,
        response_preparer=lambda agent, messages: " and ".join(contents(messages)[1:]),
    )
    result = call(agent("user").initiate_chat, society, message="Where are you?", max_turns=1)
    assert result.summary == "down here and up here"


def test_the_cost_of_all_levels_is_counted(call, agent):
    def speaker(name):
        return agent(name, llm_config=ScriptedModel(Reply(name, usage=COSTS), name=f"of {name}").llm_config)

    def society(name, *members):
        group = GroupChat(list(members), max_round=len(members) + 1, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, silent=True, llm_config=False)
        return agent(name, SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)

    deep = society("deep", speaker("a"), agent("listener"))
    flat = society("flat", deep, speaker("b"))
    outer = GroupChat([flat, speaker("c")], max_round=3, speaker_selection_method="round_robin")
    result = call(agent("user").initiate_chat, GroupChatManager(outer, silent=True, llm_config=False), message="go")
    spent = result.cost["usage_including_cached_inference"]
    assert {model: spent[model]["total_tokens"] for model in spent if model != "total_cost"} == {
        "of a": 11,
        "of b": 11,
        "of c": 11,
    }


def test_the_cost_of_a_society_that_begins_a_chat_is_counted(call, agent):
    thinker = agent("thinker", llm_config=ScriptedModel(Reply("hm", usage=COSTS), name="inside").llm_config)
    group = GroupChat([thinker], max_round=2, speaker_selection_method=lambda last, group: thinker)
    manager = GroupChatManager(group, silent=True, llm_config=False)
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
    result = call(society.initiate_chat, agent("peer", default_auto_reply="Why?"), message="I say.", max_turns=2)
    assert result.summary == "Why?"
    assert result.cost["usage_including_cached_inference"]["inside"]["total_tokens"] == 11


def test_a_cache_of_the_outer_chat_serves_the_inner_one(call, agent, team, tmp_path):
    manager = team(["a"])
    seen = []
    member, _ = manager.groupchat.agents
    member.register_reply([ConversableAgent, None], lambda me, **_: (seen.append(me.client_cache), (False, None))[1])
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
    with Cache.disk(cache_path_root=str(tmp_path)) as cache:
        call(agent("user").initiate_chat, society, message="go", max_turns=1, cache=cache)
        assert seen == [cache]


@pytest.mark.parametrize("silent", [True, False])
def test_a_silent_manager_keeps_the_whole_discussion_off_the_screen(call, agent, capsys, silent):
    group = GroupChat([agent("a", silent=None, default_auto_reply="inside"), agent("b")], max_round=2)
    group.speaker_selection_method = "round_robin"
    manager = GroupChatManager(group, name="inner_manager", silent=silent, llm_config=False)
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=lambda *_: "out", silent=None)
    call(agent("user").initiate_chat, society, message="go", max_turns=1)
    shown = capsys.readouterr().out
    assert ("inner_manager" not in shown and "inside" not in shown) is silent
    assert "society (to user):" in shown.replace("\x1b[33msociety\x1b[0m", "society")


def test_a_function_that_returns_none_ends_the_outer_chat(call, agent, team):
    society = agent("society", SocietyOfMindAgent, chat_manager=team(["a"]), response_preparer=lambda *_: None)
    result = call(agent("user").initiate_chat, society, message="go")
    assert contents(result.chat_history) == ["go"]
    assert result.stop_reason == "no_reply"


def test_it_asks_no_group_when_the_chat_is_over(call, agent, team):
    manager = team(["never asked"])
    society = agent(
        "society",
        SocietyOfMindAgent,
        chat_manager=manager,
        response_preparer=last_word,
        is_termination_msg=lambda message: message["content"] == "bye",
    )
    assert call(agent("user").initiate_chat, society, message="bye").stop_reason == "termination_message"
    assert manager.groupchat.messages == []


def test_a_human_may_speak_for_it(call, agent, team):
    society = agent(
        "society",
        SocietyOfMindAgent,
        chat_manager=team(["unheard"]),
        response_preparer=last_word,
        human_input_mode="ALWAYS",
        human_input_source=lambda prompt: "I am a human.",
    )
    assert call(agent("user").initiate_chat, society, message="go", max_turns=1).summary == "I am a human."


def test_it_executes_functions_itself(call, agent, team):
    society = agent("society", SocietyOfMindAgent, chat_manager=team(["a"]), response_preparer=last_word)
    society.register_for_execution(name="clock")(lambda: "12:00")
    asker = agent("asker", llm_config=ScriptedModel(tool_call("clock"), "Thanks.").llm_config)
    result = call(society.initiate_chat, asker, message="Ask me something.", max_turns=2)
    assert result.chat_history[2]["tool_responses"][0]["content"] == "12:00"
    assert society.chat_manager.groupchat.messages == []


def test_an_agent_that_was_made_a_manager_by_hand_will_do(call, agent):
    member = agent("member", default_auto_reply="I think so.")
    group = GroupChat([member, agent("other")], max_round=2, speaker_selection_method="round_robin")
    deputy = agent("deputy")
    deputy.register_reply(ConversableAgent, GroupChatManager.run_chat, config=group, reset_config=GroupChat.reset)
    deputy.register_reply(
        ConversableAgent,
        GroupChatManager.a_run_chat,
        config=group,
        ignore_async_in_sync_chat=True,
        reset_config=GroupChat.reset,
    )
    society = agent("society", SocietyOfMindAgent, chat_manager=deputy, response_preparer=last_word)
    for _ in range(2):
        assert call(agent("user").initiate_chat, society, message="Really?", max_turns=1).summary == "I think so."
    assert contents(group.messages) == ["Really?", "I think so."]


def test_the_group_can_be_exchanged_and_taken_away(call, agent, team):
    society = agent("society", SocietyOfMindAgent, chat_manager=team(["one"]), response_preparer=last_word)
    user = agent("user")
    assert call(user.initiate_chat, society, message="go", max_turns=1).summary == "one"
    other = team(["two"])
    society.update_chat_manager(other)
    assert society.chat_manager is other
    assert call(user.initiate_chat, society, message="go", max_turns=1).summary == "two"
    society.update_chat_manager(None)
    society._default_auto_reply = "no group"
    assert call(user.initiate_chat, society, message="go", max_turns=1).summary == "no group"


def test_in_its_own_group_it_does_not_think_again(call, agent):
    society = agent("society", SocietyOfMindAgent, chat_manager=None, response_preparer=last_word, default_auto_reply="mine")
    group = GroupChat([society, agent("other", default_auto_reply="other's")], max_round=3)
    group.speaker_selection_method = "round_robin"
    society.update_chat_manager(GroupChatManager(group, silent=True, llm_config=False))
    call(agent("user").initiate_chat, society, message="go", max_turns=1)
    assert contents(group.messages) == ["go", "other's", "mine"]


def test_a_society_that_is_asked_twice_at_once_refuses_the_second_question(agent, team):
    manager = team(["one", "two"])
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)

    async def both():
        chats = (agent(name).a_initiate_chat(society, message=name, max_turns=1) for name in ("first", "second"))
        return await asyncio.gather(*chats, return_exceptions=True)

    async def slowly(*_, **__):
        await asyncio.sleep(0)
        return False, None

    manager.groupchat.agents[0].register_reply([ConversableAgent, None], slowly)
    answered, refused = asyncio.run(both())
    assert answered.summary == "one"
    assert isinstance(refused, RuntimeError)
    assert "'society' is requested to reply while its group discusses another message" in str(refused)
    assert asyncio.run(agent("third").a_initiate_chat(society, message="third", max_turns=1)).summary == "two"


def test_societies_that_are_members_of_each_other_are_refused(call, agent):
    one = agent("one", SocietyOfMindAgent, chat_manager=None, response_preparer=last_word)
    two = agent("two", SocietyOfMindAgent, chat_manager=None, response_preparer=last_word)
    for outside, inside in ((one, two), (two, one)):
        group = GroupChat([inside, agent("listener")], max_round=2, speaker_selection_method="round_robin")
        outside.update_chat_manager(GroupChatManager(group, silent=True, llm_config=False))
    with pytest.raises(RuntimeError, match="put a society into the group of its own"):
        call(agent("user").initiate_chat, one, message="go", max_turns=1)


@pytest.mark.parametrize(
    "lines", [("first", "last"), ("first", "last TERMINATE"), ("last", "TERMINATE"), ("last.\nTERMINATE",)]
)
def test_without_a_model_the_last_message_is_the_answer(call, agent, team, lines):
    manager = team(*([line] for line in lines), is_termination_msg=lambda message: "TERMINATE" in message["content"])
    society = agent("society", SocietyOfMindAgent, chat_manager=manager)
    assert call(agent("user").initiate_chat, society, message="go", max_turns=1).summary.strip(".") == "last"


def test_members_know_who_spoke_in_the_group_outside(call, agent, team):
    with ScriptedModel("I see.") as thinker:
        manager = team(["", ""])
        manager.groupchat.agents[0].client = agent("x", llm_config=thinker.llm_config).client
        society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
        speakers = [agent(name, default_auto_reply=f"I am {name}.") for name in ("ann", "bob")]
        group = GroupChat([*speakers, society], speaker_selection_method="round_robin", max_round=4)
        outer = GroupChatManager(group, silent=True, llm_config=False)
        call(agent("user").initiate_chat, outer, message="Who is there?")
    heard = [(message.get("name"), message["content"]) for message in thinker.asked[0][1:]]
    assert heard == [("user", "Who is there?"), ("ann", "I am ann."), ("society", "I am bob.")]


def test_it_says_at_once_that_a_model_is_missing(call, agent, team):
    manager = team(["not asked"])
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer="Be brief.")
    with pytest.raises(ValueError, match="'society' has no model that could read its response_preparer"):
        call(agent("user").initiate_chat, society, message="go", max_turns=1)
    assert manager.groupchat.messages == []


def test_an_error_inside_comes_out(call, agent):
    member = agent("member", llm_config=ScriptedModel(ZeroDivisionError("inside")).llm_config)
    group = GroupChat([member, agent("other")], speaker_selection_method="round_robin")
    manager = GroupChatManager(group, silent=True, llm_config=False)
    society = agent("society", SocietyOfMindAgent, chat_manager=manager, response_preparer=last_word)
    with pytest.raises(ZeroDivisionError, match="inside"):
        call(agent("user").initiate_chat, society, message="go", max_turns=1)


def test_who_manages_no_group_is_refused(agent):
    with pytest.raises(ValueError, match="'loner' can't be the chat_manager of 'society'"):
        agent("society", SocietyOfMindAgent, chat_manager=agent("loner"))
    with pytest.raises(ValueError, match="response_preparer of 'society'"):
        agent("society", SocietyOfMindAgent, chat_manager=None, response_preparer=7)
    society = agent("society", SocietyOfMindAgent, chat_manager=None)
    with pytest.raises(ValueError, match="manages no group chat"):
        society.chat_manager = agent("loner")
    assert society.chat_manager is None


def test_its_description_says_what_it_is(agent):
    assert agent("a", SocietyOfMindAgent, chat_manager=None).description == SocietyOfMindAgent.DEFAULT_DESCRIPTION
    assert agent("b", SocietyOfMindAgent, chat_manager=None, description="Bees.").description == "Bees."
    assert agent("c", SocietyOfMindAgent, chat_manager=None, system_message="Sea.").description == "Sea."
