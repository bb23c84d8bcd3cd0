"""What a webhook's body says."""

import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any, get_args

import attrs
import pytest
from deliveries import BY_NAME, DELIVERIES, KEY, Delivery, event_of, wire_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nango_client
from nango_client import (
    AsyncActionWebhook,
    AuthWebhook,
    ConfigurationError,
    DecodeError,
    ForwardWebhook,
    InvalidArgumentError,
    InvalidSignatureError,
    SyncResult,
    SyncWebhook,
    UnknownWebhook,
    WebhookEndUser,
    WebhookError,
    WebhookEvent,
    webhooks,
)
from nango_client.testing import MockNango

MOMENT = datetime(2026, 11, 27, 4, 26, 44, 393000, tzinfo=UTC)
KINDS = {
    "auth": AuthWebhook,
    "sync": SyncWebhook,
    "async_action": AsyncActionWebhook,
    "forward": ForwardWebhook,
}
# What the wire calls otherwise than the models.
NAMES = {
    "authMode": "auth_mode",
    "connectionId": "connection_id",
    "endUser": "end_user",
    "failedAt": "failed_at",
    "modifiedAfter": "modified_after",
    "providerConfigKey": "provider_config_key",
    "responseResults": "response_results",
    "startedAt": "started_at",
    "syncName": "sync_name",
    "syncType": "sync_type",
    "syncVariant": "sync_variant",
}


def value_of(name: str, wire: Any) -> object:
    """Give what the event should have for a field of the wire."""
    match name:
        case "endUser":
            return WebhookEndUser(
                id=wire["endUserId"],
                email=wire["endUserEmail"],
                organization_id=wire["organizationId"],
                tags=wire["tags"],
            )
        case "error":
            return WebhookError(**wire)
        case "responseResults":
            return SyncResult(**wire)
        case "modifiedAfter" | "startedAt" | "failedAt":
            return datetime.fromisoformat(wire)
        case _:
            return wire


@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_a_captured_delivery_has_every_value(delivery: Delivery) -> None:
    """Each field of the body is there under its name, and nothing else but defaults."""
    event = webhooks.receive(delivery.body, delivery.headers, delivery.key)

    wire = dict(delivery.wire)
    assert event.raw == wire
    assert type(event) is KINDS[wire["type"]]
    # Deprecated, and for `raw` to keep.
    wire.pop("queryTimeStamp", None)
    if isinstance(event, ForwardWebhook):
        wire["provider"] = wire.pop("from")
    else:
        assert wire.pop("from") == "nango"
    if isinstance(event, AsyncActionWebhook):
        wire["id"] = wire.pop("payload")["id"]
    expected = {NAMES.get(name, name): value_of(name, value) for name, value in wire.items()}
    assert {name: getattr(event, name) for name in expected} == expected
    fields = {field.alias: field for field in attrs.fields(type(event))}
    absent = fields.keys() - expected.keys() - {"raw"}
    assert all(getattr(event, name) == fields[name].default for name in absent)


def test_the_deliveries_hold_all_kinds() -> None:
    """No kind goes untested, nor a success or failure."""
    seen = {(d.wire["type"], d.wire.get("operation"), d.wire.get("success")) for d in DELIVERIES}

    assert {kind for kind, _, _ in seen} == set(KINDS)
    assert {("auth", "creation", False), ("auth", "refresh", False), ("sync", None, False)} < seen


def test_times_are_aware_utc() -> None:
    """As everywhere in this package."""
    event = event_of(wire_of("sync-success"))

    assert event.modified_after == MOMENT
    assert event.modified_after.tzinfo is UTC


OPTIONAL = {
    "auth-creation-connect-session": {"tags", "endUser"},
    "auth-refresh-failed-o2-fail-invalid-grant": {"tags"},
    "sync-success": {"queryTimeStamp", "checkpoints"},
    "sync-error": {"checkpoints"},
    "async-action-success": set(),
    "forward": set(),
}


