"""A fork: the child makes its own, and keeps what is cached."""

import os
import subprocess
import sys

import pytest

from nango_client.testing import MockNango

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

IDS = ("user-42", "github")


def run(program: str, server: MockNango) -> "subprocess.CompletedProcess[str]":
    head = f"""
import os, sys, threading, time
from nango_client.sync import NangoClient
nango = NangoClient({server.api_key!r}, base_url={server.base_url!r})

def fork(child):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
"""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", head + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    """A server with two connections."""
    nango_server.add_connection(*IDS)
    nango_server.add_connection("user-7", "github")
    return nango_server


def test_a_fork_before_the_first_call_gives_each_its_own(server: MockNango) -> None:
    """Two processes, two requests."""
    program = """
call = lambda: print(len(nango.get_token("user-42", "github")) > 0)
fork(call)
call()
nango.close()
"""
    done = run(program, server)

    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True", "True"], "")
    assert len(server.requests) == 2


def test_a_fork_after_use_keeps_the_cache_and_no_connection(server: MockNango) -> None:
    """What is cached is served; what is not is fetched, over a connection of the child's."""
    program = """
token = nango.get_token("user-42", "github")
def child():
    assert nango.get_token("user-42", "github") == token
    assert nango.cache_info().hits == 1
    nango.get_token("user-7", "github")
    nango.close()
fork(child)
nango.invalidate("user-42")
assert nango.get_token("user-42", "github") == token
nango.close()
print("well")
"""
    done = run(program, server)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "well", "")
    assert [request.connection_id for request in server.requests] == [
        "user-42",
        "user-7",
        "user-42",
    ]


def test_a_child_joins_no_fetch_of_its_parents(server: MockNango) -> None:
    """A request under way at the fork belongs to the parent alone."""
    server.delay_next(1.0)
    program = """
thread = threading.Thread(target=nango.get_token, args=("user-42", "github"))
thread.start()
time.sleep(0.4)
def child():
    began = time.monotonic()
    nango.get_token("user-42", "github")
    assert time.monotonic() - began < 5
fork(child)
thread.join()
nango.close()
print("well")
"""
    done = run(program, server)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "well", "")
    assert len(server.requests) == 2


def test_a_lock_that_was_held_at_the_fork_does_not_block_the_child(server: MockNango) -> None:
    """Whichever thread held it does not exist there."""
    program = """
state = nango._bridge._state
with state.lock:
    fork(lambda: nango.get_token("user-42", "github"))
nango.close()
print("well")
"""
    done = run(program, server)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "well", "")


def test_children_of_children_work_too(server: MockNango) -> None:
    """Each generation makes its own."""
    program = """
nango.get_token("user-42", "github")
def child():
    nango.invalidate()
    nango.get_token("user-42", "github")
    fork(lambda: (nango.invalidate(), nango.get_token("user-42", "github")))
fork(child)
nango.close()
print("well")
"""
    done = run(program, server)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "well", "")
    assert len(server.requests) == 3
