"""Requests and errors without I/O."""

import asyncio
import unicodedata
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_server import WireServer, answer

import nango_client
from nango_client import (
    APIStatusError,
    InvalidArgumentError,
    NangoClient,
    NotFoundError,
    RateLimitError,
)
from nango_client._credentials.keys import connection_request
from nango_client._http.errors import error_for
from nango_client._http.protocol import (
    Response,
)

IDS = ("user-42", "github")
BACKING_OFF = "A recent refresh attempt failed. Backing off before retrying."
GIVEN_UP = "The refresh limit has been reached for this connection."


def error_of(status: int, document: object = None, **headers: str) -> APIStatusError:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return error_for(
        connection_request(IDS),
        Response(status=status, headers=headers, body=body, received_at=0.0),
    )


@pytest.mark.parametrize(
    "connection_id",
    ["a/b", "a b", '{"x":1}', "x?force_refresh=true", "../integrations", "x" * 255, "%2F", "a+b",
     "...", "é", "😀", "a#b", "a&b=c", ";", "~._-"],
)  # fmt: skip
def test_an_id_is_one_segment_whatever_it_holds(connection_id: str) -> None:
    """The path has two segments, and the second one decodes to the id."""
    path = connection_request((connection_id, "github")).path

    assert path.isascii()
    assert path.count("/") == 2
    assert unquote(path.rpartition("/")[2]) == connection_id


def test_no_id_reaches_another_route() -> None:
    """10,000 ids: each is one segment at the server that decodes to it, or is refused here."""
    ids: list[str] = []

    # In tens, because an example costs more than a text in it.
    @settings(max_examples=1_000, deadline=None, database=None)
    @given(st.lists(st.text(max_size=260), min_size=10, max_size=10))
    def collect(connection_ids: list[str]) -> None:
        ids.extend(connection_ids)

    collect()
    sent: list[str] = []

    async def ask(client: NangoClient, connection_id: str) -> None:
        try:
            await client.get_connection(connection_id, "github")
        except NotFoundError:
            sent.append(connection_id)
        except InvalidArgumentError:
            assert is_refused(connection_id)

    async def main() -> list[bytes]:
        async with WireServer(answer(404, b"{}")) as server:
            async with NangoClient("key", base_url=server.url, cache=None) as client:
                for connection_id in ids:
                    await ask(client, connection_id)
            return server.requests

    lines = [request.split(b"\r\n", 1)[0].decode("ascii") for request in asyncio.run(main())]

    assert len(ids) >= 10_000
    assert len(sent) > 2_000
    for connection_id, line in zip(sent, lines, strict=True):
        path, query = line.removeprefix("GET ").removesuffix(" HTTP/1.1").split("?")
        assert query == "provider_config_key=github"
        start, segment = path[: len("/connection/")], path[len("/connection/") :]
        assert start == "/connection/"
        assert "/" not in segment
        assert unquote(segment) == connection_id


def is_refused(connection_id: str) -> bool:
    return (
        connection_id in {"", ".", ".."}
        or len(connection_id) > 255
        or any(unicodedata.category(character) in {"Cc", "Cs"} for character in connection_id)
    )


@pytest.mark.parametrize("name", ["connection_id", "provider_config_key"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "is empty"),
        ("x" * 256, "256 characters"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("a\x85b", "control character"),
        ("\ud800", "lone surrogate"),
        (5, "must be a str, not int"),
        (None, "must be a str, not NoneType"),
        (b"a", "must be a str, not bytes"),
    ],
)
def test_what_nango_could_not_know_is_refused(name: str, value: Any, problem: str) -> None:
    """Both ids obey the same rules, and the error names the argument."""
    arguments = {"connection_id": "user-42", "provider_config_key": "github"} | {name: value}

    with pytest.raises(InvalidArgumentError, match=f"{name}.*{problem}"):
        connection_request(tuple(arguments.values()))


def test_dots_are_refused_as_connection_ids_only() -> None:
    """They would be taken for a part of the path; in the query they are harmless."""
    for dots in (".", ".."):
        with pytest.raises(InvalidArgumentError, match="path"):
            connection_request((dots, "github"))
        assert connection_request(("user-42", dots)).query == f"provider_config_key={dots}"


def test_a_str_of_another_class_is_a_str() -> None:
    """Enums of strings and the like work as ids."""

    class Name(str):
        __slots__ = ()

    assert connection_request((Name("user 42"), Name("github"))).path == "/connection/user%2042"


@pytest.mark.parametrize(
    "options",
    [(), ("force_refresh",), ("refresh_token",), ("refresh_token", "refresh_github_app_jwt_token")],
)
def test_parameters_are_sent_only_when_asked_for(options: tuple[str, ...]) -> None:
    """Older servers refuse parameters that they do not know."""
    request = connection_request((*IDS, *options))

    expected = {"provider_config_key": "github"} | dict.fromkeys(options, "true")
    assert dict(parse_qsl(request.query)) == expected
    assert request.runs_once is ("force_refresh" in options)


