"""Both JSON parsers accept the same documents and give equal values."""

import json
import subprocess
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_client._wire.jsonlib import as_array, as_object, loads, parse_with_stdlib

PARSERS = [orjson.loads, parse_with_stdlib]

REFUSED = {
    "nothing": b"",
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "too large a float": b"[1e999]",
    "lone surrogate": b'["\\ud800"]',
    "lone second surrogate": b'["\\udc00 \\ud83d"]',
    "raw surrogate": b'["\xed\xa0\x80"]',
    "BOM": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "broken UTF-8": b'["\xff"]',
    "trailing comma": b"[1,]",
    "trailing text": b"{} x",
    "single quotes": b"{'a': 1}",
    "control character": b'["\x01"]',
    "comment": b"{} // x",
}
READ = {
    "pair of surrogates": (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
    "NUL": (b'["\\u0000"]', ["\0"]),
    "duplicate keys": (b'{"a": 1, "a": 2}', {"a": 2}),
    "64 bits": (b"[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
    "more than 64 bits": (b"[18446744073709551616, -9223372036854775809]", [2.0**64, -(2.0**63)]),
    "very long int": (b"[" + b"9" * 300 + b"]", [float("9" * 300)]),
    "large float": (b"[1e300, 5e-324, -0.0]", [1e300, 5e-324, -0.0]),
    "white space": (b" \t\r\n{ } ", {}),
}


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("document", REFUSED)
def test_what_is_not_json_is_refused(parse: object, document: str) -> None:
    """UTF-8 without BOM, no constants of JavaScript, no lone surrogates."""
    with pytest.raises(ValueError):  # noqa: PT011  the parsers have texts of their own
        loads(REFUSED[document], parse)  # type: ignore[arg-type]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("document", READ)
def test_odd_but_legal_documents_are_read(parse: object, document: str) -> None:
    """Both parsers give the same values and the same types."""
    body, expected = READ[document]

    assert repr(loads(body, parse)) == repr(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("unit", [b"[]", b'{"a":}'])
def test_depth_has_the_same_end_for_both(parse: object, unit: bytes) -> None:
    """200 levels are read, more are refused, however many."""

    def nested(depth: int) -> bytes:
        opening, closing = unit[:-1], unit[-1:]
        return opening * (depth - 1) + unit[:1] + closing + closing * (depth - 1)

    loads(nested(200), parse)  # type: ignore[arg-type]
    for depth in (201, 1_000, 100_000):
        with pytest.raises(ValueError):  # noqa: PT011
            loads(nested(depth), parse)  # type: ignore[arg-type]


def test_a_broad_document_is_not_deep() -> None:
    """Many containers side by side are fine."""
    body = b"[" + b"[]," * 999 + b"[]]"

    assert len(loads(body)) == 1000


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values, st.booleans())
def test_both_parsers_agree(value: object, escaped: bool) -> None:
    """Whatever json.dumps writes, both read it alike or refuse it both."""
    try:
        body = json.dumps(value, ensure_ascii=escaped).encode()
    except UnicodeEncodeError:
        return
    outcomes = []
    for parse in PARSERS:
        try:
            outcomes.append(repr(loads(body, parse)))
        except ValueError:
            outcomes.append("refused")

    assert outcomes[0] == outcomes[1]


def test_it_works_without_orjson() -> None:
    """The extra is only faster: where it is missing the standard library does the work."""
    program = (
        "import sys; sys.modules['orjson'] = None\n"
        "from nango_client._wire import jsonlib\n"
        "assert jsonlib.loads.__defaults__ == (jsonlib.parse_with_stdlib,)\n"
        "assert jsonlib.loads(b'{\"a\": [1]}') == {'a': [1]}"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


def test_shapes_are_told_apart() -> None:
    """as_object and as_array give what fits and nothing else."""
    assert as_object({"a": 1}) == {"a": 1}
    assert as_object([]) is None
    assert as_array([1]) == [1]
    assert as_array({"a": 1}) == []
