"""The environment: variables, and the key that webhooks are signed with."""

import uuid
from collections.abc import Mapping

from nango_client.testing._account import Account, Call, Controls, Subject
from nango_client.testing._wire import Answer, json_answer


class Environment(Subject):
    """What there is once in an environment."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.variables: dict[str, str] = {}
        self.signing_key = str(uuid.uuid4())

    def rotate(self) -> str:
        """Make a new signing key; the old one is gone."""
        self.signing_key = str(uuid.uuid4())
        return self.signing_key


def list_variables(call: Call) -> Answer:
    """Answer with the variables and their values."""
    variables = call.account.of(Environment).variables
    return json_answer(200, [{"name": name, "value": text} for name, text in variables.items()])


def rotate_signing_key(call: Call) -> Answer:
    """Answer with a new signing key."""
    data = {"webhook_signing_key": call.account.of(Environment).rotate()}
    return json_answer(200, {"data": data})


def health(_: Call) -> Answer:
    """Answer that the server is there."""
    return json_answer(200, {"result": "ok"})


class EnvironmentControls(Controls):
    """What tests do with the environment."""

    @property
    def signing_key(self) -> str:
        """The key that webhooks are signed with, until a client rotates it."""
        with self._account.lock:
            return self._account.of(Environment).signing_key

    def set_environment_variables(self, variables: Mapping[str, str]) -> None:
        """Set the environment's variables; those from before are gone.

        Args:
            variables: their values by name.
        """
        with self._account.lock:
            self._account.of(Environment).variables = dict(variables)
