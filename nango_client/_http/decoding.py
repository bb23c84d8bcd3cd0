"""What a successful answer holds, as models or plain JSON."""

import re
from functools import lru_cache
from typing import Any, TypeVar

from nango_client._http.protocol import Response
from nango_client._wire.converter import Unreadable, read
from nango_client._wire.jsonlib import loads
from nango_client.exceptions import DecodeError
from nango_client.models import JsonValue
from nango_client.models._frozen import freeze

T = TypeVar("T")

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")


def decode(response: Response, kind: type[T]) -> T:
    """Give the `kind` that a successful answer holds.

    Raises:
        DecodeError: the answer is not JSON, or not what the API promises.
    """
    # Written out, because each fetch comes here.
    refused = _refused_type(response.headers.get("Content-Type"))
    if refused is not None:
        raise _is_no_json(response, refused)
    result = read(response.body, kind, response.server_time)
    if not isinstance(result, Unreadable):
        return result
    if not result.path:
        raise DecodeError(f"the answer (HTTP {response.status}) is not the JSON that was expected")
    raise DecodeError(
        f"the answer's field {result.path!r} is not what the API promises", path=result.path
    )


def decode_json(response: Response) -> JsonValue:
    """Give the JSON that a successful answer holds, read-only, whatever it is.

    Raises:
        DecodeError: the answer is not JSON.
    """
    _check_media_type(response)
    found = _try_loads(response)
    if isinstance(found, Unreadable):
        raise DecodeError(f"the answer (HTTP {response.status}) is not JSON")
    value: JsonValue = found
    return value


def ignore(response: Response) -> None:
    """Take a successful answer that holds nothing of interest, an empty one included.

    Raises:
        DecodeError: it is a page for browsers: what answered is not Nango's API.
    """
    if response.body:
        _check_media_type(response)


def _try_loads(response: Response) -> Any:
    try:
        return freeze(loads(response.body))
    except ValueError:
        return Unreadable()


def _check_media_type(response: Response) -> None:
    refused = _refused_type(response.headers.get("Content-Type"))
    if refused is not None:
        raise _is_no_json(response, refused)


# All answers carry the same one.
@lru_cache(maxsize=16)
def _refused_type(value: str | None) -> str | None:
    """Give the type in a ``Content-Type`` that is not JSON's, else None."""
    if value is None:
        return None
    found = _MEDIA_TYPE.match(value)
    media_type = found[0].lower() if found else "of no known form"
    return None if media_type.endswith(("/json", "+json")) else media_type


def _is_no_json(response: Response, media_type: str) -> DecodeError:
    return DecodeError(
        f"expected JSON, but the answer (HTTP {response.status}) has the content type "
        f"{media_type}: check that base_url is the address of Nango's API"
    )
