"""What is asked of Nango for calls that go straight to the provider, and how often."""

import asyncio

import pytest
from stage import (
    SECRETS_ENTRY,
    Stage,
    body_of,
    entry,
    until,
)

from nango_client import (
    NangoError,
    UnsupportedProviderError,
)

pytestmark = pytest.mark.asyncio


async def test_entries_are_remembered_for_an_hour() -> None:
    """By all connections of a provider; then the new one counts."""
    async with Stage() as stage:
        for user in ("a", "b", "a"):
            await body_of(stage.client.direct(user, "acme").get("/"))
        assert stage.asked("/providers/") == 1

        stage.entry = entry(f"{stage.provider.url}/new")
        stage.clock.advance(3601)
        await body_of(stage.client.direct("a", "acme").get("/x"))

    assert stage.asked("/providers/") == 2
    assert stage.provider.seen[-1].path == "/new/x"


async def test_an_entry_is_asked_for_once_for_all_callers() -> None:
    """Fifty that begin together make one request."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme")
        await asyncio.gather(*(body_of(acme.get("/")) for _ in range(50)))

    assert stage.asked("/providers/") == 1
    assert len(stage.provider.seen) == 50


async def test_an_old_entry_serves_while_no_new_one_can_be_had() -> None:
    """It is asked for again after a while, for which nobody waits."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme")
        await body_of(acme.get("/"))
        stage.failing = {"/providers/"}
        stage.clock.advance(3601)
        await body_of(acme.get("/"))
        await body_of(acme.get("/"))
        assert stage.asked("/providers/") == 2

        stage.clock.advance(11)
        await body_of(acme.get("/"))
        await body_of(acme.get("/"))
        assert stage.asked("/providers/") == 3
        stage.failing = set()
        stage.clock.advance(11)
        await body_of(acme.get("/"))
        await asyncio.sleep(0.05)
        stage.failing = {"/providers/"}
        await body_of(acme.get("/"))

    assert stage.asked("/providers/") == 4
    assert len(stage.provider.seen) == 7


async def test_an_entry_that_was_never_had_raises() -> None:
    """There is nothing to go by."""
    async with Stage() as stage:
        stage.failing = {"/providers/"}
        with pytest.raises(NangoError):
            await stage.client.direct("user-42", "acme").get("/")
    assert not stage.provider.seen


async def test_a_caller_who_leaves_does_not_end_the_others_wait() -> None:
    """The entry is fetched for whoever stays."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme")
        release = stage.held["/providers/"] = asyncio.Event()
        leaving, staying = (asyncio.ensure_future(body_of(acme.get("/"))) for _ in range(2))
        await until(lambda: stage.asked("/providers/"))
        leaving.cancel()
        release.set()
        assert await staying == {"path": "/"}
        with pytest.raises(asyncio.CancelledError):
            await leaving


SECRETS = {"credentials": {"type": "OAUTH2", "client_id": "id", "client_secret": "canary-secret"}}


async def test_secrets_are_asked_for_only_where_they_are_needed() -> None:
    """And kept no longer than a connection is cached, nor longer than one that was dropped."""
    async with Stage() as stage:
        await body_of(stage.client.direct("user-42", "acme").get("/"))
        assert stage.asked("/integrations/") == 0
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        stage.integration = SECRETS
        acme = stage.client.direct("user-42", "acme")
        for _ in range(3):
            await body_of(acme.get("/"))
        assert stage.asked("/integrations/acme?include=credentials") == 1
        stage.clock.advance(301)
        await body_of(acme.get("/"))
        assert stage.asked("/integrations/") == 2
        stage.client.invalidate("user-42", "acme")
        await body_of(acme.get("/"))
        assert stage.asked("/integrations/") == 3
        stage.client.invalidate()
        await body_of(acme.get("/"))
        assert stage.asked("/integrations/") == 4

    assert {seen.headers["X-Client"] for seen in stage.provider.seen} == {"id:canary-secret"}


async def test_without_a_cache_no_secret_is_kept() -> None:
    """They are asked for with each call, as the connection is."""
    async with Stage(cache=None) as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        stage.integration = SECRETS
        for _ in range(2):
            await body_of(stage.client.direct("user-42", "acme").get("/"))

    assert stage.asked("/integrations/") == stage.asked("/connection/") == 2


async def test_secrets_that_end_while_they_are_asked_for_are_not_kept() -> None:
    """Whoever waited gets them; the next one asks again."""
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        stage.integration = SECRETS
        release = stage.held["/integrations/"] = asyncio.Event()
        acme = stage.client.direct("user-42", "acme")
        waiting = asyncio.ensure_future(body_of(acme.get("/")))
        await until(lambda: stage.asked("/integrations/"))
        stage.client.invalidate("user-42", "acme")
        release.set()
        await waiting
        await body_of(acme.get("/"))

    assert stage.asked("/integrations/") == 2


async def test_secrets_that_nango_hides_or_cannot_give() -> None:
    """An integration on Nango's own app has none to give; a failure is not kept."""
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        stage.integration = {"credentials": None}
        with pytest.raises(UnsupportedProviderError):
            await stage.client.direct("user-42", "acme").get("/")
        stage.failing = {"/integrations/"}
        stage.client.invalidate()
        with pytest.raises(NangoError):
            await stage.client.direct("user-42", "acme").get("/")
        stage.failing = set()
        stage.integration = SECRETS
        await body_of(stage.client.direct("user-42", "acme").get("/"))
