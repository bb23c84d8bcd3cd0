"""What tests of other libraries share."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_left_to_the_collector() -> Iterator[None]:
    """Collect the sockets of bodies that were not sent to their end: other libraries leave them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
