"""`MockNango` on its socket: how it starts and ends, and what it does with requests."""

import asyncio
import inspect
import socket
import threading

import pytest
from talking import TARGET, converse, get, port_of

from nango_client import (
    ConnectionFailedError,
    NangoClient,
    NotFoundError,
    OAuth2Credentials,
    RetryPolicy,
    SystemClock,
    TransportError,
)
from nango_client.testing import FakeClock, MockNango
from nango_client.testing._server import ClientOptions

ONCE = RetryPolicy(max_attempts=1)


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection("user-42", "github")
    return nango_server


async def arrival(server: MockNango) -> None:
    """Wait until a request has reached the server."""
    while not server.requests:
        await asyncio.sleep(0)


@pytest.mark.nango_strict
@pytest.mark.asyncio
async def test_a_client_gets_what_was_added(server: MockNango) -> None:
    """The server's own client finds address, key and clock set."""
    async with server.client() as nango:
        connection = await nango.get_connection("user-42", "github")

    assert isinstance(connection.credentials, OAuth2Credentials)
    assert connection.credentials.expires_at is not None
    assert connection.credentials.expires_at.timestamp() == server.clock.time() + 3600


@pytest.mark.asyncio
async def test_advancing_moves_the_client_too(server: MockNango) -> None:
    """When time passes at the server, the client's cached token ages as well."""
    async with server.client() as nango:
        first = await nango.get_token("user-42", "github")
        server.advance(3600)

        assert await nango.get_token("user-42", "github") != first


@pytest.mark.asyncio
async def test_a_clients_options_can_be_given(server: MockNango) -> None:
    """Arguments win over what the server sets."""
    key = server.add_key(["environment:connections:read"])

    async with server.client(api_key=key, retry=ONCE) as nango:
        connection = await nango.get_connection("user-42", "github")

    assert connection.credentials.type == "NONE"


def test_a_clients_options_are_its_arguments() -> None:
    """The typed options are the arguments of the client, all of them."""
    assert set(ClientOptions.__annotations__) == set(inspect.signature(NangoClient).parameters)


@pytest.mark.asyncio
async def test_both_with_statements_start_and_stop() -> None:
    """With and without async the server runs inside the block and nowhere else."""
    with MockNango() as plain:
        assert plain.base_url.startswith("http://127.0.0.1:")
    async with MockNango() as asynchronous:
        assert asynchronous.base_url != ""

    for server in (plain, asynchronous):
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.base_url


def test_it_can_be_stopped_twice_and_started_again() -> None:
    """A server may go down and come back with what it knew."""
    server = MockNango()
    server.add_connection("user-42", "github")
    server.start()
    server.stop()
    server.stop()

    with server:
        assert converse(server, get(server, TARGET, "Connection: close")).startswith(
            b"HTTP/1.1 200"
        )


@pytest.mark.asyncio
async def test_leaving_the_block_after_stop_is_fine() -> None:
    """A server that was stopped inside its block is left alone at the end."""
    async with MockNango() as server:
        server.stop()


@pytest.mark.asyncio
async def test_it_starts_once_at_a_time(server: MockNango) -> None:
    """A running server is not started again."""
    with pytest.raises(RuntimeError, match="running already"):
        server.start()
    with pytest.raises(RuntimeError, match="running already"):
        async with server:
            pass


@pytest.mark.asyncio
async def test_a_taken_port_is_an_error(server: MockNango) -> None:
    """Where something else listens, starting raises, in both forms; nothing is left running."""
    second = MockNango(port=port_of(server))
    threads = threading.active_count()

    with pytest.raises(OSError, match="address"):
        second.start()
    with pytest.raises(OSError, match="address"):
        async with second:
            pass

    second.stop()
    assert threading.active_count() <= threads


def test_a_port_can_be_chosen() -> None:
    """The server listens where it is told to."""
    with MockNango() as first:
        port = port_of(first)

    with MockNango(port=port) as second:
        assert port_of(second) == port


