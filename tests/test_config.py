"""Settings: what the constructor accepts, where it looks, and what it refuses in which words."""

import math
import pickle
from typing import Any

import attrs
import pytest
from leaks import all_that_shows

from nango_client import (
    CachePolicy,
    ConfigurationError,
    NangoClient,
    RetryPolicy,
    SystemClock,
    TimeoutPolicy,
)
from nango_client._config import Settings, read_settings

KEY = "canary-key-1f0c"
VARIABLES = ("NANGO_API_KEY", "NANGO_SECRET_KEY", "NANGO_BASE_URL", "NANGO_HOST")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def settings_of(
    api_key: object = KEY, base_url: object = None, *, allow_insecure_http: bool = False
) -> Settings:
    settings = read_settings(api_key, base_url, allow_insecure_http=allow_insecure_http)
    assert isinstance(settings, Settings), settings
    return settings


def refusal(**options: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        NangoClient(**{"api_key": KEY, **options})
    return caught.value


# The API key


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"NANGO_API_KEY": "first"}, "first"),
        ({"NANGO_SECRET_KEY": "second"}, "second"),
        ({"NANGO_API_KEY": "first", "NANGO_SECRET_KEY": "second"}, "first"),
        ({"NANGO_API_KEY": "", "NANGO_SECRET_KEY": "second"}, "second"),
    ],
)
def test_the_key_comes_from_the_environment_where_none_is_passed(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    """NANGO_API_KEY comes before NANGO_SECRET_KEY, and an empty variable counts as not set."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert settings_of(None).api_key == expected


def test_a_passed_key_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the code says wins over what the machine says."""
    monkeypatch.setenv("NANGO_API_KEY", "other")

    assert settings_of(KEY).api_key == KEY


@pytest.mark.parametrize("written", [f"{KEY}\n", f"{KEY}\r\n", f" \t{KEY} \n", f"{KEY}\n\n"])
def test_white_space_around_the_key_is_stripped(written: str) -> None:
    """Secrets mounted as files end in a newline."""
    assert settings_of(written).api_key == KEY


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (f"{KEY} {KEY}", "white space"),
        (f"{KEY}\t{KEY}", "white space"),
        (f"{KEY}\n{KEY}", "white space"),
        (f"{KEY}\r\nX-Injected: {KEY}", "white space"),
        (f"{KEY}\x00", "control"),
        (f"{KEY}\x7f", "control"),
        (f"{KEY}\x85", "non-ASCII"),
        (f"{KEY}\N{NO-BREAK SPACE}", "non-ASCII"),
        (f"{KEY}\N{ZERO WIDTH SPACE}", "non-ASCII"),
        (f"\N{BYTE ORDER MARK}{KEY}", "non-ASCII"),
        (f"clé-{KEY}", "non-ASCII"),
        (f"{KEY}\ud800", "non-ASCII"),
        (KEY.encode(), "must be a str"),
        (42, "must be a str"),
    ],
)
def test_an_unusable_key_is_refused_at_construction(bad: object, reason: str) -> None:
    """The same bad key always fails the same way, and no form of it shows."""
    error = refusal(api_key=bad)

    assert reason in str(error)
    assert KEY not in all_that_shows(error)


def test_without_any_key_the_refusal_says_where_to_set_it() -> None:
    """No argument and no variable: the text names both."""
    error = refusal(api_key=None)

    assert str(error) == "no API key: pass api_key=... or set NANGO_API_KEY"


def test_a_bad_key_of_the_environment_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment's key is checked like a passed one."""
    monkeypatch.setenv("NANGO_SECRET_KEY", f"{KEY} {KEY}")

    error = refusal(api_key=None)

    assert "white space" in str(error)
    assert KEY not in all_that_shows(error)


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "ftp://nango.example"},
        {"timeout": 5},
        {"session": object()},
        {"clock": object()},
        {"on_event": 1},
    ],
    ids=" ".join,
)
def test_the_key_does_not_show_where_another_setting_is_refused(options: dict[str, Any]) -> None:
    """A good key beside a bad setting stays out of message, repr and captured locals."""
    error = refusal(**options)

    assert KEY not in all_that_shows(error)


def test_the_key_shows_in_no_repr() -> None:
    """Client and settings can be printed."""
    client = NangoClient(KEY, base_url="https://nango.example/prefix")

    assert repr(client) == "<NangoClient https://nango.example/prefix open>"
    assert KEY not in repr(settings_of())
    assert KEY not in repr(vars(client))


