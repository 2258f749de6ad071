"""Record a command as it runs, and draw the recording as an SVG: for README and the first page of the site.

python website/recording.py    # runs `autogen demo`, and writes website/docs/assets/demo.svg; needs the extra `local`

The picture is the whole run. After a moment it shows once how line came after line, in about the time that it took: waits
that are too short for the eye, or too long for its owner, are changed. Without animations the picture just stays.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from string import Template

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path(__file__).parent / "docs" / "assets" / "demo.svg"
WIDTH = 110  # of the terminal, in characters
STILL = 3.0  # seconds before the picture moves
SAME_MOMENT, SHORTEST, LONGEST = 0.02, 0.7, 1.5  # seconds between two lines: none to see, and the limits of what is shown
CHARACTER, LINE = 20 * 0.61, 20 * 1.22  # width and height in pixels, as rich draws them

# Nothing is fetched: the reader's own monospace font is used, and rich gives each run of characters its width.
PICTURE = Template("""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" role="img" aria-label="$label">
<style>
text { font: 20px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }
$styles
$timing
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
</style>
<defs>$lines</defs>
<rect x="1" y="1" width="$inner_width" height="$inner_height" rx="10" fill="#15181c" stroke="#6b7280"/>
<g fill="#6b7280"><circle cx="24" cy="23" r="6"/><circle cx="44" cy="23" r="6"/><circle cx="64" cy="23" r="6"/></g>
<g transform="translate(16, 44)">
$backgrounds
$matrix
</g>
</svg>
""")


def record(command: list[str]) -> tuple[str, list[float]]:
    """Run a command in a terminal of its own; returns its output, and the time of the end of each line, in seconds."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    names = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    started, written, ends = time.monotonic(), b"", []
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment, close_fds=True) as process:
        os.close(its)
        while chunk := _read(ours):
            written += chunk
            ends += [time.monotonic() - started] * chunk.count(b"\n")
    os.close(ours)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{written.decode()}")
    return written.decode().replace("\r\n", "\n"), ends


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    # Linux raises it when the other end is closed
    except OSError:
        return b""


def wrap_lines(written: str, ends: list[float], console: Console) -> tuple[list[Text], list[float]]:
    """Return the lines, wrapped to the terminal's width, and the time at which each appears, in seconds."""
    rows, times, now, before = [], [], 0.0, 0.0
    for line, end in zip(written.splitlines(), ends, strict=True):
        wait, before = end - before, end
        now += min(max(wait, SHORTEST), LONGEST) if wait > SAME_MOMENT else 0
        wrapped = Text.from_ansi(line).wrap(console, WIDTH) or [Text()]
        rows += wrapped
        times += [now] * len(wrapped)
    return rows, times


def format_timing(times: list[float]) -> str:
    """Return the style sheet that hides each line until its time, with its background, which has the same height."""
    rules = [
        f'[clip-path="url(#demo-line-{row})"], rect[y="{row * LINE + 1.5:g}"] {{ animation: wait {moment:.2f}s {STILL}s; }}'
        for row, moment in enumerate(times)
    ]
    return "\n".join(["@keyframes wait { from, to { opacity: 0; } }", *rules])


def draw(rows: list[Text], times: list[float], console: Console) -> str:
    """Draw the picture."""
    for row in rows:
        console.print(row, soft_wrap=True)
    parts = ("styles", "lines", "backgrounds", "matrix")
    drawn = console.export_svg(theme=MONOKAI, code_format="\0".join(f"{{{part}}}" for part in parts), unique_id="demo")
    width, height = round(WIDTH * CHARACTER) + 32, round(len(rows) * LINE) + 60
    return PICTURE.substitute(
        dict(zip(parts, drawn.split("\0"), strict=True)),
        label="A terminal: autogen demo. Two agents write and run a program.",
        timing=format_timing(times),
        width=width,
        height=height,
        inner_width=width - 2,
        inner_height=height - 2,
    )


def main() -> int:
    """Record the demo."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    written, ends = record([str(Path(sys.executable).with_name("autogen")), "demo"])
    rows, times = wrap_lines("\x1b[1;32m$\x1b[0m autogen demo\n" + written, [0.0, *ends], console)
    TARGET.write_text(draw(rows, times, console), encoding="utf-8")
    print(f"{len(rows)} lines, {times[-1]:.1f} s, {TARGET.stat().st_size / 1e3:.0f} kB: {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
