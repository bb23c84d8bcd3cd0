"""A synchronous client of Nango, for Django, Flask, Celery, scripts and notebooks."""

from nango_client.sync._answers import ProviderResponse
from nango_client.sync._generated import NangoClient, ProviderSession

__all__ = ["NangoClient", "ProviderResponse", "ProviderSession"]

for _public in (NangoClient, ProviderResponse, ProviderSession):
    # Tracebacks and tools say what users import.
    _public.__module__ = __name__
