"""AG2's safeguard policies: each kind of rule, with each action, in two-agent chats and in groups."""

import asyncio
import json

import pytest

from autogen import GroupChat, GroupChatManager, events
from autogen.agentchat.group import initiate_group_chat, run_group_chat
from autogen.agentchat.group.patterns import RoundRobinPattern
from autogen.agentchat.group.safeguards import (
    SafeguardEnforcer,
    SafeguardEvent,
    apply_safeguard_policy,
    reset_safeguard_policy,
)
from autogen.testing import ScriptedModel, tool_call


def make_policy(section, source, destination, **rule):
    group = "inter_agent_safeguards" if section == "agent_transitions" else "agent_environment_safeguards"
    rule = {"check_method": "regex", "pattern": "secret", **rule}
    return {group: {section: [{"message_source": source, "message_destination": destination, **rule}]}}


NOTES = []


def note(text: str) -> str:
    """Note a text."""
    NOTES.append(text)
    return f"the secret of {text}"


@pytest.fixture
def pair(agent):
    """Make a user and an assistant that calls the user's tool."""
    NOTES.clear()
    model = ScriptedModel(tool_call("note", text="my SECRET"), "a secret reply")
    user, assistant = agent("user", default_auto_reply="next"), agent("assistant", llm_config=model.llm_config)
    assistant.register_for_llm(description="Note.")(note)
    user.register_for_execution()(note)
    assistant.model = model
    return user, assistant


@pytest.mark.parametrize(
    ("action", "expected"),
    [("block", "🛡️ BLOCKED: Not that."), ("mask", "a [MASKED] reply"), ("warning", "a secret reply")],
)
@pytest.mark.parametrize(
    ("section", "source", "destination"),
    [("agent_transitions", "assistant", "user"), ("agent_transitions", "*", "*"), ("llm_interaction", "llm", "assistant")],
)
def test_a_reply_is_blocked_masked_or_warned_about(call, pair, section, source, destination, action, expected):
    user, assistant = pair
    rule = {"pattern": "secret(?= rep)", "activation_message": "Not that."}
    policy = make_policy(section, source, destination, violation_response=action, **rule)
    apply_safeguard_policy(agents=list(pair), policy=policy)
    result = call(user.initiate_chat, assistant, message="go", max_turns=2)
    assert result.chat_history[-1]["content"] == expected
    assert NOTES == ["my SECRET"]


@pytest.mark.parametrize("source", ["assistant", "user"])
@pytest.mark.parametrize("action", ["block", "mask"])
def test_a_call_that_is_blocked_is_not_made(call, pair, source, action):
    user, assistant = pair
    apply_safeguard_policy(agents=list(pair), policy=make_policy("tool_interaction", source, "note", action=action))
    result = call(user.initiate_chat, assistant, message="go", max_turns=2)
    response = result.chat_history[2]["tool_responses"][0]["content"]
    if action == "mask":
        assert (NOTES, response) == (["my [MASKED]"], "the secret of my [MASKED]")
    else:
        assert not NOTES
        assert response.startswith("🛡️ BLOCKED: ")


def test_results_requests_and_human_inputs(call, agent, pair):
    user, assistant = pair
    user.human_input_mode, user.human_input_source = "ALWAYS", lambda prompt: "typed secret"
    apply_safeguard_policy(agents=list(pair), policy=make_policy("tool_interaction", "note", "user", action="mask"))
    apply_safeguard_policy(agents=[user], policy=make_policy("user_interaction", "user", "user", action="mask"))
    apply_safeguard_policy(agents=[assistant], policy=make_policy("llm_interaction", "assistant", "llm", action="mask"))
    result = call(user.initiate_chat, assistant, message="a secret", max_turns=2)
    # What the model gets, and what the history has.
    assert assistant.model.requests[0]["messages"][-1]["content"] == "a [MASKED]"
    assert result.chat_history[0]["content"] == "a secret"
    assert result.chat_history[2]["content"] == "typed [MASKED]"


