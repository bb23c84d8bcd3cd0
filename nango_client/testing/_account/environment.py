"""The environment: API keys, variables, and the key that webhooks are signed with."""

import uuid
from collections.abc import Iterable, Mapping

from nango_client.testing._account.base import Account, Controls, Subject


class Environment(Subject):
    """What there is once in an environment."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.keys: dict[str, frozenset[str] | None] = {}
        """The scopes of the API keys; None for all."""
        self.variables: dict[str, str] = {}
        self.signing_key = str(uuid.uuid4())

    def rotate(self) -> str:
        """Make a new signing key; the old one is gone."""
        self.signing_key = str(uuid.uuid4())
        return self.signing_key


class EnvironmentControls(Controls):
    """What tests do with the environment."""

    @property
    def signing_key(self) -> str:
        """The key that webhooks are signed with, until a client rotates it."""
        with self._account.lock:
            return self._account.of(Environment).signing_key

    def add_key(self, scopes: Iterable[str] | None = None) -> str:
        """Make one more API key, with these scopes or, with None, all of them."""
        if isinstance(scopes, str):
            raise TypeError(f"scopes is a collection of names: [{scopes!r}]")
        key = str(uuid.uuid4())
        with self._account.lock:
            self._account.of(Environment).keys[key] = None if scopes is None else frozenset(scopes)
        return key

    def set_environment_variables(self, variables: Mapping[str, str]) -> None:
        """Set the environment's variables; those from before are gone.

        Args:
            variables: their values by name.
        """
        with self._account.lock:
            self._account.of(Environment).variables = dict(variables)
