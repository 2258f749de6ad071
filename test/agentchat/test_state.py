"""What an agent remembers, and how it begins anew."""

import copy
import pickle
from collections import defaultdict

import pytest

from autogen import ConversableAgent
from autogen.testing import ScriptedModel


def test_resetting(call, agent):
    forgotten = []
    me, peer = agent("me", default_auto_reply="R"), agent("peer", default_auto_reply="R")
    me.register_reply([type(me)], lambda *_, **__: (False, None), config={"n": 1})
    me._reply_func_list[0]["config"]["n"] = 2
    me.register_reply([type(me)], lambda *_, **__: (False, None), config="c", reset_config=forgotten.append)
    me.register_hook("process_message_before_send", lambda sender, message, recipient, silent: message)
    me.update_max_consecutive_auto_reply(1, peer)
    call(me.initiate_chat, peer, message="hi")
    me.reset()
    assert not me.chat_messages
    assert not me._consecutive_auto_reply_counter
    assert not me.reply_at_receive
    assert me._reply_func_list[1]["config"] == {"n": 1}
    assert forgotten == ["c"]
    assert me.max_consecutive_auto_reply(peer) == 1
    assert len(me.hook_lists["process_message_before_send"]) == 1


def test_usage_is_counted_reported_and_cleared(call, agent, capsys):
    me = agent("me", llm_config=ScriptedModel("one", "two").llm_config)
    assert (me.get_actual_usage(), me.get_total_usage()) == (None, None)
    call(me.generate_reply, [{"role": "user", "content": "hi"}])
    usage = me.get_actual_usage()
    assert usage["total_cost"] == 0
    assert usage["scripted"].keys() == {"cost", "prompt_tokens", "completion_tokens", "total_tokens"}
    me.print_usage_summary()
    assert "Agent 'me':" in capsys.readouterr().out
    with pytest.raises(ValueError, match="mode"):
        me.print_usage_summary("some")
    me.reset()
    assert me.get_actual_usage() is None


def test_an_agent_without_a_model_says_so(agent, capsys):
    agent("me").print_usage_summary()
    assert "'me'" in capsys.readouterr().out
    assert agent("me").get_total_usage() is None


def test_histories_that_are_given_are_used_as_they_are(call, agent):
    peer = agent("peer", default_auto_reply="R")
    histories = defaultdict(list, {peer: [{"role": "user", "content": "before", "name": "peer"}]})
    me = agent("me", chat_messages=histories)
    call(me.initiate_chat, peer, message="now", clear_history=False, max_turns=1)
    assert me.chat_messages is histories
    assert [message["content"] for message in histories[peer]] == ["before", "now", "R"]


def test_a_plain_dict_of_histories_takes_new_peers(call, agent):
    histories = {}
    me = agent("me", chat_messages=histories)
    peer = agent("peer")
    call(me.initiate_chat, peer, message="now", max_turns=1)
    assert [message["content"] for message in histories[peer]] == ["now", ""]


def test_the_defaults_of_a_class_are_not_shared_by_its_agents(agent):
    model = ScriptedModel("x")

    class Mine(ConversableAgent):
        DEFAULT_CONFIG = {"config_list": [model.config], "cache_seed": None}
        MAX_CONSECUTIVE_AUTO_REPLY = 3

    one, two = Mine("one"), Mine("two")
    one.register_for_llm(name="f", description="F.")(lambda: "")
    assert "tools" in one.llm_config
    assert "tools" not in two.llm_config
    assert "tools" not in Mine.DEFAULT_CONFIG
    assert one.max_consecutive_auto_reply() == 3


def test_a_config_that_cannot_be_copied_says_what_to_do(agent):
    class Handle:
        def __deepcopy__(self, memo):
            raise TypeError("a socket")

    with pytest.raises(TypeError, match="__deepcopy__"):
        agent("me", llm_config={"model": "m", "api_key": "k", "http_client": Handle()})


def test_names_are_read_only_and_compare_by_identity(agent):
    me = agent("a name with spaces")
    with pytest.raises(AttributeError):
        me.name = "other"
    assert me != agent("a name with spaces")
    assert {me: 1}[me] == 1


def test_an_agent_can_be_pickled_and_copied(call, agent):
    me, peer = agent("me"), agent("peer", default_auto_reply="R")
    call(me.initiate_chat, peer, message="hi", max_turns=1)
    twin = pickle.loads(pickle.dumps(me))
    assert [message["content"] for history in twin.chat_messages.values() for message in history] == ["hi", "R"]
    assert copy.copy(me).name == "me"


def test_results_of_a_queue_are_kept(call, agent):
    me, peer = agent("me"), agent("peer", default_auto_reply="R")
    assert me.get_chat_results() == []
    call(me.initiate_chats, [{"recipient": peer, "message": "hi", "max_turns": 1, "silent": True, "chat_id": 7}])
    kept = me.get_chat_results()
    assert me.get_chat_results(7 if isinstance(kept, dict) else 0).summary == "R"


def test_printing_a_template_fills_it_in(capsys):
    user = ConversableAgent("user", human_input_mode="NEVER")
    receiver = ConversableAgent(
        "receiver", llm_config={"model": "m", "api_key": "k", "allow_format_str_template": True}, human_input_mode="NEVER"
    )
    user.send({"content": "Dear {name}", "context": {"name": "Ada"}}, receiver)
    user.send({"content": lambda context: f"Made for {context['name']}", "context": {"name": "Ada"}}, receiver)
    out = capsys.readouterr().out
    assert "Dear Ada" in out
    assert "Made for Ada" in out


def test_a_template_is_left_alone_where_it_is_not_allowed(capsys):
    user, receiver = (ConversableAgent(name, human_input_mode="NEVER") for name in ("user", "receiver"))
    user.send({"content": "Dear {name}", "context": {"name": "Ada"}}, receiver)
    assert "Dear {name}" in capsys.readouterr().out


def test_the_model_gets_the_text_and_the_history_keeps_the_template(call, agent):
    model = ScriptedModel("hello", "hello")
    me = agent("me", llm_config={**model.llm_config, "allow_format_str_template": True})
    peer = agent("peer")
    message = {"content": "Dear {name}", "context": {"name": "Ada"}}
    call(peer.initiate_chat, me, message=message, max_turns=1)
    assert model.asked[0][-1]["content"] == "Dear Ada"
    assert me.chat_messages[peer][0]["content"] == "Dear {name}"
    assert me.chat_messages[peer][0]["context"] == {"name": "Ada"}


def test_a_message_that_makes_its_text_later_is_no_termination(call, agent):
    model = ScriptedModel("hello")
    me, peer = agent("me", llm_config=model.llm_config), agent("peer")
    message = {"content": lambda context: f"Dear {context['name']}", "context": {"name": "Ada"}}
    assert call(peer.initiate_chat, me, message=message, max_turns=1).summary == "hello"
    assert model.asked[0][-1]["content"] == "Dear Ada"
