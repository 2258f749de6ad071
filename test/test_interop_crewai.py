"""Tools of CrewAI, with the real package: in an environment of their own, since it excludes current versions of others."""

import asyncio

import pytest
from pydantic import BaseModel, Field

from autogen.interop import CrewAIInteroperability, Interoperability, as_tool
from autogen.testing import ScriptedModel, tool_call

crewai = pytest.importorskip("crewai.tools", reason="the extra 'interop-crewai' is not installed")


class Numbers(BaseModel):
    """Numbers."""

    a: int = Field(description="The first.")
    b: int = 2


class Multiply(crewai.BaseTool):
    name: str = "Multiply, at once!"
    description: str = "Multiply."
    args_schema: type[BaseModel] = Numbers

    def _run(self, a, b=2):
        return f"{a * b} for Ada"


class MultiplyLater(crewai.BaseTool):
    name: str = "later"
    description: str = "Multiply."

    def _run(self, a: int, b: int = 2) -> str:
        raise AssertionError("it has a coroutine")

    async def _arun(self, a: int, b: int = 2) -> str:
        await asyncio.sleep(0)
        return f"{a * b} for Ada"


class MultiplySomehow(crewai.BaseTool):
    name: str = "somehow"
    description: str = "Multiply."

    async def _run(self, a: int, b: int = 2) -> str:
        await asyncio.sleep(0)
        return f"{a * b} for Ada"


@crewai.tool("decorated")
def multiply(a: int, b: int = 2) -> str:
    """Multiply."""
    return f"{a * b} for Ada"


@crewai.tool("decorated later")
async def multiply_later(a: int, b: int = 2) -> str:
    """Multiply."""
    await asyncio.sleep(0)
    return f"{a * b} for Ada"


def use(agent_of, call, tool, *calls):
    """Run an agent with a tool; returns the results, and the run."""
    model = ScriptedModel(*(tool_call(tool.name, **arguments) for arguments in calls), "Done.")
    run = call(agent_of("me", llm_config=model.llm_config).run, "Go.", tools=tool)
    return [message["content"] for message in run.chat_history if message["role"] == "tool"], run


@pytest.mark.parametrize(
    ("foreign", "name"),
    [
        (Multiply, "Multiply__at_once_"),
        (MultiplyLater, "later"),
        (MultiplySomehow, "somehow"),
        (lambda: multiply, "decorated"),
        (lambda: multiply_later, "decorated_later"),
    ],
)
def test_a_tool_is_called_with_flat_arguments(agent, call, foreign, name):
    tool = Interoperability.convert_tool(tool=foreign(), type="crewai")
    assert (tool.name, tool.description) == (name, "Multiply.")
    parameters = tool.function_schema["parameters"]
    assert {key: value["type"] for key, value in parameters["properties"].items()} == {"a": "integer", "b": "integer"}
    assert parameters["required"] == ["a"]
    results, run = use(agent, call, tool, {"a": 3, "c": 9}, {"a": "x"})
    assert results[0] == "6 for Ada"
    assert results[1].startswith("Error: ")
    assert run.summary == "Done."


def test_a_result_is_the_answer_and_a_used_up_tool_an_error(agent, call):
    results, run = use(agent, call, as_tool(Multiply(result_as_answer=True)), {"a": 3})
    assert (results, run.summary) == (["6 for Ada"], "6 for Ada")
    results, _ = use(agent, call, as_tool(Multiply(max_usage_count=1)), {"a": 3}, {"a": 4})
    assert results[0] == "6 for Ada"
    assert results[1].startswith("Error: ")
    assert "usage limit" in results[1]


@pytest.mark.parametrize(
    ("tool", "options", "text"),
    [(len, {}, r"must be a crewai\.tools\.BaseTool"), (multiply, {"retries": 1}, "no options, got 'retries'")],
)
def test_tools_that_can_not_be_converted_are_refused(tool, options, text):
    with pytest.raises(ValueError, match=text):
        CrewAIInteroperability.convert_tool(tool, **options)
