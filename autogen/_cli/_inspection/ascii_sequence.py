"""A chat as a sequence diagram in plain text, with one row for each message."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from ...agentchat._diagrams.story import CALL, NOTE, RESULT, Story

# Width of a lane, in characters.
NARROW, WIDE = 7, 16
LONGEST = 60  # rows
_LINES = {CALL: "═", RESULT: "╌"}


def render(story: Story, width: int) -> list[str]:
    """Render the rows of the diagram, the names first.

    Args:
        story: The chat.
        width: Maximum width in columns; exceeded only if there are too many participants for it.
    """
    names = story.participants
    lane = max(NARROW, min(max(map(cell_len, names)) + 3, WIDE, (width - 24) // len(names)))
    rows = ["".join(_center(_cut(name, lane - 1), lane) for name in names).rstrip()]
    # The start and the end of a long chat tell the most.
    steps, omitted = story.steps, 0
    if len(steps) > LONGEST:
        omitted = len(steps) - LONGEST
        steps = [*steps[: LONGEST // 2], *steps[-LONGEST // 2 :]]
    columns = {name: lane * index + lane // 2 for index, name in enumerate(names)}
    for index, step in enumerate(steps):
        if omitted and index == LONGEST // 2:
            rows.append(f"{'':{lane // 2}}… {omitted} more")
        cells = [" "] * (lane * len(names))
        for column in columns.values():
            cells[column] = "│"
        if step.kind != NOTE:
            _draw_arrow(cells, columns[step.source], columns[step.target], _LINES.get(step.kind, "─"))
        # With many participants the row may be wider than the terminal, which crops it.
        text_width = max(width - len(cells) - 2, 12)
        rows.append(f"{''.join(cells)}  {_cut(' '.join(step.text.split()), text_width)}".rstrip())
    return rows


def _draw_arrow(cells: list[str], source: int, target: int, line: str) -> None:
    if source == target:
        cells[source : source + 3] = "●" + line + "╮"
        return
    direction = 1 if target > source else -1
    for column in range(source + direction, target, direction):
        cells[column] = line
    cells[source], cells[target] = "●", "▶" if direction == 1 else "◀"


def _center(text: str, width: int) -> str:
    """Pad a text so that its middle is above the line of its lane."""
    left = (width + 1 - cell_len(text)) // 2
    return set_cell_size(" " * left + text, width)


def _cut(text: str, longest: int) -> str:
    return text if cell_len(text) <= longest else set_cell_size(text, longest - 1) + "…"
