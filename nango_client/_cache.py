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
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final, NamedTuple, final

import attrs

from nango_client._clock import Clock
from nango_client._config import CachePolicy
from nango_client.models import Connection

# Everything that changes the answer: both ids, with refresh token, with a new GitHub app token.
Key = tuple[str, str, bool, bool]
# The two ids of a connection.
Pair = tuple[str, str]

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

    __slots__ = ("forced", "is_void", "key", "monotonic", "wall")

    def __init__(self, key: Key, wall: float, monotonic: float, *, forced: bool) -> None:
        self.key: Key = key
        self.wall: float = wall
        self.monotonic: float = monotonic
        self.forced: bool = forced
        self.is_void: bool = False


class _Entry:
    __slots__ = (
        "connection",
        "dead_at",
        "fast_monotonic",
        "fast_wall",
        "monotonic",
        "outage",
        "renew_at",
        "wall",
    )

    def __init__(self, ticket: Ticket, connection: Connection, soft: float, dead: float) -> None:
        self.connection = connection
        self.wall = ticket.wall
        self.monotonic = ticket.monotonic
        # Up to these readings nothing needs to be looked at but the clocks.
        self.fast_wall = ticket.wall + min(soft, dead)
        self.fast_monotonic = ticket.monotonic + min(soft, dead)
        # Ages, in seconds.
        self.renew_at = soft
        self.dead_at = dead
        # Whether a caller has waited in vain since `max_age`.
        self.outage = False


class _Failure(NamedTuple):
    error: Exception
    wall: float
    monotonic: float


@final
class TokenCache:
    """Keeps answers and recent failures; decides what may be served and what is due."""

    def __init__(self, policy: CachePolicy | None, clock: Clock) -> None:
        """Make an empty one; with `policy` None it stays empty."""
        self._policy = policy
        # Sums that most entries share, one object each.
        self._soft_age = 0.0 if policy is None else _SOFT_PART * policy.max_age
        self._dead_age = 0.0 if policy is None else policy.max_age + policy.stale_if_error
        self._time = clock.time
        self._monotonic = clock.monotonic
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._failures: OrderedDict[Key, _Failure] = OrderedDict()
        self._tickets: dict[Pair, set[Ticket]] = {}
        self.hits: int = 0
        self.misses: int = 0
        self.coalesced: int = 0
        self.refreshes: int = 0
        self.stale_served: int = 0
        self.evictions: int = 0
        self.fresh: Final[Callable[[Key], Connection | None]] = self._make_fresh()

    def _make_fresh(self) -> Callable[[Key], Connection | None]:
        """Make the fast way of nearly all calls.

        A closure, because looking its parts up on `self` would cost a hit a tenth of its time.
        """
        look_up = self._entries.get
        mark_as_used = self._entries.move_to_end
        time, monotonic = self._time, self._monotonic

        def fresh(key: Key) -> Connection | None:
            """Give the answer if it is younger than its soft line."""
            try:
                entry = look_up(key)
            except TypeError:
                # An id that is no string and has no hash; it is refused where requests are made.
                return None
            if entry is None or time() >= entry.fast_wall or monotonic() >= entry.fast_monotonic:
                return None
            mark_as_used(key)
            self.hits += 1
            return entry.connection

        return fresh

    def info(self) -> CacheInfo:
        return CacheInfo(
            hits=self.hits,
            misses=self.misses,
            coalesced=self.coalesced,
            refreshes=self.refreshes,
            stale_served=self.stale_served,
            evictions=self.evictions,
            entries=len(self._entries),
        )

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
        self._entries.move_to_end(key)
        if is_stale:
            self.stale_served += 1
        else:
            self.hits += 1
        return Found(entry.connection, is_stale, renewal_is_due)

    def find_after_failure(self, key: Key) -> Connection | None:
        """Give the answer that serves a caller whose fetch has just failed, or None."""
        entry = self._alive(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        self.stale_served += 1
        return entry.connection

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
        ticket = Ticket(key, self._time(), self._monotonic(), forced=forced)
        self._tickets.setdefault(key[:2], set()).add(ticket)
        return ticket

    def finish(self, ticket: Ticket) -> None:
        """Note that the fetch has ended, in whatever way."""
        pair = ticket.key[:2]
        tickets = self._tickets[pair]
        tickets.remove(ticket)
        if not tickets:
            del self._tickets[pair]

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
            self._void(ticket.key[:2], keep_forced=True)
        if ticket.is_void or self._policy is None:
            return
        if ticket.forced:
            self._drop(ticket.key[:2])
        self._failures.pop(ticket.key, None)
        self._entries.pop(ticket.key, None)
        life = math.inf
        if connection.expires_at is not None:
            now = ticket.wall
            if server_time is not None and server_time > now:
                # `Date` has whole seconds; this one may be nearly over.
                now = server_time + 1
            life = connection.expires_at.timestamp() - now
        dead = min(self._dead_age, life - self._policy.expiry_margin)
        if dead <= 0:
            return
        soft = min(self._soft_age, max(life - self._policy.refresh_ahead, life / 2))
        # With the answer's own ids, so that the caller's equal strings need not be kept as well.
        key = (connection.connection_id, connection.provider_config_key, *ticket.key[2:])
        self._entries[key] = _Entry(ticket, connection, soft, dead)
        if len(self._entries) > self._policy.max_entries:
            self._entries.popitem(last=False)
            self.evictions += 1

    def postpone(self, ticket: Ticket, *, spares: bool) -> None:
        """Note that a fetch failed, and the entry stays: the next try waits.

        Args:
            ticket: what `begin` gave for the fetch.
            spares: the failure tells nothing about the token, so that it may serve past
                ``max_age``.
        """
        entry = self._entries.get(ticket.key)
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
        self._failures[ticket.key] = _Failure(error, self._time(), self._monotonic())
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
        self._drop(ticket.key[:2])
        if ticket.forced:
            self._void(ticket.key[:2], keep_forced=True)

    def invalidate(self, connection_id: str | None, provider_config_key: str | None) -> int:
        """Drop all that matches (None matches everything); give the number of entries dropped.

        Fetches under way will not be stored.
        """
        if connection_id is not None and provider_config_key is not None:
            pairs = {(connection_id, provider_config_key)}
        else:
            keys = (*self._entries, *self._failures)
            pairs = {
                pair
                for pair in (*((key[0], key[1]) for key in keys), *self._tickets)
                if connection_id in {None, pair[0]} and provider_config_key in {None, pair[1]}
            }
        before = len(self._entries)
        for pair in pairs:
            self._void(pair)
            self._drop(pair)
        return before - len(self._entries)

    def _drop(self, pair: Pair) -> None:
        """Drop entries and failures of a connection, whatever was asked for along with it."""
        for key in variants(pair):
            self._entries.pop(key, None)
            self._failures.pop(key, None)

    def _void(self, pair: Pair, *, keep_forced: bool = False) -> None:
        for ticket in self._tickets.get(pair, ()):
            ticket.is_void = ticket.is_void or not (keep_forced and ticket.forced)

    def _alive(self, key: Key) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is not None and self._age(entry) >= entry.dead_at:
            del self._entries[key]
            return None
        return entry

    def _age(self, since: _Entry | _Failure) -> float:
        return max(self._time() - since.wall, self._monotonic() - since.monotonic)


def variants(pair: Pair) -> Iterator[Key]:
    """Give the keys of all that can be asked for about a connection."""
    for include_refresh_token, new_github_token in product((False, True), repeat=2):
        yield *pair, include_refresh_token, new_github_token
