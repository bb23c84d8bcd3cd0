"""One call: attempts within their limits, statuses turned into errors, events; no network."""

import asyncio
from collections.abc import Callable

import pytest

from nango_client import (
    APIStatusError,
    ConnectionFailedError,
    Event,
    NangoError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    TimeoutPolicy,
)
from nango_client._credentials.keys import connection_request
from nango_client._events import Reporter
from nango_client._http.errors import error_for
from nango_client._http.protocol import Request, Response
from nango_client._http.rate_limit import RateLimitGate
from nango_client._http.requester import Requester
from nango_client._http.retry import Retrier
from nango_client._http.slots import HeldBackError

REQUEST = connection_request(("user-42", "github"))


def status(number: int) -> Response:
    return Response(status=number, headers={}, body=b"{}", received_at=0.0)


def used_up(left: int = 10) -> Response:
    """Nango's answer where the rate limit's window lasts for so many seconds yet."""
    headers = {"Retry-After": str(left), "X-RateLimit-Limit": "5"}
    body = b'{"error": {"code": "too_many_request", "method": "GET", "path": "/x"}}'
    return Response(status=429, headers=headers, body=body, received_at=0.0)


class PlayedTransport:
    """Gives outcomes in turn, and notes the limit of each attempt."""

    def __init__(self, *outcomes: Response | Exception) -> None:
        self._outcomes = list(outcomes)
        self.limits: list[float] = []

    async def send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        assert request is REQUEST
        self.limits.append(timeout)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        raise AssertionError


class Call:
    """A requester on played outcomes; a wait of a retry moves the loop's clock, and only that."""

    def __init__(
        self, *outcomes: Response | Exception, timeout: TimeoutPolicy | None = None
    ) -> None:
        self.transport = PlayedTransport(*outcomes)
        self.events: list[Event] = []
        self._timeout = timeout or TimeoutPolicy()
        self._now = 1_000.0
        # Is told of each event, and may change the world then.
        self.hook: Callable[[Event], None] = self.events.append
        reporter = Reporter(lambda event: self.hook(event))
        retry = RetryPolicy(initial_delay=20.0, max_delay=20.0)
        retrier = Retrier(
            retry, reporter, time=lambda: 0.0, sleep=self._sleep, uniform=lambda _, high: high
        )
        self.budget = retrier.budget
        self.slept: list[float] = []
        self.wall = 0.0
        self.gate = RateLimitGate(retry, lambda: self.wall)
        self._requester = Requester(self.transport, self._timeout, retrier, reporter, self.gate)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def run(self, may_wait: Callable[[], bool] = lambda: True) -> Response | NangoError:
        async def main() -> Response | NangoError:
            loop = asyncio.get_running_loop()
            # asyncio itself reads it for timers, of which there are none here.
            loop.time = lambda: self._now  # type: ignore[method-assign]
            try:
                return await self._requester.fetch(REQUEST, lambda response: response, may_wait)
            except NangoError as error:
                return error

        return asyncio.run(main())


@pytest.mark.parametrize("number", [200, 201, 204, 299])
def test_a_good_answer_is_given_as_it_is(number: int) -> None:
    """Any 2xx is for the decoder to judge."""
    answer = status(number)
    call = Call(answer)

    assert call.run() is answer
    assert call.transport.limits == [30.0]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(300, APIStatusError), (304, APIStatusError), (404, NotFoundError), (501, ServerError)],
)
def test_another_status_is_its_error(number: int, expected: type[NangoError]) -> None:
    """Redirects and failures are raised, at once where they are not retried."""
    call = Call(status(number))

    assert type(call.run()) is expected
    assert len(call.transport.limits) == 1


def test_a_failed_attempt_is_repeated() -> None:
    """A status and a broken connection, then an answer."""
    answer = status(200)
    call = Call(status(503), ConnectionFailedError("reset"), answer)

    assert call.run() is answer
    assert len(call.transport.limits) == 3


@pytest.mark.parametrize(
    ("timeout", "limits"),
    [
        (TimeoutPolicy(attempt=30.0, total=60.0), [30.0, 30.0, 20.0]),
        (TimeoutPolicy(attempt=5.0, total=60.0), [5.0, 5.0, 5.0]),
        (TimeoutPolicy(attempt=30.0, total=10.0), [10.0]),
        (TimeoutPolicy(attempt=30.0, total=25.0), [25.0, 5.0]),
    ],
    ids=repr,
)
def test_an_attempt_gets_its_limit_or_what_is_left_of_the_total(
    timeout: TimeoutPolicy, limits: list[float]
) -> None:
    """Waits of 20 s count for the total; one that leaves no time for an attempt is not begun."""
    call = Call(*[RequestTimeoutError("slow") for _ in range(3)], timeout=timeout)

    result = call.run()

    assert isinstance(result, RequestTimeoutError)
    assert call.transport.limits == limits


