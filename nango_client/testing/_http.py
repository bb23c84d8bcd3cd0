"""An HTTP/1.1 server on aiohttp, in a thread of its own; it knows nothing of Nango."""

import asyncio
import contextlib
import selectors
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from threading import Thread
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from multidict import CIMultiDict

from nango_client.testing._messages import Answer, Forward, Reaction

_HOST: Final = "127.0.0.1"

# What the server in front of Nango takes as request line and headers together.
_MAX_HEAD: Final = 16 * 1024

# Node sends the last of them before there is a request to answer.
_WITHOUT_LENGTH: Final = (
    HTTPStatus.NO_CONTENT,
    HTTPStatus.NOT_MODIFIED,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
)

Handler = Callable[[str, str, Mapping[str, str], bytes], Reaction]
"""Takes a request's method, target, headers and body."""


class HttpThread:
    """Serves requests on the loopback interface until it is stopped; to be used once.

    Starting and stopping give futures, so that a thread can wait for them and an event loop too.

    Args:
        handler: is called in the server's thread and must not block.
        port: where to listen; 0 for a free one.

    Raises:
        OSError: the port is taken, or the process has no file descriptor left.
    """

    def __init__(self, handler: Handler, port: int) -> None:
        self._handler = handler
        # In the caller's thread, so that it is the caller who hears of a port that is taken.
        self._socket = socket.create_server((_HOST, port), backlog=1000)
        try:
            _try_what_a_loop_opens()
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._started: Future[None] = _uncancellable()
        self._ended: Future[None] = _uncancellable()
        # A forgotten server must not keep the interpreter from ending.
        self._thread = Thread(target=self._run, name="MockNango", daemon=True)
        self._loop: AbstractEventLoop
        self._stopping: asyncio.Event
        self._chores: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]]]
        self._protocols: list[_Protocols] = []
        self._listening: list[asyncio.Task[asyncio.Server]] = []

    def start(self) -> "Future[None]":
        """Start; give a future for that, or for whatever kept the thread from serving."""
        try:
            self._thread.start()
        except BaseException:
            self._socket.close()
            raise
        return self._started

    def listen(self, handler: Handler) -> int:
        """Serve requests on one more port, which is given, once started; may be called anywhere.

        Raises:
            OSError: the process has no file descriptor left.
        """
        listener = socket.create_server((_HOST, 0), backlog=1000)
        port: int = listener.getsockname()[1]
        self._loop.call_soon_threadsafe(self._listen, listener, handler)
        return port

    def _listen(self, listener: socket.socket, handler: Handler) -> None:
        protocols = _Protocols(partial(self._answer, handler))
        self._protocols.append(protocols)
        coming = self._loop.create_server(protocols, sock=listener, backlog=1000)
        self._listening.append(self._loop.create_task(coming))

    def in_background(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine after all that were given before, unless the server is stopped first."""
        self._loop.call_soon_threadsafe(self._chores.put_nowait, make)

    async def _do_chores(self) -> None:
        while True:
            make = await self._chores.get()
            await make()

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
            with self._socket, asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
        finally:
            self._ended.set_result(None)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._chores = asyncio.Queue()
        chores = self._loop.create_task(self._do_chores())
        self._listen(self._socket, self._handler)
        await self._listening[0]
        self._started.set_result(None)
        await self._stopping.wait()
        chores.cancel()
        # What was accepted a moment ago gets its protocol some turns of the loop later; closed
        # before that, it would be left open.
        for _ in range(10):
            await asyncio.sleep(0)
        for server in await asyncio.gather(*self._listening):
            server.close()
        for protocols in self._protocols:
            await protocols.end()

    async def _answer(self, handler: Handler, request: web.BaseRequest) -> web.StreamResponse:
        if _head_size(request) > _MAX_HEAD:
            return _Sent(Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), close=True)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            body = await request.content.read()
        except web.RequestPayloadError:
            return _Sent(Answer(HTTPStatus.BAD_REQUEST), close=True)
        reaction = handler(request.method, request.raw_path, request.headers, body)
        await asyncio.sleep(reaction.delay)
        answer = reaction.answer
        if isinstance(answer, Forward):
            answer = await answer.ask()
        if answer is None:
            return _Nothing()
        return _Sent(answer, close=not request.keep_alive or _closes(answer))


class _Protocols(web.Server):
    """Makes aiohttp's protocol for each connection, and ends them all."""

    def __init__(self, answer: Callable[[web.BaseRequest], Any]) -> None:
        # A client that goes away takes its delayed answer with it.
        super().__init__(answer, handler_cancellation=True)

    def __call__(self) -> web.RequestHandler:
        return _Protocol(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            max_line_size=_MAX_HEAD,
            max_field_size=_MAX_HEAD,
        )

    async def end(self) -> None:
        """Close all connections, whatever they are about, and wait until they have gone."""
        while connections := self.connections:
            for connection in connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0)


class _Protocol(web.RequestHandler):
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp passes it
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or tell of a fault of the kit itself."""
        if isinstance(exc, LineTooLong):
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.logger.error("MockNango failed at %s", request.rel_url.path, exc_info=exc)
        return _Sent(Answer(status), close=True)


class _Sent(web.StreamResponse):
    """An answer that is sent as it stands: aiohttp's own would add headers to it."""

    def __init__(self, answer: Answer, *, close: bool) -> None:
        super().__init__()
        self._answer = answer
        self._close = close

    @property
    def keep_alive(self) -> bool:
        return not self._close

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Send head and body."""
        answer, writer = self._answer, request.writer
        headers = CIMultiDict(answer.headers)
        chunked = "Transfer-Encoding" in headers
        if not chunked and answer.status not in _WITHOUT_LENGTH:
            headers.setdefault("Content-Length", str(len(answer.body)))
        headers.setdefault("Connection", "close" if self._close else "keep-alive")
        phrase = ""
        with contextlib.suppress(ValueError):
            phrase = HTTPStatus(answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status:d} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        await writer.write(head)
        if request.method == "HEAD":
            return writer
        if chunked:
            writer.enable_chunking()
        await writer.write_eof(answer.body)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: all has been sent."""


class _Nothing(web.StreamResponse):
    """No answer: the connection is closed."""

    async def prepare(
        self,
        request: web.BaseRequest,  # noqa: ARG002  aiohttp passes it
    ) -> AbstractStreamWriter:
        """Say that there is nobody to answer."""
        raise ConnectionAbortedError


def _try_what_a_loop_opens() -> None:
    # asyncio leaves a loop that it could not make half open, and complains of it long after.
    with selectors.DefaultSelector():
        for end in socket.socketpair():
            end.close()


def _head_size(request: web.BaseRequest) -> int:
    # Each header has two marks around it and a line's end.
    return len(request.raw_path) + sum(len(a) + len(b) + 4 for a, b in request.raw_headers)


def _closes(answer: Answer) -> bool:
    length = answer.headers.get("Content-Length")
    return answer.headers.get("Connection", "").lower() == "close" or (
        length is not None and length != str(len(answer.body))
    )


def _uncancellable() -> "Future[Any]":
    """Make a future that one who stops waiting for it leaves as it is."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
