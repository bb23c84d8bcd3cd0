"""Where the server cannot start, whoever waits for it hears why, at once and without noise."""

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nango_client.testing import MockNango

ROOT = Path(__file__).parents[2]

# Each runs in a process of its own, because it changes what all sockets of the process may do.
BOTH_FORMS = """
import asyncio, threading
from nango_client.testing import MockNango

async def enter(server):
    async with server:
        print("entered")

def try_both(server):
    for attempt in (server.start, lambda: asyncio.run(enter(server))):
        try:
            attempt()
        except Exception as error:
            print(type(error).__name__, error)
    assert threading.active_count() == 1
"""

NO_SOCKETS = """
import pytest_socket
loop = asyncio.new_event_loop()
server = MockNango()
pytest_socket.disable_socket(allow_unix_socket=True)
try_both(server)
pytest_socket.enable_socket()
with server:
    print("back")
loop.close()
"""

NO_FILES = """
import os, resource
server = MockNango()
with server:  # imports all that it needs
    pass

async def main(spare):
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + spare, 4096))
    try:
        for form in (lambda: asyncio.to_thread(server.start), lambda: enter(server)):
            try:
                await form()
            except OSError as error:
                print(error.errno)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    with server:
        print("back")

for spare in (-1, 0, 1, 2):
    asyncio.run(main(spare))
"""


def run(script: str) -> tuple[list[str], str]:
    """Run a script and give its lines and what it complained of; a hang is an error."""
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", BOTH_FORMS + script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return ran.stdout.splitlines(), ran.stderr


def test_forbidden_sockets_are_an_error() -> None:
    """Under pytest-socket both forms raise its error instead of waiting for ever."""
    lines, complaints = run(NO_SOCKETS)

    assert [line.partition(" ")[0] for line in lines] == [
        "SocketBlockedError",
        "SocketBlockedError",
        "back",
    ]
    assert "unclosed" not in complaints


def test_no_files_left_is_an_error() -> None:
    """Whichever of its files the server cannot open, both forms raise, and it can start later."""
    lines, complaints = run(NO_FILES)

    assert lines == ["24", "24", "back"] * 4
    assert complaints == ""


class NoLoopError(Exception):
    """Stands for anything that a policy of event loops may raise."""


@pytest.mark.asyncio
async def test_without_a_loop_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broken maker of event loops raises comes out of both forms; no thread is left."""
    threads = threading.active_count()

    def refuse() -> None:
        raise NoLoopError

    with monkeypatch.context() as patch:
        patch.setattr("asyncio.events.new_event_loop", refuse)
        with pytest.raises(NoLoopError):
            MockNango().start()
        with pytest.raises(NoLoopError):
            async with MockNango():
                pytest.fail("entered")

    assert threading.active_count() <= threads


def test_the_port_is_free_again_where_the_loop_lacks_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A start that found a port but no files for its event loop gives the port back."""
    with MockNango() as first:
        port = int(first.base_url.rpartition(":")[2])

    def refuse() -> None:
        raise OSError(errno.EMFILE, "none left")

    with monkeypatch.context() as patch:
        patch.setattr("nango_client.testing._http.selectors.DefaultSelector", refuse)
        with pytest.raises(OSError, match="none left"):
            MockNango(port=port).start()

    with MockNango(port=port):
        pass


def test_a_thread_that_dies_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that ends the running server's thread is reported, and stopping does not wait."""
    reported: list[object] = []

    async def fail(_: object) -> None:
        raise NoLoopError

    with monkeypatch.context() as patch:
        patch.setattr("threading.excepthook", lambda args: reported.append(args.exc_type))
        patch.setattr("nango_client.testing._http._Protocols.end", fail)
        with MockNango():
            pass

    assert reported == [NoLoopError]


def test_without_a_thread_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, that is the error, and the port is free again."""
    with MockNango() as first:
        port = int(first.base_url.rpartition(":")[2])

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            MockNango(port=port).start()

    with MockNango(port=port):
        pass
