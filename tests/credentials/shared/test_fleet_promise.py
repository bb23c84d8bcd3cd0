"""The promise of one process, for two with one store: nothing is served from the margin on."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from stores import IDS, FaultyStore, fail

from nango_client import CachePolicy, Connection, NangoClient, NangoError, ServerError, SharedCache
from nango_client._credentials import fleet
from nango_client._http.protocol import Request, Response

EPOCH = 1_800_000_000.0
MARGIN = 30.0
KEY = "c2hhcmVkLWNhY2hlLWtleS1mb3ItdGhlLXRlc3RzLTE="
# Fewer than the clock of the loop can tell: those who wait look again at once.
NO_PAUSE = 1e-6


class World:
    """The true time."""

    def __init__(self) -> None:
        self.now = EPOCH


class Machine:
    """Two clocks, of which at most one is wrong.

    Whole seconds of error: a lag of less than one cannot be told from ``Date``.
    """

    def __init__(self, world: World, skew: int, *, wall_is_wrong: bool) -> None:
        self.world = world
        self.wall_is_wrong = wall_is_wrong
        self.skew = skew if wall_is_wrong else 0
        self.asleep = 0

    def time(self) -> float:
        return self.world.now + self.skew

    def monotonic(self) -> float:
        return self.world.now - EPOCH - self.asleep

    def fault(self, amount: int) -> None:
        if self.wall_is_wrong:
            self.skew += amount
        else:
            # It sleeps: time passes, for all, and its monotonic clock misses it.
            self.world.now += abs(amount)
            self.asleep += abs(amount)


class Engine:
    """The store's clock, which may be set."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.skew = 0

    def time(self) -> float:
        return self.world.now + self.skew

    monotonic = time


