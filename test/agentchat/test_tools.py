"""Tools: how they are registered, what a model is told of them, what arguments they get, what becomes of their results."""

import asyncio
import datetime
import json
import sqlite3
import threading
from dataclasses import dataclass
from enum import Enum
from inspect import iscoroutinefunction, signature
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import BaseModel, create_model

from autogen import ConversableAgent, register_function
from autogen import function_utils as fu
from autogen.testing import ScriptedModel, tool_call

Colour = Enum("Colour", {"RED": "red", "BLUE": "blue"})


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Pair:
    left: int
    right: Point


def add(a: Annotated[int, "the first"], b: int = 2) -> int:
    return a + b


def fresh():
    """A function that no decorator has left anything on."""

    def tool(n: int) -> str:
        return f"<{n}>"

    return tool


A = {"type": "integer", "description": "the first"}
B = {"type": "integer", "default": 2, "description": "b"}
PARAMETERS = {"type": "object", "properties": {"a": A, "b": B}, "required": ["a"]}
ADD = {"type": "function", "function": {"description": "Add.", "name": "add", "parameters": PARAMETERS}}
MODEL = ScriptedModel(lambda messages: "nothing")


@pytest.fixture
def caller(agent):
    return agent("caller", llm_config=MODEL.llm_config)


def names_known(agent):
    return [tool["function"]["name"] for tool in agent.llm_config["tools"]]


def test_functions_to_execute_are_added_replaced_and_removed(agent):
    me = agent("me", function_map={"one": len})
    me.register_function({"two": str, "three": int})
    can = [me.can_execute_function(names) for names in ("one", "four", ["one", "two"], ["one", "four"], [])]
    assert can == [True, False, True, False, True]
    for overridden in ({"two": repr}, {"one": None}):
        with pytest.warns(UserWarning, match=f"'{next(iter(overridden))}' is being overridden"):
            me.register_function(overridden)
    with pytest.warns(UserWarning, match="'one'"):
        me.register_function({"one": None})
    with pytest.raises(ValueError, match="'a b'"):
        me.register_function({"a b": len})
    assert me.function_map == {"two": repr, "three": int}


def entry(key, name, about="about"):
    function = {"name": name, "description": about, "parameters": {}}
    return {"type": "function", "function": function} if key == "tools" else function


FORMS = pytest.mark.parametrize(("key", "kind"), [("tools", "tool"), ("functions", "function")])


@FORMS
def test_signatures_are_added_replaced_and_removed(caller, key, kind):
    update = getattr(caller, f"update_{kind}_signature")
    update(entry(key, "one"), is_remove=False)
    update(entry(key, "two"), is_remove=False)
    with pytest.warns(UserWarning, match="'one'"):
        update(entry(key, "one", "anew"), is_remove=False)
    assert caller.llm_config[key] == [entry(key, "two"), entry(key, "one", "anew")]
    update("unknown", is_remove=True)
    update("two", is_remove=True)
    caller.generate_reply([{"role": "user", "content": "hi"}])
    assert MODEL.requests[-1][key] == caller.llm_config[key] == [entry(key, "one", "anew")]
    update("one", is_remove=True)
    assert key not in caller.llm_config


def test_the_same_function_again_is_no_override(caller, agent, recwarn):
    other, executor = agent("other", llm_config=MODEL.llm_config), agent("executor")
    method = Counter(1).get
    add = fresh()
    for tool in (add, method):
        for model in (caller, other, caller):
            register_function(tool, caller=model, executor=executor, description="A tool.")
    # its new description replaces the old
    caller.register_for_llm(description="Another.")(add)
    executor.register_function({"raw": len})
    executor.register_function({"raw": len})
    assert not recwarn.list
    assert caller.llm_config["tools"][-1]["function"]["description"] == "Another."


def test_another_function_with_the_same_signature_is_an_override(caller):
    caller.register_for_llm(description="A tool.")(fresh())
    with pytest.warns(UserWarning, match="'tool' is being overridden"):
        caller.register_for_llm(description="A tool.")(fresh())


