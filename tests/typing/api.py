"""How users write it: type-checked by mypy and pyright, never run."""

import asyncio
from datetime import datetime
from typing import assert_never, assert_type

from aiohttp import ClientResponse, ClientSession
from yarl import URL

from nango_client import (
    ApiKeyCredentials,
    AppCredentials,
    AsyncActionWebhook,
    AuthWebhook,
    AwsSigV4Credentials,
    BasicCredentials,
    BillCredentials,
    CacheInfo,
    CachePolicy,
    Connection,
    Credentials,
    CustomCredentials,
    Event,
    ForwardWebhook,
    JsonValue,
    JwtCredentials,
    NangoClient,
    NoCredentials,
    OAuth1Credentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    PreparedRequest,
    ProviderRequest,
    ProviderSession,
    RateLimitError,
    RetryPolicy,
    SignatureCredentials,
    SyncResult,
    SyncWebhook,
    SystemClock,
    TbaCredentials,
    TimeoutPolicy,
    TwoStepCredentials,
    UnknownCredentials,
    UnknownWebhook,
    WebhookEvent,
    webhooks,
)
from nango_client.ext.httpx import NangoAuth
from nango_client.testing import FakeClock, MockNango


def on_event(event: Event) -> None:
    assert_type(event.status, int | None)


async def calls() -> None:
    async with NangoClient(
        "key",
        base_url="https://nango.example",
        timeout=TimeoutPolicy(total=10),
        retry=RetryPolicy(max_attempts=1),
        cache=CachePolicy(max_age=60),
        clock=SystemClock(),
        on_event=on_event,
    ) as nango:
        assert_type(nango, NangoClient)
        connection = await nango.get_connection("user-42", "github", force_refresh=True)
        assert_type(connection, Connection)
        assert_type(await nango.connections.get("user-42", "github"), Connection)
        assert_type(await nango.get_token(connection_id="u", provider_config_key="k"), str)
        assert_type(nango.invalidate("user-42"), int)
        assert_type(nango.cache_info(), CacheInfo)
        assert_type(nango.closed, bool)
    NangoClient(cache=None, clock=FakeClock())


def kit() -> None:
    with MockNango() as server:
        server.add_connection("user-42", "github", ApiKeyCredentials(api_key="k"), tags={"a": "b"})
        assert_type(server.client(cache=None), NangoClient)
        assert_type(server.refresh_count("user-42", "github"), int)


def limits(error: RateLimitError) -> None:
    assert_type(error.reset_at, datetime | None)
    assert_type(error.retry_after, float | None)


def narrowing(connection: Connection) -> str:
    assert_type(connection.expires_at, datetime | None)
    match connection.credentials:
        case OAuth2Credentials(access_token=token):
            assert_type(token, str)
            return token
        case other:
            assert_type(other.expires_at, datetime | None)
            return other.type


def exhaustive(credentials: Credentials) -> str:
    match credentials:
        case OAuth2Credentials() | AppCredentials():
            return credentials.access_token
        case OAuth2ClientCredentials():
            return credentials.client_id
        case JwtCredentials() | TwoStepCredentials():
            assert_type(credentials.token, str | None)
            return credentials.token or ""
        case SignatureCredentials():
            assert_type(credentials.token, str | None)
            return credentials.token or ""
        case OAuth1Credentials():
            return credentials.oauth_token
        case ApiKeyCredentials():
            return credentials.api_key
        case BasicCredentials():
            return credentials.username
        case BillCredentials():
            assert_type(credentials.session_id, str | None)
            return credentials.session_id or ""
        case TbaCredentials():
            return credentials.token_id
        case AwsSigV4Credentials():
            return credentials.session_token
        case CustomCredentials():
            assert_type(credentials.app, AppCredentials | None)
            return credentials.type
        case NoCredentials():
            assert_type(credentials.expires_at, None)
            return credentials.type
        case UnknownCredentials():
            assert_type(credentials.type, str)
            return credentials.type
        case _:
            assert_never(credentials)


def receivers(body: bytes, headers: dict[str, str], nango: NangoClient) -> str:
    webhooks.verify(body, headers, ["new", "old"], allow_legacy=True)
    webhooks.receive(body, {"x-nango-hmac-sha256": ["0"]}, "key")
    webhooks.receive(memoryview(body), [(b"x-nango-hmac-sha256", b"0")])
    assert_type(webhooks.sign(body, "key"), dict[str, str])
    event = webhooks.receive(body, headers)
    assert_type(event, WebhookEvent)
    assert_type(event.connection_id, str | None)
    assert_type(event.raw, JsonValue)
    assert_type(nango.invalidate_for(event), int)
    match event:
        case AuthWebhook():
            if event.error is not None:
                assert_type(event.error.payload, JsonValue)
            return event.operation
        case SyncWebhook():
            assert_type(event.response_results, SyncResult | None)
            assert_type(event.modified_after, datetime | None)
            return event.model
        case AsyncActionWebhook():
            return event.id
        case ForwardWebhook():
            assert_type(event.payload, JsonValue)
            return event.provider
        case UnknownWebhook():
            assert_type(event.connection_id, None)
            return event.type or ""
        case _:
            assert_never(event)


def by_hand(payload: dict[str, JsonValue]) -> ForwardWebhook:
    return ForwardWebhook(
        connection_id="user-42", provider_config_key="github", provider="github", payload=payload
    )


async def provider_calls(nango: NangoClient) -> None:
    github = nango.direct("user-42", "github", headers={"X-A": "b"}, retries=2)
    assert_type(github, ProviderSession)
    request = github.get("/user", params={"per_page": 100}, timeout=5)
    assert_type(request, ProviderRequest)
    assert_type(await request, ClientResponse)
    async with github.post(URL("/user"), json=[1], raise_for_status=True) as response:
        assert_type(response, ClientResponse)
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(github.head("/user")), asyncio.Task[ClientResponse])
    proxied = nango.proxy("user-42", "github", retries=1, retry_on=(429,))
    assert_type(await proxied.request("GET", "/user", data=b"x"), ClientResponse)
    middleware = nango.auth("user-42", "github", base_url="https://github.example")
    ClientSession(middlewares=(middleware,))
    prepared = await nango.prepare("user-42", "github", "GET", "/user", data=None)
    assert_type(prepared, PreparedRequest)
    NangoAuth(nango, "user-42", "github")
