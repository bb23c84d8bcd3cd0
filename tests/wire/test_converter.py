"""Decoding: captures of a real server, strictness, paths of faults, and back to the wire."""

import json
import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

import nango_client
from nango_client import (
    AppCredentials,
    Connection,
    ConnectionIssue,
    CustomCredentials,
    DecodeError,
    EndUser,
    JwtCredentials,
    NangoError,
    NoCredentials,
    OAuth2Credentials,
    Organization,
    RecordPage,
    TwoStepCredentials,
    UnknownCredentials,
)
from nango_client._credentials.keys import connection_request
from nango_client._http import decoding
from nango_client._http.errors import error_for
from nango_client._http.protocol import Response
from nango_client._wire.converter import _structure_hook, encode
from nango_client.models._base import Model, model, shown, wire_name
from nango_client.models._frozen import FrozenDict, FrozenList
from nango_client.testing._payloads.credentials import TokenMaker, made_up_credentials

CAPTURES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[1] / "captures").glob("*.json"))
    # Those of other endpoints are spoken for in tests/resources/.
    if not path.stem.startswith("api-")
}
NOW = 1_795_479_500.0
MINIMAL: dict[str, Any] = {
    "id": 1,
    "connection_id": "user-42",
    "provider_config_key": "github",
    "created_at": "2026-11-24T00:17:10.491+00:00",
    "updated_at": "2026-11-24T00:17:10.491Z",
    "credentials": {"type": "OAUTH2", "access_token": "t", "raw": {}},
}
SUCCESSES = {
    name: capture
    for name, capture in CAPTURES.items()
    if capture["response"]["status"] == 200 and "credentials" in (capture["response"]["body"] or {})
}
CLASSES = {
    "auth-key-without-credentials-scope": "NoCredentials",
    "conn-algolia-1-get": "ApiKeyCredentials",
    "conn-app-1-get": "AppCredentials",
    "conn-app-1-legacy": "AppCredentials",
    "conn-app-expired-get": "AppCredentials",
    "conn-ashby-1-get": "BasicCredentials",
    "conn-aws-1-get": "AwsSigV4Credentials",
    "conn-bill-1-get": "BillCredentials",
    "conn-cc-far-get": "OAuth2ClientCredentials",
    "conn-crisp-1-get": "BasicCredentials",
    "conn-custom-app-1-get": "AppCredentials",
    "conn-custom-combined-get": "CustomCredentials",
    "conn-custom-pending-get": "OAuth2Credentials",
    "conn-emarsys-1-get": "SignatureCredentials",
    "conn-end-user-get": "ApiKeyCredentials",
    "conn-ghost-1-get": "JwtCredentials",
    "conn-github-noexp-get": "OAuth2Credentials",
    "conn-google-far-get": "OAuth2Credentials",
    "conn-google-far-refresh_token": "OAuth2Credentials",
    "conn-mcp-oauth2-1-get": "OAuth2Credentials",
    "conn-netsuite-1-get": "TbaCredentials",
    "conn-none-1-get": "NoCredentials",
    "conn-o2-expired-norefresh-get": "OAuth2Credentials",
    "conn-o2-far-force_refresh": "OAuth2Credentials",
    "conn-o2-near-get": "OAuth2Credentials",
    "conn-o2-noexp-get": "OAuth2Credentials",
    "conn-o2-override-get": "OAuth2Credentials",
    "conn-twitter-1-get": "OAuth1Credentials",
    "conn-two-step-1-get": "TwoStepCredentials",
    "id-existing-slash-pct2F": "OAuth2Credentials",
    "limit-5permin-5": "ApiKeyCredentials",
}
FAILURES = {
    "auth-key-without-credentials-scope-force_refresh": "PermissionDeniedError",
    "auth-key-without-read-scope": "PermissionDeniedError",
    "auth-malformed-key": "AuthenticationError",
    "auth-missing-header": "AuthenticationError",
    "auth-unknown-key": "AuthenticationError",
    "delete-get-after": "NotFoundError",
    "fail-aws-fail-1-get": "RefreshFailedError",
    "fail-bill-fail-1-get": "RefreshFailedError",
    "fail-cc-fail-1-get": "RefreshFailedError",
    "fail-o2-exhausted-1-get": "ReconnectRequiredError",
    "fail-o2-fail-invalid-grant-1-get": "RefreshFailedError",
    "fail-o2-fail-invalid-grant-2-get-again": "RefreshBackoffError",
    "id-other-bad-percent": "ServerError",
    "id-other-unicode": "BadRequestError",
    "limit-5permin-6": "RateLimitError",
    "query-missing-provider_config_key": "BadRequestError",
}


