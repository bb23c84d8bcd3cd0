"""Signatures of whole requests, made by the libraries that are known for them.

Each is an optional part of the package and imported where it is used.
"""

import base64
import re
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any

from nango_client._provider.making import urls
from nango_client._provider.making.refusals import (
    CHECK_CONNECTION,
    Refused,
    missing_extra,
    to_bytes,
)

_PEM = re.compile(r"-----BEGIN ([A-Z ]{1,40})-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")


def _same(message: object, _request: object) -> object:
    return message


def _library(module: str, extra: str, purpose: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        pass
    raise missing_extra(extra, purpose)


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
    library = _library("oauthlib.oauth1", "oauth1", "signatures of OAuth 1")
    if signature_method not in {"HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"}:
        raise Refused("it signs with a method that is not offered here")
    # The libraries take for granted that a text can be encoded.
    for text in (*consumer, *token):
        to_bytes(text)
    client = library.Client(
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
    library = _library("botocore.auth", "aws", "AWS signatures")
    for text in (*keys, region, service, *headers.values()):
        to_bytes(text)
    signer_class = library.S3SigV4Auth if service == "s3" else library.SigV4Auth
    signer = signer_class(import_module("botocore.credentials").Credentials(*keys), service, region)
    strict = _strict_query(query)
    request = import_module("botocore.awsrequest").AWSRequest(
        method=method,
        url=f"{origin}{path}" + (f"?{strict}" if strict else ""),
        headers={**headers, "X-Amz-Content-SHA256": payload_hash},
    )
    request.context["timestamp"] = f"{now:%Y%m%dT%H%M%SZ}"
    message = library.HTTPHeaders.from_dict(headers)
    # All of them: the library itself would leave out what it knows to be changed on the way.
    signer.headers_to_sign = partial(_same, message)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(message)
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def ed25519(message: str, key: str) -> str:
    """Give the Ed25519 signature of a text, in base64.

    Args:
        message: signed as UTF-8.
        key: a private key in PEM, with real or escaped line ends, or its base64 alone.

    Raises:
        Refused: the library is not installed, or the key is no key.
    """
    package = "cryptography.hazmat.primitives"
    library = _library(f"{package}.asymmetric.ed25519", "ed25519", "Ed25519 signatures")
    der = _der(key)
    private: Any = None
    if der is not None:
        # The library has a dozen ways to say that it is no key.
        with suppress(Exception):
            private = import_module(f"{package}.serialization").load_der_private_key(der, None)
    if not isinstance(private, library.Ed25519PrivateKey):
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
