"""A kit for testing code that uses Nango: a real server on this machine that behaves like it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nango_client.testing._account.provider_api import ProviderApi
    from nango_client.testing._clock import FakeClock
    from nango_client.testing._messages import RecordedRequest, SignedWebhook, UnexpectedRequest
    from nango_client.testing._server import MockNango
    from nango_client.testing._store import MemoryStore

__all__ = [
    "FakeClock",
    "MemoryStore",
    "MockNango",
    "ProviderApi",
    "RecordedRequest",
    "SignedWebhook",
    "UnexpectedRequest",
]

# Imported on first use, because pytest loads the plugin beside this file in every run of everybody
# who has the package installed.
_HOMES = {
    "FakeClock": "_clock",
    "MemoryStore": "_store",
    "MockNango": "_server",
    "ProviderApi": "_account.provider_api",
    "RecordedRequest": "_messages",
    "SignedWebhook": "_messages",
    "UnexpectedRequest": "_messages",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
