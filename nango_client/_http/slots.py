"""As many requests at a time as the pool has connections; the others wait here for a free one.

They would wait in the pool's own queue otherwise, out of which nobody can call them back.
"""

import asyncio
from typing import final


class HeldBackError(Exception):
    """The request was called back while it waited for a connection; nothing of it was sent."""


@final
class Slots:
    """The places of one pool of connections, under one event loop.

    Use it like this::

        if slots.free > 0:
            slots.free -= 1
        else:
            await slots.take()
        try:
            ...
        finally:
            slots.give_back()
    """

    def __init__(self, size: float) -> None:
        # So that nearly all requests need no call.
        self.free = size
        # Who waits, in order, is told True for a place and False for being held back.
        self._queue: dict[asyncio.Future[bool], None] = {}

    async def take(self) -> None:
        """Wait for a place.

        Raises:
            HeldBackError: `hold_back` was called meanwhile.
        """
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue[waiter] = None
        try:
            has_place = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self.give_back()
            raise
        finally:
            self._queue.pop(waiter, None)
        if not has_place:
            raise HeldBackError

    def give_back(self) -> None:
        """Let the next one have the place, unless those who wait are held back at once."""
        if self._queue:
            asyncio.get_running_loop().call_soon(self._hand_over)
        else:
            self.free += 1

    def _hand_over(self) -> None:
        while self._queue:
            waiter = next(iter(self._queue))
            del self._queue[waiter]
            if not waiter.done():
                waiter.set_result(True)
                return
        self.free += 1

    def hold_back(self) -> int:
        """Call those who wait back, the last one first; give how many."""
        waiters = [waiter for waiter in reversed(self._queue) if not waiter.done()]
        self._queue.clear()
        for waiter in waiters:
            waiter.set_result(False)
        return len(waiters)
