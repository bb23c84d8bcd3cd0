"""What the tests of the shared cache share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The helpers beside this file are no package.
sys.path.insert(0, str(Path(__file__).parent))

from engines import PROGRAMS, Engine, path_of

from nango_client import SharedCache
from nango_client.testing import MemoryStore, MockNango


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection("user-42", "github", expires_in=7200)
    return nango_server


@pytest.fixture
def store(server: MockNango) -> MemoryStore:
    """Give a store on the clock that the test moves."""
    return MemoryStore(server.clock)


@pytest.fixture
def encryption_key() -> str:
    return SharedCache.generate_key()


@pytest.fixture
def shared(store: MemoryStore, encryption_key: str) -> SharedCache:
    return SharedCache(store, encryption_key=encryption_key)


@pytest.fixture(params=PROGRAMS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give a started Redis, and Valkey where it is installed."""
    with Engine(path_of(request.param)) as engine:
        yield engine
