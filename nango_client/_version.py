"""The version, read from the installed package's metadata: one source of truth."""

from functools import cache
from importlib.metadata import version


@cache
def package_version() -> str:
    """Give the version of the installed distribution."""
    return version("nango-client")
