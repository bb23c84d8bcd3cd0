"""What travels: requests as they are recorded, answers as they are sent."""

import json
import re
import zlib
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

import attrs
from multidict import CIMultiDict

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

_CONNECTION_PATH = re.compile(r"/connections?/([^/]+)")


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
    """The connection that was asked for, decoded; None where the path names none."""
    raw_query: str = attrs.field(repr=False)
    """The query as it was sent, without the question mark."""
    body: bytes = attrs.field(default=b"", repr=False)
    """The body as it was sent; empty where there was none."""

    @classmethod
    def parse(
        cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Self:
        """Read the request line's `target`, the path with the query."""
        raw_path, _, raw_query = target.partition("?")
        found = _CONNECTION_PATH.fullmatch(raw_path)
        return cls(
            method=method,
            path=unquote(raw_path),
            raw_path=raw_path,
            query=dict(parse_qsl(raw_query, keep_blank_values=True)),
            headers=headers,
            connection_id=unquote(found[1]) if found else None,
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
        if self.body:
            headers.setdefault("ETag", f'W/"{len(self.body):x}-{zlib.crc32(self.body):08x}"')
        headers.setdefault("Date", formatdate(now, usegmt=True))
        headers.setdefault("Keep-Alive", "timeout=61")
        return attrs.evolve(self, headers=headers)


@attrs.frozen
class Reaction:
    """What the server does about a request."""

    answer: Answer | None
    """None: the connection is closed without an answer."""
    delay: float = 0.0
    """Real seconds for which that is held back."""


def json_answer(status: int, document: object) -> Answer:
    """Make an answer with a JSON body, as the server writes it: compact and UTF-8."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, CIMultiDict({"Content-Type": JSON_TYPE}))


def error_answer(status: int, code: str, **members: Any) -> Answer:
    """Make the answer of a failure; members that are None are left out, as on the wire."""
    shown = {name: value for name, value in members.items() if value is not None}
    return json_answer(status, {"error": {"code": code, **shown}})
