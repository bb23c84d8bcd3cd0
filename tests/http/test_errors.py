"""What an answer with an error status stands for: whose word it is, and in which vocabulary."""

import json
from typing import Any

import pytest

from nango_client import (
    ActionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefreshFailedError,
    ServerError,
    UnknownIntegrationError,
)
from nango_client._credentials.keys import connection_request
from nango_client._http.errors import error_for, is_nangos_word
from nango_client._http.protocol import About, Request, Response
from nango_client._http.retry import is_retried

CONNECTION = connection_request(("user-42", "github"))
ACTION = Request(
    "POST", "/action/trigger", "/action/trigger", "", About("action {}", "echo"), runs_once=True
)


def error_of(status: int, document: Any, request: Request = CONNECTION) -> APIStatusError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return error_for(request, Response(status, {}, body, 0.0))


BARE = [
    pytest.param(b"404 page not found\n", id="ingress"),
    pytest.param(b"<title>Just a moment...</title>", id="firewall"),
    pytest.param({"message": "no Route matched with those values"}, id="api-gateway"),
    pytest.param({"error": {"code": "ResourceNotFound", "message": "no"}}, id="cloud-gateway"),
    pytest.param({"error": {"code": 404}}, id="code-is-a-number"),
    pytest.param({"error": "access_denied"}, id="login-page"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("document", BARE)
@pytest.mark.parametrize(
    ("status", "cls"),
    [(401, AuthenticationError), (403, PermissionDeniedError), (404, NotFoundError)],
)
def test_an_answer_without_nangos_code_is_not_nangos_word(
    status: int, cls: type[APIStatusError], document: Any
) -> None:
    """It keeps its class, and its text says that something in between answered."""
    error = error_of(status, document)

    assert type(error) is cls
    assert not is_nangos_word(error)
    assert "did not come from Nango" in str(error)


@pytest.mark.parametrize("code", ["not_found", "forbidden", "unknown_account", "a_new_one"])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_answer_with_nangos_code_is_its_word(status: int, code: str) -> None:
    """Codes of later servers count too."""
    error = error_of(status, {"error": {"code": code}})

    assert is_nangos_word(error)
    assert "did not come from Nango" not in str(error)


OLDER = [
    # 2023
    (400, {"error": "x", "type": "refresh_token_external_error", "payload": {}}),
    (400, {"error": "x", "type": "client_credentials_fetch_error", "payload": {"a": 1}}),
    # 2024
    (400, {"error": {"code": "refresh_token_external_error", "message": "x"}}),
    (400, {"error": {"code": "server_error", "message": "refresh failed"}}),
    # 2025
    (400, {"error": {"code": "invalid_credentials", "message": "x"}}),
    (502, {"error": {"code": "invalid_credentials"}}),
]


@pytest.mark.parametrize(("status", "document"), OLDER)
def test_a_renewal_that_failed_is_known_in_every_generation(status: int, document: Any) -> None:
    """Older servers named it otherwise; it is never worth a retry."""
    error = error_of(status, document)

    assert type(error) is RefreshFailedError
    assert not is_retried(error, CONNECTION)


def test_the_same_words_about_something_else_are_no_renewal() -> None:
    """Only reading a connection renews it."""
    assert type(error_of(400, {"error": {"code": "server_error"}}, ACTION)) is BadRequestError
    assert type(error_of(500, {"error": {"code": "server_error"}})) is ServerError


@pytest.mark.parametrize(
    ("status", "document", "cls"),
    [
        (400, {"error": "x", "type": "unknown_connection", "payload": {}}, NotFoundError),
        (400, {"error": {"code": "unknown_connection"}}, NotFoundError),
        (404, {"error": {"code": "unknown_connection"}}, NotFoundError),
        (404, {"error": {"code": "not_found"}}, NotFoundError),
        (
            400,
            {"error": {"code": "invalid_body", "message": "Connection not found"}},
            NotFoundError,
        ),
        (400, {"error": {"code": "invalid_body", "message": "other"}}, BadRequestError),
        (404, {"error": {"code": "unknown_provider_config"}}, UnknownIntegrationError),
    ],
)
def test_what_is_unknown_is_known_by_its_code(
    status: int, document: Any, cls: type[APIStatusError]
) -> None:
    """The status differs from endpoint to endpoint."""
    error = error_of(status, document)

    assert type(error) is cls
    assert error.code is not None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "action_script_runtime_error"),
        (424, "script_http_error"),
        (500, "function_runtime_timeout"),
        (500, "execution_timeout"),
        (400, "action_failure"),
        (400, "invalid_action_output"),
    ],
)
def test_what_an_action_came_to_is_an_answer(status: int, code: str) -> None:
    """It is never sent again, whatever its status, and carries what the action met."""
    upstream = {"status": 422, "headers": {}, "body": {"a": 1}}
    error = error_of(status, {"error": {"code": code, "upstream": upstream}}, ACTION)

    assert type(error) is ActionError
    assert error.upstream == upstream
    assert not error.retryable
    assert not is_retried(error, ACTION)


def test_bad_input_of_an_action_is_a_bad_request() -> None:
    """The action did not run."""
    error = error_of(400, {"error": {"code": "invalid_action_input"}}, ACTION)

    assert type(error) is BadRequestError


def test_only_names_that_were_sent_show_in_a_text() -> None:
    """What a server complains about is shown where it is a parameter of ours."""
    request = Request("POST", "/x", "/x", "limit=1", About("x"), body=b'{"tags":{"a":1}}')
    issues = [{"path": ["tags", "secret"]}, {"path": ["limit"]}, {"path": ["canary"]}]

    text = str(error_of(400, {"error": {"code": "invalid_body", "errors": issues}}, request))

    assert "invalid_body, tags, limit)" in text
    assert "canary" not in text
    assert "secret" not in text
