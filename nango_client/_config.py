"""Settings: the three policies, and what the constructor makes of its arguments and environment."""

import ipaddress
import math
import os
from collections.abc import Callable
from typing import Final, final

import attrs
from yarl import URL

from nango_client.exceptions import ConfigurationError

DEFAULT_BASE_URL: Final = "https://api.nango.dev"
API_KEY_VARIABLES: Final = ("NANGO_API_KEY", "NANGO_SECRET_KEY")
BASE_URL_VARIABLES: Final = ("NANGO_BASE_URL", "NANGO_HOST")


_Validator = Callable[[object, "attrs.Attribute[float]", object], None]


def _number(*, zero: bool) -> _Validator:
    """Make a validator for finite numbers above zero, or from zero on."""

    def check(policy: object, attribute: "attrs.Attribute[float]", value: object) -> None:
        # bool is an int to Python; as a number of seconds it is a mistake.
        number = value if isinstance(value, int | float) and value is not True else math.nan
        if not (math.isfinite(number) and (number > 0 or (zero and number == 0))):
            bound = "0 or more" if zero else "more than 0"
            text = f"{type(policy).__name__}.{attribute.name} must be a finite number, {bound}"
            raise ConfigurationError(text)

    return check


def _at_least_one(policy: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        text = f"{type(policy).__name__}.{attribute.name} must be a whole number, 1 or more"
        raise ConfigurationError(text)


@final
@attrs.frozen
class TimeoutPolicy:
    """Time limits, in seconds.

    Raises:
        ConfigurationError: a limit is not a finite number above 0.

    Example:
        >>> TimeoutPolicy(total=20.0)
        TimeoutPolicy(connect=5.0, attempt=30.0, total=20.0)
    """

    connect: float = attrs.field(default=5.0, validator=_number(zero=False))
    """To open a connection, TLS included; waiting for a free one in the pool does not count."""
    attempt: float = attrs.field(default=30.0, validator=_number(zero=False))
    """For one request, from its start to the last byte of the answer."""
    total: float = attrs.field(default=60.0, validator=_number(zero=False))
    """For a call with all its attempts and the waits between them."""


@final
@attrs.frozen
class RetryPolicy:
    """When and how often a failed request is sent again; delays are in seconds.

    The wait before retry ``n`` is a random time up to ``initial_delay * 2 ** (n - 1)``, at most
    `max_delay`; where the server names a wait, that plus up to 1 s.

    Raises:
        ConfigurationError: a delay is negative or not finite, or `max_attempts` is under 1.

    Example:
        >>> RetryPolicy(max_attempts=1)  # turns retries off
        RetryPolicy(max_attempts=1, initial_delay=0.5, max_delay=8.0, max_retry_after=30.0)
    """

    max_attempts: int = attrs.field(default=3, validator=_at_least_one)
    """Requests in all for one call; 1 turns retries off."""
    initial_delay: float = attrs.field(default=0.5, validator=_number(zero=True))
    """The longest random wait before the first retry; it doubles with each."""
    max_delay: float = attrs.field(default=8.0, validator=_number(zero=True))
    """The longest random wait before any retry."""
    max_retry_after: float = attrs.field(default=30.0, validator=_number(zero=True))
    """The longest wait asked by the server that is obeyed; a longer one raises at once."""


@final
@attrs.frozen
class CachePolicy:
    """How long answers are served from memory, in seconds.

    Raises:
        ConfigurationError: a time is negative or not finite, or `max_entries` is under 1.

    Example:
        >>> CachePolicy(max_age=60.0).expiry_margin
        30.0
    """

    max_age: float = attrs.field(default=300.0, validator=_number(zero=True))
    """Age, from the start of the request, up to which an answer is fresh; the bound for tokens
    without expiry too."""
    expiry_margin: float = attrs.field(default=30.0, validator=_number(zero=True))
    """Time before ``expires_at`` from which nothing is served from the cache."""
    refresh_ahead: float = attrs.field(default=900.0, validator=_number(zero=True))
    """Time before ``expires_at`` from which a renewal is tried in the background; Nango itself
    renews from 15 minutes before."""
    stale_if_error: float = attrs.field(default=3600.0, validator=_number(zero=True))
    """Time past `max_age` for which an answer serves while fetches fail, never beyond the margin;
    0 turns that off."""
    error_ttl: float = attrs.field(default=10.0, validator=_number(zero=True))
    """Time between tries for a key whose fetch failed, and for which an `InvalidCredentialsError`
    is remembered; 0 turns that off."""
    max_entries: int = attrs.field(default=10_000, validator=_at_least_one)
    """How many answers are kept; the least recently used go first."""


@final
@attrs.define(eq=False)
class Settings:
    """Where to send requests, and with which key."""

    base_url: URL
    api_key: str = attrs.field(repr=False)


def read_settings(
    api_key: object, base_url: object, *, allow_insecure_http: bool
) -> Settings | str:
    """Give the checked settings, or a sentence about what is wrong with them.

    It returns the sentence instead of raising it, because a traceback with captured locals would
    show this frame's key.
    """
    if api_key is None:
        api_key = first_set(API_KEY_VARIABLES)
        if api_key is None:
            return f"no API key: pass api_key=... or set {API_KEY_VARIABLES[0]}"
    if base_url is None:
        base_url = first_set(BASE_URL_VARIABLES) or DEFAULT_BASE_URL
    if not isinstance(api_key, str):
        return "api_key must be a str"
    # Secrets mounted as files end in a newline.
    api_key = api_key.strip(" \t\r\n")
    if not api_key:
        return f"the API key is empty: pass api_key=... or set {API_KEY_VARIABLES[0]}"
    if not all("!" <= character <= "~" for character in api_key):
        return "the API key holds white space, control or non-ASCII characters: copy it again"
    url = _read_base_url(base_url, allow_insecure_http=allow_insecure_http)
    return url if isinstance(url, str) else Settings(url, api_key)


def first_set(variables: tuple[str, ...]) -> str | None:
    """Give the first variable that is set to anything; an empty one counts as not set."""
    return next((value for name in variables if (value := os.environ.get(name))), None)


def _read_base_url(text: object, *, allow_insecure_http: bool) -> URL | str:
    if not isinstance(text, str):
        return "base_url must be a str"
    text = text.strip()
    if not text:
        return "base_url is empty"
    if any(c.isspace() or not c.isprintable() for c in text):
        return "base_url holds white space or control characters"
    try:
        url = URL(text)
        host, port = url.host, url.port
        # What no resolver could take: an empty part between dots, or one of over 63 characters.
        (host or "").encode("idna")
    except ValueError:
        return "base_url is not a URL"
    if url.scheme not in {"http", "https"}:
        return "base_url must start with https:// (or http://)"
    if not host or port == 0:
        return "base_url names no host, or no usable port"
    # yarl drops an empty user name.
    if "@" in text.partition("://")[2].partition("/")[0]:
        return "base_url must not hold a user name or password"
    if "?" in text or "#" in text:
        return "base_url must not hold a query or fragment"
    if url.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        return (
            "base_url is http://, which would send the API key in clear text: "
            "use https://, or pass allow_insecure_http=True (on the command line "
            "--allow-insecure-http)"
        )
    return url


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
