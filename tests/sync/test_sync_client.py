"""Calls of the synchronous client, from one thread and from many."""

import asyncio
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from leaks import all_that_shows

from nango_client import (
    CachePolicy,
    ClientClosedError,
    ConfigurationError,
    Event,
    InvalidArgumentError,
    NotFoundError,
    NoTokenError,
    RetryPolicy,
    ServerError,
)
from nango_client.sync import NangoClient, _bridge, _worker
from nango_client.testing import FakeClock, MockNango

PAIR = ("user-42", "github")


def threads_of_clients() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nango_client"]


def test_a_hit_asks_nobody_and_needs_no_event_loop(server: MockNango, nango: NangoClient) -> None:
    """Also one of `get_token`, and where the loop is busy."""
    connection = nango.connections.get(*PAIR)
    held = threading.Event()
    nango._bridge._worker.loop.call_soon_threadsafe(held.wait)  # type: ignore[union-attr]

    try:
        assert nango.get_connection(*PAIR) is connection
        assert nango.connections.get(*PAIR) is connection
        assert nango.get_token(*PAIR) == connection.credentials.access_token  # type: ignore[union-attr]
    finally:
        held.set()

    assert len(server.requests) == 1
    assert nango.cache_info().hits == 3


def test_every_option_reaches_the_server(server: MockNango, nango: NangoClient) -> None:
    """What is not a plain read crosses to the loop."""
    first = nango.get_token(*PAIR)

    second = nango.get_token(*PAIR, force_refresh=True)
    nango.get_connection(*PAIR, include_refresh_token=True)
    nango.connections.get(*PAIR, force_refresh=True)

    assert first != second
    queries = [request.query for request in server.requests]
    assert [sorted(query) for query in queries] == [
        ["provider_config_key"],
        ["force_refresh", "provider_config_key"],
        ["provider_config_key", "refresh_token"],
        ["force_refresh", "provider_config_key"],
    ]


def test_a_bad_argument_is_told_in_the_callers_thread(nango: NangoClient) -> None:
    """Whatever its type, and nothing is sent."""
    with pytest.raises(InvalidArgumentError, match="connection_id"):
        nango.get_connection([], "github")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="page_size"):
        nango.connections.list(page_size=0)


def test_a_failure_is_the_same_as_of_the_asynchronous_client(
    server: MockNango, nango: NangoClient
) -> None:
    """Its class, its text and its fields; and the next call is a new one."""
    for _ in range(2):
        with pytest.raises(NotFoundError, match="nobody") as caught:
            nango.get_token("nobody", "github")
        assert caught.value.status == 404

    assert len(server.requests) == 2


def test_no_frame_of_a_failure_shows_what_was_passed(server: MockNango) -> None:
    """Neither metadata nor the API key are local variables anywhere."""
    with server.sync_client() as nango:
        with pytest.raises(NotFoundError) as caught:
            nango.connections.set_metadata("nobody", "github", {"note": "canary-metadata"})

    shown = all_that_shows(caught.value)
    assert "canary-metadata" not in shown
    assert server.api_key not in shown


def test_credentials_that_are_no_token_raise_on_a_hit_too(
    server: MockNango, nango: NangoClient
) -> None:
    """A hit is checked as a fetched answer is."""
    server.add_connection("user-42", "ashby", "BASIC")

    for _ in range(2):
        with pytest.raises(NoTokenError):
            nango.get_token("user-42", "ashby")

    assert len(server.requests) == 1


def test_a_hook_hears_of_hits(server: MockNango) -> None:
    """In the caller's thread; of all else in the client's."""
    heard: list[tuple[str, bool]] = []

    def hook(event: Event) -> None:
        heard.append((event.kind, threading.current_thread() is threading.main_thread()))

    with server.sync_client(on_event=hook) as nango:
        nango.get_token(*PAIR)
        nango.get_token(*PAIR)

    assert heard == [("miss", False), ("attempt", False), ("hit", True)]


def test_a_hook_that_calls_its_client_is_refused(server: MockNango) -> None:
    """It would wait for itself."""
    errors: list[str] = []

    def hook(event: Event) -> None:
        if event.kind == "miss":
            try:
                nango.get_token("user-43", "github")
            except ConfigurationError as error:
                errors.append(str(error))

    with server.sync_client(on_event=hook) as nango:
        nango.get_token(*PAIR)

    assert errors == ["a hook of this client cannot call it: the call would wait for itself"]


