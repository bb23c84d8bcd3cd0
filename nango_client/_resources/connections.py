"""``client.connections``: the connections of a Nango environment."""

from typing import final

from nango_client._lookup import Lookup
from nango_client.models import Connection


@final
class Connections:
    """The connections of your Nango environment, as ``client.connections``."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def get(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with its credentials; the same as `NangoClient.get_connection`."""
        key = (
            connection_id,
            provider_config_key,
            include_refresh_token,
            refresh_github_app_jwt_token,
        )
        if not force_refresh and (connection := self._lookup.fresh(key)) is not None:
            return connection
        return await self._lookup.resolve(key, forced=force_refresh)
