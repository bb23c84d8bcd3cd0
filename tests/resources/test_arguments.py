"""Bad arguments are refused before anything is sent, and no text shows what was passed."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from scripted import Scripted

from nango_client import (
    ApiKeyCredentials,
    AppCredentials,
    BillCredentials,
    EndUser,
    InvalidArgumentError,
    JwtCredentials,
    NangoClient,
    OAuth2Credentials,
    Organization,
    TwoStepCredentials,
)

pytestmark = pytest.mark.asyncio

Call = Callable[[NangoClient], Awaitable[Any]]
CANARY = "canary"
KEY = ApiKeyCredentials(api_key=CANARY)
NAIVE = datetime.fromisoformat("2026-01-01T00:00:00")
TEN = {f"t{number}": "v" for number in range(10)}


async def listed(nango: NangoClient, **filters: Any) -> list[Any]:
    return [item async for item in nango.connections.list(**filters)]


async def functions(nango: NangoClient, **filters: Any) -> list[Any]:
    return [item async for item in nango.functions.list("k", **filters)]


BAD: dict[str, Call] = {
    "no filter": lambda n: n.connections.first(provider_config_key="github"),
    "no filter to wait for": lambda n: n.connections.wait_for(provider_config_key="github"),
    "empty keys": lambda n: listed(n, provider_config_key=[]),
    "key with a comma": lambda n: listed(n, provider_config_key="a,b"),
    "key with a space": lambda n: listed(n, provider_config_key=["a "]),
    "keys that are none": lambda n: listed(n, provider_config_key=[1]),
    "keys that are a number": lambda n: listed(n, provider_config_key=5),
    "empty tags": lambda n: listed(n, tags={}),
    "tags that are a list": lambda n: listed(n, tags=["a"]),
    "tag without value": lambda n: listed(n, tags={"a": ""}),
    "tag with a number": lambda n: listed(n, tags={"a": 1}),
    "tag with a bad key": lambda n: listed(n, tags={"1a": "x"}),
    "tag with a number as key": lambda n: listed(n, tags={1: "x"}),
    "empty search": lambda n: listed(n, search=""),
    "page size 0": lambda n: listed(n, page_size=0),
    "page size 2001": lambda n: listed(n, page_size=2001),
    "page size of a bool": lambda n: listed(n, page_size=True),
    "naive moment": lambda n: n.connections.wait_for(search="x", created_after=NAIVE),
    "no moment": lambda n: n.connections.wait_for(search="x", created_after="2026"),
    "negative timeout": lambda n: n.connections.wait_for(search="x", timeout=-1),
    "no interval": lambda n: n.connections.wait_for(search="x", interval=0),
    "endless timeout": lambda n: n.connections.wait_for(search="x", timeout=float("inf")),
    "dots": lambda n: n.connections.delete("..", "github"),
    "empty id": lambda n: n.connections.update("", "github"),
    "id that is none": lambda n: n.connections.set_metadata([5], "github", {}),
    "11 tags": lambda n: n.connections.update("u", "k", tags={**TEN, "x": "v"}),
    "two tags alike": lambda n: n.connections.update("u", "k", tags={"A": "x", "a": "y"}),
    "tags of the end user": lambda n: n.connections.update(
        "u", "k", tags=TEN, end_user=EndUser(id="u", email=CANARY)
    ),
    "tags of the session": lambda n: n.connect_sessions.create(
        tags={f"t{number}": "v" for number in range(6)},
        end_user=EndUser(
            id="u",
            email=CANARY,
            display_name="x",
            organization=Organization(id="o", display_name="O"),
        ),
    ),
    "end user that is none": lambda n: n.connections.update("u", "k", end_user={"id": CANARY}),
    "end user without id": lambda n: n.connections.update("u", "k", end_user=EndUser(id="")),
    "APP": lambda n: n.connections.create("k", AppCredentials(access_token=CANARY)),
    "JWT": lambda n: n.connections.create("k", JwtCredentials(token=CANARY)),
    "TWO_STEP": lambda n: n.connections.create("k", TwoStepCredentials(token=CANARY)),
    "MCP": lambda n: n.connections.create(
        "k", OAuth2Credentials(access_token=CANARY, type="MCP_OAUTH2")
    ),
    "BILL": lambda n: n.connections.create(
        "k",
        BillCredentials(
            username="u",
            password="p",
            organization_id="o",
            dev_key="d",
            session_id=CANARY,
            user_id="u",
        ),
    ),
    "a dict": lambda n: n.connections.create("k", {"type": "API_KEY", "apiKey": CANARY}),
    "metadata that is none": lambda n: n.connections.set_metadata("u", "k", [CANARY]),
    "metadata with a key that is none": lambda n: n.connections.set_metadata(
        "u", "k", {"a": [{1: CANARY}]}
    ),
    "metadata with a date": lambda n: n.connections.set_metadata("u", "k", {"a": {CANARY}}),
    "metadata with NaN": lambda n: n.connections.create("k", KEY, metadata={"a": float("nan")}),
    "metadata with half a character": lambda n: n.connections.create(
        "k", KEY, metadata={"a": "\ud800"}
    ),
    "config that is none": lambda n: n.connections.create("k", KEY, connection_config="x"),
    "session for nobody": lambda n: n.connect_sessions.create(),
    "session with empty tags": lambda n: n.connect_sessions.create(tags={}),
    "session for no integration": lambda n: n.connect_sessions.create(
        tags={"a": "b"}, allowed_integrations=[]
    ),
    "session for letters": lambda n: n.connect_sessions.create(
        tags={"a": "b"}, allowed_integrations="github"
    ),
    "session with odd defaults": lambda n: n.connect_sessions.create(
        tags={"a": "b"}, integrations_config_defaults=[]
    ),
    "token with a space": lambda n: n.connect_sessions.delete(f"{CANARY} x"),
    "token that is none": lambda n: n.connect_sessions.delete(""),
    "key as dots": lambda n: n.integrations.get("."),
    "new key empty": lambda n: n.integrations.update("k", new_provider_config_key=""),
    "provider with a slash": lambda n: n.integrations.create("k", "a/b"),
    "credentials that are none": lambda n: n.integrations.create("k", "p", credentials={"a": 1}),
    "provider's name": lambda n: n.providers.get("a.b"),
    "function's name": lambda n: n.functions.get("k", "a b"),
    "function's type": lambda n: n.functions.get("k", "f", type="webhook"),
    "deleting an event script": lambda n: n.functions.delete("k", "f", type="on-event"),
    "functions by 101": lambda n: functions(n, page_size=101),
    "format": lambda n: n.functions.config(format="xml"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_argument_is_refused_and_nothing_is_sent(name: str) -> None:
    """The text says what is wrong and does not show the value."""
    async with Scripted((200, {})) as server, server.client() as nango:
        with pytest.raises(InvalidArgumentError) as raised:
            await BAD[name](nango)

        assert server.requests == []
        assert CANARY not in str(raised.value)


async def test_an_organisation_goes_where_the_wire_wants_it() -> None:
    """Beside the end user of a session, and into the tags of a connection."""
    user = EndUser(id="u", organization=Organization(id="o", display_name="Org"))
    session = {"data": {"token": "t", "connect_link": "l", "expires_at": "2026-01-01T00:00:00Z"}}
    async with Scripted((201, session)) as server, server.client() as nango:
        await nango.connect_sessions.create(end_user=user)
        await nango.connections.update("u", "k", end_user=user, tags={"a": "b"})

        first, second = (asked.json for asked in server.requests)
        assert first == {
            "end_user": {"id": "u"},
            "organization": {"id": "o", "display_name": "Org"},
        }
        assert second == {
            "end_user": {"id": "u"},
            "tags": {"organization_id": "o", "organization_display_name": "Org", "a": "b"},
        }


async def test_metadata_for_nobody_is_done_without_a_request() -> None:
    """There is nothing to do."""
    async with Scripted((200, {})) as server, server.client() as nango:
        await nango.connections.set_metadata([], "github", {})
        await nango.connections.update_metadata([], "github", {})

        assert server.requests == []
