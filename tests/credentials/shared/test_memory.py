"""What a process's memory makes of envelopes, where an entry has gone meanwhile."""

import pytest
from stores import IDS, names

from nango_client import CachePolicy
from nango_client._credentials.cache import TokenCache
from nango_client._credentials.envelope import Envelope, Failure
from nango_client._credentials.memory import Memory
from nango_client.testing import FakeClock

NAME = names("key", "http://127.0.0.1:9").of(IDS)
BODY = (
    b'{"id":1,"connection_id":"user-42","provider_config_key":"github","credentials":{},'
    b'"created_at":"2020-01-01T00:00:00Z","updated_at":"2020-01-01T00:00:00Z"}'
)
FAILURE = Failure("ServerError", 500, None, None, retryable=True, life=1.0)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        policy = CachePolicy()
        self.cache = TokenCache(policy, self.clock)
        self.memory = Memory(self.cache, policy, self.clock, 5.0)
        self.envelope = Envelope(NAME, "fetch", 3900.0, began=self.clock.time(), body=BODY)

    def adopt(self) -> None:
        ticket = self.cache.begin(IDS, forced=False)
        self.memory.adopt(ticket, self.envelope, 3900.0, 0.0)
        self.cache.finish(ticket)


@pytest.fixture
def world() -> World:
    return World()


def test_an_entry_that_was_evicted_is_no_harm(world: World) -> None:
    """Nothing to put off, nothing to drop, and a renewal is due."""
    world.adopt()
    connection = world.cache.entries[IDS].connection
    world.cache.entries.clear()

    world.memory.put_off_renewal(IDS)
    world.memory.drop(IDS, connection)
    world.memory.forget(IDS)

    assert world.memory.is_renewal_due(IDS)
    assert world.cache.entries == {}


def test_an_answer_that_has_been_replaced_is_not_dropped_for_the_old_one(world: World) -> None:
    """The entry has another connection by now."""
    world.adopt()
    old = world.cache.entries[IDS].connection
    world.envelope.fetch = "another"
    world.adopt()

    world.memory.drop(IDS, old)

    assert IDS in world.cache.entries


def test_a_claim_stands_beside_an_answer_that_lives_longer(world: World) -> None:
    """And alone where the answer would end first."""
    world.adopt()

    beside, left = world.memory.pack_claim(world.envelope, IDS, "owner", 100.0)
    alone, life = world.memory.pack_claim(world.envelope, IDS, "owner", 4000.0)

    assert (beside.body, beside.claim, left) == (BODY, "owner", 3900.0)
    assert (alone.body, alone.claim, life) == (b"", "owner", 4000.0)


def test_a_failure_keeps_an_answer_that_still_lives(world: World) -> None:
    """One that is over, or was dropped, makes room for it."""
    world.adopt()
    kept, left = world.memory.pack_failure(world.envelope, IDS, FAILURE, "owner")
    world.clock.advance(3900)
    alone, life = world.memory.pack_failure(world.envelope, IDS, FAILURE, "owner")

    assert (kept.body, left) == (BODY, 3900.0)
    assert (alone.body, life) == (b"", 1.0)
    assert kept.has_failed(3899.5)
    assert not kept.has_failed(3899.0)
    assert not world.envelope.has_failed(3900.0)