def test_each_attempt_is_an_event() -> None:
    """Number, status, duration and the class of the error, and no id anywhere."""
    call = Call(status(503), RequestTimeoutError("slow"), status(200))

    call.run()

    attempts = [event for event in call.events if event.kind == "attempt"]
    assert [(e.attempt, e.status, e.elapsed, e.error) for e in attempts] == [
        (1, 503, 0.0, "ServerError"),
        (2, None, 0.0, "RequestTimeoutError"),
        (3, 200, 0.0, None),
    ]
    assert [event.kind for event in call.events] == [
        "attempt",
        "retry",
        "attempt",
        "retry",
        "attempt",
    ]
    assert "user-42" not in repr(call.events)


def test_a_call_counts_once_for_the_budget_whatever_it_takes() -> None:
    """Ten calls earn a retry; the retries of one call earn none."""
    call = Call(*[status(200) for _ in range(10)])
    while call.budget.take_retry():
        pass

    for _ in range(10):
        call.run()

    assert [call.budget.take_retry(), call.budget.take_retry()] == [True, False]


@pytest.mark.parametrize("make", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_is_no_failure_of_nango_passes_untouched(make: Callable[[], BaseException]) -> None:
    """Cancellation and the end of the program are not attempts that failed."""
    stop = make()

    class StoppingTransport(PlayedTransport):
        async def send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
            self.limits.append(timeout)
            raise stop

    transport, events = StoppingTransport(), list[Event]()
    reporter = Reporter(events.append)
    retry = RetryPolicy()
    requester = Requester(
        transport,
        TimeoutPolicy(),
        Retrier(retry, reporter, time=lambda: 0.0),
        reporter,
        RateLimitGate(retry, lambda: 0.0),
    )

    with pytest.raises(type(stop)) as caught:
        carried_out(requester)

    assert caught.value is stop
    assert len(transport.limits) == 1
    assert events == []


def carried_out(requester: Requester) -> None:
    """Make a call and raise what it raises outside the loop, which would react to it."""

    async def main() -> None:
        caught: BaseException | None = None
        try:
            await requester.fetch(REQUEST, lambda response: response)
        except BaseException as error:  # noqa: BLE001  carried out of the loop
            caught = error
        outcome.append(caught)

    outcome: list[BaseException | None] = []
    asyncio.run(main())
    if outcome[0] is not None:
        raise outcome[0]


# The rate limit


def test_a_refused_request_is_sent_again_when_the_window_is_over() -> None:
    """It sleeps no fixed time, but goes by the client's clock, which is moved past the end here."""
    answer = status(200)
    call = Call(used_up(), answer)

    def pass_the_window(event: Event) -> None:
        call.events.append(event)
        call.wall += 15.0 if event.kind == "retry" else 0.0

    call.hook = pass_the_window

    assert call.run() is answer
    assert call.slept == []
    assert [(e.kind, e.delay) for e in call.events] == [
        ("attempt", None),
        ("retry", 11.0),
        ("attempt", None),
    ]


def test_a_refused_request_that_may_not_wait_fails_at_once() -> None:
    """Its own refusal is the error, and it is not sent again."""
    call = Call(used_up(), status(200))

    error = call.run(lambda: False)

    assert isinstance(error, RateLimitError)
    assert error.retry_after == 10.0
    assert len(call.transport.limits) == 1


def test_a_call_is_refused_unsent_while_the_window_lasts() -> None:
    """No attempt was made, so none is reported, and no retry is taken from the budget."""
    call = Call(status(200))

    async def shut() -> None:
        call.gate.note(error_for(REQUEST, used_up(31)), 1_000.0)

    asyncio.run(shut())
    error = call.run()

    assert isinstance(error, RateLimitError)
    assert call.transport.limits == []
    assert call.events == []
    assert sum(call.budget.take_retry() for _ in range(200)) == 100


def test_another_failure_is_not_repeated_into_a_shut_gate() -> None:
    """The retry would have to wait for the window, and for longer than it may."""
    call = Call(status(503), status(200))
    call.hook = lambda _: call.gate.note(error_for(REQUEST, used_up(31)), 1_000.0)

    error = call.run()

    assert isinstance(error, ServerError)
    assert call.slept == []
    assert len(call.transport.limits) == 1


def test_a_request_that_was_held_back_goes_through_the_gate_and_out() -> None:
    """It was not sent, so it is the same attempt."""
    answer = status(200)
    call = Call(HeldBackError(), answer)

    assert call.run() is answer
    assert [(e.kind, e.attempt) for e in call.events] == [("attempt", 1)]
