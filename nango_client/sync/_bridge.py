"""From threads without an event loop to a client that needs one, and back.

One event loop in a thread of its own serves all threads of the process. It is made by the first
call that needs it, and ends with the client, or with the interpreter.

A fork copies the loop and its sockets, but not its thread. So a child leaves all of that untouched
and makes its own; it keeps what is cached, since that is memory alone.
"""

import asyncio
import contextlib
import ctypes
import os
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Final, ParamSpec, TypeVar, final

from nango_client._client import NangoClient
from nango_client._http.pages import by_page
from nango_client.exceptions import ClientClosedError

P = ParamSpec("P")
T = TypeVar("T")

# How long an interpreter that ends, or `close`, waits for the thread (seconds).
_END_TIMEOUT: Final = 2.0


@final
class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="nango_client", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def end(self, client: NangoClient) -> None:
        """Close the client and end the thread; in the thread itself, without waiting for that."""
        with contextlib.suppress(RuntimeError):  # It has ended already.
            self.loop.call_soon_threadsafe(self._end, client)
        if threading.current_thread() is not self.thread:
            self.thread.join(_END_TIMEOUT)

    def _end(self, client: NangoClient) -> None:
        async def close() -> None:
            try:
                await client.close()
            finally:
                self.loop.stop()

        self._ending = self.loop.create_task(close())


@final
class _State:
    """What belongs to one process: the client and the loop that it is used under."""

    def __init__(self, make: Callable[[], NangoClient]) -> None:
        self.make = make
        self.client = make()
        self.loop: _Loop | None = None
        self.lock = threading.Lock()
        self.closed = False
        self.has_warned = False

    def end(self) -> None:
        with self.lock:
            self.closed = True
            loop, self.loop = self.loop, None
        if loop is not None:
            loop.end(self.client)

    def leave_behind(self) -> None:
        """Begin anew in a child process, and never touch what was inherited."""
        self.lock = threading.Lock()
        left = (self.client, self.loop)
        client = self.make()
        client._adopt_cache(self.client)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self.client, self.loop = client, None
        # Its end would take sockets out of the parent's selector, which both share.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(left))


_STATES: "weakref.WeakSet[_State]" = weakref.WeakSet()


def _after_fork() -> None:
    for state in list(_STATES):
        state.leave_behind()


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_after_fork)


@final
class Bridge:
    """Runs coroutines of one asynchronous client for any number of threads."""

    def __init__(self, make: Callable[[], NangoClient]) -> None:
        self._state = _State(make)
        _STATES.add(self._state)
        # Also where nobody closes the client: it is dropped, or the interpreter ends.
        self._finalizer = weakref.finalize(self, self._state.end)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._state.closed

    def client(self) -> NangoClient:
        """Give the asynchronous client of this process."""
        return self._state.client

    def close(self) -> None:
        """End the client and the thread; may be called twice."""
        self._state.end()

    def call(
        self,
        function: Callable[P, Coroutine[Any, Any, T]],
        /,
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Give what a coroutine function of the client returns; Ctrl-C cancels it.

        Raises:
            ClientClosedError: the client is closed.
        """
        loop = self._running_loop()
        self._warn_inside_a_coroutine()
        future = asyncio.run_coroutine_threadsafe(function(*arguments, **options), loop)
        del arguments, options
        try:
            return future.result()
        except BaseException:
            # Nothing happens where it has ended by itself.
            future.cancel()
            raise

    def in_loop(self, function: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> T:
        """Give what a plain function of the client returns, which nothing may run beside."""
        if self._state.loop is None:
            # No thread but the caller's uses the client.
            return function(*arguments, **options)

        async def call() -> T:
            return function(*arguments, **options)

        return self.call(call)

    def iterate(
        self, function: Callable[P, AsyncIterator[T]], /, *arguments: P.args, **options: P.kwargs
    ) -> Iterator[T]:
        """Give the items of an asynchronous iterator; threads are crossed once a page."""
        with by_page():
            # Bad arguments are seen here and now.
            pages: AsyncIterator[Any] = function(*arguments, **options)
        return self._items(pages)

    def _items(self, pages: AsyncIterator[Any]) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(pages, None)

        while (page := self.call(following)) is not None:
            yield from page

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        state = self._state
        loop = state.loop
        if loop is None:
            with state.lock:
                if state.closed:
                    raise ClientClosedError("this NangoClient is closed: make a new one")
                loop = state.loop = state.loop or _Loop()
        return loop.loop

    def _warn_inside_a_coroutine(self) -> None:
        if self._state.has_warned or asyncio._get_running_loop() is None:  # noqa: SLF001
            return
        self._state.has_warned = True
        warnings.warn(
            "this call of nango_client.sync blocks the event loop that runs in this thread: in a "
            "coroutine, use the asynchronous nango_client.NangoClient",
            RuntimeWarning,
            stacklevel=5,
        )
