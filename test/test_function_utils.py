"""Functions as tools: their schemas, what becomes of arguments, what becomes of results."""

import asyncio
import dataclasses
import datetime
import enum
import functools
import inspect
import json
import pathlib
import sys
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, Union

import pytest
from pydantic import BaseModel, Field
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from typing_extensions import TypedDict

from autogen.function_utils import (
    get_function_schema,
    get_typed_annotation,
    get_typed_signature,
    load_basemodels_if_needed,
    serialize_to_str,
)


class Colour(enum.Enum):
    RED = "red"


class Shade(str, enum.Enum):
    DARK = "dark"


class Point(BaseModel):
    x: int
    y: int = 0


@dataclasses.dataclass
class Pair:
    left: int
    point: Optional[Point] = None


class Spot(NamedTuple):
    day: datetime.date
    n: int = 1


class Order(TypedDict):
    day: datetime.date


class Connection:
    """A type of which pydantic knows nothing."""


class Unfinished(BaseModel):
    x: "NotYetThere"  # noqa: F821


Place = NewType("Place", Point)
Tree = Union[Point, list["Tree"]]
DAY = datetime.date(2020, 1, 31)


def loaded(annotation: Any, value: Any, **default: Any) -> Any:
    """What a function gets whose parameter is annotated so, if it is called with this."""

    def tool(it):
        return it

    tool.__annotations__ = {"it": annotation}
    if default:
        tool.__defaults__ = (default["default"],)
    by_position, by_name = load_basemodels_if_needed(tool)(value), load_basemodels_if_needed(tool)(it=value)
    assert by_position == by_name
    return by_name


def shown(function: Callable[..., Any], parameter: str = "it") -> dict[str, Any]:
    """The schema of a parameter."""
    schema = get_function_schema(function, description="A tool.")
    json.dumps(schema, allow_nan=False)
    return schema["function"]["parameters"]["properties"][parameter]


AS_IN_JSON = [
    (Optional[int], "5"),
    (Optional[int], 1.5),
    (int | None, "x"),
    (str | int | None, [1]),
    (dict[str, Any], "text"),
    (list[Any], {"a": 1}),
    (Any, {"x": 1}),
    (object, "x"),
    (Sequence, ["x"]),
    (Sequence[int], ["x"]),
    (Callable[[Point], Point], "x"),
    (type[Point], "x"),
    (Literal["a"], "b"),
    (Annotated[int, "a number", Point], "5"),
    (Annotated[Optional[str], "text"], 5),
    (list[Annotated[int, "a number"]], ["5"]),
    (None, "x"),
]


@pytest.mark.parametrize(("annotation", "value"), AS_IN_JSON)
def test_what_json_holds_as_it_is_is_left_alone(annotation, value):
    assert loaded(annotation, value) is value


@pytest.mark.parametrize(
    "annotation",
    [
        Connection,
        Optional[Connection],
        list[Connection],
        Annotated[Connection, "a connection"],
        Point | Connection,
        Unfinished,
        list["NotYetThere"],  # noqa: F821
        "NotYetThere",
        "list[NotYetThere] | Point",
        "datetime.no_such_thing",
        "the number of it",
        "Point['x']",
        Tree,
        5,
    ],
)
def test_what_no_type_is_known_for_is_left_alone(annotation):
    value = {"x": 1}
    assert loaded(annotation, value) is value


POINT = Point(x=1)
MADE = [
    (Point, {"x": 1}, POINT),
    (Optional[Point], {"x": 1}, POINT),
    (Optional[Point], None, None),
    (Point | None, {"x": 1}, POINT),
    (list[Point], [{"x": 1}], [POINT]),
    (dict[str, list[Point]], {"a": [{"x": 1}]}, {"a": [POINT]}),
    (Annotated[Point, "a point"], {"x": 1}, POINT),
    (Optional[Annotated[list[Annotated[Point, "one"]], "many"]], [{"x": 1}], [POINT]),
    (Place, {"x": 1}, POINT),
    (Point, POINT, POINT),
    (Pair, {"left": 1, "point": {"x": 1}}, Pair(1, POINT)),
    (Colour, "red", Colour.RED),
    (Shade, "dark", Shade.DARK),
    (list[Shade], ["dark"], [Shade.DARK]),
    (datetime.date, "2020-01-31", DAY),
    (Optional[datetime.datetime], "2020-01-31T01:02:03", datetime.datetime(2020, 1, 31, 1, 2, 3)),
    (uuid.UUID, str(uuid.UUID(int=1)), uuid.UUID(int=1)),
    (Decimal, "0.10", Decimal("0.10")),
    (Decimal, 0.1, Decimal("0.1")),
    (pathlib.Path, "a/b", pathlib.Path("a/b")),
    (Spot, ["2020-01-31", 2], Spot(DAY, 2)),
    (Spot, {"day": "2020-01-31"}, Spot(DAY)),
    (Order, {"day": "2020-01-31"}, {"day": DAY}),
    ("Point", {"x": 1}, POINT),
    ("list['Point']", [{"x": 1}], [POINT]),
    (Optional["Point"], {"x": 1}, POINT),
    (Annotated[Optional["Point"], "a point"], {"x": 1}, POINT),
]


