"""`AgentBuilder`: teams that a model plans, libraries of experts, and the files of teams."""

import json
import threading

import pytest

from autogen import AssistantAgent, ConversableAgent, gather_usage_summary
from autogen.agentchat.contrib.agent_builder import AgentBuilder, _config_check
from autogen.agentchat.contrib.gpt_assistant_agent import GPTAssistantAgent
from autogen.exception_utils import BudgetExceeded
from autogen.testing import ScriptedModel, tool_call

TEAM = {
    "experts": [
        {
            "name": "1. Statistics Expert",
            "role": "You know {samples}.",
            "instructions": "Check each number.",
            "description": "Speaks about numbers.",
        },
        {
            "name": "[Law]_Expert",
            "role": "You know laws.",
            "instructions": "Name the law.",
            "description": "Speaks: of laws.",
        },
    ],
    "needs_programming": True,
}
LIBRARY = [
    {"name": "Chess_Expert", "system_message": "You play chess.", "description": "Chess: openings, endgames: all of it."},
    {"name": "Math Expert", "system_message": "You compute.", "description": "Sums and ratios."},
    {"name": "Cook", "system_message": "You cook. You know spices.", "agent_path": "autogen.ConversableAgent"},
]


def make_builder(*script, **options):
    """Return a builder whose model plans from a script, and the model."""
    model = ScriptedModel(*script)
    return AgentBuilder(llm_config=model.llm_config, **options), model


def answer(table):
    """Return a script that answers by the first words of the prompt, or calls a function of the conversation."""

    def reply(messages):
        prompt = messages[0]["content"]
        for start, text in table.items():
            if prompt.startswith(start):
                return text(messages) if callable(text) else text
        raise AssertionError(f"nobody expects this prompt: {prompt}")

    return reply


def answer_by_steps(names="Data_Expert, Law_Expert", coding="NO", **more):
    """Return the script of a model that fills in no form."""
    return answer(
        {
            "Plan a team": "I would take a few people.",
            "Find an expert for each skill. Take": "Perhaps the cook.",
            "Which agent should": "the LAW_EXPERT.",
            "Name the experts": names,
            "Write the profile": lambda messages: (
                "Profile of " + messages[0]["content"].split("# Expert\n")[1].split("\n")[0]
            ),
            "Describe an expert": "Knows a lot.",
            "Must code": coding,
            **more,
        }
    )


def embed(texts):
    """Return vectors: texts that share a word with a few topics are near each other."""
    topics = ("chess", "sum", "cook")
    return [[0.01, *(float(topic in text.lower()) for topic in topics)] for text in texts]


def find_law(number: int) -> str:
    """Find a law."""
    return f"law {number}"


def names_of(agents):
    return [agent.name for agent in agents]


# Planning.


def test_a_team_is_one_request_in_a_form(call):
    builder, model = make_builder(json.dumps(TEAM))
    agents, configs = call(builder.build, "Find the flaws of {a study}.", {"temperature": 0})
    assert names_of(agents) == ["Statistics_Expert", "Law_Expert", "Computer_terminal"]
    assert list(builder.agent_procs_assign) == ["Statistics_Expert", "Law_Expert"]
    assert len(model.requests) == 1
    assert model.requests[0]["response_format"]["type"] == "json_schema"
    assert "Find the flaws of {a study}." in model.asked[0][0]["content"]
    system = agents[0].system_message
    assert all(text in system for text in ("You know {samples}.", "Law_Expert", "Computer_terminal", "TERMINATE"))
    assert agents[1].description == "Speaks: of laws."
    assert agents[0].llm_config["temperature"] == 0
    assert set(configs) == {"building_task", "agent_configs", "coding", "default_llm_config", "code_execution_config"}
    assert configs["coding"] is True
    assert configs["code_execution_config"]["timeout"] == 10
    _config_check(configs)


def test_a_plan_in_a_fence_or_after_prose_is_read():
    builder, _ = make_builder(f"Here is the team:\n```json\n{json.dumps(TEAM)}\n```\nGood luck!")
    assert len(builder.build("Task", {}, coding=False)[0]) == 2


