"""Requests out, answers in. The only file that touches aiohttp's client.

aiohttp's exceptions stay here: their texts and frames show request headers, so they are translated
in one place and never chained.
"""

import asyncio
import math
import ssl
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
from aiohttp import ClientRequest, ClientResponse, ClientSession, ClientTimeout
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from nango_client._clock import Clock
from nango_client._config import Settings, TimeoutPolicy
from nango_client._http.deadlines import Deadlines
from nango_client._http.lifecycle import cancelled_from_outside, current_loop
from nango_client._http.protocol import Request, Response
from nango_client._http.sealed import Hidden, SealedHeaders, sealing_requests
from nango_client._http.slots import HeldBackError, Slots
from nango_client._http.sockets import make_socket
from nango_client._version import VERSION
from nango_client.exceptions import (
    ClientClosedError,
    ConnectionFailedError,
    DecodeError,
    NangoError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)

if TYPE_CHECKING:
    # Older versions lack them; `check_aiohttp` says so, once all can be imported.
    from aiohttp import ClientHandlerType, ClientMiddlewareType

MAX_BODY: Final = 4 * 1024 * 1024

# Turns of the event loop in which all that the kernel knows of a connection reaches aiohttp: with
# asyncio three for the end of a TLS connection, twice that inside another one to a proxy.
_TURNS_TO_CATCH_UP: Final = 8


class Transport(Protocol):
    """What the requester needs of an HTTP client."""

    async def send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        """Send `request` once and give the whole answer, whatever its status.

        Raises:
            HeldBackError: `hold_back` was called before it was sent.
            TransportError: no usable answer came within `timeout` seconds.
            DecodeError: a successful answer's body is too large or badly encoded.
        """
        ...

    async def close(self) -> None:
        """Close what this transport opened."""
        ...


