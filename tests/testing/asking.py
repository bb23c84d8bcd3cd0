"""How these tests put requests to a `NangoState`, without a network."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from nango_client.testing._state import NangoState


@attrs.frozen
class Reply:
    """An answer, its JSON body read."""

    status: int
    headers: dict[str, str]
    document: Any

    @property
    def error(self) -> Any:
        return self.document["error"]

    @property
    def credentials(self) -> Any:
        return self.document["credentials"]


def ask(
    nango: NangoState,
    connection_id: str = "user-42",
    key: str = "github",
    *,
    api_key: str | None = None,
    force_refresh: bool = False,
    refresh_token: bool = False,
    refresh_github_app_jwt_token: bool = False,
) -> Reply:
    """Ask for a connection as a client would."""
    options = {
        "force_refresh": force_refresh,
        "refresh_token": refresh_token,
        "refresh_github_app_jwt_token": refresh_github_app_jwt_token,
    }
    query = {"provider_config_key": key} | {name: "true" for name in options if options[name]}
    target = f"/connection/{quote(connection_id, safe='')}?{urlencode(query)}"
    return send(nango, target, headers={"Authorization": f"Bearer {api_key or nango.api_key}"})


def send(
    nango: NangoState,
    target: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: Any = None,
    key: str | None = None,
) -> Reply:
    """Send any request, with a key (the server's by default) unless headers are given."""
    if headers is None:
        headers = {"Authorization": f"Bearer {key or nango.api_key}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
    sent = b"" if body is None else json.dumps(body).encode()
    answer = nango.react(method, target, headers, sent).answer
    assert answer is not None
    is_json = answer.headers.get("Content-Type") == "application/json; charset=utf-8"
    text = answer.body.decode()
    return Reply(answer.status, dict(answer.headers), json.loads(text) if is_json else text)


def post(nango: NangoState, target: str, body: Any, key: str | None = None) -> Reply:
    """Send a body."""
    return send(nango, target, method="POST", body=body, key=key)


def patch(nango: NangoState, target: str, body: Any) -> Reply:
    """Send a change."""
    return send(nango, target, method="PATCH", body=body)


def delete(nango: NangoState, target: str) -> Reply:
    """Ask for something to be gone."""
    return send(nango, target, method="DELETE")
