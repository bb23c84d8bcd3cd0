"""What ``NangoClient`` has for calls of providers, put together."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, final

from aiohttp import ClientSession
from yarl import URL

from nango_client._clock import Clock
from nango_client._config import CachePolicy, RetryPolicy, Settings, TimeoutPolicy
from nango_client._credentials.lookup import Lookup
from nango_client._events import Reporter
from nango_client._http.lifecycle import Lifecycle
from nango_client._http.rate_limit import RateLimitGate
from nango_client._http.retry import Retrier
from nango_client._provider.auth import ProviderAuth
from nango_client._provider.direct import Direct
from nango_client._provider.foreign import Foreign
from nango_client._provider.making.plans import NOT_GIVEN, Call, ClientSecrets, conceal
from nango_client._provider.making.recipe import Recipe, compile_entry
from nango_client._provider.making.urls import given_base
from nango_client._provider.options import header_dict
from nango_client._provider.proxied import Proxied
from nango_client._provider.remembered import Remembered
from nango_client._provider.renewals import Renewals
from nango_client._provider.session import ProviderSession
from nango_client._provider.sources import Sources, checked_pair
from nango_client._provider.tools import Tools
from nango_client._resources.integrations import Integrations
from nango_client._resources.providers import Providers
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import Connection, PreparedRequest

# How long a provider's entry is good, in seconds.
_HOUR = 3600.0


@final
class Doors:
    """Makes what calls providers, out of a client's parts."""

    def __init__(
        self,
        *,
        settings: Settings,
        timeout: TimeoutPolicy,
        retry: RetryPolicy,
        cache_policy: CachePolicy | None,
        clock: Clock,
        reporter: Reporter,
        lifecycle: Lifecycle,
        retrier: Retrier,
        gate: RateLimitGate,
        lookup: Lookup,
        get_connection: Callable[..., Coroutine[Any, Any, Connection]],
        providers: Providers,
        integrations: Integrations,
    ) -> None:
        async def recipe(name: str) -> Recipe:
            return compile_entry((await providers.get(name)).raw)

        async def secrets(provider_config_key: str) -> ClientSecrets:
            found = await integrations.get(provider_config_key, include_credentials=True)
            credentials = found.credentials
            if credentials is None:
                return ClientSecrets("", "")
            return ClientSecrets(credentials.client_id or "", credentials.client_secret or "")

        self._settings = settings
        self._retrier = retrier
        self._gate = gate
        self._secrets = Remembered(
            secrets,
            lifecycle.flights(),
            clock.monotonic,
            lifetime=0.0 if cache_policy is None else cache_policy.max_age,
            outlives_failures=False,
        )
        recipes = Remembered(
            recipe, lifecycle.flights(), clock.monotonic, lifetime=_HOUR, outlives_failures=True
        )
        nango_host = settings.base_url.host or ""
        self._tools = Tools(
            sources=Sources(get_connection, recipes, self._secrets, lookup.now, nango_host),
            renewals=Renewals(
                get_connection,
                lookup.compare,
                lookup.may_force,
                lifecycle.flights(),
                clock.monotonic,
            ),
            lifecycle=lifecycle,
            reporter=reporter,
            timeout=timeout,
            retry=retry,
            time=clock.time,
            nango_host=nango_host,
        )

    def direct(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None,
        headers: Any,
        retries: int,
        session: ClientSession | None,
    ) -> ProviderSession:
        if session is not None and not isinstance(session, ClientSession):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError("session must be an aiohttp.ClientSession")
        way = Direct(
            self._tools,
            checked_pair(connection_id, provider_config_key),
            base_url=_checked_base(base_url),
            headers=None if headers is None else header_dict(headers),
            retries=_count("retries", retries),
            session=session,
        )
        return ProviderSession(way)

    def proxy(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None,
        headers: Any,
        retries: int,
        retry_on: Iterable[int],
    ) -> ProviderSession:
        way = Proxied(
            self._tools,
            self._settings,
            self._retrier,
            self._gate,
            checked_pair(connection_id, provider_config_key),
            base_url=_checked_base(base_url),
            headers=None if headers is None else header_dict(headers),
            retries=_count("retries", retries),
            retry_on=_statuses(retry_on),
        )
        return ProviderSession(way)

    def auth(
        self, connection_id: str, provider_config_key: str, *, base_url: str | URL | None
    ) -> ProviderAuth:
        pair = checked_pair(connection_id, provider_config_key)
        return ProviderAuth(self._tools, pair, _checked_base(base_url))

    def foreign(
        self, connection_id: str, provider_config_key: str, *, base_url: str | URL | None
    ) -> Foreign:
        pair = checked_pair(connection_id, provider_config_key)
        return Foreign(self._tools, pair, _checked_base(base_url))

    async def prepare(
        self,
        connection_id: str,
        provider_config_key: str,
        method: str,
        path: str | URL,
        *,
        params: Any,
        headers: Any,
        json: Any,
        data: bytes | None,
        base_url: str | URL | None,
    ) -> PreparedRequest:
        self._tools.enter()
        call = Call(
            method,
            path,
            params=params,
            headers=headers,
            json=NOT_GIVEN if json is None else json,
            data=data,
            base_url=base_url,
        )
        # No frame that can raise holds what was passed.
        del params, headers, json, data
        pair = checked_pair(connection_id, provider_config_key)
        if not (call.data is None or isinstance(call.data, bytes)):
            raise InvalidArgumentError("data must be bytes")
        plan = (await self._tools.sources.plan(pair, call)).plan
        conceal(plan)
        return plan.prepared()

    def forget_secrets(self, provider_config_key: str | None) -> None:
        """Drop an integration's secrets along with its connections."""
        self._secrets.drop(provider_config_key)

    async def close(self) -> None:
        self._secrets.drop(None)
        await self._tools.close()


def _checked_base(base_url: str | URL | None) -> str | None:
    return None if base_url is None else given_base(base_url)


def _count(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidArgumentError(f"{name} must be a whole number, 0 or more")


def _statuses(values: Iterable[Any]) -> tuple[int, ...]:
    try:
        statuses: tuple[Any, ...] = tuple(values)
    except TypeError:
        statuses = (None,)
    if all(type(status) is int and 100 <= status <= 599 for status in statuses):  # noqa: PLR2004
        return statuses
    raise InvalidArgumentError("retry_on must be HTTP statuses")
