"""A provider and a Nango, played by small servers on this machine, and a client between them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDict

from nango_client import NangoClient, ProviderRequest, RetryPolicy, SystemClock
from nango_client.testing import FakeClock

API_KEY = "canary-api-key-0001"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Seen:
    """A request as a server got it."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.method = request.method
        self.path = request.raw_path
        self.headers: CIMultiDict[str] = CIMultiDict(request.headers)
        self.body = body

    def everything(self) -> str:
        head = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{self.method} {self.path}\n{head}\n{self.body.decode(errors='replace')}"


class Server:
    """Answers any request by `answer`, and keeps what it has seen."""

    def __init__(self, answer: Answer | None = None, ssl: Any = None) -> None:
        self.seen: list[Seen] = []
        self.answer: Answer = answer or echo
        self._ssl = ssl
        self.port = 0

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(
            web.Server(self._handle),  # type: ignore[arg-type]
            shutdown_timeout=0.1,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._ssl)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # What is large is left to the answer.
        size = request.content_length or 0
        is_large = size >= 1_000_000 or request.path.endswith("/stream")
        body = b"" if is_large else await request.read()
        self.seen.append(Seen(request, body))  # type: ignore[arg-type]
        return await self.answer(request)  # type: ignore[arg-type]


async def echo(request: web.Request) -> web.StreamResponse:
    return web.json_response({"path": request.raw_path})


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def never(request: web.Request) -> web.StreamResponse:
    """Answer much later than any test waits."""
    await asyncio.sleep(30)
    return web.Response()


def answers(status: int, body: Any, **headers: str) -> Answer:
    """Give what always answers so."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(
            body, status=status, headers={n.replace("_", "-"): v for n, v in headers.items()}
        )

    return answer


async def body_of(request: ProviderRequest) -> Any:
    """Make a call, and give its answer's JSON."""
    async with request as response:
        return await response.json()


async def status_of(request: ProviderRequest) -> int:
    """Make a call, and give its answer's status."""
    async with request as response:
        return response.status


async def done(request: ProviderRequest) -> None:
    """Make a call, and leave its answer unread."""
    async with request:
        pass


async def until(condition: Callable[[], object]) -> None:
    """Wait until it holds; a call that failed instead does not stop the tests."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def entry(base_url: str | None, **fields: Any) -> dict[str, Any]:
    """Give a provider's entry; what belongs to its ``proxy`` is told apart by its name."""
    proxy = {
        name: fields.pop(name) for name in ("headers", "query", "body", "retry") if name in fields
    }
    if base_url is not None:
        proxy["base_url"] = base_url
    return {
        "name": "acme",
        "display_name": "Acme",
        "auth_mode": "OAUTH2",
        "docs": "https://docs.example",
        "logo_url": "https://logo.example",
        "categories": [],
        "proxy": proxy,
        **fields,
    }


class Stage:
    """Plays Nango and a provider; connections have the tokens ``token-1``, ``token-2`` and so on.

    Attributes:
        provider: any path of it is answered by `provider.answer`.
        nango: counts what it is asked for.
        token: the number of the current token; a forced renewal takes the next one.
    """

    def __init__(self, answer: Answer | None = None, **options: Any) -> None:
        self.provider = Server(answer)
        self.nango = Server(self._play_nango)
        self.clock = FakeClock(over=SystemClock())
        self.token = 1
        self.kind: dict[str, Any] | None = None
        self.connection: dict[str, Any] = {}
        self.entry: dict[str, Any] | None = None
        self.integration: dict[str, Any] = {}
        self.renews = True
        self.renewal_gate: asyncio.Event | None = None
        self.failing: set[str] = set()
        self.held: dict[str, asyncio.Event] = {}
        self.proxy: Answer = echo
        self._options = options

    async def __aenter__(self) -> Self:
        await self.provider.__aenter__()
        await self.nango.__aenter__()
        if self.entry is None:
            self.entry = entry(self.provider.url)
        options = {"retry": RetryPolicy(max_attempts=1), "clock": self.clock, **self._options}
        self.client = NangoClient(API_KEY, base_url=self.nango.url, **options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.client.close()
        await self.nango.__aexit__(kind, value, traceback)
        await self.provider.__aexit__(kind, value, traceback)

    def asked(self, part: str) -> int:
        """Give how often Nango was asked for what has this in its path."""
        return sum(part in seen.path for seen in self.nango.seen)

    async def _play_nango(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        for part, event in self.held.items():
            if part in request.raw_path:
                await event.wait()
        if any(part in request.raw_path for part in self.failing):
            return web.json_response({"error": {"code": "server_error"}}, status=503)
        if path.startswith("/connection/"):
            if "force_refresh" in request.query:
                if self.renewal_gate is not None:
                    await self.renewal_gate.wait()
                self.token += self.renews
            return web.json_response(self._connection(path.rpartition("/")[2], request))
        if path.startswith("/providers/"):
            return web.json_response({"data": self.entry})
        if path.startswith("/integrations/"):
            return web.json_response({"data": self._integration(request)})
        assert path.startswith("/proxy/"), path
        return await self.proxy(request)

    def _connection(self, connection_id: str, request: web.Request) -> dict[str, Any]:
        kind = self.kind or {
            "type": "OAUTH2",
            "access_token": f"token-{self.token}",
            "expires_at": (datetime.now(UTC) + timedelta(hours=8)).isoformat(),
            "raw": {},
        }
        kind = json.loads(json.dumps(kind).replace("NUMBER", str(self.token)))
        return {
            "id": 1,
            "connection_id": connection_id,
            "provider_config_key": request.query["provider_config_key"],
            "provider": "acme",
            "credentials": kind,
            "connection_config": {},
            "created_at": "2026-11-24T00:00:00.000Z",
            "updated_at": "2026-11-24T00:00:00.000Z",
            **self.connection,
        }

    def _integration(self, request: web.Request) -> dict[str, Any]:
        return {
            "unique_key": request.path.rpartition("/")[2],
            "provider": "acme",
            "display_name": "Acme",
            "logo": "",
            "forward_webhooks": True,
            "created_at": "2026-11-24T00:00:00.000Z",
            "updated_at": "2026-11-24T00:00:00.000Z",
            **self.integration,
        }


SECRETS_ENTRY = {"headers": {"X-Client": "${clientId}:${clientSecret}"}}
