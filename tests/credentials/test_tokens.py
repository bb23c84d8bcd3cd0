"""get_token: the one string that authenticates, or what to use instead."""

import asyncio
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
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
from nango_client.testing import MockNango

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


@pytest.mark.parametrize(
    ("credentials", "missing"),
    [
        (JwtCredentials(expires_at=END), "JwtCredentials .type JWT. without token"),
        (TwoStepCredentials(raw="text"), "TWO_STEP. without token"),
        (SignatureCredentials(**LOGIN), "SIGNATURE. without token"),
        (BillCredentials(dev_key="d", **LOGIN), "BILL. without session_id"),
    ],
)
def test_a_token_that_is_missing_is_named(credentials: Credentials, missing: str) -> None:
    """Nango may have none of it; also where there is an end that is past."""
    with pytest.raises(NoTokenError, match=missing):
        token_of(connection(credentials), END.timestamp() + 1)


def jwt(**claims: object) -> str:
    payload = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


NOW = END.timestamp()


@pytest.mark.parametrize(
    ("token", "noted_end", "lives"),
    [
        # Its own end counts, whatever Nango has noted.
        (jwt(exp=NOW + 1), NOW - 899, True),
        (jwt(exp=NOW + 5000.5), NOW - 5000, True),
        (jwt(exp=NOW), NOW - 900, False),
        (jwt(exp=NOW - 60), NOW - 1, False),
        # Where it says nothing readable, it has the 15 minutes that Nango leaves.
        *(
            (token, NOW + after, lives)
            for token in (
                "opaque", "", "a.b", "a.b.c", "a.é.c", "é", "a.W10.c", "a.!.c", jwt(),
                jwt(exp=None), jwt(exp="soon"), jwt(exp=[1]), jwt(exp=10**400),
                "a.eyJleHAiOiAxZTk5OTl9.c", jwt(exp="nan"), f"a.{'W1tb' * 200}.c",
            )
            for after, lives in ((-1, True), (-899, True), (-900, False))
        ),
    ],
)  # fmt: skip
def test_a_two_step_token_that_was_just_renewed_is_given(
    token: str, noted_end: float, *, lives: bool
) -> None:
    """Nango notes the end of one that is a JWT 15 minutes early, and renews it for each answer."""
    found = connection(
        TwoStepCredentials(token=token, expires_at=datetime.fromtimestamp(noted_end, UTC))
    )

    if lives:
        assert token_of(found, NOW) == token
    else:
        with pytest.raises(TokenExpiredError):
            token_of(found, NOW)


@pytest.mark.parametrize(
    "credentials",
    [
        OAuth2Credentials(access_token=jwt(exp=NOW + 60), expires_at=END),
        OAuth2ClientCredentials(token="t", expires_at=END),
        AppCredentials(access_token="t", expires_at=END),
        JwtCredentials(token="t", expires_at=END),
        SignatureCredentials(token="t", expires_at=END),
        BillCredentials(session_id="t", expires_at=END),
    ],
)
def test_the_ends_of_other_kinds_are_what_nango_says(credentials: Credentials) -> None:
    """An OAUTH2 token without refresh token comes back dead, and looks renewed."""
    with pytest.raises(TokenExpiredError):
        token_of(connection(credentials), NOW)


@pytest.mark.parametrize("minutes", [14, 15, 16, 20])
def test_a_short_lived_two_step_token_is_fetched_and_not_called_dead(
    minutes: int, nango_server: MockNango
) -> None:
    """Each call gets the token of an answer of its own while the noted end is within the margin."""
    nango_server.add_connection("user-42", "github", "TWO_STEP")
    ends = datetime.fromtimestamp(nango_server.clock.time() + minutes * 60, UTC)
    token = jwt(exp=ends.timestamp())
    wire = {
        "id": 1,
        "connection_id": "user-42",
        "provider_config_key": "github",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "credentials": {
            "type": "TWO_STEP",
            "token": token,
            "expires_at": (ends - timedelta(minutes=15)).isoformat(),
        },
    }
    nango_server.fail_next(200, times=2, body=wire)

    async def main() -> list[str]:
        async with nango_server.client() as client:
            return [await client.get_token("user-42", "github") for _ in range(2)]

    assert asyncio.run(main()) == [token, token]
    # 16 minutes are noted as one, of which half a minute is not served.
    assert len(nango_server.requests) == (2 if minutes <= 15 else 1)


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