def test_a_warning_of_an_override_points_at_the_line_of_the_program(caller, agent):
    executor = agent("executor", function_map={"add": len, "tool": len})
    caller.update_tool_signature(entry("tools", "tool"), is_remove=False)
    steps = [
        lambda: executor.register_function({"add": add}),
        lambda: executor.register_for_execution(name="add")(len),
        lambda: caller.register_for_llm(name="tool", description="x")(fresh()),
        lambda: executor.register_function({"unknown": None}),
        lambda: register_function(fresh(), caller=caller, executor=executor, name="tool", description="A tool."),
    ]
    for step in steps:
        with pytest.warns(UserWarning, match=r"Function '\w+' is (being overridden|not registered)") as caught:
            step()
        assert {(warning.filename, warning.lineno) for warning in caught} == {(__file__, step.__code__.co_firstlineno)}


class Counter:
    def __init__(self, n):
        self.n = n

    def get(self) -> int:
        """Return
        the number."""
        return self.n


def test_different_functions_of_one_name_in_a_list_are_refused(agent, call):
    one, other = Counter(1).get, Counter(2).get
    with pytest.raises(ValueError, match=r"'get'.*rename"):
        agent("me", llm_config=MODEL.llm_config, functions=[one, other])
    model = ScriptedModel(tool_call("get"), "done")
    me = agent("runner", llm_config=model.llm_config)
    with pytest.raises(ValueError, match="'get'"):
        call(me.run, "go", tools=[one, other])
    with pytest.raises(ValueError, match="'get'"):
        list(me.run_iter(message="go", tools=[one, other]))
    assert call(me.run, "go", tools=[one, one]).summary == "done"
    assert model.requests[0]["tools"][0]["function"]["description"] == "Return the number."


@pytest.mark.parametrize("name", ["add", "functions.add", "functions_add", "default_api.add", "default_api_add"])
def test_a_namespace_in_front_of_a_name_is_ignored(agent, call, name):
    me = agent("me", function_map={"add": add})
    assert call(me.execute_function, {"name": name, "arguments": '{"a": 1}'})[1]["content"] == "3"
    # a function that is really called so comes first
    name = name.replace(".", "_")
    exact = agent("exact", function_map={"add": len, name: add})
    assert exact.execute_function({"name": name, "arguments": '{"a": 1}'})[1]["content"] == "3"


def test_arguments_that_do_not_fit_become_a_message_for_the_model(agent, call):
    me = agent("me")
    me.register_for_execution()(add)
    assert call(me.execute_function, {"name": "add", "arguments": '{"a": "2", "b": 3.0}'})[1]["content"] == "5"
    success, result = call(me.execute_function, {"name": "add", "arguments": '{"a": "two"}'})
    assert (success, result["content"]) == (
        False,
        "Error: Invalid argument 'a': Input should be a valid integer, unable to parse string as an integer, got 'two'.",
    )


@FORMS
def test_signatures_that_make_no_sense_are_refused(agent, caller, key, kind):
    update = getattr(caller, f"update_{kind}_signature")
    with pytest.raises(AssertionError, match=key):
        update("one", is_remove=True)
    with pytest.raises(ValueError, match="str"):
        update("one", is_remove=False)
    with pytest.raises(ValueError, match="'a b'"):
        update(entry(key, "a b"), is_remove=False)
    for is_remove in (True, False):
        with pytest.raises(AssertionError, match="llm_config"):
            getattr(agent("modelless"), f"update_{kind}_signature")(entry(key, "one"), is_remove=is_remove)


def test_a_tool_for_an_agent_without_a_model_is_logged_as_an_error(agent, caplog):
    with pytest.raises(AssertionError):
        agent("me").update_tool_signature(ADD, is_remove=False)
    assert "ERROR" in {record.levelname for record in caplog.records}


def test_a_client_class_of_your_own_stays_registered(agent):
    class Parrot(ScriptedModel):
        def __init__(self, config):
            super().__init__(lambda messages: "squawk")

    me = agent("me", llm_config={"model": "parrot", "model_client_cls": "Parrot", "cache_seed": None})
    me.register_model_client(Parrot)
    me.register_for_llm(description="A tool.")(fresh())
    assert me.generate_reply([{"role": "user", "content": "hi"}]) == "squawk"


def test_agents_of_a_class_do_not_share_their_tools(agent):
    class Configured(ConversableAgent):
        DEFAULT_CONFIG = MODEL.llm_config

    one, two = (agent(name, Configured, llm_config=None) for name in ("one", "two"))
    one.register_for_llm(description="A tool.")(fresh())
    known = ["tools" in config for config in (one.llm_config, two.llm_config, Configured.DEFAULT_CONFIG)]
    assert known == [True, False, False]