@pytest.mark.parametrize("name", OPTIONAL)
def test_without_a_promised_field_it_is_unknown(name: str) -> None:
    """What only looks like an event of Nango's is not taken for one, nor refused."""
    whole = wire_of(name)

    for field in whole:
        wire = {key: value for key, value in whole.items() if key != field}
        event = event_of(wire)

        known = field in OPTIONAL[name]
        assert type(event) is (KINDS[whole["type"]] if known else UnknownWebhook), field
        assert event.raw == wire


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("value", [None, 7, 1.5, "text", [1], {"a": 1}, True])
def test_with_something_else_in_a_field_it_is_unknown_or_right(name: str, value: Any) -> None:
    """A field never holds what its type does not say."""
    for field in wire_of(name):
        event = event_of(wire_of(name, **{field: value}))

        assert event.raw == wire_of(name, **{field: value})
        if not isinstance(event, UnknownWebhook):
            for made in attrs.fields(type(event)):
                found = getattr(event, made.name)
                if made.type is str:
                    assert isinstance(found, str)
                if made.type is bool:
                    assert isinstance(found, bool)


@pytest.mark.parametrize("field", ["tags", "endUser", "checkpoints"])
def test_null_stands_for_what_is_optional_and_absent(field: str) -> None:
    """As the server writes it here and there."""
    name = "sync-success" if field == "checkpoints" else "auth-creation-connect-session"
    event = event_of(wire_of(name, **{field: None}))

    assert not isinstance(event, UnknownWebhook)
    assert not getattr(event, NAMES.get(field, field))


@pytest.mark.parametrize(
    "changes",
    [
        {"endUser": {"endUserEmail": "a@example.com"}},
        {"endUser": []},
        {"tags": {"a": 1}},
        {"tags": ["a"]},
        {"error": {"type": "x"}},
        {"success": "true"},
        {"from": "github"},
        {"from": None},
        {"success": False},
        {"operation": ["creation"]},
    ],
)
def test_an_auth_event_that_is_not_right_is_unknown(changes: dict[str, Any]) -> None:
    """Inside its objects too; and a failure has to say why."""
    assert type(event_of(wire_of("auth-creation-connect-session", **changes))) is UnknownWebhook


@pytest.mark.parametrize(
    "changes",
    [
        {"modifiedAfter": "yesterday"},
        {"modifiedAfter": "2026-11-27T04:26:44.393"},
        {"modifiedAfter": 7},
        {"modifiedAfter": None},
        {"responseResults": 6},
        {"responseResults": None},
        {"checkpoints": []},
        {"success": False},
    ],
)
def test_a_sync_event_that_is_not_right_is_unknown(changes: dict[str, Any]) -> None:
    """A run that went well has its counts, and one that failed its error."""
    assert type(event_of(wire_of("sync-success", **changes))) is UnknownWebhook


@pytest.mark.parametrize("payload", ["id", ["id"], None, {}, {"id": 7}])
def test_an_action_without_an_id_is_unknown(payload: object) -> None:
    """There would be nothing to ask for."""
    assert type(event_of(wire_of("async-action-success", payload=payload))) is UnknownWebhook


def test_what_is_new_inside_an_event_does_not_hide_it() -> None:
    """Unknown fields are in `raw`; an operation or a kind of sync to come is handed out."""
    event = event_of(wire_of("auth-creation-imported", operation="transfer", more={"a": [1]}))

    assert (type(event), event.operation) == (AuthWebhook, "transfer")
    assert event.raw["more"] == {"a": [1]}


def test_checkpoints_are_kept() -> None:
    """They are the sync's own."""
    noted = {"from": None, "to": {"page": [3]}}
    event = event_of(wire_of("sync-success", checkpoints=noted))

    assert event.checkpoints == noted
    with pytest.raises(TypeError, match="read-only"):
        event.checkpoints["to"]["page"].append(4)


ANY_JSON: list[Any] = [
    None, True, False, 0, -1.5, 1e300, "", "text", [], [1, [2, {}]], {},
    {"type": None}, {"type": ["auth"]}, {"type": "auth"}, {"type": "issue", "id": 1},
    {"from": "nango", "type": "to_come", "connectionId": "c"}, [{"type": "auth"}], 2**70,
]  # fmt: skip


@pytest.mark.parametrize("wire", ANY_JSON, ids=json.dumps)
def test_any_other_json_is_an_unknown_event(wire: Any) -> None:
    """A provider's webhook that fits no connection comes without an envelope."""
    event = event_of(wire)

    assert type(event) is UnknownWebhook
    assert event.raw == wire
    own = wire.get("type") if isinstance(wire, dict) else None
    assert event.type == (own if isinstance(own, str) else None)
    assert (event.connection_id, event.provider_config_key) == (None, None)


