"""The URL of a provider's request: base and path, encoded once, and nothing out of its place.

Encoding and dot segments are those of the WHATWG URL standard, as in Nango's proxy, but for ``{``
and ``}``, which are encoded in a query too, and for what a connection's values may do, which is
less: see `checked_host` and `path_value`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Final, cast
from urllib.parse import quote, unquote_plus

from yarl import URL

from nango_client._provider.making.refusals import CHECK_CONNECTION, Refused
from nango_client.exceptions import InvalidArgumentError

# What needs no encoding where it stands; "%" is left alone, whatever follows.
_PATH_SAFE: Final = "!$%&'()*+,-./:;=@[]_|~"
_QUERY_SAFE: Final = "!$%&()*+,-./:;=?@[]\\^_`|~"
_PLAIN_PATH = re.compile(r"(?!.*/\.)[A-Za-z0-9_~:@!$&'()*+,;=/.-]*", re.DOTALL)
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)(.*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_HOST_PART = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PRINTABLE = re.compile(r"[\x21-\x7e]*")
_DOT: Final = frozenset({".", "%2e"})
_DOTS: Final = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})

DEFAULT_PORTS: Final[Mapping[str, str]] = {"https": ":443", "http": ":80"}

Pairs = list[tuple[str, str]]


def split_origin(path: str) -> tuple[str, str] | None:
    """Part an absolute URL into origin and the rest; None where it is not absolute."""
    found = _ORIGIN.fullmatch(path)
    return (found[1], found[2]) if found else None


def plain_origin(origin: str) -> str:
    """Write an origin as `Base.origin` is written: lower case, without a default port."""
    scheme, _, host = origin.lower().partition("://")
    return f"{scheme}://{host.removesuffix(DEFAULT_PORTS.get(scheme, '!'))}"


def encode_path(path: str) -> str:
    """Percent-encode a path and resolve its dot segments; a plain one comes back as it is."""
    if _PLAIN_PATH.fullmatch(path):
        return path
    return _resolve_dots(_quote(path, _PATH_SAFE))


def encode_query(query: str) -> str:
    """Percent-encode what a query cannot hold, and leave the rest as it is written."""
    return _quote(query, _QUERY_SAFE)


def _quote(text: str, safe: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        pass
    raise InvalidArgumentError("the path or the query is no valid Unicode")


def _resolve_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for number, segment in enumerate(segments):
        lowered = segment.lower()
        last = number == len(segments) - 1
        if lowered in _DOTS:
            # The first one is empty: it stands before the leading slash.
            if len(kept) > 1:
                kept.pop()
            if last:
                kept.append("")
        elif lowered in _DOT:
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/".join(kept)


def split_path(path: str) -> tuple[str, str, str]:
    """Part a path into path, query (with its ``?``) and fragment (with its ``#``)."""
    path, hash_, fragment = path.partition("#")
    path, mark, query = path.partition("?")
    return path, mark + query, hash_ + fragment


def raw_parts(url: URL) -> tuple[str, str, str]:
    """Give the same of a `yarl.URL`, which is not encoded again."""
    path, query, fragment = url.raw_path, url.raw_query_string, url.raw_fragment
    if not _PRINTABLE.fullmatch(path + query + fragment):
        raise InvalidArgumentError("the path is a URL with characters that cannot be sent")
    return path, query and f"?{query}", fragment and f"#{fragment}"


def parse_query(query: str) -> Pairs:
    """Read a query (without ``?``) as a form; broken escapes stay as they are."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(key), unquote_plus(value)) for key, _, value in pairs]


def write_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query that every reader understands alike: a space is ``%20``."""
    try:
        return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)
    except UnicodeEncodeError:
        pass
    raise InvalidArgumentError("the query is no valid Unicode")


def set_pairs(pairs: Pairs, new: Pairs) -> Pairs:
    """Put pairs in: they stand where their key stood first, else at the end."""
    fresh: dict[str, list[str]] = {}
    for key, value in new:
        fresh.setdefault(key, []).append(value)
    done: set[str] = set()
    result: Pairs = []
    for key, value in pairs:
        if key not in fresh:
            result.append((key, value))
        elif key not in done:
            done.add(key)
            result += [(key, item) for item in fresh[key]]
    return result + [(key, value) for key, value in new if key not in done]


