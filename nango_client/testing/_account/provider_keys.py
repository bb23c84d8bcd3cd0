"""Which credentials a provider takes: those that the connections to it have now."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from nango_client.testing._account.base import Account, Controls
from nango_client.testing._account.connection import StoredConnection
from nango_client.testing._account.connections import Connections
from nango_client.testing._account.provider_api import ProviderApi, ProviderApis
from nango_client.testing._messages import RecordedRequest
from nango_client.testing._payloads.credentials import RENEWED_FIELDS, end_of, parts_of
from nango_client.testing._payloads.values import check_name
from nango_client.testing._payloads.wire import Wire

# What a request shows of credentials that are never renewed.
_SHOWN = {"API_KEY": ("apiKey",), "OAUTH1": ("oauth_token",), "TBA": ("token_id",)}


def shown_secrets(part: Wire) -> Iterator[str]:
    """Give the secrets of credentials that a request with them shows."""
    for name in (
        *RENEWED_FIELDS.get(part.get("type", ""), ()),
        *_SHOWN.get(part.get("type", ""), ()),
    ):
        if isinstance(value := part.get(name), str) and value:
            yield value
    if "username" in part and "password" in part:
        yield base64.b64encode(f"{part['username']}:{part['password']}".encode()).decode()


def _holds(request: RecordedRequest, secret: str) -> bool:
    texts = (
        *request.headers.values(),
        unquote_plus(request.raw_query),
        request.path,
        request.body.decode(errors="replace"),
    )
    whole = re.compile(rf"(?<![\w-]){re.escape(secret)}(?![\w-])")
    return any(whole.search(text) for text in texts)


class ProviderApiControls(Controls):
    """What tests do with the APIs of providers."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._revoked: set[str] = set()
        account.of(ProviderApis).accepts = self._accepts

    def provider(self, name: str) -> ProviderApi:
        """Give a provider's own API, which direct and proxied calls reach.

        Args:
            name: the provider's name, which is that of the integration unless it was given one.

        Raises:
            ValueError: no provider can have this name.
        """
        check_name("a provider", name)
        with self._account.lock:
            return self._account.of(ProviderApis).get(name)

    def revoke_token(self, connection_id: str, provider_config_key: str) -> None:
        """Let the provider answer 401 to the connection's token, until it is renewed.

        Nango does not know, and goes on giving the token.

        Raises:
            LookupError: there is no such connection.
        """
        with self._account.lock:
            connection = self._account.of(Connections).get(connection_id, provider_config_key)
            for part in parts_of(connection.credentials):
                self._revoked.update(shown_secrets(part))

    def _accepts(self, name: str, request: RecordedRequest) -> bool:
        connections = [
            one
            for one in self._account.of(Connections).by_ids.values()
            if one.envelope["provider"] == name
        ]
        return any(self._has_credentials(request, one) for one in connections)

    def _has_credentials(self, request: RecordedRequest, connection: StoredConnection) -> bool:
        if not connection.credentials:
            return True
        now = self._account.clock.time()
        for part in parts_of(connection.credentials):
            end = end_of(part)
            if end is not None and end <= now:
                continue
            if any(
                secret not in self._revoked and _holds(request, secret)
                for secret in shown_secrets(part)
            ):
                return True
        return False
