"""A model chooses the next speaker: what it is asked, how often, and what is made of its answers."""

import openai
import pytest

from autogen import GroupChat
from autogen.testing import Fault, ScriptedModel, tool_call

TASK = {"role": "user", "name": "a", "content": "Write a poem."}
SEVERAL, NONE, PROMPT = "SEVERAL {agentlist}", "NONE {agentlist}", "WHO of {agentlist}?"
TEMPLATES = {
    "select_speaker_message_template": "ROLES {roles} {agentlist}",
    "select_speaker_prompt_template": PROMPT,
    "select_speaker_auto_multiple_template": SEVERAL,
    "select_speaker_auto_none_template": NONE,
}


@pytest.fixture
def trio(agent):
    return [agent(name, description=f"Does {name}.") for name in "abc"]


@pytest.fixture
def select(call, agent):
    """Let a model choose the speaker after the first member; returns the name."""

    def select(group, config, last=None):
        selector = agent("manager", llm_config=config)
        return call(group.select_speaker, last or group.agents[0], selector).name

    return select


def group_of(members, *messages, **options):
    return GroupChat(members, list(messages or [dict(TASK)]), **{**TEMPLATES, **options})


# What is asked


def test_the_request_is_roles_record_and_question(trio, select, openai_server):
    server = openai_server("b")
    assert select(group_of(trio), server.llm_config) == "b"
    names = "['a', 'b', 'c']"
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": f"ROLES a: Does a.\nb: Does b.\nc: Does c. {names}"},
        TASK,
        {"role": "system", "name": "checking_agent", "content": f"WHO of {names}?"},
    ]
    assert len(server.requests) == 1


def test_only_candidates_are_offered(trio, select, openai_server):
    server = openai_server("c")
    assert select(group_of(trio, allow_repeat_speaker=False), server.llm_config) == "c"
    assert server.requests[0]["messages"][-1]["content"] == "WHO of ['b', 'c']?"
    assert "Does a." not in server.requests[0]["messages"][0]["content"]


def test_tool_results_are_single_messages_and_an_open_call_is_left_out(trio, select, openai_server):
    first, second = tool_call("f", call_id="1"), tool_call("f", call_id="2")
    result = {"role": "tool", "tool_call_id": "1", "content": "42"}
    messages = [
        TASK,
        {"role": "assistant", "name": "b", "content": "", "tool_calls": [first]},
        {"role": "tool", "name": "c", "content": "42", "tool_responses": [result]},
        {"role": "assistant", "name": "b", "content": "", "tool_calls": [second]},
    ]
    server = openai_server("b")
    select(group_of(trio, *messages), server.llm_config)
    asked = server.requests[0]["messages"]
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "tool", "assistant", "system"]
    assert asked[3] == result
    assert "tool_calls" in asked[2]
    assert asked[4] == {"role": "assistant", "name": "b", "content": ""}


def test_no_key_of_ours_reaches_an_endpoint(trio, select, openai_server):
    message = {**TASK, "receivers": ["b"], "context": {"x": 1}}
    for structured in (False, True):
        server = openai_server('{"next_speaker": "b"}')
        select(group_of(trio, message, select_speaker_auto_structured=structured), server.llm_config)
        assert {key for one in server.requests[0]["messages"] for key in one} == {"role", "name", "content"}


def test_the_role_of_the_question_and_of_follow_ups_can_be_the_users(trio, select, openai_server):
    server = openai_server("nobody", "b")
    select(group_of(trio, role_for_select_speaker_messages="user"), server.llm_config)
    assert [message["role"] for message in server.requests[1]["messages"]] == ["system", "user", "user", "assistant", "user"]


def test_without_a_question_the_last_message_is_what_is_answered(trio, select, openai_server):
    server = openai_server("b", "c")
    group = group_of(trio, select_speaker_prompt_template=None)
    select(group, server.llm_config)
    assert [message["content"] for message in server.requests[0]["messages"][1:]] == [TASK["content"]]
    group.reset()
    assert select(group, server.llm_config) == "c"
    assert len(server.requests[1]["messages"]) == 2


