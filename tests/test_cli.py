"""The command line: output, exit codes, and secrets that stay out of sight."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nango_client import NangoClient
from nango_client._cli.main import main, mask
from nango_client.testing import MockNango

IDS = ("user-42", "github")


@pytest.fixture
def server(nango_server: MockNango, monkeypatch: pytest.MonkeyPatch) -> MockNango:
    """A server that the environment points to."""
    monkeypatch.setenv("NANGO_API_KEY", nango_server.api_key)
    monkeypatch.setenv("NANGO_BASE_URL", nango_server.base_url)
    return nango_server


@pytest.mark.parametrize("as_json", [False, True])
def test_get_masks_what_may_be_secret(
    server: MockNango, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    """Without --show-secrets only ids, types and times are printed."""
    server.add_connection(*IDS, metadata={"id": "canary"}, tags={"type": "canary"})
    token = asyncio.run(_token(server))

    code = main(["get", *IDS, *(["--json"] if as_json else [])])

    shown = capsys.readouterr().out
    assert code == 0
    assert "user-42" in shown
    assert "OAUTH2" in shown
    assert "********" in shown
    assert "canary" not in shown
    assert token not in shown


async def _token(server: MockNango) -> str:
    async with server.client() as client:
        return await client.get_token(*IDS)


def test_get_json_prints_the_wires_names(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json and --show-secrets the output is what the wire holds."""
    server.add_connection(*IDS, "API_KEY")

    code = main(["get", *IDS, "--json", "--show-secrets"])

    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert printed["credentials"]["apiKey"] == asyncio.run(_token(server))
    assert printed["provider_config_key"] == "github"


def test_get_prints_a_line_for_each_field(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nested fields have dotted names."""
    server.add_connection(*IDS, errors=[{"type": "auth", "log_id": "log-1"}])

    main(["get", *IDS])

    lines = capsys.readouterr().out.splitlines()
    assert "connection_id: user-42" in lines
    assert "credentials.type: OAUTH2" in lines
    assert 'errors: [{"type": "auth", "log_id": "log-1"}]' in lines


@pytest.mark.parametrize(
    ("arguments", "variable", "allowed"),
    [
        ([], None, False),
        ([], "", False),
        ([], "0", False),
        ([], "false", False),
        ([], "1", True),
        ([], "True", True),
        (["--allow-insecure-http"], None, True),
        (["--allow-insecure-http"], "0", True),
    ],
)
def test_plain_http_to_another_machine_has_to_be_allowed(
    server: MockNango,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    variable: str | None,
    *,
    allowed: bool,
) -> None:
    """By a flag or by the environment; otherwise the message names the flag."""
    server.add_connection(*IDS)
    # Not an address of this machine alone, and it leads there.
    url = server.base_url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
    monkeypatch.setenv("NANGO_BASE_URL", url)
    if variable is not None:
        monkeypatch.setenv("NANGO_ALLOW_INSECURE_HTTP", variable)

    code = main(["get", *IDS, *arguments])

    captured = capsys.readouterr()
    assert code == (0 if allowed else 1)
    assert ("connection_id: user-42" in captured.out) is allowed
    assert ("--allow-insecure-http" in captured.err) is not allowed


def test_masking_opens_only_known_objects() -> None:
    """A name such as `id` inside free-form data does not make its value public."""
    wire = {
        "id": 1,
        "end_user": {"id": "eu-1", "email": "e@example.com", "organization": {"id": "org"}},
        "metadata": {"id": "canary"},
        "credentials": {"type": "JWT", "privateKey": {"id": "canary"}, "raw": {}, "app": None},
        "errors": [{"type": "auth", "log_id": "log-1", "text": "canary"}],
    }

    assert mask(wire) == {
        "id": 1,
        "end_user": {"id": "eu-1", "email": "********", "organization": {"id": "org"}},
        "metadata": "********",
        "credentials": {"type": "JWT", "privateKey": "********", "raw": {}, "app": None},
        "errors": [{"type": "auth", "log_id": "log-1", "text": "********"}],
    }


def test_a_failure_is_one_line_and_exit_code_1(
    server: MockNango, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong and what to do stands on stderr, without a traceback."""
    code = main(["get", "nobody", "github"])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.out == ""
    assert captured.err.startswith("nango-client: ")
    assert captured.err.count("\n") == 1
    assert server.api_key not in captured.err


def test_a_missing_key_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a key the message names the variable to set."""
    for name in ("NANGO_API_KEY", "NANGO_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)

    code = main(["get", *IDS])

    assert code == 1
    assert "NANGO_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["get"], ["get", "user-42"], ["mock", "--port", "x"], ["mock", "--port", "70000"]],
)
def test_bad_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse explains it on stderr."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_taken_port_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    """`mock` on a port in use says so in one line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        code = main(["mock", "--port", str(taken.getsockname()[1])])

    error = capsys.readouterr().err
    assert code == 1
    assert error.startswith("nango-client: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_mock_serves_until_it_is_told_to_end(end: signal.Signals) -> None:
    """`mock` prints URL and key, serves other processes, and ends quietly."""
    command = [sys.executable, "-m", "nango_client", "mock", "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().partition("=")[2].strip()
        key = process.stdout.readline().partition("=")[2].strip()
        process.stdout.readline()
        request = urllib.request.Request(
            f"{url}/connection/user-42?provider_config_key=github",
            headers={"Authorization": f"Bearer {key}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = json.load(answer)
        process.send_signal(end)
        try:
            code = process.wait(timeout=10)
        finally:
            process.kill()
        errors = process.stderr.read()

    assert body["connection_id"] == "user-42"
    assert code == 0
    assert errors == ""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "error"}


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """`python -m nango_client` behaves as `nango-client` does."""
    done = subprocess.run(
        [sys.executable, "-m", "nango_client", "get", "only-one"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=_environment(),
    )

    assert done.returncode == 2
    assert "usage: nango-client" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(server: MockNango) -> None:
    """`nango-client get ... | head -0` says nothing on stderr."""
    server.add_connection(*IDS)
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "nango_client", "get", *IDS],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        env=_environment(),
    )
    os.close(writer)

    assert done.stderr == b""
    assert done.returncode == 1


def test_ctrl_c_during_get_is_no_success(
    server: MockNango, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted `get` ends with the shell's code for it."""

    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(NangoClient, "get_connection", interrupted)

    assert main(["get", *IDS]) == 130