def response(body: Any, status: int = 200, **headers: str) -> Response:
    return Response(
        status=status,
        headers={"Content-Type": "application/json"} | headers,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        received_at=NOW,
    )


def decode(**fields: Any) -> Connection:
    return decode_connection(response(MINIMAL | fields))


def credentials(**fields: Any) -> Any:
    return decode(credentials=fields).credentials


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def assert_same(model: Any, wire: Any) -> None:
    """Compare every value of a model with the wire's, dates as moments."""
    if isinstance(model, datetime):
        assert model == utc(wire)
        assert model.tzinfo is UTC
    elif attrs.has(type(model)):
        names = {"api_key": "apiKey", "jwt_token": "jwtToken"}
        for field in attrs.fields(type(model)):
            value = getattr(model, field.name)
            key = names.get(field.name, field.name)
            if key in wire:
                assert_same(value, wire[key])
            elif field.name == "extra":
                known = {f.name for f in attrs.fields(type(model))}
                assert value == {k: v for k, v in wire.items() if k not in known}
            elif not (isinstance(model, Connection | NoCredentials)):
                assert not value or field.name == "expires_at"
    elif isinstance(model, tuple):
        for one, other in zip(model, wire, strict=True):
            assert_same(one, other)
    else:
        assert model == wire
        assert type(wire) is not dict or dict(model) == wire


def decode_connection(answer: Response) -> Connection:
    return decoding.decode(answer, Connection)


def test_every_capture_is_spoken_for() -> None:
    """Captures of one connection either decode or raise; none is left out."""
    assert set(SUCCESSES) == set(CLASSES)
    others = {name for name in CAPTURES if name.startswith(("http-", "list-", "providers-"))}
    assert set(CAPTURES) == set(CLASSES) | set(FAILURES) | others


@pytest.mark.parametrize("name", CLASSES)
def test_a_capture_decodes_with_every_value_equal(name: str) -> None:
    """What the real server sent is what the model holds."""
    body = CAPTURES[name]["response"]["body"]

    connection = decode_connection(
        response(body, Date=CAPTURES[name]["response"]["headers"]["Date"])
    )

    assert type(connection.credentials).__name__ == CLASSES[name]
    assert_same(connection, body)


@pytest.mark.parametrize("name", FAILURES)
def test_a_capture_of_a_failure_raises_its_class(name: str) -> None:
    """The exact class, the wire's code, and the server's own text where it embeds no data."""
    captured = CAPTURES[name]["response"]
    error = error_for(
        connection_request(("user-42", "github")),
        response(captured["body"], captured["status"], **captured["headers"]),
    )

    wire = captured["body"]["error"]
    text = wire.get("message")
    assert type(error).__name__ == FAILURES[name]
    assert error.status == captured["status"]
    assert error.code == wire["code"]
    assert error.message == (None if text and "{" in text else text)


@pytest.mark.parametrize("name", CLASSES)
def test_encoding_gives_the_wire_back(name: str) -> None:
    """encode() gives what was decoded, but for the spelling of dates."""
    body = CAPTURES[name]["response"]["body"]
    connection = decode_connection(response(body))

    again = decode_connection(response(encode(connection)))

    assert again == connection
    assert set(encode(connection)) == set(body)
    assert set(encode(connection.credentials)) == set(body["credentials"])


