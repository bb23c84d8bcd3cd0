"""Threads, Ctrl-C, loops that run already, and the end."""

import asyncio
import gc
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nango_client import (
    ClientClosedError,
    ConfigurationError,
    InvalidArgumentError,
    NotFoundError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RetryPolicy,
    TransportError,
)
from nango_client.sync import NangoClient
from nango_client.testing import MockNango

IDS = ("user-42", "github")


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    """A server with a connection."""
    nango_server.add_connection(*IDS)
    return nango_server


@pytest.fixture
def nango(server: MockNango) -> Iterator[NangoClient]:
    """A synchronous client of it."""
    with server.sync_client(retry=RetryPolicy(initial_delay=0.0)) as client:
        yield client


def test_a_hit_is_answered_in_the_calling_thread(nango: NangoClient, server: MockNango) -> None:
    """No loop is needed for it, and each is counted."""
    token = nango.get_token(*IDS)
    loop = nango._bridge._worker
    assert loop is not None
    blocked = threading.Event()
    loop.loop.call_soon_threadsafe(blocked.wait, 5)

    assert [nango.get_token(*IDS) for _ in range(3)] == [token] * 3
    blocked.set()
    assert nango.get_connection(*IDS).credentials.type == "OAUTH2"
    assert (nango.cache_info().hits, nango.cache_info().misses) == (4, 1)
    assert len(server.requests) == 1


def test_many_threads_on_a_cold_key_make_one_request(nango: NangoClient, server: MockNango) -> None:
    """They share the client, its pool and its cache."""
    server.delay_next(0.2)
    with ThreadPoolExecutor(200) as pool:
        tokens = set(pool.map(lambda _: nango.get_token(*IDS), range(200)))

    assert len(tokens) == 1
    assert len(server.requests) == 1


def test_cached_calls_of_many_threads_are_all_counted(nango: NangoClient) -> None:
    """Nothing is lost between them."""
    nango.get_token(*IDS)

    def call() -> None:
        for _ in range(12_500):
            nango.get_token(*IDS)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert nango.cache_info().hits == 100_000


def test_errors_come_through(nango: NangoClient) -> None:
    """As they are."""
    with pytest.raises(NotFoundError):
        nango.get_token("nobody", "github")
    with pytest.raises(InvalidArgumentError):
        nango.get_token("..", "github")
    with pytest.raises(InvalidArgumentError):
        nango.get_token(["a"], "github")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        nango.connections.list(tags={})


def test_lists_are_iterators_that_ask_for_a_page_when_it_is_wanted(
    nango: NangoClient, server: MockNango
) -> None:
    """Leaving early costs nothing more."""
    for number in range(5):
        server.add_connection(f"user-{number}", "github")
    before = len(server.requests)

    found = nango.connections.list(page_size=2)
    assert len(server.requests) == before
    first = [next(found).connection_id, next(found).connection_id]
    assert len(server.requests) == before + 1
    rest = [each.connection_id for each in found]

    assert first + rest == ["user-4", "user-3", "user-2", "user-1", "user-0", "user-42"]


def test_invalidate_works_before_and_after_the_first_call(nango: NangoClient) -> None:
    """With the loop and without."""
    assert nango.invalidate() == 0
    nango.get_token(*IDS)
    assert nango.invalidate(*IDS) == 1


def test_a_forced_renewal_gives_a_new_token(nango: NangoClient, server: MockNango) -> None:
    """It crosses to the loop like any fetch."""
    first = nango.get_token(*IDS)

    assert nango.get_token(*IDS, force_refresh=True) != first
    assert server.refresh_count(*IDS) == 1


def test_a_provider_answers_whole(nango: NangoClient, server: MockNango) -> None:
    """Directly and through the proxy, by one word."""
    api = server.provider("github")
    links = {"Link": '<https://api.example.org/next>; rel="next"', "X-One": "1"}
    api.respond("GET", "/user", json={"login": "ada"}, headers=links)
    api.respond("POST", "/notes", status=422, body="nö".encode(), headers={"X-One": "2"})

    direct, proxy = nango.direct(*IDS), nango.proxy(*IDS)
    answer = direct.get("/user", params={"a": "b"})
    assert answer.json() == {"login": "ada"}
    assert answer.status == 200
    assert answer.headers["x-one"] == "1"
    assert str(answer.links["next"]["url"]) == "https://api.example.org/next"
    assert answer.url.path == "/user"
    assert repr(answer) == "<ProviderResponse 200>"
    assert repr(direct) == "<ProviderSession direct>"
    answer.raise_for_status()
    assert proxy.get("/user").json() == {"login": "ada"}
    refused = direct.post("/notes", json={})
    assert (refused.status, refused.text(), refused.body) == (422, "nö", "nö".encode())
    with pytest.raises(Exception, match="422"):
        refused.raise_for_status()


@pytest.mark.parametrize("verb", ["put", "patch", "delete", "head"])
def test_every_verb_has_its_method(nango: NangoClient, server: MockNango, verb: str) -> None:
    """As with the asynchronous session."""
    server.provider("github").respond(verb.upper(), "/x", json={})

    assert getattr(nango.direct(*IDS), verb)("/x").status == 200
    assert server.provider("github").requests[-1].method == verb.upper()


