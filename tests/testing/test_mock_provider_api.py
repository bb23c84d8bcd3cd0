"""The provider's own API on this machine, reached by direct and by the proxy."""

import base64
import http.client
from typing import Any

import aiohttp
import pytest
from asking import send

from nango_client import BadRequestError, NangoClient, UnknownIntegrationError
from nango_client.testing import MockNango, ProviderApi
from nango_client.testing._account.provider_keys import shown_secrets
from nango_client.testing._payloads.credentials import made_up_credentials
from nango_client.testing._state import NangoState

IDS = ("user-42", "github")


def get(api: ProviderApi, target: str, token: str, method: str = "GET") -> tuple[int, bytes]:
    """Ask the provider, past Nango."""
    connection = http.client.HTTPConnection(api.base_url.removeprefix("http://"))
    try:
        connection.request(method, target, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture
def server() -> Any:
    with MockNango() as server:
        server.add_connection(*IDS, {"type": "OAUTH2", "access_token": "abc"})
        yield server


def test_answers_are_used_in_order_and_the_last_for_ever(server: MockNango) -> None:
    """One may be used several times before the next."""
    api = server.provider("github")
    for number, times in ((1, None), (2, 2), (3, None)):
        api.respond("get", "user", json=number, times=times)

    bodies = [get(api, "/user", "abc")[1] for _ in range(6)]

    assert bodies == [b"1", b"2", b"2", b"3", b"3", b"3"]
    assert [one.path for one in api.requests] == ["/user"] * 6
    assert repr(api) == "<ProviderApi github with 1 answers>"


def test_the_last_answer_may_be_used_up(server: MockNango) -> None:
    """Then the route is unknown again."""
    api = server.provider("github")
    api.respond("GET", "/user", body="text", times=1)

    assert get(api, "/user", "abc") == (200, b"text")
    assert get(api, "/user", "abc")[0] == 404


def test_a_query_chooses_before_none_does(server: MockNango) -> None:
    """It is compared decoded, and other parameters do not matter."""
    api = server.provider("github")
    api.respond("GET", "/user repos", body=b"all")
    api.respond("GET", "/user repos", body=b"second", query={"page": "2", "q": "a b"})

    assert get(api, "/user%20repos?page=2&q=a+b&x=1", "abc")[1] == b"second"
    assert get(api, "/user%20repos?page=3", "abc")[1] == b"all"
    assert get(api, "/user%20repos", "abc", "HEAD") == (200, b"")
    assert get(api, "/user%20repos", "abc", "POST")[0] == 404


def test_what_fits_no_answer_is_unexpected(server: MockNango) -> None:
    """The text names what there is, and how to make more."""
    api = server.provider("github")
    api.respond("GET", "/user", status=204)

    assert get(api, "/users", "abc")[0] == 404
    with pytest.raises(AssertionError, match=r"GET /users: .*respond.*known: GET /user"):
        server.assert_no_unexpected_requests()


def test_only_current_credentials_are_taken(server: MockNango) -> None:
    """Not those of another provider, a longer text, a token that has ended or that was renewed."""
    server.add_connection("other", "slack", {"type": "OAUTH2", "access_token": "slack-token"})
    server.add_connection("short", "github", expires_in=60)
    api = server.provider("github")
    api.respond("GET", "/user", json={})
    short = str(send(server, "/connections/short?provider_config_key=github").document)
    token = short.partition("'access_token': '")[2].partition("'")[0]

    assert get(api, "/user", "abc")[0] == 200
    assert get(api, "/user", token)[0] == 200
    assert {get(api, "/user", wrong)[0] for wrong in ("abcd", "xabc", "slack-token", "")} == {401}
    server.advance(3600)
    assert get(api, "/user", token)[0] == 401
    assert server.unexpected_requests == []


def test_a_connection_without_credentials_is_open(server: MockNango) -> None:
    """Whoever calls is answered."""
    server.add_connection("anybody", "unauthenticated", "NONE")
    api = server.provider("unauthenticated")
    api.respond("GET", "/", json={})

    assert get(api, "/", "")[0] == 200


@pytest.mark.parametrize(
    ("kind", "count"),
    [("OAUTH2", 1), ("API_KEY", 1), ("BASIC", 1), ("OAUTH1", 1), ("TBA", 1), ("AWS_SIGV4", 3)],
)
def test_credentials_of_each_kind_are_known(kind: str, count: int) -> None:
    """What a request shows of them is what the provider looks for."""
    nango = NangoState()
    part = made_up_credentials(kind, nango._account.fake)

    assert len(list(shown_secrets(part))) == count


def test_a_secret_that_is_missing_is_none() -> None:
    """It is not taken for one that everybody has."""
    assert list(shown_secrets({"type": "OAUTH2", "access_token": ""})) == []


async def status_of(nango: NangoClient, path: str, ids: tuple[str, str]) -> list[int]:
    """Call the provider both ways."""
    statuses: list[int] = []
    for session in (nango.direct(*ids), nango.proxy(*ids)):
        async with session.get(path) as response:
            statuses.append(response.status)
    return statuses


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ({"type": "OAUTH2", "access_token": "abc"}, "Bearer abc"),
        ({"type": "API_KEY", "apiKey": "k"}, "Bearer k"),
        (
            {"type": "BASIC", "username": "u", "password": "p"},
            "Basic " + base64.b64encode(b"u:p").decode(),
        ),
    ],
)
async def test_a_made_up_entry_says_where_credentials_go(kind: Any, sent: str) -> None:
    """Tokens and keys as Bearer, user names and passwords as Basic, by both ways."""
    async with MockNango() as server, server.client() as nango:
        server.add_connection("user-42", "acme", kind)
        api = server.provider("acme")
        api.respond("GET", "/user", json={})

        assert await status_of(nango, "/user", ("user-42", "acme")) == [200, 200]
        assert [one.headers["Authorization"] for one in api.requests] == [sent, sent]


