"""What the API answers about integrations."""

from typing import Any, Final

import attrs

from nango_client.testing._account.connections import Connections
from nango_client.testing._account.integrations import Integration, Integrations
from nango_client.testing._account.providers import Providers
from nango_client.testing._account.sessions import Sessions
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import (
    Fields,
    either,
    fields,
    flag,
    issue,
    list_of,
    one_of,
    optional,
    record,
    text,
)
from nango_client.testing._payloads.values import PROVIDER_CONFIG_KEY
from nango_client.testing._payloads.wire import Wire, written

routes: Final = Routes()

_READ_CREDENTIALS: Final = "environment:integrations:read_credentials"

_INCLUDED: Final = one_of("webhook", "credentials")
_INCLUDE: Final = fields(include=optional(either(_INCLUDED, list_of(_INCLUDED))))

_APP_OF_OURS: Final = {
    "client_id": text(least=1),
    "client_secret": text(least=1),
    "scopes": optional(text(most=None)),
    "webhook_secret": optional(text()),
}
_GITHUB_APP: Final = {
    "app_id": text(least=1),
    "app_link": text(least=1),
    "private_key": text(least=1, most=None),
}
_CREDENTIALS: Final = either(
    fields(type=one_of("OAUTH1", "OAUTH2", "TBA"), **_APP_OF_OURS),
    fields(type=one_of("APP"), **_GITHUB_APP),
    fields(type=one_of("CUSTOM"), **_GITHUB_APP, **_APP_OF_OURS),
)
_CONFIG: Final = record(text(most=8192))
_NEW: Final = {
    "provider": text(least=1),
    "unique_key": PROVIDER_CONFIG_KEY,
    "display_name": optional(text(least=1)),
    "forward_webhooks": optional(flag),
}
_OWN: Final = {
    "credentials": optional(_CREDENTIALS),
    "integration_config": optional(_CONFIG),
    "custom": optional(record(text(most=None))),
}
_CREATED: Final = Fields({**_NEW, **_OWN})
_QUICKSTARTED: Final = Fields(_NEW)
_UPDATED: Final = Fields(
    {
        "unique_key": optional(PROVIDER_CONFIG_KEY),
        "display_name": _NEW["display_name"],
        "forward_webhooks": _NEW["forward_webhooks"],
        **_OWN,
    }
)

_NEEDING_CREDENTIALS: Final = ("OAUTH1", "OAUTH2", "APP", "CUSTOM")
_WITH_SHARED_APP: Final = ("OAUTH1", "OAUTH2", "APP")


def find_integration(call: Call) -> Integration:
    """Give the integration that the path names."""
    key = call.params["uniqueKey"]
    integrations = call.account.of(Integrations)
    if key not in integrations.by_key:
        known = ", ".join(integrations.by_key) or "none"
        hint = None if key in integrations.removed else f"no such integration; known: {known}"
        answer = error_answer(404, "not_found", message=f'Integration "{key}" does not exist')
        raise Refusal(answer, hint)
    return integrations.by_key[key]


@routes("GET", "/integrations", "integrations:list", "integrations:list_credentials", auth="either")
def list_integrations(call: Call) -> Answer:
    """Answer with all integrations, or those that a connect session allows."""
    integrations = call.account.of(Integrations)
    found = [integrations.by_key[key] for key in sorted(integrations.by_key)]
    if call.token is not None:
        allowed = call.account.of(Sessions).get(call.token).allowed_integrations
        found = [one for one in found if not allowed or one.unique_key in allowed]
    return json_answer(200, {"data": [integrations.body(one) for one in found]})


@routes(
    "GET",
    "/integrations/{uniqueKey}",
    "integrations:read",
    "integrations:read_credentials",
    query=_INCLUDE,
)
def get_integration(call: Call) -> Answer:
    """Answer with one integration, and what was asked for besides."""
    integration = find_integration(call)
    integrations = call.account.of(Integrations)
    asked = call.query.get("include", [])
    more: Wire = {}
    if "webhook" in asked:
        more["webhook_url"] = integration.webhook_url
    # The server leaves out in silence what the key must not see.
    if "credentials" in asked and call.allows(_READ_CREDENTIALS):
        more["credentials"] = integrations.credentials(integration)
    return json_answer(200, {"data": integrations.body(integration, **more)})


