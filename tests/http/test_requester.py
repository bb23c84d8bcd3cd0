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
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    TimeoutPolicy,
)
from nango_client._credentials.keys import connection_request
from nango_client._events import Reporter
from nango_client._http.protocol import Request, Response
from nango_client._http.rate_limit import RateLimitGate
from nango_client._http.requester import Requester
from nango_client._http.retry import Retrier

REQUEST = connection_request(("user-42", "github"))


def status(number: int) -> Response:
    return Response(status=number, headers={}, body=b"{}", received_at=0.0)


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
        reporter = Reporter(self.events.append)
        retry = RetryPolicy(initial_delay=20.0, max_delay=20.0)
        retrier = Retrier(
            retry, reporter, time=lambda: 0.0, sleep=self._sleep, uniform=lambda _, high: high
        )
        self.budget = retrier.budget
        self._requester = Requester(
            self.transport, self._timeout, retrier, reporter, RateLimitGate(retry, lambda: 0.0)
        )

    async def _sleep(self, seconds: float) -> None:
        self._now += seconds

    def run(self) -> Response | NangoError:
        async def main() -> Response | NangoError:
            loop = asyncio.get_running_loop()
            # asyncio itself reads it for timers, of which there are none here.
            loop.time = lambda: self._now  # type: ignore[method-assign]
            try:
                return await self._requester.fetch(REQUEST, lambda response: response)
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
