"""What the API answers about connections and their metadata."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from nango_client._wire.timestamps import format_timestamp, parse_timestamp
from nango_client.testing._account.connection import RenewalError, StoredConnection
from nango_client.testing._account.connections import Connections, set_missing_ends
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.webhooks import Outbox
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.importable import CREDENTIALS, imported
from nango_client.testing._payloads.schema import (
    Issue,
    Path,
    any_object,
    either,
    fields,
    list_of,
    one_of,
    optional,
    record,
    text,
    whole_number,
)
from nango_client.testing._payloads.values import (
    CONNECTION_ID,
    END_USER,
    PROVIDER_CONFIG_KEY,
    WEBHOOK_URL,
    lowered,
    stored_end_user,
    tags,
    tags_of,
    too_many,
)
from nango_client.testing._payloads.wire import Wire, stored_timestamp

routes: Final = Routes()

_LIST: Final = ("connections:list", "connections:list_credentials")
_READ: Final = ("connections:read", "connections:read_credentials")
_READ_CREDENTIALS: Final = "environment:connections:read_credentials"

_DEFAULT_LIMIT: Final = 10_000

_OPTIONS: Final = ("refresh_token", "force_refresh", "refresh_github_app_jwt_token")
_SWITCH: Final = optional(one_of("true", "false"))
_FETCHED: Final = fields(
    provider_config_key=PROVIDER_CONFIG_KEY, **dict.fromkeys(_OPTIONS, _SWITCH)
)
_OF_INTEGRATION: Final = fields(provider_config_key=PROVIDER_CONFIG_KEY)
_LISTED: Final = fields(
    connectionId=optional(text(least=1)),
    search=optional(text(least=1)),
    endUserId=optional(text(least=1)),
    endUserOrganizationId=optional(text(least=1)),
    integrationId=optional(text(least=1, most=None)),
    tags=optional(record(text(least=1))),
    limit=optional(whole_number(1, 2000)),
    page=optional(whole_number(0)),
)


def _credentials(value: Any, path: Path) -> Iterator[Issue]:
    yield from any_object(value, path)
    if value.__class__ is dict:
        yield from CREDENTIALS(value, path)


_CREATED: Final = fields(
    provider_config_key=PROVIDER_CONFIG_KEY,
    credentials=_credentials,
    connection_id=optional(CONNECTION_ID),
    connection_config=optional(any_object),
    metadata=optional(any_object),
    webhook_url_override=optional(WEBHOOK_URL),
    end_user=optional(END_USER),
    tags=optional(tags),
)
_UPDATED: Final = fields(
    end_user=optional(END_USER),
    tags=optional(tags),
    webhook_url_override=optional(WEBHOOK_URL),
)
_METADATA: Final = fields(
    connection_id=either(CONNECTION_ID, list_of(CONNECTION_ID)),
    provider_config_key=PROVIDER_CONFIG_KEY,
    metadata=any_object,
)


# Without the "s" is how older servers know them.
@routes("GET", "/connections", *_LIST, query=_LISTED)
@routes("GET", "/connection", *_LIST, query=_LISTED)
def list_connections(call: Call) -> Answer:
    """Answer with a page of the connections that all filters let through, the newest first."""
    query = call.query
    wanted = call.account.of(Connections).newest_first()
    for name, matches in _FILTERS.items():
        if name in query:
            wanted = [one for one in wanted if matches(one.envelope, query[name])]
    limit = int(query.get("limit", _DEFAULT_LIMIT))
    begin = int(query.get("page", 0)) * limit
    page = [one.summary() for one in wanted[begin : begin + limit]]
    return json_answer(200, {"connections": page})


def _found_by(envelope: Wire, words: str) -> bool:
    user: Wire = envelope["end_user"] or {}
    found: list[str | None] = [user.get("display_name"), user.get("email")]
    texts = [envelope["connection_id"], *found]
    return any(words.lower() in text.lower() for text in texts if text)


def _of_user(envelope: Wire, user_id: str) -> bool:
    return bool(envelope["end_user"]) and envelope["end_user"].get("id") == user_id


def _of_organization(envelope: Wire, organization_id: str) -> bool:
    user: Wire = envelope["end_user"] or {}
    organization: Wire = user.get("organization") or {}
    return organization.get("id") == organization_id


_FILTERS: Final[Mapping[str, Callable[[Wire, Any], bool]]] = {
    "connectionId": lambda envelope, value: envelope["connection_id"] == value,
    "search": _found_by,
    "endUserId": _of_user,
    "endUserOrganizationId": _of_organization,
    "integrationId": lambda envelope, value: (
        envelope["provider_config_key"] in [key.strip() for key in value.split(",")]
    ),
    "tags": lambda envelope, value: lowered(value).items() <= envelope["tags"].items(),
}


@routes("GET", "/connections/{connectionId}", *_READ, query=_FETCHED)
@routes("GET", "/connection/{connectionId}", *_READ, query=_FETCHED)
def get_connection(call: Call) -> Answer:
    """Answer with a connection and its credentials, renewed where that is due."""
    on = {name for name in _OPTIONS if call.query.get(name) == "true"}
    reads_credentials = call.allows(_READ_CREDENTIALS)
    if on and not reads_credentials:
        text = f"Credential and refresh options require the {_READ_CREDENTIALS} scope"
        raise Refusal(error_answer(403, "forbidden", message=text))
    connection = _requested(call, call.params["connectionId"], call.query["provider_config_key"])
    try:
        if reads_credentials:
            connection.fetch(
                call.now,
                call.account.fake,
                force_refresh="force_refresh" in on,
                refresh_github_app_jwt_token="refresh_github_app_jwt_token" in on,
            )
    except RenewalError as error:
        call.account.of(Outbox).tell_of_failure(connection.ids, error)
        payload = {"connection": connection.body(with_credentials=False)}
        raise Refusal(
            error_answer(
                error.status, "invalid_credentials", message=error.message, payload=payload
            )
        ) from None
    return json_answer(
        200,
        connection.body(
            with_credentials=reads_credentials, with_refresh_token="refresh_token" in on
        ),
    )


def find_connection(
    call: Call, connection_id: str, key: str, status: int, code: str, **members: Any
) -> StoredConnection:
    """Give a connection; where there is none, the rest says how that is answered."""
    connections = call.account.of(Connections)
    found = connections.by_ids.get((connection_id, key))
    if found is None:
        answer = error_answer(status, code, **members)
        raise Refusal(answer, connections.hint(key, connection_id))
    return found


def ids_in_headers(call: Call) -> tuple[str, str]:
    """Give the ids of the connection that the headers name."""
    headers = call.request.headers
    ids = headers["Connection-Id"], headers["Provider-Config-Key"]
    message = "Provided ConnectionId and ProviderConfigKey does not match a valid connection"
    find_connection(call, *ids, 400, "unknown_connection", message=message)
    return ids


def _requested(call: Call, connection_id: str, key: str) -> StoredConnection:
    connections, integrations = call.account.of(Connections), call.account.of(Integrations)
    if key not in integrations.by_key:
        swapped = (key, connection_id) in connections.by_ids
        known = connections.known() + ("; the two ids look swapped" if swapped else "")
        raise Refusal(
            error_answer(
                400,
                "unknown_provider_config",
                message=f"No such integration in this environment; {known}",
            ),
            None if key in integrations.removed else f"no such integration; {known}",
        )
    found = connections.by_ids.get((connection_id, key))
    if found is None:
        hint = connections.hint(key, connection_id)
        message = "Failed to find connection" + (f"; {connections.known()}" if hint else "")
        raise Refusal(error_answer(404, "not_found", message=message), hint)
    return found


@routes("POST", "/connections", "connections:create", body=_CREATED)
def create_connection(call: Call) -> Answer:
    """Import a connection, over one with the same ids."""
    body: Wire = call.body
    key, given = body["provider_config_key"], body["credentials"]
    integrations, connections = call.account.of(Integrations), call.account.of(Connections)
    if key not in integrations.by_key:
        answer = error_answer(404, "not_found", message="Integration does not exist")
        raise Refusal(answer, f"no such integration; {connections.known()}")
    mode = integrations.auth_mode(key)
    if given["type"] != mode:
        raise _invalid(f"Provider {mode} does not support {given['type']} auth")
    try:
        credentials = imported(given, call.account.fake)
    except ValueError:
        raise _invalid("credentials.expires_at is no date") from None
    set_missing_ends(credentials, call.now + 3600.0 if mode in ("APP", "CUSTOM") else None)
    end_user = stored_end_user(body.get("end_user"))
    merged = tags_of(end_user) | lowered(body.get("tags"))
    if too_many(merged):
        raise _too_many_tags()
    config = body.get("connection_config", {})
    if mode in ("APP", "CUSTOM"):
        config |= {name: given[name] for name in ("app_id", "installation_id")}
    ids = body.get("connection_id", str(uuid.uuid4())), key
    now = stored_timestamp(call.now)
    changes: Wire = {
        "end_user": end_user,
        "tags": merged,
        "metadata": body.get("metadata", {}),
        "connection_config": config,
        "webhook_url_override": body.get("webhook_url_override") or None,
        "last_fetched_at": now if credentials else None,
    }
    if replaced := connections.by_ids.get(ids):
        changes |= {name: replaced.envelope[name] for name in ("id", "created_at")}
    made = connections.put(ids, credentials, changes)
    operation = "override" if replaced else "creation"
    call.account.of(Outbox).tell("auth", ids, operation=operation)
    return json_answer(201, _with_z(made.body(with_refresh_token=True)))


def _with_z(body: Wire) -> Wire:
    """Write a connection's dates as the answer to its creation does."""
    dates = {
        name: format_timestamp(parse_timestamp(body[name]))
        for name in ("created_at", "updated_at", "last_fetched_at")
        if body[name]
    }
    return {**body, **dates}


