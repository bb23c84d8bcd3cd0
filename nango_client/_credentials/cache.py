"""What is in memory, and how long it may be served. Plain synchronous code with injected clocks.

The life of an entry, counted from the start of its request::

    0 ......... soft line ......... max_age ......... max_age + stale_if_error
    |  fresh    |  served, and a    |  served only while a fetch fails  |  gone
    |           |  renewal is due   |                                   |

    and gone from ``expires_at - expiry_margin`` on, wherever that falls.

Its age is the larger reading of two clocks, so it is alive only while both say so. The wall clock
covers a machine that slept, the monotonic clock a wall clock that was set back, and the answer's
own ``Date`` a wall clock that was wrong from the start.
"""

import math
from collections import OrderedDict
from itertools import count
from typing import Final, NamedTuple, final

import attrs

from nango_client._clock import Clock
from nango_client._config import CachePolicy
from nango_client._credentials.keys import Key, Pair, variants
from nango_client.models import Connection

# The soft line comes at the latest at this part of `max_age`.
_SOFT_PART: Final = 0.8


@final
@attrs.frozen
class CacheInfo:
    """Counts since the client was made.

    Example:
        >>> for _ in range(3):
        ...     token = await nango.get_token("user-42", "github")
        >>> info = nango.cache_info()
        >>> info.misses, info.hits
        (1, 2)
    """

    hits: int
    """Calls answered from the cache."""
    misses: int
    """Calls that began a fetch and waited for it."""
    coalesced: int
    """Calls that waited for a fetch that another call had begun."""
    refreshes: int
    """Renewals begun in the background."""
    stale_served: int
    """Calls answered from the cache after a fetch had failed."""
    evictions: int
    """Entries that made room for others."""
    entries: int
    """Entries in the cache now."""


class Found(NamedTuple):
    """An answer that may be served now."""

    connection: Connection
    is_stale: bool
    """Older than `max_age`: served because fetches fail."""
    renewal_is_due: bool


@final
class Ticket:
    """Stands for one fetch under way; void once something newer is known of its connection."""

    __slots__ = ("forced", "is_void", "key", "monotonic", "pair", "wall")

    # By position: classes that are called with keywords take the interpreter's long way.
    def __init__(self, key: Key, wall: float, monotonic: float, forced: bool) -> None:  # noqa: FBT001
        self.key: Key = key
        self.pair: Pair = key[:2]
        self.wall: float = wall
        self.monotonic: float = monotonic
        self.forced: bool = forced
        self.is_void: bool = False


@final
class Mark(NamedTuple):
    """When an entry was last compared with a shared cache, and what was found."""

    fetch: str
    """Stands there for the fetch that brought the answer; empty where it is not there."""
    wall: float
    monotonic: float


@final
class Entry:
    """An answer, and how long it may be served."""

    __slots__ = (
        "connection",
        "dead_at",
        "fast_monotonic",
        "fast_wall",
        "mark",
        "monotonic",
        "outage",
        "renew_at",
        "used",
        "wall",
    )

    def __init__(self, ticket: Ticket, connection: Connection, soft: float, dead: float) -> None:
        self.connection = connection
        self.wall = ticket.wall
        self.monotonic = ticket.monotonic
        # Before both of these readings it serves, and nothing else needs to be looked at.
        self.fast_wall = ticket.wall + soft
        self.fast_monotonic = ticket.monotonic + soft
        # Ages, in seconds.
        self.renew_at = soft
        self.dead_at = dead
        # Whether a caller has waited in vain since `max_age`.
        self.outage = False
        # The number of the last use.
        self.used: int
        # What a shared cache knows of it.
        self.mark: Mark | None = None


class _Failure(NamedTuple):
    error: Exception
    wall: float
    monotonic: float


def life_of(connection: Connection, began: float, server_time: float | None) -> float:
    """Give the seconds that an answer's token had left when its request began.

    Args:
        connection: the answer.
        began: when that was, in epoch seconds by the local clock.
        server_time: the answer's ``Date`` in epoch seconds, None where it has none.
    """
    if connection.expires_at is None:
        return math.inf
    if server_time is not None and server_time > began:
        # `Date` has whole seconds; this one may be nearly over.
        began = server_time + 1
    return connection.expires_at.timestamp() - began


