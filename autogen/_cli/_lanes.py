"""A chat as a sequence diagram of characters, one row for each message."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from ..agentchat._diagrams.steps import CALL, NOTE, RESULT, Story

NARROW, WIDE = 7, 16  # of a lane, in characters
MOST_ROWS = 60
_LINES = {CALL: "═", RESULT: "╌"}


def lanes(told: Story, width: int) -> list[str]:
    """The rows of the diagram, the names first; none of them is wider than asked for, but for very many participants."""
    names = told.participants
    lane = max(NARROW, min(max(map(cell_len, names)) + 3, WIDE, (width - 24) // len(names)))
    rows = ["".join(_centred(_cut(name, lane - 1), lane) for name in names).rstrip()]
    steps, left_out = told.steps, 0
    if len(steps) > MOST_ROWS:
        left_out = len(steps) - MOST_ROWS
        steps = [*steps[: MOST_ROWS // 2], *steps[-MOST_ROWS // 2 :]]
    places = {name: lane * number + lane // 2 for number, name in enumerate(names)}
    for position, step in enumerate(steps):
        if left_out and position == MOST_ROWS // 2:
            rows.append(f"{'':{lane // 2}}… {left_out} more")
        cells = [" "] * (lane * len(names))
        for place in places.values():
            cells[place] = "│"
        if step.kind != NOTE:
            _arrow(cells, places[step.source], places[step.target], _LINES.get(step.kind, "─"))
        room = max(width - len(cells) - 2, 12)
        rows.append(f"{''.join(cells)}  {_cut(' '.join(step.text.split()), room)}".rstrip())
    return rows


def _arrow(cells: list[str], source: int, target: int, line: str) -> None:
    if source == target:
        cells[source : source + 3] = "●" + line + "╮"
        return
    step = 1 if target > source else -1
    for place in range(source + step, target, step):
        cells[place] = line
    cells[source], cells[target] = "●", "▶" if step == 1 else "◀"


def _centred(text: str, width: int) -> str:
    """A text whose middle is where the lane has its line."""
    left = (width + 1 - cell_len(text)) // 2
    return set_cell_size(" " * left + text, width)


def _cut(text: str, most: int) -> str:
    return text if cell_len(text) <= most else set_cell_size(text, most - 1) + "…"