# Ahead of the next, which would take "metadata" for an id.
@routes("POST", "/connections/metadata", "connections:update", body=_METADATA)
def set_metadata(call: Call) -> Answer:
    """Replace the metadata of connections."""
    for connection in _named(call):
        connection.envelope["metadata"] = call.body["metadata"]
    return json_answer(201, call.body)


@routes("PATCH", "/connections/metadata", "connections:update", body=_METADATA)
def update_metadata(call: Call) -> Answer:
    """Put metadata into that of connections, by the members of its top level."""
    for connection in _named(call):
        connection.envelope["metadata"] = {
            **(connection.envelope["metadata"] or {}),
            **call.body["metadata"],
        }
    return json_answer(200, call.body)


def _named(call: Call) -> list[StoredConnection]:
    """Give the connections that the body names, all of them or none."""
    named, key = call.body["connection_id"], call.body["provider_config_key"]
    connection_ids = [named] if isinstance(named, str) else named
    connections = call.account.of(Connections)
    unknown = [one for one in connection_ids if (one, key) not in connections.by_ids]
    if unknown:
        message = f"No connection {', '.join(unknown)} with the provider config key {key}"
        answer = error_answer(404, "unknown_connection", message=message)
        raise Refusal(answer, connections.hint(key, *unknown))
    return [connections.by_ids[one, key] for one in connection_ids]


