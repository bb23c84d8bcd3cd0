"""``client.integrations``: the integrations of a Nango environment."""

import builtins
from collections.abc import Mapping
from typing import Any, Final, final

from nango_client._http.calls import Calls
from nango_client._http.decoding import decode
from nango_client._http.protocol import (
    About,
    Request,
    Response,
    about_integration,
    check_id,
    json_body,
    query_string,
    segment,
)
from nango_client._resources import arguments
from nango_client._resources.writes import Writes
from nango_client._wire.converter import encode
from nango_client._wire.jsonlib import loads
from nango_client.exceptions import InvalidArgumentError, PermissionDeniedError
from nango_client.models import Integration, IntegrationCredentials
from nango_client.models._base import Model, model

_CREDENTIALS_SCOPE: Final = "environment:integrations:read_credentials"


@model
class _One(Model):
    data: Integration


@model
class _All(Model):
    data: tuple[Integration, ...]


@final
class Integrations:
    """The integrations of your Nango environment, as ``client.integrations``."""

    def __init__(self, calls: Calls, writes: Writes) -> None:
        self._calls = calls
        self._writes = writes

    async def list(self) -> builtins.list[Integration]:
        """Give all integrations, without credentials and webhook addresses."""
        request = Request("GET", "/integrations", "/integrations", "", About("the integrations"))
        found = await self._calls.fetch(request, _All)
        return builtins.list(found.data)

    async def get(
        self,
        provider_config_key: str,
        *,
        include_webhook_url: bool = False,
        include_credentials: bool = False,
    ) -> Integration:
        """Give one integration.

        Args:
            provider_config_key: the integration's key.
            include_webhook_url: ask where the provider sends its webhooks, too.
            include_credentials: ask for the app's id and secrets, too.

        Raises:
            NotFoundError: there is no such integration.
            PermissionDeniedError: the API key may not read its credentials.
        """
        include = [("include", "webhook")] if include_webhook_url else []
        include += [("include", "credentials")] if include_credentials else []
        request = _about_one("GET", provider_config_key, query=query_string(include))
        integration, has_credentials = await self._calls.read(request, _read_one)
        if include_credentials and not has_credentials:
            # The server leaves them out without a word.
            raise PermissionDeniedError(
                f"the API key may not read the credentials of {request.about}: give the key the "
                f"scope {_CREDENTIALS_SCOPE}",
                status=403,
                code="forbidden",
            )
        return integration

    async def create(
        self,
        provider_config_key: str,
        provider: str,
        *,
        credentials: IntegrationCredentials | None = None,
        display_name: str | None = None,
        forward_webhooks: bool | None = None,
        integration_config: Mapping[str, str] | None = None,
        custom: Mapping[str, str] | None = None,
    ) -> Integration:
        """Set up a provider with the developer app that you have there.

        Args:
            provider_config_key: the new integration's key.
            provider: the provider's name.
            credentials: the app's id and secrets; `type` is the provider's ``auth_mode``.
            display_name: what users see; else the provider's name.
            forward_webhooks: whether to pass the provider's webhooks on; the server's default is
                to do so.
            integration_config: what some providers need besides.
            custom: the same, for others.

        Raises:
            BadRequestError: the key is taken, there is no such provider, or it needs other
                credentials.
        """
        return await self._create(
            "/integrations",
            provider_config_key,
            provider,
            credentials=_credentials(credentials),
            display_name=display_name,
            forward_webhooks=forward_webhooks,
            integration_config=integration_config,
            custom=custom,
        )

    async def create_quickstart(
        self,
        provider_config_key: str,
        provider: str,
        *,
        display_name: str | None = None,
        forward_webhooks: bool | None = None,
    ) -> Integration:
        """Set up a provider with the developer app that Nango shares; its secrets stay hidden.

        Raises:
            BadRequestError: Nango has no such app for this provider, or the key is taken.
        """
        return await self._create(
            "/integrations/quickstart",
            provider_config_key,
            provider,
            display_name=display_name,
            forward_webhooks=forward_webhooks,
        )

    async def update(
        self,
        provider_config_key: str,
        *,
        new_provider_config_key: str | None = None,
        credentials: IntegrationCredentials | None = None,
        display_name: str | None = None,
        forward_webhooks: bool | None = None,
        integration_config: Mapping[str, str] | None = None,
        custom: Mapping[str, str] | None = None,
    ) -> Integration:
        """Change an integration.

        Args:
            provider_config_key: the integration's key.
            new_provider_config_key: another key; only while it has no connections.
            credentials: **replace all of them**, but for an absent ``webhook_secret`` of OAuth 2,
                which stays; ``""`` deletes it.
            display_name: what users see.
            forward_webhooks: whether to pass the provider's webhooks on.
            integration_config: merged into what is there.
            custom: merged into what is there.

        Raises:
            NotFoundError: there is no such integration.
            BadRequestError: the new key is taken, or the credentials are of another type.
        """
        new_key = None
        if new_provider_config_key is not None:
            new_key = check_id("new_provider_config_key", new_provider_config_key)
        request = _about_one(
            "PATCH",
            provider_config_key,
            body=json_body(
                unique_key=new_key,
                credentials=_credentials(credentials),
                display_name=display_name,
                forward_webhooks=forward_webhooks,
                integration_config=integration_config,
                custom=custom,
            ),
            # The second time there would be no such integration.
            runs_once=new_key is not None,
        )
        del integration_config, custom
        return (await self._calls.fetch(request, _One)).data

    async def delete(self, provider_config_key: str) -> None:
        """Delete an integration **with all its connections**; no webhook tells of it.

        Raises:
            NotFoundError: there is no such integration.
        """
        request = _about_one("DELETE", provider_config_key)
        await self._writes.do(request, [(None, provider_config_key)])

    async def _create(
        self, path: str, provider_config_key: str, provider: str, **members: Any
    ) -> Integration:
        key = check_id("provider_config_key", provider_config_key)
        body = json_body(provider=arguments.name("provider", provider), unique_key=key, **members)
        request = Request("POST", path, path, "", about_integration(key), runs_once=True, body=body)
        del members
        return (await self._calls.fetch(request, _One)).data


def _about_one(
    method: str,
    provider_config_key: str,
    *,
    query: str = "",
    body: bytes | None = None,
    runs_once: bool = False,
) -> Request:
    return Request(
        method,
        "/integrations/{provider_config_key}",
        f"/integrations/{segment('provider_config_key', provider_config_key)}",
        query,
        about_integration(provider_config_key),
        runs_once=runs_once,
        body=body,
    )


def _read_one(response: Response) -> tuple[Integration, bool]:
    return decode(response, _One).data, "credentials" in loads(response.body)["data"]


def _credentials(value: IntegrationCredentials | None) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, IntegrationCredentials):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError("credentials must be IntegrationCredentials")
    return {name: item for name, item in encode(value).items() if item is not None}
