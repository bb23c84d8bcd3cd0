"""One loop for all that comes in pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
P = TypeVar("P")


async def pages(
    fetch: Callable[[P], Awaitable[tuple[Sequence[T], P | None]]], first: P
) -> AsyncIterator[T]:
    """Yield the items of all pages; a page is asked for when its first item is wanted.

    Args:
        fetch: gives the items of a page, and what to call it with for the next one: None where
            there is none.
        first: what to call it with at first.
    """
    page: P | None = first
    while page is not None:
        items, page = await fetch(page)
        for item in items:
            yield item
        # One page at a time in memory, also while the next one travels.
        del items
