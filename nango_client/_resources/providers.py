"""``client.providers``: the APIs that Nango knows."""

import builtins
from typing import final

from nango_client._http.calls import Calls
from nango_client._http.protocol import About, Request, check_id, query_string
from nango_client._resources import arguments
from nango_client.models import Provider
from nango_client.models._base import Model, model


@model
class _One(Model):
    data: Provider


@model
class _All(Model):
    data: tuple[Provider, ...]


@final
class Providers:
    """Nango's catalogue of providers, as ``client.providers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, *, search: str | None = None) -> builtins.list[Provider]:
        """Give the providers, or those whose name matches; all of them are about 0.9 MB.

        Args:
            search: a part of the name; the server takes ``.`` for any character.
        """
        query = [] if search is None else [("search", check_id("search", search))]
        request = Request(
            "GET", "/providers", "/providers", query_string(query), About("the providers")
        )
        found = await self._calls.fetch(request, _All)
        return builtins.list(found.data)

    async def get(self, name: str) -> Provider:
        """Give one provider's whole entry.

        Raises:
            NotFoundError: there is no such provider.
        """
        request = Request(
            "GET",
            "/providers/{name}",
            f"/providers/{arguments.name('name', name)}",
            "",
            About("provider {}", name, check="its name"),
        )
        return (await self._calls.fetch(request, _One)).data
