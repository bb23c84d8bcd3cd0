"""The Nango protocol without I/O: requests, answers, and the error that an answer stands for."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, final
from urllib.parse import quote

import attrs

from nango_client._http.headers import rate_limit_reset, retry_after, server_time
from nango_client._wire.jsonlib import as_array, as_object, loads
from nango_client.exceptions import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    InvalidCredentialsError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReconnectRequiredError,
    RefreshBackoffError,
    RefreshFailedError,
    ServerError,
    UnknownIntegrationError,
)
from nango_client.models._frozen import freeze

MAX_ID_LENGTH: Final = 255
CREDENTIALS_SCOPE: Final = "environment:connections:read_credentials"
RECONNECT_GUIDE: Final = "https://docs.nango.dev/guides/api-authorization/re-authorize-a-connection"

# The server's whole pause after a failed renewal; it sends no Retry-After with it.
_REFRESH_BACKOFF: Final = 30.0


# What is asked for: both ids, and the wire names of the options that are on. It decides the answer,
# so cached answers and requests under way are known by it.
Key = tuple[str, ...]
# The two ids of a connection.
Pair = tuple[str, ...]


@final
@attrs.define(eq=False)
class Request:
    """One GET for a connection, ready to be sent."""

    key: Key
    """What is asked for."""
    path: str
    """Percent-encoded, with a leading slash; appended to the base URL as it is."""
    query: str
    """Percent-encoded, without the question mark."""
    changes_state: bool
    """The request makes Nango do something, so it must not be sent twice by accident."""

    @property
    def about(self) -> str:
        """What is asked for, in words for error texts."""
        return f"connection {self.key[0]!r} of integration {self.key[1]!r}"


@final
@attrs.define(eq=False)
class Response:
    """One whole answer. The body never shows in a ``repr``."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    received_at: float
    """Wall-clock time at which the answer had come, epoch seconds."""

    def server_time(self) -> float:
        """Give the answer's ``Date`` in epoch seconds, or when it came where it has none."""
        return server_time(self.headers, self.received_at)


