"""One call of the API: attempts, status check, retries, all before one deadline."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, final

from nango_client._config import TimeoutPolicy
from nango_client._events import Reporter
from nango_client._http.errors import error_for, is_gone, may_have_run
from nango_client._http.protocol import Request, Response
from nango_client._http.rate_limit import RateLimitGate
from nango_client._http.retry import Retrier, is_retried
from nango_client._http.slots import HeldBackError
from nango_client._http.transport import Transport
from nango_client.exceptions import NangoError

T = TypeVar("T")

_DONE = Response(204, {}, b"", 0.0)


def _always() -> bool:
    return True


@final
class Requester:
    """Sends requests and gives what their answers hold."""

    def __init__(
        self,
        transport: Transport,
        timeout: TimeoutPolicy,
        retrier: Retrier,
        reporter: Reporter,
        gate: RateLimitGate,
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._first_limit = min(timeout.attempt, timeout.total)
        self._retrier = retrier
        self._reporter = reporter
        self._gate = gate

    def fetch(
        self,
        request: Request,
        decode: Callable[[Response], T],
        may_wait: Callable[[], bool] = _always,
    ) -> Coroutine[Any, Any, T]:
        """Give what `decode` makes of the successful answer to `request`.

        Args:
            request: what is sent.
            decode: reads an answer.
            may_wait: says whether it may wait, unsent, where the rate limit is used up.

        Raises:
            NangoError: what the last attempt met.
        """
        self._retrier.budget.new_calls += 1
        began = asyncio.get_running_loop().time()
        if request.limit is None:
            limit, deadline = self._first_limit, began + self._timeout.total
        else:
            limit, deadline = request.limit, began + request.limit
        return self._attempt(request, decode, may_wait, 1, began, deadline, limit)

    async def _attempt(
        self,
        request: Request,
        decode: Callable[[Response], T],
        may_wait: Callable[[], bool],
        number: int,
        began: float,
        deadline: float,
        limit: float,
        *,
        was_held_back: bool = False,
    ) -> T:
        """Send once; after the first attempt of a call go on with the others where that helps."""
        gate = self._gate
        if gate.is_shut:
            await gate.enter(deadline, may_wait=may_wait(), first=was_held_back)
            began = asyncio.get_running_loop().time()
            limit = min(limit, deadline - began)
        sent = gate.time()
        status = None
        try:
            response = await self._transport.send(request, limit)
            if gate.is_shut:
                gate.learn(response.headers, sent)
            status = response.status
            if not 200 <= status < 300:  # noqa: PLR2004
                raise error_for(request, response)
            result = decode(response)
        except HeldBackError:
            return await self._attempt(
                request, decode, may_wait, number, began, deadline, limit, was_held_back=True
            )
        except NangoError as error:
            failure = error
        else:
            if self._reporter.is_heard():
                self._reporter.attempt(request.method, request.route, number, status, began)
            return result
        self._reporter.attempt(request.method, request.route, number, status, began, failure)
        gate.note(failure, sent)
        if number > 1 and request.method == "DELETE" and is_gone(failure):
            # An attempt before this one did it, and its answer was lost.
            return decode(_DONE)
        if number == 1 and is_retried(failure, request):
            return await self._retry(request, decode, may_wait, failure, deadline)
        if request.runs_once and request.method != "GET" and may_have_run(failure):
            failure.retryable = False
        raise failure

    async def _retry(
        self,
        request: Request,
        decode: Callable[[Response], T],
        may_wait: Callable[[], bool],
        failure: NangoError,
        deadline: float,
    ) -> T:
        clock = asyncio.get_running_loop().time

        def remaining() -> float:
            if self._gate.refuses(deadline, may_wait=may_wait()):
                return 0.0
            return deadline - clock()

        async def attempt(number: int) -> T:
            now = clock()
            limit = deadline - now
            if request.limit is None:
                limit = min(self._timeout.attempt, limit)
            return await self._attempt(request, decode, may_wait, number, now, deadline, limit)

        return await self._retrier.run(request, failure, attempt, remaining)
