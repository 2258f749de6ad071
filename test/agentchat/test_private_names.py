"""Private names of 0.2 that public programs read, call or override."""

import asyncio

import pytest

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, OpenAIWrapper, UserProxyAgent
from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor
from autogen.oai.client import OpenAIClient
from autogen.testing import OpenAIServer, ScriptedModel, tool_call

AGENT = """
    _oai_messages _reply_func_list _oai_system_message _function_map _code_execution_config _print_received_message
    _process_received_message _consecutive_auto_reply_counter _max_consecutive_auto_reply_dict _max_consecutive_auto_reply
    _is_termination_msg _default_auto_reply _message_to_dict _append_oai_message _name _description _human_input
    _finished_chats _match_trigger _format_json_str _reflection_with_llm _generate_oai_reply_from_client
    _process_message_before_send _a_process_message_before_send _a_execute_tool_call _check_chat_queue_for_sender
    _assert_valid_name _normalize_name _validate_llm_config _is_silent _prepare_chat _summarize_chat _get_chats_to_run
    _summary_from_nested_chats _last_msg_as_summary _reflection_with_llm_as_summary _process_carryover
    _process_multimodal_carryover _handle_carryover _str_for_tool_response _wrap_function
    _generate_code_execution_reply_using_executor _raise_exception_on_async_reply_functions
"""
GROUP = """
    _VALID_SPEAKER_SELECTION_METHODS _VALID_SPEAKER_TRANSITIONS_TYPE _mentioned_agents _participant_roles _finalize_speaker
    _prepare_and_select_agents _auto_select_speaker _create_internal_agents _validate_speaker_name
    _process_speaker_selection_result
"""
MANAGER = "_groupchat _valid_resume_messages _process_resume_termination _prepare_chat _silent"
EXECUTOR = "_work_dir _timeout _functions _functions_module _setup_functions _execute_code_dont_check_setup"


def make(name, kind=ConversableAgent, **options):
    return kind(name, **{"llm_config": False, "human_input_mode": "NEVER", "default_auto_reply": "hm", **options})


def make_group():
    return GroupChat([make("a"), make("b")])


