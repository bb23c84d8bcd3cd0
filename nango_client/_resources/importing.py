"""Which credentials can be imported, and what the wire wants of them (API.md section 1)."""

from collections.abc import Mapping
from typing import Any, Final

from nango_client._wire.converter import encode
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import (
    ApiKeyCredentials,
    BasicCredentials,
    GitHubAppInstallation,
    NoCredentials,
    OAuth1Credentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    TbaCredentials,
)

ImportableCredentials = (
    OAuth2Credentials
    | OAuth2ClientCredentials
    | OAuth1Credentials
    | ApiKeyCredentials
    | BasicCredentials
    | TbaCredentials
    | NoCredentials
    | GitHubAppInstallation
)

_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    OAuth2Credentials: ("access_token", "refresh_token", "expires_at", "config_override"),
    OAuth2ClientCredentials: (
        *("token", "client_id", "client_secret"),
        *("client_certificate", "client_private_key", "expires_at"),
    ),
    OAuth1Credentials: ("oauth_token", "oauth_token_secret"),
    ApiKeyCredentials: ("apiKey",),
    BasicCredentials: ("username", "password"),
    TbaCredentials: ("token_id", "token_secret", "config_override"),
    NoCredentials: (),
    GitHubAppInstallation: ("app_id", "installation_id"),
}


def wire_credentials(credentials: object) -> dict[str, Any]:
    """Give the wire's form of credentials to import; the server refuses fields that it lacks.

    Raises:
        InvalidArgumentError: Nango cannot import such credentials.
    """
    fields = _FIELDS.get(type(credentials))
    # Nango gets the tokens of MCP servers by itself alone.
    if fields is None or getattr(credentials, "type", "").startswith("MCP_"):
        raise InvalidArgumentError(
            f"{type(credentials).__name__} cannot be imported: pass one of "
            f"{', '.join(cls.__name__ for cls in _FIELDS)}, or let the user connect"
        )
    wire = encode(credentials)
    found = {name: wire[name] for name in fields if wire.get(name) is not None}
    return {"type": getattr(credentials, "type", None), **found}
