"""The rate limit: fixed windows of a minute for the whole account."""

import math
from typing import Final

WINDOW: Final = 60.0
_DEFAULT_LIMIT: Final = 200


class RateLimit:
    """Counts requests in windows; each begins with the first request after the last one's end.

    Args:
        limit: requests a window; None counts against the server's default and refuses nothing.

    Raises:
        ValueError: the limit is negative.
    """

    def __init__(self, limit: int | None) -> None:
        if limit is not None and limit < 0:
            raise ValueError(f"rate_limit is the number of requests a minute, not {limit}")
        self._limit = limit
        self._begin = -math.inf
        self._used = 0

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        """Count one request at `now` (epoch seconds): is it refused, and which headers say so."""
        # A clock that was set back begins a new window too.
        if not self._begin <= now < self._begin + WINDOW:
            self._begin, self._used = now, 0
        self._used += 1
        end = self._begin + WINDOW
        limit = _DEFAULT_LIMIT if self._limit is None else self._limit
        refused = self._limit is not None and self._used > limit
        least = 1 if self._limit is None else 0
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - self._used, least)),
            # The server cuts both off to whole seconds, so a wait may end a moment too early.
            "X-RateLimit-Reset": str(math.floor(end)),
        }
        if refused:
            headers["Retry-After"] = str(math.floor(end - now))
        return refused, headers
