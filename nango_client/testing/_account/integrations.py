"""Integrations: a provider with the account's own app there, under a key."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict, Unpack

import attrs

from nango_client.testing._account.base import Account, Controls, Subject, check_members
from nango_client.testing._account.providers import Providers
from nango_client.testing._payloads.values import check_key, check_name
from nango_client.testing._payloads.wire import Wire, to_json, written

_CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("OAUTH1", "OAUTH2", "TBA"), ("client_id", "client_secret", "scopes", "webhook_secret")
    ),
    "APP": ("app_id", "private_key", "app_link"),
    "CUSTOM": ("client_id", "client_secret", "app_id", "app_link", "private_key"),
}
"""What an integration's credentials hold; of other kinds the server shows none."""


@attrs.define(kw_only=True)
class Integration:
    """An integration as the server keeps it."""

    unique_key: str
    provider: str
    display_name: str | None = None
    logo: str | None = None
    forward_webhooks: bool = True
    credentials: Wire | None = attrs.field(default=None, repr=False)
    webhook_url: str | None = None
    integration_config: Wire = attrs.field(factory=dict[str, Any], repr=False)
    custom: Wire = attrs.field(factory=dict[str, Any], repr=False)
    created_at: object
    updated_at: object


class IntegrationFields(TypedDict, total=False):
    """The members of an integration that a test may set."""

    display_name: str | None
    logo: str | None
    forward_webhooks: bool
    credentials: Mapping[str, object] | None
    webhook_url: str | None
    integration_config: Mapping[str, str]
    custom: Mapping[str, str]
    created_at: object
    updated_at: object


class Integrations(Subject):
    """All integrations, by key."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.by_key: dict[str, Integration] = {}
        self.removed: set[str] = set()

    def put(self, key: str, provider: str, fields: Wire) -> Integration:
        """Make an integration, or a new one in the place of one; its connections stay."""
        now = written(self.account.clock.time())
        dated: Wire = {"created_at": now, "updated_at": now, **fields}
        made = Integration(unique_key=key, provider=provider, **dated)
        self.by_key[key] = made
        return made

    def mention(self, key: str, provider: str, auth_mode: str) -> None:
        """Make an integration and its provider where they are not there."""
        if key not in self.by_key:
            self.account.of(Providers).mention(provider, auth_mode)
            self.put(key, provider, {})

    def forget_integration(self, key: str) -> None:
        """Drop it."""
        del self.by_key[key]
        self.removed.add(key)

    def auth_mode(self, key: str) -> str:
        """Give how an integration's provider authenticates."""
        return self.account.of(Providers).auth_mode(self.by_key[key].provider)

    def body(self, integration: Integration, **more: Any) -> Wire:
        """Give an integration as it is answered, with what was asked for besides."""
        providers = self.account.of(Providers)
        entry = providers.find(integration.provider) or {}
        return {
            "unique_key": integration.unique_key,
            "provider": integration.provider,
            "display_name": integration.display_name or entry["display_name"],
            "logo": integration.logo or providers.logo(integration.provider),
            **more,
            "forward_webhooks": integration.forward_webhooks,
            "created_at": integration.created_at,
            "updated_at": integration.updated_at,
        }

    def credentials(self, integration: Integration) -> Wire | None:
        """Give an integration's credentials as they are answered."""
        mode = self.auth_mode(integration.unique_key)
        if mode not in _CREDENTIALS:
            return None
        stored = integration.credentials or {}
        return {"type": mode, **{name: stored.get(name) for name in _CREDENTIALS[mode]}}


class IntegrationControls(Controls):
    """What tests do with integrations."""

    def add_integration(
        self,
        provider_config_key: str,
        provider: str | None = None,
        **fields: Unpack[IntegrationFields],
    ) -> None:
        """Make an integration, or change one that is there; its connections stay.

        A connection that is added makes its integration by itself, so this is needed only where
        the integration matters.

        Args:
            provider_config_key: its key.
            provider: its provider, which is made up where there is none; the key by default.
            fields: ``display_name``, ``logo``, ``forward_webhooks``, ``credentials`` (as the wire
                has them), ``webhook_url``, ``integration_config``, ``custom``, ``created_at``,
                ``updated_at``.

        Raises:
            TypeError: a field is not one of these, or not JSON.
            ValueError: Nango takes no such key or name.
        """
        check_key(provider_config_key)
        check_members("an integration", fields, IntegrationFields.__optional_keys__)
        wire: Wire = to_json(fields)
        name = provider or re.sub(r"[^a-zA-Z0-9_-]", "-", provider_config_key)
        check_name("a provider", name)
        given: Wire = wire.get("credentials") or {}
        mode = given.get("type", "OAUTH2")
        with self._account.lock:
            self._account.of(Providers).mention(name, mode)
            self._account.of(Integrations).put(provider_config_key, name, wire)
