"""What the API of `MockNango` does with connections: list, import, change, delete, metadata."""

from typing import Any

import pytest
from asking import ask, delete, patch, post, send

from nango_client.testing._state import NangoState

API_KEY = {"type": "API_KEY", "apiKey": "abc"}
USER = {"id": "u-1", "email": "ada@example.com", "display_name": "Ada", "tags": {"Plan": "pro"}}


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    metadata = {"a": 1, "b": {"c": 2}}
    nango.add_connection("user-42", "github", tags={"team": "red"}, metadata=metadata)
    return nango


def listed(nango: NangoState, query: str = "") -> list[str]:
    reply = send(nango, f"/connections?{query}")
    assert reply.status == 200
    return [row["connection_id"] for row in reply.document["connections"]]


def test_lists_are_newest_first_in_pages(nango: NangoState) -> None:
    """The newest comes first, those of one moment by number, and a page past the end is empty."""
    nango.advance(1)
    nango.add_connection("b", "github")
    nango.add_connection("c", "gitlab")
    nango.add_connection("older", "github", created_at="2020-01-01T00:00:00Z")
    nango.add_connection("odd", "github", created_at="some day")

    assert listed(nango) == ["c", "b", "user-42", "older", "odd"]
    assert listed(nango, "limit=2") == ["c", "b"]
    assert listed(nango, "limit=2&page=2") == ["odd"]
    assert listed(nango, "limit=2&page=3") == []


@pytest.mark.parametrize(
    "query",
    [
        "connectionId=c1",
        "search=C1",
        "search=lovelace",
        "search=ADA%40",
        "endUserId=u-1",
        "endUserOrganizationId=acme",
        "integrationId=other,%20gitlab%20",
        "tags%5Bteam%5D=blue&tags%5BPLAN%5D=pro",
        "tags[team]=blue&endUserId=u-1",
    ],
)
def test_filters_let_through_what_fits_all_of_them(nango: NangoState, query: str) -> None:
    """Each filter finds the one connection that was made for it."""
    user = {"id": "u-1", "display_name": "Ada Lovelace", "email": "ada@example.com"}
    nango.add_connection(
        "c1",
        "gitlab",
        end_user={**user, "organization": {"id": "acme", "display_name": "Acme"}},
        tags={"team": "blue", "plan": "pro"},
    )

    assert listed(nango, query) == ["c1"]


def test_an_end_user_makes_tags(nango: NangoState) -> None:
    """A connection that is added with an end user alone is found by the tags made of it."""
    nango.add_connection("c1", "github", end_user={"id": "u-1", "email": "ada@example.com"})

    assert listed(nango, "tags[end_user_id]=u-1&tags[end_user_email]=ada@example.com") == ["c1"]


@pytest.mark.parametrize(
    ("query", "code", "path"),
    [
        ("limit=0", "too_small", ["limit"]),
        ("limit=2001", "too_big", ["limit"]),
        ("page=-1", "too_small", ["page"]),
        ("page=x", "invalid_type", ["page"]),
        ("search=", "too_small", ["search"]),
        ("tags=x", "invalid_type", ["tags"]),
        ("tags[a]=b&tags[a]=c", "invalid_type", ["tags", "a"]),
        ("cursor=1", "unrecognized_keys", []),
    ],
)
def test_a_malformed_list_is_refused(
    nango: NangoState, query: str, code: str, path: list[str]
) -> None:
    """The list's query is strict."""
    reply = send(nango, f"/connections?{query}")

    assert (reply.status, reply.error["code"]) == (400, "invalid_query_params")
    assert [(issue["code"], issue["path"]) for issue in reply.error["errors"]] == [(code, path)]


