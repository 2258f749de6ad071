"""`OpenAIResponsesAgent`: files are uploaded for the tools of the endpoint, and what was made is deleted."""

import asyncio

import pytest
from assistants_service import AssistantsService

from autogen.agentchat.contrib.gpt_assistant_agent import GPTAssistantAgent
from autogen.agentchat.contrib.openai_responses_agent import OpenAIAssistantAgent, OpenAIResponsesAgent


@pytest.fixture
def service():
    with AssistantsService() as service:
        yield service


def analyst(service, **options):
    options = {"instructions": "Analyse.", "store": ":memory:", "silent": True, "llm_config": service.llm_config, **options}
    return OpenAIResponsesAgent("analyst", **options)


def get_tools(service):
    body = [body for _, path, body in service.requests if path.endswith("/responses")][-1]
    return {tool["type"]: tool for tool in body.get("tools", ())}


def test_files_for_code_and_for_search(call, agent, service, tmp_path):
    table, text = tmp_path / "sales.csv", tmp_path / "notes.txt"
    table.write_text("a,b")
    text.write_text("Notes.")
    helper = analyst(service, tools=["code_interpreter"])
    [table_id] = helper.upload_for_code_interpreter(table)
    assert helper.upload_for_file_search([text, table]) == [table_id, "file_2"]
    # The table was there already.
    assert [file["filename"] for file in service.objects["files"].values()] == ["sales.csv", "notes.txt"]
    [store_id] = helper.vector_store_ids
    user = agent("user")
    assert call(user.initiate_chat, helper, message="Go.", max_turns=1).summary == "Done."
    tools = get_tools(service)
    assert tools["code_interpreter"]["container"]["file_ids"] == [table_id]
    assert tools["file_search"]["vector_store_ids"] == [store_id]
    foreign = service.add("files", "file", object="file")
    helper.delete_vector_store()
    helper.delete_uploaded_files()
    assert service.objects["vector_stores"] == {}
    assert list(service.objects["files"]) == [foreign["id"]]
    call(user.initiate_chat, helper, message="Go.", max_turns=1)
    assert get_tools(service) == {"code_interpreter": {"type": "code_interpreter", "container": {"type": "auto"}}}


def test_names_of_the_seed(service, tmp_path):
    assert OpenAIAssistantAgent is OpenAIResponsesAgent
    file = tmp_path / "a.txt"
    file.write_text("a")
    helper = analyst(service, thread_id="thread_mine", description="Analyses.")
    assert (helper.thread_id, helper.description) == ("thread_mine", "Analyses.")
    assert asyncio.run(helper.on_upload_for_file_search([file], None)) == ["file_1"]
    assert asyncio.run(helper.on_upload_for_code_interpreter(str(file))) == ["file_1"]
    assert helper.generate_reply([{"role": "user", "content": "Go."}])["content"] == "Done."
    assert [thread.id for thread in helper.oai_threads.values()] == ["thread_mine"]


def test_files_of_an_assistant_are_uploaded_once_and_deleted_with_it(service, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGEN_ASSISTANTS", str(tmp_path / "assistants.json"))
    file = tmp_path / "handbook.txt"
    file.write_text("Rules.")
    config = {"backend": "responses", "files": [file]}
    for _ in range(2):
        helper = GPTAssistantAgent("helper", "Help.", service.llm_config, config)
    assert list(service.objects["files"]) == ["file_1"]
    assert [store["name"] for store in service.objects["vector_stores"].values()] == ["helper-vectorestore"]
    assert helper.openai_assistant.tool_resources.file_search.vector_store_ids == ["vs_2"]
    helper.delete_assistant(delete_files=True)
    assert not service.objects["files"]
    assert not service.objects["vector_stores"]


def test_files_that_are_at_the_endpoint_are_searched_too(service):
    config = {"store": ":memory:", "tools": [{"type": "retrieval"}], "file_ids": ["file_old"], "backend": "responses"}
    helper = GPTAssistantAgent("helper", "Help.", service.llm_config, config)
    assert helper.openai_assistant.tool_resources.file_search.vector_store_ids == ["vs_1"]
    batch = [body for _, path, body in service.requests if path.endswith("/file_batches")]
    assert batch == [{"file_ids": ["file_old"]}]
    helper.delete_assistant(delete_files=True)
    assert ("DELETE", "/v1/files/file_old", b"") not in service.requests
