"""Whether Nango signed a request: pure functions over its raw bytes and its headers.

Nothing here raises, because a traceback with captured locals would show the body and the keys.
What is wrong is given back instead, as the error to raise.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from typing import Any, Final, Protocol, cast

from nango_client.exceptions import (
    ConfigurationError,
    InvalidArgumentError,
    InvalidSignatureError,
    NangoError,
)

SIGNATURE: Final = "X-Nango-Hmac-Sha256"
# SHA-256 over key and body: who has seen one can make it fit a longer body.
LEGACY_SIGNATURE: Final = "X-Nango-Signature"
KEY_VARIABLE: Final = "NANGO_WEBHOOK_SIGNING_KEY"

# In lower case; WSGI and Django's META have names of their own, and ASGI has bytes.
_NAMES: Final[dict[object, str]] = {
    spelling: name
    for name in (SIGNATURE, LEGACY_SIGNATURE)
    for text in (name.lower(), "http_" + name.lower().replace("-", "_"))
    for spelling in (text, text.encode())
}
# What a gateway gives in the place of one value; faster to ask for than a union.
_SEVERAL: Final[Any] = (list, tuple)


class _HasItems(Protocol):
    def items(self) -> Iterable[tuple[Any, Any]]: ...


Body = bytes | bytearray | memoryview
Headers = _HasItems | Iterable[tuple[Any, Any]]
SigningKey = str | Iterable[str] | None


def read_body(body: object) -> bytes | InvalidArgumentError:
    """Give a body's bytes, a copy of those that could change between being checked and read."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, bytearray | memoryview):
        return bytes(cast("bytearray", body))
    return InvalidArgumentError(
        f"body is a {type(body).__name__}: pass the request's raw bytes, as they came and before "
        "anything decodes or parses them, because these are what Nango signed"
    )


def read_keys(signing_key: Any) -> list[bytes] | ConfigurationError:
    """Give the keys of an argument, or of the environment where it is None."""
    if signing_key is None:
        signing_key = os.environ.get(KEY_VARIABLE)
        if not signing_key:
            return ConfigurationError(
                f"no webhook signing key: pass signing_key=... or set {KEY_VARIABLE} "
                "(Nango shows it under Environment Settings, Webhooks)"
            )
    given: Iterable[object] = (signing_key,)
    if not isinstance(signing_key, str):
        if not isinstance(signing_key, Iterable):
            return ConfigurationError("signing_key must be a str, or several in a list")
        given = cast("Iterable[object]", signing_key)
    keys: list[bytes] = []
    for key in given:
        if not isinstance(key, str):
            return ConfigurationError("each webhook signing key must be a str")
        # Secrets mounted as files end in a newline.
        stripped = key.strip(" \t\r\n")
        # With an empty key, or an unencodable one in its place, anybody could sign.
        if not stripped or not stripped.isprintable():
            return ConfigurationError(
                "a webhook signing key is empty or holds control characters: copy it again"
            )
        keys.append(stripped.encode())
    return keys or ConfigurationError("signing_key holds no key")


def find_fault(
    body: bytes, headers: object, keys: list[bytes], *, allow_legacy: bool
) -> NangoError | None:
    """Give None where the headers hold a signature of the body by one of the keys, else why not."""
    found = _find_signatures(headers)
    if found is None:
        return InvalidArgumentError(
            "headers must be the request's headers: a mapping, or pairs of name and value"
        )
    name, sign, signatures = SIGNATURE, hmac_of, found[SIGNATURE]
    if not signatures and found[LEGACY_SIGNATURE]:
        if not allow_legacy:
            return InvalidSignatureError(
                f"the request has only the old header {LEGACY_SIGNATURE}, which can be forged: "
                f"does something in between drop {SIGNATURE}? An older self-hosted Nango sends no "
                "other, and allow_legacy=True accepts that"
            )
        name, sign, signatures = LEGACY_SIGNATURE, legacy_hash_of, found[LEGACY_SIGNATURE]
    if not signatures:
        return InvalidSignatureError(
            f"the request has no header {SIGNATURE}: it is not from Nango, or something in between "
            "drops headers"
        )
    if len(signatures) > 1:
        return InvalidSignatureError(f"the request has the header {name} more than once")
    signature = signatures[0]
    if isinstance(signature, bytes):
        signature = signature.decode("latin-1")
    # Only ASCII text can be compared in constant time.
    if not isinstance(signature, str) or not signature.isascii():
        return InvalidSignatureError(f"the request's header {name} is not a signature")
    fits = False
    for key in keys:
        # All keys are tried, so that the time does not tell which one it was.
        fits |= hmac.compare_digest(signature, sign(body, key))
    if not fits:
        return InvalidSignatureError(
            f"{name} does not fit body and key: check that the key is the environment's webhook "
            "signing key, which need not be its API key, and that body is the request's raw bytes"
        )
    return None


def hmac_of(body: bytes, key: bytes) -> str:
    """Give the HMAC-SHA256 in hexadecimal digits, as `SIGNATURE` has it (WEBHOOKS.md §3)."""
    return hmac.digest(key, body, "sha256").hex()


def legacy_hash_of(body: bytes, key: bytes) -> str:
    """Give the SHA-256 of key and body, as `LEGACY_SIGNATURE` has it (WEBHOOKS.md §3)."""
    return hashlib.sha256(key + body).hexdigest()


def _find_signatures(headers: Any) -> dict[str, list[object]] | None:
    """Give all values of both headers, or None where these are no headers."""
    found: dict[str, list[object]] = {SIGNATURE: [], LEGACY_SIGNATURE: []}
    try:
        # Multidicts give a doubled header twice.
        for key, value in headers.items() if hasattr(headers, "items") else headers:
            spelling = key.lower()
            if spelling in _NAMES:
                found[_NAMES[spelling]] += value if isinstance(value, _SEVERAL) else (value,)
    except (AttributeError, TypeError, ValueError):
        return None
    return found
