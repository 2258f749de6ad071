"""A sequence diagram as an SVG picture, drawn without a library.

Nobody measures text here: widths are reckoned from the classes of characters, generously.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape
from itertools import pairwise

from .steps import CALL, NOTE, RESULT, Step, Story

SIZE = 13  # of the font, in pixels
LINE = 17  # from one line of text to the next
MARGIN, GAP, PAD = 20, 26, 10
LOOP = 46  # how far an arrow to oneself goes out
WIDEST = 300.0  # a longer line of text is broken
LEAST = 150.0  # between two participants

# Every rule is for this picture alone: in a page the style of an SVG is everybody's.
_RULES = {
    "text": f"font: {SIZE}px system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif; fill: #1f2933",
    ".name": "font-weight: 600; text-anchor: middle",
    ".middle": "text-anchor: middle",
    ".box": "fill: #eef2ff; stroke: #6474c8",
    ".life": "stroke: #b8c0cc; stroke-dasharray: 4 4",
    ".note": "fill: #fff8dc; stroke: #d9c77e",
    ".under": "fill: #ffffff",
    ".arrow": "stroke: #3e4c59; stroke-width: 1.4; fill: none",
    ".arrow.call": "stroke: #b7791f",
    ".arrow.result": "stroke: #2f855a; stroke-dasharray: 6 4",
    "text.call": "fill: #8a5a12",
    "text.result": "fill: #256b48",
}
_STYLE = "".join(f".autogen-chat {selector} {{ {rule} }}\n" for selector, rule in _RULES.items())
_HEADS = {"text": "#3e4c59", CALL: "#b7791f", RESULT: "#2f855a"}


def drawn(told: Story) -> str:
    """The picture."""
    places = {name: number for number, name in enumerate(told.participants)}
    steps = [(step, _lines(step.text)) for step in told.steps]
    centres = _centres(told.participants, places, steps)
    heads = {name: _lines(name) for name in told.participants}
    top = max(map(len, heads.values())) * LINE + 2 * PAD
    right = max(centres[-1] + _half(told.participants[-1]), *_right_ends(places, centres, steps), centres[0] + LEAST)
    y: float = MARGIN + top + GAP
    body: list[str] = []
    for step, lines in steps:
        height, shapes = _step(step, lines, y, places, centres, right)
        body += shapes
        y += height
    bottom = y + top
    shown = [
        f'<line class="life" x1="{x:.1f}" y1="{MARGIN + top}" x2="{x:.1f}" y2="{y}"/>'
        + _box(heads[name], x, MARGIN, top, _half(name))
        + _box(heads[name], x, y, top, _half(name))
        for name, x in zip(told.participants, centres, strict=True)
    ]
    width, height = right + MARGIN, bottom + MARGIN
    marks = "".join(
        f'<marker id="autogen-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
        for kind, colour in _HEADS.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="autogen-chat" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="sequence diagram of a chat">'
        f'<style>{_STYLE}</style><defs>{marks}</defs><rect width="100%" height="100%" rx="6" fill="#ffffff"/>'
        + "\n".join([*shown, *body])
        + "</svg>"
    )


def _centres(names: list[str], places: dict[str, int], steps: list[tuple[Step, list[str]]]) -> list[float]:
    """Where the lines of life stand: as far apart as their names and the texts between them need."""
    gaps = [max(LEAST, _half(a) + _half(b) + GAP) for a, b in pairwise(names)]
    for step, lines in steps:
        if step.kind == NOTE:
            continue
        first, last = sorted((places[step.source], places[step.target]))
        needed: float = max(map(_width, lines)) + 2 * PAD
        if first == last:
            needed += LOOP
            last += 1
        for gap in range(first, min(last, len(gaps))):
            gaps[gap] = max(gaps[gap], needed / (last - first))
    centres = [MARGIN + _half(names[0])]
    for width in gaps:
        centres.append(centres[-1] + width)
    return centres


def _right_ends(places: dict[str, int], centres: list[float], steps: list[tuple[Step, list[str]]]) -> Iterable[float]:
    """How far to the right the arrows to oneself and the notes need the picture to go."""
    yield 0.0
    for step, lines in steps:
        widest = max(map(_width, lines))
        if step.kind == NOTE:
            yield MARGIN + widest + 2 * PAD
        elif step.source == step.target:
            yield centres[places[step.source]] + LOOP + widest + 2 * PAD


def _step(
    step: Step, lines: list[str], y: float, places: dict[str, int], centres: list[float], right: float
) -> tuple[float, list[str]]:
    """The shapes of one step, and how much height they take."""
    tall = len(lines) * LINE
    if step.kind == NOTE:
        shape = f'<rect class="note" x="{MARGIN}" y="{y}" width="{right - MARGIN:.1f}" height="{tall + PAD}" rx="3"/>'
        return tall + PAD + GAP, [shape, _text(lines, (MARGIN + right) / 2, y + PAD / 2, "middle")]
    start, end = centres[places[step.source]], centres[places[step.target]]
    look = f'class="arrow {step.kind}" marker-end="url(#autogen-{step.kind})"'
    if step.source == step.target:
        height = max(tall, 2 * LINE)
        path = f"M{start:.1f} {y}h{LOOP - 12}q6 0 6 6v{height - 12}q0 6 -6 6h-{LOOP - 16}"
        shape = f'<path {look} d="{path}"/>'
        return height + GAP, [shape, _text(lines, start + LOOP, y + (height - tall) / 2, step.kind)]
    at = y + tall + 5
    tip = end - 2 if end > start else end + 2
    shape = f'<line {look} x1="{start:.1f}" y1="{at}" x2="{tip:.1f}" y2="{at}"/>'
    middle, half = (start + end) / 2, max(map(_width, lines)) / 2
    under = f'<rect class="under" x="{middle - half:.1f}" y="{y}" width="{2 * half:.1f}" height="{tall}"/>'
    return tall + 5 + GAP, [under, shape, _text(lines, middle, y, f"middle {step.kind}")]


def _box(lines: list[str], x: float, y: float, height: float, half: float) -> str:
    shape = f'<rect class="box" x="{x - half:.1f}" y="{y}" width="{2 * half:.1f}" height="{height}" rx="4"/>'
    return shape + _text(lines, x, y + (height - len(lines) * LINE) / 2, "name")


def _text(lines: list[str], x: float, y: float, look: str) -> str:
    rows = "".join(
        f'<tspan x="{x:.1f}" y="{y + number * LINE + SIZE:.1f}">{escape(line)}</tspan>' for number, line in enumerate(lines)
    )
    return f'<text class="{look}">{rows}</text>'


def _half(name: str) -> float:
    return max(45.0, max(map(_width, _lines(name))) * 0.57 + PAD)  # names are bold


def _lines(text: str) -> list[str]:
    """The lines of a text, broken where they are too long."""
    return [piece for line in text.split("\n") for piece in _broken(line)] or [""]


def _broken(line: str) -> Iterable[str]:
    current = ""
    for word in line.split(" "):
        while _width(word) > WIDEST:  # a word that fits no line
            room = next(size for size in range(len(word), 0, -1) if _width(word[:size]) <= WIDEST)
            if current:
                yield current
                current = ""
            yield word[:room]
            word = word[room:]
        longer = f"{current} {word}" if current else word
        if _width(longer) > WIDEST:
            yield current
            longer = word
        current = longer
    yield current


def _width(text: str) -> float:
    """About how wide a text is, in pixels."""
    return sum(map(_char_width, text))


def _char_width(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return SIZE * 1.08
    if char in "iljtfrI.,:;'|!()[] ":
        return SIZE * 0.36
    return SIZE * (0.86 if char in "mwMW@%" else 0.7 if char.isupper() else 0.58)
