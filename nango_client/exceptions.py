"""Everything that this package raises on purpose.

::

    NangoError
    ├── ConfigurationError (also ValueError)      bad settings
    ├── InvalidArgumentError (also ValueError)    bad argument, nothing was sent
    ├── ClientClosedError                         used after ``close()``
    ├── NoTokenError                              these credentials are not one string
    ├── TokenExpiredError                         Nango has only an expired token
    ├── WaitTimeoutError (also TimeoutError)      what was waited for has not come
    ├── ActionPendingError                        no result yet
    ├── InvalidSignatureError (also ValueError)   a webhook that Nango did not sign with this key
    ├── UnsupportedProviderError                  cannot be called directly
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
        ├── ServerError                           5xx
        └── ActionError                           the action itself failed

The text of an error says what happened and what to do next.
It is made of our own words, of the ids that the caller passed and of names from a closed alphabet:
what a server wrote in free text may hold personal data. That stays in attributes, in slots of
their own: tools that print ``vars(error)`` do not meet it, and pickling leaves it behind.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Self

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class NangoError(Exception):
    """The base of every error of this package.

    Attributes:
        retryable: True where a later identical call may succeed by itself within the minute.

    Example:
        >>> try:
        ...     await nango.get_token("nobody", "github")
        ... except NangoError as error:
        ...     print(type(error).__name__, error.retryable)
        NotFoundError False
    """

    retryable: bool = False

    # What a server sent in free form.
    _out_of_sight: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, dict(vars(self))

    def replica(self) -> Self:
        """Give an equal error without traceback, cause or context, for one more waiter."""
        twin = type(self).__new__(type(self))
        twin.args = self.args
        vars(twin).update(vars(self))
        for name in self._out_of_sight:
            setattr(twin, name, getattr(self, name))
        return twin

    def __copy__(self) -> Self:
        return self.replica()

    def __deepcopy__(self, _memo: object) -> Self:
        return self.replica()


class ConfigurationError(NangoError, ValueError):
    """A setting is missing or unusable; raised where the client or policy is constructed.

    Example:
        >>> try:
        ...     NangoClient("my key")
        ... except ConfigurationError as error:
        ...     print(error)
        the API key holds white space, control or non-ASCII characters: copy it again
    """


class InvalidArgumentError(NangoError, ValueError):
    """An argument that Nango could not understand; nothing was sent.

    Example:
        >>> try:
        ...     await nango.get_token("..", "github")
        ... except InvalidArgumentError as error:
        ...     print(error)
        connection_id '..' cannot travel in a URL's path
    """


class ClientClosedError(NangoError):
    """The client, or the session it borrowed, is closed.

    Example:
        >>> await nango.close()
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except ClientClosedError as error:
        ...     print(error)
        this NangoClient is closed: make a new one
    """


class NoTokenError(NangoError):
    """The credentials are not a single string; the text names what to use instead.

    Example:
        >>> try:
        ...     await nango.get_token("user-42", "ashby")
        ... except NoTokenError as error:
        ...     print(error)
        connection 'user-42' of integration 'ashby' has BasicCredentials (type BASIC), ...
    """


class TokenExpiredError(NangoError):
    """Nango answered with a token that is past its expiry and that it cannot renew.

    Example:
        >>> ended = {"type": "OAUTH2", "access_token": "x", "raw": {}}
        >>> server.add_connection("user-7", "github", ended, expires_in=-60)
        >>> try:
        ...     await nango.get_token("user-7", "github")
        ... except TokenExpiredError as error:
        ...     print(error)
        Nango has only a token of connection 'user-7' ... that ended at ...
    """


class WaitTimeoutError(NangoError, TimeoutError):
    """What was waited for has not come within the given time; waiting again may help.

    Example:
        >>> isinstance(WaitTimeoutError('no connection came within 600 s'), TimeoutError)
        True
    """


class ActionPendingError(NangoError):
    """The action has no result yet, is unknown, or gave back nothing: the wire cannot tell.

    Example:
        >>> ActionPendingError('no result yet').retryable
        False
    """


class InvalidSignatureError(NangoError, ValueError):
    """A webhook that Nango did not sign with this key.

    Example:
        >>> isinstance(InvalidSignatureError('not signed with this key'), ValueError)
        True
    """


class UnsupportedProviderError(NangoError):
    """The provider cannot be called directly; the text says what to use instead.

    Attributes:
        provider: the provider's name.
        reason: what cannot be done from here.

    Example:
        >>> UnsupportedProviderError('use client.proxy', provider='acme').provider
        'acme'
    """

    provider: str = ""
    reason: str = ""

    def __init__(self, text: str, *, provider: str = "", reason: str = "") -> None:
        super().__init__(text)
        self.provider = provider
        self.reason = reason


class TransportError(NangoError):
    """No usable answer came: DNS, refused, reset, TLS, proxy.

    Attributes:
        may_have_run: False where the request surely did not reach Nango, or the provider.
        host: the name or address of who did not answer, or None where only Nango knows it.

    Example:
        >>> server.drop_next()
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except TransportError as error:
        ...     print(type(error).__name__, error.may_have_run)
        ConnectionFailedError True
    """

    retryable: bool = True
    may_have_run: bool = True
    host: str | None = None

    def __init__(
        self,
        text: str,
        *,
        may_have_run: bool = True,
        retryable: bool = True,
        host: str | None = None,
    ) -> None:
        super().__init__(text)
        self.may_have_run = may_have_run
        self.retryable = retryable
        self.host = host


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or broke before the whole answer had come.

    Example:
        >>> server.stop()
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except ConnectionError as error:
        ...     print(type(error).__name__, error.retryable)
        ConnectionFailedError True
    """


