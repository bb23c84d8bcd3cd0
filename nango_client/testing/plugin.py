"""The pytest plugin: fixture ``nango_server`` and marker ``nango_strict``.

Every pytest run of everybody who has the package installed loads this file, so it imports nothing
that pytest does not import itself.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nango_client.testing import MockNango


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "nango_strict: fail the test if its nango_server got a request it was not set up for.",
    )


@pytest.fixture
def nango_server(request: pytest.FixtureRequest) -> "Iterator[MockNango]":
    """Give a started `MockNango`, a new one for each test."""
    from nango_client.testing import MockNango

    with MockNango() as server:
        yield server
    if request.node.get_closest_marker("nango_strict"):
        server.assert_no_unexpected_requests()
