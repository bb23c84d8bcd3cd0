"""What is sent again and what is not, counted at the server, and what the cache hears of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from scripted import KEY, Scripted

from nango_client import (
    ApiKeyCredentials,
    AuthenticationError,
    ConnectionFailedError,
    DecodeError,
    EndUser,
    NangoClient,
    NangoError,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    TimeoutPolicy,
)
from nango_client.testing import MockNango

pytestmark = pytest.mark.asyncio

Call = Callable[[NangoClient], Awaitable[Any]]
CREDENTIALS = ApiKeyCredentials(api_key="k")

AGAIN: dict[str, Call] = {
    "list": lambda n: n.connections.first(connection_id="u"),
    "delete": lambda n: n.connections.delete("u", "github"),
    "update": lambda n: n.connections.update("u", "github", webhook_url_override=""),
    "set_metadata": lambda n: n.connections.set_metadata("u", "github", {}),
    "update_metadata": lambda n: n.connections.update_metadata("u", "github", {}),
    "session": lambda n: n.connect_sessions.create(end_user=EndUser(id="u")),
    "reconnect": lambda n: n.connect_sessions.reconnect("u", "github"),
    "create with id": lambda n: n.connections.create("github", CREDENTIALS, connection_id="u"),
    "integration": lambda n: n.integrations.update("github", display_name="x"),
}
ONCE: dict[str, Call] = {
    "create without id": lambda n: n.connections.create("github", CREDENTIALS),
    "create integration": lambda n: n.integrations.create("github", "github"),
    "quickstart": lambda n: n.integrations.create_quickstart("github", "github"),
    "rename": lambda n: n.integrations.update("github", new_provider_config_key="x"),
    "rotate": lambda n: n.environment.rotate_webhook_signing_key(),
}
MAY_HAVE_RUN: list[Any] = [None, (500, {}), (408, {}), (502, "x"), (504, "")]
CANNOT_HAVE_RUN: list[Any] = [(429, {}), (503, {})]


async def requests_of(call: Call, *answers: Any, **headers: str) -> tuple[int, NangoError | None]:
    """Count the requests of a call, and give what it raised."""
    async with Scripted(*answers, headers=headers) as server, server.client() as nango:
        try:
            await call(nango)
        except NangoError as error:
            return len(server.requests), error
        return len(server.requests), None


@pytest.mark.parametrize("answer", MAY_HAVE_RUN)
@pytest.mark.parametrize("name", AGAIN)
async def test_what_can_be_said_twice_is_sent_again(name: str, answer: Any) -> None:
    """Its second run changes nothing, so trouble of any kind is worth another try."""
    sent, error = await requests_of(AGAIN[name], answer)

    assert sent == 3
    assert error is not None
    assert error.retryable


@pytest.mark.parametrize("answer", MAY_HAVE_RUN)
@pytest.mark.parametrize("name", ONCE)
async def test_what_may_have_run_is_not_sent_again(name: str, answer: Any) -> None:
    """A second run would make a second thing."""
    sent, error = await requests_of(ONCE[name], answer)

    assert sent == 1
    assert isinstance(error, ConnectionFailedError | NangoError)
    assert not error.retryable


@pytest.mark.parametrize("answer", CANNOT_HAVE_RUN)
@pytest.mark.parametrize("name", ONCE)
async def test_what_surely_has_not_run_is_sent_again(name: str, answer: Any) -> None:
    """A refusal that names a wait is no run."""
    sent, error = await requests_of(ONCE[name], answer, **{"Retry-After": "0"})

    assert sent == 3
    assert error is not None
    assert error.retryable


@pytest.mark.parametrize("name", ONCE)
async def test_a_connection_that_cannot_be_made_is_tried_again(name: str) -> None:
    """Nothing has left."""
    attempts = []
    nango = NangoClient(
        KEY,
        base_url="http://127.0.0.1:9",
        retry=RetryPolicy(initial_delay=0.0),
        on_event=lambda event: attempts.append(event.kind),
    )
    async with nango:
        with pytest.raises(ConnectionFailedError) as raised:
            await ONCE[name](nango)

    assert attempts.count("attempt") == 3
    assert raised.value.retryable


@pytest.mark.parametrize("answer", [(200, "<html>"), (200, []), (201, {"data": 1})])
@pytest.mark.parametrize("name", ["create without id", "create integration", "rotate"])
async def test_an_unreadable_answer_means_that_the_call_has_run(name: str, answer: Any) -> None:
    """It is not sent again, and says so."""
    sent, error = await requests_of(ONCE[name], answer)

    assert sent == 1
    assert isinstance(error, DecodeError)
    assert not error.retryable


DELETES: dict[str, tuple[Call, Any]] = {
    "connection": (
        lambda n: n.connections.delete("u", "github"),
        (400, {"error": {"code": "unknown_connection"}}),
    ),
    "integration": (
        lambda n: n.integrations.delete("github"),
        (404, {"error": {"code": "not_found"}}),
    ),
    "function": (
        lambda n: n.functions.delete("github", "f", type="sync"),
        (404, {"error": {"code": "not_found"}}),
    ),
    "session": (
        lambda n: n.connect_sessions.delete("nango_connect_session_x"),
        (401, {"error": {"code": "unknown_connect_session_token"}}),
    ),
}


@pytest.mark.parametrize("name", DELETES)
async def test_a_delete_that_is_told_unknown_after_a_retry_has_done_its_job(name: str) -> None:
    """The answer of the first one was lost."""
    call, unknown = DELETES[name]

    assert await requests_of(call, None, unknown) == (2, None)


@pytest.mark.parametrize("name", DELETES)
async def test_a_delete_that_is_told_unknown_at_once_raises(name: str) -> None:
    """Nobody deleted it just now."""
    call, unknown = DELETES[name]

    sent, error = await requests_of(call, unknown)

    assert sent == 1
    assert isinstance(error, NotFoundError | AuthenticationError)


@pytest.mark.parametrize("name", DELETES)
async def test_a_bare_404_after_a_retry_says_nothing(name: str) -> None:
    """Only Nango's own code does."""
    call, _ = DELETES[name]

    sent, error = await requests_of(call, None, (404, "not here"))

    assert sent == 2
    assert isinstance(error, NotFoundError)


