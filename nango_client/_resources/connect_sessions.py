"""``client.connect_sessions``: what lets a user connect in the browser."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, final

from nango_client._http.calls import Calls
from nango_client._http.protocol import About, Request, about_connection, check_id, json_body
from nango_client._resources import arguments
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import ConnectSession, EndUser
from nango_client.models._base import Model, model

_TOKEN = re.compile(r"[!-~]{1,255}")


@model
class _Made(Model):
    data: ConnectSession


@final
class ConnectSessions:
    """Connect sessions of your Nango environment, as ``client.connect_sessions``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def create(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        end_user: EndUser | None = None,
        allowed_integrations: Iterable[str] | None = None,
        integrations_config_defaults: Mapping[str, Mapping[str, object]] | None = None,
        overrides: Mapping[str, Mapping[str, object]] | None = None,
        webhook_url_override: str | None = None,
    ) -> ConnectSession:
        """Make a session in which a user can connect; it lives 30 minutes.

        Tags and end user are kept with the connection that the user makes: that is how to find it.

        Args:
            tags: at most 10, such as ``{"end_user_id": ...}``.
            end_user: the older form of the same; needed by older servers.
            allowed_integrations: which the user may choose; all by default.
            integrations_config_defaults: by integration, such as
                ``{"github": {"user_scopes": "repo"}}``.
            overrides: by integration, such as ``{"github": {"docs_connect": "https://..."}}``.
            webhook_url_override: where to send the connection's webhooks.

        Raises:
            InvalidArgumentError: there are neither tags nor an end user, or an argument is bad.
            BadRequestError: Nango did not accept it, such as an unknown integration.
        """
        if not tags and end_user is None:
            raise InvalidArgumentError(
                "give tags or end_user: by them the connection is found later"
            )
        allowed = None
        if allowed_integrations is not None:
            keys = arguments.several("allowed_integrations", allowed_integrations)
            allowed = [check_id("allowed_integrations", key) for key in keys]
        request = _session_request(
            "/connect/sessions",
            About("a connect session", check="the arguments, and the keys of integrations"),
            tags,
            end_user,
            allowed_integrations=allowed,
            integrations_config_defaults=integrations_config_defaults,
            overrides=overrides,
            webhook_url_override=webhook_url_override,
        )
        del tags, end_user
        return (await self._calls.fetch(request, _Made)).data

    async def reconnect(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        tags: Mapping[str, str] | None = None,
        end_user: EndUser | None = None,
        integrations_config_defaults: Mapping[str, Mapping[str, object]] | None = None,
        overrides: Mapping[str, Mapping[str, object]] | None = None,
        webhook_url_override: str | None = None,
    ) -> ConnectSession:
        """Make a session in which the user renews a connection, which keeps its id.

        **Tags that are not given again are gone afterwards** (API.md section 12).

        Raises:
            NotFoundError: there is no such connection.
        """
        about = about_connection(
            check_id("connection_id", connection_id),
            check_id("provider_config_key", provider_config_key),
        )
        request = _session_request(
            "/connect/sessions/reconnect",
            about,
            tags,
            end_user,
            connection_id=connection_id,
            integration_id=provider_config_key,
            integrations_config_defaults=integrations_config_defaults,
            overrides=overrides,
            webhook_url_override=webhook_url_override,
        )
        del tags, end_user
        return (await self._calls.fetch(request, _Made)).data

    async def delete(self, token: str) -> None:
        """End a session early; its own token authorises that.

        Raises:
            AuthenticationError: it has ended already.
        """
        usable = _TOKEN.fullmatch(str(token)) is not None
        request = Request(
            "DELETE",
            "/connect/session",
            "/connect/session",
            "",
            About("the connect session", check="the token"),
            session_token=token,
        )
        del token
        if not usable:
            raise InvalidArgumentError("token must be the token of a ConnectSession")
        await self._calls.do(request)


def _session_request(
    path: str,
    about: About,
    tags: Mapping[str, str] | None,
    end_user: EndUser | None,
    **members: Any,
) -> Request:
    own = None if tags is None else arguments.tags(tags)
    user = None if end_user is None else arguments.end_user(end_user)
    arguments.count_derived_tags(own, end_user)
    for name in ("integrations_config_defaults", "overrides"):
        if members[name] is not None:
            arguments.mapping(name, members[name])
    body = json_body(
        tags=own,
        end_user=user,
        organization=arguments.organization(end_user),
        **members,
    )
    return Request("POST", path, path, "", about, body=body)
