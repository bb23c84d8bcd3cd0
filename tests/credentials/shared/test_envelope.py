"""What is stored, and under which names."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import names

from nango_client import (
    APIStatusError,
    ConnectionFailedError,
    DecodeError,
    NangoError,
    NotFoundError,
    RateLimitError,
    ReconnectRequiredError,
    SharedCache,
)
from nango_client._credentials.envelope import (
    Envelope,
    Failure,
    Vault,
    make_vault,
    may_be_stored,
    pack,
    unpack,
)

NAMES = names("key", "https://api.nango.dev")
KEY = ("user-42", "github")


def vault(*keys: str) -> Vault:
    made = make_vault(keys)
    assert isinstance(made, Vault)
    return made


@given(st.binary(), st.text(), st.floats(0, 1e9), st.booleans())
def test_an_envelope_comes_back_as_it_was(
    body: bytes, fetch: str, dead: float, fails: bool
) -> None:
    """Header and body, whatever is in them."""
    failure = Failure("NotFoundError", 404, None, None, retryable=False, life=1.0)
    envelope = Envelope("name", fetch, dead, body=body, failure=failure if fails else None)

    back = unpack(pack(envelope))

    assert back is not None
    assert attrs.asdict(back) == attrs.asdict(envelope)


@pytest.mark.parametrize("packed", [b"", b"{}", b"[]", b"[null]", b"nonsense", b"[1,2,3]\nbody"])
def test_what_is_no_envelope_is_none(packed: bytes) -> None:
    """Another version's header has other parts."""
    assert unpack(packed) is None


def test_keys_are_rotated() -> None:
    """The first one seals, each of them opens."""
    old, new = SharedCache.generate_key(), SharedCache.generate_key()
    before = vault(old).seal(Envelope("name", "before", 1.0))
    after = vault(new, old).seal(Envelope("name", "after", 1.0))

    assert vault(new, old).open(before, "name") is not None
    assert vault(new).open(after, "name") is not None
    assert vault(old).open(after, "name") is None
    assert vault(new, old).open(after, "another") is None


def test_an_envelope_shows_no_answer() -> None:
    """Its body is left out of the repr."""
    assert "canary" not in repr(Envelope("name", "fetch", 1.0, body=b"canary"))


def test_every_part_of_a_name_is_hashed_by_itself() -> None:
    """So a pattern can leave one out, and no id shows."""
    name = NAMES.of(KEY)

    assert name.count(":") == 4
    assert "user" not in name
    assert NAMES.of_pair(KEY) == [name, NAMES.of((*KEY, "refresh_github_app_jwt_token"))]
    assert NAMES.matching(*KEY) == NAMES.of_pair(KEY)
    prefix, environment, integration, connection, _ = name.split(":")
    assert NAMES.matching(None, "github") == [f"{prefix}:{environment}:{integration}:*:*"]
    assert NAMES.matching("user-42", None) == [f"{prefix}:{environment}:*:{connection}:*"]
    assert NAMES.matching(None, None) == [f"{prefix}:{environment}:*:*:*"]


def test_names_depend_on_server_and_key_and_on_both_ids() -> None:
    """A slash at the end of the URL is no other server."""
    others = [
        names("other", "https://api.nango.dev").of(KEY),
        names("key", "https://nango.example.com").of(KEY),
        NAMES.of(("github", "user-42")),
        NAMES.of(("user-42g", "ithub")),
    ]

    assert len({NAMES.of(KEY), *others}) == 5
    assert names("key", "https://api.nango.dev/").of(KEY) == NAMES.of(KEY)


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("canary", status=404, code="not_found"),
        RateLimitError("canary", status=429, code="canary canary", retry_after=7.0),
        APIStatusError("canary", status=418),
        ConnectionFailedError("canary", retryable=False),
        DecodeError("canary", path="canary"),
    ],
)
def test_a_failure_is_passed_on_without_its_text(error: NangoError) -> None:
    """Class, status, code and waits; the words are ours, and name what the caller asked for."""
    failure = Failure.of(error, 10.0)

    twin = failure.error("connection 'a' of integration 'b'")

    assert type(twin) is type(error)
    assert twin.retryable == error.retryable
    assert "connection 'a'" in str(twin)
    assert "canary" not in str(twin)
    assert failure.life == 1.0
    for name in ("status", "code", "retry_after"):
        assert getattr(twin, name, None) == getattr(error, name, None)


def test_a_class_that_is_not_known_here_is_the_base_of_all() -> None:
    """A newer version may pass on what this one does not have."""
    for kind in ("NewerError", "annotations", "ConfigurationError"):
        failure = Failure(kind, 0, None, None, retryable=False, life=1.0)
        assert type(failure.error("it")) is NangoError


def test_bad_credentials_are_remembered_for_error_ttl() -> None:
    """But for error_ttl=0, when they end waits and no more."""
    error = ReconnectRequiredError("canary", status=424, code="invalid_credentials")

    assert Failure.of(error, 10.0).life == 10.0
    assert Failure.of(error, 0.0).life == 1.0


@pytest.mark.parametrize(
    ("document", "may"),
    [
        ({"credentials": {"access_token": "t", "refresh_token": None}}, True),
        ({"credentials": {"access_token": "refresh"}}, True),
        ({"credentials": {"refresh_token": "r"}}, False),
        ({"credentials": {"raw": {"refreshToken": "r"}}}, False),
        ({"connection_config": [{"Refresh_Token": "r"}]}, False),
    ],
)
def test_refresh_tokens_are_found_wherever_they_are(document: object, may: bool) -> None:
    """By any spelling of the field's name."""
    assert may_be_stored(json.dumps(document).encode()) is may
