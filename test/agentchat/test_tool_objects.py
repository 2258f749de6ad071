"""Tools as objects: `Tool`, `Toolkit`, the attributes of registered functions, and parameters that no model fills in."""

import asyncio
import functools
import json
import logging
from dataclasses import dataclass
from inspect import signature
from typing import Annotated, Optional

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from autogen import ConversableAgent, UserProxyAgent, register_function
from autogen.agentchat.group import ContextVariables, ReplyResult
from autogen.events import ToolReturned, subscribe
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import BaseContext, ChatContext, Depends, Tool, Toolkit, get_function_schema, tool
from autogen.tools.dependency_injection import Field, get_context_params, inject_params, on, remove_params

SILENT = ScriptedModel(lambda messages: "nothing")


@pytest.fixture
def caller(agent):
    return agent("caller", llm_config=SILENT.llm_config)


def add(a: int, b: Annotated[int, Field("the second")] = 2) -> int:
    """Add two numbers.

    They may be negative.
    """
    return a + b


async def add_later(a: int, b: int = 2) -> int:
    """Add."""
    return a + b


class Adder:
    def add(self, a: int) -> int:
        """Add one."""
        return a + 1

    def __call__(self, a: int) -> int:
        """Add two."""
        return a + 2


GIVEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
ADD_PARAMETERS = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "description": "a"},
        "b": {"type": "integer", "default": 2, "description": "the second"},
    },
    "required": ["a"],
}


def execute(agent, name, /, **arguments):
    return agent.execute_function({"name": name, "arguments": json.dumps(arguments)})[1]["content"]


def get_names(agent):
    return [schema["function"]["name"] for schema in (agent.llm_config or {}).get("tools", [])]


# Tools


def test_a_tool_has_the_name_the_description_and_the_schemas_of_its_function():
    made = Tool(func_or_tool=add)
    assert (made.name, made.description) == ("add", "Add two numbers.\n\nThey may be negative.")
    function = {"description": made.description, "name": "add", "parameters": ADD_PARAMETERS}
    assert made.tool_schema == {"type": "function", "function": function}
    assert made.function_schema == function
    assert made.realtime_tool_schema == {"type": "function", **function}
    assert (made.__name__, made.__doc__, made.__wrapped__, made.func) == ("add", made.description, add, add)
    assert (made(1), made(1, b=5), asyncio.run(Tool(func_or_tool=add_later)(1))) == (3, 6, 3)


@pytest.mark.parametrize(
    ("function", "name", "result"),
    [(Adder().add, "add", 2), (Adder(), "Adder", 3), (functools.partial(add, b=4), "add", 5), (len, "len", 1)],
)
def test_any_callable_is_a_tool(caller, function, name, result):
    made = Tool(func_or_tool=function, parameters_json_schema={} if function is len else None)
    made.register_tool(caller)
    assert get_names(caller) == list(caller.function_map) == [name]
    assert made("a" if function is len else 1) == result


