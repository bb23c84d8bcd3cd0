"""Whole answers of providers."""

import socket
import threading
from typing import Any

import aiohttp
import pytest

from nango_client import (
    ConfigurationError,
    ConnectionFailedError,
    InvalidArgumentError,
    NotFoundError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TimeoutPolicy,
)
from nango_client.sync import NangoClient, ProviderSession
from nango_client.testing import MockNango

PAIR = ("user-42", "github")


@pytest.fixture(params=["direct", "proxy"])
def github(nango: NangoClient, request: pytest.FixtureRequest) -> ProviderSession:
    session: ProviderSession = getattr(nango, request.param)(*PAIR)
    return session


def test_an_answer_is_whole(server: MockNango, github: ProviderSession) -> None:
    """Status, headers, address and body can be looked at whenever, and by any thread."""
    api = server.provider("github")
    api.respond("GET", "/user", json={"login": "oc\u00e9ane"})

    with github.get("/user") as response:
        pass

    assert (response.status, response.reason, response.ok) == (200, "OK", True)
    assert response.headers["content-type"].startswith("application/json")
    assert response.url.path.endswith("/user")
    assert response.json() == {"login": "oc\u00e9ane"}
    assert response.text() == response.body.decode()
    assert response.text("latin-1") != response.text()
    assert repr(response) == "<ProviderResponse 200>"
    response.raise_for_status()
    assert api.requests[0].headers["Authorization"].startswith("Bearer fake-")


def test_links_lead_on(server: MockNango, nango: NangoClient) -> None:
    """As with the answers of aiohttp."""
    api = server.provider("github")
    link = '</user?page=2>; rel="next"'
    api.respond("GET", "/user", json=[1], headers={"Link": link}, times=1)
    api.respond("GET", "/user", json=[2])
    github = nango.direct(*PAIR)

    first = github.get("/user")
    second = github.get(first.links["next"]["url"])

    assert (first.json(), second.json()) == ([1], [2])
    assert api.requests[1].raw_query == "page=2"


@pytest.mark.parametrize(
    ("kind", "text"),
    [("text/plain; charset=latin-1", "\u00e9"), ("text/plain; charset=martian", "\ufffd")],
)
def test_a_text_is_read_as_the_answer_says(
    server: MockNango, nango: NangoClient, kind: str, text: str
) -> None:
    """As UTF-8 where nobody knows what it says."""
    server.provider("github").respond("GET", "/text", body=b"\xe9", headers={"Content-Type": kind})

    response = nango.direct(*PAIR).get("/text")

    assert response.text(errors="replace") == text


def test_every_method_reaches_the_provider(server: MockNango, nango: NangoClient) -> None:
    """With what was passed along."""
    api = server.provider("github")
    github = nango.direct(*PAIR, headers={"X-All": "1"})
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        api.respond(method, "/thing", status=204)

    for name in ("get", "post", "put", "patch", "delete", "head"):
        response = getattr(github, name)("/thing", params={"a": "b"}, headers={"X-One": "2"})
        assert response.status == 204
        assert response.text() == ""
    github.request("post", "/thing", json={"a": 1})

    assert [request.method for request in api.requests] == [
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "POST",
    ]
    for request in api.requests[:6]:
        assert (request.query["a"], request.headers["X-One"]) == ("b", "2")
        assert request.headers["X-All"] == "1"
    assert api.requests[6].body == b'{"a":1}'


def test_a_status_raises_when_it_is_asked_to(server: MockNango, github: ProviderSession) -> None:
    """The error is that of aiohttp, whose `repr` shows no token."""
    server.provider("github").respond("GET", "/user", status=418, json={"a": 1})

    response = github.get("/user")

    assert (response.status, response.json()) == (418, {"a": 1})
    with pytest.raises(aiohttp.ClientResponseError) as caught:
        response.raise_for_status()
    assert caught.value.status == 418
    assert "fake-access" not in repr(caught.value.request_info)
    with pytest.raises(aiohttp.ClientResponseError):
        github.get("/user", raise_for_status=True)


@pytest.mark.parametrize("name", ["direct", "proxy"])
def test_a_body_over_the_limit_is_refused(server: MockNango, nango: NangoClient, name: str) -> None:
    """One of just the limit is not, and the next call works."""
    api = server.provider("github")
    api.respond("GET", "/large", body=b"x" * 1001)
    api.respond("GET", "/just", body=b"x" * 1000)
    github = getattr(nango, name)(*PAIR, max_body=1000)

    with pytest.raises(ResponseTooLargeError, match="over 1,000 bytes"):
        github.get("/large")

    assert len(github.get("/just").body) == 1000


