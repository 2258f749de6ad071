"""`AgentOptimizer`: functions that a model learns, their trial calls, and versions that come back."""

import contextlib
import io
import json

import pytest

from autogen import gather_usage_summary
from autogen.agentchat.contrib.agent_optimizer import AgentOptimizer, FunctionFailed
from autogen.coding import LocalCommandLineCodeExecutor, MarkdownCodeExtractor
from autogen.coding.base import CodeResult
from autogen.io import IOConsole, IOStream
from autogen.testing import ScriptedModel, tool_call


class Processes:
    """An executor that runs each program with variables of its own, in this process."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self):
        self.programs = []

    def restart(self):
        pass

    def execute_code_blocks(self, code_blocks):
        output, exit_code = io.StringIO(), 0
        for block in code_blocks:
            self.programs.append(block.code)
            with contextlib.redirect_stdout(output):
                try:
                    exec(block.code, {"__name__": "__main__"})
                except SystemExit as error:
                    exit_code = 1
                    output.write(str(error))
        return CodeResult(exit_code=exit_code, output=output.getvalue())


@pytest.fixture
def optimize():
    """Make an optimizer whose model acts by a script."""

    def make(*script, actions=1, **options):
        model = ScriptedModel(*script)
        options = {"executor": Processes(), "optimizer_model": model.name, **options}
        optimizer = AgentOptimizer(actions, model.llm_config, **options)
        return optimizer, model

    return make


def write(name, code=None, tool="add_function", **options):
    """Return the call that adds a function of one number."""
    fields = {
        "name": name,
        "description": f"Compute {name}.",
        "arguments": json.dumps({"n": {"type": "integer", "description": "A number."}}),
        "packages": "",
        "code": code or f"def {name}(n):\n    return f'{name} of {{n}}'",
        "example": json.dumps({"n": 1}),
    }
    return tool_call(tool, **{**fields, **options})


def record(optimizer, *results):
    for result in results:
        optimizer.record_one_conversation([{"role": "user", "content": "A task."}], is_satisfied=result)


def list_names(optimizer):
    return [function["name"] for function in optimizer.functions]


def test_each_function_is_the_one_that_is_shown(call, optimize):
    # In 0.2 every function ran the code of the last.
    optimizer, model = optimize(write("double"), write("square"), write("cube"), actions=3)
    record(optimizer, True, False)
    signatures, functions = call(optimizer.step)
    assert {name: function(n=2) for name, function in functions.items()} == {
        "double": "double of 2",
        "square": "square of 2",
        "cube": "cube of 2",
    }
    assert signatures[0] == {
        "func_sig": {
            "name": "double",
            "description": "Compute double.",
            "parameters": {
                "type": "object",
                "properties": {"n": {"type": "integer", "description": "A number."}},
                "required": ["n"],
            },
        },
        "is_remove": False,
    }
    assert optimizer.functions == optimizer._trial_functions
    assert [tool["function"]["name"] for tool in model.requests[0]["tools"]] == [
        "add_function",
        "revise_function",
        "remove_function",
    ]


def test_a_worse_list_is_rolled_back_and_removed_functions_are_unregistered(call, agent, optimize):
    script = [[write("good")], "TERMINATE", [write("bad")], [tool_call("remove_function", name="good")]]
    optimizer, model = optimize(*script)
    assistant = agent("assistant", llm_config=ScriptedModel().llm_config)
    user = agent("user")
    known = []
    # one result for each version: no functions, good, the same again, good and bad
    for result in (False, True, True, False):
        record(optimizer, result)
        signatures, functions = call(optimizer.step)
        for signature in signatures:
            assistant.update_function_signature(**signature)
        user.register_function(function_map=functions, silent_override=True)
        known.append(list_names(optimizer))
        offered = [function["name"] for function in assistant.llm_config.get("functions", ())]
        assert offered == list(user.function_map) == known[-1]
    assert known == [["good"], ["good"], ["good", "bad"], []]
    assert "These functions did worse" in model.asked[3][0]["content"]
    assert [(version.performance, version.parent) for version in optimizer.versions] == [
        (0, None),
        (1, 0),
        (0, 1),
        (None, 1),
    ]
    signatures, functions = optimizer.rollback()
    assert [item["func_sig"]["name"] for item in signatures] == ["good"]
    signatures, functions = optimizer.rollback(0)
    assert (signatures[0]["is_remove"], functions) == (True, {"good": None})
    with pytest.raises(ValueError, match="the versions are 0 to 3"):
        optimizer.rollback(4)


BAD = [
    pytest.param(write("f", "def f(n): return ("), "can't be compiled", id="syntax"),
    pytest.param(write("f", "def g(n): return 1"), "must define a function 'f'", id="other name"),
    pytest.param(write("f", "def f(n): return 1 / 0"), "ZeroDivisionError: division by zero (in line 1)", id="fails"),
    pytest.param(write("f", "def f(n): return object"), "not JSON serializable", id="result"),
    pytest.param(write("f", "def f(m): return 1"), "no parameters n", id="parameters"),
    pytest.param(write("f", "def f(n, m): return 1"), "must describe m", id="undescribed"),
    pytest.param(write("f", example=""), "example must have values for n", id="no example"),
    pytest.param(write("f", arguments="n: int"), "arguments must be a JSON object", id="arguments"),
    pytest.param(write("f", packages="numpy --index-url http://x"), "names of packages", id="options of pip"),
    pytest.param(write("two words"), "name must be that of a Python function", id="name"),
    pytest.param(write("f", tool="revise_function"), "there is no function 'f'; the functions are: none", id="revise"),
    pytest.param(tool_call("remove_function", name="f"), "there is no function 'f'", id="remove"),
    pytest.param(tool_call("rewrite"), "there is no tool 'rewrite'", id="tool"),
    pytest.param("I would add f.", "there is no call of a tool", id="text"),
]


@pytest.mark.parametrize(("answer", "reason"), BAD)
def test_a_change_that_can_not_be_made_is_corrected(optimize, answer, reason):
    optimizer, model = optimize(answer, write("f"))
    record(optimizer, True)
    optimizer.step()
    assert list_names(optimizer) == ["f"]
    assert reason in model.asked[1][-1]["content"]


def test_after_three_attempts_a_step_ends(optimize, caplog):
    optimizer, model = optimize(*["No idea."] * 3, actions=5)
    record(optimizer, True)
    assert optimizer.step() == ([], {})
    assert len(model.requests) == 3
    assert "3 attempts" in caplog.text


def test_a_function_of_a_model_runs_in_the_executor_alone(optimize, tmp_path):
    trace = tmp_path / "trace"
    code = f"import pathlib\npathlib.Path({str(trace)!r}).write_text('x')\ndef f(n):\n    return n"
    optimizer, _ = optimize(write("f", code))
    executor = optimizer._executor
    executor.execute_code_blocks = lambda blocks: CodeResult(exit_code=1, output="refused")
    record(optimizer, True)
    with contextlib.suppress(AssertionError):
        optimizer.step()
    assert not trace.exists()


def test_a_step_needs_records_and_a_failed_step_changes_nothing(optimize):
    optimizer, _ = optimize(RuntimeError("no network"), write("f"))
    with pytest.raises(RuntimeError, match="record_one_conversation"):
        optimizer.step()
    record(optimizer, True, False)
    with pytest.raises(RuntimeError, match="no network"):
        optimizer.step()
    optimizer.step()
    assert [(version.performance, version.conversations) for version in optimizer.versions] == [(0.5, 2), (None, 0)]


def test_patience_ends_the_changes(optimize):
    optimizer, model = optimize(*(write(name) for name in "abcdef"), patience=2)
    for result in (True, False, False, True):
        record(optimizer, result)
        optimizer.step()
    assert (optimizer.has_converged, len(model.requests), list_names(optimizer)) == (True, 2, [])


def test_long_histories_are_cut_and_marked(optimize):
    optimizer, model = optimize("TERMINATE", max_history_tokens=200)
    optimizer.record_one_conversation([{"role": "user", "content": "long " * 5000}], is_satisfied=False)
    calls = [tool_call("clock", zone="UTC")]
    optimizer.record_one_conversation(
        [{"role": "user", "content": "The last."}, {"role": "assistant", "content": None, "tool_calls": calls}],
        is_satisfied=True,
    )
    optimizer.step()
    prompt = model.asked[0][0]["content"]
    assert len(prompt) < 6000
    assert "<<<untrusted" in prompt
    assert 'assistant: calls clock({"zone": "UTC"})' in prompt


def test_a_human_may_judge(optimize, monkeypatch):
    optimizer, _ = optimize()
    answers = ["1", "yes"]
    console = IOConsole()
    monkeypatch.setattr(console, "input", lambda prompt="", **options: answers.pop(0))
    with IOStream.set_default(console):
        optimizer.record_one_conversation([])
        with pytest.raises(AssertionError, match="1 or 0, got 'yes'"):
            optimizer.record_one_conversation([])
    assert optimizer._trial_conversations_performance == [{"Conversation 1": 1}]
    assert optimizer._trial_conversations_history == [{"Conversation 1": []}]
    optimizer.reset_optimizer()
    assert optimizer._trial_conversations_history == []


def test_a_state_is_saved_and_loaded(optimize, tmp_path):
    optimizer, _ = optimize(write("f"), write("g"))
    for result in (True, False):
        record(optimizer, result)
        optimizer.step()
    path = tmp_path / "functions.json"
    optimizer.save(path)
    other, model = optimize("TERMINATE")
    _, functions = other.load(path)
    assert (other.versions, other.functions) == (optimizer.versions, optimizer.functions)
    assert functions["g"](n=3) == "g of 3"
    record(other, False)
    other.step()
    assert model.asked[0][0]["content"].count("result") > 2
    path.write_text('{"format": 1, "versions": [{"number": 1}]}')
    with pytest.raises(ValueError, match="version 0 is missing"):
        other.load(path)
    assert len(other.versions) == 3


def test_arguments_are_checked():
    config = ScriptedModel().llm_config
    with pytest.raises(AssertionError, match="must be a dict"):
        AgentOptimizer(1, [])
    with pytest.raises(ValueError, match="must not be empty"):
        AgentOptimizer(1, {})
    # 0.2 made a client without any model.
    with pytest.raises(ValueError, match="has scripted; got 'gpt-4-1106-preview'"):
        AgentOptimizer(1, config)
    with pytest.raises(ValueError, match="patience must be a whole number"):
        AgentOptimizer(1, config, "scripted", patience=0)


def test_training_improves_an_assistant(call, agent, optimize):
    code = "def triple(n):\n    return 3 * n"
    worse = write("triple", "def triple(n):\n    return 'three times'", tool="revise_function")
    optimizer, _ = optimize(write("triple", code), worse)

    def solve(messages):
        # a model that calls the function if it has it
        last = messages[-1]
        if last["role"] == "tool":
            return f"{last['content']} TERMINATE"
        return tool_call("triple", n=int(last["content"])) if assistant.llm_config.get("functions") else "? TERMINATE"

    assistant = agent("assistant", llm_config=ScriptedModel(solve).llm_config)
    user = agent("user", is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")))
    performances = call(
        optimizer.train,
        assistant,
        user,
        [1, 2],
        lambda task, result: result.summary.split()[0] == str(3 * task),
        epochs=3,
        silent=True,
    )
    assert performances == [0.0, 1.0, 0.0]
    assert user.function_map["triple"](n=5) == "15"
    assert optimizer.best_version.number == 1


@pytest.mark.slow  # starts processes
def test_functions_in_processes(optimize, tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    code = "async def wait(n, unit='s'):\n    print('a line')\n    return {'n': n, 'u': unit}"
    optimizer, model = optimize(write("wait", code), executor=executor)
    record(optimizer, True)
    _, functions = optimizer.step()
    assert json.loads(functions["wait"](n=2)) == {"n": 2, "u": "s"}
    with pytest.raises(FunctionFailed, match="wait failed"):
        functions["wait"](m=2)
    assert gather_usage_summary([optimizer])["usage_including_cached_inference"].keys() == {"total_cost", model.name}
