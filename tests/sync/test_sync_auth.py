"""Credentials for requests and for httpx, from a synchronous client."""

import asyncio
import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests

import nango_client.ext.httpx
import nango_client.ext.requests
from nango_client import ConfigurationError, InvalidArgumentError, TransportError
from nango_client.sync import NangoClient
from nango_client.testing import MockNango, ProviderApi

PAIR = ("user-42", "github")
Send = Callable[..., Any]


@pytest.fixture
def api(server: MockNango) -> ProviderApi:
    api = server.provider("github")
    for method in ("GET", "POST"):
        api.respond(method, "/user", json={"login": "octocat"})
    return api


@pytest.fixture
def other() -> Iterator[ProviderApi]:
    """Give somebody else, on another origin, who takes any request."""
    with MockNango() as server:
        server.add_connection("x", "other")
        api = server.provider("other")
        api.respond("GET", "/user", json={})
        api.respond("POST", "/user", json={})
        yield api


@pytest.fixture(params=["requests", "httpx"])
def send(nango: NangoClient, request: pytest.FixtureRequest) -> Iterator[Send]:
    if request.param == "requests":
        with requests.Session() as session:
            session.auth = nango_client.ext.requests.NangoAuth(nango, *PAIR)
            yield session.request
    else:
        auth = nango_client.ext.httpx.NangoAuth(nango, *PAIR)
        with httpx.Client(auth=auth) as client:
            yield client.request


@pytest.fixture
def session(nango: NangoClient) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = nango_client.ext.requests.NangoAuth(nango, *PAIR)
        yield session


def test_requests_to_the_provider_get_the_credentials(api: ProviderApi, send: Send) -> None:
    """Those of the caller stay as they are."""
    response = send("POST", f"{api.base_url}/user?a=b", json={"a": 1})

    assert response.json() == {"login": "octocat"}
    (seen,) = api.requests
    assert seen.headers["Authorization"].startswith("Bearer fake-")
    assert seen.body in {b'{"a": 1}', b'{"a":1}'}
    assert seen.raw_query == "a=b"


def test_requests_to_others_get_nothing(api: ProviderApi, other: ProviderApi, send: Send) -> None:
    """Another port is another origin."""
    send("GET", f"{other.base_url}/user")

    assert "Authorization" not in other.requests[0].headers


def test_a_401_renews_once(server: MockNango, api: ProviderApi, send: Send) -> None:
    """A second one in a row is returned, and forces nothing."""
    send("GET", f"{api.base_url}/user")
    server.revoke_token(*PAIR)

    assert send("GET", f"{api.base_url}/user").status_code == 200
    server.revoke_token(*PAIR)
    assert send("GET", f"{api.base_url}/user").status_code == 401

    forced = [request for request in server.requests if "force_refresh" in request.query]
    assert len(forced) == 1
    assert len(api.requests) == 4


def test_a_body_that_has_begun_is_not_sent_again(
    server: MockNango, api: ProviderApi, send: Send, request: pytest.FixtureRequest
) -> None:
    """The refused answer is returned."""
    send("GET", f"{api.base_url}/user")
    server.revoke_token(*PAIR)
    keyword = "data" if "requests" in request.node.name else "content"

    response = send("POST", f"{api.base_url}/user", **{keyword: iter([b"a", b"b"])})

    assert response.status_code == 401


def test_a_file_is_wound_back(
    server: MockNango, api: ProviderApi, session: requests.Session
) -> None:
    """And sent again, from where it was."""
    session.get(f"{api.base_url}/user")
    server.revoke_token(*PAIR)
    file = io.BytesIO(b"skipped-wanted")
    file.seek(8)

    response = session.post(f"{api.base_url}/user", data=file)

    assert response.status_code == 200
    assert [seen.body for seen in api.requests[1:]] == [b"wanted", b"wanted"]
    assert [past.status_code for past in response.history] == [401]


def test_a_long_refused_answer_stays_with_the_caller(
    server: MockNango, api: ProviderApi, session: requests.Session
) -> None:
    """Where there are no other credentials to be had."""
    server.provider("github").respond("GET", "/long", status=401, body=b"x" * 100_000)

    response = session.get(f"{api.base_url}/long")

    assert response.status_code == 401
    assert len(response.content) == 100_000


def add_acme(server: MockNango, **proxy: Any) -> ProviderApi:
    """Add a provider that takes its key in a place of its own."""
    api = server.provider("acme")
    server.add_provider("acme", auth_mode="API_KEY", proxy={"base_url": api.base_url, **proxy})
    server.add_integration("acme", provider="acme")
    server.add_connection("user-42", "acme", "API_KEY")
    api.respond("POST", "/user", json={})
    return api


