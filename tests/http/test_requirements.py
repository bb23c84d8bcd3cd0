"""What a client needs around it: asyncio, and an aiohttp that is new enough."""

import asyncio
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nango_client import ConfigurationError, NangoClient
from nango_client._http.requirements import OLDEST_AIOHTTP
from nango_client.testing import MockNango


@pytest.mark.parametrize("version", ["3.9.5", "3.14.0", "3.14", "3.2.99", "2", "3.13.0rc1", "dev"])
def test_an_older_aiohttp_is_named_with_the_one_that_is_needed(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text says what to install."""
    monkeypatch.setattr(aiohttp, "__version__", version)

    with pytest.raises(ConfigurationError, match=r"aiohttp>=3\.14\.1") as caught:
        NangoClient("key")

    assert f"{version} is installed" in str(caught.value)


@pytest.mark.parametrize("version", [OLDEST_AIOHTTP, "3.14.10", "3.15.0", "4.0.0a1", "3.20"])
def test_a_newer_aiohttp_is_taken(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions are compared as numbers."""
    monkeypatch.setattr(aiohttp, "__version__", version)

    assert not NangoClient("key").closed


def test_the_bound_is_the_one_that_installers_know() -> None:
    """It stands in pyproject.toml too."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))

    assert f"aiohttp>={OLDEST_AIOHTTP},<4" in project["project"]["dependencies"]


def run_without_asyncio(coroutine: Coroutine[Any, Any, object]) -> object:
    """Drive a coroutine as another library does, up to its first wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_token("user-42", "github"),
        lambda client: client.get_connection("user-42", "github", force_refresh=True),
        lambda client: client.connections.get("user-42", "github", include_refresh_token=True),
        lambda client: client.connections.wait_for(search="user-42"),
        lambda client: client.integrations.list(),
    ],
)
def test_without_asyncio_the_error_names_it(
    call: Callable[[NangoClient], Coroutine[Any, Any, object]],
) -> None:
    """Whatever drives the coroutine, such as trio: what is needed is said, and closing works."""

    async def main() -> None:
        async with NangoClient("key") as client:
            await call(client)

    with pytest.raises(ConfigurationError, match="asyncio"):
        run_without_asyncio(main())


def test_a_client_can_be_closed_where_asyncio_has_ended(nango_server: MockNango) -> None:
    """What it opened ended with the event loop."""
    nango_server.add_connection("user-42", "github")
    client = nango_server.client()
    asyncio.run(client.get_token("user-42", "github"))  # type: ignore[arg-type]

    run_without_asyncio(client.close())

    assert client.closed
