"""``GET /connection/{id}``: from the cache, from a fetch under way, or from Nango."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, final

from nango_client._cache import Key, Ticket, TokenCache, variants
from nango_client._converter import decode_connection
from nango_client._events import Reporter
from nango_client._headers import server_time
from nango_client._lifecycle import Lifecycle
from nango_client._protocol import Request, connection_request
from nango_client._requester import Requester
from nango_client._single_flight import SingleFlight
from nango_client.exceptions import (
    AuthenticationError,
    DecodeError,
    InvalidCredentialsError,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReconnectRequiredError,
    ServerError,
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
# Nango or the provider is in trouble; the token that we hold is not.
_SPARES_ENTRY: Final = (TransportError, ServerError, RateLimitError, InvalidCredentialsError)

# A key, and whether the fetch is forced: the two kinds never share an answer.
FlightKey = tuple[Key, bool]
Fetch = Callable[[], Coroutine[Any, Any, Connection]]


@final
class Connections:
    """The connections of your Nango environment, as ``client.connections``."""

    def __init__(
        self,
        requester: Requester,
        cache: TokenCache,
        fresh: Callable[[Key], Connection | None],
        flights: SingleFlight[FlightKey, Connection],
        lifecycle: Lifecycle,
        reporter: Reporter,
    ) -> None:
        self._requester = requester
        self._cache = cache
        self._fresh = fresh
        self._flights = flights
        self._lifecycle = lifecycle
        self._reporter = reporter

    async def get(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with credentials; the same as `NangoClient.get_connection`."""
        key = (
            connection_id,
            provider_config_key,
            include_refresh_token,
            refresh_github_app_jwt_token,
        )
        if not force_refresh and (connection := self._fresh(key)) is not None:
            return connection
        return await self._get_slowly(key, forced=force_refresh)

    def invalidate(self, connection_id: str | None, provider_config_key: str | None) -> int:
        """Drop what matches from the cache, and let nobody join a fetch that began before."""
        self._flights.forget_where(
            lambda flight: connection_id in {None, flight[0][0]}
            and provider_config_key in {None, flight[0][1]}
        )
        return self._cache.invalidate(connection_id, provider_config_key)

    async def _get_slowly(self, key: Key, *, forced: bool) -> Connection:
        self._lifecycle.enter()
        request = connection_request(
            key[0],
            key[1],
            force_refresh=forced,
            include_refresh_token=key[2],
            refresh_github_app_jwt_token=key[3],
        )
        fetch = partial(self._fetch, key, request)
        if not forced:
            found = self._cache.find(key)
            if found is not None:
                self._reporter.report("stale" if found.is_stale else "hit")
                if found.renewal_is_due and self._flights.launch((key, False), fetch):
                    self._cache.refreshes += 1
                    self._reporter.report("renewal")
                return found.connection
            remembered = self._cache.remembered_failure(key)
            if isinstance(remembered, NangoError):
                raise remembered.replica()
        return await self._wait_for(key, fetch, forced=forced)

    async def _wait_for(self, key: Key, fetch: Fetch, *, forced: bool) -> Connection:
        flight = (key, forced)
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
        connection = None
        if not forced and isinstance(failure, _SPARES_ENTRY):
            connection = self._cache.find_after_failure(key)
        if connection is None:
            raise failure
        self._reporter.report("stale")
        return connection

    async def _fetch(self, key: Key, request: Request) -> Connection:
        """Ask Nango and tell the cache how it went; runs in a task of its own."""
        ticket = self._cache.begin(key, forced=request.changes_state)
        try:
            response = await self._requester.fetch(request)
            connection = decode_connection(response)
            _check_identity(connection, key)
            self._cache.store(ticket, connection, server_time(response.headers, ticket.wall))
        except NangoError as error:
            self._note_failure(ticket, error)
            raise
        finally:
            self._cache.finish(ticket)
        if ticket.forced:
            # Their answers may still hold the token that was just replaced.
            for variant in variants(key):
                self._flights.forget((variant, False))
        return connection

    def _note_failure(self, ticket: Ticket, error: NangoError) -> None:
        if ticket.forced or isinstance(error, _ENDS_ENTRY):
            self._cache.drop_after(ticket)
        else:
            self._cache.postpone(ticket)
        if isinstance(error, InvalidCredentialsError):
            self._cache.remember(ticket, error)


def _check_identity(connection: Connection, key: Key) -> None:
    """Refuse an answer about something else than was asked for, as a confused proxy may give."""
    for name, asked in zip(("connection_id", "provider_config_key"), key[:2], strict=True):
        if getattr(connection, name) != asked:
            raise DecodeError(f"the answer names another {name} than was asked for", path=name)
