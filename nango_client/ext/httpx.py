"""Credentials for httpx: ``pip install "nango-client[httpx]"``."""

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, final

import nango_client.sync
from nango_client._client import NangoClient
from nango_client._provider.foreign import NOT_IN_MEMORY, Foreign
from nango_client._provider.sources import Planned
from nango_client.exceptions import ConfigurationError

try:
    import httpx
except ImportError:
    raise ImportError(
        'nango_client.ext.httpx needs httpx: pip install "nango-client[httpx]"'
    ) from None

if TYPE_CHECKING:
    from nango_client.sync._bridge import Bridge

_REFUSED = 401


@final
class NangoAuth(httpx.Auth):
    """Puts a connection's credentials into requests to the origin of the provider's base URL.

    A 401 renews them as `NangoClient.direct` does. Do not pass ``follow_redirects=True`` where the
    provider's key is in another header than ``Authorization``: httpx takes that one alone out of
    what follows a redirect to another origin.

    Args:
        client: gives the credentials; an asynchronous one for `httpx.AsyncClient`, a synchronous
            one for `httpx.Client`.
        connection_id: the connection's id.
        provider_config_key: the integration's key.
        base_url: instead of the provider's own.

    Raises:
        InvalidArgumentError: an argument is none that could be meant.

    Example:
        >>> auth = NangoAuth(nango, "user-42", "github")
        >>> async with httpx.AsyncClient(auth=auth) as client:
        ...     response = await client.get("https://api.github.com/user")
    """

    def __init__(
        self,
        client: NangoClient | nango_client.sync.NangoClient,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | None = None,
    ) -> None:
        self._bridge: Bridge | None = None
        if isinstance(client, nango_client.sync.NangoClient):
            self._bridge = client._bridge  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        else:
            self._client = client
        self._pair = (connection_id, provider_config_key)
        self._base_url = base_url
        self._foreign()

    def __repr__(self) -> str:
        return "<NangoAuth>"

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Put the credentials in, and once more after a 401; httpx asks for this."""
        if self._bridge is not None:
            raise ConfigurationError("NangoAuth with a synchronous client is for httpx.Client")
        foreign = self._foreign()
        planned = await foreign.plan(
            request.method, str(request.url), request.headers, _content(request)
        )
        if planned is None:
            yield request
            return
        _put_in(request, planned)
        response = yield request
        if response.status_code != _REFUSED:
            return
        again = await foreign.plan_again(planned)
        if again is not None and not _is_spent(request):
            _take_out(request, planned)
            _put_in(request, again)
            yield request

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Do the same for `httpx.Client`."""
        bridge, foreign = self._bridge, self._foreign()
        if bridge is None:
            raise ConfigurationError(
                "NangoAuth with an asynchronous NangoClient is for httpx.AsyncClient"
            )
        planned = bridge.call(
            foreign.plan, request.method, str(request.url), request.headers, _content(request)
        ).result()
        if planned is None:
            yield request
            return
        _put_in(request, planned)
        response = yield request
        if response.status_code != _REFUSED:
            return
        again = bridge.call(foreign.plan_again, planned).result()
        if again is not None and not _is_spent(request):
            _take_out(request, planned)
            _put_in(request, again)
            yield request

    def _foreign(self) -> Foreign:
        """Give what plans requests; after a fork it is another one."""
        client = self._client if self._bridge is None else self._bridge.client
        doors = client._doors  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return doors.foreign(*self._pair, base_url=self._base_url)


def _content(request: httpx.Request) -> object:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        return NOT_IN_MEMORY


def _put_in(request: httpx.Request, planned: Planned) -> None:
    plan = planned.plan
    for name in plan.injected.headers:
        request.headers[name] = plan.headers[name]
    request.url = httpx.URL(str(plan.url))
    if planned.recipe.wants_body and isinstance(plan.body, bytes):
        request.headers.pop("Transfer-Encoding", None)
        request.headers["Content-Length"] = str(len(plan.body))
        request.stream = httpx.ByteStream(plan.body)


def _take_out(request: httpx.Request, planned: Planned) -> None:
    for name in planned.plan.injected.headers:
        request.headers.pop(name, None)


def _is_spent(request: httpx.Request) -> bool:
    """Say whether the body is an iterator that has begun."""
    return bool(getattr(request.stream, "_is_stream_consumed", False))