def test_a_tool_is_made_of_a_tool():
    first = Tool(func_or_tool=add, name="plus", description="Plus.", parameters_json_schema=GIVEN_SCHEMA, reflect=False)
    same, other = Tool(func_or_tool=first), Tool(func_or_tool=first, name="sum", description="Sum.")
    assert (same.tool_schema, same.reflect) == (first.tool_schema, False)
    assert other.function_schema == {"name": "sum", "description": "Sum.", "parameters": GIVEN_SCHEMA}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Tool(func_or_tool="add"), "got 'add'"),
        (lambda: Tool(func_or_tool=add, parameters_json_schema=[]), "schema of an object"),
        (lambda: Tool(func_or_tool=add, parameters_json_schema={"type": "array"}), "schema of an object"),
        (lambda: Tool(func_or_tool=range).tool_schema, "no signature"),
        (lambda: Toolkit([add]).get_tool("plus"), "no tool 'plus' in the toolkit; there are: add"),
        (lambda: Toolkit().remove_tool("plus"), "there are: none"),
    ],
)
def test_a_tool_that_can_not_be_made_or_got_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_a_schema_that_was_given_is_the_schema_everywhere(caller, call):
    seen = []

    def look(context_variables: ContextVariables, **arguments: int) -> str:
        seen.append((arguments, context_variables["user"]))
        return "seen"

    caller.context_variables["user"] = "Ada"
    hidden = {"type": "object", "properties": {**GIVEN_SCHEMA["properties"], "context_variables": {}}, "required": ["a"]}
    made = Tool(func_or_tool=look, name="look", description="Look.", parameters_json_schema=hidden)
    for copy in (made, Tool(func_or_tool=made), Tool(func_or_tool=made, name="look")):
        assert copy.function_schema["parameters"] == copy.parameters_json_schema == GIVEN_SCHEMA
    caller.register_for_llm()(made)
    caller.register_for_execution()(made)
    assert caller.llm_config["tools"] == [made.tool_schema] == [caller.tools[0].tool_schema]
    arguments = {"a": "5", "context_variables": {"user": "Eve"}}
    assert call(caller.execute_function, {"name": "look", "arguments": json.dumps(arguments)})[0]
    assert seen == [({"a": "5"}, "Ada")]


def test_the_decorator_makes_a_tool():
    @tool(name="plus", description="Plus.")
    def first(a: int) -> int:
        return a

    @tool
    def second(a: int) -> int:
        """Second."""
        return a

    @tool()
    def third(a: int) -> int:
        return a

    tools = [first, second, third]
    assert [(item.name, item.description) for item in tools] == [("plus", "Plus."), ("second", "Second."), ("third", "")]
    assert get_function_schema(add, description="Add.")["function"]["parameters"] == ADD_PARAMETERS


def test_a_toolkit_has_tools_by_name(caller):
    later = Tool(func_or_tool=add_later, name="add")
    kit = Toolkit([add, later, Toolkit([Adder()])])
    assert (kit.tools, list(kit.toolkit), len(kit), list(kit)) == (
        [later, kit.get_tool("Adder")],
        ["add", "Adder"],
        2,
        kit.tools,
    )
    kit.remove_tool("Adder")
    kit.set_tool(Adder().add)
    assert kit.get_tool("add").description == "Add one."
    kit.register_for_llm(caller)
    kit.register_for_execution(caller)
    assert get_names(caller) == list(caller.function_map) == ["add"]
    with pytest.raises(TypeError, match="got 5"):
        Toolkit([add, 5])


# Registered functions


def test_a_registered_function_stays_the_function_and_has_the_attributes_of_its_tool(caller, agent):
    other = agent("other", llm_config=SILENT.llm_config)

    def look(path: str) -> str:
        return path

    assert other.register_for_execution(description="Looked.")(look) is look
    assert caller.register_for_llm(name="see", description="See.")(look) is look
    assert (look.name, look.description, look.func, look("x")) == ("see", "See.", look, "x")
    assert caller.llm_config["tools"] == [look.tool_schema] == [{"type": "function", "function": look.function_schema}]
    assert caller.tools == [look.tool]
    look.register_tool(other)
    assert (get_names(other), list(other.function_map)) == (["see"], ["look", "see"])
    assert Toolkit([look]).tools == [look.tool]

    @functools.wraps(look)
    def wrapper(path: str) -> str:
        return "wrapped"

    # The wrapper has the attributes of the function, but is another one.
    assert Toolkit([wrapper]).tools[0]("x") == "wrapped"


def test_attributes_of_other_decorators_stay(caller):
    def look(path: str) -> str:
        """Look."""
        return path

    look.name, look.register_tool = "mine", None
    caller.register_for_llm()(look)
    assert (look.name, look.register_tool, look.tool.name) == ("mine", None, "look")


def test_objects_that_carry_no_attributes_become_tools(caller):
    adder = Adder()
    items = [adder.add, functools.partial(add_later, 1), adder]
    results = [caller.register_for_llm(description="It adds.")(item) for item in items]
    assert [type(item) for item in results] == [Tool, Tool, Adder]
    assert (results[0](1), run_to_end(results[1](b=1)), results[2]) == (2, 2, adder)


