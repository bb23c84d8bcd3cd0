"""Waits and dates that headers carry: every legal form is read, and nothing else has an effect."""

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nango_client._http.headers import (
    parse_date,
    rate_limit,
    rate_limit_reset,
    retry_after,
    server_time,
)

# 1994-11-06 08:49:37 UTC, the moment of RFC 9110's examples.
MOMENT = 784_111_777.0
NOW = MOMENT - 100


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0000",
        "Sun, 06 Nov 1994 09:49:37 +0100",
    ],
)
def test_all_forms_of_an_http_date_are_read(text: str) -> None:
    """RFC 9110 has three forms, and offsets occur."""
    assert parse_date(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "1994-11-06",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov",
        "\x00",
        "9" * 99,
    ],
)
def test_what_is_no_http_date_counts_as_absent(text: str) -> None:
    """An unreadable date has no effect."""
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("007", 7.0),
        ("1.5", 1.5),
        ("1.", 1.0),
        (" 7\t", 7.0),
        ("86400", 86_400.0),
        ("9" * 400, 1e9),
        ("1000000000000", 1e9),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 100.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 100.0),
        ("Sun Nov  6 08:49:37 1994", 100.0),
        ("Sun, 06 Nov 1988 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
    ],
)
def test_every_legal_retry_after_is_read(value: str, seconds: float) -> None:
    """Seconds, fractions and all dates; what is past is 0 and what is absurd is capped."""
    assert retry_after({"Retry-After": value}, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    ["", " ", "-1", "-0", "+1", "nan", "inf", "-inf", "1e3", "0x10", "1,5", "1 2", "1_000", "soon",
     "٣", "½", ".5", "\x00", "9" * 400 + "x"],
)  # fmt: skip
def test_an_unreadable_retry_after_counts_as_absent(value: str) -> None:
    """What is no wait asks for none, and raises nothing."""
    assert retry_after({"Retry-After": value}, NOW) is None


def test_without_the_header_there_is_no_wait() -> None:
    """Absent is None and not 0."""
    assert retry_after({}, NOW) is None


def test_a_date_counts_from_the_servers_own_clock() -> None:
    """Where the answer has a Date, the local clock may be wrong by years."""
    headers = {
        "Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT",
        "Date": "Sun, 06 Nov 1994 08:49:07 GMT",
    }

    assert retry_after(headers, now=0.0) == 30.0


@given(st.text(max_size=40) | st.floats().map(str) | st.integers().map(str), st.floats(0, 4e9))
@example("9" * 5000, 0.0)
@example("Sun, 06 Nov 0001 08:49:37 +2359", 0.0)
@example("Sun, 06 Nov 9999 23:59:59 -2359", 0.0)
def test_retry_after_never_raises_and_is_never_negative_nor_nan(value: str, now: float) -> None:
    """Whatever a server sends, the wait is None or a finite number from 0 on."""
    seconds = retry_after({"Retry-After": value}, now)

    assert seconds is None or 0.0 <= seconds <= 1e9


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)), st.integers(0, 4 * 10**9))  # noqa: DTZ001
def test_a_date_in_the_future_is_the_seconds_until_then(moment: datetime, now: int) -> None:
    """A date means the same as the seconds until it."""
    moment = moment.replace(microsecond=0, tzinfo=UTC)

    seconds = retry_after({"Retry-After": format_datetime(moment, usegmt=True)}, now)

    assert seconds == min(max(moment.timestamp() - now, 0.0), 1e9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1795479675", 1_795_479_675.0),
        ("1795479675.5", 1_795_479_675.5),
        ("0", 0.0),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("1e9", None),
        ("253402300800", None),
        ("9" * 400, None),
    ],
)
def test_the_end_of_the_window_is_read_where_it_is_a_moment(
    value: str, expected: float | None
) -> None:
    """Epoch seconds that a datetime can hold; anything else counts as absent."""
    assert rate_limit_reset({"X-RateLimit-Reset": value}) == expected


def test_without_the_header_there_is_no_window() -> None:
    """Absent is None."""
    assert rate_limit_reset({}) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Limit": "200"}, 200),
        ({"X-RateLimit-Limit": " 5\t"}, 5),
        ({"X-RateLimit-Limit": "0"}, 0),
        ({"X-RateLimit-Limit": "-5"}, None),
        ({"X-RateLimit-Limit": "5.5"}, None),
        ({"X-RateLimit-Limit": "200, 200;w=60"}, None),
        ({"X-RateLimit-Limit": "9" * 5_000}, None),
        ({"X-RateLimit-Limit": ""}, None),
        ({}, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_size_of_the_window_is_a_whole_number(
    headers: dict[str, str], expected: int | None
) -> None:
    """Anything else, a number that no server means included, counts as absent."""
    assert rate_limit(headers) == expected


@given(st.text(max_size=40) | st.floats().map(str) | st.integers().map(str))
def test_the_end_of_the_window_never_raises_and_makes_a_datetime(value: str) -> None:
    """Whatever a server sends, what is given can become a datetime."""
    reset = rate_limit_reset({"X-RateLimit-Reset": value})

    assert reset is None or not math.isnan(datetime.fromtimestamp(reset, UTC).timestamp())


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, MOMENT), ({"Date": "x"}, 5.0), ({}, 5.0)],
)
def test_the_servers_time_is_its_date_or_else_ours(
    headers: dict[str, str], expected: float
) -> None:
    """An absent or unreadable Date leaves the local time."""
    assert server_time(headers, 5.0) == expected
