"""A made-up Nango: what it answers to a request; no network, no threads of its own."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nango_client.testing._account.actions import ActionControls, Actions
from nango_client.testing._account.base import Account
from nango_client.testing._account.connections import ConnectionControls
from nango_client.testing._account.environment import EnvironmentControls
from nango_client.testing._account.faults import FaultControls
from nango_client.testing._account.functions import FunctionControls
from nango_client.testing._account.integrations import IntegrationControls
from nango_client.testing._account.provider_keys import ProviderApiControls
from nango_client.testing._account.providers import ProviderControls
from nango_client.testing._account.records import RecordControls
from nango_client.testing._account.sessions import SessionControls
from nango_client.testing._account.syncs import SyncControls
from nango_client.testing._account.webhooks import WebhookControls
from nango_client.testing._api.dispatch import Dispatcher
from nango_client.testing._clock import FakeClock
from nango_client.testing._messages import Answer, Reaction, RecordedRequest, UnexpectedRequest

if TYPE_CHECKING:
    from nango_client import Clock


class NangoState(
    ConnectionControls,
    IntegrationControls,
    ProviderControls,
    SessionControls,
    EnvironmentControls,
    FunctionControls,
    RecordControls,
    SyncControls,
    ActionControls,
    ProviderApiControls,
    WebhookControls,
    FaultControls,
):
    """One account of Nango with its API keys, and the answers that follow from them.

    Its methods may be called from any thread.

    Args:
        rate_limit: requests a minute, after which the answer is a 429; None for no limit.
        scopes: the scopes of `api_key`, such as ``environment:connections:read``; None for all.
        clock: what the time is read from; a `FakeClock` of its own by default. Another clock runs
            on under a `FakeClock`, so that `advance` works with it too.
    """

    def __init__(
        self,
        *,
        rate_limit: int | None = None,
        scopes: Iterable[str] | None = None,
        clock: "Clock | None" = None,
    ) -> None:
        self.clock: FakeClock = clock if isinstance(clock, FakeClock) else FakeClock(over=clock)
        """What the server reads the time from, and the clients that it makes."""
        super().__init__(Account(self.clock))
        self.requests: list[RecordedRequest] = []
        """All requests that came, oldest first; clear it as you like."""
        self._dispatcher = Dispatcher(self._account, rate_limit)
        self.api_key: str = self.add_key(scopes)
        """A key for this server; another server refuses it."""

    @property
    def unexpected_requests(self) -> list[UnexpectedRequest]:
        """Requests to unknown paths, integrations and connections, with a bad key or malformed.

        Clear it as you like.
        """
        return self._account.unexpected

    @unexpected_requests.setter
    def unexpected_requests(self, requests: list[UnexpectedRequest]) -> None:
        self._account.unexpected = requests

    def advance(self, seconds: float) -> None:
        """Let time pass, for the server and for the clients that it made."""
        self.clock.advance(seconds)
        with self._account.lock:
            self._account.of(Actions).announce()

    def assert_no_unexpected_requests(self) -> None:
        """Fail if a request came that the server was not set up for.

        Raises:
            AssertionError: there was one; the text names them all, and what was expected.
        """
        with self._account.lock:
            lines = [f"  {unexpected}" for unexpected in self.unexpected_requests]
        if lines:
            raise AssertionError("unexpected requests reached MockNango:\n" + "\n".join(lines))

    def react(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reaction:
        """Take a request in and say what to do about it.

        Args:
            method: such as ``GET``.
            target: the path with the query, as sent.
            headers: the request's headers; looking them up ignores case.
            body: the request's body.
        """
        request = RecordedRequest.parse(method, target, headers, body)
        with self._account.lock:
            self.requests.append(request)
            slow = self._delays.take(request)
            outcome = self._outcomes.take(request)
            answer = outcome.answer if outcome else self._dispatcher.answer(request)
        if isinstance(answer, Answer):
            answer = answer.dated(self.clock.time())
        return Reaction(answer, slow.delay if slow else 0.0)