def test_what_was_imported_is_found(nango: NangoState) -> None:
    """An import answers 201 with all that was stored, and later requests find it."""
    body = {
        "provider_config_key": "github",
        "connection_id": "user-7",
        "credentials": {
            "type": "OAUTH2",
            "access_token": "abc",
            "refresh_token": "def",
            "expires_at": "2027-01-15T10:00:00Z",
        },
        "tags": {"Team": "Blue"},
        "end_user": USER,
        "webhook_url_override": "https://example.com/hook",
    }

    reply = post(nango, "/connections", body)

    assert reply.status == 201
    assert reply.document["metadata"] == {}
    assert reply.document["tags"] == {
        "team": "Blue",
        "plan": "pro",
        "end_user_id": "u-1",
        "end_user_email": "ada@example.com",
        "end_user_display_name": "Ada",
    }
    assert reply.document["end_user"]["organization"] is None
    assert reply.credentials["refresh_token"] == "def"
    assert ask(nango, "user-7").credentials["access_token"] == "abc"
    assert listed(nango)[0] == "user-7"
    nango.advance(7000)
    assert ask(nango, "user-7").credentials["access_token"] != "abc"


def test_an_import_without_id_gets_one(nango: NangoState) -> None:
    """Without an id of its own each import is another connection."""
    nango.add_integration("algolia", credentials={"type": "API_KEY"})
    body = {"provider_config_key": "algolia", "credentials": API_KEY}

    ids = [post(nango, "/connections", body).document["connection_id"] for _ in range(2)]

    assert ids[0] != ids[1]
    assert ask(nango, ids[0], "algolia").credentials == API_KEY


def test_an_import_over_a_connection_replaces_all_but_its_number(nango: NangoState) -> None:
    """What was not sent is emptied; number and date of creation stay."""
    before = ask(nango).document
    nango.advance(60)
    body = {
        "provider_config_key": "github",
        "connection_id": "user-42",
        "credentials": {"type": "OAUTH2", "access_token": "abc"},
    }

    post(nango, "/connections", body)

    after = ask(nango).document
    assert after["credentials"]["access_token"] == "abc"
    assert (after["tags"], after["metadata"]) == ({}, {})
    assert [after[name] for name in ("id", "created_at")] == [
        before[name] for name in ("id", "created_at")
    ]
    assert after["updated_at"] != before["updated_at"]


@pytest.mark.parametrize(
    ("mode", "credentials", "stored"),
    [
        ("BASIC", {"username": "u", "password": ""}, ["type", "username", "password"]),
        ("TBA", {"token_id": "i", "token_secret": "s"}, ["token_id", "config_override"]),
        ("OAUTH1", {"oauth_token": "t", "oauth_token_secret": "s"}, ["oauth_token", "raw"]),
        (
            "OAUTH2_CC",
            {"token": "t", "client_id": "i", "client_secret": "s"},
            ["token", "client_id", "raw"],
        ),
        ("APP", {"app_id": "1", "installation_id": "2"}, ["access_token", "expires_at"]),
        ("NONE", {}, []),
    ],
)
def test_the_kinds_that_can_be_imported(
    nango: NangoState, mode: str, credentials: dict[str, str], stored: list[str]
) -> None:
    """Each kind is stored as the server keeps it."""
    nango.add_provider("acme", auth_mode=mode)
    nango.add_integration("acme")
    body = {"provider_config_key": "acme", "credentials": {"type": mode, **credentials}}

    reply = post(nango, "/connections", body)

    assert reply.status == 201
    assert set(stored) <= reply.credentials.keys()
    if mode == "APP":
        assert reply.document["connection_config"] == credentials


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"connection_id": "é"}, [("invalid_format", ["connection_id"])]),
        ({"credentials": {"type": "JWT", "token": "x"}}, [("invalid_union", ["credentials"])]),
        ({"credentials": []}, [("invalid_type", ["credentials"])]),
        ({"metadata": "x"}, [("invalid_type", ["metadata"])]),
        ({"metadata": None}, [("invalid_type", ["metadata"])]),
        ({"end_user": {}}, [("invalid_type", ["end_user", "id"])]),
        ({"end_user": {**USER, "organization": {}}}, [("unrecognized_keys", ["end_user"])]),
        ({"tags": []}, [("invalid_type", ["tags"])]),
        ({"tags": {"1": "x"}}, [("invalid_format", ["tags", "1"])]),
        ({"tags": {"a": ""}}, [("too_small", ["tags", "a"])]),
        ({"tags": {"a": "x", "A": "y"}}, [("custom", ["tags"])]),
        (
            {"tags": {"end_user_email": "x@x"}},
            [
                ("invalid_format", ["tags", "end_user_email"]),
                ("too_small", ["tags", "end_user_email"]),
            ],
        ),
        ({"webhook_url_override": "ftp://x"}, [("invalid_union", ["webhook_url_override"])]),
        ({"a": 1, "b": 2}, [("unrecognized_keys", [])]),
    ],
)
def test_a_malformed_import_is_refused(
    nango: NangoState, changes: dict[str, Any], errors: list[tuple[str, list[str]]]
) -> None:
    """The body is strict, and nothing is stored of a wrong one."""
    body = {
        "provider_config_key": "github",
        "credentials": {"type": "OAUTH2", "access_token": "abc"},
        **changes,
    }

    reply = post(nango, "/connections", body)

    assert (reply.status, reply.error["code"]) == (400, "invalid_body")
    assert [(issue["code"], issue["path"]) for issue in reply.error["errors"]] == errors
    assert listed(nango) == ["user-42"]
    assert len(nango.unexpected_requests) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"credentials": API_KEY},
        {"credentials": {"type": "OAUTH2", "access_token": "abc", "expires_at": "tomorrow"}},
        {"end_user": USER, "tags": dict.fromkeys("bcdefghij", "x")},
    ],
)
def test_an_import_that_makes_no_sense_is_refused(
    nango: NangoState, changes: dict[str, Any]
) -> None:
    """Credentials of another kind, no date and too many tags are told by a message alone."""
    credentials = {"type": "OAUTH2", "access_token": "abc"}
    body = {"provider_config_key": "github", "credentials": credentials, **changes}

    reply = post(nango, "/connections", body)

    assert (reply.status, reply.error["code"]) == (400, "invalid_body")
    assert "errors" not in reply.error


