"""A call as Nango's proxy wants it; no I/O. Source: API.md §6."""

import re
from typing import Any, Final, final

import aiohttp
from aiohttp import payload
from multidict import CIMultiDict
from yarl import URL

from nango_client._provider.making import urls
from nango_client._provider.making.bodies import JSON, write_body
from nango_client._provider.making.plans import NOT_GIVEN, Call
from nango_client._provider.options import header_dict
from nango_client.exceptions import InvalidArgumentError

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS_HEADERS = re.compile(r"[\r\n\x00]")
_BYTES: Final = "application/octet-stream"
_PARTS: Final = "multipart/form-data"
# Nango would put credentials in the place of ``${...}``, in whatever the caller was given.
_NO_TEMPLATE: Final = str.maketrans({"$": "%24", "{": "%7B", "}": "%7D"})


@final
class ProxyRequest:
    """A request to Nango's proxy, but for the headers that all of them have."""

    __slots__ = ("body", "headers", "method", "url")

    def __init__(self, method: str, url: URL, headers: CIMultiDict[str], body: Any) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body


def proxy_request(
    base: URL,
    method: str,
    path: str | URL,
    *,
    params: Any,
    headers: Any,
    json: Any,
    data: Any,
) -> ProxyRequest:
    """Make the request.

    Args:
        base: Nango's address.
        method: of HTTP.
        path: of the provider, no absolute URL.
        params: see `RequestOptions`, likewise the others.
        headers: the caller's.
        json: a body.
        data: a body.

    Raises:
        InvalidArgumentError: it cannot go through the proxy.
    """
    method = str(method).upper()
    if method not in _METHODS:
        raise InvalidArgumentError(
            f"Nango's proxy knows {', '.join(sorted(_METHODS))}: for other methods use "
            "client.direct"
        )
    own_path, query = _located(path)
    query = urls.with_pairs(*urls.with_params(query, params)).removeprefix("?")
    wire, body = _content(method, header_dict(headers), json, data)
    url = URL.build(
        scheme=base.scheme,
        authority=base.raw_authority,
        path=f"{base.raw_path.rstrip('/')}/proxy/{own_path.translate(_NO_TEMPLATE)}",
        query_string=query.translate(_NO_TEMPLATE),
        encoded=True,
    )
    return ProxyRequest(method, url, wire, body)


def _located(path: object) -> tuple[str, str]:
    """Give path and query, encoded; dots are resolved, so that nothing of Nango's is reached."""
    if isinstance(path, URL):
        is_absolute = path.raw_host is not None
        own, query, _ = urls.raw_parts(path)
    elif isinstance(path, str):
        is_absolute = urls.split_origin(path) is not None
        own, query, _ = urls.split_path(path)
        query = urls.encode_query(query)
    else:
        raise InvalidArgumentError("path is neither text nor yarl.URL")
    if is_absolute:
        raise InvalidArgumentError(
            "an absolute URL cannot go through Nango's proxy: pass its path, and another server's "
            "address as base_url="
        )
    return urls.encode_path("/" + own.lstrip("/"))[1:], query.removeprefix("?")


def _content(
    method: str, own: CIMultiDict[str], json: Any, data: Any
) -> tuple[CIMultiDict[str], Any]:
    """Give the headers for Nango and the body.

    The ``Content-Type`` tells Nango how to read the body, and with ``Nango-Proxy-`` in front it
    tells the provider. JSON alone is passed on as what it is.
    """
    declared = own.get("Content-Type")
    call = Call(method, "", json=NOT_GIVEN if json is None else json, data=data)
    body = write_body(call, method, declared, None)
    content, kind = body.content, declared or body.content_type
    wire: CIMultiDict[str] = CIMultiDict()
    for name, value in own.items():
        if not _NAME.fullmatch(name) or _BREAKS_HEADERS.search(value):
            raise InvalidArgumentError(
                "a header's name is a token, and its value has no CR, LF or NUL"
            )
        wire.add(f"Nango-Proxy-{name}", value)
    if content is None:
        return wire, None
    if body.is_opaque:
        content = _payload(content)
        if declared is None or declared.lower().startswith(_PARTS):
            kind = content.headers.get("Content-Type", content.content_type)
    kind = kind or _BYTES
    wire["Content-Type"] = kind
    if declared is not None or kind != JSON:
        wire["Nango-Proxy-Content-Type"] = _PARTS if kind.lower().startswith(_PARTS) else kind
    return wire, content


def _payload(data: Any) -> payload.Payload:
    """Make of a body what aiohttp would make of it, in order to see its type."""
    if isinstance(data, aiohttp.FormData):
        return data()
    try:
        return aiohttp.get_payload(data, disposition=None)
    except payload.LookupError:
        return aiohttp.FormData(data)()
