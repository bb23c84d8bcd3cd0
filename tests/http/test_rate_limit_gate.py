"""The gate of the rate limit, without a server; both clocks are made up, so nothing waits."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

import pytest

from nango_client import (
    APIStatusError,
    ClientClosedError,
    ConnectionFailedError,
    NangoError,
    RateLimitError,
    RetryPolicy,
)
from nango_client._http.rate_limit import RateLimitGate
from nango_client.testing import FakeClock

START: Final = FakeClock().time()
FAR: Final = 10_000.0


class _Selector(selectors.SelectSelector):
    """Lets no time pass but what the loop counts."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("all wait, and nothing will ever wake them")
        self.loop.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of passing."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 500.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)


def now() -> float:
    return asyncio.get_running_loop().time()


class LoopClock:
    """A wall clock that goes with the loop's, as a machine's does."""

    def time(self) -> float:
        return START + now() - 500.0


def refused(
    left: float | None = 40.0,
    *,
    retry_after: float | None = None,
    limit: str | None = "2",
    code: str | None = "too_many_request",
    at: float = START,
) -> RateLimitError:
    """The server's answer, `left` seconds before its window ends."""
    headers = {} if limit is None else {"X-RateLimit-Limit": limit}
    error = RateLimitError(
        "used up", status=429, code=code, retry_after=retry_after, headers=headers
    )
    error.reset_at = None if left is None else datetime.fromtimestamp(at + left, UTC)
    return error


class Door:
    """A gate, and a log of who went through it, and when by the loop's clock from the start."""

    def __init__(self, clock: FakeClock | LoopClock | None = None, **policy: Any) -> None:
        self.clock = clock or LoopClock()
        retry = RetryPolicy(**{"max_retry_after": 60.0, **policy})
        self.gate = RateLimitGate(retry, self.clock.time)
        self.log: list[tuple[str, float]] = []
        self.errors: dict[str, NangoError] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, *names: str, within: float = FAR, **options: bool) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(self._enter(name, now() + within, options))

    async def _enter(self, name: str, deadline: float, options: dict[str, bool]) -> None:
        try:
            if self.gate.is_shut:
                await self.gate.enter(deadline, **options)
        except NangoError as error:
            self.errors[name] = error
        self.log.append((name, round(now() - 500.0, 1)))

    async def all_through(self) -> list[tuple[str, float]]:
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return self.log

    async def shut(self, error: RateLimitError | None = None) -> None:
        self.gate.note(error or refused(), self.clock.time())


async def pause(seconds: float = 0.0) -> None:
    """Let the tasks run, and time pass."""
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.sleep(seconds)


# What shuts it


@pytest.mark.parametrize(
    "error",
    [
        refused(code=None),
        refused(code="rate_limited"),
        refused(left=None),
        refused(left=60.5),
        refused(left=30.0, retry_after=61.0),
        APIStatusError("teapot", status=418, code="too_many_request", retry_after=5.0),
        ConnectionFailedError("reset"),
    ],
    ids=["no code", "another code", "no end", "over a minute", "over a minute too", "418", "reset"],
)
def test_what_does_not_name_the_end_of_nangos_window_leaves_the_gate_open(
    error: NangoError,
) -> None:
    """A proxy's own 429, and one whose end is no end of a window, say nothing of the account."""

    async def main() -> None:
        door = Door()

        door.gate.note(error, door.clock.time())

        assert not door.gate.is_shut
        assert not door.gate.refuses(now())

    run(main())


@pytest.mark.parametrize(
    ("error", "opens"),
    [
        (refused(40.0), 41.0),
        (refused(60.0), 61.0),
        (refused(None, retry_after=40.0), 41.0),
        (refused(20.0, retry_after=40.0), 41.0),
        (refused(40.0, retry_after=20.0), 41.0),
        (refused(0.0, retry_after=0.0), 1.0),
        (refused(-5.0), 1.0),
    ],
    ids=["reset", "a whole window", "Retry-After", "the longer", "of both", "cut off", "past"],
)
def test_requests_wait_for_the_named_end(error: RateLimitError, opens: float) -> None:
    """It was cut off to whole seconds, so a second comes on top."""

    async def main() -> None:
        door = Door()
        await door.shut(error)

        door.ask("one")

        ((name, at),) = await door.all_through()
        assert name == "one"
        assert opens <= at <= opens + 0.1
        assert door.errors == {}

    run(main())


