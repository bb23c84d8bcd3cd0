"""What `MockNango` refuses, and how it tells what was expected."""

import re

import pytest
from asking import ask, send

from nango_client.testing._state import NangoState

READ = "environment:connections:read"
CREDENTIALS = "environment:connections:read_credentials"


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    nango.add_connection("user-42", "github")
    return nango


def test_both_spellings_of_the_path_answer_alike(nango: NangoState) -> None:
    """Old and new servers' paths give the same connection."""
    old = send(nango, "/connection/user-42?provider_config_key=github")
    new = send(nango, "/connections/user-42?provider_config_key=github")

    assert old.document == new.document


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_auth_header"),
        ("Bearer not-a-uuid", "invalid_secret_key_format"),
        ("bearer {key}", "invalid_secret_key_format"),
        ("{key}", "invalid_secret_key_format"),
        ("Bearer 00000000-0000-4000-8000-000000000000", "unknown_account"),
    ],
)
def test_a_bad_key_is_refused(nango: NangoState, authorization: str | None, code: str) -> None:
    """Without a key of this server the answer is a 401 that names the fault."""
    headers = (
        {} if authorization is None else {"Authorization": authorization.format(key=nango.api_key)}
    )

    reply = send(nango, "/connection/user-42?provider_config_key=github", headers=headers)

    assert (reply.status, reply.error["code"]) == (401, code)
    assert "X-RateLimit-Limit" not in reply.headers
    assert "Bearer <server.api_key>" in reply.headers["X-MockNango-Expected"]


def test_each_server_has_a_key_of_its_own(nango: NangoState) -> None:
    """A key of another server is unknown."""
    assert ask(nango, api_key=NangoState().api_key).status == 401


def test_a_content_type_other_than_json_is_refused(nango: NangoState) -> None:
    """A GET with a body's content type is a 415, but for JSON."""
    key = {"Authorization": f"Bearer {nango.api_key}"}
    target = "/connection/user-42?provider_config_key=github"

    assert send(nango, target, headers={**key, "Content-Type": "text/plain"}).status == 415
    assert send(nango, target, headers={**key, "Content-Type": "application/json"}).status == 200


@pytest.mark.parametrize(
    ("query", "code", "path"),
    [
        ("", "invalid_type", ["provider_config_key"]),
        ("provider_config_key=a&provider_config_key=b", "invalid_type", ["provider_config_key"]),
        ("provider_config_key=a/b", "invalid_format", ["provider_config_key"]),
        ("provider_config_key=github&force_refresh=1", "invalid_value", ["force_refresh"]),
        ("provider_config_key=github&refresh_token=", "invalid_value", ["refresh_token"]),
        (
            "provider_config_key=github&force_refresh=true&force_refresh=true",
            "invalid_value",
            ["force_refresh"],
        ),
        ("provider_config_key=github&fresh=true", "unrecognized_keys", []),
    ],
)
def test_a_malformed_query_is_refused(
    nango: NangoState, query: str, code: str, path: list[str]
) -> None:
    """The query is strict: unknown, malformed and repeated parameters are a 400."""
    reply = send(nango, f"/connection/user-42?{query}")

    assert (reply.status, reply.error["code"]) == (400, "invalid_query_params")
    assert "message" not in reply.error
    assert [(issue["code"], issue["path"]) for issue in reply.error["errors"]] == [(code, path)]
    assert "it takes provider_config_key, refresh_token" in reply.headers["X-MockNango-Expected"]


def test_options_that_are_off_are_taken(nango: NangoState) -> None:
    """An option may be sent as false."""
    reply = send(nango, "/connection/user-42?provider_config_key=github&force_refresh=false")

    assert reply.status == 200
    assert nango.refresh_count("user-42", "github") == 0


@pytest.mark.parametrize("connection_id", ["%C3%A9", "a%3Fb", "a" * 256])
def test_a_malformed_id_is_refused(nango: NangoState, connection_id: str) -> None:
    """An id that no connection can have is a 400 that names the path's parameter."""
    reply = send(nango, f"/connection/{connection_id}?provider_config_key=github")

    assert (reply.status, reply.error["code"]) == (400, "invalid_uri_params")
    assert reply.error["errors"][0]["path"] == ["connectionId"]


@pytest.mark.parametrize("connection_id", ["%ZZ", "%", "%FF"])
def test_a_path_that_does_not_decode_is_an_error_of_the_server(
    nango: NangoState, connection_id: str
) -> None:
    """Bad escapes give a 500 whose payload is a text."""
    reply = send(nango, f"/connection/{connection_id}?provider_config_key=github")

    assert reply.status == 500
    assert isinstance(reply.error["payload"], str)


def test_an_unknown_integration_is_refused(nango: NangoState) -> None:
    """A key that no connection was added with is a 400."""
    reply = ask(nango, "user-42", "gitlab")

    assert (reply.status, reply.error["code"]) == (400, "unknown_provider_config")
    expected = "no such integration; known: user-42/github"
    assert reply.headers["X-MockNango-Expected"] == expected


def test_swapped_ids_are_noticed(nango: NangoState) -> None:
    """The hint says so where the two ids were swapped."""
    hint = ask(nango, "github", "user-42").headers["X-MockNango-Expected"]

    assert hint.endswith("the two ids look swapped")