def test_a_name_and_a_description_are_passed_on_to_the_outer_decorators(caller, agent):
    executor, other, late = agent("executor"), agent("other", llm_config=MODEL.llm_config), agent("late")

    @other.register_for_llm()
    @executor.register_for_execution()
    @caller.register_for_llm(name="named", description="Described.")
    def tool(n: int) -> str:
        return ""

    assert names_known(caller) == names_known(other) == list(executor.function_map) == ["named"]
    assert other.llm_config["tools"] == caller.llm_config["tools"]
    assert (tool._name, tool._description, tool.__name__) == ("named", "Described.", "tool")
    executor.register_for_execution(name="again")(tool)
    late.register_for_execution()(tool)
    assert (list(executor.function_map), list(late.function_map)) == (["named", "again"], ["again"])


def test_registering_for_a_model_has_its_limits(caller, agent):
    for style in ("tool", "function"):
        assert caller.register_for_llm(description="Add.", api_style=style)(add) is add
    assert (caller.llm_config["tools"], caller.llm_config["functions"]) == ([ADD], [ADD["function"]])
    with pytest.raises(ValueError, match="description"):
        caller.register_for_llm()(fresh())
    with pytest.raises(ValueError, match="'letter'"):
        caller.register_for_llm(description="A tool.", api_style="letter")(fresh())
    with pytest.raises(AssertionError, match="llm_config"):
        agent("modelless").register_for_llm(description="A tool.")(fresh())
    with pytest.raises(ValueError, match="Invalid name"):
        caller.register_for_execution()(lambda: "")
    caller.register_for_execution(name="nameless")(lambda: "")
    assert list(caller.function_map) == ["nameless"]


@pytest.mark.parametrize("given", [{}, {"name": "double"}])
def test_a_bound_method_can_be_a_tool(caller, given):
    class Maths:
        def double(self, n: int) -> int:
            return 2 * n

    register_function(Maths().double, caller=caller, executor=caller, description="Double.", **given)
    assert names_known(caller) == ["double"]
    assert caller.execute_function({"name": "double", "arguments": '{"n": 2}'})[1]["content"] == "4"


def test_a_function_for_execution_gives_text_and_knows_its_origin(agent, call):
    async def later(n: int) -> Point:
        return now(n)

    def now(n: int) -> Point:
        return Point(x=n)

    me = agent("me", function_map={"raw": now})
    for tool in (now, later):
        assert me.register_for_execution()(tool) is tool
        wrapper = me.function_map[tool.__name__]
        assert (wrapper._origin, iscoroutinefunction(wrapper)) == (tool, tool is later)
        assert signature(wrapper) == signature(tool)
    results = [call(me.execute_function, {"name": n, "arguments": '{"n": 1}'})[1]["content"] for n in me.function_map]
    assert results == ["x=1 y=0", '{"x":1,"y":0}', '{"x":1,"y":0}']


def test_a_parameter_that_no_model_fills_in_may_be_of_any_class(agent):
    def query(sql: str, connection: Optional[sqlite3.Connection] = None) -> str:
        return sql

    me = agent("me")
    me.register_for_execution()(query)
    assert me.execute_function({"name": "query", "arguments": '{"sql": "x"}'})[1]["content"] == "x"


def test_a_schema_is_a_plain_dict_in_a_fixed_order():
    assert json.dumps(fu.get_function_schema(add, description="Add.")) == json.dumps(ADD)
    assert fu.get_function_schema(add, name="plus", description="Add.")["function"]["name"] == "plus"


X, Y = {"title": "X", "type": "integer"}, {"default": 0, "title": "Y", "type": "integer"}
POINT = {"properties": {"x": X, "y": Y}, "required": ["x"], "title": "Point", "type": "object"}
POINTS = {"items": {"$ref": "#/$defs/Point"}, "type": "array"}
OPTIONAL = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
INT_POINT = {"maxItems": 2, "minItems": 2, "prefixItems": [{"type": "integer"}, {"$ref": "#/$defs/Point"}], "type": "array"}
COLOUR = {"enum": ["red", "blue"], "title": "Colour", "type": "string"}
BOTH = {"left": {"title": "Left", "type": "integer"}, "right": {"$ref": "#/$defs/Point"}}
PAIR = {"properties": BOTH, "required": ["left", "right"], "title": "Pair", "type": "object"}
DEFINED = {"$defs": {"Point": POINT}}
POINTS_OR_NONE = {"items": {"anyOf": [POINTS["items"], {"type": "null"}]}, "type": "array"}
NESTED = {**DEFINED, "additionalProperties": POINTS_OR_NONE, "type": "object"}

