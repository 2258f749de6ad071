"""The fetched resource, and its text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .._secrets import mask_url
from ._errors import StatusError

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Within the first bytes, as the HTML standard says.
META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
META_BYTES = 1024
# Codecs of Python that no page is written in; some take time that grows with the square of the size.
STRANGE_CODECS = frozenset(("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"))


@dataclass(frozen=True)
class FetchedResource:
    """A fetched resource.

    Attributes:
        url: Its address, after redirects and without credentials.
        status: The HTTP status; 200 for a file.
        headers: The headers of the response; their names are in lower case.
        content: The body, decompressed.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """The content type in lower case, without parameters: "text/html". Empty if the server named none."""
        return parse_content_type(self.headers)

    @property
    def is_success(self) -> bool:
        """True if the server sent what was asked for."""
        return self.status < 400

    @property
    def text(self) -> str:
        """The body as text, in the encoding that the server, the text itself or an HTML page names; by default UTF-8."""
        for charset in self._list_charsets():
            try:
                if codecs.lookup(charset).name not in STRANGE_CODECS:
                    return self.content.decode(charset)
            except (LookupError, ValueError):
                # The name or the claim is wrong: the next may be right.
                continue
        # The encoding of pages that name none. It has no meaning for five bytes.
        return self.content.decode("cp1252", "replace")

    def raise_for_status(self) -> FetchedResource:
        """Return this resource if the server sent what was asked for.

        Raises:
            StatusError: if it sent an HTTP error.
        """
        if not self.is_success:
            raise StatusError(f"{mask_url(self.url)}: the server answered with HTTP status {self.status}.", self.status)
        return self

    def _list_charsets(self) -> list[str]:
        named = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        marks = [name for mark, name in BYTE_ORDER_MARKS if self.content.startswith(mark)]
        meta = META_CHARSET.search(self.content[:META_BYTES]) if "html" in self.content_type else None
        return [*marks, *([named[1]] if named else []), *([meta[1].decode("ascii", "replace")] if meta else []), "utf-8"]


def parse_content_type(headers: Mapping[str, str]) -> str:
    """Return the content type of a response in lower case, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
