"""Canaries: no key, token, body or e-mail address in anything that ends up in a log."""

import asyncio
import copy
import json
import logging
import pickle
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from leaks import all_that_shows
from wire_server import CONNECTION, Play, WireServer, answer, hang, reset, then_close

import nango_client
from nango_client import (
    CachePolicy,
    Event,
    NangoClient,
    NangoError,
    RetryPolicy,
    TimeoutPolicy,
    UnknownCredentials,
)
from nango_client.testing import MockNango

KEY = "canary-api-key"
ROW = '{"connection":{"credentials_iv":"canary-iv","email":"canary@example.com"}}'
ERROR = {
    "error": {
        "code": "invalid_credentials",
        "message": f"it failed: {ROW}",
        "payload": {"connection": {"end_user": {"email": "canary@example.com"}}},
    }
}
PERSONAL: dict[str, Any] = {
    "end_user": {"id": "eu-1", "email": "canary@example.com", "display_name": "canary name"},
    "tags": {"end_user_email": "canary@example.com"},
    "metadata": {"note": "canary note"},
    "connection_config": {"jwtToken": "canary-jwt"},
    "webhook_url_override": "https://hooks.example.com/canary",
}
CREDENTIALS: dict[str, Any] = {
    "type": "OAUTH2",
    "access_token": "canary-access",
    "refresh_token": "canary-refresh",
    "raw": {"access_token": "canary-access"},
}


def body(**fields: Any) -> bytes:
    return json.dumps(CONNECTION | PERSONAL | {"credentials": CREDENTIALS} | fields).encode()


def error(status: int, document: object) -> bytes:
    return answer(status, json.dumps(document).encode())


PLAYS: dict[str, bytes | Play] = {
    "success": answer(body=body()),
    "reset": reset,
    "cut off": then_close(answer(body=body(), length=100_000)),
    "hang": hang,
    "not JSON": answer(body=b"canary " + body()),
    "HTML": answer(body=b"<p>canary</p>", content_type="text/html; canary"),
    "odd content type": answer(body=b"canary", content_type="canary@example.com"),
    "another connection": answer(body=body(connection_id="canary")),
    "wrong type": answer(body=body(id="canary")),
    "bad date": answer(body=body(created_at="canary")),
    "bad token": answer(body=body(credentials=CREDENTIALS | {"access_token": {"canary": 1}})),
    "bad expiry": answer(body=body(credentials=CREDENTIALS | {"expires_at": "canary"})),
    "bad tags": answer(body=body(tags={"canary@example.com": 1})),
    "expired": answer(body=body(credentials=CREDENTIALS | {"expires_at": "2020-01-01T00:00:00Z"})),
    "no single token": answer(
        body=body(credentials={"type": "BASIC", "username": "canary", "password": "canary"})
    ),
    "unknown kind": answer(body=body(credentials={"type": "NEW", "secret": "canary"})),
    "400 row": error(400, ERROR),
    "424 row": error(424, ERROR),
    "500 row": error(500, ERROR),
    "400 text": error(400, {"error": "canary@example.com"}),
    "400 code": error(400, {"error": {"code": "canary@example.com canary"}}),
    "400 path": error(
        400, {"error": {"code": "invalid_uri_params", "errors": [{"path": ["canary", 1]}]}}
    ),
    "403 text": error(403, {"error": {"code": "forbidden", "message": "canary environment:a:b"}}),
    "404 HTML": answer(404, b"<p>canary</p>", content_type="text/html"),
    "429": answer(
        429, b'{"error":{"message":"canary"}}', Retry_After="canary", Set_Cookie="canary"
    ),
    "503 large": answer(503, b"canary" * 200_000),
}