@pytest.mark.parametrize(("annotation", "value", "made"), MADE)
def test_arguments_become_what_the_parameter_is_annotated_with(annotation, value, made):
    got = loaded(annotation, value)
    assert got == made
    assert type(got) is type(made)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="typing looks for no text in list[...] there")
def test_text_in_containers_is_evaluated():
    assert loaded(list["Point"], [{"x": 1}]) == [POINT]
    assert get_typed_annotation(dict[str, "Point"], globals()) == dict[str, Point]


def test_an_instance_stays_the_same_instance():
    assert loaded(Point, POINT) is POINT


def test_a_wrong_argument_is_an_error():
    with pytest.raises(ValueError, match="x"):
        loaded(Point, {"x": "no number"})
    with pytest.raises(ValueError, match="red"):
        loaded(Colour, "blue")


def test_a_null_for_a_default_of_none_stays():
    assert loaded(Point, None, default=None) is None
    with pytest.raises(ValueError, match="valid"):
        loaded(Point, None)


def test_a_parameter_that_is_left_out_has_its_default():
    def tool(a: int, it: Point = POINT, *rest: int, day: datetime.date = DAY, **more: Any) -> Any:
        return a, it, rest, day, more

    run = load_basemodels_if_needed(tool)
    assert run(a="1") == ("1", POINT, (), DAY, {})
    assert run(1, {"x": 2}, "3", day="2020-02-01", n=4) == (1, Point(x=2), ("3",), datetime.date(2020, 2, 1), {"n": 4})


def test_a_function_with_nothing_to_make_is_returned_itself():
    def tool(a: Optional[int], b: Connection, c: str = "") -> str:
        return ""

    assert load_basemodels_if_needed(tool) is tool
    assert load_basemodels_if_needed(max) is max  # it has no signature


class Shop:
    def __init__(self) -> None:
        self.sold: list[Any] = []

    def sell(self, it: Point, by: "Colour" = Colour.RED) -> str:
        """Sell.

        Args:
            it: What is sold.
        """
        self.sold.append(it)
        return "sold"

    @classmethod
    def close(cls, it: "Point") -> Point:
        return it

    def __call__(self, it: "Point") -> Point:
        """Call.

        :param it: What it is called with.
        """
        return it


class AsyncShop:
    async def __call__(self, it: Point) -> Point:
        return it


def far(n: int, it: "Point", day: datetime.date = DAY) -> "Point":
    """Shift a point.

    Args:
        it: What is shifted.
    """
    return it


async def a_far(n: int, it: Point) -> Point:
    return it


