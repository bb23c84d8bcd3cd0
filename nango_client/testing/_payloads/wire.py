"""How the server writes things: JSON of all kinds, and moments in its three forms."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nango_client._wire.timestamps import format_timestamp

Wire = dict[str, Any]
"""A JSON object of the wire."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_json(value: Any) -> Any:
    """Give the wire's form of models, dates and mappings, as a copy.

    Raises:
        TypeError: it is not JSON.
    """
    from nango_client._wire.converter import encode

    return json.loads(json.dumps(encode(value)))


def written(seconds: float) -> str:
    """Write epoch seconds as most of the API's answers do, with milliseconds and ``Z``."""
    return format_timestamp(datetime.fromtimestamp(seconds, UTC))


def stored_timestamp(seconds: float) -> str:
    """Write epoch seconds as the server writes the dates of a connection."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def microseconds(moment: datetime) -> int:
    """Give the microseconds since the epoch.

    Raises:
        ValueError: the moment does not say in which time zone it is.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {moment}")
    return (moment - _EPOCH) // _MICROSECOND


def stamp(moment: int) -> str:
    """Write a moment as the server writes those of records: up to six digits, and an offset."""
    text = (_EPOCH + moment * _MICROSECOND).isoformat(timespec="microseconds")
    whole, _, rest = text.partition(".")
    digits = rest.removesuffix("+00:00").rstrip("0")
    return f"{whole}.{digits}+00:00" if digits else f"{whole}+00:00"
