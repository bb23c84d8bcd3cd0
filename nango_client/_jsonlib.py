"""JSON as the API promises it: UTF-8, no NaN, no lone surrogates; by orjson where installed.

Both parsers accept the same documents and give equal values, so that installing the extra changes
nothing but speed.
"""

import json
import re
from collections.abc import Callable
from typing import Any, cast

# An escape in the surrogate range; only then is it worth looking for one without its partner.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _refuse_constant(_name: str) -> Any:
    raise ValueError


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


def loads_stdlib(body: bytes) -> Any:
    """Parse with the standard library.

    Raises:
        ValueError: the body is not JSON.
    """
    try:
        value = _decode(body.decode())
        if _SURROGATE.search(body):
            # Encoding fails where a surrogate stands alone; a pair has become one character.
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError from None
    return value


try:
    from orjson import loads as _orjson_loads

    loads: Callable[[bytes], Any] = _orjson_loads
except ImportError:
    loads = loads_stdlib


def as_object(value: object) -> dict[str, Any] | None:
    """Give a parsed value back if it is a JSON object, else None."""
    return cast("dict[str, Any]", value) if type(value) is dict else None


def as_array(value: object) -> list[Any]:
    """Give a parsed value back if it is a JSON array, else an empty one."""
    return cast("Any", value) if type(value) is list else []
