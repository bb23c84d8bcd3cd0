"""`FakeClock`: the time that server and client share."""

import threading

import pytest

from nango_client import Clock
from nango_client.testing import FakeClock


def test_it_stands_still() -> None:
    """Time passes only when a test says so."""
    clock = FakeClock()

    assert clock.time() == clock.time()
    assert clock.monotonic() == clock.monotonic()


def test_it_is_a_clock_of_the_client() -> None:
    """The client takes it as its clock."""
    assert isinstance(FakeClock(), Clock)


def test_it_starts_where_it_is_told() -> None:
    """The wall clock starts at the given epoch seconds."""
    assert FakeClock(1_900_000_000.5).time() == 1_900_000_000.5


def test_advancing_moves_both_clocks() -> None:
    """When time passes, both clocks show it."""
    clock = FakeClock()
    wall, monotonic = clock.time(), clock.monotonic()

    clock.advance(90.5)

    assert clock.time() - wall == 90.5
    assert clock.monotonic() - monotonic == 90.5


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_time_never_passes_backwards(seconds: float) -> None:
    """A step that is not forward is refused."""
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(seconds)


def test_one_clock_jumps_without_the_other() -> None:
    """The wall clock can be set back while the monotonic clock goes on."""
    clock = FakeClock()
    wall, monotonic = clock.time(), clock.monotonic()

    clock.jump(wall=-3600)
    clock.jump(monotonic=10)

    assert clock.time() - wall == -3600
    assert clock.monotonic() - monotonic == 10


def test_the_monotonic_clock_never_jumps_back() -> None:
    """A fault that cannot happen cannot be made up."""
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().jump(monotonic=-1)


def test_it_runs_on_over_another_clock() -> None:
    """Over a clock that runs, the moves come on top."""
    below = FakeClock(1_000.0)
    clock = FakeClock(over=below)

    clock.advance(5)
    below.advance(2)

    assert clock.time() == 1_007.0
    assert clock.monotonic() == below.monotonic() + 5


def test_moves_from_many_threads_add_up() -> None:
    """No move is lost when threads move it at once."""
    clock = FakeClock(0.0)

    def move() -> None:
        for _ in range(1_000):
            clock.advance(1)

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert clock.time() == 4_000


def test_its_repr_shows_the_time() -> None:
    """A failed assertion shows what time it was."""
    assert repr(FakeClock(12.0)) == "<FakeClock 12.0>"
