"""`MockNango`'s proxy against the captured answers, and what the captured provider got."""

import gzip
import http.client
import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from captured import NAMES, Json, load, shape

from nango_client.testing import MockNango

IDS = ("o2-far", "testbed-oauth2")
TOKEN = "old-access-far"
# Those that each hop has of its own, and what our sender counts or leaves out as it likes.
HOP = ("host", "connection", "accept-encoding", "content-length")

ECHOED = {
    name
    for name in NAMES
    if name.startswith("api-proxy-")
    and isinstance(body := load(name)["response"]["body"], dict)
    and {"path", "headers"} <= body.keys()
}
REFUSED = {
    "api-limit-429-proxy",
    "api-proxy-decompress-bad",
    "api-proxy-exhausted",
    "api-proxy-no-headers",
    "api-proxy-no-scope",
    "api-proxy-post-bad-json",
    "api-proxy-refresh-backoff",
    "api-proxy-refresh-fails",
    "api-proxy-retries-bad",
    "api-proxy-retry-on-bad",
    "api-proxy-unknown-connection",
}
BY_HAND = {
    "api-proxy-chunked",
    "api-proxy-empty-204",
    "api-proxy-gzip",
    "api-proxy-hangup",
    "api-proxy-options",
    "api-proxy-retries-2-429",
    "api-proxy-sse",
    "api-proxy-status-201",
    "api-proxy-status-404",
    "api-proxy-status-409",
    "api-proxy-status-502",
}
# The mock makes up no such failure: the server's text holds a row of its database.
LEFT_OUT = {"api-proxy-refresh-notoken"}


@pytest.fixture
def server() -> Iterator[MockNango]:
    """Give a server with the captured connection, its provider below ``/upstream``."""
    with MockNango() as server:
        upstream = server.provider("upstream").base_url + "/upstream"
        for name, mode in (("testbed-oauth2", "OAUTH2"), ("github", "OAUTH2")):
            server.add_provider(name, {"base_url": upstream}, mode)
        placed = {"base_url": upstream, "headers": {"x-api-key": "${apiKey}"}}
        server.add_provider("testbed-apikey", placed, "API_KEY")
        for name in ("testbed-oauth2", "github", "testbed-apikey"):
            server.add_integration(f"at-{name}", "upstream")
        add(server, *IDS, {"type": "OAUTH2", "access_token": TOKEN})
        add(server, "with space", "github", {"type": "OAUTH2", "access_token": "gho_space"})
        add(server, "c2-key", "testbed-apikey", {"type": "API_KEY", "apiKey": "key-made-up"})
        # The provider takes what any of its own connections has.
        for number, secret in enumerate((TOKEN, "gho_space", "key-made-up", "mine")):
            add(server, f"known-{number}", "upstream", {"type": "API_KEY", "apiKey": secret})
        yield server


def add(server: MockNango, connection_id: str, key: str, credentials: Json) -> None:
    server.add_connection(connection_id, key, credentials)


