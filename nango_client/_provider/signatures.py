"""Signatures of whole requests, made by the libraries that are known for them.

Each is an optional part of the package and imported where it is used.
"""

import base64
import hashlib
import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from nango_client._provider import urls
from nango_client._provider.refusals import CHECK_CONNECTION, Refused, missing_extra, to_bytes

EMPTY_HASH: Final = hashlib.sha256(b"").hexdigest()
_PEM = re.compile(r"-----BEGIN ([A-Z ]{1,40})-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")


def _strict_query(query: str) -> str:
    """Write a query the only way that signatures count; readers see no difference."""
    return urls.write_query(urls.parse_query(query))


def oauth1(
    *,
    method: str,
    url: str,
    query: str,
    consumer: tuple[str, str],
    token: tuple[str, str],
    signature_method: str,
    timestamp: int,
    nonce: str,
    realm: str | None = None,
) -> str:
    """Give the ``Authorization`` header of OAuth 1.0a (RFC 5849); the body is never signed.

    Args:
        method: of HTTP.
        url: without query and fragment, as it is sent.
        query: as it is sent, without ``?``.
        consumer: the app's id and secret.
        token: the user's token and its secret.
        signature_method: ``HMAC-SHA1``, ``HMAC-SHA256`` or ``PLAINTEXT``.
        timestamp: epoch seconds.
        nonce: a text that was not used before.
        realm: stands first where there is one.

    Raises:
        Refused: the library is not installed, or the method is another.
    """
    try:
        from oauthlib.oauth1 import Client
    except ImportError:
        Client = None  # noqa: N806
    if Client is None:
        raise missing_extra("oauth1", "signatures of OAuth 1")
    if signature_method not in {"HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"}:
        raise Refused("it signs with a method that is not offered here")
    client = Client(
        consumer[0],
        client_secret=consumer[1],
        resource_owner_key=token[0],
        resource_owner_secret=token[1],
        signature_method=signature_method,
        realm=realm,
        nonce=nonce,
        timestamp=str(timestamp),
    )
    signed = f"{url}?{_strict_query(query)}" if query else url
    _, headers, _ = client.sign(signed, http_method=method)
    return str(headers["Authorization"])


def sigv4(
    *,
    method: str,
    origin: str,
    path: str,
    query: str,
    headers: dict[str, str],
    payload_hash: str,
    keys: tuple[str, str],
    region: str,
    service: str,
    now: datetime,
) -> str:
    """Give the ``Authorization`` header of AWS Signature Version 4.

    Args:
        method: of HTTP.
        origin: scheme, host and port.
        path: encoded once, as it is sent.
        query: as it is sent, without ``?``.
        headers: what is signed, the host included, names in lower case.
        payload_hash: SHA-256 of the body in hexadecimal, or ``UNSIGNED-PAYLOAD``.
        keys: access key id and secret.
        region: of AWS.
        service: of AWS; ``s3`` has its paths encoded once, all others twice.
        now: when, in UTC.

    Raises:
        Refused: the library is not installed.
    """
    try:
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ImportError:
        AWSRequest = None  # noqa: N806
    if AWSRequest is None:
        raise missing_extra("aws", "AWS signatures")
    signer_class = S3SigV4Auth if service == "s3" else SigV4Auth
    signer: Any = signer_class(Credentials(*keys), service, region)
    strict = _strict_query(query)
    request: Any = AWSRequest(
        method=method,
        url=f"{origin}{quote(path, safe='/%~')}" + (f"?{strict}" if strict else ""),
        headers={**headers, "X-Amz-Content-SHA256": payload_hash},
    )
    request.context["timestamp"] = f"{now:%Y%m%dT%H%M%SZ}"
    signer.headers_to_sign = lambda _: _as_message(headers)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def _as_message(headers: dict[str, str]) -> Any:
    from botocore.compat import HTTPHeaders

    return HTTPHeaders.from_dict(headers)


def ed25519(message: str, key: str) -> str:
    """Give the Ed25519 signature of a text, in base64.

    Args:
        message: signed as UTF-8.
        key: a private key in PEM, with real or escaped line ends, or its base64 alone.

    Raises:
        Refused: the library is not installed, or the key is no key.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_der_private_key
    except ImportError:
        load_der_private_key = None  # type: ignore[assignment]
    if load_der_private_key is None:
        raise missing_extra("ed25519", "Ed25519 signatures")
    der = _der(key)
    private = None
    if der is not None:
        try:
            private = load_der_private_key(der, None)
        except Exception:  # noqa: BLE001  the library has a dozen ways to say it
            private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise Refused("the connection's key is no Ed25519 private key", CHECK_CONNECTION)
    return base64.b64encode(private.sign(to_bytes(message))).decode()


def _der(key: str) -> bytes | None:
    text = key.replace("\\n", "\n").strip()
    pem = _PEM.fullmatch(text)
    inner = pem[2] if pem else text
    if not _BASE64.fullmatch(inner):
        return None
    try:
        return base64.b64decode("".join(inner.split()), validate=True)
    except ValueError:
        return None