# The client's clock


def test_the_end_is_read_from_the_clients_clock() -> None:
    """Where that is moved by hand, those who wait go as soon as it is past the end."""

    async def main() -> None:
        clock = FakeClock()
        door = Door(clock)
        await door.shut()
        door.ask("one")
        await pause(1_000.0)
        before = list(door.log)

        clock.advance(41.0)

        assert before == []
        assert await door.all_through() == [("one", pytest.approx(1_000.0, abs=0.15))]

    run(main())


def test_a_clock_that_is_stopped_at_the_very_end_holds_nobody_for_ever() -> None:
    """The second on top then passes by the loop's clock."""

    async def main() -> None:
        clock = FakeClock()
        door = Door(clock)
        await door.shut()
        door.ask("one")
        await pause(100.0)

        clock.advance(40.0)

        assert await door.all_through() == [("one", pytest.approx(101.0, abs=0.15))]

    run(main())


def test_a_clock_that_is_set_back_shuts_the_gate_for_no_longer_than_a_window() -> None:
    """After an hour back, the wait is a minute."""

    async def main() -> None:
        clock = FakeClock()
        door = Door(clock)
        await door.shut()
        door.ask("one")
        await pause()
        clock.jump(wall=-3600.0)
        await pause(1.0)

        clock.jump(wall=61.0)

        assert await door.all_through() == [("one", pytest.approx(1.0, abs=0.15))]

    run(main())


def test_a_clock_that_goes_back_over_the_end_begins_the_second_on_top_anew() -> None:
    """Only a second without a break counts."""

    async def main() -> None:
        clock = FakeClock()
        door = Door(clock)
        await door.shut()
        door.ask("one")
        clock.advance(40.0)
        await pause(0.5)
        clock.jump(wall=-1.0)
        await pause(100.0)
        before = list(door.log)

        clock.jump(wall=1.0)

        assert before == []
        assert await door.all_through() == [("one", pytest.approx(101.5, abs=0.15))]

    run(main())


@pytest.mark.parametrize(
    ("made", "left", "opens"),
    [(0, 40.0, 41.0), (25, 15.0, 41.0), (-300, 40.0, 71.0), (300, 40.0, 71.0)],
    ids=["made at once", "made later", "a clock that is behind", "a clock that is ahead"],
)
def test_an_answer_that_is_read_late_counts_from_when_it_was_made(
    made: int, left: float, opens: float
) -> None:
    """Unless its `Date` is outside of the 30 s that the request took: then the clocks differ."""

    async def main() -> None:
        door = Door()
        sent = door.clock.time()
        error = refused(left, at=START + made)
        date = format_datetime(datetime.fromtimestamp(START + made, UTC), usegmt=True)
        error.headers = {**error.headers, "Date": date}
        await pause(30.0)

        door.gate.note(error, sent)
        door.ask("one")

        assert await door.all_through() == [("one", pytest.approx(opens, abs=0.15))]

    run(main())


# Windows


def test_at_most_the_named_limit_goes_out_per_window_in_order() -> None:
    """Without pacing inside it: the first ones at once, the next ones a window later."""

    async def main() -> None:
        door = Door()
        await door.shut()

        door.ask("a", "b", "c", "d", "e")

        through = await door.all_through()
        assert [name for name, _ in through] == ["a", "b", "c", "d", "e"]
        times = [at for _, at in through]
        assert times == pytest.approx([41, 41, 102, 102, 163], abs=0.3)

    run(main())


