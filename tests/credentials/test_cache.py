"""The cache by itself: plain calls, a clock moved by hand, no event loop."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from first_look import fresh
from hypothesis import given
from hypothesis import strategies as st

from nango_client import CacheInfo, CachePolicy, Connection, OAuth2Credentials
from nango_client._credentials.cache import TokenCache
from nango_client._credentials.keys import Key

EPOCH = 1_800_000_000.0
KEY: Key = ("user-42", "github")
OTHER: Key = ("user-43", "github")
WITH_REFRESH_TOKEN: Key = ("user-42", "github", "refresh_token")


class ManualClock:
    def __init__(self) -> None:
        self.wall = EPOCH
        self.mono = 0.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds


numbers = count(1)


def answer(life: float | None = 3600.0, key: Key = KEY) -> Connection:
    """Make a connection that ends `life` seconds after EPOCH."""
    moment = datetime.fromtimestamp(EPOCH, UTC)
    return Connection(
        id=next(numbers),
        connection_id=key[0],
        provider_config_key=key[1],
        credentials=OAuth2Credentials(
            access_token="t",
            expires_at=None if life is None else moment + timedelta(seconds=life),
        ),
        created_at=moment,
        updated_at=moment,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> TokenCache:
    return TokenCache(CachePolicy(), clock)


def put(
    cache: TokenCache,
    connection: Connection | None = None,
    key: Key = KEY,
    *,
    forced: bool = False,
    server_time: float = 0.0,
) -> Connection:
    connection = connection or answer(key=key)
    ticket = cache.begin(key, forced=forced)
    cache.store(ticket, connection, server_time)
    cache.finish(ticket)
    return connection


def fail(cache: TokenCache, key: Key = KEY, *, spares: bool = True) -> None:
    ticket = cache.begin(key, forced=False)
    cache.postpone(ticket, spares=spares)
    cache.finish(ticket)


def served(cache: TokenCache, key: Key = KEY) -> Connection | None:
    """Ask as a caller does: the fast way, then the other."""
    found = cache.find(key) if (first := fresh(cache, key)) is None else None
    return found.connection if found else first


def test_an_empty_cache_has_nothing(cache: TokenCache) -> None:
    """A key that was never fetched is not found in any way."""
    assert fresh(cache, KEY) is None
    assert cache.find(KEY) is None
    assert cache.find_after_failure(KEY) is None
    assert cache.remembered_failure(KEY) is None


@pytest.mark.parametrize(
    ("life", "policy", "soft_line"),
    [
        (None, CachePolicy(), 240.0),
        (3600.0, CachePolicy(), 240.0),
        (3600.0, CachePolicy(max_age=10_000), 2700.0),
        (1000.0, CachePolicy(max_age=10_000), 500.0),
        (300.0, CachePolicy(), 150.0),
        (3600.0, CachePolicy(max_age=10_000, refresh_ahead=0), 3600.0 - 30.0),
    ],
)
def test_a_renewal_is_due_from_the_soft_line_on(
    clock: ManualClock, life: float | None, policy: CachePolicy, soft_line: float
) -> None:
    """The soft line is min(0.8 max_age, max(remaining - refresh_ahead, remaining / 2))."""
    cache = TokenCache(policy, clock)
    connection = put(cache, answer(life))

    clock.advance(soft_line - 0.001)
    before = fresh(cache, KEY)
    clock.advance(0.001)

    assert before is connection
    assert fresh(cache, KEY) is None


def test_an_answer_past_its_soft_line_is_served_while_a_renewal_is_due(
    cache: TokenCache, clock: ManualClock
) -> None:
    """Between soft line and max_age the answer is served, not stale, and a renewal is due."""
    connection = put(cache)

    clock.advance(299.9)

    assert cache.find(KEY) == (connection, False, True)


def test_an_answer_past_max_age_has_to_be_fetched(cache: TokenCache, clock: ManualClock) -> None:
    """From max_age on a caller waits for a fetch."""
    put(cache)

    clock.advance(300.0)

    assert served(cache) is None


def test_an_answer_past_max_age_serves_a_caller_whose_fetch_failed(
    cache: TokenCache, clock: ManualClock
) -> None:
    """Up to stale_if_error past max_age the answer is there for failed fetches, then no more."""
    connection = put(cache, answer(None))
    clock.advance(300.0 + 3599.9)
    late = cache.find_after_failure(KEY)
    clock.advance(0.1)

    assert late is connection
    assert cache.find_after_failure(KEY) is None
    assert cache.info().entries == 0


def test_after_a_failed_fetch_callers_get_the_stale_answer_at_once(
    cache: TokenCache, clock: ManualClock
) -> None:
    """Past max_age one failed wait is enough; later tries are due in the background only."""
    connection = put(cache)
    clock.advance(300.0)
    fail(cache)

    at_once = cache.find(KEY)
    clock.advance(9.9)
    not_yet = cache.find(KEY)
    clock.advance(0.1)

    assert at_once == (connection, True, False)
    assert not_yet == (connection, True, False)
    assert cache.find(KEY) == (connection, True, True)


def test_a_failed_renewal_is_tried_again_half_the_remaining_life_later(
    cache: TokenCache, clock: ManualClock
) -> None:
    """A failure between soft line and max_age moves the next try to half of what is left."""
    put(cache)
    clock.advance(240.0)
    fail(cache)

    clock.advance(29.9)
    before = cache.find(KEY)
    clock.advance(0.1)
    after = cache.find(KEY)

    assert before is not None
    assert not before.renewal_is_due
    assert after is not None
    assert after.renewal_is_due


def test_tries_are_never_closer_than_error_ttl(cache: TokenCache, clock: ManualClock) -> None:
    """A renewal that failed just before max_age spares the first caller after it a wait."""
    connection = put(cache)
    clock.advance(295.0)
    fail(cache)

    clock.advance(9.9)
    spared = cache.find(KEY)
    clock.advance(0.1)

    assert spared == (connection, True, False)
    assert cache.find(KEY) is None


@pytest.mark.parametrize("life", [29.0, 30.0, 0.0, -100.0])
def test_an_answer_that_ends_within_the_margin_is_not_stored(
    cache: TokenCache, life: float
) -> None:
    """What could not be served once is not kept."""
    put(cache, answer(life))

    assert cache.info().entries == 0


def test_a_new_answer_that_cannot_be_kept_ends_the_old_one(cache: TokenCache) -> None:
    """The newest answer is the truth, also where it is an expired token."""
    put(cache, answer(3600.0))
    put(cache, answer(-1.0))

    assert served(cache) is None


@pytest.mark.parametrize("skew", [-600.0, 600.0])
def test_a_wrong_wall_clock_does_not_lengthen_a_life(clock: ManualClock, skew: float) -> None:
    """The server's Date bounds a local clock that is 10 minutes wrong either way."""
    cache = TokenCache(CachePolicy(), clock)
    clock.wall += skew
    put(cache, answer(100.0), server_time=EPOCH)

    clock.advance(70.0)

    assert served(cache) is None


