"""``client.connections``: the connections of a Nango environment."""

from collections.abc import Awaitable, Callable
from typing import final

from nango_client.models import Connection


@final
class Connections:
    """The connections of your Nango environment, as ``client.connections``."""

    def __init__(self, get_connection: Callable[..., Awaitable[Connection]]) -> None:
        self._get_connection = get_connection

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
        return await self._get_connection(
            connection_id,
            provider_config_key,
            force_refresh=force_refresh,
            include_refresh_token=include_refresh_token,
            refresh_github_app_jwt_token=refresh_github_app_jwt_token,
        )
