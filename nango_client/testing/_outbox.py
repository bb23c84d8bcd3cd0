"""What happens in the account, and who is told of it by webhook."""

from typing import TYPE_CHECKING, Any, Literal

from nango_client.testing._account import Account, Subject
from nango_client.testing._connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from nango_client.testing._connection import RenewalError
    from nango_client.testing._payloads import Wire
    from nango_client.testing._wire import SignedWebhook

Kind = Literal["auth", "sync", "async_action", "forward"]


class Outbox(Subject):
    """Where webhooks go."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.url: str | None = None
        """The address that the environment has; None: none are sent."""
        self.send: Callable[[str, SignedWebhook], None] | None = None
        """Sends one in the background; None where the server does not run."""
        self.write: Callable[[str, str, str, Wire], SignedWebhook]
        """Writes and signs a webhook of some kind, for a connection, with some members."""

    def tell(self, kind: Kind, ids: tuple[str, str], **fields: Any) -> None:
        """Tell of something that has happened, as far as there is somebody to tell."""
        if self.url is None or self.send is None:
            return
        connection = self.account.of(Connections).by_ids.get(ids)
        own = None if connection is None else connection.envelope["webhook_url_override"]
        self.send(own or self.url, self.write(kind, *ids, fields))

    def tell_of_failure(self, ids: tuple[str, str], error: "RenewalError") -> None:
        """Tell of a renewal that failed; one that was not tried is no news."""
        if error.was_tried:
            told = {"type": "refresh_token_external_error", "description": error.message}
            self.tell("auth", ids, operation="refresh", success=False, error=told)
