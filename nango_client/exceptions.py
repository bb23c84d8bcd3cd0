"""Everything that this package raises on purpose.

::

    NangoError
    ├── ConfigurationError (also ValueError)      bad settings
    ├── InvalidArgumentError (also ValueError)    bad argument, nothing was sent
    ├── ClientClosedError                         used after ``close()``
    ├── NoTokenError                              these credentials are not one string
    ├── TokenExpiredError                         Nango has only an expired token
    ├── TransportError                            no usable answer
    │   ├── ConnectionFailedError (also ConnectionError)
    │   └── RequestTimeoutError (also TimeoutError)
    ├── DecodeError                               an answer that is not what the API promises
    │   └── ResponseTooLargeError
    └── APIStatusError                            an answer with an error status
        ├── BadRequestError                       400
        │   └── UnknownIntegrationError           400 unknown_provider_config
        ├── AuthenticationError                   401
        ├── PermissionDeniedError                 403
        ├── NotFoundError                         404
        ├── InvalidCredentialsError               code invalid_credentials, at any status
        │   ├── RefreshFailedError                this renewal failed
        │   ├── RefreshBackoffError               424: a recent renewal failed, wait
        │   └── ReconnectRequiredError            424: given up, the user must reconnect
        ├── RateLimitError                        429
        └── ServerError                           5xx

The text of an error says what happened and what to do next.
It is made of our own words, of the ids that the caller passed and of names from a closed alphabet:
what a server wrote in free text may hold personal data and stays in attributes.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

# What a server sent in free form: kept on the live object, left behind when it is pickled.
_UNSAFE_TO_PICKLE = frozenset({"message", "payload", "headers"})


class NangoError(Exception):
    """The base of every error of this package.

    Attributes:
        retryable: True where a later identical call may succeed by itself within the minute.
    """

    retryable: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: v for name, v in vars(self).items() if name not in _UNSAFE_TO_PICKLE}
        return type(self), self.args, state

    def replica(self) -> Self:
        """Give an equal error without traceback, cause or context, for one more waiter."""
        twin = type(self).__new__(type(self))
        twin.args = self.args
        vars(twin).update(vars(self))
        return twin


class ConfigurationError(NangoError, ValueError):
    """A setting is missing or unusable; raised where the client or policy is constructed."""


class InvalidArgumentError(NangoError, ValueError):
    """An argument that Nango could not understand; nothing was sent."""


class ClientClosedError(NangoError):
    """The client, or the session it borrowed, is closed."""


class NoTokenError(NangoError):
    """The credentials are not a single string; the text names what to use instead."""


class TokenExpiredError(NangoError):
    """Nango answered with a token that is past its expiry and that it cannot renew."""


class TransportError(NangoError):
    """No usable answer came: DNS, refused, reset, TLS, proxy.

    Attributes:
        may_have_run: False where the request surely did not reach Nango.
    """

    retryable = True
    may_have_run: bool = True

    def __init__(self, text: str, *, may_have_run: bool = True, retryable: bool = True) -> None:
        super().__init__(text)
        self.may_have_run = may_have_run
        self.retryable = retryable


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or broke before the whole answer had come."""


class RequestTimeoutError(TransportError, TimeoutError):
    """A time limit of `TimeoutPolicy` ran out."""


class DecodeError(NangoError):
    """The answer is not what the API promises.

    Attributes:
        path: the field that could not be read, such as ``credentials.expires_at``; empty where
            the whole body is meant. It never holds the field's value.
    """

    path: str = ""

    def __init__(self, text: str, *, path: str = "") -> None:
        super().__init__(text)
        self.path = path


class ResponseTooLargeError(DecodeError):
    """The answer is over 4 MiB after decompression and was not read further."""


class APIStatusError(NangoError):
    """Nango, or a proxy before it, answered with an error status.

    Attributes:
        status: the HTTP status.
        code: the wire's ``error.code``, or None.
        message: the server's own text, or None where it sent none or embedded data in it.
            Not part of ``str(error)``.
        payload: the wire's ``error.payload``, else what else ``error`` holds, else None.
            May hold personal data.
        retry_after: seconds that the server asked to wait, or None.
        headers: the answer's headers; look-ups ignore case.
    """

    status: int = 0
    code: str | None = None
    message: str | None = None
    payload: object = None
    retry_after: float | None = None
    headers: Mapping[str, str] = _NO_HEADERS

    def __init__(
        self,
        text: str,
        *,
        status: int = 0,
        code: str | None = None,
        message: str | None = None,
        payload: object = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.message = message
        self.payload = payload
        self.retry_after = retry_after
        self.headers = headers
        if status == 408:  # noqa: PLR2004  a timeout that the server reports
            self.retryable = True


class BadRequestError(APIStatusError):
    """400: Nango did not accept the ids or parameters."""


class UnknownIntegrationError(BadRequestError):
    """400 ``unknown_provider_config``: no integration has this key; are the two ids swapped?"""


class AuthenticationError(APIStatusError):
    """401: the API key is missing, malformed or unknown."""


class PermissionDeniedError(APIStatusError):
    """403: the API key lacks a scope."""


class NotFoundError(APIStatusError):
    """404: this integration has no such connection."""


class InvalidCredentialsError(APIStatusError):
    """Code ``invalid_credentials``: Nango could not renew the connection's credentials."""


class RefreshFailedError(InvalidCredentialsError):
    """The provider refused this renewal, or could not be reached by Nango."""


class RefreshBackoffError(InvalidCredentialsError):
    """A recent renewal failed and Nango waits before the next.

    ``retry_after`` is 30.0, the server's whole pause (WIRE.md, "Failures"): an upper bound.
    """

    retryable = True


class ReconnectRequiredError(InvalidCredentialsError):
    """Nango has given up renewing this connection: ask the user to connect again."""


class RateLimitError(APIStatusError):
    """429: the account's requests for this minute are used up.

    Attributes:
        reset_at: when the current window ends (aware, UTC), or None.
    """

    retryable = True
    reset_at: datetime | None = None


class ServerError(APIStatusError):
    """5xx: Nango or a proxy before it failed."""

    retryable = True


__all__ = [
    "APIStatusError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "ConfigurationError",
    "ConnectionFailedError",
    "DecodeError",
    "InvalidArgumentError",
    "InvalidCredentialsError",
    "NangoError",
    "NoTokenError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ReconnectRequiredError",
    "RefreshBackoffError",
    "RefreshFailedError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "TokenExpiredError",
    "TransportError",
    "UnknownIntegrationError",
]

for _name in __all__:
    globals()[_name].__module__ = "nango_client"