@pytest.mark.parametrize(
    ("build", "name"),
    [
        *((lambda: make("a", AssistantAgent), name) for name in AGENT.split()),
        *((make_group, name) for name in GROUP.split()),
        *((lambda: GroupChatManager(make_group()), name) for name in MANAGER.split()),
        *((lambda: LocalCommandLineCodeExecutor(), name) for name in EXECUTOR.split()),
        *(
            (lambda: OpenAIWrapper(config_list=[{"model": "m", "api_key": "k"}]), name)
            for name in ("_clients", "_config_list")
        ),
        (lambda: OpenAIWrapper(config_list=[{"model": "m", "api_key": "k"}])._clients[0], "_oai_client"),
    ],
)
def test_the_name_exists(build, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hasattr(build(), name)


def talk(call, sender, recipient, **options):
    result = call(sender.initiate_chat, recipient, **{"message": "hi", "max_turns": 1, "silent": True, **options})
    return [message["content"] for message in result.chat_history]


@pytest.mark.parametrize("hooked", [False, True])
def test_outgoing_messages_pass_the_override(call, mode, hooked):
    class Own(ConversableAgent):
        def _process_message_before_send(self, message, recipient, silent):
            return f"<{super()._process_message_before_send(message, recipient, silent)}>"

    a, b = make("a", Own), make("b", Own)
    if hooked:
        b.register_hook("process_message_before_send", lambda sender, message, recipient, silent: message.upper())
    assert talk(call, a, b) == ["<hi>", "<HM>" if hooked else "<hm>"]


def test_the_async_override_is_for_async_chats(call, mode):
    class Own(ConversableAgent):
        async def _a_process_message_before_send(self, message, recipient, silent):
            await asyncio.sleep(0)
            return f"a<{message}>"

    expected = ["hi", "hm"] if mode == "sync" else ["a<hi>", "a<hm>"]
    assert talk(call, make("a", Own), make("b", Own)) == expected


def test_a_manager_may_change_what_it_passes_on(call):
    class Own(GroupChatManager):
        def _process_message_before_send(self, message, recipient, silent):
            return {**message, "content": f"<{message['content']}>"}

    members = [make("a"), make("b")]
    group = GroupChat(members, max_round=3, speaker_selection_method="round_robin")
    call(members[0].initiate_chat, Own(group), message="hi", silent=True)
    (history,) = members[1].chat_messages.values()
    assert history[0]["content"] == "<hi>"


def test_tool_calls_of_async_chats_pass_the_override():
    class Own(ConversableAgent):
        async def _a_execute_tool_call(self, tool_call):
            response = await super()._a_execute_tool_call(tool_call)
            return {**response, "content": f"<{response['content']}>"}

    def add(a: int, b: int) -> int:
        return a + b

    with ScriptedModel([tool_call("add", a=1, b=2), tool_call("add", a=3, b=4)], "done") as model:
        caller, executor = make("a", llm_config=model.llm_config), make("b", Own)
        caller.register_for_llm(description="Add.")(add)
        executor.register_for_execution()(add)
        result = asyncio.run(executor.a_initiate_chat(caller, message="hi", max_turns=2, silent=True))
    responses = result.chat_history[2]["tool_responses"]
    assert [response["content"] for response in responses] == ["<3>", "<7>"]
    assert all(response["tool_call_id"] for response in responses)


def test_a_queue_passes_the_override(call):
    class Own(ConversableAgent):
        def _check_chat_queue_for_sender(self, chat_queue):
            return [{**chat, "message": "changed"} for chat in super()._check_chat_queue_for_sender(chat_queue)]

    a = make("a", Own)
    queue = [{"chat_id": 1, "recipient": make("b"), "message": "hi", "max_turns": 1, "silent": True}]
    results = call(a.initiate_chats, queue)
    assert next(iter(results.values() if isinstance(results, dict) else results)).chat_history[0]["content"] == "changed"


@pytest.mark.parametrize(("final", "text", "chosen"), [(True, "b", "b"), (True, "a or b", "b"), (False, "c", "b")])
def test_a_speaker_is_finalized(final, text, chosen):
    a, b, c = map(make, "abc")
    assert GroupChat([a, b, c])._finalize_speaker(a, final, text, [a, b, c]).name == chosen


def test_functions_are_set_up_by_the_override(tmp_path):
    class Own(LocalCommandLineCodeExecutor):
        def _setup_functions(self):
            (tmp_path / "functions.py").write_text("def f(): return 'own'")
            self._setup_functions_complete = True

    def f():
        return "original"

    code = CodeBlock(language="python", code="from functions import f\nprint(f())")
    assert Own(work_dir=tmp_path, functions=[f]).execute_code_blocks([code]).output == "own\n"


def test_a_coroutine_that_overrides_get_human_input_is_awaited():
    class Own(UserProxyAgent):
        async def get_human_input(self, prompt):
            await asyncio.sleep(0)
            return "typed"

    user = Own("user", human_input_mode="ALWAYS", code_execution_config=False)
    result = asyncio.run(make("a").a_initiate_chat(user, message="hi", max_turns=1, silent=True))
    assert result.chat_history[-1]["content"] == "typed"


@pytest.mark.parametrize("api_type", ["OpenAI", "OPENAI", "openai", "Open_AI"])
def test_an_api_type_is_known_in_any_case(api_type, caplog):
    with OpenAIServer("hi") as server:
        agent = make("a", llm_config={"config_list": [{**server.config, "api_type": api_type}], "cache_seed": None})
        assert agent.generate_reply([{"role": "user", "content": "x"}]) == "hi"
    assert "unknown" not in caplog.text.lower()


def test_azure_is_known_in_any_case():
    config = {
        "model": "gpt-3.5",
        "api_key": "k",
        "base_url": "https://x.openai.azure.com",
        "api_version": "1",
        "api_type": "Azure",
    }
    client = OpenAIWrapper(config_list=[config])._clients[0]
    assert isinstance(client, OpenAIClient)
    assert type(client._oai_client).__name__ == "AzureOpenAI"


@pytest.mark.parametrize("method", ["receive", "_process_received_message"])
def test_messages_that_a_manager_passes_on_are_not_its_own(call, caplog, method):
    def listen(self, *args, **kwargs):
        return getattr(ConversableAgent, method)(self, *args, **kwargs)

    spy = type("Spy", (ConversableAgent,), {method: listen})
    members = [make("a", spy), make("b", spy), *(make(name, default_auto_reply="") for name in "xy")]
    order = iter("xyxyxa")
    group = GroupChat(members, max_round=7, speaker_selection_method=lambda last, group: group.agent_by_name(next(order)))
    call(members[0].initiate_chat, GroupChatManager(group), message="hi", silent=True)
    assert "'chat_manager' sends" not in caplog.text
