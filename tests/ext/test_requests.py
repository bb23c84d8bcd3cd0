"""The connection's credentials in what `requests` sends."""

import builtins
import gc
import importlib
import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from elsewhere import TOKEN, Elsewhere

from nango_client import ConfigurationError, InvalidArgumentError, TransportError
from nango_client.ext.requests import NangoAuth
from nango_client.sync import NangoClient
from nango_client.testing import MockNango, ProviderApi


@pytest.fixture
def auth(nango: NangoClient) -> NangoAuth:
    return NangoAuth(nango, "user-42", "github")


@pytest.fixture
def http(auth: NangoAuth) -> Iterator[requests.Session]:
    with requests.Session() as http:
        http.trust_env = False
        http.auth = auth
        yield http


def place_key(server: MockNango, api: ProviderApi, **proxy: Any) -> None:
    """Let the provider want its key where `proxy` says."""
    server.add_provider("github", {"base_url": api.base_url, **proxy})


def everything(api: ProviderApi) -> str:
    return str([(one.raw_path, one.raw_query, dict(one.headers), one.body) for one in api.requests])


def test_a_request_gets_the_credentials_at_the_providers_origin(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """And nowhere else; Nango's own key goes to nobody."""
    api.respond("GET", "/user", json={"login": "ada"})
    with Elsewhere() as other:
        response = http.get(f"{api.base_url}/user", params={"a": "b"})
        http.get(f"{other.url}/user")

    assert response.json() == {"login": "ada"}
    assert api.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert api.requests[0].query == {"a": "b"}
    assert TOKEN not in other.seen[0]
    assert str(server.api_key) not in everything(api) + other.seen[0]
    assert len(server.requests) == 2  # The connection and the provider's entry, once for both.


def test_headers_that_are_there_win(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """But for those that requests adds by itself."""
    api.respond("GET", "/user", json={})
    place_key(server, api, headers={"Accept": "application/vnd.acme", "User-Agent": "acme"})
    http.get(f"{api.base_url}/user", headers={"X-Version": "7", "Authorization": "Bearer mine"})
    http.get(f"{api.base_url}/user", headers={"Accept": "text/csv"})

    first, *_, last = (one.headers for one in api.requests)
    assert first["Authorization"] == "Bearer mine"
    assert last["Accept"] == "text/csv"
    assert (first["Accept"], first["User-Agent"]) == ("application/vnd.acme", "acme")


def test_a_401_to_the_callers_own_credentials_renews_nothing(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """They are not ours to renew."""
    http.get(f"{api.base_url}/user", headers={"Authorization": "Bearer mine"})

    assert len(api.requests) == 1
    assert not any("force_refresh" in one.query for one in server.requests)


@pytest.mark.parametrize(
    "body", [None, b"data", {"a": "1"}, io.BytesIO(b"data")], ids=["none", "bytes", "form", "file"]
)
def test_a_401_renews_once(
    server: MockNango, api: ProviderApi, http: requests.Session, body: Any
) -> None:
    """The answer is that of the second request, and the first is in its history."""
    api.respond("POST", "/user", json={"login": "ada"})
    http.post(f"{api.base_url}/user")
    server.revoke_token("user-42", "github")

    response = http.post(f"{api.base_url}/user", data=body)

    assert response.json() == {"login": "ada"}
    (refused,) = response.history
    assert (refused.status_code, refused.json()) == (401, {"message": "Bad credentials"})
    assert TOKEN in str(refused.request.headers["Authorization"])
    assert TOKEN not in str(response.request.headers["Authorization"])
    assert api.requests[1].body == api.requests[2].body
    assert sum("force_refresh" in one.query for one in server.requests) == 1


def test_a_second_401_is_the_callers(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """Nothing is sent a third time, and none where the renewal gives the same."""
    api.respond("GET", "/user", status=401)

    assert http.get(f"{api.base_url}/user").status_code == 401
    assert http.get(f"{api.base_url}/user").status_code == 401

    assert len(api.requests) == 3


def test_a_redirect_after_a_renewal_ends_with_the_401(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """One call renews once, however many hops it has."""
    api.respond("GET", "/old", status=302, headers={"Location": "/new"})
    api.respond("GET", "/new", status=401)
    server.revoke_token("user-42", "github")

    response = http.get(f"{api.base_url}/old")

    assert response.status_code == 401
    assert [one.path for one in api.requests] == ["/old", "/old", "/new"]


class BrokenFile(io.BytesIO):
    """A file that says where it is, and cannot go back there."""

    def seek(self, *_: Any) -> int:
        if self.tell() == 0:
            return 0
        raise OSError


# urllib3 leaves the socket of a body that was not sent to its end to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["generator", "broken file"])
def test_a_body_that_is_spent_is_not_sent_again(
    server: MockNango, api: ProviderApi, http: requests.Session, kind: str
) -> None:
    """The caller gets the 401, and the next call the new credentials."""
    api.respond("POST", "/user", json={})
    http.post(f"{api.base_url}/user")
    server.revoke_token("user-42", "github")
    body: Any = iter([b"one", b"two"]) if kind == "generator" else BrokenFile(b"onetwo")

    assert http.post(f"{api.base_url}/user", data=body).status_code == 401
    assert len(api.requests) == 2
    assert http.post(f"{api.base_url}/user").status_code == 200
    http.close()
    gc.collect()


def test_a_redirect_within_the_origin_keeps_the_credentials(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """Those in the query too, and those in a body that is sent again."""
    place_key(server, api, query={"key": "${accessToken}"}, body={"key": "${accessToken}"})
    api.respond("POST", "/old", status=307, headers={"Location": "/new?page=2"})
    api.respond("POST", "/new", status=303, headers={"Location": "/end"})
    api.respond("GET", "/end", json="end")

    response = http.post(f"{api.base_url}/old", json={"a": 1})

    assert response.json() == "end"
    assert [one.raw_query for one in api.requests] == [
        f"key={TOKEN}",
        f"page=2&key={TOKEN}",
        f"key={TOKEN}",
    ]
    filled_in = b'{"a":1,"key":"%s"}' % TOKEN.encode()
    assert [one.body for one in api.requests] == [filled_in, filled_in, b""]


@pytest.mark.parametrize("allow_redirects", [True, False])
def test_nothing_of_ours_follows_a_redirect_to_another_origin(
    server: MockNango, api: ProviderApi, http: requests.Session, allow_redirects: bool
) -> None:
    """Neither headers nor what the provider repeats of the query; what is the caller's does."""
    place_key(server, api, headers={"X-Key": "${accessToken}"}, query={"key": "${accessToken}"})
    with Elsewhere() as other:
        api.respond(
            "GET", "/old", status=302, headers={"Location": f"{other.url}/?key={TOKEN}&page=2"}
        )
        response = http.get(
            f"{api.base_url}/old", headers={"X-Mine": "1"}, allow_redirects=allow_redirects
        )
        if not allow_redirects:
            assert response.next is not None
            http.send(response.next)

    assert TOKEN in api.requests[0].headers["X-Key"]
    assert TOKEN not in other.seen[0]
    assert other.seen[0].startswith("GET /?page=2 ")
    assert "X-Mine: 1" in other.seen[0]


def test_nothing_of_ours_comes_back_from_another_origin(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """Who led there could lead anywhere; the 401 is the caller's."""
    with Elsewhere() as other:
        other.location = f"{api.base_url}/new"
        api.respond("GET", "/away", status=307, headers={"Location": f"{other.url}/"})
        response = http.get(f"{api.base_url}/away")

    assert response.status_code == 401
    assert "Authorization" not in api.requests[1].headers
    assert len(server.requests) == 2


def test_a_body_with_a_key_is_not_redirected_to_another_origin(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """It could not be told apart from the caller's; without the body the redirect is followed."""
    place_key(server, api, body={"key": "${accessToken}"})
    with Elsewhere() as other:
        api.respond("POST", "/old", status=307, headers={"Location": f"{other.url}/"})
        api.respond("POST", "/old", status=303, headers={"Location": f"{other.url}/"})
        with pytest.raises(TransportError, match="a body that holds a key") as caught:
            http.post(f"{api.base_url}/old", json={"a": 1})
        response = http.post(f"{api.base_url}/old", json={"a": 1})

    assert (caught.value.host, caught.value.retryable) == ("127.0.0.1", False)
    assert TOKEN not in str(caught.value)
    assert response.status_code == 200
    assert len(other.seen) == 1
    assert TOKEN not in other.seen[0]


def test_a_redirect_to_nowhere_fails_as_in_requests(
    api: ProviderApi, http: requests.Session
) -> None:
    """What is no URL is nobody's origin."""
    api.respond("GET", "/old", status=302, headers={"Location": "http://127.0.0.1:x/"})

    with pytest.raises(requests.RequestException):
        http.get(f"{api.base_url}/old")

    assert len(api.requests) == 1


def test_a_body_that_nobody_can_look_into_is_not_filled_in(
    server: MockNango, api: ProviderApi, http: requests.Session
) -> None:
    """Nothing is sent."""
    place_key(server, api, body={"key": "${accessToken}"})

    with pytest.raises(InvalidArgumentError, match="body"):
        http.post(f"{api.base_url}/user", data=iter([b"one"]))

    assert api.requests == []


def test_arguments_are_checked_where_they_are_given(
    server: MockNango, nango: NangoClient, auth: NangoAuth
) -> None:
    """Not at the first request."""
    asynchronous: Any = server.client()

    with pytest.raises(ConfigurationError, match=r"nango_client\.sync"):
        NangoAuth(asynchronous, "user-42", "github")
    with pytest.raises(InvalidArgumentError, match="connection_id"):
        NangoAuth(nango, "", "github")
    assert repr(auth) == "<NangoAuth>"


def test_a_missing_requests_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "requests":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "nango_client.ext.requests")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"nango-client\[requests\]"):
        importlib.import_module("nango_client.ext.requests")