def test_who_comes_later_takes_what_is_left_of_the_window() -> None:
    """One waited, one more goes at once, the third waits for the next window."""

    async def main() -> None:
        door = Door()
        await door.shut()
        door.ask("a")
        await pause(50.0)

        door.ask("b", "c")

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41, 50, 102], abs=0.3)

    run(main())


def test_the_gate_opens_after_a_window_that_was_not_used_up() -> None:
    """Then any number goes out without being counted."""

    async def main() -> None:
        door = Door()
        await door.shut()
        door.ask("a")
        await pause(110.0)
        was_shut = door.gate.is_shut

        door.ask("b", "c", "d", "e")

        times = [at for _, at in await door.all_through()]
        assert was_shut
        assert not door.gate.is_shut
        assert times == pytest.approx([41, 110, 110, 110, 110], abs=0.3)

    run(main())


@pytest.mark.parametrize("limit", [None, "many", ""])
def test_without_a_named_limit_all_go_when_the_window_ends(limit: str | None) -> None:
    """What cannot be read counts as not named."""

    async def main() -> None:
        door = Door()
        await door.shut(refused(limit=limit))

        door.ask("a", "b", "c", "d")

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41.0] * 4, abs=0.15)

    run(main())


def test_a_limit_of_nothing_lets_one_try() -> None:
    """Else nobody would ever learn that it was raised."""

    async def main() -> None:
        door = Door()
        await door.shut(refused(limit="0"))

        door.ask("a", "b")

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41, 102], abs=0.2)

    run(main())


# Who is refused


@pytest.mark.parametrize(
    ("policy", "within"),
    [
        ({"max_retry_after": 39.0}, FAR),
        ({}, 41.0),
        ({"max_attempts": 1}, FAR),
    ],
    ids=["max_retry_after", "deadline", "no retries"],
)
def test_who_may_not_wait_so_long_is_refused_at_once(policy: Any, within: float) -> None:
    """With the server's own error, each with an object of its own, and nothing sent."""

    async def main() -> None:
        door = Door(**policy)
        error = refused()
        error.headers = {**error.headers, "Date": "Fri, 15 Jan 2027 08:00:00 GMT"}
        await door.shut(error)
        foreseen = door.gate.refuses(now() + within)

        door.ask("a", "b", within=within)

        assert await door.all_through() == [("a", 0.0), ("b", 0.0)]
        assert foreseen
        first, second = door.errors["a"], door.errors["b"]
        assert len({id(error), id(first), id(second)}) == 3
        for given in (first, second):
            assert type(given) is RateLimitError
            assert (given.args, given.status, given.code) == (error.args, 429, error.code)
            assert given.reset_at == error.reset_at
            # It is an older answer's.
            assert given.headers == {"X-RateLimit-Limit": "2"}
            assert given.retry_after == pytest.approx(40.0)

    run(main())


def test_the_refusal_names_what_is_left_of_the_wait() -> None:
    """Also in a window that is used up by our own requests, whose end the server did not name."""

    async def main() -> None:
        door = Door(FakeClock(), max_attempts=1)
        await door.shut()
        assert isinstance(door.clock, FakeClock)
        door.clock.advance(30.0)
        door.ask("a")
        await pause()
        door.clock.advance(10.0)
        door.ask("b", "c", "d")

        await door.all_through()

        first, last = door.errors["a"], door.errors["d"]
        assert sorted(door.errors) == ["a", "d"]
        assert isinstance(first, RateLimitError)
        assert isinstance(last, RateLimitError)
        assert (first.retry_after, last.retry_after) == (10.0, 60.0)
        assert first.reset_at == datetime.fromtimestamp(START + 40, UTC)
        assert last.reset_at == datetime.fromtimestamp(START + 100, UTC)

    run(main())