def test_the_config_for_the_choice_is_the_groups_own_or_the_managers(trio, select, openai_server, mode):
    for own in (None, False, {}):
        server = openai_server("b")
        select(group_of(trio, select_speaker_auto_llm_config=own), server.llm_config)
        assert len(server.requests) == 1
    managers, groups = openai_server("b"), openai_server("c", "c")
    group = group_of(trio, select_speaker_auto_llm_config=groups.llm_config)
    assert [select(group, managers.llm_config) for _ in range(2)] == ["c", "c"]
    assert not managers.requests
    assert groups.connections == 1 or mode == "async"  # where each call has an event loop of its own


def test_without_a_model_it_is_round_robin_and_quiet(trio, select, capsys):
    assert select(group_of(trio), False) == "b"
    assert select(group_of(trio), False, trio[1]) == "c"
    assert capsys.readouterr().out == ""


def test_one_candidate_costs_no_request(trio, select, openai_server):
    server = openai_server()
    assert select(group_of(trio[:2], allow_repeat_speaker=False), server.llm_config) == "b"
    assert not server.requests


# Answers


@pytest.mark.parametrize(
    ("answers", "chosen", "follow_ups"),
    [
        (["b"], "b", []),
        (["nobody", "c"], "c", ["NONE"]),
        (["b or c", "c"], "c", ["SEVERAL"]),
        (["b or c", "nobody", "a"], "a", ["SEVERAL", "NONE"]),
        (["nobody"] * 3, "b", ["NONE"] * 2),
        (["b or c"] * 3, "b", ["SEVERAL"] * 2),
    ],
)
def test_a_model_is_asked_again_until_it_names_one(trio, select, openai_server, caplog, answers, chosen, follow_ups):
    server = openai_server(*answers)
    group = group_of(trio)
    assert select(group, server.llm_config) == chosen
    last = server.requests[-1]["messages"]
    assert [message["content"].split()[0] for message in last[4::2]] == follow_ups
    assert [message["content"] for message in last[3::2]] == answers[:-1]
    assert len(server.requests) == len(answers)
    assert group.messages == [TASK]
    assert ("next in order" in caplog.text) is (answers in (["nobody"] * 3, ["b or c"] * 3))


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_the_number_of_attempts_is_a_setting(trio, select, openai_server, retries):
    server = openai_server(*["nobody"] * (1 + retries))
    select(group_of(trio, max_retries_for_selecting_speaker=retries), server.llm_config)
    assert len(server.requests) == 1 + retries


def test_the_fallback_is_the_next_of_the_candidates(trio, select, openai_server):
    transitions = {trio[0]: [trio[0], trio[2]], trio[2]: [trio[0]]}
    server = openai_server("b")
    group = group_of(
        trio,
        allowed_or_disallowed_speaker_transitions=transitions,
        speaker_transitions_type="allowed",
        max_retries_for_selecting_speaker=0,
    )
    assert select(group, server.llm_config) == "c"
    assert "could not name one agent" in group.last_selection


@pytest.mark.filterwarnings("ignore:The model of agent:UserWarning")
@pytest.mark.parametrize("answer", [None, "", tool_call("a")])
def test_an_answer_without_text_names_nobody(trio, select, openai_server, answer):
    assert select(group_of(trio, max_retries_for_selecting_speaker=1), openai_server(answer, "c").llm_config) in "bc"


def test_attempts_are_shown_on_request(trio, select, openai_server, capsys):
    select(group_of(trio, select_speaker_auto_verbose=True), openai_server("nobody", "b or c", "c").llm_config)
    lines = [line for line in capsys.readouterr().out.splitlines() if ">>>>>>>>" in line]
    assert [line.partition("Attempt ")[2].split()[0] for line in lines] == ["#1", "#2", "3"]
    assert all("of 3" in line for line in lines)
    assert "succeeded: c" in lines[2]
    select(group_of(trio), openai_server("b").llm_config)
    assert capsys.readouterr().out == ""


