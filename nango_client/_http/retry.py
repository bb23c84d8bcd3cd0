"""Which failures are sent again, and after what wait. The only file that touches tenacity."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar, final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from nango_client._config import RetryPolicy
from nango_client._events import Reporter
from nango_client._http.headers import server_time
from nango_client._http.protocol import Request
from nango_client.exceptions import (
    ActionError,
    APIStatusError,
    InvalidCredentialsError,
    NangoError,
    RateLimitError,
    TransportError,
)

T = TypeVar("T")

# 520 to 524 are Cloudflare's, for an origin that does not answer: its form of 502 and 504.
_RETRIED_STATUSES: Final = frozenset({408, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_UNAVAILABLE: Final = 503
# What a renewal and what an action came to: answers, whatever their status.
_NEVER_RETRIED: Final = (ActionError, InvalidCredentialsError)
# The server floors the waits that it names to whole seconds.
FLOORED_AWAY: Final = 1.0
# How long the server counts requests before it begins anew, in seconds.
WINDOW: Final = 60.0
# Nango's own word for a used up window; a proxy before it has others.
_WINDOW_USED_UP: Final = "too_many_request"


@final
class RetryBudget:
    """Keeps the retries of one client to a tenth of its calls, plus a burst.

    A call adds 0.1 to a bucket that holds 100 and starts full; a retry takes 1. So clients of a
    server that fails for everybody do not multiply its load.
    """

    __slots__ = ("_tenths", "new_calls")
    _FULL: Final = 1000

    def __init__(self) -> None:
        # Counted in tenths: a sum of 0.1s would drift.
        self._tenths = self._FULL
        # Those since the last retry; every call adds itself.
        self.new_calls: int = 0

    def take_retry(self) -> bool:
        """Take one retry out if there is one."""
        self._tenths = min(self._tenths + self.new_calls, self._FULL)
        self.new_calls = 0
        if self._tenths < 10:  # noqa: PLR2004
            return False
        self._tenths -= 10
        return True


def is_retried(error: BaseException, request: Request) -> bool:
    """Say whether sending `request` again can help and can do no harm."""
    if isinstance(error, TransportError):
        return error.retryable and not (request.runs_once and error.may_have_run)
    if not isinstance(error, APIStatusError) or isinstance(error, _NEVER_RETRIED):
        return False
    if isinstance(error, RateLimitError):
        return True
    if request.runs_once:
        return error.status == _UNAVAILABLE and error.retry_after is not None
    return error.status in _RETRIED_STATUSES


def asked_wait(error: BaseException | None, now: float) -> float | None:
    """Give the seconds that the server asked to wait, or None.

    ``Retry-After`` counts for 429 and 503, ``X-RateLimit-Reset`` for 429 alone, since it comes
    with every answer; of both the longer.
    """
    if isinstance(error, RateLimitError) and error.reset_at is not None:
        until_reset = error.reset_at.timestamp() - server_time(error.headers, now)
        return max(until_reset, error.retry_after or 0.0, 0.0)
    if isinstance(error, RateLimitError) or (
        isinstance(error, APIStatusError) and error.status == _UNAVAILABLE
    ):
        return error.retry_after
    return None


def window_left(error: BaseException | None, now: float) -> float | None:
    """Give the seconds until the end of the account's window that `error` says is used up.

    None where it says no such thing, or names no end or one that no window can have.
    """
    if not isinstance(error, RateLimitError) or error.code != _WINDOW_USED_UP:
        return None
    left = asked_wait(error, now)
    return left if left is not None and left <= WINDOW else None


@final
class Retrier:
    """Repeats a failed request by a `RetryPolicy`, within a deadline and a budget."""

    def __init__(
        self,
        policy: RetryPolicy,
        reporter: Reporter,
        *,
        time: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.budget: RetryBudget = RetryBudget()
        self._policy = policy
        self._reporter = reporter
        self._time = time
        self._sleep = sleep
        self._uniform = uniform

    async def run(
        self,
        request: Request,
        failure: NangoError,
        attempt: Callable[[int], Awaitable[T]],
        remaining: Callable[[], float],
    ) -> T:
        """Go on after the first attempt has failed with `failure`.

        Args:
            request: what is sent.
            failure: what the first attempt raised.
            attempt: sends the request; takes the number of the attempt.
            remaining: gives the seconds until the deadline; 0 where no attempt may be made.

        Raises:
            NangoError: what the last attempt raised.
        """
        number = 0
        last: BaseException = failure

        async def play() -> T:
            # The first attempt needs no machinery where it succeeds, so it was made without;
            # its outcome is played back here.
            nonlocal number
            number += 1
            if number == 1:
                raise failure
            return await attempt(number)

        def must_stop(state: RetryCallState) -> bool:
            nonlocal last
            last = _error_of(state) or last
            asked = asked_wait(last, self._time())
            return (
                state.attempt_number >= self._policy.max_attempts
                or (asked is not None and asked > self._policy.max_retry_after)
                or state.upcoming_sleep >= remaining()
                or not self.budget.take_retry()
            )

        async def sleep(seconds: float) -> None:
            # For the account's next window the attempt itself waits, with all the others.
            if window_left(last, self._time()) is None:
                await self._sleep(seconds)

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: is_retried(error, request)),
            wait=self._wait,
            stop=must_stop,
            before_sleep=partial(self._report, request),
            sleep=sleep,
            reraise=True,
        )
        return await retrying(play)

    def _wait(self, state: RetryCallState) -> float:
        asked = asked_wait(_error_of(state), self._time())
        if asked is not None:
            return asked + self._uniform(0.0, FLOORED_AWAY)
        # Full jitter. The exponent is bounded so that no policy can overflow it.
        ceiling = self._policy.initial_delay * 2.0 ** min(state.attempt_number - 1, 60)
        return self._uniform(0.0, min(ceiling, self._policy.max_delay))

    def _report(self, request: Request, state: RetryCallState) -> None:
        self._reporter.report(
            "retry",
            request.method,
            request.route,
            attempt=state.attempt_number,
            delay=state.upcoming_sleep,
            error=_error_of(state),
        )


def _error_of(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
