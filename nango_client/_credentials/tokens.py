"""The one string that authenticates, out of any credentials that have one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from nango_client._http.errors import NAME
from nango_client._wire.timestamps import format_timestamp
from nango_client.exceptions import NoTokenError, TokenExpiredError
from nango_client.models import (
    ApiKeyCredentials,
    AppCredentials,
    AwsSigV4Credentials,
    BasicCredentials,
    BillCredentials,
    Connection,
    Credentials,
    CustomCredentials,
    JwtCredentials,
    NoCredentials,
    OAuth1Credentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    SignatureCredentials,
    TbaCredentials,
    TwoStepCredentials,
    UnknownCredentials,
)

_CREDENTIALS_SCOPE: Final = "environment:connections:read_credentials"

# What to use of credentials that are not a single token.
_FIELDS: Final[Mapping[type[Credentials], str]] = {
    BasicCredentials: "username and password",
    OAuth1Credentials: "oauth_token and oauth_token_secret",
    TbaCredentials: "token_id and token_secret",
    AwsSigV4Credentials: "access_key_id, secret_access_key and session_token",
    UnknownCredentials: "raw",
}


def token_of(connection: Connection, now: float) -> str:
    """Give the token of a connection.

    Args:
        connection: what Nango answered.
        now: epoch seconds, to tell whether the token has ended.

    Raises:
        NoTokenError: its credentials are not a single string.
        TokenExpiredError: the token has ended.
    """
    credentials = connection.credentials
    if isinstance(credentials, CustomCredentials):
        part = credentials.app or credentials.user
        if part is None:
            raise NoTokenError(f"{_name(connection)} has neither an app's token nor a user's yet")
        credentials = part
    end = credentials.expires_at
    if end is not None and credentials.is_expired(datetime.fromtimestamp(now, UTC)):
        raise TokenExpiredError(
            f"Nango has only a token of {_name(connection)} that ended at {format_timestamp(end)} "
            "and cannot be renewed: ask the user to reconnect"
        )
    match credentials:
        case OAuth2Credentials() | AppCredentials():
            return credentials.access_token
        case (
            OAuth2ClientCredentials()
            | JwtCredentials()
            | TwoStepCredentials()
            | SignatureCredentials()
        ):
            return credentials.token
        case ApiKeyCredentials():
            return credentials.api_key
        case BillCredentials():
            return credentials.session_id
        case NoCredentials():
            raise NoTokenError(
                f"{_name(connection)} came without credentials: either its integration needs none, "
                f"or the API key lacks the scope {_CREDENTIALS_SCOPE}"
            )
        case _:
            raise NoTokenError(
                f"{_name(connection)} has {type(credentials).__name__}{_label(credentials.type)}, "
                "which are not a single token: call get_connection() and use its credentials' "
                f"{_FIELDS[type(credentials)]}"
            )


def _label(wire_type: str) -> str:
    """Give a wire type for a text; one that is no plain name could be anything."""
    return f" (type {wire_type})" if NAME.fullmatch(wire_type) else ""


def _name(connection: Connection) -> str:
    return (
        f"connection {connection.connection_id!r} of integration {connection.provider_config_key!r}"
    )
