"""From ids and a call to a planned request: the connection, the recipe and, if need be, secrets."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, final

from nango_client._credentials.tokens import refuse_ended
from nango_client._http.protocol import check_id
from nango_client._provider.making.plain import PlainRequests
from nango_client._provider.making.plans import Call, ClientSecrets, Plan
from nango_client._provider.making.recipe import Recipe
from nango_client._provider.remembered import Remembered
from nango_client._provider.renewals import Pair
from nango_client.exceptions import RequestTimeoutError, UnsupportedProviderError
from nango_client.models import Connection


def checked_pair(connection_id: str, provider_config_key: str) -> Pair:
    """Give both ids back if Nango could know them.

    Raises:
        InvalidArgumentError: see `check_id`.
    """
    return (
        check_id("connection_id", connection_id),
        check_id("provider_config_key", provider_config_key),
    )


@final
class Planned:
    """A request that is ready to be sent, and what it was made of."""

    __slots__ = ("call", "connection", "plan", "recipe")

    def __init__(self, call: Call, connection: Connection, recipe: Recipe, plan: Plan) -> None:
        self.call = call
        self.connection = connection
        self.recipe = recipe
        self.plan = plan


@final
class Sources:
    """What requests to providers are made of.

    Args:
        get_connection: the client's own.
        recipes: by the provider's name.
        secrets: by the integration's key.
        now: gives epoch seconds by Nango's clock.
        nango_host: who does not answer where Nango does not.
    """

    def __init__(
        self,
        get_connection: Callable[[str, str], Coroutine[Any, Any, Connection]],
        recipes: Remembered[Recipe],
        secrets: Remembered[ClientSecrets],
        now: Callable[[], float],
        nango_host: str,
    ) -> None:
        self._get_connection = get_connection
        self._recipes = recipes
        self._secrets = secrets
        self._now = now
        self._nango_host = nango_host
        self._plain = PlainRequests()

    async def plan(self, pair: Pair, call: Call, connection: Connection | None = None) -> Planned:
        """Make the request.

        Args:
            pair: the connection's ids.
            call: what the caller asks for.
            connection: if it is at hand.

        Raises:
            TokenExpiredError: the connection's token has ended.
            UnsupportedProviderError: it cannot be made right from here.
            InvalidArgumentError: the call cannot be sent.
            NangoError: what it is made of cannot be had.
        """
        if connection is None:
            connection = await self._get_connection(*pair)
        now = self._now()
        refuse_ended(connection, now)
        provider = connection.provider
        if not provider:
            raise UnsupportedProviderError(
                "Nango does not say whose connection this is: call it through client.proxy",
                reason="the connection names no provider",
            )
        recipe = self._recipes.ready(provider) or await self._recipes.get(provider)
        plan = self._plain.plan(recipe, connection, call)
        if plan is not None:
            return Planned(call, connection, recipe, plan)
        secrets = None
        if recipe.needs_client_secrets(connection):
            secrets = await self._secrets.get(connection.provider_config_key)
        plan = recipe.prepare(
            connection, call, client=secrets, now=datetime.fromtimestamp(now, UTC)
        )
        return Planned(call, connection, recipe, plan)

    async def plan_within(self, pair: Pair, call: Call, seconds: float | None) -> Planned:
        """Make the request within so many seconds.

        Raises:
            RequestTimeoutError: what it is made of did not come in time.
            NangoError: see `plan`.
        """
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self.plan(pair, call)
        except TimeoutError:
            if not limit.expired():
                raise
        raise RequestTimeoutError(
            "Nango did not give the credentials in the time that timeout= leaves",
            may_have_run=False,
            host=self._nango_host,
        )
