"""The base URL: where a request may go."""

from typing import Any

import pytest
from making import connection, entry, prepare
from yarl import URL

from nango_client import (
    UnsupportedProviderError,
)


@pytest.mark.parametrize(
    ("url", "config", "expected", "check"),
    [
        ("https://API.acme.example:443/v1/", {}, "https://api.acme.example/v1", False),
        ("https://${connectionConfig.a}.a.example", {"a": "me"}, "https://me.a.example", False),
        ("https://${connectionConfig.a}", {"a": "me.example"}, "https://me.example", True),
        ("https://${connectionConfig.a}", {"a": "me.example/x/"}, "https://me.example/x/", True),
        ("https://${connectionConfig.a}/v1", {"a": "me:8443/x"}, "https://me:8443/x/v1", True),
        ("https://acme.${connectionConfig.a}/v1", {"a": "eu"}, "https://acme.eu/v1", True),
        ("https://a.example:${connectionConfig.a}", {"a": 8443}, "https://a.example:8443", False),
        ("https://${connectionConfig.a}:8443", {"a": "a.example"}, "https://a.example:8443", True),
        ("${connectionConfig.a}/api", {"a": "https://me.example"}, "https://me.example/api", True),
        ("${connectionConfig.a}", {"a": "https://[2001:db8::]/x"}, "https://[2001:db8::]/x", True),
        ("https://a.example/${connectionConfig.a}", {"a": "?#"}, "https://a.example/%3F%23", False),
        (
            "https://${connectionConfig.a} || https://b.example",
            {},
            "https://b.example",
            False,
        ),
        (
            "https://a.example/${metadata.tier} || https://b.example",
            {},
            "https://a.example/gold",
            False,
        ),
        (
            "https://${connectionConfig.a.b}.x.example || https://b.example",
            {"a": "text"},
            "https://b.example",
            False,
        ),
        ("http://127.0.0.1:8080/api", {}, "http://127.0.0.1:8080/api", False),
        ("http://localhost/", {}, "http://localhost", False),
        ("http://[::1]:80", {}, "http://[::1]", False),
        ("https://127.0.0.1", {}, "https://127.0.0.1", False),
        ("https://a.example.", {}, "https://a.example.", False),
    ],
)
def test_the_base_url(url: str, config: dict[str, Any], expected: str, check: Any) -> None:
    """Who is called, and whether data decides it."""
    plan = prepare(entry(url), connection(**config), "/p")

    assert str(plan.url) == f"{expected}/p"
    assert plan.check_address is check


@pytest.mark.parametrize(
    ("url", "config"),
    [
        ("http://acme.example", {}),
        ("http://127.0.0.${connectionConfig.a}", {"a": "1"}),
        ("ws://acme.example", {}),
        ("https://acme.example/?x", {}),
        ("https://", {}),
        ("https://[::1", {}),
        ("${connectionConfig.a}", {"a": "http://acme.example"}),
        ("${connectionConfig.a}", {"a": "https://u:p@acme.example"}),
        ("${connectionConfig.a}", {"a": "https://acme.example?x"}),
        ("https://${connectionConfig.a}.acme.example", {"a": "evil.example/"}),
        ("https://${connectionConfig.a}.acme.example", {"a": "evil.example#"}),
        ("https://${connectionConfig.a}.acme.example", {"a": "u@evil"}),
        ("https://${connectionConfig.a}.acme.example", {"a": "evil.example\\"}),
        ("https://${connectionConfig.a}.acme.example", {"a": "evil.example:1"}),
        ("https://${connectionConfig.a}.acme.example", {"a": ""}),
        ("https://${connectionConfig.a}.acme.example", {"a": True}),
        ("https://${connectionConfig.a}", {"a": "\u0435vil.example"}),
        ("https://${connectionConfig.a}", {"a": "a.example/.."}),
        ("https://a.example:${connectionConfig.a}", {"a": "70000"}),
        ("https://a.example/${connectionConfig.a}/v1", {"a": ".."}),
        ("https://a.example/${connectionConfig.a}/v1", {"a": "x/%2E%2e"}),
        ("https://a.example/${connectionConfig.a}", {"a": "\r\n"}),
        ("https://a.example/${connectionConfig.a}", {"a": "\ud800"}),
        ("https://a.example/${connectionConfig.a}", {"a": "${apiKey}"}),
        ("https://a.example/${connectionConfig.a}", {}),
    ],
)
def test_a_base_url_that_leads_astray_is_refused(url: str, config: dict[str, Any]) -> None:
    """A value that a customer chose decides its own place and no other."""
    with pytest.raises(UnsupportedProviderError):
        prepare(entry(url), connection(**config))


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("http://Internal.example:80/api/", "http://internal.example/api/v1/items"),
        (URL("https://[::1]:8443"), "https://[::1]:8443/v1/items"),
    ],
)
def test_a_base_url_in_code_may_lead_anywhere(base_url: Any, expected: str) -> None:
    """Also to http, and into one's own network; the credentials go along."""
    plan = prepare(entry(), base_url=base_url)

    assert str(plan.url) == expected
    assert plan.headers["x-api-key"] == "the-key"
    assert not plan.check_address


def test_keys_in_the_url_are_told_of() -> None:
    """In the path and in the query, where they may show in what logs URLs."""
    wire = entry(
        "https://api.example/bot${apiKey}",
        headers={},
        query={"key": "${apiKey}", "shop": "${connectionConfig.shop}", "t": "${accessToken}"},
    )

    plan = prepare(wire, path="/x?key=mine&z=1", params={"shop": "mine", "key": "own"})

    assert str(plan.url) == "https://api.example/botthe-key/x?key=the-key&z=1&shop=mine"
    assert plan.injected.path
    assert plan.injected.query == {"key"}
