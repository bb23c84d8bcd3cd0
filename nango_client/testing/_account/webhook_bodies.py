"""What the webhooks of Nango say, and how it writes and signs them. Source: WEBHOOKS.md."""

import json
import uuid
from typing import Any, Final

from nango_client._wire.jsonlib import as_array, as_object
from nango_client.testing._account.base import Account
from nango_client.testing._account.connections import Connections
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.providers import Providers
from nango_client.testing._account.syncs import Sync, Syncs
from nango_client.testing._messages import SignedWebhook
from nango_client.testing._payloads.wire import Wire, to_json, written
from nango_client.webhooks import sign

KINDS: Final = ("auth", "sync", "async_action", "forward")
_SCRIPT_ERROR: Final = {
    "type": "script_error",
    "description": "An internal error occurred during the script execution",
}
_REFRESH_ERROR: Final = "refresh_token_external_error"
_HEADERS: Final = {
    "Accept": "application/json, text/plain, */*",
    "Content-Type": "application/json",
    "User-Agent": "nango/0.71.4 (linux; node.js)",
}


def signed(document: Wire, signing_key: str) -> SignedWebhook:
    """Write a body as the server does, keys sorted and no spaces, and sign these bytes."""
    plain = _as_javascript(document)
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    body = text.encode()
    return SignedWebhook(body, {**_HEADERS, **sign(body, signing_key)})


def _as_javascript(value: Any) -> Any:
    """Write whole numbers without a point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:  # noqa: PLR2004
        return int(value)
    if value.__class__ is list:
        return [_as_javascript(item) for item in as_array(value)]
    members = as_object(value)
    if members is None:
        return value
    return {name: _as_javascript(item) for name, item in members.items()}


def document_of(account: Account, kind: str, connection_id: str, key: str, fields: Wire) -> Wire:
    """Give what a webhook says, with members of a test's own.

    Args:
        account: what knows the connection, which need not be there.
        kind: ``auth``, ``sync``, ``async_action`` or ``forward``.
        connection_id: the connection's id.
        key: its integration.
        fields: members, by the names of the models or of the wire; None leaves one out.
    """
    given = {_wire_name(name): value for name, value in to_json(fields).items()}
    document = _MAKERS[kind](account, connection_id, key, given)
    document |= {"connectionId": connection_id, "providerConfigKey": key, "type": kind}
    document = {**document, **given}
    return {
        name: value for name, value in document.items() if value is not None or name == "payload"
    }


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _auth(account: Account, connection_id: str, key: str, given: Wire) -> Wire:
    connection = account.of(Connections).by_ids.get((connection_id, key))
    integration = account.of(Integrations).by_key.get(key)
    provider = "unknown" if integration is None else integration.provider
    entry = account.of(Providers).find(provider) or {}
    success = given.get("success", "error" not in given)
    operation = given.get("operation", "creation")
    document: Wire = {
        "from": "nango",
        "authMode": entry.get("auth_mode", "OAUTH2"),
        "provider": provider,
        "environment": "dev",
        "operation": operation,
        "success": success,
    }
    if connection is not None:
        document["tags"] = connection.envelope["tags"]
    if user := as_object(given.pop("endUser", None)):
        document["endUser"] = end_user(user)
    if not success:
        kind = _REFRESH_ERROR if operation == "refresh" else "invalid_callback"
        document["error"] = {"type": kind, "description": "The provider refused"}
    return document


def end_user(user: Wire) -> Wire:
    """Give an end user as webhooks show them; one that is shown so already stays."""
    if "endUserId" in user:
        return user
    organization: Wire = user.get("organization") or {}
    shown = {
        "endUserId": user.get("id"),
        "endUserEmail": user.get("email"),
        "organizationId": organization.get("id") or user.get("organization_id"),
    }
    return {
        **{name: value for name, value in shown.items() if value is not None},
        "tags": user.get("tags") or {},
    }


def _sync(account: Account, connection_id: str, key: str, given: Wire) -> Wire:
    syncs = account.of(Syncs).of_integration(key, connection_id)
    named = [one for one in syncs if given.get("syncName", one.name) == one.name]
    known = named[0] if named else None
    now = written(account.clock.time())
    success = given.get("success", "error" not in given)
    document: Wire = {
        "from": "nango",
        "syncName": known.name if known else "sync",
        "syncVariant": "base",
        "model": known.models[0] if known and known.models else "Model",
        "syncType": "INCREMENTAL",
        "success": success,
    }
    if not success:
        return {**document, "error": _SCRIPT_ERROR, "startedAt": now, "failedAt": now}
    results = {"added": 0, "updated": 0, "deleted": 0}
    return {**document, "modifiedAfter": now, "queryTimeStamp": now, "responseResults": results}


def _async_action(_account: Account, _connection_id: str, _key: str, given: Wire) -> Wire:
    run_id = given.pop("id", None) or str(uuid.uuid4())
    return {"from": "nango", "payload": {"id": run_id, "statusUrl": f"/action/{run_id}"}}


def _forward(account: Account, _connection_id: str, key: str, given: Wire) -> Wire:
    integration = account.of(Integrations).by_key.get(key)
    provider = given.pop("provider", integration.provider if integration else key)
    return {"from": provider, "payload": {}}


_MAKERS: Final = {"auth": _auth, "sync": _sync, "async_action": _async_action, "forward": _forward}


def of_run(sync: Sync) -> list[Wire]:
    """Give what the server tells of a sync's last run: one of each model, or one of its failure."""
    fields: Wire = {
        "sync_name": sync.name,
        "sync_variant": sync.variant,
        "sync_type": sync.kind,
    }
    if sync.error is None:
        results = sync.results or {}
        return [
            {**fields, "model": model, "response_results": one.wire()}
            for model, one in results.items()
        ]
    told: Wire = {"name": type(sync.error).__name__, "message": str(sync.error), "stacktrace": []}
    error: Wire = {**_SCRIPT_ERROR, "payload": told}
    return [{**fields, "model": ",".join(sync.models), "success": False, "error": error}]
