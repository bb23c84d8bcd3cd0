"""The synchronous client: the same names, arguments, models and errors, for code without asyncio.

::

    from nango_client.sync import NangoClient

    with NangoClient() as nango:
        token = nango.get_token("user-42", "github")
"""

from nango_client.sync._client import NangoClient
from nango_client.sync._provider import ProviderResponse, ProviderSession

__all__ = ["NangoClient", "ProviderResponse", "ProviderSession"]
