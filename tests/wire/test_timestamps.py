"""Timestamps: every form of the wire, clamping, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_client._wire.timestamps import EARLIEST, LATEST, format_timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T09:43:03.725Z", datetime(2026, 11, 24, 9, 43, 3, 725_000, UTC)),
        ("2026-11-24T09:43:03.476+00:00", datetime(2026, 11, 24, 9, 43, 3, 476_000, UTC)),
        ("2026-11-24T09:43:40Z", datetime(2026, 11, 24, 9, 43, 40, 0, UTC)),
        ("2026-11-24T09:43:40+00:00", datetime(2026, 11, 24, 9, 43, 40, 0, UTC)),
        ("2026-11-24T09:43:03.000Z", datetime(2026, 11, 24, 9, 43, 3, 0, UTC)),
        ("2026-11-24T09:43:03.7Z", datetime(2026, 11, 24, 9, 43, 3, 700_000, UTC)),
        ("2026-11-24T09:43:03.72Z", datetime(2026, 11, 24, 9, 43, 3, 720_000, UTC)),
        ("2026-11-24T09:43:03.7251Z", datetime(2026, 11, 24, 9, 43, 3, 725_100, UTC)),
        ("2026-11-24T09:43:03.72512Z", datetime(2026, 11, 24, 9, 43, 3, 725_120, UTC)),
        ("2026-11-24T09:43:03.725123Z", datetime(2026, 11, 24, 9, 43, 3, 725_123, UTC)),
        ("2026-11-24T11:43:03+02:00", datetime(2026, 11, 24, 9, 43, 3, 0, UTC)),
        ("2026-11-23T22:13:03.5-11:30", datetime(2026, 11, 24, 9, 43, 3, 500_000, UTC)),
    ],
)
def test_every_form_of_the_wire_is_read_as_aware_utc(text: str, expected: datetime) -> None:
    """Z and offsets, without fraction and with one of 1 to 6 digits."""
    moment = parse_timestamp(text)

    assert moment == expected
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+275760-09-13T00:00:00.000Z", LATEST),
        ("+010000-01-01T00:00:00.000Z", LATEST),
        ("10000-01-01T00:00:00Z", LATEST),
        ("-271821-04-20T00:00:00.000Z", EARLIEST),
        ("9999-12-31T23:59:59-05:00", LATEST),
        ("0001-01-01T00:00:00+05:00", EARLIEST),
    ],
)
def test_years_that_python_does_not_know_clamp(text: str, expected: datetime) -> None:
    """A token that never ends is given a far-future year by some providers."""
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2026-11-24", "2026-11-24T09:43:03", "2026-11-24 09:43:03", "2026-13-24T09:43:03Z",
     "2026-11-24T25:00:00Z", "09:43:03Z", "1795479675", "NaN", "\ud800",
     "+2026-11-24T09:43:03Z", "٢٠٢٦-11-24T09:43:03Z", "+99999x",
     None, 1795479675, 1.5, True, [], {}],
)  # fmt: skip
def test_what_is_no_timestamp_with_an_offset_is_refused(value: object) -> None:
    """The refusal never quotes the value."""
    with pytest.raises(ValueError, match=r"^(not a string|not a timestamp|no offset)$"):
        parse_timestamp(value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives_the_wire_to_the_millisecond(moment: datetime) -> None:
    """Writing and reading gives the moment, cut to milliseconds."""
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    assert parse_timestamp(format_timestamp(moment)) == cut


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)),
)
def test_any_offset_names_the_same_moment(moment: datetime, offset: timedelta) -> None:
    """A local time and its offset are the moment in UTC."""
    local = moment.replace(tzinfo=timezone(timedelta(seconds=int(offset.total_seconds()))))

    assert parse_timestamp(local.isoformat()) == local


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    """Reading gives an aware datetime or a ValueError."""
    try:
        moment = parse_timestamp(text)
    except ValueError:
        return

    assert moment.tzinfo is UTC


def test_a_moment_is_written_as_the_wire_does() -> None:
    """Milliseconds and Z, whatever the zone."""
    moment = datetime(2026, 11, 24, 11, 43, 3, 725_999, timezone(timedelta(hours=2)))

    assert format_timestamp(moment) == "2026-11-24T09:43:03.725Z"