def test_tags_are_replaced(nango: NangoState) -> None:
    """New tags take the place of all old ones, and leave the rest of the connection alone."""
    target = "/connections/user-42?provider_config_key=github"

    assert patch(nango, target, {"tags": {"Team": "blue"}}).document == {"success": True}
    assert ask(nango).document["tags"] == {"team": "blue"}

    patch(nango, target, {"end_user": USER})
    assert ask(nango).document["tags"].keys() >= {"plan", "end_user_id"}
    assert "team" not in ask(nango).document["tags"]

    patch(nango, target, {"end_user": USER, "tags": {"plan": "free"}})
    assert ask(nango).document["tags"]["plan"] == "free"

    patch(nango, target, {"webhook_url_override": "https://example.com"})
    assert ask(nango).document["webhook_url_override"] == "https://example.com"
    patch(nango, target, {"webhook_url_override": ""})
    assert ask(nango).document["webhook_url_override"] is None
    assert ask(nango).document["end_user"]["id"] == "u-1"

    many = {"end_user": USER, "tags": dict.fromkeys("bcdefghij", "x")}
    assert patch(nango, target, many).error["code"] == "invalid_body"


@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_a_change_needs_a_connection(nango: NangoState, method: str) -> None:
    """An unknown integration is a 400, an unknown connection a 404."""
    body = {} if method == "PATCH" else None
    integration = send(nango, "/connections/x?provider_config_key=no", method=method, body=body)
    connection = send(nango, "/connections/x?provider_config_key=github", method=method, body=body)

    assert (integration.status, integration.error["code"]) == (400, "unknown_provider_config")
    assert (connection.status, connection.error["code"]) == (404, "not_found")


def test_what_was_deleted_is_unknown(nango: NangoState) -> None:
    """A deletion works once, and requests for the connection are no surprise afterwards."""
    target = "/connections/user-42?provider_config_key=github"

    assert delete(nango, target).document == {"success": True}

    again = delete(nango, target)
    assert (again.status, again.error) == (400, {"code": "unknown_connection"})
    assert ask(nango).status == 404
    assert listed(nango) == []
    nango.assert_no_unexpected_requests()
    delete(nango, "/connections/other?provider_config_key=github")
    assert nango.unexpected_requests[0].problem == "no such connection; known: none"