@pytest.mark.parametrize("payload", ANY_JSON, ids=json.dumps)
def test_a_forwarded_payload_may_be_any_json(payload: Any) -> None:
    """It is the provider's."""
    event = event_of(wire_of("forward", payload=payload))

    assert (type(event), event.payload) == (ForwardWebhook, payload)


def test_words_of_others_come_through_unharmed() -> None:
    """Half of a surrogate pair, and integers with more than 64 bits, are JSON too."""
    event = webhooks.parse(b'{"cut": "\\ud83d", "large": 123456789012345678901234567890}')

    assert event.raw == {"cut": "\ud83d", "large": 123456789012345678901234567890}


NOT_JSON = {
    "nothing": b"",
    "text": b"canary",
    "cut off": b'{"type": "auth"',
    "two": b"{} {}",
    "not UTF-8": b'"\xff"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b"[NaN]",
    "infinity": b"-Infinity",
    "deep": b"[" * 201 + b"]" * 201,
    "very deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number without end": b"1" * 5000,
}


@pytest.mark.parametrize("case", NOT_JSON)
def test_what_is_not_json_is_a_decode_error(case: str) -> None:
    """So is what is nested too deep to be meant; the text holds nothing of it."""
    body = NOT_JSON[case]

    with pytest.raises(DecodeError) as caught:
        webhooks.receive(body, webhooks.sign(body, KEY), KEY)

    assert str(caught.value) == "the webhook's body is not JSON"


def test_events_are_read_only() -> None:
    """Fields, `raw` and all inside it, payloads and tags."""
    event = event_of(wire_of("auth-creation-connect-session"))
    forwarded = event_of(wire_of("forward"))
    failed = event_of(wire_of("sync-error"))

    for one, name in ((event, "success"), (event, "raw"), (event, "new"), (forwarded, "payload")):
        with pytest.raises(AttributeError):
            setattr(one, name, None)
    changes: list[Any] = [
        lambda: event.raw.clear(),
        lambda: event.raw["endUser"].clear(),
        lambda: event.tags.clear(),
        lambda: event.end_user.tags.clear(),
        lambda: forwarded.payload.clear(),
        lambda: forwarded.payload["a"]["c"].append(1),
        lambda: failed.error.payload["stacktrace"].clear(),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="read-only"):
            change()
    assert event.raw is event.raw


def test_events_made_by_hand_are_like_those_that_came() -> None:
    """Tests of a receiver may make them, with plain containers."""
    wire = wire_of("forward")
    made = ForwardWebhook(
        connection_id="none-1",
        provider_config_key="unauthenticated",
        provider="unauthenticated",
        payload=wire["payload"],
        raw=wire,
    )

    assert made == event_of(wire)
    assert hash(made) == hash(event_of(wire))
    assert attrs.evolve(made, raw={}) != made
    with pytest.raises(TypeError, match="read-only"):
        made.payload["a"] = 1  # type: ignore[index, call-overload]


@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_an_event_is_copied_as_itself_and_not_pickled(delivery: Delivery) -> None:
    """A queue is to carry the body, which the text says."""
    event = webhooks.parse(delivery.body)

    assert copy.deepcopy(event) is event
    with pytest.raises(TypeError, match=r"pass the request's body on, and webhooks.parse"):
        pickle.dumps(event)


def test_all_kinds_are_public_and_share_an_interface() -> None:
    """They can be imported from the top and from `nango_client.webhooks`."""
    for kind in get_args(WebhookEvent):
        assert getattr(nango_client, kind.__name__) is getattr(webhooks, kind.__name__) is kind
        assert kind.__module__ == "nango_client"
        for name in ("type", "raw", "connection_id", "provider_config_key"):
            assert hasattr(kind, name)


