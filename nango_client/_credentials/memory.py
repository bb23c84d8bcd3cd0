"""A process's own cache in front of a store that many share: what of one goes into the other.

Who knows which time: the store counts an answer's time down by its own clock; the age at which that
ends is in the envelope, so the rest gives the age. The reader's wall clock, set right by Nango's
``Date`` where it knows how, gives another one. And what is in memory has been measured by both
clocks of this process since it was first seen. The largest age counts.
"""

import math
from collections.abc import Callable
from typing import Final, final

import attrs

from nango_client._clock import Clock
from nango_client._config import CachePolicy
from nango_client._credentials.cache import Entry, Mark, Ticket, TokenCache, life_of
from nango_client._credentials.envelope import SHARED_OPTIONS, Envelope, Failure, may_be_stored
from nango_client._credentials.keys import Key
from nango_client._credentials.lookup import Note
from nango_client._http.headers import date_of
from nango_client._wire.converter import read
from nango_client.models import Connection

# A store that says more time than it was given is not believed; it may round (seconds).
_ROUNDING: Final = 0.01


@final
class Memory:
    """Reads envelopes into the cache, and makes envelopes of its entries."""

    def __init__(
        self, cache: TokenCache, policy: CachePolicy, clock: Clock, local_max_age: float
    ) -> None:
        self._cache = cache
        self._policy = policy
        self._clock = clock
        self._local_max_age = local_max_age

    def must_look(self, key: Key) -> bool:
        """Say whether the store has to be asked before an entry may be served again."""
        entry = self._cache.entries.get(key)
        if entry is None or entry.mark is None:
            return False
        elapsed = max(
            self._clock.time() - entry.mark.wall, self._clock.monotonic() - entry.mark.monotonic
        )
        return elapsed >= self._local_max_age

    def adopt(self, ticket: Ticket, envelope: Envelope, left: float, skew: float) -> None:
        """Take an envelope's answer into the cache, if it may still be served.

        Args:
            ticket: was made before the store was asked.
            envelope: what it gave.
            left: the seconds that it said are left.
            skew: how far Nango's clock is ahead of ours.
        """
        key = ticket.key
        is_believed = left <= envelope.dead + _ROUNDING
        known = self._known(key, envelope)
        connection = None
        if is_believed:
            connection = _read(envelope, key) if known is None else known.connection
        if connection is None:
            self.forget(key)
            return
        age = max(
            envelope.dead - left,
            ticket.wall + skew - envelope.began,
            self._cache.age(known) if known is not None else 0.0,
        )
        until_margin = math.inf
        if connection.expires_at is not None:
            now = ticket.wall + max(skew, 0.0)
            until_margin = connection.expires_at.timestamp() - self._policy.expiry_margin - now
        began = Ticket(key, ticket.wall - age, ticket.monotonic - age, forced=False)
        life = math.inf if envelope.life is None else envelope.life
        entry = self._cache.keep(began, connection, life, until_margin)
        if entry is None:
            return
        if envelope.renew_at is not None:
            entry.renew_at = envelope.renew_at
            entry.outage = envelope.outage
        self._set_mark(entry, Mark(envelope.fetch, ticket.wall, ticket.monotonic))

    def holds(self, key: Key, envelope: Envelope) -> bool:
        """Say whether the cache has this envelope's answer."""
        return self._known(key, envelope) is not None

    def forget(self, key: Key) -> None:
        """Drop an entry that the store had and has no more; it was dropped there, or lost."""
        entry = self._cache.entries.get(key)
        if entry is not None and entry.mark is not None and entry.mark.fetch:
            del self._cache.entries[key]

    def mark(self, key: Key, connection: Connection, note: Note, fetch: str = "") -> None:
        """Note that an answer has just been fetched, and under what name it is in the store."""
        entry = self._cache.entries.get(key)
        if entry is None or entry.connection is not connection or key[2:] not in SHARED_OPTIONS:
            return
        if fetch or may_be_stored(note.response.body):
            now = Mark(fetch, self._clock.time(), self._clock.monotonic())
            self._set_mark(entry, now)

    def drop(self, key: Key, connection: Connection) -> None:
        """Drop an answer of ours to which something has happened since."""
        entry = self._cache.entries.get(key)
        if entry is not None and entry.connection is connection:
            del self._cache.entries[key]

    def is_renewal_due(self, key: Key) -> bool:
        """Say whether an entry's soft line is past."""
        entry = self._cache.entries.get(key)
        return entry is None or self._cache.age(entry) >= entry.renew_at

    def put_off_renewal(self, key: Key) -> None:
        """Leave a renewal to the process that is at it, until the store is asked again."""
        entry = self._cache.entries.get(key)
        if entry is not None:
            entry.renew_at = max(entry.renew_at, self._cache.age(entry) + self._local_max_age)

    def pack(
        self, name: str, fetch: str, key: Key, connection: Connection, note: Note, skew: float
    ) -> tuple[Envelope, float] | None:
        """Give the envelope of an answer that was just fetched, and its life in seconds.

        None where it is none to share: it has no time left, or has a refresh token.
        """
        entry = self._cache.entries.get(key)
        response, wall = note.response, note.ticket.wall
        if entry is None or entry.connection is not connection:
            return None
        if not may_be_stored(response.body):
            return None
        life = life_of(connection, wall, date_of(response.headers))
        envelope = Envelope(
            name,
            fetch,
            dead=entry.dead_at,
            began=wall + skew,
            written=response.server_time(),
            life=None if math.isinf(life) else life,
            body=response.body,
        )
        return envelope, entry.dead_at - self._cache.age(entry)

    def pack_failure(
        self, seen: Envelope, key: Key, failure: Failure, failed_by: str
    ) -> tuple[Envelope, float]:
        """Give the envelope of a failed fetch, and its life in seconds.

        Args:
            seen: what the store has; an answer in it stays, if it did so in memory.
            key: what was fetched.
            failure: how that failed.
            failed_by: stands for the fetch that did.
        """
        entry = self._known(key, seen)
        age = math.inf if entry is None else self._cache.age(entry)
        if entry is not None and age < seen.dead:
            kept = attrs.evolve(
                seen,
                renew_at=entry.renew_at,
                outage=entry.outage,
                failure=failure,
                failed_at=age,
                failed_by=failed_by,
                claim="",
            )
            return kept, seen.dead - age
        alone = Envelope(seen.name, "", dead=failure.life, failure=failure, failed_by=failed_by)
        return alone, failure.life

    def pack_claim(
        self, seen: Envelope, key: Key, owner: str, at_least: float
    ) -> tuple[Envelope, float]:
        """Give an envelope that says that `owner` is at work, and its life in seconds.

        An answer that the store has stays there, unless its end is near.
        """
        entry = self._known(key, seen)
        left = 0.0 if entry is None else seen.dead - self._cache.age(entry)
        if left > at_least:
            return attrs.evolve(seen, claim=owner), left
        return Envelope(seen.name, "", dead=at_least, claim=owner), at_least

    def _known(self, key: Key, envelope: Envelope) -> Entry | None:
        entry = self._cache.entries.get(key)
        if entry is None or entry.mark is None or not envelope.fetch:
            return None
        return entry if entry.mark.fetch == envelope.fetch else None

    def _set_mark(self, entry: Entry, mark: Mark) -> None:
        entry.mark = mark
        entry.fast_wall = min(entry.fast_wall, mark.wall + self._local_max_age)
        entry.fast_monotonic = min(entry.fast_monotonic, mark.monotonic + self._local_max_age)


def _read(envelope: Envelope, key: Key) -> Connection | None:
    """Give the connection in an envelope, None where it holds none of this key."""
    if not envelope.body:
        return None
    connection = read(envelope.body, Connection, _always(envelope.written))
    if not isinstance(connection, Connection):
        return None
    ids = connection.connection_id, connection.provider_config_key
    return connection if ids == key[:2] else None


def _always(moment: float) -> Callable[[], float]:
    return lambda: moment