def test_no_expert_gets_a_name_that_breaks_repeats_or_exceeds_the_limit():
    expert = TEAM["experts"][1]
    names = ["", "Law Expert", "law_expert", "chat_manager", "Computer_terminal", "x" * 99, "Seventh"]
    plan = {"experts": [{**expert, "name": name} for name in names], "needs_programming": False}
    builder, _ = make_builder(json.dumps(plan))
    agents, _ = builder.build("Task", {}, max_agents=5)
    assert names_of(agents) == ["Law_Expert", "law_expert_2", "chat_manager_2", "Computer_terminal_2", "x" * 64]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Python_Expert, Law_Expert", ["Python_Expert", "Law_Expert"]),
        ("1. Python Expert\n2. Law Expert\n3. Python Expert", ["Python_Expert", "Law_Expert"]),
        ("Sure, here are the experts: [Python]_Expert, `Law_Expert`.", ["Python_Expert", "Law_Expert"]),
        ("<think>A_Expert?</think>- **Python_Expert**", ["Python_Expert"]),
        ("A_Expert,B_Expert,C_Expert,D_Expert", ["A_Expert", "B_Expert", "C_Expert"]),
        ("I do not know whom you could possibly take.", ["General_Expert"]),
    ],
    ids=["commas", "numbers", "prose", "thinking", "too many", "none"],
)
def test_a_model_without_forms_is_asked_step_by_step(text, names, call):
    builder, _ = make_builder(answer_by_steps(text), max_agents=3)
    agents, configs = call(builder.build, "Task", {})
    assert names_of(agents) == names
    assert f"Profile of {names[0]}" in agents[0].system_message
    assert configs["coding"] is False


@pytest.mark.parametrize(
    ("text", "coding"),
    [("YES", True), ("Yes.", True), ("**yes**, for sums", True), ("NO", False), ("No.", False), ("Yes or no?", False)],
    ids=["upper", "stop", "bold", "no", "no stop", "neither"],
)
def test_the_decision_about_code_is_read_in_any_spelling(text, coding):
    builder, model = make_builder(answer_by_steps(coding=text))
    _, configs = builder.build("Task", {})
    assert configs["coding"] is coding
    questions = [messages for messages in model.asked if messages[0]["content"].startswith("Must code")]
    assert len(questions) == (2 if text == "Yes or no?" else 1)


def test_experts_are_described_at_once():
    both = threading.Barrier(2, timeout=60)

    def wait(messages):
        both.wait()
        return "Profile"

    builder, _ = make_builder(answer_by_steps(**{"Write the profile": wait}))
    agents, _ = builder.build("Task", {}, coding=False)
    assert names_of(agents) == ["Data_Expert", "Law_Expert"]


def test_prompts_of_the_program_are_asked():
    class Poet(AgentBuilder):
        AGENT_NAME_PROMPT = 'POETS for {task}, {max_agents} at most, {"as": "json"}'
        CODING_PROMPT = "CODE?"
        GROUP_CHAT_DESCRIPTION = "{name} of {members}: {sys_msg}"

    model = ScriptedModel(
        answer_by_steps(**{'POETS for Rain, 2 at most, {"as": "json"}': "Rain_Expert", "CODE?": "yes"}), name="poet"
    )
    agents, configs = Poet(llm_config=model.llm_config, max_agents=2).build("Rain", {})
    assert agents[0].system_message.startswith("Rain_Expert of Rain_Expert, Computer_terminal: Profile of Rain_Expert")
    assert configs["coding"] is True


def test_the_program_may_change_the_plan_before_there_are_agents(call):
    def approve(configs):
        assert not builder.agent_procs_assign
        return {**configs, "agent_configs": configs["agent_configs"][:1], "coding": False}

    builder, _ = make_builder(json.dumps(TEAM))
    agents, _ = call(builder.build, "Task", {}, approve=approve)
    assert names_of(agents) == ["Statistics_Expert"]
    builder, _ = make_builder(json.dumps(TEAM))
    with pytest.raises(AssertionError, match="JSON object"):
        call(builder.build, "Task", {}, approve=lambda configs: None)


def test_unknown_arguments_are_named():
    builder, _ = make_builder(json.dumps(TEAM))
    with pytest.warns(UserWarning, match="'codeing'.*Did you mean 'coding'"):
        builder.build("Task", {}, codeing=False)
    with pytest.raises(ValueError, match="max_agents must be a positive whole number, got 0"):
        builder.build("Task", {}, max_agents=0)