def test_a_place_in_a_later_window_is_refused_where_that_comes_too_late() -> None:
    """The third waits for two windows: over the deadline of this one, or over `max_retry_after`."""

    async def main() -> None:
        short, impatient = Door(), Door(max_retry_after=59.0)
        for door in (short, impatient):
            await door.shut()

        short.ask("a", "b", "c", within=102.0)
        short.ask("d", within=102.2)
        impatient.ask("a", "b", "c")

        assert [name for name, _ in await short.all_through()] == ["c", "a", "b", "d"]
        assert [name for name, _ in await impatient.all_through()] == ["c", "a", "b"]
        assert sorted(short.errors) == ["c"]
        assert sorted(impatient.errors) == ["c"]

    run(main())


def test_who_can_do_without_an_answer_does_not_queue() -> None:
    """It is refused while others wait or the window lasts, and goes out where neither is so."""

    async def main() -> None:
        clock = FakeClock()
        door = Door(clock)
        await door.shut()
        door.ask("early", may_wait=False)
        door.ask("waits")
        await pause()
        clock.advance(40.0)
        door.ask("behind", may_wait=False)
        await pause(2.0)

        door.ask("late", may_wait=False)

        assert [name for name, _ in await door.all_through()] == [
            "early",
            "behind",
            "waits",
            "late",
        ]
        assert sorted(door.errors) == ["behind", "early"]

    run(main())


@pytest.mark.parametrize("policy", [{"max_attempts": 1}, {}], ids=["no retries", "may not wait"])
def test_who_cannot_wait_goes_at_the_very_end(policy: Any) -> None:
    """The second on top is for those who can."""

    async def main() -> None:
        clock = FakeClock()
        door = Door(clock, **policy)
        await door.shut()

        clock.advance(40.0)
        door.ask("one", may_wait=bool(policy))

        assert await door.all_through() == [("one", 0.0)]
        assert door.errors == {}

    run(main())


def test_a_deadline_that_passes_in_the_queue_ends_the_wait() -> None:
    """The client's clock may go slower than the loop's."""

    async def main() -> None:
        door = Door(FakeClock())
        await door.shut()

        door.ask("one", within=50.0)

        assert await door.all_through() == [("one", 50.0)]
        assert isinstance(door.errors["one"], RateLimitError)

    run(main())


def test_a_call_without_a_deadline_waits_as_long_as_it_takes() -> None:
    """As calls of the provider may, which have no total limit."""

    async def main() -> None:
        door = Door()
        await door.shut()

        door.ask("one", within=float("inf"))

        assert await door.all_through() == [("one", pytest.approx(41.0, abs=0.15))]

    run(main())


# More refusals


def test_further_refusals_of_the_same_window_change_nothing() -> None:
    """Those under way are refused too, later, with an end that is cut off otherwise."""

    async def main() -> None:
        door = Door()
        sent = door.clock.time()
        await door.shut()
        door.ask("a", "b", "c")
        await pause(0.5)

        for left in (40.9, 39.0, 1.0):
            door.gate.note(refused(left, limit="1"), sent)

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41, 41, 102], abs=0.3)

    run(main())


def test_a_refusal_that_comes_after_its_window_changes_nothing() -> None:
    """It was sent before the present window began, and its answer was slow."""

    async def main() -> None:
        door = Door()
        sent = door.clock.time()
        await door.shut()
        door.ask("a")
        await pause(45.0)

        door.gate.note(refused(50.0, at=door.clock.time()), sent)
        door.ask("b")

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41, 45], abs=0.15)

    run(main())


def test_a_window_that_others_have_used_up_shuts_the_gate_again() -> None:
    """Processes of a fleet share the window; who waits, waits for the end that the server names."""

    async def main() -> None:
        door = Door()
        await door.shut()
        door.ask("a", "b", "c", within=200.0)
        door.ask("d", within=105.0)
        await pause(42.0)
        sent = door.clock.time()

        door.gate.note(refused(20.0, at=door.clock.time()), sent)

        through = await door.all_through()
        assert [name for name, _ in through] == ["a", "b", "c", "d"]
        assert [at for _, at in through] == pytest.approx([41, 41, 63, 63], abs=0.3)

    run(main())


