"""`RedisStore`: the store of a `SharedCache` in Redis 6 or newer, or Valkey, over redis-py.

A name of the store is two keys of Redis, ``{name}`` with the value and ``{name}:lease`` with the
lease's owner, both with a time to live; the braces keep them together where keys are spread. Each
step that has to be atomic is one script on the server.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable
from hashlib import sha1
from typing import TYPE_CHECKING, Any, Final, cast, final

from nango_client.exceptions import ConfigurationError

if TYPE_CHECKING:
    from redis.asyncio import Redis

try:
    import redis.asyncio as redis_asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import NoScriptError, ResponseError
except ImportError:
    raise ConfigurationError(
        'nango_client.ext.redis needs the package redis: pip install "nango-client[redis]"'
    ) from None

# A search looks at so many keys of the server at a time.
_PORTION: Final = 1000
# So many commands travel together at most.
_TOGETHER: Final = 500
# Ends the name of a lease's key.
_LEASE: Final = b":lease"
# When connecting, or an exchange that no single call can end, is given up, and after what pause
# redis-py tests a connection first, in seconds. Calls wait for less: `SharedCache` limits them.
_TIMEOUT: Final = 2.0
_IDLE: Final = 30.0


@final
class _Command:
    """Words for the server."""

    __slots__ = ("anew", "result", "words")

    def __init__(self, words: tuple[Any, ...], anew: tuple[Any, ...] = ()) -> None:
        self.words = words
        # Sent where the server does not know the script that they name.
        self.anew = anew
        self.result: asyncio.Future[Any]

    def end(self, result: Any) -> None:
        """Wake who waits, if anybody still does."""
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)


@final
class _Script:
    """Lua that the server runs as one step; it is sent once, and named by its hash from then on."""

    __slots__ = ("_hash", "_keys", "_text")

    def __init__(self, text: str, *, keys: int = 2) -> None:
        self._text = text
        # Bytes are what redis-py has least to do with.
        self._hash = sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
        self._keys = keys

    def on(self, name: str, *arguments: Any) -> _Command:
        """Give the command that runs it on one name of the store."""
        value = b"{%b}" % name.encode()
        keys = (b"1", value) if self._keys == 1 else (b"2", value, value + _LEASE)
        return _Command(
            ("EVALSHA", self._hash, *keys, *arguments), ("EVAL", self._text, *keys, *arguments)
        )


# KEYS: value, lease. Times are in milliseconds.
_GET: Final = _Script(
    """\
local value = redis.call('GET', KEYS[1])
return value and redis.call('PTTL', KEYS[1]) .. ' ' .. value""",
    keys=1,
)
_ACQUIRE: Final = _Script("""\
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] and ARGV[3] == '0' then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1""")
_SET: Final = _Script("""\
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
return 1""")
_RELEASE: Final = _Script("""\
return redis.call('GET', KEYS[2]) == ARGV[1] and redis.call('DEL', KEYS[2])""")
_DELETE: Final = _Script("""\
redis.call('DEL', KEYS[2])
return redis.call('DEL', KEYS[1])""")


@final
class RedisStore:
    """A `CredentialStore` in Redis or Valkey; make it once and hand it to `SharedCache`.

    It may be made before a fork. It opens connections in each process and event loop in which it is
    used, and none before.

    Args:
        server: its URL, such as ``redis://127.0.0.1:6379/0``, ``rediss://…`` or ``unix://…``; or a
            function that makes a `redis.asyncio.Redis`, for other set-ups (Sentinel, certificates):
            it is called in each process and event loop, and what it made is closed here.

    Raises:
        ConfigurationError: the URL cannot be used.
    """

    def __init__(self, server: "str | Callable[[], Redis]") -> None:
        self._make: Callable[[], Redis]
        if callable(server):
            self._make = server
        else:
            problem = _problem_of(server)
            make = _maker(server)
            # A traceback with captured locals must not show the password in it.
            del server
            if problem:
                raise ConfigurationError(problem)
            self._make = make
        # By the process and the event loop, so that a fork finds nothing of its parent's.
        self._doors: dict[tuple[int, asyncio.AbstractEventLoop], _Door] = {}

    def __repr__(self) -> str:
        return "<RedisStore>"

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """Give a value and the seconds that it has left, or None."""
        # One string, because redis-py reads a list of two in twice the time.
        found = await self._door().run(_GET.on(key))
        if found is None:
            return None
        left, _, value = found.partition(b" ")
        return value, int(left) / 1000

    async def acquire(self, key: str, owner: str, ttl: float, *, steal: bool = False) -> bool:
        """Give `owner` the lease, or prolong it; say whether it has it."""
        return bool(await self._door().run(_ACQUIRE.on(key, owner, _milliseconds(ttl), int(steal))))

    async def set(self, key: str, value: bytes, ttl: float, *, owner: str) -> bool:
        """Keep a value if `owner` holds the lease; say whether."""
        return bool(await self._door().run(_SET.on(key, owner, _milliseconds(ttl), value)))

    async def release(self, key: str, owner: str) -> None:
        """End the lease if `owner` holds it."""
        await self._door().run(_RELEASE.on(key, owner))

    async def delete(self, pattern: str) -> int:
        """Drop values and leases of all keys that match; give the number of values.

        A pattern with ``*`` searches through all keys of the database.
        """
        if "*" not in pattern:
            return int(await self._door().run(_DELETE.on(pattern)))
        # Twice: what a holder from before stores during the first search may escape that one.
        return await self._search_and_drop(pattern) + await self._search_and_drop(pattern)

    async def close(self) -> None:
        """Close this process's connections, as far as their event loops still run."""
        for place in [place for place in self._doors if place[0] == os.getpid()]:
            await self._doors.pop(place).close()

    async def _search_and_drop(self, pattern: str) -> int:
        door = self._door()
        matches = re.compile(re.escape(pattern).replace(r"\*", "[^:]*")).fullmatch
        glob = "{" + re.sub(r"([\[\]?\\])", r"\\\1", pattern) + "}*"
        dropped = 0
        cursor = b"0"
        while True:
            search = _Command(("SCAN", cursor, "MATCH", glob, "COUNT", _PORTION))
            cursor, found = await door.run(search)
            for key in found:
                name = key.removesuffix(_LEASE)[1:-1].decode()
                if matches(name):
                    dropped += await door.run(_DELETE.on(name))
            if cursor == b"0":
                return dropped

    def _door(self) -> "_Door":
        here = (os.getpid(), asyncio.get_running_loop())
        door = self._doors.get(here)
        if door is None:
            for place in [place for place in self._doors if place[1].is_closed()]:
                del self._doors[place]
            door = self._doors[here] = _Door(self._make())
        return door