# Models.


@pytest.fixture
def config_file(tmp_path):
    entries = [
        {"model": "planner", "api_key": "key-of-planner", "tags": ["big"]},
        {"model": "worker", "api_key": "key-of-worker", "base_url": "http://127.0.0.1:1"},
    ]
    (tmp_path / "models.json").write_text(json.dumps(entries))
    return {"config_file_or_env": "models.json", "config_file_location": str(tmp_path)}


def test_the_config_list_is_read_in_its_location(config_file):
    builder = AgentBuilder(**config_file, builder_model="planner", builder_model_tags="big", agent_model="worker")
    assert repr(builder.builder_model) == "OpenAIWrapper(planner)"
    configs = {"agent_configs": [{"name": "A", "system_message": "a", "description": "a", "model": "worker"}]}
    configs |= {"coding": False, "default_llm_config": {}, "code_execution_config": {}}
    agents, _ = builder.load(config_json=json.dumps(configs))
    assert [entry["model"] for entry in agents[0].llm_config["config_list"]] == ["worker"]


def test_another_model_plans(config_file):
    builder = AgentBuilder(**config_file, builder_model="planner")
    builder.set_builder_model("worker")
    builder.set_agent_model(["planner"])
    assert repr(builder.builder_model) == "OpenAIWrapper(worker)"
    assert builder.agent_model == ["planner"]
    for method in (builder.set_builder_model, builder.set_agent_model):
        with pytest.raises(RuntimeError, match="gone"):
            method("gone")
    assert builder.agent_model == ["planner"]


def test_a_model_that_is_missing_is_named(config_file):
    with pytest.raises(RuntimeError, match=r"model gone, lost is not in models.json.*builder_model"):
        AgentBuilder(**config_file, builder_model=["gone", "lost"])
    with pytest.raises(RuntimeError, match=r"with the tags small"):
        AgentBuilder(**config_file, builder_model_tags=["small"])
    builder, _ = make_builder(json.dumps(TEAM), agent_model="gone")
    with pytest.raises(RuntimeError, match="model gone is not in the llm_config"):
        builder.build("Task", {})


def test_a_custom_client_plans_and_answers():
    class Echo:
        def __init__(self, config, text):
            self.model = ScriptedModel(lambda messages: text)

        def __getattr__(self, name):
            return getattr(self.model, name)

    builder = AgentBuilder(llm_config={"config_list": [{"model": "echo", "model_client_cls": "Echo"}], "cache_seed": None})
    builder.register_model_client(Echo, text=json.dumps(TEAM))
    agents, _ = builder.build("Task", {}, coding=False)
    assert "Statistics" in agents[0].generate_reply([{"role": "user", "content": "Hi"}])


def test_the_budget_of_a_config_without_a_list_is_kept():
    model = ScriptedModel(json.dumps(TEAM))
    builder = AgentBuilder(llm_config={**model.config, "max_tokens_total": 10, "cache_seed": None})
    agents, _ = builder.build("Task", {}, coding=False)
    assert agents[0].llm_config["max_tokens_total"] == 10
    assert gather_usage_summary([builder])["usage_including_cached_inference"]["scripted"]["total_tokens"] > 10
    with pytest.raises(BudgetExceeded):
        builder.build("Task", {}, coding=False)


def test_settings_of_the_manager_need_no_model():
    builder, _ = make_builder(json.dumps(TEAM))
    builder.build("Task", {"temperature": 0}, coding=False)
    _, manager = builder.group_chat(llm_config={"top_p": 0.5})
    assert [entry["model"] for entry in manager.llm_config["config_list"]] == ["scripted"]
    assert (manager.llm_config["temperature"], manager.llm_config["top_p"]) == (0, 0.5)


def test_an_endpoint_gets_the_form(openai_server):
    server = openai_server(f"Gladly:\n```json\n{json.dumps(TEAM)}\n```")
    agents, _ = AgentBuilder(llm_config=server.llm_config).build("Task", {}, coding=False)
    assert names_of(agents) == ["Statistics_Expert", "Law_Expert"]
    form = server.requests[0]["response_format"]["json_schema"]
    assert form["strict"] is True
    assert list(form["schema"]["properties"]) == ["experts", "needs_programming"]


