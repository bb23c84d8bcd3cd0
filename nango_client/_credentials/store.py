"""Calls of a fleet's store: within a time limit, with pauses after failures, drops before all else.

A store only ever saves requests. So what fails here ends as `StoreUnavailableError`, upon which the
caller goes on as if there were no store.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeVar, final, runtime_checkable

from nango_client._clock import Clock
from nango_client._credentials.ticker import Allowance, Ticker
from nango_client._events import Reporter

T = TypeVar("T")

# After a failure the store is left alone for so long, in seconds.
PAUSE: Final = 5.0
# How long a search for what to drop may go on behind the calls, in seconds.
_DROP_LIMIT: Final = 30.0


@runtime_checkable
class CredentialStore(Protocol):
    """What `SharedCache` needs of an engine: bytes under names, for a time, and leases on names.

    Any exception means that the engine cannot be used now. Names are parts set apart by ``:``.

    Example:
        >>> isinstance(MemoryStore(), CredentialStore)
        True
    """

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """Give a value and the seconds that it has left, read at one moment; None without one."""
        ...

    async def acquire(self, key: str, owner: str, ttl: float, *, steal: bool = False) -> bool:
        """Give `owner` the lease of `key` for `ttl` seconds, and say whether it has it.

        Where another one holds it, that takes `steal`. Who holds it already holds it longer.
        """
        ...

    async def set(self, key: str, value: bytes, ttl: float, *, owner: str) -> bool:
        """Keep a value for `ttl` seconds if `owner` holds the lease, in one step; say whether."""
        ...

    async def release(self, key: str, owner: str) -> None:
        """End the lease if `owner` holds it."""
        ...

    async def delete(self, pattern: str) -> int:
        """Drop values and leases of all names that match, and give the number of values.

        In a pattern, ``*`` stands for one whole part. A name's value and lease go in one step.
        What was stored under a lease from before the call is gone after it.
        """
        ...

    async def close(self) -> None:
        """Close what this process has open."""
        ...


class StoreUnavailableError(Exception):
    """The store did not do what it was asked, or not in time."""


@final
class StoreGate:
    """The way of a whole process to its store: whether it is open, and what has to be dropped."""

    def __init__(self, store: CredentialStore, timeout: float) -> None:
        self.store: Final = store
        self.timeout: Final = timeout
        self.closed: bool = False
        # Patterns, each with an object that stands for the latest wish to drop it.
        self.pending: Final[dict[str, object]] = {}
        # How often the store has failed.
        self.failures: int = 0
        self._failed_at: tuple[Clock, float, float] | None = None

    def is_open(self, clock: Clock) -> bool:
        """Say whether the store may be asked now."""
        if self.closed:
            return False
        if self._failed_at is None:
            return True
        loop_time = asyncio.get_running_loop().time()
        other, monotonic, real = self._failed_at
        # Clients have clocks of their own; time has passed if one of two says so.
        return loop_time - real >= PAUSE or (
            clock is other and clock.monotonic() - monotonic >= PAUSE
        )

    def enter(self, clock: Clock) -> bool:
        """As `is_open`; after a pause only one caller may try."""
        if not self.is_open(clock):
            return False
        if self._failed_at is not None:
            self._close_for_a_while(clock)
        return True

    def note_failure(self, clock: Clock) -> None:
        """Leave the store alone for a while."""
        self.failures += 1
        self._close_for_a_while(clock)

    def note_success(self) -> None:
        """Let everybody in again."""
        self._failed_at = None

    def _close_for_a_while(self, clock: Clock) -> None:
        now = asyncio.get_running_loop().time()
        self._failed_at = (clock, clock.monotonic(), now)

    def pend(self, patterns: Iterable[str]) -> None:
        """Let what the store holds now be dropped before it is asked for anything else."""
        for pattern in patterns:
            self.pending[pattern] = object()

    async def drop(self, patterns: Iterable[str] | None = None) -> int:
        """Drop what these patterns match, or all that is pending; give the number of values."""
        dropped = 0
        for pattern in list(self.pending if patterns is None else patterns):
            wish = self.pending.get(pattern)
            dropped += await self.store.delete(pattern)
            if self.pending.get(pattern) is wish:
                self.pending.pop(pattern, None)
        return dropped


@final
class Link:
    """A client's way to the store."""

    def __init__(self, gate: StoreGate, clock: Clock, reporter: Reporter) -> None:
        self.gate: Final = gate
        self.clock: Final = clock
        self.reporter: Final = reporter
        self.ticker: Final = Ticker(gate.timeout)
        self._dropping: asyncio.Task[int] | None = None

    def is_open(self) -> bool:
        """Say whether the store may be asked now."""
        return self.gate.is_open(self.clock)

    def call(self) -> "StoreCall | None":
        """Begin the store operations of one call; None where there may be none now."""
        return StoreCall(self) if self.gate.enter(self.clock) else None

    def drop_pending(self) -> Awaitable[int]:
        """Drop what is pending, in a task that goes on where the caller's time is over.

        A search through a large store can take longer than a call may wait.
        """
        task = self._dropping
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._drop_in_time(), name="nango_client store")
            task.add_done_callback(_look_at)
            self._dropping = task
        return asyncio.shield(task)

    async def _drop_in_time(self) -> int:
        async with asyncio.timeout(_DROP_LIMIT):
            return await self.gate.drop()


