"""Where redirects lead a call: what is ours goes along to the provider, and nowhere else."""

from typing import final

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from nango_client._config import is_loopback
from nango_client._provider.exchange import Exchange, take_out_of_query
from nango_client._provider.failures import StoppedError
from nango_client._provider.renewals import Pair
from nango_client._provider.tools import Tools
from nango_client.exceptions import NangoError, TransportError


@final
class Hops:
    """An aiohttp middleware for one call, which aiohttp asks once for each hop.

    Args:
        tools: the client's.
        pair: the connection's ids.
        exchange: holds the plan, which is in the first hop's request already.
        host: of the first hop.

    Attributes:
        host: who is asked now.
    """

    __slots__ = ("_exchange", "_has_begun", "_pair", "_tools", "host")

    def __init__(self, tools: Tools, pair: Pair, exchange: Exchange, host: str) -> None:
        self._tools = tools
        self._pair = pair
        self._exchange = exchange
        self._has_begun = False
        self.host = host

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if not self._has_begun:
            self._has_begun = True
            return await self._exchange.send(request, handler)
        self.host = request.url.host or ""
        try:
            if request.url.origin() == self._exchange.planned.plan.origin:
                await self._go_on_at_home(request)
                return await self._exchange.send(request, handler)
            self._go_abroad(request)
        except NangoError as error:
            # An OSError of ours would not get through aiohttp.
            raise StoppedError(error) from None
        return await self._exchange.send_abroad(request, handler)

    async def _go_on_at_home(self, request: ClientRequest) -> None:
        """Make the plan anew: a signature holds for one URL, and some for one use."""
        planned = self._exchange.planned
        call = planned.call.redirected(request.method, request.url, with_body=bool(request.body))
        again = await self._tools.sources.plan(self._pair, call, planned.connection)
        await self._exchange.put_in(request, again)

    def _go_abroad(self, request: ClientRequest) -> None:
        """Take out what is ours, or refuse to go where that is not enough.

        Raises:
            TransportError: it leads to http, or the body holds a key.
        """
        plan, url = self._exchange.planned.plan, request.url
        # Between servers that were written out as http on this machine, nothing is lost.
        is_local = is_loopback(plan.url.host or "") and is_loopback(self.host)
        if url.scheme != "https" and not (plan.url.scheme == "http" and is_local):
            raise TransportError(
                f"{plan.url.host} redirects to {self.host} by http, which anybody can read",
                retryable=False,
                host=plan.url.host,
            )
        if plan.injected.body and request.body:
            raise TransportError(
                f"{plan.url.host} redirects to {self.host} with a body that holds a key",
                retryable=False,
                host=plan.url.host,
            )
        self._exchange.take_out(request)
        take_out_of_query(request, plan)
