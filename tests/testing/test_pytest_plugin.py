"""The pytest plugin: its fixture, its marker, and what it costs those who do not use it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

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


def run_pytest(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=test)
    pytester.makeini("[pytest]\naddopts = --strict-markers")
    return pytester.runpytest_inprocess("-q", *options)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Options for a run into which no plugin comes by itself."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return "-W", "error", "-p", "nango_client.testing.plugin"


def test_each_test_gets_a_server_of_its_own(
    pytester: pytest.Pytester, alone: tuple[str, ...]
) -> None:
    """The fixture gives a running server that knows nothing of the test before."""
    ran = run_pytest(pytester, USING, *alone)

    ran.assert_outcomes(passed=2)


def test_strict_tests_fail_on_unexpected_requests(
    pytester: pytest.Pytester, alone: tuple[str, ...]
) -> None:
    """With the marker an unexpected request fails the test and is named; without it it passes."""
    ran = run_pytest(pytester, STRICT, *alone)

    ran.assert_outcomes(passed=3, errors=1)
    assert "ERROR test_it.py::test_strict - AssertionError: unexpected requests" in str(ran.stdout)
    assert "GET /nope: no such endpoint" in str(ran.stdout)


def test_it_is_found_and_can_be_turned_off(pytester: pytest.Pytester) -> None:
    """An installed package brings the fixture by itself, and `-p no:nango_client` takes it away."""
    # What pytest-asyncio, which comes by itself too, would warn of.
    scope = ("-o", "asyncio_default_fixture_loop_scope=function")
    found = run_pytest(pytester, USING, *scope)
    off = run_pytest(pytester, USING, *scope, "-p", "no:nango_client")

    found.assert_outcomes(passed=2)
    off.assert_outcomes(errors=2)
    assert "fixture 'nango_server' not found" in str(off.stdout)


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
