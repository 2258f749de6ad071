"""`GPTAssistantAgent` as programs of 0.2 use it: over records on this machine, with models of several protocols."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
from assistants_service import AssistantsService

from autogen import Cache, GroupChat, GroupChatManager, UserProxyAgent
from autogen.agentchat.contrib.gpt_assistant_agent import AssistantNotFoundError, AssistantStore, GPTAssistantAgent
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.control import ChatControl
from autogen.oai.openai_utils import retrieve_assistants_by_name
from autogen.testing import OpenAIServer, Reply, ResponsesServer, ScriptedModel, tool_call

pytestmark = pytest.mark.filterwarnings("ignore:(deprecated$|The Assistants API is deprecated):DeprecationWarning")
WEATHER = {
    "name": "get_weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
}
FUNCTION = {"type": "function", "function": WEATHER}


@pytest.fixture(autouse=True)
def own_store(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGEN_ASSISTANTS", str(tmp_path / "assistants.json"))


@pytest.fixture
def user(agent):
    return agent("user")


def assistant(script, name="helper", **options):
    model = script if isinstance(script, ScriptedModel) else ScriptedModel(*script)
    options = {"instructions": "Help.", "silent": True, "llm_config": model.llm_config, **options}
    return GPTAssistantAgent(name, **options), model


def contents(messages):
    return [(message["role"], message["content"]) for message in messages]


# Chats.


def test_a_chat_with_an_assistant(call, user):
    helper, model = assistant(["Hello.", "I am fine."])
    result = call(user.initiate_chat, helper, message="Hi", max_turns=1)
    assert result.summary == "Hello."
    call(user.initiate_chat, helper, message="How are you?", max_turns=1, clear_history=False)
    assert contents(model.asked[1]) == [
        ("system", "Help."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "How are you?"),
    ]


def test_each_partner_has_a_thread(call, user, agent):
    helper, model = assistant(["one", "two"])
    other = agent("other")
    call(user.initiate_chat, helper, message="a", max_turns=1)
    call(other.initiate_chat, helper, message="b", max_turns=1)
    assert contents(model.asked[1]) == [("system", "Help."), ("user", "b")]
    threads = helper.oai_threads
    assert list(threads) == [user, other]
    assert threads[user].id != threads[other].id
    assert threads[user].id.startswith("thread_")


def test_functions_are_executed_within_the_run(call, user):
    helper, model = assistant([tool_call("get_weather", town="Oslo"), "It rains."], assistant_config={"tools": [FUNCTION]})
    helper.register_function({"get_weather": lambda town: f"rain in {town}"})
    result = call(user.initiate_chat, helper, message="Weather?", max_turns=1)
    assert contents(result.chat_history) == [("assistant", "Weather?"), ("user", "It rains.")]
    assert model.asked[1][-1]["content"] == "rain in Oslo"
    assert [tool["function"]["name"] for tool in model.requests[0]["tools"]] == ["get_weather"]
    assert not helper.can_execute_function("get_weather")


def test_a_function_of_the_partner_is_executed_too_and_failures_are_reported(call, user):
    helper, model = assistant([tool_call("get_weather", town="Oslo"), "Sorry."])

    def get_weather(town: str) -> str:
        raise KeyError("no such town")

    helper.register_for_llm(description="Tell the weather.")(get_weather)
    user.register_for_execution()(get_weather)
    assert call(user.initiate_chat, helper, message="Weather?", max_turns=1).summary == "Sorry."
    assert "no such town" in model.asked[1][-1]["content"]


def test_the_functions_of_an_assistant_are_its_own_before_those_of_its_partner(call, user):
    helper, model = assistant([tool_call("who"), "done"], function_map={"who": lambda: "helper"})
    user.register_function({"who": lambda: "user"})
    call(user.initiate_chat, helper, message="Who?", max_turns=1)
    assert model.asked[1][-1]["content"] == "helper"


def test_rounds_of_calls_are_bounded(call, user):
    helper, model = assistant(
        [tool_call("who"), tool_call("who"), "never"],
        function_map={"who": lambda: "me"},
        assistant_config={"max_tool_rounds": 2},
    )
    with pytest.warns(UserWarning, match="ended after 2 rounds"):
        call(user.initiate_chat, helper, message="Who?", max_turns=1)
    assert len(model.asked) == 2


def test_steps_can_be_stored_in_the_history(call, user):
    helper, _ = assistant(
        [tool_call("who"), "done"], function_map={"who": lambda: "me"}, assistant_config={"show_steps": True}
    )
    call(user.initiate_chat, helper, message="Who?", max_turns=1)
    assert [message["role"] for message in helper.chat_messages[user]] == ["user", "assistant", "tool", "assistant"]


def test_replies_that_are_not_sent_lose_no_message(call, user):
    helper, model = assistant(["draft", "final"])
    call(user.send, "one", helper, request_reply=False)
    assert call(helper.generate_reply, sender=user)["content"] == "draft"
    # 0.2 took the next message for the reply, and skipped it.
    call(user.send, "two", helper, request_reply=False)
    assert call(helper.generate_reply, sender=user)["content"] == "final"
    assert [text for role, text in contents(model.asked[1]) if role == "user"] == ["one", "two"]


def test_messages_that_hooks_copy_are_not_sent_twice(call, user):
    helper, model = assistant(["a", "b", "c"])
    helper.register_hook("process_all_messages_before_reply", lambda messages: [dict(m) for m in messages][-2:])
    for text in ("1", "2", "3"):
        call(user.initiate_chat, helper, message=text, max_turns=1, clear_history=False)
    assert [text for _, text in contents(model.asked[2])] == ["Help.", "1", "a", "2", "b", "3"]


def test_the_thread_has_a_reply_as_a_hook_has_changed_it(call, user):
    helper, model = assistant(["a", "b"])
    helper.register_hook(
        "process_message_before_send", lambda sender, message, recipient, silent: {**message, "content": "changed"}
    )
    for text in ("1", "2"):
        call(user.initiate_chat, helper, message=text, max_turns=1, clear_history=False)
    assert [text for _, text in contents(model.asked[1])] == ["Help.", "1", "changed", "2"]


def test_messages_of_any_form_are_read():
    helper, model = assistant(["ok"])
    picture = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "http://a.test/x.png"}}]
    final, reply = helper._invoke_assistant(
        [
            {"role": "user", "content": None, "tool_calls": []},
            {"role": "function", "name": "f", "content": "result"},
            {"role": "user", "content": picture},
        ]
    )
    assert (final, reply) == (True, {"role": "assistant", "content": "ok"})
    assert [message["role"] for message in model.asked[0]] == ["system", "assistant", "user"]
    assert model.asked[0][-1]["content"][0] == {"type": "text", "text": "see"}


def test_after_a_reset_nothing_of_before_is_seen(call, user):
    helper, model = assistant(["a", "b", "c"])
    call(user.initiate_chat, helper, message="old", max_turns=1)
    helper.reset()
    assert helper.oai_threads == {}
    call(user.initiate_chat, helper, message="new", max_turns=1, clear_history=False)
    assert [text for _, text in contents(model.asked[1])] == ["Help.", "new"]
    helper.clear_history(user)
    call(user.initiate_chat, helper, message="newer", max_turns=1)
    assert [text for _, text in contents(model.asked[2])] == ["Help.", "newer"]


def test_two_assistants_in_a_group(call, agent, user):
    first, _first_model = assistant(["from the first"], "first")
    second, second_model = assistant(["from the second"], "second")
    group = GroupChat([user, first, second], [], max_round=3, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, silent=True)
    call(user.initiate_chat, manager, message="Discuss.")
    assert [(m["name"], m["content"]) for m in group.messages[1:]] == [
        ("first", "from the first"),
        ("second", "from the second"),
    ]
    # Names of the speakers, which 0.2 lost.
    assert [m.get("name") for m in second_model.asked[0][1:]] == ["user", "first"]
    assert len(second.oai_threads) == 1


def test_usage_and_the_cache_are_those_of_any_agent(call, user, tmp_path):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    helper, model = assistant([Reply("a", usage=usage)])
    with Cache.disk(1, str(tmp_path)) as cache:
        for _ in range(2):
            result = call(user.initiate_chat, helper, message="1", max_turns=1, cache=cache)
    assert len(model.asked) == 1
    assert result.cost["usage_including_cached_inference"]["total_cost"] >= 0
    assert helper.get_actual_usage()[model.name]["prompt_tokens"] == 10


def test_the_system_message_can_be_changed(call, user):
    helper, model = assistant(["a"])
    helper.update_system_message("Be brief.")
    call(user.initiate_chat, helper, message="1", max_turns=1)
    assert model.asked[0][0]["content"] == "Be brief."
    assert helper.get_assistant_instructions() == "Help."


def test_a_saved_state_has_the_threads(call, user, agent):
    helper, _ = assistant([tool_call("who"), "I am."], function_map={"who": lambda: "me"})
    call(user.initiate_chat, helper, message="Who?", max_turns=1)
    state = json.loads(json.dumps(helper.save_state()))
    copy, model = assistant(["Again."], function_map={"who": lambda: "me"})
    copy.load_state(state, [user])
    assert copy.oai_threads[user].id == helper.oai_threads[user].id
    call(user.initiate_chat, copy, message="More?", max_turns=1, clear_history=False)
    assert [m["role"] for m in model.asked[0]] == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_a_thread_is_printed(capsys, user):
    helper, _ = assistant(["Hello."])
    user.initiate_chat(helper, message="Hi", max_turns=1)
    helper.pretty_print_thread(helper.oai_threads[user])
    output = capsys.readouterr().out
    assert "Hi" in output
    assert "Hello." in output


# Assistants.


def test_the_same_construction_takes_the_same_assistant():
    name = f"helper-{uuid.UUID(int=1)}"
    first, _ = assistant([], name)
    again, _ = assistant([], name)
    assert first.assistant_id == again.assistant_id
    assert len(retrieve_assistants_by_name(None, name)) == 1
    other, _ = assistant([], name, instructions="Help more.")
    assert other.assistant_id != first.assistant_id
    assert len(retrieve_assistants_by_name(None, name)) == 2
    tools, _ = assistant([], name, assistant_config={"tools": [FUNCTION]})
    third = {"type": "function", "function": {**WEATHER, "name": "get_time"}}
    assistant([], name, assistant_config={"tools": [third]})
    assert len(retrieve_assistants_by_name(None, name)) == 4
    assert tools.openai_assistant.tools[0].function.name == "get_weather"
    tools.delete_assistant()
    with pytest.raises(openai.NotFoundError):
        tools.delete_assistant()
    assert len(retrieve_assistants_by_name(None, name)) == 3


def test_instructions_of_an_assistant_by_id():
    stored = assistant([])[0].assistant_id
    kept, _ = assistant([], instructions=None, assistant_config={"assistant_id": stored})
    assert kept.system_message == "Help."
    with pytest.warns(UserWarning, match="overwrite_instructions=True"):
        used, _ = assistant([], instructions="Other.", assistant_config={"assistant_id": stored})
    assert (used.system_message, used.get_assistant_instructions()) == ("Other.", "Help.")
    config = {"assistant_id": stored}
    changed, _ = assistant([], instructions="Other.", assistant_config=config, overwrite_instructions=True)
    assert changed.get_assistant_instructions() == "Other."
    assert AssistantStore().retrieve(stored).instructions == "Other."


def test_tools_of_an_assistant_by_id():
    stored = assistant([], assistant_config={"tools": [FUNCTION]})[0].assistant_id
    kept, _ = assistant([], assistant_config={"assistant_id": stored})
    assert len(kept.openai_assistant.tools) == 1
    with pytest.warns(UserWarning, match="overwrite_tools=True"):
        assistant([], assistant_config={"assistant_id": stored, "tools": []})
    config = {"assistant_id": stored, "tools": [], "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}}
    changed, _ = assistant([], assistant_config=config, overwrite_tools=True)
    assert changed.openai_assistant.tools == []
    assert changed.openai_assistant.tool_resources.file_search.vector_store_ids == ["vs_1"]


def test_an_id_of_the_ended_service():
    with pytest.raises(ValueError, match=r"ended in August 2026.*autogen assistants import"):
        assistant([], instructions=None, assistant_config={"assistant_id": "asst_old"})
    with pytest.warns(UserWarning, match="ended in August 2026"):
        helper, _ = assistant([], assistant_config={"assistant_id": "asst_old"})
    assert helper.assistant_id == "asst_old"
    # Once: it is a record now.
    assert assistant([], instructions=None, assistant_config={"assistant_id": "asst_old"})[0].system_message == "Help."
    with pytest.raises(AssistantNotFoundError, match="asst_x"):
        assistant([], instructions=None, assistant_config={"assistant_id": "asst_x", "store": ":memory:"})


def test_a_new_assistant_without_instructions_has_those_of_assistants():
    helper, _ = assistant([], instructions=None)
    assert "TERMINATE" in helper.system_message
    assert helper.description == helper.system_message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"llm_config": False}, "needs a model"),
        ({"system_message": "x"}, "pass instructions="),
        ({"assistant_config": {"backend": "respnses"}}, "Did you mean 'responses'"),
        ({"assistant_config": {"conversation_state": "sever"}}, "Did you mean 'server'"),
        ({"assistant_config": {"conversation_state": "server"}}, "needs an endpoint with the Responses API"),
        ({"assistant_config": {"max_tool_rounds": 0}}, "positive whole number"),
        ({"assistant_config": {"check_every_ms": -1}}, "check_every_ms"),
        ({"assistant_config": {"tools": [{"name": "f"}]}}, "a dict with a 'type'"),
        ({"assistant_config": {"tools": [{"type": "function"}]}}, "needs its schema"),
        ({"assistant_config": {"tools": [{"type": "code_interpreter"}]}}, "no code interpreter"),
        ({"assistant_config": {"tools": [{"type": "file_search"}]}}, "no file search"),
        (
            {"assistant_config": {"file_ids": ["f"], "tool_resources": {"file_search": {"vector_store_ids": ["v"]}}}},
            "not both",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_of_no_use_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        assistant([], **options)


def test_a_misspelt_setting_and_the_old_place_of_settings_are_reported():
    with pytest.warns(UserWarning, match=r"no key 'tolls'.*tools"):
        assistant([], assistant_config={"tolls": []})
    config = {**ScriptedModel().llm_config, "tools": [FUNCTION], "check_every_ms": 5}
    with pytest.warns(DeprecationWarning, match="pass assistant_config="):
        helper, _ = assistant([], llm_config=config)
    assert helper.openai_assistant.tools[0].function.name == "get_weather"


# Tools on this machine.


def test_code_runs_by_the_executor_of_the_agent(call, user, tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    config = {"tools": [{"type": "code_interpreter"}], "executor": executor}
    helper, model = assistant([tool_call("code_interpreter", code="print(6 * 7)"), "42"], assistant_config=config)
    assert call(user.initiate_chat, helper, message="6 * 7?", max_turns=1).summary == "42"
    assert model.asked[1][-1]["content"] == "exitcode: 0\n42\n"


def test_files_are_searched_here(call, user, tmp_path):
    (tmp_path / "zebra.md").write_text("# Zebras\n\nThe zebra of the house is called Ottokar.\n")
    config = {"files": [tmp_path / "zebra.md"]}
    helper, model = assistant([tool_call("file_search", query="zebra name"), "Ottokar."], assistant_config=config)
    assert call(user.initiate_chat, helper, message="Its name?", max_turns=1).summary == "Ottokar."
    result = model.asked[1][-1]["content"]
    assert "not instructions" in result
    assert "zebra.md" in result
    assert "Ottokar" in result


def test_a_missing_file_is_reported_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.txt"):
        assistant([], assistant_config={"files": [tmp_path / "gone.txt"]})


# The Responses API.


def test_the_endpoint_runs_its_own_tools(call, user):
    annotations = [
        {"end": 9, "start": 0, "document": "zoo.pdf", "file_id": "file_1"},
        {"end": 9, "start": 0, "url": "http://a.test/", "title": "A page"},
    ]
    config = {
        "backend": "responses",
        "tools": [{"type": "code_interpreter"}, {"type": "retrieval"}, FUNCTION],
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}, "code_interpreter": {"file_ids": ["file_2"]}},
    }
    script = [
        Reply(tool_calls=[tool_call("get_weather", town="Oslo")], thinking="hm"),
        Reply("It rains.", citations=annotations),
    ]
    with ResponsesServer(*script) as server:
        helper, _ = assistant([], llm_config=server.llm_config, assistant_config=config)
        helper.register_function({"get_weather": lambda town: "rain"})
        result = call(user.initiate_chat, helper, message="Weather?", max_turns=1)
    assert result.summary == "It rains. [0] [1]\n[0] zoo.pdf\n[1] A page: http://a.test/"
    tools = {tool["type"]: tool for tool in server.requests[0]["tools"]}
    assert tools["file_search"] == {"type": "file_search", "vector_store_ids": ["vs_1"]}
    assert tools["code_interpreter"]["container"] == {"type": "auto", "file_ids": ["file_2"]}
    assert tools["function"]["name"] == "get_weather"
    # The reasoning goes back with the call that it belongs to.
    kinds = [item.get("type", item.get("role")) for item in server.requests[1]["input"]]
    assert kinds == ["user", "reasoning", "function_call", "function_call_output"]
    assert helper.openai_client is not None


def test_an_endpoint_may_keep_the_conversation_and_work_in_the_background(call, user, agent):
    calls = [tool_call("get_weather", town="Oslo")]
    config = {"backend": "responses", "conversation_state": "server", "tools": [FUNCTION]}
    with ResponsesServer(Reply(tool_calls=calls, thinking="hm"), "Rain.", "You are welcome.", "Hi.", polls=1) as server:
        llm_config = {**server.llm_config, "background": True, "poll_interval": 0.001}
        helper, _ = assistant([], llm_config=llm_config, assistant_config=config)
        helper.register_function({"get_weather": lambda town: "rain"})
        call(user.initiate_chat, helper, message="Weather?", max_turns=1)
        call(user.initiate_chat, helper, message="Thanks.", max_turns=1, clear_history=False)
        call(agent("other").initiate_chat, helper, message="Hello.", max_turns=1)
    inputs = [[item.get("type") or item["content"] for item in request["input"]] for request in server.requests]
    assert inputs == [["Weather?"], ["function_call_output"], ["Thanks."], ["Hello."]]
    assert all(request["background"] for request in server.requests)
    # Each partner has a conversation.
    conversations = [request["conversation"] for request in server.requests]
    assert len(set(conversations[:3])) == 1
    assert conversations[3] != conversations[0]


def test_openais_own_endpoint_is_asked_by_the_responses_api():
    helper, _ = assistant([], llm_config={"model": "gpt-4o", "api_key": "sk-x"})
    assert helper.llm_config["api_type"] == "responses"
    helper, _ = assistant([], llm_config={"config_list": [{"model": "gpt-4o", "api_key": "sk-x"}]})
    assert helper.llm_config["config_list"][0]["api_type"] == "responses"
    with OpenAIServer("a") as server:
        helper, _ = assistant([], llm_config=server.llm_config)
    assert "api_type" not in helper.llm_config["config_list"][0]


# A service that still offers assistants.


def service_config(**settings):
    return {"backend": "assistants", "check_every_ms": 1, **settings}


def test_a_run_of_a_service(call, user):
    def answer(service, run):
        if run["outputs"] or "Weather" not in service.texts(run["thread_id"])[-1][1]:
            return f"It is {run['outputs'][0]['output']}." if run["outputs"] else "Hello."
        return {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"town": "Oslo"}'}}

    with AssistantsService(answer) as service:
        config = service_config(tools=[FUNCTION])
        helper, _ = assistant([], llm_config=service.llm_config, assistant_config=config)
        helper.register_function({"get_weather": lambda town: "wet"})
        assert call(user.initiate_chat, helper, message="Hi", max_turns=1).summary == "Hello."
        assert call(user.initiate_chat, helper, message="Weather?", max_turns=1, clear_history=False).summary == "It is wet."
        thread = helper.oai_threads[user]
        assert service.texts(thread.id) == [
            ("user", "Hi"),
            ("assistant", "Hello."),
            ("user", "Weather?"),
            ("assistant", "It is wet."),
        ]
        again, _ = assistant([], llm_config=service.llm_config, assistant_config=config)
        assert again.assistant_id == helper.assistant_id
        assert len(retrieve_assistants_by_name(helper.openai_client, "helper")) == 1
        helper.reset()
        assert service.objects["threads"] == {}
        helper.delete_assistant()
        with pytest.raises(openai.NotFoundError):
            helper.delete_assistant()


def test_annotations_and_pictures_of_a_service(call, user):
    citation = {"type": "file_citation", "text": "【1】", "start_index": 3, "end_index": 6}
    made = {"type": "file_path", "text": "sandbox:/x", "start_index": 8, "end_index": 18}

    def answer(service, run):
        annotations = [
            {**citation, "file_citation": {"file_id": source["id"], "quote": "so"}},
            {**made, "file_path": {"file_id": source["id"]}},
        ]
        text = {"type": "text", "text": {"value": "One【1】 sandbox:/x end", "annotations": annotations}}
        return [text, {"type": "image_file", "image_file": {"file_id": "file_9"}}]

    with AssistantsService(answer) as service:
        source = service.add(
            "files", "file", object="file", filename="zoo.txt", bytes=1, purpose="assistants", status="processed"
        )
        helper, _ = assistant([], llm_config=service.llm_config, assistant_config=service_config())
        summary = call(user.initiate_chat, helper, message="Hi", max_turns=1).summary
    lines = summary.split("\n")
    assert lines[0] == "One [0]  [1] end"
    assert lines[2:] == ["[1] Click <here> to download zoo.txt", "Received file id=file_9"]


def test_a_failed_run_of_a_service(call, user):
    with AssistantsService(lambda service, run: "status:failed") as service:
        helper, _ = assistant([], llm_config=service.llm_config, assistant_config=service_config())
        with pytest.raises(ValueError, match=r"run_.*thread_.*'failed'"):
            call(user.initiate_chat, helper, message="Hi", max_turns=1)


@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_a_chat_that_is_stopped_cancels_its_run(call, user, tmp_path, has_checkpoint):
    control = ChatControl()
    options = {"message": "Hi", "max_turns": 1, "control": control}
    if has_checkpoint:
        options["checkpoint"] = tmp_path / "chat.db"

    def answer(service, run):
        control.stop()
        return "status:in_progress"

    with AssistantsService(answer) as service:
        helper, _ = assistant([], llm_config=service.llm_config, assistant_config=service_config())
        assert call(user.initiate_chat, helper, **options).stop_reason == "stopped"
        [run] = service.objects["runs"].values()
    # A resumed chat asks for it again.
    assert run["status"] == ("in_progress" if has_checkpoint else "cancelled")


def test_a_server_without_assistants_has_none():
    with OpenAIServer() as server, openai.OpenAI(api_key="k", base_url=server.base_url + "/none", max_retries=0) as client:
        assert retrieve_assistants_by_name(client, "nobody") == []


def test_a_resumed_chat_asks_neither_a_service_nor_a_model_again(call, user, tmp_path):
    with AssistantsService(lambda service, run: "Hello.") as service:
        for _ in range(2):
            helper, _ = assistant([], llm_config=service.llm_config, assistant_config=service_config())
            result = call(user.initiate_chat, helper, message="Hi", max_turns=1, checkpoint=tmp_path / "service.db")
            assert result.summary == "Hello."
        assert len(service.objects["threads"]) == 1
        assert len(service.objects["messages"]) == 2
    model = ScriptedModel(tool_call("who"), "I am.")
    for _ in range(2):
        helper, _ = assistant(model, function_map={"who": lambda: "me"})
        result = call(user.initiate_chat, helper, message="Who?", max_turns=1, checkpoint=tmp_path / "local.db")
        assert result.summary == "I am."
    assert len(model.asked) == 2


# Files that were made.


def test_made_pictures_are_saved_in_their_folder_alone(call, user, tmp_path):
    picture = {"type": "image_generation_call", "id": "../../up", "status": "completed", "result": "cGljdHVyZQ=="}
    folder = tmp_path / "inner" / "made"
    config = {"backend": "responses", "download_folder": folder}
    with ResponsesServer(
        Reply("Here.", items=[picture]), Reply("Here.", items=[picture]), Reply("", items=[picture])
    ) as server:
        helper, _ = assistant([], llm_config=server.llm_config, assistant_config=config)
        first, second = (call(user.initiate_chat, helper, message="Draw.", max_turns=1).summary for _ in range(2))
        other, _ = assistant([], "other", llm_config=server.llm_config, assistant_config={"backend": "responses"})
        assert call(user.initiate_chat, other, message="Draw.", max_turns=1).summary == "Received file id=../../up"
    paths = [Path(text.removeprefix("Here.\nReceived file ")) for text in (first, second)]
    assert paths[0] != paths[1]
    assert all(path.parent == folder and path.read_bytes() == b"picture" for path in paths)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("up")] == []


# The store.


def test_threads_share_a_store(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: AssistantStore(tmp_path / "a.json").create(name=str(number)), range(24)))
    assert sorted(int(record.name) for record in AssistantStore(tmp_path / "a.json").list()) == list(range(24))
    assert {path.name for path in tmp_path.iterdir()} <= {"a.json", "a.json.lock"}


def test_a_foreign_file_is_not_touched(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"mine": true}')
    with pytest.raises(ValueError, match="Move it away"):
        AssistantStore(path).create(name="a")
    assert path.read_text() == '{"mine": true}'


def test_lists_of_the_service_are_imported(tmp_path):
    exported = {
        "object": "list",
        "data": [{"id": "asst_1", "object": "assistant", "name": "old", "instructions": "Be old."}],
    }
    file = tmp_path / "export.json"
    file.write_text(json.dumps(exported))
    assert [record.id for record in AssistantStore().import_file(file)] == ["asst_1"]
    helper, _ = assistant([], "old", instructions=None, assistant_config={"assistant_id": "asst_1"})
    assert helper.system_message == "Be old."
    file.write_text("[1]")
    with pytest.raises(ValueError, match="a JSON list of assistants"):
        AssistantStore().import_file(file)


def test_a_proxy_of_0_2_talks_to_an_assistant(call):
    helper, _ = assistant(["TERMINATE"])
    proxy = UserProxyAgent(
        "proxy",
        code_execution_config=False,
        human_input_mode="NEVER",
        is_termination_msg=lambda msg: "TERMINATE" in msg["content"],
        silent=True,
    )
    call(proxy.initiate_chat, helper, message="Hi")
    assert proxy.last_message(helper)["content"] == "TERMINATE"
