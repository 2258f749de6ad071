"""The website is true: its samples run and print what the pages say, and what is made from the code is up to date.

The samples of a page share their names, and run from top to bottom. After a sample a page may show what comes of it:

    It prints:          and a text block: exactly this is on standard output.
    It raises:          and a text block: the error that ends the sample.
    It warns:           and a text block: its warnings and log records of that level.

Marks in the page's source, which readers don't see, stand before a sample:

    <!-- test: not run, because ... -->      it is only compiled
    <!-- test: types "yes", "exit" -->       what the human at the console types
"""

import ast
import contextlib
import importlib
import io
import json
import logging
import re
import sys
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from package_source import TREES

from autogen.io import IOConsole
from autogen.oai import _once

YOUR_FOLDER = "/home/you/project"  # what a page shows in place of the folder in which its samples run
ROOT = Path(__file__).parent.parent
WEBSITE = ROOT / "website"
DOCS = WEBSITE / "docs"
GENERATED = ("reference", "notebooks")  # from docstrings, and tested as notebooks
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in GENERATED)

NOT_RUN = {
    "getting-started.md": 1,
}  # how many samples of a page are only compiled; another one has to be justified here

FENCE = re.compile(
    r"""
    (?:<!--\ test:\ (?P<mark>.*?)\ -->\n)?
    ^(?P<indent>\ *)```python\n(?P<code>.*?)^(?P=indent)```\n
    (?:\n*^(?P=indent)It\ (?P<verb>prints|raises|warns):\n+^(?P=indent)```text\n(?P<shown>.*?)^(?P=indent)```)?
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


@dataclass
class Sample:
    """A block of Python in a page, and what the page says about it."""

    page: Path
    line: int
    code: str
    mark: str
    verb: str
    shown: str

    @property
    def is_run(self):
        return not self.mark.startswith("not run")

    @property
    def typed(self):
        return json.loads(f"[{self.mark.removeprefix('types ')}]") if self.mark.startswith("types") else []

    def compiled(self):
        """Its lines have the numbers that they have in the page, so that a traceback leads there."""
        return compile("\n" * self.line + self.code, str(self.page), "exec")


def text_of(page):
    """A page without the blocks that show what a block looks like."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^````.*?^````$", lambda quoted: "\n" * quoted[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)


def samples_of(page):
    text = text_of(page)
    found = []
    for match in FENCE.finditer(text):
        indent = len(match["indent"])
        code, shown = (
            re.sub(rf"^ {{1,{indent}}}" if indent else "^", "", part or "", flags=re.M)
            for part in match.group("code", "shown")
        )
        line = text.count("\n", 0, match.start("code"))
        found.append(Sample(page, line, code, match["mark"] or "", match["verb"] or "", shown.strip()))
    return found


def names(page):
    return page.relative_to(DOCS).as_posix()


WITH_SAMPLES = [page for page in PAGES if samples_of(page)]
ON_THE_LOCAL_MODEL = [
    page for page in WITH_SAMPLES if any("smollm2-135m" in one.code for one in samples_of(page) if one.is_run)
]


@pytest.fixture
def module(monkeypatch):
    """The namespace of a page. It is a module, as pydantic and pickle look names up there."""
    page = types.ModuleType("page_of_the_website")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    return page


class Records(logging.Handler):
    """What a sample logs."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@contextlib.contextmanager
def human(typed, monkeypatch):
    """Somebody at the console who types this."""
    left = list(typed)
    with monkeypatch.context() as patch:
        if typed:
            patch.setattr(IOConsole, "input", lambda self, prompt="", *, password=False: left.pop(0))
        yield
    assert not left, f"the human was never asked for {left}"


def run(sample, module, monkeypatch):
    """Run a sample; gives what was printed, raised and warned of."""
    printed, records, raised = io.StringIO(), Records(), ""
    logger = logging.getLogger("autogen")
    logger.addHandler(records)
    try:
        with warnings.catch_warnings(record=True) as warned, human(sample.typed, monkeypatch):
            warnings.simplefilter("always")
            with contextlib.redirect_stdout(printed):
                try:
                    exec(sample.compiled(), vars(module))
                except Exception as error:
                    if sample.verb != "raises":
                        raise
                    # pytest rewrites the package's asserts, and appends their expressions
                    raised = f"{type(error).__name__}: {error}".partition("\nassert ")[0]
    finally:
        logger.removeHandler(records)
    told = [*records.texts, *(str(one.message) for one in warned if one.category is not ResourceWarning)]
    came = {"prints": printed.getvalue(), "raises": raised, "warns": "\n".join(told)}
    return {verb: text.replace(str(Path.cwd()), YOUR_FOLDER) for verb, text in came.items()}


def lines(text):
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture
def own_log_level():
    """Keep the level of the package's logger: a page shows how to set it, and later tests read its records."""
    logger = logging.getLogger("autogen")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def check(module, tmp_path, monkeypatch, own_log_level, provider_registry):
    """Run the samples of a page, and compare what comes of them with what the page shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "0")
    # Notes that are logged once per process come again on each page.
    monkeypatch.setattr(_once, "_emitted", set())

    def check(page):
        for sample in samples_of(page):
            if not sample.is_run:
                sample.compiled()
                continue
            came = run(sample, module, monkeypatch)
            where = f"{page.relative_to(ROOT)}, line {sample.line + 1}"
            if sample.verb:
                assert lines(came[sample.verb]) == lines(sample.shown), where

    return check


# The servers of this page are programs, which take seconds to start.
SLOW = DOCS / "how-to" / "mcp.md"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page == SLOW else ())
        for page in WITH_SAMPLES
        if page not in ON_THE_LOCAL_MODEL
    ],
    ids=names,
)
def test_the_samples_of_a_page_run_and_print_what_the_page_shows(page, check):
    check(page)


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("page", ON_THE_LOCAL_MODEL, ids=names)
def test_so_do_those_on_the_local_model(page, check):
    check(page)


def test_few_samples_are_not_run_and_each_is_known():
    counted = {names(page): sum(not one.is_run for one in samples_of(page)) for page in PAGES}
    assert {page: count for page, count in counted.items() if count} == NOT_RUN
    assert sum(len(samples_of(page)) for page in PAGES) > 100


def test_every_block_of_python_is_a_sample():
    """A fence that the pattern doesn't see would never be run."""
    for page in PAGES:
        assert len(re.findall(r"^ *`{3,} ?(?:python|py)\b", text_of(page), re.M)) == len(samples_of(page)), page
        assert page.read_text().count("<!-- test:") == sum(bool(one.mark) for one in samples_of(page)), page


def test_every_claim_about_output_is_compared():
    for page in PAGES:
        claims = len(re.findall(r"^ *It (?:prints|raises|warns):$", page.read_text(), re.M))
        assert claims == sum(bool(one.verb) for one in samples_of(page)), page


@pytest.mark.parametrize("script", ["generate", "module_map"])
def test_what_is_made_from_the_code_is_up_to_date(script, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(WEBSITE))
    assert importlib.import_module(script).main(["--check"]) == 0, capsys.readouterr().out


def test_the_site_reaches_for_nothing_elsewhere():
    """Fonts, scripts and pictures come from the site itself: it works offline, and tells nobody who reads it."""
    assert "font = false" in (WEBSITE / "zensical.toml").read_text()
    for page in PAGES:
        assert not re.search(r"!\[[^]]*\]\(https?:|<(?:script|img|link|iframe)\b[^>]*https?:", page.read_text()), page


SYMPTOMS = {  # headings of the FAQ that are no message of ours
    "AuthenticationError: Error code: 401",
    "APIConnectionError: Connection error",
    "The answer is always the same",
    "The code is not run",
    "The chat ends at once",
    "The chat never ends",
    "The wrong agent speaks",
    "TypeError: argument of type 'NoneType' is not iterable",
    "asyncio.run() cannot be called from a running event loop",
    "libgomp.so.1: cannot open shared object file",
    "No module named 'autogen.agentchat.contrib....'",
    "It is imported, but has no AssistantAgent",
    "The cache is busy, or damaged",
}


def test_the_recording_of_the_demo_is_shown_and_stands_alone():
    picture = (DOCS / "assets" / "demo.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"https?:[^\s\"')]*", picture)) == {"http://www.w3.org/2000/svg"}
    assert "The&#160;right&#160;answer&#160;is&#160;5050" in picture
    assert len(picture) < 100_000
    assert "](website/docs/assets/demo.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](assets/demo.svg)" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_each_message_in_the_faq_is_one_that_the_code_says():
    texts = [node.value for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    said = "\n".join(text for text in texts if isinstance(text, str))
    shown = {one.shown for one in samples_of(DOCS / "faq.md")}
    headings = set(re.findall(r"^### (.+)$", text_of(DOCS / "faq.md"), re.M))
    assert headings >= SYMPTOMS
    for heading in headings - SYMPTOMS:
        pieces = [piece.strip(" ;,") for piece in heading.split("...")]
        known = all(piece in said or any(piece in text for text in shown) for piece in pieces)
        assert known, f"no error or warning says {heading!r} any more"


def test_links_between_pages_lead_somewhere():
    known = {path.resolve() for path in DOCS.rglob("*")} | {
        (DOCS / "notebooks" / f"{path.stem}.md").resolve() for path in (ROOT / "notebook").glob("*.ipynb")
    }
    for page in PAGES:
        prose = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w.-]+)?\)|href=\"([^\"#:]+)\"", prose):
            path = target[0] or target[1]
            if not re.match(r"https?:", path) and not target[1]:
                assert (page.parent / path).resolve() in known, f"{page.relative_to(ROOT)}: {path}"
