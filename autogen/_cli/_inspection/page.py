"""A recorded chat as one page of HTML that needs no network and no other file.

A recording is untrusted. The template escapes every value, and the page's own policy allows only its style and its script,
which it names by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ..._images.thumbnails import list_thumbnails
from ...agentchat._diagrams.story import CODE_BLOCK, build_story, make_printable, shorten
from ...events._observations import CODE, HUMAN, TOOL, RecordedOperation, Totals, Turn
from . import formatting as formatting
from .ascii_sequence import render
from .report import Report, compare_agents

if TYPE_CHECKING:
    from jinja2 import Environment

# Classes `a0` to `a7` of the style.
COLOURS = 8
# Turns of a page that shows them unfolded.
UNFOLDED = 100
# Width of the diagram, in characters.
WIDTH = 100


class _Part(NamedTuple):
    """A part of a message: text, or the code of a block."""

    text: str
    is_code: bool


class _AgentRow(NamedTuple):
    """The costs of an agent; `share` is the part of the highest value."""

    name: str
    value: str
    share: float
    facts: list[str]


def render_page(report: Report, file_name: str) -> str:
    """Render the page.

    Args:
        report: The report.
        file_name: Name of the recording.
    """
    chat = report.conversation
    # Those who speak come first, so that they get different colours.
    names = dict.fromkeys([*report.participants, *(sums.agent for sums in report.agents)])
    colours = {name: index % COLOURS for index, name in enumerate(names)}
    measure, agents = _list_agents(report)
    environment = _make_environment()
    style, script = _load(environment, "page.css"), _load(environment, "page.js")
    return environment.get_template("page.html").render(
        report=report,
        chat=chat,
        file_name=file_name,
        get_colour=lambda name: colours.get(name, COLOURS - 1),
        tiles=_list_tiles(report),
        measure="costs" if measure == "cost" else measure,
        agents=agents,
        sequence=render(build_story(report.messages, report.participants, WIDTH), WIDTH) if chat.turns else [],
        is_short=len(chat.turns) <= UNFOLDED,
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )


@cache
def _make_environment() -> Environment:
    # Imported where it is used: most commands need no page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        # Every value that is printed passes through both.
        autoescape=True,
        finalize=_clean,
        loader=PackageLoader("autogen._cli", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        formatting.format_duration,
        formatting.format_ending,
        formatting.format_operation,
        formatting.format_time,
        formatting.list_details,
        formatting.list_facts,
        formatting.has_only_results,
        has_failed,
        is_unfolded,
        list_pictures,
        preview,
        split_code,
    )
    environment.filters.update({function.__name__: function for function in filters})
    environment.globals.update(count=formatting.count, format_call=formatting.format_call)
    return environment


def _clean(value: object) -> object:
    """Replace characters that are invisible, or that change the direction of the text around them."""
    # A subclass is the output of a macro, or a part of the page itself: its texts are clean, and it keeps its type.
    return "\t".join(map(make_printable, value.split("\t"))) if type(value) is str else value


def _load(environment: Environment, name: str) -> str:
    """Return a file of the page as text that is not escaped."""
    from markupsafe import Markup

    # Not rendered: the hashes in the page's policy are those of the files.
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return Markup(source)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _list_tiles(report: Report) -> list[tuple[str, str, str]]:
    """Return the numbers at the top of the page, as label, value and remark."""
    total = report.total
    # Responses from a cache are not requests.
    requests = [(total.failures, "failed"), (total.cached, "more from the cache")]
    tiles = [
        ("Messages", f"{len(report.conversation.turns):,}", ""),
        ("Time", formatting.format_duration(report.seconds), ""),
        (
            "Requests",
            f"{total.requests:,}",
            ", ".join(f"{number:,} {label}" for number, label in requests if number),
        ),
        ("Tokens", formatting.format_tokens(total), ""),
        ("Cost", formatting.format_cost(total.cost, total.unpriced), ""),
    ]
    if total.waited >= 1:
        tiles[1] = (*tiles[1][:2], f"{formatting.format_duration(total.waited)} of it humans")
    if total.saved:
        tiles[4] = (*tiles[4][:2], f"saved by the cache: {formatting.format_money(total.saved)}")
    for label, number, failed in (
        ("Tool calls", total.tools, total.tools_failed),
        ("Code runs", total.code, total.code_failed),
    ):
        if number:
            tiles.append((label, f"{number:,}", f"{failed} failed" if failed else ""))
    return tiles


def _list_agents(report: Report) -> tuple[str, list[_AgentRow]]:
    """Return the measure by which agents are compared, and the rows."""
    measure, shares = compare_agents(report)
    rows = []
    for sums, share in zip(report.agents, shares, strict=True):
        tokens = f"{formatting.format_tokens(sums)} tokens"
        value = formatting.format_money(sums.cost) if measure == "cost" else tokens
        rows.append(_AgentRow(sums.agent, value if sums.requests else "", share, list(_list_facts(sums, tokens))))
    return measure, rows


def _list_facts(sums: Totals, tokens: str) -> Iterator[str]:
    if sums.messages:
        yield formatting.count(sums.messages, "message")
    if sums.requests or sums.cached:
        yield f"requests: {formatting.format_requests(sums)}"
        yield tokens
    if sums.unpriced:
        yield formatting.format_cost(sums.cost, sums.unpriced)
    if sums.tools:
        yield f"tool calls: {formatting.format_attempts(sums.tools, sums.tools_failed)}"
    if sums.code:
        yield f"code runs: {formatting.format_attempts(sums.code, sums.code_failed)}"
    if sums.seconds:
        yield f"{formatting.format_duration(sums.seconds)} of work"
    if sums.waited >= 1:
        yield f"{formatting.format_duration(sums.waited)} of a human"


def has_failed(turn: Turn) -> bool:
    """Return True if an operation of a turn failed, or has no result."""
    # The search for failures shall find operations that were cut off, too.
    return any(operation.failed or operation.seconds is None for operation in turn.work)


def is_unfolded(operation: RecordedOperation) -> bool:
    """Return True if the details of an operation are shown at once: results of tools, answers of humans, errors."""
    # The output of code is shown by the message that reports it.
    return operation.kind in (TOOL, HUMAN) or (operation.failed and operation.kind != CODE)


def list_pictures(turn: Turn) -> list[str]:
    """Return the pictures of a message as data URIs."""
    from markupsafe import Markup

    # Texts that are not escaped or cleaned: they are base64, of any length.
    return [Markup(uri) for uri in list_thumbnails(turn.message.get("content"))]


def preview(turn: Turn) -> str:
    """Return the text of a folded turn."""
    return shorten(turn.text, 200) or ", ".join(formatting.format_call(*call) for call in turn.calls)


def split_code(text: str) -> list[_Part]:
    """Split a text at its blocks of code; empty parts are left out."""
    parts, last = [], 0
    # A block that is never closed ends with the text.
    for block in CODE_BLOCK.finditer(text):
        parts += [_Part(text[last : block.start()].strip(), False), _Part(block[2].rstrip(), True)]
        last = block.end()
    parts.append(_Part(text[last:].strip(), False))
    return [part for part in parts if part.text]
