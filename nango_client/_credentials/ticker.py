"""The time that store operations take, measured by one timer for all that are under way.

A timer for each would cost it as much as its way to a server nearby.
"""

import asyncio
from typing import Final, final

# A time limit is counted in so many steps. One to whose end the event loop comes later than this,
# in seconds, counts as a tenth.
_STEPS: Final = 10
_LATE: Final = 0.005
_LATE_COUNTS: Final = 0.1
# What is less is nothing, in seconds: clocks cannot tell it.
_NOTHING: Final = 1e-6


@final
class Allowance:
    """Seconds that the store operations of one call may take together, one after the other."""

    __slots__ = ("counted_until", "left", "scope")

    def __init__(self, seconds: float) -> None:
        self.left: float = seconds
        # While an operation is under way: up to when it has been counted, and what ends it.
        self.counted_until: float
        self.scope: asyncio.Timeout


@final
class Ticker:
    """Counts allowances down, and ends operations whose allowance is used up.

    A process that is busy with itself is late in noticing answers, and a thousand calls at once
    keep it busy. So time is counted in steps, and one at whose end the event loop comes late counts
    little: the store may have answered long ago.
    """

    def __init__(self, limit: float) -> None:
        """Make one for allowances of so many seconds."""
        self._step = limit / _STEPS
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[Allowance] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self, allowance: Allowance, scope: asyncio.Timeout) -> None:
        """Count from now on, and end `scope` when the allowance is used up."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # What the loop before has left is over with it.
            self._loop, self._running, self._timer = loop, set(), None
        now = allowance.counted_until = loop.time()
        allowance.scope = scope
        self._running.add(allowance)
        wait = min(allowance.left, self._step)
        if self._timer is None:
            self._wait_until(now + wait)
        elif now + wait < self._due:
            self._timer.cancel()
            self._wait_until(now + wait)

    def stop(self, allowance: Allowance) -> None:
        """Count no longer."""
        self._running.discard(allowance)
        spent = asyncio.get_running_loop().time() - allowance.counted_until
        allowance.left -= min(spent, self._step)

    def _wait_until(self, due: float) -> None:
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        weight = 1.0 if now - self._due < _LATE else _LATE_COUNTS
        wait = self._step
        for allowance in list(self._running):
            allowance.left -= min(now - allowance.counted_until, self._step) * weight
            allowance.counted_until = now
            if allowance.left > _NOTHING:
                wait = min(wait, allowance.left)
            else:
                self._running.remove(allowance)
                allowance.scope.reschedule(now)
        # Nobody waits for a timer that finds nothing; the next operation starts another.
        if self._running:
            self._wait_until(now + wait)
