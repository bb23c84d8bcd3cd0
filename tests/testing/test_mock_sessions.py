"""Connect sessions at `MockNango`, and the user in the browser whom a test plays."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from asking import Reply, ask, delete, post, send

from nango_client.testing._state import NangoState

USER = {"id": "u-1", "email": "ada@example.com"}


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    nango.add_integration("github")
    nango.add_integration("algolia", credentials={"type": "API_KEY"})
    return nango


def opened(nango: NangoState, **body: Any) -> str:
    """Open a session and give its token."""
    path = "/connect/sessions/reconnect" if "connection_id" in body else "/connect/sessions"
    reply = post(nango, path, body)
    assert reply.status == 201, reply.document
    token: str = reply.document["data"]["token"]
    return token


def seen(nango: NangoState, token: str) -> Reply:
    return send(nango, "/connect/session", key=token)


def test_a_session_lives_half_an_hour(nango: NangoState) -> None:
    """Its answer tells token, link and end, and after the end the token is unknown."""
    data = post(nango, "/connect/sessions", {"end_user": USER}).document["data"]

    assert re.fullmatch("nango_connect_session_[0-9a-f]{64}", data["token"])
    assert data["connect_link"].endswith(f"?session_token={data['token']}")
    assert data["expires_at"] == "2027-01-15T08:30:00.000Z"
    nango.advance(1799)
    assert seen(nango, data["token"]).status == 200
    nango.advance(1)
    assert seen(nango, data["token"]).error["code"] == "unknown_connect_session_token"
    with pytest.raises(LookupError, match="ran out 0 s ago"):
        nango.complete_connect_session(data["token"], "github")


def test_a_session_tells_the_browser_what_it_was_opened_with(nango: NangoState) -> None:
    """What was set comes back to the token, and what was not is left out."""
    full = {
        "end_user": {"id": "u-1"},
        "organization": {"id": "acme"},
        "allowed_integrations": ["github"],
        "integrations_config_defaults": {"github": {"user_scopes": "repo"}},
        "overrides": {"github": {"docs_connect": "https://example.com"}},
    }

    data = seen(nango, opened(nango, **full)).document["data"]

    assert data["endUser"]["organization"] == {"id": "acme", "display_name": None}
    assert data["endUser"]["email"] is None
    for name in ("allowed_integrations", "integrations_config_defaults", "overrides"):
        assert data[name] == full[name]
    plain = seen(nango, opened(nango, tags={"a": "b"})).document["data"]
    assert plain.keys() == {"endUser", "connectUISettings", "websocketsPath"}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("invalid_type", ["end_user"])]),
        ([], [("invalid_type", [])]),
        ({"tags": {}, "end_user": {"id": ""}}, [("too_small", ["end_user", "id"])]),
        ({"tags": {}, "user": 1}, [("unrecognized_keys", [])]),
        (
            {"tags": {}, "allowed_integrations": ["github", "no"]},
            [("custom", ["allowed_integrations", 1])],
        ),
        (
            {"tags": {}, "allowed_integrations": "github"},
            [("invalid_type", ["allowed_integrations"])],
        ),
        ({"tags": {}, "overrides": {"no": {}}}, [("custom", ["overrides", "no"])]),
        ({"tags": {}, "overrides": []}, [("invalid_type", ["overrides"])]),
    ],
)
def test_a_malformed_session_is_refused(
    nango: NangoState, body: Any, errors: list[tuple[str, list[str | int]]]
) -> None:
    """The body is strict, needs an end user where it has no tags, and names known integrations."""
    reply = post(nango, "/connect/sessions", body)

    assert (reply.status, reply.error["code"]) == (400, "invalid_body")
    assert [(issue["code"], issue["path"]) for issue in reply.error["errors"]] == errors


def test_too_many_tags_make_the_server_stumble(nango: NangoState) -> None:
    """With those of the end user they are more than ten, which the server finds out too late."""
    body = {"end_user": USER, "tags": dict.fromkeys("abcdefghij", "x")}

    reply = post(nango, "/connect/sessions", body)

    assert (reply.status, reply.error["code"]) == (500, "server_error")


def test_the_user_connects_an_account(nango: NangoState) -> None:
    """A completed session leaves a connection with all that the session was opened with."""
    token = opened(
        nango,
        end_user=USER,
        tags={"Team": "blue"},
        webhook_url_override="https://example.com/hook",
        integrations_config_defaults={"github": {"connection_config": {"subdomain": "acme"}}},
    )

    connection_id = nango.complete_connect_session(token, "github")

    document = ask(nango, connection_id).document
    assert document["tags"] == {
        "team": "blue",
        "end_user_id": "u-1",
        "end_user_email": "ada@example.com",
    }
    assert document["end_user"]["id"] == "u-1"
    assert document["webhook_url_override"] == "https://example.com/hook"
    assert document["connection_config"] == {"subdomain": "acme"}
    assert document["credentials"]["type"] == "OAUTH2"
    assert document["credentials"]["expires_at"] == "2027-01-15T09:00:00.000Z"
    assert nango.complete_connect_session(token, "github") != connection_id


def test_the_user_picks_the_integration(nango: NangoState) -> None:
    """Credentials are of the integration's kind, or those that the test gives."""
    session = SimpleNamespace(token=opened(nango, tags={}))

    made_up = nango.complete_connect_session(session, "algolia")
    given = nango.complete_connect_session(session, "algolia", {"type": "API_KEY", "apiKey": "abc"})

    assert ask(nango, made_up, "algolia").credentials["apiKey"].startswith("fake-api-key")
    assert ask(nango, given, "algolia").credentials["apiKey"] == "abc"


