"""Questions about calls of MCP tools, and of their servers, reach the human of the chat, wherever that is."""

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the extra 'mcp' is not installed")

from autogen import ConversableAgent, events
from autogen.agentchat.approvals import Rules
from autogen.agentchat.chat import StopReason
from autogen.io import LATER, IOStream
from autogen.mcp import mcp_tools
from autogen.recording import Recording
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import Toolkit

SERVER = str(Path(__file__).with_name("server.py"))
COMMAND = [sys.executable, SERVER]
ADDRESS = ["Main Street", "5", "n"]


class Console(IOStream):
    """The console of the program, which nobody is at."""

    def print(self, *objects, **options):
        pass

    def input(self, prompt="", *, password=False):
        raise AssertionError(f"the console was asked: {prompt}")


@pytest.fixture(scope="module")
def asker():
    """The agent whose human answers questions of the server."""
    return ConversableAgent("asker", llm_config=False, human_input_mode="NEVER", silent=True)


@pytest.fixture(scope="module")
def toolbox(asker):
    """One session for all tests."""
    with mcp_tools(COMMAND, approval=True, elicitation=asker) as toolbox:
        yield toolbox


def make_pair(agent, toolbox, *answers, **options):
    model = ScriptedModel(*answers)
    bot, user = agent("bot", llm_config=model.llm_config), agent("user", **options)
    tools = Toolkit([toolbox.get_tool(name) for name in ("add", "order")])
    tools.register_for_llm(bot)
    tools.register_for_execution(user)
    return user, bot


def read(make, is_async, answers):
    """Read the events of a run, answer its questions, and return the prompts."""
    prompts = []

    def answer(event):
        prompts.append(event.prompt)
        event.respond(answers.pop(0))

    def run():
        with contextlib.closing(make()) as chat:
            for event in chat:
                answer(event)
            return chat.result

    async def a_run():
        async with make() as chat:
            async for event in chat:
                answer(event)
            return chat.result

    with IOStream.set_default(Console()):
        return (asyncio.run(a_run()) if is_async else run()), prompts


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_reader_of_a_run_is_asked(agent, toolbox, is_async):
    user, bot = make_pair(agent, toolbox, tool_call("add", a=1, b=2), tool_call("order"), "done")
    method = user.a_run_iter if is_async else user.run_iter
    answers = ["y", "y", *ADDRESS]
    result, prompts = read(
        lambda: method(bot, message="go", max_turns=3, yield_on=["human_asked"], silent=True), is_async, answers
    )
    assert "3" in result.chat_history[2]["content"]
    assert "street='Main Street' number=5" in result.chat_history[4]["content"]
    assert 'user is to call add with {"a": 1, "b": 2} (a tool of the MCP server \'server.py\'). Approve?' in prompts[0]
    assert "Where to?" in prompts[2]
    assert answers == []


def test_an_approval_is_that_of_any_tool(call, agent, toolbox):
    """It has its events, and other arguments are used."""
    user, bot = make_pair(agent, toolbox, tool_call("add", a=1, b=2), tool_call("add", a=2, b=2), "done")
    texts = iter(['e {"a": 5, "b": 5}', "no, never"])
    user.human_input_source = lambda prompt: next(texts)
    seen = []
    with events.subscribe(seen.append, types=[events.ApprovalGiven]):
        history = call(user.initiate_chat, bot, message="go", max_turns=3).chat_history
    assert [event.verdict for event in seen] == ["edit", "reject"]
    assert "10" in history[2]["content"]
    assert "refused it: never." in history[4]["content"]


@pytest.mark.slow
def test_rules_decide_about_the_tools_of_a_server(call, agent):
    rules = Rules([{"tool": "add", "when": "a <= 1", "then": "allow"}], otherwise="deny")
    with mcp_tools(COMMAND, approval=rules) as toolbox:
        user, bot = make_pair(agent, toolbox, tool_call("add", a=1, b=2), tool_call("add", a=2, b=2), "done")
        history = call(user.initiate_chat, bot, message="go", max_turns=3).chat_history
        text = asyncio.run(toolbox.get_tool("add")(a=1, b=1))
    assert "3" in history[2]["content"]
    assert "refused it" in history[4]["content"]
    assert "2" in text


def test_questions_wait_for_an_answer_that_comes_later(call, agent, toolbox, asker, tmp_path):
    """Both kinds: the approval of the call, and the question that the server asks while it runs."""
    file = tmp_path / "chat.db"

    def run(*answers):
        user, bot = make_pair(agent, toolbox, *answers, human_input_source=LATER)
        return call(user.initiate_chat, bot, message="go", max_turns=2, checkpoint=file)

    asker.human_input_source = LATER
    try:
        result, kinds = run(tool_call("order")), []
        for text in ("y", *ADDRESS):
            assert result.stop_reason is StopReason.WAITING
            [question] = result.pending
            kinds.append(question.kind)
            Recording(file).answer(question, text)
            result = run("done")
    finally:
        asker.human_input_source = None
    assert kinds == ["approval", *["elicitation"] * 3]
    assert "street='Main Street' number=5" in result.chat_history[2]["content"]
    assert result.summary == "done"
    # It was one session all the time.
    assert "was restarted" not in str(result.chat_history)