def test_a_receiver_loads_no_http_client() -> None:
    """Nor the converter, so that it starts fast in a Lambda; also when it has received."""
    program = (
        "import sys\n"
        "from nango_client import webhooks\n"
        "from nango_client.webhooks import AuthWebhook\n"
        "body = sys.stdin.buffer.read()\n"
        "event = webhooks.receive(body, webhooks.sign(body, 'key'), 'key')\n"
        "assert isinstance(event, AuthWebhook), event\n"
        "heavy = {'aiohttp', 'cattrs', 'tenacity', 'yarl', 'multidict', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        input=BY_NAME["auth-creation-unicode"].body,
        capture_output=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == (b"[]\n", b"")


DROPPING = {
    ("creation", True): 1,
    ("creation", False): 1,
    ("override", True): 1,
    ("override", False): 1,
    ("refresh", True): 1,
    ("refresh", False): 0,
    ("transfer", True): 0,
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("operation", "success"), DROPPING)
async def test_the_cache_drops_what_an_event_replaced(
    operation: str, success: bool, nango_server: MockNango
) -> None:
    """A failed renewal says nothing about the token that is cached."""
    nango_server.add_connection("user-42", "github")
    nango_server.add_connection("user-42", "gitlab")
    failed = wire_of("auth-refresh-failed-o2-fail-invalid-grant")
    ids = {"connectionId": "user-42", "providerConfigKey": "github"}
    event = event_of(failed | ids | {"operation": operation, "success": success})
    async with nango_server.client() as nango:
        for integration in ("github", "gitlab"):
            await nango.get_token("user-42", integration)

        dropped = nango.invalidate_for(event)

        assert dropped == DROPPING[operation, success]
        assert nango.cache_info().entries == 2 - dropped
        assert nango.invalidate("user-42", "gitlab") == 1


@pytest.mark.asyncio
async def test_no_other_event_drops_anything(nango_server: MockNango) -> None:
    """Nor what is no event, which is a mistake."""
    nango_server.add_connection("sync-1", "testbed-sync")
    async with nango_server.client() as nango:
        await nango.get_token("sync-1", "testbed-sync")

        for name in ("sync-success", "sync-error", "async-action-success", "forward"):
            assert nango.invalidate_for(event_of(wire_of(name))) == 0
        assert nango.invalidate_for(event_of({"type": "auth", "connectionId": "sync-1"})) == 0
        with pytest.raises(InvalidArgumentError, match=r"what webhooks.receive gave"):
            nango.invalidate_for(BY_NAME["sync-success"].body)  # type: ignore[arg-type]

        assert nango.cache_info().entries == 1


# Bodies near to what Nango sends, and far from it.
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_JSON = _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(st.text(), _SCALARS, max_size=3)
_WIRES = st.sampled_from([delivery.wire for delivery in DELIVERIES])


@st.composite
def _changed_wires(draw: st.DrawFn) -> object:
    wire = dict(draw(_WIRES))
    for field in draw(st.lists(st.sampled_from(sorted(wire)), max_size=3)):
        if draw(st.booleans()):
            wire.pop(field, None)
        else:
            wire[field] = draw(st.sampled_from(ANY_JSON) | _SCALARS)
    return wire


_BODIES = st.binary() | (_changed_wires() | _JSON).map(lambda wire: json.dumps(wire).encode())
_NAMES = st.sampled_from(
    ["X-Nango-Hmac-Sha256", "x-nango-hmac-sha256", "HTTP_X_NANGO_HMAC_SHA256", "X-Nango-Signature"]
)
_VALUES = st.text() | st.binary() | st.none() | st.lists(st.text() | st.binary(), max_size=2)
_HEADERS = st.dictionaries(_NAMES | st.text(), _VALUES, max_size=4)


@settings(max_examples=5000)
@example(b"{}", {}, [], False)
@example(b"[" * 1000, None, [KEY], False)
@given(
    _BODIES,
    st.none() | _HEADERS,
    st.sampled_from([[KEY], [KEY, "new"], ["new"], [], [""], KEY]),
    st.booleans(),
)
def test_nothing_else_is_ever_raised(
    body: bytes, headers: dict[str, Any] | None, key: Any, allow_legacy: bool
) -> None:
    """Whatever comes is an event, or one of three errors that a receiver knows."""
    headers = webhooks.sign(body, KEY) if headers is None else headers
    try:
        event = webhooks.receive(body, headers, key, allow_legacy=allow_legacy)
    except (InvalidSignatureError, DecodeError, ConfigurationError):
        return

    assert isinstance(event, WebhookEvent)
    repr(event)
    hash(event)