@routes(
    "PATCH",
    "/connections/{connectionId}",
    "connections:update",
    query=_OF_INTEGRATION,
    body=_UPDATED,
)
def update_connection(call: Call) -> Answer:
    """Change tags, end user and webhook address, each where it was sent."""
    body: Wire = call.body
    connection = _requested(call, call.params["connectionId"], call.query["provider_config_key"])
    changes: Wire = {}
    if "end_user" in body:
        changes["end_user"] = stored_end_user(body["end_user"])
    if "end_user" in body or "tags" in body:
        changes["tags"] = tags_of(changes.get("end_user")) | lowered(body.get("tags"))
        if too_many(changes["tags"]):
            raise _too_many_tags()
    if "webhook_url_override" in body:
        changes["webhook_url_override"] = body["webhook_url_override"] or None
    connection.envelope.update(changes)
    return json_answer(200, {"success": True})


@routes("DELETE", "/connections/{connectionId}", "connections:delete", query=_OF_INTEGRATION)
@routes("DELETE", "/connection/{connectionId}", "connections:delete", query=_OF_INTEGRATION)
def delete_connection(call: Call) -> Answer:
    """Drop a connection."""
    ids = call.params["connectionId"], call.query["provider_config_key"]
    find_connection(call, *ids, 400, "unknown_connection")
    call.account.of(Connections).remove(*ids)
    return json_answer(200, {"success": True})


def _invalid(message: str) -> Refusal:
    return Refusal(error_answer(400, "invalid_body", message=message), message)


def _too_many_tags() -> Refusal:
    return _invalid("With those of the end user there are more than 10 tags")
