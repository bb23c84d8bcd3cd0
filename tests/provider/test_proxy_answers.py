"""Which answers of Nango's proxy are Nango's own, and which the provider's."""

import gzip
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from stage import API_KEY, Stage, answers, body_of, done

from nango_client import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReconnectRequiredError,
    RefreshBackoffError,
    RefreshFailedError,
    ServerError,
    UnknownIntegrationError,
)

pytestmark = pytest.mark.asyncio


CAPTURES = Path(__file__).parents[1] / "captures"


@pytest.mark.parametrize("status", [200, 201, 204, 302, 304, 401, 404, 409, 429, 500, 502])
async def test_the_providers_answers_are_given_as_they_come(status: int) -> None:
    """Whatever they say; those of an error are looked into, and can be read nevertheless."""
    body = {"error": {"code": "not_found", "message": "theirs"}, "n": status}
    async with Stage() as stage:
        stage.proxy = answers(status, body, Link='<https://a.example>; rel="next"')
        async with stage.client.proxy("user-42", "acme").get("/") as response:
            assert response.status == status
            if status not in {204, 304}:
                assert await response.json() == body
                assert json.loads(await response.text()) == body
                assert json.loads(await response.read()) == body
            assert "next" in response.links
        if status >= 400:
            with pytest.raises(aiohttp.ClientResponseError) as caught:
                await stage.client.proxy("user-42", "acme").get("/", raise_for_status=True)
            assert API_KEY not in repr(caught.value.request_info)

    assert all("proxy" in seen.path for seen in stage.nango.seen)


OWN = [
    (400, "server_error", "Failed to get connection", NotFoundError),
    *[
        (
            status,
            "server_error",
            "Failed to get connection credentials: 'The refresh limit has been reached'",
            ReconnectRequiredError,
        )
        for status in (400, 424, 500, 502)
    ],
    (502, "server_error", "Failed to get connection credentials: 'x'", RefreshFailedError),
    (424, "connection_refresh_backoff", "A recent refresh attempt failed.", RefreshBackoffError),
    (404, "unknown_provider_config", "x", UnknownIntegrationError),
    *[
        (400, code, "x", BadRequestError)
        for code in (
            *("base_url_override_disabled", "base_url_override_not_allowed", "missing_api_url"),
            *("unsupported_provider", "unknown_provider", "unsupported_auth"),
            "invalid_certificate_or_key_format",
        )
    ],
    *[
        (401, code, "x", AuthenticationError)
        for code in (
            *("missing_auth_header", "malformed_auth_header", "invalid_secret_key_format"),
            "unknown_account",
        )
    ],
    (402, "plan_limit", "x", APIStatusError),
    (403, "forbidden", "Insufficient scope. Required: environment:proxy", PermissionDeniedError),
    (403, "forbidden", "Key not authorized for an environment", PermissionDeniedError),
    (500, "generic_error_support", "x", ServerError),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), OWN)
async def test_nangos_own_answers_raise(
    status: int, code: str, message: str, kind: type[APIStatusError]
) -> None:
    """Each pair of status and code has its class; the same code at another status is theirs."""
    body = {"error": {"code": code, "message": message}}
    async with Stage() as stage:
        stage.proxy = answers(status, body)
        acme = stage.client.proxy("user-42", "acme")
        with pytest.raises(kind) as caught:
            await acme.post("/", json={"a": 1})
        stage.proxy = answers(418, body)
        await done(acme.get("/"))

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, code)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert len(stage.nango.seen) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("api-proxy-unknown-connection", NotFoundError),
        ("api-proxy-exhausted", ReconnectRequiredError),
        ("api-proxy-refresh-fails", RefreshFailedError),
        ("api-proxy-refresh-notoken", RefreshFailedError),
        ("api-proxy-refresh-backoff", RefreshBackoffError),
        ("api-proxy-no-scope", PermissionDeniedError),
        ("api-limit-429-proxy", RateLimitError),
        ("api-proxy-hangup", ConnectionFailedError),
        ("api-proxy-status-404", None),
        ("api-proxy-status-409", None),
        ("api-proxy-status-502", None),
        ("api-proxy-status-201", None),
        ("api-proxy-post-bad-json", None),
        ("api-proxy-decompress-bad", None),
    ],
)
async def test_captured_answers_are_told_apart(name: str, kind: type[NangoError] | None) -> None:
    """As a real server gave them."""
    captured = json.loads((CAPTURES / f"{name}.json").read_text())["response"]
    async with Stage() as stage:
        stage.proxy = answers(captured["status"], captured["body"])
        call = stage.client.proxy("user-42", "acme").get("/")
        if kind is None:
            assert await body_of(call) == captured["body"]
        else:
            with pytest.raises(kind) as caught:
                await call
            assert "19" not in str(caught.value)
            assert getattr(caught.value, "host", None) is None


