"""Reads the cases in tests/golden: what Nango's own proxy made of a request, at a frozen time.

Equality: URL, method, headers and the body's bytes. A query that was put together anew is equal
when its parameters are, decoded and in order; of what Nango's HTTP client adds, only
``Content-Type`` counts; the parameters of an OAuth header may come in any order.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import attrs

from nango_client import Connection, InvalidArgumentError, UnsupportedProviderError
from nango_client._provider.making.plans import Call, ClientSecrets, Plan
from nango_client._provider.making.recipe import Recipe, compile_entry
from nango_client._wire.converter import Unreadable, read

FOLDER = Path(__file__).parent.parent / "golden"
UNREADABLE = "the connection cannot be decoded"


@attrs.frozen
class Case:
    """One request, and what Nango made of it."""

    provider: str
    name: str
    flags: frozenset[str]
    entry: dict[str, Any]
    connection: dict[str, Any]
    integration: dict[str, Any] | None
    request: dict[str, Any]
    frozen: dict[str, Any]
    expected: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


def cases(path: Path) -> Iterator[Case]:
    """Give the cases of a file; what a case leaves out is that of the first."""
    document = json.loads(path.read_text("utf-8"))
    entry, first = document["provider"], document["cases"][0]
    for case in document["cases"]:
        yield Case(
            provider=entry["name"],
            name=case["name"],
            flags=frozenset(case.get("flags", ())),
            entry=entry,
            connection=first["connection"] | case.get("connection", {}),
            integration=case.get("integration", first["integration"]),
            request=case["request"],
            frozen=first["frozen"] | (case.get("frozen") or {}),
            expected=case["expected"],
        )


def connection_of(wire: dict[str, Any]) -> Connection | None:
    """Decode a connection as the client does; None where it refuses."""
    body = json.dumps({"id": 1, **wire}).encode()
    connection = read(body, Connection, lambda: 0.0)
    return None if isinstance(connection, Unreadable) else connection


def plan(case: Case, recipe: Recipe | None = None) -> Plan | str:
    """Make our request of a case, or say why it is refused."""
    connection = connection_of(case.connection)
    if connection is None:
        return UNREADABLE
    given = case.request
    body: dict[str, Any] = {}
    if "body" in given:
        body = {"json": given["body"]}
    elif "body_text" in given:
        text = given["body_text"]
        body = {"data": text.encode() if given.get("body_is_bytes") else text}
    client = None
    if case.integration is not None:
        app = case.integration["credentials"] or {}
        client = ClientSecrets(app.get("client_id") or "", app.get("client_secret") or "")
    call = Call(
        given["method"],
        given["endpoint"],
        params=given.get("params"),
        headers=given["headers"],
        base_url=given.get("base_url_override"),
        **body,
    )
    try:
        return (recipe or compile_entry(case.entry)).prepare(
            connection,
            call,
            client=client,
            now=datetime.fromisoformat(case.frozen["now"]),
            nonce=lambda: case.frozen.get("oauth_nonce", "unused"),
            new_uuid=lambda: case.frozen.get("uuid", "unused"),
        )
    except (InvalidArgumentError, UnsupportedProviderError) as error:
        return str(error)


def differences(ours: Plan, case: Case) -> list[str]:
    """Name the parts in which our request is another than Nango's."""
    expected = case.expected
    if "error" in expected:
        return ["Nango refuses it"]
    found = []
    if not _same_url(str(ours.url), expected["url"]):
        found.append(f"url: {ours.url} for {expected['url']}")
    if ours.method != expected["method"]:
        found.append("method")
    headers = dict(expected["headers"])
    if "content-type" in expected["client_headers"]:
        headers["content-type"] = expected["client_headers"]["content-type"]
    own = {name.lower(): value for name, value in ours.headers.items()}
    found += [
        f"{name}: {own.get(name)!r} for {headers.get(name)!r}"
        for name in sorted({*own, *headers})
        if _comparable(own.get(name)) != _comparable(headers.get(name))
    ]
    if (ours.body or b"") != expected.get("wire_body", "").encode():
        found.append(f"body: {ours.body!r} for {expected.get('wire_body')!r}")
    return found


def _same_url(ours: str, expected: str) -> bool:
    if ours == expected:
        return True
    mine, other = urlsplit(ours), urlsplit(expected)
    return (
        mine[:3] == other[:3]
        and mine.fragment == other.fragment
        and _pairs(mine.query) == _pairs(other.query)
    )


def _pairs(query: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in query.split("&")]
    return [(unquote_plus(key), unquote_plus(value)) for key, _, value in parts]


def _comparable(header: str | None) -> object:
    if header is None or not header.startswith("OAuth "):
        return header
    return sorted(header.removeprefix("OAuth ").split(", "))