@routes("POST", "/integrations", "integrations:create", body=_CREATED)
def create_integration(call: Call) -> Answer:
    """Make an integration with an app of the account's own."""
    body: Wire = call.body
    mode = _check_new(call, body)
    given = body.get("credentials")
    if given is None and mode in _NEEDING_CREDENTIALS:
        raise _invalid(f"An integration of mode {mode} needs credentials")
    _check_credentials(given, mode)
    return _made(call, {name: body[name] for name in _OWN if name in body})


@routes("POST", "/integrations/quickstart", "integrations:create", body=_QUICKSTARTED)
def create_quickstart(call: Call) -> Answer:
    """Make an integration with Nango's own app."""
    mode = _check_new(call, call.body)
    if mode not in _WITH_SHARED_APP or not call.account.of(Providers).has_developer_app(
        call.body["provider"]
    ):
        raise _invalid("No Nango-provided developer app is configured for this provider")
    # The server shows nothing of its own app.
    return _made(call, {"credentials": {"client_id": "", "client_secret": "", "app_id": ""}})


def _made(call: Call, more: Wire) -> Answer:
    body = call.body
    fields = {name: body[name] for name in ("display_name", "forward_webhooks") if name in body}
    integrations = call.account.of(Integrations)
    made = integrations.put(body["unique_key"], body["provider"], {**fields, **more})
    return json_answer(200, {"data": integrations.body(made)})


def _check_new(call: Call, body: Wire) -> str:
    """Give the mode of the provider that a new integration is for."""
    entry = call.account.of(Providers).find(body["provider"])
    if entry is None:
        raise _invalid_field("invalid_string", "The provider does not exist", "provider")
    if body["unique_key"] in call.account.of(Integrations).by_key:
        raise _invalid_field("invalid_string", "The key is used already", "uniqueKey")
    mode: str = entry["auth_mode"]
    return mode


def _check_credentials(given: Wire | None, mode: str) -> None:
    if given is None:
        return
    if given["type"] != mode:
        raise _invalid(f"The provider takes credentials of type {mode}, not {given['type']}")
    key = given.get("private_key")
    if key is not None and "BEGIN RSA PRIVATE KEY" not in key:
        raise _invalid("The private key is not a PEM file of an RSA key")


@routes("PATCH", "/integrations/{uniqueKey}", "integrations:update", body=_UPDATED)
def update_integration(call: Call) -> Answer:
    """Change what was sent of an integration."""
    old = find_integration(call)
    integrations = call.account.of(Integrations)
    body: Wire = call.body
    key = body.get("unique_key", old.unique_key)
    if key != old.unique_key:
        if key in integrations.by_key:
            raise _invalid("uniqueKey is already used by another integration")
        if call.account.of(Connections).of_integration(old.unique_key):
            raise _invalid("An integration that has connections keeps its key")
    given = body.get("credentials")
    _check_credentials(given, integrations.auth_mode(old.unique_key))
    entry = call.account.of(Providers).find(old.provider) or {}
    if "custom" in body and "integration_config" in entry:
        raise _invalid("A provider with integration_config takes no custom fields")
    changes: dict[str, Any] = {
        name: body[name] for name in ("display_name", "forward_webhooks") if name in body
    }
    for name in ("integration_config", "custom"):
        changes[name] = {**getattr(old, name), **body.get(name, {})}
    if given is not None:
        changes["credentials"] = _with_webhook_secret(given, old.credentials or {})
    changed = attrs.evolve(old, unique_key=key, updated_at=written(call.now), **changes)
    del integrations.by_key[old.unique_key]
    integrations.by_key[key] = changed
    return json_answer(200, {"data": integrations.body(changed)})


def _with_webhook_secret(given: Wire, stored: Wire) -> Wire:
    """Keep the stored secret where none was sent; an empty one deletes it."""
    secret = given.get("webhook_secret", stored.get("webhook_secret"))
    return {**given, "webhook_secret": secret or None}


@routes("DELETE", "/integrations/{uniqueKey}", "integrations:delete")
def delete_integration(call: Call) -> Answer:
    """Drop an integration, with its connections."""
    call.account.forget_integration(find_integration(call).unique_key)
    return json_answer(200, {"success": True})


def _invalid(message: str) -> Refusal:
    return Refusal(error_answer(400, "invalid_body", message=message), message)


def _invalid_field(code: str, message: str, name: str) -> Refusal:
    errors = [issue(code, message, (name,))]
    return Refusal(error_answer(400, "invalid_body", errors=errors), f"{name}: {message}")
