"""A provider: an API that Nango knows how to connect to."""

from collections.abc import Mapping

from nango_client.models._base import Model, model, shown, whole


@model
class Provider(Model):
    """An entry of Nango's catalogue.

    Example:
        >>> provider = await nango.providers.get("github")
        >>> provider.name, provider.auth_mode
        ('github', 'OAUTH2')
    """

    name: str = shown()
    display_name: str | None = shown(default=None)
    auth_mode: str | None = shown(default=None)
    docs: str | None = shown(default=None)
    logo_url: str | None = shown(default=None)
    categories: tuple[str, ...] = shown(default=())
    proxy: Mapping[str, object] | None = None
    """How its API is called: base URL, headers, and more, with placeholders."""
    raw: Mapping[str, object] = whole()
    """The whole entry."""
