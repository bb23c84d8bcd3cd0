"""The body of a request, with what the provider wants in it."""

import json
from collections import deque
from types import MappingProxyType
from typing import Any

import pytest
from making import GITHUB, TOKEN, connection, entry, prepare

from nango_client import (
    InvalidArgumentError,
)
from nango_client._provider.making.recipe import compile_entry

READ_ONLY = deque([MappingProxyType({"b": 1})])


MAILER = entry(
    headers={},
    body={
        "key": "${apiKey}",
        "auth": {"id": "${connectionConfig.id}", "no": "${x}"},
        "empty": {},
        "number": 1,
    },
)


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("POST", {}, {"key": "the-key", "auth": {"id": "7"}}),
        ("DELETE", {"json": {}}, {"key": "the-key", "auth": {"id": "7"}}),
        (
            "PUT",
            {"json": MappingProxyType({"a": READ_ONLY, "key": "mine", "auth": {"x": 1}})},
            {"a": [{"b": 1}], "key": "the-key", "auth": {"x": 1, "id": "7"}},
        ),
        ("PATCH", {"json": [1]}, [1]),
        ("POST", {"json": None}, None),
    ],
)
def test_a_key_goes_into_a_json_object(method: str, body: dict[str, Any], expected: Any) -> None:
    """It wins over the caller's; other JSON stays as it is."""
    plan = prepare(MAILER, connection(id=7), method=method, **body)

    assert json.loads(plan.body) == expected
    assert plan.headers["Content-Type"] == "application/json"
    assert plan.injected.body == ({"key", "auth"} if isinstance(expected, dict) else set())
    assert compile_entry(MAILER).wants_body


def test_a_key_goes_into_a_form() -> None:
    """Nested members are written with brackets."""
    plan = prepare(MAILER, connection(id=7), method="POST", data=[("key", "mine"), ("a", "b c~")])

    assert plan.body == b"a=b+c%7E&key=the-key&auth%5Bid%5D=7"
    assert plan.injected.body == {"key", "auth"}


def test_a_key_cannot_go_into_what_nobody_can_look_into() -> None:
    """Bytes and texts are sent as they are; a stream is refused."""
    assert prepare(MAILER, method="POST", data=b"raw").body == b"raw"
    assert prepare(MAILER, method="OPTIONS", json=1).body == b"1"
    with pytest.raises(InvalidArgumentError, match="key in the body"):
        prepare(MAILER, method="POST", data=object())


@pytest.mark.parametrize(
    ("given", "sent", "content_type"),
    [
        ({"json": {"a": "\xfc"}}, b'{"a":"\xc3\xbc"}', "application/json"),
        ({"data": "\xfc"}, b"\xc3\xbc", "text/plain; charset=utf-8"),
        ({"data": bytearray(b"x")}, b"x", None),
        ({"data": {"a": 1}}, b"a=1", "application/x-www-form-urlencoded"),
        ({}, None, "application/x-www-form-urlencoded"),
    ],
)
def test_bodies_are_written_once(given: Any, sent: Any, content_type: Any) -> None:
    """What is sent says what it is, unless the caller does."""
    plan = prepare(GITHUB, connection(TOKEN), method="post", **given)
    own = prepare(
        GITHUB, connection(TOKEN), method="POST", headers={"Content-Type": "a/b"}, **given
    )

    assert (plan.method, plan.body) == ("POST", sent)
    assert plan.headers.get("Content-Type") == content_type
    assert own.headers.getall("Content-Type") == ["a/b"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_that_only_reads_has_no_body(method: str) -> None:
    """As through Nango's proxy."""
    plan = prepare(GITHUB, connection(TOKEN), method=method, json={"a": 1})

    assert plan.body is None
    assert "Content-Type" not in plan.headers


def test_json_becomes_a_form_where_that_is_what_was_announced() -> None:
    """Some providers' entries announce it for all their requests."""
    wire = entry(headers={"content-type": "application/x-www-form-urlencoded", "k": "${apiKey}"})
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]

    document = {"a": {"b": [1, True, False, None]}}
    plan = prepare(wire, method="POST", json=document)

    fields = (b"a%5Bb%5D%5B0%5D=1", b"a%5Bb%5D%5B1%5D=true", b"a%5Bb%5D%5B2%5D=false")
    assert plan.body == b"&".join((*fields, b"a%5Bb%5D%5B3%5D="))
    assert prepare(wire, method="POST", json=[1]).body == b"[1]"
    with pytest.raises(InvalidArgumentError, match="too deep"):
        prepare(wire, method="POST", json={"a": deep})


@pytest.mark.parametrize("data", [object(), {"file": object()}, [("a", b"x")], ["a"]])
def test_what_only_the_sender_understands_is_passed_on(data: Any) -> None:
    """It says itself what it is, the boundary of its parts included."""
    wire = entry(headers={"content-type": "application/json", "k": "${apiKey}"})

    plan = prepare(wire, method="POST", data=data)

    assert plan.body is data
    assert "content-type" not in plan.headers
