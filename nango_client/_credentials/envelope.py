"""What a fleet's store holds: envelopes, sealed, under names that show nothing. No I/O.

An envelope has an answer of Nango, or how a fetch failed, or both. It tells times as ages, counted
from the start of the answer's request: every machine can compare those, whatever its clock says.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache, partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, final

import attrs

from nango_client import exceptions
from nango_client._config import Settings
from nango_client._credentials.keys import RENEW_GITHUB, Key, Pair
from nango_client._http.errors import NAME
from nango_client._wire.jsonlib import as_array, as_object, loads
from nango_client.exceptions import (
    APIStatusError,
    ConfigurationError,
    DecodeError,
    InvalidCredentialsError,
    NangoError,
    TransportError,
)

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

# Part of every name: a fleet that is updated process by process shares among equals.
_FORMAT: Final = 1

# What is shared: answers with refresh tokens are not, so these are all options.
SHARED_OPTIONS: Final[tuple[Key, ...]] = ((), (RENEW_GITHUB,))

# How long a failure ends the waits of others, in seconds.
_FAILURE_LIFE: Final = 1.0


@final
@attrs.frozen
class Failure:
    """How a fetch failed: all that may be known of it elsewhere."""

    kind: str
    status: int
    code: str | None
    retry_after: float | None
    retryable: bool
    life: float
    """Seconds for which it answers calls."""

    @classmethod
    def of(cls, error: NangoError, error_ttl: float) -> "Failure":
        """Give what is passed on of an error."""
        kind, retryable = type(error).__name__, error.retryable
        if not isinstance(error, APIStatusError):
            return cls(kind, 0, None, None, retryable, _FAILURE_LIFE)
        is_remembered = isinstance(error, InvalidCredentialsError) and error_ttl > 0
        life = error_ttl if is_remembered else _FAILURE_LIFE
        return cls(kind, error.status, error.code, error.retry_after, retryable, life)

    def error(self, about: str) -> NangoError:
        """Give the error that one more waiter gets; its text is our own."""
        cls = _class_named(self.kind)
        label = self.kind
        if self.status:
            code = self.code if self.code and NAME.fullmatch(self.code) else ""
            label += f", HTTP {self.status} {code}".rstrip()
        text = f"another process has just asked for {about}, and that failed ({label})"
        if issubclass(cls, APIStatusError):
            return cls(text, status=self.status, code=self.code, retry_after=self.retry_after)
        if issubclass(cls, TransportError):
            return cls(text, retryable=self.retryable)
        return cls(text)


def _class_named(kind: str) -> type[NangoError]:
    cls = getattr(exceptions, kind, None)
    if isinstance(cls, type) and issubclass(cls, TransportError | APIStatusError | DecodeError):
        return cls
    return NangoError


# Frozen classes take twice as long to make.
@final
@attrs.define(eq=False)
class Envelope:
    """One value of the store."""

    name: str
    """The name that it was made for: an envelope under another one was moved there."""
    fetch: str
    """Stands for the fetch that brought it."""
    dead: float
    """The age at which its time in the store is over."""
    began: float = 0.0
    """When the answer's request began, in epoch seconds by Nango's clock."""
    written: float = 0.0
    """When Nango wrote the answer, in epoch seconds by its ``Date``."""
    life: float | None = None
    """Seconds that the answer's token had left when its request began; None without an end."""
    renew_at: float | None = None
    """The age from which a renewal is due, where a failure has moved it."""
    outage: bool = False
    """Whether a caller has waited in vain since ``max_age``."""
    failed_at: float = 0.0
    """The age at which the fetch failed."""
    failed_by: str = ""
    """Stands for the fetch that failed."""
    claim: str = ""
    """The owner of a lease that was prolonged; see `Lease`."""
    is_private: bool = False
    """Says that Nango's answer is none to share."""
    failure: Failure | None = None
    """Why the last fetch failed, if it did."""
    body: bytes = attrs.field(default=b"", repr=False)
    """Nango's answer, empty where there is none."""

    @classmethod
    def nothing(cls, name: str) -> "Envelope":
        """Give what stands for an empty place."""
        return cls(name, "", dead=0.0)

    def has_failed(self, left: float) -> bool:
        """Say whether the failure still answers calls, with so many seconds left in the store."""
        failure = self.failure
        return failure is not None and self.dead - left - self.failed_at < failure.life


_HEADER: Final = tuple(
    field.name for field in attrs.fields(Envelope) if field.name not in {"body", "failure"}
)


def pack(envelope: Envelope) -> bytes:
    """Give an envelope as bytes: its header in JSON, a line's end, and the body as it came."""
    failure = envelope.failure
    header = [getattr(envelope, name) for name in _HEADER]
    header.append(None if failure is None else attrs.astuple(failure))
    return json.dumps(header).encode() + b"\n" + envelope.body


def unpack(packed: bytes) -> Envelope | None:
    """Give the envelope that `pack` made these bytes of, or None."""
    text, _, body = packed.partition(b"\n")
    try:
        *header, failure = as_array(loads(text))
        made = None if failure is None else Failure(*failure)
        fields: list[Any] = [*header, made, body]
        return Envelope(*fields)
    except (ValueError, TypeError):
        return None


