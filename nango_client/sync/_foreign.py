"""The connection's credentials for requests of other libraries that know nothing of asyncio."""

from collections.abc import Mapping
from typing import final

from nango_client._provider import foreign as asynchronous
from nango_client._provider.sources import Planned
from nango_client.sync._client import NangoClient


@final
class Foreign:
    """Plans requests that somebody else has made and will send; see the asynchronous twin.

    Args:
        client: gives the credentials.
        connection_id: the connection's id.
        provider_config_key: the integration's key.
        base_url: instead of the provider's own.

    Raises:
        InvalidArgumentError: an argument is none that could be meant.
    """

    def __init__(
        self,
        client: NangoClient,
        connection_id: str,
        provider_config_key: str,
        base_url: str | None,
    ) -> None:
        self._bridge = client._bridge  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._ids = (connection_id, provider_config_key)
        self._base_url = base_url
        self._twin()  # Bad arguments are seen here and now.

    def plan(
        self, method: str, url: str, headers: Mapping[str, str], content: object
    ) -> Planned | None:
        """Plan the request anew, with what belongs into it; None where it goes elsewhere."""
        return self._bridge.call(self._twin().plan, method, url, headers, content)

    def plan_again(self, refused: Planned) -> Planned | None:
        """Plan a refused request with other credentials; None where there are none to be had."""
        return self._bridge.call(self._twin().plan_again, refused)

    def plan_next(
        self, planned: Planned, method: str, url: str, *, with_body: bool
    ) -> Planned | None:
        """Plan what follows a redirect; None where it leads to another origin."""
        return self._bridge.call(self._twin().plan_next, planned, method, url, with_body=with_body)

    def _twin(self) -> asynchronous.Foreign:
        # Anew for each request: a child process has another client.
        doors = self._bridge.client()._doors  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return doors.foreign(*self._ids, base_url=self._base_url)
