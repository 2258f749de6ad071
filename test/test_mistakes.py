"""Mistakes are reported where they are made: what was typed, and what is said."""

import inspect
import json
import logging
import sys
import traceback

import pytest

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, OpenAIWrapper, UserProxyAgent
from autogen.agentchat._core import argument_checks
from autogen.agentchat.chat import initiate_chats
from autogen.oai._config.environment import DEFAULT_MODELS
from autogen.oai._endpoints.provider_registry import PROVIDERS
from autogen.testing import ScriptedModel

ENTRY = {"model": "m", "api_key": "k"}


def make(name="a", **options):
    return ConversableAgent(
        name, **{"llm_config": False, "human_input_mode": "NEVER", "default_auto_reply": "hm", **options}
    )


def configure(config):
    return make(llm_config=config)


def chat(message="hi", recipient=None, **options):
    return make().initiate_chat(recipient or make("b"), message=message, silent=True, max_turns=1, **options)


def nest(spec, **options):
    make().register_nested_chats([spec], make("outer"), **options)


def manage(group, **options):
    return GroupChatManager(group, **options)


ERRORS = [
    # an agent
    (lambda: make(""), ValueError, "name of an agent must not be empty, got ''"),
    (lambda: make(" "), ValueError, "name of an agent must not be empty"),
    (lambda: make(None), TypeError, "name of an agent must be a string, got None"),
    (lambda: make(system_message={"role": "system", "content": "x"}), TypeError, "got the dict .* Pass its 'content'"),
    (lambda: make(system_message=7), TypeError, "system_message must be a string, .* got 7"),
    (lambda: make().update_system_message({"content": "x"}), TypeError, "system_message must be a string, got the dict"),
    (lambda: make(is_termination_msg="TERMINATE"), TypeError, "must be a function of a message.* got 'TERMINATE': lambda"),
    (lambda: make(max_consecutive_auto_reply="3"), TypeError, "max_consecutive_auto_reply must be a number .* '3'"),
    (lambda: make(function_map=[len]), TypeError, "function_map must be a dict of functions by name"),
    (lambda: make(code_execution_config=True), ValueError, "must be a dict or False, got True"),
    # a model
    (lambda: configure("gpt-4"), AssertionError, "must be a dict, False or None, got a str"),
    (lambda: configure({"config_list": dict(ENTRY)}), ValueError, "got a single dict: put it into brackets"),
    (lambda: configure({"config_list": ["gpt-4"]}), ValueError, "Entry 1 of the config_list must be a dict, got str"),
    (lambda: OpenAIWrapper(config_list=dict(ENTRY)), ValueError, "must be a list of dicts, got a single dict"),
    (lambda: configure({"config_list": [{"modle": "m"}]}), ValueError, "entry 1 has no 'model'; found 'modle'"),
    (lambda: configure({"config_list": [ENTRY, {"api_key": "k"}]}), ValueError, "entry 2 has no 'model'; found 'api_key'"),
    (lambda: configure({"config_lst": [ENTRY]}), ValueError, "has no 'model'; found 'config_lst'"),
    (lambda: configure({"temperature": 0}), ValueError, "names no model: it has no 'model'; found 'temperature'"),
    (lambda: configure({}), ValueError, "names no model: it has no 'model'; found nothing"),
    (lambda: configure({"config_list": []}), ValueError, "names no model"),
    (lambda: configure({"model": "gpt-4o"}), ValueError, "'gpt-4o' has no credentials: .* OPENAI_API_KEY.*local"),
    (lambda: configure({"model": "m", "base_url": "http://127.0.0.1:1"}), ValueError, "has no credentials.*\"not-needed\""),
    # a chat
    (lambda: chat(recipient="b"), TypeError, "recipient must be an agent, got 'b'"),
    (lambda: chat(recipient=GroupChat([make("x"), make("y")])), TypeError, "got GroupChat.* Pass its GroupChatManager"),
    (lambda: chat(message=3), TypeError, "message must be a string, or a dict with 'content' or calls, got 3"),
    (lambda: make().send(3, make("b")), TypeError, "message must be a string, or a dict .*, got 3"),
    (lambda: chat(max_turns="3"), TypeError, "multiple values|max_turns"),
    (lambda: chat(summary_method="last_message"), AssertionError, "got 'last_message'"),
    (lambda: chat(summary_method="reflection_with_lm"), AssertionError, "Did you mean 'reflection_with_llm'"),
    (lambda: make().run("hi", tool=[]), TypeError, "unexpected keyword argument 'tool'. Did you mean 'tools'"),
    (lambda: make().run("hi", context=1), TypeError, "unexpected keyword argument 'context'.$"),
    (lambda: make().run_iter(message="hi", max_turn=1), TypeError, "Did you mean 'max_turns'"),
    # a group
    (lambda: manage([make(), make("b")]), TypeError, r"be a GroupChat, got \[.*GroupChatManager\(GroupChat\(agents\)\)"),
    (lambda: GroupChat(["a", "b"]), ValueError, "agents must be a list of agents, got 'a' in it"),
    (lambda: GroupChat(make()), ValueError, "agents must be a list of agents, got "),
    (lambda: GroupChat([], None), ValueError, "messages must be a list, got None"),
    (lambda: GroupChat([], [], "10"), ValueError, "max_round must be a number, got '10'"),
    (lambda: GroupChat([], speaker_selection_method="round-robin"), ValueError, "Did you mean 'round_robin'"),
    (lambda: GroupChat([], speaker_selection_method=None), ValueError, "must be one of 'auto', .*, got None"),
]  # fmt: skip
"""A mistake, the error, and its words."""