class AiohttpTransport:
    """A transport on one pooled aiohttp session, its own or a borrowed one."""

    def __init__(
        self,
        settings: Settings,
        timeout: TimeoutPolicy,
        clock: Clock,
        session: ClientSession | None,
    ) -> None:
        url = settings.base_url
        self._scheme, self._authority = url.scheme, url.raw_authority
        self._host = url.host
        self._prefix = url.raw_path.rstrip("/")
        self._authorization = Hidden(f"Bearer {settings.api_key}")
        self._connect_timeout = timeout.connect
        limits = ClientTimeout(
            # The pool's queue is left out: it is no sign that the server is unreachable.
            sock_connect=timeout.connect,
            # aiohttp rounds longer limits up to whole seconds by default.
            ceil_threshold=float("inf"),
        )
        self._options: dict[str, Any] = {"allow_redirects": False, "timeout": limits}
        self._time = clock.time
        self._borrowed = session
        self._keeper: AsyncGenerator[tuple[ClientSession, ClientSession]] | None = None
        self._session: ClientSession | None = None
        # For requests that may not run twice, and what they are sent with.
        self._fresh_session: ClientSession | None = None
        self._fresh_options: dict[str, Any] = self._options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadlines: Deadlines | None = None
        self._slots = Slots(0)

    async def send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        session, deadlines = self._session, self._deadlines
        if (
            session is None
            or deadlines is None
            or session.closed
            or self._loop is not asyncio.get_running_loop()
        ):
            session, deadlines = await self._open()
        options = self._options
        if request.runs_once:
            session, options = self._fresh_session or session, self._fresh_options
        url = URL.build(
            scheme=self._scheme,
            authority=self._authority,
            path=self._prefix + request.path,
            query_string=request.query,
            encoded=True,
        )
        failure: NangoError
        is_late = False
        task = deadlines.start(timeout)
        try:
            try:
                slots = self._slots
                if slots.free > 0:
                    slots.free -= 1
                else:
                    await slots.take()
                try:
                    if request.method == "GET" and request.headers is None:
                        answer = await session.get(url, **options)
                    else:
                        options = self._options_for(request, options)
                        answer = await session.request(
                            request.method, url, data=request.body, **options
                        )
                    body = await _read(answer)
                finally:
                    slots.give_back()
            finally:
                is_late = deadlines.stop(task)
            return Response(answer.status, answer.headers, body, self._time())
        except asyncio.CancelledError:
            if is_late:
                failure = self._translate(TimeoutError(), timeout)
            elif task.cancelling():
                raise
            else:
                failure = cancelled_from_outside()
        except HeldBackError:
            raise
        except Exception as error:  # noqa: BLE001  nothing of aiohttp may leave this file
            failure = self._translate(error, timeout)
        if isinstance(failure, TransportError):
            failure.host = self._host
        raise failure

    def hold_back(self) -> int:
        """Give those requests back, unsent, that wait for a connection; give how many."""
        return self._slots.hold_back()

    async def close(self) -> None:
        keeper, self._keeper = self._keeper, None
        self._session = self._fresh_session = None
        if self._deadlines is None or self._loop is not current_loop():
            return
        self._deadlines.close()
        if keeper is not None:
            await keeper.aclose()

    async def _open(self) -> tuple[ClientSession, Deadlines]:
        """Get ready for the running event loop."""
        if self._borrowed is None:
            self._keeper = _keep_sessions(self._authorization)
            session, self._fresh_session = await anext(self._keeper)
        elif self._borrowed.closed:
            raise ClientClosedError("the aiohttp session that this client borrowed is closed")
        else:
            session = self._borrowed
            self._options |= self._overrides(self._borrowed)
            *others, authorize = self._options["middlewares"]
            self._fresh_options = self._options | {"middlewares": (*others, _catch_up, authorize)}
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(self._loop)
        self._slots = Slots(_pool_size(session))
        return session, self._deadlines

    @staticmethod
    def _options_for(request: Request, options: dict[str, Any]) -> dict[str, Any]:
        """Give the options of a request that is more than a plain GET."""
        headers = {**options.get("headers", {}), **(request.headers or {})}
        options = {**options, "headers": headers}
        if request.session_token is not None:
            *others, _ = options.get("middlewares", (None,))
            authorization = Hidden(f"Bearer {request.session_token}")
            options["middlewares"] = (*others, _authorizer(authorization))
        if request.body is None:
            # aiohttp gives a POST without a body a type that the server refuses.
            options["skip_auto_headers"] = ("Content-Type",)
        else:
            headers["Content-Type"] = "application/json"
        return options

    def _overrides(self, session: ClientSession) -> dict[str, Any]:
        """Give what a borrowed session may do differently from ours."""
        headers = _headers()
        if "Content-Type" in session.headers:
            # A default of the session; Nango answers 415 to any other type.
            headers["Content-Type"] = "application/json"
        # Middlewares given with a request replace the session's own, and there is no public way to
        # ask for those.
        middlewares = getattr(session, "_middlewares", None) or ()
        return {
            "headers": headers,
            "middlewares": (*middlewares, _authorizer(self._authorization)),
            "raise_for_status": False,
            "auto_decompress": True,
        }

    def _translate(self, error: Exception, timeout: float) -> NangoError:
        """Give our error for one of aiohttp's; it may not quote texts that aiohttp made."""
        match error:
            case _BodyTooLargeError():
                return ResponseTooLargeError(f"the answer is over {MAX_BODY >> 20} MiB")
            case aiohttp.ClientPayloadError() if _is_unreadable(error):
                return DecodeError("the answer's body is not encoded as its Content-Encoding says")
            case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
                return ConnectionFailedError(
                    "the server's TLS certificate could not be verified: check base_url and the "
                    "certificate authorities of this machine",
                    may_have_run=False,
                    retryable=False,
                )
            case aiohttp.ConnectionTimeoutError():
                return RequestTimeoutError(
                    f"no connection to {self._authority} within {self._connect_timeout:g} s",
                    may_have_run=False,
                )
            case TimeoutError():
                return RequestTimeoutError(
                    f"no whole answer from {self._authority} within {timeout:.3g} s"
                )
            case aiohttp.ClientConnectorDNSError():
                return ConnectionFailedError(
                    f"the host name in {self._authority} could not be resolved: check base_url",
                    may_have_run=False,
                )
            case aiohttp.ClientConnectorError():
                return ConnectionFailedError(
                    f"could not connect to {self._authority} ({type(error.os_error).__name__})",
                    may_have_run=False,
                )
            case aiohttp.ClientHttpProxyError():
                return ConnectionFailedError(
                    f"the proxy refused to connect (HTTP {error.status})", may_have_run=False
                )
            case _BrokenConnectionError() | aiohttp.ClientPayloadError() | OSError():
                return ConnectionFailedError(
                    f"{self._authority} closed the connection before the whole answer had come"
                )
            case aiohttp.ClientResponseError():
                return TransportError(f"what {self._authority} answered is not HTTP")
            case _:
                return TransportError(f"the HTTP client failed ({type(error).__name__})")


