"""What comes of one cell: the messages of a kernel, put together.

They come from generated code, which may send anything: so nothing is taken for granted about what is in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._limits import KEPT_OUTPUT
from .._process import BoundedOutput

MOST_SHOWN = 500  # outputs of one cell
MOST_BYTES = 100_000_000  # of all that one cell shows
SHORT = 2_000  # characters of data that goes into the text, if it is of no known kind

Message = Mapping[str, Any]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_FILES = ("image/", "audio/", "video/", "application/pdf", "text/html")


@dataclass
class DataItem:
    """Something a cell shows that is no text: base64 or markup, by its type."""

    mime_type: str
    data: str


@dataclass
class _Printed:
    output: BoundedOutput


@dataclass
class _Shown:
    bundle: dict[str, Any]
    display_id: str | None = None


@dataclass
class Cell:
    """One cell that runs, or has run.

    Attributes:
        request: The id of the message that asked for it.
        note: What is to be told before all that it shows.
        exit_code: 0 as long as nothing failed.
        error: What failed, as text.
        gone: The kernel itself says that it died.
        asked_to_end: The code asked the kernel to end, as `exit()` does.
    """

    request: str
    note: str | None = None
    exit_code: int = 0
    error: str | None = None
    gone: bool = False
    asked_to_end: bool = False
    replied: bool = False
    idle: bool = False
    _outputs: list[_Printed | _Shown] = field(default_factory=list)
    _bytes: int = 0
    _skipped: int = 0
    _to_clear: bool = False

    @property
    def done(self) -> bool:
        """Whether all has come."""
        return self.replied and self.idle

    def take(self, message: Message) -> bool:
        """Add a message, if it belongs to this cell; says whether it does."""
        kind, content = _get(message, "header", "msg_type"), message.get("content")
        if not isinstance(content, Mapping):
            return False
        if kind == "status" and content.get("execution_state") in ("dead", "restarting", "autorestarting"):
            self.gone = True
        if _get(message, "parent_header", "msg_id") != self.request:
            return False
        if kind == "status":
            self.idle = self.idle or content.get("execution_state") == "idle"
        elif kind == "stream":
            self._print(_text(content.get("text")))
        elif kind in ("execute_result", "display_data", "update_display_data"):
            self._show(content, update=kind == "update_display_data")
        elif kind == "clear_output":
            self._clear(wait=bool(content.get("wait")))
        elif kind == "error":
            self._fail(content)
        elif kind == "execute_reply":
            self._end(content)
        return True

    def skip(self, size: int) -> None:
        """A message was too large to be read at all."""
        self._skipped += size

    def parts(self) -> Iterator[str | DataItem]:
        """What it printed and showed, in order, and its error."""
        if self.note is not None:
            yield self.note
        for output in self._outputs:
            if isinstance(output, _Printed):
                yield output.output.text()
            else:
                for mime_type, data in output.bundle.items():
                    yield _part(mime_type, data)
        if self._skipped:
            yield f"[... {self._skipped} bytes of further output are not kept ...]"
        if self.error is not None:
            yield self.error

    def _print(self, text: str) -> None:
        self._clear_if_asked()
        if not (self._outputs and isinstance(self._outputs[-1], _Printed)):
            if len(self._outputs) >= MOST_SHOWN:
                self._skipped += len(text)
                return
            self._outputs.append(_Printed(BoundedOutput(KEPT_OUTPUT)))
        printed = self._outputs[-1]
        assert isinstance(printed, _Printed)
        printed.output.take(text.encode("utf-8", "replace"))

    def _show(self, content: Mapping[str, Any], *, update: bool) -> None:
        bundle = content.get("data")
        display_id = _get(content, "transient", "display_id")
        if not isinstance(bundle, Mapping):
            return
        self._clear_if_asked()
        size = sum(len(_text(data)) for data in bundle.values())
        if len(self._outputs) >= MOST_SHOWN or self._bytes + size > MOST_BYTES:
            self._skipped += size
            return
        self._bytes += size
        shown = _Shown({str(mime_type): data for mime_type, data in bundle.items()}, display_id)
        earlier = [o for o in self._outputs if isinstance(o, _Shown) and o.display_id == display_id is not None]
        for output in earlier:
            output.bundle = shown.bundle
        if not (update and display_id is not None and earlier):
            self._outputs.append(shown)

    def _clear(self, *, wait: bool) -> None:
        self._to_clear = True
        if not wait:
            self._clear_if_asked()

    def _clear_if_asked(self) -> None:
        if self._to_clear:
            self._outputs.clear()
            self._bytes, self._to_clear = 0, False

    def _fail(self, content: Mapping[str, Any]) -> None:
        name, value = _text(content.get("ename")), _text(content.get("evalue"))
        if name == "SystemExit":  # the kernel goes on; the code means its own end
            self.exit_code = int(value) & 0xFF if re.fullmatch(r"-?\d{1,9}", value) else int(value not in ("", "None"))
            if self.exit_code == 0:
                return
        self.exit_code = self.exit_code or 1
        lines = content.get("traceback")
        trace = "\n".join(_text(line) for line in lines) if isinstance(lines, list) else ""
        self.error = _cut(_ESCAPES.sub("", f"ERROR: {name}: {value}\n{trace}").rstrip())

    def _end(self, content: Mapping[str, Any]) -> None:
        self.replied = True
        if content.get("status") == "error" and self.error is None and self.exit_code == 0:
            self._fail(content)
        elif content.get("status") == "aborted":
            self.exit_code, self.error = 1, "ERROR: The kernel did not run this block."
        payloads = content.get("payload")
        for payload in payloads if isinstance(payloads, list) else ():
            if isinstance(payload, Mapping):
                self.asked_to_end = self.asked_to_end or payload.get("source") == "ask_exit"
                page = _get(payload, "data", "text/plain")
                if payload.get("source") == "page" and page is not None:  # what `name?` shows
                    self._print(_ESCAPES.sub("", page))


def _part(mime_type: str, data: Any) -> str | DataItem:
    text = _text(data)
    if mime_type == "text/plain":
        return _cut(text)
    is_file = mime_type.startswith(_FILES) and isinstance(data, (str, list))
    return DataItem(mime_type, text) if is_file or len(text) > SHORT else text


def _cut(text: str) -> str:
    output = BoundedOutput(KEPT_OUTPUT)
    output.take(text.encode("utf-8", "replace"))
    return output.text()


def _text(value: Any) -> str:
    """Text, or lines of it; of anything else its JSON."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _get(value: Any, *path: str) -> str | None:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None
