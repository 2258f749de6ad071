"""A recorded chat as one page of HTML that needs nothing else: no network, no other file.

Whatever the chat holds is text on the page: it is escaped in one function, and the page's own policy lets nothing run or
load but the style and the script that are named in it by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence

from ..agentchat._diagrams.steps import CODE_BLOCK, make_printable, shorten
from ..agentchat.diagram import sequence_diagram
from ._page_parts import SCRIPT, STYLE
from ._report import Report, shares
from ._turns import Conversation, RecordedOperation, Turn
from ._wording import (
    attempts,
    call,
    counted,
    details,
    duration,
    ending,
    facts,
    moment,
    money,
    requests,
    spent,
    tokens,
    work_line,
)

DRAWN = 200  # messages in the picture
OPEN = 100  # turns of a page that shows them unfolded
COLOURS = 8
_INNER_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def page(told: Report, name: str) -> str:
    """The page.

    Args:
        told: What it shows.
        name: Of the recording.
    """
    talk = told.talk
    names = dict.fromkeys([*told.participants, *(one.agent for one in told.agents)])
    colours = {one: number % COLOURS for number, one in enumerate(names)}
    picture = sequence_diagram(told.messages[:DRAWN], participants=told.participants) if talk.turns else ""
    body = [
        _head(told, name),
        _costs(told, colours),
        _slow(told),
        _unfinished(told),
        _diagram(told, picture),
        _turns(talk, colours),
    ]
    title = _text(f"{talk.initiator} → {talk.recipient}: {name}".replace("\n", " "))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(picture)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, body))
        + f"\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _policy(picture: str) -> str:
    styles = " ".join(_hash(style) for style in dict.fromkeys([STYLE, *_INNER_STYLE.findall(picture)]))
    return (
        f"default-src &#39;none&#39;; style-src {styles}; script-src {_hash(SCRIPT)}; "
        "base-uri &#39;none&#39;; form-action &#39;none&#39;"
    )


def _hash(text: str) -> str:
    return f"&#39;sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}&#39;"


def _text(text: str) -> str:
    """A text as the page may hold it: as text. Characters that show nothing, or turn the text around them, are replaced."""
    return html.escape("\t".join(map(make_printable, text.split("\t"))))


def _head(told: Report, name: str) -> str:
    talk, total = told.talk, told.total
    tiles = [
        ("Messages", f"{len(talk.turns):,}", ""),
        ("Time", duration(told.seconds), f"{duration(total.waited)} of it humans" if total.waited >= 1 else ""),
        ("Requests to models", f"{total.requests:,}", _besides(told)),
        ("Tokens, in + out", tokens(total), ""),
        ("Cost", spent(total.cost, total.unpriced), f"saved by the cache: {money(total.saved)}" if total.saved else ""),
    ]
    if total.tools:
        tiles.append(("Tool calls", f"{total.tools:,}", f"{total.tools_failed} failed" if total.tools_failed else ""))
    if total.code:
        tiles.append(("Runs of code", f"{total.code:,}", f"{total.code_failed} failed" if total.code_failed else ""))
    shown = "".join(
        f"<div><dt>{label}</dt><dd>{_text(value)}{f'<small>{_text(more)}</small>' if more else ''}</dd></div>"
        for label, value, more in tiles
    )
    restarts = f", taken up again {counted(talk.restarts, 'time')}" if talk.restarts else ""
    summary = f'<p class="label">Summary</p>{_said(told.summary.strip())}' if told.summary.strip() else ""
    return (
        f"<header><h1>{_text(talk.initiator)} → {_text(talk.recipient)}</h1>"
        f'<p class="soft">{_text(name)}, {_text(moment(talk.at))}{restarts}</p>'
        f'<div class="state {told.state}"><p>{_text(ending(told))}</p>{summary}</div>'
        f'<dl class="tiles">{shown}</dl></header>'
    )


def _besides(told: Report) -> str:
    total = told.total
    parts = [f"{total.failures:,} failed"] * bool(total.failures) + [f"{total.cached:,} more from the cache"] * bool(
        total.cached
    )
    return ", ".join(parts)


def _costs(told: Report, colours: dict[str, int]) -> str:
    measure, parts = shares(told)
    if not told.agents:
        return ""
    rows = []
    for one, part in zip(told.agents, parts, strict=True):
        facts = [counted(one.messages, "message")] if one.messages else []
        if one.requests or one.cached:
            facts += [f"requests: {requests(one)}", f"{tokens(one)} tokens"]
        facts += [spent(one.cost, one.unpriced)] * bool(one.unpriced)
        facts += [f"tool calls: {attempts(one.tools, one.tools_failed)}"] * bool(one.tools)
        facts += [f"runs of code: {attempts(one.code, one.code_failed)}"] * bool(one.code)
        facts += [f"{duration(one.seconds)} at work"] * bool(one.seconds)
        facts += [f"{duration(one.waited)} of a human"] * (one.waited >= 1)
        value = money(one.cost) if measure == "cost" else f"{tokens(one)} tokens"
        colour = f"a{colours.get(one.agent, COLOURS - 1)}"
        rows.append(
            f'<li><div class="row"><span class="name {colour}">{_text(one.agent or "(no agent)")}</span>'
            f"<span>{value if one.requests else ''}</span></div>"
            f'<svg aria-hidden="true"><rect class="{colour}" width="{100 * part:.1f}%" height="8"/></svg>'
            f"<small>{_text(', '.join(facts))}</small></li>"
        )
    title = "Costs per agent" if measure == "cost" else "Tokens per agent"
    return f'<section><h2>{title}</h2><ul class="bars card">{"".join(rows)}</ul></section>'


def _slow(told: Report) -> str:
    rows = [
        f'<li><a href="#turn-{_anchor(one.number)}">Turn {one.number}</a> by {_text(one.author)}: {duration(one.seconds)}'
        + (f'<span class="soft">, mostly {_text(one.mostly)}</span>' if one.mostly else "")
        + "</li>"
        for one in told.slowest
    ]
    return f'<section><h2>What was slow</h2><ol class="slow card">{"".join(rows)}</ol></section>' if rows else ""


def _unfinished(told: Report) -> str:
    rows = "".join(f"<li>{_text(what)}</li>" for what in told.unfinished)
    return f'<section><h2>Not finished</h2><ul class="plain card">{rows}</ul></section>' if rows else ""


def _diagram(told: Report, picture: str) -> str:
    if not picture:
        return ""
    count = len(told.talk.turns)
    note = f" <small>the first {DRAWN} of {count:,} messages</small>" if count > DRAWN else ""
    opened = " open" if count <= 40 else ""
    return (
        f'<section><h2>Who said what to whom{note}</h2><details class="card"{opened}>'
        f'<summary>The diagram</summary><pre>{_text(picture)}</pre></details></section>'
    )


def _turns(talk: Conversation, colours: dict[str, int]) -> str:
    shown = "\n".join(_turn_and_inner(talk.turns, colours))
    if len(talk.turns) > OPEN:
        shown = shown.replace('<details open class="turn', '<details class="turn')
    rest = _inner(talk.rest_chats, colours)
    if talk.rest:
        rest += f'<p class="label">After the last message</p>{_works(talk.rest)}'
    return (
        '<section><h2>Turns</h2><div class="tools" id="tools" hidden>'
        '<input type="search" id="search" placeholder="Search ( / )" aria-label="Search the turns">'
        '<label><input type="checkbox" id="failures"> only failures</label>'
        '<button type="button" id="fold">Fold all</button><button type="button" id="unfold">Unfold all</button>'
        f'<span class="soft" id="found" role="status"></span></div>\n{shown}\n{rest}</section>'
    )


def _turn_and_inner(turns: Sequence[Turn], colours: dict[str, int]) -> Iterator[str]:
    for turn in turns:
        yield _inner(turn.chats, colours)
        yield _turn(turn, colours)


def _inner(chats: Iterable[Conversation], colours: dict[str, int]) -> str:
    parts = []
    for chat in chats:
        rest = _inner(chat.rest_chats, colours) + _works(chat.rest)
        title = f"{_text(chat.initiator)} → {_text(chat.recipient)}, on the way to the next turn"
        parts.append(
            f'<div class="inner"><p class="label">{title}</p>'
            + "\n".join(_turn_and_inner(chat.turns, colours))
            + f"{rest}</div>"
        )
    return "".join(parts)


def _turn(turn: Turn, colours: dict[str, int]) -> str:
    failed = any(one.failed or one.seconds is None for one in turn.work)
    short = shorten(turn.text, 200) or ", ".join(call(*one) for one in turn.calls)
    about = facts(turn)
    ran_tools = bool(turn.results) and any(one.kind == "tool" for one in turn.work)
    said = "" if ran_tools or not turn.text.strip() else _said(turn.text)
    calls = "".join(f'<code class="call">→ {_text(call(*one))}</code>' for one in turn.calls)
    more = f"to {turn.recipient}" + (f", answered by {turn.function}" if turn.function else "")
    return (
        f'<details open class="turn{" failed" if failed else ""}" id="turn-{_anchor(turn.number)}"><summary>'
        f'<span class="nr">{turn.number}</span><span class="name a{colours.get(turn.author, COLOURS - 1)}">'
        f'{_text(turn.author)}</span><span class="facts">{_text(" · ".join(about))}</span>'
        f'<span class="short">{_text(short)}</span></summary><div class="body">{said}{calls}{_works(turn.work)}'
        f'<p class="label">{_text(more)}, {_text(moment(turn.at))}</p></div></details>'
    )


def _anchor(number: str) -> str:
    return number.replace(".", "-")


def _works(works: Sequence[RecordedOperation]) -> str:
    return f'<ul class="work">{"".join(map(_work, works))}</ul>' if works else ""


def _work(work: RecordedOperation) -> str:
    look = "failed" if work.failed else "running" if work.seconds is None else "done"
    shown = "".join(
        f'<p class="label">{_text(title)}</p><pre dir="auto">{_text(value)}</pre>' for title, value in details(work)
    )
    # What a tool gave, what a human typed and what went wrong is what people look for. The message has the code's output.
    opened = " open" if work.kind in ("tool", "human") or (work.failed and work.kind != "code") else ""
    return f'<li><details class="{look}"{opened}><summary>{_text(work_line(work))}</summary>{shown}</details></li>'


def _said(text: str) -> str:
    """A message: its text, and its blocks of code as such."""
    parts, last = [], 0
    for found in CODE_BLOCK.finditer(text):
        parts += [_prose(text[last : found.start()]), f'<pre dir="auto">{_text(found[2].rstrip())}</pre>']
        last = found.end()
    return "".join([*parts, _prose(text[last:])])


def _prose(text: str) -> str:
    return f'<p class="said" dir="auto">{_text(text.strip())}</p>' if text.strip() else ""
