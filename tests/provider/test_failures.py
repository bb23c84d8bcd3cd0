"""Which of our errors stands for what aiohttp raises."""

from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from stage import SECRETS_ENTRY, Stage, entry
from yarl import URL

from nango_client import (
    ConnectionFailedError,
    InvalidArgumentError,
    NangoError,
    TransportError,
)
from nango_client._provider.failures import failure_of


def response_error(kind: type[aiohttp.ClientResponseError]) -> aiohttp.ClientResponseError:
    url = URL("https://acme.example/canary")
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    return kind(info, (), status=407)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (response_error(aiohttp.ClientHttpProxyError), ConnectionFailedError, "HTTP proxy"),
        (response_error(aiohttp.ClientResponseError), TransportError, "not HTTP"),
        (aiohttp.InvalidURL("canary"), TransportError, "cannot be called"),
        (aiohttp.ClientConnectionError("canary"), ConnectionFailedError, "closed the connection"),
        (ValueError("canary"), InvalidArgumentError, "ValueError"),
        (KeyError("canary"), TransportError, "KeyError"),
    ],
)
def test_each_has_its_error(error: Exception, kind: type[NangoError], words: str) -> None:
    """It quotes nothing of the other, and names who did not answer."""
    failure = failure_of(error, "acme.example", "GET")

    assert type(failure) is kind
    assert words in str(failure)
    assert "canary" not in str(failure)
    assert getattr(failure, "host", "acme.example") == "acme.example"


async def not_http(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"canary\r\n\r\n")  # type: ignore[attr-defined]
    request.transport.close()
    return web.Response()


@pytest.mark.asyncio
async def test_what_is_not_http_is_told() -> None:
    """An answer that nobody can read is none."""
    async with Stage(not_http) as stage:
        with pytest.raises(TransportError, match="not HTTP") as caught:
            await stage.client.direct("user-42", "acme").get("/")

    assert "canary" not in str(caught.value)


@pytest.mark.asyncio
async def test_a_refused_request_of_another_library_that_cannot_be_made_anew() -> None:
    """It keeps its 401."""
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        secrets = {"type": "OAUTH2", "client_id": "i", "client_secret": "s"}
        stage.integration = {"credentials": secrets}
        foreign: Any = stage.client._doors.foreign("user-42", "acme", base_url=None)
        planned = await foreign.plan("GET", f"{stage.provider.url}/", {}, None)
        stage.client.invalidate()
        stage.failing = {"/integrations/"}

        assert await foreign.plan_again(planned) is None
