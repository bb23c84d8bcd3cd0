"""What long lists hold is read when somebody looks at it."""

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from nango_client import ConnectionSummary, DecodeError, Record
from nango_client._wire.converter import Unreadable, read

METADATA: dict[str, Any] = {
    "first_seen_at": "2026-11-27T04:31:00.484489+00:00",
    "last_modified_at": "2026-11-27T04:31:00.484489+00:00",
    "last_action": "ADDED",
    "cursor": "c",
}
SUMMARY: dict[str, Any] = {
    "id": 1,
    "connection_id": "user-42",
    "provider_config_key": "github",
    "created": "2026-11-27T04:31:00Z",
    "tags": {"a": "b"},
}


def record(**fields: Any) -> Any:
    return decoded(Record, {"id": "1", "name": "x", "_nango_metadata": METADATA | fields})


def decoded(kind: Any, document: Any) -> Any:
    return read(json.dumps(document).encode(), kind, lambda: 0.0)


def test_a_record_has_all_that_it_came_with() -> None:
    """Its data is read-only and leaves out what Nango added."""
    found = record()

    assert found.data == {"id": "1", "name": "x"}
    assert found.cursor == "c"
    assert not found.is_deleted
    assert found.metadata is found.metadata
    assert found.metadata.first_seen_at == datetime(2026, 11, 27, 4, 31, 0, 484489, tzinfo=UTC)
    with pytest.raises(TypeError):
        found.data["name"] = "y"


def test_two_records_are_equal_whatever_was_read_of_them() -> None:
    """Reading is no change."""
    first, second = record(), record()

    assert first.cursor == "c"

    assert first == second
    assert repr(first) == repr(second)
    assert hash(first) == hash(second)


def test_a_date_with_another_offset_is_read_too() -> None:
    """The careful way takes whatever is right."""
    found = record(last_modified_at="2026-11-27T06:31:00+02:00")

    assert found.metadata.last_modified_at == datetime(2026, 11, 27, 4, 31, tzinfo=UTC)


def test_what_is_demanded_is_missed_at_once() -> None:
    """A record without id or metadata is none."""
    for document in (
        {"id": 1, "_nango_metadata": METADATA},
        {"id": "1"},
        {"id": "1", "_nango_metadata": 5},
    ):
        assert isinstance(decoded(Record, document), Unreadable)


def test_metadata_that_cannot_be_read_is_an_error_where_it_is_asked_for() -> None:
    """The error names the field."""
    found = record(last_modified_at="yesterday")

    assert found.id == "1"
    with pytest.raises(DecodeError) as raised:
        _ = found.cursor
    assert raised.value.path == "_nango_metadata"


def test_what_is_optional_has_its_default_in_place_of_another_shape() -> None:
    """Nobody asked for it."""
    found = decoded(ConnectionSummary, SUMMARY | {"tags": [1], "errors": 5, "end_user": "x"})

    assert found.connection_id == "user-42"
    assert dict(found.tags) == {}
    assert found.errors == ()
    assert found.end_user is None


def test_a_name_that_is_no_field_is_an_attribute_error() -> None:
    """Before and after the rest was read, and of an object that somebody made."""
    found = decoded(ConnectionSummary, SUMMARY)
    made = ConnectionSummary(
        id=1,
        connection_id="u",
        provider_config_key="k",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    for each in (found, found, made):
        with pytest.raises(AttributeError, match="nothing"):
            _ = each.nothing  # type: ignore[union-attr]
    assert made.tags == {}


def test_threads_that_read_at_once_see_the_same() -> None:
    """Whoever comes second finds what the first has read."""
    found = [decoded(ConnectionSummary, SUMMARY) for _ in range(200)]
    failed: list[BaseException] = []

    def look() -> None:
        try:
            for each in found:
                assert each.tags == {"a": "b"}
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_depth_is_seen_however_long_the_document() -> None:
    """Brackets inside of texts are none."""
    deep = json.dumps({**SUMMARY, "metadata": {}}).replace(
        '"metadata": {}', '"metadata": ' + "[" * 300 + "]" * 300
    )
    wide = {
        **SUMMARY,
        "connection_id": "]" * 200,
        "metadata": {"a": [["x"]] * 5000, "b": "[{" * 300},
    }

    assert isinstance(read(deep.encode(), ConnectionSummary, lambda: 0.0), Unreadable)
    assert decoded(ConnectionSummary, wide).connection_id == "]" * 200