def test_a_hook_may_close_its_client(server: MockNango) -> None:
    """The call that it interrupts ends, and so does the thread."""

    def hook(event: Event) -> None:
        nango.close()

    nango = server.sync_client(on_event=hook)
    with pytest.raises(ClientClosedError):
        nango.get_token(*PAIR)
    nango._bridge._worker.join(5)  # type: ignore[union-attr]

    assert not threads_of_clients()


def test_a_hook_that_ends_the_program_ends_the_call(server: MockNango) -> None:
    """The thread lives on."""

    def hook(event: Event) -> None:
        if event.kind == "attempt" and event.status == 404:
            raise SystemExit(3)

    with server.sync_client(on_event=hook) as nango:
        with pytest.raises(SystemExit):
            nango.get_token("nobody", "github")
        assert nango.get_token(*PAIR)


@pytest.mark.parametrize("name", ["connections", "functions", "records"])
def test_what_comes_in_pages_is_asked_for_when_it_is_wanted(
    server: MockNango, nango: NangoClient, name: str
) -> None:
    """One page at a time, and none before its first item."""
    for number in range(5):
        server.add_connection(f"user-{number}", "github")
    server.add_records(*PAIR, "Issue", [{"id": str(number)} for number in range(6)])
    for number in range(6):
        server.add_action("github", f"action-{number}")
    lists: dict[str, Callable[[], Iterator[Any]]] = {
        "connections": lambda: nango.connections.list(page_size=2),
        "functions": lambda: nango.functions.list("github", page_size=2),
        "records": lambda: nango.records.list(*PAIR, "Issue", page_size=2),
    }

    items = lists[name]()

    assert len(server.requests) == 0
    counts = [len(server.requests) for _ in items]
    assert counts[:6] == [1, 1, 2, 2, 3, 3]


def test_leaving_an_iterator_early_costs_nothing(server: MockNango, nango: NangoClient) -> None:
    """The next page is never asked for, and a failure ends it."""
    for number in range(5):
        server.add_connection(f"user-{number}", "github")
    for _ in nango.connections.list(page_size=2):
        break
    items = nango.connections.list(page_size=2)
    next(items), next(items)
    server.fail_next(400)

    with pytest.raises(Exception, match="400"):
        next(items)

    assert list(items) == []
    assert len(server.requests) == 3


def test_200_threads_on_a_cold_key_are_one_request(server: MockNango, nango: NangoClient) -> None:
    """All get its answer."""
    server.delay_next(0.2)
    barrier = threading.Barrier(200)

    def ask(_: int) -> str:
        barrier.wait()
        return nango.get_token(*PAIR)

    with ThreadPoolExecutor(200) as pool:
        tokens = set(pool.map(ask, range(200)))

    assert len(tokens) == 1
    assert len(server.requests) == 1


def test_8_threads_make_100_000_cached_calls_each_and_all_are_counted(
    server: MockNango, nango: NangoClient
) -> None:
    """No count gets lost, and nothing is asked for."""
    nango.get_token(*PAIR)

    def ask(_: int) -> int:
        return sum(bool(nango.get_token(*PAIR)) for _ in range(100_000))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 800_000

    assert nango.cache_info().hits == 800_000
    assert len(server.requests) == 1


def test_hits_decide_what_is_evicted(server: MockNango) -> None:
    """The least recently used goes first, also where hits came from other threads."""
    for name in ("a", "b", "c"):
        server.add_connection(name, "github")
    with server.sync_client(cache=CachePolicy(max_entries=2)) as nango:
        nango.get_token("a", "github")
        nango.get_token("b", "github")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(nango.get_token, "a", "github").result()

        nango.get_token("c", "github")
        nango.get_token("a", "github")

    assert [request.path.rpartition("/")[2] for request in server.requests] == ["a", "b", "c"]