@pytest.mark.parametrize(
    ("status", "code", "text", "expected"),
    [
        (400, "x", None, "BadRequestError"),
        (400, "unknown_provider_config", None, "UnknownIntegrationError"),
        (401, "unknown_account", None, "AuthenticationError"),
        (403, "forbidden", None, "PermissionDeniedError"),
        (404, "not_found", None, "NotFoundError"),
        (429, "too_many_request", None, "RateLimitError"),
        (500, "x", None, "ServerError"),
        (599, None, None, "ServerError"),
        (301, None, None, "APIStatusError"),
        (415, "x", None, "APIStatusError"),
        (424, "x", None, "APIStatusError"),
        (400, "invalid_credentials", None, "RefreshFailedError"),
        (500, "invalid_credentials", None, "RefreshFailedError"),
        (502, "invalid_credentials", "text", "RefreshFailedError"),
        (424, "invalid_credentials", BACKING_OFF, "RefreshBackoffError"),
        (424, "invalid_credentials", GIVEN_UP, "ReconnectRequiredError"),
        (424, "invalid_credentials", "something new", "InvalidCredentialsError"),
        (424, "invalid_credentials", None, "InvalidCredentialsError"),
    ],
)
def test_the_class_follows_code_and_status(
    status: int, code: str | None, text: str | None, expected: str
) -> None:
    """The wire's code first, the status second."""
    error = error_of(status, {"error": {"code": code, "message": text}})

    assert type(error) is getattr(nango_client, expected)
    assert (error.status, error.code, error.message) == (status, code, text)


@pytest.mark.parametrize(
    ("document", "code", "message", "payload"),
    [
        (b"<html>", None, None, None),
        (b"", None, None, None),
        ([], None, None, None),
        ({"error": "text"}, None, "text", None),
        ({"error": ["text"]}, None, None, None),
        ({"error": {"code": 5, "message": 5}}, None, None, None),
        ({"error": {"code": "c", "payload": {"a": 1}, "b": 2}}, "c", None, {"a": 1}),
        ({"error": {"code": "c", "payload": "text"}}, "c", None, "text"),
        ({"error": {"code": "c", "payload": None}}, "c", None, None),
        ({"error": {"code": "c", "b": 2}}, "c", None, {"b": 2}),
        ({"error": {"code": "c", "message": 'a row {"x":1}'}}, "c", None, None),
    ],
)
def test_error_bodies_of_every_shape_are_understood(
    document: object, code: str | None, message: str | None, payload: object
) -> None:
    """What is not as it should be counts as absent."""
    error = error_of(400, document)

    assert (error.code, error.message, error.payload) == (code, message, payload)


def test_texts_say_what_to_do() -> None:
    """The missing scope, the order of the ids, the way to reconnect, the parameter."""
    scope = "environment:connections:read_credentials"
    issues = [{"path": ["connectionId"]}, {"path": ["other", 1]}, "x", {"path": "x"}]

    assert scope in str(
        error_of(403, {"error": {"code": "forbidden", "message": f"needs {scope}"}})
    )
    unknown = error_of(400, {"error": {"code": "unknown_provider_config"}})
    assert "check the order of the two ids" in str(unknown)
    gone = error_of(424, {"error": {"code": "invalid_credentials", "message": GIVEN_UP}})
    assert "https://docs.nango.dev/" in str(gone)
    invalid = str(error_of(400, {"error": {"code": "invalid_uri_params", "errors": issues}}))
    assert "invalid_uri_params, connectionId)" in invalid
    assert "redirects are not followed" in str(error_of(302))


def test_a_backoff_lasts_30_seconds_at_most() -> None:
    """The server names no wait with it; should it do so one day, that counts."""
    document = {"error": {"code": "invalid_credentials", "message": BACKING_OFF}}

    assert error_of(424, document).retry_after == 30.0
    assert error_of(424, document, **{"Retry-After": "7"}).retry_after == 7.0


def test_the_reset_of_the_rate_limit_counts_for_429_only() -> None:
    """X-RateLimit-Reset comes with every answer."""
    headers = {"X-RateLimit-Reset": "100", "Date": "Thu, 01 Jan 1970 00:01:00 GMT"}
    limited = error_of(429, {}, **headers)

    assert isinstance(limited, RateLimitError)
    assert limited.retry_after == 40.0
    assert limited.reset_at is not None
    assert limited.reset_at.timestamp() == 100
    assert error_of(429, {}, **headers, **{"Retry-After": "5"}).retry_after == 5.0
    assert error_of(503, {}, **headers).retry_after is None
