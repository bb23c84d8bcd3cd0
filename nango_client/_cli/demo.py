"""A tour of the client against a mock server in this process: no account and no network needed."""

import asyncio
from datetime import UTC, datetime

from nango_client._client import NangoClient
from nango_client._config import RetryPolicy
from nango_client._events import Event
from nango_client.exceptions import APIStatusError, NoTokenError, ReconnectRequiredError
from nango_client.models import (
    ApiKeyCredentials,
    BasicCredentials,
    Credentials,
    OAuth2Credentials,
)
from nango_client.testing import MockNango


async def run_demo() -> None:
    """Print what the client does on good days and bad ones."""
    events: list[Event] = []
    async with MockNango() as server:
        server.add_connection("user-42", "github", expires_in=3600.0)
        server.add_connection("user-43", "github", expires_in=600.0)
        server.add_connection("user-42", "algolia", "API_KEY")
        server.add_connection("user-42", "ashby", "BASIC")
        server.add_connection("user-42", "ghost", "JWT")
        async with server.client(
            on_event=events.append, retry=RetryPolicy(initial_delay=0.05)
        ) as nango:
            print(f"A mock Nango server answers at {server.base_url}; time is moved by hand.\n")
            await _show_kinds(nango)
            await _show_cache(nango, server, events)
            await _show_provider(nango, server)
            await _show_trouble(nango, server, events)
    print("Next: nango-client get CONNECTION_ID PROVIDER_CONFIG_KEY, with NANGO_API_KEY set.")


async def _show_kinds(nango: NangoClient) -> None:
    _title("Four kinds of credentials, each with its own typed fields")
    for integration in ("github", "algolia", "ashby", "ghost"):
        connection = await nango.get_connection("user-42", integration)
        _say(integration, _describe(connection.credentials))
    try:
        await nango.get_token("user-42", "ashby")
    except NoTokenError as error:
        _say("get_token", f"NoTokenError: {error}")


async def _show_cache(nango: NangoClient, server: MockNango, events: list[Event]) -> None:
    _title("The cache: one request, then answers from memory")
    first = await nango.get_token("user-42", "github")
    before = len(server.requests)
    for _ in range(1000):
        await nango.get_token("user-42", "github")
    _say("hits", f"1,000 calls, {len(server.requests) - before} requests")

    _title("Renewal ahead of expiry: the old token serves while a new one is fetched")
    server.advance(250)
    events.clear()
    await nango.get_token("user-42", "github")
    _say("after 250 s", f"served at once; a renewal began: {_happened(events, 'renewal')}")
    server.advance(3000)
    second = await nango.get_token("user-42", "github")
    _say("after 3,250 s", f"Nango renewed the token; ours is another one: {first != second}")


async def _show_provider(nango: NangoClient, server: MockNango) -> None:
    _title("A call of the provider: base URL and credentials are put in here, with no hop")
    api = server.provider("github")
    api.respond("GET", "/user", json={"login": "ada"})
    github = nango.direct("user-42", "github")
    async with github.get("/user") as response:
        _say("GET /user", f"{response.status}, {(await response.json())['login']}")
    server.revoke_token("user-42", "github")
    before = server.refresh_count("user-42", "github")
    seen = len(api.requests)
    async with github.get("/user") as response:
        renewals = server.refresh_count("user-42", "github") - before
        _say(
            "token revoked",
            f"{response.status} after {len(api.requests) - seen} requests and {renewals} renewal: "
            "the provider said 401, Nango renewed",
        )


async def _show_trouble(nango: NangoClient, server: MockNango, events: list[Event]) -> None:
    _title("A failure that a retry mends")
    server.fail_next(503)
    events.clear()
    await nango.get_connection("user-42", "github", include_refresh_token=True)
    _say("503, then 200", " -> ".join(str(e.status) for e in events if e.kind == "attempt"))

    _title("An outage of Nango: what is cached goes on serving, but never past its expiry")
    token = await nango.get_token("user-42", "github")
    server.fail_next(500, times=1000, connection_id="user-42")
    server.advance(1200)
    served = await asyncio.gather(*(nango.get_token("user-42", "github") for _ in range(100)))
    _say("20 min into it", f"100 callers, the same token still serves: {set(served) == {token}}")
    server.advance(3600)
    try:
        await nango.get_token("user-42", "github")
    except APIStatusError as error:
        _say("once it ended", f"{type(error).__name__}: {error}")

    _title("An error that says what to do")
    server.break_refresh("user-43", "github", exhausted=True)
    try:
        await nango.get_token("user-43", "github")
    except ReconnectRequiredError as error:
        _say("revoked", f"{type(error).__name__}: {error}")
    print()


def _describe(credentials: Credentials) -> str:
    match credentials:
        case OAuth2Credentials(expires_at=datetime() as end):
            return f"OAuth2Credentials: access_token ends at {end.astimezone(UTC):%H:%M:%S} UTC"
        case ApiKeyCredentials(api_key=api_key):
            return f"ApiKeyCredentials: api_key of {len(api_key)} characters"
        case BasicCredentials(username=username):
            return f"BasicCredentials: username {username!r}"
        case other:
            return f"{type(other).__name__}: has an end: {other.expires_at is not None}"


def _happened(events: list[Event], kind: str) -> bool:
    return any(event.kind == kind for event in events)


def _title(text: str) -> None:
    print(f"\n{text}")


def _say(label: str, text: str) -> None:
    print(f"  {label:<15} {text}")
