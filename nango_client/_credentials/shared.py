"""`SharedCache`: what users make of a store, and hand to their clients."""

import math
from collections.abc import Iterable
from types import TracebackType
from typing import Final, NoReturn, Self, SupportsIndex, final

from nango_client._credentials.envelope import Vault, import_fernet, make_vault
from nango_client._credentials.store import CredentialStore, StoreGate
from nango_client.exceptions import ConfigurationError

_MEMBERS: Final = ("get", "acquire", "set", "release", "delete", "close")


@final
class SharedCache:
    """One cache for the clients of many processes; pass it as ``NangoClient(shared_cache=...)``.

    It may be made before a fork, and serve several clients, threads and event loops. Clients never
    close it.

    Args:
        store: where answers are kept, such as `nango_client.ext.redis.RedisStore`.
        encryption_key: a key from `generate_key`, or several, newest first: the first one encrypts,
            and each of them decrypts.
        local_max_age: seconds for which a process serves an answer from its own memory before it
            asks the store again.
        timeout: seconds that all store operations of one call may take together.

    Raises:
        ConfigurationError: a setting is unusable, or the extra ``redis`` is not installed.

    Example:
        >>> shared = SharedCache(MemoryStore(), encryption_key=SharedCache.generate_key())
        >>> for _ in range(2):
        ...     async with server.client(shared_cache=shared) as client:
        ...         token = await client.get_token("user-42", "github")
        >>> len(server.requests)
        1
        >>> await shared.close()
    """

    def __init__(
        self,
        store: CredentialStore,
        *,
        encryption_key: str | bytes | Iterable[str | bytes],
        local_max_age: float = 5.0,
        timeout: float = 0.25,
    ) -> None:
        # First, because the `repr` has to work when one of the checks below fails.
        self._state = "not set up"
        vault = make_vault(encryption_key)
        # A traceback with captured locals must not show the keys.
        del encryption_key
        if isinstance(vault, str):
            raise ConfigurationError(vault)
        if not all(callable(getattr(store, name, None)) for name in _MEMBERS):
            raise ConfigurationError(f"store must have the methods {', '.join(_MEMBERS)}")
        self.local_max_age: Final = _seconds("local_max_age", local_max_age, zero=True)
        """Seconds for which a process serves an answer without asking the store again."""
        self.timeout: Final = _seconds("timeout", timeout, zero=False)
        """Seconds that all store operations of one call may take together."""
        self._vault = vault
        self._gate = StoreGate(store, self.timeout)
        self._state = "open"

    @staticmethod
    def generate_key() -> str:
        """Make a new key for ``encryption_key``; keep it where you keep other secrets."""
        key: bytes = import_fernet().Fernet.generate_key()
        return key.decode()

    def __repr__(self) -> str:
        return f"<SharedCache {self._state}>"

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "a SharedCache holds keys and connections and cannot be copied or pickled: make it "
            "before a fork, or one in each process"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close this process's connections to the store; its clients go on without it."""
        self._state = "closed"
        self._gate.closed = True
        await self._gate.store.close()


def parts(shared: SharedCache) -> tuple[Vault, StoreGate]:
    """Give what clients need of it."""
    return shared._vault, shared._gate  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _seconds(name: str, value: object, *, zero: bool) -> float:
    number = value if isinstance(value, int | float) and value is not True else math.nan
    if not (math.isfinite(number) and (number > 0 or (zero and number == 0))):
        bound = "0 or more" if zero else "more than 0"
        raise ConfigurationError(f"SharedCache: {name} must be a finite number, {bound}")
    return float(number)
