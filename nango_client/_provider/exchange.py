"""One hop to a provider: sent, and sent again where that helps."""

import asyncio
import math
import random
from typing import Final, final

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.payload import Payload

from nango_client._http.headers import retry_after, server_time
from nango_client._provider.addresses import pin
from nango_client._provider.answers import let_go
from nango_client._provider.failures import BrokenConnectionError, StoppedError, failure_of
from nango_client._provider.making.plans import Plan, conceal
from nango_client._provider.sources import Planned
from nango_client._provider.tools import Tools
from nango_client.exceptions import NangoError, TransportError

ROUTE: Final = "direct"
_REFUSED: Final = 401
_TRIED_AGAIN: Final = frozenset({429, 502, 503, 504})
_MAY_RUN_TWICE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
# aiohttp sends these a second time by itself where a pooled connection turns out to be dead.
_SENT_TWICE_BY_AIOHTTP: Final = frozenset({"GET", "HEAD"})
_SENT_AGAIN: Final = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


@final
class Exchange:
    """The request of one call, from its first attempt to the answer that the caller gets.

    Args:
        tools: the client's.
        planned: the request as it is sent first.
        retries: how often it may be sent again after a failure that may pass.
        is_pinned: whether the address has to be checked here, because the session is not ours.
        until: the end of the caller's own limit, on the event loop's clock.
    """

    __slots__ = (
        *("_attempts", "_is_pinned", "_ours", "_retries", "_tools", "_was_refused", "planned"),
        "_until",
    )

    def __init__(
        self,
        tools: Tools,
        planned: Planned,
        retries: int,
        *,
        is_pinned: bool = False,
        until: float = math.inf,
    ) -> None:
        self._tools = tools
        self._retries = retries
        self._is_pinned = is_pinned
        self._attempts = 0
        self._was_refused = False
        self.planned = planned
        self._ours = planned.plan.injected.headers
        self._until = until

    async def send(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send `request`, into which the plan was put, and give the answer.

        Raises:
            aiohttp.ClientError: there is none; a `StoppedError` stands for an error of ours.
        """
        while True:
            self._attempts += 1
            began = asyncio.get_running_loop().time()
            try:
                if self._is_pinned:
                    await pin(request)
                response = await handler(request)
            except Exception as error:  # noqa: BLE001  what it is, is told there
                wait = self._wait_after_failure(request, began, error)
            else:
                self._note(request, began, response.status)
                if response.status == _REFUSED:
                    if not await self._is_refreshed(request, response):
                        return response
                    continue
                found = self._wait_after(request, response)
                if found is None:
                    return response
                wait = found
                response.release()
                await request.close()
            await self._tools.pause(wait)

    async def send_abroad(
        self, request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        """Send a request in which nothing is ours, so that an answer says nothing about us."""
        self._retries = 0
        self._was_refused = True
        return await self.send(request, handler)

    async def put_in(self, request: ClientRequest, planned: Planned) -> None:
        """Put another plan into the request, instead of those that were in it."""
        self.take_out(request)
        self.planned = planned
        self._ours |= planned.plan.injected.headers
        await put_in(request, planned)

    def take_out(self, request: ClientRequest) -> None:
        """Take what is ours out of the request's headers."""
        for name in self._ours:
            request.headers.popall(name, None)

    def _note(
        self,
        request: ClientRequest,
        began: float,
        status: int | None = None,
        failure: NangoError | None = None,
    ) -> None:
        reporter = self._tools.reporter
        if reporter.is_heard():
            reporter.attempt(request.method, ROUTE, self._attempts, status, began, failure)

    def _wait_after_failure(self, request: ClientRequest, began: float, error: Exception) -> float:
        """Give the seconds to wait before another try.

        Raises:
            aiohttp.ClientError: there is to be none.
        """
        failure = failure_of(error, request.url.host or "", request.method)
        self._note(request, began, failure=failure)
        if isinstance(failure, TransportError) and not failure.may_have_run:
            wait = self._wait_after(request, None) if failure.retryable else None
            if wait is not None:
                return wait
        elif isinstance(error, _SENT_AGAIN) and request.method not in _SENT_TWICE_BY_AIOHTTP:
            raise BrokenConnectionError from None
        if isinstance(error, aiohttp.ClientError):
            raise error
        # An OSError would become one of aiohttp's.
        raise StoppedError(failure) from None

    def _wait_after(self, request: ClientRequest, response: ClientResponse | None) -> float | None:
        """Give the seconds to wait before another try, or None where there is to be none."""
        if response is not None and response.status not in _TRIED_AGAIN:
            return None
        if self._retries <= 0 or request.method not in _MAY_RUN_TWICE or is_spent(request):
            return None
        policy, now = self._tools.retry, self._tools.time()
        asked = None
        if response is not None:
            headers = response.headers
            asked = self.planned.recipe.retry.wait(headers, server_time(headers, now))
            if asked is None:
                asked = retry_after(headers, now)
        if asked is None:
            # Full jitter, as for calls of Nango.
            ceiling = policy.initial_delay * 2.0 ** min(self._attempts - 1, 60)
            wait = random.uniform(0.0, min(ceiling, policy.max_delay))  # noqa: S311
        else:
            wait = asked
            if wait > policy.max_retry_after:
                return None
        if asyncio.get_running_loop().time() + wait >= self._until:
            return None
        self._retries -= 1
        self._tools.reporter.report(
            "retry", request.method, ROUTE, attempt=self._attempts, delay=wait
        )
        return wait

    async def _is_refreshed(self, request: ClientRequest, response: ClientResponse) -> bool:
        """Say whether a refused request now holds other credentials, and may be sent with them."""
        planned = self.planned
        if self._was_refused or not planned.plan.injected.headers | planned.plan.injected.query:
            return False
        self._was_refused = True
        tools = self._tools
        await let_go(response, tools.timeout.attempt)
        found = await tools.renewals.other_than(planned.connection)
        if found is None or is_spent(request):
            return False
        call, pair = planned.call, (found.connection_id, found.provider_config_key)
        try:
            again = await tools.sources.plan(pair, call, found)
        except NangoError:
            return False
        await request.close()
        await self.put_in(request, again)
        return True


async def put_in(request: ClientRequest, planned: Planned) -> None:
    """Put a plan into a request in which there is none."""
    plan = planned.plan
    headers = conceal(plan)
    for name in plan.injected.headers:
        request.headers[name] = headers[name]
    request.original_url = plan.url
    request.url = plan.url.with_fragment(None) if plan.url.raw_fragment else plan.url
    if planned.recipe.wants_body and isinstance(plan.body, bytes):
        await request.update_body(plan.body)


def take_out_of_query(request: ClientRequest, plan: Plan) -> None:
    """Take what `plan` has put into a query out of a URL that a provider made of it."""
    cleaned = plan.without_keys(request.url)
    if cleaned is not request.url:
        request.url = request.original_url = cleaned


def is_spent(request: ClientRequest) -> bool:
    """Say whether the body is an iterator that has begun, so that it cannot be sent again."""
    body = request.body
    return isinstance(body, Payload) and body.consumed
