"""Time limits for tasks, with one timer of the event loop for all of them.

A timer per request, as `asyncio.timeout` and aiohttp have, costs a twelfth of the request; nearly
all of them are cancelled unused.
"""

import asyncio
import math
from types import TracebackType
from typing import Final, final

# The timer fires no more often than this, so a limit may end this much late (seconds).
_TICK: Final = 0.05


@final
class Deadlines:
    """The limits that run under one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.running: set[Deadline] = set()
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf

    def within(self, seconds: float) -> "Deadline":
        """Give a context manager that raises `TimeoutError` when its block takes longer."""
        due = self._loop.time() + seconds
        if due < self._fires_at:
            self._fire_at(due)
        return Deadline(self, due)

    def close(self) -> None:
        """Let go of the event loop; limits that still run no longer end anything."""
        self.running.clear()
        self._fire_at(math.inf)

    def _fire_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due == math.inf else self._loop.call_at(due, self._end_late_ones)
        self._fires_at = due

    def _end_late_ones(self) -> None:
        now = self._loop.time()
        for deadline in [deadline for deadline in self.running if deadline.due <= now]:
            deadline.end()
        earliest = min((deadline.due for deadline in self.running), default=math.inf)
        self._fire_at(max(earliest, now + _TICK))


@final
class Deadline:
    """Like `asyncio.timeout`: cancels the task, and turns that into `TimeoutError` at the exit."""

    __slots__ = ("_cancelling", "_deadlines", "_is_over", "_task", "due")

    def __init__(self, deadlines: Deadlines, due: float) -> None:
        self.due = due
        self._deadlines = deadlines
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.running.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._deadlines.running.discard(self)
        # The task may have been cancelled by others too; then it has to end.
        if (
            self._is_over
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from None

    def end(self) -> None:
        """Interrupt the block."""
        self._is_over = True
        self._deadlines.running.discard(self)
        self._task.cancel()