@final
class Vault:
    """Seals envelopes with the first of its keys, and opens those of any."""

    __slots__ = ("_fernet", "_refusal")

    def __init__(self, fernet: "MultiFernet", refusal: type[Exception]) -> None:
        """Make one; `refusal` is what the keys raise at what they have not sealed."""
        self._fernet = fernet
        self._refusal = refusal

    def seal(self, envelope: Envelope) -> bytes:
        """Give the envelope encrypted and authenticated."""
        return self._fernet.encrypt(pack(envelope))

    def open(self, sealed: bytes, name: str) -> Envelope | None:
        """Give the envelope; None where it was not sealed by one of the keys, for this name."""
        try:
            envelope = unpack(self._fernet.decrypt(sealed))
        except self._refusal:
            return None
        return envelope if envelope is not None and envelope.name == name else None


def make_vault(keys: object) -> Vault | str:
    """Give the vault for these keys, or a sentence about what is wrong with them.

    It returns the sentence instead of raising it, because a traceback with captured locals would
    show this frame's keys.
    """
    fernet = import_fernet()
    each: list[object] = []
    if isinstance(keys, str | bytes):
        each = [keys]
    elif isinstance(keys, Iterable):
        each = list(keys)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if not each:
        return "encryption_key must be a key, or several with the newest first"
    made: list[Any] = []
    for key in each:
        if not isinstance(key, str | bytes):
            return "encryption_key must be a str or bytes, or several"
        try:
            # Keys mounted as files end in a newline.
            made.append(fernet.Fernet(key.strip()))
        except ValueError:
            return "encryption_key is no key: make one with SharedCache.generate_key()"
    return Vault(fernet.MultiFernet(made), fernet.InvalidToken)


def import_fernet() -> Any:
    """Give the module `cryptography.fernet`.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        from cryptography import fernet
    except ImportError:
        raise ConfigurationError(
            'SharedCache needs the package cryptography: pip install "nango-client[redis]"'
        ) from None
    return fernet


@final
class Names:
    """Names for the store: keyed hashes, part by part, of what a key of the cache is made of.

    Who has the API key can compute them, and nobody else. Encryption keys are no part of them, so
    that rotation moves nothing.
    """

    __slots__ = ("_integration", "_options", "_prefix", "_secret")

    def __init__(self, settings: Settings) -> None:
        where = str(settings.base_url).rstrip("/")
        self._secret = hmac.digest(settings.api_key.encode(), where.encode(), "sha256")
        self._prefix = f"nango{_FORMAT}:{self._hash('environment', '')}"
        # There are few integrations, and many connections of each.
        self._integration = lru_cache(maxsize=1024)(partial(self._hash, "integration"))
        self._options: dict[Key, str] = {
            options: self._hash("options", ",".join(options)) for options in SHARED_OPTIONS
        }

    def of(self, key: Key) -> str:
        """Give the name of one key of the cache."""
        return f"{self._stem(key[0], key[1])}:{self._options[key[2:]]}"

    def of_pair(self, pair: Pair) -> list[str]:
        """Give the names of all that is shared of a connection."""
        stem = self._stem(pair[0], pair[1])
        return [f"{stem}:{options}" for options in self._options.values()]

    def of_pause(self, pair: Pair) -> str:
        """Give the name of the pause between forced renewals; no pattern matches its many parts."""
        return f"{self._stem(pair[0], pair[1])}:renewed:by-force"

    def matching(self, connection_id: str | None, provider_config_key: str | None) -> list[str]:
        """Give the patterns of all that matches; None matches everything."""
        if connection_id is not None and provider_config_key is not None:
            # One by one, so that the store need not search.
            return self.of_pair((connection_id, provider_config_key))
        return [f"{self._stem(connection_id, provider_config_key)}:*"]

    def _stem(self, connection_id: str | None, provider_config_key: str | None) -> str:
        integration = "*" if provider_config_key is None else self._integration(provider_config_key)
        connection = "*" if connection_id is None else self._hash("connection", connection_id)
        return f"{self._prefix}:{integration}:{connection}"

    def _hash(self, part: str, value: str) -> str:
        # An id that Nango could not know, with a lone surrogate, is refused later.
        message = f"{part}\0{value}".encode(errors="surrogatepass")
        digest = blake2b(message, key=self._secret, digest_size=18).digest()
        return urlsafe_b64encode(digest).decode()


def may_be_stored(body: bytes) -> bool:
    """Say whether an answer holds no refresh token; older servers hand them out unasked."""
    return not (b"refresh" in body.lower() and _has_refresh_token(loads(body)))


def _has_refresh_token(value: Any) -> bool:
    fields = as_object(value)
    if fields is None:
        return any(_has_refresh_token(item) for item in as_array(value))
    return any(
        (name.lower().replace("_", "") == "refreshtoken" and bool(item)) or _has_refresh_token(item)
        for name, item in fields.items()
    )
