"""What one would write by hand: plain attrs classes for cattrs, and the same as msgspec Structs."""

from datetime import datetime
from typing import Any

import attrs


@attrs.frozen
class Organization:
    id: str
    display_name: str | None


@attrs.frozen
class EndUser:
    id: str
    email: str | None
    display_name: str | None
    tags: dict[str, str]
    organization: Organization | None


@attrs.frozen
class Issue:
    type: str
    log_id: str | None


@attrs.frozen
class OAuth2Credentials:
    type: str
    access_token: str
    raw: dict[str, Any]
    expires_at: datetime | None = None
    refresh_token: str | None = None
    config_override: dict[str, Any] | None = None


@attrs.frozen
class Connection:
    id: int
    connection_id: str
    provider_config_key: str
    provider: str | None
    credentials: OAuth2Credentials
    connection_config: dict[str, Any]
    metadata: dict[str, Any] | None
    tags: dict[str, str]
    end_user: EndUser | None
    errors: list[Issue]
    webhook_url_override: str | None
    created_at: datetime
    updated_at: datetime
    last_fetched_at: datetime | None


def as_structs() -> type[Any]:
    """Give the msgspec twin of `Connection`; needs msgspec."""
    import msgspec

    twins: dict[type, type] = {}
    for cls in (Organization, EndUser, Issue, OAuth2Credentials, Connection):
        fields = []
        for field in attrs.fields(cls):
            kind = field.type
            for plain, twin in twins.items():
                if kind == plain:
                    kind = twin
                elif kind == (plain | None):
                    kind = twin | None
                elif kind == list[plain]:
                    kind = tuple[twin, ...]
            default = () if field.default is attrs.NOTHING else (field.default,)
            fields.append((field.name, kind, *default))
        twins[cls] = msgspec.defstruct(cls.__name__, fields, frozen=True, kw_only=True)
    return twins[Connection]
