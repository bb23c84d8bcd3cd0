"""The way from a caller's thread to an asynchronous client, which lives in one of its own."""

import os
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, Generic, ParamSpec, TypeVar, final
from weakref import WeakSet

from nango_client._client import NangoClient
from nango_client._config import TimeoutPolicy, read_settings
from nango_client._http.lifecycle import current_loop
from nango_client._http.pages import by_page
from nango_client._http.sealed import Hidden
from nango_client.exceptions import ClientClosedError, ConfigurationError
from nango_client.models import Connection
from nango_client.sync._worker import Job, Worker

P = ParamSpec("P")
T = TypeVar("T")

SESSION: Final = (
    "session belongs to an event loop of yours: the synchronous client takes none, and "
    "nango_client.NangoClient does"
)


@final
class Recipe:
    """Makes asynchronous clients that are all alike. No `repr` shows the key.

    Args:
        api_key: as for `NangoClient`, like all others.
        base_url: read now; a forked process may have another environment.
        session: must be None.
        allow_insecure_http: see `NangoClient`.
        options: the others.
    """

    __slots__ = ("_key", "_options", "problem", "timeout")

    def __init__(
        self,
        api_key: str | None,
        *,
        base_url: str | None,
        session: object,
        allow_insecure_http: bool,
        **options: Any,
    ) -> None:
        settings = read_settings(api_key, base_url, allow_insecure_http=allow_insecure_http)
        self.problem: str | None = None
        self.timeout: TimeoutPolicy = options.get("timeout") or TimeoutPolicy()
        self._key = Hidden()
        self._options: Mapping[str, Any] = options
        if isinstance(settings, str):
            self.problem = settings
        elif session is not None:
            self.problem = SESSION
        else:
            self._key = Hidden(settings.api_key)
            self._options = {
                **options,
                "base_url": str(settings.base_url),
                "allow_insecure_http": allow_insecure_http,
            }

    def make(self) -> NangoClient:
        """Make a client.

        Raises:
            ConfigurationError: a setting is unusable.
        """
        if self.problem is not None:
            raise ConfigurationError(self.problem)
        return NangoClient(self._key, **self._options)


@final
class Bridge:
    """An asynchronous client and the thread that it lives in, for any number of callers' threads.

    Args:
        recipe: makes the client, and another one after a fork.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._worker: Worker | None = None
        # A signal's handler may call the client as well, in the thread that it interrupts.
        self._lock = threading.RLock()
        self._has_warned = False
        self._client: NangoClient = recipe.make()
        self.timeout: TimeoutPolicy = recipe.timeout
        _bridges.add(self)

    def __del__(self) -> None:
        # Nobody can call any more. Whoever collects garbage is not made to wait.
        worker = getattr(self, "_worker", None)
        if worker is not None:
            worker.end()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._client.closed

    def client(self) -> NangoClient:
        """Give the asynchronous client of this process."""
        return self._client

    def call(
        self,
        function: Callable[P, Coroutine[Any, Any, T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> "Crossing[T]":
        """Give a call of a coroutine function, which begins when its result is wanted."""
        return Crossing(self, Job(function, args, kwargs, is_async=True))

    def in_loop(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Give what a plain function gives that nothing in the event loop may run beside."""
        with self._lock:
            if self._worker is None or self._worker.has_ended:
                return function(*args, **kwargs)
        return self.run(Job(function, args, kwargs, is_async=False))

    def iterate(
        self, function: Callable[P, AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[T]:
        """Give the items of an asynchronous iterator; threads are crossed once a page."""
        with by_page():
            # Bad arguments are seen here and now.
            pages: AsyncIterator[Any] = function(*args, **kwargs)
        return self._items(pages)

    def hit(self, connection_id: str, provider_config_key: str) -> Connection | None:
        """Give what is fresh in memory, without the event loop."""
        return self._client._hit((connection_id, provider_config_key))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _items(self, pages: AsyncIterator[Any]) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(pages, None)

        while (page := self.call(following).result()) is not None:
            yield from page
            # One page at a time in memory, also while the next one travels.
            del page

    def run(self, job: Job[T]) -> T:
        """Do a job in the worker's thread, which is made for the first one."""
        worker = self._worker or self._start()
        if not self._has_warned and current_loop() not in {None, worker.loop}:
            self._warn()
        return worker.run(job)

    def close(self) -> None:
        """End the client and its thread; wait for that, but for callers in that very thread."""
        worker = self._worker
        if worker is None:
            if self._client.closed:
                return
            worker = self._start()
        worker.end()
        worker.join()

    def leave_parent(self) -> None:
        """Go on in a forked process: with the cache, and with nothing else of the parent's."""
        # Another thread of the parent may have held it.
        self._lock = threading.RLock()
        worker, self._worker = self._worker, None
        if worker is None:
            return
        parents = self._client
        worker.leave_behind(parents)
        if not parents.closed:
            self._client = self._recipe.make()
            self._client._adopt_cache(parents)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _start(self) -> Worker:
        with self._lock:
            if self._worker is None:
                if self._client.closed:
                    raise ClientClosedError("this NangoClient is closed: make a new one")
                self._worker = Worker(self._client.close)
            return self._worker

    def _warn(self) -> None:
        self._has_warned = True
        # A notebook's cell runs inside of a loop with nothing else to do.
        if "ipykernel" not in sys.modules:
            warnings.warn(
                "a synchronous call blocks the event loop that runs in this thread: use "
                "nango_client.NangoClient in coroutines",
                RuntimeWarning,
                # run, Crossing.result, the client's method, and then its caller.
                stacklevel=5,
            )


@final
class Crossing(Generic[T]):
    """A call that has all it needs, so that the frame that waits for it holds no argument."""

    __slots__ = ("_bridge", "_job")

    def __init__(self, bridge: Bridge, job: Job[T]) -> None:
        self._bridge = bridge
        self._job = job

    def result(self) -> T:
        """Make the call, wait, and give what it gives.

        Raises:
            Exception: what it raises.
        """
        return self._bridge.run(self._job)


_bridges: Final[WeakSet[Bridge]] = WeakSet()


def _leave_parent() -> None:
    for bridge in tuple(_bridges):
        bridge.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parent)
