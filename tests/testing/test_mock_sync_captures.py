"""`MockNango` against the captured answers about records, syncs and actions."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from captured import NAMES, Json, compare, exchange, load

from nango_client import ActionError
from nango_client.testing import FakeClock, MockNango

SetUp = Callable[[MockNango, Json], None]

IDS = ("sync-1", "testbed-sync")
FIRST_RUN = datetime.fromisoformat("2026-11-27T04:31:00.484489+00:00").timestamp()


@pytest.fixture
def server() -> Iterator[MockNango]:
    """Give a server at the captured moment, with the captured connections and no more."""
    with MockNango(clock=FakeClock(FIRST_RUN)) as server:
        for connection_id in ("sync-1", "sync-2"):
            server.add_connection(connection_id, "testbed-sync")
        yield server


def contacts(*numbers: int) -> list[dict[str, object]]:
    return [
        {"id": str(number), "name": f"Contact {number}", "email": f"c{number}@example.com"}
        for number in numbers
    ]


def nothing(_server: MockNango, _capture: Json) -> None:
    pass


def first_run(server: MockNango, _capture: Json) -> None:
    server.add_records(*IDS, "Contact", contacts(1, 2, 3, 4, 5))


def history(server: MockNango, _capture: Json) -> None:
    """Add five, update one and add a sixth, and delete one."""
    first_run(server, _capture)
    server.advance(2.68698)
    renamed = {**contacts(2)[0], "name": "Contact 2, renamed"}
    server.add_records(*IDS, "Contact", [renamed, *contacts(6)])
    server.advance(0.018531)
    server.delete_records(*IDS, "Contact", ["3"])


def many(server: MockNango, _capture: Json) -> None:
    server.advance(0.651674)
    server.add_records(
        *IDS,
        "Many",
        [
            {"id": f"{n:04}", "name": f"Row {n}", "email": f"r{n}@example.com"}
            for n in range(1, 251)
        ],
    )


def partly_pruned(server: MockNango, capture: Json) -> None:
    many(server, capture)
    exchange(server, load("api-records-prune")["request"])


def syncs(server: MockNango, _capture: Json) -> None:
    """Add the captured syncs, none of which has run."""
    for name, model in (("slow", "Slow"), ("contacts", "Contact"), ("broken", "Broken")):
        server.add_sync(*IDS, name, (model,), paused=True)
    server.add_sync(*IDS, "many", ("Many",), paused=True)
    server.add_sync("sync-2", IDS[1], "contacts", ("Contact",), paused=True)


def run(server: MockNango, capture: Json) -> None:
    syncs(server, capture)
    first_run(server, capture)
    exchange(server, load("api-sync-trigger")["request"])


def started(server: MockNango, capture: Json) -> None:
    syncs(server, capture)
    server.add_records("sync-2", IDS[1], "Contact", contacts(1, 2, 3, 4, 5))
    request = load("api-sync-start")["request"]
    exchange(server, request | {"body": request["body"] | {"connection_id": "sync-2"}})


def with_variant(server: MockNango, capture: Json) -> None:
    syncs(server, capture)
    exchange(server, load("api-sync-variant-create")["request"])


def actions(server: MockNango, capture: Json) -> None:
    """Deploy the captured actions."""
    syncs(server, capture)
    upstream = {
        "status": 404,
        "headers": {"content-type": "application/json; charset=utf-8"},
        "body": {"status": 404, "upstream_error": True},
    }
    known: dict[str, object] = {
        "echo": lambda given: {"input": given or {}, "connection": "sync-1"},
        "slow-action": {"slept": 4},
        "nothing": None,
        "crash": RuntimeError("it crashed"),
        "action-error": ActionError(
            "refused",
            payload={
                "email": "c1@example.com",
                "message": "A contact with this e-mail exists.",
                "type": "contact_exists",
            },
        ),
        "upstream-404": ActionError("upstream", upstream=upstream),
    }
    for name, result in known.items():
        server.add_action("testbed-sync", name, result, async_delay=4.0)


def asynchronous(name: str, seconds: float) -> SetUp:
    """Start the action of another capture, let time pass, and ask for that run."""

    def set_up(server: MockNango, capture: Json) -> None:
        actions(server, capture)
        _, _, answer = exchange(server, load(name)["request"])
        capture["request"]["path"] = json.loads(answer)["statusUrl"]
        server.advance(seconds)

    return set_up


SET_UPS: Mapping[str, SetUp] = {
    "api-action-action-error": actions,
    "api-action-async": actions,
    "api-action-async-fails": actions,
    "api-action-async-nothing": actions,
    "api-action-echo": actions,
    "api-action-is-a-sync": actions,
    "api-action-no-headers": actions,
    "api-action-no-input": actions,
    "api-action-result": asynchronous("api-action-async", 4),
    "api-action-result-nothing": asynchronous("api-action-async-nothing", 12),
    "api-action-result-pending": asynchronous("api-action-async", 3.9),
    "api-action-slow": actions,
    "api-action-upstream-404": actions,
    "api-records-bad-cursor": first_run,
    "api-records-date-too-old": first_run,
    "api-records-filter-ADDED-upper": history,
    "api-records-filter-added": history,
    "api-records-filter-added-and-updated": history,
    "api-records-filter-bad": history,
    "api-records-filter-deleted": history,
    "api-records-ids-brackets": history,
    "api-records-ids-comma": history,
    "api-records-list": first_run,
    "api-records-modified-after": first_run,
    "api-records-modified-after-newest-z": history,
    "api-records-no-model": first_run,
    "api-records-page-1": many,
    "api-records-prune": many,
    "api-records-prune-rest": partly_pruned,
    "api-records-prune-unknown-model": many,
    "api-records-unknown-connection": first_run,
    "api-records-variant-unknown": first_run,
    "api-sync-frequency": syncs,
    "api-sync-frequency-bad": syncs,
    "api-sync-frequency-unknown-connection": syncs,
    "api-sync-frequency-unknown-sync": syncs,
    "api-sync-pause": syncs,
    "api-sync-pause-unknown-connection": syncs,
    "api-sync-start": syncs,
    "api-sync-start-no-connection": syncs,
    "api-sync-status-all": syncs,
    "api-sync-status-done": run,
    "api-sync-status-never-run": syncs,
    "api-sync-status-no-connection": syncs,
    "api-sync-status-running": syncs,
    "api-sync-status-success": started,
    "api-sync-status-unknown-connection": syncs,
    "api-sync-status-unknown-sync": syncs,
    "api-sync-trigger": syncs,
    "api-sync-trigger-empty-list": syncs,
    "api-sync-trigger-full-resync": syncs,
    "api-sync-trigger-no-connection": syncs,
    "api-sync-trigger-no-integration": syncs,
    "api-sync-trigger-unknown-connection": syncs,
    "api-sync-trigger-unknown-integration": syncs,
    "api-sync-variant-create": syncs,
    "api-sync-variant-create-again": with_variant,
    "api-sync-variant-create-unknown-connection": syncs,
    "api-sync-variant-delete": with_variant,
}
# Their cursors are of another server; the test below goes from page to page itself.
PAGES = ("api-records-page-2", "api-records-page-3")


def test_every_capture_of_records_syncs_and_actions_is_compared() -> None:
    """A new capture has to be compared too."""
    ours = {name for name in NAMES if name.startswith(("api-records", "api-sync", "api-action"))}

    assert {*SET_UPS, *PAGES} == ours


@pytest.mark.parametrize("name", SET_UPS)
def test_it_answers_as_the_captured_server(server: MockNango, name: str) -> None:
    """Set up alike, it gives the same status, headers, codes, and JSON of the same shape."""
    capture = load(name)
    SET_UPS[name](server, capture)
    expected = capture["response"]["body"]

    document = compare(server, capture)

    if name.startswith("api-action") and "id" not in expected and name != "api-action-result":
        assert without_ids(document, capture) == expected
    if "records" in expected and name != "api-records-page-1":
        assert said(document["records"]) == said(expected["records"])
    if "count" in expected or "frequency" in expected:
        assert document == expected
    if "syncs" in expected:
        assert [without_id(one) for one in document["syncs"]] == [
            without_id(one) for one in expected["syncs"]
        ]


def without_ids(document: Any, capture: Json) -> Any:
    """Give the answer with the captured run's id in the place of ours."""
    ours = capture["request"]["path"].rpartition("/")[2]
    text = json.dumps(document)
    theirs = capture["response"]["body"].get("error", {}).get("message") or ""
    found = theirs.partition("'")[2].partition("'")[0]
    return json.loads(text.replace(ours, found)) if found else document


