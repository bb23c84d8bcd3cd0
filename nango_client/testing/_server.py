"""`MockNango`: the made-up Nango on a real socket."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from nango_client.testing._account.provider_api import ProviderApis
from nango_client.testing._account.webhooks import Outbox, deliver
from nango_client.testing._http import HttpThread
from nango_client.testing._state import NangoState

if TYPE_CHECKING:
    import aiohttp

    from nango_client import (
        CachePolicy,
        Clock,
        Event,
        NangoClient,
        RetryPolicy,
        SharedCache,
        TimeoutPolicy,
    )
    from nango_client.sync import NangoClient as SyncNangoClient


class ClientOptions(TypedDict, total=False):
    """The arguments of `NangoClient`."""

    api_key: str | None
    base_url: str | None
    timeout: "TimeoutPolicy | None"
    retry: "RetryPolicy | None"
    cache: "CachePolicy | None"
    session: "aiohttp.ClientSession | None"
    clock: "Clock | None"
    allow_insecure_http: bool
    on_event: "Callable[[Event], None] | None"
    shared_cache: "SharedCache | None"


class MockNango(NangoState):
    """A server on 127.0.0.1 that behaves like Nango; use it with ``with`` or ``async with``.

    It runs in a thread of its own, so tests may be synchronous or run under any event loop. Two at
    a time do not disturb each other.

    Args:
        rate_limit: requests a minute, after which the answer is a 429; None for no limit.
        scopes: the scopes of `api_key`, such as ``environment:connections:read``; None for all.
        port: where to listen; 0 for a free port.
        clock: what the time is read from; a `FakeClock` by default, which stands still until it is
            moved. With another one, such as ``SystemClock()``, time passes by itself, and
            `advance` comes on top.
        webhook_url: where the server sends webhooks, signed with `signing_key`: of connections that
            are made or renewed by the user, of renewals that fail, of runs of syncs that a client
            has started, and of actions that nobody waited for. They go out in the background, one
            after the other, up to three times each; None for none.

    Example:
        >>> with MockNango() as mock:
        ...     mock.add_connection("user-7", "slack", expires_in=60)
        ...     async with mock.client() as client:
        ...         token = await client.get_token("user-7", "slack")
        ...     print(token, mock.refresh_count("user-7", "slack"))
        fake-access-token-... 1
    """

    def __init__(
        self,
        rate_limit: int | None = None,
        scopes: Iterable[str] | None = None,
        *,
        port: int = 0,
        clock: "Clock | None" = None,
        webhook_url: str | None = None,
    ) -> None:
        super().__init__(rate_limit=rate_limit, scopes=scopes, clock=clock)
        self._account.of(Outbox).url = webhook_url
        self._wanted_port = port
        self._port: int | None = None
        self._http: HttpThread | None = None

    def __repr__(self) -> str:
        return f"<MockNango {self.base_url if self._port else 'not running'}>"

    @property
    def base_url(self) -> str:
        """Where the server is, such as ``http://127.0.0.1:49152``.

        Raises:
            RuntimeError: it is not running.
        """
        if self._port is None:
            raise RuntimeError("this MockNango is not running: use it in a `with` block")
        return f"http://127.0.0.1:{self._port}"

    def client(self, **options: Unpack[ClientOptions]) -> "NangoClient":
        """Make a client of this server, on the same clock.

        Args:
            options: as for `NangoClient`; they win over the server's address, key and clock.
        """
        from nango_client import NangoClient

        return NangoClient(**self._own_options() | options)

    def sync_client(self, **options: Unpack[ClientOptions]) -> "SyncNangoClient":
        """Make a synchronous client of this server, on the same clock.

        Args:
            options: as for `nango_client.sync.NangoClient`; they win over the server's address,
                key and clock.
        """
        from nango_client.sync import NangoClient

        return NangoClient(**self._own_options() | options)

    def _own_options(self) -> ClientOptions:
        return {"api_key": self.api_key, "base_url": self.base_url, "clock": self.clock}

    def start(self) -> None:
        """Start the server; `with` does it too.

        Raises:
            OSError: the port is taken, or no file descriptor is left.
            RuntimeError: it is running.
            Exception: whatever else kept it from starting, such as pytest-socket.
        """
        http = self._new_thread()
        started = http.start()
        try:
            started.result()
        except BaseException:
            http.abandon()
            raise
        self._run_at(http)

    def stop(self) -> None:
        """Stop the server and close all connections to it; `with` does it too."""
        if self._http is not None:
            self._http.stop()
            self._forget(self._http)

    def _run_at(self, http: HttpThread) -> None:
        self._http, self._port = http, http.port
        self._account.base_url = self.base_url
        self._account.of(ProviderApis).listen = http.listen
        self._account.of(Outbox).send = lambda url, webhook: http.in_background(
            lambda: deliver(url, webhook)
        )

    def _forget(self, http: HttpThread) -> None:
        http.join()
        self._http = self._port = None
        self._account.of(ProviderApis).stop()
        self._account.of(Outbox).send = None

    def _new_thread(self) -> HttpThread:
        if self._http is not None:
            raise RuntimeError("this MockNango is running already")
        return HttpThread(self.react, self._wanted_port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        http = self._new_thread()
        started = http.start()
        try:
            await asyncio.wrap_future(started)
        except BaseException:
            http.abandon()
            raise
        self._run_at(http)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await asyncio.wrap_future(self._http.stop())
            self._forget(self._http)
