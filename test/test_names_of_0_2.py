"""Names that programs for 0.2 import, assign, or replace in their tests."""

import subprocess
import sys
from importlib import import_module
from unittest import mock

import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

import autogen
from autogen import OpenAIWrapper, code_utils
from autogen.testing import ScriptedModel

HI = [{"role": "user", "content": "hi"}]
MESSAGE = {"role": "assistant", "content": "from the stand-in"}
COMPLETION = ChatCompletion.model_validate(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)
AZURE = {"api_type": "azure", "azure_endpoint": "https://acme.openai.azure.com", "api_version": "2024-02-01"}

# Private names of contrib that programs and their tests use, by module or class.
CONTRIB = {
    "capabilities.transform_messages.TransformMessages": "_transform_messages",
    "capabilities.teachability.MemoStore": "_save_memos uid_text_dict last_memo_id vec_db db_client",
    "capabilities.vision_capability.VisionCapability": "_get_image_caption",
    "capabilities.generate_images.ImageGeneration": "_should_generate_image _extract_prompt",
    "img_utils": "_to_pil",
    "multimodal_conversable_agent.MultimodalConversableAgent": "_message_to_dict",
    "llava_agent": "_llava_call_binary_with_config",
    "retrieve_user_proxy_agent.RetrieveUserProxyAgent": "_docs_path _get_context _generate_message _reset _init_db _doc_ids",
    "vectordb.chromadb.ChromaVectorDB": "_chroma_get_results_to_list_documents",
    "vectordb.mongodb": "with_id_rename",
    "vectordb.base": "HASH_LENGTH",
}


@pytest.mark.parametrize("home", CONTRIB)
def test_private_names_of_contrib(home):
    module, _, name = home.rpartition(".") if home.rpartition(".")[2][0].isupper() else (home, "", "")
    owner = import_module(f"autogen.agentchat.contrib.{module}")
    owner = getattr(owner, name) if name else owner
    assert [name for name in CONTRIB[home].split() if not hasattr(owner, name)] == []


@pytest.mark.parametrize(("name", "entry"), [("OpenAI", {"base_url": "http://127.0.0.1/v1"}), ("AzureOpenAI", AZURE)])
def test_a_class_in_place_of_the_sdks_makes_the_client(call, agent, name, entry):
    with mock.patch(f"autogen.oai.client.{name}") as sdk_class:
        create = sdk_class.return_value.chat.completions.create
        create.return_value = COMPLETION
        config = {"config_list": [{"model": "m", "api_key": "k", **entry}], "cache_seed": None}
        assert call(agent("a", llm_config=config).generate_reply, HI) == "from the stand-in"
    assert sdk_class.call_args.kwargs["api_key"] == "k"
    assert create.call_args.kwargs["messages"][-1] == HI[0]
    assert OpenAIWrapper(config_list=[{"model": "m", "api_key": "k", **entry}])._clients[0].endpoint is not None


def test_another_function_for_colours_is_used(call, agent, capsys):
    with mock.patch("autogen.agentchat.conversable_agent.colored", side_effect=lambda text, color: f"<{color}>{text}"):
        call(agent("a", silent=False).send, "hi", agent("b"))
    assert capsys.readouterr().out.startswith("<yellow>a (to b):")


def test_another_module_for_docker_is_asked(monkeypatch):
    monkeypatch.setattr(code_utils, "in_docker_container", lambda: False)
    with mock.patch("autogen.code_utils.docker") as docker:
        assert code_utils.is_docker_running() is True
        docker.from_env.return_value.ping.side_effect = OSError
        assert code_utils.is_docker_running() is False
    with mock.patch("autogen.code_utils.docker", None):
        assert code_utils.is_docker_running() is False
        with pytest.raises(RuntimeError):
            code_utils.check_can_use_docker_or_throw(True)


def test_usage_summaries_may_be_assigned(openai_server):
    wrapper = OpenAIWrapper(config_list=[openai_server("x", "y").config | {"price": [1, 1]}], cache_seed=None)
    wrapper.create(messages=HI)
    before = wrapper.total_usage_summary
    wrapper.total_usage_summary = wrapper.actual_usage_summary = None
    assert wrapper.total_usage_summary is wrapper.actual_usage_summary is None
    wrapper.total_usage_summary = before
    wrapper.create(messages=HI)
    assert wrapper.total_usage_summary["total_cost"] == 2 * wrapper.actual_usage_summary["total_cost"] > 0


def test_names_for_pydantic():
    from autogen._pydantic import JsonSchemaValue, evaluate_forwardref, model_dump, model_dump_json, type2schema

    class Point(BaseModel):
        x: int

    schema: JsonSchemaValue = type2schema(list[int])
    assert schema == {"type": "array", "items": {"type": "integer"}}
    assert (model_dump(Point(x=1)), model_dump_json(Point(x=1))) == ({"x": 1}, '{"x":1}')
    assert evaluate_forwardref("list[Point]", {}, {"Point": Point}) == list[Point]


def test_names_for_websockets():
    from autogen.io.websockets import ServerConnection, WebSocketServer

    assert callable(ServerConnection.recv)
    assert callable(WebSocketServer.serve_forever)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["contrib", "contrib.society_of_mind_agent.SocietyOfMindAgent"])
def test_contrib_is_there_without_an_import_of_its_own(name):
    program = f"import autogen; autogen.agentchat.{name}"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).stderr == b""


def test_the_method_for_one_request_takes_its_arguments_by_name(agent):
    a = agent("a", llm_config=ScriptedModel("x").llm_config)
    assert a._generate_oai_reply_from_client(llm_client=a.client, messages=HI, cache=None) == "x"


def test_graphs_are_imported_beside_the_package():
    from autogen.graph_utils import visualize_speaker_transitions_dict

    assert autogen.graph_utils.visualize_speaker_transitions_dict is visualize_speaker_transitions_dict
