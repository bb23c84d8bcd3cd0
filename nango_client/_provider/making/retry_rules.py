"""The ``retry`` section of a provider's entry: when its answers ask for another try, and how late.

Source: PROXY.md §4.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, cast, final

# Milliseconds until 1972: a number that is later, read as milliseconds, is milliseconds.
_EARLIEST_MILLISECONDS: Final = 63_072_000_000.0
_STATUS = re.compile(r"[0-9]{3}")
_DEFAULT_STATUSES: Final = ((429, 429), (500, 599))


@final
class RetryRules:
    """What a provider says about trying again.

    Attributes:
        after: headers that hold seconds to wait.
        at: headers that hold the moment to wait for: epoch seconds or milliseconds, or a date.
        remaining: a header that says "0" when nothing is left, or None.
    """

    __slots__ = ("_statuses", "after", "at", "remaining")

    def __init__(
        self,
        after: tuple[str, ...] = (),
        at: tuple[str, ...] = (),
        remaining: str | None = None,
        statuses: tuple[tuple[int, int], ...] = _DEFAULT_STATUSES,
    ) -> None:
        self.after = after
        self.at = at
        self.remaining = remaining
        self._statuses = statuses

    @classmethod
    def parse(cls, section: object) -> Self:
        """Read the section; what is not understood in it counts as absent."""
        if not isinstance(section, Mapping):
            return cls()
        rules = cast("Mapping[str, Any]", section)
        codes = [code for text in _texts(rules.get("error_code")) for code in _statuses(text)]
        (remaining, *_) = (*_texts(rules.get("remaining")), None)
        return cls(
            _texts(rules.get("after")),
            _texts(rules.get("at")),
            remaining,
            tuple(codes) or _DEFAULT_STATUSES,
        )

    def asks_for_retry(self, status: int, headers: Mapping[str, str]) -> bool:
        """Say whether an answer with an error status is one to try again after."""
        if status < 400:  # noqa: PLR2004
            return False
        if self.remaining is not None and headers.get(self.remaining) == "0":
            return True
        return any(first <= status <= last for first, last in self._statuses)

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


def _statuses(text: str) -> list[tuple[int, int]]:
    """Read ``429``, ``5xx`` or ``500-502``."""
    first, _, last = text.lower().partition("-")
    low, high = first.replace("x", "0"), (last or first).replace("x", "9")
    if _STATUS.fullmatch(low) and _STATUS.fullmatch(high):
        return [(int(low), int(high))]
    return []


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