def test_metadata_is_replaced_or_merged(nango: NangoState) -> None:
    """POST replaces the whole, PATCH members of the top level; the body comes back."""
    nango.add_connection("user-43", "github", metadata=None)
    body = {"connection_id": "user-42", "provider_config_key": "github", "metadata": {"b": None}}

    both = {**body, "connection_id": ["user-42", "user-43"]}
    merged = patch(nango, "/connections/metadata", both)
    assert merged.status == 200
    assert ask(nango).document["metadata"] == {"a": 1, "b": None}
    assert ask(nango, "user-43").document["metadata"] == {"b": None}

    replaced = post(nango, "/connections/metadata", body)
    assert (replaced.status, replaced.document) == (201, body)
    assert ask(nango).document["metadata"] == {"b": None}


def test_metadata_of_an_unknown_connection_changes_nothing(nango: NangoState) -> None:
    """One unknown id among several is a 404 for all; no ids at all are accepted."""
    body: dict[str, Any] = {"provider_config_key": "github", "metadata": {"new": 1}}

    reply = post(nango, "/connections/metadata", {**body, "connection_id": ["user-42", "nobody"]})

    assert (reply.status, reply.error["code"]) == (404, "unknown_connection")
    assert "new" not in ask(nango).document["metadata"]
    assert post(nango, "/connections/metadata", {**body, "connection_id": []}).status == 201


def test_a_connection_may_be_called_metadata(nango: NangoState) -> None:
    """The path of the metadata is an id where a connection is asked for."""
    nango.add_connection("metadata", "github")

    assert ask(nango, "metadata").status == 200


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("environment:connections:create", 201),
        ("environment:connections:*", 201),
        ("environment:*", 201),
        ("environment:connections:update", 403),
        ("account:*", 403),
    ],
)
def test_scopes_with_a_star_stand_for_many(nango: NangoState, scope: str, status: int) -> None:
    """A star covers all scopes that begin alike."""
    credentials = {"type": "OAUTH2", "access_token": "abc"}
    body = {"provider_config_key": "github", "credentials": credentials}

    assert post(nango, "/connections", body, nango.add_key([scope])).status == status


def test_the_checks_come_in_the_servers_order(nango: NangoState) -> None:
    """Of several faults the answer names the one that the server looks for first."""
    key = {"Authorization": f"Bearer {nango.add_key([])}"}
    json_type = {"Content-Type": "application/json"}
    target = "/connections?x=1"

    def answer(headers: dict[str, str], body: bytes) -> tuple[int, str]:
        reaction = nango.react("POST", target, headers, body)
        assert reaction.answer is not None
        code = reaction.answer.body.decode().partition('"code":"')[2].partition('"')[0]
        return reaction.answer.status, code

    assert answer(json_type, b"{") == (400, "invalid_json")
    assert answer(json_type, b'"text"') == (400, "invalid_json")
    assert answer({"Content-Type": "text/plain"}, b"{") == (415, "invalid_content_type")
    assert answer(json_type, b"{}") == (401, "missing_auth_header")
    assert answer(key | json_type, b"{}") == (403, "forbidden")
    key = {"Authorization": f"Bearer {nango.api_key}"}
    assert answer(key | json_type, b"{}") == (400, "invalid_query_params")
    target = "/connections"
    assert answer(key | json_type, b"{}") == (400, "invalid_body")
    assert answer(key, b"") == (400, "invalid_body")
    assert answer(key | json_type, b"x" * 75_000_001) == (500, "generic_error_support")


def test_faults_can_be_meant_for_one_connection(nango: NangoState) -> None:
    """A scripted failure finds its connection and integration in path, header, query or body."""
    body = {"connection_id": "user-42", "provider_config_key": "github", "metadata": {}}
    for ids in ({"connection_id": "user-42"}, {"provider_config_key": "github"}):
        nango.fail_next(503, times=2, **ids)
        assert send(nango, "/connections?connectionId=x").status == 200
        assert post(nango, "/connections/metadata", body).status == 503
        headers = {"Connection-Id": "user-42", "Provider-Config-Key": "github"}
        assert send(nango, "/records", headers=headers).status == 503

    nango.fail_next(503, provider_config_key="github")
    assert send(nango, "/integrations/github").status == 503
    assert nango.requests[-1].provider_config_key == "github"
