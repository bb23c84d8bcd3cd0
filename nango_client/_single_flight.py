"""One running task per key, however many callers wait for it. Knows asyncio and nothing else.

Every waiter has a future of its own. So a cancelled waiter costs the same however many there are
(`asyncio.shield` scans all callbacks), and its traceback holds no frame of the task.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, TypeVar, final

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

# How long `close` waits for cancelled tasks to clean up.
_CLOSE_TIMEOUT: Final = 0.5


class _Flight(Generic[K, T]):
    __slots__ = ("key", "pinned", "task", "waiters")

    def __init__(self, key: K, *, pinned: bool) -> None:
        self.key = key
        self.pinned = pinned
        # A dict, because it keeps the order of arrival.
        self.waiters: dict[asyncio.Future[T], None] = {}
        self.task: asyncio.Task[T]


@final
class SingleFlight(Generic[K, T]):
    """Runs coroutines by key, each key once at a time."""

    def __init__(self, replicate: Callable[[BaseException], BaseException]) -> None:
        """Make an empty one.

        Args:
            replicate: gives an equal exception object, since every waiter gets its own.
        """
        self._replicate = replicate
        self._by_key: dict[K, _Flight[K, T]] = {}
        # Also those that were forgotten and are still waited for.
        self._all: set[_Flight[K, T]] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: K) -> bool:
        return key in self._by_key

    async def run(self, key: K, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Give what the flight of `key` gives; `start` one if none is under way.

        The flight is cancelled when the last of its waiters is.

        Raises:
            Exception: what the flight raised, as an object of the caller's own.
        """
        flight = self._by_key.get(key) or self._take_off(key, start, pinned=False)
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        flight.waiters[waiter] = None
        try:
            return await waiter
        finally:
            flight.waiters.pop(waiter, None)
            if not flight.waiters and not flight.pinned:
                self._abort(flight)

    def launch(self, key: K, start: Callable[[], Coroutine[Any, Any, T]]) -> bool:
        """Start a flight that nobody needs to wait for; False if one is under way already."""
        if key in self._by_key:
            return False
        self._take_off(key, start, pinned=True)
        return True

    def forget(self, key: K) -> None:
        """Let the next caller start anew; those who wait now still get their answer."""
        self._by_key.pop(key, None)

    def forget_where(self, matches: Callable[[K], bool]) -> None:
        """Forget all flights whose key `matches`."""
        for key in [key for key in self._by_key if matches(key)]:
            del self._by_key[key]

    async def close(self, error: BaseException) -> None:
        """Cancel all flights; every waiter gets `error`, as an object of its own."""
        flights = list(self._all)
        self.abandon()
        for flight in flights:
            self._fail(flight, error)
        tasks = [flight.task for flight in flights]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT)

    def abandon(self) -> None:
        """Drop all flights without touching them: their event loop is gone."""
        self._by_key.clear()
        self._all.clear()

    def _take_off(
        self, key: K, start: Callable[[], Coroutine[Any, Any, T]], *, pinned: bool
    ) -> _Flight[K, T]:
        flight: _Flight[K, T] = _Flight(key, pinned=pinned)
        # Known before the task is made: with an eager task factory it runs at once.
        self._by_key[key] = flight
        self._all.add(flight)
        task = asyncio.get_running_loop().create_task(start(), name="nango_client request")
        flight.task = task
        task.add_done_callback(lambda _: self._land(flight, task))
        return flight

    def _land(self, flight: _Flight[K, T], task: asyncio.Task[T]) -> None:
        self._remove(flight)
        if task.cancelled():
            for waiter in flight.waiters:
                waiter.cancel()
            return
        error = task.exception()
        if error is not None:
            self._fail(flight, error)
            return
        result = task.result()
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(result)

    def _fail(self, flight: _Flight[K, T], error: BaseException) -> None:
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_exception(self._replicate(error))

    def _abort(self, flight: _Flight[K, T]) -> None:
        self._remove(flight)
        flight.task.cancel()

    def _remove(self, flight: _Flight[K, T]) -> None:
        self._all.discard(flight)
        if self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]