@pytest.mark.parametrize("size", [-1, 1.5, True, None])
def test_a_limit_that_is_none_is_refused(nango: NangoClient, size: Any) -> None:
    """At once."""
    with pytest.raises(InvalidArgumentError, match="max_body"):
        nango.direct(*PAIR, max_body=size)


def test_bad_arguments_are_told_at_once(nango: NangoClient) -> None:
    """And not by the first call."""
    with pytest.raises(InvalidArgumentError, match="retries"):
        nango.direct(*PAIR, retries=-1)
    with pytest.raises(InvalidArgumentError, match="retry_on"):
        nango.proxy(*PAIR, retry_on=(7,))
    with pytest.raises(ConfigurationError, match="session"):
        nango.direct(*PAIR, session=object())  # type: ignore[arg-type]


def test_a_session_of_calls_shows_its_way(nango: NangoClient) -> None:
    """As that of the asynchronous client."""
    assert repr(nango.direct(*PAIR)) == "<ProviderSession direct>"
    assert repr(nango.proxy(*PAIR, retries=2)) == "<ProviderSession proxy>"


def test_statuses_may_come_from_an_iterator(server: MockNango, nango: NangoClient) -> None:
    """Each call gets all of them."""
    server.provider("github").respond("GET", "/user", json={})
    github = nango.proxy(*PAIR, retries=1, retry_on=iter((404, 409)))

    github.get("/user")
    github.get("/user")

    asked = [request.headers for request in server.requests if "/proxy/" in request.path]
    assert [headers["Retry-On"] for headers in asked] == ["404,409"] * 2


def test_all_of_a_call_is_bounded_by_the_total_limit(server: MockNango) -> None:
    """Unless the call has a limit of its own."""
    server.provider("github").respond("GET", "/slow", json={})
    limits = TimeoutPolicy(total=0.2, attempt=0.2)
    with server.sync_client(timeout=limits, cache=None) as nango:
        github = nango.direct(*PAIR)
        github.get("/slow")
        server.delay_next(5)
        with pytest.raises(RequestTimeoutError):
            github.get("/slow")
        assert github.get("/slow", timeout=30).status == 200
        assert github.get("/slow", timeout=None).status == 200


def test_an_answer_that_breaks_off_is_an_error_of_ours(
    server: MockNango, nango: NangoClient
) -> None:
    """There is no answer before all of it has come."""
    server.provider("github").respond(
        "GET", "/broken", body=b"not gzip", headers={"Content-Encoding": "gzip"}
    )

    with pytest.raises(Exception, match=r"127\.0\.0\.1") as caught:
        nango.direct(*PAIR).get("/broken")

    assert type(caught.value).__module__ == "nango_client"


def test_an_answer_that_stalls_is_a_timeout(nango: NangoClient) -> None:
    """The limit covers the body."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def stall() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
                connection.recv(1)

        thread = threading.Thread(target=stall)
        thread.start()
        provider = nango.direct(*PAIR, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(RequestTimeoutError, match="did not come in time"):
            provider.get("/x", timeout=0.3)
        thread.join()


def test_what_fails_before_there_is_an_answer_raises_as_ever(
    server: MockNango, nango: NangoClient
) -> None:
    """With the name of who did not answer."""
    with pytest.raises(NotFoundError):
        nango.direct("nobody", "github").get("/user")
    with pytest.raises(ConnectionFailedError) as caught:
        nango.direct(*PAIR, base_url="http://127.0.0.1:9").get("/user")
    assert caught.value.host == "127.0.0.1"


def test_prepare_gives_a_request_for_other_libraries(server: MockNango, nango: NangoClient) -> None:
    """The same as that of the asynchronous client."""
    prepared = nango.prepare(*PAIR, "GET", "/user", params={"a": "b"})

    assert prepared.url == f"{server.provider('github').base_url}/user?a=b"
    assert prepared.headers["Authorization"] == f"Bearer {nango.get_token(*PAIR)}"


def test_a_401_renews_once(server: MockNango, nango: NangoClient) -> None:
    """And the answer is that of the second request."""
    api = server.provider("github")
    api.respond("GET", "/user", json={})
    github = nango.direct(*PAIR)
    github.get("/user")
    server.revoke_token(*PAIR)

    assert github.get("/user").status == 200
    assert len(api.requests) == 3