# Functions and chats.


@pytest.mark.parametrize("coding", [True, False], ids=["terminal", "no terminal"])
def test_functions_are_executed_by_the_terminal_or_their_caller(coding, call):
    functions = [{"name": "get_law", "description": "Find a law.", "function": find_law}]
    builder, _ = make_builder(json.dumps(TEAM), '{"agent": "Law_Expert"}')
    agents, _ = call(builder.build, "Task", {}, functions, coding=coding)
    statistics, law = agents[:2]
    executor = agents[2] if coding else law
    assert [agent for agent in agents if agent.can_execute_function("get_law")] == [executor]
    assert [tool["function"]["name"] for tool in law.llm_config["tools"]] == ["get_law"]
    assert "tools" not in statistics.llm_config
    assert "Statistics_Expert" in law.system_message
    assert "get_law" in law.system_message


def test_the_agent_for_a_function_is_asked_in_text_too():
    builder, _ = make_builder(answer_by_steps())
    agents, _ = builder.build("Task", {}, [find_law], coding=False)
    assert agents[1].can_execute_function("find_law")
    with pytest.raises(ValueError, match="Function 1 of list_of_functions lacks 'function'"):
        builder.build("Task", {}, [{"name": "a", "description": "b"}])


def test_a_team_discusses_calls_and_ends(call):
    def speak(messages):
        if messages[0]["content"].startswith("Plan a team"):
            return json.dumps(TEAM)
        if messages[0]["content"].startswith("Which agent"):
            return '{"agent": "Law_Expert"}'
        if messages[-1]["role"] == "tool":
            return f"It is {messages[-1]['content']}. **TERMINATE**"
        return tool_call("find_law", number=7)

    builder, _ = make_builder(speak)
    agents, _ = call(builder.build, "Task", {}, [find_law])
    group, manager = builder.group_chat(max_round=9, speaker_selection_method="round_robin", return_results_to_caller=True)
    assert group.agents == agents
    result = call(agents[0].initiate_chat, manager, message="Which law?", silent=True)
    assert result.chat_history[-1]["content"] == "It is law 7. **TERMINATE**"
    assert names_of([group.agent_by_name(message["name"]) for message in result.chat_history]) == [
        "Statistics_Expert",
        "Law_Expert",
        "Computer_terminal",
        "Law_Expert",
    ]


def test_the_terminal_ends_a_chat():
    builder, _ = make_builder(json.dumps(TEAM))
    terminal = builder.build("Task", {})[0][-1]
    expert = ConversableAgent("expert", llm_config=False, human_input_mode="NEVER", default_auto_reply="Done. TERMINATE.")
    assert len(expert.initiate_chat(terminal, message="Nothing to run.", silent=True, max_turns=9).chat_history) == 3


def test_another_agent_stands_for_the_terminal(agent):
    console = agent("console")
    builder, _ = make_builder(json.dumps(TEAM), json.dumps(TEAM))
    assert builder.build("Task", {}, user_proxy=console)[0][-1] is console
    with pytest.warns(UserWarning, match="'console' is not in it"):
        builder.build("Task", {}, coding=False, user_proxy=console)


def test_agents_are_forgotten():
    builder, _ = make_builder(json.dumps(TEAM))
    builder.build("Task", {})
    builder.clear_agent("Law_Expert")
    assert list(builder.agent_procs_assign) == ["Statistics_Expert"]
    with pytest.raises(KeyError, match="Did you mean 'Statistics_Expert'"):
        builder.clear_agent("Statistic_Expert")
    builder.clear_all_agents(recycle_endpoint=True)
    assert builder.agent_procs_assign == {}
    with pytest.raises(ValueError, match="group_chat needs a team"):
        builder.group_chat()


def test_agents_are_assistants_with_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    builder, _ = make_builder(json.dumps(TEAM))
    agents, _ = builder.build("Task", {}, coding=False, use_oai_assistant=True)
    assert all(isinstance(agent, GPTAssistantAgent) for agent in agents)
    assert "You know laws." in agents[1].system_message


# Files.


