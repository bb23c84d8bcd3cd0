"""The connection's credentials for requests that somebody else sends."""

import json
import re
from typing import Any, Final, final
from urllib.parse import parse_qsl

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.payload import BytesPayload, JsonPayload, StringPayload
from multidict import CIMultiDict
from yarl import URL

from nango_client._provider.exchange import Exchange, put_in, take_out_of_query
from nango_client._provider.failures import StoppedError
from nango_client._provider.making.plans import Call
from nango_client._provider.making.recipe import ForeignOriginError
from nango_client._provider.renewals import Pair
from nango_client._provider.sources import Planned
from nango_client._provider.tools import Tools
from nango_client.exceptions import InvalidArgumentError

# What libraries say by themselves, and callers have not said.
_ALWAYS_ADDED: Final = frozenset(
    {"host", "accept-encoding", "connection", "content-length", "transfer-encoding"}
)
_DEFAULT_AGENT = re.compile(r"python-(httpx|requests)/.*")
_IN_MEMORY: Final = (BytesPayload, StringPayload, JsonPayload)


def own_headers(headers: Any) -> CIMultiDict[str]:
    """Give the headers of a request that its caller has set."""
    own: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in _ALWAYS_ADDED or (lowered == "accept" and value == "*/*"):
            continue
        if lowered == "user-agent" and (
            value == SERVER_SOFTWARE or _DEFAULT_AGENT.fullmatch(value)
        ):
            continue
        own.add(name, value)
    return own


@final
class ProviderAuth:
    """An aiohttp client middleware that puts a connection's credentials into requests.

    Made by `NangoClient.auth`. It does what `NangoClient.direct` does, for each hop to the origin
    of the provider's base URL, and leaves other requests as they are.
    """

    __slots__ = ("_base_url", "_pair", "_tools")

    def __init__(self, tools: Tools, pair: Pair, base_url: str | URL | None) -> None:
        self._tools = tools
        self._pair = pair
        self._base_url = base_url

    def __repr__(self) -> str:
        return "<ProviderAuth>"

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        self._tools.enter()
        planned = await self._plan(request)
        if planned is None:
            return await handler(request)
        await put_in(request, planned)
        exchange = Exchange(self._tools, planned, retries=0, is_pinned=planned.plan.check_address)
        try:
            return await exchange.send(request, handler)
        except StoppedError as stopped:
            failure = stopped.error
        raise failure

    async def _plan(self, request: ClientRequest) -> Planned | None:
        """Plan the request anew, with what belongs into it; None where it goes elsewhere."""
        call = Call(
            request.method,
            request.url,
            headers=own_headers(request.headers),
            base_url=self._base_url,
        )
        try:
            planned = await self._tools.sources.plan(self._pair, call)
            if not (planned.recipe.wants_body and request.body):
                return planned
            await _add_content(call, request)
            return await self._tools.sources.plan(self._pair, call, planned.connection)
        except ForeignOriginError:
            pass
        call.path = "/"
        home = await self._tools.sources.plan(self._pair, call)
        take_out_of_query(request, home.plan)
        return None


async def _add_content(call: Call, request: ClientRequest) -> None:
    """Give the call the body: what is JSON or a form as such, so that it can be filled in."""
    body = request.body
    if not isinstance(body, _IN_MEMORY):
        raise InvalidArgumentError(
            "this provider wants the body signed or filled in: pass one that is in memory"
        )
    add_content(call, await body.as_bytes(), request.headers.get("Content-Type", ""))


def add_content(call: Call, content: bytes, content_type: str) -> None:
    """Give the call a body that somebody has written."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind.endswith(("/json", "+json")):
            call.json = json.loads(content)
            return
        if kind == "application/x-www-form-urlencoded":
            call.data = parse_qsl(content.decode(), keep_blank_values=True)
            return
    except ValueError:
        pass  # Then it is whatever it is.
    call.data = content
