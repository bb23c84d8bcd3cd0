"""Webhooks that can be trusted: check the signature over the raw bytes, and read the event.

Pure functions, for places that have no client too: a Django view, a Lambda.
"""

from nango_client._webhooks.events import read_event
from nango_client._webhooks.signature import (
    LEGACY_SIGNATURE,
    SIGNATURE,
    Body,
    Headers,
    SigningKey,
    find_fault,
    hmac_of,
    legacy_hash_of,
    read_body,
    read_keys,
)
from nango_client.exceptions import DecodeError, NangoError
from nango_client.models import (
    AsyncActionWebhook,
    AuthWebhook,
    ForwardWebhook,
    SyncResult,
    SyncWebhook,
    UnknownWebhook,
    WebhookEndUser,
    WebhookError,
    WebhookEvent,
)

__all__ = [
    "AsyncActionWebhook",
    "AuthWebhook",
    "ForwardWebhook",
    "SyncResult",
    "SyncWebhook",
    "UnknownWebhook",
    "WebhookEndUser",
    "WebhookError",
    "WebhookEvent",
    "parse",
    "receive",
    "sign",
    "verify",
]


def receive(
    body: Body, headers: Headers, signing_key: SigningKey = None, *, allow_legacy: bool = False
) -> WebhookEvent:
    """Give the event that a request tells, once it is sure that Nango sent it.

    The signature covers the body alone. It says that Nango sent these bytes, once or more often;
    a provider's forwarded payload is signed too, and could imitate any event.

    Args:
        body: the request's body, as it came.
        headers: the request's headers, as any framework has them, names in any case.
        signing_key: the environment's webhook signing key, or several, any of which may match
            while a key is rotated; by default ``NANGO_WEBHOOK_SIGNING_KEY`` of the process's
            environment.
        allow_legacy: where the header ``X-Nango-Hmac-Sha256`` is absent, accept the hash of older
            self-hosted servers, which who has seen one can forge.

    Raises:
        InvalidSignatureError: the request holds no signature of this body by such a key.
        ConfigurationError: there is no usable key.
        DecodeError: the body is no JSON.
        InvalidArgumentError: `body` is not bytes, or `headers` are no headers.

    Example:
        >>> body = b'{"from": "acme", "type": "order"}'
        >>> headers = sign(body, "a signing key")
        >>> receive(body, headers, ["a new key", "a signing key"]).type
        'order'
    """
    found = _parsed(_verified(body, headers, signing_key, allow_legacy=allow_legacy))
    # A traceback with captured locals must show neither what came nor the key.
    del body, headers, signing_key
    if isinstance(found, NangoError):
        raise found
    return found


def verify(
    body: Body, headers: Headers, signing_key: SigningKey = None, *, allow_legacy: bool = False
) -> None:
    """Return if Nango signed this body; the arguments are those of `receive`.

    Raises:
        InvalidSignatureError: the request holds no signature of this body by such a key.
        ConfigurationError: there is no usable key.
        InvalidArgumentError: `body` is not bytes, or `headers` are no headers.

    Example:
        >>> try:
        ...     verify(b"{}", {"x-nango-hmac-sha256": "0" * 64}, "a signing key")
        ... except InvalidSignatureError as error:
        ...     print(error)
        X-Nango-Hmac-Sha256 does not fit body and key: ...
    """
    found = _verified(body, headers, signing_key, allow_legacy=allow_legacy)
    del body, headers, signing_key
    if isinstance(found, NangoError):
        raise found


def parse(body: Body) -> WebhookEvent:
    """Give the event that a body tells, unchecked: for bodies that `verify` has seen.

    Any JSON is some event. What lacks a field that Nango promises of its type, or has something
    else in its place, is an `UnknownWebhook`, and so is a type to come.

    Raises:
        DecodeError: the body is no JSON.
        InvalidArgumentError: `body` is not bytes.

    Example:
        >>> parse(b'{"from": "nango", "type": "to come"}').type
        'to come'
    """
    found = _parsed(read_body(body))
    del body
    if isinstance(found, NangoError):
        raise found
    return found


def sign(body: Body, signing_key: str) -> dict[str, str]:
    """Give both signature headers of a body, as Nango makes them; for tests of a receiver.

    Raises:
        ConfigurationError: the key is unusable.
        InvalidArgumentError: `body` is not bytes.

    Example:
        >>> sorted(sign(b"{}", "a signing key"))
        ['X-Nango-Hmac-Sha256', 'X-Nango-Signature']
    """
    found = _signed(body, signing_key)
    del body, signing_key
    if isinstance(found, NangoError):
        raise found
    return found


def _verified(
    body: object, headers: object, signing_key: object, *, allow_legacy: bool
) -> bytes | NangoError:
    """Give the bytes that were signed, or what is wrong."""
    content, keys = read_body(body), read_keys(signing_key)
    if isinstance(content, NangoError):
        return content
    if isinstance(keys, NangoError):
        return keys
    return find_fault(content, headers, keys, allow_legacy=allow_legacy) or content


def _parsed(content: bytes | NangoError) -> WebhookEvent | NangoError:
    if isinstance(content, NangoError):
        return content
    return read_event(content) or DecodeError("the webhook's body is not JSON")


def _signed(body: object, signing_key: object) -> dict[str, str] | NangoError:
    content, keys = read_body(body), read_keys((signing_key,))
    if isinstance(content, NangoError):
        return content
    if isinstance(keys, NangoError):
        return keys
    (key,) = keys
    return {SIGNATURE: hmac_of(content, key), LEGACY_SIGNATURE: legacy_hash_of(content, key)}