class Nango:
    """Answers with tokens of a given life; an answer's id is the number of its request."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.life: float | None = 3600.0
        # Of the token that came last.
        self.end = 0.0
        self.is_down = False
        self.held: list[asyncio.Future[None]] | None = None
        # Who asked, and when the answer had come, counted in events.
        self.answered: dict[int, tuple[NangoClient, int]] = {}
        self.events = 0
        self.begun = 0

    def requester_of(self, machine: Machine) -> "Requester":
        return Requester(self, machine)


class Requester:
    client: NangoClient

    def __init__(self, nango: Nango, machine: Machine) -> None:
        self.nango, self.machine = nango, machine

    async def fetch(
        self, request: Request, decode: Callable[[Response], Any], may_wait: Callable[[], bool]
    ) -> Any:
        nango = self.nango
        nango.begun += 1
        number = nango.begun
        if nango.held is not None:
            gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            nango.held.append(gate)
            await gate
        nango.events += 1
        nango.answered[number] = (self.client, nango.events)
        if nango.is_down:
            raise ServerError("down", status=500)
        now = nango.world.now
        body = {
            "id": number,
            "connection_id": IDS[0],
            "provider_config_key": IDS[1],
            "credentials": {"type": "OAUTH2", "access_token": "t", "raw": {}},
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z",
        }
        if nango.life is not None:
            nango.end = now + nango.life
            end = datetime.fromtimestamp(nango.end, UTC)
            body["credentials"]["expires_at"] = end.isoformat()  # type: ignore[index]
        date = format_datetime(datetime.fromtimestamp(int(now), UTC), usegmt=True)
        answer = Response(200, {"Date": date}, json.dumps(body).encode(), self.machine.time())
        return decode(answer)


class Fleet(RuleBasedStateMachine):
    """Two processes, one store, one Nango, and everything that can go wrong with their clocks."""

    margin = MARGIN
    # One for all histories: to make it would take as long as a history.
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.engine = Engine(self.world)
        self.store = FaultyStore(self.engine)
        self.nango = Nango(self.world)
        self.machines: list[Machine] = []
        self.clients: list[NangoClient] = []
        self.calls: list[asyncio.Task[None]] = []

    @initialize(
        skews=st.tuples(st.integers(-900, 900), st.integers(-900, 900)),
        walls=st.tuples(st.booleans(), st.booleans()),
        store_is_wrong=st.booleans(),
        local_max_age=st.sampled_from([0.0, 5.0, 60.0]),
        life=st.one_of(st.floats(25, 100), st.floats(-10, 4000), st.none()),
        policy=st.sampled_from(
            [
                CachePolicy(expiry_margin=MARGIN),
                # No renewals, so that old tokens are common.
                CachePolicy(expiry_margin=MARGIN, max_age=9000, refresh_ahead=0),
            ]
        ),
    )
    def make(
        self,
        skews: tuple[int, int],
        walls: tuple[bool, bool],
        store_is_wrong: bool,
        local_max_age: float,
        life: float | None,
        policy: CachePolicy,
    ) -> None:
        # Nobody can tell the time when the store's clock and one's own fail at once.
        self.store_is_wrong = store_is_wrong
        self.nango.life = life
        for skew, wall_is_wrong in zip(skews, walls, strict=True):
            machine = Machine(
                self.world, 0 if store_is_wrong else skew, wall_is_wrong=wall_is_wrong
            )
            shared = SharedCache(self.store, encryption_key=KEY, local_max_age=local_max_age)
            client = NangoClient(
                "key",
                base_url="http://127.0.0.1:9",
                clock=machine,
                cache=policy,
                shared_cache=shared,
            )
            requester = self.nango.requester_of(machine)
            requester.client = client
            client._lookup._requester = requester  # type: ignore[assignment]
            self.machines.append(machine)
            self.clients.append(client)

    who = st.integers(0, 1)
    # Who asks right after something has happened, in this order.
    then = st.sampled_from([(), (0,), (1,), (0, 1), (1, 0)])

    @rule(seconds=st.one_of(st.floats(0, 10), st.floats(0, 400), st.floats(0, 4000)), then=then)
    def time_passes(self, seconds: float, then: tuple[int, ...]) -> None:
        self.world.now += seconds
        self.ask(then)

    @rule(past=st.one_of(st.floats(-1, 1), st.floats(-60, 60)), then=then)
    def time_passes_until_about_the_margin(self, past: float, then: tuple[int, ...]) -> None:
        self.world.now = max(self.world.now, self.nango.end - MARGIN + past)
        self.ask(then)

    @rule(who=who, amount=st.integers(-4000, 4000), then=then)
    def a_machine_s_clock_fails(self, who: int, amount: int, then: tuple[int, ...]) -> None:
        if not self.store_is_wrong:
            self.machines[who].fault(amount)
        self.ask(then)

    @precondition(lambda self: self.store_is_wrong)
    @rule(amount=st.integers(-4000, 4000), then=then)
    def the_store_s_clock_is_set(self, amount: int, then: tuple[int, ...]) -> None:
        self.engine.skew += amount
        self.ask(then)

    @rule(lost=st.sampled_from(["values", "leases", "all"]))
    def the_store_loses_what_it_has(self, lost: str) -> None:
        if lost != "leases":
            self.store.inner._values.clear()
        if lost != "values":
            self.store.inner._leases.clear()

    @rule()
    def the_store_goes_down_or_up(self) -> None:
        if self.store.faults:
            self.store.faults.clear()
        else:
            self.store.faults["all"] = fail

    @rule()
    def nango_goes_down_or_up(self) -> None:
        self.nango.is_down = not self.nango.is_down

    @rule(life=st.one_of(st.floats(25, 100), st.floats(0, 4000), st.none()))
    def tokens_live_so_long_now(self, life: float | None) -> None:
        self.nango.life = life

    @rule(who=who, forced=st.sampled_from([False, False, False, True]))
    def a_call(self, who: int, forced: bool) -> None:
        self.begin(who, forced)
        self.run()

    @rule(who=who, forced=st.booleans())
    def a_slow_call(self, who: int, forced: bool) -> None:
        if self.nango.held is None:
            self.nango.held = []
        self.begin(who, forced)
        self.run()

    @precondition(lambda self: self.nango.held is not None)
    @rule()
    def nango_answers(self) -> None:
        held, self.nango.held = self.nango.held or [], None
        for gate in held:
            if not gate.done():
                gate.set_result(None)
        self.run()

    @rule(who=who, everywhere=st.booleans())
    def a_drop(self, who: int, everywhere: bool) -> None:
        client = self.clients[who]
        if not everywhere:
            client.invalidate(*IDS)
            return

        async def drop() -> None:
            try:
                await client.invalidate_shared(*IDS)
            except NangoError:
                assert self.store.faults

        self.loop.run_until_complete(drop())

    def ask(self, who: tuple[int, ...]) -> None:
        for each in who:
            self.begin(each, forced=False)
            self.run()

    def begin(self, who: int, forced: bool) -> None:
        client = self.clients[who]

        async def call() -> None:
            began = self.nango.events
            try:
                connection = await client.get_connection(*IDS, force_refresh=forced)
            except NangoError:
                return
            asked_by, answered = self.nango.answered[connection.id]
            # What Nango has just told this process is given as it is.
            if asked_by is not client or answered <= began:
                self.check(connection)

        self.calls.append(self.loop.create_task(call()))

    def check(self, connection: Connection) -> None:
        if connection.expires_at is not None:
            overtime = self.world.now - (connection.expires_at.timestamp() - self.margin)
            # The resolution of datetime, and of floats of this size.
            assert overtime < 1e-5, f"served {overtime} s too late"

    def run(self) -> None:
        """Let all that can go on go on, as no time passes."""
        self.loop.run_until_complete(let_go_on(self.loop))
        for task in [task for task in self.calls if task.done()]:
            self.calls.remove(task)
            task.result()

    def teardown(self) -> None:
        async def end() -> None:
            for client in self.clients:
                await client.close()
            await asyncio.gather(*self.calls, return_exceptions=True)

        self.loop.run_until_complete(end())


async def let_go_on(loop: Any) -> None:
    """Wait until nothing goes on any more, or only in circles: who waits for a lease looks on."""
    for _ in range(48):
        await asyncio.sleep(0)
        timers = loop._scheduled
        if not loop._ready and not (timers and timers[0].when() <= loop.time()):
            return


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    with asyncio.Runner() as runner:
        Fleet.loop = runner.get_loop()
        yield


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "_FIRST_PAUSE", NO_PAUSE)
    monkeypatch.setattr(fleet, "_LONGEST_PAUSE", NO_PAUSE)


# Side by side, where tests run so.
@pytest.mark.parametrize("part", range(4))
def test_no_history_of_two_processes_serves_a_token_that_is_over(part: int) -> None:
    """2,000 histories with clocks that are wrong, jump and sleep, and a store that fails."""
    run_state_machine_as_test(
        Fleet, settings=settings(max_examples=500, stateful_step_count=8, deadline=None)
    )


@pytest.mark.parametrize("wrong", ["the reader's clock", "the store's clock"])
def test_one_clock_that_is_right_is_enough(wrong: str) -> None:
    """A reader that lags is stopped by the store's clock, and the other way round."""
    fleet = Fleet()
    by_store = wrong == "the store's clock"
    fleet.make(
        skews=(0, -900),
        walls=(True, True),
        store_is_wrong=by_store,
        local_max_age=60.0,
        life=50.0,
        policy=CachePolicy(expiry_margin=MARGIN),
    )
    fleet.ask((0,))
    fleet.time_passes_until_about_the_margin(-1.0, ())
    if by_store:
        # Not more than the store was given, which would not be believed.
        fleet.engine.skew -= 10
    fleet.ask((1,))
    asked_before = fleet.nango.begun

    fleet.time_passes(1.5, (1,))

    # Without that clock the answer in memory would have served for a minute.
    assert fleet.nango.begun == asked_before + 1
    fleet.teardown()