def test_many_threads_read_while_others_invalidate(server: MockNango, nango: NangoClient) -> None:
    """Nothing of the loop's is touched from outside of it."""

    def read(_: int) -> int:
        return sum(bool(nango.get_token(*PAIR)) for _ in range(50))

    def drop(_: int) -> int:
        return sum(nango.invalidate(*PAIR) in {0, 1} for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda number: (read, drop)[number % 2](number), range(8)))

    assert counts == [50] * 8


def test_an_expiry_is_kept_by_the_clock(server: MockNango, nango: NangoClient) -> None:
    """A hit ends where the cache's promise ends."""
    nango.get_token(*PAIR)
    assert isinstance(server.clock, FakeClock)
    server.clock.advance(299)
    stale = len(server.requests)
    nango.get_token(*PAIR)
    server.clock.advance(2)

    nango.get_token(*PAIR)

    assert len(server.requests) > stale


def test_an_entry_past_its_soft_line_is_served_by_the_loop(server: MockNango) -> None:
    """A renewal may have to begin."""
    with server.sync_client() as nango:
        token = nango.get_token(*PAIR)
        server.advance(250)

        assert nango.get_token(*PAIR) == token
        assert nango.cache_info().refreshes == 1


def test_the_cache_is_read_and_emptied_before_the_first_call_and_after_the_end(
    server: MockNango,
) -> None:
    """A call that asks nobody needs no thread."""
    with server.sync_client() as nango:
        assert (nango.invalidate(), nango.cache_info().misses) == (0, 0)
        assert not threads_of_clients()
        nango.get_token(*PAIR)
        assert nango.invalidate(*PAIR) == 1
        nango.get_token(*PAIR)

    assert nango.cache_info().misses == 2
    assert nango.invalidate() == 0
    assert not threads_of_clients()


def test_a_client_that_was_not_used_has_no_thread(server: MockNango) -> None:
    """The first call makes it, and `close` ends it, also a second time."""
    nango = server.sync_client()
    assert not threads_of_clients()
    nango.get_token(*PAIR)
    assert len(threads_of_clients()) == 1

    nango.close()
    nango.close()

    assert not threads_of_clients()
    assert nango.closed
    assert repr(nango) == f"<NangoClient {server.base_url} closed>"
    with pytest.raises(ClientClosedError):
        nango.get_token(*PAIR)
    with pytest.raises(ClientClosedError), nango:
        pass


def test_a_client_that_was_closed_unused_cannot_be_used(server: MockNango) -> None:
    """`with` around nothing is enough."""
    with server.sync_client() as nango:
        pass

    with pytest.raises(ClientClosedError):
        nango.get_token(*PAIR)


def test_closing_ends_the_calls_of_other_threads(server: MockNango) -> None:
    """Within a second, with an error that says so."""
    nango = server.sync_client()
    server.delay_next(30)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(nango.get_token, *PAIR)
        while not server.requests:
            time.sleep(0.01)

        began = time.monotonic()
        nango.close()

        assert isinstance(call.exception(), ClientClosedError)
        assert time.monotonic() - began < 2


def test_a_job_that_comes_after_the_loop_has_ended_is_not_left_waiting() -> None:
    """Neither one that was noted in time nor one that was not."""

    async def nothing() -> None:
        pass

    worker = _worker.Worker(nothing)
    late: _worker.Job[None] = _worker.Job(nothing, (), {}, is_async=True)
    worker._jobs.add(late)
    worker.end()
    worker.join()
    late.wait()

    with pytest.raises(ClientClosedError):
        late.result()
    with pytest.raises(ClientClosedError):
        worker.run(_worker.Job(nothing, (), {}, is_async=True))
    late.fail(ClientClosedError("twice"))
    worker.end()


def test_tasks_that_are_left_end_with_the_loop() -> None:
    """Whoever waits for one is told that the client was closed."""
    begun = threading.Event()

    async def nothing() -> None:
        pass

    async def forever() -> None:
        begun.set()
        await asyncio.sleep(3600)

    worker = _worker.Worker(nothing)
    with ThreadPoolExecutor(1) as pool:
        job: _worker.Job[None] = _worker.Job(forever, (), {}, is_async=True)
        call = pool.submit(worker.run, job)
        begun.wait()
        worker.end()
        worker.join()

        assert isinstance(call.exception(), ClientClosedError)