def said(records: list[Json]) -> dict[str, Any]:
    """What each record says, but for its cursor: that holds an id of the server's own."""
    return {
        one["id"]: {
            **one,
            "_nango_metadata": {
                key: value for key, value in one["_nango_metadata"].items() if key != "cursor"
            },
        }
        for one in records
    }


def without_id(sync: Json) -> Json:
    shown = {key: value for key, value in sync.items() if key != "id"}
    return shown | {key: None for key in ("finishedAt", "nextScheduledSyncAt") if shown.get(key)}


def test_pages_follow_each_other_as_captured(server: MockNango) -> None:
    """250 records come as 100, 100 and 50; `next_cursor` is that of the page's last record."""
    many(server, {})
    captures = [load(f"api-records-page-{number}") for number in (1, 2, 3)]
    seen: list[str] = []
    cursor = ""

    for capture in captures:
        capture["request"]["query"] = "model=Many&limit=100" + cursor
        document = compare(server, capture)
        records = document["records"]
        seen += [one["id"] for one in records]
        if document["next_cursor"] is not None:
            assert document["next_cursor"] == records[-1]["_nango_metadata"]["cursor"]
            cursor = "&cursor=" + document["next_cursor"].replace("=", "%3D")

    assert sorted(seen) == [f"{number:04}" for number in range(1, 251)]
