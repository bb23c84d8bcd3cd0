"""The little language of the entries."""

import hashlib
import hmac
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_client._provider.making.functions import PURE_FUNCTIONS
from nango_client._provider.making.templates import Scope, Unresolved, parse

NOW = datetime(2026, 1, 5, 9, 7, 3, 45_678, tzinfo=timezone(timedelta(hours=2)))
VALUES = {"apiKey": "key", "a": {"b": {"c": "deep"}, "n": 42}, "empty": "", "list": [1], "no": None}


def render(text: str, **values: object) -> str:
    scope = Scope(
        VALUES | values,
        functions=PURE_FUNCTIONS,
        request={"method": lambda: "GET"},
        now=NOW,
        random="uuid",
    )
    return parse(text).render(scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain || text }", "plain || text }"),
        ("Bearer ${apiKey}", "Bearer key"),
        ("${a.b.c}-${a.n}", "deep-42"),
        ("${x}", "1.5"),
        ("${y}", "7"),
        ("${z}", "1e+30"),
        ("${method} ${random}", "GET uuid"),
        ("${missing} || right", "right"),
        ("${apiKey} || right", "key"),
        ("${empty} || ${a.n}!", "42!"),
        ("${missing}||a||b", "a"),
        ("${missing} || ${apiKey} || b", "key"),
        ("left ${missing} || ${apiKey}", "key"),
        ("${base64(${apiKey}:)}", "a2V5Og=="),
        ("${base64()}", ""),
        ("${sha256Hex(a(b),c)}", hashlib.sha256(b"a(b),c").hexdigest()),
        ("${sha256Base64(x)}", "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="),
        ("${base64(${base64(${apiKey})})}", "YTJWNQ=="),
        ("${hmacSha1Hex(a,b, ${apiKey})}", hmac.new(b"key", b"a,b", "sha1").hexdigest()),
    ],
)
def test_a_text_is_rendered(text: str, expected: str) -> None:
    """Values, numbers as JavaScript writes them, one alternative, functions inside out."""
    assert render(text, x=1.5, y=7.0, z=1e30) == expected


@pytest.mark.parametrize(
    "text",
    [
        "${missing}",
        "${}",
        "${a}",
        "${list}",
        "${no}",
        "${apiKey.x}",
        "${a.b}",
        "${truth}",
        "${unfinished",
        "${apiKey${apiKey}}",
        "${${apiKey}}",
        "${base64(${missing})}",
        "${unknown(x)}",
        "${base64(x}",
        "${missing} || ${gone}",
        "${now+1:fortnights:X}",
        "${now+999999999:weeks:X}",
        "${now+99999999:days:X}",
        "${nowhere}",
        "${base64(" * 20 + "x" + ")}" * 20,
    ],
)
def test_what_does_not_resolve_is_no_text(text: str) -> None:
    """The caller decides what that means for the place."""
    assert isinstance(render(text, truth=True), Unresolved)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("now", "2026-01-05T07:07:03.045Z"),
        ("now:X", "1767596823"),
        ("now:x", "1767596823045"),
        ("now+1:minutes:X", "1767596883"),
        ("now-2:hour:HH", "05"),
        ("now:YYYYMMDDTHHmmss[Z]", "20260105T070703Z"),
        ("now:YYYY-MM-DDTHH:mm:ss", "2026-01-05T07:07:03"),
        ("now:ddd, DD MMM YYYY HH:mm:ss ZZ", "Mon, 05 Jan 2026 07:07:03 +0000"),
        ("now:dddd D MMMM YY H h:hh a A m s SSS Z M d dd", None),
    ],
)
def test_the_moment_is_written_in_the_formats_of_dayjs(form: str, expected: str | None) -> None:
    """In UTC and in English, whatever the machine's settings are."""
    everything = "Monday 5 January 26 7 7:07 am AM 7 3 045 +00:00 1 1 Mo"

    assert render(f"${{{form}}}") == (expected or everything)


def test_a_place_without_a_clock_has_no_moment() -> None:
    """Nor a UUID."""
    scope = Scope({}, functions={})

    assert isinstance(parse("${now}").render(scope), Unresolved)
    assert isinstance(parse("${random}").render(scope), Unresolved)
    assert isinstance(parse("${base64(x)}").render(scope), Unresolved)


@pytest.mark.parametrize("value", ["${apiKey}", "a, b", ")}", "x || y", "\\${"])
def test_a_value_is_never_read_again(value: str) -> None:
    """Neither as a placeholder, nor as an argument, nor as an alternative."""
    assert render("<${value}>", value=value) == f"<{value}>"
    assert render("${hmacSha1Hex(m, ${value})}", value=value) != render("${hmacSha1Hex(m, x)}")


@given(st.text(alphabet="${}|()., abcbase64now:+X", max_size=60))
def test_every_text_has_a_meaning(text: str) -> None:
    """No entry makes the parser fail, and nothing of the language is left in what it gives."""
    rendered = render(text)

    assert isinstance(rendered, Unresolved) or "${" not in rendered
    assert isinstance(parse(text).names, tuple)


def steps(work: Callable[[], object]) -> int:
    """Count the calls, of Python and of C, that a piece of work makes."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "piece", ["${a}", "${", "}", "${base64(x)}", "x||", "${a} || ", "${a.b.c.d}", "${now:X}", "${("]
)
def test_parsing_and_rendering_take_linear_time(piece: str) -> None:
    """Eight times the text takes eight times the steps."""
    scope = Scope({"a": "1"}, functions=PURE_FUNCTIONS, now=datetime.now(UTC))

    few = steps(lambda: parse(piece * 1000).render(scope))
    many = steps(lambda: parse(piece * 8000).render(scope))

    assert many < few * 9
