"""Every capture of records, syncs and actions: our method sends that and reads the answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from replay import Call, capture, replay, same

from nango_client import (
    ActionError,
    ActionPendingError,
    ActionRun,
    BadRequestError,
    NangoClient,
    NangoError,
    NotFoundError,
    ServerError,
    UnknownIntegrationError,
)

pytestmark = pytest.mark.asyncio

IDS = ("sync-1", "testbed-sync")
CREATED = "c13f3bfd-13e7-43c4-8781-8af9982c6b6a"


async def records(nango: NangoClient, model: str = "Contact", **options: Any) -> list[Any]:
    return [record async for record in nango.records.list(*IDS, model, **options)]


def cursor_of(name: str) -> str:
    sent = capture(name)["request"]
    if sent.get("body"):
        return str(sent["body"]["until_cursor"])
    return str(sent["query"]).rpartition("cursor=")[2].replace("%3D", "=")


CALLS: dict[str, Call] = {
    "api-records-list": records,
    "api-records-filter-added": lambda n: records(n, filter="added"),
    "api-records-filter-deleted": lambda n: records(n, filter="deleted"),
    "api-records-variant-unknown": lambda n: records(n, variant="v9"),
    "api-records-modified-after-newest-z": lambda n: records(
        n, modified_after=datetime(2026, 11, 27, 4, 31, 3, 190_000, tzinfo=UTC)
    ),
    "api-records-page-1": lambda n: n.records.page(*IDS, "Many"),
    "api-records-page-2": lambda n: n.records.page(
        *IDS, "Many", cursor=cursor_of("api-records-page-2")
    ),
    "api-records-page-3": lambda n: n.records.page(
        *IDS, "Many", cursor=cursor_of("api-records-page-3")
    ),
    "api-sync-status-all": lambda n: n.syncs.status(*IDS),
    "api-sync-status-done": lambda n: n.syncs.status(*IDS, ["contacts"]),
    "api-sync-status-never-run": lambda n: n.syncs.status(*IDS, ["contacts"]),
    "api-sync-status-running": lambda n: n.syncs.status(*IDS, ["contacts"]),
    "api-sync-status-no-connection": lambda n: n.syncs.status(None, IDS[1], ["contacts"]),
    "api-sync-status-success": lambda n: n.syncs.status("sync-2", IDS[1], ["contacts"]),
    "api-sync-status-unknown-sync": lambda n: n.syncs.status(*IDS, ["nope"]),
    "api-sync-trigger": lambda n: n.syncs.trigger(*IDS, ["contacts"]),
    "api-sync-trigger-empty-list": lambda n: n.syncs.trigger(*IDS),
    "api-sync-trigger-no-connection": lambda n: n.syncs.trigger(None, IDS[1], ["contacts"]),
    "api-sync-start": lambda n: n.syncs.start(*IDS, ["contacts"]),
    "api-sync-start-no-connection": lambda n: n.syncs.start(None, IDS[1], ["slow"]),
    "api-sync-pause": lambda n: n.syncs.pause(*IDS, ["contacts"]),
    "api-sync-variant-create": lambda n: n.syncs.create_variant(*IDS, "contacts", "v2"),
    "api-sync-variant-delete": lambda n: n.syncs.delete_variant(*IDS, "contacts", "v2"),
}
RESULTS: dict[str, tuple[Call, Any]] = {
    "api-sync-frequency": (
        lambda n: n.syncs.set_frequency(*IDS, "contacts", "every 2 hours"),
        "2 hours",
    ),
    "api-action-echo": (
        lambda n: n.actions.trigger(*IDS, "echo", {"x": [1, None, "é"]}),
        {"input": {"x": [1, None, "é"]}, "connection": "sync-1"},
    ),
    "api-action-no-input": (
        lambda n: n.actions.trigger(*IDS, "echo"),
        {"input": {}, "connection": "sync-1"},
    ),
    "api-action-slow": (lambda n: n.actions.trigger(*IDS, "slow-action", {}), {"slept": 4}),
    "api-action-async": (
        lambda n: n.actions.start(*IDS, "echo", {"n": 1}),
        ActionRun(id=CREATED),
    ),
    "api-action-result": (
        lambda n: n.actions.result(ActionRun(id=CREATED)),
        {"input": {"n": 1}, "connection": "sync-1"},
    ),
}
FAILURES: dict[str, tuple[Call, type[NangoError]]] = {
    "api-records-bad-cursor": (lambda n: records(n, cursor="abc"), ServerError),
    "api-sync-frequency-bad": (
        lambda n: n.syncs.set_frequency(*IDS, "contacts", "often"),
        BadRequestError,
    ),
    "api-sync-frequency-unknown-connection": (
        lambda n: n.syncs.set_frequency("nope", IDS[1], "contacts", "every hour"),
        NotFoundError,
    ),
    "api-sync-frequency-unknown-sync": (
        lambda n: n.syncs.set_frequency(*IDS, "nope", "every hour"),
        BadRequestError,
    ),
    "api-sync-pause-unknown-connection": (
        lambda n: n.syncs.pause("nope", IDS[1], ["contacts"]),
        NotFoundError,
    ),
    "api-sync-trigger-unknown-connection": (
        lambda n: n.syncs.trigger("nope", IDS[1], ["contacts"]),
        NotFoundError,
    ),
    "api-sync-trigger-unknown-integration": (
        lambda n: n.syncs.trigger("sync-1", "nope", ["contacts"]),
        UnknownIntegrationError,
    ),
    "api-sync-status-unknown-connection": (
        lambda n: n.syncs.status("nope", IDS[1], ["contacts"]),
        NotFoundError,
    ),
    "api-sync-variant-create-again": (
        lambda n: n.syncs.create_variant(*IDS, "contacts", "v2"),
        BadRequestError,
    ),
    "api-sync-variant-create-unknown-connection": (
        lambda n: n.syncs.create_variant("nope", IDS[1], "contacts", "v3"),
        NotFoundError,
    ),
    "api-action-action-error": (
        lambda n: n.actions.trigger(*IDS, "action-error", {}),
        ActionError,
    ),
    "api-action-upstream-404": (
        lambda n: n.actions.trigger(*IDS, "upstream-404", {}),
        ActionError,
    ),
    "api-action-is-a-sync": (lambda n: n.actions.trigger(*IDS, "contacts", {}), NotFoundError),
    "api-action-result-pending": (
        lambda n: n.actions.result("102f3b4a-c0a7-40fd-b18f-7a13f95eb6ad"),
        ActionPendingError,
    ),
    "api-action-result-nothing": (
        lambda n: n.actions.result("09e317bd-486d-4c62-aae4-9c050df5b258"),
        ActionPendingError,
    ),
}
LISTED = {
    name: {"limit": "1000"}
    for name in (*CALLS, *FAILURES)
    if name.startswith("api-records-") and "page" not in name
}


def added_to(name: str) -> dict[str, str]:
    return LISTED.get(name, {})


@pytest.mark.parametrize("name", CALLS)
async def test_a_method_sends_the_captured_request_and_reads_its_answer(name: str) -> None:
    """Method, path, query, headers and body are equal, and so is every value of the answer."""
    body = capture(name)["response"]["body"]

    result = await replay(name, CALLS[name], added_to(name))

    if isinstance(result, list):
        body = body.get("records", body.get("syncs"))
    if result is not None:
        same(result, body)


@pytest.mark.parametrize("name", RESULTS)
async def test_a_method_gives_what_the_captured_answer_means(name: str) -> None:
    """What an action returned, a count, a frequency."""
    call, expected = RESULTS[name]

    assert await replay(name, call, added_to(name)) == expected


@pytest.mark.parametrize("name", FAILURES)
async def test_a_method_raises_what_the_captured_answer_stands_for(name: str) -> None:
    """The class follows Nango's code, and no text holds what the server wrote."""
    call, cls = FAILURES[name]
    message = (capture(name)["response"]["body"].get("error") or {}).get("message")

    with pytest.raises(cls) as raised:
        await replay(name, call, added_to(name))

    assert type(raised.value) is cls
    assert message is None or message not in str(raised.value)