def check_id(name: str, value: object) -> str:
    """Give `value` back if Nango could know it as an id.

    Raises:
        InvalidArgumentError: it is not a string of 1 to 255 characters, or holds control
            characters or lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} must be a str, not {type(value).__name__}")
    if not value:
        raise InvalidArgumentError(f"{name} is empty")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidArgumentError(
            f"{name} has {len(value)} characters; Nango takes {MAX_ID_LENGTH} at most"
        )
    if _UNUSABLE.search(value):
        raise InvalidArgumentError(f"{name} holds a control character or a lone surrogate")
    return value


_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Nearly all ids: nothing to refuse in them, nothing to escape.
_PLAIN = re.compile(f"[A-Za-z0-9_.~-]{{1,{MAX_ID_LENGTH}}}")


def _quoted(name: str, value: str) -> str:
    if type(value) is str and _PLAIN.fullmatch(value):
        return value
    return quote(check_id(name, value), safe="")


# There are few integrations, and many connections of each.
@lru_cache(maxsize=1024)
def _query(provider_config_key: str) -> str:
    return f"provider_config_key={_quoted('provider_config_key', provider_config_key)}"


FORCE_REFRESH: Final = "force_refresh"
INCLUDE_REFRESH: Final = "refresh_token"
RENEW_GITHUB: Final = "refresh_github_app_jwt_token"
_VARIANTS: Final = ((), (INCLUDE_REFRESH,), (RENEW_GITHUB,), (INCLUDE_REFRESH, RENEW_GITHUB))


def variants(pair: Pair) -> Iterator[Key]:
    """Give the keys of all that can be asked for about a connection without force."""
    for options in _VARIANTS:
        yield *pair, *options


def connection_request(key: Key) -> Request:
    """Make the request for one connection.

    Raises:
        InvalidArgumentError: Nango could not know one of the ids, or the connection id is ``.`` or
            ``..``, which proxies take for a part of the path.
    """
    segment = _quoted("connection_id", key[0])
    if segment in {".", ".."}:
        raise InvalidArgumentError(f"connection_id {segment!r} cannot travel in a URL's path")
    query = _query(key[1])
    options = key[2:]
    # The server refuses what it does not know, and older ones know less: send only what is true.
    for option in options:
        query += f"&{option}=true"
    return Request(key, f"/connection/{segment}", query, FORCE_REFRESH in options)


def error_for(request: Request, response: Response) -> APIStatusError:
    """Give the error that an answer with an error status stands for.

    The class follows the wire's ``error.code`` first and the status second.
    """
    error = _error_object(response.body)
    code = error.pop("code", None)
    code = code if isinstance(code, str) else None
    text = error.pop("message", None)
    text = text if isinstance(text, str) else None
    cls = _class_for(response.status, code, text)
    made = cls(
        _TEXTS[cls].format(
            about=request.about,
            label=f"HTTP {response.status}" + (f" {code}" if code and NAME.fullmatch(code) else ""),
            details=_details(text, error),
        ),
        status=response.status,
        code=code,
        message=None if text is None or "{" in text else text,
        # Read-only, because callers that share a failure share it too.
        payload=freeze(error.get("payload", error or None)),
        retry_after=retry_after(response.headers, response.received_at),
        headers=response.headers,
    )
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
_PARAMETERS = frozenset({"connectionId", "provider_config_key", "refresh_token", "force_refresh"})
_SCOPE = re.compile(r"\benvironment:[a-z_]{1,40}:[a-z_]{1,40}\b")

# What happened, and what to do next; {details} are names that the server gave.
_TEXTS: Final[Mapping[type[APIStatusError], str]] = {
    BadRequestError: (
        "Nango did not accept the request for {about} ({label}{details}): check both ids"
    ),
    UnknownIntegrationError: (
        "Nango knows no such integration ({label}): asked for {about}; check the order of the two "
        "ids, get_connection(connection_id, provider_config_key), and the API key's environment"
    ),
    AuthenticationError: (
        "Nango refused the API key ({label}): check NANGO_API_KEY, and that base_url is the server "
        "that made the key"
    ),
    PermissionDeniedError: (
        "the API key may not read {about} this way ({label}{details}): give the key the scope, or "
        "ask for less"
    ),
    NotFoundError: (
        "Nango has no {about} ({label}): check both ids, base_url, and that the API key belongs to "
        "the environment that holds the connection"
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
    ServerError: "Nango, or a proxy before it, failed ({label}): try again later",
    APIStatusError: (
        "expected {about}, but the server at base_url answered otherwise ({label}{details}): check "
        "that base_url is the final address of a Nango server; redirects are not followed"
    ),
}

_BY_STATUS: Final[Mapping[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}


def _error_object(body: bytes) -> dict[str, Any]:
    """Give the wire's ``error`` object; one that is only a text counts as its message."""
    try:
        document = loads(body)
    except ValueError:
        return {}
    error = (as_object(document) or {}).get("error")
    return {"message": error} if isinstance(error, str) else as_object(error) or {}


def _class_for(status: int, code: str | None, text: str | None) -> type[APIStatusError]:
    if code == "invalid_credentials":
        return _renewal_error(status, text or "")
    if code == "unknown_provider_config":
        return UnknownIntegrationError
    if status >= 500:  # noqa: PLR2004
        return ServerError
    return _BY_STATUS.get(status, APIStatusError)


def _renewal_error(status: int, text: str) -> type[InvalidCredentialsError]:
    if status != 424:  # noqa: PLR2004
        return RefreshFailedError
    if "recent refresh attempt failed" in text:
        return RefreshBackoffError
    if "refresh limit has been reached" in text:
        return ReconnectRequiredError
    return InvalidCredentialsError


def _details(text: str | None, error: Mapping[str, Any]) -> str:
    """Pick scopes and parameter names out of what the server said; they alone are safe to show."""
    names: list[str] = _SCOPE.findall(text or "")
    for issue in as_array(error.get("errors")):
        path = as_array((as_object(issue) or {}).get("path"))
        names += [name for name in path if isinstance(name, str) and name in _PARAMETERS]
    return "".join(f", {name}" for name in dict.fromkeys(names))