def test_the_first_generations_answer_is_accepted() -> None:
    """Older servers send an account_id and lack what came later."""
    connection = decode(account_id=7, metadata=None, connection_config={})

    assert connection.account_id == 7
    assert (connection.provider, connection.end_user, connection.metadata) == (None, None, None)
    assert (connection.errors, dict(connection.tags)) == ((), {})
    assert connection.last_fetched_at is None
    assert decode_connection(response(encode(connection))) == connection


def test_null_stands_for_an_empty_container() -> None:
    """What may be missing may be null."""
    connection = decode(connection_config=None, tags=None)

    assert (dict(connection.connection_config), dict(connection.tags)) == ({}, {})


@pytest.mark.parametrize("tag", ["MCP_OAUTH2", "MCP_OAUTH2_GENERIC"])
def test_mcp_answers_are_oauth_2(tag: str) -> None:
    """The wire's own type is kept."""
    found = credentials(type=tag, access_token="t")

    assert isinstance(found, OAuth2Credentials)
    assert found.type == tag


@pytest.mark.parametrize("wire", [{}, {"type": "NONE"}])
def test_no_credentials_are_a_class_of_their_own(wire: dict[str, Any]) -> None:
    """Empty credentials and type NONE."""
    found = credentials(**wire)

    assert isinstance(found, NoCredentials)
    assert (found.type, found.expires_at, encode(found)) == ("NONE", None, {})


@pytest.mark.parametrize(
    ("end", "expected"),
    [("2026-11-24T01:00:00Z", utc("2026-11-24T01:00:00Z")), ("soon", None), (5, None)],
)
def test_an_unknown_kind_is_kept_whole(end: object, expected: datetime | None) -> None:
    """Everything is in raw, and a readable expires_at counts."""
    wire = {"type": "NEW_KIND", "secret": {"a": [1]}, "expires_at": end}

    found = credentials(**wire)

    assert isinstance(found, UnknownCredentials)
    assert (found.type, found.raw, found.expires_at) == ("NEW_KIND", wire, expected)
    assert found.is_expired(utc("2027-01-01T00:00:00Z")) is (expected is not None)
    assert encode(found) == wire


def test_fields_that_differ_by_provider_are_kept_in_extra() -> None:
    """JWT and TWO_STEP keep what they do not know, also a field that is called extra."""
    jwt = credentials(type="JWT", token="t", privateKey={"id": "i"}, extra=1)
    two_step = credentials(type="TWO_STEP", token="t", email="e", raw={"a": 1})

    assert isinstance(jwt, JwtCredentials)
    assert jwt.extra == {"privateKey": {"id": "i"}, "extra": 1}
    assert isinstance(two_step, TwoStepCredentials)
    assert (two_step.extra, two_step.raw) == ({"email": "e"}, {"a": 1})


def test_custom_credentials_end_with_the_first_of_their_tokens() -> None:
    """Either part may be missing; both are main credentials."""
    app = {"type": "APP", "access_token": "a", "expires_at": "2026-11-24T01:00:00Z"}
    user = {"type": "OAUTH2", "access_token": "u", "expires_at": "2026-11-24T02:00:00Z"}

    both = credentials(type="CUSTOM", app=app, user=user, raw={})
    only_user = credentials(type="CUSTOM", user=user)
    none = credentials(type="CUSTOM", app=None, user=None)

    assert isinstance(both, CustomCredentials)
    assert isinstance(both.app, AppCredentials)
    assert both.expires_at == utc("2026-11-24T01:00:00Z")
    assert both.is_expired(utc("2026-11-24T01:00:00Z"))
    assert only_user.expires_at == utc("2026-11-24T02:00:00Z")
    assert none.expires_at is None
    assert not none.is_expired(utc("2030-01-01T00:00:00Z"))


def secondary(end: object, **fields: Any) -> dict[str, Any]:
    return {"access_token": "t", "expires_at": end, **fields}