def send(server: MockNango, capture: Json) -> tuple[int, dict[str, str], bytes]:
    request = capture["request"]
    headers = dict(request["headers"])
    if "Authorization" in headers:
        scopes = None if "READ_ONLY" not in headers["Authorization"] else ["environment:mcp"]
        headers["Authorization"] = f"Bearer {server.add_key(scopes)}"
    if headers.get("Base-Url-Override", "").endswith("/upstream"):
        headers["Base-Url-Override"] = server.provider("upstream").base_url + "/upstream"
    body: Any = request.get("body")
    if isinstance(body, str):
        is_bytes = body.startswith("base64:")
        body = b64decode(body.removeprefix("base64:")) if is_bytes else body.encode()
    elif body is not None:
        body = json.dumps(body).encode()
    query = f"?{request['query']}" if request["query"] else ""
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"))
    try:
        connection.request(request["method"], request["path"] + query, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_every_capture_of_the_proxy_is_compared() -> None:
    """A new capture has to be compared too."""
    ours = {name for name in NAMES if name.startswith(("api-proxy-", "api-limit-429-proxy"))}

    assert ours == ECHOED | REFUSED | BY_HAND | LEFT_OUT


@pytest.mark.parametrize("name", sorted(ECHOED))
def test_the_provider_gets_what_the_captured_one_got(server: MockNango, name: str) -> None:
    """The same method, path, query and body, the headers that Nango adds, and no others."""
    capture = load(name)
    expected = capture["response"]["body"]
    api = server.provider("upstream")
    if name == "api-proxy-redirect":
        elsewhere = {"Location": "../redirected"}
        api.respond("GET", "/upstream/status/302", status=302, headers=elsewhere)
    api.respond(expected["method"], expected["path"], json=expected, headers={"X-Request-Id": "r"})

    status, headers, body = send(server, capture)

    assert (status, json.loads(body)) == (200, expected)
    assert headers["x-request-id"] == "r"
    got = api.requests[-1]
    assert (got.method, got.path) == (expected["method"], expected["path"])
    assert parse_qsl(got.raw_query) == parse_qsl(expected["query"].removeprefix("?"))
    assert got.body.decode(errors="replace") == expected["body"]
    assert {k.lower(): v for k, v in got.headers.items() if k.lower() not in HOP} == {
        k: v for k, v in expected["headers"].items() if k not in HOP
    }
    assert server.unexpected_requests == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_nango_refuses_as_captured(server: MockNango, name: str) -> None:
    """Status, code and text are its own, and the provider hears nothing."""
    capture = load(name)
    expected = capture["response"]["body"]["error"]
    if name in ("api-proxy-exhausted", "api-proxy-refresh-fails", "api-proxy-refresh-backoff"):
        ids = (capture["request"]["headers"]["Connection-Id"], "testbed-oauth2")
        server.add_connection(*ids, expires_in=-1)
        server.break_refresh(*ids, exhausted=name == "api-proxy-exhausted")
    if name == "api-proxy-refresh-backoff":
        send(server, load("api-proxy-refresh-fails"))
    if name == "api-limit-429-proxy":
        server.fail_next(429, body={"error": expected})

    status, _, body = send(server, capture)

    error = json.loads(body)["error"]
    assert (status, error["code"]) == (capture["response"]["status"], expected["code"])
    if "errors" in expected or expected["code"] == "invalid_json":
        assert shape(error.get("errors")) == shape(expected.get("errors"))
    else:
        assert error == expected
    assert server.provider("upstream").requests == []


def test_a_failure_of_the_provider_comes_as_it_is(server: MockNango) -> None:
    """With all its headers, which win over Nango's own of the same name."""
    api = server.provider("upstream")
    for status in (404, 409, 502):
        capture = load(f"api-proxy-status-{status}")
        told = capture["response"]["body"]
        headers = {"X-RateLimit-Limit": "7", "Retry-After": "9", "Link": "<x>", "Set-Cookie": "a=b"}
        api.respond("GET", f"/upstream/status/{status}", status=status, json=told, headers=headers)

        got, answered, body = send(server, capture)

        assert (got, json.loads(body)) == (status, told)
        assert {name: answered[name.lower()] for name in headers} == headers
        assert answered["x-ratelimit-remaining"].isdecimal()


def test_a_success_loses_headers_and_status_unless_it_is_chunked(server: MockNango) -> None:
    """201 becomes 200 and 204 stays; chunked or as an attachment all comes through."""
    api = server.provider("upstream")
    capture = load("api-proxy-status-201")
    lost = {"Link": "<x>", "X-Request-Id": "1"}
    for more in ({}, {"Transfer-Encoding": "chunked"}, {"Content-Disposition": "inline"}):
        headers = lost | more
        api.respond("GET", "/upstream/status/201", status=201, json=1, headers=headers, times=1)

    plain, chunked, attached = (send(server, capture) for _ in range(3))

    assert (plain[0], "link" in plain[1], plain[1]["x-request-id"]) == (200, False, "1")
    assert (chunked[0], chunked[1]["link"]) == (201, "<x>")
    assert chunked[1]["transfer-encoding"] == "chunked"
    assert (attached[0], attached[1]["link"]) == (201, "<x>")
    api.respond("GET", "/upstream/empty", status=204)
    assert send(server, load("api-proxy-empty-204"))[::2] == (204, b"")


@pytest.mark.parametrize("name", ["api-proxy-chunked", "api-proxy-sse"])
def test_streams_come_through(server: MockNango, name: str) -> None:
    """Chunked answers have all their headers."""
    capture = load(name)
    expected = capture["response"]
    text = expected["body"] if isinstance(expected["body"], str) else json.dumps(expected["body"])
    headers = {k: v for k, v in expected["headers"].items() if k.startswith(("c", "tr"))}
    del headers["connection"]
    path = capture["request"]["path"].replace("/proxy", "/upstream")
    server.provider("upstream").respond("GET", path, body=text, headers=headers)

    status, got, body = send(server, capture)

    assert (status, body.decode()) == (200, text)
    assert headers.items() <= got.items()


def test_a_packed_answer_comes_unpacked(server: MockNango) -> None:
    """The proxy unpacks it."""
    capture = load("api-proxy-gzip")
    told = capture["response"]["body"]
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    packed = gzip.compress(json.dumps(told).encode())
    server.provider("upstream").respond("GET", "/upstream/gzip", body=packed, headers=headers)

    status, got, body = send(server, capture)

    assert (status, json.loads(body), got["content-type"]) == (200, told, "application/json")
    assert "content-encoding" not in got


def test_retries_are_made_at_once(server: MockNango) -> None:
    """The mock does not wait between them; without them the first answer is the last."""
    api, capture = server.provider("upstream"), load("api-proxy-retries-2-429")
    path = capture["request"]["path"].replace("/proxy", "/upstream")
    told = capture["response"]["body"]
    api.respond("GET", path, status=429)
    api.respond("GET", path, json=told)

    status, _, body = send(server, capture)

    assert (status, json.loads(body), len(api.requests)) == (200, told, 2)


def test_only_some_statuses_are_tried_again(server: MockNango) -> None:
    """A 404 is, where the request asks for it."""
    api, capture = server.provider("upstream"), load("api-proxy-status-404")
    headers = capture["request"]["headers"] | {"Retries": "1"}
    api.respond("GET", "/upstream/status/404", status=404)

    assert send(server, {"request": capture["request"] | {"headers": headers}})[0] == 404
    assert len(api.requests) == 1
    headers = headers | {"Retry-On": "402,404"}
    assert send(server, {"request": capture["request"] | {"headers": headers}})[0] == 404
    assert len(api.requests) == 3


def test_a_browser_may_ask(server: MockNango) -> None:
    """The answer to its question needs no key and is no answer of the provider."""
    capture = load("api-proxy-options")

    status, headers, body = send(server, capture)

    assert (status, body) == (204, b"")
    for name, value in capture["response"]["headers"].items():
        if name.startswith("Access-Control"):
            assert headers[name.lower()] == value


@pytest.mark.parametrize(
    ("path", "code"), [("hangup", "ECONNRESET"), ("for-ever", "ERR_FR_TOO_MANY_REDIRECTS")]
)
def test_a_provider_that_breaks_off_is_a_500_without_error(
    server: MockNango, path: str, code: str
) -> None:
    """The proxy tells the code of Node, the text and the method."""
    capture = load("api-proxy-hangup")
    capture["request"]["path"] = f"/proxy/{path}"
    api = server.provider("upstream")
    api.respond("GET", "/upstream/hangup", json=1, headers={"Content-Length": "9"})
    api.respond("GET", "/upstream/for-ever", status=302, headers={"Location": "for-ever"})

    status, _, body = send(server, capture)

    told = json.loads(body)
    assert (status, told["method"], told["code"]) == (500, "get", code)
    assert told.keys() == capture["response"]["body"].keys()


@pytest.mark.parametrize(
    ("base_url", "code"),
    [("http://127.0.0.1:1", "ECONNREFUSED"), ("http://no-such-host.invalid", "ENOTFOUND")],
)
def test_a_provider_that_is_not_there_is_a_500_without_error(
    server: MockNango, base_url: str, code: str
) -> None:
    """Tried as often as the request asks for, and told like any other break."""
    server.add_provider("testbed-oauth2", {"base_url": "https://example.com"})
    capture = load("api-proxy-hangup")
    capture["request"]["headers"] |= {"Base-Url-Override": base_url, "Retries": "1"}

    status, _, body = send(server, capture)

    assert (status, json.loads(body)["code"]) == (500, code)
