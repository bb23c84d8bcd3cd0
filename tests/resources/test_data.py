"""Records, syncs and actions: what is refused, what is asked for in parts, and what ends well."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scripted import Scripted

from nango_client import (
    ActionPendingError,
    DecodeError,
    EndUser,
    InvalidArgumentError,
    NangoClient,
    NotFoundError,
    Organization,
    WaitTimeoutError,
)

pytestmark = pytest.mark.asyncio

IDS = ("user-42", "github")
Call = Callable[[NangoClient], Awaitable[Any]]
LONG_AGO = datetime.now(UTC) - timedelta(days=366)


async def records(nango: NangoClient, model: str = "Issue", **options: Any) -> list[Any]:
    return [record async for record in nango.records.list(*IDS, model, **options)]


BAD: dict[str, Call] = {
    "model in lower case": lambda n: records(n, "issue"),
    "model of one letter": lambda n: records(n, "I"),
    "variant": lambda n: records(n, variant="a b"),
    "two filters": lambda n: records(n, filter="added,deleted"),
    "filter in upper case": lambda n: records(n, filter="ADDED"),
    "no ids": lambda n: records(n, ids=[]),
    "ids as a text": lambda n: records(n, ids="1"),
    "ids and cursor": lambda n: records(n, ids=["1"], cursor="c"),
    "empty cursor": lambda n: records(n, cursor=""),
    "long cursor": lambda n: records(n, cursor="c" * 1001),
    "cursor that is none": lambda n: records(n, cursor=5),
    "101 ids of a page": lambda n: n.records.page(*IDS, "Issue", ids=map(str, range(101))),
    "limit": lambda n: n.records.page(*IDS, "Issue", limit=10_001),
    "page size": lambda n: records(n, page_size=0),
    "over a year ago": lambda n: records(n, modified_after=LONG_AGO),
    "naive": lambda n: records(n, modified_after=LONG_AGO.replace(tzinfo=None)),
    "id with a space before": lambda n: n.records.page(" user", "github", "Issue"),
    "key with a space behind": lambda n: n.records.page("user", "github ", "Issue"),
    "no until_cursor": lambda n: n.records.prune(*IDS, "Issue", until_cursor=""),
    "no syncs": lambda n: n.syncs.trigger(*IDS, []),
    "a sync as a text": lambda n: n.syncs.start(*IDS, "issues"),
    "a sync with a comma": lambda n: n.syncs.status(*IDS, ["a,b"]),
    "a sync of three parts": lambda n: n.syncs.pause(*IDS, ["a::b::c"]),
    "empty_cache alone": lambda n: n.syncs.trigger(*IDS, empty_cache=True),
    "29 seconds": lambda n: n.syncs.set_frequency(*IDS, "issues", timedelta(seconds=29)),
    "half a second": lambda n: n.syncs.set_frequency(*IDS, "issues", timedelta(seconds=30.5)),
    "empty frequency": lambda n: n.syncs.set_frequency(*IDS, "issues", ""),
    "variant of a sync": lambda n: n.syncs.create_variant(*IDS, "issues", "a/b"),
    "action": lambda n: n.actions.trigger(*IDS, "a b"),
    "false": lambda n: n.actions.trigger(*IDS, "echo", False),
    "nothing": lambda n: n.actions.start(*IDS, "echo", 0),
    "empty text": lambda n: n.actions.trigger(*IDS, "echo", ""),
    "input with a set": lambda n: n.actions.trigger(*IDS, "echo", {"a": {1}}),  # type: ignore[dict-item]
    "no timeout": lambda n: n.actions.trigger(*IDS, "echo", timeout=0),
    "six retries": lambda n: n.actions.start(*IDS, "echo", max_retries=6),
    "run with dots": lambda n: n.actions.result(".."),
    "no interval": lambda n: n.actions.wait("a", interval=0),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_argument_is_refused_and_nothing_is_sent(name: str) -> None:
    """Also where the server would silently do something else."""
    async with Scripted((200, {})) as server, server.client() as nango:
        with pytest.raises(InvalidArgumentError):
            await BAD[name](nango)

        assert server.requests == []


def page(*ids: str, cursor: str | None = None) -> tuple[int, Any]:
    date = "2026-11-27T04:31:00Z"
    metadata = {"first_seen_at": date, "last_modified_at": date, "last_action": "ADDED"}
    found = [{"id": each, "_nango_metadata": metadata | {"cursor": f"c{each}"}} for each in ids]
    return 200, {"records": found, "next_cursor": cursor}


async def test_more_than_100_ids_are_asked_for_in_portions() -> None:
    """Each portion to its end, however short its pages."""
    ids = [str(number) for number in range(250)]
    answers = [page("0", cursor="x"), page("1"), page("100"), page("200")]
    async with Scripted(*answers) as server, server.client() as nango:
        found = [record.id for record in await records(nango, ids=ids)]

        assert found == ["0", "1", "100", "200"]
        sent = [[v for k, v in asked.query if k == "ids"] for asked in server.requests]
        assert sent == [ids[:100], ids[:100], ids[100:200], ids[200:]]
        assert dict(server.requests[1].query)["cursor"] == "x"


async def test_all_options_of_a_sync_travel() -> None:
    """As the wire names them."""
    async with Scripted((200, {"success": True})) as server, server.client() as nango:
        await nango.syncs.trigger(None, "github", ["a::b"], reset=True, empty_cache=True)

        assert server.requests[0].json == {
            "syncs": ["a::b"],
            "provider_config_key": "github",
            "opts": {"reset": True, "emptyCache": True},
        }


async def test_retries_of_an_action_are_nangos() -> None:
    """They travel as a header."""
    async with Scripted((202, {"id": "run-1"})) as server, server.client() as nango:
        run = await nango.actions.start(*IDS, "echo", max_retries=2)

        assert run.id == "run-1"
        assert server.requests[0].headers["X-Max-Retries"] == "2"


async def test_an_action_that_did_not_run_is_triggered_again_within_its_limit() -> None:
    """A refusal that names a wait is no run."""
    async with (
        Scripted((503, {}), (200, {"a": 1}), headers={"Retry-After": "0"}) as server,
        server.client() as nango,
    ):
        assert await nango.actions.trigger(*IDS, "echo", timeout=30) == {"a": 1}
        assert len(server.requests) == 2


async def test_an_action_that_returns_nothing_gives_none() -> None:
    """An empty answer, and one that is null."""
    async with Scripted((200, None), (200, "null")) as server, server.client() as nango:
        assert await nango.actions.trigger(*IDS, "nothing") is None


async def test_a_result_is_waited_for() -> None:
    """Pending is no reason to stop; a bare 404 says nothing."""
    pending = (404, {"error": {"code": "not_found"}})
    async with (
        Scripted(pending, (404, "not here"), (200, {"a": 1})) as server,
        server.client() as nango,
    ):
        assert await nango.actions.wait("run-1", interval=0.001) == {"a": 1}
        assert len(server.requests) == 3

    async with Scripted(pending) as server, server.client() as nango:
        with pytest.raises(WaitTimeoutError):
            await nango.actions.wait("run-1", timeout=0.0)
        with pytest.raises(ActionPendingError):
            await nango.actions.result("run-1")

    async with Scripted((404, "not here")) as server, server.client() as nango:
        with pytest.raises(NotFoundError):
            await nango.actions.result("run-1")


async def test_a_result_that_is_no_json_is_an_error() -> None:
    """Whatever an action returns is JSON."""
    async with Scripted((200, "<html>")) as server, server.client() as nango:
        with pytest.raises(DecodeError):
            await nango.actions.result("run-1")


async def test_an_answer_of_no_known_form_is_an_error() -> None:
    """A content type says what it is; where it lies, the body does."""
    headers = {"Content-Type": "application/json"}
    async with Scripted((200, "{"), headers=headers) as server, server.client() as nango:
        with pytest.raises(DecodeError, match="not JSON"):
            await nango.actions.result("run-1")
        with pytest.raises(DecodeError):
            await nango.providers.get("github")


async def test_a_new_signing_key_is_given() -> None:
    """It is the only time that Nango shows it."""
    body = {"data": {"webhook_signing_key": "key-1"}}
    async with Scripted((200, body)) as server, server.client() as nango:
        assert await nango.environment.rotate_webhook_signing_key() == "key-1"


async def test_functions_are_searched_page_by_page() -> None:
    """A short page is the last."""
    one = {"type": "sync", "name": "a"}
    answers = [(200, {"data": [one, one]}), (200, {"data": [one]})]
    async with Scripted(*answers) as server, server.client() as nango:
        found = [each async for each in nango.functions.list("k", search="a", page_size=2)]

        assert len(found) == 3
        assert [dict(asked.query) for asked in server.requests] == [
            {"search": "a", "limit": "2"},
            {"search": "a", "limit": "2", "page": "1"},
        ]


async def test_an_organisation_may_have_no_name() -> None:
    """Then none is sent."""
    user = EndUser(id="u", organization=Organization(id="o"))
    async with Scripted((200, {})) as server, server.client() as nango:
        await nango.connections.update(*IDS, end_user=user)

        assert server.requests[0].json["tags"] == {"organization_id": "o"}
