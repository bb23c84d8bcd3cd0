"""Answers of Nango as the tests need them."""

import json
from pathlib import Path
from typing import Any

from nango_client._protocol import Response

CAPTURES = Path(__file__).parent / "captures"
NOW = 1_795_479_500.0
JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}


def wire_connection(**fields: Any) -> dict[str, Any]:
    """Make the body of a good answer."""
    return {
        "id": 7,
        "connection_id": "user-42",
        "provider_config_key": "github",
        "provider": "github",
        "errors": [],
        "end_user": None,
        "tags": {},
        "metadata": None,
        "connection_config": {},
        "webhook_url_override": None,
        "created_at": "2026-11-24T00:17:10.521+00:00",
        "updated_at": "2026-11-24T00:17:37.264+00:00",
        "last_fetched_at": "2026-11-24T00:17:37.264+00:00",
        "credentials": {"type": "API_KEY", "apiKey": "the-key"},
        **fields,
    }


def response(
    body: object, status: int = 200, headers: dict[str, str] | None = None, now: float = NOW
) -> Response:
    """Make an answer; what is no bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status=status, headers=JSON_TYPE if headers is None else headers, body=raw, received_at=now
    )


def capture(name: str) -> dict[str, Any]:
    """Give one recorded exchange with a real server."""
    loaded: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    return loaded


def captured_response(exchange: dict[str, Any]) -> Response:
    """Give the answer of a recorded exchange as the transport would."""
    recorded = exchange["response"]
    body = recorded["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return response(raw, recorded["status"], recorded["headers"])
