"""Whether Nango signed a request."""

import hmac
import re
from collections.abc import Callable
from typing import Any

import pytest
from deliveries import BY_NAME, DELIVERIES, KEY, Delivery

from nango_client import (
    ConfigurationError,
    DecodeError,
    InvalidArgumentError,
    InvalidSignatureError,
    UnknownWebhook,
    webhooks,
)

VECTOR_KEY = "b9a0c1d2-0000-4000-8000-000000000001"
VECTOR = b'{"from":"nango","type":"auth"}'
HMAC, LEGACY = "X-Nango-Hmac-Sha256", "X-Nango-Signature"
SIGNED = webhooks.sign(b"{}", KEY)


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NANGO_WEBHOOK_SIGNING_KEY", raising=False)


def only_legacy(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != HMAC}


def test_a_known_body_and_key_give_the_known_signatures() -> None:
    """The algorithms are those of the server."""
    assert webhooks.sign(VECTOR, VECTOR_KEY) == {
        HMAC: "e8240447245b47db400717d35704333b7402bd3d70def4724c2369ef20b3204a",
        LEGACY: "62ee01ccea508d86dd66804d6fdca1b8137d40d9f2f87635655ce229830f0126",
    }


@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_what_a_server_signed_is_accepted(delivery: Delivery) -> None:
    """Every delivery that was captured verifies, by either hash."""
    webhooks.verify(delivery.body, delivery.headers, delivery.key)
    webhooks.verify(delivery.body, only_legacy(delivery.headers), delivery.key, allow_legacy=True)

    signed = webhooks.sign(delivery.body, delivery.key)
    assert signed.items() <= delivery.headers.items()


@pytest.mark.parametrize("allow_legacy", [False, True])
@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_a_body_with_any_byte_changed_is_refused(delivery: Delivery, allow_legacy: bool) -> None:
    """Wherever it is, and so is one that is cut off or longer."""
    headers = only_legacy(delivery.headers) if allow_legacy else delivery.headers
    body = delivery.body
    changed = [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(len(body))]

    for forged in (*changed, body[:-1], body + b" ", b""):
        with pytest.raises(InvalidSignatureError, match="does not fit body and key"):
            webhooks.receive(forged, headers, delivery.key, allow_legacy=allow_legacy)


@pytest.mark.parametrize("name", [HMAC, LEGACY])
@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_a_signature_with_any_character_changed_is_refused(delivery: Delivery, name: str) -> None:
    """Also one in capitals, cut off, or with something around it."""
    signature = delivery.headers[name]
    changed = [
        signature[:at] + chr(ord(signature[at]) ^ 1) + signature[at + 1 :]
        for at in range(len(signature))
    ]

    for forged in (*changed, signature.upper(), signature[:-1], f" {signature}", "", "ü" * 64):
        with pytest.raises(InvalidSignatureError):
            webhooks.receive(delivery.body, {name: forged}, delivery.key, allow_legacy=True)


