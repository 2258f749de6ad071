"""Functions as tools: their schemas, what becomes of arguments, what becomes of results."""

import asyncio
import copy
import dataclasses
import datetime
import enum
import functools
import inspect
import json
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PositiveInt
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from typing_extensions import Doc, TypeAliasType, TypedDict

from autogen._functions.docstrings import get_summary
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


def loaded_once(annotation: Any, value: Any) -> Any:
    def tool(it):
        return it

    tool.__annotations__ = {"it": annotation}
    return load_basemodels_if_needed(tool)(it=value)


def shown(function: Callable[..., Any], parameter: str = "it") -> dict[str, Any]:
    """The schema of a parameter."""
    schema = get_function_schema(function, description="A tool.")
    json.dumps(schema, allow_nan=False)
    return schema["function"]["parameters"]["properties"][parameter]


FITTING = [
    (Optional[int], 5),
    (float, 3),
    (str | int | None, "5"),
    (dict[str, Any], {"a": [1]}),
    (list[Any], [1, "1"]),
    (list[float], [1, 2]),
    (Any, {"x": 1}),
    (Any, "5"),
    (object, "x"),
    (str, "[1]"),
    (Union[list[int], str], "[1]"),
    (Sequence, ["x"]),
    (Sequence[int], [1]),
    (Callable[[Point], Point], "x"),
    (type[Point], "x"),
    (Literal["a"], "a"),
    (Annotated[int, "a number", Connection], 5),
    (PositiveInt, 5),
    (None, None),
]


@pytest.mark.parametrize(("annotation", "value"), FITTING)
def test_arguments_that_fit_stay_the_same(annotation, value):
    assert loaded(annotation, value) is value


JSONText = TypeAliasType("JSONText", "dict[str, JSONText] | list[JSONText] | int")
Small = TypeAliasType("Small", Annotated[int, Field(lt=10), "a small number"])
Item = TypeVar("Item")
Twice = TypeAliasType("Twice", tuple[Item, Item], type_params=(Item,))


class Node(BaseModel):
    n: int
    children: list["Node"] = []


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


MENDED = [
    (int, "2", 2),
    (int, 3.0, 3),
    (Optional[int], "5", 5),
    (Optional[int], "null", None),
    (bool, "false", False),
    (bool, "yes", True),
    (float, "1.5", 1.5),
    (str, 5, "5"),
    (list[int], "[1, 2]", [1, 2]),
    (list[Annotated[int, "a number"]], ["5"], [5]),
    (dict[str, int], '{"a": "1"}', {"a": 1}),
    (dict, "{'a': 1}", {"a": 1}),
    (dict[int, str], {"1": 2}, {1: "2"}),
    (set[int], [1, 1, "2"], {1, 2}),
    (frozenset[str], ["a"], frozenset("a")),
    (tuple[int, str], ["1", 2], (1, "2")),
    (tuple[int, ...], "[1, 2]", (1, 2)),
    (list[tuple[int, int]], [[1, "2"]], [(1, 2)]),
    (Iterable[int], ["1"], [1]),
    (Any, '{"a": 1}', {"a": 1}),
    (Union[int, list[int]], "[1]", [1]),
    (Literal[1, 2], "1", 1),
    (Literal["1"], 1, "1"),
    (Literal[True, "x"], "True", True),
    (Level, "1", Level.LOW),
    (Point, '{"x": "1"}', Point(x=1)),
    (Pair, {"left": 1, "point": '{"x": 1}'}, Pair(1, Point(x=1))),
    (Node, {"n": 1, "children": ['{"n": 2, "children": []}']}, Node(n=1, children=[Node(n=2)])),
    (PositiveInt, "5", 5),
    (Annotated[int, Field(ge=0)], "5", 5),
    (Small, "5", 5),
    (Annotated[Small, "outer"], "5", 5),
    (list[Small], ["5"], [5]),
    (Optional[Small], "5", 5),
    (Twice[int], ["1", 2], (1, 2)),
    (JSONText, '{"a": ["1", {"b": 2}]}', {"a": [1, {"b": 2}]}),
]


@pytest.mark.parametrize(("annotation", "value", "mended"), MENDED)
def test_arguments_with_one_other_meaning_are_mended(annotation, value, mended):
    before = copy.deepcopy(value)
    result = loaded(annotation, value)
    assert result == mended
    assert type(result) is type(mended)
    assert value == before


