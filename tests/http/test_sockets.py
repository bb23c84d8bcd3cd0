"""Sockets that read in small portions, and that any guard of a test run meets."""

import socket
import subprocess
import sys
from typing import Any

import pytest

from nango_client._http import sockets
from nango_client._http.sockets import make_socket
from nango_client.testing import MockNango

KIB = 1024
ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ())


def test_a_read_gives_a_portion_at_most() -> None:
    """64 KiB, however much was asked for and has come; flags and smaller wishes count."""
    with socket.create_server(("127.0.0.1", 0)) as listener, make_socket(ADDRESS) as client:
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            server.sendall(b"x" * 100 * KIB)

            assert client.recv(3, socket.MSG_PEEK) == b"xxx"
            assert client.recv(3) == b"xxx"
            assert len(client.recv(90 * KIB, socket.MSG_WAITALL)) == 64 * KIB


@pytest.mark.asyncio
async def test_a_client_reads_from_such_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop asks them for much more."""
    asked: list[int] = []
    small = sockets._small

    def noting(base: type[socket.socket]) -> type[socket.socket]:
        def recv(self: socket.socket, size: int, flags: int = 0, /) -> bytes:
            asked.append(size)
            return small(base).recv(self, size, flags)

        return type("Noting", (small(base),), {"__slots__": (), "recv": recv})

    monkeypatch.setattr(sockets, "_small", noting)

    async with MockNango() as server, server.client() as nango:
        server.add_connection("user-42", "github")
        await nango.get_connection("user-42", "github")

    assert max(asked) > 64 * KIB


class Counting(socket.socket):
    """A guard that lets sockets through and counts them."""

    made = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        type(self).made += 1


class Reading(socket.socket):
    """A guard that reads in a way of its own."""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        return super().recv(size, flags)


def test_a_class_that_takes_the_place_of_sockets_makes_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is met though it came after the import, and the reads stay small."""
    monkeypatch.setattr(Counting, "made", 0)
    monkeypatch.setattr(socket, "socket", Counting)

    with make_socket(ADDRESS) as guarded:
        assert Counting.made == 1
        assert isinstance(guarded, Counting)
        assert type(guarded).recv is not socket.SocketType.recv


def test_a_function_that_takes_the_place_of_sockets_makes_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A guard need not be a class that one could derive from."""
    real = socket.socket
    families: list[int] = []

    def guard(family: int, *arguments: Any) -> socket.socket:
        families.append(family)
        return real(family, *arguments)

    monkeypatch.setattr(socket, "socket", guard)

    with make_socket(ADDRESS) as guarded:
        assert families == [socket.AF_INET]
        assert type(guarded).recv is not socket.SocketType.recv


def test_a_socket_that_reads_in_its_own_way_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test run puts in place of `recv` is what runs."""
    monkeypatch.setattr(socket, "socket", Reading)

    with make_socket(ADDRESS) as guarded:
        assert type(guarded) is Reading


# pytest-socket changes the module `socket` for good, so it is tried in a process of its own.
GUARDED_SCRIPT = """
import asyncio, sys
import pytest_socket

guard, moment, url = sys.argv[1:]

def install():
    if guard == "disable_socket":
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts([guard], allow_unix_socket=True)

if moment == "before":
    install()
from nango_client import NangoClient, NangoError, RetryPolicy
if moment == "after":
    install()

async def main():
    async with NangoClient("key", base_url=url, retry=RetryPolicy(max_attempts=1)) as nango:
        try:
            await nango.get_token("user-42", "github")
        except NangoError as error:
            print(type(error).__name__, error)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("guard", ["disable_socket", "192.0.2.1", "127.0.0.1"])
def test_a_guard_of_pytest_socket_is_met(guard: str, moment: str) -> None:
    """Installed before our import or after: only an allowed host is asked; the error names it."""
    with MockNango() as server:
        done = subprocess.run(
            [sys.executable, "-c", GUARDED_SCRIPT, guard, moment, server.base_url],
            capture_output=True,
            text=True,
            check=True,
        )

        if guard == "127.0.0.1":
            assert done.stdout.startswith("AuthenticationError")
        else:
            assert "BlockedError" in done.stdout
        assert len(server.requests) == (guard == "127.0.0.1")
