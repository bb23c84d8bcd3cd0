"""The cache's promise: nothing is served at or after ``expires_at - expiry_margin``."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from first_look import fresh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nango_client import CachePolicy, Connection, OAuth2Credentials
from nango_client._credentials.cache import Ticket, TokenCache
from nango_client._credentials.keys import Key

KEY: Key = ("user-42", "github")
EPOCH = 1_800_000_000.0

# What happens, and by how much; the cache is asked after each.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.floats(0, 500)),
        st.tuples(st.just("pass until the margin, and"), st.floats(0, 1)),
        st.tuples(st.just("fault"), st.floats(-4_000, 4_000)),
        st.tuples(st.just("begin"), st.just(0.0)),
        st.tuples(st.just("begin forced"), st.just(0.0)),
        st.tuples(st.just("answer with a life of"), st.floats(-100, 1_000)),
        st.tuples(st.just("fail"), st.floats(0, 1)),
        st.tuples(st.just("invalidate"), st.just(0.0)),
    ),
    max_size=20,
)
first_lives = st.one_of(st.floats(0, 250), st.floats(0, 4_000))


class World:
    """True time, and two clocks of which at most one is wrong from the start of a request on.

    Nobody can tell the time when both fail at once; any one of them may fail in any way.
    """

    def __init__(self, skew: float, *, wall_is_wrong: bool) -> None:
        self.now = EPOCH
        self.skew = skew
        self.asleep = 0.0
        self.wall_is_wrong = wall_is_wrong

    def time(self) -> float:
        return self.now + self.skew

    def monotonic(self) -> float:
        return self.now - self.asleep

    def fault(self, amount: float) -> None:
        """Set the wall clock either way, or let time pass that the monotonic clock misses."""
        if self.wall_is_wrong:
            self.skew += amount
        else:
            self.now += abs(amount)
            self.asleep += abs(amount)


def connection(end: float | None) -> Connection:
    moment = datetime.fromtimestamp(EPOCH, UTC)
    return Connection(
        id=1,
        connection_id=KEY[0],
        provider_config_key=KEY[1],
        credentials=OAuth2Credentials(
            access_token="t",
            expires_at=None if end is None else moment + timedelta(seconds=end - EPOCH),
        ),
        created_at=moment,
        updated_at=moment,
    )


def overtimes(
    policy: CachePolicy,
    script: list[tuple[str, float]],
    *,
    skew: float,
    wall_is_wrong: bool,
    margin: float,
) -> list[float]:
    """Play a script and list by how many seconds answers came too late."""
    world = World(skew, wall_is_wrong=wall_is_wrong)
    cache = TokenCache(policy, world)
    under_way: list[Ticket] = []
    late: list[float] = []
    end = EPOCH

    for action, value in script:
        match action:
            case "pass":
                world.now += value
            case "pass until the margin, and":
                world.now = max(world.now, end - margin) + value
            case "fault":
                world.fault(value)
            case "begin" | "begin forced":
                under_way.append(cache.begin(KEY, forced=action != "begin"))
            case "answer with a life of" if under_way:
                ticket = under_way.pop(0)
                end = world.now + value
                cache.store(ticket, connection(end), math.floor(world.now))
                cache.finish(ticket)
            case "fail" if under_way:
                ticket = under_way.pop(0)
                cache.postpone(ticket, spares=value < 0.5)
                cache.finish(ticket)
            case "invalidate":
                cache.invalidate(None, None)
            case _:
                continue
        first = fresh(cache, KEY)
        found = cache.find(KEY)
        answers = (first, found and found.connection, cache.find_after_failure(KEY))
        for answer in answers:
            if answer is not None and answer.expires_at is not None:
                overtime = world.now - (answer.expires_at.timestamp() - margin)
                # The resolution of datetime, and of floats of this size.
                if overtime >= 1e-5:
                    late.append(overtime)
    return late


policies = st.builds(
    CachePolicy,
    max_age=st.floats(0, 2_000),
    expiry_margin=st.floats(0, 100),
    refresh_ahead=st.floats(0, 2_000),
    stale_if_error=st.floats(0, 10_000),
    error_ttl=st.floats(0, 60),
)


@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(policies, first_lives, steps, st.floats(-600, 600), st.booleans())
def test_no_answer_is_served_from_the_margin_on(
    policy: CachePolicy,
    first_life: float,
    script: list[tuple[str, float]],
    skew: float,
    wall_is_wrong: bool,
) -> None:
    """No life, latency, skew, jump, sleep or failure makes the cache serve a token too late.

    A local clock that lags by less than a second cannot be told from ``Date``, which has whole
    seconds; such a lag is left out here.
    """
    if -1 < skew < 0:
        skew = 0.0

    script = [
        ("pass", first_life % 1),
        ("begin", 0.0),
        ("answer with a life of", first_life),
        *script,
    ]

    late = overtimes(
        policy, script, skew=skew, wall_is_wrong=wall_is_wrong, margin=policy.expiry_margin
    )

    assert late == []


@pytest.mark.parametrize("missing", [0.01, 1.0, 30.0])
def test_a_margin_that_is_too_small_is_noticed(missing: float) -> None:
    """The check above fails when the margin in force is smaller than the one promised."""
    script = [
        ("begin", 0.0),
        ("answer with a life of", 600.0),
        ("pass until the margin, and", missing / 2),
    ]

    late = overtimes(
        CachePolicy(expiry_margin=40.0),
        script,
        skew=0.0,
        wall_is_wrong=False,
        margin=40.0 + missing,
    )

    assert late
