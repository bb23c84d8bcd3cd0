"""Time limits of store operations, on an event loop whose time the test moves."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from nango_client._credentials.ticker import Allowance, Ticker

LIMIT = 1.0


class Loop(asyncio.SelectorEventLoop):
    """Tells a time that passes only where a test says so, or to the next timer when idle."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.lag = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if timers and not self._ready:
            self.now = max(self.now, min(timers) + self.lag)
        super()._run_once()  # type: ignore[misc]


def run(main: Callable[[Loop], Coroutine[Any, Any, None]]) -> None:
    loop = Loop()
    try:
        loop.run_until_complete(main(loop))
    finally:
        loop.close()


async def timed(ticker: Ticker, allowance: Allowance, operation: Awaitable[object]) -> None:
    async with asyncio.timeout(None) as scope:
        ticker.start(allowance, scope)
        try:
            await operation
        finally:
            ticker.stop(allowance)


@pytest.mark.parametrize("left", [1.0, 0.55, 0.02])
def test_an_operation_ends_when_its_allowance_is_used_up(left: float) -> None:
    """To the moment, also where that is within a step."""

    async def main(loop: Loop) -> None:
        ticker, allowance, began = Ticker(LIMIT), Allowance(left), loop.time()

        with pytest.raises(TimeoutError):
            await timed(ticker, allowance, loop.create_future())

        assert loop.time() - began == pytest.approx(left)
        assert allowance.left == pytest.approx(0)

    run(main)


def test_what_is_left_is_for_the_next_operation() -> None:
    """One that answers takes as much as it lasted."""

    async def main(loop: Loop) -> None:
        ticker, allowance = Ticker(LIMIT), Allowance(LIMIT)

        await timed(ticker, allowance, asyncio.sleep(0.63))
        assert allowance.left == pytest.approx(0.37)
        began = loop.time()
        with pytest.raises(TimeoutError):
            await timed(ticker, allowance, asyncio.sleep(0.5))

        assert loop.time() - began == pytest.approx(0.37)

    run(main)


def test_operations_at_once_have_their_own_ends() -> None:
    """One that begins later, with less, ends before another in whose step it began."""

    async def main(loop: Loop) -> None:
        ticker, ends = Ticker(LIMIT), list[float]()

        async def operate(wait: float, left: float) -> None:
            await asyncio.sleep(wait)
            with pytest.raises(TimeoutError):
                await timed(ticker, Allowance(left), loop.create_future())
            ends.append(loop.time() - 100)

        await asyncio.gather(operate(0, 1.0), operate(0.33, 0.04), operate(0.21, 0.5))

        assert ends == pytest.approx([0.37, 0.71, 1.0])

    run(main)


def test_a_loop_that_is_late_counts_little() -> None:
    """Steps that end a second late count a tenth: the answer may be here already."""

    async def main(loop: Loop) -> None:
        ticker, allowance, began = Ticker(LIMIT), Allowance(LIMIT), loop.time()
        loop.lag = 1.0

        with pytest.raises(TimeoutError):
            await timed(ticker, allowance, loop.create_future())

        assert loop.time() - began > 90

    run(main)


def test_no_timer_is_left_when_nothing_is_under_way() -> None:
    """The last one finds nothing, and none follows it."""

    async def main(loop: Loop) -> None:
        ticker = Ticker(LIMIT)
        await timed(ticker, Allowance(LIMIT), asyncio.sleep(0))

        await asyncio.sleep(0.2)

        assert not loop._scheduled

    run(main)


def test_another_event_loop_starts_anew() -> None:
    """A timer that its loop has taken along ends nothing any more."""
    ticker = Ticker(LIMIT)

    async def leave(_loop: Loop) -> None:
        await timed(ticker, Allowance(LIMIT), asyncio.sleep(0))

    async def main(loop: Loop) -> None:
        with pytest.raises(TimeoutError):
            await timed(ticker, Allowance(LIMIT), loop.create_future())

    run(leave)
    run(main)
