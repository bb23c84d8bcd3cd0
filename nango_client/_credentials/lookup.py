"""A connection from the cache, from a fetch under way, or from Nango."""

from collections.abc import Callable
from functools import partial
from typing import Final, final

from nango_client._credentials.cache import Ticket, TokenCache
from nango_client._credentials.keys import FORCE_REFRESH, Key, Pair, connection_request, variants
from nango_client._events import Reporter
from nango_client._http.decoding import decode
from nango_client._http.errors import is_nangos_word
from nango_client._http.headers import date_of
from nango_client._http.lifecycle import Lifecycle, current_loop, replica
from nango_client._http.protocol import Request, Response, check_id
from nango_client._http.requester import Requester
from nango_client._http.single_flight import Flight, SingleFlight
from nango_client.exceptions import (
    AuthenticationError,
    DecodeError,
    InvalidCredentialsError,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    ReconnectRequiredError,
    TransportError,
)
from nango_client.models import Connection

# The connection is gone, or not for this API key: what is cached of it must not be served, where
# Nango itself says so.
_ENDS_ENTRY: Final = (
    ReconnectRequiredError,
    NotFoundError,
    AuthenticationError,
    PermissionDeniedError,
)

# `Date` has whole seconds and travels: only a larger difference is one of the clocks (seconds).
_SAME_TIME: Final = 2.0


@final
class Note:
    """What a fetch leaves for those who share its answer."""

    __slots__ = ("response", "ticket")

    def __init__(self) -> None:
        self.ticket: Ticket
        self.response: Response