def test_a_tool_in_gives_a_tool_out(caller):
    made = Tool(func_or_tool=add)
    assert caller.register_for_llm()(made) is made
    assert caller.register_for_execution()(made) is made
    renamed = caller.register_for_llm(name="plus")(made)
    again = caller.register_for_execution(name="plus", description="Plus.")(renamed)
    assert (renamed.name, again.description, made.name) == ("plus", "Plus.", "add")
    assert (get_names(caller), list(caller.function_map)) == (["add", "plus"], ["add", "plus"])
    with pytest.raises(AssertionError, match="llm_config"):
        made.register_for_llm(UserProxyAgent("user", code_execution_config=False))


@pytest.mark.parametrize(
    "form",
    [lambda: add, lambda: [add], lambda: Tool(func_or_tool=add), lambda: Toolkit([add]), lambda: iter([Toolkit([add])])],
)
def test_tools_of_every_form_are_taken_wherever_functions_are(agent, call, form):
    own = agent("own", llm_config=SILENT.llm_config, functions=form())
    assert get_names(own) == list(own.function_map) == [item.name for item in own.tools] == ["add"]
    model = ScriptedModel(tool_call("add", a=1), "3")
    me = agent("me", llm_config=model.llm_config)
    assert call(me.run, "One and two?", tools=form()).chat_history[2]["content"] == "3"
    assert me.tools == []
    mapped = agent("mapped", function_map={"plus": Tool(func_or_tool=add)})
    assert execute(mapped, "plus", a="3") == "5"


def test_functions_that_are_none_are_refused(agent):
    for functions in (5, "add", {"add": add}, [add, None, "add"]):
        with pytest.raises(TypeError, match="must be a function, a Tool or a Toolkit"):
            agent("me", llm_config=SILENT.llm_config, functions=functions)


def test_the_tools_of_an_agent_are_those_its_model_may_call(caller, agent):
    caller.register_for_llm(description="Add.", api_style="function")(add)
    caller.update_tool_signature(Tool(func_or_tool=add_later).tool_schema, is_remove=False)
    register_function(Adder().add, caller=caller, executor=agent("executor"), name="plus", description="Plus.")
    # Nobody knows the function of this schema.
    assert [item.name for item in caller.tools] == ["plus", "add"]
    caller.register_function({"add_later": add_later})
    assert [item.name for item in caller.clone().tools] == ["add_later", "plus", "add"]
    caller.tools.clear()
    for item in caller.tools:
        caller.remove_tool_for_llm(item)
    assert (caller.tools, get_names(caller)) == ([], [])
    with pytest.raises(ValueError, match=r"'caller' does not know the tool 'add'; it knows: none"):
        caller.remove_tool_for_llm(add)


def test_tools_of_a_user_interface_replace_each_other(caller, agent, recwarn):
    caller.set_ui_tools([add])
    caller.set_ui_tools(Toolkit([add_later, Adder()]))
    assert get_names(caller) == list(caller.function_map) == ["add_later", "Adder"]
    with pytest.raises(TypeError, match="got 5"):
        caller.set_ui_tools([add, 5])
    caller.unset_ui_tools([add_later])
    with pytest.raises(ValueError, match="no UI tool 'add_later'; it has: Adder"):
        caller.unset_ui_tools([add_later])
    modelless = agent("modelless")
    modelless.set_ui_tools([add])
    assert (get_names(caller), list(modelless.function_map), len(recwarn)) == (["Adder"], ["add"], 0)
    caller.run(message="Hi").set_ui_tools([add])
    assert get_names(caller) == ["add"]


def test_an_override_is_silent_if_it_is_meant(caller, recwarn):
    def first(a: int) -> int:
        return a

    def other(a: int) -> int:
        return a

    for function in (first, other):
        caller.register_for_llm(name="plus", description="Plus.", silent_override=True)(function)
        caller.register_for_execution(name="plus", silent_override=True)(function)
        caller.update_function_signature(
            Tool(func_or_tool=function, name="plus").function_schema, False, silent_override=True
        )
        caller.register_function({"minus": function}, silent_override=True)
    assert not recwarn
    with pytest.warns(UserWarning, match="'plus' is being overridden"):
        caller.register_for_llm(name="plus")(first)


