"""Credentials for httpx: ``pip install "nango-client[httpx]"``."""

from collections.abc import AsyncGenerator, Generator
from typing import final

from nango_client import sync
from nango_client._client import NangoClient
from nango_client._provider.foreign import NOT_IN_MEMORY
from nango_client._provider.sources import Planned
from nango_client.exceptions import ConfigurationError
from nango_client.sync._foreign import Foreign as SyncForeign

try:
    import httpx
except ImportError:
    raise ImportError(
        'nango_client.ext.httpx needs httpx: pip install "nango-client[httpx]"'
    ) from None

_REFUSED = 401


@final
class NangoAuth(httpx.Auth):
    """Puts a connection's credentials into requests to the origin of the provider's base URL.

    A 401 renews them as `NangoClient.direct` does. Do not pass ``follow_redirects=True`` where the
    provider's key is in another header than ``Authorization``: httpx takes that one alone out of
    what follows a redirect to another origin.

    Args:
        client: gives the credentials; a `nango_client.NangoClient` for ``httpx.AsyncClient``, a
            `nango_client.sync.NangoClient` for ``httpx.Client``.
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
        client: NangoClient | sync.NangoClient,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | None = None,
    ) -> None:
        self._sync = self._async = None
        if isinstance(client, sync.NangoClient):
            self._sync = SyncForeign(client, connection_id, provider_config_key, base_url)
        else:
            doors = client._doors  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            self._async = doors.foreign(connection_id, provider_config_key, base_url=base_url)

    def __repr__(self) -> str:
        return "<NangoAuth>"

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Put the credentials in, and once more after a 401; httpx asks for this."""
        if self._async is None:
            raise ConfigurationError(
                "NangoAuth with a synchronous NangoClient is for httpx.Client, not AsyncClient"
            )
        planned = await self._async.plan(
            request.method, str(request.url), request.headers, _content(request)
        )
        if planned is None:
            yield request
            return
        _put_in(request, planned)
        response = yield request
        if response.status_code == _REFUSED:
            again = await self._async.plan_again(planned)
            if again is not None and not _is_spent(request):
                _replace(request, planned, again)
                yield request

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Do the same without asyncio."""
        if self._sync is None:
            raise ConfigurationError(
                "NangoAuth with an asynchronous NangoClient is for httpx.AsyncClient"
            )
        planned = self._sync.plan(
            request.method, str(request.url), request.headers, _content(request)
        )
        if planned is None:
            yield request
            return
        _put_in(request, planned)
        response = yield request
        if response.status_code == _REFUSED:
            again = self._sync.plan_again(planned)
            if again is not None and not _is_spent(request):
                _replace(request, planned, again)
                yield request


def _content(request: httpx.Request) -> object:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        return NOT_IN_MEMORY


def _replace(request: httpx.Request, planned: Planned, again: Planned) -> None:
    for name in planned.plan.injected.headers:
        request.headers.pop(name, None)
    _put_in(request, again)


def _put_in(request: httpx.Request, planned: Planned) -> None:
    plan = planned.plan
    for name in plan.injected.headers:
        request.headers[name] = plan.headers[name]
    request.url = httpx.URL(str(plan.url))
    if planned.recipe.wants_body and isinstance(plan.body, bytes):
        request.headers.pop("Transfer-Encoding", None)
        request.headers["Content-Length"] = str(len(plan.body))
        request.stream = httpx.ByteStream(plan.body)


def _is_spent(request: httpx.Request) -> bool:
    """Say whether the body is an iterator that has begun."""
    return bool(getattr(request.stream, "_is_stream_consumed", False))