FAILED = "Failed to get connection credentials"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "server_error", "message": "Something else"}}),
        (418, {"error": {"code": "server_error", "message": FAILED}}),
        (500, {"error": {"code": "server_error", "message": "Failed to get connection"}}),
        (403, {"error": {"code": "forbidden", "message": "No."}}),
        (401, {"error": {"code": "forbidden", "message": "Insufficient scope"}}),
        (429, {"error": {"code": "too_many_request"}}),
        (400, {"error": {"code": "too_many_request", "method": "GET", "path": "/"}}),
        (400, {"error": {"code": 7}}),
        (400, {"error": "text"}),
        (400, ["list"]),
        (500, {"message": "x", "code": "ECONNRESET", "method": "get", "error": None}),
        (500, {"message": "x", "code": "lower", "method": "get"}),
        (500, {"message": "x", "code": "ECONNRESET"}),
        (500, {"message": 1, "code": "ECONNRESET", "method": "get"}),
        (500, {"message": "x", "code": 1, "method": "get"}),
        (502, {"message": "x", "code": "ECONNRESET", "method": "get"}),
    ],
)
async def test_what_is_only_like_nangos_is_the_providers(status: int, body: Any) -> None:
    """It is given, not raised."""
    async with Stage() as stage:
        stage.proxy = answers(status, body)
        assert await body_of(stage.client.proxy("user-42", "acme").get("/")) == body


OWN_ERROR = json.dumps({"error": {"code": "plan_limit", "message": "x"}}).encode()


async def test_a_long_or_unreadable_answer_is_the_providers_and_can_be_read() -> None:
    """In parts or as a whole, with its length known or not, squeezed or not."""
    long = OWN_ERROR[:-1] + b', "pad": "' + b"x" * 200_000 + b'"}'

    async def answer(request: web.Request) -> web.StreamResponse:
        kind = {"Content-Type": "application/json"}
        match request.path.rpartition("/")[2]:
            case "long":
                return web.Response(status=402, body=long, headers=kind)
            case "bomb":
                packed = {**kind, "Content-Encoding": "gzip"}
                return web.Response(status=402, body=gzip.compress(long), headers=packed)
            case "no-json":
                return web.Response(status=402, body=b"{no", headers=kind)
            case "text":
                return web.Response(status=402, body=OWN_ERROR, content_type="text/plain")
            case _:
                response = web.StreamResponse(status=402, headers=kind)
                response.enable_chunked_encoding()
                await response.prepare(request)
                for start in range(0, len(long), 20_000):
                    await response.write(long[start : start + 20_000])
                return response

    async with Stage() as stage:
        stage.proxy = answer
        acme = stage.client.proxy("user-42", "acme")
        for path in ("long", "chunked", "bomb"):
            async with acme.get(path) as response:
                assert await response.read() == long
            async with acme.get(path) as response:
                parts = [part async for part in response.content.iter_chunked(30_000)]
                assert b"".join(parts) == long
        async with acme.get("no-json") as response:
            assert await response.text() == "{no"
        async with acme.get("text") as response:
            assert await response.read() == OWN_ERROR


async def test_a_chunked_answer_of_nangos_raises() -> None:
    """As a gateway in front of it may make of it."""

    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=402, headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(OWN_ERROR)
        return response

    async with Stage() as stage:
        stage.proxy = chunked
        with pytest.raises(APIStatusError, match="plan"):
            await stage.client.proxy("user-42", "acme").get("/")