async def test_missing_ok_takes_nangos_word_only() -> None:
    """A bare 404 may come from anywhere."""
    gone = (400, {"error": {"code": "unknown_connection"}})

    def delete(nango: NangoClient) -> Awaitable[None]:
        return nango.connections.delete("u", "github", missing_ok=True)

    assert await requests_of(delete, gone) == (1, None)
    _, error = await requests_of(delete, (404, "not here"))
    assert isinstance(error, NotFoundError)


async def test_a_session_is_ended_with_its_own_token() -> None:
    """The API key stays out of it, with a borrowed session too."""
    import aiohttp

    async with Scripted((204, None)) as server, aiohttp.ClientSession() as session:
        for options in ({}, {"session": session}):
            async with server.client(**options) as nango:
                await nango.connect_sessions.delete("nango_connect_session_x")

        assert [asked.headers.getall("Authorization") for asked in server.requests] == [
            ["Bearer nango_connect_session_x"]
        ] * 2


WRITES: dict[str, Call] = {
    "update": lambda n: n.connections.update("user-42", "github", webhook_url_override=""),
    "delete": lambda n: n.connections.delete("user-42", "github"),
    "set_metadata": lambda n: n.connections.set_metadata(["user-42", "x"], "github", {}),
    "update_metadata": lambda n: n.connections.update_metadata("user-42", "github", {}),
    "create": lambda n: n.connections.create("github", CREDENTIALS, connection_id="user-42"),
    "integration": lambda n: n.integrations.delete("github"),
}


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ({"status": 500, "times": 3}, 0),
        ({"status": 200, "body": "<html>"}, 0),
        ({"status": 404, "code": "unknown_connection"}, 0),
        ({"status": 400, "code": "invalid_body"}, 1),
        ({"status": 403, "code": "forbidden"}, 1),
    ],
)
@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_may_have_run_drops_what_the_cache_holds(
    name: str, fault: dict[str, Any], left: int
) -> None:
    """A refusal changes nothing; all else may have."""
    with MockNango() as server:
        server.add_connection("user-42", "github")
        async with server.client(retry=RetryPolicy(initial_delay=0.0)) as nango:
            await nango.get_token("user-42", "github")
            server.fail_next(**fault)

            with pytest.raises(NangoError):
                await WRITES[name](nango)

            assert nango.cache_info().entries == left


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_succeeds_drops_what_the_cache_holds(name: str) -> None:
    """The next call sees what was written."""
    with MockNango() as server:
        server.add_connection("user-42", "github", "API_KEY")
        async with server.client() as nango:
            connection = await nango.get_connection("user-42", "github")
            body = {**server_wire(connection), "success": True}
            server.fail_next(200, body=body)

            await WRITES[name](nango)

            assert nango.cache_info().entries == 0


