"""What is put into a request, where it may go, and what is refused."""

import traceback
from typing import Any

import pytest
from making import GITHUB, NOW, TOKEN, connection, entry, prepare
from multidict import CIMultiDict, MultiDict
from yarl import URL

from nango_client import (
    ApiKeyCredentials,
    AppCredentials,
    BasicCredentials,
    BillCredentials,
    CustomCredentials,
    InvalidArgumentError,
    JwtCredentials,
    NoCredentials,
    OAuth1Credentials,
    OAuth2Credentials,
    PreparedRequest,
    TwoStepCredentials,
    UnknownCredentials,
    UnsupportedProviderError,
)
from nango_client._provider.making.plans import Call, ClientSecrets
from nango_client._provider.making.recipe import compile_entry

BILL = BillCredentials(
    username="u", password="p", organization_id="o", dev_key="k", session_id="s", user_id="i"
)


def locals_of_the_package(error: BaseException) -> str:
    """Give what a tool shows that captures the frames of a traceback."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if "_provider" in frame.f_code.co_filename]
    assert ours
    return repr([frame.f_locals for frame in ours])


def test_a_plain_provider_gets_the_token_and_nothing_else() -> None:
    """The most common request."""
    plan = prepare(GITHUB, connection(TOKEN), "/user/repos", params={"per_page": 100})

    assert (plan.method, str(plan.url)) == ("GET", "https://api.github.com/user/repos?per_page=100")
    assert dict(plan.headers) == {"Authorization": "Bearer the-token"}
    assert plan.body is None
    assert plan.injected.headers == {"authorization"}
    assert not plan.injected.query
    assert not plan.injected.body
    assert plan.renewable
    assert not plan.check_address
    assert plan.origin == URL("https://api.github.com")


def test_the_clock_is_the_systems_where_none_is_given() -> None:
    """So are nonce and UUID."""
    wire = entry(headers={"x": "${now:X}${random}${apiKey}"})

    plan = compile_entry(wire).prepare(connection(), Call("GET", "/"))

    assert len(plan.headers["x"]) == len("1795780800") + 36 + len("the-key")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/items", "/v1/items"),
        ("v1", "/v1"),
        ("", "/"),
        ("//x//y/", "/x//y/"),
        ("/a/../../b/./c/%2e%2E/d", "/b/d"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/${apiKey}/{x}", "/$%7BapiKey%7D/%7Bx%7D"),
        ("/a?q=${apiKey}&r={}", "/a?q=$%7BapiKey%7D&r=%7B%7D"),
        ("/a b/\xfc?\xfc='#\xfc", "/a%20b/%C3%BC?%C3%BC=%27#%C3%BC"),
        ("/a\r\nx: y", "/a%0D%0Ax:%20y"),
        ("\\\\evil.example", "/%5C%5Cevil.example"),
        ("https://api.github.com/x?y=1", "/x?y=1"),
        ("HTTPS://API.GitHub.com:443", "/"),
        (URL("/a%2Fb/\xfc?x=%7B"), "/a%2Fb/%C3%BC?x=%7B"),
        (URL("a#b"), "/a#b"),
        (URL(""), "/"),
        (URL("/a%2e%2e?{x}", encoded=True), "/a%2e%2e?{x}"),
        (URL("https://api.github.com"), "/"),
        (URL("https://api.github.com/next?page=2"), "/next?page=2"),
    ],
)
def test_a_path_is_data(path: Any, expected: str) -> None:
    """Encoded once where it is a text, left alone where it is a URL, never a template."""
    assert str(prepare(GITHUB, connection(TOKEN), path).url) == f"https://api.github.com{expected}"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "https://evil.example/x",
            "http://api.github.com/x",
            "https://api.github.com@evil.example",
        ),
        *(
            "https://u:p@api.github.com/",
            "https://api.github.com:444/",
            "https://api.github.com\\@x",
        ),
        *(URL("https://evil.example/x"), URL("//evil.example/x"), URL("https://u@api.github.com/")),
    ],
)
def test_an_absolute_url_elsewhere_is_refused(path: Any) -> None:
    """The text names what is meant for that."""
    with pytest.raises(InvalidArgumentError, match="pass base_url="):
        prepare(GITHUB, connection(TOKEN), path)


@pytest.mark.parametrize(
    "call",
    [
        {"path": 7},
        {"path": "/\ud800"},
        {"path": "/?\ud800"},
        {"path": URL("/a b\r\n", encoded=True)},
        {"path": "/?a=1", "params": "b=2"},
        {"params": 7},
        {"params": {"a": None}},
        {"params": {"a": True}},
        {"params": {1: "a"}},
        {"params": ["a"]},
        {"params": {"a": "\ud800"}},
        {"method": "GET /"},
        {"method": 7},
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": {"a": "\0"}},
        {"headers": {"a b": "c"}},
        {"headers": {"a": 7}},
        {"headers": 7},
        {"method": "POST", "json": 1, "data": b""},
        {"method": "POST", "json": float("nan")},
        {"method": "POST", "json": {"a": object()}},
        {"method": "POST", "json": "\ud800"},
        {"method": "POST", "data": "\ud800"},
        {"method": "POST", "data": {"a": "\ud800"}},
        *(
            {"base_url": url}
            for url in (
                *("acme.example", "ftp://acme.example", "https://", "https://u:p@a.example", ""),
                *("https://a.example?x", "https://a.example/#x", "https://a.example/${apiKey}"),
                *("https://a\r\n.example", "https://a.example:99999999", "https://a\\b.example"),
            )
        ),
    ],
)
def test_what_cannot_be_sent_is_the_callers_to_mend(call: dict[str, Any]) -> None:
    """Nothing of what was given stands in the text, nor in a frame of the traceback."""
    with pytest.raises(InvalidArgumentError) as caught:
        prepare(GITHUB, connection(TOKEN), **call)

    assert "the-token" not in locals_of_the_package(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, "b=1&a=%2f&b=2"),
        ({}, "b=1&a=%2f&b=2"),
        ({"b": "x y"}, "b=x%20y&a=%2F"),
        ([("c", 1), ("b", 2.5)], "b=2.5&a=%2F&c=1"),
        (MultiDict([("c", "1"), ("c", "2")]), "b=1&a=%2F&b=2&c=1&c=2"),
        ({"b": [1, 2]}, "b=1&b=2&a=%2F"),
    ],
)
def test_params_replace_what_the_path_has(params: Any, expected: str) -> None:
    """Without any, the query is left as it was written."""
    plan = prepare(GITHUB, connection(TOKEN), "/x?b=1&a=%2f&b=2", params=params)

    assert plan.url.raw_query_string == expected


def test_params_may_be_a_text() -> None:
    """As with aiohttp."""
    plans = [prepare(GITHUB, connection(TOKEN), "/x", params=text) for text in ("a=b c", "?a", "")]

    assert [plan.url.raw_query_string for plan in plans] == ["a=b%20c", "a", ""]


def test_the_callers_headers_win_but_for_a_providers_user_agent() -> None:
    """Names are equal in any case; what the caller gave is not among ours."""
    wire = entry(
        headers={
            "User-Agent": "theirs",
            "X-Api-Key": "${apiKey}",
            "Accept": "a/b",
            "x-more": 7,
            "authorization": "Token ${apiKey}",
        }
    )
    given = CIMultiDict([("USER-AGENT", "mine"), ("x-api-KEY", "own"), ("X-Two", "1")])
    given.add("X-Two", "2")

    plan = prepare(wire, headers=given)

    assert sorted(plan.headers.items()) == [
        ("X-Two", "1"),
        ("X-Two", "2"),
        ("accept", "a/b"),
        ("authorization", "Token the-key"),
        ("user-agent", "theirs"),
        ("x-api-KEY", "own"),
        ("x-more", "7"),
    ]
    assert plan.injected.headers == {"user-agent", "accept", "authorization", "x-more"}


def test_the_callers_authorization_replaces_the_default() -> None:
    """Then nothing is signed or encoded for it."""
    plan = prepare(GITHUB, connection(TOKEN), headers=[("Authorization", "mine")])

    assert dict(plan.headers) == {"Authorization": "mine"}
    assert plan.injected.headers == set()


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (AppCredentials(access_token="app"), "Bearer app"),
        (CustomCredentials(app=AppCredentials(access_token="app"), user=TOKEN), "Bearer app"),
        (BasicCredentials(username="\xfc", password=""), "Basic w7w6"),
        (
            UnknownCredentials(type="INSTALL_PLUGIN", raw={"username": "a", "password": "b"}),
            "Basic YTpi",
        ),
        (TwoStepCredentials(token="two"), "Bearer two"),
    ],
)
def test_the_default_header_is_that_of_the_kind(credentials: Any, expected: str) -> None:
    """By the credentials, not by the entry."""
    assert prepare(GITHUB, connection(credentials)).headers["Authorization"] == expected


@pytest.mark.parametrize(
    "headers", [{"x-token": "${accessToken}"}, {"cookie": "${credentials._cookies}"}]
)
def test_a_two_step_token_goes_where_the_entry_says(headers: dict[str, str]) -> None:
    """And not into Authorization besides."""
    token = None if "cookie" in headers else "two"
    owner = connection(TwoStepCredentials(token=token, extra={"_cookies": "two"}))

    plan = prepare(entry(headers=headers), owner)

    assert list(plan.headers.values()) == ["two"]


@pytest.mark.parametrize(
    "credentials",
    [
        NoCredentials(),
        CustomCredentials(user=TOKEN),
        ApiKeyCredentials(api_key=""),
        OAuth2Credentials(access_token=""),
        TwoStepCredentials(),
        JwtCredentials(),
        BasicCredentials(username="", password=""),
        UnknownCredentials(type="INSTALL_PLUGIN"),
        UnknownCredentials(type="NEW", raw={"pin": "1"}),
        OAuth2Credentials(access_token="${x}"),
        OAuth2Credentials(access_token="a\r\nb"),
        OAuth2Credentials(access_token="\u20ac"),
        BasicCredentials(username="\ud800", password=""),
    ],
)
def test_empty_and_unusable_credentials_are_refused(credentials: Any) -> None:
    """Nango would call anonymously, or send another secret than the user gave."""
    with pytest.raises(UnsupportedProviderError) as caught:
        prepare(GITHUB, connection(credentials))

    assert caught.value.provider == "github"
    assert caught.value.reason


def test_a_key_that_is_a_template_is_refused() -> None:
    """It is data, is not expanded, and no key looks so."""
    with pytest.raises(UnsupportedProviderError, match="is a template"):
        prepare(entry(), connection(ApiKeyCredentials(api_key="${x}")))


def test_an_integration_without_credentials_needs_none() -> None:
    """It says so itself."""
    public = GITHUB | {"auth_mode": "NONE"}

    assert not prepare(public, connection(NoCredentials())).headers


def test_a_key_without_a_place_is_the_callers_to_place() -> None:
    """Any header that says who calls will do."""
    wire = {"name": "bill", "auth_mode": "BILL", "proxy": {"base_url": "https://bill.example"}}

    for headers in (None, {"Accept": "x", "Content-Type": "y"}):
        with pytest.raises(UnsupportedProviderError, match=r"with headers=, or call client\.proxy"):
            prepare(wire, connection(BILL), headers=headers)
    plan = prepare(wire, connection(BILL), headers={"sessionId": "s", "devKey": "k"})

    assert plan.injected.headers == set()
    assert plan.renewable


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        ({"name": "x", "proxy": {"headers": {"a": "${apiKey}"}}}, "pass base_url="),
        (GITHUB | {"require_client_certificate": True}, "client.proxy"),
        (entry() | {"integration_config": {"keyName": {}}}, "client.proxy, or pass base_url="),
        (entry(headers={"x": "${clientId}${apiKey}"}), "'clientId'"),
        (entry(headers={"x": "${missing}${apiKey}"}), "pass 'x' yourself, with headers="),
        (entry(headers={"x": "${bad name}${apiKey}"}), "of an unreadable name"),
        (entry(headers={"authorization": "${connectionConfig.a}"}), "'authorization'"),
        (entry(headers={"x": "${base64(${connectionConfig.a})}", "authorization": "${gone}"}), ""),
        (entry(headers={"x": "${apiKey}\n"}), "control character"),
        (entry(headers={"authorization": "${connectionConfig.empty}"}), "would be empty"),
    ],
)
def test_a_refusal_says_what_to_do(wire: dict[str, Any], says: str) -> None:
    """Provider, reason and a way out, and no frame with a secret."""
    with pytest.raises(UnsupportedProviderError) as caught:
        prepare(wire, connection(empty=""))

    assert says in str(caught.value)
    assert "the-key" not in locals_of_the_package(caught.value)
    assert caught.value.__context__ is None


def test_a_hidden_key_may_be_placed_by_the_caller() -> None:
    """With a base URL and a header."""
    wire = {"name": "x", "proxy": {}, "integration_config": {"keyName": {}}}

    plan = prepare(wire, base_url="https://own.example", headers={"x-key": "mine"})

    assert str(plan.url) == "https://own.example/v1/items"


def test_headers_of_the_configuration_are_left_out_where_they_do_not_resolve() -> None:
    """Also where they would be empty, or hold a template; others stay."""
    wire = entry(
        headers={
            "x-api-key": "${apiKey}",
            "a": "${connectionConfig.a}",
            "b": "${connectionConfig.b}",
            "c": "${connectionConfig.c}",
            "d": "v${connectionConfig.d}",
        }
    )

    plan = prepare(wire, connection(b="", c="${apiKey}", d=1))

    assert dict(plan.headers) == {"x-api-key": "the-key", "d": "v1"}


def test_the_integrations_own_id_and_secret_are_asked_for_only_where_needed() -> None:
    """By the entry, or by OAuth 1."""
    etsy = compile_entry(entry(headers={"x": "${clientId}:${clientSecret}"}))
    user = OAuth1Credentials(oauth_token="a", oauth_token_secret="b")

    plan = etsy.prepare(connection(TOKEN), Call("GET", "/"), client=ClientSecrets("id", "shh"))

    assert plan.headers["x"] == "id:shh"
    assert etsy.needs_client_secrets(connection(TOKEN))
    assert compile_entry(GITHUB).needs_client_secrets(connection(user))
    assert not compile_entry(GITHUB).needs_client_secrets(connection(TOKEN))
    assert compile_entry(GITHUB).is_renewable(connection(TOKEN))
    assert not compile_entry(GITHUB).is_renewable(connection())


def test_variables_of_the_request() -> None:
    """What a header may say of the request that it is in."""
    names = ("method", "host", "path", "endpoint", "urlCanonicalParams", "contentType")
    text = " ".join(f"${{{name}}}" for name in names)
    wire = entry("https://api.example/base", headers={"x": text, "k": "${apiKey}"})

    def said(path: Any) -> str:
        return prepare(wire, path=path, headers={"content-type": "a/b"}).headers["x"]

    rest = "GET api.example /base/x"
    assert said("x?b=1&a=2") == f"{rest} /x?b=1&a=2 a=2&b=1 a/b"
    assert said(URL("/x")) == f"{rest} /x  a/b"
    assert said("https://api.example/base/x") == f"{rest} /base/x  a/b"
    assert said(URL("https://api.example/base/x?a=1")) == f"{rest} /base/x?a=1 a=1 a/b"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"path": "/x?b=2&a=1"}, "a=1&b=2"),
        ({"method": "POST", "data": {"b": "x y", "a": "~"}}, "a=~&b=x%20y"),
        ({"method": "POST", "data": b"b=2&a=1"}, "a=1&b=2"),
        ({"method": "POST", "json": {"b": {"c": [1]}, "a": 1}}, "a=1&b=%7B%22c%22%3A%5B1%5D%7D"),
        ({"method": "POST", "json": [1]}, ""),
        ({"method": "POST"}, ""),
    ],
)
def test_parameters_are_sorted_by_bytes(call: dict[str, Any], expected: str) -> None:
    """The body's, or those of the query where there is none."""
    plan = prepare(entry(headers={"x": "<${params}>", "k": "${apiKey}"}), **call)

    assert plan.headers["x"] == f"<{expected}>"


def test_a_prepared_request_shows_no_secret() -> None:
    """It is for other libraries; they must not encode its URL again."""
    wire = entry(query={"key": "${apiKey}"})

    request = prepare(wire, method="POST", json={"a": 1}).prepared()

    assert repr(request) == "PreparedRequest(method='POST')"
    assert isinstance(request, PreparedRequest)
    assert request.url == "https://api.acme.example/v1/items?key=the-key"
    assert request.headers["X-API-KEY"] == "the-key"
    assert request.body == b'{"a":1}'


def test_an_object_that_holds_secrets_has_no_telling_repr() -> None:
    """Neither call, nor plan, nor app."""
    plan = prepare(GITHUB, connection(TOKEN))
    objects = (plan, plan.injected, Call("GET", "/secret"), ClientSecrets("secret", "secret"))

    assert not [thing for thing in objects if "secret" in repr(thing) or "the-token" in repr(thing)]
    assert NOW.tzinfo is not None
