"""Tools that say who speaks next or set variables, and the variables that they are given."""

import asyncio
import logging

import pytest

from autogen import register_function
from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    ContextVariables,
    NestedChatTarget,
    OnCondition,
    ReplyResult,
    TerminateTarget,
)
from autogen.function_utils import get_function_schema
from autogen.testing import tool_call


@pytest.fixture
def desk(member, talk):
    """Hold a chat in which a clerk's model says this, with these tools; gives the chat."""

    def hold(*script, tools=(), **options):
        clerk, sales = member("clerk", *script), member("sales", default_auto_reply="sales")
        user = member("user")
        for tool in tools:
            register_function(tool, caller=clerk, executor=options.pop("executor", clerk), description="A tool.")
        for target in options.pop("targets", ()):
            clerk.handoffs.add(OnCondition(target, "Go."))
        chat = talk(user, [clerk, sales, user], **options)
        chat.clerk = clerk
        return chat

    return hold


def test_a_tool_says_who_is_next_and_what_is_known(desk):
    def find(name: str) -> ReplyResult:
        return ReplyResult(message=f"Found {name}.", target=AgentNameTarget("sales"), context_variables={"customer": name})

    known = ContextVariables({"customer": None, "other": 1})
    chat = desk(tool_call("find", name="Ada"), tools=[find], context_variables=known)
    assert chat.speakers == ["user", "clerk", "clerk", "sales"]
    assert chat.texts[2] == "Found Ada."
    assert known == {"customer": "Ada", "other": 1}
    assert chat.selector.context_variables is known


def test_without_a_target_the_result_returns_to_its_caller(desk):
    def find() -> ReplyResult:
        return ReplyResult({"n": 1}, context_variables=ContextVariables({"n": 1}))

    chat = desk(tool_call("find"), "Done.", tools=[find])
    assert chat.texts == ["Hello", "", '{"n": 1}', "Done."]
    assert chat.selector.context_variables == {"n": 1}


@pytest.mark.parametrize("kind", ["target", "agent", "result"])
def test_a_bare_target_or_agent_will_do(desk, member, talk, kind):
    clerk, sales, user = member("clerk", tool_call("go")), member("sales", default_auto_reply="sales"), member("user")
    answer = {"target": AgentTarget(sales), "agent": sales, "result": ReplyResult(target=sales)}[kind]
    clerk.register_for_execution("go")(lambda: answer)
    clerk.update_tool_signature({"type": "function", "function": {"name": "go"}}, is_remove=False)
    chat = talk(user, [clerk, sales, user])
    assert chat.speakers[-1] == "sales"
    assert chat.texts[2] == "Transferred to sales."


def test_a_function_of_the_function_map_may_do_the_same(desk, member, talk):
    def go(context_variables):
        context_variables["went"] = True
        return ReplyResult("Going.", AgentNameTarget("sales"))

    clerk = member("clerk", tool_call("go"), function_map={"go": go})
    clerk.update_tool_signature({"type": "function", "function": {"name": "go"}}, is_remove=False)
    user = member("user")
    chat = talk(user, [clerk, member("sales", default_auto_reply="sales"), user])
    assert chat.texts[2:] == ["Going.", "sales"]
    assert chat.selector.context_variables == {"went": True}


def test_the_older_form_of_calls_may_do_the_same(member, talk):
    clerk = member("clerk")

    @clerk.register_for_execution()
    def go() -> ReplyResult:
        return ReplyResult("Going.", AgentNameTarget("sales"))

    user = member("user")
    call = {"content": "", "function_call": {"name": "go", "arguments": "{}"}}
    answers = iter([(True, call)])
    clerk.register_reply(lambda sender: True, lambda *_, **__: next(answers, (False, None)))
    chat = talk(user, [clerk, member("sales", default_auto_reply="sales"), user])
    assert chat.texts[2:] == ["Going.", "sales"]


def test_the_first_target_in_a_message_wins_by_the_order_of_the_calls(desk, mode):
    done = []

    async def slow() -> ReplyResult:
        while mode == "async" and not done:
            await asyncio.sleep(0)
        return ReplyResult("slow", AgentNameTarget("sales"))

    async def quick() -> ReplyResult:
        done.append(True)
        return ReplyResult("quick", TerminateTarget())

    chat = desk(
        [tool_call("slow"), tool_call("quick"), tool_call("transfer_to_sales_1")],
        tools=[slow, quick],
        targets=[AgentNameTarget("sales")],
    )
    assert [answer["content"] for answer in chat.group.messages[2]["tool_responses"]] == [
        "slow",
        "quick\nNot transferred to terminate: the hand-off to sales came first.",
        "Not transferred to sales: the hand-off to sales came first.",
    ]
    assert chat.speakers[-1] == "sales"