def test_a_team_is_saved_without_keys_and_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    builder, model = make_builder(json.dumps(TEAM))
    settings = {"temperature": 0, "api_key": "sk-secret", "config_list": [{"model": "x", "api_key": "sk-secret"}]}
    _, configs = builder.build("Ümläute?", settings)
    path = builder.save()
    assert path.startswith("./save_config_")
    assert "sk-secret" not in (tmp_path / path).read_text()
    agents, loaded = AgentBuilder(llm_config=model.llm_config).load(path)
    assert names_of(agents) == ["Statistics_Expert", "Law_Expert", "Computer_terminal"]
    assert loaded == {**configs, "default_llm_config": {"temperature": 0}}
    assert len(model.requests) == 1
    assert builder.save(tmp_path / "mine.json") == str(tmp_path / "mine.json")


OLD = {
    "building_task": "Find a paper.",
    "agent_configs": [
        {"name": "ArXiv_Expert", "model": "gpt-4-1106-preview", "system_message": "You search.", "description": "Searches."},
        {"name": "Coder", "model": ["gpt-4"], "tags": ["x"], "system_message": "You code.", "description": "Codes."},
    ],
    "coding": True,
    "default_llm_config": {"temperature": 0},
    "code_execution_config": {"work_dir": "groupchat", "use_docker": False, "timeout": 60, "last_n_messages": 2},
}


