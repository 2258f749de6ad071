"""What the site says that the code knows better: the tables of the topics, and the pages of the reference.

python website/generate.py            # writes them
python website/generate.py --check    # says whether they are up to date
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

import autogen

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "website" / "docs"
REFERENCE = DOCS / "reference"
SKIPPED = "autogen.extensions"  # where generated code may run

# Title, what it is about, and the modules; the longest prefix of a module's name counts.
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "agents": (
        "Agents and chats",
        "Agents, the chats between two of them, and what comes out.",
        ("autogen.agentchat", "autogen.control"),
    ),
    "group-chats": ("Group chats", "Several agents in one talk.", ("autogen.agentchat.groupchat", "autogen.graph_utils")),
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
        ("autogen.oai", "autogen.llm_config"),
    ),
    "completion": ("Completion and tuning", "The older interface, which can tune parameters.", ("autogen.oai.completion",)),
    "caches": ("Caches", "Where answers are kept.", ("autogen.cache",)),
    "code-execution": (
        "Code execution",
        "Executors, and how code is found in messages.",
        ("autogen.coding", "autogen.code_utils"),
    ),
    "notebooks-and-pods": (
        "Kernels and pods",
        "Executors in Jupyter kernels and in Kubernetes.",
        ("autogen.coding.jupyter", "autogen.coding.kubernetes"),
    ),
    "io": ("Input and output", "Where agents print to and read from.", ("autogen.io",)),
    "observability": (
        "Events, logs, recordings",
        "Seeing what agents do.",
        (
            *("autogen.events", "autogen.runtime_logging", "autogen.logger", "autogen.recording"),
            *("autogen.agentchat.diagram", "autogen.tracing", "autogen.terminal"),
        ),
    ),
    "testing": ("Testing", "Agents without a network.", ("autogen.testing",)),
    "utilities": ("Utilities and errors", "Errors, tools' schemas, tokens, and small helpers.", ("autogen",)),
}


# The public names.


def public_modules() -> Iterator[str]:
    """The modules without an underscore in their names, packages among them."""
    yield "autogen"
    for module in pkgutil.walk_packages(autogen.__path__, "autogen."):
        if not any(part.startswith("_") for part in module.name.split(".")) and not module.name.startswith(SKIPPED):
            yield module.name


def names_of(module: ModuleType) -> dict[str, Any]:
    """A module's public names: its `__all__`, and what the module itself defines."""
    listed = [name for name in getattr(module, "__all__", ()) if not name.startswith("_")]
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    classic = [name.removeprefix("class ") for name in _classic().get(module.__name__, {})]
    wanted = dict.fromkeys([*own, *listed, *(name for name in classic if name not in ("__all__", "constants"))])
    found = {name: getattr(module, name) for name in wanted if hasattr(module, name)}
    return {name: value for name, value in found.items() if not inspect.ismodule(value)}


def _classic() -> dict[str, Any]:
    """The public API of 0.2, by module."""
    data: dict[str, Any] = json.loads((ROOT / "test" / "api_0_2.json").read_text())
    return data


def has_entry(value: Any) -> bool:
    """Whether a name is a class or function of this package, which has an entry of its own."""
    is_code = inspect.isclass(value) or inspect.isroutine(value)
    return is_code and str(getattr(value, "__module__", "")).startswith("autogen")


def homes() -> dict[str, list[tuple[str, Any]]]:
    """For each public module the names that are documented there: each thing once, in the module nearest to its code.

    Packages come last: what they have is mostly the rooms' own.
    """
    modules = sorted(public_modules(), key=lambda name: (hasattr(importlib.import_module(name), "__path__"), name))
    seen: set[int] = set()
    found: dict[str, list[tuple[str, Any]]] = {}
    for rank in (0, 1, 2):  # first those who define a thing themselves, last those who have it under another name
        for name in modules:
            for key, value in names_of(importlib.import_module(name)).items():
                is_own = getattr(value, "__module__", None) == name
                if not has_entry(value) or id(value) in seen:
                    continue
                if rank == 2 or (key == value.__name__ and (rank == 1 or is_own)):
                    seen.add(id(value))
                    found.setdefault(name, []).append((key, value))
    return found


def page_of(module: str) -> str:
    """The page on which a module is."""
    fitting = [
        (len(prefix), page)
        for page, (_, _, prefixes) in PAGES.items()
        for prefix in prefixes
        if module == prefix or module.startswith(f"{prefix}.")
    ]
    return max(fitting)[1]


# The reference.


def reference_pages() -> dict[str, str]:
    """The text of each page of the reference, by its file's name."""
    documented = homes()
    by_page: dict[str, list[str]] = {page: [] for page in PAGES}
    for module in sorted(documented, key=_depth_first):
        by_page[page_of(module)].append(module)
    texts = {}
    for page, (title, about, _) in PAGES.items():
        sections = [_section(module, documented[module]) for module in by_page[page]]
        texts[f"{page}.md"] = f"# {title}\n\n{about}\n\n" + "\n".join(sections)
    texts["index.md"] = _index(documented)
    return texts


