"""Tools of other frameworks, with the real packages."""

import importlib.util
from typing import Annotated

import pytest

from autogen import ConversableAgent
from autogen.interop import Interoperability, Interoperable, LangChainToolAdapter, as_tool, register_interoperable_class
from autogen.interop.registry import InteroperableRegistry
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import Tool

langchain = pytest.importorskip("langchain_core.tools")
pydantic_ai = pytest.importorskip("pydantic_ai")


@langchain.tool
def multiply(a: int, b: int = 2, user: Annotated[str, langchain.InjectedToolArg] = "Ada") -> str:
    """Multiply two numbers."""
    return f"{a * b} for {user}"


@langchain.tool(return_direct=True)
async def multiply_later(a: int, b: int = 2) -> str:
    """Multiply."""
    return f"{a * b} for Ada"


@langchain.tool
def refuse(a: int) -> str:
    """Refuse."""
    raise langchain.ToolException(f"{a} is refused")


class Doubler(langchain.BaseTool):
    name: str = "a doubler"
    description: str = "Double."

    def _run(self, a: int) -> str:
        return f"{2 * a} for Ada"


PARAMETERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
    "required": ["a"],
}


def use(agent_of, call, tool, **arguments):
    """Run an agent with a tool; returns the result, and the model."""
    model = ScriptedModel(tool_call(tool.name, **arguments), "Done.")
    return call(agent_of("me", llm_config=model.llm_config).run, "Go.", tools=tool), model


def drop_titles(schema):
    return {
        name: {k: v for k, v in parameter.items() if k not in ("title", "description")} for name, parameter in schema.items()
    }


@pytest.mark.parametrize(
    ("foreign", "name"), [(multiply, "multiply"), (multiply_later, "multiply_later"), (Doubler(), "a_doubler")]
)
def test_a_tool_of_langchain_is_called_with_flat_arguments(agent, call, foreign, name):
    tool = Interoperability.convert_tool(tool=foreign, type="langchain")
    assert (type(tool), tool.name, tool.description) == (LangChainToolAdapter, name, foreign.description)
    parameters = tool.function_schema["parameters"]
    expected = PARAMETERS["properties"] if name != "a_doubler" else {"a": {"type": "integer"}}
    assert (drop_titles(parameters["properties"]), parameters["required"]) == (expected, ["a"])
    # LangChain fills the user in, and not the model.
    result, model = use(agent, call, tool, a=3, user="Eve")
    assert result.chat_history[2]["content"] == "6 for Ada"
    # `return_direct` means that the result is the answer.
    assert (result.summary, len(model.requests)) == (("6 for Ada", 1) if foreign.return_direct else ("Done.", 2))


@pytest.mark.parametrize(
    ("foreign", "arguments", "text"), [(refuse, {"a": 1}, "1 is refused"), (multiply, {"a": "x"}, "valid integer")]
)
def test_an_error_of_a_tool_of_langchain_is_told_to_the_model(agent, call, foreign, arguments, text):
    content = use(agent, call, as_tool(foreign), **arguments)[0].chat_history[2]["content"]
    assert content.startswith("Error: ")
    assert text in content


def test_the_run_method_in_notebooks_of_0_2_invokes_the_tool(agent):
    me = agent("me", function_map={"multiply": multiply._run})
    assert me.execute_function({"name": "multiply", "arguments": '{"a": 4}'})[1]["content"] == "8 for Ada"


def power(ctx: pydantic_ai.RunContext[str], a: int, b: int = 2) -> str:
    """Raise to a power.

    Args:
        ctx: The context.
        a: The base.
        b: The exponent.
    """
    if a < 0:
        raise pydantic_ai.ModelRetry(f"{a} is negative, for the {ctx.retry + 1}. time.")
    return f"{a**b} for {ctx.deps}, {ctx.tool_name}"


async def power_later(a: int, b: int = 2) -> str:
    """Raise."""
    return f"{a**b} for Ada, power_later"