@pytest.mark.parametrize(
    ("config", "end"),
    [
        ({}, "2026-11-24T02:00:00Z"),
        ({"userCredentials": secondary("2026-11-24T01:00:00Z")}, "2026-11-24T01:00:00Z"),
        ({"a": {"b": secondary("2026-11-24T01:00:00Z")}}, "2026-11-24T01:00:00Z"),
        ({"a": [{}, [secondary("2026-11-24T01:00:00Z")]]}, "2026-11-24T01:00:00Z"),
        ({"userCredentials": secondary("2026-11-24T03:00:00Z")}, "2026-11-24T02:00:00Z"),
        ({"userCredentials": secondary("2026-11-24T00:00:01Z")}, "2026-11-24T02:00:00Z"),
        ({"userCredentials": secondary("soon")}, "2026-11-24T02:00:00Z"),
        ({"userCredentials": secondary(None)}, "2026-11-24T02:00:00Z"),
        ({"license": {"expires_at": "2026-11-24T01:00:00Z"}}, "2026-11-24T02:00:00Z"),
        ({"list": [1], "text": "expires_at"}, "2026-11-24T02:00:00Z"),
    ],
)
def test_an_answer_ends_with_its_first_live_token(config: dict[str, Any], end: str) -> None:
    """Tokens in connection_config count where they were alive when the answer came."""
    body = MINIMAL | {
        "connection_config": config,
        "credentials": MINIMAL["credentials"] | {"expires_at": "2026-11-24T02:00:00Z"},
    }

    connection = decode_connection(response(body, Date="Tue, 24 Nov 2026 00:30:00 GMT"))

    assert connection.expires_at == utc(end)


def test_a_date_beyond_the_calendar_does_no_harm() -> None:
    """No secondary token is alive then, and the main one counts alone."""
    body = MINIMAL | {"connection_config": {"a": secondary("2026-11-24T01:00:00Z")}}

    connection = decode_connection(response(body, Date="Fri, 31 Dec 9999 23:59:59 -1200"))

    assert connection.expires_at is None


def test_secondary_tokens_bound_credentials_without_end() -> None:
    """An API key does not expire, a token beside it does."""
    connection = decode(
        credentials={"type": "API_KEY", "apiKey": "k"},
        connection_config={"sharepointAccessToken": secondary("2027-01-01T00:00:00Z")},
    )

    assert connection.credentials.expires_at is None
    assert connection.expires_at == utc("2027-01-01T00:00:00Z")


OAUTH2: dict[str, Any] = MINIMAL["credentials"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": "1"}, "id"),
        ({"id": True}, "id"),
        ({"id": 1.0}, "id"),
        ({"id": None}, "id"),
        ({"connection_id": None}, "connection_id"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": "2026-11-24T00:17:10"}, "created_at"),
        ({"updated_at": 5}, "updated_at"),
        ({"last_fetched_at": ""}, "last_fetched_at"),
        ({"credentials": None}, "credentials"),
        ({"credentials": []}, "credentials"),
        ({"credentials": {"access_token": "t"}}, "credentials.type"),
        ({"credentials": {"type": 1}}, "credentials.type"),
        ({"credentials": {"type": "OAUTH2"}}, "credentials.access_token"),
        ({"credentials": OAUTH2 | {"access_token": None}}, "credentials.access_token"),
        ({"credentials": OAUTH2 | {"expires_at": "never"}}, "credentials.expires_at"),
        ({"credentials": {"type": "API_KEY", "api_key": "k"}}, "credentials.apiKey"),
        ({"credentials": {"type": "JWT", "token": 1, "x": 2}}, "credentials.token"),
        ({"credentials": {"type": "TWO_STEP", "token": {}}}, "credentials.token"),
        ({"credentials": {"type": "SIGNATURE", "token": []}}, "credentials.token"),
        ({"credentials": {"type": "BILL", "session_id": 1}}, "credentials.session_id"),
        ({"credentials": {"type": "BILL", "expires_at": 1}}, "credentials.expires_at"),
        ({"credentials": {"type": "OAUTH2_CC"}}, "credentials.token"),
        ({"credentials": {"type": "TBA", "token_id": "i"}}, "credentials.token_secret"),
        ({"credentials": {"type": "CUSTOM", "user": 5}}, "credentials.user"),
        (
            {"credentials": {"type": "CUSTOM", "app": {"type": "APP"}}},
            "credentials.app.access_token",
        ),
        (
            {"credentials": {"type": "CUSTOM", "user": OAUTH2 | {"expires_at": "soon"}}},
            "credentials.user.expires_at",
        ),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], path: str) -> None:
    """Strict types: null never becomes 'None', true never 1; the error has the field's path."""
    with pytest.raises(DecodeError) as caught:
        decode(**fields)

    assert caught.value.path == path
    assert path in str(caught.value)


