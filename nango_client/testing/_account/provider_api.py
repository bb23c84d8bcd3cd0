"""The own API of a provider, on this machine: what direct calls reach, and proxied ones."""

from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

import attrs

from nango_client.testing._account.base import Account, Subject
from nango_client.testing._account.scripted import response
from nango_client.testing._messages import (
    Answer,
    Reaction,
    RecordedRequest,
    UnexpectedRequest,
    json_answer,
)

if TYPE_CHECKING:
    from nango_client.testing._http import Handler


@attrs.define(kw_only=True)
class _Rule:
    """What is answered on a route."""

    method: str
    path: str
    query: Mapping[str, str] | None
    answer: Answer
    times: int | None
    """How often it is used; None: once, or for ever where no other follows."""

    @property
    def route(self) -> tuple[object, ...]:
        return self.method, self.path, self.query

    def fits(self, request: RecordedRequest) -> bool:
        wanted: Mapping[str, str] = {} if self.query is None else self.query
        return (
            (self.method == request.method or (self.method, request.method) == ("GET", "HEAD"))
            and self.path == request.path
            and wanted.items() <= request.query.items()
        )


class ProviderApi:
    """A provider's own API, at which your code's calls arrive, as ``server.provider(name)``.

    It answers 401 to requests without the current credentials of a connection to this provider.

    Example:
        >>> api = server.provider("github")
        >>> api.respond("GET", "/user", json={"login": "ada"})
        >>> async with nango.direct("user-42", "github").get("/user") as response:
        ...     print(response.status, await response.json())
        200 {'login': 'ada'}
        >>> api.requests[0].path
        '/user'
    """

    def __init__(self, name: str, apis: "ProviderApis") -> None:
        self.name: str = name
        """The provider's name."""
        self.requests: list[RecordedRequest] = []
        """All requests that came, oldest first; clear it as you like."""
        self._apis = apis
        self._rules: list[_Rule] = []
        self.port: int | None = None
        """Where it listens, once it has been asked for."""

    def __repr__(self) -> str:
        return f"<ProviderApi {self.name} with {len(self._rules)} answers>"

    @property
    def base_url(self) -> str:
        """Where it is, such as ``http://127.0.0.1:49153``.

        Raises:
            RuntimeError: the server is not running.
        """
        with self._apis.account.lock:
            found = self._apis.base_url(self.name)
        if found is None:
            raise RuntimeError("this MockNango is not running: use it in a `with` block")
        return found

    def respond(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        query: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Say what is answered on a route.

        Several answers for one route are used in the order in which they were given, the last
        for ever. What fits none is answered 404, and counts as an unexpected request.

        Args:
            method: such as ``"GET"``, which answers HEAD too.
            path: such as ``"/user"``, decoded and without a query.
            status: the answer's status.
            json: its body as JSON.
            headers: its headers. ``Transfer-Encoding: chunked`` sends it so: then Nango's proxy
                passes all of it on, else it drops most headers and turns 201, 202 and the like
                into 200.
            body: its body as text or bytes instead.
            query: only requests with these parameters, whatever else their query holds.
            times: how often this answer is used before the next one; by default once. Of the
                last one, how often it is used at all.

        Raises:
            TypeError: both `json` and `body` are given, or `json` is not JSON.
            ValueError: HTTP knows no such status or header, `path` has a query, or `times` is
                under 1.
        """
        if "?" in path:
            raise ValueError(f"path has no query, which goes into query=: {path!r}")
        if times is not None and times < 1:
            raise ValueError(f"times is how often the answer is used, 1 or more: {times}")
        rule = _Rule(
            method=method.upper(),
            path="/" + path.removeprefix("/"),
            query=query,
            answer=response(status, json, headers, body),
            times=times,
        )
        with self._apis.account.lock:
            self._rules.append(rule)

    def react(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reaction:
        """Take a request in and say what to do about it; see `NangoState.react`."""
        request = RecordedRequest.parse(method, target, headers, body)
        account = self._apis.account
        with account.lock:
            self.requests.append(request)
            answer = self._answer(request)
        answer.headers.setdefault("Date", formatdate(account.clock.time(), usegmt=True))
        return Reaction(answer)

    def _answer(self, request: RecordedRequest) -> Answer:
        if not self._apis.accepts(self.name, request):
            answer = json_answer(401, {"message": "Bad credentials"})
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        fitting = [rule for rule in self._rules if rule.fits(request)]
        # One that asks for a query is meant for fewer requests than one that does not.
        fitting.sort(key=lambda rule: rule.query is None)
        if not fitting:
            problem = f"no such route of provider {self.name}; {self._known()}"
            self._apis.account.unexpected.append(UnexpectedRequest(request, problem))
            return json_answer(404, {"message": problem})
        answer = self._used(fitting[0])
        return attrs.evolve(answer, headers=answer.headers.copy())

    def _used(self, rule: _Rule) -> Answer:
        """Give a rule's answer, and take the rule away where it is used up."""
        followed = sum(one.route == rule.route for one in self._rules) > 1
        if rule.times is not None:
            rule.times -= 1
        if rule.times == 0 or (rule.times is None and followed):
            self._rules.remove(rule)
        return rule.answer

    def _known(self) -> str:
        known = {f"{rule.method} {rule.path}" for rule in self._rules}
        return f"api.respond(...) makes one; known: {', '.join(sorted(known)) or 'none'}"


class ProviderApis(Subject):
    """The APIs of all providers, by name."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.listen: Callable[[Handler], int] | None = None
        """Opens a port for an API; None where the server does not run."""
        self.accepts: Callable[[str, RecordedRequest], bool]
        """Says whether a request to a provider has credentials that are good there."""
        self._by_name: dict[str, ProviderApi] = {}

    def get(self, name: str) -> ProviderApi:
        """Give a provider's API."""
        return self._by_name.setdefault(name, ProviderApi(name, self))

    def base_url(self, name: str) -> str | None:
        """Give where a provider's API is, None where the server does not run."""
        if self.listen is None:
            return None
        api = self.get(name)
        if api.port is None:
            api.port = self.listen(api.react)
        return f"http://127.0.0.1:{api.port}"

    def stop(self) -> None:
        """Forget the ports, which are closed."""
        self.listen = None
        for api in self._by_name.values():
            api.port = None
