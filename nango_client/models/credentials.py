"""One class per kind of credentials, and the union of them all.

Tell them apart with ``match``; type checkers then know the fields and notice a forgotten kind.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from nango_client.models._base import JsonValue, Model, hidden, model, shown
from nango_client.models._frozen import EMPTY


@model
class _Credentials(Model):
    raw: JsonValue = EMPTY
    """The provider's own answer, untouched: any JSON; an empty mapping where the wire has none."""


@model
class _Expiring(_Credentials):
    expires_at: datetime | None = shown(default=None)
    """When the token ends (aware, UTC); None where Nango does not know an end."""

    def is_expired(self, at: datetime) -> bool:
        """Say whether the token has ended at the aware moment `at`."""
        return self.expires_at is not None and at >= self.expires_at


@model
class _Lasting(_Credentials):
    @property
    def expires_at(self) -> None:
        """Always None: these credentials carry no expiry."""

    def is_expired(self, at: datetime) -> bool:  # noqa: ARG002
        """Give False: these credentials carry no expiry."""
        return False


@model
class OAuth2Credentials(_Expiring):
    """OAuth 2 with a user's consent; also what MCP integrations answer.

    Example:
        >>> OAuth2Credentials(access_token='abc').access_token
        'abc'
    """

    access_token: str
    refresh_token: str | None = None
    """Only with ``include_refresh_token=True``."""
    config_override: Mapping[str, object] | None = None
    """The connection's own ``client_id`` and ``client_secret``, where it has them."""
    type: Literal["OAUTH2", "MCP_OAUTH2", "MCP_OAUTH2_GENERIC"] = shown(default="OAUTH2")


@model
class OAuth2ClientCredentials(_Expiring):
    """OAuth 2 client credentials: a token for an application.

    Example:
        >>> OAuth2ClientCredentials(token='abc', client_id='app', client_secret='shh').token
        'abc'
    """

    token: str
    client_id: str = ""
    client_secret: str = ""
    client_certificate: str | None = None
    client_private_key: str | None = None
    type: Literal["OAUTH2_CC"] = shown(default="OAUTH2_CC")


@model
class OAuth1Credentials(_Lasting):
    """OAuth 1: a token and the secret that signs each request.

    Example:
        >>> OAuth1Credentials(oauth_token='abc', oauth_token_secret='shh').oauth_token
        'abc'
    """

    oauth_token: str
    oauth_token_secret: str
    type: Literal["OAUTH1"] = shown(default="OAUTH1")


@model
class ApiKeyCredentials(_Lasting):
    """An API key.

    Example:
        >>> ApiKeyCredentials(api_key='abc')  # a secret never shows
        ApiKeyCredentials(type='API_KEY')
    """

    api_key: str = hidden(wire="apiKey")
    type: Literal["API_KEY"] = shown(default="API_KEY")


@model
class BasicCredentials(_Lasting):
    """A user name and a password; either may be empty.

    Example:
        >>> BasicCredentials(username='ada', password='shh').username
        'ada'
    """

    username: str
    password: str
    type: Literal["BASIC"] = shown(default="BASIC")


@model
class AppCredentials(_Expiring):
    """An installed app, such as a GitHub app.

    Example:
        >>> AppCredentials(access_token='abc').access_token
        'abc'
    """

    access_token: str
    jwt_token: str | None = hidden(default=None, wire="jwtToken")
    """The token of the app itself, wire name ``jwtToken``."""
    type: Literal["APP"] = shown(default="APP")


@model
class JwtCredentials(_Expiring):
    """A JSON Web Token that Nango signs.

    Example:
        >>> JwtCredentials(token='abc', extra={'issuerId': 'us'}).extra['issuerId']
        'us'
    """

    token: str | None = hidden(default=None, exact=True)
    extra: Mapping[str, object] = EMPTY
    """What else this provider needs, such as ``privateKey``; the fields differ."""
    type: Literal["JWT"] = shown(default="JWT")


@model
class TwoStepCredentials(_Expiring):
    """A token got by a provider's own log-in call.

    Example:
        >>> TwoStepCredentials(token='abc', extra={'email': 'ada@example.com'}).token
        'abc'
    """

    token: str | None = hidden(default=None, exact=True)
    refresh_token: str | None = None
    """Only with ``include_refresh_token=True``."""
    extra: Mapping[str, object] = EMPTY
    """What else this provider needs, such as ``email``; the fields differ."""
    type: Literal["TWO_STEP"] = shown(default="TWO_STEP")


@model
class SignatureCredentials(_Expiring):
    """A signed token made from a user name and a password.

    Example:
        >>> SignatureCredentials(username='ada', password='shh', token='abc').token
        'abc'
    """

    username: str = ""
    password: str = ""
    token: str | None = hidden(default=None, exact=True)
    type: Literal["SIGNATURE"] = shown(default="SIGNATURE")


