"""Somebody cancels tasks that are not theirs: who was not cancelled gets an error of ours."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import aiohttp
import pytest
import uvloop
from aiohttp.abc import AbstractResolver, ResolveResult
from wire_server import WireServer, answer, hang

from nango_client import ClientClosedError, NangoClient, TransportError
from nango_client.testing import MockNango

IDS = ("user-42", "github")
T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
Task = asyncio.Task[Any]


def eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
    return loop


@pytest.fixture(params=[asyncio.new_event_loop, eager_loop, uvloop.new_event_loop])
def run(request: pytest.FixtureRequest) -> Iterator[Run[Any]]:
    """Run a coroutine as the only task of a loop; it is the one that sweeps."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection(*IDS)
    return nango_server


def sweep(*spared: Task) -> None:
    """Cancel all tasks but this one and the spared ones."""
    for task in asyncio.all_tasks() - {*spared, asyncio.current_task()}:
        task.cancel()


def start_calls(nango: NangoClient, count: int, **options: Any) -> list[Task]:
    return [asyncio.create_task(nango.get_token(*IDS, **options)) for _ in range(count)]


async def arrived(server: MockNango, requests: int) -> None:
    """Wait until the server has got so many requests."""
    while len(server.requests) < requests:
        await asyncio.sleep(0.001)


