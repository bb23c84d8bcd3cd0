"""What the API answers about connect sessions."""

from collections.abc import Iterator
from typing import Any, Final

from nango_client.testing._account.connections import Connections
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.sessions import Session, Sessions
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import (
    Check,
    Fields,
    Issue,
    Path,
    fields,
    issue,
    list_of,
    optional,
    record,
    text,
)
from nango_client.testing._payloads.values import (
    CONNECTION_ID,
    END_USER,
    ORGANIZATION,
    PROVIDER_CONFIG_KEY,
    WEBHOOK_URL,
    lowered,
    stored_end_user,
    tags,
    tags_of,
    too_many,
)
from nango_client.testing._payloads.wire import written

routes: Final = Routes()

_DEFAULTS: Final = record(
    fields(
        user_scopes=optional(text(most=None)),
        authorization_params=optional(record(text(most=None))),
        connection_config=optional(
            Fields({"oauth_scopes_override": optional(text(most=None))}, strict=False)
        ),
    )
)
_COMMON: Final = {
    "end_user": optional(END_USER),
    "organization": optional(ORGANIZATION),
    "tags": optional(tags),
    "integrations_config_defaults": optional(_DEFAULTS),
    "overrides": optional(record(fields(docs_connect=optional(text(most=None))))),
    "webhook_url_override": optional(WEBHOOK_URL),
}
_WITH_TAGS: Final = Fields({**_COMMON, "allowed_integrations": optional(list_of(text()))})
_WITHOUT_TAGS: Final = Fields({**_WITH_TAGS.members, "end_user": END_USER})
_RECONNECTED: Final = Fields(
    {"connection_id": CONNECTION_ID, "integration_id": PROVIDER_CONFIG_KEY, **_COMMON}
)

_SETTINGS: Final = {
    "showWatermark": True,
    "defaultTheme": "system",
    "theme": {"light": {"primary": "#00B2E3"}, "dark": {"primary": "#00B2E3"}},
}


def _new_session(value: Any, path: Path) -> Iterator[Issue]:
    """Take a new session; only tags can stand in for the end user."""
    has_tags = value.__class__ is dict and "tags" in value
    yield from (_WITH_TAGS if has_tags else _WITHOUT_TAGS)(value, path)


_CREATED: Final[Check] = _new_session


@routes("POST", "/connect/sessions", "connect_sessions:write", body=_CREATED)
def create_session(call: Call) -> Answer:
    """Begin a session that makes a connection."""
    _check_integrations(call)
    allowed = tuple(call.body.get("allowed_integrations", ()))
    return _opened(call, allowed_integrations=allowed)


@routes("POST", "/connect/sessions/reconnect", "connect_sessions:write", body=_RECONNECTED)
def create_reconnect_session(call: Call) -> Answer:
    """Begin a session that gives a connection new credentials."""
    ids = call.body["connection_id"], call.body["integration_id"]
    connections = call.account.of(Connections)
    if ids not in connections.by_ids:
        message = "The connection does not exist"
        hint = None if ids in connections.removed else f"{message}; {connections.known()}"
        raise Refusal(error_answer(400, "invalid_body", message=message), hint)
    _check_integrations(call)
    return _opened(call, reconnects=ids, allowed_integrations=(ids[1],))


def _check_integrations(call: Call) -> None:
    """Refuse integrations that are not there, wherever the body names them."""
    known = call.account.of(Integrations).by_key
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("allowed_integrations", number), key)
        for number, key in enumerate(call.body.get("allowed_integrations", ()))
    ]
    for field in ("integrations_config_defaults", "overrides"):
        named += [((field, key), key) for key in call.body.get(field, ())]
    message = "Integration does not exist"
    errors = [issue("custom", message, path) for path, key in named if key not in known]
    if errors:
        hint = f"no such integration; known: {', '.join(known) or 'none'}"
        raise Refusal(error_answer(400, "invalid_body", errors=errors), hint)


def _opened(call: Call, **fields: Any) -> Answer:
    body: dict[str, Any] = call.body
    end_user = stored_end_user(body.get("end_user"), body.get("organization"))
    merged = tags_of(end_user) | lowered(body.get("tags"))
    if too_many(merged):
        message = "Failed to create the session: more than 10 tags"
        raise Refusal(error_answer(500, "server_error", message=message), message)
    session = call.account.of(Sessions).open(
        end_user=end_user,
        tags=merged,
        webhook_url_override=body.get("webhook_url_override") or None,
        integrations_config_defaults=body.get("integrations_config_defaults"),
        overrides=body.get("overrides"),
        **fields,
    )
    data = {
        "token": session.token,
        "connect_link": f"{call.account.base_url}/?session_token={session.token}",
        "expires_at": written(session.ends_at),
    }
    return json_answer(201, {"data": data})


@routes("GET", "/connect/session", auth="session")
def get_session(call: Call) -> Answer:
    """Answer with what the page in the browser needs to know."""
    session = _own(call)
    data: dict[str, Any] = {"endUser": session.end_user, "connectUISettings": _SETTINGS}
    if session.allowed_integrations:
        data["allowed_integrations"] = list(session.allowed_integrations)
    for name in ("integrations_config_defaults", "overrides"):
        if getattr(session, name) is not None:
            data[name] = getattr(session, name)
    if session.reconnects:
        data["isReconnecting"] = True
    return json_answer(200, {"data": {**data, "websocketsPath": "/"}})


@routes("DELETE", "/connect/session", auth="session")
def delete_session(call: Call) -> Answer:
    """End the session."""
    call.account.of(Sessions).close(_own(call).token)
    return Answer(204)


def _own(call: Call) -> Session:
    return call.account.of(Sessions).get(call.token or "")
