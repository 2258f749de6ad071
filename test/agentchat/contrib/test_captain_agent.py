"""`CaptainAgent`: teams for the parts of a task, their tools, and the review of their work."""

import copy
import json
import os

import pytest
from api_facts import check_signature

from autogen import gather_usage_summary
from autogen.agentchat.contrib.captainagent import (
    AgentBuilder,
    CaptainAgent,
    ToolBuilder,
    format_ag2_tool,
    get_full_tool_description,
)
from autogen.agentchat.contrib.captainagent.captainagent import CaptainUserProxyAgent
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.exception_utils import BudgetExceeded
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import Tool

EXPERTS = [
    {"name": "Math_Expert", "role": "You compute.", "instructions": "Compute.", "description": "Computes sums."},
    {"name": "Critic_Expert", "role": "You check.", "instructions": "Check.", "description": "Checks translations."},
]
REVIEW = {"task": "Add.", "results": "It is 5.", "reasons": "2 + 3", "issues": "", "additional_information": "None."}
NESTED = {
    "autobuild_build_config": {"coding": False},
    "group_chat_config": {"speaker_selection_method": "round_robin", "max_round": 6},
}


def make_model(captain, team=("It is 5. TERMINATE",), review=None, plan=None):
    """Return a model that plays every part: scripts for the captain and the team, the same answer for all reviews."""
    review = json.dumps({**REVIEW, "needs_double_check": False}) if review is None else review
    plan = json.dumps({"experts": EXPERTS, "needs_programming": True}) if plan is None else plan
    captain, team = iter(captain), iter(team)

    def answer(messages):
        first, last = str(messages[0]["content"]), str(messages[-1]["content"])
        if "Give the answer to the task" in last:
            return "The sum is 5."
        if first.startswith("You lead the solution"):
            return next(captain)
        if first.startswith(("Plan a team", "Find an expert")):
            return plan
        if first.startswith("Review the work"):
            return review
        return next(team)

    return ScriptedModel(answer)


def seek(group="adders", task="Add 2 and 3.", skills="Sums: adds numbers"):
    return tool_call("seek_experts_help", group_name=group, building_task=skills, execution_task=task)


def make_captain(model, nested=NESTED, **options):
    return CaptainAgent("captain", llm_config=model.llm_config, nested_config=nested, silent=True, **options)


def solve(call, agent, captain, message="What is 2 + 3?"):
    user = agent("user")
    return call(user.initiate_chat, captain, message=message, max_turns=1)


def list_reports(captain):
    history = captain.executor.chat_messages[captain.assistant]
    return [message["content"] for message in history if message.get("tool_responses")]


def count(model, start):
    return sum(str(messages[0]["content"]).startswith(start) for messages in model.asked)


def test_a_team_is_built_for_a_part_of_the_task(call, agent, capsys):
    model = make_model([seek(), "It is 5. TERMINATE"])
    captain = make_captain(model)
    result = solve(call, agent, captain)
    assert capsys.readouterr().out == ""
    assert result.summary == "The sum is 5."
    assert [message["content"] for message in result.chat_history] == ["What is 2 + 3?", "The sum is 5."]
    [report] = list_reports(captain)
    titles = ["Task", "Results", "Reasons", "Errors or issues", "Need to double-check?", "Additional information"]
    positions = [report.index(f"# {title}") for title in titles]
    assert positions == sorted(positions)
    assert "# Need to double-check?\nNo" in report
    assert "verify" not in report
    task = next(m for m in model.asked if m[0]["role"] == "system" and "Critic_Expert" in m[0]["content"])[1]["content"]
    assert "What is 2 + 3?" in task
    assert "Add 2 and 3." in task
    discussion = next(m[0]["content"] for m in model.asked if str(m[0]["content"]).startswith("Review"))
    assert "<<<untrusted" in discussion
    assert "Critic_Expert: It is 5. TERMINATE" in discussion
    prompts = sum(len(str(message.get("content") or "").split()) for messages in model.asked for message in messages)
    for usage in (result.cost, gather_usage_summary([captain])):
        assert usage["usage_including_cached_inference"]["scripted"]["prompt_tokens"] == prompts