def test_who_cannot_wait_for_the_window_after_is_refused_when_the_gate_shuts_again() -> None:
    """Not only when its deadline has passed."""

    async def main() -> None:
        door = Door(FakeClock())
        assert isinstance(door.clock, FakeClock)
        await door.shut(refused(10.0))
        door.ask("a", "b")
        door.ask("late", within=50.0)
        await pause()
        before = dict(door.errors)

        door.gate.note(refused(59.0, limit="1"), door.clock.time())
        await pause()

        assert before.keys() == {"late"}
        assert door.errors.keys() == {"late"}
        door.clock.advance(60.0)
        await pause()
        await pause(61.0)
        door.clock.advance(61.0)
        assert [name for name, _ in await door.all_through()] == ["late", "a", "b"]

    run(main())


def test_those_who_wait_are_looked_through_when_a_later_window_is_used_up() -> None:
    """Whose deadline was fine for the end known before is refused, the others stay in order."""

    async def main() -> None:
        door = Door()
        await door.shut(refused(10.0))
        door.ask("patient", "too")
        door.ask("third", within=100.0)
        await pause(1.0)
        refused_before = dict(door.errors)

        door.gate.note(refused(59.0, at=door.clock.time()), door.clock.time())
        await pause()

        assert refused_before == {}
        assert door.errors.keys() == {"third"}
        assert [name for name, _ in await door.all_through()] == ["third", "patient", "too"]

    run(main())


# Answers


@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({"X-RateLimit-Reset": "1800000111"}, 112.0),
        ({"X-RateLimit-Reset": "1800000080"}, 81.0),
        ({"X-RateLimit-Reset": "1800000311", "Date": "Fri, 15 Jan 2027 08:04:12 GMT"}, 112.0),
        ({"X-RateLimit-Reset": "1800000052"}, 102.0),
        ({"X-RateLimit-Reset": "1800000113"}, 102.0),
        ({}, 102.0),
    ],
    ids=["later", "earlier", "another clock", "past", "over a minute", "not named"],
)
def test_an_answer_tells_when_the_new_window_ends(headers: dict[str, str], opens: float) -> None:
    """It begins at the server, with whichever process comes first there."""

    async def main() -> None:
        door = Door()
        await door.shut()
        door.ask("a", "b", "c")
        await pause(52.0)

        door.gate.learn(headers, door.clock.time())

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41, 41, opens], abs=0.3)

    run(main())


def test_an_answer_of_an_older_window_tells_nothing_of_this_one() -> None:
    """Nor does one that was under way when the server said that this one is used up."""

    async def main() -> None:
        door = Door()
        sent = door.clock.time()
        await door.shut()
        door.ask("a", "b", "c")
        door.gate.learn({"X-RateLimit-Reset": "1800000020"}, sent)
        await pause(52.0)

        door.gate.learn({"X-RateLimit-Reset": "1800000080"}, sent)

        times = [at for _, at in await door.all_through()]
        assert times == pytest.approx([41, 41, 102], abs=0.3)

    run(main())


# Requests that come back unsent


class Waiting:
    """A pool in which requests wait for a connection."""

    def __init__(self, count: int) -> None:
        self.count = count

    def hold_back(self) -> int:
        count, self.count = self.count, 0
        return count


def test_those_who_were_let_out_and_held_back_come_first() -> None:
    """They had their turn; they come back in reverse, and stand in order before the others."""

    async def main() -> None:
        door = Door()
        await door.shut()
        door.ask("let out", "let out too", "waits")
        await pause(41.5)
        door.gate.pools.append(Waiting(2))

        door.gate.note(refused(30.0, at=door.clock.time()), door.clock.time())
        door.ask("second", "first", first=True)

        through = await door.all_through()
        assert [name for name, _ in through[2:]] == ["first", "second", "waits"]
        assert [at for _, at in through[2:]] == pytest.approx([72.5, 72.5, 133.5], abs=0.3)

    run(main())


