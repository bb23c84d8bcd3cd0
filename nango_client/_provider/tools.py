"""What all calls of providers share, and what they do between two tries."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, final

from nango_client._config import RetryPolicy, TimeoutPolicy
from nango_client._events import Reporter
from nango_client._http.lifecycle import Lifecycle
from nango_client._http.sockets import make_socket
from nango_client._provider.addresses import make_public_socket
from nango_client._provider.pool import Pool
from nango_client._provider.renewals import Renewals
from nango_client._provider.sources import Sources
from nango_client.exceptions import ClientClosedError

T = TypeVar("T")


@final
class Tools:
    """The parts of one client that its calls of providers use.

    Attributes:
        pool: for most calls.
        public_pool: for those whose host the connection's data decides; it connects to no address
            that is private.
        nango_host: who does not answer where Nango does not.
    """

    def __init__(
        self,
        *,
        sources: Sources,
        renewals: Renewals,
        lifecycle: Lifecycle,
        reporter: Reporter,
        timeout: TimeoutPolicy,
        retry: RetryPolicy,
        time: Callable[[], float],
        nango_host: str,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self.sources: Sources = sources
        self.renewals: Renewals = renewals
        self.lifecycle: Lifecycle = lifecycle
        self.reporter: Reporter = reporter
        self.timeout: TimeoutPolicy = timeout
        self.retry: RetryPolicy = retry
        self.time: Callable[[], float] = time
        self.nango_host: str = nango_host
        self.pool: Pool = Pool(timeout, make_socket)
        self.public_pool: Pool = Pool(timeout, make_public_socket)
        self._sleep = sleep
        self._waits: set[asyncio.Future[Any]] = set()

    def enter(self) -> None:
        """Begin a call.

        Raises:
            ClientClosedError: the client is closed.
            ConfigurationError: it is in use under another event loop.
        """
        if self.lifecycle.loop is not asyncio.get_running_loop():
            self.lifecycle.enter()

    async def pause(self, seconds: float) -> None:
        """Wait between two tries.

        Raises:
            ClientClosedError: the client was closed meanwhile.
        """
        await self.while_open(self._sleep(seconds))

    async def while_open(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what may take long without a connection, which would end with the client.

        Raises:
            ClientClosedError: the client was closed meanwhile.
        """
        task = asyncio.ensure_future(work)
        self._waits.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._waits.discard(task)
            task.cancel()
        if self.lifecycle.closed:
            raise ClientClosedError("the NangoClient was closed")
        return task.result()

    async def close(self) -> None:
        """End what is under way, and the connections."""
        for task in self._waits:
            task.cancel()
        try:
            await self.pool.close()
        finally:
            await self.public_pool.close()
