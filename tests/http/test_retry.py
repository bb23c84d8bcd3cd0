"""Retries: what is sent again, after which wait, and when it is enough. Nothing really waits."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_client import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ConnectionFailedError,
    DecodeError,
    Event,
    InvalidCredentialsError,
    NangoError,
    NotFoundError,
    RateLimitError,
    ReconnectRequiredError,
    RefreshBackoffError,
    RefreshFailedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
    TransportError,
)
from nango_client._credentials.keys import connection_request
from nango_client._events import Reporter
from nango_client._http.protocol import Response
from nango_client._http.retry import Retrier, RetryBudget, asked_wait, is_retried, window_left

NOW = 1_795_479_500.0
ORDINARY = connection_request(("user-42", "github"))
FORCED = connection_request(("user-42", "github", "force_refresh"))
GOOD = Response(status=200, headers={}, body=b"{}", received_at=NOW)


def rate_limited(retry_after: float | None = None, reset: float | None = None) -> RateLimitError:
    error = RateLimitError("429", status=429, retry_after=retry_after)
    error.reset_at = None if reset is None else datetime.fromtimestamp(reset, UTC)
    return error


class Play:
    """A retrier whose sleeps are noted and whose chances are all the highest."""

    def __init__(self, *, left: Callable[[], float] = lambda: 60.0, **policy: Any) -> None:
        self.slept: list[float] = []
        self.ranges: list[tuple[float, float]] = []
        self.events: list[Event] = []
        self.attempts: list[int] = []
        self._left = left
        self.retrier = Retrier(
            RetryPolicy(**policy),
            Reporter(self.events.append),
            time=lambda: NOW,
            sleep=self._sleep,
            uniform=self._highest,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def _highest(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return high

    def run(self, *outcomes: NangoError | Response, forced: bool = False) -> Response | NangoError:
        """Play the outcomes of the attempts, of which the first is a failure."""
        first, *rest = outcomes
        assert isinstance(first, NangoError)

        async def attempt(number: int) -> Response:
            self.attempts.append(number)
            outcome = rest.pop(0)
            if isinstance(outcome, NangoError):
                raise outcome
            return outcome

        request = FORCED if forced else ORDINARY
        try:
            return asyncio.run(self.retrier.run(request, first, attempt, self._left))
        except NangoError as error:
            return error


# The table of INTERFACE.md: error, whether an ordinary GET is repeated, whether a forced one is.
TABLE: list[tuple[BaseException, bool, bool]] = [
    (ConnectionFailedError("refused, DNS", may_have_run=False), True, True),
    (RequestTimeoutError("connect", may_have_run=False), True, True),
    (ConnectionFailedError("TLS", may_have_run=False, retryable=False), False, False),
    (ConnectionFailedError("reset, truncated"), True, False),
    (RequestTimeoutError("read"), True, False),
    (TransportError("not HTTP"), True, False),
    (APIStatusError("408", status=408), True, False),
    (ServerError("500", status=500), True, False),
    (ServerError("502", status=502), True, False),
    (ServerError("503", status=503), True, False),
    (ServerError("503 with a wait", status=503, retry_after=0.0), True, True),
    (ServerError("504", status=504), True, False),
    (ServerError("520", status=520), True, False),
    (ServerError("524", status=524), True, False),
    (ServerError("525", status=525), False, False),
    (ServerError("530", status=530), False, False),
    (ServerError("502 with a wait", status=502, retry_after=1.0), True, False),
    (rate_limited(), True, True),
    (rate_limited(retry_after=5.0), True, True),
    (ServerError("501", status=501), False, False),
    (ServerError("505", status=505), False, False),
    (APIStatusError("302", status=302), False, False),
    (APIStatusError("425", status=425), False, False),
    (BadRequestError("400", status=400), False, False),
    (AuthenticationError("401", status=401), False, False),
    (NotFoundError("404", status=404), False, False),
    (InvalidCredentialsError("424", status=424), False, False),
    (RefreshFailedError("500 invalid_credentials", status=500), False, False),
    (RefreshFailedError("502 invalid_credentials", status=502), False, False),
    (RefreshFailedError("503 invalid_credentials", status=503, retry_after=1.0), False, False),
    (RefreshBackoffError("424", status=424, retry_after=30.0), False, False),
    (ReconnectRequiredError("424", status=424), False, False),
    (DecodeError("200, undecodable"), False, False),
    (ResponseTooLargeError("200, too large"), False, False),
    (ClientClosedError("closed"), False, False),
    (asyncio.CancelledError(), False, False),
]


@pytest.mark.parametrize(
    ("error", "ordinary", "forced"),
    TABLE,
    ids=[f"{type(row[0]).__name__} {row[0]}" for row in TABLE],
)
def test_each_outcome_is_retried_as_the_table_says(
    error: BaseException, ordinary: bool, forced: bool
) -> None:
    """A forced request is sent again only where it surely did nothing or is asked for again."""
    assert is_retried(error, ORDINARY) is ordinary
    assert is_retried(error, FORCED) is forced


def test_a_success_after_failures_is_given() -> None:
    """The number of the attempt is passed on, the first having been made before."""
    play = Play()

    result = play.run(ServerError("503", status=503), RequestTimeoutError("slow"), GOOD)

    assert result is GOOD
    assert play.attempts == [2, 3]


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    """The error is what the last attempt met, itself and not wrapped."""
    last = ServerError("504", status=504)
    play = Play(max_attempts=3)

    result = play.run(ServerError("503", status=503), ServerError("502", status=502), last)

    assert result is last
    assert play.attempts == [2, 3]


def test_one_attempt_means_no_retry() -> None:
    """RetryPolicy(max_attempts=1) turns retries off."""
    error = ServerError("503", status=503)
    play = Play(max_attempts=1)

    assert play.run(error) is error
    assert play.slept == []


def test_a_failure_that_is_not_retried_ends_the_retries() -> None:
    """A 404 after a 503 is the answer."""
    error = NotFoundError("404", status=404)
    play = Play()

    assert play.run(ServerError("503", status=503), error) is error
    assert play.attempts == [2]


def test_a_forced_request_stops_at_a_failure_that_may_have_run() -> None:
    """Refused first, reset then: the reset one may have renewed the token."""
    error = ConnectionFailedError("reset")
    play = Play()

    result = play.run(ConnectionFailedError("refused", may_have_run=False), error, forced=True)

    assert result is error
    assert play.attempts == [2]


def test_waits_are_full_jitter_with_a_growing_ceiling() -> None:
    """The wait before retry n is a chance between 0 and initial_delay * 2 ** (n - 1), capped."""
    play = Play(max_attempts=6, initial_delay=0.5, max_delay=3.0)

    play.run(*[ServerError("503", status=503) for _ in range(6)])

    assert {low for low, _ in play.ranges} == {0.0}
    assert play.slept == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_no_policy_overflows_the_exponent() -> None:
    """Two thousand attempts double nothing beyond what a float holds."""
    play = Play(max_attempts=2_000, initial_delay=1e300, max_delay=0.0)

    play.run(*[ServerError("503", status=503) for _ in range(101)])

    assert play.slept == [0.0] * 100


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (rate_limited(), None),
        (rate_limited(retry_after=7.0), 7.0),
        (rate_limited(retry_after=0.0), 0.0),
        (rate_limited(reset=NOW + 9), 9.0),
        (rate_limited(reset=NOW - 9), 0.0),
        (rate_limited(retry_after=7.0, reset=NOW + 9), 9.0),
        (rate_limited(retry_after=9.0, reset=NOW + 7), 9.0),
        (ServerError("503", status=503, retry_after=7.0), 7.0),
        (ServerError("503", status=503), None),
        (ServerError("500", status=500, retry_after=7.0), None),
        (APIStatusError("408", status=408, retry_after=7.0), None),
        (RequestTimeoutError("slow"), None),
        (None, None),
    ],
    ids=repr,
)
def test_what_the_server_asks_counts_for_429_and_503(
    error: NangoError | None, asked: float | None
) -> None:
    """Of Retry-After and the window's end the longer; the window of a 429 only."""
    assert asked_wait(error, NOW) == asked


