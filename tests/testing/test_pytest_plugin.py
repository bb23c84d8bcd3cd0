"""The pytest plugin: its fixture, its marker, and what it costs those who do not use it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USING = """
def test_it(nango_server):
    nango_server.add_connection("user-42", "github")
    assert nango_server.base_url

def test_another(nango_server):
    assert nango_server.requests == []
    try:
        nango_server.refresh_count("user-42", "github")
    except LookupError:
        return
    raise AssertionError
"""
STRICT = """
import http.client
import pytest

def visit(server):
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"))
    connection.request("GET", "/nope")
    connection.getresponse().read()
    connection.close()

def test_lenient(nango_server):
    visit(nango_server)

@pytest.mark.nango_strict
def test_strict(nango_server):
    visit(nango_server)

@pytest.mark.nango_strict
def test_strict_and_well(nango_server):
    pass
"""


# Plugins of other packages stay out of these runs.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run_pytest(
    folder: Path, test: str, *options: str, env: Mapping[str, str] = ALONE
) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_test_gets_a_server_of_its_own(tmp_path: Path) -> None:
    """The fixture gives a running server that knows nothing of the test before."""
    ran = run_pytest(tmp_path, USING, "-W", "error", "-p", "nango_client.testing.plugin")

    assert "2 passed" in ran.stdout


def test_strict_tests_fail_on_unexpected_requests(tmp_path: Path) -> None:
    """With the marker an unexpected request fails the test and is named; without it it passes."""
    ran = run_pytest(tmp_path, STRICT, "-W", "error", "-p", "nango_client.testing.plugin")

    assert ran.returncode == 1
    assert "3 passed, 1 error" in ran.stdout
    assert "ERROR test_it.py::test_strict - AssertionError: unexpected requests" in ran.stdout
    assert "GET /nope: no such endpoint" in ran.stdout


def test_it_is_found_and_can_be_turned_off(tmp_path: Path) -> None:
    """An installed package brings the fixture by itself, and `-p no:nango_client` takes it away."""
    found = run_pytest(tmp_path, USING, env={})
    off = run_pytest(tmp_path, USING, "-p", "no:nango_client", env={})

    assert "2 passed" in found.stdout
    assert "fixture 'nango_server' not found" in off.stdout
    assert "2 errors" in off.stdout


def test_loading_it_imports_little() -> None:
    """The plugin loads neither the client's dependencies nor the kit."""
    script = (
        "import pytest, sys\n"
        "before = set(sys.modules)\n"
        "import nango_client.testing.plugin\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split() == [
        "nango_client",
        "nango_client.testing",
        "nango_client.testing.plugin",
    ]


def test_the_kits_names_are_complete() -> None:
    """The lazy module shows its names, gives them, and refuses others."""
    from nango_client import testing

    assert dir(testing) == sorted(testing.__all__)
    assert all(getattr(testing, name).__name__ == name for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = testing.nonsense
