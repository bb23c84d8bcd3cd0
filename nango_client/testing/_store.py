"""A store for `SharedCache` that is a dictionary: for tests, and to see how small one can be."""

import re
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nango_client import Clock


class MemoryStore:
    """A `CredentialStore` in this process's memory; any threads and event loops may share it.

    Args:
        clock: what the time is read from, its ``monotonic()``; the machine's own by default.

    Example:
        >>> store = MemoryStore()
        >>> await store.acquire("a:b", "me", ttl=10), await store.acquire("a:b", "you", ttl=10)
        (True, False)
        >>> await store.set("a:b", b"value", ttl=10, owner="me")
        True
        >>> await store.delete("a:*")
        1
    """

    def __init__(self, clock: "Clock | None" = None) -> None:
        if clock is None:
            from nango_client import SystemClock

            clock = SystemClock()
        self._now = clock.monotonic
        self._lock = Lock()
        # Each with the time at which it ends.
        self._values: dict[str, tuple[bytes, float]] = {}
        self._leases: dict[str, tuple[str, float]] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._values)} values>"

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """Give a value and the seconds that it has left, or None."""
        with self._lock:
            value, end = self._values.get(key, (b"", 0.0))
            left = end - self._now()
            return (value, left) if left > 0 else None

    async def acquire(self, key: str, owner: str, ttl: float, *, steal: bool = False) -> bool:
        """Give `owner` the lease, or prolong it; say whether it has it."""
        with self._lock:
            if steal or self._holder(key) in {None, owner}:
                self._leases[key] = (owner, self._now() + ttl)
                return True
            return False

    async def set(self, key: str, value: bytes, ttl: float, *, owner: str) -> bool:
        """Keep a value if `owner` holds the lease; say whether."""
        with self._lock:
            if self._holder(key) != owner:
                return False
            self._values[key] = (value, self._now() + ttl)
            return True

    async def release(self, key: str, owner: str) -> None:
        """End the lease if `owner` holds it."""
        with self._lock:
            if self._holder(key) == owner:
                del self._leases[key]

    async def delete(self, pattern: str) -> int:
        """Drop values and leases of all keys that match; give the number of values."""
        matches = re.compile(re.escape(pattern).replace(r"\*", "[^:]*")).fullmatch
        with self._lock:
            before = len(self._values)
            self._values = {key: kept for key, kept in self._values.items() if not matches(key)}
            self._leases = {key: kept for key, kept in self._leases.items() if not matches(key)}
            return before - len(self._values)

    async def close(self) -> None:
        """Do nothing: there is nothing open."""

    def _holder(self, key: str) -> str | None:
        owner, end = self._leases.get(key, ("", 0.0))
        return owner if end > self._now() else None
