"""Plays Nango and a provider: `python benchmarks/direct_server.py` prints the ports of both.

It answers by the path alone, as little as can be, in a process of its own.
"""

import asyncio
import json
import sys

from wire import connection_id, document

BODY = json.dumps([{"id": number, "name": f"item-{number}"} for number in range(40)]).encode()


def _answer(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\nConnection: keep-alive\r\n\r\n" + body
    )


class _Protocol(asyncio.Protocol):
    answers: dict[bytes, bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        *heads, self._received = self._received.split(b"\r\n\r\n")
        for head in heads:
            kind = head.split(b" ", 2)[1].split(b"/")[1]
            self._transport.write(self.answers.get(kind, self.answers[b"items"]))  # type: ignore[attr-defined]


async def main() -> None:
    loop = asyncio.get_running_loop()
    provider = await loop.create_server(_Protocol, "127.0.0.1", 0)
    nango = await loop.create_server(_Protocol, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (provider, nango)]
    entry = {
        "name": "acme",
        "display_name": "Acme",
        "auth_mode": "OAUTH2",
        "docs": "",
        "logo_url": "",
        "categories": [],
        "proxy": {"base_url": f"http://127.0.0.1:{ports[0]}"},
    }
    _Protocol.answers = {
        b"items": _answer(BODY),
        b"connection": _answer(
            json.dumps({**document(), "connection_id": connection_id(0)}).encode()
        ),
        b"providers": _answer(json.dumps({"data": entry}).encode()),
    }
    print(*ports, flush=True)
    # Ends when the benchmark that started it closes the pipe.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
