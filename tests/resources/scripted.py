"""A server that gives one prepared answer after the other and keeps what it was asked."""

import json
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from nango_client import NangoClient, RetryPolicy

KEY = "00000000-0000-4000-8000-000000000001"


class Asked:
    """One request, whole."""

    def __init__(self, request: web.BaseRequest, body: bytes) -> None:
        self.method = request.method
        self.path = request.rel_url.raw_path
        self.query = list(request.query.items())
        self.headers = request.headers.copy()
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Scripted:
    """Answers with status and body in turn, the last one for ever; None closes the connection."""

    def __init__(
        self, *answers: tuple[int, Any] | None, headers: dict[str, str] | None = None
    ) -> None:
        self._answers = list(answers)
        self._headers = headers or {}
        self.requests: list[Asked] = []

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    def client(self, **options: Any) -> NangoClient:
        options = {"base_url": self.url, "retry": RetryPolicy(initial_delay=0.0)} | options
        return NangoClient(KEY, **options)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(Asked(request, await request.read()))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, body = answer
        if body is None:
            return web.Response(status=status, headers=self._headers)
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=self._headers)
        return web.json_response(body, status=status, headers=self._headers)
