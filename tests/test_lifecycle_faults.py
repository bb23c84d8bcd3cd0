"""Life and death of a client: loops, threads, forks, borrowed sessions, closing at a bad moment."""

import asyncio
import contextlib
import gc
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from wire_server import WireServer, answer, hang

from nango_client import (
    ClientClosedError,
    ConfigurationError,
    NangoClient,
    NangoError,
    RetryPolicy,
    ServerError,
)
from nango_client.testing import MockNango

IDS = ("user-42", "github")


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection(*IDS)
    return nango_server


def run_with_warnings(main: Coroutine[Any, Any, Any], **options: Any) -> list[str]:
    """Run a program to its end and list the warnings that it leaves behind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main, **options)
        gc.collect()
    return [str(warning.message) for warning in caught]


def test_calls_in_flight_end_with_an_error_when_the_client_is_closed() -> None:
    """close() with 100 calls under way: each gets a ClientClosedError of its own, within 1 s."""

    async def main() -> None:
        async with WireServer(hang) as server:
            client = NangoClient("key", base_url=server.url)
            calls = [
                asyncio.create_task(client.get_connection(f"user-{n}", "github"))
                for n in range(100)
            ]
            while len(server.requests) < 50:
                await asyncio.sleep(0)
            async with asyncio.timeout(1):
                await client.close()
                errors = await asyncio.gather(*calls, return_exceptions=True)

        assert {type(error) for error in errors} == {ClientClosedError}
        assert len({id(error) for error in errors}) == 100

    assert run_with_warnings(main()) == []


def test_a_closed_client_says_so(server: MockNango) -> None:
    """Every use after close() raises ClientClosedError, cached or not; closing twice is fine."""

    async def main() -> None:
        client = server.client()
        await client.get_connection(*IDS)
        await client.close()
        await client.close()

        assert client.closed
        assert repr(client).endswith(" closed>")
        with pytest.raises(ClientClosedError):
            await client.get_connection(*IDS)
        with pytest.raises(ClientClosedError):
            await client.get_token(*IDS, force_refresh=True)
        with pytest.raises(ClientClosedError):
            async with client:
                pass

    assert run_with_warnings(main()) == []


def test_a_close_that_is_cancelled_still_ends_the_session(server: MockNango) -> None:
    """Cancelled while it waits for requests to end; closing once more does no harm."""

    async def main() -> None:
        client = server.client()
        await client.get_token(*IDS)
        session = client._transport._session
        server.delay_next(5)
        call = asyncio.create_task(client.get_token(*IDS, force_refresh=True))
        while len(server.requests) < 2:
            await asyncio.sleep(0.001)

        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        results = await asyncio.gather(closing, call, return_exceptions=True)
        await client.close()

        assert isinstance(results[0], asyncio.CancelledError)
        assert isinstance(results[1], ClientClosedError)
        assert session is not None
        assert session.closed

    assert run_with_warnings(main()) == []


def test_a_client_that_was_never_used_closes_quietly(server: MockNango) -> None:
    """There is nothing to close before the first call."""

    async def main() -> None:
        async with server.client() as client:
            assert not client.closed

    assert run_with_warnings(main()) == []


def test_a_client_may_be_used_under_two_loops_one_after_the_other(server: MockNango) -> None:
    """Two asyncio.run() calls: what is cached survives, new requests work, nothing is left open."""
    client = server.client()

    async def ask() -> None:
        await client.get_connection(*IDS)
        await client.get_connection(*IDS, force_refresh=True)

    first = run_with_warnings(ask())
    second = run_with_warnings(ask())

    assert (first, second) == ([], [])
    assert client.cache_info().hits == 1
    assert len(server.requests) == 3


def test_a_fetch_that_died_with_its_loop_does_not_block_the_next_one(server: MockNango) -> None:
    """A call that was under way when its loop ended leaves nothing to wait for."""
    client = server.client()

    async def leave() -> None:
        server.delay_next(30)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(ask())), 0.05)

    async def ask() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await client.get_connection(*IDS)

    asyncio.run(leave())
    asyncio.run(ask())

    assert client.cache_info().entries == 1


def test_a_client_may_be_closed_under_another_loop(server: MockNango) -> None:
    """close() under a later loop has nothing to close there and does no harm."""
    client = server.client()

    async def ask() -> None:
        await client.get_connection(*IDS)

    asyncio.run(ask())
    leftovers = run_with_warnings(client.close())

    assert leftovers == []
    assert client.closed


def test_a_client_in_use_refuses_another_threads_loop(server: MockNango) -> None:
    """Two threads with a loop each: the second one gets a typed error and never hangs."""
    client = server.client(cache=None)
    seen: list[BaseException | None] = []

    def other_thread() -> None:
        async def ask() -> None:
            try:
                await client.get_connection(*IDS)
            except NangoError as error:
                seen.append(error)

        asyncio.run(ask())

    async def main() -> None:
        await client.get_connection(*IDS)
        await asyncio.to_thread(other_thread)
        await client.get_connection(*IDS)

    asyncio.run(main())

    assert [type(error) for error in seen] == [ConfigurationError]
    assert "one client per thread" in str(seen[0])


def test_threads_may_use_a_client_in_turn(server: MockNango) -> None:
    """Once the first thread's loop has ended, another one may go on."""
    client = server.client(cache=None)

    async def ask() -> None:
        await client.get_connection(*IDS)

    for _ in range(2):
        thread = threading.Thread(target=asyncio.run, args=(ask(),))
        thread.start()
        thread.join()

    assert len(server.requests) == 2


