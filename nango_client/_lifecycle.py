"""Whether the client may be used, and under which event loop."""

import asyncio
from typing import final

from nango_client.exceptions import ClientClosedError, ConfigurationError


@final
class Lifecycle:
    """Open until closed; used under one running event loop at a time."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self) -> bool:
        """Check that a call may begin here and now; True where it is the first under its loop.

        Raises:
            ClientClosedError: after `closed` was set.
            ConfigurationError: another event loop, of another thread, is running with this client.
        """
        if self.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return False
        if self._loop is not None and self._loop.is_running():
            raise ConfigurationError(
                "this NangoClient is in use under another running event loop, or was before a "
                "fork: make one client per thread"
            )
        self._loop = loop
        return True

    def is_here(self) -> bool:
        """Say whether the running loop is the one that calls were made under."""
        return self._loop is asyncio.get_running_loop()
