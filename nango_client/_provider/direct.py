"""Calls that go straight to the provider."""

import asyncio
from typing import Any, final

from aiohttp import ClientResponse, ClientSession
from multidict import CIMultiDict
from yarl import URL

from nango_client._provider.exchange import ROUTE, Exchange
from nango_client._provider.failures import failure_of
from nango_client._provider.making.plans import NOT_GIVEN, Call, conceal
from nango_client._provider.options import (
    NO_LIMIT,
    Options,
    check_status,
    headers_of,
    limits_of,
    remaining,
)
from nango_client._provider.pool import WAIT_FOR_CONNECTION, default_limits
from nango_client._provider.redirects import Hops
from nango_client._provider.renewals import Pair
from nango_client._provider.sources import Planned
from nango_client._provider.tools import Tools
from nango_client.exceptions import ClientClosedError, InvalidArgumentError


@final
class Direct:
    """The way to a provider without a hop.

    Args:
        tools: the client's.
        pair: the connection's ids.
        base_url: instead of the provider's own.
        headers: for each call.
        retries: how often a call that may run twice is sent again.
        session: the caller's, or None for one of ours.
    """

    name = ROUTE

    def __init__(
        self,
        tools: Tools,
        pair: Pair,
        *,
        base_url: str | URL | None,
        headers: CIMultiDict[str] | None,
        retries: int,
        session: ClientSession | None,
    ) -> None:
        self._tools = tools
        self._pair = pair
        self._base_url = base_url
        self._headers = headers
        self._retries = retries
        self._session = session

    async def send(self, method: str, path: str | URL, options: Options) -> ClientResponse:
        """Give the provider's answer; see `Way.send`."""
        tools = self._tools
        tools.enter()
        call = self._call(method, path, options)
        if isinstance(call, InvalidArgumentError):
            raise call  # Here, where no frame holds what was passed.
        if "timeout" not in options.given:
            planned = await tools.sources.plan(self._pair, call)
            return await self._send(planned, options, options.rest(), NO_LIMIT)
        limits = limits_of(options.get("timeout"))
        began = asyncio.get_running_loop().time()
        until = NO_LIMIT if limits.total is None else began + limits.total
        planned = await tools.sources.plan_within(self._pair, call, limits.total)
        rest = options.rest()
        rest["timeout"] = remaining(limits, until)
        token = WAIT_FOR_CONNECTION.set(limits.connect)
        try:
            return await self._send(planned, options, rest, until)
        finally:
            WAIT_FOR_CONNECTION.reset(token)

    def _call(self, method: str, path: str | URL, options: Options) -> Call | InvalidArgumentError:
        json = options.get("json")
        try:
            return Call(
                method,
                path,
                params=options.get("params"),
                headers=headers_of(self._headers, options),
                json=NOT_GIVEN if json is None else json,
                data=options.get("data"),
                base_url=self._base_url,
            )
        except InvalidArgumentError as error:
            return error.replica()

    async def _send(
        self, planned: Planned, options: Options, rest: dict[str, Any], until: float
    ) -> ClientResponse:
        tools, plan = self._tools, planned.plan
        is_pinned = False
        session = self._session
        if session is not None or rest.get("proxy") is not None:
            # Nobody here makes their sockets.
            is_pinned = plan.check_address
        if session is None:
            pool = tools.public_pool if plan.check_address and not is_pinned else tools.pool
            session = await pool.session()
        elif session.closed:
            raise ClientClosedError("the aiohttp session that was passed as session= is closed")
        if self._session is not None:
            rest.setdefault("timeout", default_limits(tools.timeout, own_pool=False))
        exchange = Exchange(tools, planned, self._retries, is_pinned=is_pinned, until=until)
        hops = Hops(tools, self._pair, exchange, plan.url.host or "")
        # Middlewares that come with a request replace the session's own, and there is no public way
        # to ask for those.
        others = rest.pop("middlewares", None)
        if others is None and self._session is not None:
            others = getattr(session, "_middlewares", None)
        try:
            response = await session.request(
                plan.method,
                plan.url,
                headers=conceal(plan),
                data=plan.body,
                raise_for_status=False,
                middlewares=(*(others or ()), hops),
                **rest,
            )
        except Exception as error:  # noqa: BLE001  nothing of aiohttp may leave this file
            failure = failure_of(error, hops.host, plan.method)
            if tools.lifecycle.closed:
                failure = ClientClosedError("the NangoClient was closed")
        else:
            await check_status(response, options.get("raise_for_status"))
            return response
        raise failure