def test_a_client_is_not_pickled() -> None:
    """A pickle would hold the key."""
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        pickle.dumps(NangoClient(KEY))


# The address


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "https://api.nango.dev"),
        ({"NANGO_HOST": "https://host.example"}, "https://host.example"),
        (
            {"NANGO_BASE_URL": "https://base.example", "NANGO_HOST": "https://host.example"},
            "https://base.example",
        ),
        ({"NANGO_BASE_URL": "", "NANGO_HOST": "https://host.example"}, "https://host.example"),
        ({"NANGO_BASE_URL": ""}, "https://api.nango.dev"),
    ],
)
def test_the_address_comes_from_the_environment_where_none_is_passed(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    """NANGO_BASE_URL comes before NANGO_HOST, and Nango's cloud is the last resort."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert str(settings_of().base_url).rstrip("/") == expected


def test_a_passed_address_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the code says wins over what the machine says."""
    monkeypatch.setenv("NANGO_BASE_URL", "https://other.example")

    assert settings_of(base_url="https://mine.example").base_url.host == "mine.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://nango.example",
        "https://nango.example/",
        "https://nango.example:8443/prefix/",
        "HTTPS://NANGO.EXAMPLE",
        " https://nango.example\n",
        "https://[2001:db8::1]:3003",
        "https://bücher.example/pré",
        "http://localhost:3003",
        "http://api.localhost",
        "http://127.0.0.1:3003",
        "http://127.9.9.9",
        "http://[::1]:3003",
    ],
)
def test_a_usable_address_is_taken(url: str) -> None:
    """HTTPS anywhere, and plain HTTP to this machine."""
    assert settings_of(base_url=url).base_url.host


@pytest.mark.parametrize("prefix", ["/prefix", "/prefix/", "/a/b", "/a%2Fb"])
def test_a_path_prefix_is_kept(prefix: str) -> None:
    """Nango behind a path of a gateway can be reached."""
    url = settings_of(base_url=f"https://nango.example{prefix}").base_url

    assert url.raw_path == prefix


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("nango.example", "must start with https://"),
        ("nango.example:443", "must start with https://"),
        ("//nango.example", "must start with https://"),
        ("ftp://nango.example", "must start with https://"),
        ("file:///etc/passwd", "must start with https://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://:8443", "not a URL"),
        ("https://nango.example:0", "port"),
        ("https://nango.example:port", "not a URL"),
        ("https://nango.example:99999", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://nango.example?x=1", "query"),
        ("https://nango.example?", "query"),
        ("https://nango.example/#part", "query or fragment"),
        ("https://nango.example/#", "query or fragment"),
        ("https://x..y", "not a URL"),
        ("https://.", "not a URL"),
        (f"https://{'x' * 70}.example", "not a URL"),
        ("https://@nango.example", "user name"),
        ("https://user@nango.example", "user name"),
        ("https://user:canary-password@nango.example", "user name"),
        ("https://:canary-password@nango.example", "user name"),
        ("https://nango.example/a b", "white space"),
        ("https://nango.example/\x00", "control"),
        ("https://nango.example/\r\nX: 1", "white space"),
        (b"https://nango.example", "must be a str"),
        (1, "must be a str"),
    ],
)
def test_an_unusable_address_is_refused_at_construction(url: object, reason: str) -> None:
    """Each refusal names what is wrong and quotes nothing of the address."""
    error = refusal(base_url=url)

    assert reason in str(error)
    assert "canary-password" not in all_that_shows(error)


def test_an_unusable_address_of_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment's address is checked like a passed one."""
    monkeypatch.setenv("NANGO_HOST", "nango.example")

    assert "must start with https://" in str(refusal())


@pytest.mark.parametrize(
    "url",
    ["http://nango.example", "http://10.0.0.1", "http://0.0.0.0:3003", "http://localhost.example"],
)
def test_clear_text_to_another_machine_needs_permission(url: str) -> None:
    """The key would travel in clear text; allow_insecure_http says that this is known."""
    error = refusal(base_url=url)
    allowed = settings_of(base_url=url, allow_insecure_http=True)

    assert "allow_insecure_http=True" in str(error)
    assert allowed.base_url.scheme == "http"


# The other arguments


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("timeout", 5.0),
        ("timeout", RetryPolicy()),
        ("retry", 3),
        ("retry", TimeoutPolicy()),
        ("cache", False),
        ("cache", RetryPolicy()),
        ("session", "session"),
    ],
)
def test_an_argument_of_the_wrong_type_is_refused(name: str, bad: object) -> None:
    """A type error shows at construction and not at the first call."""
    assert str(refusal(**{name: bad})).startswith(f"{name} must be a ")