def test_an_answer_over_its_limit_is_not_read(nango: NangoClient, server: MockNango) -> None:
    """The limit is in bytes, after decompression."""
    server.provider("github").respond("GET", "/big", body=b"x" * 100_000)

    with pytest.raises(ResponseTooLargeError, match="max_body"):
        nango.direct(*IDS, max_body=1000).get("/big")
    assert len(nango.direct(*IDS, max_body=100_000).get("/big").body) == 100_000
    with pytest.raises(InvalidArgumentError):
        nango.proxy(*IDS, max_body=-1)


def test_an_answer_that_breaks_off_is_a_transport_error(
    nango: NangoClient, server: MockNango
) -> None:
    """The error says whose answer it was."""
    server.provider("github").respond("GET", "/x", body=b"half", headers={"Content-Length": "99"})

    with pytest.raises(TransportError) as raised:
        nango.direct(*IDS).get("/x")
    assert raised.value.host == "127.0.0.1"


async def _inside(nango: NangoClient) -> str:
    return nango.get_token(*IDS)


def test_a_call_from_inside_a_coroutine_blocks_and_warns_once(nango: NangoClient) -> None:
    """It works, as in a notebook."""
    with pytest.warns(RuntimeWarning, match="blocks the event loop"):
        token = asyncio.run(_inside(nango))
    nango.invalidate()

    assert asyncio.run(_inside(nango)) != ""
    assert token


def test_a_closed_client_says_so(server: MockNango) -> None:
    """Twice is no fault, and before the first call neither."""
    unused = server.sync_client()
    unused.close()
    used = server.sync_client()
    used.get_token(*IDS)
    assert "open" in repr(used)
    used.close()
    used.close()

    assert used.closed
    assert "closed" in repr(used)
    for client in (used, unused):
        with pytest.raises(ClientClosedError):
            client.get_token(*IDS)
        with pytest.raises(ClientClosedError):
            client.__enter__()


def test_calls_under_way_end_with_the_client(server: MockNango) -> None:
    """Within a second, with its own error."""
    server.delay_next(5)
    client = server.sync_client()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get_token, *IDS)
        while not server.requests:
            time.sleep(0.01)
        client.close()
        with pytest.raises(ClientClosedError):
            call.result(timeout=3)


def test_a_client_that_nobody_holds_ends_its_thread(server: MockNango) -> None:
    """Without close()."""
    client = server.sync_client()
    client.get_token(*IDS)
    worker = client._bridge._worker
    assert worker is not None
    del client
    gc.collect()

    worker.join(3)
    assert not worker._thread.is_alive()


def test_a_client_may_end_in_its_own_thread(server: MockNango) -> None:
    """The garbage collector runs where it likes."""
    client = server.sync_client()
    client.get_token(*IDS)
    worker = client._bridge._worker
    assert worker is not None

    worker.loop.call_soon_threadsafe(client.close)

    worker.join(3)
    assert not worker._thread.is_alive()
    assert client.closed


def test_an_entry_past_its_soft_line_is_served_by_the_loop(
    nango: NangoClient, server: MockNango
) -> None:
    """A renewal may have to begin."""
    token = nango.get_token(*IDS)
    server.advance(250)

    assert nango.get_token(*IDS) == token
    assert nango.cache_info().refreshes == 1


def test_an_answer_that_stalls_is_a_timeout(nango: NangoClient) -> None:
    """The limit covers the body."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def stall() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
                connection.recv(1)

        thread = threading.Thread(target=stall)
        thread.start()
        provider = nango.direct(*IDS, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(RequestTimeoutError, match="did not come in time"):
            provider.get("/x", timeout=0.3)
        thread.join()


def test_it_is_neither_pickled_nor_copied(nango: NangoClient) -> None:
    """It holds a key and connections."""
    import copy
    import pickle

    for way in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="cannot be copied"):
            way(nango)


def test_a_bad_setting_fails_at_construction() -> None:
    """As with the asynchronous client."""
    with pytest.raises(ConfigurationError):
        NangoClient("a key")


def run(program: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


START = """
import sys
from nango_client.sync import NangoClient
nango = NangoClient(sys.argv[1], base_url=sys.argv[2])
nango.get_token("user-42", "github")
"""


@pytest.mark.parametrize("rest", ["", "nango.close()", "del nango", "raise SystemExit(0)"])
def test_an_interpreter_ends_without_a_warning(server: MockNango, rest: str) -> None:
    """Whether the client was closed or not."""
    program = START.replace("sys.argv[1]", repr(server.api_key))
    program = program.replace("sys.argv[2]", repr(server.base_url))

    done = run(program + rest)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_ctrl_c_ends_the_call_and_cancels_the_request(server: MockNango) -> None:
    """KeyboardInterrupt is raised, and the client works on."""
    server.delay_next(30)
    program = f"""
import os, signal, threading, time
from nango_client.sync import NangoClient
nango = NangoClient({server.api_key!r}, base_url={server.base_url!r})
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    nango.get_token("user-42", "github")
except KeyboardInterrupt:
    began = time.monotonic()
    token = nango.get_token("user-42", "github")
    print("interrupted", time.monotonic() - began < 5)
nango.close()
"""
    assert signal.SIGINT

    done = run(program)

    assert (done.stdout.strip(), done.stderr) == ("interrupted True", "")
