"""A lease that is kept, prolonged, claimed, lost and released."""

import asyncio

import pytest
from stores import FaultyStore, fail

from nango_client import SystemClock
from nango_client._credentials.lease import Lease
from nango_client._credentials.store import Link, StoreGate
from nango_client._events import Reporter

pytestmark = pytest.mark.asyncio

CLAIM = b"claim of me"


def claim() -> tuple[bytes, float]:
    return CLAIM, 100.0


def is_claim(found: tuple[bytes, float] | None) -> bool:
    return found is not None and found[0] == CLAIM


class World:
    def __init__(self) -> None:
        self.store = FaultyStore()
        self.gate = StoreGate(self.store, 0.5)
        self.link = Link(self.gate, SystemClock(), Reporter(None))

    def lease(self, owner: str = "me", ttl: float = 0.03) -> Lease:
        call = self.link.call()
        assert call is not None
        return Lease(self.link, call, "a:b", owner, ttl)

    async def wait_for(self, operation: str, count: int) -> None:
        """Wait until the store has been asked so often."""
        give_up = asyncio.get_running_loop().time() + 5
        while self.store.asked.count(operation) < count:
            assert asyncio.get_running_loop().time() < give_up
            await asyncio.sleep(0.001)


async def test_a_short_fetch_needs_no_claim() -> None:
    """Taken, stored, released: one operation each."""
    world = World()
    lease = world.lease(ttl=10)
    await lease.take()
    lease.keep(claim)

    assert await lease.store(b"value", 10, is_claim)
    await lease.release()
    await lease.release()

    assert world.store.asked == ["acquire", "set", "release"]


async def test_a_long_one_is_prolonged_again_and_again() -> None:
    """It has claimed once, and may store at its end."""
    world = World()
    lease = world.lease()
    await lease.take()
    lease.keep(claim)
    await world.wait_for("acquire", 4)

    assert await lease.store(b"value", 10, is_claim)

    assert world.store.asked.count("set") == 2
    assert world.store.asked[-2:] == ["get", "set"]


async def test_what_came_in_between_ends_the_right_to_store() -> None:
    """A newer answer has replaced the claim."""
    world = World()
    lease = world.lease()
    await lease.take()
    lease.keep(claim)
    await world.wait_for("acquire", 2)
    await world.store.inner.acquire("a:b", "you", 10, steal=True)
    await world.store.inner.set("a:b", b"newer", 10, owner="you")
    await world.store.inner.release("a:b", "you")

    assert not await lease.store(b"value", 10, is_claim)
    found = await world.store.inner.get("a:b")
    assert found is not None
    assert found[0] == b"newer"


async def test_a_drop_before_the_first_prolonging_ends_it() -> None:
    """The claim is not put where the lease is lost; and it is not prolonged any more."""
    world = World()
    lease = world.lease()
    await lease.take()
    lease.keep(claim)
    await world.store.inner.delete("a:b")
    await world.wait_for("set", 1)
    await asyncio.sleep(0.03)

    assert not await lease.store(b"value", 10, is_claim)
    assert world.store.asked == ["acquire", "set"]


async def test_a_lease_that_was_stolen_is_not_prolonged() -> None:
    """Nor does its old holder store or release it."""
    world = World()
    lease = world.lease()
    await lease.take()
    lease.keep(claim)
    await world.wait_for("acquire", 2)
    await world.store.inner.acquire("a:b", "you", 10, steal=True)
    await world.wait_for("acquire", 3)

    assert not await lease.store(b"value", 10, is_claim)
    await lease.release()

    assert not await world.store.inner.acquire("a:b", "them", 10)


async def test_a_store_that_fails_once_may_be_back_for_the_next_prolonging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where it is shut for a while, and nobody asks it."""
    monkeypatch.setattr("nango_client._credentials.store.PAUSE", 0.15)
    world = World()
    lease = world.lease(ttl=0.3)
    await lease.take()
    world.store.faults["acquire"] = fail
    lease.keep(claim)
    await world.wait_for("acquire", 2)
    world.store.faults.clear()
    await world.wait_for("acquire", 3)

    assert not await world.store.inner.acquire("a:b", "you", 10)
    await lease.release()


async def test_a_shut_store_is_not_asked() -> None:
    """Prolonging waits for the end of its pause, like everything else."""
    world = World()
    lease = world.lease()
    await lease.take()
    world.gate.note_failure(SystemClock())
    lease.keep(claim)
    await asyncio.sleep(0.05)

    await lease.release()

    assert world.store.asked == ["acquire"]


async def test_an_end_waits_for_a_prolonging_under_way() -> None:
    """Cut off, nobody would know whether its claim is there."""
    world = World()
    gate = asyncio.Event()
    lease = world.lease()
    await lease.take()
    world.store.faults["set"] = gate.wait
    lease.keep(claim)
    await world.wait_for("set", 1)
    storing = asyncio.create_task(lease.store(b"value", 10, is_claim))
    await asyncio.sleep(0)
    gate.set()

    assert await storing


async def test_a_lease_that_is_released_while_it_is_prolonged_is_not_prolonged_again() -> None:
    """It would come back, and nobody would end it."""
    world = World()
    gate = asyncio.Event()
    lease = world.lease()
    await lease.take()
    world.store.faults["acquire"] = gate.wait
    lease.keep(claim)
    await world.wait_for("acquire", 2)
    releasing = asyncio.create_task(lease.release())
    await asyncio.sleep(0)
    gate.set()

    await releasing
    await asyncio.sleep(0.03)

    assert world.store.asked[-1] == "release"


async def test_a_lease_is_released_also_where_nobody_learnt_that_it_was_got(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off between the store's step and its answer."""
    world = World()
    lease = world.lease(ttl=10)
    acquire, taken = world.store.inner.acquire, asyncio.Event()

    async def slow(*arguments: str, **options: bool) -> bool:
        await acquire(*arguments, **options)  # type: ignore[arg-type]
        taken.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.store.inner, "acquire", slow)
    taking = asyncio.create_task(lease.take())
    await taken.wait()
    taking.cancel()
    await asyncio.wait([taking])

    await lease.release()

    assert await acquire("a:b", "you", 10)
