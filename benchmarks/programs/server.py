"""A loopback server that does nothing but answer chat completions, fast, as a process of its own.

It prints its port, and runs until its input ends. `/v1` answers at once, `/50/v1` after 50 milliseconds. Where `uvloop` is
installed its event loop is used.
"""

from __future__ import annotations

import asyncio
import json
import sys

ANSWER = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 1,
    "model": "scripted",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Fine, and you?"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
BODY = json.dumps(ANSWER).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Connection(asyncio.Protocol):
    """One connection. Requests that come together are answered together."""

    def __init__(self) -> None:
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._received += data
        answers = 0
        while (head := self._received.find(b"\r\n\r\n")) >= 0:
            start = bytes(self._received[:head]).lower()
            at = start.find(b"content-length:")
            length = int(start[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < head + 4 + length:
                break
            delay = start.split(b" ", 2)[1].split(b"/")[1]
            del self._received[: head + 4 + length]
            if delay.isdigit() and int(delay):
                asyncio.get_running_loop().call_later(int(delay) / 1e3, self._answer, 1)
            else:
                answers += 1
        if answers:
            self._answer(answers)

    def _answer(self, times: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(RESPONSE * times)


async def main() -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