def _look_at(task: "asyncio.Task[int]") -> None:
    """Take note of a failure, or asyncio would report it where nobody waits any more."""
    if not task.cancelled():
        task.exception()


@final
class StoreCall:
    """The store operations of one call, which share one time limit."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._gate = link.gate
        self._store = link.gate.store
        self._failures = link.gate.failures
        self._ticker = link.ticker
        self._allowance = Allowance(link.gate.timeout)

    @property
    def left(self) -> float:
        """Seconds that the operations of this call may still take."""
        return self._allowance.left

    @left.setter
    def left(self, seconds: float) -> None:
        self._allowance.left = seconds

    async def get(self, name: str) -> tuple[bytes, float] | None:
        """Give a value and the seconds it has left, or None."""
        # Without a coroutine where there is nothing to drop, as nearly always.
        if self._gate.pending:
            await self.flush()
        return await self.run(lambda: self._get(name))

    async def acquire(self, name: str, owner: str, ttl: float, *, steal: bool = False) -> bool:
        """Take or prolong a lease."""
        await self.flush()
        return await self.run(lambda: self._store.acquire(name, owner, ttl, steal=steal))

    async def set(self, name: str, value: bytes, ttl: float, *, owner: str) -> bool:
        """Store a value under a lease; False where it was lost, also to what is pending."""
        await self.flush()
        return await self.run(lambda: self._store.set(name, value, ttl, owner=owner))

    async def release(self, name: str, owner: str) -> None:
        """End a lease."""
        await self.run(lambda: self._store.release(name, owner))

    async def flush(self) -> None:
        """Have everything dropped that is pending."""
        if self._gate.pending:
            await self.run(self._link.drop_pending)

    async def _get(self, name: str) -> tuple[bytes, float] | None:
        found: object = await self._store.get(name)
        match found:
            case None:
                return None
            case (bytes() as value, int() | float() as left) if math.isfinite(left):
                return (value, float(left)) if left > 0 else None
            case _:
                raise TypeError("a store gives a value and the seconds that it has left")

    async def run(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Give the result of one operation.

        Raises:
            StoreUnavailableError: there is none, for this call or for any at the moment.
        """
        if self._failures != self._gate.failures or self._allowance.left <= 0:
            raise StoreUnavailableError
        failure: Exception
        try:
            async with asyncio.timeout(None) as scope:
                self._ticker.start(self._allowance, scope)
                try:
                    result = await begin()
                finally:
                    self._ticker.stop(self._allowance)
        except Exception as error:  # noqa: BLE001  engines are free in what they raise
            failure = error
        else:
            self._gate.note_success()
            return result
        is_news = self._failures == self._gate.failures
        self._gate.note_failure(self._link.clock)
        if is_news:
            self._link.reporter.report("store", error=failure)
        raise StoreUnavailableError