FORK = """
import asyncio, os, sys
from nango_client import NangoClient

client = NangoClient("key", base_url=sys.argv[1], cache=None)

async def ask():
    await client.get_connection("user-42", "github")

asyncio.run(ask())
child = os.fork()
asyncio.run(ask())
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking needs an operating system that can")
def test_a_client_works_in_a_forked_child() -> None:
    """Parent and child go on with connections of their own."""

    async def main() -> int:
        async with WireServer(answer()) as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "error", "-c", FORK, server.url
            )
            code = await process.wait()
            assert len(server.requests) == 3
            return code

    assert asyncio.run(main()) == 0


def test_a_loop_that_ends_without_close_leaves_nothing_open(server: MockNango) -> None:
    """A client that is not closed ends with asyncio.run(), without a warning."""

    async def main() -> None:
        await server.client().get_connection(*IDS)

    assert run_with_warnings(main(), debug=True) == []


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("debug", [False, True])
def test_it_works_on_this_loop(server: MockNango, factory: Any, *, debug: bool) -> None:
    """Asyncio's own loop and uvloop, with and without debug mode."""

    async def main() -> None:
        async with server.client() as client:
            await asyncio.gather(*(client.get_token(*IDS) for _ in range(10)))
            server.fail_next(500)
            with pytest.raises(ServerError):
                await client.get_token(*IDS, force_refresh=True)

    with asyncio.Runner(debug=debug, loop_factory=factory) as runner:
        runner.run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_it_works_with_eager_tasks(server: MockNango) -> None:
    """An eager task factory changes nothing for callers."""

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with server.client() as client:
            tokens = await asyncio.gather(*(client.get_token(*IDS) for _ in range(10)))
        assert len(set(tokens)) == 1

    asyncio.run(main())
    assert len(server.requests) == 1


def test_a_borrowed_session_is_used_and_left_open(server: MockNango) -> None:
    """close() does not close what was lent."""

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            async with server.client(session=session) as client:
                await client.get_connection(*IDS)
            assert not session.closed

    assert run_with_warnings(main()) == []


def test_a_borrowed_session_that_is_closed_is_named(server: MockNango) -> None:
    """A session that its owner closed cannot be used; also between two calls."""

    async def main() -> None:
        session = aiohttp.ClientSession()
        client = server.client(session=session, cache=None)
        await client.get_connection(*IDS)
        await session.close()
        with pytest.raises(ClientClosedError, match="session"):
            await client.get_connection(*IDS)
        await client.close()

    assert run_with_warnings(main()) == []


