"""Records at `MockNango`: adding, deleting, pruning them, and reading them page by page."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from asking import Reply, patch, send
from hypothesis import given, settings
from hypothesis import strategies as st

from nango_client.testing import MockNango
from nango_client.testing._account.records import Place
from nango_client.testing._state import NangoState

if TYPE_CHECKING:
    from nango_client import Record

IDS = ("user-42", "github")
HEADERS = {"Connection-Id": "user-42", "Provider-Config-Key": "github"}


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    nango.add_connection(*IDS)
    return nango


def read(nango: NangoState, query: str = "model=Issue") -> Reply:
    headers = {"Authorization": f"Bearer {nango.api_key}", **HEADERS}
    return send(nango, f"/records?{query}", headers=headers)


def actions(reply: Reply) -> dict[str, str]:
    return {one["id"]: one["_nango_metadata"]["last_action"] for one in reply.document["records"]}


def test_what_is_added_again_is_updated_and_what_is_deleted_keeps_its_data(
    nango: NangoState,
) -> None:
    """The last change tells, and the moments of the first and the last are kept."""
    nango.add_records(*IDS, "Issue", [{"id": 1, "title": "a"}, {"id": "2", "title": "b"}])
    nango.advance(60)
    nango.add_records(*IDS, "Issue", [{"id": "1", "title": "c"}])
    nango.delete_records(*IDS, "Issue", ["2"])
    nango.delete_records(*IDS, "Issue", ["2"])

    one, two = read(nango).document["records"]

    assert (one["id"], one["title"], one["_nango_metadata"]["last_action"]) == ("1", "c", "UPDATED")
    assert one["_nango_metadata"]["first_seen_at"] == "2027-01-15T08:00:00+00:00"
    assert one["_nango_metadata"]["last_modified_at"] == "2027-01-15T08:01:00+00:00"
    assert (two["title"], two["_nango_metadata"]["last_action"]) == ("b", "DELETED")
    assert two["_nango_metadata"]["deleted_at"] == "2027-01-15T08:01:00.000001+00:00"


def test_a_deleted_record_that_comes_back_is_deleted_no_more(nango: NangoState) -> None:
    """It has data again, and stands where it changed last."""
    nango.add_records(*IDS, "Issue", [{"id": "1"}])
    nango.delete_records(*IDS, "Issue", ["1"])
    nango.add_records(*IDS, "Issue", [{"id": "1", "title": "back"}])

    (one,) = read(nango).document["records"]

    assert (one["title"], one["_nango_metadata"]["deleted_at"]) == ("back", None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("added,deleted", {"1": "ADDED"}),
        ("updated,deleted", {"2": "UPDATED"}),
        ("ADDED,updated,deleted", {"1": "ADDED", "2": "UPDATED"}),
        ("updated", {"2": "UPDATED"}),
        ("deleted", {"3": "DELETED"}),
    ],
)
def test_filters_have_the_servers_faults(
    nango: NangoState, words: str, expected: dict[str, str]
) -> None:
    """Beside another word `deleted` lets nothing through."""
    nango.add_records(*IDS, "Issue", [{"id": "1"}, {"id": "2"}, {"id": "3"}])
    nango.add_records(*IDS, "Issue", [{"id": "2"}])
    nango.delete_records(*IDS, "Issue", ["3"])

    assert actions(read(nango, f"model=Issue&filter={words}")) == expected


def test_ids_and_dates_choose(nango: NangoState) -> None:
    """One id or several, and what changed at a moment or later; `delta` wins."""
    nango.add_records(*IDS, "Issue", [{"id": "1"}, {"id": "2"}])
    nango.advance(10)
    nango.add_records(*IDS, "Issue", [{"id": "3"}])

    assert actions(read(nango, "model=Issue&ids=2")).keys() == {"2"}
    assert actions(read(nango, "model=Issue&ids=2&ids=3&ids=9")).keys() == {"2", "3"}
    since = "modified_after=2027-01-15T08:00:10Z"
    assert actions(read(nango, f"model=Issue&{since}")).keys() == {"3"}
    both = f"{since}&delta=2027-01-15T08:00:10.001Z"
    assert actions(read(nango, f"model=Issue&{both}")) == {}
    for wrong in ("2027-02-30T00:00:00Z", "yesterday"):
        reply = read(nango, f"model=Issue&modified_after={wrong}")
        assert reply.error["errors"][0]["message"] == "Invalid ISO datetime"
    reply = read(nango, "model=Issue&delta=2026-01-15T07:00:00Z")
    assert reply.error["errors"][0]["path"] == ["delta"]
    assert [one.problem for one in nango.unexpected_requests][-1].startswith("delta: must be")


def test_variants_are_apart(nango: NangoState) -> None:
    """`base` is the name of the one that has no name."""
    nango.add_records(*IDS, "Issue", [{"id": "1"}])
    nango.add_records(*IDS, "Issue", [{"id": "2"}], variant="team-a")
    nango.delete_records(*IDS, "Issue", ["2"], variant="team-a")

    assert actions(read(nango)) == {"1": "ADDED"}
    assert actions(read(nango, "model=Issue&variant=base")) == {"1": "ADDED"}
    assert actions(read(nango, "model=Issue&variant=team-a")) == {"2": "DELETED"}


def test_pages_may_be_short(nango: NangoState) -> None:
    """However short a page is, `next_cursor` says whether there is more."""
    assert nango.records_page_size is None
    nango.records_page_size = 2
    nango.add_records(*IDS, "Issue", [{"id": n} for n in range(3)])

    first = read(nango).document
    second = read(nango, f"model=Issue&cursor={first['next_cursor']}").document

    assert [len(first["records"]), len(second["records"])] == [2, 1]
    assert second["next_cursor"] is None
    assert nango.records_page_size == 2
    with pytest.raises(ValueError, match="one record at least"):
        nango.records_page_size = 0


def prune(nango: NangoState, **body: Any) -> Reply:
    headers = {"Authorization": f"Bearer {nango.api_key}", **HEADERS}
    headers["Content-Type"] = "application/json"
    body = {"model": "Issue", **body}
    return send(nango, "/records/prune", method="PATCH", headers=headers, body=body)


def test_pruning_empties_up_to_a_cursor_that_it_includes(nango: NangoState) -> None:
    """Data goes, what is known of a record stays, and it keeps its place."""
    nango.add_records(*IDS, "Issue", [{"id": n, "title": "a"} for n in range(4)])
    before = read(nango).document["records"]
    until = before[2]["_nango_metadata"]["cursor"]

    assert prune(nango, until_cursor=until, limit=2).document == {"count": 2, "has_more": True}
    assert prune(nango, until_cursor=until).document == {"count": 1, "has_more": True}
    assert prune(nango, until_cursor=until).document == {"count": 0, "has_more": False}
    after = read(nango).document["records"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert ["title" in one for one in after] == [False, False, False, True]
    assert [one["_nango_metadata"]["pruned_at"] is None for one in after] == [False] * 3 + [True]
    assert [one["_nango_metadata"]["cursor"] for one in after] == [
        one["_nango_metadata"]["cursor"] for one in before
    ]


@pytest.mark.parametrize("cursor", ["abc", "YWJj", "MjAyNy0wMS0xNVQwODowMDowMHx8eA==", "MQ", "é"])
def test_a_bad_cursor_is_a_fault_of_the_server(nango: NangoState, cursor: str) -> None:
    """Whatever is wrong with it, the answer is a 500, and what was expected is told."""
    reply = prune(nango, until_cursor=cursor)

    assert (reply.status, reply.error["code"]) == (500, "server_error")
    assert "cursor" in str(nango.unexpected_requests[-1])


def test_numbers_of_bodies_are_numbers(nango: NangoState) -> None:
    """A limit that is a text, or too great, is refused with its path."""
    cursor = Place(0, "0bb1bd83-0cd4-5351-806f-f4fc192bedfd").cursor()

    for limit in ("5", True, 1.5, 0, 10_001):
        (complaint,) = prune(nango, until_cursor=cursor, limit=limit).error["errors"]
        assert complaint["path"] == ["limit"]


def test_a_connection_takes_its_records_along(nango: NangoState) -> None:
    """Deleted and made again, it has none."""
    nango.add_connection("other", "github")
    nango.add_records("other", "github", "Issue", [{"id": "1"}])
    nango.add_records(*IDS, "Issue", [{"id": "1"}])

    nango.remove_connection(*IDS)
    assert read(nango).error["code"] == "unknown_connection"
    nango.add_connection(*IDS)

    assert actions(read(nango)) == {}
    assert nango.unexpected_requests == []


def test_mistakes_of_a_test_are_told(nango: NangoState) -> None:
    """Unknown connections and records, and names and ids that Nango does not take."""
    with pytest.raises(LookupError, match="known: user-42/github"):
        nango.add_records("nobody", "github", "Issue", [])
    with pytest.raises(LookupError, match="no record 9 of Issue"):
        nango.delete_records(*IDS, "Issue", ["9"])
    with pytest.raises(ValueError, match="begins with one of A-Z"):
        nango.add_records(*IDS, "issue", [])
    with pytest.raises(ValueError, match="variant"):
        nango.add_records(*IDS, "Issue", [], variant="a b")
    for record in ({"title": "a"}, {"id": ""}, {"id": True}):
        with pytest.raises(ValueError, match="has an id"):
            nango.add_records(*IDS, "Issue", [record])
    with pytest.raises(TypeError, match=r"\['12'\]"):
        nango.delete_records(*IDS, "Issue", "12")
    assert patch(nango, "/records/prune", {}).error["code"] == "invalid_headers"


IDENTIFIERS = st.lists(st.integers(0, 8).map(str), min_size=1, max_size=6, unique=True)
STEPS = st.one_of(
    st.tuples(st.just("add"), IDENTIFIERS),
    st.tuples(st.just("delete"), IDENTIFIERS),
    st.tuples(st.just("prune"), st.floats(0, 1)),
    st.tuples(st.just("read"), st.integers(0, 20)),
    st.tuples(st.just("advance"), st.sampled_from([0.0, 0.000001, 60.0])),
)


def change(server: MockNango, kind: str, argument: Any, number: int) -> None:
    """Do one step of a history at the server."""
    known = [one["id"] for one in read(server, "model=Issue&limit=1000").document["records"]]
    if kind == "add":
        server.add_records(*IDS, "Issue", [{"id": one, "step": number} for one in argument])
    elif kind == "delete":
        server.delete_records(*IDS, "Issue", [one for one in argument if one in known])
    elif kind == "advance":
        server.advance(argument)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=25),
    limit=st.integers(1, 5),
    short=st.none() | st.integers(1, 4),
)
def test_a_reader_that_is_killed_ends_with_the_servers_state(
    steps: list[tuple[str, Any]], limit: int, short: int | None
) -> None:
    """From the stored cursor it sees all changes, wherever it was killed; only prunes pass by."""

    async def live() -> None:
        seen: dict[str, Record] = {}
        cursor: str | None = None
        async with MockNango() as server, server.client() as nango:
            server.add_connection(*IDS)
            server.records_page_size = short

            async def read_on(count: int) -> None:
                nonlocal cursor
                records = nango.records.list(*IDS, "Issue", cursor=cursor, page_size=limit)
                async for record in records:
                    if not count:
                        return
                    seen[record.id], cursor, count = record, record.cursor, count - 1

            for number, (kind, argument) in enumerate(steps):
                if kind == "read":
                    await read_on(argument)
                elif kind == "prune" and cursor is not None:
                    await nango.records.prune(*IDS, "Issue", until_cursor=cursor)
                else:
                    change(server, kind, argument, number)
            await read_on(1000)

            server.records_page_size = None
            page = await nango.records.page(*IDS, "Issue", limit=1000)
            assert seen.keys() == {record.id for record in page.records}
            for record in page.records:
                ours, theirs = seen[record.id].metadata, record.metadata
                assert (ours.cursor, ours.last_action) == (theirs.cursor, theirs.last_action)
                if theirs.pruned_at is None:
                    assert seen[record.id].data == record.data

    asyncio.run(live())