class RequestTimeoutError(TransportError, TimeoutError):
    """A time limit of `TimeoutPolicy` ran out.

    Example:
        >>> server.delay_next(0.2)
        >>> hasty = server.client(timeout=TimeoutPolicy(total=0.05))
        >>> try:
        ...     await hasty.get_token("user-42", "github")
        ... except TimeoutError as error:
        ...     print(type(error).__name__)
        RequestTimeoutError
        >>> await hasty.close()
    """


class DecodeError(NangoError):
    """The answer is not what the API promises.

    Attributes:
        path: the field that could not be read, such as ``credentials.expires_at``; empty where
            the whole body is meant. It never holds the field's value.

    Example:
        >>> server.fail_next(200, body={"id": None})
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except DecodeError as error:
        ...     print(error.path)
        id
    """

    path: str = ""

    def __init__(self, text: str, *, path: str = "") -> None:
        super().__init__(text)
        self.path = path


class ResponseTooLargeError(DecodeError):
    """The answer is over 4 MiB after decompression and was not read further.

    Example:
        >>> server.fail_next(200, body="x" * 5_000_000)
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except ResponseTooLargeError as error:
        ...     print(error)
        the answer is over 4 MiB
    """


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

    Example:
        >>> server.fail_next(418, code="teapot")
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except APIStatusError as error:
        ...     print(error.status, error.code, error.retryable)
        418 teapot False
    """

    __slots__ = ("headers", "message", "payload")
    _out_of_sight: ClassVar[tuple[str, ...]] = __slots__

    status: int = 0
    code: str | None = None
    message: str | None
    payload: object
    retry_after: float | None = None
    headers: Mapping[str, str]

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
        # 408 is a timeout that the server reports.
        if status == 408 and not isinstance(self, InvalidCredentialsError):  # noqa: PLR2004
            self.retryable: bool = True


class BadRequestError(APIStatusError):
    """400: Nango did not accept the ids or parameters.

    Example:
        >>> try:
        ...     await nango.get_token("user!", "github")
        ... except BadRequestError as error:
        ...     print(error.status, error.code)
        400 invalid_uri_params
    """


class UnknownIntegrationError(BadRequestError):
    """400 ``unknown_provider_config``: no integration has this key; are the two ids swapped?

    Example:
        >>> try:
        ...     await nango.get_token("github", "user-42")
        ... except UnknownIntegrationError as error:
        ...     print(error.code)
        unknown_provider_config
    """


class AuthenticationError(APIStatusError):
    """401: the API key is missing, malformed or unknown.

    Example:
        >>> other = server.client(api_key="wrong")
        >>> try:
        ...     await other.get_token("user-42", "github")
        ... except AuthenticationError as error:
        ...     print(error.status, error.code)
        401 invalid_secret_key_format
        >>> await other.close()
    """


class PermissionDeniedError(APIStatusError):
    """403: the API key lacks a scope.

    Example:
        >>> key = server.add_key(["environment:integrations:read"])
        >>> other = server.client(api_key=key)
        >>> try:
        ...     await other.get_token("user-42", "github")
        ... except PermissionDeniedError as error:
        ...     print(error.status, error.code)
        403 forbidden
        >>> await other.close()
    """


class NotFoundError(APIStatusError):
    """404: this integration has no such connection.

    Example:
        >>> try:
        ...     await nango.get_token("nobody", "github")
        ... except NotFoundError as error:
        ...     print(error.status, error.code)
        404 not_found
    """


class InvalidCredentialsError(APIStatusError):
    """Code ``invalid_credentials``: Nango could not renew the connection's credentials.

    Example:
        >>> server.add_connection("user-7", "github", expires_in=600)
        >>> server.break_refresh("user-7", "github")
        >>> try:
        ...     await nango.get_token("user-7", "github")
        ... except InvalidCredentialsError as error:
        ...     print(error.code)
        invalid_credentials
    """


class RefreshFailedError(InvalidCredentialsError):
    """The provider refused this renewal, or could not be reached by Nango.

    Example:
        >>> server.add_connection("user-7", "github", expires_in=600)
        >>> server.break_refresh("user-7", "github")
        >>> try:
        ...     await nango.get_token("user-7", "github")
        ... except RefreshFailedError as error:
        ...     print(error.status, error.retryable)
        400 False
    """


class RefreshBackoffError(InvalidCredentialsError):
    """A recent renewal failed and Nango waits before the next.

    ``retry_after`` is 30.0, the server's whole pause, in seconds: an upper bound.

    Example:
        >>> text = "A recent refresh attempt failed. Backing off before retrying."
        >>> server.fail_next(424, code="invalid_credentials", message=text)
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except RefreshBackoffError as error:
        ...     print(error.retry_after, error.retryable)
        30.0 True
    """

    retryable: bool = True


class ReconnectRequiredError(InvalidCredentialsError):
    """Nango has given up renewing this connection: ask the user to connect again.

    Example:
        >>> server.add_connection("user-7", "github", expires_in=600)
        >>> server.break_refresh("user-7", "github", exhausted=True)
        >>> try:
        ...     await nango.get_token("user-7", "github")
        ... except ReconnectRequiredError as error:
        ...     print(error.status)
        424
    """


class RateLimitError(APIStatusError):
    """429: the account's requests for this minute are used up.

    Attributes:
        reset_at: when the current window ends (aware, UTC), or None.

    Example:
        >>> server.fail_next(429, headers={"Retry-After": "40"})
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except RateLimitError as error:
        ...     print(error.retry_after, error.reset_at)
        40.0 None
    """

    retryable: bool = True
    reset_at: datetime | None = None


class ServerError(APIStatusError):
    """5xx: Nango or a proxy before it failed.

    Example:
        >>> server.fail_next(503)
        >>> try:
        ...     await nango.get_token("user-42", "github")
        ... except ServerError as error:
        ...     print(error.status, error.retryable)
        503 True
    """

    retryable: bool = True


class ActionError(APIStatusError):
    """The action itself failed: an answer of the action, never sent again.

    Attributes:
        upstream: the answer that the action's own HTTP call got, with ``status``, ``headers`` and
            ``body``, or None. May hold personal data.

    Example:
        >>> ActionError('the action failed', status=500).retryable
        False
    """

    __slots__ = ("upstream",)
    _out_of_sight = (*APIStatusError.__slots__, *__slots__)

    upstream: Mapping[str, object] | None

    def __init__(
        self, text: str, *, upstream: Mapping[str, object] | None = None, **answer: Any
    ) -> None:
        super().__init__(text, **answer)
        self.upstream = upstream


__all__ = [
    "APIStatusError",
    "ActionError",
    "ActionPendingError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "ConfigurationError",
    "ConnectionFailedError",
    "DecodeError",
    "InvalidArgumentError",
    "InvalidCredentialsError",
    "InvalidSignatureError",
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
    "UnsupportedProviderError",
    "WaitTimeoutError",
]

for _name in __all__:
    globals()[_name].__module__ = "nango_client"
