"""What a successful answer holds, as a model."""

import re
from functools import lru_cache
from typing import TypeVar

from nango_client._http.protocol import Response
from nango_client._wire.converter import Unreadable, read
from nango_client.exceptions import DecodeError

T = TypeVar("T")

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")


def decode(response: Response, kind: type[T]) -> T:
    """Give the `kind` that a successful answer holds.

    Raises:
        DecodeError: the answer is not JSON, or not what the API promises.
    """
    media_type = _media_type(response.headers.get("Content-Type"))
    if media_type is not None and not media_type.endswith(("/json", "+json")):
        raise DecodeError(
            f"expected JSON, but the answer (HTTP {response.status}) has the content type "
            f"{media_type}: check that base_url is the address of Nango's API"
        )
    result = read(response.body, kind, response.server_time)
    if not isinstance(result, Unreadable):
        return result
    if not result.path:
        raise DecodeError(f"the answer (HTTP {response.status}) is not a JSON object")
    raise DecodeError(
        f"the answer's field {result.path!r} is not what the API promises", path=result.path
    )


# All answers carry the same one.
@lru_cache(maxsize=16)
def _media_type(value: str | None) -> str | None:
    """Give a ``Content-Type`` without its parameters, None where there is none."""
    if value is None:
        return None
    found = _MEDIA_TYPE.match(value)
    return found[0].lower() if found else "of no known form"