class Lookup:
    """Gives connections by key and keeps the cache true to what is learnt on the way."""

    def __init__(
        self,
        requester: Requester,
        cache: TokenCache,
        lifecycle: Lifecycle,
        reporter: Reporter,
        *,
        time: Callable[[], float],
    ) -> None:
        self._requester = requester
        self._cache = cache
        self._flights: SingleFlight[Key, Connection] = lifecycle.flights()
        self._lifecycle = lifecycle
        self._reporter = reporter
        self._time = time
        # How far the server's clock is ahead of ours.
        self._skew = 0.0

    def ask(self, key: Key) -> Connection | Flight[Key, Connection]:
        """Give a connection that may be served at once, else the fetch to wait for.

        Args:
            key: both ids and options; `FORCE_REFRESH`, where it is one, comes last.

        Raises:
            NangoError: it cannot be had, or not now.
        """
        if self._lifecycle.loop is not current_loop():
            self._lifecycle.enter()
        try:
            flight = self._flights.get(key)
        except TypeError:
            flight = None
            # One of the ids has no hash, so it is no string; this says which.
            check_id("connection_id", key[0])
            check_id("provider_config_key", key[1])
        forced = len(key) > 2 and key[-1] == FORCE_REFRESH  # noqa: PLR2004  after the ids
        # Where callers wait for a fetch already, nothing can be served.
        if not forced and (flight is None or flight.is_pinned) and self._cache.knows(key):
            connection = self._serve(key)
            if connection is not None:
                return connection
        if flight is not None:
            self._cache.coalesced += 1
            if self._reporter.is_heard():
                self._reporter.report("coalesced")
            return flight
        return self._start(key, connection_request(key))

    def after_failure(self, key: Key, failure: NangoError) -> Connection:
        """Give the cached answer that serves a caller whose fetch has just failed.

        Raises:
            NangoError: `failure`, where none may.
        """
        if spares_entry(failure):
            # There is none under the key of a forced fetch.
            connection = self._cache.find_after_failure(key)
            if connection is not None:
                self._reporter.report("stale")
                return connection
        raise failure

    def now(self) -> float:
        """Give the time by which Nango lets tokens end: ours, or the server's where they differ."""
        return self._time() + self._skew

    def invalidate(self, connection_id: str | None, provider_config_key: str | None) -> int:
        """Drop what matches from the cache, and let nobody join a fetch that began before."""
        self._flights.forget_where(
            lambda key: connection_id in {None, key[0]} and provider_config_key in {None, key[1]}
        )
        return self._cache.invalidate(connection_id, provider_config_key)

    async def compare(self, pair: Pair) -> Connection | None:
        """Give the answer that is cached of a connection, by others as well; it asks no Nango."""
        return self._cache.peek(pair)

    async def may_force(self, pair: Pair, pause: float) -> bool:  # noqa: ARG002  for a fleet
        """Say whether no other process has asked this within `pause` seconds; it counts now."""
        return True

    async def settle(self) -> None:
        """Let others hear of what was dropped here, as far as they can be told now."""

    def _serve(self, key: Key) -> Connection | None:
        """Give what may be served without waiting, and begin a renewal where one is due.

        Raises:
            NangoError: a recent fetch failed with it, and it is remembered.
        """
        found = self._cache.find(key)
        if found is not None:
            self._reporter.report("stale" if found.is_stale else "hit")
            if found.renewal_is_due:
                self._renew(key)
            return found.connection
        remembered = self._cache.remembered_failure(key)
        if remembered is not None:
            raise replica(remembered)
        return None

    def _start(self, key: Key, request: Request) -> Flight[Key, Connection]:
        """Begin a fetch for which a caller waits."""
        self._count_miss()
        return self._flights.start(key, self._fetch, key, request)

    def _count_miss(self) -> None:
        self._cache.misses += 1
        if self._reporter.is_heard():
            self._reporter.report("miss")

    def _renew(self, key: Key) -> None:
        """Begin a fetch for which nobody waits, unless one is under way."""
        if self._flights.get(key) is None:
            self._count_renewal()
            request = connection_request(key)
            self._flights.start(key, self._fetch, key, request, is_pinned=True)

    def _count_renewal(self) -> None:
        self._cache.refreshes += 1
        self._reporter.report("renewal")

    async def _fetch(self, key: Key, request: Request, note: Note | None = None) -> Connection:
        """Ask Nango and tell the cache how it went; runs in a task of its own."""
        forced = request.runs_once
        ticket = self._cache.begin(key[:-1] if forced else key, forced=forced)
        if note is not None:
            note.ticket = ticket
        try:
            connection, response = await self._requester.fetch(
                request, partial(_read, key), partial(self._may_wait, key)
            )
            if note is not None:
                note.response = response
            server_time = date_of(response.headers)
            self._cache.store(ticket, connection, server_time)
        except BaseException as error:
            self._note_failure(ticket, error)
            raise
        finally:
            self._cache.finish(ticket)
            if forced:
                # Their answers may still hold the token that was just replaced.
                for variant in variants(key[:2]):
                    self._flights.forget(variant)
        skew = 0.0 if server_time is None else server_time - response.received_at
        self._skew = skew if abs(skew) > _SAME_TIME else 0.0
        return connection

    def _may_wait(self, key: Key) -> bool:
        """Say whether a fetch may wait for the rate limit's next window.

        A renewal for which nobody waits is tried again later, and who can be served a cached answer
        is served it at once.
        """
        flight = self._flights.get(key)
        is_background = flight is not None and flight.is_pinned and not flight.waiters
        return not (is_background or self._cache.is_alive(key))

    def _note_failure(self, ticket: Ticket, error: BaseException) -> None:
        # Also where a forced one was cancelled: it may have run.
        if ticket.forced or ends_entry(error):
            self._cache.drop_after(ticket)
        elif isinstance(error, NangoError):
            self._cache.postpone(ticket, spares=spares_entry(error))
        # Nango may refuse to renew by force and still give a token that needs no renewal.
        if isinstance(error, InvalidCredentialsError) and not ticket.forced:
            # Without the traceback, whose frames hold the answer's body.
            self._cache.remember(ticket, error.replica())


def ends_entry(error: BaseException) -> bool:
    """Say whether the connection is gone, or not for this API key."""
    return isinstance(error, _ENDS_ENTRY) and is_nangos_word(error)


def spares_entry(error: NangoError) -> bool:
    """Say whether Nango or the provider is in trouble, and the token that we hold is not."""
    return (
        error.retryable
        or not is_nangos_word(error)
        or (
            isinstance(error, TransportError | InvalidCredentialsError)
            and not isinstance(error, ReconnectRequiredError)
        )
    )


def _read(key: Key, response: Response) -> tuple[Connection, Response]:
    connection = decode(response, Connection)
    # A confused proxy may answer about something else.
    if connection.connection_id != key[0]:
        raise _misdirected("connection_id")
    if connection.provider_config_key != key[1]:
        raise _misdirected("provider_config_key")
    return connection, response


def _misdirected(name: str) -> DecodeError:
    return DecodeError(f"the answer names another {name} than was asked for", path=name)
