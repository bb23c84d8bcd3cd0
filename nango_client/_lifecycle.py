"""Whether the client may be used, and under which event loop."""

import asyncio
from collections.abc import Callable
from typing import final

from nango_client.exceptions import ClientClosedError, ConfigurationError


@final
class Lifecycle:
    """Open until closed; used under one running event loop at a time."""

    def __init__(self, on_new_loop: Callable[[], None]) -> None:
        """Make an open one; `on_new_loop` is told when another loop than before calls."""
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_new_loop = on_new_loop

    def enter(self) -> None:
        """Check that a call may begin here and now.

        Raises:
            ClientClosedError: after `closed` was set.
            ConfigurationError: another event loop, of another thread, is running with this client.
        """
        if self.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._loop is not None and self._loop.is_running():
            raise ConfigurationError(
                "this NangoClient is in use under another running event loop, or was before a "
                "fork: make one client per thread"
            )
        self._on_new_loop()
        self._loop = loop

    def is_here(self) -> bool:
        """Say whether the running loop is the one that calls were made under."""
        return self._loop is asyncio.get_running_loop()