def test_old_files_are_read(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    builder, _ = make_builder("")
    with pytest.raises(RuntimeError, match="gpt-4-1106-preview is not in the llm_config"):
        builder.load(str(tmp_path / "old.json"))
    code = {"use_docker": False, "timeout": 5}
    agents, configs = builder.load(str(tmp_path / "old.json"), agent_model="scripted", code_execution_config=code)
    assert names_of(agents) == ["ArXiv_Expert", "Coder", "Computer_terminal"]
    assert isinstance(agents[0], AssistantAgent)
    assert configs["code_execution_config"] == code


@pytest.mark.parametrize("key", ["coding", "default_llm_config", "code_execution_config", "agent_configs"])
def test_a_missing_key_is_named(key):
    builder, _ = make_builder("")
    with pytest.raises(AssertionError, match=f'Missing "{key}"'):
        builder.load(config_json={name: value for name, value in OLD.items() if name != key})


@pytest.mark.parametrize("key", ["name", "system_message", "description"])
def test_a_missing_key_of_an_agent_is_named(key):
    broken = {name: value for name, value in OLD["agent_configs"][1].items() if name != key}
    builder, _ = make_builder("")
    with pytest.raises(AssertionError, match=f'Missing "{key}" of agent 2'):
        builder.load(config_json=json.dumps({**OLD, "agent_configs": [OLD["agent_configs"][0], broken]}))


def test_a_broken_file_is_left_alone(tmp_path):
    path = tmp_path / "half.json"
    path.write_text('{"building_task": "Fi')
    builder, _ = make_builder("")
    with pytest.raises(ValueError, match=r"half.json.* is not JSON.*was left as it is"):
        builder.load(path)
    assert path.exists()
    with pytest.raises(ValueError, match="needs a filepath"):
        builder.load()
    with pytest.raises(ValueError, match="save needs a team"):
        builder.save()


def test_the_class_of_an_agent_is_named():
    agent = OLD["agent_configs"][0]
    builder, _ = make_builder("")

    def load(path):
        config = {**agent, "model": [], "model_path": path, "human_input_mode": "ALWAYS"}
        return builder.load(config_json={**OLD, "coding": False, "agent_configs": [config]})[0][0]

    assert type(load("autogen/ConversableAgent")) is ConversableAgent
    assert load("autogen.UserProxyAgent").human_input_mode == "ALWAYS"
    with pytest.raises(TypeError, match=r"must be a ConversableAgent, got 'json.loads'"):
        load("json.loads")
    with pytest.raises(ImportError, match=r"'autogen.Nobody'"):
        load("autogen.Nobody")


# Libraries.

MATCHES = '{"matches": [{"skill_number": 2, "expert": "Math_Expert: Sums: and"}, {"skill_number": 1, "expert": "None"}]}'


def test_experts_come_from_a_library(call, tmp_path):
    path = tmp_path / "library.json"
    path.write_text(json.dumps(LIBRARY))
    law = {"experts": [TEAM["experts"][1]], "needs_programming": True}
    builder, model = make_builder(MATCHES, json.dumps(law), "No.")
    task = "know the law\ncompute sums"
    agents, configs = call(builder.build_from_library, task, str(path), {}, top_k=1, embedding_model=embed)
    assert names_of(agents) == ["Math_Expert", "Law_Expert"]
    assert configs["coding"] is False
    assert configs["code_execution_config"]["timeout"] == 120
    assert "Sums and ratios." in model.asked[0][0]["content"]
    assert "spices" not in model.asked[0][0]["content"]
    assert "know the law" in model.asked[1][0]["content"]
    assert "compute sums" not in model.asked[1][0]["content"]


@pytest.mark.parametrize(
    ("text", "names", "requests"),
    [
        (
            '{"chess": "Chess_Expert: Chess: openings, endgames: all of it.", "sums": "None"}',
            ["Chess_Expert", "Law_Expert"],
            1,
        ),
        ('```json\n{"Chess!": "Chess_Expert", "Sums": "math_expert"}\n```', ["Chess_Expert", "Math_Expert"], 1),
        ('Well: {"skill A": "Cook: stews", "skill B": null}', ["Cook", "Law_Expert"], 1),
        ('["Cook"', ["Chess_Expert", "Math_Expert"], 2),
        ("I can't say.", ["Chess_Expert", "Math_Expert"], 2),
    ],
    ids=["colons", "fence", "other words", "broken", "prose"],
)
def test_matches_in_text_are_read_or_the_nearest_experts_are_taken(text, names, requests):
    plan = answer_by_steps(names="Law_Expert", **{"Find an expert for each skill, or": text})
    builder, model = make_builder(plan)
    task = "chess\nsums"
    agents, _ = builder.build_from_library(task, LIBRARY, {}, coding=False, embedding_model=embed)
    assert names_of(agents) == names
    asked = [messages for messages in model.asked if messages[0]["content"].startswith("Find an expert for each skill, or")]
    assert len(asked) == requests


def test_words_find_experts_without_an_embedder():
    builder, model = make_builder('{"matches": [{"skill_number": 1, "expert": "Cook"}]}')
    agents, _ = builder.build_from_library("cook a meal", LIBRARY, {}, top_k=1, coding=False, embedding_model=False)
    assert type(agents[0]) is ConversableAgent
    assert "You cook." in agents[0].system_message
    assert "Chess" not in model.asked[0][0]["content"].partition("# Pool")[2]


def test_a_search_prompt_of_the_program_chooses_from_the_whole_library():
    builder, _ = make_builder(answer({"WHO {": "Cook, chess_expert"}))
    builder.AGENT_SEARCHING_PROMPT = "WHO {{can}} {task}? {agent_list}"
    agents, _ = builder.build_from_library("anything", LIBRARY, {}, coding=False)
    assert names_of(agents) == ["Cook", "Chess_Expert"]


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ('{"name": "a"}', "must be a JSON list of experts, got dict"),
        ('[{"name": "a"}]', "Expert 1 of the library must be an object with a 'system_message'"),
        ("[{", "is not JSON"),
        (7, "library_path_or_json must be the path"),
    ],
    ids=["object", "incomplete", "broken", "number"],
)
def test_a_library_that_is_none_is_refused(library, message):
    builder, _ = make_builder("")
    with pytest.raises(ValueError, match=message):
        builder.build_from_library("chess", library, {})
    with pytest.raises(ValueError, match="building_task must name the skills"):
        builder.build_from_library(" \n", LIBRARY, {})


def test_more_skills_than_agents_are_logged(caplog):
    names = [{"skill_number": number, "expert": expert["name"]} for number, expert in enumerate(LIBRARY[::2], start=1)]
    builder, _ = make_builder(json.dumps({"matches": names}), max_agents=1)
    agents, _ = builder.build_from_library("chess\ncook", LIBRARY, {}, coding=False, embedding_model=embed)
    assert names_of(agents) == ["Chess_Expert"]
    assert "needs 2 experts, max_agents is 1" in caplog.text


@pytest.mark.slow
def test_the_offline_model_finds_experts_by_meaning(embedding_weights):
    builder, model = make_builder('{"matches": [{"skill_number": 1, "expert": "Cook"}]}')
    builder.build_from_library("prepare a tasty dinner", LIBRARY, {}, top_k=1, coding=False)
    assert "- Cook" in model.asked[0][0]["content"]
