"""Times that answer headers carry, as pure functions; what cannot be read counts as absent."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

# RFC 9110 section 10.2.3 has whole seconds; some proxies send fractions.
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")
_COUNT = re.compile(r"[0-9]{1,15}")
# Longer than any wait that could be meant, and still a number that date arithmetic can take.
_FOREVER = 1e9


# Answers of the same second carry the same text.
@lru_cache(maxsize=16)
def parse_date(value: str) -> float | None:
    """Give the epoch seconds of an HTTP date, in any of its three forms (RFC 9110, 5.6.7)."""
    try:
        moment = parsedate_to_datetime(value)
        # "-0000" gives a naive datetime; HTTP dates are UTC throughout.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds that ``Retry-After`` asks to wait, or None.

    A date counts from the answer's own ``Date``, so that a wrong local clock does not matter, and
    from `now` (seconds since the epoch) where there is none.
    """
    value = headers.get("Retry-After", "").strip(" \t")
    if _SECONDS.fullmatch(value):
        return min(float(value), _FOREVER)
    moment = parse_date(value) if value else None
    if moment is None:
        return None
    return min(max(moment - server_time(headers, now), 0.0), _FOREVER)


def rate_limit_reset(headers: Mapping[str, str]) -> float | None:
    """Give the end of the rate limit's window, ``X-RateLimit-Reset``, in epoch seconds, or None."""
    value = headers.get("X-RateLimit-Reset", "").strip(" \t")
    if not _SECONDS.fullmatch(value):
        return None
    reset = float(value)
    return reset if reset < datetime.max.replace(tzinfo=UTC).timestamp() else None


def rate_limit(headers: Mapping[str, str]) -> int | None:
    """Give the number of requests that a window takes, ``X-RateLimit-Limit``, or None."""
    value = headers.get("X-RateLimit-Limit", "").strip(" \t")
    return int(value) if _COUNT.fullmatch(value) else None


def date_of(headers: Mapping[str, str]) -> float | None:
    """Give the answer's ``Date`` in epoch seconds, or None."""
    value = headers.get("Date")
    return parse_date(value) if value else None


def server_time(headers: Mapping[str, str], now: float) -> float:
    """Give the answer's ``Date`` in epoch seconds, or `now` where it has none."""
    date = date_of(headers)
    return now if date is None else date