def params_pairs(params: object) -> Pairs:
    """Read aiohttp's `params`, a mapping or pairs, the values texts, numbers or lists of them.

    Raises:
        InvalidArgumentError: they are neither.
    """
    items: Iterable[object] = (None,)
    if isinstance(params, Mapping):
        items = cast("Mapping[object, object]", params).items()
    elif isinstance(params, Iterable):
        items = cast("Iterable[object]", params)
    pairs: Pairs = []
    for item in items:
        pair = cast("Sequence[object]", item) if isinstance(item, list | tuple) else ()
        if len(pair) != 2 or not isinstance(pair[0], str):  # noqa: PLR2004
            raise InvalidArgumentError("params are a mapping, pairs or a text")
        key, value = pair[0], pair[1]
        many = isinstance(value, list | tuple)
        values = cast("Iterable[object]", value) if many else (value,)
        pairs += [(key, _param(one)) for one in values]
    return pairs


def with_params(query: str, params: object) -> tuple[str, Pairs]:
    """Read the caller's `params`: a text becomes the query, of the rest the pairs are given.

    Args:
        query: what the path has already, with its ``?``.
        params: as aiohttp takes them.

    Raises:
        InvalidArgumentError: they are nothing of the kind, or there are two queries.
    """
    if params is None:
        return query, []
    if not isinstance(params, str):
        return query, params_pairs(params)
    if query and params:
        raise InvalidArgumentError("the path has a query already: params cannot be a text")
    return encode_query(f"?{params.removeprefix('?')}") if params else query, []


def with_pairs(query: str, new: Pairs) -> str:
    """Put pairs into a query, which has its ``?`` before and after."""
    if not new:
        return query
    return "?" + write_query(set_pairs(parse_query(query.removeprefix("?")), new))


def _param(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise InvalidArgumentError("a value of params is neither text nor number")


def path_value(text: str) -> str:
    """Encode a connection's value for its place in a path.

    Raises:
        Refused: it would climb out of its place, or holds a control character.
    """
    if _CONTROL.search(text):
        raise Refused("a value in the URL's path holds a control character", CHECK_CONNECTION)
    if any(segment.lower() in _DOT | _DOTS for segment in re.split(r"[/\\]", text)):
        raise Refused("a value in the URL's path would change the path around it", CHECK_CONNECTION)
    try:
        return quote(text, safe=_PATH_SAFE)
    except UnicodeEncodeError:
        pass
    raise Refused("a value of the connection is no valid Unicode", CHECK_CONNECTION)


def is_host_part(text: str) -> bool:
    """Say whether a value may be a part of a host: nothing that could end it early."""
    return _HOST_PART.fullmatch(text) is not None


def checked_host(host: str) -> bool:
    """Say whether this is ``host`` or ``host:port``, and no number that reads as an address."""
    if not _HOST.fullmatch(host):
        return False
    if host.startswith("["):
        return True
    name, _, port = host.partition(":")
    if port and int(port) > 65535:  # noqa: PLR2004
        return False
    name = name.removesuffix(".")
    labels = name.split(".")
    if any(not label or len(label) > 63 for label in labels):  # noqa: PLR2004
        return False
    last = labels[-1].lower()
    if last.isdecimal() or last.startswith("0x"):
        # "42.42" is 42.0.0.42 to a resolver: only what looks like an address may be one.
        try:
            IPv4Address(name)
        except ValueError:
            return False
    return True


def given_base(base: str | URL) -> str:
    """Check a ``base_url=`` that was written in code, and give it without its trailing slash.

    Raises:
        InvalidArgumentError: it is no absolute http(s) URL of host and path alone.
    """
    text = str(base)
    try:
        url = URL(text)
        usable = (
            url.scheme in {"http", "https"}
            and url.raw_host is not None
            and url.user is None
            and url.password is None
            and not url.raw_query_string
            and not url.raw_fragment
            and not any(character in text for character in "{}\\")
            and _CONTROL.search(text) is None
            and url.port is not None
        )
    except ValueError:
        usable = False
        url = URL()
    if not usable:
        raise InvalidArgumentError(
            "base_url is no absolute http or https URL; it is no template, and has no user name, "
            "query or fragment"
        )
    return f"{url.scheme}://{url.raw_authority}{url.raw_path}".removesuffix("/")
