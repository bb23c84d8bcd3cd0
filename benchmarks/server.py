"""A server that costs little: `python benchmarks/server.py` prints its port and answers any GET.

It runs in a process of its own, so that its CPU time is not the client's. It echoes the id of the
path, because clients may check that an answer is about what they asked for.
"""

import asyncio
import sys
from email.utils import formatdate

from wire import connection_id, template

_BEFORE, _AFTER = template()
_LENGTH = len(_BEFORE) + len(connection_id(0)) + len(_AFTER)


class _Answer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        *heads, self._received = self._received.split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1]
            name = path.partition(b"?")[0].rpartition(b"/")[2]
            self._transport.write(b"".join((_head(), _BEFORE, name, _AFTER)))  # type: ignore[attr-defined]


def _head() -> bytes:
    return (
        "HTTP/1.1 200 OK\r\n"
        "X-RateLimit-Limit: 200000\r\n"
        "X-RateLimit-Remaining: 199999\r\n"
        "X-RateLimit-Reset: 4102444800\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {_LENGTH}\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        "Connection: keep-alive\r\n"
        "Keep-Alive: timeout=61\r\n\r\n"
    ).encode()


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends when the benchmark that started it closes the pipe.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
