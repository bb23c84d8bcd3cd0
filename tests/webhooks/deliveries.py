"""Deliveries of a running server, and events made from them."""

import json
from pathlib import Path
from typing import Any

import attrs

from nango_client import webhooks

KEY = "2b8e4a17-6c3d-4f90-9a5e-d1c7f3b60e42"
_FOLDER = Path(__file__).parents[1] / "captures" / "webhooks"


@attrs.frozen
class Delivery:
    """What a server sent, and the key that it signed with."""

    name: str
    body: bytes
    headers: dict[str, str]
    wire: Any
    key: str

    def __str__(self) -> str:
        return self.name


def _load(path: Path) -> Delivery:
    found = json.loads(path.read_text("utf-8"))
    body = found["body_raw"].encode()
    return Delivery(path.stem, body, found["headers"], found["body"], found["signing_key"])


DELIVERIES = [_load(path) for path in sorted(_FOLDER.glob("*.json"))]
BY_NAME = {delivery.name: delivery for delivery in DELIVERIES}


def wire_of(name: str, **changes: Any) -> dict[str, Any]:
    """Give a delivery's JSON with some fields changed."""
    return BY_NAME[name].wire | changes


def event_of(wire: object) -> Any:
    """Give the event of any JSON."""
    return webhooks.parse(json.dumps(wire).encode())