# The fields of each type of credentials that are worth an error; `exact` ones may be missing.
DEMANDED = {
    "OAUTH2": ("access_token",),
    "OAUTH2_CC": ("token",),
    "OAUTH1": ("oauth_token", "oauth_token_secret"),
    "API_KEY": ("apiKey",),
    "BASIC": ("username", "password"),
    "APP": ("access_token",),
    "TBA": ("token_id", "token_secret"),
    "AWS_SIGV4": ("access_key_id", "secret_access_key", "session_token"),
}
EXACT = {
    "JWT": ("token",),
    "TWO_STEP": ("token",),
    "SIGNATURE": ("token",),
    "BILL": ("session_id",),
    "CUSTOM": ("app", "user"),
}
WRONG: list[Any] = [None, True, 0, 1.5, [], [1], {}, {"a": 1}]
FULL = {
    kind: made_up_credentials(kind, TokenMaker()) | {"expires_at": "2026-11-24T01:00:00Z"}
    for kind in {**DEMANDED, **EXACT}
} | {
    "CUSTOM": {
        "type": "CUSTOM",
        "app": {"type": "APP", "access_token": "a"},
        "user": {"type": "OAUTH2", "access_token": "u"},
    }
}


@pytest.mark.parametrize("kind", FULL)
def test_only_the_field_that_a_type_exists_for_is_worth_an_error(kind: str) -> None:
    """Every other field of credentials may be missing, null or of any shape."""
    worth_it = {*DEMANDED.get(kind, ()), *EXACT.get(kind, ()), "type", "expires_at"}
    fields = {*FULL[kind], *(wire_name(f) for f in attrs.fields(type(credentials(**FULL[kind]))))}
    secondary = fields - worth_it - {"extra"}

    for name in secondary:
        assert credentials(**{k: v for k, v in FULL[kind].items() if k != name}).type == kind
        for value in WRONG:
            assert credentials(**FULL[kind] | {name: value}).type == kind


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, ns in DEMANDED.items() for n in ns])
@pytest.mark.parametrize("value", [*WRONG, ...])
def test_what_a_type_exists_for_is_demanded(kind: str, name: str, value: object) -> None:
    """Missing (...), null or no text: the error names it."""
    wire = {k: v for k, v in FULL[kind].items() if k != name}
    if value is not ...:
        wire[name] = value

    with pytest.raises(DecodeError) as caught:
        credentials(**wire)

    assert caught.value.path == f"credentials.{name}"


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, ns in EXACT.items() for n in ns])
@pytest.mark.parametrize("value", [None, ...])
def test_a_token_may_be_missing_where_nango_says_so(kind: str, name: str, value: object) -> None:
    """The model has None for it; get_token is what fails then."""
    wire = {k: v for k, v in FULL[kind].items() if k != name}
    if value is not ...:
        wire[name] = value

    assert getattr(credentials(**wire), name) is None


@pytest.mark.parametrize(
    "raw", ["text", "", 0, 1.5, False, True, [], ["a", {"b": [1]}], {"a": [{}]}]
)
@pytest.mark.parametrize("kind", FULL)
def test_raw_is_whatever_json_the_provider_gave(kind: str, raw: object) -> None:
    """It is passed on, read-only, and written back the same."""
    found = credentials(**FULL[kind] | {"raw": raw})

    assert found.raw == raw
    assert type(found.raw) in {type(raw), FrozenDict, FrozenList}
    assert encode(found)["raw"] == raw