def test_two_equal_calls_each_count(desk):
    def go() -> ReplyResult:
        return ReplyResult("ok", AgentNameTarget("sales"))

    chat = desk([tool_call("go"), tool_call("go")], tools=[go])
    first, second = (answer["content"] for answer in chat.group.messages[2]["tool_responses"])
    assert first == "ok"
    assert "came first" in second


def test_a_tool_that_another_member_executes_leads_on_too(member, talk):
    clerk, holder, sales = member("clerk", tool_call("go")), member("holder"), member("sales", default_auto_reply="sales")

    def go(context_variables: ContextVariables) -> ReplyResult:
        return ReplyResult("ok", sales, {"had": dict(context_variables)})

    register_function(go, caller=clerk, executor=holder, description="Go.")
    user = member("user")
    chat = talk(user, [clerk, holder, sales, user], context_variables=ContextVariables({"a": 1}))
    assert chat.speakers == ["user", "clerk", "clerk", "sales"]
    assert chat.selector.context_variables == {"a": 1, "had": {"a": 1}}


def test_a_tool_may_lead_to_nested_chats(desk, agent):
    expert = agent("expert", default_auto_reply="42")

    def ask() -> ReplyResult:
        return ReplyResult("Asking.", NestedChatTarget([{"recipient": expert, "max_turns": 1}]))

    assert desk(tool_call("ask"), tools=[ask]).texts == ["Hello", "", "Asking.", "42"]


def test_a_tool_that_fails_leads_nowhere(desk):
    def go() -> ReplyResult:
        raise RuntimeError("no")

    assert desk(tool_call("go"), "Sorry.", tools=[go]).texts[2:] == ["Error: no", "Sorry."]


def test_outside_of_a_group_a_result_is_its_text_and_its_variables(call, member, caplog):
    clerk, user = member("clerk", tool_call("go"), "Done."), member("user", max_consecutive_auto_reply=1)

    def go(step: int, context_variables: ContextVariables) -> ReplyResult:
        return ReplyResult(f"step {step}", AgentNameTarget("sales"), {"step": step, "seen": len(context_variables)})

    clerk.model._replies = (tool_call("go", step=3), "Done.")
    register_function(go, caller=clerk, executor=user, description="Go.")
    result = call(user.initiate_chat, clerk, message="Hi", max_turns=2)
    assert result.chat_history[2]["content"] == "step 3"
    assert user.context_variables == {"step": 3, "seen": 0}
    assert "no effect outside of a group chat" in caplog.text


def test_the_variables_are_neither_in_the_schema_nor_the_models_to_set(desk, caplog):
    def note(text: str, context_variables: ContextVariables) -> str:
        """Note.

        Args:
            text: What.
            context_variables: Where.
        """
        context_variables["note"] = text
        return "noted"

    chat = desk(tool_call("note", text="x", context_variables={"evil": 1}), "Done.", tools=[note])
    assert chat.texts[2] == "noted"
    assert chat.selector.context_variables == {"note": "x"}
    assert list(chat.clerk.model.requests[0]["tools"][0]["function"]["parameters"]["properties"]) == ["text"]


def test_a_schema_leaves_out_what_is_injected_however_it_is_annotated():
    def bare(a: int, context_variables) -> str: ...

    def default(a: int, *, context_variables: dict = {}) -> str: ...

    for function in (bare, default):
        parameters = get_function_schema(function, description="f")["function"]["parameters"]
        assert list(parameters["properties"]) == parameters["required"] == ["a"]


def test_injected_values_are_not_printed(desk, capsys, caplog):
    caplog.set_level(logging.DEBUG)

    def use(context_variables: ContextVariables) -> str:
        return "used"

    desk(tool_call("use"), "Done.", tools=[use], context_variables=ContextVariables({"pin": "4711-hidden"}))
    assert "4711-hidden" not in capsys.readouterr().out + caplog.text


def test_it_can_be_called_directly():
    def use(context_variables: ContextVariables) -> ReplyResult:
        return ReplyResult(f"{context_variables['a']}")

    assert use(ContextVariables({"a": 1})).message == "1"
