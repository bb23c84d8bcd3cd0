"""What ``client.direct`` and ``client.proxy`` give: calls of one connection's provider."""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from ssl import SSLContext
from types import TracebackType
from typing import Any, Protocol, TypedDict, Unpack, final

from aiohttp import (
    BasicAuth,
    ClientMiddlewareType,
    ClientResponse,
    ClientTimeout,
    Fingerprint,
)
from yarl import URL

from nango_client._provider.options import Options

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]


class RequestOptions(TypedDict, total=False):
    """The keywords of a call: those of `aiohttp.ClientSession.request`."""

    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | str | None
    """What the query gets; a key that the path has already is replaced."""
    json: Any
    """The body, as JSON; None for none."""
    data: Any
    """The body: bytes, a text, a form's fields, a file or an iterator."""
    headers: Pairs | None
    """They win over the provider's own and over the connection's credentials."""
    timeout: ClientTimeout | float | None
    """A number of seconds is for everything, the body of the answer included; None is no limit."""
    raise_for_status: bool | Callable[[ClientResponse], Awaitable[None]] | None
    allow_redirects: bool
    max_redirects: int
    cookies: Pairs | None
    auth: BasicAuth | None
    skip_auto_headers: Iterable[str] | None
    compress: str | bool | None
    chunked: bool | None
    expect100: bool
    read_until_eof: bool
    read_bufsize: int | None
    auto_decompress: bool | None
    max_line_size: int | None
    max_field_size: int | None
    proxy: str | URL | None
    proxy_auth: BasicAuth | None
    proxy_headers: Pairs | None
    ssl: SSLContext | bool | Fingerprint
    server_hostname: str | None
    trace_request_ctx: object
    middlewares: Sequence[ClientMiddlewareType] | None


class Way(Protocol):
    """How calls reach the provider."""

    name: str

    async def send(self, method: str, path: str | URL, options: Options) -> ClientResponse:
        """Give the provider's answer, its body unread.

        Raises:
            NangoError: there is none.
        """
        ...


@final
class ProviderRequest(Coroutine[Any, Any, ClientResponse]):
    """A call of a provider: await it, use it with ``async with``, or make a task of it.

    Awaited, it gives an `aiohttp.ClientResponse` whose body is unread: read it, release it, or use
    ``async with``, which does.

    Example:
        >>> server.provider("github").respond("GET", "/user", json={"login": "ada"})
        >>> github = nango.direct("user-42", "github")
        >>> request = github.get("/user")
        >>> async with request as response:
        ...     print(response.status)
        200
    """

    __slots__ = ("_response", "_send")

    def __init__(self, send: Coroutine[Any, Any, ClientResponse]) -> None:
        self._send = send
        self._response: ClientResponse

    def send(self, value: Any, /) -> Any:
        """Go on, as a coroutine."""
        return self._send.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception, as a coroutine."""
        return self._send.throw(*error)

    def close(self) -> None:
        """End, as a coroutine."""
        self._send.close()

    def __await__(self) -> Generator[Any, Any, ClientResponse]:
        return self._send.__await__()

    async def __aenter__(self) -> ClientResponse:
        self._response = await self._send
        return await self._response.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._response.__aexit__(kind, value, traceback)


@final
class ProviderSession:
    """Calls of one connection's provider; made by `NangoClient.direct` and `NangoClient.proxy`.

    The keywords of a call are those of `aiohttp.ClientSession.request`. A path is a text, which is
    percent-encoded where it must be, or a `yarl.URL`, which is taken as it is; it is joined to the
    provider's base URL and is never a template. The provider's status raises nothing, unless
    ``raise_for_status=True`` is passed.

    Example:
        >>> server.provider("github").respond("GET", "/user", json={"login": "ada"})
        >>> github = nango.direct("user-42", "github")
        >>> async with github.get("/user") as response:
        ...     print(response.status)
        200
    """

    __slots__ = ("_way",)

    def __init__(self, way: Way) -> None:
        self._way = way

    def __repr__(self) -> str:
        return f"<ProviderSession {self._way.name}>"

    def request(
        self, method: str, path: str | URL, **options: Unpack[RequestOptions]
    ) -> ProviderRequest:
        """Call the provider with any method.

        Raises:
            InvalidArgumentError: nothing was sent: the arguments cannot be.
            TokenExpiredError: Nango has only a token that has ended.
            UnsupportedProviderError: the provider cannot be called directly.
            TransportError: no answer came; `TransportError.host` did not give one.
            NangoError: the credentials cannot be had, see `NangoClient.get_connection`.
        """
        return ProviderRequest(self._way.send(method, path, Options(options)))

    def get(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderRequest:
        """Call the provider with GET; see `request`."""
        return ProviderRequest(self._way.send("GET", path, Options(options)))

    def head(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderRequest:
        """Call the provider with HEAD, directly: Nango's proxy does not know it; see `request`.

        Redirects are followed only with ``allow_redirects=True``.
        """
        options.setdefault("allow_redirects", False)
        return ProviderRequest(self._way.send("HEAD", path, Options(options)))

    def post(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderRequest:
        """Call the provider with POST; see `request`."""
        return ProviderRequest(self._way.send("POST", path, Options(options)))

    def put(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderRequest:
        """Call the provider with PUT; see `request`."""
        return ProviderRequest(self._way.send("PUT", path, Options(options)))

    def patch(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderRequest:
        """Call the provider with PATCH; see `request`."""
        return ProviderRequest(self._way.send("PATCH", path, Options(options)))

    def delete(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderRequest:
        """Call the provider with DELETE; see `request`."""
        return ProviderRequest(self._way.send("DELETE", path, Options(options)))
