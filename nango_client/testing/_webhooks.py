"""Webhooks that the server sends: what happens in the account, told to an address of yours."""

import http.client
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nango_client.testing._account import Account, Controls
from nango_client.testing._environment import Environment
from nango_client.testing._outbox import Kind, Outbox
from nango_client.testing._webhook_bodies import KINDS, document_of, signed
from nango_client.testing._wire import SignedWebhook

if TYPE_CHECKING:
    from nango_client.testing._payloads import Wire

_TIMEOUT: Final = 20.0


class WebhookControls(Controls):
    """What tests do with webhooks."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        account.of(Outbox).write = self._written

    def _written(self, kind: str, connection_id: str, key: str, fields: "Wire") -> SignedWebhook:
        document = document_of(self._account, kind, connection_id, key, fields)
        return signed(document, self._account.of(Environment).signing_key)

    def webhook(
        self, kind: Kind, connection_id: str, provider_config_key: str, **fields: object
    ) -> SignedWebhook:
        """Give a webhook as Nango would send it, signed with `signing_key`.

        Args:
            kind: ``"auth"``, ``"sync"``, ``"async_action"`` or ``"forward"``.
            connection_id: the connection's id; there need not be such a connection.
            provider_config_key: its integration.
            fields: what it says instead of plain values, by the names of the events' fields, such
                as ``operation``, ``success``, ``error``, ``sync_name``, ``model``, ``id`` (of an
                action's run) and ``payload``; None leaves one out.

        Raises:
            TypeError: a field is not JSON.
            ValueError: there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"a webhook is one of {', '.join(KINDS)}, not {kind!r}")
        with self._account.lock:
            return self._written(kind, connection_id, provider_config_key, dict(fields))

    def send_webhook(
        self,
        url: str,
        kind: Kind,
        connection_id: str,
        provider_config_key: str,
        **fields: object,
    ) -> int:
        """Send a webhook once, and give the status with which it was received.

        It waits for the answer. Where the receiver runs in your event loop, call this in a thread:
        ``await asyncio.to_thread(server.send_webhook, url, ...)``.

        Args:
            url: where the receiver is.
            kind: see `webhook`, as for the others.
            connection_id: the connection's id.
            provider_config_key: its integration.
            fields: what it says.

        Raises:
            OSError: there is no receiver, or it takes longer than 20 s.
            TypeError: a field is not JSON.
            ValueError: there is no such kind, or the URL is none of HTTP.
        """
        sent = self.webhook(kind, connection_id, provider_config_key, **fields)
        parts = urlsplit(url)
        makers = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in makers or not parts.hostname:
            raise ValueError(f"a receiver's address is an absolute http or https URL, not {url!r}")
        connection = makers[parts.scheme](parts.hostname, parts.port, timeout=_TIMEOUT)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, sent.body, dict(sent.headers))
            status: int = connection.getresponse().status
        finally:
            connection.close()
        return status