def _authorizer(authorization: Hidden) -> "ClientMiddlewareType":
    """Make a middleware that sets the key last and sends only once.

    It comes after what a borrowed session or netrc set. Our own session has requests that bring the
    key, and `_Answer`.
    """

    async def authorize_once(
        request: ClientRequest, handler: "ClientHandlerType"
    ) -> ClientResponse:
        request.headers = SealedHeaders.of(request.headers, authorization)
        try:
            return await handler(request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            raise _BrokenConnectionError from None

    return authorize_once


class _BrokenConnectionError(aiohttp.ClientError):
    """The connection broke after the request had begun to leave."""


class _Answer(ClientResponse):
    """An answer that aiohttp does not ask for again when the connection breaks.

    It repeats such a GET by itself; only our own retries know what may run twice.
    """

    async def start(self, connection: Any) -> ClientResponse:
        try:
            return await super().start(connection)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            raise _BrokenConnectionError from None


class _BodyTooLargeError(Exception):
    """The body is over `MAX_BODY`."""


async def _keep_sessions(
    authorization: Hidden,
) -> AsyncGenerator[tuple[ClientSession, ClientSession]]:
    """Yield two sessions that end with this generator, one with a pool and one without.

    Event loops close their asynchronous generators before they end (`asyncio.run` does), so a
    client that was not closed leaves no connection behind and no warning.

    A pooled connection may be dead, and nobody can know: its end may still be on the way, or was
    lost while the machine slept. So a request that may not run twice gets a connection of its own.
    """
    requests = sealing_requests(authorization)

    def session(connector: aiohttp.TCPConnector) -> ClientSession:
        return ClientSession(
            connector=connector,
            headers=_headers(),
            request_class=requests,
            response_class=_Answer,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async with (
        session(aiohttp.TCPConnector(socket_factory=make_socket)) as pooled,
        session(aiohttp.TCPConnector(socket_factory=make_socket, force_close=True)) as fresh,
    ):
        yield pooled, fresh


async def _catch_up(request: ClientRequest, handler: "ClientHandlerType") -> ClientResponse:
    """Let the event loop find out which pooled connections the server has closed meanwhile.

    A borrowed session has no public way to a connection of its own. After this, aiohttp takes one
    whose end has not reached this machine yet, and begins to write with no further wait.
    """
    for _turn in range(_TURNS_TO_CATCH_UP):
        await asyncio.sleep(0)
    return await handler(request)


def _pool_size(session: ClientSession) -> float:
    """Give how many connections to one host the session has at a time."""
    connector = session.connector
    limits = () if connector is None else (connector.limit, connector.limit_per_host)
    return min((limit for limit in limits if limit), default=math.inf)


def _headers() -> dict[str, str]:
    return {
        "User-Agent": f"nango-client/{VERSION} aiohttp/{aiohttp.__version__}",
        "Accept": "application/json",
    }


def _is_unreadable(error: Exception) -> bool:
    """Say whether the body would be as useless if it were sent again."""
    return isinstance(error, _BodyTooLargeError) or isinstance(
        error.__cause__, ContentEncodingError
    )


async def _read(answer: ClientResponse) -> bytes:
    """Give the whole body, and the connection back.

    The body of a failure is only an explanation: where it is too large or badly encoded, the status
    alone has to do.
    """
    content = answer.content
    size = 0
    chunks: list[bytes] = []
    try:
        # Nearly always the whole body came together with the headers.
        chunk = content.read_nowait()
        while True:
            size += len(chunk)
            if size > MAX_BODY:
                raise _BodyTooLargeError  # noqa: TRY301  caught below with its like
            chunks.append(chunk)
            if content.at_eof():
                return b"".join(chunks)
            chunk = await content.readany()
    except (_BodyTooLargeError, aiohttp.ClientPayloadError) as error:
        if 200 <= answer.status < 300 or not _is_unreadable(error):  # noqa: PLR2004
            raise
        return b""
    finally:
        # Nearly always the last byte has given the connection back to the pool already.
        if not answer.closed:
            answer.release()
