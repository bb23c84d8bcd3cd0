"""Short ways to a connection and to a plan."""

from datetime import UTC, datetime
from typing import Any

from nango_client import ApiKeyCredentials, Connection, Credentials, OAuth2Credentials
from nango_client._provider.making.plans import Call, Plan
from nango_client._provider.making.recipe import compile_entry

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
GITHUB = {"name": "github", "auth_mode": "OAUTH2", "proxy": {"base_url": "https://api.github.com"}}
TOKEN = OAuth2Credentials(access_token="the-token")


def connection(credentials: Credentials | None = None, **config: Any) -> Connection:
    return Connection(
        id=1,
        connection_id="user-42",
        provider_config_key="acme",
        provider="acme",
        credentials=credentials or ApiKeyCredentials(api_key="the-key"),
        connection_config=config,
        metadata={"tier": "gold"},
        created_at=NOW,
        updated_at=NOW,
    )


def entry(base_url: Any = "https://api.acme.example", **proxy: Any) -> dict[str, Any]:
    section = {"base_url": base_url, "headers": {"x-api-key": "${apiKey}"}} | proxy
    return {"name": "acme", "auth_mode": "API_KEY", "proxy": section}


def prepare(
    wire: dict[str, Any],
    owner: Connection | None = None,
    path: Any = "/v1/items",
    *,
    method: str = "GET",
    client: Any = None,
    **call: Any,
) -> Plan:
    return compile_entry(wire).prepare(
        owner or connection(),
        Call(method, path, **call),
        client=client,
        now=NOW,
        nonce=lambda: "nonce",
        new_uuid=lambda: "uuid",
    )
