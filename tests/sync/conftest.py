"""A mock server with one connection, and a synchronous client of it."""

from collections.abc import Iterator

import pytest

from nango_client.sync import NangoClient
from nango_client.testing import MockNango


@pytest.fixture
def server() -> Iterator[MockNango]:
    with MockNango() as server:
        server.add_connection("user-42", "github")
        yield server


@pytest.fixture
def nango(server: MockNango) -> Iterator[NangoClient]:
    with server.sync_client() as nango:
        yield nango