async def test_an_action_error_carries_what_the_action_raised_and_met() -> None:
    """The payload is the action's own; upstream is the answer to its HTTP call."""
    with pytest.raises(ActionError) as raised:
        await replay("api-action-action-error", FAILURES["api-action-action-error"][0], {})
    assert isinstance(raised.value.payload, dict)
    assert raised.value.payload["type"] == "contact_exists"
    assert raised.value.upstream is None

    with pytest.raises(ActionError) as raised:
        await replay("api-action-upstream-404", FAILURES["api-action-upstream-404"][0], {})
    assert raised.value.upstream is not None
    assert raised.value.upstream["status"] == 404


async def test_pruning_goes_on_until_nothing_is_left() -> None:
    """Each request is the captured one, with the size of a portion."""
    from scripted import Scripted

    sent = capture("api-records-prune")["request"]["body"]
    answers = [capture(f"api-records-prune{rest}")["response"] for rest in ("", "-rest")]
    pages = [(200, answer["body"]) for answer in answers]
    async with (
        Scripted(*pages, (200, {"count": 7, "has_more": False})) as server,
        server.client() as nango,
    ):
        pruned = await nango.records.prune(
            *IDS, "Many", until_cursor=sent["until_cursor"], page_size=50
        )

        assert pruned == 50 + 200 + 7
        assert [asked.json for asked in server.requests] == [sent] * 3
        assert {asked.method for asked in server.requests} == {"PATCH"}


async def test_the_frequency_may_be_a_timedelta() -> None:
    """It is sent in the largest unit that fits."""
    from scripted import Scripted

    async with Scripted((200, {"frequency": "x"})) as server, server.client() as nango:
        for frequency in (
            timedelta(seconds=90),
            timedelta(minutes=90),
            timedelta(days=2),
            timedelta(hours=2),
            None,
        ):
            await nango.syncs.set_frequency(*IDS, "contacts", frequency, variant="v2")

        sent = [asked.json for asked in server.requests]
        assert [body["frequency"] for body in sent] == [
            "90 seconds",
            "90 minutes",
            "2 days",
            "2 hours",
            None,
        ]
        assert {body["sync_variant"] for body in sent} == {"v2"}