@pytest.mark.asyncio
async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    """Cancelled while it waits for the server's thread, entering the block ends the thread."""
    threads = threading.active_count()

    async def enter() -> None:
        async with MockNango():
            pytest.fail("entered")

    task = asyncio.create_task(enter())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert threading.active_count() <= threads


def test_two_servers_do_not_know_each_other(server: MockNango) -> None:
    """Connections and requests of one server are not those of another."""
    with MockNango() as other:
        converse(other, get(other, TARGET, "Connection: close"))

        assert len(other.requests) == 1
        assert server.requests == []


def test_its_repr_names_its_address() -> None:
    """The repr shows where it runs, not its key."""
    server = MockNango()
    assert repr(server) == "<MockNango not running>"
    with server:
        assert repr(server) == f"<MockNango {server.base_url}>"


def test_real_time_can_pass() -> None:
    """On the system's clock the server's time is the real one, and still can be moved."""
    clock = SystemClock()
    server = MockNango(clock=clock)

    server.advance(100)

    assert 99 < server.clock.time() - clock.time() < 110


def test_a_given_fake_clock_is_used_itself() -> None:
    """Two servers may share a clock."""
    clock = FakeClock()

    assert MockNango(clock=clock).clock is clock


@pytest.mark.asyncio
async def test_requests_are_recorded_as_sent(server: MockNango) -> None:
    """A record has the path decoded and raw, the query, and headers whatever their case."""
    server.add_connection("a/b c", "github")
    async with server.client() as nango:
        await nango.get_connection("a/b c", "github", force_refresh=True)

    (request,) = server.requests
    assert request.method == "GET"
    assert request.path == "/connection/a/b c"
    assert request.raw_path == "/connection/a%2Fb%20c"
    assert request.query == {"provider_config_key": "github", "force_refresh": "true"}
    assert request.connection_id == "a/b c"
    assert request.headers["authorization"] == f"Bearer {server.api_key}"
    assert server.api_key not in repr(request)


@pytest.mark.asyncio
async def test_a_dropped_request_gets_no_answer(server: MockNango) -> None:
    """The connection is closed, and the client sees a transport error."""
    server.drop_next()
    async with server.client(retry=ONCE) as nango:
        with pytest.raises(TransportError):
            await nango.get_connection("user-42", "github", force_refresh=True)

        assert await nango.get_token("user-42", "github")


@pytest.mark.asyncio
async def test_a_delayed_answer_can_be_overtaken(server: MockNango) -> None:
    """The server does its part at once: a later request may be answered before with newer state."""
    server.delay_next(0.2)
    async with server.client(cache=None) as nango:
        slow = asyncio.create_task(nango.get_token("user-42", "github"))
        await arrival(server)
        renewed = await nango.get_token("user-42", "github", force_refresh=True)

        assert not slow.done()
        assert await slow != renewed


@pytest.mark.asyncio
async def test_stopping_does_not_wait_for_delayed_answers() -> None:
    """A client that waits for an answer is cut off when the server stops."""
    with MockNango() as server:
        server.delay_next(60)
        nango = server.client(retry=ONCE)
        waiting = asyncio.create_task(nango.get_connection("user-42", "github"))
        await arrival(server)

    with pytest.raises(TransportError):
        await waiting
    await nango.close()


@pytest.mark.asyncio
async def test_stopping_closes_connections_that_wait(server: MockNango) -> None:
    """A client that kept its connection open finds nobody there."""
    async with server.client(cache=None, retry=ONCE) as nango:
        await nango.get_connection("user-42", "github")
        server.stop()

        with pytest.raises(ConnectionFailedError):
            await nango.get_connection("user-42", "github")


@pytest.mark.asyncio
async def test_a_client_that_goes_away_is_forgotten(server: MockNango) -> None:
    """Clients that leave before their answer do not disturb the next."""
    server.delay_next(0.05)
    with socket.create_connection(("127.0.0.1", port_of(server))) as connection:
        connection.sendall(get(server))
    with socket.create_connection(("127.0.0.1", port_of(server))) as connection:
        connection.sendall(b"GET / HT")

    async with server.client() as nango:
        with pytest.raises(NotFoundError):
            await nango.get_connection("user-43", "github")
