"""Time limits for tasks, with one timer of the event loop for all of them.

A timer per request, as `asyncio.timeout` and aiohttp have, costs a twelfth of the request; nearly
all of them are cancelled unused.
"""

import asyncio
import math
from typing import Any, Final, final

# The timer fires no more often than this, so a limit may end this much late (seconds).
_TICK: Final = 0.05
# The end of a limit that has run out: it is never due again, until `stop` finds it.
_OVER: Final = math.inf

Task = asyncio.Task[Any]


@final
class Deadlines:
    """The limits that run under one event loop, one for each task.

    Use it like this::

        task = deadlines.start(seconds)
        try:
            ...
        finally:
            is_late = deadlines.stop(task)
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.running: dict[Task, float] = {}
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf

    def start(self, seconds: float) -> Task:
        """Cancel the running task in so many seconds, unless `stop` comes first; give the task."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a time limit needs a task")
        due = self.running[task] = self._loop.time() + seconds
        if due < self._fires_at:
            self._fire_at(due)
        return task

    def stop(self, task: Task) -> bool:
        """End the limit; say whether it ran out and nothing else has cancelled the task.

        Then a `CancelledError` that the task met stands for a timeout, as with `asyncio.timeout`.
        """
        return self.running.pop(task, None) == _OVER and task.uncancel() == 0

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
        for task, due in self.running.items():
            if due <= now:
                self.running[task] = _OVER
                task.cancel()
        self._fire_at(max(min(self.running.values(), default=math.inf), now + _TICK))
