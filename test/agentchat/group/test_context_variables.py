"""The variables that agents share, and the texts that are filled from them."""

import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.agentchat.group import ContextStr, ContextVariables, UpdateSystemMessage

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


def test_it_is_a_mapping_that_iterates_over_names():
    known = ContextVariables({"a": 1})
    known["b"] = 2
    known.set("c", 3)
    assert list(known) == list(known.keys()) == ["a", "b", "c"]
    assert known["a"] == known.get("a") == 1
    assert known.get("x", 9) == 9
    assert "b" in known
    assert known.contains("b")
    assert not known.contains("x")
    assert len(known) == 3
    assert list(known.items()) == [("a", 1), ("b", 2), ("c", 3)]
    assert list(known.values()) == [1, 2, 3]
    assert {**known} == {"a": 1, "b": 2, "c": 3} == known
    assert known.remove("a") is True
    assert known.remove("a") is False
    known.update({"b": 5}, d=6)
    assert known == {"b": 5, "c": 3, "d": 6}
    del known["b"]
    known.clear()
    assert not known
    assert known == ContextVariables()


def test_to_dict_is_a_copy_one_level_deep():
    inner = [1]
    data = {"a": inner}
    known = ContextVariables.from_dict(data)
    data["b"] = 2
    assert "b" not in known
    copied = known.to_dict()
    copied["c"] = 3
    assert "c" not in known
    assert copied["a"] is inner


def test_a_missing_variable_is_a_key_error():
    with pytest.raises(KeyError, match="x"):
        ContextVariables()["x"]


@pytest.mark.parametrize("name", [1, None, ("a",)])
def test_a_name_must_be_text(name):
    with pytest.raises(TypeError, match="must be text"):
        ContextVariables({name: 1})


@given(st.dictionaries(st.text(), JSON))
def test_json_holds_them_and_brings_them_back(data):
    assert ContextVariables(json.loads(ContextVariables(data).to_json())) == ContextVariables(data)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="'agent'"):
        ContextVariables({"ok": 1, "agent": object()}).to_json()


def test_secrets_do_not_show():
    assert "hunter2" not in repr(ContextVariables({"password": "hunter2", "name": "Ada"}))


def test_a_template_is_filled():
    text = ContextStr("{name} has {count} orders of {price:.2f}, {{name}}.")
    assert text.format({"name": "Ada", "count": 2, "price": 3}) == "Ada has 2 orders of 3.00, {name}."


@pytest.mark.parametrize(
    "template",
    [
        *("{unknown}", "{known.__class__}", "{known[0]}", "{}", "{0}", '{"a": {"b": 1}}', "{", "}} {", "{known:zz}"),
        *("{unknown[a]}", "{known:{width}}", '{{{"a": {{}}}}}', "{known[__class__]}", "{}, {{}}"),
    ],
)
def test_everything_else_in_a_template_stays_as_it_is(template):
    assert ContextStr(template).format({"known": "value"}) == template


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('User {who[name]}; answer {{"a": 1}}', 'User Ann; answer {"a": 1}'),
        ("{who[tags][1]} {who[tags][9]} {who[tags][x]} {who[0]}", "b {who[tags][9]} {who[tags][x]} zero"),
        ("{who[name]!r:>6} {n:03d} {n!s}", " 'Ann' 007 7"),
        # not a format string: braces stay, and items are still read
        ('{who[name]} {"a": {"b": {{n}}}}', 'Ann {"a": {"b": {n}}}'),
        ("{{{n}}}", "{7}"),
        ("{{n}} {n.real}", "{n} {n.real}"),
    ],
)
def test_a_template_is_a_format_string(template, text):
    variables = {"who": {"name": "Ann", "tags": ["a", "b"], 0: "zero"}, "n": 7}
    assert ContextStr(template).format(variables) == text


@given(st.text(alphabet="{}abk!:.[]_ \"'", max_size=40))
def test_no_template_raises(template):
    ContextStr(template).format({"a": 1, "b": "{a}", "k": None})


@given(NAMES, st.text())
def test_values_are_not_taken_for_templates(name, value):
    assert ContextStr(f"<{{{name}}}>").format({"x": "filled", name: value}) == f"<{value}>"


def test_attributes_of_values_are_never_evaluated():
    class Trap:
        @property
        def secret(self):
            raise AssertionError("an attribute was read")

        def __str__(self):
            return "trap"

    assert ContextStr("{it} {it.secret} {it.secret.x}").format({"it": Trap()}) == "trap {it.secret} {it.secret.x}"


def test_a_template_must_be_text():
    with pytest.raises(TypeError, match="must be text"):
        ContextStr(None)


def test_a_system_message_is_updated_before_each_reply(call, agent, member):
    clerk = member("clerk", lambda messages: messages[0]["content"])
    clerk.register_hook("update_agent_state", UpdateSystemMessage("You serve {customer}, {nobody}."))
    user = agent("user")
    for name in ("Ada", "Bob"):
        clerk.context_variables["customer"] = name
        result = call(user.initiate_chat, clerk, message="Hi", max_turns=1)
        assert result.summary == f"You serve {name}, {{nobody}}."


def test_a_function_may_make_the_system_message(call, agent, member):
    clerk = member("clerk", "one")
    clerk.register_hook("update_agent_state", UpdateSystemMessage(lambda own, messages: f"{own.name}: {len(messages)}"))
    call(agent("user").initiate_chat, clerk, message="Hi", max_turns=1)
    assert clerk.model.asked[0][0]["content"] == "clerk: 1"


def test_a_coroutine_hook_is_awaited_in_asynchronous_chats(mode, call, agent):
    seen = []

    async def note(own, messages):
        seen.append("awaited")

    clerk = agent("clerk", default_auto_reply="yes")
    clerk.register_hook("a_update_agent_state", note)
    clerk.register_hook("update_agent_state", lambda own, messages: seen.append("plain"))
    call(agent("user").initiate_chat, clerk, message="Hi", max_turns=1)
    assert seen == [{"sync": "plain", "async": "awaited"}[mode]]


def test_a_program_may_apply_the_updates_itself(agent):
    clerk = agent("clerk", update_agent_state_before_reply=UpdateSystemMessage("You serve {customer}."))
    clerk.context_variables["customer"] = "Ada"
    clerk.update_agent_state_before_reply([])
    assert clerk.system_message == "You serve Ada."


def test_a_function_that_gives_no_text_is_refused(agent):
    clerk = agent("clerk")
    clerk.register_hook("update_agent_state", UpdateSystemMessage(lambda own, messages: None))
    with pytest.raises(TypeError, match="must return text"):
        clerk.generate_reply(messages=[{"role": "user", "content": "Hi"}])


def test_a_template_without_placeholders_warns():
    with pytest.warns(UserWarning, match="no placeholders"):
        UpdateSystemMessage("You serve customers.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        UpdateSystemMessage("You serve {customer}.")


def test_other_updates_are_refused():
    with pytest.raises(TypeError, match="template or a function"):
        UpdateSystemMessage(3)
    with pytest.raises(ValueError, match="an agent and messages"):
        UpdateSystemMessage(lambda agent: "x")


def test_agents_have_variables_of_their_own_outside_of_groups(agent):
    one, other = agent("one"), agent("other")
    one.context_variables["a"] = 1
    assert "a" not in other.context_variables
    one.context_variables = shared = ContextVariables()
    assert one.context_variables is shared
