"""One loop for all that comes in pages."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar, final

T = TypeVar("T")
P = TypeVar("P")

Fetch = Callable[[P], Awaitable[tuple[Sequence[T], P | None]]]


@final
class Pages(AsyncIterator[T], Generic[P, T]):
    """The items of all pages; a page is asked for when its first item is wanted.

    Args:
        fetch: gives the items of a page, and what to call it with for the next one: None where
            there is none.
        first: what to call it with at first.
    """

    __slots__ = ("_items", "aclose", "next_page")

    def __init__(self, fetch: Fetch[P, T], first: P) -> None:
        self.next_page: Final = _Reader(fetch, first).next_page
        self._items = _items(self.next_page)
        self.aclose: Final = self._items.aclose

    def __aiter__(self) -> AsyncGenerator[T]:
        # Its own steps cost less than ours.
        return self._items

    def __anext__(self) -> Awaitable[T]:
        return self._items.__anext__()


@final
class _Reader(Generic[P, T]):
    __slots__ = ("_fetch", "_page")

    def __init__(self, fetch: Fetch[P, T], first: P) -> None:
        self._fetch = fetch
        self._page: P | None = first

    async def next_page(self) -> Sequence[T] | None:
        """Give the items of the next page, None after the last one."""
        if self._page is None:
            return None
        items, self._page = await self._fetch(self._page)
        return items


async def _items(
    next_page: Callable[[], Awaitable[Sequence[T] | None]],
) -> AsyncGenerator[T]:
    while (items := await next_page()) is not None:
        for item in items:
            yield item
        # One page at a time in memory, also while the next one travels.
        del items
