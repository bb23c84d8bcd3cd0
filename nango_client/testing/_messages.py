"""What travels: requests as they are recorded, answers as they are sent."""

import contextlib
import json
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

import attrs
from multidict import CIMultiDict

from nango_client._wire.jsonlib import as_object

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

_CONNECTION_PATH = re.compile(r"/connections?/(?!metadata$)([^/]+)")
_INTEGRATION_PATH = re.compile(r"/integrations/(?!quickstart$)([^/]+)(?:/.*)?")


@attrs.frozen(kw_only=True)
class RecordedRequest:
    """A request that reached the server, answered or not.

    Its ``repr`` leaves out the headers, because they hold the API key.

    Example:
        >>> connection = await nango.get_connection("user-42", "github")
        >>> request = server.requests[0]
        >>> request.method, request.path, request.query
        ('GET', '/connection/user-42', {'provider_config_key': 'github'})
    """

    method: str
    path: str
    """The path, percent-decoded."""
    raw_path: str
    """The path as it was sent, still percent-encoded and without the query."""
    query: dict[str, str]
    """The query's parameters, decoded; of one that was sent twice, the last."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The headers; looking them up ignores case."""
    connection_id: str | None
    """The connection that the request is about, by path, headers, query or body; None where that
    is none or several."""
    provider_config_key: str | None = None
    """The integration that the request is about, found likewise."""
    raw_query: str = attrs.field(repr=False)
    """The query as it was sent, without the question mark."""
    body: bytes = attrs.field(default=b"", repr=False)
    """The body as it was sent; empty where there was none."""

    @classmethod
    def parse(cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Self:
        """Read the request line's `target`, the path with the query."""
        raw_path, _, raw_query = target.partition("?")
        query = dict(parse_qsl(raw_query, keep_blank_values=True))
        named = _named(headers, query, body)
        if found := _CONNECTION_PATH.fullmatch(raw_path):
            named["connection_id"] = unquote(found[1])
        if found := _INTEGRATION_PATH.fullmatch(raw_path):
            named["provider_config_key"] = unquote(found[1])
        return cls(
            method=method,
            path=unquote(raw_path),
            raw_path=raw_path,
            query=query,
            headers=headers,
            connection_id=named.get("connection_id"),
            provider_config_key=named.get("provider_config_key"),
            raw_query=raw_query,
            body=body,
        )

    def json(self) -> Any:
        """Give the body, read as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)

    def __str__(self) -> str:
        """Give the request line, cut where it is very long."""
        line = f"{self.method} {self.raw_path}" + (f"?{self.raw_query}" if self.raw_query else "")
        return line if len(line) <= 300 else f"{line[:300]}..."  # noqa: PLR2004


# Where the ids stand in the requests of all endpoints: in headers, and in queries and bodies.
_NAMES = {
    "connection_id": ("Connection-Id", ("connection_id", "connectionId")),
    "provider_config_key": (
        "Provider-Config-Key",
        ("provider_config_key", "integration_id", "integrationId", "unique_key"),
    ),
}


def _named(headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> dict[str, str]:
    sent: Mapping[str, Any] = query
    with contextlib.suppress(ValueError):
        sent = {**query, **(as_object(json.loads(body)) or {})}
    named: dict[str, str] = {}
    for name, (header, keys) in _NAMES.items():
        found = (headers.get(header), *(sent.get(key) for key in keys))
        for value in found:
            if isinstance(value, str):
                named.setdefault(name, value)
    return named


@attrs.frozen
class UnexpectedRequest:
    """A request that the server was not set up for, and what would have been right.

    Example:
        >>> try:
        ...     await nango.get_token("nobody", "github")
        ... except NotFoundError:
        ...     print(server.unexpected_requests[0].problem)
        no such connection; known: user-42/github, user-42/algolia, user-42/ashby
    """

    request: RecordedRequest
    problem: str

    def __str__(self) -> str:
        return f"{self.request}: {self.problem}"


@attrs.frozen
class Answer:
    """An answer, ready to be sent."""

    status: int
    body: bytes = attrs.field(default=b"", repr=False)
    headers: CIMultiDict[str] = attrs.field(factory=CIMultiDict[str])

    def dated(self, now: float) -> Self:
        """Give a copy with the headers that every answer has, where it does not set them itself."""
        headers = CIMultiDict(self.headers)
        if self.body and "Transfer-Encoding" not in headers:
            headers.setdefault("ETag", f'W/"{len(self.body):x}-{zlib.crc32(self.body):08x}"')
        headers.setdefault("Date", formatdate(now, usegmt=True))
        headers.setdefault("Keep-Alive", "timeout=61")
        return attrs.evolve(self, headers=headers)


class Refusal(Exception):  # noqa: N818  what the server decides is no error of the kit
    """A request that is not served; `hint` says what was expected where that was not planned."""

    def __init__(self, answer: Answer, hint: str | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.hint = hint


@attrs.frozen
class Forward:
    """A request for which somebody else has to be asked."""

    ask: Callable[[], Awaitable[Answer]]


@attrs.frozen
class Reaction:
    """What the server does about a request."""

    answer: Answer | Forward | None
    """None: the connection is closed without an answer."""
    delay: float = 0.0
    """Real seconds for which that is held back."""


@attrs.frozen
class SignedWebhook:
    """A webhook as Nango sends it: the bytes of its body, and its headers with the signatures.

    Example:
        >>> from nango_client import webhooks
        >>> signed = server.webhook("auth", "user-42", "github", operation="override")
        >>> event = webhooks.receive(signed.body, signed.headers, server.signing_key)
        >>> event.connection_id, event.operation
        ('user-42', 'override')
    """

    body: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)


def json_answer(status: int, document: object) -> Answer:
    """Make an answer with a JSON body, as the server writes it: compact and UTF-8."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, CIMultiDict({"Content-Type": JSON_TYPE}))


def error_answer(status: int, code: str, **members: Any) -> Answer:
    """Make the answer of a failure; members that are None are left out, as on the wire."""
    shown = {name: value for name, value in members.items() if value is not None}
    return json_answer(status, {"error": {"code": code, **shown}})
