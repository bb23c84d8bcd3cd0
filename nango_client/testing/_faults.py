"""Faults that a test has scripted for the next requests."""

from collections.abc import Mapping

import attrs
from multidict import CIMultiDict

from nango_client.testing._wire import (
    HTML_TYPE,
    Answer,
    RecordedRequest,
    error_answer,
    json_answer,
)

_BODILESS = (204, 304)

# What the server itself says at these; anything else that fails is one of its plain errors.
_CODES: Mapping[int, str] = {
    400: "invalid_request",
    401: "unknown_account",
    403: "forbidden",
    404: "not_found",
    424: "invalid_credentials",
    429: "too_many_request",
}


@attrs.define(kw_only=True)
class Fault:
    """Something that happens to the next requests, or the next for one connection."""

    times: int
    connection_id: str | None
    provider_config_key: str | None
    answer: Answer | None = None
    """What is answered; None: nothing, the connection is closed."""
    delay: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times is how many requests it happens to, 1 or more: {self.times}")

    def concerns(self, request: RecordedRequest) -> bool:
        """Say whether it is meant for this request."""
        return self.connection_id in (None, request.connection_id) and (
            self.provider_config_key in (None, request.query.get("provider_config_key"))
        )


class Script:
    """Faults of one kind, in the order in which they were scripted."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Script one more."""
        self._faults.append(fault)

    def take(self, request: RecordedRequest) -> Fault | None:
        """Give the first fault for this request, used up once more."""
        for fault in self._faults:
            if fault.concerns(request):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault
        return None


def scripted_answer(
    status: int,
    headers: Mapping[str, str] | None,
    code: str | None,
    message: str | None,
    body: object,
) -> Answer:
    """Make the answer that `fail_next` describes.

    Raises:
        TypeError: `body` stands beside `code` or `message`, which it replaces, or is not JSON.
        ValueError: HTTP knows no such status or header.
    """
    if not 200 <= status <= 599:  # noqa: PLR2004
        raise ValueError(f"an answer's status is from 200 to 599, not {status}")
    if body is None:
        plain = error_answer(status, code or _CODES.get(status, "server_error"), message=message)
    elif code is not None or message is not None:
        raise TypeError("fail_next() takes body, or code and message, not both")
    elif isinstance(body, bytes):
        plain = Answer(status, body)
    elif isinstance(body, str):
        plain = Answer(status, body.encode(), CIMultiDict({"Content-Type": HTML_TYPE}))
    else:
        plain = json_answer(status, body)
    if status in _BODILESS:
        plain = Answer(status)
    plain.headers.update(_checked(headers or {}))
    return plain


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not name or any(c in "\r\n" or c > "\xff" for c in name + value):
            raise ValueError(f"no header can be {name!r}: {value!r}")
    return headers
