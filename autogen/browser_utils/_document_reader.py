"""Reading an office document or a PDF, as a program of its own, with path, suffix and a limit in seconds as arguments.

The readers of such formats are large, and documents come from strangers. This process has no secrets, little memory and
little time; it may open no connection, start no process, and read no file but the document and Python's own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

MEMORY = 4 * 2**30  # bytes of address space; the libraries reserve more than they use
FORBIDDEN_EVENTS = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "urllib.",
    "ctypes.dlopen",
)


def limit_process(seconds: int) -> None:
    """Limit the memory and the CPU time of this process, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def make_audit_hook(document: str) -> Callable[[str, tuple[object, ...]], None]:
    """Make a hook that refuses connections, processes, and files other than the document and Python's own."""
    folders = tuple(os.path.realpath(folder) + os.sep for folder in {*sys.path, sys.prefix, sys.base_prefix} if folder)
    document = os.path.realpath(document)

    def refuse_access(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN_EVENTS):
            raise PermissionError(f"A document must not do this: {event}.")
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if path != document and not path.startswith((*folders, "/usr/share/", "/proc/", "/sys/")):
                raise PermissionError(f"A document must not open {path!r}.")

    return refuse_access


def read_pdf(path: str) -> dict[str, Any]:
    """Return the title and the text of a PDF, whole and by pages."""
    from pypdf import PdfReader

    reader = PdfReader(path)
    # Many files are locked by the empty password, which all viewers try.
    if reader.is_encrypted and not reader.decrypt(""):
        return {"locked": True}
    title = (reader.metadata.title if reader.metadata else None) or None
    pages = [page.extract_text() for page in reader.pages]
    return {"title": title, "text": "\n\n".join(pages), "pages": pages}


def read_rtf(path: str) -> dict[str, Any]:
    """Return the text of a document in Rich Text Format."""
    from striprtf.striprtf import rtf_to_text

    # The format is ASCII; other characters are escaped.
    with open(path, encoding="cp1252", errors="replace") as file:
        text = rtf_to_text(file.read(), errors="replace")  # type: ignore[no-untyped-call]
        return {"title": None, "text": text}


def read_document(path: str, suffix: str) -> dict[str, Any]:
    """Return the title and the text of a document as Markdown."""
    from markitdown import StreamInfo, converters

    kinds = {
        ".docx": converters.DocxConverter,
        ".xlsx": converters.XlsxConverter,
        ".xls": converters.XlsConverter,
        ".pptx": converters.PptxConverter,
        ".epub": converters.EpubConverter,
        ".msg": converters.OutlookMsgConverter,
        ".ipynb": converters.IpynbConverter,
        ".rss": converters.RssConverter,
        ".atom": converters.RssConverter,
    }
    # Chosen here: the library itself would try each of its converters, and show a broken document as text.
    with open(path, "rb") as stream:
        result = kinds[suffix]().convert(stream, StreamInfo(extension=suffix))  # type: ignore[no-untyped-call]
    return {"title": result.title, "text": result.markdown}


def main() -> None:
    """Read the document that the command line names, and print the result as JSON."""
    path, suffix, seconds = sys.argv[1:]
    # The libraries may print.
    output, sys.stdout = sys.stdout, sys.stderr
    limit_process(int(seconds))
    try:
        if suffix == ".pdf":
            import pypdf  # noqa: F401
        elif suffix == ".rtf":
            import striprtf.striprtf  # noqa: F401
        else:
            import markitdown  # noqa: F401
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}), file=output)
        return
    sys.addaudithook(make_audit_hook(path))
    result: dict[str, Any]
    readers = {".pdf": read_pdf, ".rtf": read_rtf}
    try:
        result = readers[suffix](path) if suffix in readers else read_document(path, suffix)
    except Exception as error:  # noqa: BLE001
        # Broken documents raise errors of every kind.
        result = {"error": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(result), file=output)


if __name__ == "__main__":
    main()
