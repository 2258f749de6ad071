"""`autogen inspect`: what happened in a chat that was held with a checkpoint, in the terminal or on a page."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from ..agentchat._diagrams.steps import build_story
from ..coding.approval import visible
from ..recording import JournalError, Recording
from ._lanes import lanes
from ._report import Report, Totals, report, shares
from ._turns import Conversation, RecordedOperation, Turn
from ._wording import attempts, call, details, duration, ending, facts, headline, moment, requests, tokens, work_line

LINES, LONGEST = 6, 480  # lines and characters of a message, where all messages are shown
DEEPEST = 16  # columns that a chat within chats is indented
BAR, WITH_BARS = 20, 110  # characters: of a bar, and of a terminal that has room for bars
_COLOURS = {"ended": "green", "failed": "red", "open": "yellow"}


def run_inspect(file: Path, html: Path | None, turn: str | None, as_json: bool, force: bool) -> int:
    """Show a recorded chat; returns the exit code.

    Args:
        file: The checkpoint.
        html: Where a page is written; None: no page.
        turn: The number of the turn that is shown, with all that was done for it; None: all turns, shortened.
        as_json: Whether it is shown as JSON.
        force: Whether a file at `html` is overwritten.

    Raises:
        FileNotFoundError: There is no such file.
        FileExistsError: There is such a page.
        ValueError: The file is not a checkpoint, or there is no such turn.
    """
    told = _report(file)
    chosen = None if turn is None else _chosen(told, turn)
    if html is not None:
        _write_page(told, file, html, force)
    if as_json:
        sys.stdout.write(json.dumps(told.turn_to_dict(chosen) if chosen else told.to_dict(), indent=2) + "\n")
    elif html is not None:
        _console(stderr=True).print(_plain(f"The page is in {html}"))
    elif chosen is not None:
        _show_whole(_console(), chosen)
    else:
        _show_all(_console(), told, file)
    return 0


def _report(file: Path) -> Report:
    try:
        recording = Recording(file)
    except JournalError as error:
        if _is_log(file):
            raise ValueError(
                f"{file} is a log of autogen.runtime_logging, which doesn't tell the chats apart. This reads what a chat "
                "leaves in initiate_chat(..., checkpoint=FILE)."
            ) from error
        raise
    return report(recording.events, recording.steps, recording.about.get("chat_id"))


def _is_log(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'chat_completions'").fetchone())
    except sqlite3.Error:
        return False


def _chosen(told: Report, wanted: str) -> Turn:
    turn = told.find(wanted.strip())
    if turn is None:
        count = len(told.talk.turns)
        raise ValueError(f"There is no turn {wanted}: the chat has the turns 1 to {count}." if count else "It has no turns.")
    return turn


def _write_page(told: Report, file: Path, html: Path, force: bool) -> None:
    from ._page import page

    if html.exists():
        if html.samefile(file):
            raise ValueError(f"{html} is the recording itself: the page goes to another file.")
        if not force:
            raise FileExistsError(f"{html} exists already; --force overwrites it.")
    content = page(told, file.name).encode()
    with open(html, "wb" if force else "xb") as target:
        target.write(content)


def _console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if hasattr(console.file, "reconfigure"):  # for terminals that lack a character
        console.file.reconfigure(errors="replace")
    return console


def _plain(text: str, style: str = "") -> Text:
    """A text that can't steer the terminal, whatever is in it."""
    return Text(visible(text), style=style)


def _indented(text: Text, left: int, above: int = 0) -> Padding:
    return Padding(text, (above, 0, 0, left), expand=False)


def _show_all(console: Console, told: Report, file: Path) -> None:
    talk = told.talk
    console.print(_plain(file.name, "bold"), _plain(f"{talk.initiator} → {talk.recipient}, {moment(talk.at)}"))
    console.print(_plain(headline(told)))
    console.print(_plain(ending(told), _COLOURS[told.state]))
    _show_talk(console, talk, 0)
    _show_costs(console, told)
    _show_diagram(console, told)
    if told.slowest:
        console.print(_plain("\nWhat was slow", "bold"))
        for one in told.slowest:
            mostly = f": mostly {one.mostly}" if one.mostly else ""
            console.print(_plain(f"  {one.number:>4}  {duration(one.seconds):>10}  {one.author}{mostly}"))
    if told.unfinished:
        console.print(_plain("\nNot finished", "bold"))
        for what in told.unfinished:
            console.print(_plain(f"  {what}", "yellow"))
    if told.state != "ended":
        console.print(_plain("\nBegin the chat again with the same checkpoint, and it goes on from here.", "dim"))


def _show_talk(console: Console, talk: Conversation, left: int) -> None:
    for turn in talk.turns:
        _show_inner(console, turn.chats, left)
        _show_turn(console, turn, left)
    _show_inner(console, talk.rest_chats, left)
    if talk.rest:
        console.print()
        console.print(_indented(_plain("After the last message", "dim"), left + 5))
        _show_work(console, talk.rest, left + 5)