def test_all_models_of_a_task_have_one_budget(call, agent):
    model = make_model([seek(task="word " * 300), "5. TERMINATE"])
    captain = CaptainAgent(
        "captain", llm_config={**model.llm_config, "max_tokens_total": 1500}, nested_config=NESTED, silent=True
    )
    with pytest.raises(BudgetExceeded):
        solve(call, agent, captain)


def test_a_team_may_be_one_expert(call, agent):
    plan = json.dumps({"experts": EXPERTS[:1], "needs_programming": False})
    model = make_model([seek(), "5. TERMINATE"], plan=plan)
    captain = make_captain(model)
    solve(call, agent, captain)
    assert "It is 5." in list_reports(captain)[0]


def test_a_captain_that_never_ends_is_ended(call, agent):
    def seek_again():
        while True:
            yield seek()

    def speak():
        while True:
            yield "5. TERMINATE"

    model = make_model(seek_again(), speak())
    captain = make_captain(model, {**NESTED, "max_turns": 3})
    assert solve(call, agent, captain).summary == "The sum is 5."
    assert len(list_reports(captain)) == 2


def test_a_solution_survives_a_crash(tmp_path, agent, call):
    def solve_again(model):
        captain, user = make_captain(model), agent("user")
        options = {"message": "What is 2 + 3?", "max_turns": 1, "checkpoint": str(tmp_path / "chat.db")}
        return call(user.initiate_chat, captain, **options).summary

    assert solve_again(make_model([seek(), "5. TERMINATE"])) == "The sum is 5."
    assert solve_again(ScriptedModel()) == "The sum is 5."


def test_a_team_of_the_same_name_comes_again_and_has_forgotten_everything(call, agent):
    doubtful = json.dumps({**REVIEW, "needs_double_check": True})
    model = make_model([seek(), seek(task="Verify 5."), "5. TERMINATE"], ["FIRST. TERMINATE", "SECOND. TERMINATE"], doubtful)
    captain = make_captain(model)
    solve(call, agent, captain)
    assert count(model, "Plan a team") == 1
    first, second = list_reports(captain)
    assert "# Need to double-check?\nYes" in first
    assert "have the group adders verify it" in first
    last = [m for m in model.asked if "Verify 5." in str(m[1:2])]
    assert last
    assert "FIRST" not in str(last[0])
    assert "Yes" in second


@pytest.mark.parametrize(
    ("text", "is_doubtful"),
    [
        ("# Results\n5\n# Need to double-check?\nNo.\n# Additional information\nYes, there is more.", False),
        ("# Need to double-check?\n**Yes**", True),
        ("It is 5, I think.", True),
    ],
    ids=["no", "yes", "unknown"],
)
def test_a_review_in_text_is_read(text, is_doubtful, agent, call):
    model = make_model([seek(), "5. TERMINATE"], review=text)
    captain = make_captain(model)
    solve(call, agent, captain)
    [report] = list_reports(captain)
    assert report.startswith(text)
    assert ("verify" in report) is is_doubtful


def test_settings_of_one_captain_are_not_those_of_another(agent):
    before = copy.deepcopy(CaptainAgent.DEFAULT_NESTED_CONFIG)
    nested = {"autobuild_build_config": {"coding": False}, "max_turns": 2}
    given = copy.deepcopy(nested)
    make_captain(make_model([]), nested, agent_lib=[], tool_lib=[abs])
    assert nested == given
    assert before == CaptainAgent.DEFAULT_NESTED_CONFIG
    second = CaptainAgent("second", llm_config=make_model([]).llm_config)
    assert second.executor.tool_builder is None


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        ({"max_turn": 3}, "nested_config has no 'max_turn'. Did you mean 'max_turns'"),
        ({"group_chat_config": {"max_rounds": 3}}, "group_chat_config has no 'max_rounds'. Did you mean 'max_round'"),
        ({"autobuild_build_config": {"codeing": 1}}, "autobuild_build_config has no 'codeing'"),
        ({"autobuild_init_config": None}, "autobuild_init_config of nested_config must be a dict"),
    ],
    ids=["key", "group", "build", "section"],
)
def test_unknown_settings_are_refused(nested, message):
    with pytest.raises(ValueError, match=message):
        make_captain(make_model([]), nested)


