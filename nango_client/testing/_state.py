"""A made-up Nango: what it answers to a request; no network, no threads of its own."""

import html
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nango_client.testing import _checks
from nango_client.testing._account import Account, Call
from nango_client.testing._actions import ActionControls, Actions
from nango_client.testing._clock import FakeClock
from nango_client.testing._connections import ConnectionControls
from nango_client.testing._environment import EnvironmentControls
from nango_client.testing._faults import FaultControls
from nango_client.testing._functions import FunctionControls
from nango_client.testing._integrations import IntegrationControls
from nango_client.testing._provider_keys import ProviderApiControls
from nango_client.testing._providers import ProviderControls
from nango_client.testing._rate_limit import RateLimit
from nango_client.testing._records import RecordControls
from nango_client.testing._routes import ROUTES, Route, nearest
from nango_client.testing._schema import parse_query
from nango_client.testing._sessions import SessionControls, Sessions
from nango_client.testing._syncs import SyncControls
from nango_client.testing._webhooks import WebhookControls
from nango_client.testing._wire import (
    HTML_TYPE,
    Answer,
    Forward,
    Reaction,
    RecordedRequest,
    Refusal,
    UnexpectedRequest,
    error_answer,
)

if TYPE_CHECKING:
    from nango_client import Clock


class NangoState(
    ConnectionControls,
    IntegrationControls,
    ProviderControls,
    SessionControls,
    EnvironmentControls,
    FunctionControls,
    RecordControls,
    SyncControls,
    ActionControls,
    ProviderApiControls,
    WebhookControls,
    FaultControls,
):
    """One account of Nango with its API keys, and the answers that follow from them.

    Its methods may be called from any thread.

    Args:
        rate_limit: requests a minute, after which the answer is a 429; None for no limit.
        scopes: the scopes of `api_key`, such as ``environment:connections:read``; None for all.
        clock: what the time is read from; a `FakeClock` of its own by default. Another clock runs
            on under a `FakeClock`, so that `advance` works with it too.
    """

    def __init__(
        self,
        *,
        rate_limit: int | None = None,
        scopes: Iterable[str] | None = None,
        clock: "Clock | None" = None,
    ) -> None:
        self.clock: FakeClock = clock if isinstance(clock, FakeClock) else FakeClock(over=clock)
        """What the server reads the time from, and the clients that it makes."""
        super().__init__(Account(self.clock))
        self.requests: list[RecordedRequest] = []
        """All requests that came, oldest first; clear it as you like."""
        self.unexpected_requests: list[UnexpectedRequest] = self._account.unexpected
        """Those to unknown paths, integrations and connections, with a bad key or malformed."""
        self._keys: dict[str, frozenset[str] | None] = {}
        self._rate_limit = RateLimit(rate_limit)
        # Browsers with a session count apart from servers with a key.
        self._session_limit = RateLimit(rate_limit)
        self.api_key: str = self.add_key(scopes)
        """A key for this server; another server refuses it."""

    def add_key(self, scopes: Iterable[str] | None = None) -> str:
        """Make one more API key, with these scopes or, with None, all of them."""
        if isinstance(scopes, str):
            raise TypeError(f"scopes is a collection of names: [{scopes!r}]")
        key = str(uuid.uuid4())
        with self._account.lock:
            self._keys[key] = None if scopes is None else frozenset(scopes)
        return key

    def advance(self, seconds: float) -> None:
        """Let time pass, for the server and for the clients that it made."""
        self.clock.advance(seconds)
        with self._account.lock:
            self._account.of(Actions).announce()

    def assert_no_unexpected_requests(self) -> None:
        """Fail if a request came that the server was not set up for.

        Raises:
            AssertionError: there was one; the text names them all, and what was expected.
        """
        with self._account.lock:
            lines = [f"  {unexpected}" for unexpected in self.unexpected_requests]
        if lines:
            raise AssertionError("unexpected requests reached MockNango:\n" + "\n".join(lines))

    def react(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reaction:
        """Take a request in and say what to do about it.

        Args:
            method: such as ``GET``.
            target: the path with the query, as sent.
            headers: the request's headers; looking them up ignores case.
            body: the request's body.
        """
        request = RecordedRequest.parse(method, target, headers, body)
        with self._account.lock:
            self.requests.append(request)
            slow = self._delays.take(request)
            outcome = self._outcomes.take(request)
            answer = outcome.answer if outcome else self._answer(request)
        if isinstance(answer, Answer):
            answer = answer.dated(self.clock.time())
        return Reaction(answer, slow.delay if slow else 0.0)

    def _answer(self, request: RecordedRequest) -> Answer | Forward:
        limits: dict[str, str] = {}
        try:
            answer = self._serve(request, limits)
        except Refusal as refusal:
            answer = refusal.answer
            if refusal.hint:
                unexpected = UnexpectedRequest(request, refusal.hint)
                self.unexpected_requests.append(unexpected)
                answer.headers["X-MockNango-Expected"] = ascii(refusal.hint)[1:-1]
        if isinstance(answer, Forward):
            return self._limited(answer, limits)
        answer.headers.update(limits)
        return answer

    def _limited(self, forward: Forward, limits: Mapping[str, str]) -> Forward:
        async def ask() -> Answer:
            answer = (await forward.ask()).dated(self.clock.time())
            for name, value in limits.items():
                # The provider's own take the place of Nango's.
                answer.headers.setdefault(name, value)
            return answer

        return Forward(ask)

    def _serve(self, request: RecordedRequest, limits: dict[str, str]) -> Answer | Forward:
        """Answer as the server does, its checks in its order.

        Args:
            request: what came.
            limits: filled with the headers that tell of the rate limit.

        Raises:
            Refusal: any answer but that of an endpoint.
        """
        for route in ROUTES:
            params = route.match(request)
            if params is not None:
                break
        else:
            raise _no_such_route(request)
        _checks.check_escapes(request)
        body = _checks.read_body(request)
        if not route.takes_any_type:
            _checks.check_content_type(request.headers)
        call = Call(
            account=self._account,
            request=request,
            now=self.clock.time(),
            params=params,
            query=parse_query(request.raw_query),
            body=body,
        )
        if route.auth != "none":
            call = self._authenticated(call, route)
            self._count(call, limits)
            _checks.check_scopes(call.scopes, route.scopes)
        if route.query is not None:
            _checks.check_values(route.query, dict(call.query), "invalid_query_params")
        _checks.check_values(route.params, dict(call.params), "invalid_uri_params")
        if route.headers is not None:
            headers = {name.lower(): value for name, value in request.headers.items()}
            _checks.check_values(route.headers, headers, "invalid_headers")
        if route.body is not None:
            _checks.check_values(route.body, call.body, "invalid_body")
        return route.handler(call)

    def _authenticated(self, call: Call, route: Route) -> Call:
        sent = _checks.bearer(call.request.headers)
        if route.auth == "key" or not (
            route.auth == "session" or sent.startswith(_checks.SESSION_PREFIX)
        ):
            return call.with_(scopes=_checks.check_key(sent, self._keys))
        _checks.check_token(sent, known=self._account.of(Sessions).is_open(sent))
        return call.with_(token=sent)

    def _count(self, call: Call, limits: dict[str, str]) -> None:
        limit = self._rate_limit if call.token is None else self._session_limit
        refused, counted = limit.take(call.now)
        limits.update(counted)
        if refused:
            method, path = call.request.method, call.request.raw_path
            raise Refusal(error_answer(429, "too_many_request", method=method, path=path))


def _no_such_route(request: RecordedRequest) -> Refusal:
    hint = f"no such endpoint; near it are {nearest(request)}"
    if request.path.startswith("/api/v1/"):
        return Refusal(error_answer(401, "unauthorized"), hint)
    if request.method == "GET":
        # The server's web app answers here, with its page.
        status, text = 200, hint
    else:
        status, text = 404, f"Cannot {request.method} {request.path}: {hint}"
    page = f"<!doctype html>\n<title>Nango</title>\n<pre>{html.escape(text)}</pre>\n"
    answer = Answer(status, page.encode(errors="replace"))
    answer.headers["Content-Type"] = HTML_TYPE
    return Refusal(answer, hint)
