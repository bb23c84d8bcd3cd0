"""A tour of the client against a mock server in this process: no account and no network needed."""

import asyncio
from collections import Counter

from nango_client import webhooks
from nango_client._client import NangoClient
from nango_client._config import RetryPolicy
from nango_client.exceptions import APIStatusError, InvalidSignatureError, ReconnectRequiredError
from nango_client.testing import MockNango

_USER = {"end_user_id": "ada"}


async def run_demo() -> None:
    """Tell the story of a connection, and after each chapter what reached the servers."""
    async with MockNango() as server, server.client(retry=RetryPolicy(initial_delay=0.0)) as nango:
        server.add_integration("github", provider="github")
        server.provider("github").respond("GET", "/user", json={"login": "ada"})
        print(f"A mock Nango server answers at {server.base_url}; time is moved by hand.")
        connection_id = await _connect(nango, server)
        await _receive(nango, server, connection_id)
        await _cache(nango, server, connection_id)
        await _call(nango, server, connection_id)
        await _end(nango, server, connection_id)
        await _outage(nango, server, connection_id)
    print("\nNext: nango-client get CONNECTION_ID PROVIDER_CONFIG_KEY, with NANGO_API_KEY set.")


async def _connect(nango: NangoClient, server: MockNango) -> str:
    _title("1. A user connects: your server makes a session, the browser does the rest")
    session = await nango.connect_sessions.create(tags=_USER, allowed_integrations=["github"])
    _say("your server", "has a link for Ada, good for 30 minutes")
    connection_id = server.complete_connect_session(session, "github")
    _say("the browser", "shows it; Ada signs in at GitHub; Nango makes a connection, ID")
    _show_requests(server, connection_id)
    return connection_id


async def _receive(nango: NangoClient, server: MockNango, connection_id: str) -> None:
    _title("2. Nango tells your server by webhook, which checks who sent it")
    hook = server.webhook("auth", connection_id, "github", operation="creation")
    event = webhooks.receive(hook.body, hook.headers, server.signing_key)
    _say("as it came", f"{type(event).__name__}, signed by Nango")
    try:
        webhooks.receive(hook.body.replace(b"github", b"gitlab"), hook.headers, server.signing_key)
    except InvalidSignatureError as error:
        _say("changed", type(error).__name__)
    found = await nango.connections.first(connection_id=connection_id)
    _say("whose it is", found.tags["end_user_id"] if found else "nobody's")
    _show_requests(server, connection_id)


async def _cache(nango: NangoClient, server: MockNango, connection_id: str) -> None:
    _title("3. A token: fetched once, then answered from memory")
    for _ in range(10):
        await asyncio.gather(*(nango.get_token(connection_id, "github") for _ in range(1000)))
    info = nango.cache_info()
    _say("10,000 calls", f"{info.misses} fetched, {info.coalesced} waited for it, {info.hits} hits")
    _show_requests(server, connection_id)


async def _call(nango: NangoClient, server: MockNango, connection_id: str) -> None:
    _title("4. A call of GitHub: address and credentials are put in here, with no hop")
    _say("GET /user", await _login(nango, connection_id))
    _show_requests(server, connection_id)


async def _end(nango: NangoClient, server: MockNango, connection_id: str) -> None:
    _title("5. The token ends: what can be renewed is, and else the user is asked")

    async def call(label: str) -> None:
        login = await _login(nango, connection_id)
        renewals = server.refresh_count(connection_id, "github")
        _say(label, f"{login}; renewed so far: {renewals}")

    server.advance(3600)
    await call("it expired")
    server.revoke_token(connection_id, "github")
    await call("it was revoked")
    server.break_refresh(connection_id, "github", exhausted=True)
    server.advance(3600)
    try:
        await nango.get_token(connection_id, "github")
    except ReconnectRequiredError as error:
        _say("Ada withdrew it", type(error).__name__)
    session = await nango.connect_sessions.reconnect(connection_id, "github", tags=_USER)
    server.complete_connect_session(session, "github")
    nango.invalidate(connection_id, "github")
    await call("she reconnected")
    _show_requests(server, connection_id)


async def _outage(nango: NangoClient, server: MockNango, connection_id: str) -> None:
    _title("6. Nango is down: what is in memory serves on, but never past its end")
    server.fail_next(503, times=1000)
    server.advance(1800)
    logins = await asyncio.gather(*(_login(nango, connection_id) for _ in range(100)))
    _say("after 30 min", f"100 calls: {', '.join(set(logins))}")
    server.advance(1800)
    try:
        await nango.get_token(connection_id, "github")
    except APIStatusError as error:
        _say("after 60 min", f"{type(error).__name__}, once the token has ended")
    _show_requests(server, connection_id)


async def _login(nango: NangoClient, connection_id: str) -> str:
    async with nango.direct(connection_id, "github").get("/user") as response:
        return f"{response.status}, {(await response.json())['login']}"


def _show_requests(server: MockNango, connection_id: str) -> None:
    """Say what has reached the servers since the last time, in the order of the first of a kind."""
    github = server.provider("github")
    for label, requests in (("at Nango", server.requests), ("at GitHub", github.requests)):
        counts = Counter(f"{request.method} {request.path}" for request in requests)
        for line, count in counts.items():
            times = f", {count} times" if count > 1 else ""
            _say(f"-> {label}", line.replace(connection_id, "ID") + times)
        requests.clear()


def _title(text: str) -> None:
    print(f"\n{text}")


def _say(label: str, text: str) -> None:
    print(f"  {label:<15} {text}")