@final
class _Door:
    """The connection of one event loop, and the commands that wait for it.

    One command travels alone. Those that come meanwhile travel together after it: a process that
    asks for a thousand connections at once would otherwise open a thousand sockets.
    """

    def __init__(self, client: "Redis") -> None:
        # redis-py's own annotations leave most of this open.
        self._client: Any = client
        self._connection: Any = None
        self._loop = asyncio.get_running_loop()
        self._is_busy = False
        self._waiting: list[_Command] = []
        self._sending: asyncio.Task[None] | None = None
        self._keeper = _keep(client)
        self._is_kept = False

    async def run(self, command: _Command) -> Any:
        """Give the server's answer."""
        if not self._is_kept:
            self._is_kept = True
            await anext(self._keeper)
        if self._is_busy:
            command.result = self._loop.create_future()
            self._waiting.append(command)
            return await command.result
        self._is_busy = True
        try:
            (result,) = await self._answers_to([command])
        finally:
            self._go_on()
        if isinstance(result, Exception):
            raise result
        return result

    async def close(self) -> None:
        """Close the connection; where the loop runs in another thread, it does that itself."""
        if self._loop is asyncio.get_running_loop():
            await self._keeper.aclose()
        elif self._loop.is_running():
            asyncio.run_coroutine_threadsafe(_end(self._keeper), self._loop)

    def _go_on(self) -> None:
        if self._waiting:
            self._sending = self._loop.create_task(self._send(), name="nango_client redis")
        else:
            self._is_busy = False

    async def _send(self) -> None:
        """Send what waits, in one go."""
        waiting, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
        commands = [command for command in waiting if not command.result.done()]
        results: list[Any] = []
        try:
            async with asyncio.timeout(_TIMEOUT):
                results = await self._answers_to(commands)
        except BaseException as error:
            # Each has to end, also where this task is cancelled at the end of its loop.
            results = [RedisConnectionError(type(error).__name__)] * len(commands)
            if not isinstance(error, Exception):
                raise
        finally:
            for command, result in zip(commands, results, strict=True):
                command.end(result)
            self._go_on()

    async def _answers_to(self, commands: list[_Command]) -> list[Any]:
        """Give the server's answers; those that are errors, as objects."""
        results = await self._exchange([command.words for command in commands])
        unknown = [n for n, result in enumerate(results) if isinstance(result, NoScriptError)]
        if unknown:
            anew = await self._exchange([commands[n].anew for n in unknown])
            for n, result in zip(unknown, anew, strict=True):
                results[n] = result
        return results

    async def _exchange(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        # It stays out of the pool: taking it and giving it back would cost a command as much as
        # its way to a server nearby.
        if self._connection is None:
            self._connection = await self._client.connection_pool.get_connection()
        connection = self._connection

        async def exchange() -> list[Any]:
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _answer_of(connection) for _ in commands]

        async def give_up(_error: Exception) -> None:
            await connection.disconnect()

        results: list[Any] = await connection.retry.call_with_retry(exchange, give_up)
        return results


async def _answer_of(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


async def _keep(client: "Redis") -> AsyncGenerator[None]:
    """Close a client when this generator ends, at the latest with its event loop."""
    try:
        yield
    finally:
        await client.aclose(close_connection_pool=True)


async def _end(keeper: AsyncGenerator[None]) -> None:
    await keeper.aclose()


def _milliseconds(seconds: float) -> int:
    # Never longer than was asked; and nothing is not a time to live.
    return max(int(seconds * 1000), 1)


def _maker(url: str) -> "Callable[[], Redis]":
    def make() -> "Redis":
        client: Redis = cast("Any", redis_asyncio.Redis).from_url(
            url,
            # What is sent again does the same: leases have owners.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            # With one, redis-py times each part of a command, which costs a third of it.
            socket_timeout=None,
            socket_connect_timeout=_TIMEOUT,
            health_check_interval=_IDLE,
        )
        return client

    return make


def _problem_of(url: object) -> str:
    """Say what is wrong with a URL, without quoting it."""
    if not isinstance(url, str):
        return "RedisStore needs a URL, or a function that makes a redis.asyncio.Redis"
    try:
        _maker(url)()
    except (ValueError, TypeError):
        return "RedisStore: the URL cannot be used; it starts with redis://, rediss:// or unix://"
    return ""