WARNINGS = [
    (lambda: chat(sumary_method=None), "initiate_chat has no 'sumary_method', did you mean 'summary_method'"),
    (lambda: chat(Message="x"), "initiate_chat has no 'Message', did you mean 'message'"),
    (lambda: make().run(lambda *_: "hi", max_turn=1, silent=True), "initiate_chat has no 'max_turn'"),
    (
        lambda: initiate_chats([{"sender": make(), "recipient": make("b"), "message": "x", "max_turns": 1, "slient": True}]),
        "initiate_chat has no 'slient', did you mean 'silent'",
    ),
    (lambda: nest({"recipent": make("b"), "message": "x"}), "initiate_chat has no 'recipent', did you mean 'recipient'"),
    (lambda: nest({"recipient": make("b")}, postion=0), "register_nested_chats ignores 'postion'. Did you mean 'position'"),
    (
        lambda: make(code_execution_config={"use_docker": False, "work_dri": "x"}),
        "code_execution_config has no 'work_dri'. Did you mean 'work_dir'",
    ),
    (
        lambda: make(code_execution_config={"use_docker": False, "folder": "x"}),
        "code_execution_config has no 'folder'. Its keys are: executor, last_n_messages",
    ),
    (lambda: configure({**ENTRY, "temprature": 0}), "llm_config has no 'temprature', did you mean 'temperature'"),
    (lambda: configure({"config_list": [{**ENTRY, "api_typ": "x"}]}), "llm_config, entry 1, has no 'api_typ'"),
    *(
        (lambda key=key: configure({"model": "m", "api_key": key}), "api_key in llm_config is a placeholder")
        for key in ("<your OpenAI API key here>", "YOUR_API_KEY", "your-key", "sk-...", "sk-xxxxxxxx", "${OPENAI_API_KEY}")
    ),
    (
        lambda: configure({"config_list": [ENTRY, {"model": "m", "api_key": "<key>"}]}),
        "api_key in entry 2 of llm_config is a placeholder",
    ),
]
"""A mistake that programs of 0.2 get away with, and the words of the warning."""

