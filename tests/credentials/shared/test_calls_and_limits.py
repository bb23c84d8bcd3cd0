"""A shared cache beside calls that change things, and beside a rate limit that is used up."""

import pytest

from nango_client import BadRequestError, RateLimitError, RetryPolicy, SharedCache
from nango_client.testing import MemoryStore, MockNango

pytestmark = pytest.mark.asyncio


async def test_a_refused_change_leaves_the_store_alone() -> None:
    """Nothing was changed, so there is nothing to tell."""
    with MockNango() as server:
        server.add_connection("user-42", "github")
        shared = SharedCache(MemoryStore(), encryption_key=SharedCache.generate_key())
        async with (
            shared,
            server.client(shared_cache=shared) as nango,
            server.client(shared_cache=shared) as other,
        ):
            await nango.get_token("user-42", "github")
            server.fail_next(400, code="invalid_body")
            with pytest.raises(BadRequestError):
                await nango.connections.update("user-42", "github", webhook_url_override="")

            await other.get_token("user-42", "github")
            assert other.cache_info().hits == 1


async def test_a_fetch_that_may_not_wait_for_the_window_is_refused_unsent() -> None:
    """The rate limit counts for a fleet as for one process."""
    with MockNango(rate_limit=1) as server:
        for number in range(3):
            server.add_connection(f"user-{number}", "github")
        shared = SharedCache(MemoryStore(), encryption_key=SharedCache.generate_key())
        retry = RetryPolicy(max_attempts=1)
        async with shared, server.client(shared_cache=shared, retry=retry) as nango:
            await nango.get_token("user-0", "github")
            for number in (1, 2):
                with pytest.raises(RateLimitError):
                    await nango.get_token(f"user-{number}", "github")
            assert len(server.requests) == 2
