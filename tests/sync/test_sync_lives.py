"""The synchronous client across forks, at the interpreter's end, and under Ctrl-C."""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from programs import run, run_against, server_of_ports

from nango_client import SystemClock
from nango_client.testing import MockNango

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.fixture
def server() -> Iterator[MockNango]:
    with MockNango(clock=SystemClock()) as server:
        server.add_connection("user-42", "github")
        yield server


CHILDREN = """
def in_children(work, count=3):
    import os, sys
    children = []
    for number in range(count):
        child = os.fork()
        if not child:
            work(number)
            sys.exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count
"""


def test_a_client_that_is_made_before_a_fork_works_in_all_processes(server: MockNango) -> None:
    """Each asks for itself, and ends without a word."""
    program = """
from nango_client.sync import NangoClient
nango = NangoClient()
in_children(lambda number: nango.get_token("user-42", "github"))
nango.get_token("user-42", "github")
"""
    run(CHILDREN + program, server)

    assert len(server.requests) == 4


def test_a_client_that_is_used_before_a_fork_keeps_its_cache(server: MockNango) -> None:
    """Children serve what the parent had, ask for the rest themselves, and count on."""
    for name in ("a", "b", "c"):
        server.add_connection(name, "github")
    program = """
from nango_client.sync import NangoClient
nango = NangoClient()
nango.get_token("user-42", "github")
def work(number):
    nango.get_token("user-42", "github")
    nango.get_token("abc"[number], "github")
    info = nango.cache_info()
    assert (info.hits, info.misses, info.entries) == (1, 2, 2), info
    if number == 1:
        nango.close()
in_children(work)
nango.get_token("user-42", "github", force_refresh=True)
assert nango.cache_info().entries == 1
"""
    run(CHILDREN + program, server)

    names = sorted(request.path.rpartition("/")[2] for request in server.requests)
    assert names == ["a", "b", "c", "user-42", "user-42"]


def test_no_socket_is_shared_between_processes() -> None:
    """What the parent and each child sends comes from ports of its own."""
    program = """
import os
from nango_client.sync import NangoClient
nango = NangoClient()
nango.get_token("parent-0", "github")
def work(number):
    for turn in range(3):
        nango.get_token(f"child{number}-{turn}", "github")
in_children(work)
for turn in range(3):
    nango.get_token(f"parent-{turn + 1}", "github")
"""
    with server_of_ports() as (base_url, seen):
        run_against(base_url, "fake-key", CHILDREN + program)
    ports: dict[str, set[int]] = {}
    for name, port in seen:
        ports.setdefault(name.partition("-")[0], set()).add(port)

    assert len(seen) == 13
    # One connection each, the parent's before and after the forks the same.
    assert [len(found) for found in ports.values()] == [1] * 4
    assert len(set.union(*ports.values())) == 4


def test_children_of_children_work(server: MockNango) -> None:
    """Each generation makes its own."""
    program = """
from nango_client.sync import NangoClient
nango = NangoClient()
nango.get_token("user-42", "github")
def ask(number):
    nango.invalidate()
    nango.get_token("user-42", "github")
def child(number):
    ask(number)
    in_children(ask, 1)
in_children(child, 1)
"""
    run(CHILDREN + program, server)

    assert len(server.requests) == 3


def test_a_child_joins_no_fetch_of_its_parents(server: MockNango) -> None:
    """It sends its own, while the parent still waits for the first."""
    server.delay_next(1)
    program = """
import threading
from nango_client.sync import NangoClient
nango = NangoClient()
nango.invalidate()
thread = threading.Thread(target=nango.get_token, args=("user-42", "github"))
thread.start()
while not nango.cache_info().misses:
    pass
in_children(lambda number: nango.get_token("user-42", "github"), 1)
thread.join()
"""
    run(CHILDREN + program, server)

    assert len(server.requests) == 2


def test_a_child_needs_nothing_of_the_environment(server: MockNango) -> None:
    """A program may take the key out of it once the client is made."""
    program = """
import os
from nango_client.sync import NangoClient
nango = NangoClient()
nango.get_token("user-42", "github")
del os.environ["NANGO_API_KEY"], os.environ["NANGO_BASE_URL"]
in_children(lambda number: nango.get_token("user-42", "github", force_refresh=True), 2)
"""
    run(CHILDREN + program, server)

    assert len(server.requests) == 3


def test_calls_of_providers_go_on_in_a_child(server: MockNango) -> None:
    """Also those of an object that was made, and used, before the fork."""
    api = server.provider("github")
    api.respond("GET", "/user", json={})
    program = """
from nango_client.sync import NangoClient
nango = NangoClient()
github = nango.direct("user-42", "github")
github.get("/user")
def work(number):
    assert github.get("/user").status == 200
in_children(work, 2)
assert github.get("/user").status == 200
"""
    run(CHILDREN + program, server)

    assert len(api.requests) == 4


def test_a_lock_that_was_held_during_a_fork_blocks_no_child(server: MockNango) -> None:
    """A thread of the parent was just about to make the loop."""
    program = """
import threading
from nango_client.sync import NangoClient
nango = NangoClient()
held, release = threading.Event(), threading.Event()
def hold():
    with nango._bridge._lock:
        held.set()
        release.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
in_children(lambda number: nango.get_token("user-42", "github"), 1)
release.set()
thread.join()
"""
    run(CHILDREN + program, server)

    assert len(server.requests) == 1


