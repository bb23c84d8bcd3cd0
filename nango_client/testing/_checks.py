"""What the server checks before it looks for a connection, as pure functions."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from nango_client.testing._wire import Answer, RecordedRequest, error_answer

READ_SCOPE: Final = "environment:connections:read"
CREDENTIALS_SCOPE: Final = "environment:connections:read_credentials"

CONNECTION_ID: Final = re.compile(r"[a-zA-Z0-9,.;:=+~\[\]|@${}\"'\\/_ -]{1,255}")
PROVIDER_CONFIG_KEY: Final = re.compile(r"[a-zA-Z0-9~:.@_ -]{1,255}")

OPTIONS: Final = ("refresh_token", "force_refresh", "refresh_github_app_jwt_token")

_UUID_V4 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Refusal(Exception):  # noqa: N818  what the server decides is no error of the kit
    """A request that is not served; `hint` says what was expected where that was not planned."""

    def __init__(self, answer: Answer, hint: str | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.hint = hint


def check_escapes(request: RecordedRequest) -> None:
    """Refuse a path that does not decode; the server stumbles over it."""
    try:
        if not _BAD_ESCAPE.search(request.raw_path):
            unquote(request.raw_path, errors="strict")
            return
    except UnicodeDecodeError:
        pass
    support_id = "00000000-0000-4000-8000-000000000000"
    text = f'An error occurred. Please contact support with this unique id: "{support_id}"'
    raise Refusal(
        error_answer(500, "generic_error_support", message=text, payload=support_id),
        "the path is not percent-encoded UTF-8",
    )


def check_content_type(headers: Mapping[str, str]) -> None:
    """Refuse a request with a body of some other type, although a GET has none."""
    kind = headers.get("Content-Type")
    if kind is not None and not kind.startswith("application/json"):
        raise Refusal(
            error_answer(
                415,
                "invalid_content_type",
                message="Content-Type header must be application/json",
            ),
            "a GET carries no Content-Type",
        )


def check_key(
    headers: Mapping[str, str], keys: Mapping[str, AbstractSet[str] | None]
) -> AbstractSet[str] | None:
    """Give the scopes of the request's key, None for all of them."""
    value = headers.get("Authorization")
    if value is None:
        code, text = "missing_auth_header", "The request is missing the Authorization header."
    elif not (value.startswith("Bearer ") and _UUID_V4.fullmatch(key := value[7:])):
        code, text = "invalid_secret_key_format", "The provided secret key is not a UUID v4."
    elif key not in keys:
        code = "unknown_account"
        text = "The provided authorization header does not match any account."
    else:
        return keys[key]
    raise Refusal(
        error_answer(401, code, message=f"Authentication failed. {text}", payload={}),
        'the header "Authorization: Bearer <server.api_key>"',
    )


def check_read_scope(scopes: AbstractSet[str] | None) -> None:
    """Refuse a key that may read no connections."""
    if scopes is not None and scopes.isdisjoint((READ_SCOPE, CREDENTIALS_SCOPE)):
        text = f"Insufficient scope. Required one of: {READ_SCOPE} or {CREDENTIALS_SCOPE}"
        raise Refusal(error_answer(403, "forbidden", message=text))


def check_options_scope(scopes: AbstractSet[str] | None, options: AbstractSet[str]) -> None:
    """Refuse options that a key without the scope for credentials must not use."""
    if options and scopes is not None and CREDENTIALS_SCOPE not in scopes:
        text = f"Credential and refresh options require the {CREDENTIALS_SCOPE} scope"
        raise Refusal(error_answer(403, "forbidden", message=text))


def check_query(raw_query: str) -> tuple[str, frozenset[str]]:
    """Give the integration's key, and the options that are on."""
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        given.setdefault(name, []).append(value)
    issues = [
        *_key_issues(given.pop("provider_config_key", [])),
        *(
            _issue("invalid_value", 'Invalid option: expected one of "true"|"false"', name)
            for name in OPTIONS
            if given.get(name, ["false"]) not in (["true"], ["false"])
        ),
    ]
    if unknown := given.keys() - set(OPTIONS):
        issues.append(_issue("unrecognized_keys", f"Unrecognized keys: {sorted(unknown)}"))
    if issues:
        raise Refusal(
            error_answer(400, "invalid_query_params", errors=issues),
            "provider_config_key once, and at most "
            + ", ".join(f"{name}=true" for name in OPTIONS)
            + " beside it",
        )
    on = frozenset(name for name, values in given.items() if values == ["true"])
    query = dict(parse_qsl(raw_query, keep_blank_values=True))
    return query["provider_config_key"], on


def _key_issues(values: list[str]) -> list[dict[str, Any]]:
    name = "provider_config_key"
    if len(values) != 1:
        received = "array" if values else "undefined"
        text = f"Invalid input: expected string, received {received}"
        return [_issue("invalid_type", text, name)]
    if PROVIDER_CONFIG_KEY.fullmatch(values[0]):
        return []
    return [_issue("invalid_format", _pattern_text(PROVIDER_CONFIG_KEY), name)]


def check_connection_id(connection_id: str) -> None:
    """Refuse an id that no connection can have."""
    if not CONNECTION_ID.fullmatch(connection_id):
        issue = _issue("invalid_format", _pattern_text(CONNECTION_ID), "connectionId")
        raise Refusal(
            error_answer(400, "invalid_uri_params", errors=[issue]),
            f"no such id: {ID_RULE}",
        )


ID_RULE: Final = (
    "1 to 255 of the letters a-z, digits and , . ; : = + ~ [ ] | @ $ { } \" ' \\ / _ - space"
)
KEY_RULE: Final = "1 to 255 of the letters a-z, digits and ~ : . @ _ - space"


def _issue(code: str, message: str, *path: str) -> dict[str, Any]:
    return {"code": code, "message": message, "path": list(path)}


def _pattern_text(pattern: re.Pattern[str]) -> str:
    return f"Invalid string: must match pattern /^{pattern.pattern}$/"