def _show_inner(console: Console, chats: Sequence[Conversation], left: int) -> None:
    deeper = min(left + 4, DEEPEST)
    for chat in chats:
        console.print()
        console.print(_indented(_plain(f"within: {chat.initiator} → {chat.recipient}", "dim"), deeper))
        _show_talk(console, chat, deeper)


def _show_turn(console: Console, turn: Turn, left: int) -> None:
    title = Text.assemble(
        (f"{turn.number:>3}  ", "dim"), _plain(turn.author, "bold cyan"), ("  ", ""), _plain(" · ".join(facts(turn)), "dim")
    )
    console.print()
    console.print(_indented(title, left))
    text = turn.text.strip()
    if text and not (turn.results and any(one.kind == "tool" for one in turn.work)):
        short = "\n".join(text[:LONGEST].splitlines()[:LINES]).rstrip()
        console.print(_indented(_plain(short), left + 5))
        if len(short) < len(text):
            console.print(_indented(_plain(f"… the rest: --turn {turn.number}", "dim"), left + 5))
    for name, arguments in turn.calls:
        console.print(_indented(_plain(f"→ {call(name, arguments)}", "yellow"), left + 5))
    _show_work(console, turn.work, left + 5)


def _show_work(console: Console, works: Sequence[RecordedOperation], left: int) -> None:
    for work in works:
        sign, style = ("✗", "red") if work.failed else ("?", "yellow") if work.seconds is None else ("·", "dim")
        console.print(_indented(_plain(f"{sign} {work_line(work)}", style), left))
        shown = {"model": "error", "tool": "result", "human": "answer"}.get(work.kind)
        for title, content in details(work):
            if title == shown:
                console.print(_indented(_plain(_first_line(content), style), left + 2))


def _first_line(content: str) -> str:
    content = content.strip()
    first = content[:LONGEST].splitlines()[0]
    return first if len(first) == len(content) else f"{first} …"


def _show_costs(console: Console, told: Report) -> None:
    names = ["Agent", "Said", "Requests", "Tokens", "USD", "Time", "Tools", "Code"]
    measure, parts = shares(told)
    if console.width >= WITH_BARS and any(parts):
        names.append(f"Share of {measure}")
    right = ("Said", "Tokens", "USD", "Time")
    wraps = ("Requests", "Tools", "Code")
    table = Table(*(Column(name, justify="right" if name in right else "left", no_wrap=name not in wraps) for name in names))
    table.columns[0].overflow, table.columns[0].min_width = "fold", max(8, *(min(len(one.agent), 16) for one in told.agents))
    table.box, table.header_style = None, "bold"
    for one, part in zip(told.agents, parts, strict=True):
        cells = [
            one.agent or "(no agent)",
            str(one.messages),
            requests(one) if one.requests or one.cached else "",
            tokens(one) if one.requests else "",
            _dollars(one),
            duration(one.seconds) if one.seconds else "",
            attempts(one.tools, one.tools_failed),
            attempts(one.code, one.code_failed),
            "█" * round(BAR * part),
        ]
        table.add_row(*map(_plain, cells[: len(names)]))
    console.print()
    console.print(table)


def _dollars(totals: Totals) -> str:
    known = f"{totals.cost:.4f}" if totals.cost else ""
    return " + ".join(filter(None, [known, "?" if totals.unpriced else ""]))


def _show_diagram(console: Console, told: Report) -> None:
    if not told.talk.turns:
        return
    console.print()
    for row in lanes(build_story(told.messages, told.participants, 60), console.width):
        console.print(_plain(row), no_wrap=True, overflow="ellipsis", crop=True)


def _show_whole(console: Console, turn: Turn) -> None:
    """A turn with all that there is."""
    heading = f"{turn.number}  {turn.author} → {turn.recipient}, {moment(turn.at)}"
    console.print(_plain(heading, "bold"))
    about = [*facts(turn), *([f"answered by {turn.function}"] if turn.function else [])]
    if about:
        console.print(_plain(" · ".join(about), "dim"))
    if turn.text.strip():
        console.print(_indented(_plain(turn.text), 2, 1))
    for name, arguments in turn.calls:
        console.print(_indented(_plain(f"→ {call(name, arguments)}", "yellow"), 2))
    for work in turn.work:
        console.print()
        console.print(_plain(work_line(work), "red" if work.failed else "bold"))
        for title, content in details(work):
            console.print(_indented(_plain(title, "dim"), 2))
            console.print(_indented(_plain(content.rstrip("\n")), 4))
    numbers = [inner.number for chat in turn.chats for inner in chat.turns]
    if numbers:
        console.print(_plain(f"\nOn the way to it there were chats with the turns {', '.join(numbers)}.", "dim"))


__all__ = ["run_inspect"]
