"""Headers are taken as each framework has them."""

import email
from collections.abc import Callable
from typing import Any

import flask
import httpx
import pytest
from aiohttp.test_utils import make_mocked_request
from deliveries import BY_NAME
from django.http.request import HttpHeaders
from multidict import CIMultiDict, CIMultiDictProxy
from starlette.requests import Request

from nango_client import InvalidSignatureError, webhooks

DELIVERY = BY_NAME["auth-creation-unicode"]
BODY, HEADERS, KEY = DELIVERY.body, DELIVERY.headers, DELIVERY.key


def from_aiohttp(pairs: list[tuple[str, str]]) -> Any:
    headers = CIMultiDictProxy(CIMultiDict(pairs))
    return make_mocked_request("POST", "/", headers=headers).headers


def from_starlette(pairs: list[tuple[str, str]]) -> Any:
    raw = [(name.lower().encode(), value.encode()) for name, value in pairs]
    return Request({"type": "http", "headers": raw}).headers


def from_asgi(pairs: list[tuple[str, str]]) -> Any:
    return [(name.lower().encode(), value.encode()) for name, value in pairs]


def django_meta(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Give a request's META as WSGI servers make it; Django's settings are not needed for it."""
    meta = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
    for name, value in pairs:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        meta[key] = f"{meta[key]},{value}" if key in meta else value
    return meta


def from_django(pairs: list[tuple[str, str]]) -> Any:
    return HttpHeaders(django_meta(pairs))


def from_django_meta(pairs: list[tuple[str, str]]) -> Any:
    return django_meta(pairs)


def flask_request(pairs: list[tuple[str, str]]) -> flask.Request:
    app = flask.Flask("app")
    with app.test_request_context("/", method="POST", data=BODY, headers=pairs):
        return flask.request._get_current_object()  # type: ignore[attr-defined,no-any-return]


def from_flask(pairs: list[tuple[str, str]]) -> Any:
    return flask_request(pairs).headers


def from_wsgi(pairs: list[tuple[str, str]]) -> Any:
    return flask_request(pairs).environ


def from_api_gateway(pairs: list[tuple[str, str]]) -> Any:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name.lower(), []).append(value)
    return values


def from_api_gateway_v2(pairs: list[tuple[str, str]]) -> Any:
    values = from_api_gateway(pairs)
    return {name: ",".join(found) for name, found in values.items()}


def from_http_server(pairs: list[tuple[str, str]]) -> Any:
    return email.message_from_string("".join(f"{name}: {value}\n" for name, value in pairs) + "\n")


def from_httpx(pairs: list[tuple[str, str]]) -> Any:
    return httpx.Headers(pairs)


FRAMEWORKS: list[Callable[[list[tuple[str, str]]], Any]] = [
    from_aiohttp,
    from_starlette,
    from_asgi,
    from_django,
    from_django_meta,
    from_flask,
    from_wsgi,
    from_api_gateway,
    from_api_gateway_v2,
    from_http_server,
    from_httpx,
    list,
    dict,
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_headers_of_a_framework_work_as_they_come(
    framework: Callable[[list[tuple[str, str]]], Any],
) -> None:
    """Whatever the mapping, and however the names are spelled."""
    headers = framework(list(HEADERS.items()))

    assert webhooks.receive(BODY, headers, KEY).raw == DELIVERY.wire


@pytest.mark.parametrize("framework", [each for each in FRAMEWORKS if each is not dict])
def test_a_doubled_signature_is_refused_in_every_framework(
    framework: Callable[[list[tuple[str, str]]], Any],
) -> None:
    """No framework lets one of two through, not even of two equal ones."""
    headers = framework([*HEADERS.items(), *webhooks.sign(BODY, KEY).items()])

    with pytest.raises(InvalidSignatureError):
        webhooks.verify(BODY, headers, KEY)


def test_names_count_in_any_case() -> None:
    """Also in that of WSGI."""
    for spelling in (str.upper, str.lower, str.title, str.swapcase):
        webhooks.verify(BODY, {spelling(name): value for name, value in HEADERS.items()}, KEY)
        wsgi = {spelling(f"HTTP_{name.replace('-', '_')}"): [v] for name, v in HEADERS.items()}
        webhooks.verify(BODY, wsgi, KEY)
