"""Whatever entries and connections hold: a request that is right, or a refusal with a reason.

"Right" is: over https, to a host that entry and connection name, nothing of the template language
in it, and no value outside of its place.
"""

import json
from typing import Any

import pytest
from golden import FOLDER, cases, connection_of
from hypothesis import given, settings
from hypothesis import strategies as st
from making import NOW, connection, entry, prepare

from nango_client import (
    ApiKeyCredentials,
    AppCredentials,
    BasicCredentials,
    BillCredentials,
    CustomCredentials,
    JwtCredentials,
    NoCredentials,
    OAuth1Credentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    SignatureCredentials,
    TbaCredentials,
    TwoStepCredentials,
    UnknownCredentials,
    UnsupportedProviderError,
)
from nango_client._provider.making.plans import Call, ClientSecrets, Plan
from nango_client._provider.making.recipe import compile_entry

APP = ClientSecrets("client-id", "client-secret")

JUNK: tuple[Any, ...] = (None, 1, True, "", "text", [], ["a"], {}, {"a": []}, {"${a}": "${b}"})
ODD_ENTRIES: tuple[dict[str, Any], ...] = (
    {},
    {"name": None, "proxy": None},
    *({"name": "acme", "auth_mode": junk, "proxy": junk} for junk in JUNK),
    *(entry(junk) for junk in JUNK),
    *(entry(headers=junk) for junk in JUNK),
    *(entry(query=junk, body=junk, retry=junk) for junk in JUNK),
    *(
        entry(url)
        for url in (
            *(
                "http://acme.example",
                "ftp://acme.example",
                "acme.example",
                "https://",
                "https:///x",
            ),
            *("https://u:p@acme.example", "https://acme.example?x=1", "https://acme.example#x"),
            *("https://a..b", "https://acme.example:99999", "https://[::1"),
            "https://7",
            *("https://0x7f.1", "https://\u00fc.example", "https://acme.example/${unfinished"),
            *("${${apiKey}x} || https://acme.example", "https://a b"),
            f"https://{'a' * 64}.example",
        )
    ),
    entry(headers={"bad name": "${apiKey}"}),
    entry(headers={"x": "${apiKey}\r\ny: z"}),
    entry(integration_config={}) | {"integration_config": {"keyName": {}}},
)


def planned_or_refused(wire: dict[str, Any], owner: Any) -> Plan | None:
    try:
        plan = prepare(wire, owner, client=APP)
    except UnsupportedProviderError as error:
        refusal = error
    else:
        assert plan.url.scheme == "https"
        return plan
    assert refusal.reason
    assert refusal.reason in str(refusal)
    assert refusal.provider == (wire.get("name") or "")
    return None


def test_every_entry_makes_a_request_or_says_why_not() -> None:
    """The entries of the golden cases, each with its own connection."""
    made = 0
    for path in FOLDER.glob("*.json"):
        first = next(cases(path))
        owner = connection_of(first.connection)
        assert owner is not None

        made += planned_or_refused(first.entry, owner) is not None

    assert made > 200


@pytest.mark.parametrize("wire", ODD_ENTRIES, ids=lambda wire: json.dumps(wire)[:80])
def test_an_entry_of_another_shape_makes_a_request_or_says_why_not(wire: dict[str, Any]) -> None:
    """Nothing in an entry is taken for granted."""
    planned_or_refused(wire, connection())


# Each value carries the mark of the only place that it may be found in.
HOSTILE = st.text(alphabet="a0.-:/?#@\\%2eE$ {}\r\n\0\t&=,;\"'<>|\u00e9\u20ac\ud800", max_size=8)


def marked(mark: str) -> st.SearchStrategy[Any]:
    texts = st.tuples(st.one_of(st.just(""), HOSTILE), st.one_of(st.just(""), HOSTILE))
    return st.one_of(
        st.sampled_from([mark, f"{mark}.example", f"{mark}/x", 7, 0, "", None, True, {}, []]),
        texts.map(lambda around: f"{around[0]}{mark}{around[1]}"),
    )


# All of them, because a request whose base URL lacks one is refused before the rest is looked at.
CONFIG = st.fixed_dictionaries(
    {name: marked(f"the{name}") for name in ("host", "path", "header", "query", "body")}
)
BASES = st.sampled_from(
    [
        "https://${connectionConfig.host}.acme.example/v1",
        "https://acme.${connectionConfig.host}/v1/${connectionConfig.path}/",
        "https://${connectionConfig.host}",
        "https://${connectionConfig.host}:8443/${connectionConfig.path}",
        "${connectionConfig.host}/api",
        "https://${connectionConfig.host} || https://api.acme.example/${connectionConfig.path}",
        "https://api.acme.example/${connectionConfig.path}/${metadata.tier}/${connection_id}",
        "https://api.acme.example/${unknown}",
        # More often than the others: it lets all the rest be seen.
        *["https://api.acme.example"] * 4,
    ]
)
PIECES = st.lists(
    st.sampled_from(
        [
            *("${connectionConfig.%s}", "${credentials.username}", "${apiKey}", "${accessToken}"),
            *("${base64(${apiKey}:${connectionConfig.%s})}", "${sha256Hex(${path}${params})}"),
            *("${hmacSha1Hex(${method}${host}, ${apiKey})}", "${now:X}", "${random}", "${"),
            *("text ", " || ", "}", "${unknown}", "${clientId}", "${ed25519Sign(a, ${apiKey})}"),
            *("${awsSigV4(a, ${apiKey}, eu, iam)}", "${urlCanonicalParams}${contentType}"),
            *("${bodyCanonicalParams}", "${endpoint}"),
        ]
    ),
    max_size=4,
)


