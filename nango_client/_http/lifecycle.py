"""Whether the client may be used, and under which event loop."""

import asyncio
from typing import final

from nango_client.exceptions import ClientClosedError, ConfigurationError


@final
class Lifecycle:
    """Open until closed; used under one running event loop at a time."""

    def __init__(self) -> None:
        self.closed: bool = False
        # The loop that calls are made under; where it is the running one, there is nothing to do.
        self.loop: asyncio.AbstractEventLoop | None = None

    def enter(self) -> None:
        """Begin to be used under the running loop.

        Raises:
            ClientClosedError: after `close`.
            ConfigurationError: another event loop, of another thread, is running with this client.
        """
        if self.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        if self.loop is not None and self.loop.is_running():
            raise ConfigurationError(
                "this NangoClient is in use under another running event loop, or was before a "
                "fork: make one client per thread"
            )
        self.loop = asyncio.get_running_loop()

    def close(self) -> bool:
        """Be used no more; give whether the running loop is the one that calls were made under."""
        is_here = self.loop is asyncio.get_running_loop()
        self.closed, self.loop = True, None
        return is_here
