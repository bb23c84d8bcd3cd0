"""The connection's credentials in what `httpx.Client` sends."""

from collections.abc import Iterator

import httpx
import pytest
from elsewhere import TOKEN, Elsewhere

from nango_client import ConfigurationError
from nango_client.ext.httpx import NangoAuth
from nango_client.sync import NangoClient
from nango_client.testing import MockNango, ProviderApi


@pytest.fixture
def http(nango: NangoClient) -> Iterator[httpx.Client]:
    with httpx.Client(auth=NangoAuth(nango, "user-42", "github"), trust_env=False) as http:
        yield http


def test_a_request_gets_the_credentials_at_the_providers_origin(
    server: MockNango, api: ProviderApi, http: httpx.Client
) -> None:
    """And nowhere else; Nango's own key goes to nobody."""
    api.respond("GET", "/user", json={"login": "ada"})
    with Elsewhere() as other:
        response = http.get(f"{api.base_url}/user")
        http.get(f"{other.url}/user")

    assert response.json() == {"login": "ada"}
    assert api.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in other.seen[0]
    assert str(server.api_key) not in str(dict(api.requests[0].headers)) + other.seen[0]


def test_a_401_renews_once(server: MockNango, api: ProviderApi, http: httpx.Client) -> None:
    """And what is no generator is sent again."""
    api.respond("POST", "/user", json={})
    assert http.post(f"{api.base_url}/user").status_code == 200
    server.revoke_token("user-42", "github")

    assert http.post(f"{api.base_url}/user", json={"a": 1}).status_code == 200

    assert [one.body.replace(b" ", b"") for one in api.requests] == [b"", *[b'{"a":1}'] * 2]
    assert sum("force_refresh" in one.query for one in server.requests) == 1


def test_a_generator_is_not_sent_again(
    server: MockNango, api: ProviderApi, http: httpx.Client
) -> None:
    """The caller gets the 401."""
    server.revoke_token("user-42", "github")

    response = http.post(f"{api.base_url}/user", content=iter([b"one"]))

    assert response.status_code == 401
    assert len(api.requests) == 1


def test_a_401_to_the_callers_own_credentials_renews_nothing(
    server: MockNango, api: ProviderApi, http: httpx.Client
) -> None:
    """They are not ours to renew."""
    http.get(f"{api.base_url}/user", headers={"Authorization": "Bearer mine"})

    assert len(api.requests) == 1
    assert not any("force_refresh" in one.query for one in server.requests)


@pytest.mark.asyncio
async def test_httpx_with_asyncio_is_told(nango: NangoClient) -> None:
    """The asynchronous client is another one."""
    async with httpx.AsyncClient(auth=NangoAuth(nango, "user-42", "github")) as http:
        with pytest.raises(ConfigurationError, match=r"httpx\.Client"):
            await http.get("http://127.0.0.1:9/")