class Answer(BaseModel):
    n: int


def test_a_result_that_is_not_serialized_is_text_in_messages_only(agent, call):
    def answer() -> Answer:
        """Answer."""
        return Answer(n=1)

    def update() -> ReplyResult:
        """Update."""
        return ReplyResult(message="Updated.", context_variables=ContextVariables({"n": 2}))

    model = ScriptedModel([tool_call("answer"), tool_call("update")], "Done.")
    me, user = agent("me", llm_config=model.llm_config), agent("user", max_consecutive_auto_reply=1, silent=False)
    for function in (answer, update):
        me.register_for_llm()(function)
        user.register_for_execution(serialize=False)(function)
    assert call(user.execute_function, {"name": "answer"})[1]["content"] == Answer(n=1)
    events = []
    with subscribe(events.append, types=[ToolReturned]):
        call(user.initiate_chat, me, message="Go.")
    texts = ['{"n":1}', "Updated."]
    assert [response["content"] for response in user.chat_messages[me][2]["tool_responses"]] == texts
    assert [message["content"] for message in model.asked[1][-2:]] == [event.content for event in events] == texts
    assert user.context_variables["n"] == 2


@pytest.mark.parametrize("options", [{"call_id": "call_7"}, {"call_id": "call_7", "verbose": True}])
def test_the_id_of_a_call_goes_into_its_events(agent, call, capsys, options):
    me = agent("me", silent=False)
    me.register_for_execution()(add)
    events = []
    with subscribe(events.append, types=["tool_called"]):
        call(me.execute_function, {"name": "add", "arguments": '{"a": 1}'}, **options)
        # In 0.2 the second argument was `verbose`.
        call(me.execute_function, {"name": "add", "arguments": '{"a": 5}'}, True)
    assert [event.call_id for event in events] == ["call_7", None]
    assert ("{'a': 1}" in capsys.readouterr().out) is ("verbose" in options)


# Injection


@dataclass
class Account(BaseContext):
    number: str
    token: SecretStr


ADA = Account("ada-4711", SecretStr("ada-token"))
calls: list[str] = []


def open_session(account: Annotated[Account, Depends(ADA)]) -> str:
    calls.append("open")
    return f"session of {account.number}"


async def open_session_later(session: Annotated[str, Depends(open_session)], chat: ChatContext) -> str:
    calls.append("open later")
    return f"{session}, later"


def by_annotation(n: int, session: Annotated[str, Depends(open_session)] = "none") -> str:
    return f"{n} {session}"


def by_default(n: int, session: str = Depends(open_session)) -> str:
    return f"{n} {session}"


def by_type_with_default(n: int, account: Account = ADA) -> str:
    return f"{n} session of {account.number}"


def by_optional(n: int, account: Optional[Annotated[Account, Depends(ADA)]] = None) -> str:
    return f"{n} session of {account.number}"


def by_position(account: Annotated[Account, Depends(ADA)], n: int, /) -> str:
    return f"{n} session of {account.number}"


def with_rest(n: int, session: Annotated[str, Depends(open_session)], **rest: str) -> str:
    return f"{n} {session}" if "session" not in rest else "set by the model"


def nested(n: int, session: Annotated[str, Depends(open_session)], account: Annotated[Account, Depends(on(ADA))]) -> str:
    return f"{n} {session}" if account is ADA else ""


async def in_coroutine(n: int, session: Annotated[str, Depends(open_session)]) -> str:
    return f"{n} {session}"


INJECTED = [by_annotation, by_default, by_type_with_default, by_optional, by_position, with_rest, nested, in_coroutine]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
EXTRA = st.dictionaries(st.sampled_from(["session", "account", "chat", "context_variables"]), VALUES)