def server_wire(connection: Any) -> dict[str, Any]:
    from nango_client._wire.converter import encode

    wire: dict[str, Any] = encode(connection)
    return wire


async def test_a_write_that_is_cancelled_drops_what_the_cache_holds() -> None:
    """It may have run."""
    import asyncio

    with MockNango() as server:
        server.add_connection("user-42", "github")
        async with server.client() as nango:
            await nango.get_token("user-42", "github")
            server.delay_next(5)
            call = asyncio.ensure_future(WRITES["delete"](nango))
            while len(server.requests) < 2:
                await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

            assert nango.cache_info().entries == 0


async def test_a_write_that_surely_has_not_run_leaves_the_cache_alone() -> None:
    """Nothing has changed."""
    with MockNango() as server:
        server.add_connection("user-42", "github")
        async with server.client(retry=RetryPolicy(max_attempts=1)) as nango:
            await nango.get_token("user-42", "github")
            server.fail_next(429)

            with pytest.raises(RateLimitError):
                await nango.connections.delete("user-42", "github")

            assert nango.cache_info().entries == 1


async def test_calls_under_way_end_with_the_client() -> None:
    """close() wakes them at once, with its own error."""
    import asyncio

    from nango_client import ClientClosedError

    async with Scripted((200, {"connections": []})) as server:
        nango = server.client(timeout=TimeoutPolicy(total=5))
        waiting = asyncio.ensure_future(
            nango.connections.wait_for(connection_id="u", interval=100.0)
        )
        while not server.requests:
            await asyncio.sleep(0.01)
        await nango.close()

        with pytest.raises(ClientClosedError):
            await waiting
        with pytest.raises(ClientClosedError):
            await nango.integrations.list()


async def test_events_name_the_method_and_the_route() -> None:
    """Ids are left out."""
    seen: list[tuple[str, str, str]] = []
    async with (
        Scripted((500, {}), (200, {"success": True})) as server,
        server.client(on_event=lambda e: seen.append((e.kind, e.method, e.route))) as nango,
    ):
        await nango.connections.delete("user-42", "github")

    assert seen == [
        ("attempt", "DELETE", "/connections/{connection_id}"),
        ("retry", "DELETE", "/connections/{connection_id}"),
        ("attempt", "DELETE", "/connections/{connection_id}"),
    ]


async def test_a_server_error_names_what_it_is_about() -> None:
    """Texts fit the endpoint."""
    _, error = await requests_of(ONCE["create integration"], (500, {}))

    assert isinstance(error, ServerError)
    assert "integration 'github'" in str(error)


@pytest.mark.parametrize("name", ["set_metadata", "update_metadata"])
async def test_metadata_is_out_of_the_frames_of_a_failure(name: str) -> None:
    """A traceback with captured locals does not show what users keep."""
    import traceback

    async with Scripted((500, {})) as server, server.client() as nango:
        with pytest.raises(ServerError) as raised:
            await getattr(nango.connections, name)("u", "github", {"key": "kxanaryk"})

    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    frames = [frame for frame in shown.stack if "nango_client" in frame.filename]
    assert frames
    assert not any("kxanaryk" in str(frame.locals) for frame in frames)
