"""The wire's timestamps: ISO 8601 with an offset, as aware UTC datetimes, and back."""

import re
from datetime import UTC, datetime
from typing import Any, Final

LATEST: Final = datetime.max.replace(tzinfo=UTC)
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)

# JavaScript writes years outside 0 to 9999 with a sign and six digits (ECMA-262, "Expanded Years").
_EXPANDED_YEAR = re.compile(r"([+-]?)[0-9]{5,9}-[0-9]{2}-[0-9]{2}T")


def parse_timestamp(value: Any, _kind: object = None) -> datetime:
    """Give the aware UTC datetime that `value` names; years that Python does not know clamp.

    Raises:
        ValueError: it is not a timestamp, or one without an offset. Its text is never quoted.
    """
    try:
        moment = datetime.fromisoformat(value)
    except TypeError:
        raise ValueError("not a string") from None
    except ValueError:
        expanded = _EXPANDED_YEAR.match(value)
        if expanded is None:
            raise ValueError("not a timestamp") from None
        return EARLIEST if expanded[1] == "-" else LATEST
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("no offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return LATEST if moment.year > 1 else EARLIEST


def format_timestamp(moment: datetime) -> str:
    """Give the wire's form of an aware datetime, with milliseconds and ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