@pytest.mark.parametrize("name", ["timeout", "retry", "cache", "session", "clock", "on_event"])
def test_none_is_accepted_for_every_optional_argument(name: str) -> None:
    """None stands for the default, and turns the cache off."""
    assert NangoClient(KEY, **{name: None}).closed is False  # type: ignore[arg-type]


def test_an_object_that_is_no_clock_is_refused() -> None:
    """A clock has time() and monotonic()."""
    assert "clock must have the methods" in str(refusal(clock=object()))


def test_a_hook_that_cannot_be_called_is_refused() -> None:
    """A wrong hook shows at construction and not in the log of every call."""
    assert "on_event must be callable" in str(refusal(on_event="hook"))


def test_the_system_clock_reads_both_clocks() -> None:
    """Two readings do not go backwards, and the wall clock counts from the epoch."""
    clock = SystemClock()

    first, second = clock.monotonic(), clock.monotonic()

    assert first <= second
    assert clock.time() > 1_700_000_000


# The policies

SECONDS_ABOVE_ZERO = [(TimeoutPolicy, name) for name in ("connect", "attempt", "total")]
SECONDS_FROM_ZERO = [
    *((RetryPolicy, name) for name in ("initial_delay", "max_delay", "max_retry_after")),
    *(
        (CachePolicy, name)
        for name in ("max_age", "expiry_margin", "refresh_ahead", "stale_if_error", "error_ttl")
    ),
]
COUNTS = [(RetryPolicy, "max_attempts"), (CachePolicy, "max_entries")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (TimeoutPolicy(), {"connect": 5.0, "attempt": 30.0, "total": 60.0}),
        (
            RetryPolicy(),
            {"max_attempts": 3, "initial_delay": 0.5, "max_delay": 8.0, "max_retry_after": 30.0},
        ),
        (
            CachePolicy(),
            {
                "max_age": 300.0,
                "expiry_margin": 30.0,
                "refresh_ahead": 900.0,
                "stale_if_error": 3600.0,
                "error_ttl": 10.0,
                "max_entries": 10_000,
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_policies_have_the_documented_defaults(policy: Any, expected: dict[str, float]) -> None:
    """The defaults are part of the interface, in this order."""
    assert attrs.asdict(policy) == expected
    assert list(attrs.asdict(policy)) == list(expected)


@pytest.mark.parametrize("bad", [-1, -0.001, math.nan, math.inf, -math.inf, "5", None, True])
@pytest.mark.parametrize(("policy", "name"), SECONDS_ABOVE_ZERO + SECONDS_FROM_ZERO)
def test_bad_seconds_are_refused_at_construction(policy: type[Any], name: str, bad: object) -> None:
    """Negative, NaN, infinite and what is no number: the text names the field."""
    with pytest.raises(ConfigurationError, match=f"^{policy.__name__}.{name} must be a finite"):
        policy(**{name: bad})


@pytest.mark.parametrize(("policy", "name"), SECONDS_ABOVE_ZERO)
def test_a_time_limit_of_zero_is_refused(policy: type[Any], name: str) -> None:
    """No request can succeed within no time."""
    with pytest.raises(ConfigurationError, match="more than 0"):
        policy(**{name: 0})


@pytest.mark.parametrize(("policy", "name"), SECONDS_FROM_ZERO)
def test_a_wait_or_age_of_zero_is_taken(policy: type[Any], name: str) -> None:
    """Zero turns a wait or an age off."""
    assert getattr(policy(**{name: 0}), name) == 0


@pytest.mark.parametrize("bad", [0, -1, 1.5, 2.0, math.nan, "3", None, True])
@pytest.mark.parametrize(("policy", "name"), COUNTS)
def test_bad_counts_are_refused_at_construction(policy: type[Any], name: str, bad: object) -> None:
    """A count is a whole number from 1 on."""
    with pytest.raises(ConfigurationError, match=f"^{policy.__name__}.{name} must be a whole"):
        policy(**{name: bad})


@pytest.mark.parametrize("policy", [TimeoutPolicy(), RetryPolicy(), CachePolicy()])
def test_policies_are_frozen_values(policy: Any) -> None:
    """A policy can be shared, compared and put in sets, and not changed."""
    name = attrs.fields(type(policy))[0].name

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(policy, name, 1)

    assert policy == type(policy)()
    assert len({policy, type(policy)()}) == 1
