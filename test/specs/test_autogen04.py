"""Component documents of the 0.4 line: translated in both directions, without importing what they name."""

import copy
import json

import pytest

from autogen.specs import Consent, SpecError, check_spec, from_autogen04, from_spec, needs, to_autogen04

KEY = "sk-0123456789abcdefghij"
CLIENT = {
    "provider": "autogen_ext.models.openai.OpenAIChatCompletionClient",
    "component_type": "model",
    "version": 1,
    "config": {"model": "gpt-4o-mini", "api_key": KEY, "temperature": 0.2},
}


def make(provider, **config):
    return {
        "provider": provider,
        "version": 1,
        "component_version": 1,
        "label": provider.rpartition(".")[2],
        "config": config,
    }


def make_assistant(name, **config):
    return make("autogen_agentchat.agents.AssistantAgent", name=name, model_client=copy.deepcopy(CLIENT), **config)


WEATHER = make(
    "autogen_core.tools.FunctionTool",
    source_code='def get_weather(city: str) -> str:\n    """Tell the weather."""\n    return "sunny in " + city\n',
    name="get_weather",
    description="Tell the weather.",
    global_imports=["math", {"module": "typing", "imports": ["Any"]}],
    has_cancellation_support=False,
)
CONDITION = make(
    "autogen_agentchat.base.OrTerminationCondition",
    conditions=[
        make("autogen_agentchat.conditions.TextMentionTermination", text="APPROVE"),
        make("autogen_agentchat.conditions.MaxMessageTermination", max_messages=9),
    ],
)
TEAM = make(
    "autogen_agentchat.teams.RoundRobinGroupChat",
    participants=[
        make_assistant("writer", system_message="You write.", tools=[WEATHER]),
        make_assistant("critic", system_message="You judge."),
        make("autogen_agentchat.agents.UserProxyAgent", name="user", description="Me."),
    ],
    termination_condition=CONDITION,
    max_turns=6,
)


def test_a_team_is_translated_and_built():
    doc, notes = from_autogen04(TEAM)
    assert check_spec(doc) == []
    assert KEY not in json.dumps(doc) + repr(notes) + str([str(note) for note in notes])
    assert needs(doc).secrets == ("OPENAI_API_KEY",)
    assert needs(doc).code == ("get_weather",)
    assert [key for key in doc["parts"] if key.startswith("model:")] == ["model:gpt-4o-mini"]
    # The source runs nowhere before a person has consented.
    with pytest.raises(SpecError, match="has the source of the tool"):
        from_spec(doc, secrets={"OPENAI_API_KEY": KEY})
    manager = from_spec(doc, consent=Consent(code=True), secrets={"OPENAI_API_KEY": KEY})
    assert [agent.name for agent in manager.groupchat.agents] == ["writer", "critic", "user"]
    assert manager.groupchat.speaker_selection_method == "round_robin"
    assert manager.groupchat.max_round == 7
    assert manager.groupchat.agents[0].llm_config["config_list"][0]["api_key"] == KEY


def test_a_selector_a_swarm_and_a_graph():
    agents = [make_assistant("a", handoffs=[{"target": "b", "description": "b knows."}, "user"]), make_assistant("b")]
    selector = make(
        "autogen_agentchat.teams.SelectorGroupChat", participants=agents, model_client=CLIENT, selector_prompt="{roles}"
    )
    doc, notes = from_autogen04(selector)
    assert check_spec(doc) == []
    assert doc["parts"]["chat:main"]["config"]["allow_repeat_speaker"] is False
    assert any("placeholders differ" in note.message for note in notes)
    doc, notes = from_autogen04(make("autogen_agentchat.teams.Swarm", participants=agents, termination_condition=CONDITION))
    assert check_spec(doc) == []
    assert doc["parts"]["agent:a"]["config"]["handoffs"] == [
        {"to": {"ref": "agent:b"}, "when": "b knows."},
        {"target": "terminate", "when": "The conversation should go on with user."},
    ]
    assert from_spec(doc, secrets={"OPENAI_API_KEY": KEY}).initial_agent.name == "a"
    nodes = {"a": {"name": "a", "edges": [{"target": "b"}]}, "b": {"name": "b", "edges": []}}
    doc, notes = from_autogen04(
        make("autogen_agentchat.teams.GraphFlow", participants=agents, graph={"nodes": nodes, "default_start_node": "a"})
    )
    group = from_spec(doc, secrets={"OPENAI_API_KEY": KEY}).groupchat
    assert [agent.name for agent in group.allowed_or_disallowed_speaker_transitions[group.agents[0]]] == ["b"]


def test_tools_of_mcp_servers_get_their_secrets_by_name():
    server = {"type": "StdioServerParams", "command": "uvx", "args": ["mcp-server-x"], "env": {"X_TOKEN": KEY}}
    workbench = make("autogen_ext.tools.mcp.McpWorkbench", server_params=server)
    doc, notes = from_autogen04(make_assistant("a", workbench=[workbench]))
    assert check_spec(doc) == []
    assert needs(doc).commands == ("uvx mcp-server-x",)
    assert set(needs(doc).secrets) == {"OPENAI_API_KEY", "X_TOKEN"}
    assert KEY not in json.dumps(doc) + str(notes)


def test_what_has_no_counterpart_is_kept_in_the_notes_without_its_secrets():
    foreign = make("acme.teams.Carousel", api_key=KEY, speed=3)
    doc, [note] = from_autogen04(foreign)
    assert doc["runnable"] is False
    assert note.foreign["config"] == {"api_key": None, "speed": 3}
    with pytest.raises(SpecError):
        from_spec(doc)


@pytest.mark.parametrize("doc", [{}, {"provider": 3}, {"provider": "x", "config": []}, []])
def test_other_documents_are_refused(doc):
    with pytest.raises(SpecError):
        from_autogen04(doc)


@pytest.mark.parametrize("condition", ["Timeout", "MaxMessage", "TokenUsage"])
def test_a_condition_without_its_number_is_refused(condition):
    team = copy.deepcopy(TEAM)
    team["config"]["termination_condition"] = make(f"autogen_agentchat.conditions.{condition}Termination")
    with pytest.raises(SpecError, match=f"{condition}Termination needs"):
        from_autogen04(team)


def test_there_and_back():
    doc, _ = from_autogen04(TEAM)
    component, notes = to_autogen04(doc)
    assert component["provider"] == "autogen_agentchat.teams.RoundRobinGroupChat"
    writer, _, user = component["config"]["participants"]
    assert writer["config"]["model_client"]["config"] == {"model": "gpt-4o-mini", "temperature": 0.2}
    assert user["provider"] == "autogen_agentchat.agents.UserProxyAgent"
    assert component["config"]["max_turns"] == 6
    assert component["config"]["termination_condition"]["config"]["conditions"][0]["config"] == {"text": "APPROVE"}
    again, _ = from_autogen04(component)
    assert again["parts"].keys() == doc["parts"].keys()
    assert KEY not in json.dumps(component) + str(notes)


def test_what_the_04_line_lacks_is_an_error_or_a_note():
    doc = {"autogen": 1, "parts": {"condition:x": {"type": "timeout", "config": {"seconds": 1}}}}
    with pytest.raises(SpecError, match="'timeout' has no counterpart"):
        to_autogen04(doc)
    with pytest.raises(SpecError, match="must name one part"):
        to_autogen04({"autogen": 1, "parts": {**doc["parts"], "condition:y": doc["parts"]["condition:x"]}})