def test_a_thread_that_cannot_be_started_leaves_no_loop_open(
    server: MockNango, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the interpreter's end, or where the system has no threads left."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    nango = server.sync_client()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="start new thread"):
            nango.get_token(*PAIR)

    assert nango.get_token(*PAIR)
    nango.close()


def test_a_wait_looks_up_now_and_then_where_signals_end_none(
    server: MockNango, nango: NangoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.setattr(_worker, "_WAKE_UP", 0.01)
    server.delay_next(0.1)

    assert nango.get_token(*PAIR)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"api_key": "two words"}, "white space"),
        ({"base_url": ""}, "base_url is empty"),
        ({"timeout": 5}, "timeout must be a TimeoutPolicy"),
        ({"on_event": 5}, "on_event must be callable"),
    ],
)
def test_bad_settings_are_refused_as_by_the_asynchronous_client(
    options: dict[str, Any], match: str
) -> None:
    """At once, and without showing the key."""
    with pytest.raises(ConfigurationError, match=match) as caught:
        NangoClient(**{"api_key": "canary-key", **options})

    assert "canary-key" not in all_that_shows(caught.value)


async def _make_with_session() -> None:
    async with aiohttp.ClientSession() as session:
        NangoClient("fake-key", session=session)


def test_a_session_is_refused() -> None:
    """It belongs to a loop of somebody else."""
    with pytest.raises(ConfigurationError, match="takes none"):
        asyncio.run(_make_with_session())


def test_a_client_that_could_not_be_made_has_a_repr() -> None:
    """Debuggers ask for it."""
    nango = NangoClient.__new__(NangoClient)

    assert repr(nango) == "<NangoClient not set up>"


def test_the_client_cannot_be_pickled(nango: NangoClient) -> None:
    """It says what to do instead."""
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(nango)


def test_nothing_that_tools_walk_holds_the_key(server: MockNango, nango: NangoClient) -> None:
    """As with the asynchronous client."""
    recipe = nango._bridge._recipe

    shown = [repr(getattr(recipe, name)) for name in recipe.__slots__]

    assert server.api_key not in "".join(shown)
    assert server.api_key not in repr(vars(nango))


def test_a_call_inside_a_coroutine_blocks_and_warns_once(
    server: MockNango, nango: NangoClient
) -> None:
    """The warning points at the caller."""

    async def call() -> list[str]:
        return [nango.get_token(*PAIR, force_refresh=True) for _ in range(2)]

    with pytest.warns(RuntimeWarning, match="blocks the event loop") as caught:
        tokens = asyncio.run(call())

    assert len(set(tokens)) == 2
    assert [warning.filename for warning in caught] == [__file__]


def test_green_threads_share_one_client(
    server: MockNango, nango: NangoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under gevent the client's loop seems to run in every thread; that is no coroutine's call."""
    nango.get_token(*PAIR)
    loop = nango._bridge._worker.loop  # type: ignore[union-attr]
    monkeypatch.setattr(_worker, "current_loop", lambda: loop)
    monkeypatch.setattr(_bridge, "current_loop", lambda: loop)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nango.get_token(*PAIR, force_refresh=True)
    with pytest.raises(ConfigurationError, match="share one synchronous client"):
        server.sync_client().get_token(*PAIR)


def test_in_a_notebook_nobody_is_warned(
    server: MockNango, nango: NangoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell runs inside of a loop that has nothing else to do."""
    monkeypatch.setitem(sys.modules, "ipykernel", sys)

    async def cell() -> str:
        return nango.get_token(*PAIR)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(cell())


def test_retries_and_limits_are_those_of_the_asynchronous_client(server: MockNango) -> None:
    """They live in the loop."""
    with server.sync_client(retry=RetryPolicy(max_attempts=2, initial_delay=0.01)) as nango:
        server.fail_next(500)
        assert nango.get_token(*PAIR)
        server.fail_next(500, times=2)
        with pytest.raises(ServerError):
            nango.get_token("user-42", "other")

    assert len(server.requests) == 4


def test_the_error_without_an_event_loop_names_the_synchronous_client(server: MockNango) -> None:
    """Whoever drives a coroutine by hand reads what to use instead."""
    client = server.client()

    with pytest.raises(ConfigurationError, match=r"nango_client\.sync"):
        client.get_token(*PAIR).send(None)
