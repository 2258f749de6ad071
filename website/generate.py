"""Generate the parts of the site that come from the code: the tables of the topics, and the pages of the reference.

python website/generate.py            # writes them
python website/generate.py --check    # fails if they are out of date
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from functools import cache, cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from typer.main import get_command

import autogen
from autogen._cli.app import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "website" / "docs"
REFERENCE = DOCS / "reference"
SKIPPED = ("autogen.agentchat.realtime",)  # an error
# How the docstring of a module begins that has names of other modules alone: they are documented there.
ALIASED = "AG2's path for "

# Title, what it is about, and the modules; the longest prefix of a module's name counts.
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "agents": (
        "Agents and chats",
        "Agents, the chats between two of them, and what comes out.",
        ("autogen.agentchat", "autogen.control", "autogen.distributed"),
    ),
    "group-chats": (
        "Group chats",
        "Several agents in one talk.",
        ("autogen.agentchat.groupchat", "autogen.agentchat.eligibility_policy", "autogen.graph_utils"),
    ),
    "hand-offs": (
        "Hand-offs and patterns",
        "Group chats in which agents hand over to each other.",
        ("autogen.agentchat.group", "autogen.agentchat.contrib.swarm_agent"),
    ),
    "special-agents": (
        "Special agents",
        "Agents of special kinds, and what agents can be given.",
        ("autogen.agentchat.contrib",),
    ),
    "conditions": ("Conditions", "What ends a chat.", ("autogen.agentchat.conditions",)),
    "models": (
        "Models",
        "Config lists, the wrapper that asks models, and the classes behind it.",
        ("autogen.oai", "autogen.embeddings", "autogen.llm_config"),
    ),
    "completion": ("Completion and tuning", "The older interface, which can tune parameters.", ("autogen.oai.completion",)),
    "caches": ("Caches", "Where answers are kept.", ("autogen.cache",)),
    "web": (
        "The web",
        "Fetching addresses safely, browsing pages, a real browser, documents as Markdown.",
        ("autogen.fetching", "autogen.browser_utils", "autogen.browser"),
    ),
    "retrieval": (
        "Retrieval",
        "Search in texts by meaning and by words, and vector stores.",
        ("autogen.retrieval", "autogen.agentchat.contrib.vectordb"),
    ),
    "memory": (
        "Memory",
        "What agents remember from earlier conversations.",
        (
            "autogen.memory",
            "autogen.agentchat.contrib.capabilities.memory",
            "autogen.agentchat.contrib.capabilities.teachability",
        ),
    ),
    "skills": (
        "Skills",
        "Folders of instructions that agents read when they need them.",
        ("autogen.skills", "autogen.agentchat.contrib.capabilities.skills"),
    ),
    "code-execution": (
        "Code execution",
        "Executors, and how code is found in messages.",
        ("autogen.coding", "autogen.code_utils", "autogen.environments"),
    ),
    "notebooks-and-pods": (
        "Kernels, pods and sessions",
        "Executors in Jupyter kernels, in Kubernetes and in sessions of Azure.",
        ("autogen.coding.jupyter", "autogen.coding.kubernetes", "autogen.coding.azure"),
    ),
    "io": ("Input and output", "Where agents print to and read from.", ("autogen.io",)),
    "observability": (
        "Events, logs, recordings",
        "Seeing what agents do.",
        (
            *("autogen.events", "autogen.runtime_logging", "autogen.logger", "autogen.recording"),
            *("autogen.agentchat.diagram", "autogen.tracing", "autogen.terminal", "autogen.opentelemetry"),
        ),
    ),
    "testing": ("Testing", "Agents without a network.", ("autogen.testing",)),
    "tools": (
        "Tools",
        "Functions that models call: as objects, and their schemas.",
        ("autogen.tools", "autogen.interop", "autogen.function_utils", "autogen.mcp", "autogen.a2a"),
    ),
    "documents-of-teams": ("Documents of teams", "Agents and teams as JSON or YAML.", ("autogen.specs",)),
    "serving": ("Serving", "Teams behind an address.", ("autogen.serving",)),
    "extensions": ("Extensions", "Packages that add models, executors, caches and commands.", ("autogen.extensions",)),
    "utilities": ("Utilities and errors", "Errors, tokens, and small helpers.", ("autogen",)),
}


# The public names.


@cache
def list_public_modules() -> tuple[str, ...]:
    """List the modules and packages without an underscore in their names, but those with names of other modules alone."""
    names = ["autogen"]
    for module in pkgutil.walk_packages(autogen.__path__, "autogen."):
        if not any(part.startswith("_") for part in module.name.split(".")) and not module.name.startswith(SKIPPED):
            names.append(module.name)
    return tuple(name for name in names if not (importlib.import_module(name).__doc__ or "").startswith(ALIASED))


def get_public_names(module: ModuleType) -> dict[str, Any]:
    """Return the public names of a module: its `__all__`, and its own definitions."""
    listed = [name for name in getattr(module, "__all__", ()) if not name.startswith("_")]
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    classic = [name.removeprefix("class ") for name in _load_classic_api().get(module.__name__, {})]
    wanted = dict.fromkeys([*own, *listed, *(name for name in classic if name not in ("__all__", "constants"))])
    found = {name: getattr(module, name) for name in wanted if hasattr(module, name)}
    return {name: value for name, value in found.items() if not inspect.ismodule(value)}


def _load_classic_api() -> dict[str, Any]:
    """Load the public API of 0.2, by module."""
    data: dict[str, Any] = json.loads((ROOT / "test" / "api_0_2.json").read_text())
    return data


def has_entry(value: Any) -> bool:
    """Return True for classes and functions of this package, which have an entry of their own."""
    is_code = inspect.isclass(value) or inspect.isroutine(value)
    return is_code and str(getattr(value, "__module__", "")).startswith("autogen")


def find_homes() -> dict[str, list[tuple[str, Any]]]:
    """Return the names to document in each public module: every object once, in the module nearest to its code.

    Packages come last, because most of their names come from their modules.
    """
    modules = sorted(list_public_modules(), key=lambda name: (hasattr(importlib.import_module(name), "__path__"), name))
    seen: set[int] = set()
    found: dict[str, list[tuple[str, Any]]] = {}
    # first the modules that define an object themselves, last those that have it under another name
    for rank in (0, 1, 2):
        for name in modules:
            for key, value in get_public_names(importlib.import_module(name)).items():
                is_own = getattr(value, "__module__", None) == name
                if not has_entry(value) or id(value) in seen:
                    continue
                if rank == 2 or (key == value.__name__ and (rank == 1 or is_own)):
                    seen.add(id(value))
                    found.setdefault(name, []).append((key, value))
    return found


def get_page(module: str) -> str:
    """Return the page of a module."""
    fitting = [
        (len(prefix), page)
        for page, (_, _, prefixes) in PAGES.items()
        for prefix in prefixes
        if module == prefix or module.startswith(f"{prefix}.")
    ]
    return max(fitting)[1]


# The reference.


def build_reference() -> dict[str, str]:
    """Return the text of each page of the reference, by file name."""
    documented = find_homes()
    by_page: dict[str, list[str]] = {page: [] for page in PAGES}
    for module in sorted(documented, key=_split_name):
        by_page[get_page(module)].append(module)
    texts = {}
    for page, (title, about, _) in PAGES.items():
        sections = [_format_section(module, documented[module]) for module in by_page[page]]
        texts[f"{page}.md"] = f"# {title}\n\n{about}\n\n" + "\n".join(sections)
    texts["index.md"] = _format_index(documented)
    return texts


def _split_name(module: str) -> tuple[str, ...]:
    return tuple(module.split("."))


def _format_section(module: str, members: list[tuple[str, Any]]) -> str:
    about = inspect.cleandoc(importlib.import_module(module).__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    entries = "\n".join(_format_entry(f"{module}.{name}", value) for name, value in members)
    return f"## `{module}`\n\n{about}\n\n{entries}"


def _format_entry(name: str, value: Any) -> str:
    members = list_inherited(value)
    options = f"    options:\n      inherited_members: [{', '.join(members)}]\n" if members else ""
    return f"::: {name}\n{options}"


def list_inherited(value: Any) -> list[str]:
    """Return the public members that a class inherits from classes of private modules, which have no entry of their own."""
    if not inspect.isclass(value):
        return []
    private = [kind for kind in value.__mro__[1:] if _is_hidden(kind)]
    public = [kind for kind in value.__mro__[1:] if not _is_hidden(kind)]
    names = {name: getattr(member, "__func__", member) for kind in reversed(private) for name, member in vars(kind).items()}
    elsewhere = {
        name for kind in public if kind.__module__.startswith("autogen") for name in [*vars(kind), *list_inherited(kind)]
    }
    found = {
        name
        for name, member in names.items()
        if inspect.isfunction(member) or isinstance(member, property | cached_property)
    }
    return sorted(name for name in found - elsewhere - vars(value).keys() if not name.startswith("_"))


def _is_hidden(kind: type[Any]) -> bool:
    return kind.__module__.startswith("autogen") and "._" in kind.__module__ and id(kind) not in _find_documented()


@cache
def _find_documented() -> frozenset[int]:
    return frozenset(id(value) for members in find_homes().values() for _, value in members)


def _format_index(documented: dict[str, list[tuple[str, Any]]]) -> str:
    entries = {id(value): (module, name) for module, members in documented.items() for name, value in members}
    lines = [
        "# API reference",
        "",
        "Every public class and function, as its docstring describes it. Each can be imported from any of the modules that",
        "this page lists it under.",
        "",
        "| Page | Content |",
        "|---|---|",
        *(f"| [{title}]({page}.md) | {about} |" for page, (title, about, _) in PAGES.items()),
        "",
    ]
    for module in sorted(list_public_modules(), key=_split_name):
        names = get_public_names(importlib.import_module(module))
        linked = [_format_link(name, value, entries) for name, value in sorted(names.items())]
        if linked:
            lines += [f"## `{module}`", "", " · ".join(linked), ""]
    return "\n".join(lines)


def _format_link(name: str, value: Any, entries: dict[int, tuple[str, str]]) -> str:
    if id(value) not in entries or not has_entry(value):
        return f"`{name}`"
    module, own = entries[id(value)]
    return f"[`{name}`]({get_page(module)}.md#{module}.{own})"


# The tables.


def format_table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """Format a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)])