KINDS = [
    (int, 1, 1, {"type": "integer"}),
    (float, 0.5, 0.5, {"type": "number"}),
    ("str", "a", "a", {"type": "string"}),
    (Literal["a", "b"], "a", "a", {"enum": ["a", "b"], "type": "string"}),
    (Optional[int], None, None, OPTIONAL),
    (Any, {"x": 1}, {"x": 1}, {}),
    (list[int], [1], [1], {"items": {"type": "integer"}, "type": "array"}),
    (dict[str, float], {"a": 0.5}, {"a": 0.5}, {"additionalProperties": {"type": "number"}, "type": "object"}),
    (datetime.date, "2024-02-29", datetime.date(2024, 2, 29), {"format": "date", "type": "string"}),
    (Colour, "red", Colour.RED, COLOUR),
    (Pair, {"left": 1, "right": {"x": 2, "y": 3}}, Pair(1, Point(x=2, y=3)), {**DEFINED, **PAIR}),
    (Point, {"x": 1, "y": 2}, Point(x=1, y=2), POINT),
    ("Point", {"x": 1, "y": 2}, Point(x=1, y=2), POINT),
    (Optional[Point], {"x": 1, "y": 2}, Point(x=1, y=2), {**DEFINED, "anyOf": [POINTS["items"], {"type": "null"}]}),
    (Union[Point, str], "here", "here", {**DEFINED, "anyOf": [POINTS["items"], {"type": "string"}]}),
    (list[Point], [{"x": 1, "y": 2}], [Point(x=1, y=2)], {**DEFINED, **POINTS}),
    (tuple[int, Point], [1, {"x": 1, "y": 0}], (1, Point(x=1)), {**DEFINED, **INT_POINT}),
    (dict[str, list[Optional[Point]]], {"k": [{"x": 1, "y": 0}, None]}, {"k": [Point(x=1), None]}, NESTED),
]


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize(("kind", "written", "value", "schema"), KINDS)
def test_the_schema_of_a_parameter(kind, written, value, schema, described):
    if described:
        kind = f"Annotated[{kind}, 'about p']" if isinstance(kind, str) else Annotated[kind, "about p"]
    kind = fu.get_typed_annotation(kind, globals())
    about = {"description": "about p" if described else "p"}
    assert fu.get_parameter_json_schema("p", kind, {}) == {**schema, **about}
    with_default = fu.get_parameter_json_schema("p", kind, {"p": value})
    assert with_default == {**schema, "default": json.loads(json.dumps(written)), **about}


@pytest.mark.parametrize("coroutine", [False, True], ids=["plain", "coroutine"])
@pytest.mark.parametrize(("kind", "written", "value", "schema"), KINDS)
def test_a_tool_gets_its_arguments_as_they_are_annotated(call, agent, coroutine, kind, written, value, schema):
    got = []

    def tool(p):
        got.append(p)
        return Point(x=len(got))

    async def a_tool(p):
        return tool(p)

    chosen = a_tool if coroutine else tool
    chosen.__annotations__ = {"p": kind, "return": Point}
    model = ScriptedModel(tool_call("tool", call_id="c1", p=written), "done")
    caller, executor = agent("caller", llm_config=model.llm_config), agent("executor")
    register_function(chosen, caller=caller, executor=executor, name="tool", description="A tool.")
    result = call(executor.initiate_chat, caller, message="go", max_turns=2)
    assert got == [value]
    assert type(got[0]) is type(value)
    assert result.chat_history[2]["content"] == '{"x":1,"y":0}'


def test_two_models_of_one_name_are_both_defined():
    def mix(first: list[Point], second: list[create_model("Point", latitude=float)]) -> str:
        return ""

    parameters = fu.get_function_schema(mix, description="Mix.")["function"]["parameters"]
    reference = parameters["properties"]["first"]["items"]["$ref"].removeprefix("#/$defs/")
    assert "x" in parameters["$defs"][reference]["properties"]


def test_what_cannot_be_described_is_told(caplog):
    def of(annotation, tool=lambda a: ""):
        tool.__annotations__ = {"a": annotation, "return": str}
        return fu.get_function_schema(tool, name="tool", description="x")["function"]["parameters"]

    with pytest.raises(ValueError, match="'a'"):
        of(Annotated[int, 5])
    with pytest.raises(Exception, match="NoSuchName"):
        of("NoSuchName")
    assert of(int, lambda *a: "") == of(int, lambda **a: "") == {**PARAMETERS, "properties": {}, "required": []}
    assert not caplog.records
    fu.get_function_schema(lambda: "", name="tool", description="x")
    assert [(r.levelname, r.name) for r in caplog.records] == [("WARNING", "autogen.function_utils")]


