"""Calls that change a connection, of which the cache has to hear."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar, final

from nango_client._http.calls import Calls
from nango_client._http.errors import is_gone, may_have_run
from nango_client._http.protocol import Request
from nango_client.exceptions import NangoError

T = TypeVar("T")

Pair = tuple[str | None, str | None]


@final
class Writes:
    """Sends a change and then drops what the cache holds of what was changed."""

    def __init__(
        self,
        calls: Calls,
        invalidate: Callable[[str | None, str | None], int],
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        """Make it.

        Args:
            calls: sends.
            invalidate: drops what this client holds.
            settle: lets others hear of what was dropped, who share a cache with it.
        """
        self._calls = calls
        self._invalidate = invalidate
        self._settle = settle

    async def fetch(self, request: Request, kind: type[T], changed: Iterable[Pair]) -> T:
        """Give the `kind` that the answer holds; the cache hears of the change.

        Args:
            request: the change.
            kind: a model.
            changed: the connections, by both ids; None stands for all.

        Raises:
            NangoError: it failed. Where it may have been made all the same, the cache hears of it.
        """
        async with self._watched(changed):
            return await self._calls.fetch(request, kind)

    async def do(self, request: Request, changed: Iterable[Pair]) -> None:
        """Send a change whose answer holds nothing of interest; see `fetch`."""
        async with self._watched(changed):
            await self._calls.do(request)

    @asynccontextmanager
    async def _watched(self, changed: Iterable[Pair]) -> AsyncGenerator[None]:
        has_run = True
        try:
            yield
        except NangoError as error:
            has_run = may_have_run(error) or is_gone(error)
            raise
        finally:
            # Also where the caller was cancelled.
            for connection_id, provider_config_key in changed if has_run else ():
                self._invalidate(connection_id, provider_config_key)
            await self._settle()
