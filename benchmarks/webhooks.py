"""`webhooks.receive` of 1 kB, against HMAC, `json.loads` and a plain class by hand."""

import hmac
import json
import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from report import Table, interleave, rows

from nango_client import webhooks

KEY = "2b8e4a17-6c3d-4f90-9a5e-d1c7f3b60e42"
OURS = "nango_client"
BY_HAND = "HMAC, json.loads and attrs by hand"
IDS = {"connectionId": "db06bfb4-03b7-4870-992a-bc3a0d29ea8c", "providerConfigKey": "github"}
BODIES: dict[str, dict[str, Any]] = {
    "auth": {
        "from": "nango", "type": "auth", "operation": "creation", "success": True, **IDS,
        "authMode": "OAUTH2", "environment": "prod", "provider": "github",
        "endUser": {"endUserId": "user-42", "endUserEmail": "ada@example.com",
                    "organizationId": "acme", "tags": {"plan": "team"}},
        "tags": {f"tag{number}": f"the value of this one: {number:030}" for number in range(12)},
    },
    "forward": {
        "from": "github", "type": "forward", **IDS,
        "payload": {
            "action": "opened",
            "issue": {"number": 42, "title": "A title of common length", "body": "text " * 95,
                      "labels": [{"id": n, "name": f"label-{n}"} for n in range(6)],
                      "user": {"id": 7, "login": "ada", "site_admin": False}},
            "repository": {"id": 1, "full_name": "acme/demo", "private": True, "topics": []},
        },
    },
}  # fmt: skip


@attrs.frozen
class EndUser:
    id: str
    email: str | None
    organization_id: str | None
    tags: dict[str, str]


@attrs.frozen
class Auth:
    connection_id: str
    provider_config_key: str
    operation: str
    success: bool
    auth_mode: str
    provider: str
    environment: str
    tags: dict[str, str]
    end_user: EndUser | None
    error: object
    raw: dict[str, Any]


@attrs.frozen
class Forward:
    connection_id: str
    provider_config_key: str
    provider: str
    payload: object
    raw: dict[str, Any]


def by_hand(body: bytes, headers: dict[str, str]) -> Auth | Forward:
    signature = hmac.new(KEY.encode(), body, "sha256").hexdigest()
    if not hmac.compare_digest(signature, headers["X-Nango-Hmac-Sha256"]):
        raise ValueError
    wire = json.loads(body)
    ids = wire["connectionId"], wire["providerConfigKey"]
    if wire["type"] == "forward":
        return Forward(*ids, wire["from"], wire["payload"], wire)
    user = wire.get("endUser")
    if user is not None:
        user = EndUser(
            user["endUserId"], user.get("endUserEmail"), user.get("organizationId"), user["tags"]
        )
    return Auth(
        *ids,
        wire["operation"],
        wire["success"],
        wire["authMode"],
        wire["provider"],
        wire["environment"],
        wire.get("tags", {}),
        user,
        wire.get("error"),
        wire,
    )


def _time(call: Callable[[], object], number: int) -> float:
    return timeit.timeit(call, number=number) / number * 1e6


def run(*, quick: bool) -> list[Table]:
    number, rounds = (10, 1) if quick else (1000, 101)
    tables = []
    for kind, document in BODIES.items():
        body = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
        assert 900 < len(body) < 1100, len(body)
        # As many as Nango's requests have.
        headers = {f"X-Other-{name}": "value" for name in range(7)} | webhooks.sign(body, KEY)
        assert webhooks.receive(body, headers, KEY).raw == by_hand(body, headers).raw
        contestants = {
            OURS: partial(_time, partial(webhooks.receive, body, headers, KEY), number),
            BY_HAND: partial(_time, partial(by_hand, body, headers), number),
        }
        found = rows(interleave(contestants, rounds), list(contestants), BY_HAND, {OURS: 1.5})
        note = "Ours looks for doubled headers, checks types strictly and freezes containers."
        tables.append(Table(f"A webhook of 1 kB, {kind}", "µs", note, found))
    return tables
