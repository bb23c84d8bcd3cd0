"""Places for requests: as many at a time as the pool has connections, the others in order."""

import asyncio

import pytest

from nango_client._http.slots import HeldBackError, Slots

pytestmark = pytest.mark.asyncio


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Requests that take a place each and keep it until they are told to leave."""

    def __init__(self, slots: Slots, size: int) -> None:
        self.slots = slots
        self.log: list[str] = []
        self.tasks = [asyncio.create_task(self._take(number)) for number in range(size)]

    async def _take(self, number: int) -> None:
        try:
            if self.slots.free > 0:
                self.slots.free -= 1
            else:
                await self.slots.take()
        except HeldBackError:
            self.log.append(f"{number} held back")
        else:
            self.log.append(f"{number} in")


async def test_who_finds_no_place_waits_for_one_in_order() -> None:
    """Each place that is given back goes to the one who waits longest."""
    slots = Slots(2)
    crowd = Crowd(slots, 4)
    await settled()
    before = list(crowd.log)

    slots.give_back()
    slots.give_back()
    await settled()
    slots.give_back()
    await settled()

    assert before == ["0 in", "1 in"]
    assert crowd.log[2:] == ["2 in", "3 in"]
    assert slots.free == 1


async def test_those_who_wait_are_held_back_the_last_one_first() -> None:
    """They are told so at once, and their number is given."""
    slots = Slots(0)
    crowd = Crowd(slots, 3)
    await settled()

    held_back = slots.hold_back()
    await settled()

    assert held_back == 3
    assert crowd.log == ["2 held back", "1 held back", "0 held back"]


async def test_a_place_given_back_just_before_is_not_handed_on() -> None:
    """Whoever gives a place back may hold the others back in the same breath."""
    slots = Slots(1)
    crowd = Crowd(slots, 2)
    await settled()

    slots.give_back()
    slots.hold_back()
    await settled()

    assert crowd.log == ["0 in", "1 held back"]
    assert slots.free == 1


async def test_a_cancelled_one_leaves_the_queue() -> None:
    """The place goes to the next, and who was cancelled is not counted as held back."""
    slots = Slots(0)
    crowd = Crowd(slots, 3)
    await settled()

    crowd.tasks[0].cancel()
    slots.give_back()
    await settled()
    crowd.tasks[2].cancel()

    assert slots.hold_back() == 0
    assert crowd.log == ["1 in"]


async def test_a_place_handed_to_a_cancelled_one_goes_on_to_the_next() -> None:
    """It was cancelled after the place was its own and before it could run."""
    slots = Slots(0)
    crowd = Crowd(slots, 2)
    await settled()

    slots.give_back()
    asyncio.get_running_loop().call_soon(crowd.tasks[0].cancel)
    await settled()

    assert crowd.log == ["1 in"]
    assert slots.free == 0


async def test_a_place_passes_over_one_that_was_just_cancelled() -> None:
    """It still stands in the queue when the place is handed over."""
    slots = Slots(0)
    crowd = Crowd(slots, 2)
    await settled()

    slots.give_back()
    crowd.tasks[0].cancel()
    await settled()

    assert crowd.log == ["1 in"]
    assert slots.free == 0


async def test_one_that_is_cancelled_while_it_is_held_back_gives_no_place() -> None:
    """It never had one."""
    slots = Slots(0)
    crowd = Crowd(slots, 1)
    await settled()

    slots.hold_back()
    crowd.tasks[0].cancel()
    await settled()

    assert crowd.tasks[0].cancelled()
    assert slots.free == 0
