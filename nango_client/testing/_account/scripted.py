"""The answers that tests describe: failures of Nango, and what a provider says."""

from collections.abc import Mapping
from typing import Final

from multidict import CIMultiDict

from nango_client.testing._messages import HTML_TYPE, Answer, error_answer, json_answer
from nango_client.testing._payloads.wire import to_json

_BODILESS: Final = (204, 304)

# What the server itself says at these; anything else that fails is one of its plain errors.
_CODES: Final[Mapping[int, str]] = {
    400: "invalid_request",
    401: "unknown_account",
    403: "forbidden",
    404: "not_found",
    424: "invalid_credentials",
    429: "too_many_request",
}


def failure(
    status: int,
    headers: Mapping[str, str] | None,
    code: str | None,
    message: str | None,
    body: object,
) -> Answer:
    """Make the answer that `MockNango.fail_next` describes.

    Raises:
        TypeError: `body` stands beside `code` or `message`, which it replaces, or is not JSON.
        ValueError: HTTP knows no such status or header.
    """
    _check_status(status)
    if body is None:
        plain = error_answer(status, code or _CODES.get(status, "server_error"), message=message)
    elif code is not None or message is not None:
        raise TypeError("fail_next() takes body, or code and message, not both")
    elif isinstance(body, bytes):
        plain = Answer(status, body)
    elif isinstance(body, str):
        plain = _typed(status, body.encode(), HTML_TYPE)
    else:
        plain = json_answer(status, body)
    return _with_headers(Answer(status) if status in _BODILESS else plain, headers)


def response(
    status: int, json: object, headers: Mapping[str, str] | None, body: str | bytes | None
) -> Answer:
    """Make the answer that `ProviderApi.respond` describes.

    Raises:
        TypeError: there are both `json` and `body`, or `json` is not JSON.
        ValueError: HTTP knows no such status or header.
    """
    _check_status(status)
    if json is not None and body is not None:
        raise TypeError("respond() takes json or body, not both")
    if isinstance(body, str):
        made = _typed(status, body.encode(), "text/plain; charset=utf-8")
    elif body is not None:
        made = _typed(status, body, "application/octet-stream")
    elif status in _BODILESS:
        made = Answer(status)
    else:
        made = json_answer(status, to_json(json))
    return _with_headers(made, headers)


def _check_status(status: int) -> None:
    if not 200 <= status <= 599:  # noqa: PLR2004
        raise ValueError(f"an answer's status is from 200 to 599, not {status}")


def _typed(status: int, body: bytes, content_type: str) -> Answer:
    return Answer(status, body, CIMultiDict({"Content-Type": content_type}))


def _with_headers(answer: Answer, headers: Mapping[str, str] | None) -> Answer:
    given: Mapping[str, str] = headers or {}
    for name, value in given.items():
        if not name or any(c in "\r\n" or c > "\xff" for c in name + value):
            raise ValueError(f"no header can be {name!r}: {value!r}")
    # One that is given twice, as in a `CIMultiDict`, stays twice.
    answer.headers.update(given)
    return answer
