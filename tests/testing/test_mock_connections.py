"""What `MockNango` answers for a connection, by kind of credentials and by fields."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from asking import ask

from nango_client import (
    ApiKeyCredentials,
    Credentials,
    EndUser,
    NoCredentials,
    OAuth2Credentials,
    UnknownCredentials,
)
from nango_client.testing._state import NangoState

KINDS = [
    "OAUTH2",
    "OAUTH2_CC",
    "OAUTH1",
    "API_KEY",
    "BASIC",
    "APP",
    "JWT",
    "TWO_STEP",
    "SIGNATURE",
    "BILL",
    "TBA",
    "AWS_SIGV4",
    "CUSTOM",
]


@pytest.fixture
def nango() -> NangoState:
    return NangoState()


def secrets_of(value: Any) -> set[str]:
    """All made-up secrets inside a JSON value."""
    return set(re.findall(r"fake-[a-z-]+\d+", json.dumps(value)))


def test_plain_credentials_are_oauth_2_with_an_hour_to_live(nango: NangoState) -> None:
    """Without credentials of its own, a connection gets an OAuth 2 token that can be renewed."""
    nango.add_connection("user-42", "github")

    credentials = ask(nango, refresh_token=True).credentials

    assert credentials["type"] == "OAUTH2"
    assert credentials["refresh_token"].startswith("fake-refresh-token-")
    assert credentials["expires_at"] == credentials["raw"]["expires_at"]
    assert credentials["expires_at"] == "2027-01-15T09:00:00.000Z"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made_up(nango: NangoState, kind: str) -> None:
    """Made-up credentials name their kind."""
    nango.add_connection("user-42", "github", kind)

    assert ask(nango).credentials["type"] == kind


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("MCP_OAUTH2", "OAUTH2"), ("MCP_OAUTH2_GENERIC", "OAUTH2"), ("INSTALL_PLUGIN", "BASIC")],
)
def test_some_modes_answer_as_another_kind(nango: NangoState, mode: str, kind: str) -> None:
    """Integrations of these modes have credentials of a common kind."""
    nango.add_connection("user-42", "github", mode)

    assert ask(nango).credentials["type"] == kind


def test_no_credentials_are_an_empty_object(nango: NangoState) -> None:
    """An integration without authentication has empty credentials."""
    nango.add_connection("user-42", "github", "NONE")

    assert ask(nango).credentials == {}


def test_made_up_secrets_are_all_different(nango: NangoState) -> None:
    """No two connections share a secret, so that a mix-up shows."""
    found: list[set[str]] = []
    for kind in KINDS * 2:
        nango.add_connection("user-42", "github", kind)
        found.append(secrets_of(ask(nango, refresh_token=True).credentials))

    assert all(found)
    assert len(set[str]().union(*found)) == sum(map(len, found))


def test_an_unknown_kind_is_refused_by_name(nango: NangoState) -> None:
    """A typing mistake in a kind names the kinds that there are."""
    with pytest.raises(ValueError, match="'OAUTH3'; there are OAUTH2,"):
        nango.add_connection("user-42", "github", "OAUTH3")


def test_a_wire_object_is_answered_as_it_is(nango: NangoState) -> None:
    """Credentials given as JSON come back unchanged."""
    wire = {"type": "OAUTH2", "access_token": "abc", "expires_at": "2030-01-01T00:00:00Z"}
    nango.add_connection("user-42", "github", wire)

    assert ask(nango).credentials == wire


def test_a_wire_object_of_unknown_kind_is_answered_as_it_is(nango: NangoState) -> None:
    """A kind that nobody knows yet can be tried."""
    nango.add_connection("user-42", "github", {"type": "NEW", "secret": "abc"})

    assert ask(nango).credentials == {"type": "NEW", "secret": "abc"}


def test_what_is_given_is_copied(nango: NangoState) -> None:
    """Changing a value after it was given changes no answer."""
    metadata = {"plan": ["pro"]}
    nango.add_connection("user-42", "github", metadata=metadata)

    metadata["plan"].append("more")

    assert ask(nango).document["metadata"] == {"plan": ["pro"]}


def test_a_token_without_end_in_a_wire_object_gets_one(nango: NangoState) -> None:
    """Credentials of a kind that expires get an end where they have none."""
    nango.add_connection(
        "user-42", "github", {"type": "OAUTH2", "access_token": "abc"}, expires_in=60
    )

    assert ask(nango).credentials["expires_at"] == "2027-01-15T08:01:00.000Z"


@pytest.mark.parametrize(
    "credentials", [None, {"type": "OAUTH2", "access_token": "abc"}, "CUSTOM", "AWS_SIGV4"]
)
def test_tokens_without_end_can_be_asked_for(
    nango: NangoState, credentials: dict[str, object] | str | None
) -> None:
    """With expires_in=None no token has an end."""
    nango.add_connection("user-42", "github", credentials, expires_in=None)

    assert "expires_at" not in str(ask(nango).credentials)


@pytest.mark.parametrize(
    ("model", "wire"),
    [
        (
            OAuth2Credentials(
                access_token="abc", expires_at=datetime(2030, 1, 1, tzinfo=UTC), raw={"a": [1]}
            ),
            {
                "type": "OAUTH2",
                "access_token": "abc",
                "expires_at": "2030-01-01T00:00:00.000Z",
                "raw": {"a": [1]},
            },
        ),
        (ApiKeyCredentials(api_key="abc"), {"type": "API_KEY", "apiKey": "abc"}),
        (NoCredentials(), {}),
        (UnknownCredentials(type="NEW", raw={"type": "NEW"}), {"type": "NEW"}),
    ],
)
def test_a_model_becomes_its_wire_form(
    nango: NangoState, model: Credentials, wire: dict[str, object]
) -> None:
    """Credentials given as a model are answered with the wire's names."""
    nango.add_connection("user-42", "github", model)

    assert ask(nango).credentials == wire


