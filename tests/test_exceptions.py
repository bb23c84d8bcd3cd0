"""The error tree: its shape, what errors carry, and what they leave behind."""

import inspect
import pickle
import re

import pytest

import nango_client
from nango_client import (
    APIStatusError,
    ConnectionFailedError,
    DecodeError,
    NangoError,
    NotFoundError,
    RateLimitError,
    RefreshBackoffError,
    RefreshFailedError,
    RequestTimeoutError,
    ServerError,
    exceptions,
)

# Name: its parents, as INTERFACE draws them.
TREE = {
    "NangoError": ("Exception",),
    "ConfigurationError": ("NangoError", "ValueError"),
    "InvalidArgumentError": ("NangoError", "ValueError"),
    "ClientClosedError": ("NangoError",),
    "NoTokenError": ("NangoError",),
    "TokenExpiredError": ("NangoError",),
    "TransportError": ("NangoError",),
    "ConnectionFailedError": ("TransportError", "ConnectionError"),
    "RequestTimeoutError": ("TransportError", "TimeoutError"),
    "DecodeError": ("NangoError",),
    "ResponseTooLargeError": ("DecodeError",),
    "APIStatusError": ("NangoError",),
    "BadRequestError": ("APIStatusError",),
    "UnknownIntegrationError": ("BadRequestError",),
    "AuthenticationError": ("APIStatusError",),
    "PermissionDeniedError": ("APIStatusError",),
    "NotFoundError": ("APIStatusError",),
    "InvalidCredentialsError": ("APIStatusError",),
    "RefreshFailedError": ("InvalidCredentialsError",),
    "RefreshBackoffError": ("InvalidCredentialsError",),
    "ReconnectRequiredError": ("InvalidCredentialsError",),
    "RateLimitError": ("APIStatusError",),
    "ServerError": ("APIStatusError",),
    "ActionError": ("APIStatusError",),
    "WaitTimeoutError": ("NangoError", "TimeoutError"),
    "ActionPendingError": ("NangoError",),
    "InvalidSignatureError": ("NangoError", "ValueError"),
    "UnsupportedProviderError": ("NangoError",),
}
RETRYABLE = {
    "TransportError",
    "ConnectionFailedError",
    "RequestTimeoutError",
    "RefreshBackoffError",
    "RateLimitError",
    "ServerError",
}


def full_status_error() -> APIStatusError:
    return NotFoundError(
        "Nango has no such connection",
        status=404,
        code="not_found",
        message="told by the server",
        payload={"end_user": "ann@example.com"},
        retry_after=2.5,
        headers={"Date": "today"},
    )


def test_the_module_exports_the_whole_tree_and_nothing_else() -> None:
    """Every class of the tree is exported, and every exported name is in the tree."""
    defined = {
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert set(exceptions.__all__) == set(TREE) == defined


@pytest.mark.parametrize(("name", "parents"), TREE.items())
def test_every_error_has_the_parents_that_are_drawn(name: str, parents: tuple[str, ...]) -> None:
    """Each error is a NangoError, has exactly the drawn parents, and is public."""
    error = getattr(nango_client, name)

    assert issubclass(error, NangoError)
    assert tuple(parent.__name__ for parent in error.__bases__) == parents
    assert error.__module__ == "nango_client"


def test_the_docstring_draws_the_tree_that_is_there() -> None:
    """The picture at the top of the module shows every class at its depth below the root."""
    drawn = re.findall(r"^ {4}([ │├└─]*)(\w+Error)\b", exceptions.__doc__ or "", re.MULTILINE)

    depths = {name: len(indent) // 4 for indent, name in drawn}

    assert depths == {name: depth_of(name) for name in TREE}


def depth_of(name: str) -> int:
    return 0 if name == "NangoError" else 1 + depth_of(TREE[name][0])


@pytest.mark.parametrize("name", TREE)
def test_retryable_is_true_where_a_later_call_may_succeed_by_itself(name: str) -> None:
    """Transport, 429, 5xx and a renewal that Nango is pausing are worth another call."""
    error = getattr(nango_client, name)("text")

    assert error.retryable is (name in RETRYABLE)


@pytest.mark.parametrize(("status", "retryable"), [(408, True), (409, False), (302, False)])
def test_of_the_statuses_without_a_class_only_408_is_retryable(
    status: int, retryable: bool
) -> None:
    """408 is a timeout that the server reports."""
    error = APIStatusError("text", status=status)

    assert error.retryable is retryable
    assert RefreshFailedError("text", status=status).retryable is False


def test_an_error_has_its_class_defaults_where_nothing_was_given() -> None:
    """A status error made from a text alone has every documented attribute."""
    error = RateLimitError("text")

    assert (error.status, error.code, error.message, error.payload) == (0, None, None, None)
    assert (error.retry_after, error.reset_at, dict(error.headers)) == (None, None, {})


@pytest.mark.parametrize(
    "error",
    [
        full_status_error(),
        ConnectionFailedError("could not connect", may_have_run=False, retryable=False),
        RequestTimeoutError("no whole answer within 3 s"),
        DecodeError("a field is wrong", path="credentials.token"),
        RefreshBackoffError("wait", status=424, retry_after=30.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_replica_is_an_equal_error_of_its_own(error: NangoError) -> None:
    """A replica has class, text and attributes, and none of the traceback, cause or context."""
    try:
        raise error from RuntimeError("the cause")
    except NangoError as caught:
        twin = caught.replica()

    assert twin is not error
    assert type(twin) is type(error)
    assert str(twin) == str(error) != ""
    assert vars(twin) == vars(error)
    assert (twin.__traceback__, twin.__cause__, twin.__context__) == (None, None, None)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailedError("could not connect", may_have_run=False, retryable=False),
        RequestTimeoutError("no whole answer within 3 s"),
        DecodeError("a field is wrong", path="credentials.token"),
        ServerError("failed", status=503, code="server_error", retry_after=2.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_pickled_error_keeps_its_class_text_and_safe_attributes(error: NangoError) -> None:
    """Errors travel between processes, as those of multiprocessing and Celery do."""
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert {**vars(error), "message": None, "payload": None, "headers": {}} == {
        **vars(twin),
        "message": None,
        "payload": None,
        "headers": {},
    }


def test_a_pickled_error_leaves_behind_what_the_server_wrote() -> None:
    """Payload, message and headers may hold personal data and stay in the process."""
    pickled = pickle.dumps(full_status_error())

    twin = pickle.loads(pickled)  # noqa: S301

    assert (twin.status, twin.code, twin.retry_after) == (404, "not_found", 2.5)
    assert (twin.message, twin.payload, dict(twin.headers)) == (None, None, {})
    assert b"ann@example.com" not in pickled
    assert b"told by the server" not in pickled


def test_what_the_server_wrote_shows_neither_in_the_text_nor_in_the_repr() -> None:
    """Payload and message are attributes only."""
    error = full_status_error()

    assert str(error) == "Nango has no such connection"
    assert repr(error) == "NotFoundError('Nango has no such connection')"
