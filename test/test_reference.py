"""The reference names every public thing, and nothing in it is empty.

Whether its pages are up to date is said by `test_website.py`.
"""

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import json
import re
from itertools import pairwise
from pathlib import Path

from autogen import Agent, ConversableAgent
from autogen.agentchat.agent import LLMAgent

ROOT = Path(__file__).parent.parent
_spec = importlib.util.spec_from_file_location("website_generate", ROOT / "website" / "generate.py")
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)

PUBLIC = [
    (module, name, value)
    for module in generate.list_public_modules()
    for name, value in generate.get_public_names(importlib.import_module(module)).items()
]
HOMES = generate.find_homes()
ENTRIES = [(module, name, value) for module, members in HOMES.items() for name, value in members]
# Words by which a docstring leads to another one that describes the parameters.
LEADS_ON = re.compile(
    r"`, awaited|\bAsync version of `|\bsee `|The arguments are (?:those of|described at) `|`[\w.]+` for |as for `",
    re.IGNORECASE,
)
MOST = 2  # parameters that need no description, if their names say enough


def ids(entry):
    return f"{entry[0]}.{entry[1]}"


def text_below(module, name):
    """The text under an assignment, which describes it."""
    body = ast.parse(inspect.getsource(importlib.import_module(module))).body
    for one, following in pairwise(body):
        targets = getattr(one, "targets", [getattr(one, "target", None)])
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            return following.value.value if is_text else ""
    return ""


def members(kind):
    """The public methods and properties that stand in the entry of a class: its own, and those of hidden base classes."""
    for name in [*vars(kind), *generate.list_inherited(kind)]:
        value = inspect.getattr_static(kind, name)
        value = getattr(value, "__func__", value)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            yield name, value


def undescribed(function, *texts):
    """The parameters that none of the texts names, where there are many."""
    skipped = ("self", "cls")
    names = [name for name in inspect.signature(function).parameters if name not in skipped and not name.startswith("_")]
    text = "\n".join(texts)
    if len(names) <= MOST or LEADS_ON.search(texts[0]):
        return []
    return [name for name in names if not re.search(rf"\b{name}\b", text)]


def has_docstring(module, name, value):
    own = value.__doc__ if inspect.isfunction(value) else vars(value).get("__doc__")
    is_made_by_dataclass = dataclasses.is_dataclass(value) and str(own).startswith(f"{name}(")
    return (own and not is_made_by_dataclass) or text_below(module, name)


def test_everything_has_a_docstring():
    assert not [ids(entry) for entry in ENTRIES if not has_docstring(*entry)]
    classes = [entry for entry in ENTRIES if inspect.isclass(entry[2])]
    assert not [f"{ids(one)}.{part}" for one in classes for part, member in members(one[2]) if not inspect.getdoc(member)]


def find_undescribed(name, value):
    """The parameters that are not described, by the function that has them."""
    if not inspect.isclass(value):
        return {name: undescribed(value, value.__doc__)}
    about = value.__doc__ or ""
    found = {}
    if dataclasses.is_dataclass(value):
        inherited = "\n".join(kind.__doc__ or "" for kind in value.__mro__)
        wanted = [field.name for field in dataclasses.fields(value) if field.init and not field.name.startswith("_")]
        if len(wanted) > MOST:
            found[name] = [one for one in wanted if not re.search(rf"\b{one}\b", inherited)]
    elif "__init__" in vars(value) and not issubclass(value, Exception):
        found[name] = undescribed(value.__init__, value.__init__.__doc__ or "", about)
    for part, member in members(value):
        if inspect.isfunction(member):
            found[part] = undescribed(member, inspect.getdoc(member) or "", about)
    return found


def test_parameters_are_described():
    found = {ids(entry): find_undescribed(*entry[1:]) for entry in ENTRIES}
    assert not {f"{entry}: {part}": missing for entry, parts in found.items() for part, missing in parts.items() if missing}


def test_what_agents_have_from_hidden_classes_is_in_their_entry():
    page = generate.build_reference()["agents.md"]
    [listed] = re.findall(r"::: autogen\.agentchat\.conversable_agent\.ConversableAgent\n.*\n.*\[(.*)\]", page)
    names = listed.split(", ")
    assert {"run", "register_for_llm", "register_hook", "save_state", "clear_history"} <= set(names)
    shown = {*names, *vars(ConversableAgent), *vars(LLMAgent), *vars(Agent)}
    assert not [name for name in dir(ConversableAgent) if not name.startswith("_") and name not in shown]


def test_every_public_module_says_what_it_is():
    assert not [module for module in generate.list_public_modules() if not importlib.import_module(module).__doc__]


def test_every_public_thing_has_one_entry_in_the_reference():
    pages = generate.build_reference()
    entries = re.findall(r"^::: (\S+)$", "\n".join(pages.values()), re.MULTILINE)
    assert sorted(entries) == sorted(f"{module}.{name}" for module, name, _ in ENTRIES)
    documented = {id(value) for _, _, value in ENTRIES}
    assert not [ids(one) for one in PUBLIC if generate.has_entry(one[2]) and id(one[2]) not in documented]


def test_the_index_names_every_public_name():
    index = generate.build_reference()["index.md"]
    sections = dict(re.findall(r"^## `([\w.]+)`\n\n(.*)$", index, re.MULTILINE))
    for module, name, _ in PUBLIC:
        assert f"`{name}`" in sections[module], f"{module}.{name}"


def test_the_names_of_the_classic_api_are_in_the_reference():
    classic = json.loads((ROOT / "test" / "api_0_2.json").read_text())
    named = {(module, name) for module, name, _ in PUBLIC}
    for module, names in classic.items():
        wanted = {name.removeprefix("class ") for name in names} - {"__all__", "constants"}
        assert not [name for name in wanted if (module, name) not in named]


def test_no_name_is_documented_where_it_can_not_be_imported():
    for module, name, value in ENTRIES:
        assert getattr(importlib.import_module(module), name) is value


def test_no_page_of_the_reference_is_forgotten():
    assert {path.name for path in generate.REFERENCE.glob("*.md")} == set(generate.build_reference())


def test_a_page_says_who_contains_which_program():
    text = (generate.DOCS / "topics" / "code-execution-safety.md").read_text("utf-8")
    assert "| reads the user's files | **no** | ✓ | ✓ |" in text
    assert "| is a fork bomb | ✓ | ✓ | ✓ |" in text
