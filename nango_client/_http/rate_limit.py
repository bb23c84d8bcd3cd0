"""The account's rate limit: once it is used up, requests wait in order for its next window.

Nango counts in fixed windows of a minute (WIRE.md, "Rate limit"). A 429 that names its window's end
shuts the gate. When that end has come, as many requests go out as the server allows in a window,
then the gate waits for the next one; it opens for good after a window that was not used up.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol, final

from multidict import CIMultiDict, CIMultiDictProxy

from nango_client._config import RetryPolicy
from nango_client._http.headers import rate_limit, rate_limit_reset, server_time
from nango_client._http.lifecycle import current_loop
from nango_client._http.retry import FLOORED_AWAY, WINDOW, window_left
from nango_client.exceptions import NangoError, RateLimitError

# How often those who wait look at the client's clock (seconds). It may be moved by hand, so a timer
# of the event loop cannot tell when it has reached a time.
_LOOK: Final = 0.05


class Pool(Protocol):
    """Where requests that were let out may still wait for a connection."""

    def hold_back(self) -> int:
        """Send them back to the gate, the last one first; give how many."""
        ...


@final
class RateLimitGate:
    """Holds the requests under one API key back while the account's window is used up.

    Each request does this::

        if gate.is_shut:
            await gate.enter(deadline)
        sent = gate.time()
        ...
        if gate.is_shut:
            gate.learn(answer.headers, sent)
        ...
        gate.note(error, sent)  # after a failure

    Args:
        policy: says whether requests may wait, and for how long.
        time: the client's wall clock, epoch seconds.
    """

    def __init__(self, policy: RetryPolicy, time: Callable[[], float]) -> None:
        # All that an ordinary request looks at.
        self.is_shut: bool = False
        self.pools: Final[list[Pool]] = []
        self._waits = policy.max_attempts > 1
        self._longest = policy.max_retry_after
        self.time: Final = time
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Who waits, in order, and until when; is told None to go, else why not.
        self._queue: OrderedDict[asyncio.Future[NangoError | None], float] = OrderedDict()
        # Of the window: when it began and ends by the client's clock, how many requests it takes,
        # and how many of them are left.
        self._began = -math.inf
        self._end = -math.inf
        self._limit = math.inf
        self._left = math.inf
        # Whether the server itself has said that this window is used up.
        self._is_told = False
        # How many were let out and are on their way back, unsent.
        self._returning = 0
        # Since when the window has been seen to be over, by the event loop's clock.
        self._over_since: float | None = None
        # What those are told who cannot wait.
        self._error = RateLimitError("no request was refused yet", status=429)

    async def enter(self, deadline: float, *, may_wait: bool = True, first: bool = False) -> None:
        """Wait until the request may go out.

        Args:
            deadline: of the call, by the event loop's clock.
            may_wait: False where the caller can do without an answer.
            first: the request was let out before and was held back.

        Raises:
            RateLimitError: it would have to wait longer than it may; nothing was sent.
            ClientClosedError: the client was closed meanwhile.
        """
        loop = self._look(may_wait=may_wait)
        if self._left > 0:
            self._left -= 1
            return
        # Of those who come back the last one comes first.
        self._returning = max(self._returning - first, 0)
        ahead = self._returning if first else self._in_line()
        if not may_wait or not self._fits(deadline, ahead):
            raise self._refusal()
        waiter: asyncio.Future[NangoError | None] = loop.create_future()
        self._queue[waiter] = deadline
        if first:
            self._queue.move_to_end(waiter, last=False)
        if self._timer is None:
            self._timer = loop.call_later(_LOOK, self._tick)
        try:
            async with asyncio.timeout_at(deadline if deadline < math.inf else None):
                failure = await waiter
        except TimeoutError:
            # The window was used up by others, or the client's clock went slower than the loop's.
            failure = self._refusal()
        finally:
            self._queue.pop(waiter, None)
        if failure is not None:
            raise failure

    def refuses(self, deadline: float, *, may_wait: bool = True) -> bool:
        """Say whether `enter` would raise now."""
        if not self.is_shut:
            return False
        self._look(may_wait=may_wait)
        return self._left <= 0 and not (may_wait and self._fits(deadline, self._in_line()))

    def note(self, error: NangoError, sent: float) -> None:
        """Learn from a failure whether the window is used up.

        Args:
            error: with which a request under this API key has failed.
            sent: when that was sent, by the client's clock.
        """
        now = self.time()
        left = window_left(error, now)
        # One that was sent before this window began tells nothing of it.
        if not isinstance(error, RateLimitError) or left is None or sent < self._began <= now:
            return
        self._enter_loop()
        end = _answered(error.headers, sent, now) + left
        if self._is_told and end <= self._end + FLOORED_AWAY:
            return  # Known already, but for what is lost by cutting off to whole seconds.
        self.is_shut = self._is_told = True
        self._left, self._end, self._over_since = 0, end, None
        limit = rate_limit(error.headers)
        # A limit of 0 would never let anybody try again.
        self._limit = math.inf if limit is None else max(limit, 1)
        # Without the traceback, whose frames hold the answer's body.
        self._error = error.replica()
        # What is left of the wait counts from the refusal, not from the answer that it repeats.
        headers = [(name, value) for name, value in error.headers.items() if name.lower() != "date"]
        self._error.headers = CIMultiDictProxy(CIMultiDict(headers))
        self._returning = sum(pool.hold_back() for pool in self.pools)
        self._refuse_those_who_cannot_wait()

    def learn(self, headers: Mapping[str, str], sent: float) -> None:
        """Learn from an answer when the window ends, which others or a slow network may have begun.

        Args:
            headers: of the answer to a request under this API key.
            sent: when that was sent, by the client's clock.
        """
        reset = rate_limit_reset(headers)
        if reset is None or self._is_told or sent < self._began:
            return
        now = self.time()
        left = reset - server_time(headers, now)
        if 0 < left <= WINDOW:
            self._end = _answered(headers, sent, now) + left

    def close(self, error: NangoError) -> None:
        """End the waits; each who waits gets `error`, as an object of its own."""
        # Those who waited under another loop ended with it.
        for waiter in self._queue if self._loop is current_loop() else ():
            _tell(waiter, error.replica())
        self._queue.clear()

    def _enter_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Those who waited under another one ended with it.
            self._loop, self._timer, self._over_since = loop, None, None
            self._queue.clear()
        return loop

    def _tick(self) -> None:
        self._timer = None
        loop = self._look()
        if self._queue:
            self._timer = loop.call_later(_LOOK, self._tick)

    def _look(self, *, may_wait: bool = True) -> asyncio.AbstractEventLoop:
        """Begin the next window if this one is over; give the running loop."""
        loop = self._enter_loop()
        if not self.is_shut:
            return loop
        now, loop_now = self.time(), loop.time()
        # A clock that was set back must not keep the gate shut for longer than a window.
        self._end = min(self._end, now + WINDOW)
        if now < self._end:
            self._over_since = None
            return loop
        if self._over_since is None:
            self._over_since = loop_now
        # The end was cut off to whole seconds. The loop's clock counts too, since the client's may
        # stand still.
        over = max(now - self._end, loop_now - self._over_since)
        if over >= FLOORED_AWAY or not (self._queue or (may_wait and self._waits)):
            self._turn(now)
        return loop

    def _turn(self, now: float) -> None:
        self._began, self._over_since = now, None
        self._is_told, self._returning = False, 0
        if self._left > 0:
            self.is_shut, self._left = False, math.inf
            return
        self._end, self._left = now + WINDOW, self._limit
        self._error = self._error.replica()
        self._error.reset_at = datetime.fromtimestamp(self._end, UTC)
        while self._queue and self._left > 0:
            waiter, _ = self._queue.popitem(last=False)
            self._left -= _tell(waiter, None)

    def _in_line(self) -> int:
        return self._returning + len(self._queue)

    def _fits(self, deadline: float, ahead: int) -> bool:
        """Say whether a request may wait for its turn, behind so many others."""
        until_end = max(self._end - self.time(), 0.0)
        windows = ahead // self._limit
        longest = WINDOW if windows else until_end
        total = until_end + FLOORED_AWAY + windows * (WINDOW + FLOORED_AWAY)
        time_left = deadline - asyncio.get_running_loop().time()
        return self._waits and longest <= self._longest and total < time_left

    def _refuse_those_who_cannot_wait(self) -> None:
        ahead = self._returning
        for waiter, deadline in list(self._queue.items()):
            if self._fits(deadline, ahead):
                ahead += 1
            else:
                del self._queue[waiter]
                _tell(waiter, self._refusal())

    def _refusal(self) -> RateLimitError:
        error = self._error.replica()
        error.retry_after = max(self._end - self.time(), 0.0)
        return error


def _answered(headers: Mapping[str, str], sent: float, now: float) -> float:
    """Give when an answer was made, by the client's clock.

    That is its own ``Date``, unless the server's clock is another one; then it was made just now.
    """
    date = server_time(headers, now)
    # `Date` was cut off to whole seconds.
    return date if sent - FLOORED_AWAY < date <= now else now


def _tell(waiter: "asyncio.Future[NangoError | None]", failure: NangoError | None) -> bool:
    """Wake one who waits; give False for one that was cancelled."""
    if waiter.done():
        return False
    waiter.set_result(failure)
    return True