REFUSED = [
    (int, "two", "'it'.*integer.*'two'"),
    (int, 2.5, "'it'.*fraction.*2.5"),
    (int, None, "'it'.*integer.*None"),
    (bool, "maybe", "'it'.*boolean.*'maybe'"),
    (str, ["a"], "'it'.*string"),
    (dict[str, Any], "text", "'it'.*dictionary.*'text'"),
    (dict, "[1]", "'it'.*dictionary"),
    (list[int], "1, 2", "'it'.*list.*'1, 2'"),
    (list[int], [1, "x"], "'it.1'.*integer.*'x'"),
    (tuple[int, int], [1], "'it.1'.*required"),
    (Literal["a"], "b", "'it'.*'a'.*'b'"),
    (PositiveInt, 0, "'it'.*greater than 0.*0"),
    (Small, 10, "'it'.*less than 10.*10"),
    (Annotated[str, Field(max_length=3)], "[1, 2]", "'it'.*at most 3 characters.*'\\[1, 2\\]'"),
    (Node, {"n": 1, "children": [{}]}, "'it.children.0.n'.*required"),
    (list[int], "[" * 100_000, "'it'.*list"),
    (list[int], "[" * 100_000 + "]" * 100_000, "'it'.*list"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), REFUSED)
def test_arguments_that_do_not_fit_are_refused_with_words(annotation, value, message):
    with pytest.raises(ValueError, match=f"(?i)Invalid argument {message}") as refusal:
        loaded(annotation, value)
    assert len(str(refusal.value)) < 500


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["1", "[1]", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "n", "children", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
HOSTED = [
    int,
    Optional[bool],
    list[set[int]],
    Node,
    Point,
    Pair,
    Level,
    JSONText,
    Twice[Small],
    dict[str, tuple[int, str]],
    Any,
]


@given(value=JSON, annotation=st.sampled_from(HOSTED), as_text=st.booleans())
def test_any_argument_fits_or_is_refused_with_words(value, annotation, as_text):
    argument = json.dumps(value) if as_text else value
    before = repr(argument)
    try:
        result = loaded_once(annotation, argument)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        # a value of the type, whatever was mended, needs no further mending
        assert repr(loaded_once(annotation, result)) == repr(result)
    assert refusal == "" or refusal.startswith("Invalid argument 'it")
    assert repr(argument) == before


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
    assert run(a="1") == (1, POINT, (), DAY, {})
    assert run(a=1, day=None) == (1, POINT, (), DAY, {})
    assert run(1, {"x": 2}, "3", day="2020-02-01", n=4) == (1, Point(x=2), ("3",), datetime.date(2020, 2, 1), {"n": 4})


def test_a_function_with_nothing_to_make_is_returned_itself():
    def tool(a, *b: int, context_variables: dict, **c: int) -> str:
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


def divide(a: int, b: int = 2, /, *rest: int, c: Small = 3) -> str:
    return repr((a, b, rest, c))


@pytest.mark.parametrize(
    ("arguments", "result"),
    [({"a": "6"}, (6, 2, (), 3)), ({"a": 6, "b": "3", "c": "4"}, (6, 3, (), 4)), ({"c": 1, "a": 1}, (1, 2, (), 1))],
)
def test_positional_only_parameters_can_be_named(arguments, result):
    assert load_basemodels_if_needed(divide)(**arguments) == repr(result)
    # in a partial object, the first is given already
    if "b" in arguments:
        assert load_basemodels_if_needed(functools.partial(divide, 6))(b="3", c=4) == repr(result)


def test_a_positional_only_parameter_may_be_missing():
    run = load_basemodels_if_needed(divide)
    for arguments in ({"b": 1}, {}, {"c": 1}):
        with pytest.raises(TypeError, match="'a'"):
            run(**arguments)


class Tools:
    @staticmethod
    def static(it: set[int]) -> str:
        return repr(it)

    def two(self, a: int, it: set[int]) -> str:
        return repr(it)

    bound = functools.partialmethod(two, 1)


@functools.lru_cache
def cached(it: frozenset[int]) -> str:
    return repr(set(it))


@functools.singledispatch
def generic(it: set[int]) -> str:
    return repr(it)


@pytest.mark.parametrize("tool", [Tools.static, vars(Tools)["static"], Tools().bound, cached, generic])
def test_other_callables_are_tools(tool):
    assert get_function_schema(tool, description="A tool.")["function"]["parameters"]["required"] == ["it"]
    assert load_basemodels_if_needed(tool)(it=["1"]) == "{1}"


def fielded(
    a: int = Field(5, ge=0, description="How many"),
    tags: list[str] = Field(default_factory=list),  # noqa: B008
    b: int = Field(..., description="Needed"),
    c: Annotated[int, Field(description="Annotated", gt=1)] = 7,
    d: Annotated[int, Doc("Documented")] = 0,
    *,
    e: Annotated[int, Field(4)],
    f: PositiveInt = 1,
    g: Small = 1,
) -> str:
    """Do it.

    Args:
        f: From the docstring.
        c: Hidden.
    """
    tags.append("new")
    return repr((a, tags, b, c, d, e, f, g))


def test_pydantic_fields_describe_parameters_and_hold_their_defaults():
    parameters = get_function_schema(fielded, description="x")["function"]["parameters"]
    assert parameters["required"] == ["b"]
    assert parameters["properties"] == {
        "a": {"type": "integer", "minimum": 0, "default": 5, "description": "How many"},
        "tags": {"type": "array", "items": {"type": "string"}, "description": "tags"},
        "b": {"type": "integer", "description": "Needed"},
        "c": {"type": "integer", "exclusiveMinimum": 1, "default": 7, "description": "Annotated"},
        "d": {"type": "integer", "default": 0, "description": "Documented"},
        "e": {"type": "integer", "default": 4, "description": "e"},
        "f": {"type": "integer", "exclusiveMinimum": 0, "default": 1, "description": "From the docstring."},
        "g": {"type": "integer", "exclusiveMaximum": 10, "default": 1, "description": "a small number"},
    }
    run = load_basemodels_if_needed(fielded)
    for _ in range(2):
        assert run(b="2") == repr((5, ["new"], 2, 7, 0, 4, 1, 1))
    assert run(1, ["x"], 2, e=None) == repr((1, ["x", "new"], 2, 7, 0, 4, 1, 1))
    with pytest.raises(ValueError, match=r"'a'.*greater than or equal to 0, got -1"):
        run(a=-1, b=2)
    with pytest.raises(TypeError, match="'b'"):
        run(a=1)


@pytest.mark.parametrize(
    ("docstring", "summary"),
    [
        ("Look the order up\n    in the archive.\n\n    More.", "Look the order up in the archive."),
        ("Look it up. And\n    more.", "Look it up. And more."),
        ("Look it up.\n    More.", "Look it up."),
        ("Look it up\n\n    More.", "Look it up"),
        ("Look it up\n    Args:\n        x: The key.", "Look it up"),
        ("Look it up\n    :param x: The key.", "Look it up"),
        ("\n    Look it up\n    >>> look()", "Look it up"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_summary_of_a_docstring(docstring, summary):
    def tool() -> str:
        return ""

    tool.__doc__ = docstring
    assert get_summary(tool) == get_summary(functools.partial(tool)) == summary


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


class Thing:
    def __str__(self) -> str:
        return "Thing no. 7"


class Described:
    def __repr__(self) -> str:
        return "Described()"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (range(2), "[0, 1]"),
        (types.MappingProxyType({"a": 1}), '{"a": 1}'),
        (Thing(), "Thing no. 7"),
        (Described(), "Described()"),
        (ValueError("bad"), "bad"),
        ([Thing(), {"a": Described()}], '["Thing no. 7", {"a": "Described()"}]'),
    ],
)
def test_results_of_other_libraries_and_classes(result, text):
    assert serialize_to_str(result) == text


def test_results_of_numpy():
    np = pytest.importorskip("numpy")

    class Measured(BaseModel, arbitrary_types_allowed=True):
        values: np.ndarray

    results = [
        (np.float32(2.5), "2.5"),
        (np.bool_(True), "true"),
        (np.str_("a"), "a"),
        (np.array([[1, 2]]), "[[1, 2]]"),
        ({"n": np.int64(3), "all": np.arange(2)}, '{"n": 3, "all": [0, 1]}'),
        ({np.int64(3): 1}, '{"3": 1}'),
        (np.array(["2020-01-31"], dtype="M8[D]"), '["2020-01-31"]'),
        (np.datetime64("2020-01-31T00:00:00.123456789"), "2020-01-31T00:00:00.123456789"),
        (Measured(values=np.array([1])), '{"values":[1]}'),
    ]
    for result, text in results:
        assert serialize_to_str(result) == text
        assert type(serialize_to_str(result)) is str


def test_results_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"n": [1.5, None], "day": pandas.to_datetime(["2020-01-31", None])})
    rows = [{"n": 1.5, "day": "2020-01-31T00:00:00.000"}, {"n": None, "day": None}]
    assert json.loads(serialize_to_str(table)) == rows
    assert json.loads(serialize_to_str({"table": table.set_index("n")}))["table"][0] == {"n": 1.5, "day": rows[0]["day"]}
    assert serialize_to_str(table["n"]) == "[1.5, null]"
    assert serialize_to_str(pandas.Series([1], index=["a"])) == '{"a": 1}'
    assert serialize_to_str([{"a": pandas.NaT, "b": pandas.NA, "c": DAY}]) == '[{"a": null, "b": null, "c": "2020-01-31"}]'


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
    assert json.loads(result["content"]) == {"day": "2020-01-31", "colour": "dark", "connection": "c", "n": 5}