def test_blocked_calls_and_results_keep_a_form_that_endpoints_take(pair):
    enforcer = SafeguardEnforcer(make_policy("agent_transitions", "*", "*"), agents=list(pair))
    calls = {"content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a": "secret"}'}}]}
    assert enforcer.check_and_act("user", "assistant", calls).keys() == {"content"}
    results = {
        "role": "tool",
        "content": "secret",
        "tool_responses": [{"tool_call_id": "1", "role": "tool", "content": "secret"}],
    }
    blocked = enforcer.check_and_act("user", "assistant", results)
    assert blocked["tool_responses"] == [{"tool_call_id": "1", "role": "tool", "content": blocked["content"]}]
    assert enforcer.check_and_act("user", "assistant", "fine") is None


def test_without_agents_the_hooks_are_for_the_program_to_register():
    rule = {"message_source": "writer", "message_destination": "search", "pattern": "secret"}
    enforcer = SafeguardEnforcer({"agent_environment_safeguards": {"tool_interaction": [rule]}})
    assert enforcer.create_agent_hooks("writer").keys() == {"safeguard_tool_inputs"}
    assert enforcer.create_agent_hooks("reader") == {}


def test_a_rule_about_one_member_leaves_the_others_alone(call, agent):
    a, b, c = (
        agent("a", default_auto_reply="a secret"),
        agent("b", default_auto_reply="b"),
        agent("c", default_auto_reply="c"),
    )
    manager = GroupChatManager(GroupChat([a, b, c], speaker_selection_method="round_robin", max_round=3), silent=True)
    apply_safeguard_policy(groupchat_manager=manager, policy=make_policy("agent_transitions", "a", "b", action="mask"))
    call(c.initiate_chat, manager, message="hi")
    seen = {name: [m["content"] for m in member.chat_messages[manager]] for name, member in (("b", b), ("c", c))}
    assert "a [MASKED]" in seen["b"]
    assert "a secret" in seen["c"]
    reset_safeguard_policy(groupchat_manager=manager)
    call(c.initiate_chat, manager, message="hi")
    assert "a secret" in [message["content"] for message in b.chat_messages[manager]]


@pytest.mark.parametrize("as_file", [False, True])
def test_a_policy_of_a_group_function_counts_for_its_chat(mode, agent, tmp_path, as_file):
    policy = {"inter_agent_safeguards": {"groupchat_message_check": {"disallow_item": ["ages"], "pet_action": "mask"}}}
    if as_file:
        (tmp_path / "policy.json").write_text(json.dumps(policy))
        policy = str(tmp_path / "policy.json")
    hit, miss = '{"activated": true, "justification": "an age"}', '{"activated": false}'
    checking, masking = ScriptedModel(miss, hit), ScriptedModel("I am [MASKED].")
    a, b = agent("a", default_auto_reply="I am 99."), agent("b", default_auto_reply="b")
    pattern = RoundRobinPattern(initial_agent=a, agents=[a, b])
    configs = {"safeguard_llm_config": checking.llm_config, "mask_llm_config": masking.llm_config}
    response = run_group_chat(pattern, "hi", 2, safeguard_policy=policy, **configs)
    found = [event for event in response.events if isinstance(event, SafeguardEvent)]
    assert [message["content"] for message in response.messages] == ["hi", "I am [MASKED]."]
    assert [event.content.event_type for event in found] == ["load", "violation", "action"]
    assert found[1].content.guardrail_type == "groupchat_message_check"
    assert not any(a.hook_lists.values())
    with pytest.raises(ValueError, match="need a safeguard_policy"):
        initiate_group_chat(pattern, "hi", mask_llm_config=masking.llm_config)


def test_reset_leaves_the_hooks_of_the_program(call, agent):
    def shout(sender, message, recipient, silent):
        return message.upper()

    a, b = agent("a", default_auto_reply="x"), agent("b", default_auto_reply="y")
    a.register_hook("process_message_before_send", shout)
    apply_safeguard_policy(agents=[a], policy=make_policy("agent_transitions", "a", "*", action="mask"))
    assert call(a.initiate_chat, b, message="a secret", max_turns=1).chat_history[0]["content"] == "A [MASKED]"
    reset_safeguard_policy(agents=[a])
    assert a.hook_lists["process_message_before_send"] == [shout]
    assert call(a.initiate_chat, b, message="a secret", max_turns=1).chat_history[0]["content"] == "A SECRET"


