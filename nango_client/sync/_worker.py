"""One event loop in a thread of its own, and the calls that other threads make there."""

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar, final

from nango_client._http.lifecycle import current_loop
from nango_client.exceptions import ClientClosedError, ConfigurationError

T = TypeVar("T")

# Windows does not interrupt a thread that waits for a lock, so there it has to look up now and
# then (seconds); elsewhere a signal ends the wait.
_WAKE_UP: Final = 0.1 if sys.platform == "win32" else -1.0
# Spares a turn of the event loop; tasks of Python 3.11 cannot.
_AT_ONCE: Final[dict[str, Any]] = {"eager_start": True} if sys.version_info >= (3, 12) else {}
# How long the interpreter's exit waits for the threads (seconds); calls under way end within 1.
_EXIT_WAIT: Final = 3.0


def closed() -> ClientClosedError:
    """Give the error of a call that the client's end has cut off."""
    return ClientClosedError("the NangoClient was closed")


@final
class Job(Generic[T]):
    """One call: made in a caller's thread, run in the worker's. No `repr` shows its arguments.

    Args:
        function: what to call.
        args: by position.
        kwargs: by name.
        is_async: whether `function` gives a coroutine.
    """

    __slots__ = (
        "_args",
        "_done",
        "_error",
        "_function",
        "_is_async",
        "_kwargs",
        "_result",
        "_task",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        is_async: bool,
    ) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._is_async = is_async
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._result: T
        self._done = threading.Lock()
        self._done.acquire()

    def wait(self) -> None:
        """Wait for the end, in the caller's thread."""
        while not self._done.acquire(timeout=_WAKE_UP):
            pass

    def result(self) -> T:
        """Give the result of a job that has ended.

        Raises:
            BaseException: what the call raised.
        """
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            # The error's traceback holds this frame.
            del error

    def begin(self) -> None:
        """Start, in the worker's thread."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.Task(self.run(), loop=loop, **_AT_ONCE)

    def give_up(self) -> None:
        """Cancel, in the worker's thread: nobody waits any more. It may never have begun."""
        if self._task is not None:
            self._task.cancel()

    def fail(self, error: BaseException) -> None:
        """End with an error."""
        self._error = error
        # The lock is free where it has ended just now.
        with suppress(RuntimeError):
            self._done.release()

    async def run(self) -> None:
        """Make the call."""
        try:
            found = self._function(*self._args, **self._kwargs)
            self._result = await found if self._is_async else found
        except asyncio.CancelledError:
            # Callers do not cancel, but for those who have given up.
            self._error = closed()
        except BaseException as error:  # noqa: BLE001  it belongs to the caller
            self._error = error
        self._done.release()


@final
class Worker:
    """A thread with an event loop, for one client in one process.

    Args:
        shut_down: ends the client, inside the loop.

    Raises:
        ConfigurationError: green threads, and another client's loop runs in the one real thread.
    """

    def __init__(self, shut_down: Callable[[], Coroutine[Any, Any, None]]) -> None:
        running = current_loop()
        if any(running is worker.loop and not worker.is_here for worker in _workers):
            raise ConfigurationError(
                "gevent and eventlet make one thread of all, and one event loop runs in a thread: "
                "share one synchronous client in the process"
            )
        self._shut_down = shut_down
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._is_ending = False
        self._jobs: set[Job[Any]] = set()
        # What a forked process may neither use nor clean up; see `leave_behind`.
        self._left_behind: list[object] = []
        self._thread = threading.Thread(target=self._serve, name="nango_client", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self.loop.close()
            raise
        _workers.add(self)

    @property
    def is_here(self) -> bool:
        """Whether this is the worker's own thread."""
        return threading.current_thread() is self._thread

    @property
    def has_ended(self) -> bool:
        """Whether its thread is over."""
        return not self._thread.is_alive()

    def run(self, job: Job[T]) -> T:
        """Do a job and wait for it.

        Raises:
            ClientClosedError: the client was closed.
            ConfigurationError: this is the worker's own thread, which cannot wait for itself.
        """
        if self.is_here:
            raise ConfigurationError(
                "a hook of this client cannot call it: the call would wait for itself"
            )
        jobs = self._jobs
        jobs.add(job)
        try:
            self._tell(job.begin)
            job.wait()
        except BaseException:
            # Ctrl-C, or whatever else a signal's handler raises.
            with suppress(ClientClosedError):
                self._tell(job.give_up)
            raise
        finally:
            jobs.discard(job)
        return job.result()

    def end(self) -> None:
        """Begin to end, and wait for nothing; any thread may say so, also a second time."""
        self._is_ending = True
        with suppress(ClientClosedError):
            self._tell(self.loop.stop)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread's end."""
        if not self.is_here:
            self._thread.join(timeout)

    def leave_behind(self, client: object) -> None:
        """Keep all that this process has inherited from being used, closed or collected.

        The connections, the selector and the pipe inside are shared with the parent process: to
        close them properly would tell the parent's selector. The thread did not come along, but
        whatever its frames refer to stays for ever, and they refer to this worker.
        """
        self._left_behind.append(client)
        self._left_behind.append(set(self._jobs))

    def _tell(self, callback: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            raise closed() from None  # The loop is.

    def _serve(self) -> None:
        loop = self.loop
        try:
            while not self._is_ending:
                # A hook may raise them in a task; whoever waits for the task gets them.
                with suppress(KeyboardInterrupt, SystemExit):
                    loop.run_forever()
            with suppress(KeyboardInterrupt, SystemExit):
                loop.run_until_complete(self._finish())
        finally:
            loop.close()
            # From here on nothing can be added that would not be refused.
            for job in tuple(self._jobs):
                job.fail(closed())
            _workers.discard(self)

    async def _finish(self) -> None:
        await self._shut_down()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await asyncio.get_running_loop().shutdown_asyncgens()


_workers: Final[set[Worker]] = set()


def _end_all() -> None:
    """End the threads before the interpreter does, which would leave connections behind."""
    workers = tuple(_workers)
    for worker in workers:
        worker.end()
    deadline = time.monotonic() + _EXIT_WAIT
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0.0))


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.clear)
