"""``nango-client request``: the provider's answer on stdout, and nothing of the credentials."""

import asyncio
import json

import pytest

from nango_client._cli.main import main
from nango_client.testing import MockNango

IDS = ("user-42", "github")


@pytest.fixture
def server(nango_server: MockNango, monkeypatch: pytest.MonkeyPatch) -> MockNango:
    """A server that the environment points to."""
    monkeypatch.setenv("NANGO_API_KEY", nango_server.api_key)
    monkeypatch.setenv("NANGO_BASE_URL", nango_server.base_url)
    nango_server.add_connection(*IDS)
    return nango_server


@pytest.mark.parametrize("way", [[], ["--proxy"]])
def test_the_answer_is_printed_as_it_came(
    server: MockNango, capfdbinary: pytest.CaptureFixture[bytes], way: list[str]
) -> None:
    """Directly or through Nango's proxy, by one word."""
    server.provider("github").respond("GET", "/user", json={"login": "ada"})

    assert main(["request", *IDS, "get", "/user", *way]) == 0

    assert json.loads(capfdbinary.readouterr().out) == {"login": "ada"}


def test_status_and_headers_are_printed_where_asked_for(
    server: MockNango, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A status of the provider is an answer, and no failure of the command."""
    server.provider("github").respond("GET", "/user", status=404, body="no", headers={"X-A": "b"})

    assert main(["request", *IDS, "GET", "/user", "-i"]) == 0

    shown = capfdbinary.readouterr().out.decode()
    assert shown.startswith("HTTP 404")
    assert "X-A: b" in shown
    assert shown.endswith("\n\nno")
    assert server.api_key not in shown


@pytest.mark.parametrize(
    ("data", "header", "content_type"),
    [
        ('{"a": 1}', [], "application/json"),
        ("hello", [], "text/plain"),
        ("a=b", ["-H", "Content-Type: application/x-www-form-urlencoded"], "application/x-www"),
    ],
)
def test_a_body_travels_with_a_type_that_fits(
    server: MockNango, data: str, header: list[str], content_type: str
) -> None:
    """JSON is seen as such; a header says otherwise."""
    api = server.provider("github")
    api.respond("POST", "/notes", status=201, json={})

    assert main(["request", *IDS, "POST", "/notes", "-d", data, "-H", "X-One: 1", *header]) == 0

    (request,) = api.requests
    assert request.body == data.encode()
    assert request.headers["Content-Type"].startswith(content_type)
    assert request.headers["X-One"] == "1"


def test_what_fails_before_there_is_an_answer_is_one_line(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1."""
    assert main(["request", "nobody", "github", "GET", "/user"]) == 1
    assert capsys.readouterr().err.startswith("nango-client: Nango has no connection 'nobody'")
    assert main(["request", *IDS, "GET", "/user", "-H", "no header"]) == 1
    assert "'Name: value'" in capsys.readouterr().err


def test_an_answer_that_breaks_off_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """What had come is printed."""
    server.provider("github").respond(
        "GET", "/user", body="half", headers={"Content-Length": "100"}
    )

    assert main(["request", *IDS, "GET", "/user"]) == 1
    assert "broke before the whole answer" in capsys.readouterr().err


def test_the_loop_is_left_clean(server: MockNango) -> None:
    """A second command starts anew."""
    server.provider("github").respond("GET", "/user", json={})
    for _ in range(2):
        assert main(["request", *IDS, "GET", "/user"]) == 0
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
