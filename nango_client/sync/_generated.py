"""The synchronous client. Do not edit: `python3 .ci/tasks.py generate` writes it."""

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Unpack, final

import aiohttp
from yarl import URL

from nango_client._client import Default
from nango_client._clock import Clock
from nango_client._config import CachePolicy, RetryPolicy, TimeoutPolicy
from nango_client._credentials.cache import CacheInfo
from nango_client._events import Event
from nango_client._provider.session import Pairs, RequestOptions
from nango_client._resources.functions import FunctionType
from nango_client._resources.importing import ImportableCredentials
from nango_client.models import (
    ActionRun,
    Connection,
    ConnectionSummary,
    ConnectSession,
    EndUser,
    Function,
    FunctionCode,
    Integration,
    IntegrationCredentials,
    JsonValue,
    PreparedRequest,
    Provider,
    Record,
    RecordPage,
    SyncStatus,
    SyncVariant,
    WebhookEvent,
)
from nango_client.sync._answers import MAX_BODY, Calls, ProviderResponse
from nango_client.sync._bridge import Bridge, Recipe
from nango_client.sync._door import Door


@final
class Connections:
    """The connections of your Nango environment, as ``client.connections``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def get(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with its credentials; the same as `NangoClient.get_connection`."""
        if not (force_refresh or include_refresh_token or refresh_github_app_jwt_token):
            found = self._bridge.hit(connection_id, provider_config_key)
            if found is not None:
                return found
        call = self._bridge.call(
            self._bridge.client.connections.get,
            connection_id,
            provider_config_key,
            force_refresh=force_refresh,
            include_refresh_token=include_refresh_token,
            refresh_github_app_jwt_token=refresh_github_app_jwt_token,
        )
        del (
            connection_id,
            provider_config_key,
            force_refresh,
            include_refresh_token,
            refresh_github_app_jwt_token,
        )
        return call.result()

    def list(
        self,
        *,
        provider_config_key: str | Iterable[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str] | None = None,
        end_user_id: str | None = None,
        organization_id: str | None = None,
        page_size: int = 500,
    ) -> Iterator[ConnectionSummary]:
        """Iterate over the connections that match all filters, newest first.

        A page is asked for when its first item is wanted, so leaving early costs nothing more.
        A connection that comes twice, because others were made meanwhile, is given once.

        Args:
            provider_config_key: of this integration, or of one of these.
            connection_id: with this id; unique only within an integration.
            search: whose id, or whose end user's name or e-mail address, holds this text.
            tags: with all of these tags; the case of keys does not matter.
            end_user_id: made by this end user.
            organization_id: made by an end user of this organisation.
            page_size: how many to ask for at once, 1 to 2000.

        Raises:
            InvalidArgumentError: Nango could not understand a filter; nothing was sent.
            NangoError: while iterating, see `nango_client.exceptions`.
        """
        return self._bridge.iterate(
            self._bridge.client.connections.list(
                provider_config_key=provider_config_key,
                connection_id=connection_id,
                search=search,
                tags=tags,
                end_user_id=end_user_id,
                organization_id=organization_id,
                page_size=page_size,
            )
        )

    def first(
        self,
        *,
        provider_config_key: str | Iterable[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str] | None = None,
        end_user_id: str | None = None,
        organization_id: str | None = None,
    ) -> ConnectionSummary | None:
        """Give the newest connection that matches all filters of `list`, or None.

        Raises:
            InvalidArgumentError: there is no filter but the integration, so that it could be
                anybody's connection; or Nango could not understand one.
        """
        call = self._bridge.call(
            self._bridge.client.connections.first,
            provider_config_key=provider_config_key,
            connection_id=connection_id,
            search=search,
            tags=tags,
            end_user_id=end_user_id,
            organization_id=organization_id,
        )
        del provider_config_key, connection_id, search, tags, end_user_id, organization_id
        return call.result()

    def create(
        self,
        provider_config_key: str,
        credentials: ImportableCredentials,
        *,
        connection_id: str | None = None,
        connection_config: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        end_user: EndUser | None = None,
        webhook_url_override: str | None = None,
    ) -> Connection:
        """Import credentials that you have, as a new connection or over an existing one.

        **What is left out of an existing connection is emptied**: tags, metadata and
        ``connection_config`` too (API.md section 12).

        Args:
            provider_config_key: the integration.
            credentials: a model of a kind that can be imported.
            connection_id: else Nango makes one up; with it the call may safely be sent again.
            connection_config: what the integration needs besides, such as a subdomain.
            metadata: what you want to keep with it.
            tags: at most 10.
            end_user: who it belongs to; becomes tags.
            webhook_url_override: where to send the connection's webhooks.

        Raises:
            InvalidArgumentError: these credentials cannot be imported, or another argument is bad.
            BadRequestError: Nango, or the provider, did not accept the credentials.
            NotFoundError: there is no such integration.
        """
        call = self._bridge.call(
            self._bridge.client.connections.create,
            provider_config_key,
            credentials,
            connection_id=connection_id,
            connection_config=connection_config,
            metadata=metadata,
            tags=tags,
            end_user=end_user,
            webhook_url_override=webhook_url_override,
        )
        del (
            provider_config_key,
            credentials,
            connection_id,
            connection_config,
            metadata,
            tags,
            end_user,
            webhook_url_override,
        )
        return call.result()

    def update(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        tags: Mapping[str, str] | None = None,
        end_user: EndUser | None = None,
        webhook_url_override: str | None = None,
    ) -> None:
        """Change whose connection it is, or where its webhooks go.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            tags: **replace all tags**.
            end_user: alone it replaces all tags too, by those made from it; with `tags`, both
                count, and `tags` win.
            webhook_url_override: ``""`` clears it.

        Raises:
            NotFoundError: there is no such connection.
        """
        call = self._bridge.call(
            self._bridge.client.connections.update,
            connection_id,
            provider_config_key,
            tags=tags,
            end_user=end_user,
            webhook_url_override=webhook_url_override,
        )
        del connection_id, provider_config_key, tags, end_user, webhook_url_override
        return call.result()

    def delete(
        self, connection_id: str, provider_config_key: str, *, missing_ok: bool = False
    ) -> None:
        """Delete a connection with its syncs and records; no webhook tells of it.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            missing_ok: do nothing where Nango says that there is no such connection.

        Raises:
            NotFoundError: there is no such connection.
        """
        call = self._bridge.call(
            self._bridge.client.connections.delete,
            connection_id,
            provider_config_key,
            missing_ok=missing_ok,
        )
        del connection_id, provider_config_key, missing_ok
        return call.result()

    def wait_for(
        self,
        *,
        provider_config_key: str | Iterable[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str] | None = None,
        end_user_id: str | None = None,
        organization_id: str | None = None,
        created_after: datetime | None = None,
        timeout: float = 600.0,
        interval: float = 2.0,
    ) -> ConnectionSummary:
        """Wait until a connection matches all filters of `list`, and give the newest.

        A user who reconnects makes no new connection: a webhook tells of that.

        Args:
            provider_config_key: see `list`, as the other filters.
            connection_id: see `list`.
            search: see `list`.
            tags: see `list`.
            end_user_id: see `list`.
            organization_id: see `list`.
            created_after: only one made since this moment.
            timeout: seconds to wait.
            interval: seconds before asking for the second time; then half as long again each
                time, up to 15 s.

        Raises:
            WaitTimeoutError: there is none yet.
            InvalidArgumentError: see `first`.
        """
        call = self._bridge.call(
            self._bridge.client.connections.wait_for,
            provider_config_key=provider_config_key,
            connection_id=connection_id,
            search=search,
            tags=tags,
            end_user_id=end_user_id,
            organization_id=organization_id,
            created_after=created_after,
            timeout=timeout,
            interval=interval,
        )
        del (
            provider_config_key,
            connection_id,
            search,
            tags,
            end_user_id,
            organization_id,
            created_after,
            timeout,
            interval,
        )
        return call.result()

    def get_metadata(self, connection_id: str, provider_config_key: str) -> Mapping[str, object]:
        """Give what you stored with a connection, empty where nothing; renews no token.

        Raises:
            NotFoundError: there is no such connection.
        """
        call = self._bridge.call(
            self._bridge.client.connections.get_metadata, connection_id, provider_config_key
        )
        del connection_id, provider_config_key
        return call.result()

    def set_metadata(
        self,
        connection_id: str | Iterable[str],
        provider_config_key: str,
        metadata: Mapping[str, object],
    ) -> None:
        """Replace what is stored with a connection, or with several of an integration.

        Raises:
            NotFoundError: one of them does not exist; nothing was changed.
        """
        call = self._bridge.call(
            self._bridge.client.connections.set_metadata,
            connection_id,
            provider_config_key,
            metadata,
        )
        del connection_id, provider_config_key, metadata
        return call.result()

    def update_metadata(
        self,
        connection_id: str | Iterable[str],
        provider_config_key: str,
        metadata: Mapping[str, object],
    ) -> None:
        """Merge top-level keys into what is stored with a connection, or with several.

        A key cannot be removed this way: None stays as a value. Nango reads, merges and writes, so
        of two calls at the same time one may be lost.

        Raises:
            NotFoundError: one of them does not exist; nothing was changed.
        """
        call = self._bridge.call(
            self._bridge.client.connections.update_metadata,
            connection_id,
            provider_config_key,
            metadata,
        )
        del connection_id, provider_config_key, metadata
        return call.result()


