"""Whole answers of providers, fetched in the client's own thread."""

import codecs
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, final

import aiohttp
import attrs
from aiohttp import ClientResponse, ClientTimeout
from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

from nango_client._provider.failures import failure_of
from nango_client._provider.pool import default_limits
from nango_client._provider.session import ProviderSession
from nango_client.exceptions import (
    ConfigurationError,
    InvalidArgumentError,
    NangoError,
    ResponseTooLargeError,
)
from nango_client.sync._bridge import SESSION, Bridge, Crossing

MAX_BODY: Final = 64 * 2**20


@final
class ProviderResponse:
    """A provider's whole answer; ``with`` works too, as with an answer of aiohttp.

    Example:
        >>> github = nango.direct("user-42", "github", base_url=provider_url)
        >>> response = github.get("/user")
        >>> response.status, response.ok
        (200, True)
    """

    __slots__ = ("_encoding", "_failure", "body", "headers", "links", "reason", "status", "url")

    status: int
    """The HTTP status."""
    reason: str | None
    """What the provider says to the status."""
    headers: CIMultiDictProxy[str]
    """The headers; their case does not matter."""
    url: URL
    """Where the answer came from; a provider whose key travels in the URL shows it here."""
    links: MultiDictProxy[MultiDictProxy[str | URL]]
    """The ``Link`` header, by ``rel``; each has its ``url``, for the next call."""
    body: bytes
    """The body, decompressed."""

    def __init__(self, response: ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.url = response.url
        self.links = response.links
        self.body = body
        self._encoding = _known(response.charset) or "utf-8"
        self._failure = aiohttp.ClientResponseError(
            response.request_info,
            response.history,
            status=response.status,
            message=response.reason or "",
            headers=response.headers,
        )

    def __repr__(self) -> str:
        return f"<ProviderResponse {self.status}>"

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
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400  # noqa: PLR2004

    def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Give the body as a text.

        Args:
            encoding: else what the answer says, else UTF-8.
            errors: what to do with bytes that are none, as for `bytes.decode`.

        Raises:
            UnicodeDecodeError: it is another encoding.
        """
        return self.body.decode(encoding or self._encoding, errors)

    def json(self) -> Any:
        """Give what the body says as JSON, whatever its content type.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(self.body)

    def raise_for_status(self) -> None:
        """Do nothing below 400.

        Raises:
            aiohttp.ClientResponseError: the status is 400 or above.
        """
        if not self.ok:
            raise self._failure.with_traceback(None)


@final
class Calls:
    """Calls of one connection's provider, each of which gives a whole answer.

    Args:
        bridge: to the client.
        session_of: makes the asynchronous calls, of whichever client the bridge leads to now.
        max_body: how large an answer's body may be, in bytes.
        read_limit: seconds between two reads, None for no limit.
        session: must be None.
    """

    def __init__(
        self,
        bridge: Bridge,
        session_of: Callable[[], ProviderSession],
        max_body: int,
        *,
        read_limit: float | None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        if session is not None:
            raise ConfigurationError(SESSION)
        if not _is_size(max_body):
            raise InvalidArgumentError("max_body must be a whole number of bytes, 0 or more")
        self._bridge = bridge
        self._session_of = session_of
        self._max_body = max_body
        limits = default_limits(bridge.timeout, own_pool=False)
        self._limits: ClientTimeout = attrs.evolve(
            limits, total=bridge.timeout.total, sock_read=read_limit
        )
        # Bad arguments show at once, and not with the first call.
        self._name = repr(session_of())

    def __repr__(self) -> str:
        return self._name

    def call(self, name: str, *args: Any, options: Mapping[str, Any]) -> Crossing[ProviderResponse]:
        """Give a call of a method of `ProviderSession`."""
        return self._bridge.call(self._fetch, name, args, {"timeout": self._limits, **options})

    async def _fetch(
        self, name: str, args: tuple[Any, ...], options: dict[str, Any]
    ) -> ProviderResponse:
        request = getattr(self._session_of(), name)(*args, **options)
        del args, options
        failure: NangoError
        async with request as response:
            host = response.url.host or ""
            try:
                return ProviderResponse(response, await self._read(response))
            except Exception as error:  # noqa: BLE001  as for what fails before
                failure = failure_of(error, host, response.method)
            response.close()
        raise failure

    async def _read(self, response: ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_body:
                raise ResponseTooLargeError(
                    f"the answer is over {self._max_body:,} bytes: see max_body="
                )
        return bytes(body)


def _known(encoding: str | None) -> str | None:
    try:
        return codecs.lookup(encoding or "").name
    except (LookupError, ValueError):
        return None


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