@pytest.mark.parametrize("jump", [3600.0, 86_400.0])
def test_a_wall_clock_set_forward_ends_an_entry(
    cache: TokenCache, clock: ManualClock, jump: float
) -> None:
    """A machine that slept, or a clock set forward: the wall clock alone can end an entry."""
    put(cache, answer(3600.0))

    clock.wall += jump

    assert served(cache) is None


@pytest.mark.parametrize("jump", [-3600.0, -86_400.0])
def test_a_wall_clock_set_back_does_not_keep_an_entry(
    cache: TokenCache, clock: ManualClock, jump: float
) -> None:
    """The monotonic clock ends an entry whatever the wall clock says."""
    put(cache, answer(100.0))
    clock.wall += jump

    clock.advance(70.0)

    assert served(cache) is None


def test_life_counts_from_the_start_of_the_request(cache: TokenCache, clock: ManualClock) -> None:
    """An answer that took 20 s to come is 20 s old when it comes."""
    ticket = cache.begin(KEY, forced=False)
    clock.advance(20.0)
    cache.store(ticket, answer(None), clock.wall)
    cache.finish(ticket)

    clock.advance(219.9)
    before = fresh(cache, KEY)
    clock.advance(0.1)

    assert before is not None
    assert fresh(cache, KEY) is None


def test_the_least_recently_used_entry_goes_first(clock: ManualClock) -> None:
    """Over max_entries the entry that was not asked for longest makes room."""
    cache = TokenCache(CachePolicy(max_entries=2), clock)
    third: Key = ("user-44", "github")
    put(cache, key=KEY)
    put(cache, key=OTHER)
    fresh(cache, KEY)

    put(cache, key=third)

    assert fresh(cache, OTHER) is None
    assert fresh(cache, KEY) is not None
    assert fresh(cache, third) is not None
    assert cache.info().evictions == 1


def test_an_entry_that_is_used_again_is_passed_over(clock: ManualClock) -> None:
    """What was next to go is not, once it has been used."""
    cache = TokenCache(CachePolicy(max_entries=3), clock)
    keys: list[Key] = [(f"user-{number}", "github") for number in range(5)]
    for key in keys[:4]:
        put(cache, key=key)
    fresh(cache, keys[1])

    put(cache, key=keys[4])

    assert [fresh(cache, key) is not None for key in keys] == [False, True, False, True, True]