def test_a_reconnect_keeps_the_connection(nango: NangoState) -> None:
    """The id, the number and the metadata stay; tags are replaced, and renewals work again."""
    nango.add_connection("user-42", "github", tags={"team": "red"}, metadata={"a": 1})
    nango.break_refresh("user-42", "github", exhausted=True)
    before = ask(nango).document
    token = opened(nango, connection_id="user-42", integration_id="github")
    nango.advance(600)

    assert nango.complete_connect_session(token, "github") == "user-42"

    after = ask(nango, force_refresh=True).document
    assert after["credentials"]["access_token"] != before["credentials"]["access_token"]
    assert [after[name] for name in ("id", "metadata", "created_at", "end_user")] == [
        before[name] for name in ("id", "metadata", "created_at", "end_user")
    ]
    assert after["tags"] == {}
    assert nango.refresh_count("user-42", "github") == 1
    assert seen(nango, token).document["data"]["isReconnecting"] is True


def test_a_reconnect_needs_a_connection(nango: NangoState) -> None:
    """An unknown connection is a 400 with a message; one that was deleted is no surprise."""
    nango.add_connection("user-42", "github")
    nango.remove_connection("user-42", "github")

    for connection_id in ("user-42", "user-43"):
        body = {"connection_id": connection_id, "integration_id": "github"}
        reply = post(nango, "/connect/sessions/reconnect", body)
        assert (reply.status, reply.error["code"]) == (400, "invalid_body")
        assert "errors" not in reply.error

    assert len(nango.unexpected_requests) == 1


def test_a_reconnect_may_lose_its_connection(nango: NangoState) -> None:
    """A connection that is deleted while the user is in the browser comes back under its id."""
    nango.add_connection("user-42", "github")
    token = opened(nango, connection_id="user-42", integration_id="github")
    nango.remove_connection("user-42", "github")

    assert nango.complete_connect_session(token, "github") == "user-42"
    assert ask(nango).status == 200


def test_a_deleted_session_is_unknown(nango: NangoState) -> None:
    """The session's own token ends it, with an empty 204."""
    token = opened(nango, end_user=USER)

    gone = send(nango, "/connect/session", method="DELETE", key=token)

    assert (gone.status, gone.document) == (204, "")
    assert seen(nango, token).status == 401
    with pytest.raises(LookupError, match="no connect session") as caught:
        nango.complete_connect_session(token, "github")
    assert token not in str(caught.value)


def test_what_the_user_cannot_do_is_an_error_of_the_test(nango: NangoState) -> None:
    """An unknown integration, one that the session does not allow, and a wrong one for it."""
    nango.add_connection("user-42", "github")
    token = opened(nango, tags={}, allowed_integrations=["github"])
    again = opened(nango, connection_id="user-42", integration_id="github")

    with pytest.raises(LookupError, match="no integration 'gitlab'; known: github, algolia"):
        nango.complete_connect_session(token, "gitlab")
    with pytest.raises(ValueError, match="allows github, not 'algolia'"):
        nango.complete_connect_session(token, "algolia")
    with pytest.raises(ValueError, match="reconnects 'github', not 'algolia'"):
        nango.complete_connect_session(again, "algolia")
    with pytest.raises(ValueError, match="no made-up credentials"):
        nango.complete_connect_session(token, "github", "PASSWORD")


def test_a_token_opens_what_browsers_need(nango: NangoState) -> None:
    """It lists integrations that the session allows, and providers, and counts on its own."""
    token = opened(nango, tags={}, allowed_integrations=["github"])
    free = opened(nango, tags={})

    def keys(key: str) -> list[str]:
        reply = send(nango, "/integrations", key=key)
        return [one["unique_key"] for one in reply.document["data"]]

    assert keys(token) == ["github"]
    assert keys(free) == ["algolia", "github"]
    reply = send(nango, "/providers/github", key=token)
    assert reply.document["data"]["name"] == "github"
    assert reply.headers["X-RateLimit-Remaining"] == "197"
    assert send(nango, "/connections", key=token).error["code"] == "invalid_secret_key_format"


def test_no_token_is_no_key(nango: NangoState) -> None:
    """A request without any is told that the header is missing, also where a token belongs."""
    reply = send(nango, "/connect/session", headers={})

    assert (reply.status, reply.error["code"]) == (401, "missing_auth_header")
    assert delete(nango, "/connect/session").error["code"] == "invalid_connect_session_token_format"
