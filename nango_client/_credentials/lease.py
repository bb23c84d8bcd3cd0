"""The right to fetch for the whole fleet, and to store what was fetched."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, final

from nango_client._credentials.store import Link, StoreCall, StoreUnavailableError

# A lease is prolonged when this part of it is over.
_PROLONGED_AFTER: Final = 1 / 3


@final
class Lease:
    """A lease on one name of the store.

    It is prolonged while its holder works, but a store cannot tell prolonging a lease from taking a
    free one. So a lease that was dropped in between, together with what was stored, would come
    back, and with it an answer from before. Therefore the first prolonging leaves a claim among the
    values: whatever drops or replaces that one ends the right to store, for good.
    """

    def __init__(self, link: Link, call: StoreCall, name: str, owner: str, ttl: float) -> None:
        """Make one that is not taken yet.

        Args:
            link: the way to the store.
            call: the operations of the call that fetches.
            name: what it is on.
            owner: unique to this lease.
            ttl: how long it outlives its holder, in seconds.
        """
        self._link = link
        self._call = call
        self.name: Final = name
        self.owner: Final = owner
        self._ttl = ttl
        self._timer: asyncio.TimerHandle | None = None
        self._beat_under_way: asyncio.Task[None] | None = None
        self._claim: Callable[[], tuple[bytes, float]]
        self._is_claimed = False
        self._is_ending = False
        self.is_held: bool = False
        self.has_stored: bool = False

    async def take(self, *, steal: bool = False) -> bool:
        """Take it if it is free, or with `steal` in any case; say whether it is held now."""
        # Before the answer: where that is lost, the lease may be held all the same.
        self.is_held = True
        self.is_held = await self._call.acquire(self.name, self.owner, self._ttl, steal=steal)
        return self.is_held

    def keep(self, claim: Callable[[], tuple[bytes, float]]) -> None:
        """Prolong it from now on, until `store` or `release`.

        Args:
            claim: gives the value that stands for the claim, and its life in seconds.
        """
        self._claim = claim
        self._wait_for_beat()

    async def store(
        self, value: bytes, ttl: float, is_claim: Callable[[tuple[bytes, float] | None], bool]
    ) -> bool:
        """Store a value if nothing has ended the right to; say whether.

        Args:
            value: what to store.
            ttl: its life in seconds.
            is_claim: says whether a value is the claim of this lease.
        """
        await self._stop_beating()
        if not self.is_held:
            return False
        if self._is_claimed and not is_claim(await self._call.get(self.name)):
            return False
        self.has_stored = await self._call.set(self.name, value, ttl, owner=self.owner)
        return self.has_stored

    async def release(self) -> None:
        """End it; what fails here ends by itself when the lease does."""
        await self._stop_beating()
        if self.is_held:
            self.is_held = False
            try:
                await self._call.release(self.name, self.owner)
            except StoreUnavailableError:
                return

    def _wait_for_beat(self) -> None:
        # Most fetches are over before; a task for each would cost them time.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._ttl * _PROLONGED_AFTER, self._begin_to_beat)

    def _begin_to_beat(self) -> None:
        self._timer = None
        self._beat_under_way = asyncio.create_task(self._beat(), name="nango_client lease")

    async def _beat(self) -> None:
        call = self._link.call()
        if call is not None:
            # Where it fails, the lease may last until the next time.
            with suppress(StoreUnavailableError):
                self.is_held = await self._prolong(call)
        self._beat_under_way = None
        if self.is_held and not self._is_ending:
            self._wait_for_beat()

    async def _prolong(self, call: StoreCall) -> bool:
        if not self._is_claimed:
            # Set also where the answer is lost. Only once: a second one could follow a drop.
            self._is_claimed = True
            value, ttl = self._claim()
            if not await call.set(self.name, value, ttl, owner=self.owner):
                return False
        return await call.acquire(self.name, self.owner, self._ttl)

    async def _stop_beating(self) -> None:
        self._is_ending = True
        if self._timer is not None:
            self._timer.cancel()
        # Not cancelled: then nobody would know whether the claim is there.
        if self._beat_under_way is not None:
            await asyncio.wait([self._beat_under_way])
