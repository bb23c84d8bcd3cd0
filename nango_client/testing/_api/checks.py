"""What the server checks before it looks at its state, as pure functions."""

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final
from urllib.parse import unquote

from nango_client.testing._api.route import covers
from nango_client.testing._messages import RecordedRequest, Refusal, error_answer
from nango_client.testing._payloads.schema import MISSING, Check, Fields
from nango_client.testing._payloads.values import SESSION_PREFIX

_UUID_V4 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)
_SESSION = re.compile(SESSION_PREFIX + "[0-9a-f]{64}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_BYTES: Final = 75_000_000
_SUPPORT_ID: Final = "00000000-0000-4000-8000-000000000000"


def check_escapes(request: RecordedRequest) -> None:
    """Refuse a path that does not decode; the server stumbles over it."""
    try:
        if not _BAD_ESCAPE.search(request.raw_path):
            unquote(request.raw_path, errors="strict")
            return
    except UnicodeDecodeError:
        pass
    raise _stumble("the path is not percent-encoded UTF-8")


def _stumble(hint: str) -> Refusal:
    text = f'An error occurred. Please contact support with this unique id: "{_SUPPORT_ID}"'
    answer = error_answer(500, "generic_error_support", message=text, payload=_SUPPORT_ID)
    return Refusal(answer, hint)


def read_body(request: RecordedRequest) -> Any:
    """Give the body, read where it is JSON; `MISSING` where there is none."""
    if len(request.body) > _MOST_BYTES:
        raise _stumble("a body is 75 MB at most")
    if not request.body or not _is_json(request.headers):
        return MISSING
    try:
        value: Any = json.loads(request.body)
    except ValueError:
        value = None
    if value.__class__ in (dict, list):
        return value
    raise Refusal(
        error_answer(400, "invalid_json", message="The body is not JSON"),
        "the body is a JSON object or array",
    )


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("application/json")


def check_content_type(headers: Mapping[str, str]) -> None:
    """Refuse a request with a body of some other type, although it may have none."""
    if "Content-Type" in headers and not _is_json(headers):
        raise Refusal(
            error_answer(
                415,
                "invalid_content_type",
                message="Content-Type header must be application/json",
            ),
            "a body is sent as application/json, and without one there is no Content-Type",
        )


def bearer(headers: Mapping[str, str]) -> str:
    """Give the request's key or token; empty where there is something else."""
    value = headers.get("Authorization")
    if value is None:
        text = "The request is missing the Authorization header"
        raise _unauthorized("missing_auth_header", text)
    return value[7:] if value.startswith("Bearer ") else ""


def check_key(key: str, keys: Mapping[str, AbstractSet[str] | None]) -> AbstractSet[str] | None:
    """Give the scopes of a key, None for all of them."""
    if not _UUID_V4.fullmatch(key):
        raise _unauthorized("invalid_secret_key_format", "The provided secret key is not a UUID v4")
    if key not in keys:
        raise _unauthorized(
            "unknown_account", "The provided authorization header does not match any account"
        )
    return keys[key]


def check_token(token: str, *, known: bool) -> None:
    """Refuse a connect session's token that is none, or of a session that is over."""
    if not _SESSION.fullmatch(token):
        raise _unauthorized(
            "invalid_connect_session_token_format",
            "The provided token does not have the form of a connect session's",
            "the token of a connect session in the place of the API key",
        )
    if not known:
        raise _unauthorized(
            "unknown_connect_session_token",
            "The provided connect session token does not match any account",
            "the token of a connect session that is less than 30 minutes old",
        )


def _unauthorized(
    code: str, text: str, expected: str = 'the header "Authorization: Bearer <server.api_key>"'
) -> Refusal:
    message = f"Authentication failed. {text}."
    return Refusal(error_answer(401, code, message=message, payload={}), expected)


def check_scopes(scopes: AbstractSet[str] | None, needed: tuple[str, ...]) -> None:
    """Refuse a key that has none of the scopes, of which one is needed."""
    if needed and not any(covers(scopes, scope) for scope in needed):
        several = " one of" if len(needed) > 1 else ""
        text = f"Insufficient scope. Required{several}: {' or '.join(needed)}"
        raise Refusal(error_answer(403, "forbidden", message=text))


def check_values(check: Check, value: Any, code: str) -> None:
    """Refuse what a check complains of, with all complaints."""
    issues = list(check(value, ()))
    if issues:
        takes = f"; it takes {check}" if isinstance(check, Fields) else ""
        hint = f"{code}: {_told(issues)}{takes}"
        raise Refusal(error_answer(400, code, errors=issues), hint)


def _told(issues: Iterable[Mapping[str, Any]]) -> str:
    told = (
        ".".join(str(part) for part in issue["path"]) + f": {issue['message']}"
        if issue["path"]
        else str(issue["message"])
        for issue in issues
    )
    return "; ".join(told)