def templates(place: str) -> st.SearchStrategy[str]:
    return PIECES.map(lambda pieces: "".join(pieces).replace("%s", place))


ENTRIES = st.builds(
    lambda base, headers, query, body, mode: (
        entry(base, headers=headers, query=query, body=body) | {"auth_mode": mode}
    ),
    BASES,
    st.dictionaries(
        st.sampled_from(["authorization", "x-key", "content-type", "user-agent", "cookie"]),
        templates("header"),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(["key", "k&=", "a"]), templates("query"), max_size=2),
    st.dictionaries(
        st.sampled_from(["key", "a"]),
        st.one_of(templates("body"), st.just({"inner": "${connectionConfig.body}"})),
        max_size=2,
    ),
    st.sampled_from(["API_KEY", "NONE", "OAUTH2", None]),
)
SECRETS = st.one_of(st.just("secret"), HOSTILE)
CREDENTIALS = st.one_of(
    st.builds(ApiKeyCredentials, api_key=SECRETS),
    st.builds(BasicCredentials, username=SECRETS, password=SECRETS),
    st.builds(OAuth2Credentials, access_token=SECRETS),
    st.builds(OAuth2ClientCredentials, token=SECRETS, client_id=SECRETS, client_secret=SECRETS),
    st.builds(OAuth1Credentials, oauth_token=SECRETS, oauth_token_secret=SECRETS),
    st.builds(TbaCredentials, token_id=SECRETS, token_secret=SECRETS),
    st.builds(JwtCredentials, token=SECRETS, extra=st.just({"apiKey": "x"})),
    st.builds(TwoStepCredentials, token=SECRETS, extra=st.just({"apiKey": 5})),
    st.builds(SignatureCredentials, username=SECRETS, password=SECRETS, token=SECRETS),
    st.builds(
        BillCredentials,
        **dict.fromkeys(
            ("username", "password", "organization_id", "dev_key", "session_id", "user_id"), SECRETS
        ),
    ),
    st.builds(CustomCredentials, app=st.none() | st.builds(AppCredentials, access_token=SECRETS)),
    st.builds(NoCredentials),
    st.builds(
        UnknownCredentials,
        type=st.sampled_from(["INSTALL_PLUGIN", "NEW"]),
        raw=st.fixed_dictionaries({"username": SECRETS}),
    ),
)
CALLS = st.builds(
    lambda method, path, params, body: Call(
        method, path, params=params, headers={"X-Mine": "yes"}, **body
    ),
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.sampled_from(
        ["/v1/items", "", "//other.example/x", "/../../x?a=${apiKey}", "/a b/\u20ac#x"]
    ),
    st.sampled_from([None, {"a": 1}, [("key", "mine")]]),
    st.sampled_from([{}, {"json": {"a": 1}}, {"data": {"a": "b"}}, {"data": b"bytes"}]),
)


REQUESTS = st.lists(st.tuples(CREDENTIALS, CONFIG, CALLS), min_size=4, max_size=4)


@settings(max_examples=300)
@given(ENTRIES, REQUESTS)
def test_nothing_foreign_nothing_unresolved_nothing_out_of_its_place(
    wire: dict[str, Any], requests: list[tuple[Any, dict[str, Any], Call]]
) -> None:
    """Twelve hundred requests of three hundred entries, the values chosen to break out."""
    recipe = compile_entry(wire)
    for credentials, config, call in requests:
        owner = connection(credentials, **config)
        try:
            plan = recipe.prepare(owner, call, client=APP, now=NOW)
        except UnsupportedProviderError:
            continue

        url = str(plan.url)
        body = (plan.body or b"").decode()
        headers = "".join(plan.headers.values())
        host, path, query = plan.url.raw_host or "", plan.url.raw_path, plan.url.raw_query_string
        assert plan.url.scheme == "https"
        assert plan.url.user is None
        assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_")
        assert "${" not in url + body + headers
        assert not set(headers) & set("\r\n\0")
        # A value that is the whole host may have a path; headers may be told of the whole request.
        assert "thehost" not in query + body
        assert "thepath" not in host + query + body
        assert "thequery" not in host + path + body
        assert "thebody" not in url
        assert "theheader" not in url + body
