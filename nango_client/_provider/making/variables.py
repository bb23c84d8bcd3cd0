"""What a connection gives to the templates, and the header that its credentials make by default.

Source: PROXY.md §2.5 to §2.9.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Final, final

import attrs

from nango_client._provider.making.plans import ClientSecrets
from nango_client._provider.making.refusals import CHECK_CONNECTION, Refused, to_bytes
from nango_client._provider.making.templates import Template, text_of
from nango_client._wire.timestamps import format_timestamp
from nango_client.models import (
    ApiKeyCredentials,
    AppCredentials,
    BasicCredentials,
    BillCredentials,
    Connection,
    Credentials,
    CustomCredentials,
    JwtCredentials,
    NoCredentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    SignatureCredentials,
    TwoStepCredentials,
    UnknownCredentials,
)
from nango_client.models._base import wire_name

RENEWABLE: Final = frozenset(
    {
        *("OAUTH2", "MCP_OAUTH2", "MCP_OAUTH2_GENERIC", "OAUTH2_CC", "APP", "CUSTOM"),
        *("JWT", "TWO_STEP", "SIGNATURE", "BILL", "AWS_SIGV4"),
    }
)
"""The kinds whose credentials a forced renewal can replace."""

_GRANT: Final = (
    "let the API key read credentials (environment:connections:read_credentials), or let the user "
    "connect again"
)
_TOKEN_FIELDS: Final[Mapping[type, str]] = {
    OAuth2Credentials: "access_token",
    AppCredentials: "access_token",
    OAuth2ClientCredentials: "token",
    JwtCredentials: "token",
    SignatureCredentials: "token",
    TwoStepCredentials: "token",
}
_WITH_TOKEN_ALONE: Final = (JwtCredentials, OAuth2ClientCredentials, SignatureCredentials)
_EMPTY: Final = "the connection's credentials are empty"


def usable(connection: Connection, auth_mode: object) -> Credentials:
    """Give the credentials that requests are made with: of an app with users, the app's.

    Raises:
        Refused: there are none.
    """
    credentials = connection.credentials
    if isinstance(credentials, CustomCredentials):
        if credentials.app is None:
            raise Refused("the connection has no token of the app", _GRANT)
        return credentials.app
    if isinstance(credentials, NoCredentials):
        if auth_mode != "NONE":
            raise Refused(_EMPTY, _GRANT)
    elif isinstance(credentials, ApiKeyCredentials) and not credentials.api_key:
        raise Refused(_EMPTY, _GRANT)
    return credentials


def token_of(credentials: Credentials) -> str | None:
    """Give the token, or None where there is none."""
    field = _TOKEN_FIELDS.get(type(credentials))
    return None if field is None else getattr(credentials, field)


def bearer_header(credentials: Credentials) -> str | None:
    """Give the value of a ``Bearer`` header, or None where this kind has no token.

    Raises:
        Refused: it should have one.
    """
    token = token_of(credentials)
    if token:
        if "${" in token:
            raise Refused("the connection's token is a template", CHECK_CONNECTION)
        return f"Bearer {token}"
    if type(credentials) in _TOKEN_FIELDS:
        raise Refused(_EMPTY, _GRANT)
    return None


def basic_pair(credentials: Credentials) -> tuple[str, str] | None:
    """Give user name and password of what goes as ``Basic``, or None."""
    if isinstance(credentials, BasicCredentials):
        return credentials.username, credentials.password
    if isinstance(credentials, UnknownCredentials) and credentials.type == "INSTALL_PLUGIN":
        raw = credentials.raw
        return text_of(raw.get("username")) or "", text_of(raw.get("password")) or ""
    return None


def basic_header(pair: tuple[str, str]) -> str:
    """Give the value of a ``Basic`` header.

    Raises:
        Refused: there is neither name nor password.
    """
    if not any(pair):
        raise Refused(_EMPTY, _GRANT)
    return "Basic " + base64.b64encode(to_bytes(":".join(pair))).decode()


def wants_no_default(credentials: Credentials) -> bool:
    """Say whether credentials of this kind go only where a provider's entry says."""
    return isinstance(credentials, ApiKeyCredentials | BillCredentials)


@cache
def _fields(kind: type) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, wire_name(field)) for field in attrs.fields(kind))


def _wire_of(credentials: Credentials) -> dict[str, object]:
    """Give the credentials' fields as `converter.encode` does, but for what is nested in them.

    What is nested is only looked into, so that it need not be copied for each request.
    """
    if isinstance(credentials, UnknownCredentials):
        return dict(credentials.raw)
    wire: dict[str, object] = {}
    for name, key in _fields(type(credentials)):  # type: ignore[arg-type]  # mypy takes no class for hashable
        value = getattr(credentials, name)
        if name == "extra":
            wire.update(value)
        elif value is not None:
            wire[key] = format_timestamp(value) if isinstance(value, datetime) else value
    return wire


@final
class Variables:
    """What placeholders may stand for, by the place that they are in.

    Args:
        connection: whose request it is.
        credentials: of it, as `usable` gives them.
        client: the integration's id and secret, or None.
    """

    __slots__ = ("_client", "_connection", "_credentials", "_wire")

    def __init__(
        self, connection: Connection, credentials: Credentials, client: ClientSecrets | None
    ) -> None:
        self._connection = connection
        self._credentials = credentials
        self._client = client
        self._wire: dict[str, object] | None = None

    @property
    def wire(self) -> dict[str, object]:
        """The credentials' fields, by the names that the wire has."""
        if self._wire is None:
            self._wire = _wire_of(self._credentials)
        return self._wire

    def in_url(self) -> dict[str, object]:
        """Give those of a base URL: no ``accessToken``, and what is empty counts as absent."""
        # The keys of the configuration may carry the placeholder's prefix.
        config = {
            key.removeprefix("connectionConfig."): value
            for key, value in self._connection.connection_config.items()
            if value
        }
        return {
            **{key: value for key, value in self.wire.items() if value},
            "connection_id": self._connection.connection_id,
            "connectionConfig": config,
            "connection_config": config,
            "metadata": self._connection.metadata,
            "credentials": self.wire,
        }

    def in_query_and_body(self) -> dict[str, object]:
        """Give those of the query and the body."""
        return {
            **self.wire,
            **self._token(),
            "connectionConfig": self._connection.connection_config,
            "credentials": self.wire,
        }

    def in_header(self, template: Template) -> dict[str, object]:
        """Give those of a header, which depend on what else is in it and on the credentials."""
        credentials = self._credentials
        if template.mentions("connectionConfig"):
            config = self._connection.connection_config
            return {**self.wire, "connectionConfig": config, "credentials": self.wire}
        if isinstance(credentials, OAuth2Credentials):
            return {**self._token(), **self._app()}
        if isinstance(credentials, _WITH_TOKEN_ALONE):
            return self._token()
        if isinstance(credentials, TwoStepCredentials):
            return {**self._token(), "credentials": self.wire}
        return {**self.wire, "credentials": self.wire}

    def _token(self) -> dict[str, object]:
        return {"accessToken": token_of(self._credentials) or None}

    def _app(self) -> dict[str, object]:
        client = self._client
        if client is None:
            return {}
        # Nango hides the id and the secret of its own apps by sending nothing in them.
        return {"clientId": client.client_id or None, "clientSecret": client.client_secret or None}