@pytest.mark.parametrize("wire", [{}, {"raw": None}])
def test_raw_is_an_empty_mapping_where_there_is_none(wire: dict[str, Any]) -> None:
    """Missing and null are the same."""
    assert credentials(type="OAUTH2", access_token="t", **wire).raw == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"provider": 5}, {"provider": None}),
        ({"account_id": "7"}, {"account_id": None}),
        ({"webhook_url_override": {}}, {"webhook_url_override": None}),
        ({"metadata": "text"}, {"metadata": None}),
        ({"metadata": []}, {"metadata": None}),
        ({"connection_config": [1]}, {"connection_config": {}}),
        ({"tags": {"a": 1}}, {"tags": {}}),
        ({"tags": []}, {"tags": {}}),
        ({"errors": None}, {"errors": ()}),
        ({"errors": 5}, {"errors": ()}),
        ({"errors": [{"type": "auth"}, {"type": None}]}, {"errors": ()}),
        (
            {"errors": [{"type": "auth", "log_id": 1}]},
            {"errors": (ConnectionIssue(type="auth"),)},
        ),
        ({"end_user": "ada"}, {"end_user": None}),
        ({"end_user": {"id": 1}}, {"end_user": None}),
        (
            {"end_user": {"id": "e", "email": 1, "tags": {"a": 1}, "organization": {"id": None}}},
            {"end_user": EndUser(id="e")},
        ),
        (
            {"end_user": {"id": "e", "organization": {"id": "o", "display_name": []}}},
            {"end_user": EndUser(id="e", organization=Organization(id="o"))},
        ),
    ],
)
def test_what_is_optional_has_its_default_in_place_of_another_shape(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    """What the caller did not ask for cannot fail the call."""
    found = decode(**fields)

    assert {name: getattr(found, name) for name in expected} == expected
    assert found.credentials == decode().credentials


def test_a_cursor_of_another_shape_does_not_end_a_list() -> None:
    """To take it for the last page would lose records without a word."""
    with pytest.raises(DecodeError) as caught:
        decoding.decode(response({"records": [], "next_cursor": 5}), RecordPage)

    assert caught.value.path == "next_cursor"


def test_a_date_inside_something_optional_is_read_like_any_other() -> None:
    """The quick pass, which knows UTC only, may not take another offset for a wrong shape."""

    @model
    class Visit(Model):
        at: datetime = shown()

    @model
    class Guest(Model):
        visit: Visit | None = shown(default=None)

    def visit(at: str) -> Visit | None:
        return decoding.decode(response({"visit": {"at": at}}), Guest).visit

    assert visit("2026-11-24T02:00:00+02:00") == Visit(at=utc("2026-11-24T00:00:00Z"))
    assert visit("yesterday") is None


@pytest.mark.parametrize("missing", ["id", "connection_id", "created_at", "credentials"])
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    """What the API always sends is demanded."""
    body = {name: value for name, value in MINIMAL.items() if name != missing}

    with pytest.raises(DecodeError) as caught:
        decode_connection(response(body))

    assert caught.value.path == missing


def test_unknown_fields_change_nothing() -> None:
    """A newer server's additions are ignored."""
    extended = decode(new_field={"a": 1}, credentials=OAUTH2 | {"new": 1}, expires_at="x")

    assert extended == decode()


def test_mappings_handed_out_cannot_be_changed() -> None:
    """A caller who changes what it got cannot change what others get."""
    connection = decode(metadata={"a": {"b": [1]}})
    metadata: Any = connection.metadata

    for change in (
        lambda: metadata.__setitem__("a", 1),
        lambda: metadata["a"].clear(),
        lambda: metadata["a"]["b"].append(2),
        lambda: metadata.update(x=1),
    ):
        with pytest.raises(TypeError, match="read-only"):
            change()
    assert connection.metadata == {"a": {"b": [1]}}


def test_timestamps_with_any_offset_are_taken() -> None:
    """All of an answer is the same whichever way its moments are written."""
    ends = {"type": "OAUTH2", "access_token": "t", "raw": {"a": [1]}}
    written = "2026-11-24T02:17:10.491+02:00"

    connection = decode(
        created_at=written, metadata={"b": {}}, credentials=ends | {"expires_at": written}
    )

    expected = utc("2026-11-24T00:17:10.491Z")
    assert (connection.created_at, connection.expires_at) == (expected, expected)
    assert connection.created_at.tzinfo is UTC
    assert connection == decode(
        created_at="2026-11-24T00:17:10.491Z",
        metadata={"b": {}},
        credentials=ends | {"expires_at": "2026-11-24T00:17:10.491Z"},
    )
    with pytest.raises(TypeError, match="read-only"):
        connection.credentials.raw["a"].append(2)  # type: ignore[union-attr]


def test_a_content_type_is_not_taken_literally() -> None:
    """Parameters, upper case, +json and no type at all are fine."""
    for content_type in ("APPLICATION/JSON;charset=utf-8", "application/vnd.x+json"):
        assert decode_connection(response(MINIMAL, **{"Content-Type": content_type})).id == 1
    bare = attrs.evolve(response(MINIMAL), headers={})
    assert decode_connection(bare).id == 1


ODD_VALUES: list[Any] = [
    None, True, 0, -1, 1e300, 2**70, "", "None", "\x00", "é", "2026-11-24T00:00:00Z", [], [[]], {},
    {"type": "APP"}, {"access_token": "t", "expires_at": "+275760-09-13T00:00:00Z"}, ["a"],
    "x" * 99,
]  # fmt: skip


def mutated(seeded: random.Random) -> Any:
    """Give a captured answer with a field replaced, added or dropped."""
    body = json.loads(json.dumps(seeded.choice(list(SUCCESSES.values()))["response"]["body"]))
    target = seeded.choice([body, body["credentials"], body["connection_config"]])
    key = seeded.choice([*target, "type", "expires_at", "raw", "userCredentials"])
    if seeded.random() < 0.8:
        target[key] = seeded.choice(ODD_VALUES)
    else:
        target.pop(key, None)
    return body


def test_no_mutation_of_a_payload_escapes_the_error_tree() -> None:
    """5,000 payloads with fields replaced, dropped, added or cut: a Connection or a DecodeError."""
    seeded = random.Random(42)  # noqa: S311
    outcomes = set()
    for _ in range(5_000):
        encoded = json.dumps(mutated(seeded)).encode()
        if seeded.random() < 0.1:
            encoded = encoded[: seeded.randrange(len(encoded))]
        try:
            outcomes.add(type(decode_connection(response(encoded))))
        except NangoError as error:
            outcomes.add(type(error))

    assert outcomes == {Connection, DecodeError}


def test_the_quick_pass_and_the_detailed_one_agree() -> None:
    """The quick one gives what the other gives, or leaves it to it."""
    seeded = random.Random(42)  # noqa: S311
    outcomes: Counter[tuple[bool, bool]] = Counter()
    for _ in range(2_000):
        document = mutated(seeded)
        quick = detailed = None
        # Any kind of exception counts as a refusal.
        with suppress(Exception):
            quick = _structure_hook(Connection)(document, Connection)
        with suppress(Exception):
            detailed = _structure_hook(Connection, detailed=True)(document, Connection)
        outcomes[quick is not None, detailed is not None] += 1
        assert quick is None or quick == detailed

    assert outcomes[True, True] > 500
    assert outcomes[False, False] > 400
    assert 0 < outcomes[False, True] < 400


@pytest.mark.parametrize("name", SUCCESSES)
def test_the_quick_pass_takes_what_a_server_sends(name: str) -> None:
    """The detailed one, which is slow, is for what no server has sent so far."""
    assert _structure_hook(Connection)(SUCCESSES[name]["response"]["body"], Connection)


@pytest.mark.parametrize("name", SUCCESSES)
def test_decoded_models_are_frozen_instances_of_their_classes(name: str) -> None:
    """A decoded model is like one that was constructed: same class, and nobody can change it."""
    connection = decode_connection(response(SUCCESSES[name]["response"]["body"]))

    for made in (connection, connection.credentials, connection.end_user):
        if made is None:
            continue
        assert type(made).__module__ == "nango_client"
        assert getattr(nango_client, type(made).__name__) is type(made)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            made.id = 2  # type: ignore[misc, union-attr]
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            del made.type  # type: ignore[misc, union-attr]