def test_its_signature_is_that_of_ag2():
    signature = (
        "(self, name, system_message=None, llm_config=None, is_termination_msg=None, max_consecutive_auto_reply=None, "
        "human_input_mode='NEVER', code_execution_config=False, nested_config=None, agent_lib=None, tool_lib=None, "
        "agent_config_save_path=None, description=<text>, **kwargs)"
    )
    check_signature("CaptainAgent", signature, CaptainAgent.__init__)


def test_a_captain_needs_a_model():
    with pytest.raises(ValueError, match="needs an llm_config"):
        CaptainAgent("captain", llm_config=False)


def test_the_configs_of_teams_are_saved_inside_their_folder(tmp_path, agent, call):
    model = make_model([seek("../../evil"), seek("evil"), "5. TERMINATE"], ["5. TERMINATE"] * 2)
    captain = make_captain(model, agent_config_save_path=tmp_path / "a" / "teams")
    solve(call, agent, captain)
    path, other = sorted(tmp_path.rglob("*.json"))
    assert path == tmp_path / "a" / "teams" / "evil.json"
    assert other == tmp_path / "a" / "teams" / "evil_2.json"
    agents, _ = AgentBuilder(llm_config=model.llm_config).load(path)
    assert [agent.name for agent in agents] == ["Math_Expert", "Critic_Expert"]


def test_experts_come_from_a_library(agent, call):
    library = [
        {"name": "Adder", "system_message": "You add.", "description": "Adds."},
        {"name": "Writer", "system_message": "You write.", "description": "Writes."},
    ]
    matches = {"matches": [{"skill_number": 1, "expert": "Adder"}, {"skill_number": 2, "expert": "Writer"}]}
    nested = {**NESTED, "autobuild_build_config": {"coding": False, "embedding_model": False, "max_agents": 3}}
    model = make_model([seek(skills="adds\nwrites"), "5. TERMINATE"], plan=json.dumps(matches))
    captain = make_captain(model, nested, agent_lib=library)
    solve(call, agent, captain)
    assert list(captain.executor.builder.agent_procs_assign) == ["Adder", "Writer"]


def test_mistakes_of_the_captain_are_reported_to_it(agent, call):
    model = make_model([seek(skills=" "), "No idea. TERMINATE"])
    captain = make_captain(model)
    solve(call, agent, captain)
    assert (
        list_reports(captain) == ["Error: building_task must not be empty."]
        or "must not be empty" in list_reports(captain)[0]
    )


def test_the_conversation_so_far_is_known(agent, call):
    model = make_model(["5. TERMINATE", "10. TERMINATE"])
    captain = make_captain(model)
    user = agent("user", default_auto_reply="And twice that?")
    call(user.initiate_chat, captain, message="What is 2 + 3?", max_turns=2)
    second = next(m for m in model.asked if "And twice that?" in str(m[1]["content"]))[1]["content"]
    assert "user: What is 2 + 3?" in second
    assert "captain: The sum is 5." in second


def test_clones_have_inner_agents_of_their_own():
    captain = make_captain(make_model([]))
    clone = captain.clone()
    assert clone.assistant is not captain.assistant
    assert clone.executor.builder is not captain.executor.builder
    assert isinstance(clone.executor, CaptainUserProxyAgent)


# Tools.