@final
class ConnectSessions:
    """Connect sessions of your Nango environment, as ``client.connect_sessions``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def create(
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
        call = self._bridge.call(
            self._bridge.client.connect_sessions.create,
            tags=tags,
            end_user=end_user,
            allowed_integrations=allowed_integrations,
            integrations_config_defaults=integrations_config_defaults,
            overrides=overrides,
            webhook_url_override=webhook_url_override,
        )
        del (
            tags,
            end_user,
            allowed_integrations,
            integrations_config_defaults,
            overrides,
            webhook_url_override,
        )
        return call.result()

    def reconnect(
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
        call = self._bridge.call(
            self._bridge.client.connect_sessions.reconnect,
            connection_id,
            provider_config_key,
            tags=tags,
            end_user=end_user,
            integrations_config_defaults=integrations_config_defaults,
            overrides=overrides,
            webhook_url_override=webhook_url_override,
        )
        del (
            connection_id,
            provider_config_key,
            tags,
            end_user,
            integrations_config_defaults,
            overrides,
            webhook_url_override,
        )
        return call.result()

    def delete(self, token: str) -> None:
        """End a session early; its own token authorises that.

        Raises:
            AuthenticationError: it has ended already.
        """
        call = self._bridge.call(self._bridge.client.connect_sessions.delete, token)
        del token
        return call.result()


@final
class Integrations:
    """The integrations of your Nango environment, as ``client.integrations``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def list(self) -> builtins.list[Integration]:
        """Give all integrations, without credentials and webhook addresses."""
        call = self._bridge.call(self._bridge.client.integrations.list)
        return call.result()

    def get(
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
        call = self._bridge.call(
            self._bridge.client.integrations.get,
            provider_config_key,
            include_webhook_url=include_webhook_url,
            include_credentials=include_credentials,
        )
        del provider_config_key, include_webhook_url, include_credentials
        return call.result()

    def create(
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
        call = self._bridge.call(
            self._bridge.client.integrations.create,
            provider_config_key,
            provider,
            credentials=credentials,
            display_name=display_name,
            forward_webhooks=forward_webhooks,
            integration_config=integration_config,
            custom=custom,
        )
        del (
            provider_config_key,
            provider,
            credentials,
            display_name,
            forward_webhooks,
            integration_config,
            custom,
        )
        return call.result()

    def create_quickstart(
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
        call = self._bridge.call(
            self._bridge.client.integrations.create_quickstart,
            provider_config_key,
            provider,
            display_name=display_name,
            forward_webhooks=forward_webhooks,
        )
        del provider_config_key, provider, display_name, forward_webhooks
        return call.result()

    def update(
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
        call = self._bridge.call(
            self._bridge.client.integrations.update,
            provider_config_key,
            new_provider_config_key=new_provider_config_key,
            credentials=credentials,
            display_name=display_name,
            forward_webhooks=forward_webhooks,
            integration_config=integration_config,
            custom=custom,
        )
        del (
            provider_config_key,
            new_provider_config_key,
            credentials,
            display_name,
            forward_webhooks,
            integration_config,
            custom,
        )
        return call.result()

    def delete(self, provider_config_key: str) -> None:
        """Delete an integration **with all its connections**; no webhook tells of it.

        Raises:
            NotFoundError: there is no such integration.
        """
        call = self._bridge.call(self._bridge.client.integrations.delete, provider_config_key)
        del provider_config_key
        return call.result()


@final
class Providers:
    """Nango's catalogue of providers, as ``client.providers``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def list(self, *, search: str | None = None) -> builtins.list[Provider]:
        """Give the providers, or those whose name matches; all of them are about 0.9 MB.

        Args:
            search: a part of the name; the server takes ``.`` for any character.
        """
        call = self._bridge.call(self._bridge.client.providers.list, search=search)
        del search
        return call.result()

    def get(self, name: str) -> Provider:
        """Give one provider's whole entry.

        Raises:
            NotFoundError: there is no such provider.
        """
        call = self._bridge.call(self._bridge.client.providers.get, name)
        del name
        return call.result()


@final
class Environment:
    """Your Nango environment, as ``client.environment``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def variables(self) -> Mapping[str, str]:
        """Give the environment's variables; a ``repr`` of them shows names alone."""
        call = self._bridge.call(self._bridge.client.environment.variables)
        return call.result()

    def rotate_webhook_signing_key(self) -> str:
        """Make a new key that webhooks are signed with, and give it.

        Nango's processes go on signing with the old one for up to 5 minutes: accept both
        meanwhile. It is never sent again where it may have run.
        """
        call = self._bridge.call(self._bridge.client.environment.rotate_webhook_signing_key)
        return call.result()


@final
class Functions:
    """Functions of your Nango environment, as ``client.functions``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def list(
        self,
        provider_config_key: str,
        *,
        type: FunctionType | None = None,
        search: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Function]:
        """Iterate over the functions of an integration.

        Args:
            provider_config_key: the integration.
            type: only syncs, actions or event scripts.
            search: only those whose name holds this text.
            page_size: how many to ask for at once, 1 to 100.

        Raises:
            NotFoundError: while iterating: there is no such integration.
        """
        return self._bridge.iterate(
            self._bridge.client.functions.list(
                provider_config_key, type=type, search=search, page_size=page_size
            )
        )

    def get(
        self, provider_config_key: str, name: str, *, type: FunctionType | None = None
    ) -> Function:
        """Give one function.

        Args:
            provider_config_key: the integration.
            name: the function's name.
            type: which one, where a sync and an action have the same name.

        Raises:
            NotFoundError: there is no such function.
        """
        call = self._bridge.call(
            self._bridge.client.functions.get, provider_config_key, name, type=type
        )
        del provider_config_key, name, type
        return call.result()

    def get_code(
        self, provider_config_key: str, name: str, *, type: FunctionType | None = None
    ) -> FunctionCode:
        """Give a function's TypeScript source.

        Raises:
            NotFoundError: there is no such function.
            APIStatusError: 409 where several have the name: give `type`.
        """
        call = self._bridge.call(
            self._bridge.client.functions.get_code, provider_config_key, name, type=type
        )
        del provider_config_key, name, type
        return call.result()

    def delete(
        self, provider_config_key: str, name: str, *, type: Literal["sync", "action"]
    ) -> None:
        """Delete a function; Nango does it in the background.

        Raises:
            NotFoundError: there is no such function.
            BadRequestError: it was deployed from a repository, which would bring it back.
        """
        call = self._bridge.call(
            self._bridge.client.functions.delete, provider_config_key, name, type=type
        )
        del provider_config_key, name, type
        return call.result()

    def templates(self, provider: str) -> builtins.list[Function]:
        """Give the templates that Nango has for a provider; none for an unknown one."""
        call = self._bridge.call(self._bridge.client.functions.templates, provider)
        del provider
        return call.result()

    def config(
        self, *, format: Literal["nango", "openai"] = "nango"
    ) -> builtins.list[Mapping[str, object]]:
        """Give the definitions of all functions in the environment, as plain JSON.

        Args:
            format: ``nango`` for an object per integration; ``openai`` for one per function, with
                name, description and the JSON Schema of its parameters. Names are not unique
                across integrations there, and syncs are among them.
        """
        call = self._bridge.call(self._bridge.client.functions.config, format=format)
        del format
        return call.result()


@final
class Records:
    """The records that syncs have stored, as ``client.records``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def list(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        *,
        variant: str | None = None,
        cursor: str | None = None,
        modified_after: datetime | None = None,
        filter: Literal["added", "updated", "deleted"] | None = None,
        ids: Iterable[str] | None = None,
        page_size: int = 1000,
    ) -> Iterator[Record]:
        """Iterate over a model's records, in the order in which they changed.

        Store ``record.cursor`` once a record is dealt with: a later ``list(cursor=...)`` goes on
        after it, so that a break at any place loses nothing. A record that changes meanwhile comes
        again. Deleted records come too, see ``record.is_deleted``.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            model: the model's name, such as ``Issue``.
            variant: of this variant of the sync.
            cursor: only records after this one.
            modified_after: only records changed at this moment or later, at most 365 days ago; a
                cursor does the same without coming twice.
            filter: only records whose last change was of this kind.
            ids: only these; more than 100 are asked for in portions. Excludes `cursor`.
            page_size: how many to ask for at once, 1 to 10,000.

        Raises:
            InvalidArgumentError: Nango could not understand an argument, or would take it for
                something else; nothing was sent.
            NotFoundError: while iterating: there is no such connection.
        """
        return self._bridge.iterate(
            self._bridge.client.records.list(
                connection_id,
                provider_config_key,
                model,
                variant=variant,
                cursor=cursor,
                modified_after=modified_after,
                filter=filter,
                ids=ids,
                page_size=page_size,
            )
        )

    def page(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        *,
        variant: str | None = None,
        cursor: str | None = None,
        modified_after: datetime | None = None,
        filter: Literal["added", "updated", "deleted"] | None = None,
        ids: Iterable[str] | None = None,
        limit: int = 100,
    ) -> RecordPage:
        """Give one page of records; see `list`, which loops over pages.

        Only ``next_cursor`` tells whether there are more: a page may be shorter than `limit`.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            model: the model's name.
            variant: see `list`.
            cursor: where the page begins.
            modified_after: see `list`.
            filter: see `list`.
            ids: only these, 100 at most.
            limit: how many at most, 1 to 10,000.

        Raises:
            InvalidArgumentError: see `list`.
            NotFoundError: there is no such connection.
        """
        call = self._bridge.call(
            self._bridge.client.records.page,
            connection_id,
            provider_config_key,
            model,
            variant=variant,
            cursor=cursor,
            modified_after=modified_after,
            filter=filter,
            ids=ids,
            limit=limit,
        )
        del (
            connection_id,
            provider_config_key,
            model,
            variant,
            cursor,
            modified_after,
            filter,
            ids,
            limit,
        )
        return call.result()

    def prune(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        *,
        until_cursor: str,
        variant: str | None = None,
        page_size: int = 1000,
    ) -> int:
        """Empty the data of all records up to a cursor, and give how many were emptied.

        Their ids and what Nango knows about them stay, so that later runs still see changes.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            model: the model's name.
            until_cursor: the last record to empty, itself included.
            variant: see `list`.
            page_size: how many to empty at once, 1 to 10,000.

        Raises:
            NotFoundError: there is no such connection.
        """
        call = self._bridge.call(
            self._bridge.client.records.prune,
            connection_id,
            provider_config_key,
            model,
            until_cursor=until_cursor,
            variant=variant,
            page_size=page_size,
        )
        del connection_id, provider_config_key, model, until_cursor, variant, page_size
        return call.result()


@final
class Syncs:
    """The syncs of your connections, as ``client.syncs``.

    A ``connection_id`` of None means every connection of the integration, and has to be written
    out. Syncs are named ``"name"`` or ``"name::variant"``; None means all.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def trigger(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
        *,
        reset: bool = False,
        empty_cache: bool = False,
    ) -> None:
        """Run syncs now; Nango has accepted that when this returns.

        Args:
            connection_id: the connection's id, None for all of the integration.
            provider_config_key: the integration.
            syncs: which ones.
            reset: forget how far they came, end a run under way, and begin anew.
            empty_cache: with `reset`, forget the stored records too.

        Raises:
            InvalidArgumentError: `empty_cache` without `reset`, which Nango would ignore; or
                another bad argument.
            NotFoundError: there is no such connection.
            BadRequestError: there are no such syncs.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.trigger,
            connection_id,
            provider_config_key,
            syncs,
            reset=reset,
            empty_cache=empty_cache,
        )
        del connection_id, provider_config_key, syncs, reset, empty_cache
        return call.result()

    def start(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
    ) -> None:
        """Let syncs run by their schedule again.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: there are no such syncs.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.start, connection_id, provider_config_key, syncs
        )
        del connection_id, provider_config_key, syncs
        return call.result()

    def pause(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
    ) -> None:
        """Let syncs run no more until they are started again.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: there are no such syncs.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.pause, connection_id, provider_config_key, syncs
        )
        del connection_id, provider_config_key, syncs
        return call.result()

    def status(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
    ) -> builtins.list[SyncStatus]:
        """Give how syncs do; those that Nango does not know are left out.

        Raises:
            NotFoundError: there is no such connection.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.status, connection_id, provider_config_key, syncs
        )
        del connection_id, provider_config_key, syncs
        return call.result()

    def set_frequency(
        self,
        connection_id: str,
        provider_config_key: str,
        sync: str,
        frequency: str | timedelta | None,
        *,
        variant: str | None = None,
    ) -> str:
        """Change how often a sync of a connection runs, and give what Nango made of it.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            sync: the sync's name.
            frequency: such as ``"every 2 hours"`` or a `timedelta` of whole seconds, 30 s or
                more; None for the default again.
            variant: of this variant.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: there is no such sync, or Nango does not understand the frequency.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.set_frequency,
            connection_id,
            provider_config_key,
            sync,
            frequency,
            variant=variant,
        )
        del connection_id, provider_config_key, sync, frequency, variant
        return call.result()

    def create_variant(
        self, connection_id: str, provider_config_key: str, sync: str, variant: str
    ) -> SyncVariant:
        """Make a variant of a sync for a connection, and start it.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: the variant exists, its name is ``base``, or there is no such sync.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.create_variant,
            connection_id,
            provider_config_key,
            sync,
            variant,
        )
        del connection_id, provider_config_key, sync, variant
        return call.result()

    def delete_variant(
        self, connection_id: str, provider_config_key: str, sync: str, variant: str
    ) -> None:
        """Delete a variant of a sync with its records.

        Raises:
            NotFoundError: there is no such variant or connection.
        """
        call = self._bridge.call(
            self._bridge.client.syncs.delete_variant,
            connection_id,
            provider_config_key,
            sync,
            variant,
        )
        del connection_id, provider_config_key, sync, variant
        return call.result()


@final
class Actions:
    """The actions of your connections, as ``client.actions``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def trigger(
        self,
        connection_id: str,
        provider_config_key: str,
        name: str,
        input: JsonValue = None,
        *,
        timeout: float = 930.0,
    ) -> JsonValue:
        """Run an action and give what it returned, read-only. It is never run twice.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            name: the action's name.
            input: what it is given; any JSON but ``0``, ``""`` and ``False``, which Nango would
                replace by null.
            timeout: seconds for the whole call; an action may take 15 minutes.

        Raises:
            ActionError: the action failed.
            BadRequestError: the input is not what the action takes.
            NotFoundError: there is no such action or connection.
            RequestTimeoutError: it took longer; it may still run.
        """
        call = self._bridge.call(
            self._bridge.client.actions.trigger,
            connection_id,
            provider_config_key,
            name,
            input,
            timeout=timeout,
        )
        del connection_id, provider_config_key, name, input, timeout
        return call.result()

    def start(
        self,
        connection_id: str,
        provider_config_key: str,
        name: str,
        input: JsonValue = None,
        *,
        max_retries: int = 0,
    ) -> ActionRun:
        """Let an action run by itself; all that were started run one after the other.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            name: the action's name.
            input: see `trigger`.
            max_retries: how often Nango may run it again where it fails, 0 to 5.

        Raises:
            NotFoundError: there is no such action or connection.
        """
        call = self._bridge.call(
            self._bridge.client.actions.start,
            connection_id,
            provider_config_key,
            name,
            input,
            max_retries=max_retries,
        )
        del connection_id, provider_config_key, name, input, max_retries
        return call.result()

    def result(self, run: ActionRun | str) -> JsonValue:
        """Give what an action returned that was started; Nango keeps it for some days.

        Raises:
            ActionPendingError: it has not ended, is unknown, or returned nothing: Nango answers
                all three alike.
            ActionError: the action failed.
        """
        call = self._bridge.call(self._bridge.client.actions.result, run)
        del run
        return call.result()

    def wait(
        self, run: ActionRun | str, *, timeout: float = 930.0, interval: float = 1.0
    ) -> JsonValue:
        """Wait for what an action returns that was started.

        Args:
            run: what `start` gave, or its id.
            timeout: seconds to wait. An action that returns nothing is never seen to end.
            interval: seconds before asking for the second time; then half as long again each
                time, up to 15 s.

        Raises:
            WaitTimeoutError: there is no result yet.
            ActionError: the action failed.
        """
        call = self._bridge.call(
            self._bridge.client.actions.wait, run, timeout=timeout, interval=interval
        )
        del run, timeout, interval
        return call.result()


@final
class ProviderSession:
    """Calls of one connection's provider; made by `NangoClient.direct` and `NangoClient.proxy`.

    The keywords of a call are those of `aiohttp.ClientSession.request`. A path is a text, which is
    percent-encoded where it must be, or a `yarl.URL`, which is taken as it is; it is joined to the
    provider's base URL and is never a template. The provider's status raises nothing, unless
    ``raise_for_status=True`` is passed.

    Example:
        >>> server.provider("github").respond("GET", "/user", json={"login": "ada"})
        >>> github = nango.direct("user-42", "github")
        >>> with github.get("/user") as response:
        ...     print(response.status)
        200
    """

    __slots__ = ("_calls",)

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __repr__(self) -> str:
        return repr(self._calls)

    def request(
        self, method: str, path: str | URL, **options: Unpack[RequestOptions]
    ) -> ProviderResponse:
        """Call the provider with any method.

        Raises:
            InvalidArgumentError: nothing was sent: the arguments cannot be.
            TokenExpiredError: Nango has only a token that has ended.
            UnsupportedProviderError: the provider cannot be called directly.
            TransportError: no answer came; `TransportError.host` did not give one.
            NangoError: the credentials cannot be had, see `NangoClient.get_connection`.
        """
        call = self._calls.call("request", method, path, options=options)
        del method, path, options
        return call.result()

    def get(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with GET; see `request`."""
        call = self._calls.call("get", path, options=options)
        del path, options
        return call.result()

    def head(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with HEAD, directly: Nango's proxy does not know it; see `request`.

        Redirects are followed only with ``allow_redirects=True``.
        """
        call = self._calls.call("head", path, options=options)
        del path, options
        return call.result()

    def post(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with POST; see `request`."""
        call = self._calls.call("post", path, options=options)
        del path, options
        return call.result()

    def put(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with PUT; see `request`."""
        call = self._calls.call("put", path, options=options)
        del path, options
        return call.result()

    def patch(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with PATCH; see `request`."""
        call = self._calls.call("patch", path, options=options)
        del path, options
        return call.result()

    def delete(self, path: str | URL, **options: Unpack[RequestOptions]) -> ProviderResponse:
        """Call the provider with DELETE; see `request`."""
        call = self._calls.call("delete", path, options=options)
        del path, options
        return call.result()


@final
class NangoClient(Door):
    """A synchronous client of the Nango API.

    Use it as ``with NangoClient() as nango``, or keep one for the life of the process and
    ``nango.close()`` at its end. Any number of threads may share it.
    Its own thread, and connections to the server, are made on the first call, after a fork too.

    Args:
        api_key: else the environment's ``NANGO_API_KEY``, else its ``NANGO_SECRET_KEY``.
        base_url: else ``NANGO_BASE_URL``, else ``NANGO_HOST``, else ``https://api.nango.dev``; a
            path in it is kept.
        timeout: time limits; `TimeoutPolicy` by default.
        retry: what is sent again, and when; `RetryPolicy` by default.
        cache: how long answers are served from memory; `CachePolicy` by default, None for not.
        session: must be None; it is for the asynchronous client.
        clock: where to read the time from; `SystemClock` by default.
        allow_insecure_http: accept an ``http://`` address that is not this machine's.
        on_event: is told of attempts, retries and cache outcomes; its exceptions are only logged.

    Raises:
        ConfigurationError: there is no usable API key, or another setting is unusable.

    Example:
        >>> with NangoClient(server.api_key, base_url=server.base_url) as nango:
        ...     token = nango.get_token("user-42", "algolia")
        >>> token
        'fake-api-key-...'
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: TimeoutPolicy | None = None,
        retry: RetryPolicy | None = None,
        cache: CachePolicy | Default | None = Default.POLICY,
        session: aiohttp.ClientSession | None = None,
        clock: Clock | None = None,
        allow_insecure_http: bool = False,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        recipe = Recipe(
            api_key,
            base_url=base_url,
            timeout=timeout,
            retry=retry,
            cache=cache,
            session=session,
            clock=clock,
            allow_insecure_http=allow_insecure_http,
            on_event=on_event,
        )
        del api_key, base_url, timeout, retry, cache, session, clock, allow_insecure_http, on_event
        super().__init__(recipe)
        self.connections: Final = Connections(self._bridge)
        self.connect_sessions: Final = ConnectSessions(self._bridge)
        self.integrations: Final = Integrations(self._bridge)
        self.providers: Final = Providers(self._bridge)
        self.environment: Final = Environment(self._bridge)
        self.functions: Final = Functions(self._bridge)
        self.records: Final = Records(self._bridge)
        self.syncs: Final = Syncs(self._bridge)
        self.actions: Final = Actions(self._bridge)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._bridge.client.closed

    def close(self) -> None:
        """End the client: calls under way end within 1 s with `ClientClosedError`.

        May be called twice.
        """
        self._bridge.close()

    def get_connection(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with its credentials, fresh from Nango or from the cache.

        What Nango answers is given as it is, also a token that has ended already
        (``connection.credentials.is_expired(now)``); such a one is never cached.

        Args:
            connection_id: the connection's id, at most 255 characters; ``.`` and ``..`` cannot be
                asked for, because proxies take them for parts of the path.
            provider_config_key: the integration's key.
            force_refresh: skip the cache and make Nango get a new token from the provider.
            include_refresh_token: ask for the refresh token too; this refreshes nothing.
            refresh_github_app_jwt_token: make Nango sign a new token of the GitHub app.

        Raises:
            InvalidArgumentError: Nango could not know such an id; nothing was sent.
            NotFoundError: there is no such connection.
            InvalidCredentialsError: Nango could not renew the credentials.
            NangoError: any other failure, see `nango_client.exceptions`.
        """
        if not (force_refresh or include_refresh_token or refresh_github_app_jwt_token):
            found = self._bridge.hit(connection_id, provider_config_key)
            if found is not None:
                return found
        call = self._bridge.call(
            self._bridge.client.get_connection,
            connection_id,
            provider_config_key,
            force_refresh=force_refresh,
            include_refresh_token=include_refresh_token,
            refresh_github_app_jwt_token=refresh_github_app_jwt_token,
        )
        del (
            connection_id,
            provider_config_key,
            force_refresh,
            include_refresh_token,
            refresh_github_app_jwt_token,
        )
        return call.result()

    def get_token(
        self, connection_id: str, provider_config_key: str, *, force_refresh: bool = False
    ) -> str:
        """Give the one string that authenticates at the provider.

        That is the access token, token, API key or session id; for credentials of an app and a
        user, the app's token, else the user's.

        Raises:
            NoTokenError: the credentials are not a single string, or there are none.
            TokenExpiredError: Nango has only a token that has ended.
            NangoError: as for `get_connection`.
        """
        if not (force_refresh):
            found = self._bridge.hit(connection_id, provider_config_key)
            if found is not None:
                return self._bridge.token_of(found)
        call = self._bridge.call(
            self._bridge.client.get_token,
            connection_id,
            provider_config_key,
            force_refresh=force_refresh,
        )
        del connection_id, provider_config_key, force_refresh
        return call.result()

    def direct(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        session: aiohttp.ClientSession | None = None,
        max_body: int = MAX_BODY,
    ) -> ProviderSession:
        """Give calls that go straight to the provider, with the credentials put in here.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            base_url: instead of the provider's own; it may be http, since code says so. The
                credentials go there: never take it from data.
            headers: for each call; those of a call win.
            retries: how often a GET, HEAD, PUT or DELETE is sent again after a failure to connect,
                429, 502, 503 or 504.
            session: must be None; it is for the asynchronous client.
            max_body: how large an answer's body may be, in bytes.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.

        Example:
            >>> github = nango.direct("user-42", "github")
            >>> with github.get("/user/repos", params={"per_page": 100}) as response:
            ...     repos = response.json()
        """
        calls = Calls(
            self._bridge,
            lambda: self._bridge.client.direct(
                connection_id,
                provider_config_key,
                base_url=base_url,
                headers=headers,
                retries=retries,
            ),
            max_body,
            read_limit=self._bridge.timeout.attempt,
            session=session,
        )
        return ProviderSession(calls)

    def proxy(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | URL | None = None,
        headers: Pairs | None = None,
        retries: int = 0,
        retry_on: Iterable[int] = (),
        max_body: int = MAX_BODY,
    ) -> ProviderSession:
        """Give the same calls through Nango's proxy.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            base_url: instead of the provider's own. The credentials go there: never take it from
                data.
            headers: for each call; those of a call win.
            retries: how often Nango sends a GET, PUT or DELETE again.
            retry_on: statuses at which it does, besides 401, 429 and 5xx.
            max_body: how large an answer's body may be, in bytes.

        Raises:
            InvalidArgumentError: an argument is none that could be meant.

        Example:
            >>> github = nango.proxy("user-42", "github", retries=2)
            >>> github
            <ProviderSession proxy>
        """
        calls = Calls(
            self._bridge,
            lambda: self._bridge.client.proxy(
                connection_id,
                provider_config_key,
                base_url=base_url,
                headers=headers,
                retries=retries,
                retry_on=retry_on,
            ),
            max_body,
            read_limit=None if retries else self._bridge.timeout.attempt,
        )
        return ProviderSession(calls)

    def prepare(
        self,
        connection_id: str,
        provider_config_key: str,
        method: str,
        path: str | URL,
        *,
        params: Mapping[str, Any] | Iterable[tuple[str, Any]] | str | None = None,
        headers: Pairs | None = None,
        json: Any = None,
        data: bytes | None = None,
        base_url: str | URL | None = None,
    ) -> PreparedRequest:
        """Give the request that `direct` would send, for any other HTTP library.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration's key.
            method: of HTTP.
            path: below the base URL; a `yarl.URL` is not encoded again.
            params: what the query gets.
            headers: yours; they win.
            json: the body, as JSON.
            data: the body.
            base_url: instead of the provider's own.

        Raises:
            InvalidArgumentError: an argument cannot be sent.
            TokenExpiredError: Nango has only a token that has ended.
            UnsupportedProviderError: the provider cannot be called directly.
            NangoError: as for `get_connection`.

        Example:
            >>> request = nango.prepare("user-42", "github", "GET", "/user")
            >>> request  # the token does not show
            PreparedRequest(method='GET')
        """
        call = self._bridge.call(
            self._bridge.client.prepare,
            connection_id,
            provider_config_key,
            method,
            path,
            params=params,
            headers=headers,
            json=json,
            data=data,
            base_url=base_url,
        )
        del connection_id, provider_config_key, method, path, params, headers, json, data, base_url
        return call.result()

    def invalidate(
        self, connection_id: str | None = None, provider_config_key: str | None = None
    ) -> int:
        """Drop cached answers and remembered failures; give the number of answers dropped.

        Call it when a connection was changed or deleted, as Nango's webhook tells; where a provider
        refuses a token, it takes ``force_refresh`` to get another one. None matches everything. A
        fetch under way is not cached, and later calls do not wait for it.
        """
        call = self._bridge.do(self._bridge.client.invalidate, connection_id, provider_config_key)
        del connection_id, provider_config_key
        return call.result()

    def invalidate_for(self, event: WebhookEvent) -> int:
        """Drop what a webhook says is replaced, as `invalidate` does; give the number dropped.

        That is the connection that was made, made again, or renewed after a failure. Any other
        event drops nothing: a renewal that failed says nothing about the token that is cached,
        and Nango announces every failed try.

        Args:
            event: what `nango_client.webhooks.receive` gave.
        """
        call = self._bridge.do(self._bridge.client.invalidate_for, event)
        del event
        return call.result()

    def cache_info(self) -> CacheInfo:
        """Give the cache's counts since the client was made."""
        call = self._bridge.do(self._bridge.client.cache_info)
        return call.result()
