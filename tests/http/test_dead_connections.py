"""A request that may not run twice, and a server that has hung up while nobody looked."""

import asyncio
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest
import trustme
import uvloop
from wire_server import WireServer, answer

from nango_client import (
    ConnectionFailedError,
    NangoClient,
    RetryPolicy,
    SystemClock,
    TimeoutPolicy,
)
from nango_client._config import read_settings
from nango_client._http.protocol import Request, about_connection
from nango_client._http.transport import AiohttpTransport

IDS = ("user-42", "github")
# What is seen is what one attempt did.
ONCE = RetryPolicy(max_attempts=1)


def end(connection: socket.socket) -> None:
    """Close without a word of TLS, as most servers do."""


def end_of_tls(connection: socket.socket) -> None:
    """Say first that this is the end, and wait for no answer."""
    connection.setblocking(False)
    try:
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()
    except ssl.SSLWantReadError:
        pass


def break_off(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class LeavingServer:
    """Answers from threads of its own, and hangs up on all its clients when told to.

    When `hang_up` returns, the kernel knows that the connections are closed, and no event loop has
    had the time to find out. It is a proxy too, which stands for the server behind it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._wakers: list[socket.socket] = []
        self._leave: Callable[[socket.socket], None] = end
        self.requests: list[bytes] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.hang_up()

    def hang_up(self, leave: Callable[[socket.socket], None] = end) -> None:
        """Close all connections."""
        self._leave = leave
        for waker in self._wakers:
            waker.close()
        for thread in self._threads:
            thread.join()
        self._wakers, self._threads = [], []

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            waker, sleeper = socket.socketpair()
            self._wakers.append(waker)
            thread = threading.Thread(target=self._serve, args=(connection, sleeper))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, sleeper: socket.socket) -> None:
        tls = self._tls
        while sleeper not in select.select([connection, sleeper], [], [])[0]:
            if tls is not None and connection.recv(1, socket.MSG_PEEK) == b"\x16":
                # The first byte of a TLS handshake.
                connection, tls = tls.wrap_socket(connection, server_side=True), None
            head = b""
            # The requests here have no body, or an empty object.
            while not head.endswith((b"\r\n\r\n", b"\r\n\r\n{}")):
                chunk = connection.recv(65536)
                if not chunk:
                    break
                head += chunk
            if not head:
                break
            if head.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                self.requests.append(head)
                connection.sendall(answer())
        else:
            self._leave(connection)
        connection.close()
        sleeper.close()


# How the client reaches the server: with TLS or without, and what session it has.
Way = tuple[bool, str]
WAYS: list[Way] = [(tls, session) for tls in (False, True) for session in ("borrowed", "proxied")]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "nango.example").configure_cert(context)
    return context


def borrowed_session(
    server: LeavingServer, authority: trustme.CA, *, is_proxied: bool
) -> aiohttp.ClientSession:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusting),
        proxy=f"http://127.0.0.1:{server.port}" if is_proxied else None,
    )


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner


@pytest.mark.parametrize("leave", [end, break_off])
def test_a_forced_request_arrives_once_though_the_server_has_hung_up(
    runner: asyncio.Runner, leave: Callable[[socket.socket], None]
) -> None:
    """The loop stood still meanwhile, or was blocked; the pool knows nothing of it."""
    with LeavingServer() as server:
        nango = NangoClient("key", base_url=server.url, cache=None, retry=ONCE)

        async def blocked() -> None:
            await nango.get_token(*IDS)
            server.hang_up(leave)
            await nango.get_token(*IDS, force_refresh=True)
            await nango.get_token(*IDS)

        runner.run(blocked())
        server.hang_up(leave)
        runner.run(nango.get_token(*IDS, force_refresh=True))
        runner.run(nango.close())

    assert [b"force_refresh" in head for head in server.requests] == [False, True, False, True]


@pytest.mark.parametrize("leave", [end, end_of_tls, break_off])
@pytest.mark.parametrize(("tls", "session"), WAYS)
def test_a_borrowed_session_is_told_first_that_the_server_has_hung_up(
    runner: asyncio.Runner,
    authority: trustme.CA,
    tls: bool,
    session: str,
    leave: Callable[[socket.socket], None],
) -> None:
    """Ten connections of its pool are dead, through a proxy or not; the request arrives once."""

    async def main() -> None:
        is_proxied = session == "proxied"
        async with borrowed_session(server, authority, is_proxied=is_proxied) as http:
            nango = NangoClient("key", base_url=server.url, session=http, retry=ONCE)
            for other in await asyncio.gather(*(http.get(server.url) for _ in range(10))):
                await other.read()
            server.hang_up(leave)

            await nango.get_token(*IDS, force_refresh=True)
            await nango.close()

    with LeavingServer(server_tls(authority) if tls else None) as server:
        runner.run(main())

    assert [b"force_refresh" in head for head in server.requests[10:]] == [True]


@pytest.mark.parametrize("session_token", [None, "token"])
@pytest.mark.parametrize("own", [True, False], ids=["own", "borrowed"])
def test_whatever_may_not_run_twice_arrives_once(
    runner: asyncio.Runner, own: bool, session_token: str | None
) -> None:
    """Not only a forced fetch: a POST too, whoever authorises it."""
    about = about_connection(*IDS)
    plain = Request("GET", "/plain", "/plain", "", about)
    once = Request(
        "POST", "/once", "/once", "", about, runs_once=True, body=b"{}", session_token=session_token
    )

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            settings = read_settings("key", server.url, allow_insecure_http=False)
            assert not isinstance(settings, str)
            transport = AiohttpTransport(
                settings, TimeoutPolicy(), SystemClock(), None if own else http
            )
            await transport.send(plain, 5.0)
            server.hang_up()

            await transport.send(once, 5.0)
            await transport.close()

    with LeavingServer() as server:
        runner.run(main())

    assert [head.split()[0] for head in server.requests] == [b"GET", b"POST"]


def test_a_forced_request_has_a_connection_of_its_own(runner: asyncio.Runner) -> None:
    """The end of a pooled one may have been lost on the way; ordinary ones share theirs."""

    async def main() -> None:
        async with NangoClient("key", base_url=server.url, cache=None) as nango:
            await nango.get_token(*IDS)
            await nango.get_token(*IDS, force_refresh=True)
            await nango.get_token(*IDS, force_refresh=True)
            await nango.get_token(*IDS)

    with LeavingServer() as server:
        runner.run(main())

    assert len(server.requests) == 4
    assert server.connections == 3


@pytest.mark.asyncio
@pytest.mark.parametrize("own", [True, False], ids=["own", "borrowed"])
async def test_a_server_that_dies_over_a_forced_request_is_not_asked_again(own: bool) -> None:
    """It got the request and may have worked on it."""

    async def die(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with WireServer(answer(), die) as server, aiohttp.ClientSession() as http:
        session: Any = None if own else http
        async with NangoClient("key", base_url=server.url, session=session, cache=None) as nango:
            await nango.get_token(*IDS)

            with pytest.raises(ConnectionFailedError) as caught:
                await nango.get_token(*IDS, force_refresh=True)

    assert caught.value.may_have_run
    assert len(server.requests) == 2