@given(
    st.integers(1, 4),
    st.lists(
        st.tuples(st.sampled_from(["store", "hit", "find", "stale", "drop"]), st.integers(0, 6))
    ),
)
def test_entries_go_in_the_order_of_their_last_use(
    max_entries: int, script: list[tuple[str, int]]
) -> None:
    """The cache keeps just what a dictionary keeps that is put in order at every use."""
    cache = TokenCache(CachePolicy(max_entries=max_entries), ManualClock())
    model: OrderedDict[Key, None] = OrderedDict()
    for action, number in script:
        key: Key = (f"user-{number}", "github")
        if action == "store":
            put(cache, key=key)
            model[key] = None
            model.move_to_end(key)
            if len(model) > max_entries:
                model.popitem(last=False)
            continue
        if action == "drop":
            assert cache.invalidate(*key) == (key in model)
            model.pop(key, None)
            continue
        look = {"hit": fresh, "find": TokenCache.find, "stale": TokenCache.find_after_failure}
        assert (look[action](cache, key) is not None) == (key in model)
        if key in model:
            model.move_to_end(key)

    assert set(cache.entries) == set(model)


@pytest.mark.parametrize("look", [TokenCache.find, TokenCache.find_after_failure])
def test_every_way_of_serving_counts_as_use(
    clock: ManualClock, look: Callable[[TokenCache, Key], object]
) -> None:
    """Entries past the soft line that are still asked for are not the first to go."""
    cache = TokenCache(CachePolicy(max_entries=2), clock)
    put(cache, key=KEY)
    put(cache, key=OTHER)
    clock.advance(250.0)
    look(cache, KEY)

    put(cache, key=("user-44", "github"))

    assert look(cache, KEY) is not None
    assert look(cache, OTHER) is None


def test_a_failure_is_remembered_for_error_ttl(cache: TokenCache, clock: ManualClock) -> None:
    """A remembered error answers for error_ttl, then it is forgotten."""
    error = RuntimeError()
    ticket = cache.begin(KEY, forced=False)
    cache.remember(ticket, error)
    cache.finish(ticket)

    clock.advance(9.9)
    remembered = cache.remembered_failure(KEY)
    clock.advance(0.1)

    assert remembered is error
    assert cache.remembered_failure(KEY) is None


def test_error_ttl_zero_remembers_nothing(clock: ManualClock) -> None:
    """CachePolicy(error_ttl=0) turns the memory for errors off."""
    cache = TokenCache(CachePolicy(error_ttl=0), clock)

    cache.remember(cache.begin(KEY, forced=False), RuntimeError())

    assert cache.remembered_failure(KEY) is None


def test_failures_that_are_over_are_let_go(cache: TokenCache, clock: ManualClock) -> None:
    """A failure is not kept longer than it counts, whether somebody asks for its key or not."""
    cache.remember(cache.begin(KEY, forced=False), RuntimeError())
    clock.advance(10.0)

    cache.remember(cache.begin(OTHER, forced=False), RuntimeError())

    assert list(cache._failures) == [OTHER]


def test_remembered_failures_are_bounded(clock: ManualClock) -> None:
    """As many failures are kept as entries, the oldest go first."""
    cache = TokenCache(CachePolicy(max_entries=1), clock)

    for key in (KEY, OTHER):
        cache.remember(cache.begin(key, forced=False), RuntimeError())

    assert cache.remembered_failure(KEY) is None
    assert cache.remembered_failure(OTHER) is not None


def test_an_answer_ends_the_memory_of_a_failure(cache: TokenCache) -> None:
    """What works again is not reported as broken."""
    cache.remember(cache.begin(KEY, forced=False), RuntimeError())

    put(cache)

    assert cache.remembered_failure(KEY) is None


def test_a_slower_fetch_does_not_overwrite_a_forced_one(cache: TokenCache) -> None:
    """A fetch that was under way when a forced one ended is not stored."""
    slow = cache.begin(KEY, forced=False)
    forced = put(cache, forced=True)

    cache.store(slow, answer(), 0.0)
    cache.finish(slow)

    assert fresh(cache, KEY) is forced


def test_a_forced_answer_ends_entries_that_hold_the_old_token(cache: TokenCache) -> None:
    """Other variants of the connection may hold a token that the forced one revoked."""
    put(cache, key=WITH_REFRESH_TOKEN)
    put(cache, key=OTHER)

    put(cache, forced=True)

    assert fresh(cache, WITH_REFRESH_TOKEN) is None
    assert fresh(cache, OTHER) is not None