def test_a_tool_of_pydantic_ai_gets_its_context_and_may_want_another_try(agent, call):
    tool = Interoperability.convert_tool(tool=pydantic_ai.Tool(power), type="pydanticai", deps="Ada")
    parameters = tool.function_schema["parameters"]
    assert drop_titles(parameters["properties"]) == PARAMETERS["properties"]
    assert (tool.description, parameters["properties"]["b"]["description"]) == ("Raise to a power.", "The exponent.")
    calls = [tool_call("power", a=-1), tool_call("power", a=-2), tool_call("power", a="x"), tool_call("power", a=3)]
    model = ScriptedModel(*calls, "Done.")
    history = call(agent("me", llm_config=model.llm_config).run, "Go.", tools=[tool]).chat_history
    first, second, third, last = [message["content"] for message in history if message["role"] == "tool"]
    assert first == "Error: -1 is negative, for the 1. time.\nTry again with other arguments."
    assert second.startswith("Error: -2 is negative, for the 2. time.")
    assert third.startswith("Error: ")
    assert last == "9 for Ada, power"


def test_a_tool_of_pydantic_ai_without_a_context(agent, call):
    tool = as_tool(pydantic_ai.Tool(power_later))
    assert use(agent, call, tool, a=2)[0].chat_history[2]["content"] == "4 for Ada, power_later"
    with pytest.warns(UserWarning, match="deps= has no effect"):
        as_tool(pydantic_ai.Tool(power_later), deps="Ada")


def test_arguments_are_checked_by_the_validator_of_a_tool(agent, call):
    def check(ctx, a, b=2):
        if a > 9:
            raise pydantic_ai.ModelRetry("a is too large.")

    tool = as_tool(pydantic_ai.Tool(power_later, args_validator=check))
    assert use(agent, call, tool, a=10)[0].chat_history[2]["content"].startswith("Error: a is too large.")


@pytest.mark.parametrize(
    ("convert", "text"),
    [
        (
            lambda: Interoperability.convert_tool(tool=multiply, type="langchian"),
            "no type 'langchian'.*Did you mean 'langchain'",
        ),
        (lambda: Interoperability.convert_tool(tool=multiply, type="langchain", deps=1), "no options, got 'deps'"),
        (lambda: Interoperability.convert_tool(tool=power, type="langchain"), "must be a BaseTool"),
        (lambda: Interoperability.convert_tool(tool=power, type="pydanticai"), r"must be a pydantic_ai\.Tool"),
        (lambda: as_tool(pydantic_ai.Tool(power)), "pass deps="),
        (lambda: as_tool(pydantic_ai.Tool(power), debs=1), "the option 'deps', got 'debs'"),
        (lambda: as_tool(pydantic_ai.Tool(power_later, requires_approval=True)), "demands an approval"),
        (lambda: as_tool(power), "not a tool of an installed framework; there are: .*langchain, pydanticai"),
    ],
)
def test_tools_that_can_not_be_converted_are_refused(convert, text):
    with pytest.raises(ValueError, match=text):
        convert()


def test_classes_of_programs_convert_tools(monkeypatch):
    monkeypatch.setattr(InteroperableRegistry.get_instance(), "_classes", {})

    @register_interoperable_class("words")
    class Words:
        @classmethod
        def convert_tool(cls, tool, **kwargs):
            return Tool(name=tool, func_or_tool=lambda: tool)

        @classmethod
        def get_unsupported_reason(cls):
            return None

    assert isinstance(Words(), Interoperable)
    assert Interoperability.convert_tool(tool="hello", type="words")() == "hello"
    assert "words" in Interoperability.get_supported_types()
    with pytest.raises(ValueError, match="taken by Words"):
        register_interoperable_class("words")(type("Others", (), {}))


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    find_spec = importlib.util.find_spec
    hidden = ("crewai", "langchain_core", "pydantic_ai")
    for module in ("crewai.crewai", "langchain.langchain_tool", "pydantic_ai.pydantic_ai"):
        monkeypatch.setattr(f"autogen.interop.{module}.find_spec", lambda name: None if name in hidden else find_spec(name))
    assert Interoperability.get_supported_types() == []
    extras = {"crewai": "interop-crewai", "langchain": "interop-langchain", "pydanticai": "interop-pydantic-ai"}
    for kind, extra in extras.items():
        with pytest.raises(ValueError, match=rf'pip install "autogen-classic\[{extra}\]"'):
            Interoperability.convert_tool(tool=multiply, type=kind)


def test_a_tool_of_this_package_stays_as_it_is():
    tool = Tool(func_or_tool=len, parameters_json_schema={})
    assert as_tool(tool) is tool
    assert ConversableAgent("me", llm_config=False, function_map={"len": tool}).can_execute_function("len")