def test_fields_are_answered_as_given(nango: NangoState) -> None:
    """Members of the answer can be set, also by models and dates."""
    nango.add_connection(
        "user-42",
        "github",
        id=7,
        provider="github-app",
        end_user=EndUser(id="u", email="ada@example.com"),
        tags={"team": "blue"},
        connection_config={"subdomain": "acme"},
        account_id=3,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    document = ask(nango).document

    assert document["id"] == 7
    assert document["provider"] == "github-app"
    assert document["end_user"]["email"] == "ada@example.com"
    assert document["tags"] == {"team": "blue"}
    assert document["connection_config"] == {"subdomain": "acme"}
    assert document["account_id"] == 3
    assert document["created_at"] == "2026-01-01T00:00:00.000Z"


def test_a_mistyped_field_is_refused_by_name(nango: NangoState) -> None:
    """A field that connections do not have is an error that names the ones they have."""
    with pytest.raises(TypeError, match=r"no metdata; it has account_id, .*metadata"):
        nango.add_connection("user-42", "github", metdata={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_a_field_that_is_not_json_is_refused(nango: NangoState) -> None:
    """What could not be answered is refused when it is given."""
    with pytest.raises(TypeError, match="JSON"):
        nango.add_connection("user-42", "github", metadata={"a": object()})


@pytest.mark.parametrize(
    ("connection_id", "key", "name"),
    [
        ("", "github", "connection_id"),
        ("é", "github", "connection_id"),
        ("a" * 256, "github", "connection_id"),
        ("user-42", "", "provider_config_key"),
        ("user-42", "a/b", "provider_config_key"),
    ],
)
def test_ids_that_no_connection_has_are_refused(
    nango: NangoState, connection_id: str, key: str, name: str
) -> None:
    """A connection that could never be asked for cannot be made."""
    with pytest.raises(ValueError, match=name):
        nango.add_connection(connection_id, key)


def test_every_character_of_nangos_ids_works(nango: NangoState) -> None:
    """Ids with all characters that Nango takes are found."""
    connection_id = "aZ09,.;:=+~[]|@${}\"'\\/_ -"
    nango.add_connection(connection_id, "aZ09~:.@_ -")

    assert ask(nango, connection_id, "aZ09~:.@_ -").document["connection_id"] == connection_id


def test_connections_are_numbered(nango: NangoState) -> None:
    """Each connection has a number of its own."""
    nango.add_connection("user-42", "github")
    nango.add_connection("user-43", "github")

    assert [ask(nango, name).document["id"] for name in ("user-42", "user-43")] == [1, 2]


def test_adding_again_replaces(nango: NangoState) -> None:
    """A user who reconnects gets a new token."""
    nango.add_connection("user-42", "github")
    before = ask(nango).credentials["access_token"]

    nango.add_connection("user-42", "github")

    assert ask(nango).credentials["access_token"] != before


def test_last_fetched_at_follows_the_requests(nango: NangoState) -> None:
    """The answer says when the connection was asked for last."""
    nango.add_connection("user-42", "github")
    nango.advance(1.5)

    document = ask(nango).document

    assert document["created_at"] == "2027-01-15T08:00:00.000+00:00"
    assert document["last_fetched_at"] == "2027-01-15T08:00:01.500+00:00"


def test_refresh_tokens_are_left_out_everywhere(nango: NangoState) -> None:
    """Without the option no object of the answer holds a refresh token."""
    config = {"userCredentials": {"refresh_token": "a"}, "list": [{"refresh_token": "b"}], "n": 1}
    nango.add_connection("user-42", "github", connection_config=config)

    assert "refresh_token" not in str(ask(nango).document)
    assert str(ask(nango, refresh_token=True).document).count("'refresh_token'") == 4


def test_a_removed_connection_is_not_found(nango: NangoState) -> None:
    """After its removal a connection is unknown, while its integration stays."""
    nango.add_connection("user-42", "github")

    nango.remove_connection("user-42", "github")

    assert ask(nango).status == 404


@pytest.mark.parametrize("method", ["remove_connection", "break_refresh", "mend_refresh"])
def test_a_connection_that_is_not_there_is_refused_by_name(nango: NangoState, method: str) -> None:
    """Scripting a connection that does not exist names those that do."""
    nango.add_connection("user-42", "github")

    with pytest.raises(LookupError, match=r"no connection user-43/github; known: user-42/github"):
        getattr(nango, method)("user-43", "github")
