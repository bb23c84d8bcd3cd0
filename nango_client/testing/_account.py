"""What all subjects of a made-up Nango account share, and one call of its API."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from nango_client._wire.timestamps import format_timestamp
from nango_client.testing._clock import FakeClock
from nango_client.testing._payloads import TokenMaker
from nango_client.testing._wire import RecordedRequest, UnexpectedRequest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Account:
    """The state of the server. Each subject keeps its own part of it; `of` gives that part.

    Args:
        clock: what the server reads the time from.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock: FakeClock = clock
        self.lock: AbstractContextManager[object] = RLock()
        """Held by whoever reads or changes the state: the server's thread, or a test's."""
        self.fake: TokenMaker = TokenMaker()
        self.base_url: str = "http://127.0.0.1:3003"
        """Where the server says that it is; its real address once it runs."""
        self.unexpected: list[UnexpectedRequest] = []
        """Requests that no test had set the account up for."""
        self._subjects: dict[type[Subject], Subject] = {}

    def of(self, subject: "type[_S]") -> "_S":
        """Give a subject's part of the state; the first time, an empty one."""
        found = self._subjects.get(subject)
        if not isinstance(found, subject):
            found = self._subjects[subject] = subject(self)
        return found

    def forget_integration(self, key: str) -> None:
        """Tell all subjects that an integration was deleted."""
        for subject in tuple(self._subjects.values()):
            subject.forget_integration(key)

    def forget_connection(self, connection_id: str, key: str) -> None:
        """Tell all subjects that a connection was deleted."""
        for subject in tuple(self._subjects.values()):
            subject.forget_connection(connection_id, key)

    def forget_function(self, key: str, kind: str, name: str) -> None:
        """Tell all subjects that a function of an integration was deleted."""
        for subject in tuple(self._subjects.values()):
            subject.forget_function(key, kind, name)


class Subject:
    """One subject's part of the state; `account` leads to the others."""

    def __init__(self, account: Account) -> None:
        self.account: Account = account

    def forget_integration(self, key: str) -> None:
        """Drop what belonged to an integration that was deleted."""

    def forget_connection(self, connection_id: str, key: str) -> None:
        """Drop what belonged to a connection that was deleted."""

    def forget_function(self, key: str, kind: str, name: str) -> None:
        """Drop what belonged to a function that was deleted."""


_S = TypeVar("_S", bound=Subject)


class Controls:
    """A subject's methods for tests; they take `account.lock`."""

    def __init__(self, account: Account) -> None:
        self._account = account


@attrs.frozen(kw_only=True)
class Call:
    """A request that has passed all checks which need no look at the state."""

    account: Account
    request: RecordedRequest
    now: float
    """When it came, in epoch seconds."""
    params: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The parts of the path that the route names, decoded."""
    query: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    body: Any = None
    scopes: AbstractSet[str] | None = None
    """What the key may do; None for all."""
    token: str | None = None
    """The connect session's token, where the request came with one in the place of a key."""

    def allows(self, scope: str) -> bool:
        """Say whether the key may do something."""
        return covers(self.scopes, scope)

    def with_(self, **changes: Any) -> Self:
        """Give a copy with more in it."""
        return attrs.evolve(self, **changes)


def covers(scopes: AbstractSet[str] | None, scope: str) -> bool:
    """Say whether a key with these scopes has this one; ``x:*`` stands for all that begin so."""
    return scopes is None or any(
        scope == one or (one.endswith(":*") and scope.startswith(one[:-1])) for one in scopes
    )


def written(seconds: float) -> str:
    """Write epoch seconds as most of the API's answers do, with milliseconds and ``Z``."""
    return format_timestamp(datetime.fromtimestamp(seconds, UTC))
