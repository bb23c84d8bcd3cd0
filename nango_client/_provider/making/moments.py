"""``${now}``, ``${now:FORMAT}`` and ``${now+1:minutes:FORMAT}``, in the formats of day.js, UTC."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

_NOW = re.compile(r"now(?:([+-])([0-9]{1,9}):([a-z]{1,12}))?(?::(.*))?", re.DOTALL)
_TOKEN = re.compile(
    r"\[([^\]]*)\]|Y{4}|YY|M{1,4}|D{1,2}|d{1,4}|H{1,2}|h{1,2}|a|A|m{1,2}|s{1,2}|SSS|Z{1,2}|X|x"
)
_UNITS: Final[Mapping[str, timedelta]] = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
# English whatever the machine's locale is, which rules strftime out.
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


_WRITE: Final[Mapping[str, Callable[[datetime], str]]] = {
    "YYYY": lambda at: f"{at.year:04}",
    "YY": lambda at: f"{at.year % 100:02}",
    "MMMM": lambda at: _MONTHS[at.month - 1],
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month),
    "DD": lambda at: f"{at.day:02}",
    "D": lambda at: str(at.day),
    "dddd": lambda at: _DAYS[at.weekday()],
    "ddd": lambda at: _DAYS[at.weekday()][:3],
    "dd": lambda at: _DAYS[at.weekday()][:2],
    "d": lambda at: str(at.isoweekday() % 7),
    "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: str(at.hour),
    "hh": lambda at: f"{at.hour % 12 or 12:02}",
    "h": lambda at: str(at.hour % 12 or 12),
    "A": lambda at: "AM" if at.hour < 12 else "PM",  # noqa: PLR2004
    "a": lambda at: "am" if at.hour < 12 else "pm",  # noqa: PLR2004
    "mm": lambda at: f"{at.minute:02}",
    "m": lambda at: str(at.minute),
    "ss": lambda at: f"{at.second:02}",
    "s": lambda at: str(at.second),
    "SSS": lambda at: f"{at.microsecond // 1000:03}",
    "ZZ": lambda _: "+0000",
    "Z": lambda _: "+00:00",
    "X": lambda at: str(int(at.timestamp())),
    "x": lambda at: str(_milliseconds(at)),
}


class Now:
    """A moment relative to the request's, and how it is written.

    Args:
        offset: what is added to the request's moment.
        form: a format of day.js, or None for ISO 8601 with milliseconds.
    """

    __slots__ = ("_form", "_offset")

    def __init__(self, offset: timedelta, form: str | None) -> None:
        self._offset = offset
        self._form = form

    def at(self, now: datetime) -> str:
        """Write the moment.

        Args:
            now: the request's moment, in UTC.

        Raises:
            OverflowError: the moment is outside of what a date can be.
        """
        at = now + self._offset
        if self._form is None:
            return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
        return _TOKEN.sub(lambda token: _write(token, at), self._form)


def _write(token: re.Match[str], at: datetime) -> str:
    literal: str | None = token[1]
    return literal if literal is not None else _WRITE[token[0]](at)


def parse_now(text: str) -> Now | None:
    """Parse what stands between ``${`` and ``}``; None where it names no moment."""
    found = _NOW.fullmatch(text)
    if found is None:
        return None
    sign, count, unit, form = found.groups()
    if sign is None:
        return Now(timedelta(0), form)
    step = _UNITS.get(unit.removesuffix("s"))
    if step is None:
        return None
    try:
        offset = step * (int(count) if sign == "+" else -int(count))
    except OverflowError:
        return None
    return Now(offset, form)