def list_providers() -> str:
    """Return the table of providers."""
    from autogen.oai._endpoints.provider_table import BUILT_IN_PROVIDERS

    elsewhere = {
        "openai": "OpenAI's own",
        "responses": "OpenAI's own",
        "azure": "your `base_url`",
        "google-vertex": "that of `location`",
        "bedrock": "that of `aws_region`",
        "local": "in this process",
    }
    rows = []
    for row in BUILT_IN_PROVIDERS:
        connection = row.connection
        without = "see below" if connection.requires_key else "no key"
        keys = "<br>".join(f"`{key}`" for key in connection.key_variables) or without
        if connection.key_variables and not connection.requires_key:
            keys += ", if any"
        address = f"`{connection.base_url}`" if connection.base_url else elsewhere[row.api_type]
        who = row.title.removeprefix("the ") + (" (free)" if row.free else "")
        rows.append((f"`{row.api_type}`", who, keys, address))
    return format_table(("`api_type`", "Who", "Key from", "Address"), rows)


def list_adaptations() -> str:
    """Return the table of the changes that providers need in a request."""
    from autogen.oai._endpoints.provider_table import BUILT_IN_PROVIDERS

    rows = []
    for row in BUILT_IN_PROVIDERS:
        names = ", ".join(f"`{old}` → `{new}`" for old, new in row.renames.items())
        left_out = ", ".join(f"`{name}`" for name in sorted(row.refuses))
        more = ", ".join(f"`{name}`" for name in sorted(row.body))
        rows.append((f"`{row.api_type}`", names, left_out, more))
    head = ("`api_type`", "Other names there", "Not sent, with a warning", "Parameters of its own")
    return format_table(head, [row for row in rows if any(row[1:])])