@final
class TokenCache:
    """Keeps answers and recent failures; decides what may be served and what is due."""

    def __init__(self, policy: CachePolicy | None, clock: Clock) -> None:
        """Make an empty one; with `policy` None it stays empty."""
        self._policy = policy
        # Sums that most entries share, one object each.
        self._soft_age = 0.0 if policy is None else _SOFT_PART * policy.max_age
        self._dead_age = 0.0 if policy is None else policy.max_age + policy.stale_if_error
        self.time = clock.time
        self.monotonic = clock.monotonic
        # The client looks hits up here itself.
        self.entries: Final[dict[Key, Entry]] = {}
        self._failures: OrderedDict[Key, _Failure] = OrderedDict()
        self._tickets: dict[Pair, list[Ticket]] = {}
        # Gives a number each time that an entry is stored or served. Several threads may serve at
        # a time, and `next` of it is one step of the interpreter.
        self.ticks = count(1)
        self._looks = 0
        self._stores = 0
        # Keys by the number of their last use, the oldest last; see `_evict`.
        self._eviction_order: list[tuple[int, Key]] = []
        self.misses: int = 0
        self.coalesced: int = 0
        self.refreshes: int = 0
        self.stale_served: int = 0
        self.evictions: int = 0

    def info(self) -> CacheInfo:
        # A count tells how far it is only by going on.
        uses = next(self.ticks) - 1 - self._looks
        self._looks += 1
        return CacheInfo(
            hits=uses - self._stores - self.stale_served,
            misses=self.misses,
            coalesced=self.coalesced,
            refreshes=self.refreshes,
            stale_served=self.stale_served,
            evictions=self.evictions,
            entries=len(self.entries),
        )

    def knows(self, key: Key) -> bool:
        """Say whether there is an answer or a failure, alive or not."""
        return key in self.entries or key in self._failures

    def peek(self, key: Key) -> Connection | None:
        """Give the answer that is here, if it is alive; this counts as no use."""
        entry = self._alive(key)
        return None if entry is None else entry.connection

    def find(self, key: Key) -> Found | None:
        """Give an answer that may be served without waiting, or None: the caller has to fetch."""
        entry = self._alive(key)
        if entry is None or self._policy is None:
            return None
        age = self._age(entry)
        is_stale = age >= self._policy.max_age
        renewal_is_due = age >= entry.renew_at
        if is_stale and renewal_is_due and not entry.outage:
            return None
        entry.used = next(self.ticks)
        if is_stale:
            self.stale_served += 1
        return Found(entry.connection, is_stale, renewal_is_due)

    def find_after_failure(self, key: Key) -> Connection | None:
        """Give the answer that serves a caller whose fetch has just failed, or None."""
        entry = self._alive(key)
        if entry is None:
            return None
        entry.used = next(self.ticks)
        self.stale_served += 1
        return entry.connection

    def is_alive(self, key: Key) -> bool:
        """Say whether there is an answer that may serve, if only after a failure."""
        return self._alive(key) is not None

    def remembered_failure(self, key: Key) -> Exception | None:
        """Give the error with which a recent fetch of `key` failed, or None."""
        failure = self._failures.get(key)
        if failure is None or self._policy is None:
            return None
        if self._age(failure) < self._policy.error_ttl:
            return failure.error
        del self._failures[key]
        return None

    def begin(self, key: Key, *, forced: bool) -> Ticket:
        """Note that a fetch of `key` begins now; `finish` must follow."""
        ticket = Ticket(key, self.time(), self.monotonic(), forced)
        self._tickets.setdefault(ticket.pair, []).append(ticket)
        return ticket

    def finish(self, ticket: Ticket) -> None:
        """Note that the fetch has ended, in whatever way."""
        tickets = self._tickets[ticket.pair]
        tickets.remove(ticket)
        if not tickets:
            del self._tickets[ticket.pair]

    def store(self, ticket: Ticket, connection: Connection, server_time: float | None) -> None:
        """Keep the answer of a fetch, if it may be served at all.

        A forced one also puts an end to what else is known of the connection: the token that the
        other entries hold, and that slower fetches bring, may have been revoked by it.

        Args:
            ticket: what `begin` gave for the fetch.
            connection: the answer; its ids are those of the ticket.
            server_time: the answer's ``Date`` in epoch seconds, None where it has none.
        """
        if ticket.forced:
            self._void(ticket.pair, keep_forced=True)
        if ticket.is_void or self._policy is None:
            return
        if ticket.forced:
            self._drop(ticket.pair)
        self._failures.pop(ticket.key, None)
        self.keep(ticket, connection, life_of(connection, ticket.wall, server_time))

    def keep(
        self, ticket: Ticket, connection: Connection, life: float, left: float = math.inf
    ) -> Entry | None:
        """Make an entry of an answer, if it may be served at all.

        Args:
            ticket: holds its key, and when its request began.
            connection: the answer.
            life: seconds that its token had left when the request began, infinite without an end.
            left: seconds that it may be served from now on, for another reason.
        """
        if self._policy is None:
            return None
        dead = min(self._dead_age, life - self._policy.expiry_margin)
        if left < dead:
            dead = min(dead, self._age(ticket) + left)
        if dead <= 0:
            self.entries.pop(ticket.key, None)
            return None
        soft = min(self._soft_age, max(life - self._policy.refresh_ahead, life / 2), dead)
        # With the answer's own ids, so that the caller's equal strings need not be kept as well.
        key = (connection.connection_id, connection.provider_config_key, *ticket.key[2:])
        entry = Entry(ticket, connection, soft, dead)
        entry.used = next(self.ticks)
        # Last, because other threads may look.
        self.entries[key] = entry
        self._stores += 1
        if len(self.entries) > self._policy.max_entries:
            self._evict()
        return entry

    def age(self, entry: Entry) -> float:
        """Give the seconds since the request that brought an entry began."""
        return self._age(entry)

    def postpone(self, ticket: Ticket, *, spares: bool) -> None:
        """Note that a fetch failed, and the entry stays: the next try waits.

        Args:
            ticket: what `begin` gave for the fetch.
            spares: the failure tells nothing about the token, so that it may serve past
                ``max_age``.
        """
        entry = self.entries.get(ticket.key)
        if entry is None or ticket.is_void or self._policy is None:
            return
        age = self._age(entry)
        left = min(self._policy.max_age, entry.dead_at) - age
        entry.outage = spares and (entry.outage or left <= 0)
        entry.renew_at = age + max(left / 2, self._policy.error_ttl)
        if not spares:
            entry.renew_at = min(entry.renew_at, self._policy.max_age)

    def remember(self, ticket: Ticket, error: Exception) -> None:
        """Answer further calls with `error` for a while instead of fetching again."""
        if ticket.is_void or self._policy is None or not self._policy.error_ttl:
            return
        self._failures.pop(ticket.key, None)
        self._failures[ticket.key] = _Failure(error, self.time(), self.monotonic())
        while (
            len(self._failures) > self._policy.max_entries
            or self._age(next(iter(self._failures.values()))) >= self._policy.error_ttl
        ):
            self._failures.popitem(last=False)

    def drop_after(self, ticket: Ticket) -> None:
        """Drop what is known of a connection because of how a fetch ended, unless that is old.

        A forced one that failed may have replaced the token all the same.
        """
        if ticket.is_void:
            return
        self._drop(ticket.pair)
        if ticket.forced:
            self._void(ticket.pair, keep_forced=True)

    def invalidate(self, connection_id: str | None, provider_config_key: str | None) -> int:
        """Drop all that matches (None matches everything); give the number of entries dropped.

        Fetches under way will not be stored.
        """
        if connection_id is not None and provider_config_key is not None:
            pairs: set[Pair] = {(connection_id, provider_config_key)}
        else:
            keys = (*self.entries, *self._failures)
            pairs = {
                pair
                for pair in (*(key[:2] for key in keys), *self._tickets)
                if connection_id in {None, pair[0]} and provider_config_key in {None, pair[1]}
            }
        before = len(self.entries)
        for pair in pairs:
            self._void(pair)
            self._drop(pair)
        return before - len(self.entries)

    def adopt(self, other: "TokenCache") -> None:
        """Take over what another cache holds and has counted."""
        # In place, because clients look hits up in the dictionary itself.
        self.entries.update(other.entries)
        self._failures.update(other._failures)  # noqa: SLF001
        self.ticks, self._looks = other.ticks, other._looks  # noqa: SLF001
        self._stores = other._stores  # noqa: SLF001
        for name in ("misses", "coalesced", "refreshes", "stale_served", "evictions"):
            setattr(self, name, getattr(other, name))

    def _drop(self, pair: Pair) -> None:
        """Drop entries and failures of a connection, whatever was asked for along with it."""
        for key in variants(pair):
            self.entries.pop(key, None)
            self._failures.pop(key, None)

    def _evict(self) -> None:
        """Drop the entry whose last use is longest ago.

        A hit only stamps its entry: keeping the entries in order would cost each hit a tenth of its
        time. So they are put in order here, all at once, which lasts until each of them was evicted
        or used again.
        """
        while True:
            if not self._eviction_order:
                by_use = ((entry.used, key) for key, entry in self.entries.items())
                self._eviction_order = sorted(by_use, reverse=True)
            used, key = self._eviction_order.pop()
            entry = self.entries.get(key)
            if entry is not None and entry.used == used:
                del self.entries[key]
                self.evictions += 1
                return

    def _void(self, pair: Pair, *, keep_forced: bool = False) -> None:
        for ticket in self._tickets.get(pair, ()):
            ticket.is_void = ticket.is_void or not (keep_forced and ticket.forced)

    def _alive(self, key: Key) -> Entry | None:
        entry = self.entries.get(key)
        if entry is None:
            return None
        if self._age(entry) >= entry.dead_at:
            del self.entries[key]
            return None
        return entry

    def _age(self, since: Entry | Ticket | _Failure) -> float:
        return max(self.time() - since.wall, self.monotonic() - since.monotonic)
