"""JSON as the API promises it: UTF-8, no NaN, no lone surrogates; by orjson where installed.

Both parsers accept the same documents and give equal values, so that installing the extra changes
nothing but speed.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final

# Far more than the API uses, and far less than any parser or interpreter can take.
_MAX_DEPTH: Final = 200

_LONG: Final = 16 * 1024
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

# An escape in the surrogate range; only then is it worth looking for one without its partner.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _refuse_constant(_name: str) -> Any:
    raise ValueError


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


def _int_of_64_bits(text: str) -> int | float:
    """Give an int where 64 bits hold it, with sign or without, and else a float as orjson does."""
    # Longer texts need no look: int() refuses very long ones.
    number = int(text) if len(text) <= len(str(-(2**63))) else math.inf
    return number if -(2**63) <= number < 2**64 else _finite_float(text)


_decode = json.JSONDecoder(
    parse_float=_finite_float, parse_int=_int_of_64_bits, parse_constant=_refuse_constant
).decode


def parse_with_stdlib(body: bytes) -> Any:
    """Parse with the standard library; give what orjson would.

    Raises:
        ValueError: the body is not JSON.
    """
    try:
        value = _decode(body.decode())
        if b"\\" in body and _SURROGATE.search(body):
            # Encoding fails where a surrogate stands alone; a pair has become one character.
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError from None
    return value


_decode_any = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _parse_any(body: bytes) -> Any:
    try:
        return _decode_any(body.decode())
    except RecursionError:
        raise ValueError from None


try:
    from orjson import loads as _orjson_loads

    _parse: Callable[[bytes], Any] = _orjson_loads
except ImportError:
    _parse = parse_with_stdlib


def loads(body: bytes, parse: Callable[[bytes], Any] = _parse) -> Any:
    """Parse a body.

    Raises:
        ValueError: it is not JSON, or nested too deep to be meant.
    """
    value = parse(body)
    # Nearly all answers have too few brackets. Faster than `count`, which goes byte by byte.
    is_flat = len(body) < _LONG and (
        len(body) - len(body.replace(b"[", b"").replace(b"{", b"")) <= _MAX_DEPTH
    )
    if not is_flat and _may_be_deep(body) and _is_deep(value):
        raise ValueError
    return value


def _may_be_deep(body: bytes) -> bool:
    """Say whether a closer look at what is in the brackets is needed."""
    rest = body.translate(None, _NO_BRACKETS)
    for _ in range(_MAX_DEPTH):
        # Takes the innermost pairs out.
        shorter = rest.replace(b"{}", b"").replace(b"[]", b"")
        if not shorter:
            return False
        if len(shorter) == len(rest):
            break  # Brackets inside of texts.
        rest = shorter
    return True


def loads_any(body: bytes) -> Any:
    """Parse JSON of others, which the API makes no promise about.

    Integers keep all their digits, and text its lone surrogates: some providers cut strings in the
    middle of a character, and their words are not ours to refuse.

    Raises:
        ValueError: it is not JSON, or nested too deep to be meant.
    """
    return loads(body, _parse_any)


def _is_deep(value: object) -> bool:
    """Say whether a parsed value has more than `_MAX_DEPTH` levels; each parser has another end."""
    layer: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        layer = [item for part in layer for item in as_array(part)] + [
            item for part in layer for item in (as_object(part) or {}).values()
        ]
        if not layer:
            return False
    return True


def as_object(value: Any) -> dict[str, Any] | None:
    """Give a parsed value back if it is a JSON object, else None."""
    return value if value.__class__ is dict else None


def as_array(value: Any) -> list[Any]:
    """Give a parsed value back if it is a JSON array, else an empty one."""
    return value if value.__class__ is list else []
