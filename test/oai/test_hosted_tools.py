"""Tools that vendors run: their items go back, people see them, and other vendors get words."""

import json
import logging

import pytest
from protocol_servers import SERVERS, get_tools
from typer.testing import CliRunner

from autogen import AssistantAgent, OpenAIWrapper, UserProxyAgent, events
from autogen._cli.app import app
from autogen.oai._once import _emitted
from autogen.testing import Fault, Reply, tool_call

HI = [{"role": "user", "content": "hi"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(autouse=True)
def forget_notes():
    # Each test sees the lines that are logged once.
    _emitted.clear()


def ask(server, *history, **params):
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
    return wrapper.create(messages=[*history, *HI], **params).choices[0].message


# protocol, tool, items of the answer, record of the call, and words for other vendors
CALLS = {
    "search of Responses": (
        "responses",
        {"type": "web_search"},
        [{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "rain"}}],
        "[web search: rain]",
    ),
    "files of Responses": (
        "responses",
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        [{"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["rain"], "results": None}],
        '[file search: ["rain"]]',
    ),
    "code of Responses": (
        "responses",
        {"type": "code_interpreter", "container": {"type": "auto"}},
        [
            {
                "type": "code_interpreter_call",
                "id": "ci_1",
                "status": "completed",
                "code": "1+1",
                "container_id": "cntr_1",
                "outputs": [{"type": "logs", "logs": "2"}],
            }
        ],
        "[code interpreter: 1+1 → 1 result]",
    ),
    "MCP of Responses": (
        "responses",
        {"type": "mcp", "server_label": "maps", "server_url": "https://maps.example", "require_approval": "never"},
        [
            {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "maps", "tools": []},
            {"type": "mcp_call", "id": "mcp_1", "server_label": "maps", "name": "find", "arguments": "{}", "output": "here"},
        ],
        "[mcp: find → here]",
    ),
    "search of Anthropic": (
        "anthropic",
        {"type": "web_search_20250305", "name": "web_search"},
        [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [{"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "secret=="}],
            },
        ],
        "[web search: rain → 1 result]",
    ),
    "code of Anthropic": (
        "anthropic",
        {"type": "code_execution_20250825", "name": "code_execution"},
        [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {"command": "ls"}},
            {
                "type": "bash_code_execution_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": {"type": "bash_code_execution_result", "stdout": "a", "stderr": "", "return_code": 0},
            },
        ],
        '[bash code execution: {"command": "ls"} → {"stdout": "a", "stderr": "", "return_code": 0}]',
    ),
    "MCP of Anthropic": (
        "anthropic",
        {"type": "mcp_toolset", "mcp_server_name": "maps"},
        [
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "find", "server_name": "maps", "input": {"q": 1}},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": [{"text": "here"}]},
        ],
        '[find: {"q": 1} → 1 result]',
    ),
    "code of Google": (
        "google",
        {"type": "code_execution"},
        [
            {"executableCode": {"language": "PYTHON", "code": "print(2)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        ],
        "[code execution: print(2) → 2]",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_of_the_vendor_go_back_and_are_words_elsewhere(name):
    protocol, tool, items, words = CALLS[name]
    other = "chat" if protocol != "chat" else "responses"
    with SERVERS[protocol](Reply("Rain.", items=items), "Yes.") as server, SERVERS[other]("Elsewhere.") as second:
        seen = []
        with events.subscribe(seen.append, types=[events.ModelAnswered]):
            answer = ask(server, tools=[tool]).model_dump(exclude_unset=True)
        ask(server, *HI, answer, tools=[tool])
        ask(second, *HI, answer, tools=[tool])
    sent, again = server.requests
    if protocol == "google":
        assert sent["tools"] == [{"codeExecution": {}}]
    else:
        assert [{key: entry[key] for key in entry if key != "cache_control"} for entry in sent["tools"]] == [tool]
    assert answer["content"] == "Rain."
    assert seen[0].hosted == [words]
    # All that the vendor sent stands in the next request, in its order.
    text = json.dumps(again)
    positions = [text.index(json.dumps(item)) for item in items]
    assert positions == sorted(positions)
    [elsewhere] = second.requests
    assert "tools" not in elsewhere
    assert elsewhere["messages"][1]["content"] == f"{words}\n\nRain."


def test_a_tool_that_an_endpoint_lacks_is_left_out_with_one_note(protocol, serve, caplog):
    foreign = {"type": "google_search"} if protocol != "google" else {"type": "web_search"}
    server = serve("ok", "ok")
    function = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert ask(server, tools=[foreign, function], tool_choice={"type": foreign["type"]}).content == "ok"
    assert caplog.text.count("it is left out") == 1
    sent = json.dumps(server.requests)
    assert "search" not in sent.lower()
    assert '"f"' in sent


def test_a_tool_that_nobody_knows_is_sent(protocol, serve):
    server = serve("ok")
    ask(server, tools=[{"type": "brand_new_tool", "x": 1}])
    assert "brand" in json.dumps(get_tools(server.requests[0])).lower()


def test_agents_have_functions_beside_tools_of_the_vendor(serve, protocol):
    hosted = {
        "responses": {"type": "web_search"},
        "anthropic": {"type": "web_search_20250305", "name": "web_search"},
        "google": {"type": "google_search"},
        "converse": {"systemTool": {"name": "nova_grounding"}},
        "chat": {"type": "openrouter:web_search"},
    }[protocol]
    server = serve(tool_call("weather", city="x"), "Rain.")
    config = {**server.llm_config, "tools": [hosted], "hide_tools": "if_all_run"}
    assistant = AssistantAgent("assistant", llm_config=config)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

    @user.register_for_execution()
    @assistant.register_for_llm(description="Weather.")
    def weather(city: str) -> str:
        return "rain"

    result = user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    assert result.chat_history[-1]["content"] == "Rain."
    assert len(get_tools(server.requests[0])) == 2
    assert [tool.name for tool in assistant.tools] == ["weather"]


def test_googles_models_take_both_kinds_of_tools_or_functions_alone(caplog):
    function = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    tools = [function, {"type": "google_search"}]
    refusals = {
        "gemini-2.5-pro": "Tool use with function calling is unsupported",
        "gemini-3-pro-preview": "Unknown name \"includeServerSideToolInvocations\" at 'tool_config'",
    }
    sent = {}
    with caplog.at_level(logging.WARNING):
        for model, refusal in refusals.items():
            with SERVERS["google"](Fault(400, refusal), "ok", "ok") as server:
                wrapper = OpenAIWrapper(config_list=[{**server.config, "model": model}], cache_seed=None)
                for _ in range(2):
                    wrapper.create(messages=HI, tools=tools)
            sent[model] = [[len(body["tools"]), body.get("toolConfig")] for body in server.requests]
    # The second request has what was learned from the first.
    assert sent == {
        "gemini-2.5-pro": [[2, None], [1, None], [1, None]],
        "gemini-3-pro-preview": [[2, {"includeServerSideToolInvocations": True}], [2, None], [2, None]],
    }
    assert caplog.text.count("takes either functions or the vendor's own tools") == 1


def test_pictures_of_the_vendor_are_files_and_go_back_with_their_data():
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PIXEL}
    with SERVERS["responses"](Reply("Here.", items=[item]), "Yes.", "Yes.") as server:
        answer = ask(server, tools=[{"type": "image_generation"}]).model_dump(exclude_unset=True)
        [file] = answer["files"]
        assert (file["name"], file["mime"], file["data"]) == ("ig_1.png", "image/png", PIXEL)
        # The picture is kept once.
        assert json.dumps(answer).count(PIXEL) == 1
        ask(server, *HI, answer)
        ask(server, *HI, {**answer, "files": []})
    _, second, third = server.requests
    assert item in second["input"]
    assert PIXEL not in json.dumps(third)


def test_pictures_of_google_are_files():
    with SERVERS["google"](Reply("Here.", items=[{"inlineData": {"mimeType": "image/png", "data": PIXEL}}])) as server:
        message = ask(server)
    assert message.content == "Here."
    assert [(file["mime"], file["data"]) for file in message.files] == [("image/png", PIXEL)]


def test_files_of_hosted_code_are_named():
    annotation = {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "cfile_1", "filename": "a.csv"}
    part = {"type": "output_text", "text": "Done.", "annotations": [{**annotation, "start_index": 0, "end_index": 4}]}
    message = {"type": "message", "id": "msg_x", "role": "assistant", "status": "completed", "content": [part]}
    result = {"type": "bash_code_execution_result", "content": [{"file_id": "file_1", "filename": "a.csv"}]}
    blocks = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": result},
    ]
    for protocol, items in (("responses", [message]), ("anthropic", blocks)):
        with SERVERS[protocol](Reply("", items=items)) as server:
            assert [file["name"] for file in ask(server).files] == ["a.csv"]


@pytest.mark.parametrize(("answer", "approves"), [("yes", True), ("Not this one.", False)], ids=["yes", "no"])
def test_calls_of_mcp_servers_are_approved_by_a_tool(answer, approves):
    request = {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "maps", "name": "rm", "arguments": "{}"}
    with SERVERS["responses"](Reply("", items=[request]), "Done.") as server:
        config = {**server.llm_config, "tools": [{"type": "mcp", "server_label": "maps", "server_url": "https://x.example"}]}
        assistant = AssistantAgent("assistant", llm_config=config)
        asked = []

        def mcp_approval(**call) -> str:
            asked.append(call)
            return answer

        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        user.register_function({"mcp_approval": mcp_approval})
        result = user.initiate_chat(assistant, message="Go", max_turns=2, silent=True)
    assert asked == [{"arguments": "{}", "name": "rm", "server_label": "maps"}]
    assert result.summary == "Done."
    *_, given, reply = server.requests[1]["input"]
    assert given == request
    assert (reply["type"], reply["approval_request_id"], reply["approve"]) == ("mcp_approval_response", "mcpr_1", approves)
    assert approves or reply["reason"] == answer


def test_without_a_tool_that_approves_nothing_is_approved():
    request = {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "maps", "name": "rm", "arguments": "{}"}
    with SERVERS["responses"](Reply("", items=[request]), "Done.") as server:
        assistant = AssistantAgent("assistant", llm_config=server.llm_config)
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        user.initiate_chat(assistant, message="Go", max_turns=2, silent=True)
    assert server.requests[1]["input"][-1]["approve"] is False


def test_mcp_servers_of_anthropic_are_named_with_their_beta():
    maps = {"type": "url", "name": "maps", "url": "https://maps.example", "authorization_token": "t0ken"}
    with SERVERS["anthropic"]("ok", "ok") as server:
        ask(server, tools=[{"type": "mcp_toolset", "mcp_server_name": "maps"}], mcp_servers=[maps])
        beta = {"anthropic-beta": "mcp-client-2026-09-15,other"}
        ask(server, mcp_servers=[maps], extra_headers=beta)
    assert server.requests[0]["mcp_servers"] == [maps]
    betas = [headers["anthropic-beta"] for headers in server.headers]
    assert betas == ["mcp-client-2025-11-20", "mcp-client-2026-09-15,other"]


GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}
CUSTOM = {"type": "custom", "name": "calculate", "description": "Calculates.", "format": GRAMMAR}


@pytest.mark.parametrize("stream", [False, True])
def test_a_custom_tool_gets_its_text(protocol, serve, stream):
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "calculate", "input": "1 + 1"}
    call = Reply("", items=[item]) if protocol == "responses" else tool_call("calculate", input="1 + 1", call_id="call_1")
    server = serve(call, "Two.")
    assistant = AssistantAgent("assistant", llm_config={**server.llm_config, "tools": [CUSTOM], "stream": stream})
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    user.register_function({"calculate": lambda input: str(eval(input, {}))})
    result = user.initiate_chat(assistant, message="1 + 1?", max_turns=2, silent=True)
    assert result.summary == "Two."
    if protocol == "responses":
        assert server.requests[0]["tools"] == [CUSTOM]
        assert server.requests[1]["input"][-1] == {"type": "custom_tool_call_output", "call_id": "call_1", "output": "2"}
    else:
        # A function with one text, whose description has the grammar.
        sent = json.dumps(get_tools(server.requests[0]))
        assert "[0-9]+" in sent
        assert "input" in sent
        assert '"custom"' not in sent


def test_ag2s_entry_names_the_tools_of_the_vendor(caplog):
    with SERVERS["responses"]("ok") as server:
        entry = {**server.config, "built_in_tools": ["web_search", "apply_patch_async"], "workspace_dir": "/tmp"}
        OpenAIWrapper(config_list=[entry], cache_seed=None).create(messages=HI)
    [sent] = server.requests
    assert sent["tools"] == [{"type": "web_search"}, {"type": "apply_patch"}]
    assert "workspace_dir" not in sent
    assert "workspace_dir: not sent" in caplog.text


def test_inspect_shows_the_tools_of_the_vendor_and_its_cache(tmp_path):
    usage = {"input_tokens": 2000, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1536}}
    search = CALLS["search of Responses"][2]
    with SERVERS["responses"](Reply("Rain.", items=search, usage=usage)) as server:
        assistant = AssistantAgent("assistant", llm_config=server.llm_config)
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        path = tmp_path / "chat.db"
        user.initiate_chat(assistant, message="Go", max_turns=1, silent=True, checkpoint=str(path))
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["inspect", str(path)])
    shown = " ".join(result.output.split())
    assert "(1,536 from the prompt cache)" in shown
    assert "[web search: rain]" in shown
