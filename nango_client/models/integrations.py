"""An integration: a provider as set up in one environment."""

from datetime import datetime

from nango_client.models._base import Model, model, shown


@model
class IntegrationCredentials(Model):
    """What the provider gave to the developer: the app's id and secrets.

    Which fields count depends on the provider's ``auth_mode``.

    Example:
        >>> IntegrationCredentials(type='OAUTH2', client_id='abc', client_secret='shh')
        IntegrationCredentials(type='OAUTH2')
    """

    type: str = shown()
    """The provider's ``auth_mode``."""
    client_id: str | None = None
    client_secret: str | None = None
    scopes: str | None = None
    """Comma-separated, without spaces."""
    webhook_secret: str | None = None
    app_id: str | None = None
    app_link: str | None = None
    private_key: str | None = None
    """PEM."""


@model
class Integration(Model):
    """An integration, known by its key.

    Example:
        >>> integration = await nango.integrations.get("github")
        >>> integration.provider_config_key, integration.provider
        ('github', 'github')
    """

    provider_config_key: str = shown(wire="unique_key")
    provider: str = shown()
    display_name: str | None = shown(default=None)
    logo: str | None = shown(default=None)
    forward_webhooks: bool | None = shown(default=None)
    """Whether Nango passes the provider's webhooks on."""
    created_at: datetime | None = shown(default=None)
    updated_at: datetime | None = shown(default=None)
    webhook_url: str | None = None
    """Where the provider sends its webhooks; only where it was asked for, None without routing."""
    credentials: IntegrationCredentials | None = shown(default=None)
    """Only where they were asked for, None for auth modes that have none."""
