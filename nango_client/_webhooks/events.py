"""From a webhook's body to the model of what it says."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs

from nango_client._wire.jsonlib import loads_any
from nango_client._wire.structure import Hook, make_model_hook
from nango_client.models import (
    AsyncActionWebhook,
    AuthWebhook,
    ForwardWebhook,
    JsonValue,
    SyncWebhook,
    UnknownWebhook,
    WebhookEvent,
)
from nango_client.models._frozen import EMPTY, FrozenDict, freeze

_Enveloped = AuthWebhook | SyncWebhook | AsyncActionWebhook | ForwardWebhook

_KINDS: Final[dict[str, Any]] = {
    "auth": AuthWebhook,
    "sync": SyncWebhook,
    "async_action": AsyncActionWebhook,
    "forward": ForwardWebhook,
}


def read_event(body: bytes) -> WebhookEvent | None:
    """Give what a body says; None where it is no JSON."""
    try:
        raw: Any = loads_any(body)
    except ValueError:
        return None
    kind = raw.get("type") if raw.__class__ is dict else None
    if not isinstance(kind, str):
        return UnknownWebhook(raw=raw)
    return _read_envelope(kind, raw) or UnknownWebhook(type=kind, raw=raw)


def _read_envelope(type_: str, raw: dict[str, Any]) -> _Enveloped | None:
    """Give the event of a body that has all that Nango promises of its type, else None.

    A provider's own payload may have the same ``type``: it comes without an envelope where it fits
    no connection (WEBHOOKS.md §2).
    """
    kind = _KINDS.get(type_)
    if kind is None or (kind is not ForwardWebhook and raw.get("from") != "nango"):
        return None
    try:
        wire = {**raw, "raw": raw}
        if kind is AsyncActionWebhook:
            wire["id"] = raw["payload"]["id"]
        event: _Enveloped = _hook(kind)(wire, kind)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return event if _is_whole(event) else None


def _is_whole(event: _Enveloped) -> bool:
    """Say whether an event has what Nango promises of a success, or of a failure."""
    match event:
        case AuthWebhook():
            return event.success or event.error is not None
        case SyncWebhook(success=True):
            return None not in (event.modified_after, event.response_results)
        case SyncWebhook():
            return None not in (event.error, event.started_at, event.failed_at)
        case _:
            return True


@cache
def _hook(kind: Any) -> Hook:
    """Give the hook of a model; made on first use, as an import should be quick."""
    return make_model_hook(kind, _hook_for)


def _hook_for(kind: Any) -> Hook:
    return _hook(kind) if attrs.has(kind) else _CONTAINERS[kind]


# The models freeze any JSON when somebody asks for it.
def _any_json(value: Any, _: object) -> Any:
    return value


def _json_object(value: Any, _: object) -> Mapping[str, JsonValue]:
    if value.__class__ is not dict:
        raise TypeError
    frozen: Mapping[str, JsonValue] = freeze(value)
    return frozen


def _tags(value: Any, _: object) -> Mapping[str, str]:
    if value is None:
        return EMPTY
    if value.__class__ is not dict:
        raise TypeError
    for tag in value.values():
        if tag.__class__ is not str:
            raise TypeError
    return FrozenDict(value)


_CONTAINERS: Final[dict[object, Hook]] = {
    JsonValue: _any_json,
    Mapping[str, JsonValue]: _json_object,
    Mapping[str, str]: _tags,
}
