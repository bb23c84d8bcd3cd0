"""Cancel, and raise, at every single await of the request path: nothing is left behind."""

import asyncio
import gc
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

import pytest

from nango_client import NangoClient, NangoError, RetryPolicy
from nango_client.testing import MockNango

IDS = ("user-42", "github")


class Stepper:
    """Runs a coroutine and does something to it at its nth suspension."""

    def __init__(self, inner: Coroutine[Any, Any, Any], at: int, fault: BaseException) -> None:
        self._inner = inner
        self._at = at
        self._fault = fault
        self.suspensions = 0

    @coroutine
    def run(self) -> Generator[Any, Any, Any]:
        step = self._inner.send
        value: Any = None
        while True:
            try:
                waited_for = step(value)
            except StopIteration as stop:
                return stop.value
            if self.suspensions == self._at:
                if asyncio.isfuture(waited_for):
                    waited_for.cancel()
                step, value = self._inner.throw, self._fault
            else:
                try:
                    value = yield waited_for
                    step = self._inner.send
                except BaseException as outside:  # noqa: BLE001  passed on to the inner one
                    step, value = self._inner.throw, outside
            self.suspensions += 1


def inject(client: NangoClient, at: int, fault: BaseException) -> list[Stepper]:
    """Let the next fetch meet `fault` at its nth suspension."""
    lookup = client._lookup
    original = lookup._fetch
    steppers: list[Stepper] = []

    async def fetch(*arguments: Any) -> Any:
        stepper = Stepper(original(*arguments), at, fault)
        steppers.append(stepper)
        return await stepper.run()

    lookup._fetch = fetch  # type: ignore[method-assign]
    return steppers


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("fault", [asyncio.CancelledError, OSError, TimeoutError])
def test_a_fault_at_any_await_leaves_nothing(
    nango_server: MockNango, fault: type[BaseException], *, forced: bool
) -> None:
    """No entry, ticket, flight, task or connection is left, and the next call works."""
    nango_server.add_connection(*IDS)
    complaints: list[dict[str, Any]] = []

    async def main(at: int) -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async with nango_server.client(retry=RetryPolicy(initial_delay=0)) as client:
            original = client._lookup._fetch
            steppers = inject(client, at, fault())
            try:
                async with asyncio.timeout(5):
                    await client.get_connection(*IDS, force_refresh=forced)
            except (NangoError, asyncio.CancelledError):
                assert client.cache_info().entries == 0
            client._lookup._fetch = original  # type: ignore[method-assign]

            assert not client._lookup._cache._tickets
            assert len(client._lookup._flights) == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert not client._transport._deadlines or not client._transport._deadlines.running
            await client.get_connection(*IDS)
            session = client._transport._session
            assert session is not None
            assert session.connector is not None
            assert not session.connector._acquired
        gc.collect()
        return steppers[0].suspensions

    suspensions = at = 0
    while at <= suspensions:
        suspensions = max(suspensions, asyncio.run(main(at)))
        at += 1

    assert at > 3
    assert complaints == []
