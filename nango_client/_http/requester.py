"""One call of the API: attempts, status check, retries, all before one deadline."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, final

from nango_client._config import TimeoutPolicy
from nango_client._events import Reporter
from nango_client._http.errors import error_for, is_gone, may_have_run
from nango_client._http.protocol import Request, Response
from nango_client._http.retry import Retrier, is_retried
from nango_client._http.transport import Transport
from nango_client.exceptions import NangoError

T = TypeVar("T")

_DONE = Response(204, {}, b"", 0.0)


@final
class Requester:
    """Sends requests and gives what their answers hold."""

    def __init__(
        self, transport: Transport, timeout: TimeoutPolicy, retrier: Retrier, reporter: Reporter
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._first_limit = min(timeout.attempt, timeout.total)
        self._retrier = retrier
        self._reporter = reporter

    def fetch(self, request: Request, decode: Callable[[Response], T]) -> Coroutine[Any, Any, T]:
        """Give what `decode` makes of the successful answer to `request`.

        Raises:
            NangoError: what the last attempt met.
        """
        self._retrier.budget.new_calls += 1
        began = asyncio.get_running_loop().time()
        limit = self._first_limit if request.limit is None else request.limit
        return self._attempt(request, decode, 1, began, limit)

    async def _attempt(
        self,
        request: Request,
        decode: Callable[[Response], T],
        number: int,
        began: float,
        limit: float,
    ) -> T:
        """Send once; after the first attempt of a call go on with the others where that helps."""
        status = None
        try:
            response = await self._transport.send(request, limit)
            status = response.status
            if not 200 <= status < 300:  # noqa: PLR2004
                raise error_for(request, response)
            result = decode(response)
        except NangoError as error:
            failure = error
        else:
            if self._reporter.is_heard():
                self._reporter.attempt(request.method, request.route, number, status, began)
            return result
        self._reporter.attempt(request.method, request.route, number, status, began, failure)
        if number > 1 and request.method == "DELETE" and is_gone(failure):
            # An attempt before this one did it, and its answer was lost.
            return decode(_DONE)
        if number == 1 and is_retried(failure, request):
            total = self._timeout.total if request.limit is None else request.limit
            return await self._retry(request, decode, failure, began + total)
        if request.runs_once and request.method != "GET" and may_have_run(failure):
            failure.retryable = False
        raise failure

    async def _retry(
        self,
        request: Request,
        decode: Callable[[Response], T],
        failure: NangoError,
        deadline: float,
    ) -> T:
        clock = asyncio.get_running_loop().time

        def remaining() -> float:
            return deadline - clock()

        async def attempt(number: int) -> T:
            limit = remaining()
            if request.limit is None:
                limit = min(self._timeout.attempt, limit)
            return await self._attempt(request, decode, number, clock(), limit)

        return await self._retrier.run(request, failure, attempt, remaining)
