"""Calls of tools in a group: who carries them out, who gets the results, and what a model is told when nobody can."""

import pytest

from autogen import register_function
from autogen.testing import ScriptedModel, tool_call


def calls(*named, **more):
    return {"content": None, "tool_calls": [tool_call(name, call_id=name) for name in named], **more}


def results(manager):
    """The results on the record: call, content."""
    return [
        (answer["tool_call_id"], answer["content"])
        for message in manager.groupchat.messages
        for answer in message.get("tool_responses") or ()
    ]


def speakers(manager):
    return [message["name"] for message in manager.groupchat.messages]


@pytest.fixture
def tools(speaker):
    """A caller and two members that execute `f` and `g`."""

    def tools(*replies):
        caller = speaker("caller", *replies)
        return (
            caller,
            speaker("f_holder", function_map={"f": lambda: "F"}),
            speaker("g_holder", function_map={"g": lambda: "G"}),
        )

    return tools


@pytest.mark.parametrize("method", ["auto", "round_robin", "random"])
@pytest.mark.parametrize("old_style", [False, True])
def test_the_holder_executes(call, tools, manage, speaker, method, old_style):
    caller, f_holder, g_holder = tools()
    user = speaker("user")
    manager = manage([user, caller, f_holder, g_holder], method=method, max_round=2)
    message = {"content": None, "function_call": {"name": "g", "arguments": "{}"}} if old_style else calls("g")
    call(caller.initiate_chat, manager, message=message)
    last = manager.groupchat.messages[-1]
    assert last["content"] == "G"
    assert (last["role"], last["name"]) == (("function", "g") if old_style else ("tool", "g_holder"))


def test_a_caller_may_hold_the_function_itself(call, speaker, manage):
    caller = speaker("caller", "the answer", function_map={"f": lambda: "F"})
    manager = manage([speaker("user"), caller, speaker("other")], method="auto", max_round=3, allow_repeat_speaker=False)
    call(caller.initiate_chat, manager, message=calls("f"))
    assert speakers(manager) == ["caller"] * 3


@pytest.mark.parametrize(
    ("method", "returns", "third"),
    [
        ("auto", None, "caller"),
        ("round_robin", None, "g_holder"),
        ("round_robin", True, "caller"),
        ("auto", False, "g_holder"),
    ],
)
def test_who_speaks_after_a_result(call, tools, manage, method, returns, third):
    caller, f_holder, g_holder = tools("so it is F")
    g_holder.register_reply([object], lambda *given, **named: (True, "I am next"), position=0)
    manager = manage([caller, f_holder, g_holder], method=method, max_round=3, return_results_to_caller=returns)
    call(caller.initiate_chat, manager, message=calls("f"))
    assert speakers(manager) == ["caller", "f_holder", third]


def test_transitions_come_before_the_way_back_to_the_caller(call, tools, manage):
    caller, f_holder, g_holder = tools("never said")
    g_holder.register_reply([object], lambda *given, **named: (True, "reviewed"), position=0)
    graph = {caller: [f_holder], f_holder: [g_holder], g_holder: [caller]}
    manager = manage(
        [caller, f_holder, g_holder],
        method="auto",
        max_round=3,
        allowed_or_disallowed_speaker_transitions=graph,
        speaker_transitions_type="allowed",
    )
    call(caller.initiate_chat, manager, message=calls("f"))
    assert speakers(manager) == ["caller", "f_holder", "g_holder"]


@pytest.mark.parametrize("method", ["auto", "round_robin"])
def test_calls_of_one_message_are_executed_where_each_can_be(call, tools, manage, method):
    caller, f_holder, g_holder = tools()
    manager = manage([caller, f_holder, g_holder], method=method, max_round=2)
    call(caller.initiate_chat, manager, message=calls("g", "f", "g"))
    assert results(manager) == [("g", "G"), ("f", "F"), ("g", "G")]
    assert len(manager.groupchat.messages) == 2


def test_two_holders_are_both_candidates(call, tools, manage, speaker):
    caller, f_holder, _ = tools()
    other = speaker("other", function_map={"f": lambda: "other F"})
    manager = manage([caller, f_holder, other], max_round=2, method="random")
    seen = set()
    for _ in range(30):
        call(caller.initiate_chat, manager, message=calls("f"))
        seen.add(speakers(manager)[-1])
    assert seen == {"f_holder", "other"}


@pytest.mark.parametrize("choice", ["callable", "no filter"])
def test_whoever_is_chosen_the_call_is_executed(call, tools, manage, choice):
    caller, f_holder, g_holder = tools()
    options = {"method": lambda last, group: g_holder} if choice == "callable" else {"func_call_filter": False}
    manager = manage([caller, g_holder, f_holder], max_round=2, **options)
    call(caller.initiate_chat, manager, message=calls("f"))
    assert speakers(manager)[-1] == "g_holder"
    assert results(manager) == [("f", "F")]


