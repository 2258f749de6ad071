"""`autogen inspect`: a recorded chat in the terminal, as JSON, or as a page of HTML."""

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

from .._sqlite_guard import limit_work, open_database
from ..agentchat._diagrams.story import build_story
from ..coding.approval import visible
from ..events._observations import Conversation, RecordedOperation, Totals, Turn
from ..recording import JournalError, Recording
from ._inspection.ascii_sequence import render
from ._inspection.formatting import (
    format_attempts,
    format_call,
    format_duration,
    format_ending,
    format_headline,
    format_operation,
    format_requests,
    format_time,
    format_tokens,
    has_only_results,
    list_details,
    list_facts,
)
from ._inspection.report import Report, build_report, compare_agents, to_json

__all__ = ["run_inspect", "show_decisions"]

# Lines and characters of a message in the list of all turns.
LINES, LONGEST = 6, 480
# Maximum indentation of a chat inside a chat, in columns.
DEEPEST = 16
# Width of a bar, and of a terminal that has room for bars.
BAR, WITH_BARS = 20, 110
_STATE_COLOURS = {"ended": "green", "failed": "red", "open": "yellow"}


def show_decisions(file: Path) -> int:
    """Print the decisions of a recorded chat as lines of JSON, and return the exit code: 1 if answers were changed."""
    recording = Recording(file)
    for decision in recording.decisions:
        sys.stdout.write(json.dumps(decision) + "\n")
    problems = recording.find_changed_answers()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def run_inspect(file: Path, html: Path | None, turn: str | None, as_json: bool, force: bool) -> int:
    """Show a recorded chat, and return the exit code.

    Args:
        file: The checkpoint.
        html: Path of the page to write; None for no page.
        turn: Number of a turn to show in full; None for all turns, shortened.
        as_json: True to print JSON.
        force: True to overwrite an existing page.

    Raises:
        FileNotFoundError: if there is no such file.
        FileExistsError: if the page exists.
        ValueError: if the file is not a checkpoint, or there is no such turn.
    """
    report = _read_report(file)
    # Before anything is written.
    selected = None if turn is None else _find_turn(report, turn)
    if html is not None:
        _write_page(report, file, html, force)
    if as_json:
        # Not through rich, which wraps lines.
        sys.stdout.write(json.dumps(to_json(selected) if selected else report.to_dict(), indent=2) + "\n")
    elif html is not None:
        _make_console(stderr=True).print(_clean(f"The page is in {html}"))
    elif selected is not None:
        _print_whole_turn(_make_console(), selected)
    else:
        _print_report(_make_console(), report, file)
    return 0


def _read_report(file: Path) -> Report:
    try:
        recording = Recording(file)
    except JournalError as error:
        # Two kinds of SQLite files that users mix up.
        if _is_log(file):
            raise ValueError(
                f"{file} is a log of autogen.runtime_logging, which doesn't tell the chats apart. This command reads the "
                "file of initiate_chat(..., checkpoint=FILE)."
            ) from error
        raise
    return build_report(recording.events, recording.steps, recording.about.get("chat_id"))


def _is_log(file: Path) -> bool:
    try:
        with closing(open_database(file, "ro")) as database:
            limit_work(database, file)
            return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'chat_completions'").fetchone())
    except sqlite3.Error:
        return False


def _find_turn(report: Report, number: str) -> Turn:
    turn = report.find_turn(number.strip())
    if turn is None:
        count = len(report.conversation.turns)
        hint = f"the chat has the turns 1 to {count}" if count else "the chat has none"
        raise ValueError(f"There is no turn {number}: {hint}.")
    return turn


def _write_page(report: Report, file: Path, html: Path, force: bool) -> None:
    from ._inspection.page import render_page

    if html.exists():
        if html.samefile(file):
            raise ValueError(f"{html} is the recording itself: the page must go to another file.")
        if not force:
            raise FileExistsError(f"{html} exists already; --force overwrites it.")
    content = render_page(report, file.name).encode()
    # `x` fails if the file was made meanwhile.
    with open(html, "wb" if force else "xb") as target:
        target.write(content)


def _make_console(stderr: bool = False) -> Console:
    # Nothing in a text is markup, or an emoji code.
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if hasattr(console.file, "reconfigure"):
        # For terminals that lack a character.
        console.file.reconfigure(errors="replace")
    return console


def _clean(text: str, style: str = "") -> Text:
    """Return a text whose control characters can't steer the terminal."""
    return Text(visible(text), style=style)


def _indent(text: Text, columns: int, lines_above: int = 0) -> Padding:
    return Padding(text, (lines_above, 0, 0, columns), expand=False)


def _print_report(console: Console, report: Report, file: Path) -> None:
    chat = report.conversation
    console.print(_clean(file.name, "bold"), _clean(f"{chat.initiator} → {chat.recipient}, {format_time(chat.at)}"))
    console.print(_clean(format_headline(report)))
    console.print(_clean(format_ending(report), _STATE_COLOURS[report.state]))
    _print_turns(console, chat, 0)
    _print_costs(console, report)
    _print_sequence(console, report)
    if report.slowest:
        console.print(_clean("\nSlow turns", "bold"))
        for turn in report.slowest:
            mostly = f": mostly {turn.mostly}" if turn.mostly else ""
            console.print(_clean(f"  {turn.number:>4}  {format_duration(turn.seconds):>10}  {turn.author}{mostly}"))
    if report.unfinished:
        console.print(_clean("\nNot finished", "bold"))
        for description in report.unfinished:
            console.print(_clean(f"  {description}", "yellow"))
    if report.state != "ended":
        console.print(_clean("\nStart the chat again with the same checkpoint to resume it.", "dim"))


