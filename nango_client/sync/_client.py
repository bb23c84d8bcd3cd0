"""The synchronous client: its life, its cache hits, and what it does in its own way."""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, NoReturn, Self, SupportsIndex, final

from yarl import URL

from nango_client import _client as asynchronous
from nango_client._clock import Clock
from nango_client._config import CachePolicy, RetryPolicy, TimeoutPolicy
from nango_client._credentials.cache import CacheInfo
from nango_client._credentials.shared import SharedCache
from nango_client._events import Event
from nango_client._provider.session import Pairs
from nango_client._provider.session import ProviderSession as AsyncProviderSession
from nango_client.exceptions import ClientClosedError, ConfigurationError
from nango_client.sync._bridge import SESSION, Bridge, Recipe
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
        on_event: is told of attempts, retries and cache outcomes, of hits in the
            caller's thread, of all else in the client's own; it must not call the client.
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
        recipe = Recipe(
            api_key,
            base_url=base_url,
            timeout=timeout,
            retry=retry,
            cache=cache,
            session=session,
            clock=clock,
            allow_insecure_http=allow_insecure_http,
            on_event=on_event,
            shared_cache=shared_cache,
        )
        del api_key, base_url
        super().__init__(Bridge(recipe))

    def __repr__(self) -> str:
        bridge: Bridge | None = getattr(self, "_bridge", None)
        # There is none where a setting was unusable.
        return "<NangoClient not set up>" if bridge is None else repr(bridge.client())

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
        client = self._bridge.client()
        if not force_refresh:
            found = self._bridge.hit(connection_id, provider_config_key)
            if found is not None:
                return client._token_of(found)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._bridge.call(
            client.get_token, connection_id, provider_config_key, force_refresh=force_refresh
        ).result()

    def cache_info(self) -> CacheInfo:
        """Give the cache's counts since the client was made."""
        return self._bridge.in_loop(self._bridge.client().cache_info)

    def direct(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        session: object = None,
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
            session: has to be None: it belongs to one event loop.
            max_body: bytes that an answer may have.

        Raises:
            ConfigurationError: there is a session.
            InvalidArgumentError: an argument is none that could be meant.
        """
        if session is not None:
            raise ConfigurationError(SESSION)

        def twin() -> AsyncProviderSession:
            return self._bridge.client().direct(
                connection_id,
                provider_config_key,
                base_url=base_url,
                headers=headers,
                retries=retries,
            )

        return ProviderSession(self._bridge, twin, max_body)

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
        # It is read again for each call.
        statuses = tuple(retry_on) if isinstance(retry_on, Iterator) else retry_on

        def twin() -> AsyncProviderSession:
            return self._bridge.client().proxy(
                connection_id,
                provider_config_key,
                base_url=base_url,
                headers=headers,
                retries=retries,
                retry_on=statuses,
            )

        return ProviderSession(self._bridge, twin, max_body)
