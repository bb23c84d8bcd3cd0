"""The values that Nango takes: ids, names, tags, end users."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nango_client._wire.jsonlib import as_object
from nango_client.testing._payloads.schema import (
    Check,
    Issue,
    Path,
    any_object,
    either,
    email,
    fields,
    issue,
    optional,
    record,
    text,
)
from nango_client.testing._payloads.wire import Wire

_CONNECTION_ID: Final = re.compile(r"[a-zA-Z0-9,.;:=+~\[\]|@${}\"'\\/_ -]+")
_PROVIDER_CONFIG_KEY: Final = re.compile(r"[a-zA-Z0-9~:.@_ -]+")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_MODEL: Final = re.compile(r"[A-Z][a-zA-Z0-9_-]+")
_RUN_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TAG: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_\-./]*")
_URL: Final = re.compile(r"https?://[^\s/?#]+\S*")
_MOST_TAGS: Final = 10

_ID_RULE: Final = (
    "1 to 255 of the letters a-z, digits and , . ; : = + ~ [ ] | @ $ { } \" ' \\ / _ - space"
)
_KEY_RULE: Final = "1 to 255 of the letters a-z, digits and ~ : . @ _ - space"

CONNECTION_ID: Final = text(_CONNECTION_ID)
PROVIDER_CONFIG_KEY: Final = text(_PROVIDER_CONFIG_KEY)
NAME: Final = text(_NAME)
"""Of a provider, a function, a sync, an action or a variant."""
MODEL: Final = text(_MODEL)
RUN_ID: Final = text(_RUN_ID)
"""Of a run of an action."""

SESSION_PREFIX: Final = "nango_connect_session_"
"""With which the token of a connect session begins."""

CONNECTION_HEADERS: Final = {
    "provider-config-key": PROVIDER_CONFIG_KEY,
    "connection-id": CONNECTION_ID,
}
"""The headers by which some endpoints are told the connection."""

WEBHOOK_URL: Final = either(text(_URL, most=None), text(most=0))
ORGANIZATION: Final = fields(id=text(), display_name=optional(text()))
END_USER: Final = fields(
    id=text(least=1),
    email=optional(email),
    display_name=optional(text()),
    tags=optional(record(text(most=None))),
)


def fits(check: Check, value: object) -> bool:
    """Say whether there are no complaints about a value."""
    return not any(check(value, ()))


def check_name(of: str, name: str) -> None:
    """Refuse what is no name of a provider, a function and the like.

    Raises:
        ValueError: it is none.
    """
    if not fits(NAME, name):
        raise ValueError(f"{of}'s name is letters, digits, _ and -: {name!r}")


def check_connection_id(connection_id: str) -> None:
    """Refuse what is no connection's id.

    Raises:
        ValueError: it is none.
    """
    if not fits(CONNECTION_ID, connection_id):
        raise ValueError(f"connection_id is {_ID_RULE}: {connection_id!r}")


def check_key(provider_config_key: str) -> None:
    """Refuse what is no integration's key.

    Raises:
        ValueError: it is none.
    """
    if not fits(PROVIDER_CONFIG_KEY, provider_config_key):
        raise ValueError(f"provider_config_key is {_KEY_RULE}: {provider_config_key!r}")


def check_model(model: str) -> None:
    """Refuse a name that no model has.

    Raises:
        ValueError: it is such a name.
    """
    if not fits(MODEL, model):
        raise ValueError(
            f"a model's name is two or more letters, digits, _ and -, and begins with one of A-Z: "
            f"{model!r}"
        )


def tags(value: Any, path: Path) -> Iterator[Issue]:
    """Take the tags of a connection."""
    members = as_object(value)
    if members is None:
        yield from any_object(value, path)
        return
    if len(members) > _MOST_TAGS:
        yield issue("custom", f"Tags cannot contain more than {_MOST_TAGS} keys", path)
        return
    yield from record(text(least=1), text(_TAG, most=64))(value, path)
    if len({name.lower() for name in members}) < len(members):
        yield issue("custom", "Tags differ in the case of their keys alone", path)
    if "end_user_email" in members:
        yield from email(members["end_user_email"], (*path, "end_user_email"))


def lowered(given: Mapping[str, str] | None) -> dict[str, str]:
    """Give tags as they are stored."""
    return {name.lower(): value for name, value in (given or {}).items()}


def stored_end_user(end_user: Wire | None, organization: Wire | None = None) -> Wire | None:
    """Give an end user as connections show it."""
    if end_user is None:
        return None
    company = organization and {"display_name": None, **organization}
    return {
        "display_name": None,
        "email": None,
        "tags": None,
        **end_user,
        "organization": company or end_user.get("organization"),
    }


def tags_of(end_user: Wire | None) -> dict[str, str]:
    """Give the tags that a connection gets from its end user (a stored one)."""
    if end_user is None:
        return {}
    company: Wire = end_user.get("organization") or {}
    found: dict[str, str | None] = {
        **lowered(end_user.get("tags")),
        "end_user_id": end_user["id"],
        "end_user_email": end_user.get("email"),
        "organization_id": company.get("id"),
        "end_user_display_name": end_user.get("display_name"),
        "organization_display_name": company.get("display_name"),
    }
    return {name: value for name, value in found.items() if value}


def too_many(merged: Mapping[str, str]) -> bool:
    """Say whether there are more tags than a connection may have."""
    return len(merged) > _MOST_TAGS
