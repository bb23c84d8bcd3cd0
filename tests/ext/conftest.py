"""What tests of other libraries share."""

import gc
import warnings
from collections.abc import Iterator

import pytest
from elsewhere import TOKEN

from nango_client.sync import NangoClient
from nango_client.testing import MockNango, ProviderApi


@pytest.fixture
def server() -> Iterator[MockNango]:
    with MockNango() as server:
        credentials = {"type": "OAUTH2", "access_token": TOKEN, "refresh_token": "refresh"}
        server.add_connection("user-42", "github", credentials)
        yield server


@pytest.fixture
def api(server: MockNango) -> ProviderApi:
    return server.provider("github")


@pytest.fixture
def nango(server: MockNango) -> Iterator[NangoClient]:
    with server.sync_client() as nango:
        yield nango


@pytest.fixture(autouse=True)
def _nothing_left_to_the_collector() -> Iterator[None]:
    """Collect the sockets of bodies that were not sent to their end: other libraries leave them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