def test_of_two_forced_fetches_the_one_that_ends_last_stays(cache: TokenCache) -> None:
    """Forced fetches do not shut each other out."""
    first = cache.begin(KEY, forced=True)
    put(cache, forced=True)
    last = answer()

    cache.store(first, last, 0.0)
    cache.finish(first)

    assert fresh(cache, KEY) is last


@pytest.mark.parametrize("forced", [False, True])
def test_invalidate_keeps_a_fetch_under_way_out(cache: TokenCache, *, forced: bool) -> None:
    """What was asked for before invalidate() is not cached after it, nor are its failures."""
    ticket = cache.begin(KEY, forced=forced)

    cache.invalidate("user-42", None)
    cache.store(ticket, answer(), 0.0)
    cache.remember(ticket, RuntimeError())
    cache.finish(ticket)

    assert fresh(cache, KEY) is None
    assert cache.remembered_failure(KEY) is None


def test_a_failure_that_is_out_of_date_changes_nothing(
    cache: TokenCache, clock: ManualClock
) -> None:
    """The end of an old fetch neither drops nor postpones what came after it."""
    old = cache.begin(KEY, forced=False)
    connection = put(cache, forced=True)

    cache.drop_after(old)
    clock.advance(240.0)
    cache.postpone(old, spares=True)

    assert cache.find(KEY) == (connection, False, True)


@pytest.mark.parametrize(
    ("connection_id", "provider_config_key", "dropped"),
    [
        (None, None, 4),
        ("user-42", None, 3),
        (None, "github", 3),
        ("user-42", "github", 2),
        ("nobody", None, 0),
        ("github", "user-42", 0),
    ],
)
def test_invalidate_drops_what_matches(
    cache: TokenCache,
    connection_id: str | None,
    provider_config_key: str | None,
    dropped: int,
) -> None:
    """None matches everything, and the number of entries that went is given."""
    keys: list[Key] = [KEY, WITH_REFRESH_TOKEN, OTHER, ("user-42", "slack")]
    for key in keys:
        put(cache, key=key)

    assert cache.invalidate(connection_id, provider_config_key) == dropped
    assert cache.info().entries == 4 - dropped


def test_invalidate_forgets_failures_that_match(cache: TokenCache) -> None:
    """A remembered failure goes with invalidate(), others stay."""
    for key in (KEY, OTHER):
        cache.remember(cache.begin(key, forced=False), RuntimeError())

    cache.invalidate("user-42", None)

    assert cache.remembered_failure(KEY) is None
    assert cache.remembered_failure(OTHER) is not None


def test_nothing_is_left_of_fetches_that_ended(cache: TokenCache) -> None:
    """A million keys leave no bookkeeping per key behind."""
    tickets = [cache.begin(KEY, forced=False), cache.begin(KEY, forced=True)]

    for ticket in tickets:
        cache.finish(ticket)

    assert not cache._tickets


def test_a_cache_without_policy_stays_empty(clock: ManualClock) -> None:
    """NangoClient(cache=None) stores neither answers nor failures."""
    cache = TokenCache(None, clock)
    put(cache)
    put(cache, forced=True)
    cache.remember(cache.begin(KEY, forced=False), RuntimeError())
    fail(cache)

    assert served(cache) is None
    assert cache.find_after_failure(KEY) is None
    assert cache.remembered_failure(KEY) is None


def test_info_counts_what_was_served(cache: TokenCache, clock: ManualClock) -> None:
    """Hits before max_age, stale answers after it, and the entries of now."""
    put(cache)
    fresh(cache, KEY)
    clock.advance(250.0)
    cache.find(KEY)
    clock.advance(60.0)
    cache.find_after_failure(KEY)

    assert cache.info() == CacheInfo(
        hits=2, misses=0, coalesced=0, refreshes=0, stale_served=1, evictions=0, entries=1
    )


def test_a_token_kept_unchanged_by_the_server_is_asked_for_ever_more_rarely(
    clock: ManualClock,
) -> None:
    """A token within the server's margin that comes back unchanged costs log(life) renewals."""
    cache = TokenCache(CachePolicy(max_age=100_000, expiry_margin=1), clock)
    end = 600.0
    fetches = 0
    for _ in range(600_00):
        if fresh(cache, KEY) is None and (
            (found := cache.find(KEY)) is None or found.renewal_is_due
        ):
            if clock.wall - EPOCH >= end - 1:
                break
            put(cache, answer(end))
            fetches += 1
        clock.advance(0.01)

    assert fetches <= 11


def test_without_a_policy_nothing_is_kept(clock: ManualClock) -> None:
    """Nor is an answer that comes from elsewhere."""
    cache = TokenCache(None, clock)
    ticket = cache.begin(KEY, forced=False)

    assert cache.keep(ticket, answer(), 3600.0) is None
    assert cache.info().entries == 0