def test_an_unknown_connection_is_not_found(nango: NangoState) -> None:
    """A connection that exists under another integration is a 404 as well."""
    nango.add_connection("user-43", "gitlab")

    reply = ask(nango, "user-43", "github")

    assert (reply.status, reply.error["code"]) == (404, "not_found")
    hint = "no such connection; known: user-42/github, user-43/gitlab"
    assert reply.headers["X-MockNango-Expected"] == hint


def test_a_hint_names_only_some_of_many_connections(nango: NangoState) -> None:
    """With many connections the hint stays short."""
    for number in range(11):
        nango.add_connection(f"c{number}", "github")

    assert ask(nango, "x").headers["X-MockNango-Expected"].endswith("c8/github and 2 more")


@pytest.mark.parametrize("path", ["/nope", "/conection/user-42", "/connections/a/b", "/"])
def test_an_unknown_path_answers_a_page(nango: NangoState, path: str) -> None:
    """An unknown GET path is a 200 with HTML, as on the real server, and says what is near."""
    reply = send(nango, path)

    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "no such endpoint; near it are " in reply.document
    if "connection" not in path.replace("conection", "connection"):
        return
    assert "GET /connection" in reply.document


@pytest.mark.parametrize("path", ["/nope", "/connection/user-42?provider_config_key=github"])
def test_other_methods_are_not_found(nango: NangoState, path: str) -> None:
    """Any other method that a path does not take is a 404 with HTML."""
    reply = send(nango, path, method="POST")

    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Cannot POST /" in reply.document


def test_markup_in_a_path_is_escaped(nango: NangoState) -> None:
    """What was asked for cannot become markup of the page."""
    assert "<b>" not in send(nango, "/<b>", method="PUT").document


def test_the_private_api_is_refused(nango: NangoState) -> None:
    """The dashboard's own API takes no API keys."""
    reply = send(nango, "/api/v1/connections?env=dev")

    assert (reply.status, reply.document) == (401, {"error": {"code": "unauthorized"}})


def test_a_key_without_the_credentials_scope_sees_none(nango: NangoState) -> None:
    """With the plain read scope credentials are empty, and nothing is renewed for it."""
    nango.advance(3000)
    reply = ask(nango, api_key=nango.add_key([READ]))

    assert (reply.status, reply.credentials) == (200, {})
    assert nango.refresh_count("user-42", "github") == 0


@pytest.mark.parametrize("option", ["refresh_token", "force_refresh"])
def test_options_need_the_credentials_scope(nango: NangoState, option: str) -> None:
    """Asking for secrets or renewals without the scope is a 403."""
    reply = send(
        nango,
        f"/connection/user-42?provider_config_key=github&{option}=true",
        headers={"Authorization": f"Bearer {nango.add_key([READ])}"},
    )

    assert (reply.status, reply.error["code"]) == (403, "forbidden")
    assert CREDENTIALS in reply.error["message"]


def test_a_key_without_the_read_scope_is_refused_first(nango: NangoState) -> None:
    """Scopes are checked before the connection is looked for."""
    reply = ask(nango, "nobody", "nothing", api_key=nango.add_key([]))

    assert (reply.status, reply.error["code"]) == (403, "forbidden")
    assert nango.unexpected_requests == []


def test_the_credentials_scope_is_enough() -> None:
    """The stronger scope stands for the weaker one; the first key's scopes can be given too."""
    nango = NangoState(scopes=[CREDENTIALS])
    nango.add_connection("user-42", "github")

    assert ask(nango, force_refresh=True).credentials["type"] == "OAUTH2"


def test_a_single_scope_as_a_text_is_refused() -> None:
    """A text in the place of a list would be a set of letters."""
    with pytest.raises(TypeError, match=re.escape(f"[{READ!r}]")):
        NangoState(scopes=READ)


def test_expected_requests_are_not_held_against_a_test(nango: NangoState) -> None:
    """Connections, removed ones included, and scripted failures are no surprise."""
    ask(nango)
    nango.fail_next(404)
    ask(nango, "nobody", "nothing")
    nango.remove_connection("user-42", "github")
    ask(nango)

    nango.assert_no_unexpected_requests()


def test_unexpected_requests_fail_with_their_names(nango: NangoState) -> None:
    """The assertion lists each request and what was expected."""
    ask(nango, "user-43")
    send(nango, "/nope?" + "x" * 400)

    with pytest.raises(AssertionError) as caught:
        nango.assert_no_unexpected_requests()

    lines = str(caught.value).splitlines()
    assert lines[0] == "unexpected requests reached MockNango:"
    assert lines[1] == (
        "  GET /connection/user-43?provider_config_key=github: "
        "no such connection; known: user-42/github"
    )
    assert lines[2].startswith("  GET /nope?xxx")
    assert "x...: no such endpoint; near it are " in lines[2]


def test_unexpected_requests_can_be_cleared(nango: NangoState) -> None:
    """A test that asked for a failure on purpose clears the list, or begins another one."""
    ask(nango, "user-43")

    nango.unexpected_requests.clear()

    nango.assert_no_unexpected_requests()
    nango.unexpected_requests = []
    ask(nango, "user-43")
    assert len(nango.unexpected_requests) == 1
