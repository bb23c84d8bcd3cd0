"""Asking again and again until something has come."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from nango_client._http.calls import Calls
from nango_client._http.errors import is_nangos_word
from nango_client._http.lifecycle import running_loop
from nango_client._http.retry import asked_wait
from nango_client.exceptions import (
    NangoError,
    RateLimitError,
    ServerError,
    TransportError,
    WaitTimeoutError,
)

T = TypeVar("T")

# Each wait is longer than the one before it, ...
_GROWTH: Final = 1.5
# ... up to this one (seconds).
_LONGEST: Final = 15.0


async def poll(
    calls: Calls,
    ask: Callable[[], Awaitable[T | None]],
    *,
    timeout: float,  # noqa: ASYNC109  the limit is part of what is promised
    interval: float,
    awaited: str,
) -> T:
    """Give the first answer that is not None.

    Trouble on the way is no reason to stop; nothing is asked before the end that a 429 names.

    Args:
        calls: does the waiting, and ends it with the client.
        ask: asks once.
        timeout: seconds for all of it.
        interval: seconds before the second time; then half as long again each time, up to 15 s.
        awaited: what is waited for, for the error's text.

    Raises:
        WaitTimeoutError: nothing has come in time.
        NangoError: an answer after which asking again makes no sense.
    """
    clock = running_loop().time
    deadline = clock() + timeout
    wait = interval
    while True:
        pause = wait
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                found = await ask()
            if found is not None:
                return found
        except TimeoutError as error:
            # Also one of the client's own limits, which is trouble on the way.
            if limit.expired() or not isinstance(error, NangoError):
                break
        except NangoError as error:
            if not _is_passing(error):
                raise
            pause = max(wait, asked_wait(error, calls.now()) or 0.0)
        if clock() + pause >= deadline:
            # Nothing is asked before the end of a pause, and that is too late.
            await calls.sleep(max(deadline - clock(), 0.0))
            break
        await calls.sleep(pause)
        wait = min(wait * _GROWTH, max(_LONGEST, interval))
    raise WaitTimeoutError(f"{awaited} has not come within {timeout:g} s")


def _is_passing(error: NangoError) -> bool:
    return isinstance(error, TransportError | ServerError | RateLimitError) or not is_nangos_word(
        error
    )