@pytest.mark.parametrize("old_style", [False, True])
@pytest.mark.parametrize("holders", [True, False])
def test_an_unknown_function_is_answered_with_those_that_are_known(call, tools, manage, speaker, holders, old_style):
    caller, f_holder, g_holder = tools()
    members = [caller, f_holder, g_holder] if holders else [caller, speaker("user")]
    manager = manage(members, max_round=2, method="random")
    message = {"content": None, "function_call": {"name": "h", "arguments": "{}"}} if old_style else calls("h")
    call(caller.initiate_chat, manager, message=message)
    content = manager.groupchat.messages[-1]["content"]
    assert content.startswith("Error: Function h not found.")
    assert content.endswith("These can be called here: f, g." if holders else "These can be called here: none.")


def test_of_several_calls_only_the_unknown_one_fails(call, tools, manage):
    caller, f_holder, g_holder = tools()
    manager = manage([caller, f_holder, g_holder], max_round=2)
    call(caller.initiate_chat, manager, message=calls("f", "h"))
    assert results(manager)[0] == ("f", "F")
    assert results(manager)[1][1].startswith("Error: Function h not found.")


@pytest.mark.parametrize("kind", [{}, {"type": None}])
def test_a_call_without_type_is_executed(call, tools, manage, kind):
    caller, f_holder, g_holder = tools()
    manager = manage([caller, f_holder, g_holder], max_round=2)
    wire = {"id": "f", "function": {"name": "f", "arguments": "{}"}, **kind}
    call(caller.initiate_chat, manager, message={"content": None, "tool_calls": [wire]})
    assert results(manager) == [("f", "F")]


def test_a_chat_that_ended_on_an_open_call_can_be_gone_on_with(call, agent, manage, openai_server):
    server = openai_server(calls("f"), "fine")
    caller = agent("caller", llm_config=server.llm_config)
    user, f_holder = agent("user"), agent("f_holder", function_map={"f": lambda: "F"})
    manager = manage([user, caller, f_holder], max_round=2)
    call(user.initiate_chat, manager, message="go")
    assert results(manager) == []
    call(user.initiate_chat, manager, message="still there?", clear_history=False)
    asked = server.requests[1]["messages"]
    place = next(i for i, message in enumerate(asked) if message.get("tool_calls"))
    assert (asked[place + 1]["role"], asked[place + 1]["tool_call_id"]) == ("tool", "f")
    assert manager.groupchat.messages[-1]["content"] == "fine"


def test_models_get_whole_pairs_of_calls_and_results(call, agent, manage, openai_server):
    """A flow of two tools with the real SDK: call, result, call, result, answer; the choice is a model's too."""
    server = openai_server(calls("add"), calls("double"), "It is 10.")
    caller = agent("caller", llm_config=server.llm_config, description="Calculates.")
    executor, user = agent("executor", description="Executes."), agent("user", description="Asks.")

    def add() -> int:
        return 5

    def double() -> int:
        return 10

    for tool in (add, double):
        register_function(tool, caller=caller, executor=executor, description="A sum.")
    chooser = ScriptedModel("caller", "user")
    manager = manage([user, caller, executor], method="auto", max_round=6, options={"llm_config": chooser.llm_config})
    call(user.initiate_chat, manager, message="(2 + 3) * 2?")
    assert speakers(manager) == ["user", "caller", "executor", "caller", "executor", "caller"]
    roles = [message["role"] for message in server.requests[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert len(chooser.requests) == 1


def test_results_reach_the_model_that_chooses(call, tools, manage):
    caller, f_holder, g_holder = tools()
    chooser = ScriptedModel("g_holder")
    options = {"llm_config": chooser.llm_config}
    manager = manage([caller, f_holder, g_holder], method="auto", options=options, return_results_to_caller=False)
    call(caller.initiate_chat, manager, message=calls("f"))
    asked = chooser.asked[0]
    assert [message["role"] for message in asked] == ["system", "assistant", "tool", "system"]
    assert asked[2]["content"] == "F"


def test_an_awaited_tool_works_in_both_colours(call, tools, manage, speaker):
    async def f():
        return "awaited"

    caller, _, g_holder = tools()
    manager = manage([caller, g_holder, speaker("holder", function_map={"f": f})], max_round=2)
    call(caller.initiate_chat, manager, message=calls("f"))
    assert results(manager) == [("f", "awaited")]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), LookupError("x")])
def test_a_failing_tool_is_answered_and_an_interrupted_tool_leaves_whole_histories(call, speaker, manage, failure):
    def f():
        raise failure

    a, b = speaker("a"), speaker("b", function_map={"f": f})
    manager = manage([a, b], max_round=2)
    if isinstance(failure, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            call(a.initiate_chat, manager, message=calls("f"))
    else:
        call(a.initiate_chat, manager, message=calls("f"))
        assert results(manager)[0][1].startswith("Error")
    texts = [[message["content"] or "" for message in member.chat_messages[manager]] for member in (a, b)]
    assert texts == [[message["content"] for message in manager.groupchat.messages]] * 2