def test_a_policy_holds_beside_async_hooks_of_the_program(agent):
    """Async chats prefer async hooks of the program to its sync ones; a policy is neither."""

    async def shout(sender, message, recipient, silent):
        return message.upper()

    a, b = agent("a"), agent("b")
    a.register_hook("a_process_message_before_send", shout)
    apply_safeguard_policy(agents=[a], policy=make_policy("agent_transitions", "a", "*", action="mask"))
    result = asyncio.run(a.a_initiate_chat(b, message="a secret", max_turns=1))
    assert result.chat_history[0]["content"] == "A [MASKED]"


@pytest.mark.parametrize("point", ["tool_inputs", "tool_outputs", "llm_inputs", "llm_outputs", "human_inputs"])
def test_a_hook_of_the_program_blocks_with_none(call, pair, point):
    user, assistant = pair
    user.human_input_mode, user.human_input_source = ("ALWAYS" if point == "human_inputs" else "NEVER"), lambda _: "typed"
    (user if point in ("tool_inputs", "tool_outputs", "human_inputs") else assistant).register_hook(
        f"safeguard_{point}", lambda value: None
    )
    result = call(user.initiate_chat, assistant, message="go", max_turns=2)
    assert "BLOCKED" in str(assistant.model.requests) + str(result.chat_history)
    assert bool(NOTES) is (point not in ("tool_inputs", "human_inputs", "llm_outputs"))


def test_events_have_no_secrets(pair):
    seen = []
    key = "sk-" + "a" * 40
    with events.subscribe(seen.append, types=[events.SafeguardActed, events.GuardrailChecked]):
        enforcer = SafeguardEnforcer(make_policy("agent_transitions", "*", "*", pattern="sk-"), agents=list(pair))
        enforcer.check_and_act("user", "assistant", "x" * 80 + f" {key}")
    assert [event.event_type for event in seen if isinstance(event, events.SafeguardActed)] == [
        "load",
        "violation",
        "action",
    ]
    assert "aaaa" not in json.dumps([event.to_dict() for event in seen])


BASE = {"message_source": "user", "message_destination": "assistant", "pattern": "x"}


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        ([], "must be a dict or the path of a JSON file, got a list"),
        ("no/such/file.json", "no/such/file.json' can't be read"),
        ({"inter_agent_safeguard": {}}, "got 'inter_agent_safeguard'. Did you mean 'inter_agent_safeguards'"),
        ({"inter_agent_safeguards": {"agent_transition": []}}, "Did you mean 'agent_transitions'"),
        ({"inter_agent_safeguards": {"agent_transitions": {}}}, None),
        ({"inter_agent_safeguards": {"agent_transitions": [{"message_source": "user"}]}}, "needs 'message_destination'"),
        (make_policy("agent_transitions", "user", "asistant"), "names 'asistant', .* Did you mean 'assistant'"),
        (make_policy("agent_transitions", "user", "*", pattern="("), "pattern .* is not valid"),
        (make_policy("agent_transitions", "user", "*", pattern=None), "needs a 'pattern'"),
        (make_policy("agent_transitions", "user", "*", action="stop"), "must be 'block', 'mask' or 'warning', got 'stop'"),
        (make_policy("agent_transitions", "user", "*", check_method="magic"), "must be 'regex' or 'llm', got 'magic'"),
        (make_policy("agent_transitions", "user", "*", check_method="llm"), "needs a 'custom_prompt'"),
        (
            make_policy("agent_transitions", "user", "*", check_method="llm", custom_prompt="rude"),
            "give a safeguard_llm_config",
        ),
        (make_policy("llm_interaction", "user", "assistant"), "must have 'llm' on one side"),
        (
            make_policy("tool_interaction", "user", "notes"),
            "Agent 'user' does not have the tool 'notes'.* Did you mean 'note'",
        ),
        (make_policy("tool_interaction", "nobody", "note"), "names 'nobody'|does not have"),
    ],
)
def test_mistakes_are_found_before_anything_is_installed(pair, policy, error):
    if error is None:
        apply_safeguard_policy(agents=list(pair), policy=policy)
    else:
        with pytest.raises(ValueError, match=error):
            apply_safeguard_policy(agents=list(pair), policy=policy)
    assert not any(hooks for member in pair for hooks in member.hook_lists.values())


def test_a_policy_needs_agents():
    for function in (apply_safeguard_policy, reset_safeguard_policy):
        options = {"policy": {}} if function is apply_safeguard_policy else {}
        with pytest.raises(ValueError, match="needs agents or a groupchat_manager"):
            function(**options)
