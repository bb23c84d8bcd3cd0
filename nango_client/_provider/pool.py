"""The connections for calls of providers: apart from those to Nango, and without its key."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, final

import aiohttp
from aiohttp import ClientSession, ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult

from nango_client._config import TimeoutPolicy
from nango_client._provider.addresses import AddressInfo

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey

WAIT_FOR_CONNECTION: Final[ContextVar[float | None]] = ContextVar("WAIT_FOR_CONNECTION")
"""The seconds to wait for a free connection, where a call has a limit of its own; None for none."""


def default_limits(timeout: TimeoutPolicy, *, own_pool: bool) -> ClientTimeout:
    """Give the limits of a call that names none.

    Args:
        timeout: the client's.
        own_pool: whether it is `_Connector`, which has the limit for a free connection.
    """
    return ClientTimeout(
        # Elsewhere aiohttp knows only one limit for the wait and for connecting together.
        connect=None if own_pool else 2 * timeout.connect,
        sock_connect=timeout.connect,
        sock_read=timeout.attempt,
        # aiohttp rounds longer limits up to whole seconds by default.
        ceil_threshold=float("inf"),
    )


@final
class Pool:
    """One aiohttp session, opened when it is needed, for whichever event loop is running.

    Args:
        timeout: the client's limits.
        socket_factory: makes the sockets, or refuses to.
    """

    def __init__(
        self, timeout: TimeoutPolicy, socket_factory: Callable[[AddressInfo], socket.socket]
    ) -> None:
        self._timeout = timeout
        self._socket_factory = socket_factory
        self._keeper: AsyncGenerator[ClientSession] | None = None
        self._session: ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def session(self) -> ClientSession:
        """Give the session."""
        session = self._session
        if session is None or session.closed or self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            self._keeper = _keep_session(self._timeout, self._socket_factory)
            session = self._session = await anext(self._keeper)
        return session

    async def close(self) -> None:
        """Close the session, and with it what is under way."""
        keeper, self._keeper, self._session = self._keeper, None, None
        if keeper is not None and self._loop is asyncio.get_running_loop():
            await keeper.aclose()


async def _keep_session(
    limits: TimeoutPolicy, socket_factory: Callable[[AddressInfo], socket.socket]
) -> AsyncGenerator[ClientSession]:
    """Yield a session that ends with this generator, as those of Nango's own calls do."""
    resolver = _Resolver(limits.connect)
    try:
        async with ClientSession(
            connector=_Connector(limits.connect, resolver, socket_factory),
            timeout=default_limits(limits, own_pool=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        ) as session:
            yield session
    finally:
        await resolver.close()


@final
class _Resolver(AbstractResolver):
    """Looks names up within a limit, which aiohttp has only for all of connecting."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._resolver = aiohttp.DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        async with asyncio.timeout(self._limit):
            return await self._resolver.resolve(host, port, family)

    async def close(self) -> None:
        await self._resolver.close()


@final
class _Connector(aiohttp.TCPConnector):
    """A pool with a limit for the wait for a free connection, apart from that for connecting."""

    def __init__(
        self,
        limit: float,
        resolver: AbstractResolver,
        socket_factory: Callable[[AddressInfo], socket.socket],
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            resolver=resolver, socket_factory=socket_factory
        )
        self._wait_limit = limit

    async def _wait_for_available_connection(self, key: "ConnectionKey", traces: Any) -> None:
        async with asyncio.timeout(WAIT_FOR_CONNECTION.get(self._wait_limit)):
            await super()._wait_for_available_connection(key, traces)
