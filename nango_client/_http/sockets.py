"""Sockets that read in small portions.

asyncio asks for 256 KiB at once, and gets a buffer that long for each read. That is so much that
glibc takes it from the kernel and gives it back right after: three system calls and two page faults
for every answer, a tenth of the request. An answer of Nango has one or two KiB.
"""

import socket
from typing import Any, Final, final

# Less than glibc's M_MMAP_THRESHOLD of 128 KiB (mallopt(3)).
_PORTION: Final = 64 * 1024


@final
class SmallReadSocket(socket.socket):
    """A socket whose reads give 64 KiB at most."""

    __slots__ = ()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        return super().recv(min(size, _PORTION), flags)


def make_socket(address: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    """Make a socket for an address that `socket.getaddrinfo` gave; aiohttp calls this."""
    family, kind, protocol, _, _ = address
    return SmallReadSocket(family, kind, protocol)
