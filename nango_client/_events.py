"""What operators may see: one record per attempt, retry and cache outcome, without ids or secrets.

The allow-list is the class `Event` itself: hook and log get its fields and nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final, Literal, final

import attrs

logger: Final = logging.getLogger("nango_client")
logger.addHandler(logging.NullHandler())

# What the cache is about, and so its events.
CONNECTION_ROUTE: Final = "/connection/{connection_id}"

EventKind = Literal["attempt", "retry", "hit", "miss", "coalesced", "renewal", "stale", "store"]


@final
@attrs.frozen
class Event:
    """Something that happened inside a call; what the hook ``on_event`` is given.

    Example:
        >>> async with server.client(on_event=lambda event: print(event.kind)) as nango:
        ...     token = await nango.get_token("user-42", "github")
        miss
        attempt
    """

    kind: EventKind
    """``attempt`` ended, ``retry`` is going to wait, the ``store`` of a shared cache failed; the
    others are outcomes of the cache."""
    method: str = "GET"
    """The HTTP method."""
    route: str = CONNECTION_ROUTE
    """The path's template; ids are left out."""
    attempt: int | None = None
    """The number of the request within its call, from 1."""
    status: int | None = None
    """The HTTP status, None where no answer came."""
    delay: float | None = None
    """Seconds that a retry waits first."""
    elapsed: float | None = None
    """Seconds that an attempt took."""
    error: str | None = None
    """The class name of the error, None where all went well."""


Hook = Callable[[Event], None]


class Reporter:
    """Tells the hook and the log, which is not told of hits: they are too many."""

    __slots__ = ("_hook", "is_heard")

    def __init__(self, hook: Hook | None) -> None:
        self._hook = hook
        # Says whether a report goes anywhere; all that a call costs to which nobody listens.
        self.is_heard: Callable[[], bool] = (
            partial(logger.isEnabledFor, logging.DEBUG) if hook is None else lambda: True
        )

    def attempt(
        self,
        method: str,
        route: str,
        number: int,
        status: int | None,
        began: float,
        error: BaseException | None = None,
    ) -> None:
        """Pass on that an attempt has ended, which began at this time of the event loop."""
        elapsed = asyncio.get_running_loop().time() - began
        self.report(
            "attempt",
            method,
            route,
            attempt=number,
            status=status,
            elapsed=elapsed,
            error=error,
        )

    def report(
        self,
        kind: EventKind,
        method: str = "GET",
        route: str = CONNECTION_ROUTE,
        *,
        attempt: int | None = None,
        status: int | None = None,
        delay: float | None = None,
        elapsed: float | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Pass one event on; a hook that raises is logged by its exception's class, no more."""
        logged = kind != "hit" and logger.isEnabledFor(logging.DEBUG)
        if self._hook is None and not logged:
            return
        event = Event(
            kind,
            method,
            route,
            attempt=attempt,
            status=status,
            delay=delay,
            elapsed=elapsed,
            error=None if error is None else type(error).__name__,
        )
        if logged:
            fields = attrs.asdict(event, filter=lambda _, value: value is not None)
            logger.debug(" ".join(f"{name}={value}" for name, value in fields.items()))
        if self._hook is not None:
            try:
                self._hook(event)
            # A broken hook must not break the call, nor pass for somebody who cancels it.
            except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001
                logger.warning("the on_event hook raised %s", type(failure).__name__)