@pytest.mark.asyncio
async def test_an_entry_of_a_tests_own_is_used() -> None:
    """Its base URL, its headers and its query."""
    async with MockNango() as server, server.client() as nango:
        api = server.provider("acme")
        proxy = {"base_url": f"{api.base_url}/v1", "query": {"key": "${apiKey}"}}
        server.add_provider("acme", proxy, "API_KEY")
        server.add_connection("user-42", "acme", {"type": "API_KEY", "apiKey": "k"})
        api.respond("GET", "/v1/user", json={})

        assert await status_of(nango, "/user", ("user-42", "acme")) == [200, 200]
        assert [one.query for one in api.requests] == [{"key": "k"}, {"key": "k"}]


@pytest.mark.asyncio
async def test_a_revoked_token_is_refused_until_it_is_renewed() -> None:
    """Direct calls renew it by themselves; the proxy gives the refusal back."""
    async with MockNango() as server, server.client() as nango:
        server.add_connection(*IDS)
        server.provider("github").respond("GET", "/user", json={})
        server.revoke_token(*IDS)

        async with nango.proxy(*IDS).get("/user") as response:
            assert response.status == 401
        async with nango.direct(*IDS).get("/user") as response:
            assert response.status == 200

        assert server.refresh_count(*IDS) == 1
        assert await status_of(nango, "/user", IDS) == [200, 200]
        with pytest.raises(LookupError, match="no connection"):
            server.revoke_token("nobody", "github")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wanted", "type_", "body"),
    [
        ("", "application/json", b'{"a":"1"}'),
        ("multipart/form-data", "multipart/form-data", None),
    ],
)
async def test_parts_lose_their_files_unless_the_type_is_said_twice(
    server: MockNango, wanted: str, type_: str, body: bytes | None
) -> None:
    """Fields become JSON; with the second header the body stays whole."""
    api = server.provider("github")
    api.respond("POST", "/upload", json={})
    form = aiohttp.FormData()
    form.add_field("a", "1")
    form.add_field("file", b"content", filename="x.txt")
    headers = {
        "Authorization": f"Bearer {server.api_key}",
        "Connection-Id": "user-42",
        "Provider-Config-Key": "github",
        **({"Nango-Proxy-Content-Type": wanted} if wanted else {}),
    }

    url = f"{server.base_url}/proxy/upload"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=form, headers=headers) as response,
    ):
        assert response.status == 200

    got = api.requests[0]
    assert got.headers["Content-Type"].startswith(type_)
    assert got.body == body if body else b"content" in got.body


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, b""), ({"Content-Type": "application/json"}, b'{"a":1}')],
)
def test_without_a_type_a_body_is_lost(
    server: MockNango, headers: dict[str, str], expected: bytes
) -> None:
    """And JSON without a body has none."""
    api = server.provider("github")
    api.respond("POST", "/x", json={})
    sent = {"Authorization": f"Bearer {server.api_key}", "Connection-Id": "user-42"}
    sent |= {"Provider-Config-Key": "github", **headers}
    for body in (b'{"a": 1}', b""):
        connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"))
        connection.request("POST", "/proxy/x", body, sent)
        assert connection.getresponse().status == 200
        connection.close()

    assert [one.body for one in api.requests] == [expected, b""]


