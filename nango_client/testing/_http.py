"""A small HTTP/1.1 server in a thread of its own; it knows nothing of Nango."""

import asyncio
import contextlib
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from threading import Thread
from typing import Any, Final

import attrs
from multidict import CIMultiDict

from nango_client.testing._wire import Answer, Reaction

_HOST: Final = "127.0.0.1"

# What the server in front of Nango takes as request line and headers together.
_MAX_HEAD: Final = 16 * 1024

Handler = Callable[[str, str, Mapping[str, str]], Reaction]
"""Takes a request's method, target and headers."""


class HttpThread:
    """Serves requests on the loopback interface until it is stopped; to be used once.

    Starting and stopping give futures, so that a thread can wait for them and an event loop too.

    Args:
        handler: is called in the server's thread and must not block.
        port: where to listen; 0 for a free one.
    """

    def __init__(self, handler: Handler, port: int) -> None:
        self._handler = handler
        self._port = port
        self._started: Future[int] = _uncancellable()
        self._ended: Future[None] = _uncancellable()
        self._conversations: set[asyncio.Task[None] | None] = set()
        # A forgotten server must not keep the interpreter from ending.
        self._thread = Thread(target=self._run, name="MockNango", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    def start(self) -> "Future[int]":
        """Start; give a future for the port, or for the OSError where it is taken."""
        self._thread.start()
        return self._started

    def stop(self) -> "Future[None]":
        """Close all connections; give a future for their end, after which to `join`."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        return self._ended

    def join(self) -> None:
        """Wait for the thread's end."""
        self._thread.join()

    def abandon(self) -> None:
        """End a start that failed or that nobody waits for any more."""
        if self._started.exception() is None:
            self.stop()
        self.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ended.set_result(None)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            server = await asyncio.start_server(
                self._converse, _HOST, self._port, limit=_MAX_HEAD, backlog=1000
            )
        except OSError as error:
            self._started.set_exception(error)
            return
        self._started.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        # What was accepted a moment ago begins to converse some turns of the loop later; closed
        # before that, it would be left open.
        for _ in range(10):
            await asyncio.sleep(0)
        server.close()
        conversations = [task for task in self._conversations if task]
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        self._conversations.add(task)
        try:
            while await self._answer_one(reader, writer):
                pass
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, IncompleteReadError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass  # the server stops; some Python 3.11 and 3.12 report a cancelled conversation
        finally:
            self._conversations.remove(task)
            writer.transport.abort()

    async def _answer_one(self, reader: StreamReader, writer: StreamWriter) -> bool:
        """Answer the next request; say whether the connection stays open."""
        try:
            head = _Head.parse(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(head.body_length)
        except LimitOverrunError:
            await _send(writer, Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), close=True)
            return False
        except ValueError:
            await _send(writer, Answer(HTTPStatus.BAD_REQUEST), close=True)
            return False
        reaction = self._handler(head.method, head.target, head.headers)
        answer = reaction.answer
        await asyncio.sleep(reaction.delay)
        if answer is None:
            return False
        close = head.closes or _closes(answer)
        await _send(writer, answer, close=close, without_body=head.method == "HEAD")
        return not close


@attrs.frozen
class _Head:
    method: str
    target: str
    version: str
    headers: CIMultiDict[str]

    @classmethod
    def parse(cls, text: bytes) -> "_Head":
        """Read the request line and the headers.

        Raises:
            ValueError: it is not HTTP.
        """
        first, *lines = text.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, version = first.split(" ")
        headers = CIMultiDict[str]()
        for line in lines:
            name, value = line.split(":", 1)
            headers.add(name, value.strip())
        return cls(method, target, version, headers)

    @property
    def body_length(self) -> int:
        return int(self.headers.get("Content-Length", "0"))

    @property
    def closes(self) -> bool:
        # The end of a chunked body is not looked for.
        return (
            self.version != "HTTP/1.1"
            or self.headers.get("Connection", "").lower() == "close"
            or "Transfer-Encoding" in self.headers
        )


def _closes(answer: Answer) -> bool:
    length = answer.headers.get("Content-Length")
    return answer.headers.get("Connection", "").lower() == "close" or (
        length is not None and length != str(len(answer.body))
    )


async def _send(
    writer: StreamWriter, answer: Answer, *, close: bool, without_body: bool = False
) -> None:
    headers = CIMultiDict(answer.headers)
    headers.setdefault("Content-Length", str(len(answer.body)))
    headers.setdefault("Connection", "close" if close else "keep-alive")
    phrase = ""
    with contextlib.suppress(ValueError):
        phrase = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status:d} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    writer.write(head if without_body else head + answer.body)
    await writer.drain()


def _uncancellable() -> "Future[Any]":
    """Make a future that one who stops waiting for it leaves as it is."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