def register_in_some_way(me, function, road):
    """Register a function as "f" by one of the roads that programs take."""
    # Python takes the arguments of the function as they are, so its positional-only parameter can't be named.
    if road == "mapped" and function is not by_position:
        me.register_function({"f": function})
    else:
        me.register_for_execution(name="f")(Tool(func_or_tool=function))
    if road == "wrapped":
        inner = me.function_map["f"]
        wrapper = functools.wraps(inner)(lambda **arguments: inner(**arguments))
        me.register_function({"f": wrapper}, silent_override=True)


@given(
    function=st.sampled_from(INJECTED),
    road=st.sampled_from(["registered", "mapped", "wrapped", "called"]),
    mode=st.sampled_from(["sync", "async"]),
    extra=EXTRA,
)
def test_no_value_of_a_model_reaches_an_injected_parameter(function, road, mode, extra):
    assume(not (road == "wrapped" and function is in_coroutine))
    if function is not with_rest:
        extra = {name: value for name, value in extra.items() if name in signature(function).parameters}
    me = ConversableAgent("me", llm_config=False, silent=True)
    register_in_some_way(me, function, road)
    call = {"name": "f", "arguments": json.dumps({"n": 3, **extra})}
    if road == "called":
        # A program of 0.2 overrides `execute_function`, and calls the function with the model's arguments.
        content = me.function_map["f"](n=3, **extra)
        content = run_to_end(content) if function is in_coroutine else content
    elif mode == "sync":
        content = me.execute_function(call)[1]["content"]
    else:
        content = run_to_end(me.a_execute_function(call))[1]["content"]
    assert content == "3 session of ada-4711"


