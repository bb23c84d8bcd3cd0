"""Requests that differ in their URL alone: nearly all that have no body, at the least cost.

What is put into them depends on the connection alone, so it is made once for each.
"""

import weakref
from functools import lru_cache
from typing import Final, final

from yarl import URL

from nango_client._provider.making import urls
from nango_client._provider.making.bases import Base
from nango_client._provider.making.plans import NOT_GIVEN, Call, Injected, Plan, conceal
from nango_client._provider.making.recipe import Recipe, locate
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import (
    AwsSigV4Credentials,
    Connection,
    OAuth1Credentials,
    TbaCredentials,
)

_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
# Whose requests are signed one by one.
_SIGNED: Final = (AwsSigV4Credentials, OAuth1Credentials, TbaCredentials)

_Key = tuple[int, int, str | URL | None]


@final
class _Made:
    """What is the same in all plain requests of a connection."""

    __slots__ = (
        "base",
        "check_address",
        "connection",
        "headers",
        "injected",
        "recipe",
        "renewable",
    )

    def __init__(
        self, connection: "weakref.ref[Connection]", recipe: Recipe, base: Base, plan: Plan
    ) -> None:
        self.connection = connection
        self.recipe = recipe
        self.base = base
        self.headers = conceal(plan)
        self.injected: Injected = plan.injected
        self.check_address = plan.check_address
        self.renewable = plan.renewable


@final
class PlainRequests:
    """Makes them, and keeps what it has made of a connection for as long as that is used."""

    def __init__(self) -> None:
        self._made: dict[_Key, _Made] = {}

    def plan(self, recipe: Recipe, connection: Connection, call: Call) -> Plan | None:
        """Make the request, or give None where it is another one.

        Raises:
            InvalidArgumentError: see `Recipe.prepare`.
            UnsupportedProviderError: likewise.
        """
        path = call.path
        if (
            not recipe.is_plain
            or call.headers
            or call.data is not None
            or call.json is not NOT_GIVEN
            or call.method not in _BODILESS
            or type(path) is not str
        ):
            return None
        key = (id(connection), id(recipe), call.base_url)
        made = self._made.get(key)
        if made is None or made.connection() is not connection or made.recipe is not recipe:
            made = self._make(key, recipe, connection)
            if made is None:
                return None
        base = made.base
        try:
            url = _url(base.origin, base.path, path)
            if call.params is not None:
                url = _with_params(url, call.params)
        except InvalidArgumentError as fault:
            error = fault.replica()
        else:
            return Plan(
                call.method,
                url,
                made.headers.copy(),
                None,
                made.injected,
                check_address=made.check_address,
                renewable=made.renewable,
            )
        raise error

    def _make(self, key: _Key, recipe: Recipe, connection: Connection) -> _Made | None:
        if isinstance(connection.credentials, _SIGNED):
            return None
        plan = recipe.prepare(connection, Call("GET", "", base_url=key[2]))
        path = plan.url.raw_path
        base = Base(str(plan.origin), "" if path == "/" else path)
        # No credentials are kept here beyond the connection's life.
        gone = weakref.ref(connection, lambda _: self._made.pop(key, None))
        made = self._made[key] = _Made(gone, recipe, base, plan)
        return made


# Callers ask for the same again and again.
@lru_cache(maxsize=512)
def _url(origin: str, base_path: str, path: str) -> URL:
    own, query, fragment = locate(path, Base(origin, base_path))
    return URL(f"{origin}{own}{query}{fragment}", encoded=True)


def _with_params(url: URL, params: object) -> URL:
    query = url.raw_query_string
    merged = urls.with_pairs(*urls.with_params(query and f"?{query}", params))
    return URL.build(
        scheme=url.scheme,
        authority=url.raw_authority,
        path=url.raw_path,
        query_string=merged.removeprefix("?"),
        fragment=url.raw_fragment,
        encoded=True,
    )
