"""Webhooks of `MockNango`: made for a test, sent by one, and sent by the server itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from captured import shape

from nango_client import EndUser, RefreshBackoffError, RefreshFailedError, webhooks
from nango_client.models import OAuth2Credentials
from nango_client.testing import MockNango
from nango_client.testing._state import NangoState

IDS = ("user-42", "github")
REFUSED = {"operation": "refresh", "success": False}
CAPTURES = sorted((Path(__file__).parent.parent / "captures" / "webhooks").glob("*.json"))


class Receiver:
    """A receiver of webhooks, with the statuses that it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.bodies: asyncio.Queue[bytes] = asyncio.Queue()
        self.headers: list[Mapping[str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        self.bodies.put_nowait(await request.read())
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def next(self) -> Any:
        return json.loads(await asyncio.wait_for(self.bodies.get(), 10))


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("path", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_it_writes_the_captured_deliveries(path: Path) -> None:
    """With the captured values the bytes are those of the server, and so are both signatures."""
    capture = json.loads(path.read_text("utf-8"))
    body: dict[str, Any] = capture["body"]
    nango = NangoState()
    kind = body["type"]
    fields = {name: body[name] for name in body if name != "type"}
    if "tags" not in body:
        fields["tags"] = None

    made = nango.webhook(
        kind, fields.pop("connectionId"), fields.pop("providerConfigKey"), **fields
    )

    assert made.body.decode() == capture["body_raw"]
    assert webhooks.sign(made.body, capture["signing_key"]) == {
        name: capture["headers"][name] for name in ("X-Nango-Signature", "X-Nango-Hmac-Sha256")
    }
    assert webhooks.receive(made.body, made.headers, nango.signing_key).type == kind


@pytest.mark.parametrize(
    ("name", "kind", "fields"),
    [
        ("auth-creation-imported", "auth", {}),
        ("auth-creation-oauth2-denied", "auth", {"success": False}),
        (
            "auth-refresh-failed-o2-fail-invalid-grant",
            "auth",
            REFUSED,
        ),
        ("sync-success", "sync", {}),
        ("sync-error", "sync", {"success": False}),
        ("async-action-success", "async_action", {}),
        ("forward", "forward", {}),
    ],
)
def test_plain_ones_have_the_captured_members(name: str, kind: Any, fields: Any) -> None:
    """Where a test says nothing, a webhook says what such a one does."""
    capture = json.loads((CAPTURES[0].parent / f"{name}.json").read_text("utf-8"))
    nango = NangoState()
    nango.add_connection(*IDS)
    nango.add_sync(*IDS, "issues", ["Issue"])
    connection_id = "denied" if "denied" in name else "user-42"

    document = json.loads(nango.webhook(kind, connection_id, "github", **fields).body)

    expected = capture["body"]
    assert document.keys() == expected.keys()
    flat = ("error", "payload", "tags", "success")
    assert {k: shape(v) for k, v in document.items() if k not in flat} == {
        k: shape(v) for k, v in expected.items() if k not in flat
    }


def test_fields_have_the_names_of_the_events() -> None:
    """A test writes what it reads, and None leaves a member out."""
    nango = NangoState()
    user = {"id": "u-1", "email": "ada@example.com", "organization": {"id": "acme"}}
    made = nango.webhook("auth", *IDS, end_user=user, auth_mode="API_KEY", environment=None)
    action = nango.webhook("async_action", *IDS, id="7")
    forward = nango.webhook("forward", *IDS, provider="acme", payload=[1.0, 2.5, None])
    sync = nango.webhook("sync", *IDS, sync_name="labels", response_results={"added": 1})

    event = webhooks.parse(made.body)
    assert isinstance(event, webhooks.UnknownWebhook)  # without its environment it is no event
    assert event.raw["authMode"] == "API_KEY"
    assert event.raw["endUser"] == {
        "endUserId": "u-1",
        "endUserEmail": "ada@example.com",
        "organizationId": "acme",
        "tags": {},
    }
    read = webhooks.parse(action.body)
    assert isinstance(read, webhooks.AsyncActionWebhook)
    assert read.id == "7"
    assert b'"payload":[1,2.5,null]' in forward.body
    assert b'"from":"acme"' in forward.body
    assert b'"syncName":"labels"' in sync.body
    with pytest.raises(ValueError, match="a webhook is one of"):
        nango.webhook("other", *IDS)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_a_test_sends_one_and_sees_the_status() -> None:
    """Once, whatever the receiver says."""
    async with receiving() as receiver:
        nango = NangoState()
        receiver.statuses = [500, 204]

        url = f"{receiver.url}?a=1"
        first = await asyncio.to_thread(nango.send_webhook, url, "auth", *IDS)
        second = await asyncio.to_thread(nango.send_webhook, url, "auth", *IDS)

        assert (first, second) == (500, 204)
        body = await receiver.bodies.get()
        assert webhooks.receive(body, receiver.headers[0], nango.signing_key).type == "auth"
        with pytest.raises(ValueError, match="absolute http"):
            nango.send_webhook("/hooks", "auth", *IDS)


@pytest.mark.asyncio
async def test_a_user_who_connects_is_told_of() -> None:
    """A new connection with its end user, a reconnected one without."""
    async with (
        receiving() as receiver,
        MockNango(webhook_url=receiver.url) as server,
        server.client() as nango,
    ):
        server.add_integration("github")
        session = await nango.connect_sessions.create(end_user=EndUser(id="u-1"), tags={"a": "b"})
        connection_id = server.complete_connect_session(session, "github")
        created = await receiver.next()
        again = await nango.connect_sessions.reconnect(connection_id, "github")
        server.complete_connect_session(again, "github")
        overridden = await receiver.next()

        assert (created["operation"], created["connectionId"]) == ("creation", connection_id)
        assert created["endUser"] == {"endUserId": "u-1", "tags": {}}
        assert created["tags"] == {"a": "b", "end_user_id": "u-1"}
        assert overridden["operation"] == "override"
        assert "endUser" not in overridden
        assert receiver.headers[0]["Content-Type"] == "application/json"


@pytest.mark.asyncio
async def test_an_import_is_told_of_at_the_connections_own_address() -> None:
    """As creation and, over an existing id, as override."""
    async with (
        receiving() as receiver,
        MockNango(webhook_url="http://127.0.0.1:1/") as server,
        server.client() as nango,
    ):
        server.add_integration("github")
        credentials = OAuth2Credentials(access_token="abc", raw={})
        await nango.connections.create("github", credentials, connection_id="lost")
        await server_creates(server, receiver.url)

        operations = [(await receiver.next())["operation"] for _ in range(2)]

        assert operations == ["creation", "override"]


async def server_creates(server: MockNango, url: str) -> None:
    """Import a connection twice with an address that only a mock takes."""
    body = {
        "provider_config_key": "github",
        "connection_id": "mine",
        "credentials": {"type": "OAUTH2", "access_token": "abc"},
        "webhook_url_override": url,
    }
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(2):
            async with session.post(f"{server.base_url}/connections", json=body) as response:
                assert response.status == 201


@pytest.mark.asyncio
async def test_failed_renewals_are_told_of_each_time_they_are_tried() -> None:
    """By the endpoint and by the proxy; a back-off is no news, and the receiver may be down."""
    async with (
        receiving() as receiver,
        MockNango(webhook_url=receiver.url) as server,
        server.client() as nango,
    ):
        receiver.statuses = [500, 503, 500]
        server.add_connection(*IDS, expires_in=-1)
        server.break_refresh(*IDS)
        with pytest.raises(RefreshFailedError):
            await nango.get_token(*IDS)
        failed = [await receiver.next() for _ in range(3)]
        server.advance(31)
        with pytest.raises(RefreshFailedError):
            await nango.proxy(*IDS).get("/x")
        with pytest.raises(RefreshBackoffError):
            await nango.proxy(*IDS).get("/x")
        later = await receiver.next()

        assert failed[0] == failed[1] == failed[2]
        assert (failed[0]["operation"], failed[0]["success"]) == ("refresh", False)
        assert failed[0]["error"]["type"] == "refresh_token_external_error"
        assert later == failed[0]
        assert receiver.bodies.empty()


@pytest.mark.asyncio
async def test_runs_of_syncs_are_told_of_by_model() -> None:
    """One for each model where it went well, one for all where it did not."""
    outcomes: list[Exception | None] = [None, RuntimeError("it broke")]

    def run() -> None:
        if error := outcomes.pop(0):
            raise error

    async with (
        receiving() as receiver,
        MockNango(webhook_url=receiver.url) as server,
        server.client() as nango,
    ):
        server.add_connection(*IDS)
        server.add_sync(*IDS, "issues", ("Issue", "Label"), paused=True, on_run=run)
        server.add_records(*IDS, "Issue", [{"id": "1"}])
        await nango.syncs.start(*IDS)
        issue, label = await receiver.next(), await receiver.next()
        await nango.syncs.start(*IDS)
        await nango.syncs.trigger(*IDS)
        failed = await receiver.next()

        assert (issue["model"], issue["responseResults"]["added"]) == ("Issue", 1)
        assert (label["model"], label["responseResults"]["added"]) == ("Label", 0)
        assert issue["syncType"] == "INITIAL"
        assert (failed["model"], failed["success"]) == ("Issue,Label", False)
        assert failed["error"]["payload"]["message"] == "it broke"
        assert receiver.bodies.empty()


@pytest.mark.asyncio
async def test_an_action_is_told_of_when_it_ends() -> None:
    """By the server's clock; the id is that of the run."""
    async with (
        receiving() as receiver,
        MockNango(webhook_url=receiver.url) as server,
        server.client() as nango,
    ):
        server.add_connection(*IDS)
        server.add_action("github", "slow", 1, async_delay=60)
        run = await nango.actions.start(*IDS, "slow")
        server.advance(30)
        server.remove_connection(*IDS)
        assert receiver.bodies.empty()
        server.advance(30)

        told = await receiver.next()

        assert told["payload"]["id"] == run.id
        assert await nango.actions.result(run) == 1


@pytest.mark.asyncio
async def test_without_an_address_none_is_sent() -> None:
    """A connection's own address changes nothing about that; nor is one sent by what is stopped."""
    async with receiving() as receiver:
        async with MockNango() as server, server.client() as nango:
            server.add_connection(*IDS, webhook_url_override=receiver.url)
            server.add_sync(*IDS, "issues", ["Issue"])
            await nango.syncs.trigger(*IDS)
        stopped = MockNango(webhook_url=receiver.url)
        stopped.add_connection(*IDS)
        stopped.add_action("github", "act")
        stopped.advance(1)

        assert receiver.bodies.empty()


@pytest.mark.asyncio
async def test_a_receiver_that_is_not_there_keeps_nobody_waiting() -> None:
    """The server tries three times and goes on."""
    async with (
        receiving() as receiver,
        MockNango(webhook_url="http://127.0.0.1:1/") as server,
        server.client() as nango,
    ):
        server.add_connection(*IDS)
        server.add_sync(*IDS, "issues", ["Issue"])
        await nango.syncs.trigger(*IDS)
        server.add_connection("other", "github", webhook_url_override=receiver.url)
        server.add_sync("other", "github", "issues", ["Issue"])
        await nango.syncs.trigger("other", "github")

        assert (await receiver.next())["connectionId"] == "other"
