"""The client: builds the parts, owns their life, and is the front door."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import TracebackType
from typing import Any, Final, NoReturn, Self, SupportsIndex, TypeVar, final

import aiohttp
from yarl import URL

from nango_client._clock import Clock, SystemClock
from nango_client._config import CachePolicy, RetryPolicy, TimeoutPolicy, read_settings
from nango_client._credentials.cache import CacheInfo, TokenCache
from nango_client._credentials.fleet import FleetLookup
from nango_client._credentials.keys import FORCE_REFRESH, INCLUDE_REFRESH, RENEW_GITHUB, Key
from nango_client._credentials.lookup import Lookup
from nango_client._credentials.shared import SharedCache
from nango_client._credentials.tokens import token_of
from nango_client._events import Event, Reporter
from nango_client._http.calls import Calls
from nango_client._http.lifecycle import Lifecycle
from nango_client._http.rate_limit import RateLimitGate
from nango_client._http.requester import Requester
from nango_client._http.requirements import check_aiohttp
from nango_client._http.retry import Retrier
from nango_client._http.transport import AiohttpTransport
from nango_client._provider.auth import ProviderAuth
from nango_client._provider.doors import Doors
from nango_client._provider.session import Pairs, ProviderSession
from nango_client._resources.actions import Actions
from nango_client._resources.connect_sessions import ConnectSessions
from nango_client._resources.connections import Connections
from nango_client._resources.environment import Environment
from nango_client._resources.functions import Functions
from nango_client._resources.integrations import Integrations
from nango_client._resources.providers import Providers
from nango_client._resources.records import Records
from nango_client._resources.syncs import Syncs
from nango_client._resources.writes import Writes
from nango_client.exceptions import (
    ClientClosedError,
    ConfigurationError,
    InvalidArgumentError,
    NangoError,
)
from nango_client.models import AuthWebhook, Connection, PreparedRequest, WebhookEvent

_T = TypeVar("_T")


class DefaultCache(Enum):
    """What stands for a cache that was not chosen."""

    POLICY = "CachePolicy()"


@final
class NangoClient:
    """An asynchronous client of the Nango API.

    Use it as ``async with NangoClient() as nango``, or keep one for the life of the process and
    ``await nango.close()`` at its end. Connections to the server are opened on the first call.

    Args:
        api_key: else the environment's ``NANGO_API_KEY``, else its ``NANGO_SECRET_KEY``.
        base_url: else ``NANGO_BASE_URL``, else ``NANGO_HOST``, else ``https://api.nango.dev``; a
            path in it is kept.
        timeout: time limits; `TimeoutPolicy` by default.
        retry: what is sent again, and when; `RetryPolicy` by default.
        cache: how long answers are served from memory; `CachePolicy` by default, None for not.
        session: an aiohttp session of yours to send with; it is never closed here.
        clock: where to read the time from; `SystemClock` by default.
        allow_insecure_http: accept an ``http://`` address that is not this machine's.
        on_event: is told of attempts, retries and cache outcomes; its exceptions are only logged.
        shared_cache: a second cache, which the processes of a fleet share; it is never closed here.

    Raises:
        ConfigurationError: there is no usable API key, or another setting is unusable.

    Example:
        >>> async with NangoClient(server.api_key, base_url=server.base_url) as nango:
        ...     token = await nango.get_token("user-42", "algolia")
        >>> token
        'fake-api-key-...'
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: TimeoutPolicy | None = None,
        retry: RetryPolicy | None = None,
        cache: CachePolicy | DefaultCache | None = DefaultCache.POLICY,
        session: aiohttp.ClientSession | None = None,
        clock: Clock | None = None,
        allow_insecure_http: bool = False,
        on_event: Callable[[Event], None] | None = None,
        shared_cache: SharedCache | None = None,
    ) -> None:
        # First, because the `repr` has to work when one of the checks below fails.
        self._lifecycle = Lifecycle()
        self._base_url = "not set up"
        settings = read_settings(api_key, base_url, allow_insecure_http=allow_insecure_http)
        # A traceback with captured locals must not show the key, nor a password in the URL.
        del api_key, base_url
        if isinstance(settings, str):
            raise ConfigurationError(settings)
        check_aiohttp()
        timeout = _checked(timeout, TimeoutPolicy, "timeout") or TimeoutPolicy()
        retry = _checked(retry, RetryPolicy, "retry") or RetryPolicy()
        if cache is DefaultCache.POLICY:
            cache = CachePolicy()
        cache = _checked(cache, CachePolicy, "cache")
        session = _checked(session, aiohttp.ClientSession, "session")
        clock = clock or SystemClock()
        if not isinstance(clock, Clock):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("clock must have the methods time() and monotonic()")
        if on_event is not None and not callable(on_event):
            raise ConfigurationError("on_event must be callable")
        shared_cache = _checked(shared_cache, SharedCache, "shared_cache")
        if shared_cache is not None and cache is None:
            raise ConfigurationError("shared_cache needs the cache in memory: not with cache=None")

        self._base_url = str(settings.base_url)
        reporter = self._reporter = Reporter(on_event)
        self._transport = AiohttpTransport(settings, timeout, clock, session)
        self._gate = RateLimitGate(retry, clock.time)
        self._gate.pools.append(self._transport)
        retrier = Retrier(retry, reporter, time=clock.time)
        self._cache = TokenCache(cache, clock)
        requester = Requester(self._transport, timeout, retrier, reporter, self._gate)
        if shared_cache is None or cache is None:
            self._lookup = Lookup(
                requester, self._cache, self._lifecycle, reporter, time=clock.time
            )
        else:
            self._lookup = FleetLookup(
                requester,
                self._cache,
                self._lifecycle,
                reporter,
                clock=clock,
                policy=cache,
                timeout=timeout,
                settings=settings,
                shared=shared_cache,
            )
        # Where hits are reported, none is served without `ask`.
        self._entries: Final = self._cache.entries if on_event is None else {}
        calls = Calls(requester, self._lifecycle, time=clock.time)
        writes = Writes(calls, self.invalidate, self._lookup.settle)
        self.connections: Final = Connections(calls, writes, self.get_connection)
        self.connect_sessions: Final = ConnectSessions(calls)
        self.integrations: Final = Integrations(calls, writes)
        self.providers: Final = Providers(calls)
        self.environment: Final = Environment(calls)
        self.functions: Final = Functions(calls)
        self.records: Final = Records(calls)
        self.syncs: Final = Syncs(calls)
        self.actions: Final = Actions(calls)
        self._doors = Doors(
            settings=settings,
            timeout=timeout,
            retry=retry,
            cache_policy=cache,
            clock=clock,
            reporter=reporter,
            lifecycle=self._lifecycle,
            retrier=retrier,
            gate=self._gate,
            lookup=self._lookup,
            get_connection=self.get_connection,
            providers=self.providers,
            integrations=self.integrations,
        )

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<NangoClient {self._base_url} {state}>"

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "a NangoClient holds an API key and connections and cannot be copied or pickled: "
            "make one in each process"
        )

    async def __aenter__(self) -> Self:
        if self.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._lifecycle.closed

    async def close(self) -> None:
        """End the client: calls under way end within 1 s with `ClientClosedError`.

        A borrowed session stays open. May be called twice.
        """
        closed = ClientClosedError("the NangoClient was closed")
        try:
            self._cache.invalidate(None, None)
            await self._lifecycle.close(closed)
        finally:
            self._gate.close(closed)
            try:
                await self._doors.close()
            finally:
                await self._transport.close()

    async def get_connection(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with its credentials, fresh from Nango or from the cache.

        What Nango answers is given as it is, also a token that has ended already
        (``connection.credentials.is_expired(now)``); such a one is never cached.

        Args:
            connection_id: the connection's id, at most 255 characters; ``.`` and ``..`` cannot be
                asked for, because proxies take them for parts of the path.
            provider_config_key: the integration's key.
            force_refresh: skip the cache and make Nango get a new token from the provider.
            include_refresh_token: ask for the refresh token too; this refreshes nothing.
            refresh_github_app_jwt_token: make Nango sign a new token of the GitHub app.

        Raises:
            InvalidArgumentError: Nango could not know such an id; nothing was sent.
            NotFoundError: there is no such connection.
            InvalidCredentialsError: Nango could not renew the credentials.
            NangoError: any other failure, see `nango_client.exceptions`.
        """
        key: Key = (connection_id, provider_config_key)
        if not (force_refresh or include_refresh_token or refresh_github_app_jwt_token):
            # Nearly all calls end here. It is written out, because a function would cost a tenth.
            try:
                entry = self._entries.get(key)
            except TypeError:
                entry = None  # An id without a hash: `ask` says what is wrong with it.
            if entry is not None:
                cache = self._cache
                # CPython calls a local variable faster than an attribute that is no method.
                time, monotonic = cache.time, cache.monotonic
                if time() < entry.fast_wall and monotonic() < entry.fast_monotonic:
                    entry.used = next(cache.ticks)
                    return entry.connection
        if include_refresh_token:
            key += (INCLUDE_REFRESH,)
        if refresh_github_app_jwt_token:
            key += (RENEW_GITHUB,)
        if force_refresh:
            key += (FORCE_REFRESH,)
        found = self._lookup.ask(key)
        if isinstance(found, Connection):
            return found
        # Written out too: of 10,000 callers cancelled at once, each would unwind a frame more.
        waiter = found.join()
        try:
            return await waiter
        except NangoError as error:
            failure = error
        except BaseException:
            found.leave(waiter)
            raise
        return self._lookup.after_failure(key, failure)

    async def get_token(
        self, connection_id: str, provider_config_key: str, *, force_refresh: bool = False
    ) -> str:
        """Give the one string that authenticates at the provider.

        That is the access token, token, API key or session id; for credentials of an app and a
        user, the app's token, else the user's.

        Raises:
            NoTokenError: the credentials are not a single string, or there are none.
            TokenExpiredError: Nango has only a token that has ended.
            NangoError: as for `get_connection`.
        """
        connection = await self.get_connection(
            connection_id, provider_config_key, force_refresh=force_refresh
        )
        return self._token_of(connection)

    def _token_of(self, connection: Connection) -> str:
        return token_of(connection, self._lookup.now())

    def _hit(self, key: Key) -> Connection | None:
        """Give what may be served at once; any thread may ask, beside the event loop's."""
        cache = self._cache
        try:
            entry = cache.entries.get(key)
        except TypeError:
            return None  # An id without a hash: `ask` says what is wrong with it.
        if entry is None:
            return None
        if cache.time() < entry.fast_wall and cache.monotonic() < entry.fast_monotonic:
            entry.used = next(cache.ticks)
            if self._reporter.is_heard():
                self._reporter.report("hit")
            return entry.connection
        return None

    def _adopt_cache(self, other: "NangoClient") -> None:
        """Take over what another client holds in memory: this process is a copy of its."""
        self._cache.adopt(other._cache)  # noqa: SLF001

    def direct(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        session: aiohttp.ClientSession | None = None,
    ) -> ProviderSession:
        """Give calls that go straight to the provider, with the credentials put in here.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            base_url: instead of the provider's own; it may be http, since code says so. The
                credentials go there: never take it from data.
            headers: for each call; those of a call win.
            retries: how often a GET, HEAD, PUT or DELETE is sent again after a failure to connect,
                429, 502, 503 or 504.
            session: an aiohttp session of yours for these calls; it is never closed here.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.

        Example:
            >>> github = nango.direct("user-42", "github")
            >>> async with github.get("/user/repos", params={"per_page": 100}) as response:
            ...     repos = await response.json()
        """
        return self._doors.direct(
            connection_id,
            provider_config_key,
            base_url=base_url,
            headers=headers,
            retries=retries,
            session=session,
        )

    def proxy(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        retry_on: Iterable[int] = (),
    ) -> ProviderSession:
        """Give the same calls through Nango's proxy.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            base_url: instead of the provider's own. The credentials go there: never take it from
                data.
            headers: for each call; those of a call win.
            retries: how often Nango sends a GET, PUT or DELETE again.
            retry_on: statuses at which it does, besides 401, 429 and 5xx.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.

        Example:
            >>> github = nango.proxy("user-42", "github", retries=2)
            >>> github
            <ProviderSession proxy>
        """
        return self._doors.proxy(
            connection_id,
            provider_config_key,
            base_url=base_url,
            headers=headers,
            retries=retries,
            retry_on=retry_on,
        )

    def auth(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
    ) -> ProviderAuth:
        """Give an aiohttp middleware that does what `direct` does, for sessions of yours.

        It concerns each request to the origin of the provider's base URL, and leaves others alone.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            base_url: instead of the provider's own.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.

        Example:
            >>> auth = nango.auth("user-42", "github")
            >>> async with aiohttp.ClientSession(middlewares=(auth,)) as session:
            ...     async with session.get("https://api.github.com/user") as response:
            ...         user = await response.json()
        """
        return self._doors.auth(connection_id, provider_config_key, base_url=base_url)

    async def prepare(
        self,
        connection_id: str,
        provider_config_key: str,
        method: str,
        path: str | URL,
        *,
        params: Mapping[str, Any] | Iterable[tuple[str, Any]] | str | None = None,
        headers: Pairs | None = None,
        json: Any = None,
        data: bytes | None = None,
        base_url: str | URL | None = None,
    ) -> PreparedRequest:
        """Give the request that `direct` would send, for any other HTTP library.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            method: of HTTP.
            path: below the base URL; a `yarl.URL` is not encoded again.
            params: what the query gets.
            headers: yours; they win.
            json: the body, as JSON.
            data: the body.
            base_url: instead of the provider's own.

        Raises:
            InvalidArgumentError: an argument cannot be sent.
            TokenExpiredError: Nango has only a token that has ended.
            UnsupportedProviderError: the provider cannot be called directly.
            NangoError: as for `get_connection`.

        Example:
            >>> request = await nango.prepare("user-42", "github", "GET", "/user")
            >>> request  # the token does not show
            PreparedRequest(method='GET')
        """
        return await self._doors.prepare(
            connection_id,
            provider_config_key,
            method,
            path,
            params=params,
            headers=headers,
            json=json,
            data=data,
            base_url=base_url,
        )

    def invalidate(
        self, connection_id: str | None = None, provider_config_key: str | None = None
    ) -> int:
        """Drop cached answers and remembered failures; give the number of answers dropped.

        Call it when a connection was changed or deleted, as Nango's webhook tells; where a provider
        refuses a token, it takes ``force_refresh`` to get another one. None matches everything. A
        fetch under way is not cached, and later calls do not wait for it.
        """
        self._doors.forget_secrets(provider_config_key)
        return self._lookup.invalidate(connection_id, provider_config_key)

    def invalidate_for(self, event: WebhookEvent) -> int:
        """Drop what a webhook says is replaced, as `invalidate` does; give the number dropped.

        That is the connection that was made, made again, or renewed after a failure. Any other
        event drops nothing: a renewal that failed says nothing about the token that is cached,
        and Nango announces every failed try.

        Args:
            event: what `nango_client.webhooks.receive` gave.
        """
        if not isinstance(event, WebhookEvent):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError("event must be what webhooks.receive gave")
        match event:
            case (
                AuthWebhook(operation="creation" | "override")
                | AuthWebhook(operation="refresh", success=True)
            ):
                return self.invalidate(event.connection_id, event.provider_config_key)
            case _:
                return 0

    async def invalidate_shared(
        self, connection_id: str | None = None, provider_config_key: str | None = None
    ) -> int:
        """Drop what matches here and in the shared cache, and wait for it.

        Other processes serve what they hold in memory for ``local_max_age`` seconds at most.

        Args:
            connection_id: a connection's id; None matches everything.
            provider_config_key: an integration's key; None matches everything.

        Returns:
            The number of answers that the shared cache dropped.

        Raises:
            ConfigurationError: this client has no ``shared_cache``.
            TransportError: the store could not be told. This process counts what it holds as
                absent, and tells it with a later call; others may go on serving it.
        """
        if not isinstance(self._lookup, FleetLookup):
            raise ConfigurationError("this NangoClient has no shared_cache")
        self._doors.forget_secrets(provider_config_key)
        return await self._lookup.invalidate_shared(connection_id, provider_config_key)

    def cache_info(self) -> CacheInfo:
        """Give the cache's counts since the client was made."""
        return self._cache.info()


def _checked(value: _T | None, kind: type[_T], name: str) -> _T | None:
    if value is not None and not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be a {kind.__name__}")
    return value
