"""The functions of the template language, and the variables that depend on the request.

Source: PROXY.md §3 and §10.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any, Final, cast, final
from urllib.parse import quote

from nango_client._provider.making import signatures, urls
from nango_client._provider.making.bodies import JSON, Body
from nango_client._provider.making.refusals import Refused, to_bytes
from nango_client._provider.making.templates import Function, Scope, text_of
from nango_client.exceptions import InvalidArgumentError


@final
class Target:
    """The request that templates and signatures may speak of.

    Args:
        method: in upper case.
        origin: scheme, host and port.
        path: as it is sent.
        query: as it is sent, without ``?``.
        endpoint: the path as the caller gave it, the query included.
        content_type: of caller or provider; empty where neither says one.
        signed_type: the caller's own; None where there is none.
        body: as it is sent.
    """

    __slots__ = (
        *("body", "content_type", "endpoint", "method", "origin", "path", "query"),
        "signed_type",
    )

    def __init__(
        self,
        *,
        method: str,
        origin: str,
        path: str,
        query: str,
        endpoint: str,
        content_type: str,
        signed_type: str | None,
        body: Body,
    ) -> None:
        self.method = method
        self.origin = origin
        self.path = path
        self.query = query
        self.endpoint = endpoint
        self.content_type = content_type
        self.signed_type = signed_type
        self.body = body

    @property
    def host(self) -> str:
        """Host and port."""
        return self.origin.partition("://")[2]

    def content(self) -> bytes:
        """Give the bytes of the body, for what signs them."""
        if self.body.is_opaque:
            raise InvalidArgumentError(
                "this provider's requests are signed with their body, which has to be in memory: "
                "pass json, bytes or the fields of a form"
            )
        return self.body.content or b""

    def variables(self) -> Mapping[str, Callable[[], str]]:
        """Give the variables by name."""
        return {
            "method": lambda: self.method,
            "host": lambda: self.host,
            "path": lambda: self.path,
            "endpoint": lambda: self.endpoint,
            "params": self._params,
            "urlCanonicalParams": lambda: _canonical(urls.parse_query(self.query)),
            "bodyCanonicalParams": lambda: self.content().decode(errors="replace"),
            "contentType": lambda: self.content_type,
        }

    def _params(self) -> str:
        """Give the parameters in the form that Duo signs: the body's, or of a GET the query's."""
        if self.method in {"POST", "PUT", "PATCH"}:
            content = self.content()
            if self.body.form is not None:
                return _canonical(self.body.form)
            if self.body.content_type == JSON:
                return _canonical(_members(loads(content)))
            return _canonical(urls.parse_query(content.decode(errors="replace")))
        return _canonical(urls.parse_query(self.query))


def _members(document: Any) -> list[tuple[str, str]]:
    if not isinstance(document, dict):
        return []
    members = cast("dict[str, Any]", document).items()
    return [(name, _member(value)) for name, value in members]


def _member(value: Any) -> str:
    text = text_of(value)
    return dumps(value, ensure_ascii=False, separators=(",", ":")) if text is None else text


def _canonical(pairs: list[tuple[str, str]]) -> str:
    # By bytes, as those sort who verify it.
    return "&".join(
        f"{key}={value}"
        for key, value in sorted((quote(k, safe=""), quote(v, safe="")) for k, v in pairs)
    )


def _sigv4(arguments: tuple[str, ...], scope: Scope, target: Target) -> str:
    if len(arguments) not in {4, 5}:
        raise Refused("it calls a function with a wrong number of arguments")
    access_key, secret, region, service = arguments[:4]
    host = arguments[4] if arguments[4:] else f"{service}.amazonaws.com"
    now = (scope.now or datetime.now(UTC)).astimezone(UTC)
    headers = {"host": host, "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
    if target.signed_type is not None:
        headers["content-type"] = target.signed_type
    return signatures.sigv4(
        method=target.method,
        origin=f"https://{host}",
        path=target.path,
        query=target.query,
        headers=headers,
        payload_hash=hashlib.sha256(target.content()).hexdigest(),
        keys=(access_key, secret),
        region=region,
        service=service,
        now=now,
    )


PURE_FUNCTIONS: Final[Mapping[str, Function]] = {
    "base64": lambda texts, _: base64.b64encode(to_bytes(texts[0])).decode(),
    "sha256Hex": lambda texts, _: hashlib.sha256(to_bytes(texts[0])).hexdigest(),
    "sha256Base64": lambda texts, _: base64.b64encode(
        hashlib.sha256(to_bytes(texts[0])).digest()
    ).decode(),
    "hmacSha1Hex": lambda texts, _: hmac.new(
        to_bytes(texts[1]), to_bytes(texts[0]), hashlib.sha1
    ).hexdigest(),
    "ed25519Sign": lambda texts, _: signatures.ed25519(texts[0], texts[1]),
}
"""The functions that need nothing but their arguments."""


def functions_for(target: Target) -> Mapping[str, Function]:
    """Give all functions that a header of this request may call."""
    return {**PURE_FUNCTIONS, "awsSigV4": lambda texts, scope: _sigv4(texts, scope, target)}
