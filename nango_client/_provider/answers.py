"""Answers that were looked into, and still give their body to the caller."""

import asyncio
import sys
from typing import Final, final

import aiohttp
from aiohttp import ClientResponse, StreamReader
from aiohttp.base_protocol import BaseProtocol

MAX_KEPT: Final = 64 * 1024
# So much that the reader never asks its protocol, which has no connection, to pause.
_NO_LIMIT: Final = sys.maxsize // 2


@final
class _Resumed(StreamReader):
    """A stream of what was read already, and then of what is still to come."""

    def __init__(self, read: bytes, rest: StreamReader | None) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(BaseProtocol(loop), _NO_LIMIT, loop=loop)
        self._rest = rest
        self.feed_data(read)
        if rest is None:
            self.feed_eof()

    async def _wait(self, func_name: str) -> None:  # noqa: ARG002  as aiohttp has it
        chunk = b"" if self._rest is None else await self._rest.readany()
        if chunk:
            self.feed_data(chunk)
        else:
            self.feed_eof()


async def look(response: ClientResponse) -> bytes | None:
    """Give the body if it is 64 KiB at most, else None; the caller can read it as ever.

    Raises:
        aiohttp.ClientError: it did not come.
    """
    rest = response.content
    read, is_all = await _read(rest)
    response.content = _Resumed(read, None if is_all else rest)
    return read if is_all else None


async def let_go(response: ClientResponse, seconds: float) -> None:
    """Give the connection back and keep 64 KiB of the body at most, in case it is still wanted.

    Args:
        response: just come.
        seconds: how long the body may take.
    """
    read, is_all = b"", False
    try:
        async with asyncio.timeout(seconds):
            read, is_all = await _read(response.content)
    except (aiohttp.ClientError, TimeoutError):
        pass  # What has not come cannot be kept.
    connection = response.connection
    if not is_all and connection is not None:
        connection.close()
    response.content = _Resumed(read[:MAX_KEPT], None)


async def _read(content: StreamReader) -> tuple[bytes, bool]:
    """Give what comes, up to a little over 64 KiB, and whether that is all."""
    chunks: list[bytes] = []
    size = 0
    while size <= MAX_KEPT:
        chunk = await content.readany()
        if not chunk:
            return b"".join(chunks), True
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks), False
