"""What Nango says about providers and integrations, asked once for all callers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar, final

from nango_client._http.single_flight import Flight, SingleFlight
from nango_client.exceptions import NangoError

T = TypeVar("T")

# How long to wait before asking again for what could not be had, in seconds.
_PAUSE: Final = 10.0


async def landed(flight: Flight[Any, T]) -> T:
    """Wait for a flight like one of its callers.

    Raises:
        NangoError: it failed.
    """
    waiter = flight.join()
    try:
        return await waiter
    except asyncio.CancelledError:
        flight.leave(waiter)
        raise


@final
class _Item(Generic[T]):
    __slots__ = ("is_late", "renew_at", "value")

    def __init__(self, value: T, renew_at: float) -> None:
        self.value = value
        self.renew_at = renew_at
        # Whether the last try to renew it failed.
        self.is_late = False


@final
class Remembered(Generic[T]):
    """Values by name, each asked for by one request for all who wait.

    Args:
        fetch: asks for one.
        flights: the client's, so that they end with it.
        monotonic: a clock, in seconds.
        lifetime: for how long a value is good, counted from when it was asked for, in seconds.
        outlives_failures: whether it goes on to serve while a new one cannot be had.
    """

    def __init__(
        self,
        fetch: Callable[[str], Coroutine[Any, Any, T]],
        flights: SingleFlight[str, T],
        monotonic: Callable[[], float],
        *,
        lifetime: float,
        outlives_failures: bool,
    ) -> None:
        self._fetch = fetch
        self._flights = flights
        self._monotonic = monotonic
        self._lifetime = lifetime
        self._outlives_failures = outlives_failures
        self._items: dict[str, _Item[T]] = {}
        self._drops = 0

    def ready(self, name: str) -> T | None:
        """Give the value if nobody has to wait for it."""
        item = self._items.get(name)
        if item is None:
            return None
        if self._monotonic() < item.renew_at:
            return item.value
        if not item.is_late:
            return None
        if self._flights.get(name) is None:
            self._flights.start(name, self._renew, name, is_pinned=True)
        return item.value

    async def get(self, name: str) -> T:
        """Give the value, asked for now if need be.

        Raises:
            NangoError: it cannot be had, and there is none from before.
        """
        value = self.ready(name)
        if value is not None:
            return value
        flight = self._flights.get(name) or self._flights.start(name, self._renew, name)
        try:
            return await landed(flight)
        except NangoError as error:
            failure = error
        item = self._items.get(name)
        if item is None:
            raise failure
        return item.value

    def drop(self, name: str | None) -> None:
        """Forget one, or all for None, and let nobody wait for a request that began before."""
        self._drops += 1
        if name is None:
            self._flights.forget_where(lambda _: True)
            self._items.clear()
        else:
            self._flights.forget(name)
            self._items.pop(name, None)

    async def _renew(self, name: str) -> T:
        began = self._monotonic()
        drops = self._drops
        try:
            value = await self._fetch(name)
        except BaseException:
            item = self._items.get(name)
            if item is not None and self._outlives_failures:
                item.renew_at, item.is_late = self._monotonic() + _PAUSE, True
            else:
                self._items.pop(name, None)
            raise
        # What was dropped meanwhile may be what this has brought.
        if self._lifetime > 0 and drops == self._drops:
            self._items[name] = _Item(value, began + self._lifetime)
        return value
