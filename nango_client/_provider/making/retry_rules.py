"""The ``retry`` section of a provider's entry: how long its answers ask to wait.

Source: PROXY.md §4.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, cast, final

# Milliseconds until 1972: a number that is later, read as milliseconds, is milliseconds.
_EARLIEST_MILLISECONDS: Final = 63_072_000_000.0


@final
class RetryRules:
    """Where a provider says how long to wait before another try.

    Attributes:
        after: headers that hold seconds to wait.
        at: headers that hold the moment to wait for: epoch seconds or milliseconds, or a date.
    """

    __slots__ = ("after", "at")

    def __init__(self, after: tuple[str, ...] = (), at: tuple[str, ...] = ()) -> None:
        self.after = after
        self.at = at

    @classmethod
    def parse(cls, section: object) -> Self:
        """Read the section; what is not understood in it counts as absent."""
        if not isinstance(section, Mapping):
            return cls()
        rules = cast("Mapping[str, Any]", section)
        return cls(_texts(rules.get("after")), _texts(rules.get("at")))

    def wait(self, headers: Mapping[str, str], now: float) -> float | None:
        """Give the longest wait that the headers ask for, in seconds; None where there is none.

        Args:
            headers: of the answer; look-ups ignore case.
            now: epoch seconds.
        """
        waits = [_number(headers.get(name)) for name in self.after]
        waits += [_until(headers.get(name), now) for name in self.at]
        return max((wait for wait in waits if wait is not None and wait > 0), default=None)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str | int):
        value = (value,)
    if not isinstance(value, Iterable):
        return ()
    items = cast("Iterable[object]", value)
    return tuple(str(item) for item in items if isinstance(item, str | int) and str(item))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(text: str | None, now: float) -> float | None:
    number = _number(text)
    if number is not None:
        return (number / 1000 if number >= _EARLIEST_MILLISECONDS else number) - now
    if not text:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, OverflowError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    return None
