"""Calls of a provider from code without asyncio: whole answers."""

import json
from collections.abc import Mapping
from typing import Any, Final, Unpack, final

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

    def text(self) -> str:
        """Give the body as text, in the charset that the answer names, else in UTF-8."""
        return self.body.decode(self._response.charset or "utf-8")

    def json(self) -> Any:
        """Give the body's JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)

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

    __slots__ = ("_bridge", "_max_body", "_total", "_twin")

    def __init__(
        self, bridge: Bridge, twin: asynchronous.ProviderSession, total: float, max_body: int
    ) -> None:
        if max_body < 0:
            raise InvalidArgumentError("max_body must be 0 bytes or more")
        self._bridge = bridge
        self._twin = twin
        self._total = total
        self._max_body = max_body

    def __repr__(self) -> str:
        return repr(self._twin)

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
        options.setdefault("timeout", self._total)
        return self._bridge.call(self._whole, self._twin.request(method, path, **options))

    def get(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with GET; see `request`."""
        return self.request("GET", path, **options)

    def head(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with HEAD, directly: Nango's proxy does not know it; see `request`."""
        options.setdefault("allow_redirects", False)
        return self.request("HEAD", path, **options)

    def post(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with POST; see `request`."""
        return self.request("POST", path, **options)

    def put(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with PUT; see `request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with PATCH; see `request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with DELETE; see `request`."""
        return self.request("DELETE", path, **options)

    async def _whole(self, request: asynchronous.ProviderRequest) -> ProviderResponse:
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
