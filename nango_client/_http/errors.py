"""The error that an answer stands for: its class, its text, and what it carries."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from nango_client._http.headers import rate_limit_reset, retry_after
from nango_client._http.protocol import Request, Response
from nango_client._wire.jsonlib import as_array, as_object, loads
from nango_client.exceptions import (
    ActionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    InvalidCredentialsError,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReconnectRequiredError,
    RefreshBackoffError,
    RefreshFailedError,
    ServerError,
    TransportError,
    UnknownIntegrationError,
)
from nango_client.models._frozen import freeze

RECONNECT_GUIDE: Final = "https://docs.nango.dev/guides/api-authorization/re-authorize-a-connection"

# The server's whole pause after a failed renewal; it sends no Retry-After with it.
_REFRESH_BACKOFF: Final = 30.0
_UNAVAILABLE: Final = 503

# Only these say something about what was asked for, so only these need to be Nango's own word.
_SPEAKS_FOR_NANGO: Final = (AuthenticationError, NotFoundError, PermissionDeniedError)


def is_nangos_word(error: NangoError) -> bool:
    """Say whether an error about key, permission or existence is Nango's own.

    An ingress, a firewall or a login page in between answers 401, 403 and 404 too, but without
    Nango's ``error.code``.
    """
    return not isinstance(error, _SPEAKS_FOR_NANGO) or _is_nangos(error.code)


def _is_nangos(code: str | None) -> bool:
    return code is not None and _CODE.fullmatch(code) is not None


def is_gone(error: NangoError) -> bool:
    """Say whether Nango itself says that it does not know what was asked for."""
    return isinstance(error, APIStatusError) and error.code in _UNKNOWN


_UNKNOWN: Final = frozenset({"not_found", "unknown_connection", "unknown_connect_session_token"})


def may_have_run(error: NangoError) -> bool:
    """Say whether Nango may have done what was asked for although this came of it."""
    if isinstance(error, TransportError):
        return error.may_have_run
    if not isinstance(error, APIStatusError):
        return True  # An answer that cannot be read is an answer.
    if error.status == _UNAVAILABLE and error.retry_after is not None:
        return False
    return error.status == 408 or error.status >= 500  # noqa: PLR2004


def error_for(
    request: Request, response: Response, cls: type[APIStatusError] | None = None
) -> APIStatusError:
    """Give the error that an answer with an error status stands for.

    Args:
        request: what was asked.
        response: what came.
        cls: its class where that is known; else it follows the wire's ``error.code`` first and the
            status second.
    """
    error = _error_object(response.body)
    code = error.pop("code", None)
    code = code if isinstance(code, str) else None
    text = error.pop("message", None)
    text = text if isinstance(text, str) else None
    if cls is None:
        cls = _class_for(request, response.status, code, text)
    made = cls(
        _text(cls, code).format(
            about=request.about,
            check=request.about.check,
            label=f"HTTP {response.status}" + (f" {code}" if code and NAME.fullmatch(code) else ""),
            details=_details(request, text, error),
        ),
        status=response.status,
        code=code,
        message=None if text is None or "{" in text else text,
        # Read-only, because callers that share a failure share it too.
        payload=freeze(error.get("payload", error or None)),
        retry_after=retry_after(response.headers, response.received_at),
        headers=response.headers,
    )
    if isinstance(made, ActionError):
        made.upstream = freeze(as_object(error.get("upstream")))
    if isinstance(made, RefreshBackoffError) and made.retry_after is None:
        made.retry_after = _REFRESH_BACKOFF
    reset = rate_limit_reset(response.headers)
    if isinstance(made, RateLimitError) and reset is not None:
        made.reset_at = datetime.fromtimestamp(reset, UTC)
        if made.retry_after is None:
            made.retry_after = max(reset - response.server_time(), 0.0)
    return made


# Names of the wire that may stand in an error's text: nothing else that a server sent may.
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# All codes of Nango look like this; those of Azure's gateways, which also put one here, do not.
_CODE: Final = re.compile(r"[a-z0-9_]{1,64}")
_SCOPE = re.compile(r"\b(?:environment|account):[a-z_]{1,40}(?::[a-z_]{1,40}){0,2}\b")

# What happened, and what to do next; {details} are names that the server gave.
_TEXTS: Final[Mapping[type[APIStatusError], str]] = {
    BadRequestError: (
        "Nango did not accept the request for {about} ({label}{details}): check {check}"
    ),
    UnknownIntegrationError: (
        "Nango knows no such integration ({label}): asked for {about}; check the order of the two "
        "ids, (connection_id, provider_config_key), and the API key's environment"
    ),
    AuthenticationError: (
        "Nango refused the API key ({label}): check NANGO_API_KEY, and that base_url is the server "
        "that made the key"
    ),
    PermissionDeniedError: (
        "the API key may not be used for {about} this way ({label}{details}): give the key the "
        "scope, or ask for less"
    ),
    NotFoundError: (
        "Nango has no {about} ({label}): check {check}, base_url, and that the API key belongs to "
        "the environment that holds it"
    ),
    InvalidCredentialsError: (
        "Nango could not renew the credentials of {about} ({label}): look at the connection in "
        "Nango's dashboard"
    ),
    RefreshFailedError: (
        "Nango could not renew the credentials of {about} ({label}): the provider refused or did "
        "not answer; if it lasts, ask the user to reconnect, see " + RECONNECT_GUIDE
    ),
    RefreshBackoffError: (
        "Nango could not renew the credentials of {about} a moment ago and now waits ({label}): "
        "try again after retry_after seconds"
    ),
    ReconnectRequiredError: (
        "Nango has given up renewing the credentials of {about} ({label}): ask the user to "
        "reconnect, see " + RECONNECT_GUIDE
    ),
    RateLimitError: (
        "the rate limit of the Nango account is used up ({label}): wait for retry_after seconds, "
        "or fetch less often"
    ),
    ServerError: "Nango, or a proxy before it, failed ({label}) at {about}: try again later",
    ActionError: (
        "{about} ran and failed ({label}): look at the error's payload and upstream, and at the "
        "action's log in Nango's dashboard"
    ),
    APIStatusError: (
        "expected {about}, but the server at base_url answered otherwise ({label}{details}): check "
        "that base_url is the final address of a Nango server; redirects are not followed"
    ),
}
_SESSION_TEXT: Final = (
    "Nango knows no such connect session ({label}): it lives 30 minutes, or was ended already"
)
_PLAN_TEXT: Final = (
    "the plan of the Nango account does not allow a call for {about} ({label}): look at the plan "
    "in Nango's dashboard"
)
_NOT_NANGO: Final = (
    "{label} instead of {about}, without Nango's error code, so it did not come from Nango: check "
    "base_url, and what stands before the server (an ingress, a firewall, a login page)"
)

_BY_STATUS: Final[Mapping[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}
# Codes of failures of an action itself (API.md section 9); others of that name are bad input.
_ACTION: Final = re.compile(
    r"(action_)?script_\w+|function_runtime_\w+|execution_timeout|action_failure"
    r"|invalid_action_output"
)
# How servers before `invalid_credentials` named a renewal that failed.
_OLDER_RENEWAL: Final = re.compile(r"server_error|refresh_token_\w+|\w+_fetch_error")


def _text(cls: type[APIStatusError], code: str | None) -> str:
    if cls in _SPEAKS_FOR_NANGO and not _is_nangos(code):
        return _NOT_NANGO
    if code is not None and code.endswith("connect_session_token"):
        return _SESSION_TEXT
    if code == "plan_limit":
        return _PLAN_TEXT
    return _TEXTS[cls]


def _error_object(body: bytes) -> dict[str, Any]:
    """Give the wire's ``error`` object.

    The first generation of the API wrote ``{"error": text, "type": code, "payload"}``; an
    ``error`` that is only a text counts as its message.
    """
    try:
        document = as_object(loads(body)) or {}
    except ValueError:
        return {}
    error = document.pop("error", None)
    if not isinstance(error, str):
        return as_object(error) or {}
    older = {"message": error, "code": document.get("type")}
    return older | ({"payload": document["payload"]} if "payload" in document else {})


def _class_for(
    request: Request, status: int, code: str | None, text: str | None
) -> type[APIStatusError]:
    match code:
        case None:
            pass
        case "invalid_credentials":
            return _renewal_error(status, text or "")
        case "unknown_provider_config":
            return UnknownIntegrationError
        case "unknown_connection":
            return NotFoundError
        case "invalid_body" if text in _UNKNOWN_CONNECTION:
            return NotFoundError
        case code if request.renews and status == 400 and _OLDER_RENEWAL.fullmatch(code):  # noqa: PLR2004
            return RefreshFailedError
        case code if _ACTION.fullmatch(code):
            return ActionError
        case _:
            pass
    if status >= 500:  # noqa: PLR2004
        return ServerError
    return _BY_STATUS.get(status, APIStatusError)


# Two endpoints have no code of their own for it (API.md sections 4 and 8).
_UNKNOWN_CONNECTION: Final = frozenset(
    {"Connection not found", "ConnectionID or IntegrationId does not exists"}
)


def _renewal_error(status: int, text: str) -> type[InvalidCredentialsError]:
    if status != 424:  # noqa: PLR2004
        return RefreshFailedError
    if "recent refresh attempt failed" in text:
        return RefreshBackoffError
    if "refresh limit has been reached" in text:
        return ReconnectRequiredError
    return InvalidCredentialsError


def _details(request: Request, text: str | None, error: Mapping[str, Any]) -> str:
    """Pick scopes and parameter names out of what the server said; they alone are safe to show."""
    names: list[str] = _SCOPE.findall(text or "")
    names += (name for name in _complaints(error) if name in request.parameters())
    return "".join(f", {name}" for name in dict.fromkeys(names))


def _complaints(error: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of parameters that the server complains about, first parts alone."""
    for issue in as_array(error.get("errors")):
        path = as_array((as_object(issue) or {}).get("path"))
        if path and isinstance(path[0], str):
            yield path[0]
