"""Sockets that read in small portions.

asyncio asks for 256 KiB at once, and gets a buffer that long for each read. That is so much that
glibc takes it from the kernel and gives it back right after: three system calls and two page faults
for every answer, a tenth of the request. An answer of Nango has one or two KiB.
"""

import socket
from functools import lru_cache
from typing import Any, Final

# Less than glibc's M_MMAP_THRESHOLD of 128 KiB (mallopt(3)).
_PORTION: Final = 64 * 1024

_read: Final = socket.SocketType.recv


def make_socket(address: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    """Make a socket for an address that `socket.getaddrinfo` gave; aiohttp calls this.

    It is asked of what `socket.socket` is at that moment, so a guard of a test run is met whether
    it came before this package or after. Only then it is made one whose reads give 64 KiB at most,
    unless it reads in a way of its own.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    maker: Any = type(made)
    if maker.recv is _read:
        made.__class__ = _small(maker)
    return made


@lru_cache(maxsize=8)
def _small(base: type[Any]) -> type[Any]:
    """Derive a class that adds no fields, so that objects of `base` can become objects of it."""
    return type("SmallReadSocket", (base,), {"__slots__": (), "recv": _read_portion})


def _read_portion(self: socket.socket, size: int, flags: int = 0, /) -> bytes:
    return _read(self, min(size, _PORTION), flags)
