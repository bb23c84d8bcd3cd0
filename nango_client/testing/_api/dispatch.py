"""From a request to its endpoint, past all that the server checks first, in the server's order."""

import html
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from nango_client.testing._account.base import Account
from nango_client.testing._account.environment import Environment
from nango_client.testing._account.sessions import Sessions
from nango_client.testing._api import (
    actions,
    checks,
    connections,
    environment,
    functions,
    integrations,
    providers,
    proxy,
    records,
    sessions,
    syncs,
)
from nango_client.testing._api.rate_limit import RateLimit
from nango_client.testing._api.route import Call, Route
from nango_client.testing._messages import (
    HTML_TYPE,
    Answer,
    Forward,
    RecordedRequest,
    Refusal,
    UnexpectedRequest,
    error_answer,
)
from nango_client.testing._payloads.schema import parse_query
from nango_client.testing._payloads.values import SESSION_PREFIX

ROUTES: Final[tuple[Route, ...]] = (
    *connections.routes,
    *integrations.routes,
    *functions.routes,
    *sessions.routes,
    *providers.routes,
    *records.routes,
    *syncs.routes,
    *actions.routes,
    *proxy.routes,
    *environment.routes,
)


class Dispatcher:
    """Answers requests for an account.

    Args:
        account: the state of the server.
        rate_limit: requests a minute, after which the answer is a 429; None for no limit.
    """

    def __init__(self, account: Account, rate_limit: int | None) -> None:
        self._account = account
        self._rate_limit = RateLimit(rate_limit)
        # Browsers with a session count apart from servers with a key.
        self._session_limit = RateLimit(rate_limit)

    def answer(self, request: RecordedRequest) -> Answer | Forward:
        """Give what the server answers; what no test had set it up for is noted."""
        limits: dict[str, str] = {}
        try:
            answer = self._serve(request, limits)
        except Refusal as refusal:
            answer = refusal.answer
            if refusal.hint:
                self._account.unexpected.append(UnexpectedRequest(request, refusal.hint))
                answer.headers["X-MockNango-Expected"] = ascii(refusal.hint)[1:-1]
        if isinstance(answer, Forward):
            return self._limited(answer, limits)
        answer.headers.update(limits)
        return answer

    def _limited(self, forward: Forward, limits: Mapping[str, str]) -> Forward:
        async def ask() -> Answer:
            answer = (await forward.ask()).dated(self._account.clock.time())
            for name, value in limits.items():
                # The provider's own take the place of Nango's.
                answer.headers.setdefault(name, value)
            return answer

        return Forward(ask)

    def _serve(self, request: RecordedRequest, limits: dict[str, str]) -> Answer | Forward:
        """Answer as the server does.

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
        checks.check_escapes(request)
        body = checks.read_body(request)
        if not route.takes_any_type:
            checks.check_content_type(request.headers)
        call = Call(
            account=self._account,
            request=request,
            now=self._account.clock.time(),
            params=params,
            query=parse_query(request.raw_query),
            body=body,
        )
        if route.auth != "none":
            call = self._authenticated(call, route)
            self._count(call, limits)
            checks.check_scopes(call.scopes, route.scopes)
        if route.query is not None:
            checks.check_values(route.query, dict(call.query), "invalid_query_params")
        checks.check_values(route.params, dict(call.params), "invalid_uri_params")
        if route.headers is not None:
            headers = {name.lower(): value for name, value in request.headers.items()}
            checks.check_values(route.headers, headers, "invalid_headers")
        if route.body is not None:
            checks.check_values(route.body, call.body, "invalid_body")
        return route.handler(call)

    def _authenticated(self, call: Call, route: Route) -> Call:
        account, sent = self._account, checks.bearer(call.request.headers)
        if route.auth == "key" or not (route.auth == "session" or sent.startswith(SESSION_PREFIX)):
            return call.with_(scopes=checks.check_key(sent, account.of(Environment).keys))
        checks.check_token(sent, known=account.of(Sessions).is_open(sent))
        return call.with_(token=sent)

    def _count(self, call: Call, limits: dict[str, str]) -> None:
        limit = self._rate_limit if call.token is None else self._session_limit
        refused, counted = limit.take(call.now)
        limits.update(counted)
        if refused:
            method, path = call.request.method, call.request.raw_path
            raise Refusal(error_answer(429, "too_many_request", method=method, path=path))


def _no_such_route(request: RecordedRequest) -> Refusal:
    hint = f"no such endpoint; near it are {_nearest(request)}"
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


def _nearest(request: RecordedRequest) -> str:
    """Name the endpoints that a request which found none may have meant."""
    paths = {route.path for route in ROUTES}
    near = get_close_matches(request.path, paths, n=2, cutoff=0.0)
    return ", ".join(f"{one.method} {one.path}" for one in ROUTES if one.path in near)
