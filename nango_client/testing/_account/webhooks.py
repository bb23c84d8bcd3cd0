"""Webhooks that the server sends: what happens in the account, told to an address of yours."""

import http.client
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp

from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.connections import Connections
from nango_client.testing._account.environment import Environment
from nango_client.testing._account.webhook_bodies import KINDS, document_of, signed
from nango_client.testing._messages import SignedWebhook

if TYPE_CHECKING:
    from collections.abc import Callable

    from nango_client.testing._account.connection import RenewalError
    from nango_client.testing._payloads.wire import Wire

Kind = Literal["auth", "sync", "async_action", "forward"]

_TRIES: Final = 3
_TIMEOUT: Final = 20.0


class Outbox(Subject):
    """Where webhooks go."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.url: str | None = None
        """The address that the environment has; None: none are sent."""
        self.send: Callable[[str, SignedWebhook], None] | None = None
        """Sends one in the background; None where the server does not run."""

    def write(self, kind: Kind, ids: tuple[str, str], fields: "Wire") -> SignedWebhook:
        """Write and sign a webhook for a connection, with some members."""
        document = document_of(self.account, kind, *ids, fields)
        return signed(document, self.account.of(Environment).signing_key)

    def tell(self, kind: Kind, ids: tuple[str, str], **fields: Any) -> None:
        """Tell of something that has happened, as far as there is somebody to tell."""
        if self.url is None or self.send is None:
            return
        connection = self.account.of(Connections).by_ids.get(ids)
        own = None if connection is None else connection.envelope["webhook_url_override"]
        self.send(own or self.url, self.write(kind, ids, fields))

    def tell_of_failure(self, ids: tuple[str, str], error: "RenewalError") -> None:
        """Tell of a renewal that failed; one that was not tried is no news."""
        if error.was_tried:
            told = {"type": "refresh_token_external_error", "description": error.message}
            self.tell("auth", ids, operation="refresh", success=False, error=told)


async def deliver(url: str, webhook: SignedWebhook) -> None:
    """Send a webhook up to three times, until the status is under 500; the mock does not wait."""
    limit = aiohttp.ClientTimeout(total=_TIMEOUT)
    async with aiohttp.ClientSession(timeout=limit) as session:
        for _ in range(_TRIES):
            try:
                async with session.post(
                    url, data=webhook.body, headers=dict(webhook.headers)
                ) as response:
                    if response.status < 500:  # noqa: PLR2004
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass


class WebhookControls(Controls):
    """What tests do with webhooks."""

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
            outbox = self._account.of(Outbox)
            return outbox.write(kind, (connection_id, provider_config_key), dict(fields))

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
