"""The outputs of one cell, assembled from the messages of a kernel.

Generated code can make a kernel send anything. So no field of a message is trusted to exist or to have the right type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .._processes.limits import MAX_OUTPUT
from .._processes.runner import BoundedOutput

MAX_OUTPUTS = 500  # per cell
MAX_BYTES = 100_000_000  # of all outputs of a cell
MAX_INLINE = 2_000  # characters of data of an unknown type that go into the text

Message = Mapping[str, object]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_FILE_TYPES = ("image/", "audio/", "video/", "application/pdf", "text/html")


@dataclass
class DataItem:
    """An output that isn't text.

    Attributes:
        mime_type: Its type.
        data: Base64, or markup, depending on the type.
    """

    mime_type: str
    data: str


@dataclass
class _Printed:
    output: BoundedOutput


@dataclass
class _Displayed:
    bundle: dict[str, object]
    display_id: str | None = None


@dataclass
class Cell:
    """A running or finished cell.

    Attributes:
        request_id: The id of its `execute_request`.
        note: Text that comes before all outputs.
        exit_code: 0 unless something failed.
        error: The error as text.
        kernel_died: The kernel or its server reported the kernel's death.
        exit_requested: The code asked the kernel to exit, as `exit()` does.
        has_reply: The `execute_reply` has arrived.
        is_idle: The kernel reported to be idle again.
    """

    request_id: str
    note: str | None = None
    exit_code: int = 0
    error: str | None = None
    kernel_died: bool = False
    exit_requested: bool = False
    has_reply: bool = False
    is_idle: bool = False
    _outputs: list[_Printed | _Displayed] = field(default_factory=list)
    _bytes: int = 0
    _skipped: int = 0
    _clear_pending: bool = False

    @property
    def done(self) -> bool:
        """True if all messages have arrived."""
        return self.has_reply and self.is_idle

    def add(self, message: Message) -> bool:
        """Add a message. Return True if it belongs to this cell."""
        kind, content = _get_text(message, "header", "msg_type"), message.get("content")
        if not isinstance(content, Mapping):
            return False
        # The death of a kernel is reported without a parent, so this comes before the check of the parent.
        if kind == "status" and content.get("execution_state") in ("dead", "restarting", "autorestarting"):
            self.kernel_died = True
        if _get_text(message, "parent_header", "msg_id") != self.request_id:
            return False
        if kind == "status":
            self.is_idle = self.is_idle or content.get("execution_state") == "idle"
        elif kind == "stream":
            self._print(_render_text(content.get("text")))
        elif kind in ("execute_result", "display_data", "update_display_data"):
            self._display(content, update=kind == "update_display_data")
        elif kind == "clear_output":
            self._clear(wait=bool(content.get("wait")))
        elif kind == "error":
            self._fail(content)
        elif kind == "execute_reply":
            self._finish(content)
        return True

    def skip(self, size: int) -> None:
        """Count a message that was too large to be read."""
        self._skipped += size

    def iter_parts(self) -> Iterator[str | DataItem]:
        """Yield the note, the outputs in order, and the error."""
        if self.note is not None:
            yield self.note
        for output in self._outputs:
            if isinstance(output, _Printed):
                yield output.output.decode()
            else:
                for mime_type, data in output.bundle.items():
                    yield _make_part(mime_type, data)
        if self._skipped:
            yield f"[... {self._skipped} bytes of further output are not kept ...]"
        if self.error is not None:
            yield self.error

    def _print(self, text: str) -> None:
        self._apply_clear()
        last = self._outputs[-1] if self._outputs else None
        # Text that arrives in pieces becomes one output.
        if not isinstance(last, _Printed):
            if len(self._outputs) >= MAX_OUTPUTS:
                self._skipped += len(text)
                return
            last = _Printed(BoundedOutput(MAX_OUTPUT))
            self._outputs.append(last)
        last.output.append(text.encode("utf-8", "replace"))

    def _display(self, content: Message, *, update: bool) -> None:
        bundle = content.get("data")
        display_id = _get_text(content, "transient", "display_id")
        if not isinstance(bundle, Mapping):
            return
        self._apply_clear()
        size = sum(len(_render_text(data)) for data in bundle.values())
        if len(self._outputs) >= MAX_OUTPUTS or self._bytes + size > MAX_BYTES:
            self._skipped += size
            return
        self._bytes += size
        display = _Displayed({str(mime_type): data for mime_type, data in bundle.items()}, display_id)
        earlier = [o for o in self._outputs if isinstance(o, _Displayed) and o.display_id == display_id is not None]
        for output in earlier:
            output.bundle = display.bundle
        # An update replaces earlier displays. Without any, it is shown like a new display.
        if not (update and display_id is not None and earlier):
            self._outputs.append(display)

    def _clear(self, *, wait: bool) -> None:
        # With `wait` the outputs stay until the next one arrives.
        self._clear_pending = True
        if not wait:
            self._apply_clear()

    def _apply_clear(self) -> None:
        if self._clear_pending:
            self._outputs.clear()
            self._bytes, self._clear_pending = 0, False

    def _fail(self, content: Message) -> None:
        name, value = _render_text(content.get("ename")), _render_text(content.get("evalue"))
        # `sys.exit()` sets the exit code, as in a script. The kernel itself goes on.
        if name == "SystemExit":
            self.exit_code = int(value) & 0xFF if re.fullmatch(r"-?\d{1,9}", value) else int(value not in ("", "None"))
            if self.exit_code == 0:
                return
        self.exit_code = self.exit_code or 1
        lines = content.get("traceback")
        trace = "\n".join(_render_text(line) for line in lines) if isinstance(lines, list) else ""
        self.error = truncate(_ESCAPES.sub("", f"ERROR: {name}: {value}\n{trace}").rstrip())

    def _finish(self, content: Message) -> None:
        self.has_reply = True
        if content.get("status") == "error" and self.error is None and self.exit_code == 0:
            self._fail(content)
        elif content.get("status") == "aborted":
            self.exit_code, self.error = 1, "ERROR: The kernel did not run this block."
        payloads = content.get("payload")
        for payload in payloads if isinstance(payloads, list) else ():
            if isinstance(payload, Mapping):
                self.exit_requested = self.exit_requested or payload.get("source") == "ask_exit"
                page = _get_text(payload, "data", "text/plain")
                # The pager holds the output of `name?`.
                if payload.get("source") == "page" and page is not None:
                    self._print(_ESCAPES.sub("", page))


def truncate(text: str) -> str:
    """Cut the middle out of text that is longer than `MAX_OUTPUT`."""
    output = BoundedOutput(MAX_OUTPUT)
    output.append(text.encode("utf-8", "replace"))
    return output.decode()


def _make_part(mime_type: str, data: object) -> str | DataItem:
    text = _render_text(data)
    if mime_type == "text/plain":
        return truncate(text)
    is_file = mime_type.startswith(_FILE_TYPES) and isinstance(data, (str, list))
    return DataItem(mime_type, text) if is_file or len(text) > MAX_INLINE else text


def _render_text(value: object) -> str:
    """Return text as it is, a list of lines joined, and anything else as JSON."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _get_text(value: object, *path: str) -> str | None:
    """Follow keys into nested mappings. Return None if they don't lead to text."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None
