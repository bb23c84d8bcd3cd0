"""What the installed packages have to be, where an installer was told not to see to it."""

import re
from typing import Final

import aiohttp

from nango_client.exceptions import ConfigurationError

OLDEST_AIOHTTP: Final = "3.14.1"


def check_aiohttp() -> None:
    """Raise `ConfigurationError` where the installed aiohttp is too old.

    An installer sees to it, but can be told not to.
    """
    if _numbers(aiohttp.__version__) < _numbers(OLDEST_AIOHTTP):
        raise ConfigurationError(
            f"nango_client needs aiohttp {OLDEST_AIOHTTP} or newer, and {aiohttp.__version__} is "
            f"installed: pip install 'aiohttp>={OLDEST_AIOHTTP}'"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """Give the numbers that a version begins with; a pre-release counts as its release."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
