"""Decompression that never makes more bytes than allowed."""

from __future__ import annotations

import zlib

from ._errors import FetchError, UnexpectedContent

ACCEPTED = "gzip, deflate"


class Decoder:
    """Decompresses the chunks of a body.

    Args:
        encoding: The value of the header Content-Encoding.

    Raises:
        UnexpectedContent: if it is an encoding that `ACCEPTED` doesn't name, or several.
    """

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise UnexpectedContent(f"the server compressed it as {encoding[:40]!r}, and was asked for {ACCEPTED}")
        self._is_gzip = encoding.endswith("gzip")
        self._is_compressed = self._is_gzip or encoding == "deflate"
        # 32: the header says whether it is gzip or zlib.
        self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32) if self._is_compressed else None
        self._has_started = False

    def decode(self, chunk: bytes, limit: int) -> bytes:
        """Decompress a chunk.

        Args:
            chunk: The next bytes of the body, as sent.
            limit: The number of bytes that are allowed. The result has at most one more.
        """
        if self._decompressor is None:
            return chunk[: limit + 1]
        output = b""
        while chunk and len(output) <= limit:
            try:
                output += self._decompress(chunk, limit + 1 - len(output))
            except zlib.error as error:
                raise FetchError(f"its compressed body is broken ({error})") from error
            # A gzip file may be several, one after the other; bytes after a zlib stream are padding.
            chunk = self._decompressor.unused_data if self._is_gzip else b""
            if self._decompressor.eof and chunk:
                self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
        return output

    def finish(self) -> None:
        """Check that the body is complete.

        Raises:
            FetchError: if it is not.
        """
        if self._decompressor is not None and self._has_started and not self._decompressor.eof:
            raise FetchError("its compressed body ends early")

    def _decompress(self, chunk: bytes, limit: int) -> bytes:
        assert self._decompressor is not None
        is_first, self._has_started = not self._has_started, True
        try:
            return self._decompressor.decompress(chunk, limit)
        except zlib.error:
            if self._is_gzip or not is_first:
                raise
            # Some servers send "deflate" without the header of zlib.
            self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._decompressor.decompress(chunk, limit)
