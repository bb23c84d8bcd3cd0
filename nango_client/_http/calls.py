"""Calls of the API that no cache answers: each in a task of its own, until the client is closed."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, final

from nango_client._http.decoding import decode, ignore
from nango_client._http.lifecycle import Lifecycle, current_loop
from nango_client._http.protocol import Request, Response
from nango_client._http.requester import Requester

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@final
class Calls:
    """Sends requests for the namespaces and gives what the answers hold."""

    def __init__(
        self, requester: Requester, lifecycle: Lifecycle, *, time: Callable[[], float]
    ) -> None:
        self._requester = requester
        self._lifecycle = lifecycle
        self._time = time
        # No two calls share a key: only reading a connection may be answered by another's request.
        self._flights = lifecycle.flights()

    def now(self) -> float:
        """Give the wall-clock time, in epoch seconds."""
        return self._time()

    async def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the client is open.

        Raises:
            ClientClosedError: it was closed meanwhile.
        """
        await self._run(asyncio.sleep, seconds)

    async def fetch(self, request: Request, kind: type[T]) -> T:
        """Give the `kind` that the successful answer to `request` holds.

        Raises:
            NangoError: it cannot be had.
        """
        return await self.read(request, partial(decode, kind=kind))

    async def do(self, request: Request) -> None:
        """Send `request`, whose answer holds nothing of interest.

        Raises:
            NangoError: it failed.
        """
        await self.read(request, ignore)

    async def read(self, request: Request, reader: Callable[[Response], T]) -> T:
        """Give what `reader` makes of the successful answer to `request`.

        Raises:
            NangoError: it cannot be had.
        """
        return await self._run(self._requester.fetch, request, reader)

    async def _run(self, run: Callable[[*Ts], Coroutine[Any, Any, T]], *arguments: *Ts) -> T:
        if self._lifecycle.loop is not current_loop():
            self._lifecycle.enter()
        # A task of its own, so that whoever is cancelled shows none of the request's frames.
        flight = self._flights.start(object(), run, *arguments)
        del arguments
        waiter = flight.join()
        try:
            result: T = await waiter
        except asyncio.CancelledError:
            flight.leave(waiter)
            raise
        return result
