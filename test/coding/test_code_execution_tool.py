"""AG2's tool that runs Python code."""

import json
import os

import pytest

from autogen.environments import SystemPythonEnvironment, WorkingDirectory
from autogen.testing import ScriptedModel, tool_call
from autogen.tools.experimental import PythonCodeExecutionTool


@pytest.mark.slow
def test_a_model_runs_code(call, agent, tmp_path):
    code = "import os; print(os.getcwd()); open('made.txt', 'w').write('x')"
    requests = [{"code": code, "libraries": ["numpy"]}, {"code": "1 / 0"}, {"code": "while True: pass"}]
    model = ScriptedModel(*(tool_call("python_execute_code", code_execution_request=item) for item in requests), "done")
    before = os.getcwd()
    with SystemPythonEnvironment(), WorkingDirectory(tmp_path):
        tool = PythonCodeExecutionTool(timeout=1)
    # The tool keeps the environment and the folder of its block.
    call(agent("a", llm_config=model.llm_config).run, "hi", tools=tool)
    first, failed, late = [json.loads(message["content"]) for message in model.asked[-1] if message["role"] == "tool"]
    assert (first["success"], first["stdout"]) == (True, f"{tmp_path}\n")
    assert "installs nothing" in first["note"]
    assert failed["returncode"] == 1
    assert "ZeroDivisionError" in failed["stderr"]
    assert late == {"success": False, "error": "Execution timed out after 1 seconds"}
    assert (tmp_path / "made.txt").read_text() == "x"
    assert os.getcwd() == before
    parameters = model.requests[0]["tools"][0]["function"]["parameters"]
    assert list(parameters["properties"]) == ["code_execution_request"]


def test_it_needs_an_environment_and_a_directory(tmp_path):
    with pytest.raises(AssertionError, match="needs a working_directory"):
        PythonCodeExecutionTool(python_environment=SystemPythonEnvironment())
    with pytest.raises(AssertionError, match="needs a python_environment"):
        PythonCodeExecutionTool(working_directory=WorkingDirectory(tmp_path))
