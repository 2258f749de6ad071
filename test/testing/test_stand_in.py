"""`StandIn`: a script where there is no config list, and else the models of that list."""

import json

import pytest

from autogen import AssistantAgent
from autogen.testing import StandIn


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(model):
    agent = AssistantAgent("agent", llm_config=model.llm_config)
    return agent.generate_reply(messages=[{"role": "user", "content": "Hello"}])


def test_without_a_config_list_it_is_a_scripted_model():
    with StandIn("From the script.", name="a script") as model:
        assert StandIn.is_needed()
        assert ask(model) == "From the script."
    assert model.asked[0][-1]["content"] == "Hello"
    assert model.config == {"model": "a script", "model_client_cls": model}


@pytest.mark.parametrize("is_file", [True, False], ids=["file", "environment variable"])
def test_with_a_config_list_its_models_answer(is_file, folder, openai_server, monkeypatch):
    server = openai_server("From the server.")
    text = json.dumps([server.config, {**server.config, "model": "another"}])
    if is_file:
        (folder / "OAI_CONFIG_LIST").write_text(text)
    else:
        monkeypatch.setenv("OAI_CONFIG_LIST", text)
    # No reply of the script is missed at the end of the block.
    with StandIn("From the script.") as model:
        assert not StandIn.is_needed()
        assert ask(model) == "From the server."
    assert model.requests == []
    assert model.config["model"] == "scripted"
    assert len(model.llm_config["config_list"]) == 2