def list_faults() -> str:
    """Return the table of failures and their handling."""
    from autogen.oai._requests.retry import FAULTS, Blame

    def format_status(fault: Any) -> str:
        statuses = ", ".join(map(str, fault.statuses)) if fault.statuses else ""
        return f"{statuses} {f'with code `{fault.code}`' if fault.code else ''}".strip() or "any other"

    named = {
        ("APITimeoutError", None): "none: no response in time",
        ("APIConnectionError", None): "none",
        ("InternalServerError", None): "500 and above",
        ("APIError", None): "200, but the response is of no use",
    }
    blame = {Blame.REQUEST: "no", Blame.MOMENT: "after some failures in a row", Blame.ENDPOINT: "yes"}
    rows = [
        (
            fault.name,
            named.get((fault.error, fault.code)) or format_status(fault),
            _format_bool(fault.retry),
            _format_bool(fault.fallback),
            blame[fault.blame],
        )
        for fault in FAULTS
    ]
    return format_table(("What happened", "HTTP status", "Retried", "Next endpoint", "Set aside"), rows)


def _format_bool(value: bool) -> str:
    return "yes" if value else "no"


def list_retry_settings() -> str:
    """Return the table of the settings of a `RetryPolicy`."""
    from autogen.oai._requests.retry import RetryPolicy

    descriptions = dict(
        re.findall(r"^\s+(\w+): (.+(?:\n\s{8,}.+)*)", inspect.cleandoc(RetryPolicy.__doc__ or ""), re.MULTILINE)
    )
    rows = [(f"`{field.name}`", field.default, " ".join(descriptions[field.name].split())) for field in fields(RetryPolicy)]
    assert all(default is not MISSING for _, default, _ in rows)
    return format_table(("Setting", "Default", "What it says"), rows)


