"""What is asked for of a connection: the keys of cache and flights, and the request for one."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from nango_client._events import CONNECTION_ROUTE
from nango_client._http.protocol import Request, about_connection, quoted, segment

# What is asked for: both ids, and the wire names of the options that are on. It decides the answer,
# so cached answers and requests under way are known by it.
Key = tuple[str, ...]
# The two ids of a connection.
Pair = tuple[str, ...]

FORCE_REFRESH: Final = "force_refresh"
INCLUDE_REFRESH: Final = "refresh_token"
RENEW_GITHUB: Final = "refresh_github_app_jwt_token"
_RENEWS: Final = True
_VARIANTS: Final = ((), (INCLUDE_REFRESH,), (RENEW_GITHUB,), (INCLUDE_REFRESH, RENEW_GITHUB))


def variants(pair: Pair) -> Iterator[Key]:
    """Give the keys of all that can be asked for about a connection without force."""
    for options in _VARIANTS:
        yield *pair, *options


# There are few integrations, and many connections of each.
@lru_cache(maxsize=1024)
def _query(provider_config_key: str) -> str:
    return f"provider_config_key={quoted('provider_config_key', provider_config_key)}"


def connection_request(key: Key) -> Request:
    """Make the request for one connection.

    Raises:
        InvalidArgumentError: Nango could not know one of the ids, or the connection id is ``.`` or
            ``..``, which proxies take for a part of the path.
    """
    path = f"/connection/{segment('connection_id', key[0])}"
    query = _query(key[1])
    options = key[2:]
    # The server refuses what it does not know, and older ones know less: send only what is true.
    for option in options:
        query += f"&{option}=true"
    about = about_connection(key[0], key[1])
    # By position: classes that are called with keywords take the interpreter's long way.
    return Request("GET", CONNECTION_ROUTE, path, query, about, FORCE_REFRESH in options, _RENEWS)