RIGHT = [
    lambda: chat(problem="x", n_results=3, question="y", search_string="z", carryover="c"),
    lambda: make().run(lambda *_: "hi", problem="x", silent=True),
    lambda: configure({**ENTRY, "min_p": 0.1, "request_timeout": 3, "repetition_penalty": 1.1}),
    lambda: configure({"model": "m", "api_key": "xxx", "base_url": "http://127.0.0.1:1"}),
    lambda: configure({"temperature": 0, "model": "m", "config_list": [{"api_key": "k"}]}),
    lambda: configure({"config_list": [{"engine": "m", "api_key": "k", "api_base": "http://127.0.0.1:1"}]}),
    lambda: make(system_message=[{"type": "text", "text": "x"}]),
    lambda: make(code_execution_config={"executor": "commandline-local", "commandline-local": {"timeout": 3}}),
    lambda: make(max_consecutive_auto_reply=float("inf")),
]
"""Arguments that are not mistakes, though some of them look so."""


@pytest.mark.parametrize(("mistake", "error", "words"), ERRORS)
def test_a_mistake_is_an_error_at_once(mistake, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        mistake()


@pytest.mark.parametrize(("mistake", "words"), WARNINGS)
def test_a_warning_points_at_the_line_of_the_mistake(mistake, words):
    with pytest.warns(UserWarning, match=words) as caught:
        mistake()
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("call_of_program", RIGHT)
def test_nothing_is_said_without_a_mistake(call_of_program, caplog):
    with caplog.at_level(logging.WARNING, "autogen"):
        call_of_program()
    assert "did you mean" not in caplog.text


def test_every_parameter_is_known():
    """The names that are compared with a program's are those of the signatures."""
    chat_parameters = set(inspect.signature(ConversableAgent.initiate_chat).parameters) - {"self", "kwargs"}
    assert chat_parameters | {"carryover"} == argument_checks.CHAT_PARAMETERS
    nested = set(inspect.signature(ConversableAgent.register_nested_chats).parameters) - {"self", "kwargs"}
    assert nested == argument_checks.NESTED_PARAMETERS
    task = set(inspect.signature(ConversableAgent.run).parameters) - {"self", "kwargs"}
    assert task <= argument_checks.TASK_PARAMETERS


def test_an_override_of_run_code_may_have_keys_of_its_own():
    class Remote(ConversableAgent):
        def run_code(self, code, **kwargs):
            return 0, str(kwargs["region"]), None

    agent = Remote("a", llm_config=False, code_execution_config={"use_docker": False, "region": "north"})
    assert "north" in agent.generate_code_execution_reply([{"role": "user", "content": "```python\n1\n```"}])[1]


# Logged, because programs of 0.2 do it on purpose


def test_agents_of_one_name_are_reported(caplog):
    GroupChat([make(), make(), make("b")])
    assert "2 agents of the group have the name 'a'" in caplog.text


def talk_in_group(members, **options):
    manager = GroupChatManager(GroupChat(members, max_round=4, **options), llm_config=False)
    members[0].initiate_chat(manager, message="hi", silent=True)
    return manager.groupchat.messages


def test_a_manager_without_a_model_says_why_it_takes_turns(caplog):
    assert len(talk_in_group([make(), make("b", description="x")], allow_repeat_speaker=True)) == 4
    texts = [record.message for record in caplog.records if record.levelname == "WARNING" and "no model" in record.message]
    assert len(texts) == 1
    assert "llm_config" in texts[0]


def test_a_test_that_ends_nothing_in_a_group_is_a_hint(caplog):
    def is_done(message):
        return "DONE" in message["content"]

    b = make("b", is_termination_msg=is_done, default_auto_reply="DONE")
    assert len(talk_in_group([make(), b], speaker_selection_method="round_robin")) == 4
    assert [record.message for record in caplog.records if "is_termination_msg" in record.message] == [
        "The message of 'b' passes its own is_termination_msg, which ends nothing in a group chat: the test of the "
        "GroupChatManager is applied. Pass is_termination_msg to the manager."
    ]


# An assistant whose `llm_config` was left out


@pytest.fixture
def no_keys(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for provider in PROVIDERS.values():
        for variable in provider.connection.key_variables:
            monkeypatch.delenv(variable, raising=False)
    return tmp_path


def ask(assistant):
    return UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False).initiate_chat(
        assistant, message="hi", max_turns=1, silent=True
    )


@pytest.mark.parametrize("where", ["variable", "file"])
def test_an_assistant_takes_the_config_list_that_the_user_has_set_up(no_keys, openai_server, monkeypatch, caplog, where):
    server = openai_server("one")
    text = json.dumps([server.config])
    if where == "variable":
        monkeypatch.setenv("OAI_CONFIG_LIST", text)
    else:
        (no_keys / "OAI_CONFIG_LIST").write_text(text)
    assistant = AssistantAgent("assistant")
    assert assistant.client is None
    assert ask(assistant).summary == "one"
    assert ask(assistant.clone()).summary == "one"
    logged = [record.message for record in caplog.records if "no llm_config" in record.message]
    text = "so it uses a model of the environment: scripted (first of 1 in OAI_CONFIG_LIST)."
    assert logged == [f"Agent 'assistant' has no llm_config, {text}"]


@pytest.mark.parametrize("api_type", DEFAULT_MODELS)
def test_an_assistant_takes_the_vendor_whose_key_is_set(no_keys, monkeypatch, caplog, api_type):
    variable = PROVIDERS[api_type].connection.key_variables[0]
    monkeypatch.setenv(variable, "k")
    assistant = AssistantAgent("assistant")

    @assistant.register_for_llm(description="Tell the time.")
    def tell_time() -> str:
        return "12:00"

    assert assistant.llm_config["config_list"] == [{"model": DEFAULT_MODELS[api_type], "api_type": api_type}]
    assert f"({variable} is set)" in caplog.text


def test_with_nothing_set_up_an_assistant_says_what_it_needs(no_keys, caplog):
    with pytest.raises(ValueError, match=r'(?s)llm_config.*"api_type": "local"'):
        ask(AssistantAgent("assistant"))
    assert ask(AssistantAgent("assistant", default_auto_reply="hm")).summary == "hm"
    assert "It replies with its default_auto_reply" in caplog.text


def test_only_an_assistant_without_llm_config_looks_for_a_model(no_keys, monkeypatch):
    class Own(AssistantAgent):
        pass

    monkeypatch.setenv("OPENAI_API_KEY", "k")
    for other in (AssistantAgent("a", llm_config=False), ConversableAgent("a", human_input_mode="NEVER"), Own("a")):
        assert ask(other).summary == ""
        assert other.client is None
    with ScriptedModel("own") as model:
        assert ask(AssistantAgent("a", llm_config=model.llm_config)).summary == "own"


# Tracebacks end in the program's line


def raise_in_reply(recipient, messages, sender, config):
    raise KeyError("of the program")


def find_visible_frames(error):
    """Return the functions that pytest shows of a traceback."""
    entries = pytest.ExceptionInfo.from_exception(error).traceback.filter(pytest.ExceptionInfo.from_exception(error))
    return [entry.name for entry in entries]


def fail_in_reply():
    agent = make("b")
    agent.register_reply([ConversableAgent, None], raise_in_reply)
    chat(recipient=agent)


@pytest.mark.parametrize(
    ("mistake", "last"),
    [
        (lambda: make(""), "make"),
        (lambda: configure({"config_list": [{"modle": "m"}]}), "make"),
        (lambda: chat(recipient="b"), "chat"),
        (lambda: chat(message=3), "chat"),
        (fail_in_reply, "raise_in_reply"),
    ],
)
def test_pytest_shows_the_program_alone(mistake, last):
    with pytest.raises(Exception) as caught:
        mistake()
    names = find_visible_frames(caught.value)
    assert names[-1] == last
    assert not {"run_sync", "run_chat", "__init__", "initiate_chat", "check_name"} & set(names)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a bare raise restores the whole traceback there")
@pytest.mark.parametrize("mistake", [lambda: chat(message=3), lambda: chat(recipient="b")])
def test_a_terminal_shows_the_method_that_was_called(mistake):
    with pytest.raises((TypeError, ValueError)) as caught:
        mistake()
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    own = names[names.index("initiate_chat") + 1 :]
    assert own in ([], ["check_recipient"])
