"""Captured exchanges with a real server, and how these tests send them to a `MockNango`."""

import http.client
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nango_client._wire.jsonlib import as_array, as_object
from nango_client.testing import MockNango

Json = dict[str, Any]

CAPTURES = Path(__file__).parent.parent / "captures"
NAMES = sorted(path.stem for path in CAPTURES.glob("*.json"))


def load(name: str) -> Json:
    capture: Json = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    return capture


def exchange(server: MockNango, request: Json) -> tuple[int, dict[str, str], bytes]:
    """Send a captured request as it is, with keys of this server in the place of its keys."""
    headers = dict(request["headers"])
    for placeholder, scopes in {
        "<API_KEY>": None,
        "<API_KEY_READ_ONLY>": ["environment:connections:read", "environment:integrations:read"],
        "<API_KEY_LIST_ONLY>": ["environment:connections:list"],
    }.items():
        if placeholder in headers.get("Authorization", ""):
            headers["Authorization"] = f"Bearer {server.add_key(scopes)}"
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"))
    try:
        query = f"?{request['query']}" if request["query"] else ""
        body = json.dumps(request["body"]) if "body" in request else None
        connection.request(request["method"], request["path"] + query, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def shape(value: Any) -> Any:
    """Keys and types of a JSON value; timestamps count as their form."""
    if (members := as_object(value)) is not None:
        return {name: shape(item) for name, item in members.items()}
    if items := as_array(value):
        return [shape(item) for item in items]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return re.sub(r"\d", "9", value)
    return type(value).__name__


def without_etag(headers: Mapping[str, str]) -> set[str]:
    # Nango sends none with Express' own pages. Nobody should look at it: it changes every time.
    return headers.keys() - {"ETag", "X-MockNango-Expected"}


def compare(server: MockNango, capture: Json) -> Any:
    """Send the request; the answer is like the captured one. Give its document, or its text."""
    expected = capture["response"]

    status, headers, body = exchange(server, capture["request"])

    assert status == expected["status"], body
    assert without_etag(headers) == without_etag(expected["headers"])
    for header in ("Content-Type", "Connection", "Keep-Alive", "X-RateLimit-Limit"):
        assert headers.get(header) == expected["headers"].get(header)
    if not isinstance(expected["body"], dict | list):
        return body.decode()
    document = json.loads(body)
    assert shape(document) == shape(expected["body"])
    if isinstance(expected["body"], dict):
        error = expected["body"].get("error", {})
        assert document.get("error", {}).get("code") == error.get("code")
        assert [
            (issue["code"], issue["path"]) for issue in document.get("error", {}).get("errors", [])
        ] == [(issue["code"], issue["path"]) for issue in error.get("errors", [])]
    return document