def _depth_first(module: str) -> tuple[str, ...]:
    return tuple(module.split("."))


def _section(module: str, members: list[tuple[str, Any]]) -> str:
    about = inspect.cleandoc(importlib.import_module(module).__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    entries = "\n".join(_entry(f"{module}.{name}", value) for name, value in members)
    return f"## `{module}`\n\n{about}\n\n{entries}"


def _entry(name: str, value: Any) -> str:
    members = inherited(value)
    options = f"    options:\n      inherited_members: [{', '.join(members)}]\n" if members else ""
    return f"::: {name}\n{options}"


def inherited(value: Any) -> list[str]:
    """What a class has from classes of rooms with an underscore, which have no entry of their own."""
    if not inspect.isclass(value):
        return []
    rooms = [kind for kind in value.__mro__[1:] if _is_hidden(kind)]
    open_to_all = [kind for kind in value.__mro__[1:] if not _is_hidden(kind)]
    names = {name: getattr(member, "__func__", member) for kind in reversed(rooms) for name, member in vars(kind).items()}
    elsewhere = {
        name for kind in open_to_all if kind.__module__.startswith("autogen") for name in [*vars(kind), *inherited(kind)]
    }
    found = {
        name
        for name, member in names.items()
        if inspect.isfunction(member) or isinstance(member, property | cached_property)
    }
    return sorted(name for name in found - elsewhere - vars(value).keys() if not name.startswith("_"))


def _is_hidden(kind: type[Any]) -> bool:
    return kind.__module__.startswith("autogen") and "._" in kind.__module__ and id(kind) not in _documented()


@cache
def _documented() -> frozenset[int]:
    return frozenset(id(value) for members in homes().values() for _, value in members)


def _index(documented: dict[str, list[tuple[str, Any]]]) -> str:
    places = {id(value): (module, name) for module, members in documented.items() for name, value in members}
    lines = [
        "# API reference",
        "",
        "Every public class and function, as its docstring describes it. Each can be imported from any of the modules that",
        "this page lists it under.",
        "",
        "| Page | What is there |",
        "|---|---|",
        *(f"| [{title}]({page}.md) | {about} |" for page, (title, about, _) in PAGES.items()),
        "",
    ]
    for module in sorted(public_modules(), key=_depth_first):
        names = names_of(importlib.import_module(module))
        linked = [_link(name, value, places) for name, value in sorted(names.items())]
        if linked:
            lines += [f"## `{module}`", "", " · ".join(linked), ""]
    return "\n".join(lines)


def _link(name: str, value: Any, places: dict[int, tuple[str, str]]) -> str:
    if id(value) not in places or not has_entry(value):
        return f"`{name}`"
    module, own = places[id(value)]
    return f"[`{name}`]({page_of(module)}.md#{module}.{own})"


# The tables.


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)])


def providers() -> str:
    """The rows of the table of providers."""
    from autogen.oai._endpoints.provider_table import PROVIDERS

    elsewhere = {
        "openai": "OpenAI's own",
        "azure": "your `base_url`",
        "google-vertex": "that of `location`",
        "bedrock": "that of `aws_region`",
        "local": "in this process",
    }
    rows = []
    for row in PROVIDERS.values():
        keys = "<br>".join(f"`{key}`" for key in row.where.key_from) or ("see below" if row.where.needs_key else "no key")
        if row.where.key_from and not row.where.needs_key:
            keys += ", if any"
        address = f"`{row.where.base_url}`" if row.where.base_url else elsewhere[row.api_type]
        who = row.title.removeprefix("the ") + (" (free)" if row.free else "")
        rows.append((f"`{row.api_type}`", who, keys, address))
    return table(("`api_type`", "Who", "Key from", "Address"), rows)


def adapted() -> str:
    """What the table of providers changes in a request."""
    from autogen.oai._endpoints.provider_table import PROVIDERS

    rows = []
    for row in PROVIDERS.values():
        names = ", ".join(f"`{old}` → `{new}`" for old, new in row.renames.items())
        left_out = ", ".join(f"`{name}`" for name in sorted(row.refuses))
        more = ", ".join(f"`{name}`" for name in sorted(row.body))
        rows.append((f"`{row.api_type}`", names, left_out, more))
    head = ("`api_type`", "Other names there", "Not sent, with a warning", "Parameters of its own")
    return table(head, [row for row in rows if any(row[1:])])


