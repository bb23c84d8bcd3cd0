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
    nango: NangoState, target: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> Reply:
    """Send any request, with the server's key unless headers are given."""
    if headers is None:
        headers = {"Authorization": f"Bearer {nango.api_key}"}
    answer = nango.react(method, target, headers).answer
    assert answer is not None
    is_json = answer.headers["Content-Type"] == "application/json; charset=utf-8"
    body = answer.body.decode()
    return Reply(answer.status, dict(answer.headers), json.loads(body) if is_json else body)