def list_containment() -> str:
    """Return the table of hostile programs and the executors that contain them."""
    sys.path.insert(0, str(ROOT / "test" / "coding"))
    try:
        hostile = importlib.import_module("hostile")
    finally:
        sys.path.pop(0)
    kinds = {"local": "Local", "sandbox": "Sandboxed", "docker": "Docker"}
    ticks = [
        (program.name, *("✓" if kind in program.contained_by else "**no**" for kind in kinds))
        for program in hostile.PROGRAMS
    ]
    weak, safe = ([row for row in ticks if ("**no**" in row) is wanted] for wanted in (True, False))
    return format_table(("A program that", *kinds.values()), [*safe, *weak])


def list_events() -> str:
    """Return the table of events."""
    from autogen import events as module

    named = vars(module).items()
    kinds = [
        kind for name, kind in named if inspect.isclass(kind) and issubclass(kind, module.Event) and name == kind.__name__
    ]
    rows = [
        (
            f"`{kind.type}`",
            inspect.cleandoc(kind.__doc__ or "").splitlines()[0],
            ", ".join(f"`{name}`" for name in _list_fields(kind)),
        )
        for kind in kinds
        if kind is not module.Event
    ]
    return format_table(("`event.type`", "When", "What it has"), rows)


def _list_fields(kind: Any) -> list[str]:
    return [field.name for field in fields(kind) if field.name not in ("at", "chat") and not field.name.startswith("_")]


def _list_titles(folder: str) -> list[tuple[str, str]]:
    """Return the pages of a folder as pairs of file and title, sorted by title."""
    pages = [
        (path.name, path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")) for path in _list_pages(folder)
    ]
    return sorted(pages, key=lambda page: page[1])


def _list_pages(folder: str) -> list[Path]:
    return sorted(path for path in (DOCS / folder).glob("*.md") if path.name != "index.md")


def _format_list(folder: str) -> str:
    return "\n".join(f"- [{title}]({name})" for name, title in _list_titles(folder))


def list_notebooks() -> str:
    """Return the table of notebooks by title, each with the first sentence of its text."""
    rows = []
    for path in (ROOT / "notebook").glob("*.ipynb"):
        text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        title, about = text.removeprefix("# ").split("\n\n")[:2]
        sentence = re.match(r".+?[.!?]\*?(?=\s|$)", about.replace("\n", " "))
        rows.append((f"[{title}]({path.stem}.md)", sentence[0] if sentence else about))
    return format_table(("Notebook", "What it shows"), sorted(rows))


def list_differences() -> str:
    """Return the section of the changelog about differences from 0.2."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return changelog.partition("### Different from 0.2, on purpose\n")[2].partition("\n#")[0].strip()


def list_commands() -> str:
    """Return a section for each command of the command line, with its arguments."""
    return "\n\n".join(_iter_commands(get_command(app), "autogen"))


def _iter_commands(command: Any, name: str) -> Iterator[str]:
    if inner := getattr(command, "commands", None):
        for word, subcommand in inner.items():
            yield from _iter_commands(subcommand, f"{name} {word}")
        return
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        is_option = parameter.param_type_name == "option"
        names = ", ".join(f"`{word}`" for word in (*parameter.opts, *parameter.secondary_opts))
        rows.append((names if is_option else f"`{parameter.name.upper()}`", parameter.help or ""))
    table = f"\n\n{format_table(('Argument', 'Meaning'), rows)}" if rows else ""
    yield f"### {name}\n\n{command.help}{table}"


TABLES: dict[str, Callable[[], str]] = {
    "differences": list_differences,
    "how-to": partial(_format_list, "how-to"),
    "commands": list_commands,
    "topics": partial(_format_list, "topics"),
    "notebooks": list_notebooks,
    "events": list_events,
    "providers": list_providers,
    "adapted": list_adaptations,
    "faults": list_faults,
    "retry-policy": list_retry_settings,
    "containment": list_containment,
}
_MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill_tables(text: str) -> str:
    """Return the text of a page with new tables."""
    return _MARKED.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n\n{match[3]}", text)


def build_pages() -> dict[Path, str]:
    """Return the text of each file that is generated, or has generated parts."""
    wanted = {REFERENCE / name: text.rstrip() + "\n" for name, text in build_reference().items()}
    for path in sorted(DOCS.rglob("*.md")):
        if "<!-- generated:" in (text := path.read_text(encoding="utf-8")):
            wanted[path] = fill_tables(text)
    return wanted


def main(arguments: list[str]) -> int:
    """Write the files that are out of date, or with `--check` name them."""
    stale = [
        (path, text)
        for path, text in build_pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run python website/generate.py")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