@pytest.mark.asyncio
async def test_the_proxy_refuses_what_it_cannot_send() -> None:
    """No base URL, an unknown integration, credentials without a place, an unusable override."""
    async with MockNango() as server, server.client() as nango:
        server.add_provider("bare", auth_mode="API_KEY")
        server.add_provider("placeless", {"base_url": "https://example.com"}, "API_KEY")
        for name in ("bare", "placeless"):
            server.add_connection("user-42", name, "API_KEY")
        server.add_connection("user-42", "odd", {"type": 7})
        server.add_connection("user-42", "gone")
        await nango.integrations.delete("gone")

        for key, code in (
            ("bare", "missing_api_url"),
            ("placeless", "unsupported_auth"),
            ("odd", "unsupported_auth"),
        ):
            with pytest.raises(BadRequestError) as caught:
                await nango.proxy("user-42", key).get("/x")
            assert caught.value.code == code
        headers = {"Base-Url-Override": "ftp://x", "Connection-Id": "user-42"}
        headers |= {"Authorization": f"Bearer {server.api_key}", "Provider-Config-Key": "bare"}
        refused = send(server, "/proxy/x", headers=headers)
        assert refused.error["code"] == "base_url_override_not_allowed"
        expected = len(server.unexpected_requests)
        for key, more in (("unknown", 1), ("gone", 0)):
            with pytest.raises(UnknownIntegrationError):
                await nango.proxy("user-42", key).get("/x")
            expected += more
            assert len(server.unexpected_requests) == expected


def test_proxied_calls_count_against_the_rate_limit() -> None:
    """Nango's own refusal comes before the provider hears of the call."""
    with MockNango(rate_limit=1) as server:
        server.add_connection(*IDS, {"type": "OAUTH2", "access_token": "abc"})
        server.provider("github").respond("GET", "/x", json={})
        headers = {"Connection-Id": "user-42", "Provider-Config-Key": "github"}
        headers["Authorization"] = f"Bearer {server.api_key}"

        statuses: list[int] = []
        for _ in range(2):
            connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"))
            connection.request("GET", "/proxy/x", headers=headers)
            statuses.append(connection.getresponse().status)
            connection.close()

        assert statuses == [200, 429]
        assert len(server.provider("github").requests) == 1


def test_a_provider_is_there_while_the_server_runs() -> None:
    """Its address changes with each start, and what was set up stays."""
    server = MockNango()
    api = server.provider("github")
    api.respond("GET", "/user", json={})
    server.add_connection(*IDS, {"type": "OAUTH2", "access_token": "abc"})
    with pytest.raises(RuntimeError, match="is not running"):
        _ = api.base_url
    assert "proxy" not in send(server, "/providers/github").document["data"]

    with server:
        entry = send(server, "/providers/github").document["data"]
        assert entry["proxy"] == {"base_url": api.base_url}
        assert get(api, "/user", "abc")[0] == 200
    with server:
        assert get(api, "/user", "abc")[0] == 200
    with pytest.raises(RuntimeError, match="is not running"):
        _ = api.base_url


def test_mistakes_of_a_test_are_told(server: MockNango) -> None:
    """Names, paths, statuses, bodies and counts that cannot be."""
    api = server.provider("github")

    with pytest.raises(ValueError, match="a provider's name"):
        server.provider("my provider")
    with pytest.raises(ValueError, match="query="):
        api.respond("GET", "/user?page=1")
    with pytest.raises(ValueError, match="from 200 to 599"):
        api.respond("GET", "/user", status=99)
    with pytest.raises(ValueError, match="1 or more"):
        api.respond("GET", "/user", times=0)
    with pytest.raises(ValueError, match="no header"):
        api.respond("GET", "/user", headers={"X": "a\nb"})
    with pytest.raises(TypeError, match="not both"):
        api.respond("GET", "/user", json={}, body="")