def _print_turns(console: Console, chat: Conversation, left: int) -> None:
    for turn in chat.turns:
        _print_inner_chats(console, turn.chats, left)
        _print_turn(console, turn, left)
    _print_inner_chats(console, chat.pending.chats, left)
    if chat.pending.work:
        console.print()
        console.print(_indent(_clean("After the last message", "dim"), left + 5))
        _print_operations(console, chat.pending.work, left + 5)


def _print_inner_chats(console: Console, chats: Sequence[Conversation], left: int) -> None:
    deeper = min(left + 4, DEEPEST)
    for chat in chats:
        console.print()
        console.print(_indent(_clean(f"within: {chat.initiator} → {chat.recipient}", "dim"), deeper))
        _print_turns(console, chat, deeper)


def _print_turn(console: Console, turn: Turn, left: int) -> None:
    facts = _clean(" · ".join(list_facts(turn)), "dim")
    title = Text.assemble((f"{turn.number:>3}  ", "dim"), _clean(turn.author, "bold cyan"), "  ", facts)
    # Of a turn without facts.
    title.rstrip()
    console.print()
    console.print(_indent(title, left))
    if turn.thinking:
        console.print(_indent(_clean(_cut(turn.thinking), "dim"), left + 5))
    text = turn.text.strip()
    # The results of tools are shown with the calls below.
    if text and not has_only_results(turn):
        start = _cut(text)
        console.print(_indent(_clean(start), left + 5))
        if len(start) < len(text):
            console.print(_indent(_clean(f"… the rest: --turn {turn.number}", "dim"), left + 5))
    for name, arguments in turn.calls:
        console.print(_indent(_clean(f"→ {format_call(name, arguments)}", "yellow"), left + 5))
    _print_operations(console, turn.work, left + 5)


def _cut(text: str) -> str:
    return "\n".join(text[:LONGEST].splitlines()[:LINES]).rstrip()


def _print_operations(console: Console, operations: Sequence[RecordedOperation], left: int) -> None:
    for operation in operations:
        is_open = operation.seconds is None
        sign, style = ("✗", "red") if operation.failed else ("?", "yellow") if is_open else ("·", "dim")
        console.print(_indent(_clean(f"{sign} {format_operation(operation)}", style), left))
        # The rest is in the messages, or shown for one turn.
        for title, content in list_details(operation):
            if title in ("error", "result", "answer", "tools of the vendor"):
                console.print(_indent(_clean(_get_first_line(content), style), left + 2))


def _get_first_line(content: str) -> str:
    content = content.strip()
    first = content[:LONGEST].splitlines()[0]
    return first if len(first) == len(content) else f"{first} …"


def _print_costs(console: Console, report: Report) -> None:
    names = ["Agent", "Said", "Requests", "Tokens", "USD", "Time", "Tools", "Code"]
    measure, shares = compare_agents(report)
    if console.width >= WITH_BARS and any(shares):
        names.append(f"Share of {measure}")
    right = ("Said", "Tokens", "USD", "Time")
    wraps = ("Requests", "Tools", "Code")
    table = Table(*(Column(name, justify="right" if name in right else "left", no_wrap=name not in wraps) for name in names))
    # Long names are wrapped, but not into single characters.
    table.columns[0].overflow = "fold"
    table.columns[0].min_width = max(8, *(min(len(sums.agent), 16) for sums in report.agents))
    table.box, table.header_style = None, "bold"
    for sums, share in zip(report.agents, shares, strict=True):
        cells = [
            sums.agent or "(no agent)",
            str(sums.messages),
            format_requests(sums) if sums.requests or sums.cached else "",
            format_tokens(sums) if sums.requests else "",
            _format_dollars(sums),
            format_duration(sums.seconds) if sums.seconds else "",
            format_attempts(sums.tools, sums.tools_failed),
            format_attempts(sums.code, sums.code_failed),
            "█" * round(BAR * share),
        ]
        table.add_row(*map(_clean, cells[: len(names)]))
    console.print()
    console.print(table)


def _format_dollars(totals: Totals) -> str:
    cost = f"{totals.cost:.4f}" if totals.cost else ""
    return " + ".join(filter(None, [cost, "?" if totals.unpriced else ""]))


def _print_sequence(console: Console, report: Report) -> None:
    if not report.conversation.turns:
        return
    console.print()
    for row in render(build_story(report.messages, report.participants, console.width), console.width):
        console.print(_clean(row), no_wrap=True, overflow="ellipsis", crop=True)


def _print_whole_turn(console: Console, turn: Turn) -> None:
    """Print a turn without shortening anything."""
    heading = f"{turn.number}  {turn.author} → {turn.recipient}, {format_time(turn.at)}"
    console.print(_clean(heading, "bold"))
    facts = [*list_facts(turn), *([f"answered by {turn.function}"] if turn.function else [])]
    if facts:
        console.print(_clean(" · ".join(facts), "dim"))
    if turn.thinking:
        console.print(_indent(_clean(turn.thinking, "dim"), 2, 1))
    if turn.text.strip():
        console.print(_indent(_clean(turn.text), 2, 1))
    for name, arguments in turn.calls:
        console.print(_indent(_clean(f"→ {format_call(name, arguments)}", "yellow"), 2))
    for operation in turn.work:
        console.print()
        console.print(_clean(format_operation(operation), "red" if operation.failed else "bold"))
        for title, content in list_details(operation):
            console.print(_indent(_clean(title, "dim"), 2))
            console.print(_indent(_clean(content.rstrip("\n")), 4))
    numbers = [inner.number for chat in turn.chats for inner in chat.turns]
    if numbers:
        console.print(_clean(f"\nOn the way to it there were chats with the turns {', '.join(numbers)}.", "dim"))