CALLABLES = {
    "far": functools.partial(far, 1),
    "sell": Shop().sell,
    "close": Shop.close,
    "Shop": Shop(),
    "a_far": functools.partial(functools.partial(a_far), 1),
    "AsyncShop": AsyncShop(),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_whatever_can_be_called_is_a_tool(name):
    schema = get_function_schema(CALLABLES[name], description="A tool.")["function"]
    assert schema["name"] == name
    assert schema["parameters"]["required"] == ["it"]
    assert schema["parameters"]["properties"]["it"]["properties"].keys() == {"x", "y"}
    run = load_basemodels_if_needed(CALLABLES[name])
    got = run(it={"x": 1})
    assert inspect.iscoroutinefunction(run) is name.lower().startswith("a")
    assert (asyncio.run(got) if inspect.iscoroutine(got) else got) in (POINT, "sold")


def test_descriptions_of_whatever_can_be_called():
    assert shown(CALLABLES["far"])["description"] == "What is shifted."
    assert shown(CALLABLES["far"], "day")["description"] == "day"
    assert shown(CALLABLES["sell"])["description"] == "What is sold."
    assert shown(CALLABLES["Shop"])["description"] == "What it is called with."
    assert shown(functools.partial(far, n=1), "n") == {"type": "integer", "default": 1, "description": "n"}


def test_a_wrapper_around_a_function_of_another_module_sees_its_names():
    @functools.wraps(far)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return far(*args, **kwargs)

    assert get_typed_signature(wrapper).parameters["it"].annotation is Point
    assert load_basemodels_if_needed(wrapper)(1, it={"x": 1}) == POINT


def test_a_class_is_a_tool():
    class Thing:
        def __init__(self, it: "Point") -> None:
            self.it = it

    assert shown(Thing)["properties"].keys() == {"x", "y"}
    assert load_basemodels_if_needed(Thing)(it={"x": 1}).it == POINT


def test_a_locally_defined_model_is_not_found_but_the_function_runs():
    class Function(BaseModel):  # also a name in the module that makes the schemas
        n: int

    def tool(it: "Function", other: "Optional[Function]" = None) -> str:
        return f"{it} {other}"

    assert load_basemodels_if_needed(tool)(it={"n": 1}) == "{'n': 1} None"
    with pytest.raises(PydanticUndefinedAnnotation, match=r"'tool'.*'it'.*'Function'"):
        get_function_schema(tool, description="x")


@pytest.mark.parametrize(
    "annotation", [Connection, Optional[Connection], Callable[[], int], Unfinished, "NotYetThere", "the number", Tree]
)
def test_an_error_names_the_function_and_the_parameter(annotation):
    def tool(n: int, it: int) -> str:
        return ""

    tool.__annotations__["it"] = annotation
    with pytest.raises((PydanticUserError, PydanticUndefinedAnnotation), match=r"(?s)function 'tool'.*parameter 'it'"):
        get_function_schema(tool, description="x")


@pytest.mark.parametrize(
    ("annotation", "default", "in_json"),
    [
        (int, 1, 1),
        (tuple[int, int], (1, 2), [1, 2]),
        (Colour, Colour.RED, "red"),
        (str, Shade.DARK, "dark"),
        (Any, Colour.RED, "red"),
        (Point, Point(x=1), {"x": 1, "y": 0}),
        (Pair, Pair(1, POINT), {"left": 1, "point": {"x": 1, "y": 0}}),
        (dict, {"at": POINT}, {"at": {"x": 1, "y": 0}}),
        (datetime.date, DAY, "2020-01-31"),
        (datetime.timedelta, datetime.timedelta(hours=1), "PT1H"),
        (set[int], {1}, [1]),
        (bytes, b"x", "x"),
        (Decimal, Decimal("0.1"), "0.1"),
        (uuid.UUID, uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (pathlib.Path, pathlib.Path("a"), "a"),
        (Spot, Spot(DAY), ["2020-01-31", 1]),
        (Point, None, None),
    ],
)
def test_defaults_in_the_schema_are_json(annotation, default, in_json):
    def tool(it=default) -> str:
        return ""

    tool.__annotations__["it"] = annotation
    assert shown(tool)["default"] == in_json


@pytest.mark.parametrize(
    ("annotation", "default"), [(float, float("inf")), (list[float], [float("nan")]), (Any, object()), (bytes, b"\xff")]
)
def test_a_default_that_json_cannot_hold_is_left_out(annotation, default):
    def tool(it=default) -> str:
        return ""

    tool.__annotations__["it"] = annotation
    assert "default" not in shown(tool)
    assert get_function_schema(tool, description="x")["function"]["parameters"]["required"] == []


def test_a_default_has_the_names_of_its_schema():
    class Named(BaseModel):
        n: int = Field(1, alias="theN")

    default = Named()

    def tool(it: Named = default) -> str:
        return ""

    assert shown(tool)["default"] == {"theN": 1}


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [one for part in schema for one in references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if "$ref" in schema else []
    return own + references(list(schema.values()))


def test_definitions_stand_where_references_point_also_for_models_of_one_name():
    def of(kind: Any) -> type[BaseModel]:
        class Item(BaseModel):
            it: kind
            inner: Optional["Item"] = None

        Item.model_rebuild(_types_namespace={"Item": Item})
        return Item

    One, Other = of(int), of(str)

    def tool(a: list[One], b: list[Other], c: list[Other], d: list[One]) -> str:
        return ""

    parameters = get_function_schema(tool, description="x")["function"]["parameters"]
    assert all("$defs" not in one for one in parameters["properties"].values())
    for parameter, kind in {"a": "integer", "b": "string", "c": "string", "d": "integer"}.items():
        found = references(parameters["properties"][parameter])[0].removeprefix("#/$defs/")
        assert parameters["$defs"][found]["properties"]["it"]["type"] == kind
    assert {one.removeprefix("#/$defs/") for one in references(parameters)} <= parameters["$defs"].keys()


def google(a, b, c="", d="", **more):
    """Do it.

    Args:
        a: The first,
            on two lines.

            And a third.
        b (dict[str, int], optional): The second: a mapping.
        **more: The rest.
        nothing:

    Returns:
        c: No parameter.
    """


def google_keywords(a, *, b, c="", d=""):
    """Do it.

    Args:
        a: The first,
            on two lines.

            And a third.

    Keyword Args:
        b: The second: a mapping.
    """


def numpy(a, b, c="", d=""):
    """Do it.

    Parameters
    ----------
    a : int
        The first,
        on two lines.

        And a third.
    b
        The second: a mapping.
    x, d : str, optional

    Returns
    -------
    c : int
        No parameter.
    """


def sphinx(a, b, c="", d=""):
    """Do it.

    :param int a: The first,
        on two lines.

        And a third.
    :param b: The second: a mapping.
    :type b: dict
    :return c: No parameter.
    """


@pytest.mark.parametrize("function", [google, google_keywords, numpy, sphinx])
def test_the_docstring_describes_what_annotated_does_not(function, monkeypatch):
    annotations = {"a": int, "b": dict[str, int], "c": str, "d": str, "return": str}
    monkeypatch.setattr(function, "__annotations__", annotations)
    described = {name: shown(function, name)["description"] for name in "abcd"}
    assert described == {"a": "The first, on two lines. And a third.", "b": "The second: a mapping.", "c": "c", "d": "d"}
    monkeypatch.setitem(annotations, "a", Annotated[int, "annotated"])
    assert shown(function, "a")["description"] == "annotated"


ODD_DOCSTRINGS = [
    "",
    "Args:",
    "Args:\nx",
    "----",
    "Parameters\n---",
    ":param:",
    ":\n:",
    ":param x: y\n\n:\n:",
    "   \n\n",
    None,
]


@pytest.mark.parametrize("docstring", ODD_DOCSTRINGS)
def test_odd_docstrings(docstring):
    def tool(it: int) -> str:
        return ""

    tool.__doc__ = docstring
    assert shown(tool) == {"type": "integer", "description": "it"}


@pytest.mark.parametrize(
    "plain", [None, 1, 1.5, True, [1, "é"], {"a": [None]}, {1: 2}, (1, 2), float("nan"), {"a": {"b": ()}}, ""]
)
def test_plain_results(plain):
    assert serialize_to_str(plain) == (json.dumps(plain, ensure_ascii=False) if plain != "" else "")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("é", "é"),
        (Shade.DARK, "dark"),
        (Colour.RED, '"red"'),
        (POINT, '{"x":1,"y":0}'),
        ([POINT], '[{"x": 1, "y": 0}]'),
        ({"at": {"é": POINT}}, '{"at": {"é": {"x": 1, "y": 0}}}'),
        (Pair(1, POINT), '{"left": 1, "point": {"x": 1, "y": 0}}'),
        (DAY, '"2020-01-31"'),
        ({DAY: Colour.RED}, '{"2020-01-31": "red"}'),
        ({1}, "[1]"),
        (frozenset([Colour.RED]), '["red"]'),
        (Decimal("0.10"), '"0.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (pathlib.Path("a"), '"a"'),
        (b"x", '"x"'),
        (Spot(DAY), '["2020-01-31", 1]'),
    ],
)
def test_results(result, text):
    got = serialize_to_str(result)
    assert got == text
    assert type(got) is str


def test_models_in_containers_look_as_models_do():
    class Named(BaseModel):
        n: int = Field(1, alias="theN")

    assert json.loads(serialize_to_str([Named()])) == [json.loads(serialize_to_str(Named()))]


def test_results_that_json_cannot_hold():
    own: list[Any] = []
    own.append(own)
    for result in (object(), {"a": Connection()}, [len], b"\xff", own, {"a": own, "b": {1}}):
        with pytest.raises(TypeError, match="JSON can't hold"):
            serialize_to_str(result)


def test_a_registered_tool_gets_what_it_is_annotated_with(agent):
    executor = agent("executor")

    @executor.register_for_execution()
    def book(spot: Spot, colour: Shade, connection: Connection = None, n: Optional[int] = None) -> Any:
        return {"day": spot.day, "colour": colour, "connection": connection, "n": n}

    arguments = {"spot": {"day": "2020-01-31"}, "colour": "dark", "n": "5", "connection": "c"}
    done, result = executor.execute_function({"name": "book", "arguments": json.dumps(arguments)})
    assert done
    assert json.loads(result["content"]) == {"day": "2020-01-31", "colour": "dark", "connection": "c", "n": "5"}
