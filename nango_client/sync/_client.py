"""The synchronous client: its life, its cache hits, and what it does in its own way."""

import itertools
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, NoReturn, Self, SupportsIndex, final

import attrs
from yarl import URL

from nango_client import _client as asynchronous
from nango_client._clock import Clock
from nango_client._config import CachePolicy, RetryPolicy, TimeoutPolicy
from nango_client._credentials.cache import CacheInfo
from nango_client._credentials.shared import SharedCache
from nango_client._events import Event
from nango_client._provider.session import Pairs
from nango_client.exceptions import ClientClosedError, ConfigurationError
from nango_client.models import Connection
from nango_client.sync._bridge import Bridge
from nango_client.sync._generated import Methods
from nango_client.sync._provider import MAX_BODY, ProviderSession

_DEFAULT: Final = asynchronous.DefaultCache.POLICY


@final
class NangoClient(Methods):
    """A synchronous client of the Nango API, for any number of threads.

    Use it as ``with NangoClient() as nango``, or keep one for the life of the process and call
    ``nango.close()`` at its end. One event loop in a thread of its own does the work, made on the
    first call that needs it; a cached answer is given in the calling thread. It works before and
    after a fork, and where a loop runs already, which each call then blocks.

    Args:
        api_key: else the environment's ``NANGO_API_KEY``, else its ``NANGO_SECRET_KEY``.
        base_url: else ``NANGO_BASE_URL``, else ``NANGO_HOST``, else ``https://api.nango.dev``; a
            path in it is kept.
        timeout: time limits; `TimeoutPolicy` by default.
        retry: what is sent again, and when; `RetryPolicy` by default.
        cache: how long answers are served from memory; `CachePolicy` by default, None for not.
        session: has to be None: it belongs to one event loop.
        clock: where to read the time from; `SystemClock` by default.
        allow_insecure_http: accept an ``http://`` address that is not this machine's.
        on_event: is told of attempts, retries and cache outcomes, in the client's own thread.
        shared_cache: what processes share; see `SharedCache`.

    Raises:
        ConfigurationError: there is no usable API key, or another setting is unusable.

    Example:
        >>> with NangoClient(server.api_key, base_url=server.base_url) as nango:
        ...     token = nango.get_token("user-42", "algolia")
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
        cache: CachePolicy | asynchronous.DefaultCache | None = _DEFAULT,
        session: object = None,
        clock: Clock | None = None,
        allow_insecure_http: bool = False,
        on_event: Callable[[Event], None] | None = None,
        shared_cache: SharedCache | None = None,
    ) -> None:
        if session is not None:
            del api_key, base_url
            raise ConfigurationError(
                "session belongs to asyncio: the synchronous client has connections of its own"
            )
        key = _Hidden(api_key)
        del api_key

        def make() -> asynchronous.NangoClient:
            return asynchronous.NangoClient(
                key.value,
                base_url=base_url,
                timeout=timeout,
                retry=retry,
                cache=cache,
                clock=clock,
                allow_insecure_http=allow_insecure_http,
                on_event=on_event,
                shared_cache=shared_cache,
            )

        self._total = (timeout or TimeoutPolicy()).total
        # Counted without a lock: `next` is one step of the interpreter.
        self._hits = itertools.count()
        self._reads = 0
        self._reading = threading.Lock()
        super().__init__(Bridge(make))

    def __repr__(self) -> str:
        shown = repr(self._bridge.client())
        return shown.replace(" open>", " closed>") if self.closed else shown

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "a NangoClient holds an API key and connections and cannot be copied or pickled: "
            "make one in each process"
        )

    def __enter__(self) -> Self:
        if self.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._bridge.closed

    def close(self) -> None:
        """End the client: calls under way end within 1 s with `ClientClosedError`.

        May be called twice.
        """
        self._bridge.close()

    def get_connection(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with its credentials, fresh from Nango or from the cache.

        See `nango_client.NangoClient.get_connection`; a cached answer is given in this thread.

        Raises:
            NangoError: as there.
        """
        client = self._bridge.client()
        if not (force_refresh or include_refresh_token or refresh_github_app_jwt_token):
            try:
                found = client._hit((connection_id, provider_config_key))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            except TypeError:
                found = None  # An id without a hash: the client says what is wrong with it.
            if found is not None:
                next(self._hits)
                return found
        return self._bridge.call(
            client.get_connection,
            connection_id,
            provider_config_key,
            force_refresh=force_refresh,
            include_refresh_token=include_refresh_token,
            refresh_github_app_jwt_token=refresh_github_app_jwt_token,
        )

    def get_token(
        self, connection_id: str, provider_config_key: str, *, force_refresh: bool = False
    ) -> str:
        """Give the one string that authenticates at the provider.

        See `nango_client.NangoClient.get_token`; a cached one is given in this thread.

        Raises:
            NoTokenError: the credentials are not a single string, or there are none.
            TokenExpiredError: Nango has only a token that has ended.
            NangoError: as for `get_connection`.
        """
        connection = self.get_connection(
            connection_id, provider_config_key, force_refresh=force_refresh
        )
        return self._bridge.client()._token_of(connection)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def cache_info(self) -> CacheInfo:
        """Give the cache's counts since the client was made."""
        info = self._bridge.in_loop(self._bridge.client().cache_info)
        with self._reading:
            # Reading moves the counter on, too.
            hits = next(self._hits) - self._reads
            self._reads += 1
        return attrs.evolve(info, hits=info.hits + hits)

    def direct(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        max_body: int = MAX_BODY,
    ) -> ProviderSession:
        """Give calls that go straight to the provider, with the credentials put in here.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            base_url: instead of the provider's own. The credentials go there: never take it from
                data.
            headers: for each call; those of a call win.
            retries: how often a GET, HEAD, PUT or DELETE is sent again after a failure to connect,
                429, 502, 503 or 504.
            max_body: bytes that an answer may have.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.
        """
        twin = self._bridge.client().direct(
            connection_id, provider_config_key, base_url=base_url, headers=headers, retries=retries
        )
        return ProviderSession(self._bridge, twin, self._total, max_body)

    def proxy(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        retry_on: Iterable[int] = (),
        max_body: int = MAX_BODY,
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
            max_body: bytes that an answer may have.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.
        """
        twin = self._bridge.client().proxy(
            connection_id,
            provider_config_key,
            base_url=base_url,
            headers=headers,
            retries=retries,
            retry_on=retry_on,
        )
        return ProviderSession(self._bridge, twin, self._total, max_body)


@final
class _Hidden:
    """A value that no traceback shows."""

    __slots__ = ("value",)

    def __init__(self, value: str | None) -> None:
        self.value = value
