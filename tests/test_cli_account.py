"""``nango-client check``, ``connections`` and ``connect``."""

import json
from collections.abc import Iterator

import pytest

from nango_client import SystemClock
from nango_client._cli.main import main
from nango_client.testing import FakeClock, MockNango

SCOPES = ("connections:list", "connections:read_credentials", "integrations:list")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockNango]:
    """A server in the present, which the environment points to."""
    with MockNango(clock=SystemClock()) as running:
        running.add_connection("user-42", "github", end_user={"id": "u", "email": "canary@x.org"})
        running.add_connection("user-7", "algolia", "API_KEY", tags={"a": "canary"})
        monkeypatch.setenv("NANGO_API_KEY", running.api_key)
        monkeypatch.setenv("NANGO_BASE_URL", running.base_url)
        yield running


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """Give each finding's verdict and text by its name."""
    shown = capsys.readouterr().out.splitlines()
    return {line[7:18].strip(): (line[:6].strip(), line[19:]) for line in shown}


def test_check_says_that_all_is_right(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each for address, key, scopes, limit and clock, and no request changed anything."""
    code = main(["check"])

    found = lines(capsys)
    assert code == 0
    assert {name: verdict for name, (verdict, _) in found.items()} == dict.fromkeys(
        ("base URL", "API key", "scopes", "rate limit", "clock"), "ok"
    )
    assert found["base URL"][1] == server.base_url
    assert all(scope in found["scopes"][1] for scope in SCOPES)
    assert "may not" not in found["scopes"][1]
    assert {request.method for request in server.requests} == {"GET"}
    assert server.refresh_count("user-42", "github") == 0


def test_check_names_what_the_key_may_not_do(
    server: MockNango, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is no fault: a key with few scopes is a good one."""
    monkeypatch.setenv("NANGO_API_KEY", server.add_key(["environment:connections:read"]))

    code = main(["check"])

    _, text = lines(capsys)["scopes"]
    assert code == 1
    assert "may do nothing that was tried; may not connections:list" in text

    monkeypatch.setenv("NANGO_API_KEY", server.add_key(["environment:connections:*"]))
    assert main(["check"]) == 0
    _, text = lines(capsys)["scopes"]
    assert "may connections:list, connections:read_credentials; may not" in text


@pytest.mark.parametrize(
    ("name", "value", "finding", "text"),
    [
        ("NANGO_API_KEY", "wrong", "API key", "invalid_secret_key_format"),
        ("NANGO_BASE_URL", "http://127.0.0.1:9", "connection", "could not connect"),
    ],
)
def test_check_says_what_is_wrong(
    server: MockNango,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    finding: str,
    text: str,
) -> None:
    """The exit code is 1, and the key does not show."""
    monkeypatch.setenv(name, value)

    code = main(["check"])

    verdict, shown = lines(capsys)[finding]
    assert code == 1
    assert verdict == "wrong"
    assert text in shown
    assert server.api_key not in shown


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ({"status": 404, "body": "404 page not found"}, "server"),
        ({"status": 403, "body": "<title>Just a moment...</title>"}, "server"),
        ({"status": 200, "body": "<html>"}, "server"),
        ({"status": 503}, "server"),
    ],
)
def test_check_sees_that_something_else_answers(
    server: MockNango,
    capsys: pytest.CaptureFixture[str],
    fault: dict[str, object],
    finding: str,
) -> None:
    """A proxy's word is not Nango's."""
    server.fail_next(**fault, times=9)  # type: ignore[arg-type]

    code = main(["check"])

    assert code == 1
    assert lines(capsys)[finding][0] == "wrong"


def test_check_tells_how_far_the_clocks_are_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Far apart, tokens look alive or dead that are not."""
    with MockNango(clock=FakeClock(over=SystemClock())) as server:
        monkeypatch.setenv("NANGO_API_KEY", server.api_key)
        monkeypatch.setenv("NANGO_BASE_URL", server.base_url)
        server.advance(100)

        code = main(["check"])

    verdict, text = lines(capsys)["clock"]
    assert code == 1
    assert verdict == "wrong"
    assert "behind the server's" in text


def test_check_tells_that_the_rate_limit_is_used_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing left for anybody."""
    with MockNango(clock=SystemClock(), rate_limit=5) as server:
        monkeypatch.setenv("NANGO_API_KEY", server.api_key)
        monkeypatch.setenv("NANGO_BASE_URL", server.base_url)

        code = main(["check"])

    assert code == 1
    assert lines(capsys)["rate limit"] == ("wrong", "0 of 5 requests a minute are left")


def test_connections_are_listed_a_line_each(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """Newest first, and no personal data."""
    server.break_refresh("user-42", "github")

    assert main(["connections"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[1:] for line in shown.splitlines()] == [
        ["algolia", "user-7"],
        ["github", "user-42"],
    ]
    assert "canary" not in shown

    assert main(["connections", "--json", "--integration", "github", "--search", "user"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["connection_id"] == "user-42"
    assert "canary" not in line


def test_connections_show_what_nango_holds_against_them(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a renewal that failed."""
    server.add_connection("user-9", "github", errors=[{"type": "auth", "log_id": "log"}])

    assert main(["connections", "--search", "user-9"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("user-9 !! auth")


def test_connect_prints_the_link_alone(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stdout, so that it can be piped; when it ends is told besides."""
    arguments = ["connect", "--end-user", "user-1", "--integration", "github"]

    assert main([*arguments, "--email", "a@example.org"]) == 0
    shown = capsys.readouterr()
    (link,) = shown.out.splitlines()
    assert link.startswith("http")
    assert "until" in shown.err

    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["connect_link"].startswith("http")


def test_connect_says_where_a_server_gives_no_link(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """Older ones have none."""
    session = {"token": "canary", "expires_at": "2026-01-01T00:00:00Z"}
    server.fail_next(201, body={"data": session})

    assert main(["connect", "--end-user", "user-1"]) == 0
    shown = capsys.readouterr()
    assert "gives no link" in shown.out
    assert "canary" not in shown.out + shown.err
