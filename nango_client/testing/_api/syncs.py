"""What the API answers about syncs."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.records import BASE
from nango_client.testing._account.syncs import FREQUENCY, SHORTEST, Sync, Syncs, seconds_of
from nango_client.testing._account.webhook_bodies import of_run
from nango_client.testing._account.webhooks import Outbox
from nango_client.testing._api.connections import find_connection
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import (
    Check,
    Issue,
    Path,
    either,
    fields,
    flag,
    list_of,
    one_of,
    optional,
    text,
)
from nango_client.testing._payloads.values import CONNECTION_ID, NAME, PROVIDER_CONFIG_KEY

routes: Final = Routes()

if TYPE_CHECKING:
    from nango_client.testing._payloads.wire import Wire

_MOST_VARIANTS: Final = 100


def _or_null(check: Check) -> Check:
    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if value is not None:
            yield from check(value, path)

    return checked


_SYNC: Final = either(text(most=511), fields(name=NAME, variant=NAME))
_WHICH: Final = {
    "syncs": list_of(_SYNC, most=256),
    "connection_id": optional(CONNECTION_ID),
}
_COMMANDED: Final = fields(provider_config_key=PROVIDER_CONFIG_KEY, **_WHICH)
_TRIGGERED: Final = fields(
    provider_config_key=optional(PROVIDER_CONFIG_KEY),
    opts=optional(fields(reset=optional(flag), emptyCache=optional(flag))),
    sync_mode=optional(one_of("incremental", "full_refresh", "full_refresh_and_clear_cache")),
    full_resync=optional(flag),
    **_WHICH,
)
_ASKED: Final = fields(
    syncs=text(most=None),
    provider_config_key=PROVIDER_CONFIG_KEY,
    connection_id=optional(CONNECTION_ID),
)
_TIMED: Final = fields(
    sync_name=NAME,
    sync_variant=optional(NAME),
    provider_config_key=PROVIDER_CONFIG_KEY,
    connection_id=CONNECTION_ID,
    frequency=_or_null(text(FREQUENCY)),
)
_OF_CONNECTION: Final = fields(provider_config_key=PROVIDER_CONFIG_KEY, connection_id=CONNECTION_ID)


@routes("POST", "/sync/trigger", "syncs:execute", body=_TRIGGERED)
def trigger(call: Call) -> Answer:
    """Run syncs."""
    body: Wire = call.body
    key = body.get("provider_config_key", call.request.headers.get("Provider-Config-Key"))
    if key is None:
        message = "Missing provider_config_key. Provide it in the body or headers."
        raise Refusal(error_answer(400, "missing_provider_config_key", message=message), message)
    mode = body.get("sync_mode", "full_refresh" if body.get("full_resync") else "incremental")
    if "opts" in body and body.keys() & {"sync_mode", "full_resync"}:
        raise _refused(400, "invalid_body", "opts excludes sync_mode and full_resync")
    opts: Wire = body.get("opts") or {
        "reset": mode != "incremental",
        "emptyCache": mode == "full_refresh_and_clear_cache",
    }
    for sync in _commanded(call, key):
        call.account.of(Syncs).run(
            sync, reset=opts.get("reset", False), empty_cache=opts.get("emptyCache", False)
        )
        _tell(call, sync)
    return json_answer(200, {"success": True})


@routes("POST", "/sync/start", "syncs:execute", body=_COMMANDED)
def start(call: Call) -> Answer:
    """Let syncs run by their schedule."""
    for sync in _commanded(call, call.body["provider_config_key"]):
        _start(call, sync)
    return json_answer(200, {"success": True})


def _start(call: Call, sync: Sync) -> None:
    if call.account.of(Syncs).start(sync):
        _tell(call, sync)


def _tell(call: Call, sync: Sync) -> None:
    for told in of_run(sync):
        call.account.of(Outbox).tell("sync", (sync.connection_id, sync.key), **told)


@routes("POST", "/sync/pause", "syncs:execute", body=_COMMANDED)
def pause(call: Call) -> Answer:
    """Let syncs run no more."""
    for sync in _commanded(call, call.body["provider_config_key"]):
        sync.paused = True
    return json_answer(200, {"success": True})


def _commanded(call: Call, key: str) -> list[Sync]:
    """Give the syncs that the body names, all of them or none."""
    connection_id = call.body.get("connection_id")
    _check_integration(call, key)
    if connection_id is not None:
        ids = {"connectionId": connection_id, "providerConfigKey": key}
        message = (
            "No connection matching the provided params of 'connection_id' and "
            "'provider_config_key'. Please make sure these values exist in the Nango dashboard "
            + json.dumps(ids, indent=2)
        )
        find_connection(
            call, connection_id, key, 404, "unknown_connection", message=message, payload=ids
        )
    all_ = call.account.of(Syncs).of_integration(key, connection_id)
    wanted = [_named(one) for one in call.body["syncs"]]
    found = [one for one in all_ if not wanted or (one.name, one.variant) in wanted]
    if not {(one.name, one.variant) for one in found} >= set(wanted) or not found:
        raise _refused(400, "no_syncs_found", _known(all_))
    return found


def _named(sync: "str | Wire") -> tuple[str, str]:
    if isinstance(sync, str):
        name, _, variant = sync.partition("::")
        return name, variant or BASE
    return sync["name"], sync["variant"]


def _known(syncs: list[Sync]) -> str:
    names = {one.name if one.variant == BASE else f"{one.name}::{one.variant}" for one in syncs}
    return f"no such sync; known: {', '.join(sorted(names)) or 'none'}"


def _check_integration(call: Call, key: str) -> None:
    integrations = call.account.of(Integrations)
    if key not in integrations.by_key:
        message = (
            "There is no Provider Configuration matching this key. Please make sure this value "
            "exists in the Nango dashboard {}"
        )
        answer = error_answer(400, "unknown_provider_config", message=message, payload={})
        raise Refusal(answer, None if key in integrations.removed else "no such integration")


@routes("GET", "/sync/status", "syncs:read", query=_ASKED)
def get_status(call: Call) -> Answer:
    """Answer with how syncs do; those that are not there are left out."""
    query = call.query
    key, connection_id = query["provider_config_key"], query.get("connection_id")
    _check_integration(call, key)
    if connection_id is not None:
        message = "Connection not found"
        find_connection(call, connection_id, key, 400, "invalid_body", message=message)
    names = query["syncs"].split(",")
    wanted = [_named(name.strip()) for name in names]
    syncs = call.account.of(Syncs)
    found = [
        one
        for one in syncs.of_integration(key, connection_id)
        if names == ["*"] or (one.name, one.variant) in wanted
    ]
    return json_answer(200, {"syncs": [syncs.status(one) for one in found]})


@routes("PUT", "/sync/update-connection-frequency", "syncs:update", body=_TIMED)
def set_frequency(call: Call) -> Answer:
    """Change how often a sync of a connection runs."""
    body: Wire = call.body
    sync = _of_connection(call, body["sync_name"], body.get("sync_variant", BASE))
    if sync is None:
        raise _unknown_sync(call)
    frequency = body["frequency"]
    if frequency is not None and seconds_of(frequency) < SHORTEST:
        raise _refused(400, "invalid_body", f"A sync runs every {SHORTEST:.0f} seconds at most")
    sync.frequency = frequency
    shown = (frequency or sync.default_frequency).removeprefix("every ")
    return json_answer(200, {"frequency": shown})


@routes("POST", "/sync/{name}/variant/{variant}", "syncs:variant:create", body=_OF_CONNECTION)
def create_variant(call: Call) -> Answer:
    """Make a variant of a sync, and start it."""
    name, variant = _variant(call)
    base = _of_connection(call, name, BASE)
    if base is None:
        raise _unknown_sync(call)
    syncs = call.account.of(Syncs)
    if syncs.find(base.connection_id, base.key, name, variant) is not None:
        raise _refused(400, "sync_variant_already_exists")
    siblings = syncs.of_integration(base.key, base.connection_id)
    if sum(one.name == name for one in siblings) > _MOST_VARIANTS:
        raise _refused(400, "resource_capped", f"A sync has {_MOST_VARIANTS} variants at most")
    made = syncs.add(
        Sync(
            connection_id=base.connection_id,
            key=base.key,
            name=name,
            variant=variant,
            models=base.models,
            default_frequency=base.default_frequency,
        )
    )
    _start(call, made)
    return json_answer(200, {"id": made.id, "name": name, "variant": variant})


@routes("DELETE", "/sync/{name}/variant/{variant}", "syncs:variant:delete", body=_OF_CONNECTION)
def delete_variant(call: Call) -> Answer:
    """Drop a variant of a sync, with its records."""
    found = _of_connection(call, *_variant(call))
    if found is None:
        raise _refused(404, "not_found")
    call.account.of(Syncs).drop(found)
    return json_answer(200, {"success": True})


def _variant(call: Call) -> tuple[str, str]:
    name, variant = call.params["name"], call.params["variant"]
    if variant.lower() == BASE:
        raise _refused(400, "invalid_variant", f"The variant {BASE} is the sync itself")
    return name, variant


def _of_connection(call: Call, name: str, variant: str) -> Sync | None:
    """Give a sync of the connection that the body names."""
    connection_id, key = call.body["connection_id"], call.body["provider_config_key"]
    find_connection(call, connection_id, key, 400, "unknown_connection")
    return call.account.of(Syncs).find(connection_id, key, name, variant)


def _unknown_sync(call: Call) -> Refusal:
    all_ = call.account.of(Syncs).of_integration(
        call.body["provider_config_key"], call.body["connection_id"]
    )
    return Refusal(error_answer(400, "unknown_sync"), _known(all_))


def _refused(status: int, code: str, message: str | None = None) -> Refusal:
    return Refusal(error_answer(status, code, message=message), message or code)
