"""Sockets that read in small portions."""

import socket

import pytest

from nango_client._http.sockets import SmallReadSocket, make_socket
from nango_client.testing import MockNango

KIB = 1024


def test_a_read_gives_a_portion_at_most() -> None:
    """64 KiB, however much was asked for and has come; flags and smaller wishes count."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        make_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ())) as client,
    ):
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
    recv = SmallReadSocket.recv

    def noting(self: SmallReadSocket, size: int, flags: int = 0, /) -> bytes:
        asked.append(size)
        return recv(self, size, flags)

    monkeypatch.setattr(SmallReadSocket, "recv", noting)

    async with MockNango() as server, server.client() as nango:
        server.add_connection("user-42", "github")
        await nango.get_connection("user-42", "github")

    assert max(asked) > 64 * KIB
