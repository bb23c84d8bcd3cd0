"""One running task per key, however many callers wait for it. Knows asyncio and nothing else.

Every waiter has a future of its own. So a cancelled waiter costs the same however many there are
(`asyncio.shield` scans all callbacks), and its traceback holds no frame of the task.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, TypeVar, TypeVarTuple, final

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@final
class Flight(Generic[K, T]):
    """One task, and those who wait for it."""

    __slots__ = ("_flights", "_loop", "is_pinned", "key", "task", "waiters")

    def __init__(
        self,
        key: K,
        flights: "SingleFlight[K, T]",
        loop: asyncio.AbstractEventLoop,
        is_pinned: bool,  # noqa: FBT001  a class called with keywords takes the long way
    ) -> None:
        self.key: K = key
        self.is_pinned: bool = is_pinned
        # A dict, because it keeps the order of arrival.
        self.waiters: dict[asyncio.Future[T], None] = {}
        self.task: asyncio.Task[T]
        self._flights = flights
        self._loop = loop

    def join(self) -> asyncio.Future[T]:
        """Give a future for what the task gives, or for its failure as an object of its own.

        Whoever stops waiting before it is done must `leave`.
        """
        waiter: asyncio.Future[T] = self._loop.create_future()
        self.waiters[waiter] = None
        return waiter

    def leave(self, waiter: asyncio.Future[T]) -> None:
        """Wait no longer; the task is cancelled with the last one, unless it is pinned."""
        del self.waiters[waiter]
        if not self.waiters and not self.is_pinned:
            self._flights.remove(self)
            self.task.cancel()

    async def fly(self, run: Callable[[*Ts], Coroutine[Any, Any, T]], arguments: tuple[*Ts]) -> T:
        """Be the task: run, and wake those who wait."""
        result = await run(*arguments)
        if self.waiters:
            # Nearly always. Doing it here saves a turn of the event loop.
            self.task.remove_done_callback(self.land)
            self._flights.remove(self)
            self._succeed(result)
        return result

    def land(self, task: asyncio.Task[T]) -> None:
        """Wake those who wait for a task that is done, however it ended."""
        self._flights.remove(self)
        # Who still waits has cancelled nothing: the last one who leaves does that, and `close` has
        # told everybody before. It came from outside, and is no cancellation of theirs.
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self._succeed(task.result())
        else:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Give `error` to those who wait, as an object of its own to each."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(self._flights.replicate(error))

    def _succeed(self, result: T) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(result)


@final
class SingleFlight(Generic[K, T]):
    """Runs coroutines by key, each key once at a time.

    A caller does this::

        flight = flights.get(key) or flights.start(key, fetch)
        waiter = flight.join()
        try:
            return await waiter
        except asyncio.CancelledError:
            flight.leave(waiter)
            raise
    """

    def __init__(self, replicate: Callable[[BaseException], BaseException]) -> None:
        """Make an empty one.

        Args:
            replicate: gives an equal exception object, since every waiter gets its own; for a
                `CancelledError`, which somebody has thrown into the task, one that tells of it.
        """
        self.replicate: Final = replicate
        self._by_key: dict[K, Flight[K, T]] = {}
        # Also those that were forgotten and are still waited for.
        self._all: set[Flight[K, T]] = set()
        self.get: Final = self._by_key.get

    def __len__(self) -> int:
        return len(self._all)

    def start(
        self,
        key: K,
        run: Callable[[*Ts], Coroutine[Any, Any, T]],
        *arguments: *Ts,
        is_pinned: bool = False,
    ) -> Flight[K, T]:
        """Start and give the flight of `key`, of which there must be none.

        Args:
            key: under which `get` finds it until it ends.
            run: makes the coroutine.
            arguments: for `run`.
            is_pinned: nobody needs to wait for it.
        """
        loop = asyncio.get_running_loop()
        flight: Flight[K, T] = Flight(key, self, loop, is_pinned)
        # Known before the task is made, which may run at once.
        self._by_key[key] = flight
        self._all.add(flight)
        name = "nango_client request"
        try:
            # Where nobody waits, the caller goes on first. Python 3.11 cannot start a task at once,
            # and a task factory of the loop decides for itself.
            if sys.version_info >= (3, 12) and not is_pinned and loop.get_task_factory() is None:
                flight.task = asyncio.Task(
                    flight.fly(run, arguments), loop=loop, name=name, eager_start=True
                )
            else:
                flight.task = loop.create_task(flight.fly(run, arguments), name=name)
        except BaseException:  # Ctrl-C, or a task factory that fails.
            self.remove(flight)
            raise
        flight.task.add_done_callback(flight.land)
        return flight

    def forget(self, key: K) -> None:
        """Let the next caller start anew; those who wait now still get their answer."""
        self._by_key.pop(key, None)

    def forget_where(self, matches: Callable[[K], bool]) -> None:
        """Forget all flights whose key `matches`."""
        for key in [key for key in self._by_key if matches(key)]:
            del self._by_key[key]

    def end(self, error: BaseException) -> "list[asyncio.Task[T]]":
        """Cancel all flights and give their tasks; every waiter gets `error`, an own object."""
        flights = list(self._all)
        self.abandon()
        for flight in flights:
            flight.fail(error)
            flight.task.cancel()
        return [flight.task for flight in flights]

    def abandon(self) -> None:
        """Drop all flights without touching them: their event loop is gone."""
        self._by_key.clear()
        self._all.clear()

    def remove(self, flight: Flight[K, T]) -> None:
        """Forget a flight that has ended."""
        self._all.discard(flight)
        if self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]
