"""Calls of the API that no cache answers: each in a task of its own, until the client is closed."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, final

from nango_client._http.lifecycle import Lifecycle
from nango_client._http.protocol import Request, Response
from nango_client._http.requester import Requester

T = TypeVar("T")


@final
class Calls:
    """Sends requests for the namespaces and gives what the answers hold."""

    def __init__(self, requester: Requester, lifecycle: Lifecycle) -> None:
        self._requester = requester
        self._lifecycle = lifecycle
        # No two calls share a key: only reading a connection may be answered by another's request.
        self._flights = lifecycle.flights()

    async def fetch(self, request: Request, decode: Callable[[Response], T]) -> T:
        """Give what `decode` makes of the successful answer to `request`.

        Raises:
            NangoError: it cannot be had.
        """
        if self._lifecycle.loop is not asyncio.get_running_loop():
            self._lifecycle.enter()
        # A task of its own, so that whoever is cancelled shows none of the request's frames.
        flight = self._flights.start(object(), self._requester.fetch, request, decode)
        waiter = flight.join()
        try:
            result: T = await waiter
        except asyncio.CancelledError:
            flight.leave(waiter)
            raise
        return result