def test_a_place_is_foreseen_with_those_who_come_back() -> None:
    """Of three with a window of two, the last of those held back waits for a later window."""

    async def main() -> None:
        door = Door(max_retry_after=45.0)
        door.gate.pools.append(Waiting(3))
        await door.shut()

        door.ask("third", "second", "first", first=True)
        door.ask("fourth")

        assert [name for name, _ in await door.all_through()] == [
            "third",
            "fourth",
            "first",
            "second",
        ]
        assert sorted(door.errors) == ["fourth", "third"]

    run(main())


def test_who_waits_counts_those_who_come_back_before_it() -> None:
    """A waiting request that is pushed into a window too late for it is refused."""

    async def main() -> None:
        door = Door(max_retry_after=45.0)
        await door.shut()
        door.ask("waits", "waits too")
        await pause()
        door.gate.pools.append(Waiting(1))

        door.gate.note(refused(42.5), door.clock.time())
        door.ask("comes back", first=True)

        assert [name for name, _ in await door.all_through()] == [
            "waits too",
            "comes back",
            "waits",
        ]

    run(main())


# Ends


def test_a_cancelled_one_leaves_the_queue() -> None:
    """The next takes its place, also where it was cancelled as the window ended."""

    async def main() -> None:
        door = Door(FakeClock())
        assert isinstance(door.clock, FakeClock)
        await door.shut()
        door.ask("a", "b", "c", "d")
        await pause()
        door.tasks["a"].cancel()
        await pause()
        door.tasks["b"].cancel()

        door.clock.advance(41.0)
        door.gate.refuses(now())

        await pause()
        assert [name for name, _ in door.log] == ["c", "d"]

    run(main())


def test_closing_ends_the_waits() -> None:
    """Each who waits gets an error of its own at once, but one that was just cancelled."""

    async def main() -> None:
        door = Door()
        await door.shut()
        door.ask("a", "b", "c")
        await pause()
        door.tasks["c"].cancel()

        door.gate.close(ClientClosedError("closed"))

        assert await door.all_through() == [("a", 0.0), ("b", 0.0)]
        assert [type(error) for error in door.errors.values()] == [ClientClosedError] * 2
        assert door.errors["a"] is not door.errors["b"]
        assert door.tasks["c"].cancelled()

    run(main())


def test_those_who_waited_under_another_loop_are_gone() -> None:
    """The second loop's requests wait for the same end, and take the first places."""
    door = Door(FakeClock())

    async def first() -> None:
        await door.shut()
        door.ask("a", "b")
        await pause()

    async def second() -> None:
        door.tasks.clear()
        door.log.clear()
        door.ask("c", "d")
        await pause()
        before = list(door.log)
        assert isinstance(door.clock, FakeClock)
        door.clock.advance(41.0)
        await door.all_through()
        assert before == []
        assert [name for name, _ in door.log] == ["c", "d"]

    run(first())
    run(second())


def test_closing_where_another_loop_has_ended_leaves_its_futures_alone() -> None:
    """Nobody could be woken there."""
    door = Door()

    async def first() -> None:
        await door.shut()
        door.ask("a")
        await pause()

    run(first())
    door.gate.close(ClientClosedError("closed"))

    assert door.log == []
    assert door.tasks["a"].cancelled()


def test_an_open_gate_has_nobody_in_it() -> None:
    """Entering one that has opened meanwhile costs nothing."""

    async def main() -> None:
        door = Door()

        await door.gate.enter(now())

        assert not door.gate.is_shut

    run(main())


def test_nothing_looks_at_the_clock_when_nobody_waits() -> None:
    """A shut gate without a queue has no timer."""
    looks: list[float] = []

    async def main() -> None:
        clock: Callable[[], float] = lambda: looks.append(now()) or START  # type: ignore[func-returns-value]  # noqa: E731
        gate = RateLimitGate(RetryPolicy(max_retry_after=60.0), clock)
        gate.note(refused(), START)
        waiter = asyncio.create_task(gate.enter(now() + FAR))
        await pause(10.0)
        waiter.cancel()
        await pause(1.0)
        count = len(looks)

        await pause(1_000.0)

        assert 100 < count < 300
        assert len(looks) == count

    run(main())
