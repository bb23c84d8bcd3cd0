"""A connection from the cache, from a fetch under way, or from Nango."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, NamedTuple, final

from nango_client._cache import Key, Ticket, TokenCache, variants
from nango_client._converter import decode_connection
from nango_client._events import Reporter
from nango_client._headers import date_of
from nango_client._lifecycle import Lifecycle
from nango_client._protocol import Request, Response, connection_request
from nango_client._requester import Requester
from nango_client._single_flight import SingleFlight
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

# The connection is gone, or not for this API key: what is cached of it must not be served.
_ENDS_ENTRY: Final = (
    ReconnectRequiredError,
    NotFoundError,
    AuthenticationError,
    PermissionDeniedError,
)

# `Date` has whole seconds and travels: only a larger difference is one of the clocks (seconds).
_SAME_TIME: Final = 2.0

# A key, and whether the fetch is forced: the two kinds never share an answer.
FlightKey = tuple[Key, bool]
Fetch = Callable[[], Coroutine[Any, Any, Connection]]


class _Answer(NamedTuple):
    connection: Connection
    server_time: float | None
    received_at: float


@final
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
        reports_hits: bool,
    ) -> None:
        self._requester = requester
        self._cache = cache
        self._flights: SingleFlight[FlightKey, Connection] = SingleFlight(_replica)
        self._lifecycle = lifecycle
        self._reporter = reporter
        self._time = time
        # How far the server's clock is ahead of ours.
        self._skew = 0.0
        self.fresh: Final = self._fresh_with_report if reports_hits else cache.fresh

    async def resolve(self, key: Key, *, forced: bool) -> Connection:
        """Give the connection of `key` where `fresh` had none, or was not asked.

        Written as one coroutine: each more would cost every cancelled caller an unwound frame.

        Raises:
            NangoError: it could not be had.
        """
        if self._lifecycle.enter():
            self._flights.abandon()
        # Any true value means True, and equal calls need equal keys.
        key, forced = (key[0], key[1], bool(key[2]), bool(key[3])), bool(forced)
        request = connection_request(
            key[0],
            key[1],
            force_refresh=forced,
            include_refresh_token=key[2],
            refresh_github_app_jwt_token=key[3],
        )
        flight = (key, forced)
        fetch = partial(self._fetch, key, request)
        if not forced and (connection := self._serve(flight, fetch)) is not None:
            return connection
        if flight in self._flights:
            self._cache.coalesced += 1
            self._reporter.report("coalesced")
        else:
            self._cache.misses += 1
            self._reporter.report("miss")
        try:
            return await self._flights.run(flight, fetch)
        except NangoError as error:
            failure = error
        if not forced and _spares_entry(failure):
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
            lambda flight: (
                connection_id in {None, flight[0][0]}
                and provider_config_key in {None, flight[0][1]}
            )
        )
        return self._cache.invalidate(connection_id, provider_config_key)

    async def close(self, error: NangoError) -> None:
        """Empty the cache and end all fetches; callers that wait get `error`."""
        self._cache.invalidate(None, None)
        if self._lifecycle.is_here():
            await self._flights.close(error)

    def _fresh_with_report(self, key: Key) -> Connection | None:
        connection = self._cache.fresh(key)
        if connection is not None:
            self._reporter.report("hit")
        return connection

    def _serve(self, flight: FlightKey, fetch: Fetch) -> Connection | None:
        """Give what may be served without waiting, and begin a renewal where one is due.

        Raises:
            NangoError: a recent fetch failed with it, and it is remembered.
        """
        found = self._cache.find(flight[0])
        if found is not None:
            self._reporter.report("stale" if found.is_stale else "hit")
            if found.renewal_is_due and self._flights.launch(flight, fetch):
                self._cache.refreshes += 1
                self._reporter.report("renewal")
            return found.connection
        remembered = self._cache.remembered_failure(flight[0])
        if remembered is not None:
            raise _replica(remembered)
        return None

    async def _fetch(self, key: Key, request: Request) -> Connection:
        """Ask Nango and tell the cache how it went; runs in a task of its own."""
        ticket = self._cache.begin(key, forced=request.changes_state)
        try:
            answer = await self._requester.fetch(request, partial(_read, key))
            self._cache.store(ticket, answer.connection, answer.server_time)
        except BaseException as error:
            self._note_failure(ticket, error)
            raise
        finally:
            self._cache.finish(ticket)
            if ticket.forced:
                # Their answers may still hold the token that was just replaced.
                for variant in variants(key[:2]):
                    self._flights.forget((variant, False))
        skew = (answer.server_time or answer.received_at) - answer.received_at
        self._skew = skew if abs(skew) > _SAME_TIME else 0.0
        return answer.connection

    def _note_failure(self, ticket: Ticket, error: BaseException) -> None:
        # Also where a forced one was cancelled: it may have run.
        if ticket.forced or isinstance(error, _ENDS_ENTRY):
            self._cache.drop_after(ticket)
        elif isinstance(error, NangoError):
            self._cache.postpone(ticket, spares=_spares_entry(error))
        # Nango may refuse to renew by force and still give a token that needs no renewal.
        if isinstance(error, InvalidCredentialsError) and not ticket.forced:
            # Without the traceback, whose frames hold the answer's body.
            self._cache.remember(ticket, error.replica())


def _spares_entry(error: NangoError) -> bool:
    """Say whether Nango or the provider is in trouble, and the token that we hold is not."""
    return error.retryable or (
        isinstance(error, TransportError | InvalidCredentialsError)
        and not isinstance(error, ReconnectRequiredError)
    )


def _read(key: Key, response: Response) -> _Answer:
    connection = decode_connection(response)
    # A confused proxy may answer about something else.
    for name, asked in zip(("connection_id", "provider_config_key"), key[:2], strict=True):
        if getattr(connection, name) != asked:
            raise DecodeError(f"the answer names another {name} than was asked for", path=name)
    return _Answer(connection, date_of(response.headers), response.received_at)


def _replica(error: BaseException) -> BaseException:
    return error.replica() if isinstance(error, NangoError) else error
