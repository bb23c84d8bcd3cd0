"""The two clocks of the cache, behind one small protocol so that tests can move them."""

import time as _time
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    """What the client reads the time from; pass your own as ``NangoClient(clock=...)``.

    Example:
        >>> isinstance(FakeClock(), Clock)
        True
    """

    def time(self) -> float:
        """Give the seconds since the epoch; may jump either way."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never go backwards; may stand still while a machine sleeps."""
        ...


class SystemClock:
    """The machine's own clocks.

    Example:
        >>> SystemClock().time() > 1_700_000_000
        True
    """

    # The C functions themselves: a cache hit reads both clocks, and a Python frame around each
    # would cost as much as the look-up.
    time: "staticmethod[[], float]" = staticmethod(_time.time)
    monotonic: "staticmethod[[], float]" = staticmethod(_time.monotonic)
