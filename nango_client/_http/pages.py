"""One loop for all that comes in pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

T = TypeVar("T")
P = TypeVar("P")

_BY_PAGE: ContextVar[bool] = ContextVar("by_page", default=False)


@contextmanager
def by_page() -> Generator[None]:
    """Let the iterators made inside yield whole pages, each a sequence.

    For those to whom an item costs more than the loop: the synchronous client.
    """
    token = _BY_PAGE.set(True)
    try:
        yield
    finally:
        _BY_PAGE.reset(token)


def pages(
    fetch: Callable[[P], Awaitable[tuple[Sequence[T], P | None]]], first: P
) -> AsyncIterator[T]:
    """Yield the items of all pages; a page is asked for when its first item is wanted.

    Args:
        fetch: gives the items of a page, and what to call it with for the next one: None where
            there is none.
        first: what to call it with at first.
    """
    if _BY_PAGE.get():
        whole: Any = _whole(fetch, first)
        return cast("AsyncIterator[T]", whole)
    return _items(fetch, first)


async def _items(
    fetch: Callable[[P], Awaitable[tuple[Sequence[T], P | None]]], first: P
) -> AsyncIterator[T]:
    page: P | None = first
    while page is not None:
        items, page = await fetch(page)
        for item in items:
            yield item
        # One page at a time in memory, also while the next one travels.
        del items


async def _whole(
    fetch: Callable[[P], Awaitable[tuple[Sequence[T], P | None]]], first: P
) -> AsyncIterator[Sequence[T]]:
    page: P | None = first
    while page is not None:
        items, page = await fetch(page)
        yield items
        del items
