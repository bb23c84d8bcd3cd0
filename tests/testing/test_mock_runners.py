"""The same test of the same behaviour, run by six kinds of test runner."""

import pytest

pytest_plugins = ["pytester"]

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


@pytest.mark.parametrize("name", RUNNERS)
def test_it_works_under(
    name: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kit behaves alike under each runner, with warnings as errors."""
    test, options = RUNNERS[name]
    pytester.makepyfile(behaviour=BEHAVIOUR, test_it=test, conftest=ANYIO_BACKEND)
    pytester.makeini("[pytest]")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    ran = pytester.runpytest_inprocess(*COMMON, *options)

    ran.assert_outcomes(passed=1 if name == "sync" else 2)
