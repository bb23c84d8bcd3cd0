"""Calls that go through Nango's proxy. Source: API.md §6."""

import asyncio
from typing import Any, Final, final

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from nango_client._config import Settings
from nango_client._http.protocol import About, Request, connection_headers
from nango_client._http.rate_limit import RateLimitGate
from nango_client._http.retry import Retrier, is_retried
from nango_client._provider.exchange import is_spent
from nango_client._provider.failures import StoppedError, failure_of
from nango_client._provider.making.plans import Concealed
from nango_client._provider.options import (
    NO_LIMIT,
    Options,
    check_status,
    headers_of,
    limits_of,
)
from nango_client._provider.pool import WAIT_FOR_CONNECTION
from nango_client._provider.proxy_errors import nangos_error
from nango_client._provider.proxy_requests import ProxyRequest, proxy_request
from nango_client._provider.renewals import Pair
from nango_client._provider.tools import Tools
from nango_client._version import VERSION
from nango_client.exceptions import ClientClosedError, InvalidArgumentError, NangoError

ROUTE: Final = "proxy"
# Nango would repeat a POST or PATCH too, which may have run.
_REPEATED_BY_NANGO: Final = frozenset({"GET", "PUT", "DELETE"})
_SUBJECT: Final = "connection {} of integration {}"


@final
class Proxied:
    """The way to a provider through Nango's proxy.

    Args:
        tools: the client's.
        settings: where Nango is, and the API key, which goes there alone.
        retrier: for what may be sent again: failures to connect, and Nango's own 429.
        gate: holds requests back while the rate limit is used up.
        pair: the connection's ids.
        base_url: instead of the provider's own.
        headers: for each call.
        retries: how often Nango may send again.
        retry_on: further statuses at which it does.
    """

    name = ROUTE

    def __init__(
        self,
        tools: Tools,
        settings: Settings,
        retrier: Retrier,
        gate: RateLimitGate,
        pair: Pair,
        *,
        base_url: str | None,
        headers: CIMultiDict[str] | None,
        retries: int,
        retry_on: tuple[int, ...],
    ) -> None:
        self._tools = tools
        self._prefix = settings.base_url
        self._authorization = Concealed(f"Bearer {settings.api_key}")
        self._retrier = retrier
        self._gate = gate
        self._pair = pair
        self._headers = headers
        self._wire_headers: dict[str, str] = {
            "User-Agent": f"nango-client/{VERSION} aiohttp/{aiohttp.__version__}",
            **connection_headers(*pair),
        }
        if base_url is not None:
            self._wire_headers["Base-Url-Override"] = base_url
        self._repeats: dict[str, str] = {"Retries": str(retries)} if retries else {}
        if retries and retry_on:
            self._repeats["Retry-On"] = ",".join(map(str, retry_on))
        limits = tools.timeout
        # Until the first byte Nango may need it for all its tries.
        self._patient = ClientTimeout(
            sock_connect=limits.connect,
            sock_read=(1 + retries) * (limits.attempt + tools.retry.max_retry_after),
            ceil_threshold=NO_LIMIT,
        )

    async def send(self, method: str, path: str | URL, options: Options) -> ClientResponse:
        """Give the provider's answer; see `Way.send`."""
        self._tools.enter()
        made = self._request(method, path, options)
        if isinstance(made, InvalidArgumentError):
            raise made  # Here, where no frame holds what was passed.
        rest, until = self._limits(made.method, options)
        if "timeout" not in options.given:
            return await self._send(made, options, rest, until)
        token = WAIT_FOR_CONNECTION.set(rest["timeout"].connect)
        try:
            return await self._send(made, options, rest, until)
        finally:
            WAIT_FOR_CONNECTION.reset(token)

    def _request(
        self, method: str, path: str | URL, options: Options
    ) -> ProxyRequest | InvalidArgumentError:
        try:
            return proxy_request(
                self._prefix,
                method,
                path,
                params=options.get("params"),
                headers=headers_of(self._headers, options),
                json=options.get("json"),
                data=options.get("data"),
            )
        except InvalidArgumentError as error:
            return error.replica()

    def _limits(self, method: str, options: Options) -> tuple[dict[str, Any], float]:
        """Give aiohttp's own keywords, and the end of the caller's limit."""
        rest = options.rest()
        until = NO_LIMIT
        if "timeout" in options.given:
            limits = rest["timeout"] = limits_of(options.get("timeout"))
            if limits.total is not None:
                until = asyncio.get_running_loop().time() + limits.total
        elif self._repeats and method in _REPEATED_BY_NANGO:
            rest["timeout"] = self._patient
        # An answer that leads elsewhere is the caller's to follow: the key goes to Nango alone.
        rest["allow_redirects"] = False
        return rest, until

    async def _send(
        self, made: ProxyRequest, options: Options, rest: dict[str, Any], until: float
    ) -> ClientResponse:
        tools = self._tools
        session = await tools.pool.session()
        if made.method in _REPEATED_BY_NANGO:
            made.headers.update(self._repeats)
        made.headers.update(self._wire_headers)
        passage = _Passage(tools, self._retrier, self._gate, self._authorization, self._pair, until)
        try:
            response = await session.request(
                made.method,
                made.url,
                headers=made.headers,
                data=made.body,
                skip_auto_headers=(*(rest.pop("skip_auto_headers", None) or ()), "Content-Type"),
                raise_for_status=False,
                middlewares=(*(rest.pop("middlewares", None) or ()), passage),
                **rest,
            )
        except Exception as error:  # noqa: BLE001  nothing of aiohttp may leave this file
            failure = failure_of(error, tools.nango_host, made.method)
            if tools.lifecycle.closed:
                failure = ClientClosedError("the NangoClient was closed")
        else:
            self._expect_reads(response, rest)
            await check_status(response, options.get("raise_for_status"))
            return response
        raise failure

    def _expect_reads(self, response: ClientResponse, rest: dict[str, Any]) -> None:
        """Set the limit between two reads, once the first byte has come."""
        protocol = None if response.connection is None else response.connection.protocol
        if protocol is not None and rest.get("timeout") is self._patient:
            protocol.read_timeout = self._tools.timeout.attempt
            # The timer that runs now is still the patient one.
            protocol.start_timeout()


