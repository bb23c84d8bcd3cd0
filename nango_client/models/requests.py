"""A request to a provider, ready for any HTTP library."""

from collections.abc import Mapping

from nango_client.models._base import Model, model, shown


@model
class PreparedRequest(Model):
    """A request with the connection's credentials in it, as ``client.prepare`` gives it.

    Example:
        >>> request = PreparedRequest(
        ...     method="GET",
        ...     url="https://api.example.com/me?key=abc",
        ...     headers={"Authorization": "Bearer abc"},
        ... )
        >>> request  # neither key nor token shows
        PreparedRequest(method='GET')
    """

    method: str = shown()
    url: str
    """Encoded: a library that encodes what it is given must leave this as it is."""
    headers: Mapping[str, str]
    """The caller's too; look-ups ignore case."""
    body: bytes | None = None
