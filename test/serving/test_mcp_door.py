"""Teams as tools of MCP clients, over HTTP and over standard input and output."""

import asyncio
import sys

import pytest
import served_teams
from test_runs import FILE

pytest.importorskip("mcp")

TEAMS = {"shouter": served_teams.make_shouter, "asker": served_teams.make_asker, "broken": served_teams.make_broken}


def talk(target, scenario, answer=None, **options):
    """Run a scenario with a client of the official SDK."""
    from mcp import Client
    from mcp.types import ElicitResult

    asked = []

    async def elicit(context, params):
        asked.append(params.message)
        return ElicitResult(action="accept", content={"answer": answer}) if answer else ElicitResult(action="decline")

    async def run():
        async with Client(target, elicitation_callback=elicit, **options) as client:
            await scenario(client)

    asyncio.run(asyncio.wait_for(run(), 240))
    return asked


def test_a_team_is_a_tool(serve):
    url = f"{serve(TEAMS, doors=['mcp']).url}/mcp"
    progress = []

    async def note(done, total, message):
        progress.append(message)

    async def scenario(client):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["ask_shouter", "ask_asker", "ask_broken"]
        assert "Says everything in capitals." in tools[0].description
        assert list(tools[0].input_schema["properties"]) == ["task"]
        result = await client.call_tool("ask_shouter", {"task": "hello"}, progress_callback=note)
        assert result.content[0].text == "HELLO"
        failed = await client.call_tool("ask_broken", {"task": "hello"})
        assert failed.is_error
        assert "no agents today" in failed.content[0].text
        assert "sk-abc" not in failed.content[0].text

    talk(url, scenario)
    assert progress == ["user to assistant", "assistant to user"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(("answer", "said"), [("yes", "go / May I? / yes / TERMINATE"), (None, "go / May I?")])
def test_a_question_of_the_team_is_asked_by_the_client(serve, answer, said, mode):
    async def scenario(client):
        result = await client.call_tool("ask_asker", {"task": "go"})
        assert result.content[0].text == said

    [prompt] = talk(f"{serve(TEAMS, doors=['mcp']).url}/mcp", scenario, answer, mode=mode)
    assert "assistant" in prompt


@pytest.mark.slow
def test_over_standard_input_and_output():
    from mcp.client.stdio import StdioServerParameters, stdio_client

    arguments = ["-m", "autogen", "serve", f"reader={FILE}:make_reader", "--doors", "mcp", "--stdio"]

    async def scenario(client):
        # The team prints, and reads from the console.
        result = await client.call_tool("ask_reader", {"task": "go"})
        assert result.content[0].text == "read ''"

    talk(stdio_client(StdioServerParameters(command=sys.executable, args=arguments)), scenario)
