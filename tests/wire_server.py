"""A server that speaks bytes, for answers that no HTTP library would send."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CONNECTION: dict[str, Any] = {
    "id": 1,
    "connection_id": "user-42",
    "provider_config_key": "github",
    "created_at": "2026-11-24T00:17:10.491+00:00",
    "updated_at": "2026-11-24T00:17:10.491+00:00",
    "credentials": {"type": "OAUTH2", "access_token": "canary-token", "raw": {}},
}


def answer(
    status: int = 200,
    body: bytes | None = None,
    *,
    length: int | None = None,
    content_type: str | None = "application/json",
    **headers: str,
) -> bytes:
    """Make an answer; `headers` have underscores for hyphens."""
    body = json.dumps(CONNECTION).encode() if body is None else body
    lines = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Length: {len(body) if length is None else length}",
    ]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class WireServer:
    """Plays one item for each request, the last one for all that follow.

    Bytes are written as they are; a function gets reader and writer, and may close the connection.
    """

    def __init__(self, *plays: bytes | Play, tls: ssl.SSLContext | None = None) -> None:
        self._plays = list(plays)
        self._tls = tls
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}
        self.requests: list[bytes] = []
        """The heads of all requests, as they came."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # What was accepted a moment ago is a connection, and known to `_serve`, some turns later.
        for _turn in range(10):
            await asyncio.sleep(0)
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()
        tasks = [task for task in self._connections.values() if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        # A transport closes its socket in a callback of its own.
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
                if isinstance(play, bytes):
                    writer.write(play)
                    await writer.drain()
                else:
                    await play(reader, writer)
        writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection at once."""
    writer.transport.abort()


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the client leaves."""
    await reader.read()


def then_close(data: bytes) -> Play:
    """Write something and end the connection."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return play


def then_reset(data: bytes) -> Play:
    """Write something and break the connection."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.transport.abort()

    return play


def dribble(data: bytes, pause: float) -> Play:
    """Write byte after byte, with a pause after each."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)

    return play


def flood(head: bytes, chunk: bytes, times: int) -> Play:
    """Write a head and then the same chunk again and again."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _turn in range(times):
            writer.write(chunk)
            await writer.drain()

    return play
