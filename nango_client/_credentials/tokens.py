"""The one string that authenticates, out of any credentials that have one, and whether it lives.

A token has ended at its ``expires_at``, but for one kind. Nango notes the end of a TWO_STEP token
that is a JWT 15 minutes early, so that one that lives for 15 minutes always comes with an end that
is past. It renews such a connection with every answer or answers that it could not: a TWO_STEP
token past its noted end was renewed in this very answer. What the token says of its own end then
counts, and where it says nothing readable, 15 minutes after the noted one. (An OAUTH2 token without
a refresh token does come back dead, and its connection looks renewed all the same: its
``updated_at`` moves with every try.)
"""

import math
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Final

from nango_client._http.errors import NAME
from nango_client._wire.jsonlib import as_object, loads
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

# How much before its end Nango notes a TWO_STEP token to end (seconds).
_NOTED_EARLY: Final = 900.0


def has_ended(credentials: Credentials, now: float) -> bool:
    """Say whether credentials of an answer that has just come are past their end.

    Args:
        credentials: those of Nango's answer.
        now: epoch seconds, by Nango's clock.
    """
    end = credentials.expires_at
    if end is None or now < end.timestamp():
        return False
    if isinstance(credentials, TwoStepCredentials):
        own = _own_end(credentials.token or "")
        return now >= (end.timestamp() + _NOTED_EARLY if own is None else own)
    return True


def _own_end(token: str) -> float | None:
    """Give the ``exp`` of a JSON Web Token (RFC 7519, 4.1.4) in epoch seconds, if readable.

    The signature is the provider's affair: what matters is only what to expect of the token.
    """
    try:
        _, payload, _ = token.split(".")
        claims = as_object(loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))) or {}
        end = float(claims.get("exp", math.nan))
    except (ValueError, TypeError, OverflowError):
        return None
    return end if math.isfinite(end) else None


def token_of(connection: Connection, now: float) -> str:
    """Give the token of a connection.

    Args:
        connection: what Nango answered.
        now: epoch seconds, to tell whether the token has ended.

    Raises:
        NoTokenError: its credentials are not a single string, or come without it.
        TokenExpiredError: the token has ended.
    """
    credentials = connection.credentials
    if isinstance(credentials, CustomCredentials):
        part = credentials.app or credentials.user
        if part is None:
            raise NoTokenError(f"{_name(connection)} has neither an app's token nor a user's yet")
        credentials = part
    # The token itself is no local variable here: tracebacks show those.
    if _string_of(credentials) is None:
        raise NoTokenError(_why_none(connection, credentials))
    _refuse_ended(connection, credentials, now)
    return _string_of(credentials) or ""


def _string_of(credentials: Credentials) -> str | None:
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
        case _:
            return None


def _why_none(connection: Connection, credentials: Credentials) -> str:
    """Say why there is no single token, and what to do."""
    if isinstance(credentials, NoCredentials):
        return (
            f"{_name(connection)} came without credentials: either its integration needs none, "
            f"or the API key lacks the scope {_CREDENTIALS_SCOPE}"
        )
    found = f"{type(credentials).__name__}{_label(credentials.type)}"
    fields = _FIELDS.get(type(credentials))
    if fields is None:
        missing = "session_id" if isinstance(credentials, BillCredentials) else "token"
        return (
            f"{_name(connection)} has {found} without {missing}: the provider gave Nango none; "
            "look at the connection in Nango's dashboard, or ask the user to reconnect"
        )
    return (
        f"{_name(connection)} has {found}, which are not a single token: call get_connection() "
        f"and use its credentials' {fields}"
    )


def refuse_ended(connection: Connection, now: float) -> None:
    """Refuse a connection whose token has ended.

    Args:
        connection: what Nango answered.
        now: epoch seconds.

    Raises:
        TokenExpiredError: the token, of an app and a user the app's, has ended.
    """
    if connection.expires_at is None:
        return
    credentials = connection.credentials
    if isinstance(credentials, CustomCredentials):
        credentials = credentials.app or credentials.user or credentials
    _refuse_ended(connection, credentials, now)


def _refuse_ended(connection: Connection, credentials: Credentials, now: float) -> None:
    end = credentials.expires_at
    if end is not None and has_ended(credentials, now):
        raise TokenExpiredError(
            f"Nango has only a token of {_name(connection)} that ended at {format_timestamp(end)} "
            "and cannot be renewed: ask the user to reconnect"
        )


def _label(wire_type: str) -> str:
    """Give a wire type for a text; one that is no plain name could be anything."""
    return f" (type {wire_type})" if NAME.fullmatch(wire_type) else ""


def _name(connection: Connection) -> str:
    return (
        f"connection {connection.connection_id!r} of integration {connection.provider_config_key!r}"
    )
