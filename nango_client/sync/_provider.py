"""Calls of a provider from code without asyncio: whole answers."""

import codecs
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, Unpack, final

from aiohttp import ClientError, ClientResponse
from multidict import MultiDictProxy
from yarl import URL

from nango_client._provider import session as asynchronous
from nango_client._provider.session import RequestOptions
from nango_client.exceptions import (
    ConnectionFailedError,
    InvalidArgumentError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from nango_client.sync._bridge import Bridge

MAX_BODY: Final = 64 * 2**20
_PORTION: Final = 64 * 1024


@final
class ProviderResponse:
    """A provider's whole answer, whatever its status.

    Example:
        >>> server.provider("github").respond("GET", "/user", json={"login": "ada"})
        >>> with server.sync_client() as client:
        ...     response = client.direct("user-42", "github").get("/user")
        >>> response.status, response.json()
        (200, {'login': 'ada'})
    """

    __slots__ = ("_response", "body")

    def __init__(self, response: ClientResponse, body: bytes) -> None:
        self._response = response
        self.body: bytes = body
        """The body, decompressed."""

    def __repr__(self) -> str:
        return f"<ProviderResponse {self.status}>"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; look-ups ignore case."""
        return self._response.headers

    @property
    def url(self) -> URL:
        """Where the answer came from, after redirects; some providers have their key in it."""
        return self._response.url

    @property
    def links(self) -> MultiDictProxy[MultiDictProxy[str | URL]]:
        """The ``Link`` header, by relation; a link can be called as it stands."""
        return self._response.links

    def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Give the body as text.

        Args:
            encoding: else the charset that the answer names, else UTF-8.
            errors: what to do with bytes that are none, as for `bytes.decode`.
        """
        return self.body.decode(encoding or _known(self._response.charset) or "utf-8", errors)

    def json(self) -> Any:
        """Give the body's JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Do nothing: all of it is in memory."""

    @property
    def reason(self) -> str | None:
        """What the provider says to the status."""
        return self._response.reason

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self._response.ok

    def raise_for_status(self) -> None:
        """Raise aiohttp's ``ClientResponseError`` where the status is 400 or more."""
        self._response.raise_for_status()


@final
class ProviderSession:
    """Calls of one connection's provider; see `nango_client.ProviderSession`.

    The keywords are the same; ``timeout`` is `TimeoutPolicy.total` where it is not given. An answer
    comes whole.

    Example:
        >>> server.provider("github").respond("GET", "/user", json={"login": "ada"})
        >>> with server.sync_client() as client:
        ...     print(client.proxy("user-42", "github").get("/user").json()["login"])
        ada
    """

    __slots__ = ("_bridge", "_max_body", "_name", "_twin")

    def __init__(
        self,
        bridge: Bridge,
        twin: Callable[[], asynchronous.ProviderSession],
        max_body: int,
    ) -> None:
        if not _is_size(max_body):
            raise InvalidArgumentError("max_body must be a whole number of bytes, 0 or more")
        self._bridge = bridge
        # Made anew for each call: a child process has another client.
        self._twin = twin
        self._max_body = max_body
        # Bad arguments are seen here and now.
        self._name = repr(twin())

    def __repr__(self) -> str:
        return self._name

    def request(
        self, method: str, path: str | URL, **options: Unpack[RequestOptions]
    ) -> ProviderResponse:
        """Call the provider with any method.

        Raises:
            InvalidArgumentError: nothing was sent: the arguments cannot be.
            TokenExpiredError: Nango has only a token that has ended.
            UnsupportedProviderError: the provider cannot be called directly.
            TransportError: no whole answer came.
            ResponseTooLargeError: it is over ``max_body``.
            NangoError: the credentials cannot be had, see `NangoClient.get_connection`.
        """
        call = self._bridge.call(self._whole, method, path, options)
        del method, path, options
        return call.result()

    def get(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with GET; see `request`."""
        call = self._bridge.call(self._whole, "GET", path, options)
        del path, options
        return call.result()

    def head(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with HEAD, directly: Nango's proxy does not know it; see `request`."""
        options.setdefault("allow_redirects", False)
        call = self._bridge.call(self._whole, "HEAD", path, options)
        del path, options
        return call.result()

    def post(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with POST; see `request`."""
        call = self._bridge.call(self._whole, "POST", path, options)
        del path, options
        return call.result()

    def put(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with PUT; see `request`."""
        call = self._bridge.call(self._whole, "PUT", path, options)
        del path, options
        return call.result()

    def patch(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with PATCH; see `request`."""
        call = self._bridge.call(self._whole, "PATCH", path, options)
        del path, options
        return call.result()

    def delete(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with DELETE; see `request`."""
        call = self._bridge.call(self._whole, "DELETE", path, options)
        del path, options
        return call.result()

    async def _whole(
        self, method: str, path: str | URL, options: RequestOptions
    ) -> ProviderResponse:
        options.setdefault("timeout", self._bridge.timeout.total)
        request = self._twin().request(method, path, **options)
        del method, path, options
        failure: TransportError | None = None
        portions: list[bytes] = []
        size = 0
        async with request as response:
            host = response.url.host
            try:
                async for portion in response.content.iter_chunked(_PORTION):
                    size += len(portion)
                    if size > self._max_body:
                        break
                    portions.append(portion)
            except TimeoutError:
                failure = RequestTimeoutError(f"the whole answer of {host} did not come in time")
            except (ClientError, OSError):
                failure = ConnectionFailedError(
                    f"{host} closed the connection before the whole answer had come"
                )
        if failure is not None:
            failure.host = host
            raise failure
        if size > self._max_body:
            raise ResponseTooLargeError(
                f"the answer is over {self._max_body:,} bytes: see max_body"
            )
        return ProviderResponse(response, b"".join(portions))


def _known(encoding: str | None) -> str | None:
    try:
        return codecs.lookup(encoding or "").name
    except (LookupError, ValueError):
        return None


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