SCRIPT = '''
from typing import Literal, Optional

from autogen.coding.func_with_reqs import Alias, ImportFromModule, with_requirements

open({touched!r}, "a").write("x")


@with_requirements(
    python_packages=["rates>=1"], global_imports=["math", ImportFromModule("os", ["getpid", Alias("sep", "s")])]
)
def convert_currency(
    amount: float, rates: list[float], unit: Literal["EUR", "USD"] = "EUR", note: Optional[str] = None
) -> dict:
    """Convert money between currencies.

    Args:
        amount: The amount.
        rates: The rates.
    """
    print("converting")
    return {{"sum": math.fsum([amount * rate for rate in rates]), "unit": unit, "process": getpid()}}
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "convert_currency.py").write_text(SCRIPT.format(touched=str(tmp_path / "touched")))
    (tmp_path / "tools" / "texts.py").write_text(
        'def translate(text: "str | None", *, to="en"):\n    "Translate a text."\n\n\n'
        'async def fail() -> None:\n    "Break a text."\n    raise ZeroDivisionError(text)\n\n\ndef helper():\n    pass\n'
    )
    (tmp_path / "tools" / "broken.py").write_text("def (")
    (tmp_path / "tools" / "_private.py").write_text('def hidden():\n    "Hidden."\n')
    return tmp_path / "tools"


def test_files_of_tools_are_read_and_not_run(folder, caplog):
    library = ToolBuilder(folder, retriever=False)
    assert [tool.name for tool in library.tools] == ["convert_currency", "translate", "fail"]
    assert "broken.py is not read as a tool" in caplog.text
    assert library.needs_executor
    money, text, _ = library.tools
    assert money.parameters["required"] == ["amount", "rates"]
    assert money.parameters["properties"] == {
        "amount": {"description": "The amount.", "type": "number"},
        "rates": {"description": "The rates.", "type": "array", "items": {"type": "number"}},
        "unit": {"enum": ["EUR", "USD"], "default": "EUR"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    }
    assert text.parameters["properties"] == {
        "text": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "to": {"default": "en"},
    }
    assert [tool.name for tool in library.retrieve("a currency", top_k=1)] == ["convert_currency"]
    description = get_full_tool_description(folder / "convert_currency.py")
    assert description.startswith("def convert_currency(amount: float")
    assert "Convert money" in description
    assert not (folder.parent / "touched").exists()


def test_files_of_tools_run_in_the_executor_alone(folder, tmp_path, agent, call):
    work = tmp_path / "work"
    with_money = tool_call("convert_currency", amount=2, rates=[1, 1.5], note="{x} 'y'")
    nested = {
        "autobuild_build_config": {
            "coding": False,
            "code_execution_config": {"executor": LocalCommandLineCodeExecutor(work_dir=work)},
        },
        "autobuild_tool_config": {"retriever": False, "tool_top_k": 1},
        "group_chat_config": {"speaker_selection_method": "round_robin"},
    }
    plan = {"experts": [EXPERTS[0], {**EXPERTS[1], "description": "Handles a currency."}], "needs_programming": False}
    model = make_model([seek(), "5. TERMINATE"], [with_money, "It is 5. TERMINATE"], plan=json.dumps(plan))
    captain = make_captain(model, nested, tool_lib=folder)
    solve(call, agent, captain)
    outputs = [m["content"] for messages in model.asked for m in messages if m["role"] == "tool" and "unit" in m["content"]]
    result = json.loads(outputs[0])
    assert (result["sum"], result["unit"]) == (5.0, "EUR")
    assert result["process"] != os.getpid()
    assert (folder.parent / "touched").read_text() == "x"


@pytest.mark.slow
def test_a_tool_that_fails_says_so(folder, tmp_path, agent):
    library = ToolBuilder(folder, retriever=False)
    code = {"work_dir": str(tmp_path / "work"), "use_docker": False}
    terminal = agent("terminal", code_execution_config=code, llm_config=make_model([]).llm_config)
    library.bind(terminal, library.tools[2:], terminal)
    success, result = terminal.execute_function({"name": "fail", "arguments": "{}"})
    assert not success
    assert "fail failed (exit code 1)" in result["content"]
    assert "NameError" in result["content"]


def test_functions_of_the_program_are_ordinary_tools(agent, call):
    calls = []

    def add(a: int, b: int) -> int:
        """Compute sums."""
        calls.append((a, b))
        return a + b

    model = make_model([seek(), "5. TERMINATE"], [tool_call("add", a=2, b=3), "It is 5. TERMINATE"])
    nested = {**NESTED, "autobuild_tool_config": {"retriever": False}}
    captain = make_captain(model, nested, tool_lib=[add])
    solve(call, agent, captain)
    assert calls == [(2, 3)]
    text = format_ag2_tool(Tool(func_or_tool=add))
    assert text.startswith("name: add\ndescription: Compute sums.\nparameters: {")


def test_libraries_that_are_none_are_refused(folder):
    with pytest.raises(NotADirectoryError, match="must be a folder of Python files"):
        ToolBuilder(folder / "gone")
    (folder / "more").mkdir()
    (folder / "more" / "translate.py").write_text("def translate():\n    pass\n")
    with pytest.raises(ValueError, match="Two tools have the name 'translate'"):
        ToolBuilder(folder)
    with pytest.warns(UserWarning, match="The package has no library of tools"):
        assert ToolBuilder("default").tools == []
