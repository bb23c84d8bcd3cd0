"""`MockNango` against answers captured from a real server: status, headers and JSON shape."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from captured import Json, compare, exchange, load

from nango_client.testing import MockNango

SetUp = Callable[[MockNango, Json], None]

GIVEN_FIELDS = ("provider", "end_user", "tags", "metadata", "connection_config")


def ids(capture: Json) -> tuple[str, str]:
    """The two ids that the captured request names."""
    request = capture["request"]
    (key,) = parse_qs(request["query"]).get("provider_config_key", ["algolia"])
    return unquote(request["path"].split("/")[2]), key


def connection(kind: str | None = None, expires_in: float | None = 3600.0, **more: str) -> SetUp:
    """Set up the captured connection, with made-up credentials or the captured ones and more."""

    def set_up(server: MockNango, capture: Json) -> None:
        body = capture["response"]["body"]
        known = body.get("error", {}).get("payload", {}).get("connection", body)
        fields: Any = {name: known[name] for name in GIVEN_FIELDS if name in known}
        server.add_connection(
            *ids(capture), kind or body["credentials"] | more, expires_in, **fields
        )

    return set_up


def broken(kind: str, *, exhausted: bool = False, fetched: int = 0) -> SetUp:
    """Set up a connection whose renewal is due and fails, after some requests."""

    def set_up(server: MockNango, capture: Json) -> None:
        connection(kind, expires_in=-60)(server, capture)
        server.break_refresh(*ids(capture), exhausted=exhausted)
        for _ in range(fetched):
            exchange(server, capture["request"])

    return set_up


def after(requests: int) -> SetUp:
    """Set up the connection and ask for it so many times."""

    def set_up(server: MockNango, capture: Json) -> None:
        connection("API_KEY")(server, capture)
        for _ in range(requests):
            exchange(server, capture["request"])

    return set_up


def removed(server: MockNango, capture: Json) -> None:
    server.add_connection(*ids(capture))
    server.remove_connection(*ids(capture))


def nothing(_server: MockNango, _capture: Json) -> None:
    pass


SET_UPS: Mapping[str, SetUp] = {
    "conn-algolia-1-get": connection("API_KEY"),
    "conn-app-1-get": connection("APP"),
    "conn-app-1-legacy": connection("APP"),
    "conn-app-expired-get": connection("APP", expires_in=-60),
    "conn-ashby-1-get": connection("BASIC"),
    "conn-aws-1-get": connection("AWS_SIGV4"),
    "conn-bill-1-get": connection("BILL"),
    "conn-cc-far-get": connection("OAUTH2_CC"),
    "conn-crisp-1-get": connection("INSTALL_PLUGIN"),
    "conn-custom-app-1-get": connection("APP"),
    "conn-custom-combined-get": connection(),
    "conn-custom-pending-get": connection(),
    "conn-emarsys-1-get": connection("SIGNATURE", expires_in=300),
    "conn-end-user-get": connection("API_KEY"),
    "conn-ghost-1-get": connection("JWT", expires_in=300),
    "conn-github-noexp-get": connection(expires_in=None),
    "conn-google-far-get": connection("OAUTH2"),
    "conn-google-far-refresh_token": connection("OAUTH2"),
    "conn-mcp-oauth2-1-get": connection(),
    "conn-netsuite-1-get": connection("TBA"),
    "conn-none-1-get": connection("NONE"),
    "conn-o2-expired-norefresh-get": connection(),
    "conn-o2-far-force_refresh": connection("OAUTH2"),
    "conn-o2-near-get": connection("OAUTH2", expires_in=600),
    "conn-o2-noexp-get": connection(expires_in=None, refresh_token="fake-refresh"),
    "conn-o2-override-get": connection(),
    "conn-twitter-1-get": connection("OAUTH1"),
    "conn-two-step-1-get": connection("TWO_STEP"),
    "id-existing-slash-pct2F": connection(expires_in=None),
    "auth-key-without-credentials-scope": connection("API_KEY"),
    "auth-key-without-credentials-scope-force_refresh": connection("API_KEY"),
    "auth-key-without-read-scope": connection("API_KEY"),
    "auth-malformed-key": connection("API_KEY"),
    "auth-missing-header": connection("API_KEY"),
    "auth-unknown-key": connection("API_KEY"),
    "delete-get-after": removed,
    "fail-aws-fail-1-get": broken("AWS_SIGV4"),
    "fail-bill-fail-1-get": broken("BILL"),
    "fail-cc-fail-1-get": broken("OAUTH2_CC"),
    "fail-o2-exhausted-1-get": broken("OAUTH2", exhausted=True),
    "fail-o2-fail-invalid-grant-1-get": broken("OAUTH2"),
    "fail-o2-fail-invalid-grant-2-get-again": broken("OAUTH2", fetched=1),
    "http-get-with-content-type-text": connection("API_KEY"),
    "http-private-api-with-key": nothing,
    "http-long-url": nothing,
    "http-unknown-get-path": nothing,
    "http-unknown-post-path": nothing,
    "id-other-bad-percent": nothing,
    "id-other-unicode": nothing,
    "limit-5permin-5": after(4),
    "limit-5permin-6": after(5),
    "query-missing-provider_config_key": connection("API_KEY"),
}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[MockNango]:
    limited = "limit-5permin" in request.node.name
    with MockNango(rate_limit=5 if limited else None) as server:
        yield server


@pytest.mark.parametrize("name", SET_UPS)
def test_it_answers_as_the_captured_server(server: MockNango, name: str) -> None:
    """Set up alike, it gives the same status, the same headers and JSON of the same shape."""
    capture = load(name)
    SET_UPS[name](server, capture)

    compare(server, capture)


@pytest.mark.parametrize("name", ["limit-5permin-5", "limit-5permin-6"])
def test_it_counts_as_the_captured_server(server: MockNango, name: str) -> None:
    """The last request within the limit and the first beyond it show nothing left."""
    capture = load(name)
    SET_UPS[name](server, capture)

    _, headers, _ = exchange(server, capture["request"])

    assert headers["X-RateLimit-Remaining"] == "0"
