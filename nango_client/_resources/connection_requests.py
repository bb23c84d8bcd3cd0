"""What the methods of `client.connections` send, made of their arguments and checked."""

from collections.abc import Iterable, Mapping
from typing import Any

from nango_client._http.protocol import (
    About,
    Request,
    about_connection,
    check_id,
    json_body,
    quoted,
    segment,
)
from nango_client._resources import arguments
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import EndUser


def request_for_one(
    method: str, connection_id: str, provider_config_key: str, body: bytes | None
) -> Request:
    """Give the request that changes or deletes one connection."""
    return Request(
        method,
        "/connections/{connection_id}",
        f"/connections/{segment('connection_id', connection_id)}",
        f"provider_config_key={quoted('provider_config_key', provider_config_key)}",
        about_connection(connection_id, provider_config_key),
        body=body,
    )


def metadata_request(
    method: str,
    connection_id: str | Iterable[str],
    provider_config_key: str,
    metadata: Mapping[str, object],
) -> tuple[Request, list[tuple[str, str]]]:
    """Give the request that writes metadata, and the connections that it changes."""
    one = isinstance(connection_id, str)
    ids = [connection_id] if isinstance(connection_id, str) else list(connection_id)
    for each in ids:
        check_id("connection_id", each)
    key = check_id("provider_config_key", provider_config_key)
    request = Request(
        method,
        "/connections/metadata",
        "/connections/metadata",
        "",
        about_connection(ids[0], key)
        if len(ids) == 1
        else About(f"{len(ids)} connections of integration {{}}", key, check="all ids"),
        body=json_body(
            connection_id=connection_id if one else ids,
            provider_config_key=key,
            metadata=arguments.mapping("metadata", metadata),
        ),
    )
    return request, [(each, key) for each in ids]


def optional_mapping(argument: str, value: object) -> Mapping[str, Any] | None:
    """Check an argument that may be left out."""
    return None if value is None else arguments.mapping(argument, value)


def owner(tags: Mapping[str, str] | None, end_user: EndUser | None) -> dict[str, Any]:
    """Give the members that say whose a connection is.

    The endpoints for connections have no place for an organisation but the tags that the server
    makes of it elsewhere.
    """
    own = None if tags is None else arguments.tags(tags)
    user = None if end_user is None else arguments.end_user(end_user)
    arguments.count_derived_tags(own, end_user)
    belongs = arguments.organization(end_user)
    if belongs is not None:
        own = {f"organization_{name}": value for name, value in belongs.items()} | (own or {})
    return {"tags": own, "end_user": user}


def filters_of(
    provider_config_key: str | Iterable[str] | None,
    connection_id: str | None,
    search: str | None,
    tags: Mapping[str, str] | None,
    end_user_id: str | None,
    organization_id: str | None,
) -> list[tuple[str, str]]:
    """Give the part of the query that says which connections are meant."""
    found: list[tuple[str, str]] = []
    if provider_config_key is not None:
        keys = (
            [provider_config_key]
            if isinstance(provider_config_key, str)
            else arguments.several("provider_config_key", provider_config_key)
        )
        found.append(("integrationId", ",".join(map(_listed_key, keys))))
    texts = {
        "connectionId": ("connection_id", connection_id),
        "search": ("search", search),
        "endUserId": ("end_user_id", end_user_id),
        "endUserOrganizationId": ("organization_id", organization_id),
    }
    found += [
        (wire, check_id(argument, value))
        for wire, (argument, value) in texts.items()
        if value is not None
    ]
    if tags is not None:
        if not tags:
            raise InvalidArgumentError("tags is empty, which Nango would take for no filter")
        found += [(f"tags[{key}]", value) for key, value in arguments.tags(tags).items()]
    return found


def _listed_key(value: str) -> str:
    """Give back a key that the server reads out of a list, whose parts it trims."""
    key = check_id("provider_config_key", value)
    if "," in key or key != key.strip():
        raise InvalidArgumentError(
            "provider_config_key holds a comma, or begins or ends with white space: no key does"
        )
    return key


def check_that_one_user_is_meant(*filters: object) -> None:
    """Refuse filters that the newest connection of anybody would match."""
    if all(value is None for value in filters):
        raise InvalidArgumentError(
            "give connection_id, search, tags, end_user_id or organization_id: without one, this "
            "would be the newest connection of anybody"
        )
