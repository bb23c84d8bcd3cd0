"""A clock that stands still until a test moves it."""

from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nango_client import Clock

START: Final = 1_800_000_000.0
"""Where a `FakeClock` starts unless told otherwise: 2027-01-15 08:00:00 UTC."""

# Far from START, so that code that mixes up the two clocks fails.
_MONOTONIC_START = 10_000.0


class FakeClock:
    """A clock that tests move; server and client read the same one.

    It may be moved in one thread and read in others.

    Args:
        start: the wall-clock time to start at, in seconds since the epoch.
        over: a clock to run on instead, such as ``SystemClock()``; time then passes by itself and
            the moves come on top.

    Example:
        >>> clock = FakeClock()
        >>> clock.advance(60)
        >>> clock.time()
        1800000060.0
    """

    def __init__(self, start: float = START, *, over: "Clock | None" = None) -> None:
        self._lock = Lock()
        self._over = over
        self._wall = start if over is None else 0.0
        self._monotonic = _MONOTONIC_START if over is None else 0.0

    def __repr__(self) -> str:
        return f"<FakeClock {self.time()}>"

    def time(self) -> float:
        """Give the seconds since the epoch."""
        return self._wall + (self._over.time() if self._over else 0.0)

    def monotonic(self) -> float:
        """Give seconds that never go backwards."""
        return self._monotonic + (self._over.monotonic() if self._over else 0.0)

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move on.

        Raises:
            ValueError: time would go backwards.
        """
        self.jump(wall=_forward(seconds), monotonic=seconds)

    def jump(self, *, wall: float = 0.0, monotonic: float = 0.0) -> None:
        """Move one clock without the other, by seconds: what clocks do when something is wrong.

        A wall clock that is set moves by `wall`, either way. A machine that sleeps may have a
        monotonic clock that stands still: then too only `wall` moves.

        Raises:
            ValueError: the monotonic clock would go backwards.
        """
        _forward(monotonic)
        with self._lock:
            self._wall += wall
            self._monotonic += monotonic


def _forward(seconds: float) -> float:
    if not seconds >= 0:
        raise ValueError(f"time does not go backwards: {seconds} s")
    return seconds
