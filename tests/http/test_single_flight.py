"""Single flight: one task per key, however many callers, and nothing left behind."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from nango_client._http.single_flight import SingleFlight

pytestmark = pytest.mark.asyncio


class Server:
    """Stands for whatever a flight asks: counts the requests and answers when told to."""

    def __init__(self) -> None:
        self.requests = 0
        self.aborted = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.requests += 1
        try:
            return await asyncio.shield(self.answer)
        except asyncio.CancelledError:
            self.aborted += 1
            raise


def replicate(error: BaseException) -> BaseException:
    if isinstance(error, asyncio.CancelledError):
        return LookupError("cancelled")
    return type(error)(*error.args)


@pytest_asyncio.fixture
async def server() -> Server:
    return Server()


@pytest_asyncio.fixture
async def flights() -> AsyncIterator[SingleFlight[str, str]]:
    flights: SingleFlight[str, str] = SingleFlight(replicate)
    yield flights
    assert not flights._all
    assert not flights._by_key


async def ask(
    flights: SingleFlight[str, str], key: str, start: Callable[[], Coroutine[Any, Any, str]]
) -> str:
    """Be a caller: join the flight, or start it first."""
    flight = flights.get(key) or flights.start(key, start)
    waiter = flight.join()
    try:
        return await waiter
    except asyncio.CancelledError:
        flight.leave(waiter)
        raise


def start_callers(
    flights: SingleFlight[str, str],
    count: int,
    start: Callable[[], Coroutine[Any, Any, str]],
    key: str = "key",
) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(ask(flights, key, start)) for _ in range(count)]


async def begun(server: Server, requests: int) -> None:
    """Wait until the tasks of the flights have asked."""
    while server.requests < requests:
        await asyncio.sleep(0)


async def test_all_callers_of_one_key_share_one_request(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """10,000 callers of one key cause one request and all get its answer."""
    callers = start_callers(flights, 10_000, server)
    await asyncio.sleep(0)

    server.answer.set_result("token")

    assert set(await asyncio.gather(*callers)) == {"token"}
    assert server.requests == 1


async def test_callers_of_different_keys_do_not_wait_for_each_other(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """1,000 callers of each of 100 keys cause 100 requests."""
    callers = [c for n in range(100) for c in start_callers(flights, 1_000, server, f"key {n}")]
    await asyncio.sleep(0)

    server.answer.set_result("token")
    await asyncio.gather(*callers)

    assert server.requests == 100


async def test_a_cancelled_caller_cancels_only_itself(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """9,999 of 10,000 callers leave: the last one gets its answer."""
    *leaving, last = start_callers(flights, 10_000, server)
    await asyncio.sleep(0)

    for caller in leaving:
        caller.cancel()
    results = await asyncio.gather(*leaving, return_exceptions=True)
    server.answer.set_result("token")

    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert await last == "token"
    assert (server.requests, server.aborted) == (1, 0)


async def test_the_last_one_out_aborts_the_request(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """When nobody waits any more the request is cancelled, and the next caller starts anew."""
    callers = start_callers(flights, 3, server)
    await asyncio.sleep(0)

    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await asyncio.sleep(0)
    aborted = server.aborted
    server.answer.set_result("token")

    assert aborted == 1
    assert await ask(flights, "key", server) == "token"
    assert server.requests == 2


async def test_a_failure_reaches_every_caller_as_its_own_object(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """All callers see the failure, none shares its exception object, and it is not remembered."""
    callers = start_callers(flights, 3, server)
    await asyncio.sleep(0)

    server.answer.set_exception(LookupError("gone"))
    errors = await asyncio.gather(*callers, return_exceptions=True)

    assert [repr(error) for error in errors] == ["LookupError('gone')"] * 3
    assert len({id(error) for error in errors}) == 3
    with pytest.raises(LookupError):
        await ask(flights, "key", server)
    assert server.requests == 2


async def test_a_callers_traceback_holds_no_frame_of_the_request(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """A cancelled caller's traceback ends in the waiting, not in the request."""
    (caller,) = start_callers(flights, 1, server)
    await asyncio.sleep(0)
    caller.cancel()

    with pytest.raises(asyncio.CancelledError) as caught:
        await caller

    await asyncio.sleep(0)
    assert not [e for e in caught.traceback if e.frame.code.name == Server.__call__.__name__]


async def test_a_launched_flight_needs_nobody_to_wait(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """A background flight goes on when those who joined it leave."""
    flights.start("key", server, is_pinned=True)
    (caller,) = start_callers(flights, 1, server)
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)

    server.answer.set_result("token")
    joined = await ask(flights, "key", server)

    assert joined == "token"
    assert (server.requests, server.aborted) == (1, 0)