def test_a_borrowed_session_of_another_loop_ends_in_a_typed_error(server: MockNango) -> None:
    """Aiohttp's sessions belong to one loop; with another one there is an error and no hang."""

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def ask(session: aiohttp.ClientSession) -> None:
        client = server.client(session=session, retry=RetryPolicy(max_attempts=1), cache=None)
        async with asyncio.timeout(5):
            with contextlib.suppress(NangoError):
                await client.get_connection(*IDS)

    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(make())
    asyncio.run(ask(session))
    loop.run_until_complete(session.close())
    # Transports close their sockets in callbacks of their own.
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    gc.collect()


SESSIONS: dict[str, dict[str, Any]] = {
    "raise_for_status": {"raise_for_status": True},
    "default headers": {
        "headers": {"Content-Type": "text/plain", "Authorization": "Basic no", "X-Own": "kept"}
    },
    "default auth": {"headers": {"authorization": "Bearer theirs"}},
    "own timeout": {"timeout": aiohttp.ClientTimeout(total=0.000001)},
    "base_url": {"base_url": "http://192.0.2.1/elsewhere/"},
    "no decompression": {"auto_decompress": False},
    "proxy from the environment": {"trust_env": True},
}


@pytest.mark.parametrize("kind", SESSIONS)
def test_a_borrowed_session_may_be_set_up_in_any_way(
    server: MockNango, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """The session's own settings neither break a call nor replace our key, also not netrc's."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("no_proxy", "*")

    async def main() -> None:
        async with aiohttp.ClientSession(**SESSIONS[kind]) as session:
            async with server.client(session=session, cache=None) as client:
                await client.get_connection(*IDS)
                with pytest.raises(NangoError):
                    await client.get_connection("nobody", "github")

    asyncio.run(main())

    assert {r.headers["Authorization"] for r in server.requests} == {f"Bearer {server.api_key}"}
    assert all("nango-client/" in r.headers["User-Agent"] for r in server.requests)
    if kind == "default headers":
        assert server.requests[0].headers["X-Own"] == "kept"


def test_our_own_session_uses_neither_netrc_nor_environment_proxies(
    server: MockNango, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the environment says about other programs' traffic does not touch the key's."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")

    async def main() -> None:
        async with server.client() as client:
            await client.get_connection(*IDS)

    asyncio.run(main())

    assert server.requests[0].headers["Authorization"] == f"Bearer {server.api_key}"


def test_middlewares_of_a_borrowed_session_still_run(server: MockNango) -> None:
    """Ours comes last and does not replace them."""
    seen: list[str] = []

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        seen.append(request.method)
        return await handler(request)

    async def main() -> None:
        async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
            async with server.client(session=session) as client:
                await client.get_connection(*IDS)

    asyncio.run(main())
    assert seen == ["GET"]


def test_a_client_is_neither_pickled_nor_copied() -> None:
    """It holds a key and connections."""
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        pickle.dumps(NangoClient("key"))


def test_opentelemetry_gives_one_span_for_each_attempt(server: MockNango) -> None:
    """Trace configurations of a borrowed session keep working: three attempts, three spans."""
    from opentelemetry.instrumentation.aiohttp_client import create_trace_config
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))

    async def main() -> None:
        tracing = [create_trace_config(tracer_provider=provider)]
        async with aiohttp.ClientSession(trace_configs=tracing) as session:
            retry = RetryPolicy(initial_delay=0.001)
            async with server.client(session=session, retry=retry) as client:
                server.fail_next(503, times=2)
                await client.get_connection(*IDS)

    asyncio.run(main())

    finished = spans.get_finished_spans()
    assert [span.attributes and span.attributes["http.status_code"] for span in finished] == [
        503,
        503,
        200,
    ]
    assert server.api_key not in "".join(span.to_json() for span in finished)


def test_import_is_quiet() -> None:
    """Importing the package and all its names warns of nothing."""
    program = "import nango_client as n; [getattr(n, name) for name in [*n.__all__, '__version__']]"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