async def over() -> None:
    """Wait until no request is under way."""
    while any(task.get_name() == "nango_client request" for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    # Their landing is a callback of its own.
    await asyncio.sleep(0)


@pytest.mark.parametrize("force_refresh", [False, True], ids=["ordinary", "forced"])
def test_callers_that_nobody_cancelled_get_an_error_each(
    run: Run[Any], server: MockNango, force_refresh: bool
) -> None:
    """Whoever began the request and whoever joined it; the next call works."""

    async def main() -> None:
        async with server.client() as nango:
            server.delay_next(60)
            calls = start_calls(nango, 3, force_refresh=force_refresh)
            await arrived(server, 1)

            sweep(*calls)
            errors = await asyncio.gather(*calls, return_exceptions=True)

            assert [type(error) for error in errors] == [TransportError] * 3
            assert len({id(error) for error in errors}) == 3
            assert str(errors[0]).startswith("the request was cancelled from outside")
            assert isinstance(errors[0], TransportError)
            assert errors[0].retryable
            assert errors[0].may_have_run
            await nango.get_token(*IDS)

    run(main())
    assert len(server.requests) == 2


def test_a_request_that_has_not_begun_may_be_swept_too(run: Run[Any], server: MockNango) -> None:
    """A task factory may start it later than its caller, as Python 3.11 does."""

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(
            lambda loop, coroutine, **options: asyncio.Task(coroutine, loop=loop, **options)
        )
        async with server.client() as nango:
            (call,) = start_calls(nango, 1)
            await asyncio.sleep(0)

            sweep(call)

            with pytest.raises(TransportError, match="cancelled from outside"):
                await call

    run(main())
    assert len(server.requests) == 0


def test_a_task_group_says_what_ended_it(run: Run[Any], server: MockNango) -> None:
    """A CancelledError would be taken for one of the group's own, and end it in silence."""

    async def main() -> None:
        server.delay_next(60)
        async with server.client() as nango, asyncio.TaskGroup() as group:
            call = group.create_task(nango.get_token(*IDS))
            await arrived(server, 1)
            sweep(call)

    with pytest.raises(ExceptionGroup) as caught:
        run(main())

    assert [type(error) for error in caught.value.exceptions] == [TransportError]


@pytest.mark.parametrize("first", ["request", "caller"])
def test_who_is_cancelled_with_the_request_is_cancelled(
    run: Run[Any], server: MockNango, first: str
) -> None:
    """In either order, a turn of the loop apart or not."""

    async def main() -> None:
        async with server.client() as nango:
            for turns in range(4):
                server.delay_next(60)
                cancelled, other = start_calls(nango, 2)
                await arrived(server, turns + 1)
                (request,) = asyncio.all_tasks() - {cancelled, other, asyncio.current_task()}
                order = [request, cancelled] if first == "request" else [cancelled, request]

                order[0].cancel()
                # With more turns the first one has told the caller already.
                for _ in range(turns if first == "caller" else min(turns, 1)):
                    await asyncio.sleep(0)
                order[1].cancel()
                results = await asyncio.gather(cancelled, other, return_exceptions=True)

                assert [type(result) for result in results] == [
                    asyncio.CancelledError,
                    TransportError,
                ]

    run(main())


def test_a_time_limit_of_the_caller_stays_one(run: Run[Any], server: MockNango) -> None:
    """`asyncio.timeout` that ends with the sweep raises `TimeoutError` and leaves no trace."""

    async def main() -> None:
        async with server.client() as nango:
            server.delay_next(60)
            call = asyncio.create_task(limited(nango))
            await arrived(server, 1)

            limit.reschedule(0)
            sweep(call)

            with pytest.raises(TimeoutError) as caught:
                await call
            assert type(caught.value) is TimeoutError

    async def limited(nango: NangoClient) -> None:
        try:
            async with limit:
                await nango.get_token(*IDS)
        finally:
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0

    limit = asyncio.Timeout(None)
    run(main())


def test_a_swept_renewal_harms_nobody(run: Run[Any], server: MockNango) -> None:
    """The old answer is served, nothing is logged, and the next call begins another renewal."""
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
        async with server.client() as nango:
            token = await nango.get_token(*IDS)
            server.advance(250)
            server.delay_next(60)
            await nango.get_token(*IDS)
            await arrived(server, 2)

            sweep()
            await over()

            assert await nango.get_token(*IDS) == token
            await over()

    run(main())
    assert complaints == []
    assert len(server.requests) == 3


def test_a_swept_fetch_leaves_the_old_answer_usable(run: Run[Any], server: MockNango) -> None:
    """Past its age the cached answer serves callers whose fetch was swept, as in an outage."""

    async def main() -> None:
        async with server.client() as nango:
            token = await nango.get_token(*IDS)
            server.advance(400)
            server.delay_next(60)
            calls = start_calls(nango, 2)
            await arrived(server, 2)

            sweep(*calls)

            assert await asyncio.gather(*calls) == [token, token]

    run(main())


def test_a_swept_forced_fetch_drops_the_entry(run: Run[Any], server: MockNango) -> None:
    """It may have run: what the cache holds may be dead."""

    async def main() -> None:
        async with server.client() as nango:
            await nango.get_token(*IDS)
            server.delay_next(60)
            calls = start_calls(nango, 2, force_refresh=True)
            await arrived(server, 2)

            sweep(*calls)
            errors = await asyncio.gather(*calls, return_exceptions=True)
            await nango.get_token(*IDS)

            assert [type(error) for error in errors] == [TransportError] * 2

    run(main())
    assert len(server.requests) == 3


def test_closing_comes_before_the_sweep(run: Run[Any], server: MockNango) -> None:
    """Callers under way get `ClientClosedError` within 1 s, though all is swept at that moment."""

    async def main() -> None:
        nango = server.client()
        server.delay_next(60)
        calls = start_calls(nango, 2)
        await arrived(server, 1)

        closing = asyncio.create_task(nango.close())
        await asyncio.sleep(0)
        sweep(*calls, closing)
        async with asyncio.timeout(1):
            errors = await asyncio.gather(*calls, return_exceptions=True)
            await closing

        assert [type(error) for error in errors] == [ClientClosedError] * 2

    run(main())


class SlowNames(AbstractResolver):
    """Knows every name, and takes its time the first time."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.asked += 1
        if self.asked == 1:
            await asyncio.Event().wait()
        result = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0
        )
        return [result]

    async def close(self) -> None:
        pass


def test_a_swept_task_of_aiohttp_costs_a_retry(run: Run[Any]) -> None:
    """Our own was spared, and nobody is cancelled because a name's look-up was."""

    async def main() -> None:
        resolver = SlowNames()
        async with (
            WireServer(answer()) as server,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session,
        ):
            url = f"http://nango.test:{server.port}"
            nango = NangoClient("key", base_url=url, allow_insecure_http=True, session=session)
            before = asyncio.all_tasks()
            (call,) = start_calls(nango, 1)
            while not resolver.asked:
                await asyncio.sleep(0)

            ours = {t for t in asyncio.all_tasks() if t.get_name() == "nango_client request"}
            sweep(*before, *ours, call)
            await call
            await nango.close()

            assert len(server.requests) == 1

    run(main())


def test_a_borrowed_session_that_closes_cancels_nobody(run: Run[Any]) -> None:
    """A call that waits for a place in its pool is told what has happened."""

    async def main() -> None:
        async with WireServer(hang) as server:
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            nango = NangoClient("key", base_url=server.url, session=session)
            calls = [asyncio.create_task(nango.get_token(id_, "github")) for id_ in ("a", "b")]
            while not server.requests:
                await asyncio.sleep(0)

            await session.close()
            errors = await asyncio.gather(*calls, return_exceptions=True)
            await nango.close()

        assert [type(error) for error in errors] == [ClientClosedError] * 2

    run(main())