def test_the_helpers_of_schemas():
    def f(a: "int", b=2, *, c: Annotated[str, "c"] = "x", d):
        return ""

    typed = fu.get_typed_signature(f)
    required = fu.get_required_params(typed)
    assert (required, fu.get_default_values(typed)) == (["a", "d"], {"b": 2, "c": "x"})
    assert fu.get_param_annotations(typed) == {"a": int, "c": Annotated[str, "c"]}
    assert fu.get_missing_annotations(typed, required) == ({"d"}, {"b"})
    assert (fu.get_typed_return_annotation(f), fu.get_typed_return_annotation(add)) == (None, int)
    parameters = fu.get_parameters(["a"], {"a": int}, {})
    assert parameters.model_dump() == {"type": "object", "properties": {"a": {**A, "description": "a"}}, "required": ["a"]}
    tool = fu.ToolFunction(function=fu.Function(description="d", name="n", parameters=parameters))
    assert (tool.type, tool.function.parameters) == ("function", parameters)
    load = fu.get_load_param_if_needed_function
    assert [load(int), load(Annotated[int, "n"])] == [None, None]
    assert load(Annotated[Point, "p"])({"x": 1}, Point) == load(Point)({"x": 1}, Point) == Point(x=1)


@fu.load_basemodels_if_needed
def move(start: Point, end: Annotated[Point, "to"] = None) -> list:
    return [start, end]


def test_arguments_that_are_left_out_or_ready_stay_as_they_are():
    ready = Point(x=1)
    assert move(start=ready)[0] is ready
    assert move(start={"x": 2}) == [Point(x=2), None]
    with pytest.raises(ValueError, match=r"'start\.x': Field required"):
        move(start={"z": 1})


def test_positional_arguments_become_models_too():
    assert move({"x": 1}) == [Point(x=1), None]


def test_results_as_text(call, agent):
    values = ["é", Point(x=1), {"é": 1}, None, (1, 2), True]
    assert [fu.serialize_to_str(v) for v in values] == ["é", '{"x":1,"y":0}', '{"é": 1}', "null", "[1, 2]", "true"]
    me = agent("me")
    me.register_for_execution(name="odd")(lambda: object())
    success, result = call(me.execute_function, {"name": "odd"})
    assert (success, result["content"][:7], "object" in result["content"]) == (False, "Error: ", True)


@pytest.mark.parametrize(("name", "arguments", "told"), [("f", "{}", True), ("g", "{}", False), ("f", "{", False)])
def test_a_line_is_printed_before_a_function_is_called(call, mode, agent, capsys, monkeypatch, name, arguments, told):
    monkeypatch.setenv("NO_COLOR", "1")
    me = agent("me", function_map={"f": lambda: "done"}, silent=None)
    call(me.execute_function, {"name": name, "arguments": arguments})
    flavour = "FUNCTION" if mode == "sync" else "ASYNC FUNCTION"
    assert capsys.readouterr().out == (f"\n>>>>>>>> EXECUTING {flavour} f...\n" if told else "")


def test_verbose_also_prints_arguments_and_output(agent, capsys):
    me = agent("me", function_map={"add": add})
    me.execute_function({"name": "add", "arguments": '{"a": 20, "b": 22}'}, verbose=True)
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("20", "22", "42"))
    assert me.execute_function({"name": "unknown"}, verbose=True)[0] is False


def test_an_interrupt_is_no_result(agent, call):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(agent("me", function_map={"f": interrupt}).execute_function, {"name": "f"})


def test_a_synchronous_chat_in_a_running_loop_uses_tools_of_both_kinds(agent):
    async def later():
        await asyncio.sleep(0)
        return threading.current_thread().name

    model = ScriptedModel([tool_call("later"), tool_call("now")], "done")
    caller = agent("caller", llm_config=model.llm_config)
    executor = agent("executor", function_map={"later": later, "now": lambda: threading.current_thread().name})

    async def cell():
        return executor.initiate_chat(caller, message="go", max_turns=2)

    first, second = asyncio.run(cell()).chat_history[2]["tool_responses"]
    assert first["content"] != second["content"] == threading.current_thread().name
