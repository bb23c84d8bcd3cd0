"""Plays captures of a real server back to our methods."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import attrs
from scripted import Scripted

from nango_client import NangoClient
from nango_client.models._base import Model, whole_field, wire_name

CAPTURES = Path(__file__).parents[1] / "captures"
Call = Callable[[NangoClient], Awaitable[Any]]


def capture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    return found


async def replay(name: str, call: Call, added: Mapping[str, str]) -> Any:
    """Make a call against a captured answer, and compare what was sent with the capture.

    Args:
        name: the capture.
        call: what sends the request.
        added: what our methods add to its query on purpose.
    """
    recorded = capture(name)
    wanted, answer = recorded["request"], recorded["response"]
    body = answer["body"]
    # A full page is followed by an empty one, which the capture does not have.
    empty = {member: [] for member in ("connections", "data") if member in (body or {})}
    answers = [(answer["status"], body)] + ([(200, empty)] if empty else [])
    async with Scripted(*answers) as server, server.client() as nango:
        try:
            return await call(nango)
        finally:
            asked = server.requests[0]
            assert (asked.method, unquote(asked.path)) == (wanted["method"], wanted["path"])
            query = [
                pair
                for pair in parse_qsl((wanted.get("query") or "").replace(".19Z", ".190Z"))
                if pair[0] != "page"
            ]
            assert sorted(asked.query) == sorted([*query, *added.items()])
            for header in ("Connection-Id", "Provider-Config-Key", "X-Async"):
                assert asked.headers.get(header) == wanted["headers"].get(header)
            expected = wanted.get("body")
            if isinstance(expected, dict) and "expires_at" in expected.get("credentials", {}):
                expected["credentials"]["expires_at"] = "2036-01-01T00:00:00.000Z"
            if isinstance(expected, dict) and "tags" in expected:
                expected["tags"] = {key.lower(): value for key, value in expected["tags"].items()}
            assert asked.json == expected
            if asked.body:
                assert asked.headers["Content-Type"] == "application/json"
            else:
                assert "Content-Type" not in asked.headers


def same(value: Any, wire: Any) -> None:
    """See that a model has every value of the wire, read-only."""
    if isinstance(value, Model):
        cls: Any = type(value)
        whole = whole_field(cls)
        if whole is not None:
            field, without = whole
            rest = {name: item for name, item in wire.items() if name != without}
            assert getattr(value, field) == rest
        for field in attrs.fields(cls):
            if wire_name(field) in wire and (whole is None or field.name != whole[0]):
                same(getattr(value, field.name), wire[wire_name(field)])
    elif isinstance(value, datetime):
        assert value == datetime.fromisoformat(wire)
    elif isinstance(value, Mapping):
        assert value.keys() == (wire or {}).keys()
        for key, item in value.items():
            same(item, wire[key])
    elif isinstance(value, list | tuple):
        assert len(value) == len(wire)
        for item, other in zip(value, wire, strict=True):
            same(item, other)
    else:
        assert value == wire