@model
class BillCredentials(_Expiring):
    """A session of bill.com.

    Example:
        >>> server.add_connection("user-42", "bill", "BILL")
        >>> (await nango.get_connection("user-42", "bill")).credentials.session_id
        'fake-session-...'
    """

    username: str = ""
    password: str = ""
    organization_id: str | None = None
    dev_key: str = ""
    session_id: str | None = hidden(default=None, exact=True)
    user_id: str | None = None
    type: Literal["BILL"] = shown(default="BILL")


@model
class TbaCredentials(_Lasting):
    """Token-based authentication of NetSuite.

    Example:
        >>> TbaCredentials(token_id='abc', token_secret='shh').token_id
        'abc'
    """

    token_id: str
    token_secret: str
    config_override: Mapping[str, object] | None = None
    type: Literal["TBA"] = shown(default="TBA")


@model
class AwsSigV4Credentials(_Expiring):
    """Temporary AWS credentials for Signature Version 4.

    Example:
        >>> server.add_connection("user-42", "aws", "AWS_SIGV4")
        >>> (await nango.get_connection("user-42", "aws")).credentials.region
        'us-east-1'
    """

    role_arn: str = ""
    region: str = ""
    service: str = ""
    access_key_id: str
    secret_access_key: str
    session_token: str
    external_id: str | None = None
    type: Literal["AWS_SIGV4"] = shown(default="AWS_SIGV4")


@model
class CustomCredentials(_Credentials):
    """An app's token and a user's, together; either may be missing.

    Example:
        >>> CustomCredentials(app=AppCredentials(access_token='abc')).user is None
        True
    """

    app: AppCredentials | None = shown(default=None, exact=True)
    user: OAuth2Credentials | None = shown(default=None, exact=True)
    type: Literal["CUSTOM"] = shown(default="CUSTOM")

    @property
    def expires_at(self) -> datetime | None:
        """The earlier end of the two tokens (aware, UTC), or None."""
        ends = [part.expires_at for part in (self.app, self.user) if part and part.expires_at]
        return min(ends, default=None)

    def is_expired(self, at: datetime) -> bool:
        """Say whether either token has ended at the aware moment `at`."""
        end = self.expires_at
        return end is not None and at >= end


@model
class NoCredentials(_Lasting):
    """Nothing: the integration needs none, or the API key may not read credentials.

    The scope for the latter is ``environment:connections:read_credentials``.

    Example:
        >>> NoCredentials().type
        'NONE'
    """

    type: Literal["NONE"] = shown(default="NONE")


@model
class UnknownCredentials(_Credentials):
    """A kind that this version does not know; ``raw`` holds everything that Nango sent.

    Example:
        >>> UnknownCredentials(type='NEW', raw={'type': 'NEW', 'pin': '1234'}).raw['pin']
        '1234'
    """

    type: str = shown()
    raw: Mapping[str, JsonValue] = EMPTY
    """Everything that Nango sent."""
    expires_at: datetime | None = shown(default=None)
    """The wire's ``expires_at`` where it is a readable timestamp (aware, UTC), else None."""

    def is_expired(self, at: datetime) -> bool:
        """Say whether the credentials have ended at the aware moment `at`."""
        return self.expires_at is not None and at >= self.expires_at


@model
class GitHubAppInstallation(Model):
    """An installation of a GitHub app, to import as a connection; Nango gets its token at once.

    Example:
        >>> GitHubAppInstallation(app_id='12345', installation_id='67890')
        GitHubAppInstallation(app_id='12345', installation_id='67890', type='APP')
    """

    app_id: str = shown()
    installation_id: str = shown()
    type: Literal["APP", "CUSTOM"] = shown(default="APP")
    """As the integration's ``auth_mode`` is."""


Credentials = (
    OAuth2Credentials
    | OAuth2ClientCredentials
    | OAuth1Credentials
    | ApiKeyCredentials
    | BasicCredentials
    | AppCredentials
    | JwtCredentials
    | TwoStepCredentials
    | SignatureCredentials
    | BillCredentials
    | TbaCredentials
    | AwsSigV4Credentials
    | CustomCredentials
    | NoCredentials
    | UnknownCredentials
)
"""Any kind of credentials: what `Connection.credentials` is.

Example:
    >>> match (await nango.get_connection("user-42", "algolia")).credentials:
    ...     case ApiKeyCredentials(api_key=key):
    ...         print(key)
    ...     case OAuth2Credentials(access_token=token):
    ...         print(token)
    fake-api-key-...
"""
