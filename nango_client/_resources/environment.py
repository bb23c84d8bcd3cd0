"""``client.environment``: what belongs to a Nango environment as a whole."""

from collections.abc import Mapping
from typing import final

from nango_client._http.calls import Calls
from nango_client._http.protocol import About, Request
from nango_client.models import Variables
from nango_client.models._base import Model, hidden, model
from nango_client.models.environment import Variable


@model
class _SigningKey(Model):
    webhook_signing_key: str = hidden()


@model
class _Rotated(Model):
    data: _SigningKey


@final
class Environment:
    """Your Nango environment, as ``client.environment``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def variables(self) -> Mapping[str, str]:
        """Give the environment's variables; a ``repr`` of them shows names alone."""
        path = "/environment-variables"
        request = Request("GET", path, path, "", About("the environment's variables"))
        found = await self._calls.fetch(request, tuple[Variable, ...])
        return Variables({variable.name: variable.value for variable in found})

    async def rotate_webhook_signing_key(self) -> str:
        """Make a new key that webhooks are signed with, and give it.

        Nango's processes go on signing with the old one for up to 5 minutes: accept both
        meanwhile. It is never sent again where it may have run.
        """
        path = "/environment/webhook-signing-key/rotate"
        request = Request("POST", path, path, "", About("the webhook signing key"), runs_once=True)
        found = await self._calls.fetch(request, _Rotated)
        return found.data.webhook_signing_key
