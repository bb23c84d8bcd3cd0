"""Time limits: one timer for all, and the same manners as asyncio.timeout."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nango_client._http.deadlines import Deadlines

pytestmark = pytest.mark.asyncio


@contextmanager
def within(deadlines: Deadlines, seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` when the block takes longer."""
    task = deadlines.start(seconds)
    is_late = False
    try:
        try:
            yield
        finally:
            is_late = deadlines.stop(task)
    except asyncio.CancelledError:
        if not is_late:
            raise
        raise TimeoutError from None


async def test_a_block_in_time_is_left_alone() -> None:
    """Nothing happens to it, and nothing is left of its limit."""
    deadlines = Deadlines(asyncio.get_running_loop())

    with within(deadlines, 10):
        await asyncio.sleep(0)

    assert not deadlines.running
    deadlines.close()


async def test_a_block_that_takes_too_long_is_ended() -> None:
    """TimeoutError, soon after the limit."""
    deadlines = Deadlines(asyncio.get_running_loop())

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError), within(deadlines, 0.01):
            await asyncio.Event().wait()

    assert not deadlines.running


async def test_every_limit_ends_its_own_block() -> None:
    """A short limit set after a long one comes first; blocks that end in time stay whole."""
    deadlines = Deadlines(asyncio.get_running_loop())
    ended: list[str] = []

    async def block(name: str, limit: float, work: float) -> None:
        try:
            with within(deadlines, limit):
                await asyncio.sleep(work)
        except TimeoutError:
            ended.append(name)

    async with asyncio.timeout(5):
        await asyncio.gather(
            block("long", 0.2, 10), block("short", 0.01, 10), block("in time", 0.2, 0.02)
        )

    assert ended == ["short", "long"]
    deadlines.close()


async def test_a_cancellation_from_outside_stays_one() -> None:
    """Who cancels the task sees CancelledError, also where the limit ran out at the same moment."""
    deadlines = Deadlines(asyncio.get_running_loop())

    async def block() -> None:
        with within(deadlines, 10):
            await asyncio.Event().wait()

    plain, both = asyncio.create_task(block()), asyncio.create_task(block())
    await asyncio.sleep(0)
    plain.cancel()
    deadlines.running[both] = 0.0
    deadlines._end_late_ones()
    both.cancel()

    results = await asyncio.gather(plain, both, return_exceptions=True)

    assert [type(result) for result in results] == [asyncio.CancelledError] * 2
    deadlines.close()


async def test_a_limit_needs_a_task() -> None:
    """A callback has nothing that could be cancelled."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    outcome: asyncio.Future[str] = loop.create_future()

    def callback() -> None:
        try:
            with within(deadlines, 1):
                pass
        except RuntimeError as error:
            outcome.set_result(str(error))

    loop.call_soon(callback)

    assert "needs a task" in await outcome
    deadlines.close()
