"""get_token: the one string that authenticates, or what to use instead."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nango_client import (
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
    NoTokenError,
    OAuth1Credentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    SignatureCredentials,
    TbaCredentials,
    TokenExpiredError,
    TwoStepCredentials,
    UnknownCredentials,
)
from nango_client._credentials.tokens import token_of

END = datetime(2026, 11, 24, 1, tzinfo=UTC)
APP = AppCredentials(access_token="the app's")
USER = OAuth2Credentials(access_token="the user's")
LOGIN: dict[str, Any] = {"username": "u", "password": "p"}


def connection(credentials: Credentials) -> Connection:
    return Connection(
        id=1,
        connection_id="user-42",
        provider_config_key="github",
        credentials=credentials,
        created_at=END,
        updated_at=END,
    )


@pytest.mark.parametrize(
    ("credentials", "token"),
    [
        (USER, "the user's"),
        (OAuth2ClientCredentials(token="t", client_id="i", client_secret="s"), "t"),
        (APP, "the app's"),
        (JwtCredentials(token="t"), "t"),
        (TwoStepCredentials(token="t"), "t"),
        (SignatureCredentials(token="t", **LOGIN), "t"),
        (ApiKeyCredentials(api_key="k"), "k"),
        (
            BillCredentials(session_id="s", user_id="u", organization_id="o", dev_key="d", **LOGIN),
            "s",
        ),
        (CustomCredentials(app=APP, user=USER), "the app's"),
        (CustomCredentials(user=USER), "the user's"),
    ],
)
def test_a_token_is_given(credentials: Credentials, token: str) -> None:
    """Each kind has its own name for it."""
    assert token_of(connection(credentials), 0.0) == token


@pytest.mark.parametrize(
    ("credentials", "advice"),
    [
        (BasicCredentials(**LOGIN), "BasicCredentials.*username and password"),
        (OAuth1Credentials(oauth_token="t", oauth_token_secret="s"), "oauth_token_secret"),
        (TbaCredentials(token_id="t", token_secret="s"), "token_id and token_secret"),
        (
            AwsSigV4Credentials(
                role_arn="r",
                region="r",
                service="s",
                access_key_id="a",
                secret_access_key="s",
                session_token="t",
            ),
            "access_key_id, secret_access_key and session_token",
        ),
        (UnknownCredentials(type="NEW"), "raw"),
        (NoCredentials(), "environment:connections:read_credentials"),
        (CustomCredentials(), "neither an app's token nor a user's"),
    ],
)
def test_the_others_name_what_to_use(credentials: Credentials, advice: str) -> None:
    """NoTokenError names the kind and its fields, or the scope that may be missing."""
    with pytest.raises(NoTokenError, match=advice):
        token_of(connection(credentials), 0.0)


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_expired_token_is_refused(*, wrapped: bool) -> None:
    """At its end a token is no longer given; the text says when it ended, and not what it is."""
    credentials: Credentials = OAuth2Credentials(access_token="canary", expires_at=END)
    if wrapped:
        credentials = CustomCredentials(user=credentials)  # type: ignore[arg-type]

    assert token_of(connection(credentials), END.timestamp() - 1) == "canary"
    with pytest.raises(TokenExpiredError, match="2026-11-24T01:00:00") as caught:
        token_of(connection(credentials), END.timestamp())
    assert "canary" not in str(caught.value)
