"""The same test of the same behaviour, run by six kinds of test runner."""

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT = Path(__file__).parents[2]

Run = tuple["subprocess.Popen[bytes]", Path]

COMMON = ("-q", "-W", "error", "-p", "nango_client.testing.plugin")

BEHAVIOUR = """
from nango_client import ReconnectRequiredError, ServerError, RetryPolicy
from nango_client.testing import MockNango

async def behaves(server):
    server.add_connection("user-42", "github")
    async with server.client(retry=RetryPolicy(max_attempts=1)) as nango:
        token = await nango.get_token("user-42", "github")
        assert await nango.get_token("user-42", "github") == token
        assert len(server.requests) == 1
        server.advance(3600)
        assert await nango.get_token("user-42", "github") != token
        server.fail_next(503)
        try:
            await nango.get_token("user-42", "github", force_refresh=True)
        except ServerError:
            pass
        else:
            raise AssertionError
        server.break_refresh("user-42", "github", exhausted=True)
        server.advance(3600)
        try:
            await nango.get_token("user-42", "github")
        except ReconnectRequiredError:
            pass
        else:
            raise AssertionError
        assert server.refresh_count("user-42", "github") == 1
"""
SYNC = """
import asyncio
from behaviour import behaves

def test_it(nango_server):
    asyncio.run(behaves(nango_server))
"""
MARKED = """
import pytest
from behaviour import MockNango, behaves

@pytest.mark.{mark}
async def test_it(nango_server):
    await behaves(nango_server)

@pytest.mark.{mark}
async def test_async_with():
    async with MockNango() as server:
        await behaves(server)
"""
UNMARKED = MARKED.replace("@pytest.mark.{mark}\n", "").replace("import pytest\n", "")
UNITTEST = """
from unittest import IsolatedAsyncioTestCase
from behaviour import MockNango, behaves

class ItTest(IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = await self.enterAsyncContext(MockNango())

    async def test_it(self):
        await behaves(self.server)

class PlainSetUpTest(IsolatedAsyncioTestCase):
    def setUp(self):
        self.server = self.enterContext(MockNango())

    async def test_it(self):
        await behaves(self.server)
"""
ASYNCIO = ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]

# The runner's test file, and the plugins and options with which pytest runs it.
RUNNERS: dict[str, tuple[str, list[str]]] = {
    "sync": (SYNC, []),
    "pytest-asyncio strict": (MARKED.format(mark="asyncio"), [*ASYNCIO, "--asyncio-mode=strict"]),
    "pytest-asyncio auto": (UNMARKED, [*ASYNCIO, "--asyncio-mode=auto"]),
    "anyio": (MARKED.format(mark="anyio"), ["-p", "anyio.pytest_plugin"]),
    "pytest-aiohttp": (UNMARKED, [*ASYNCIO, "-p", "pytest_aiohttp.plugin", "--asyncio-mode=auto"]),
    "unittest": (UNITTEST, []),
}
ANYIO_BACKEND = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[dict[str, Run]]":
    """All runners at work, side by side because most of their time is start-up."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(run(name, tmp_path_factory)) for name in RUNNERS}


@contextmanager
def run(name: str, tmp_path_factory: pytest.TempPathFactory) -> "Generator[Run, None, None]":
    """Start pytest on a folder with the behaviour and the runner's test of it."""
    test, options = RUNNERS[name]
    folder = tmp_path_factory.mktemp("runner")
    (folder / "behaviour.py").write_text(BEHAVIOUR)
    (folder / "test_it.py").write_text(test)
    (folder / "conftest.py").write_text(ANYIO_BACKEND)
    (folder / "pytest.ini").write_text("[pytest]\n")
    output = folder / "output.txt"
    with (
        output.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-m", "pytest", *COMMON, *options],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=file,
            stderr=file,
        ) as process,
    ):
        yield process, output


@pytest.mark.parametrize("name", RUNNERS)
def test_it_works_under(runs: "dict[str, Run]", name: str) -> None:
    """The kit behaves alike under each runner, with warnings as errors."""
    process, output = runs[name]

    assert process.wait() == 0, output.read_text()
    assert ("1 passed" if name == "sync" else "2 passed") in output.read_text()
