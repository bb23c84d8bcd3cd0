"""Which answers of Nango's proxy are Nango's own; all others are the provider's.

No header tells them apart, so only what is surely Nango's counts. Source: API.md §6.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import ClientResponse

from nango_client._http.errors import error_for
from nango_client._http.protocol import Request, Response
from nango_client._provider.answers import MAX_KEPT, look
from nango_client._wire.jsonlib import as_object, loads
from nango_client.exceptions import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReconnectRequiredError,
    RefreshBackoffError,
    RefreshFailedError,
    ServerError,
    UnknownIntegrationError,
)

_Error = Mapping[str, Any]
_SYSTEM_ERROR = re.compile(r"E[A-Z0-9_]{2,40}")


async def nangos_error(
    request: Request, response: ClientResponse, time: Callable[[], float]
) -> NangoError | None:
    """Give the error if the answer is Nango's own, else None; its body can be read as ever.

    Raises:
        aiohttp.ClientError: the body did not come.
    """
    if response.status < 400 or not response.content_type.endswith(("/json", "+json")):  # noqa: PLR2004
        return None
    length = response.content_length
    if length is not None and length > MAX_KEPT:
        return None
    body = await look(response)
    if body is None:
        return None
    try:
        document = as_object(loads(body)) or {}
    except ValueError:
        return None
    error = as_object(document.get("error"))
    if error is None:
        return _unreachable(response.status, document)
    cls = _class_for(response.status, error)
    if cls is None:
        return None
    return error_for(request, Response(response.status, response.headers, body, time()), cls)


def _unreachable(status: int, document: Mapping[str, Any]) -> ConnectionFailedError | None:
    """Read what Nango's proxy says where the provider did not answer."""
    code = document.get("code")
    if (
        status != 500  # noqa: PLR2004
        or "error" in document
        or not isinstance(code, str)
        or not _SYSTEM_ERROR.fullmatch(code)
        or not isinstance(document.get("message"), str)
        or not isinstance(document.get("method"), str)
    ):
        return None
    return ConnectionFailedError(f"Nango's proxy got no answer from the provider ({code})")


def _class_for(status: int, error: _Error) -> type[APIStatusError] | None:
    code, message = error.get("code"), error.get("message")
    text = message if isinstance(message, str) else ""
    if not isinstance(code, str):
        return None
    if code == "server_error":
        return _server_error(status, text)
    if code == "forbidden":
        is_nangos = text.startswith("Insufficient scope") or (
            "not authorized for an environment" in text
        )
        return PermissionDeniedError if status == 403 and is_nangos else None  # noqa: PLR2004
    if code == "too_many_request":
        is_nangos = "method" in error and "path" in error
        return RateLimitError if status == 429 and is_nangos else None  # noqa: PLR2004
    return _BY_PAIR.get((status, code))


def _server_error(status: int, text: str) -> type[APIStatusError] | None:
    if text.startswith("Failed to get connection credentials"):
        if status not in {400, 424, 500, 502}:
            return None
        return ReconnectRequiredError if "refresh limit" in text else RefreshFailedError
    is_nangos = text.startswith("Failed to get connection") and "credentials" not in text
    return NotFoundError if status == 400 and is_nangos else None  # noqa: PLR2004


_BY_PAIR: Final[Mapping[tuple[int, str], type[APIStatusError]]] = {
    (424, "connection_refresh_backoff"): RefreshBackoffError,
    (404, "unknown_provider_config"): UnknownIntegrationError,
    (402, "plan_limit"): APIStatusError,
    (500, "generic_error_support"): ServerError,
    **{
        (400, code): BadRequestError
        for code in (
            *("base_url_override_disabled", "base_url_override_not_allowed", "missing_api_url"),
            *("unsupported_provider", "unknown_provider", "unsupported_auth"),
            "invalid_certificate_or_key_format",
        )
    },
    **{
        (401, code): AuthenticationError
        for code in (
            *("missing_auth_header", "malformed_auth_header", "invalid_secret_key_format"),
            "unknown_account",
        )
    },
}
