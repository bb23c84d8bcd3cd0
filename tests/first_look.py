"""What a call does before it waits for anything, without a loop and without a network."""

from nango_client import Connection, NangoClient
from nango_client._credentials.cache import TokenCache
from nango_client._credentials.keys import Key


class _Front:
    """All that `NangoClient.get_connection` looks at before it asks for a fetch."""

    def __init__(self, cache: TokenCache) -> None:
        self._cache = cache
        self._lookup = self
        self._entries = cache.entries

    def ask(self, key: Key) -> Connection:
        raise LookupError(key)


def fresh(cache: TokenCache, key: Key) -> Connection | None:
    """Give what `get_connection` answers straight from `cache`, or None."""
    call = NangoClient.get_connection(
        _Front(cache),  # type: ignore[arg-type]
        key[0],
        key[1],
        include_refresh_token="refresh_token" in key[2:],
    )
    try:
        call.send(None)
    except StopIteration as answer:
        return answer.value
    except LookupError:
        return None
    raise AssertionError("a call waits for something that is no fetch")