@final
class _Passage:
    """An aiohttp middleware for one call: it sets the key last, and tells Nango's answers apart."""

    def __init__(
        self,
        tools: Tools,
        retrier: Retrier,
        gate: RateLimitGate,
        authorization: str,
        pair: Pair,
        until: float,
    ) -> None:
        self._tools = tools
        self._retrier = retrier
        self._gate = gate
        self._authorization = authorization
        self._pair = pair
        self._until = until

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        # As seen by the rules for retries: a call of a provider is no call to make twice.
        subject = About(_SUBJECT, *self._pair, check="both ids and base_url=")
        about = Request(request.method, ROUTE, "", "", subject, runs_once=True)
        request.headers["Authorization"] = self._authorization
        self._retrier.budget.new_calls += 1

        async def attempt(number: int) -> ClientResponse:
            return await self._attempt(about, request, handler, number)

        failure: NangoError
        try:
            return await attempt(1)
        except NangoError as error:
            failure = error
        if is_retried(failure, about) and not is_spent(request):
            await request.close()
            try:
                return await self._tools.while_open(
                    self._retrier.run(about, failure, attempt, self._remaining)
                )
            except NangoError as error:
                failure = error
        raise StoppedError(failure)

    def _remaining(self) -> float:
        if self._gate.refuses(self._until):
            return 0.0
        return self._until - asyncio.get_running_loop().time()

    async def _attempt(
        self, about: Request, request: ClientRequest, handler: ClientHandlerType, number: int
    ) -> ClientResponse:
        tools, gate = self._tools, self._gate
        if gate.is_shut:
            await gate.enter(self._until)
        began, sent = asyncio.get_running_loop().time(), gate.time()
        status = None
        try:
            response = await handler(request)
            status = response.status
            error = await nangos_error(about, response, tools.time)
            if error is None:
                tools.reporter.attempt(request.method, ROUTE, number, status, began)
                return response
            failure = error
        except Exception as error:  # noqa: BLE001  aiohttp would send a GET again
            failure = failure_of(error, tools.nango_host, request.method)
        tools.reporter.attempt(request.method, ROUTE, number, status, began, failure)
        # Other answers tell nothing of the limit: their headers may be the provider's.
        gate.note(failure, sent)
        raise failure
