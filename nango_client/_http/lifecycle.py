"""Whether the client may be used, under which event loop, and what is under way there."""

import asyncio
from typing import Any, Final, final

from nango_client._http.single_flight import SingleFlight
from nango_client.exceptions import (
    ClientClosedError,
    ConfigurationError,
    NangoError,
    TransportError,
)

# How long `close` waits for cancelled tasks to clean up (seconds).
_CLOSE_TIMEOUT: Final = 0.5


# Gives the running event loop, or None where asyncio is not what runs us.
current_loop: Final = asyncio._get_running_loop  # noqa: SLF001  exported, and a call of C

_NOWHERE: Final = object()


def running_loop() -> asyncio.AbstractEventLoop:
    """Give the running event loop.

    Raises:
        ConfigurationError: there is none, or it is not asyncio's.
    """
    loop = current_loop()
    if loop is None:
        raise ConfigurationError(
            "NangoClient works under asyncio, and no event loop of asyncio is running here: call "
            "it inside asyncio.run(...), or use nango_client.sync.NangoClient, which needs no "
            "event loop; trio and other libraries cannot await this one"
        )
    return loop


@final
class Lifecycle:
    """Open until closed; used under one running event loop at a time."""

    def __init__(self) -> None:
        self.closed: bool = False
        # The loop that calls are made under; where it is the running one, there is nothing to do.
        # Before and after it is nothing that `current_loop` gives, so that each call enters.
        self.loop: object = _NOWHERE
        self._flights: list[SingleFlight[Any, Any]] = []

    def flights(self) -> SingleFlight[Any, Any]:
        """Make flights that end with the client, and are left behind with their event loop."""
        flights: SingleFlight[Any, Any] = SingleFlight(replica)
        self._flights.append(flights)
        return flights

    def enter(self) -> None:
        """Begin to be used under the running loop.

        Raises:
            ClientClosedError: after `close`.
            ConfigurationError: no event loop is running, or another one, of another thread, is
                with this client.
        """
        if self.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        if isinstance(self.loop, asyncio.AbstractEventLoop) and self.loop.is_running():
            raise ConfigurationError(
                "this NangoClient is in use under another running event loop, or was before a "
                "fork: make one client per thread"
            )
        self.loop = running_loop()
        for flights in self._flights:
            flights.abandon()

    async def close(self, error: NangoError) -> None:
        """Be used no more; who waits for a call under way gets `error`."""
        is_here = self.loop is current_loop()
        self.closed, self.loop = True, _NOWHERE
        if not is_here:
            return
        # All at once before the first wait, which somebody may cancel.
        tasks = [task for flights in self._flights for task in flights.end(error)]
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT)


def replica(error: BaseException) -> BaseException:
    """Give an equal error for one more waiter; for a cancellation that is not theirs, another."""
    if isinstance(error, asyncio.CancelledError):
        return cancelled_from_outside()
    return error.replica() if isinstance(error, NangoError) else error


def cancelled_from_outside() -> TransportError:
    """Give the error of a caller that nobody cancelled, though its request was."""
    return TransportError(
        "the request was cancelled from outside, by code that cancels all tasks of the event loop "
        "or that closed the aiohttp session"
    )