@pytest.mark.parametrize("status", [302, 307])
def test_nothing_of_ours_follows_a_redirect_to_another_origin(
    server: MockNango, other: ProviderApi, nango: NangoClient, status: int
) -> None:
    """Neither in a header of the provider's own, nor in a query that it copies."""
    acme = add_acme(server, headers={"X-Key": "${apiKey}"}, query={"key": "${apiKey}"})
    key = nango.get_token("user-42", "acme")
    location = f"{other.base_url}/user?a=b&key={key}"
    acme.respond("GET", "/away", status=status, headers={"Location": location})
    auth = nango_client.ext.requests.NangoAuth(nango, "user-42", "acme")

    response = requests.get(f"{acme.base_url}/away", auth=auth, timeout=5)

    (seen,) = other.requests
    assert seen.raw_query == "a=b"
    assert key not in "".join(seen.headers.values())
    assert response.history[0].status_code == status


def test_credentials_go_along_inside_the_origin(
    api: ProviderApi, session: requests.Session
) -> None:
    """With each hop, and after the method has changed."""
    api.respond("GET", "/old", status=302, headers={"Location": "/user"})
    api.respond("POST", "/old", status=303, headers={"Location": "/user"})

    assert session.get(f"{api.base_url}/old").status_code == 200
    assert session.post(f"{api.base_url}/old", data=b"x").status_code == 200

    assert [seen.method for seen in api.requests] == ["GET", "GET", "POST", "GET"]
    assert all("Authorization" in seen.headers for seen in api.requests)


def test_a_body_goes_along_inside_the_origin(api: ProviderApi, session: requests.Session) -> None:
    """As requests does it, with the credentials of the first hop."""
    api.respond("POST", "/old", status=307, headers={"Location": "/user"})

    assert session.post(f"{api.base_url}/old", data=b"x").status_code == 200

    assert [seen.body for seen in api.requests] == [b"x", b"x"]


def test_a_401_after_a_redirect_away_is_somebody_elses(
    server: MockNango, api: ProviderApi, other: ProviderApi, session: requests.Session
) -> None:
    """It renews nothing."""
    api.respond("GET", "/away", status=302, headers={"Location": f"{other.base_url}/no"})
    other.respond("GET", "/no", status=401, json={})

    assert session.get(f"{api.base_url}/away").status_code == 401

    assert not [request for request in server.requests if "force_refresh" in request.query]


@pytest.mark.parametrize("kind", ["json", "text"])
def test_a_key_is_put_into_the_body(server: MockNango, nango: NangoClient, kind: str) -> None:
    """The length follows."""
    acme = add_acme(server, body={"key": "${apiKey}"})
    auth = nango_client.ext.requests.NangoAuth(nango, "user-42", "acme")
    options: Any = {"json": {"a": 1}}
    if kind == "text":
        options = {"data": '{"a": 1}', "headers": {"Content-Type": "application/json"}}

    requests.post(f"{acme.base_url}/user", auth=auth, timeout=5, **options)

    key = nango.get_token("user-42", "acme")
    assert acme.requests[0].body == f'{{"a":1,"key":"{key}"}}'.encode()


def test_a_body_with_a_key_is_not_redirected(
    server: MockNango, other: ProviderApi, nango: NangoClient
) -> None:
    """The other origin hears nothing."""
    acme = add_acme(server, body={"key": "${apiKey}"})
    acme.respond("POST", "/away", status=307, headers={"Location": f"{other.base_url}/user"})
    auth = nango_client.ext.requests.NangoAuth(nango, "user-42", "acme")

    with pytest.raises(TransportError, match="body that holds a key"):
        requests.post(f"{acme.base_url}/away", auth=auth, timeout=5, json={"a": 1})

    assert not other.requests


def test_the_wrong_client_is_refused(server: MockNango, nango: NangoClient) -> None:
    """Each library has the client that it can wait for."""
    with pytest.raises(ConfigurationError, match=r"nango_client\.sync"):
        nango_client.ext.requests.NangoAuth(server.client(), *PAIR)  # type: ignore[arg-type]
    auth = nango_client.ext.httpx.NangoAuth(server.client(), *PAIR)
    with httpx.Client(auth=auth) as client:
        with pytest.raises(ConfigurationError, match="AsyncClient"):
            client.get("http://127.0.0.1:9")
    with pytest.raises(InvalidArgumentError):
        nango_client.ext.requests.NangoAuth(nango, "", "github")


def test_a_synchronous_client_is_not_for_coroutines(nango: NangoClient) -> None:
    """It would block the loop."""

    async def ask() -> None:
        auth = nango_client.ext.httpx.NangoAuth(nango, *PAIR)
        async with httpx.AsyncClient(auth=auth) as client:
            await client.get("http://127.0.0.1:9")

    with pytest.raises(ConfigurationError, match=r"httpx\.Client"):
        asyncio.run(ask())


def test_the_auth_objects_show_nothing(nango: NangoClient) -> None:
    """Neither ids nor keys."""
    assert repr(nango_client.ext.requests.NangoAuth(nango, *PAIR)) == "<NangoAuth>"
    assert repr(nango_client.ext.httpx.NangoAuth(nango, *PAIR)) == "<NangoAuth>"