async def test_a_background_failure_is_not_reported_as_never_retrieved(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """A failed flight that nobody waits for ends in silence."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    flights.start("key", server, is_pinned=True)
    await asyncio.sleep(0)

    server.answer.set_exception(LookupError())
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()

    assert complaints == []


@pytest.mark.parametrize("how", ["forget", "forget_where"])
async def test_a_forgotten_flight_still_answers_those_who_wait(
    flights: SingleFlight[str, str], server: Server, how: str
) -> None:
    """After forget() the next caller starts a flight of its own."""
    (early,) = start_callers(flights, 1, server)
    await asyncio.sleep(0)

    if how == "forget":
        flights.forget("key")
    else:
        flights.forget_where(lambda key: key == "key")
    (late,) = start_callers(flights, 1, server)
    await asyncio.sleep(0)
    server.answer.set_result("token")

    assert await asyncio.gather(early, late) == ["token", "token"]
    assert server.requests == 2


async def test_only_matching_flights_are_forgotten(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """forget_where() leaves other keys alone."""
    callers = start_callers(flights, 1, server)
    await asyncio.sleep(0)

    flights.forget_where(lambda key: key != "key")
    remained = flights.get("key") is not None
    server.answer.set_result("token")
    await asyncio.gather(*callers)

    assert remained


async def test_close_gives_every_caller_an_error_of_its_own(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """end() cancels all requests, background ones too, and wakes all who wait."""
    callers = start_callers(flights, 3, server)
    flights.start("other key", server, is_pinned=True)
    await begun(server, 2)

    await asyncio.wait(flights.end(LookupError("closed")))
    errors = await asyncio.gather(*callers, return_exceptions=True)

    assert [repr(error) for error in errors] == ["LookupError('closed')"] * 3
    assert len({id(error) for error in errors}) == 3
    assert server.aborted == 2


async def test_closing_without_flights_is_quiet(flights: SingleFlight[str, str]) -> None:
    """end() has nothing to do where nothing flies."""
    assert flights.end(LookupError()) == []


async def test_a_request_cancelled_from_outside_is_a_failure_for_those_who_wait(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """Nobody cancelled them, so each gets an error of its own; who is cancelled too stays so."""
    *waiting, cancelled = start_callers(flights, 3, server)
    await begun(server, 1)
    (flight,) = (t for t in asyncio.all_tasks() if t.get_name() == "nango_client request")

    flight.cancel()
    cancelled.cancel()
    results = await asyncio.gather(*waiting, cancelled, return_exceptions=True)

    assert [repr(result) for result in results[:2]] == ["LookupError('cancelled')"] * 2
    assert results[0] is not results[1]
    assert isinstance(results[2], asyncio.CancelledError)
    assert server.aborted == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_that_leaves_as_the_answer_comes_is_skipped(
    flights: SingleFlight[str, str], server: Server, *, fails: bool
) -> None:
    """A caller that was cancelled between the end of the request and its landing."""
    leaving, staying = start_callers(flights, 2, server)
    await begun(server, 1)
    (flight,) = flights._all
    if fails:
        server.answer.set_exception(LookupError("gone"))
    else:
        server.answer.set_result("token")

    while not flight.task.done():
        await asyncio.sleep(0)
    leaving.cancel()
    results = await asyncio.gather(leaving, staying, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert repr(results[1]) == ("LookupError('gone')" if fails else "'token'")


@pytest.mark.parametrize("fails", [False, True])
async def test_eager_tasks_are_shared_too(
    flights: SingleFlight[str, str], server: Server, *, fails: bool
) -> None:
    """With an eager task factory the flight is known before its first step."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("asyncio.eager_task_factory came with Python 3.12")
    asyncio.get_running_loop().set_task_factory(factory)
    if fails:
        server.answer.set_exception(LookupError())
    else:
        server.answer.set_result("token")

    callers = start_callers(flights, 3, server)
    results = await asyncio.gather(*callers, return_exceptions=True)

    asyncio.get_running_loop().set_task_factory(None)
    assert server.requests == 1
    assert len({repr(result) for result in results}) == 1


async def test_a_flight_with_a_caller_begins_at_once(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """It takes no turn of the event loop, where Python can start a task that way."""
    if sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")
    flight = flights.start("key", server)
    assert server.requests == 1

    waiter = flight.join()
    server.answer.set_result("token")
    assert await waiter == "token"


async def test_a_flight_without_callers_lets_others_go_first(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """Whoever began a renewal goes on with the old answer before the renewal begins."""
    flight = flights.start("key", server, is_pinned=True)
    assert server.requests == 0

    server.answer.set_result("token")
    assert await flight.task == "token"
    await asyncio.sleep(0)  # Its callback removes it.


async def test_a_task_factory_of_the_loop_is_used(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """Tools that watch an application's tasks see ours too."""
    made: list[Any] = []

    def factory(
        loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        made.append(options.get("name"))
        return asyncio.Task(coroutine, loop=loop, **options)

    server.answer.set_result("token")
    asyncio.get_running_loop().set_task_factory(factory)
    waiter = flights.start("key", server).join()
    asyncio.get_running_loop().set_task_factory(None)

    assert await waiter == "token"
    assert len(made) == 1


async def test_a_flight_that_cannot_start_leaves_nothing_behind(
    flights: SingleFlight[str, str], server: Server
) -> None:
    """The next caller starts anew."""

    def factory(_: asyncio.AbstractEventLoop, coroutine: Any, **_options: Any) -> Any:
        coroutine.close()
        raise KeyboardInterrupt

    asyncio.get_running_loop().set_task_factory(factory)
    with pytest.raises(KeyboardInterrupt):
        flights.start("key", server)
    asyncio.get_running_loop().set_task_factory(None)

    assert len(flights) == 0
    server.answer.set_result("token")
    assert await ask(flights, "key", server) == "token"