HEADERS: dict[str, tuple[Any, str]] = {
    "none": ({}, "has no header X-Nango-Hmac-Sha256"),
    "an empty list": ({HMAC: []}, "has no header"),
    "only the old": (only_legacy(SIGNED), "only the old header X-Nango-Signature"),
    "not ASCII": ({HMAC: "ü" * 64}, "is not a signature"),
    "not ASCII, as bytes": ([(b"x-nango-hmac-sha256", b"\xff" * 64)], "is not a signature"),
    "no text": ({HMAC: None}, "is not a signature"),
    "a number": ({HMAC: 7}, "is not a signature"),
    "twice": ([*SIGNED.items(), *SIGNED.items()], "X-Nango-Hmac-Sha256 more than once"),
    "in two spellings": (SIGNED | {HMAC.lower(): SIGNED[HMAC]}, "more than once"),
    "two in a list": ({HMAC: [SIGNED[HMAC], SIGNED[HMAC]]}, "more than once"),
    "joined by a comma": ({HMAC: f"{SIGNED[HMAC]}, {SIGNED[HMAC]}"}, "does not fit"),
    "of another key": (webhooks.sign(b"{}", "another"), "webhook signing key, which need not be"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_the_text_says_what_is_wrong_with_a_signature(case: str) -> None:
    """And what to look at."""
    headers, text = HEADERS[case]

    with pytest.raises(InvalidSignatureError, match=text) as caught:
        webhooks.receive(b"{}", headers, KEY)

    assert isinstance(caught.value, ValueError)


def test_the_old_hash_counts_only_where_it_is_allowed_and_alone() -> None:
    """A wrong new header is not made good by a right old one."""
    old = only_legacy(SIGNED)

    webhooks.verify(b"{}", old, KEY, allow_legacy=True)
    webhooks.verify(b"{}", SIGNED, KEY, allow_legacy=True)
    webhooks.verify(b"{}", old | {HMAC: []}, KEY, allow_legacy=True)
    for headers in (old | {HMAC: "0" * 64}, old | {HMAC: ""}, old | {HMAC: ["0", "1"]}):
        with pytest.raises(InvalidSignatureError, match=HMAC):
            webhooks.verify(b"{}", headers, KEY, allow_legacy=True)
    with pytest.raises(InvalidSignatureError, match="X-Nango-Signature more than once"):
        webhooks.verify(b"{}", [*old.items(), *old.items()], KEY, allow_legacy=True)


def test_any_of_several_keys_may_match() -> None:
    """So that a key can be rotated without a gap."""
    for keys in ([KEY, "new"], ("new", KEY), {"new", KEY}, iter(["new", KEY])):
        webhooks.verify(b"{}", SIGNED, keys)
    with pytest.raises(InvalidSignatureError):
        webhooks.verify(b"{}", SIGNED, ["new", "newer"])


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every key, so that the time tells neither how much of one fits nor which one does."""
    compared: list[tuple[object, object]] = []
    compare = hmac.compare_digest

    def note(given: str, expected: str) -> bool:
        compared.append((given, expected))
        return compare(given, expected)

    monkeypatch.setattr(hmac, "compare_digest", note)

    webhooks.verify(b"{}", SIGNED, [KEY, "new", "newer"])

    expected = [webhooks.sign(b"{}", key)[HMAC] for key in (KEY, "new", "newer")]
    assert compared == [(SIGNED[HMAC], each) for each in expected]


def test_the_key_comes_from_the_environment_if_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the newline that secrets mounted as files end in."""
    monkeypatch.setenv("NANGO_WEBHOOK_SIGNING_KEY", f"{KEY}\n")

    webhooks.verify(b"{}", SIGNED)
    with pytest.raises(InvalidSignatureError):
        webhooks.verify(b"{}", SIGNED, "another")


KEYS: dict[str, tuple[Any, str]] = {
    "none": (None, "set NANGO_WEBHOOK_SIGNING_KEY"),
    "empty": ("", "is empty"),
    "blank": (" \n", "is empty"),
    "one of two empty": ([KEY, ""], "is empty"),
    "control characters": ("a\x00b", "control characters"),
    "not to be encoded": ("\udcff", "control characters"),
    "no keys": ([], "holds no key"),
    "one of two missing": ([KEY, None], "must be a str"),
    "bytes": (KEY.encode(), "must be a str"),
    "a number": (7, "must be a str, or several in a list"),
}


@pytest.mark.parametrize("case", KEYS)
def test_without_a_usable_key_nothing_is_accepted(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is a fault of the receiver, and does not look like a forged request."""
    monkeypatch.setenv("NANGO_WEBHOOK_SIGNING_KEY", "")
    key, text = KEYS[case]

    for call in (webhooks.receive, webhooks.verify):
        with pytest.raises(ConfigurationError, match=text):
            call(b"{}", SIGNED, key)


@pytest.mark.parametrize("key", [None, "", [KEY], 7])
def test_only_one_key_signs(key: Any) -> None:
    """Nor is it taken from the environment."""
    with pytest.raises(ConfigurationError):
        webhooks.sign(b"{}", key)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_body_may_be_any_bytes(kind: Callable[[bytes], Any]) -> None:
    """What could change is copied before it is looked at."""
    assert webhooks.receive(kind(b"{}"), webhooks.sign(kind(b"{}"), KEY), KEY).raw == {}
    assert isinstance(webhooks.parse(kind(b"{}")), UnknownWebhook)


@pytest.mark.parametrize("body", ["{}", {}, None, [123, 125]])
def test_text_and_parsed_bodies_are_refused(body: Any) -> None:
    """They cannot be checked, and the text says what to pass."""
    calls: list[Callable[[], object]] = [
        lambda: webhooks.receive(body, SIGNED, KEY),
        lambda: webhooks.verify(body, SIGNED, KEY),
        lambda: webhooks.parse(body),
        lambda: webhooks.sign(body, KEY),
    ]
    for call in calls:
        with pytest.raises(InvalidArgumentError, match=f"{type(body).__name__}: pass the request"):
            call()


@pytest.mark.parametrize("headers", [None, "X-Nango", 7, [1], {7: "x"}, [("a", "b", "c")]])
def test_what_are_no_headers_is_refused(headers: Any) -> None:
    """Rather than taken for a request without a signature."""
    with pytest.raises(InvalidArgumentError, match="headers must be the request's headers"):
        webhooks.verify(b"{}", headers, KEY)


def test_a_body_that_nango_signed_need_not_be_json() -> None:
    """The signature is checked first."""
    body = BY_NAME["sync-success"].body[:-1]

    webhooks.verify(body, webhooks.sign(body, KEY), KEY)
    with pytest.raises(DecodeError, match=re.escape("the webhook's body is not JSON")):
        webhooks.receive(body, webhooks.sign(body, KEY), KEY)