def run_to_end(coroutine):
    """Run a coroutine that waits for nothing, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@pytest.mark.parametrize("function", INJECTED, ids=lambda function: function.__name__)
def test_injected_parameters_are_in_no_schema_and_no_signature(function, caller):
    made = Tool(func_or_tool=function, description="Do it.")
    assert set(made.function_schema["parameters"]["properties"]) - {"rest"} == {"n"}
    assert set(signature(made.func).parameters) - {"rest"} == {"n"}
    result = made(3)
    assert (run_to_end(result) if function is in_coroutine else result) == "3 session of ada-4711"
    caller.register_for_llm()(made)


def test_dependencies_are_resolved_once_for_each_call_and_the_chat_is_one(agent, call):
    def look(
        chat: ChatContext,
        first: Annotated[str, Depends(open_session)],
        later: Annotated[str, Depends(open_session_later)],
        context_variables: ContextVariables,
        city: str,
    ) -> str:
        """Look."""
        context_variables["city"] = city
        calls.append(chat.last_message["tool_calls"][0]["id"])
        calls.extend(peer.name for peer in chat.chat_messages)
        return f"{first}; {later}"

    model = ScriptedModel(
        tool_call("look", call_id="call_1", city="Oslo"), tool_call("look", call_id="call_2", city="Rome"), "Done."
    )
    me, user = agent("me", llm_config=model.llm_config), agent("user", max_consecutive_auto_reply=2)
    register_function(look, caller=me, executor=user, description="Look.")
    # With several conversations, the last message is the one with the call.
    user.send("Hello", agent("other"), request_reply=False)
    calls.clear()
    call(user.initiate_chat, me, message="Go.")
    assert calls == ["open", "open later", "call_1", "other", "me", "open", "open later", "call_2", "other", "me"]
    assert user.chat_messages[me][2]["content"] == "session of ada-4711; session of ada-4711, later"
    assert user.context_variables["city"] == "Rome"
    assert ChatContext(me).last_message["content"] == "Done."
    assert ChatContext(agent("new")).last_message is None


def test_the_texts_of_contexts_are_hidden_in_errors(agent, call, caplog):
    def fail(account: Annotated[Account, Depends(ADA)], token: Annotated[str, Depends(on("t0ken-of-Ada"))]) -> str:
        raise ValueError(f"{account.number} {account.token.get_secret_value()} {token} was refused")

    me = agent("me")
    me.register_for_execution()(fail)
    with caplog.at_level(logging.DEBUG):
        assert call(me.execute_function, {"name": "fail"})[1]["content"] == "Error: *** *** *** was refused"
    assert not any(secret in caplog.text for secret in ("4711", "ada-token", "t0ken"))


def make_undescribed() -> list:
    def missing(account: Account) -> str:
        return ""

    def text(account: "Annotated[Elsewhere, Depends(ADA)]") -> str:  # noqa: F821
        return ""

    def circle(x: int = 0) -> int:
        return x

    circle.__defaults__ = (Depends(circle),)
    return [missing, text, circle]


@pytest.mark.parametrize(("index", "text"), [(0, "nothing else does"), (1, "can't be evaluated"), (2, "depends on itself")])
def test_parameters_that_nothing_can_fill_in_are_refused_at_registration(agent, index, text):
    with pytest.raises(TypeError, match=text):
        agent("me").register_for_execution()(make_undescribed()[index])


def test_the_helpers_of_contributed_tools():
    def look(account: Annotated[Account, Depends(ADA)], city: str, *rest: int, chat: Optional[ChatContext] = None) -> str:
        return f"{account.number} {city} {rest} {chat}"

    assert get_context_params(look, BaseContext) == ["account", "chat"]
    assert get_context_params(look, ChatContext) == ["chat"]
    assert inject_params(add) is add
    injected = inject_params(look)
    assert list(signature(injected).parameters) == ["city", "rest"]
    assert injected("Oslo", 1, 2, chat="me") == "ada-4711 Oslo (1, 2) me"
    assert list(remove_params(add_later, signature(add_later), ["b"]).parameters) == ["a"]
    assert list(signature(add_later).parameters) == ["a"]
    del add_later.__signature__
    with pytest.raises(TypeError, match=r"Depends\(on\(x\)\)"):
        Depends(5)


# The result of a tool as the answer


def price(item: str) -> str:
    """The price of an item."""
    return {"apple": "40 cents", "pear": "50 cents"}[item]


FINAL = Tool(func_or_tool=price, reflect=False)
MELON, APPLE, PEAR = (tool_call("price", item=item) for item in ("melon", "apple", "pear"))


@pytest.mark.parametrize(
    ("options", "replies", "summary", "reason"),
    [
        ({"tools": price, "reflect": False}, [APPLE], "40 cents", "tool_result"),
        ({"tools": FINAL}, [[APPLE, PEAR]], "40 cents\n\n50 cents", "tool_result"),
        # A model mends its calls, and is asked about the results of other tools.
        ({"tools": FINAL}, [MELON, APPLE], "40 cents", "tool_result"),
        ({"tools": [FINAL, add]}, [[APPLE, tool_call("add", a=1)], "Both."], "Both.", "no_reply"),
        ({"tools": price, "reflect": False}, ["I know: 40."], "I know: 40.", "no_reply"),
        ({"tools": price}, [APPLE, "40."], "40.", "termination_message"),
    ],
)
@pytest.mark.parametrize("form", ["task", "response"])
def test_the_result_of_a_tool_may_be_the_answer(agent, call, form, options, replies, summary, reason):
    model = ScriptedModel(*replies)
    me = agent("me", llm_config=model.llm_config)
    rows = list(me._reply_func_list)
    if form == "task":
        result = call(me.run, "An apple?", **options)
    else:
        result = me.run(message="An apple?", **options)
    assert (result.summary, len(model.requests), me._reply_func_list) == (summary, len(replies), rows)
    assert result.stop_reason == reason or reason != "tool_result"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"output_type": int}, "output_type is the type"),
        ({"recipient": UserProxyAgent("user", code_execution_config=False)}, "reflect has a meaning"),
    ],
)
def test_reflect_is_refused_where_it_has_no_meaning(agent, options, text):
    with pytest.raises(TypeError, match=text):
        agent("me", llm_config=SILENT.llm_config).run(message="Hi", reflect=False, **options)