def faults() -> str:
    """The table of what is done about failures."""
    from autogen.oai._requests.retry import FAULTS, Blame

    def status(fault: Any) -> str:
        told = ", ".join(map(str, fault.statuses)) if fault.statuses else ""
        return f"{told} {f'with code `{fault.code}`' if fault.code else ''}".strip() or "any other"

    named = {
        ("APITimeoutError", None): "none: no answer in time",
        ("APIConnectionError", None): "none",
        ("InternalServerError", None): "500 and above",
        ("APIError", None): "200, but the answer is of no use",
    }
    blame = {Blame.REQUEST: "no", Blame.MOMENT: "after some failures in a row", Blame.ENDPOINT: "yes"}
    rows = [
        (
            fault.name,
            named.get((fault.error, fault.code)) or status(fault),
            _yes(fault.again),
            _yes(fault.next),
            blame[fault.blame],
        )
        for fault in FAULTS
    ]
    return table(("What happened", "HTTP status", "Asked again", "Next endpoint", "Set aside"), rows)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def retry_policy() -> str:
    """The settings of a `RetryPolicy`."""
    from autogen.oai._requests.retry import RetryPolicy

    said = dict(re.findall(r"^\s+(\w+): (.+(?:\n\s{8,}.+)*)", inspect.cleandoc(RetryPolicy.__doc__ or ""), re.MULTILINE))
    rows = [(f"`{one.name}`", one.default, " ".join(said[one.name].split())) for one in fields(RetryPolicy)]
    assert all(default is not MISSING for _, default, _ in rows)
    return table(("Setting", "Default", "What it says"), rows)


def containment() -> str:
    """Which executor contains which hostile program."""
    sys.path.insert(0, str(ROOT / "test" / "coding"))
    try:
        hostile = importlib.import_module("hostile")
    finally:
        sys.path.pop(0)
    kinds = {"local": "Local", "sandbox": "Sandboxed", "docker": "Docker"}
    ticks = [(one.name, *("✓" if kind in one.contained_by else "**no**" for kind in kinds)) for one in hostile.PROGRAMS]
    weak, safe = ([row for row in ticks if ("**no**" in row) is wanted] for wanted in (True, False))
    return table(("A program that", *kinds.values()), [*safe, *weak])


def events() -> str:
    """The kinds of events."""
    from autogen import events as module

    named = vars(module).items()
    kinds = [one for name, one in named if inspect.isclass(one) and issubclass(one, module.Event) and name == one.__name__]
    rows = [
        (
            f"`{kind.type}`",
            inspect.cleandoc(kind.__doc__ or "").splitlines()[0],
            ", ".join(f"`{name}`" for name in _own(kind)),
        )
        for kind in kinds
        if kind is not module.Event
    ]
    return table(("`event.type`", "When", "What it has"), rows)


def _own(kind: Any) -> list[str]:
    return [one.name for one in fields(kind) if one.name not in ("at", "chat") and not one.name.startswith("_")]


def _titled(folder: str) -> list[tuple[str, str]]:
    """The pages of a folder: file and title, by title."""
    pages = [
        (path.name, path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")) for path in _pages_in(folder)
    ]
    return sorted(pages, key=lambda page: page[1])


def _pages_in(folder: str) -> list[Path]:
    return sorted(path for path in (DOCS / folder).glob("*.md") if path.name != "index.md")


def _listed(folder: str) -> str:
    return "\n".join(f"- [{title}]({name})" for name, title in _titled(folder))


def notebooks() -> str:
    """The notebooks by title, each with the first sentence of its text."""
    rows = []
    for path in (ROOT / "notebook").glob("*.ipynb"):
        text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        title, about = text.removeprefix("# ").split("\n\n")[:2]
        sentence = re.match(r".+?[.!?]\*?(?=\s|$)", about.replace("\n", " "))
        rows.append((f"[{title}]({path.stem}.md)", sentence[0] if sentence else about))
    return table(("Notebook", "What it shows"), sorted(rows))


def differences() -> str:
    """What the changelog says is different from 0.2."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return changelog.partition("### Different from 0.2, on purpose\n")[2].partition("\n#")[0].strip()


TABLES: dict[str, Callable[[], str]] = {
    "differences": differences,
    "how-to": partial(_listed, "how-to"),
    "topics": partial(_listed, "topics"),
    "notebooks": notebooks,
    "events": events,
    "providers": providers,
    "adapted": adapted,
    "faults": faults,
    "retry-policy": retry_policy,
    "containment": containment,
}
_MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """A page with its tables made anew."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def pages() -> dict[Path, str]:
    """The text of each file that is generated, or has something generated in it."""
    wanted = {REFERENCE / name: text.rstrip() + "\n" for name, text in reference_pages().items()}
    for path in sorted(DOCS.rglob("*.md")):
        if "<!-- generated:" in (text := path.read_text(encoding="utf-8")):
            wanted[path] = filled(text)
    return wanted


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with `--check` only name it."""
    stale = [
        (path, text) for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text
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
