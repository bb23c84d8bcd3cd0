"""Requests and answers of the Nango API, without I/O."""

import json
import re
from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import Any, Final, final
from urllib.parse import parse_qsl, quote

import attrs

from nango_client._http.headers import server_time
from nango_client._wire.converter import encode
from nango_client.exceptions import InvalidArgumentError

MAX_ID_LENGTH: Final = 255


@final
class About:
    """What a request is about, in words for error texts; put together where one is needed.

    Args:
        text: the words, with ``{}`` for each name.
        names: ids and keys that the caller passed.
        check: what to look at where Nango does not accept or know it.
    """

    __slots__ = ("_names", "_text", "check")

    def __init__(self, text: str, *names: str, check: str = "the arguments") -> None:
        self._text = text
        self._names = names
        self.check: str = check

    def __str__(self) -> str:
        return self._text.format(*map(repr, self._names))


# Takes both ids of a connection.
about_connection: Final = partial(About, "connection {} of integration {}", check="both ids")


def about_integration(provider_config_key: str) -> About:
    """Name an integration by its key."""
    return About("integration {}", provider_config_key, check="the integration's key")


@final
@attrs.define(eq=False)
class Request:
    """One request of the API, ready to be sent."""

    method: str
    route: str
    """The path's template, for events: ids are left out."""
    path: str
    """Percent-encoded, with a leading slash; appended to the base URL as it is."""
    query: str
    """Percent-encoded, without the question mark."""
    about: About
    runs_once: bool = False
    """It must not be sent again where it may have run: twice is not the same as once."""
    renews: bool = False
    """Nango may renew credentials for it."""
    body: bytes | None = attrs.field(default=None, repr=False)
    """JSON."""
    headers: Mapping[str, str] | None = None
    """Besides those that every request has."""
    session_token: str | None = attrs.field(default=None, repr=False)
    """What authorises it instead of the API key."""
    limit: float | None = None
    """Seconds, instead of both limits of the client's policy."""

    def parameters(self) -> frozenset[str]:
        """Give the names of all parameters that it has, as the wire calls them."""
        names = {name for name, _ in parse_qsl(self.query, keep_blank_values=True)}
        return frozenset(names | _PATH_PARAMETERS | set(json.loads(self.body or b"{}")))


# As the server calls the parts of its paths.
_PATH_PARAMETERS: Final = frozenset({"connectionId", "uniqueKey", "provider", "name", "id"})


@final
@attrs.define(eq=False)
class Response:
    """One whole answer. The body never shows in a ``repr``."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    received_at: float
    """Wall-clock time at which the answer had come, epoch seconds."""

    def server_time(self) -> float:
        """Give the answer's ``Date`` in epoch seconds, or when it came where it has none."""
        return server_time(self.headers, self.received_at)


def check_id(name: str, value: object) -> str:
    """Give `value` back if Nango could know it as an id.

    Raises:
        InvalidArgumentError: it is not a string of 1 to 255 characters, or holds control
            characters or lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} must be a str, not {type(value).__name__}")
    if not value:
        raise InvalidArgumentError(f"{name} is empty")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidArgumentError(
            f"{name} has {len(value)} characters; Nango takes {MAX_ID_LENGTH} at most"
        )
    if _UNUSABLE.search(value):
        raise InvalidArgumentError(f"{name} holds a control character or a lone surrogate")
    return value


_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Nearly all ids: nothing to refuse in them, nothing to escape.
_PLAIN = re.compile(f"[A-Za-z0-9_.~-]{{1,{MAX_ID_LENGTH}}}")


def quoted(name: str, value: str) -> str:
    """Give an id percent-encoded, as the value of a query's parameter.

    Raises:
        InvalidArgumentError: see `check_id`.
    """
    if type(value) is str and _PLAIN.fullmatch(value):
        return value
    return quote(check_id(name, value), safe="")


def segment(name: str, value: str) -> str:
    """Give an id percent-encoded, as one segment of a path.

    Raises:
        InvalidArgumentError: see `check_id`; or it is ``.`` or ``..``, which proxies take for a
            part of the path.
    """
    encoded = quoted(name, value)
    if encoded in {".", ".."}:
        raise InvalidArgumentError(f"{name} {encoded!r} cannot travel in a URL's path")
    return encoded


def query_string(parameters: Iterable[tuple[str, str]]) -> str:
    """Give a query; the values may hold anything."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)


def connection_headers(connection_id: str, provider_config_key: str) -> Mapping[str, str]:
    """Give the headers by which some endpoints are told whose call it is.

    Raises:
        InvalidArgumentError: see `check_id`; or an id begins or ends with a space, which HTTP
            leaves out, so that another connection would be meant.
    """
    ids = {
        "Connection-Id": check_id("connection_id", connection_id),
        "Provider-Config-Key": check_id("provider_config_key", provider_config_key),
    }
    for name, value in ids.items():
        if value != value.strip(" "):
            raise InvalidArgumentError(
                f"{name} begins or ends with a space, which a header cannot carry"
            )
    return ids


def json_body(*, null: Container[str] = (), **members: Any) -> bytes:
    """Give the JSON of a body: models by the wire's names, and nothing of what is None.

    Args:
        null: the members that are sent also where they are None.
        members: by the wire's names.

    Raises:
        InvalidArgumentError: a member is not JSON, or a text in it is not Unicode.
    """
    problem = None
    try:
        document = {
            name: _plain(value)
            for name, value in members.items()
            if value is not None or name in null
        }
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        # Raised below, so that neither cause nor frames hold the values.
        problem = next(name for name, value in members.items() if not _is_json(value))
    del members
    raise InvalidArgumentError(
        f"{problem} cannot be sent as JSON: use str keys, and str, int, finite float, bool, None, "
        "lists and mappings of them"
    )


def _is_json(value: Any) -> bool:
    try:
        json.dumps(_plain(value), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _plain(value: Any) -> Any:
    encoded = encode(value)
    _refuse_other_keys(encoded)
    return encoded


def _refuse_other_keys(value: Any) -> None:
    """Refuse what `json` would turn into text by itself: one key could replace another."""
    if isinstance(value, dict):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(key, str):
                raise TypeError
            _refuse_other_keys(item)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            _refuse_other_keys(item)
