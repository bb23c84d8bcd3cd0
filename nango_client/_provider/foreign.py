"""The connection's credentials for requests of other libraries, which know nothing of aiohttp."""

from collections.abc import Mapping
from typing import Final, final

from yarl import URL

from nango_client._provider.addresses import public_address
from nango_client._provider.auth import add_content, own_headers
from nango_client._provider.failures import failure_of
from nango_client._provider.making.plans import Call
from nango_client._provider.making.recipe import ForeignOriginError
from nango_client._provider.renewals import Pair
from nango_client._provider.sources import Planned
from nango_client._provider.tools import Tools
from nango_client.exceptions import NangoError

NOT_IN_MEMORY: Final = object()
"""A body that nobody can look into."""


@final
class Foreign:
    """Plans requests that somebody else has made and will send.

    Args:
        tools: the client's.
        pair: the connection's ids.
        base_url: instead of the provider's own.
    """

    def __init__(self, tools: Tools, pair: Pair, base_url: str | URL | None) -> None:
        self._tools = tools
        self._pair = pair
        self._base_url = base_url

    async def plan(
        self, method: str, url: str, headers: Mapping[str, str], content: object
    ) -> Planned | None:
        """Plan the request anew, with what belongs into it; None where it goes elsewhere.

        Args:
            method: of HTTP.
            url: absolute and encoded.
            headers: those that the library would send.
            content: bytes, None or `NOT_IN_MEMORY`.

        Raises:
            NangoError: it cannot be planned.
        """
        self._tools.enter()
        call = Call(
            method, URL(url, encoded=True), headers=own_headers(headers), base_url=self._base_url
        )
        if isinstance(content, bytes):
            add_content(call, content, headers.get("Content-Type", ""))
        elif content is not None:
            call.data = content
        try:
            planned = await self._tools.sources.plan(self._pair, call)
        except ForeignOriginError:
            return None
        if planned.plan.check_address:
            await self._check_address(planned.plan.url)
        return planned

    async def plan_again(self, refused: Planned) -> Planned | None:
        """Plan a refused request with other credentials; None where there are none to be had."""
        injected = refused.plan.injected
        if not injected.headers | injected.query:
            return None
        found = await self._tools.renewals.other_than(refused.connection)
        if found is None:
            return None
        try:
            return await self._tools.sources.plan(self._pair, refused.call, found)
        except NangoError:
            return None

    async def plan_next(
        self, planned: Planned, method: str, url: str, *, with_body: bool
    ) -> Planned | None:
        """Plan what follows a redirect; None where it leads to another origin.

        Args:
            planned: what was redirected.
            method: of the next request.
            url: of the next request, absolute.
            with_body: whether the body is sent again.
        """
        try:
            call = planned.call.redirected(method, URL(url, encoded=True), with_body=with_body)
            return await self._tools.sources.plan(self._pair, call, planned.connection)
        except ValueError:  # Or it is no URL at all, or none that can be called.
            return None

    async def _check_address(self, url: URL) -> None:
        """Refuse addresses that no data may lead to, as well as can be done without the socket."""
        host = url.host or ""
        try:
            await public_address(url)
        except OSError as error:
            failure = failure_of(error, host, "GET")
        else:
            return
        raise failure
