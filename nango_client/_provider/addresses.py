"""Addresses that nobody's data may lead to: this machine, its network, and the cloud's metadata."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final, final

from aiohttp import ClientRequest
from yarl import URL

from nango_client._http.sockets import make_socket

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]

# Addresses that carry an IPv4 address inside, which a gateway goes on to: RFC 6052, RFC 8215.
_TRANSLATED: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
# Public by their numbers, and metadata services nevertheless (Alibaba Cloud, Azure).
_METADATA: Final = frozenset({ip_address("100.100.100.200"), ip_address("168.63.129.16")})


@final
class ForbiddenAddressError(OSError):
    """The address is none that a connection's data may lead to; nothing was sent there."""

    def __init__(self) -> None:
        super().__init__("the address is loopback, private, link-local or a metadata service")


def is_forbidden(text: str) -> bool:
    """Say whether an address, as a socket has it, is not one of the public internet."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return _is_internal(inner)
    return _is_internal(address)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Give the IPv4 address that an IPv6 address stands for, or None."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _TRANSLATED) or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _is_internal(address: IPv4Address | IPv6Address) -> bool:
    return not address.is_global or address.is_multicast or address in _METADATA


def make_public_socket(info: AddressInfo) -> socket.socket:
    """Make a socket for the very address that is about to be connected to.

    Raises:
        ForbiddenAddressError: it is not on the public internet.
    """
    if is_forbidden(str(info[4][0])):
        raise ForbiddenAddressError
    return make_socket(info)


async def public_address(url: URL) -> str:
    """Look the host up, and give one of its addresses.

    Raises:
        ForbiddenAddressError: one of them is not on the public internet.
        OSError: there is none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host or "", url.port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]) for info in found]
    if any(map(is_forbidden, addresses)):
        raise ForbiddenAddressError
    return addresses[0]


async def pin(request: ClientRequest) -> None:
    """Look the host up now, and let the request go to the address that was found and checked.

    For sessions that are not ours, whose sockets nobody here makes. A name could have another
    address when it is looked up again.

    Raises:
        ForbiddenAddressError: one of its addresses is not on the public internet.
        OSError: it has none.
    """
    url = request.url
    host = url.host or ""
    request.url = url.with_host(await public_address(url))
    # The certificate is still that of the name.
    request.server_hostname = request.server_hostname or host
