"""Made-up credentials of every kind, as the wire has them, and their renewal.

All secrets begin with ``fake-`` and end in a number that no other one of the server has.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from nango_client._wire.jsonlib import as_array, as_object
from nango_client._wire.timestamps import format_timestamp, parse_timestamp
from nango_client.testing._payloads.wire import Wire

RENEWED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "OAUTH2": ("access_token",),
    "MCP_OAUTH2": ("access_token",),
    "MCP_OAUTH2_GENERIC": ("access_token",),
    "OAUTH2_CC": ("token",),
    "APP": ("access_token", "jwtToken"),
    "JWT": ("token",),
    "TWO_STEP": ("token",),
    "SIGNATURE": ("token",),
    "BILL": ("session_id",),
    "AWS_SIGV4": ("access_key_id", "secret_access_key", "session_token"),
}
"""What a renewal replaces; kinds that are not here are never renewed and have no expiry."""

_NEEDING_REFRESH_TOKEN = ("OAUTH2", "MCP_OAUTH2", "MCP_OAUTH2_GENERIC")


class TokenMaker:
    """Makes secrets that are all different."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count(1)

    def __call__(self, label: str) -> str:
        """Make the next secret."""
        return f"fake-{label}-{next(self._numbers)}"


def made_up_credentials(kind: str, fake: TokenMaker) -> Wire:
    """Make credentials of a kind, named as the wire's ``type`` or the integration's mode.

    Dates of expiry are left empty, for `set_end`.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in _MAKERS:
        raise ValueError(f"no made-up credentials of type {kind!r}; there are {', '.join(_MAKERS)}")
    return _MAKERS[kind](fake)


def _oauth2(fake: TokenMaker) -> Wire:
    tokens = {"access_token": fake("access-token"), "refresh_token": fake("refresh-token")}
    raw = {**tokens, "expires_in": 3600, "token_type": "Bearer", "scope": "read write"}
    return {"type": "OAUTH2", **tokens, "expires_at": "", "raw": {**raw, "expires_at": ""}}


def _oauth2_cc(fake: TokenMaker) -> Wire:
    token = fake("token")
    return {
        "type": "OAUTH2_CC",
        "token": token,
        "client_id": fake("client-id"),
        "client_secret": fake("client-secret"),
        "expires_at": "",
        "raw": {"access_token": token, "expires_in": 3600, "token_type": "Bearer"},
    }


def _oauth1(fake: TokenMaker) -> Wire:
    tokens = {
        "oauth_token": fake("oauth-token"),
        "oauth_token_secret": fake("oauth-token-secret"),
    }
    return {"type": "OAUTH1", **tokens, "raw": {**tokens, "user_id": "42", "screen_name": "ada"}}


def _api_key(fake: TokenMaker) -> Wire:
    return {"type": "API_KEY", "apiKey": fake("api-key")}


def _basic(fake: TokenMaker) -> Wire:
    return {"type": "BASIC", "username": fake("username"), "password": fake("password")}


def _app(fake: TokenMaker) -> Wire:
    token = fake("access-token")
    return {
        "type": "APP",
        "access_token": token,
        "expires_at": "",
        "raw": {
            "token": token,
            "expires_at": "",
            "permissions": {"contents": "read", "metadata": "read"},
            "repository_selection": "selected",
        },
        "jwtToken": fake("jwt"),
    }


def _jwt(fake: TokenMaker) -> Wire:
    return {
        "type": "JWT",
        "privateKey": {"id": fake("key-id"), "secret": fake("key-secret")},
        "token": fake("jwt"),
        "expires_at": "",
    }


def _two_step(fake: TokenMaker) -> Wire:
    token = fake("token")
    return {
        "type": "TWO_STEP",
        "email": "ada@example.com",
        "password": fake("password"),
        "token": token,
        "expires_at": "",
        "raw": {"access_token": token, "expires_in": 3600},
    }


def _signature(fake: TokenMaker) -> Wire:
    return {
        "type": "SIGNATURE",
        "username": fake("username"),
        "password": fake("password"),
        "token": fake("signature"),
        "expires_at": "",
    }


def _bill(fake: TokenMaker) -> Wire:
    organization_id, session_id, user_id = fake("organization"), fake("session"), fake("user")
    return {
        "type": "BILL",
        "username": fake("username"),
        "password": fake("password"),
        "organization_id": organization_id,
        "dev_key": fake("dev-key"),
        "raw": {
            "sessionId": session_id,
            "userId": user_id,
            "organizationId": organization_id,
            "apiEndPoint": "https://gateway.example.com/connect",
        },
        "session_id": session_id,
        "user_id": user_id,
        "expires_at": "",
    }


def _tba(fake: TokenMaker) -> Wire:
    return {
        "type": "TBA",
        "token_id": fake("token-id"),
        "token_secret": fake("token-secret"),
        "config_override": {"client_id": fake("client-id"), "client_secret": fake("client-secret")},
    }


def _aws_sigv4(fake: TokenMaker) -> Wire:
    session = {
        "access_key_id": fake("access-key-id"),
        "secret_access_key": fake("secret-access-key"),
        "session_token": fake("session-token"),
        "expires_at": "",
    }
    return {
        "type": "AWS_SIGV4",
        "raw": dict(session),
        "role_arn": "arn:aws:iam::123456789012:role/Example",
        "region": "us-east-1",
        "service": "s3",
        **session,
        "external_id": fake("external-id"),
    }


def _custom(fake: TokenMaker) -> Wire:
    app, user = _app(fake), _oauth2(fake)
    return {"type": "CUSTOM", "app": app, "user": user, "raw": app["raw"]}


def _none(_: TokenMaker) -> Wire:
    return {}


_MAKERS: Mapping[str, Callable[[TokenMaker], Wire]] = {
    "OAUTH2": _oauth2,
    "OAUTH2_CC": _oauth2_cc,
    "OAUTH1": _oauth1,
    "API_KEY": _api_key,
    "BASIC": _basic,
    "APP": _app,
    "JWT": _jwt,
    "TWO_STEP": _two_step,
    "SIGNATURE": _signature,
    "BILL": _bill,
    "TBA": _tba,
    "AWS_SIGV4": _aws_sigv4,
    "CUSTOM": _custom,
    "NONE": _none,
    # Modes of integrations whose connections answer as another kind.
    "MCP_OAUTH2": _oauth2,
    "MCP_OAUTH2_GENERIC": _oauth2,
    "INSTALL_PLUGIN": _basic,
}


def parts_of(credentials: Wire) -> list[Wire]:
    """Give what is renewed on its own: the credentials, or the app's and the user's of both."""
    if credentials.get("type") != "CUSTOM":
        return [credentials]
    parts = (as_object(credentials.get(name)) for name in ("app", "user"))
    return [part for part in parts if part]


def expires(part: Wire) -> bool:
    """Say whether this kind of credentials has a date of expiry."""
    return part.get("type") in RENEWED_FIELDS


def is_renewable(part: Wire) -> bool:
    """Say whether the server could get a new token for these credentials."""
    if part.get("type") in _NEEDING_REFRESH_TOKEN:
        return bool(part.get("refresh_token"))
    return expires(part)


def end_of(part: Wire) -> float | None:
    """Give the epoch seconds at which the token ends, None where nothing readable says so."""
    try:
        return parse_timestamp(part.get("expires_at")).timestamp()
    except ValueError:
        return None


def set_end(part: Wire, end: float | None, *, renewed: bool = False) -> None:
    """Write the date of expiry (epoch seconds), also into the provider's own answer if it has one.

    None takes it away.
    """
    raw = as_object(part.get("raw"))
    holders = [part, raw] if raw and "expires_at" in raw else [part]
    for holder in holders:
        if end is None:
            holder.pop("expires_at", None)
            continue
        text = format_timestamp(datetime.fromtimestamp(end, UTC))
        # GitHub has whole seconds; the server passes them on until it has stored them once.
        if part.get("type") == "APP" and (renewed or holder is raw):
            text = text[: text.index(".")] + "Z"
        holder["expires_at"] = text


def renew(part: Wire, end: float | None, fake: TokenMaker) -> None:
    """Put new tokens in the place of the old ones, wherever those stand, and set the new end."""
    replace_secrets(part, RENEWED_FIELDS[part["type"]], fake)
    set_end(part, end, renewed=True)


def replace_secrets(part: Wire, fields: tuple[str, ...], fake: TokenMaker) -> None:
    """Make new secrets for these fields, and for copies of them deeper inside."""
    new = {
        old: fake(field.lower().replace("_", "-"))
        for field in fields
        if isinstance(old := part.get(field), str)
    }
    part.update(_rebuilt(part, new))


def without_refresh_tokens(value: Wire) -> Wire:
    """Give a copy in which no object holds a refresh token."""
    copy: Wire = _rebuilt(value, {}, without="refresh_token")
    return copy


def _rebuilt(value: Any, new: Mapping[str, str], without: str | None = None) -> Any:
    """Copy a JSON value with other texts in it, and one member of its objects left out."""
    if isinstance(value, str):
        return new.get(value, value)
    if items := as_array(value):
        return [_rebuilt(item, new, without) for item in items]
    members = as_object(value)
    if members is None:
        return value
    return {name: _rebuilt(item, new, without) for name, item in members.items() if name != without}