@pytest.mark.parametrize(
    ("code", "reset", "left"),
    [
        ("too_many_request", NOW + 60, 60.0),
        ("too_many_request", NOW, 0.0),
        ("too_many_request", NOW + 61, None),
        ("too_many_request", None, None),
        ("slow_down", NOW + 60, None),
        (None, NOW + 60, None),
    ],
)
def test_only_nangos_own_word_with_an_end_within_a_minute_names_a_window(
    code: str | None, reset: float | None, left: float | None
) -> None:
    """Anything else, a proxy's 429 above all, says nothing of the account."""
    error = rate_limited(reset=reset)
    error.code = code

    assert window_left(error, NOW) == left


def test_the_wait_for_the_window_is_left_to_the_attempt() -> None:
    """It is reported and held against the limits as ever, but not slept."""
    play = Play()
    error = rate_limited(reset=NOW + 9)
    error.code = "too_many_request"

    assert play.run(error, GOOD) is GOOD
    assert play.slept == []
    assert [event.delay for event in play.events] == [10.0]


def test_the_window_counts_from_the_servers_own_clock() -> None:
    """A local clock that is minutes wrong does not shorten the wait."""
    error = rate_limited(reset=NOW + 9)
    error.headers = {"Date": datetime.fromtimestamp(NOW, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}

    assert asked_wait(error, NOW + 300) == 9.0


@pytest.mark.parametrize("asked", [0.0, 0.5, 7.0, 30.0])
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_was_asked_is_never_undercut(asked: float, status: int) -> None:
    """The server floors to whole seconds, so up to one second comes on top, after 0 too."""
    play = Play(max_delay=0.0)
    error = (
        rate_limited(asked) if status == 429 else ServerError("x", status=503, retry_after=asked)
    )

    play.run(error, GOOD)

    assert play.ranges == [(0.0, 1.0)]
    assert play.slept == [asked + 1.0]


@pytest.mark.parametrize("asked", [30.1, 3600.0, 1e9])
def test_a_wait_longer_than_allowed_raises_at_once(asked: float) -> None:
    """The caller learns of it in `retry_after` instead of sleeping."""
    error = rate_limited(retry_after=asked)
    play = Play(max_retry_after=30.0)

    assert play.run(error) is error
    assert play.slept == []


@pytest.mark.parametrize(("left", "slept"), [(8.1, [8.0]), (8.0, []), (0.0, []), (-1.0, [])])
def test_a_wait_that_leaves_no_time_for_an_attempt_raises_at_once(
    left: float, slept: list[float]
) -> None:
    """The total timeout is not slept away."""
    play = Play(left=lambda: left)

    play.run(rate_limited(retry_after=7.0), GOOD)

    assert play.slept == slept


def test_each_retry_is_reported_with_its_wait() -> None:
    """One event before each wait, with the failed attempt's number and the error's class."""
    play = Play()

    play.run(ServerError("503", status=503, retry_after=2.0), RequestTimeoutError("slow"), GOOD)

    assert [(e.kind, e.attempt, e.delay, e.error) for e in play.events] == [
        ("retry", 1, 3.0, "ServerError"),
        ("retry", 2, 1.0, "RequestTimeoutError"),
    ]


def test_cancelling_the_wait_ends_the_call() -> None:
    """A cancelled sleep is not a failure to be retried."""
    attempts: list[int] = []

    async def never(_: float) -> None:
        raise asyncio.CancelledError

    async def attempt(number: int) -> Response:
        attempts.append(number)
        return GOOD

    async def main() -> None:
        retrier = Retrier(RetryPolicy(), Reporter(None), time=lambda: NOW, sleep=never)
        with pytest.raises(asyncio.CancelledError):
            await retrier.run(ORDINARY, ServerError("x", status=503), attempt, lambda: 60.0)

    asyncio.run(main())

    assert attempts == []


def test_concurrent_calls_do_not_share_a_state() -> None:
    """A hundred calls at once count their attempts apart."""
    retrier = Retrier(RetryPolicy(initial_delay=0.0), Reporter(None), time=lambda: NOW)

    async def call() -> list[int]:
        numbers: list[int] = []

        async def attempt(number: int) -> Response:
            numbers.append(number)
            await asyncio.sleep(0)
            if number == 2:
                raise RequestTimeoutError("slow")
            return GOOD

        await retrier.run(ORDINARY, ServerError("x", status=503), attempt, lambda: 60.0)
        return numbers

    async def main() -> list[list[int]]:
        return await asyncio.gather(*(call() for _ in range(50)))

    assert asyncio.run(main()) == [[2, 3]] * 50


# The budget


def test_the_budget_starts_with_a_hundred_retries() -> None:
    """A burst of 100 and not one more."""
    budget = RetryBudget()

    taken = [budget.take_retry() for _ in range(101)]

    assert taken == [True] * 100 + [False]


def test_ten_calls_earn_one_retry() -> None:
    """Nine do not."""
    budget = RetryBudget()
    while budget.take_retry():
        pass

    for _ in range(9):
        budget.new_calls += 1
    early = budget.take_retry()
    budget.new_calls += 1

    assert [early, budget.take_retry(), budget.take_retry()] == [False, True, False]


def test_a_full_budget_does_not_grow() -> None:
    """A quiet week does not pay for a storm."""
    budget = RetryBudget()

    for _ in range(1_000):
        budget.new_calls += 1

    assert sum(budget.take_retry() for _ in range(500)) == 100


@given(st.lists(st.booleans(), max_size=400))
def test_the_budget_never_gives_more_than_its_share(steps: list[bool]) -> None:
    """Retries stay within a tenth of the calls plus the burst, in whatever order they come."""
    budget = RetryBudget()
    retries = 0

    for is_call in steps:
        if is_call:
            budget.new_calls += 1
        else:
            retries += budget.take_retry()

    assert retries <= 100 + sum(steps) / 10


def test_an_empty_budget_raises_the_failure_at_once() -> None:
    """Without a retry in the bucket the first failure is the answer."""
    play = Play()
    while play.retrier.budget.take_retry():
        pass
    error = ServerError("503", status=503)

    assert play.run(error) is error
    assert play.slept == []


@pytest.mark.parametrize(
    "error", [NotFoundError("404", status=404), rate_limited(retry_after=3600.0)], ids=repr
)
def test_a_failure_that_is_not_repeated_costs_no_budget(error: NangoError) -> None:
    """Only what is sent again is paid for."""
    play = Play()

    play.run(error)

    assert sum(play.retrier.budget.take_retry() for _ in range(200)) == 100
