"""Calls that are not sent straight to the provider, and what their callers hear."""

import re
from typing import Any

import pytest
from aiohttp import web
from stage import (
    Server,
    Stage,
)
from yarl import URL

from nango_client import (
    InvalidArgumentError,
    NotFoundError,
    TokenExpiredError,
    UnsupportedProviderError,
)

pytestmark = pytest.mark.asyncio


async def test_a_url_elsewhere_is_refused_by_name() -> None:
    """The text names what is meant for it; nothing is sent."""
    async with Stage() as stage, Server() as other:
        acme = stage.client.direct("user-42", "acme")
        for url in (f"{other.url}/x", URL(f"{other.url}/x")):
            with pytest.raises(InvalidArgumentError, match="base_url="):
                await acme.get(url)

    assert not other.seen
    assert not stage.provider.seen


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("", "acme"), {}),
        (("user-42", "a\nb"), {}),
        ((42, "acme"), {}),
        (("user-42", "acme"), {"retries": -1}),
        (("user-42", "acme"), {"retries": True}),
        (("user-42", "acme"), {"retries": "2"}),
        (("user-42", "acme"), {"base_url": "ftp://acme.example"}),
        (("user-42", "acme"), {"base_url": "/relative"}),
        (("user-42", "acme"), {"headers": "text"}),
        (("user-42", "acme"), {"headers": {"a": 1}}),
        (("user-42", "acme"), {"headers": 42}),
        (("user-42", "acme"), {"session": object()}),
    ],
)
async def test_bad_arguments_are_refused_when_the_session_is_made(
    arguments: tuple[Any, Any], options: dict[str, Any]
) -> None:
    """Nothing needs to be awaited for that, and nothing is sent."""
    async with Stage() as stage:
        with pytest.raises(InvalidArgumentError):
            stage.client.direct(*arguments, **options)

    assert not stage.nango.seen


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-A": "a\r\nX-B: b"}},
        {"headers": {"a": 1}},
        {"headers": "text"},
        {"cookies": {"a": 1}},
        {"auth": ("user", "password")},
        {"json": {"canary-body": object()}},
        {"json": 1, "data": b"canary-body"},
        {"params": 42},
        {"timeout": "long"},
        {"timeout": -1},
        {"timeout": True},
        {"chunked": True, "headers": {"Transfer-Encoding": "chunked"}, "data": b"canary-body"},
    ],
)
async def test_bad_keywords_of_a_call_send_nothing(options: dict[str, Any]) -> None:
    """And no frame of ours shows what was passed."""
    async with Stage() as stage:
        with pytest.raises(InvalidArgumentError) as caught:
            await stage.client.direct("user-42", "acme").post("/canary-path", **options)

    assert not stage.provider.seen
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    traceback = caught.value.__traceback__
    while traceback is not None:
        if "nango_client" in traceback.tb_frame.f_code.co_filename:
            shown = repr(list(traceback.tb_frame.f_locals.values()))
            assert "canary-body" not in shown
            assert "token-1" not in shown
        traceback = traceback.tb_next


async def test_a_token_that_has_ended_is_not_sent() -> None:
    """Nango has no other one."""
    async with Stage() as stage:
        stage.kind = {
            "type": "OAUTH2",
            "access_token": "a",
            "expires_at": "2026-01-01T00:00:00Z",
            "raw": {},
        }
        with pytest.raises(TokenExpiredError):
            await stage.client.direct("user-42", "acme").get("/")

    assert not stage.provider.seen


async def test_of_an_app_and_a_user_the_apps_end_counts() -> None:
    """It is the app's token that is sent."""
    raw = {"type": "CUSTOM", "app": {"type": "APP", "access_token": "app"}, "user": None, "raw": {}}
    ended = {**raw, "app": {**raw["app"], "expires_at": "2026-01-01T00:00:00Z"}}  # type: ignore[dict-item]
    async with Stage() as stage:
        stage.kind = ended
        with pytest.raises(TokenExpiredError):
            await stage.client.direct("user-42", "acme").get("/")


async def test_a_connection_without_a_provider_cannot_be_called() -> None:
    """Older servers do not say whose it is."""
    async with Stage() as stage:
        stage.connection = {"provider": None}
        with pytest.raises(UnsupportedProviderError, match=re.escape("client.proxy")):
            await stage.client.direct("user-42", "acme").get("/")


async def test_what_nango_refuses_is_raised() -> None:
    """An unknown connection is what it is elsewhere."""

    async def unknown(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"code": "not_found"}}, status=404)

    async with Stage() as stage:
        stage.nango.answer = unknown
        with pytest.raises(NotFoundError):
            await stage.client.direct("user-42", "acme").get("/")


@pytest.mark.parametrize("path", ["https://other.example/x", "/\ud800"])
async def test_a_path_that_cannot_be_sent_is_refused_without_a_body_too(path: str) -> None:
    """By the same rules, and with no frame of what was passed."""
    async with Stage() as stage:
        with pytest.raises(InvalidArgumentError):
            await stage.client.direct("user-42", "acme").get(path, params={"a": "b"})

    assert not stage.provider.seen