def test_a_client_that_was_closed_before_a_fork_stays_closed(server: MockNango) -> None:
    """In the child too."""
    program = """
from nango_client import ClientClosedError
from nango_client.sync import NangoClient
nango = NangoClient()
nango.get_token("user-42", "github")
nango.close()
def work(number):
    nango.close()
    try:
        nango.get_token("user-42", "github")
    except ClientClosedError:
        return
    raise SystemExit(1)
in_children(work, 1)
"""
    run(CHILDREN + program, server)


def test_children_of_multiprocessing_work(server: MockNango) -> None:
    """They end without the interpreter's usual steps."""
    program = """
import multiprocessing
from nango_client.sync import NangoClient
nango = NangoClient()
def work(name):
    return len(nango.get_token(name, "github"))
if __name__ == "__main__":
    work("user-42")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert min(pool.map(work, ["user-42"] * 4)) > 0
        pool.close()
        pool.join()
"""
    run(program, server)

    assert len(server.requests) == 1


@pytest.mark.parametrize("debug", ["0", "1"])
def test_the_interpreter_ends_without_a_word(server: MockNango, debug: str) -> None:
    """With calls under way in other threads, and with nothing closed."""
    server.delay_next(30)
    program = f"""
import os, threading
os.environ["PYTHONASYNCIODEBUG"] = "{debug}"
from nango_client import ClientClosedError
from nango_client.sync import NangoClient
nango, other = NangoClient(), NangoClient()
def ask():
    try:
        nango.get_token("user-42", "github")
    except ClientClosedError:
        pass
threading.Thread(target=ask, daemon=True).start()
while not nango.cache_info().misses:
    pass
"""
    began = time.monotonic()
    run(program, server)

    assert time.monotonic() - began < 20


def test_a_call_after_the_end_is_refused(server: MockNango) -> None:
    """In a function of `atexit` that comes after ours."""
    program = """
import atexit
def late():
    try:
        nango.get_token("user-43", "github")
    except ClientClosedError as error:
        print(error)
atexit.register(late)
from nango_client import ClientClosedError
from nango_client.sync import NangoClient
nango = NangoClient()
nango.get_token("user-42", "github")
"""
    assert "closed" in run(program, server)


def test_a_client_that_nothing_refers_to_ends_its_thread(server: MockNango) -> None:
    """It was not closed, and leaves no connection behind."""
    nango = server.sync_client()
    connections = nango.connections
    nango.get_token("user-42", "github")
    (thread,) = [each for each in threading.enumerate() if each.name == "nango_client"]

    del nango
    gc.collect()
    assert thread.is_alive()
    assert list(connections.list())
    del connections
    gc.collect()

    thread.join(5)
    assert not thread.is_alive()


def test_ctrl_c_ends_the_call_here_and_at_the_server(server: MockNango) -> None:
    """KeyboardInterrupt comes at once; the client goes on to work."""
    server.delay_next(30)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        while not server.requests:
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGINT)

    with server.sync_client() as nango:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            nango.get_token("user-42", "github")
        thread.join()

        # Who joined the cancelled request would wait for half a minute.
        assert nango.get_token("user-42", "github")
        assert not nango._bridge._worker._jobs  # type: ignore[union-attr]


class _TimeLimitError(Exception):
    pass


def test_whatever_a_signal_raises_ends_the_call(server: MockNango) -> None:
    """Such as Celery's time limit; also before the call has begun."""

    def stop(number: int, frame: Any) -> None:
        raise _TimeLimitError

    before = signal.signal(signal.SIGALRM, stop)
    busy = threading.Event()
    try:
        with server.sync_client() as nango:
            nango.get_token("user-42", "github")
            nango._bridge._worker.loop.call_soon_threadsafe(busy.wait)  # type: ignore[union-attr]
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(_TimeLimitError):
                nango.get_token("user-42", "github", force_refresh=True)
            busy.set()
            assert nango.invalidate() == 1
    finally:
        busy.set()
        signal.signal(signal.SIGALRM, before)

    assert len(server.requests) == 1


def test_a_signal_before_a_call_has_begun_leaves_nothing(
    server: MockNango, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is not made, and the next one is."""
    with server.sync_client() as nango:
        nango.get_token("user-42", "github")
        worker = nango._bridge._worker
        assert worker is not None
        with monkeypatch.context() as patch:
            tell = worker._tell

            def interrupted(callback: Callable[[], None]) -> None:
                patch.setattr(worker, "_tell", tell)
                raise KeyboardInterrupt

            patch.setattr(worker, "_tell", interrupted)
            with pytest.raises(KeyboardInterrupt):
                nango.get_token("user-42", "github", force_refresh=True)

        nango.get_token("user-42", "github", force_refresh=True)

    assert len(server.requests) == 2


def test_a_client_may_be_made_where_forks_are_unknown(server: MockNango) -> None:
    """As on Windows, where the module `os` has no such hook."""
    program = """
import os
import nango_client._client, nango_client.exceptions
del os.register_at_fork
from nango_client.sync import NangoClient
with NangoClient() as nango:
    nango.get_token("user-42", "github")
"""
    run(program, server)