def test_what_is_cached_is_not_asked_again(trio, select, openai_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = openai_server("b")
    for _ in range(2):
        assert select(group_of(trio), {**server.llm_config, "cache_seed": 3}) == "b"
    assert len(server.requests) == 1


# A closed list


def test_a_model_that_obeys_schemas_chooses_from_a_list(trio, select, openai_server):
    server = openai_server('{"next_speaker": "c"}')
    config = {**server.llm_config, "config_list": [{**server.config, "model": "gpt-4o-mini"}]}
    group = group_of(trio)
    assert select(group, config) == "c"
    body = server.requests[0]
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["next_speaker"]["enum"] == ["a", "b", "c"]
    assert body["messages"][-1]["content"] == "WHO of ['a', 'b', 'c']?"
    assert "from the list" in group.last_selection


@pytest.mark.parametrize("answer", ["c", '{"next_speaker": "x"}', '["c"]', "{", "null", '{"next_speaker": ["c"]}'])
def test_an_answer_that_is_not_on_the_list_is_asked_for_in_words(trio, select, openai_server, answer):
    server = openai_server(answer, "c")
    assert select(group_of(trio, select_speaker_auto_structured=True), server.llm_config) == "c"
    assert len(server.requests) <= 2


def test_a_refused_schema_is_followed_by_words_within_the_attempts(trio, select, openai_server):
    refusal = Fault(status=400, message="No.")
    server = openai_server(refusal, "nobody", "nobody")
    assert select(group_of(trio, select_speaker_auto_structured=True), server.llm_config) == "b"
    assert len(server.requests) == 3
    server = openai_server(refusal)
    group = group_of(trio, select_speaker_auto_structured=True, max_retries_for_selecting_speaker=0)
    assert select(group, server.llm_config) == "b"
    assert len(server.requests) == 1


def test_a_choice_from_the_list_is_shown_on_request(trio, select, openai_server, capsys):
    group = group_of(trio, select_speaker_auto_structured=True, select_speaker_auto_verbose=True)
    select(group, openai_server("{}", "b").llm_config)
    shown = capsys.readouterr().out
    assert shown.index("Attempt 1 of 3") < shown.index("Attempt 2 of 3")


# Endpoints that fail


def strict(messages):
    """Like many templates of open models: a system message comes first or not at all, and nobody has a name."""
    if any(message["role"] == "system" for message in messages[1:]):
        return Fault(status=400, message="System message must be at the beginning.")
    if any("name" in message for message in messages):
        return Fault(status=400, message="property 'name' is unsupported")
    return "The next speaker is c."


def test_an_endpoint_that_takes_no_late_system_message_is_asked_in_another_form(trio, select, openai_server):
    server = openai_server(strict)
    group = group_of(trio, dict(TASK), {"role": "user", "name": "b", "content": "Done."})
    assert select(group, server.llm_config) == "c"
    assert "chosen by the model" in group.last_selection


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_endpoint_that_fails_does_not_end_the_chat(trio, select, openai_server, caplog, status):
    server = openai_server(lambda messages: Fault(status=status))
    group = group_of(trio)
    assert select(group, server.llm_config) == "b"
    assert len(server.requests) == 1
    assert "request to the model failed" in group.last_selection
    assert [record.levelname for record in caplog.records if "speaks next" in record.getMessage()] == ["WARNING"]


# Clients of one's own


class Own(ScriptedModel):
    """A client class that is given by its name."""

    def __init__(self, config, **_):
        super().__init__(lambda messages: "c")


def test_a_model_client_class_is_registered_for_the_choice(trio, select):
    config = {"config_list": [{"model": "m", "model_client_cls": "Own"}], "cache_seed": None}
    for given in (Own, [ScriptedModel, Own, Own]):
        options = {"select_speaker_auto_llm_config": config, "select_speaker_auto_model_client_cls": given}
        assert select(group_of(trio, **options), False) == "c"
    other = type("Own", (), {})
    for given, error in ((None, ValueError), ([ScriptedModel], ValueError), ([Own, other], RuntimeError)):
        options = {"select_speaker_auto_llm_config": config, "select_speaker_auto_model_client_cls": given}
        with pytest.raises(error, match="'Own'"):
            select(group_of(trio, **options), False)


def test_the_managers_own_client_chooses_too(trio, call, agent):
    selector = agent("manager", llm_config={"config_list": [{"model": "m", "model_client_cls": "Own"}], "cache_seed": None})
    selector.register_model_client(Own)
    assert call(group_of(trio).select_speaker, trio[0], selector).name == "c"


# Transforms


class LastOnly:
    """What transforms of messages are to a group: they can be added to an agent."""

    times = 0

    def _transform_messages(self, messages):
        self.times += 1
        return messages[-1:]

    def add_to_agent(self, agent):
        agent.register_hook("process_all_messages_before_reply", self._transform_messages)


@pytest.mark.parametrize("structured", [True, False])
def test_transforms_work_on_the_conversation_once_and_not_on_follow_ups(trio, select, openai_server, structured):
    transforms = LastOnly()
    server = openai_server("x", "nobody", "b")
    messages = [dict(TASK), {"role": "user", "name": "b", "content": "Done."}]
    group = group_of(
        trio, *messages, select_speaker_transform_messages=transforms, select_speaker_auto_structured=structured
    )
    assert group._speaker_selection_transforms is transforms
    select(group, server.llm_config)
    texts = [[message["content"] for message in request["messages"]] for request in server.requests]
    assert all(text[1] == "Done." and TASK["content"] not in text for text in texts)
    assert "nobody" in texts[2]
    assert transforms.times == 1
    assert group.messages == messages


# Descriptions


def test_descriptions_that_do_not_tell_members_apart_are_warned_about_once(agent, select, openai_server, caplog):
    members = [agent("a", description="Helps."), agent("b", description=" Helps. "), agent("c", description="")]
    group = group_of(members)
    assert not caplog.records
    for _ in range(2):
        select(group, openai_server("b").llm_config)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2
    assert "'c' has no description" in warnings[0]
    assert "a, b have the same description" in warnings[1]


# For subclasses


def test_the_internal_agents(trio, agent):
    group = group_of(trio)
    server_less = agent("manager", llm_config=ScriptedModel(lambda messages: "b").llm_config)
    checker, selector = group._create_internal_agents(trio, 3, [TASK], lambda *given, **named: (True, None), server_less)
    assert (checker.name, selector.name) == ("checking_agent", "speaker_selection_agent")
    assert selector.chat_messages[checker] == [TASK]
    assert selector.system_message == group.select_speaker_msg()
    assert selector.client is server_less.client


def test_the_validator(trio):
    group = group_of(trio)
    for text, left, reply, appended in [
        ("b", 0, None, "[AGENT SELECTED]b"),
        ("b, c", 2, SEVERAL, None),
        ("x", 1, NONE, None),
        ("b, c", 0, None, "[AGENT SELECTION FAILED]"),
        ("x", 0, None, "[AGENT SELECTION FAILED]"),
        (None, 0, None, "[AGENT SELECTION FAILED]"),
    ]:
        messages = [{"content": text, "role": "user"}]
        final, answer = group._validate_speaker_name(None, messages, None, None, left, 1, trio)
        assert final is True
        if reply is None:
            assert answer is None
            assert messages[-1]["role"] == "user"
            assert messages[-1]["content"].startswith(appended)
        else:
            names = ["a", "b", "c"]
            assert answer["content"] == reply.format(agentlist=names)
            assert (answer["name"], answer["override_role"]) == ("checking_agent", "system")
            assert len(messages) == 1


def test_a_subclass_may_look_at_the_answer_itself(trio, select, openai_server):
    class Stubborn(GroupChat):
        def _validate_speaker_name(self, recipient, messages, sender, config, attempts_left, attempt, agents):
            messages.append({"role": "user", "content": "[AGENT SELECTED]c"})
            return True, None

    assert select(Stubborn(trio, [dict(TASK)]), openai_server("b").llm_config) == "c"


def test_a_wrong_key_of_the_manager_is_an_error(trio, select):
    """It would be wrong in every round. A failure that may pass does not end the chat."""
    refused, failing = ScriptedModel(Fault(status=401)), ScriptedModel(Fault(status=500))
    with pytest.raises(openai.AuthenticationError):
        select(group_of(trio), refused.llm_config)
    assert select(group_of(trio), {**failing.llm_config, "retry_policy": {"retries": 0}}) == "b"
