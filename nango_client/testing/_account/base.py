"""What all subjects of a made-up Nango account share."""

from collections.abc import Iterable
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from nango_client.testing._clock import FakeClock
from nango_client.testing._payloads.credentials import TokenMaker

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from nango_client.testing._messages import UnexpectedRequest


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


def check_members(of: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse members that a thing does not have.

    Raises:
        TypeError: there are such; the text names them, and those that there are.
    """
    if unknown := set(given) - set(known):
        names = ", ".join(sorted(unknown))
        raise TypeError(f"{of} has no {names}; it has {', '.join(sorted(known))}")
