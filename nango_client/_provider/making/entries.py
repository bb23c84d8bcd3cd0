"""A provider's entry, read once for all its requests."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast, final

from nango_client._provider.making.bases import BaseTemplate
from nango_client._provider.making.bodies import BodyTemplate
from nango_client._provider.making.retry_rules import RetryRules
from nango_client._provider.making.templates import Template, parse

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Variables that are no credential: what knows only these proves nothing.
_PUBLIC: Final = frozenset(
    {
        *("now", "random", "method", "host", "path", "endpoint", "params"),
        *("urlCanonicalParams", "bodyCanonicalParams", "contentType"),
    }
)
_LOOKS_AT_BODY: Final = frozenset({"params", "bodyCanonicalParams", "awsSigV4()"})


@final
class Entry:
    """What a provider's requests are made by.

    Attributes:
        provider: its name; empty where the entry has none.
        auth_mode: Nango's word for how one signs in, or None.
        base: the base URL, or None.
        headers: names in lower case, with their templates.
        retry: what it says about trying again.
        query: keys with their templates.
        body: members that belong into every body, or None.
        needs_certificate: whether it asks for a client certificate.
        hides_key: whether only Nango knows where its key goes.
        places_key: whether any template puts in something that only this connection has.
        carries_token: whether a template puts the token in where else the default would.
        uses_client: whether it needs the integration's id or secret.
        speaks_of_request: whether a header calls a function, or names the request or the moment.
        wants_body: whether the whole body has to be known when a request is made.
        signature_method: for OAuth 1.
        is_plain: whether its headers depend on the connection alone, and nothing else is put in.
    """

    def __init__(self, entry: Mapping[str, Any]) -> None:
        proxy = _mapping(entry.get("proxy"))
        base_url = proxy.get("base_url")
        body = _mapping(proxy.get("body"))
        self.provider = _text(entry.get("name"))
        self.auth_mode = entry.get("auth_mode")
        self.base = BaseTemplate(base_url) if isinstance(base_url, str) and base_url else None
        self.headers = {
            name.lower(): template
            for name, template in _templates(proxy.get("headers"))
            if _HEADER_NAME.fullmatch(name)
        }
        self.retry = RetryRules.parse(proxy.get("retry"))
        self.query = _templates(proxy.get("query"))
        self.body = BodyTemplate(body) if body else None
        self.needs_certificate = bool(entry.get("require_client_certificate"))
        self.hides_key = "keyName" in _mapping(entry.get("integration_config"))
        self.signature_method = _text(entry.get("signature_method")) or "HMAC-SHA1"

        named = {name for template in self.headers.values() for name in template.names}
        named |= {name for _, template in self.query for name in template.names}
        named |= set(self.body.names if self.body else ())
        in_base = set(self.base.names if self.base else ())
        self.places_key = any(_is_private(name) for name in named) or any(
            _is_private(name) and not name.startswith("connectionConfig.") for name in in_base
        )
        self.carries_token = any(
            "accessToken" in template.names
            or (name == "cookie" and "credentials._cookies" in template.names)
            for name, template in self.headers.items()
        )
        self.speaks_of_request = any(
            not _is_private(name) for template in self.headers.values() for name in template.names
        )
        self.uses_client = not {"clientId", "clientSecret"}.isdisjoint(named)
        in_headers = {name for template in self.headers.values() for name in template.names}
        self.is_plain = not (
            self.needs_certificate or self.query or self.body is not None or self.uses_client
        ) and in_headers.isdisjoint(_PUBLIC | {"awsSigV4()"})
        self.wants_body = (
            self.body is not None
            or self.auth_mode == "AWS_SIGV4"
            or not _LOOKS_AT_BODY.isdisjoint(named)
        )


def _is_private(name: str) -> bool:
    return name not in _PUBLIC and not name.endswith("()")


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _templates(section: object) -> list[tuple[str, Template]]:
    """Parse a section's texts; a number counts as one, and what else there is not at all."""
    return [
        (name, parse(str(value)))
        for name, value in _mapping(section).items()
        if isinstance(value, str | int | float)
    ]