@pytest.mark.parametrize("play", PLAYS)
@pytest.mark.parametrize("method", ["get_connection", "get_token"])
def test_nothing_secret_shows_on_the_way(
    play: str, method: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs at DEBUG, warnings, events, reprs and tracebacks with all locals hold no canary."""
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    shown: list[str] = []

    async def main() -> None:
        async with (
            WireServer(PLAYS[play]) as server,
            NangoClient(
                KEY,
                base_url=server.url,
                timeout=TimeoutPolicy(attempt=0.1, total=0.3),
                retry=RetryPolicy(initial_delay=0.001),
                on_event=events.append,
            ) as client,
        ):
            shown.append(repr(client))
            ask: Callable[..., Coroutine[Any, Any, object]] = getattr(client, method)
            try:
                result = await ask("user-42", "github")
            except NangoError as failure:
                shown.append(all_that_shows(failure))
            else:
                if method == "get_connection":
                    shown.append(repr(result))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main(), debug=True)

    # asyncio's own records of a slow callback may quote the test.
    logged = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    everything = [*shown, *map(repr, events), *logged, *map(str, caught), *capfd.readouterr()]
    assert "canary" not in "\n".join(everything)
    assert [record for record in caplog.records if record.name == "nango_client"]


@pytest.mark.parametrize("play", PLAYS)
def test_a_cancelled_caller_shows_nothing_either(play: str) -> None:
    """A call that is cancelled at any moment has a traceback without frames of the request."""

    async def main() -> list[str]:
        shown = []
        async with (
            WireServer(PLAYS[play]) as server,
            NangoClient(
                KEY,
                base_url=server.url,
                timeout=TimeoutPolicy(attempt=0.1, total=0.3),
                retry=RetryPolicy(max_attempts=1),
                cache=None,
            ) as client,
        ):
            for turns in range(12):
                call = asyncio.create_task(client.get_connection("user-42", "github"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                call.cancel()
                try:
                    await call
                except (asyncio.CancelledError, NangoError) as failure:
                    shown.append(all_that_shows(failure))
        return shown

    assert "canary" not in "\n".join(asyncio.run(main()))


def test_an_interrupt_in_mid_request_does_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its traceback has frames of aiohttp, where the headers are local variables."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with NangoClient(KEY, base_url="http://127.0.0.1:1") as client:
            await client.get_connection("user-42", "github")

    monkeypatch.setattr("nango_client._http.transport.make_socket", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        asyncio.run(main())

    shown = all_that_shows(caught.value)
    assert "User-Agent" in shown
    assert KEY not in shown


def test_remembered_and_shared_errors_show_nothing(nango_server: MockNango) -> None:
    """Errors out of the cache's memory, and stale answers, are as clean as fresh ones."""
    nango_server.add_connection("user-42", "github")

    async def main() -> str:
        shown = []
        policy = CachePolicy(max_age=0, stale_if_error=0)
        async with nango_server.client(cache=policy, retry=RetryPolicy(max_attempts=1)) as client:
            nango_server.fail_next(400, body=ERROR)
            for _ in range(2):
                try:
                    await client.get_connection("user-42", "github")
                except NangoError as failure:
                    shown.append(all_that_shows(failure))
                    shown.append(repr(pickle.loads(pickle.dumps(failure)).__dict__))  # noqa: S301
        assert len(shown) == 4
        return "\n".join(shown)

    shown = asyncio.run(main())
    assert "canary" not in shown
    assert nango_server.api_key not in shown


def test_what_a_server_wrote_is_kept_for_who_asks(nango_server: MockNango) -> None:
    """Payload and headers are there as attributes; a message with embedded data is left out."""
    nango_server.add_connection("user-42", "github")
    nango_server.fail_next(400, body=ERROR)

    async def main() -> nango_client.APIStatusError:
        async with nango_server.client() as client:
            with pytest.raises(nango_client.RefreshFailedError) as caught:
                await client.get_connection("user-42", "github")
            return caught.value

    failure = asyncio.run(main())
    assert failure.message is None
    assert failure.payload == ERROR["error"]["payload"]
    assert failure.headers["content-type"].startswith("application/json")


def test_secrets_are_not_pickled_but_models_can_be_copied() -> None:
    """A model is frozen, so its copy is itself; to pickle it would spread its secrets."""
    credentials = UnknownCredentials(type="NEW", raw={"secret": "canary"})

    with pytest.raises(TypeError, match="holds secrets"):
        pickle.dumps(credentials)

    assert copy.copy(credentials) is credentials
    assert copy.deepcopy(credentials) is credentials
