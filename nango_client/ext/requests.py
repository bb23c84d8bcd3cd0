"""Credentials for requests: ``pip install "nango-client[requests]"``."""

from typing import Any, Final, final

from yarl import URL

from nango_client._provider.concealed import conceal
from nango_client._provider.foreign import NOT_IN_MEMORY, Foreign
from nango_client._provider.sources import Planned
from nango_client._provider.trip import refuse_unsafe
from nango_client.exceptions import ConfigurationError
from nango_client.sync import NangoClient
from nango_client.sync._bridge import Bridge

try:
    from requests import PreparedRequest, Response
    from requests.auth import AuthBase
    from requests.utils import rewind_body
except ImportError:
    raise ImportError(
        'nango_client.ext.requests needs requests: pip install "nango-client[requests]"'
    ) from None

_REFUSED: Final = 401
_BODY_GOES_ON: Final = frozenset({307, 308})
# So much of a refused answer is kept, in case it has to be returned.
_MAX_KEPT: Final = 64 * 1024


@final
class NangoAuth(AuthBase):
    """Puts a connection's credentials into requests to the origin of the provider's base URL.

    A 401 renews them as `NangoClient.direct` does. Nothing that was put in follows a redirect to
    another origin; a redirect whose body holds a key raises `TransportError`.

    Args:
        client: gives the credentials.
        connection_id: the connection's id.
        provider_config_key: the integration's key.
        base_url: instead of the provider's own.

    Raises:
        ConfigurationError: the client is an asynchronous one.
        InvalidArgumentError: an argument is none that could be meant.

    Example:
        >>> auth = NangoAuth(nango, "user-42", "github")
        >>> response = requests.get("https://api.github.com/user", auth=auth)
    """

    def __init__(
        self,
        client: NangoClient,
        connection_id: str,
        provider_config_key: str,
        *,
        base_url: str | None = None,
    ) -> None:
        if not isinstance(client, NangoClient):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("NangoAuth for requests takes a nango_client.sync.NangoClient")
        self._bridge: Bridge = client._bridge  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._pair = (connection_id, provider_config_key)
        self._base_url = base_url
        self._foreign()

    def __repr__(self) -> str:
        return "<NangoAuth>"

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put the credentials in; requests asks for this."""
        call = self._bridge.call(
            self._foreign().plan, r.method or "", r.url or "", r.headers, _content(r)
        )
        planned = call.result()
        if planned is not None:
            _put_in(r, planned)
            use = _Use(self._bridge, self._foreign, planned)
            r.hooks["response"] = [*r.hooks.get("response", ()), use.respond]
        return r

    def _foreign(self) -> Foreign:
        """Give what plans requests, of whichever client the bridge leads to now."""
        doors = self._bridge.client._doors  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return doors.foreign(*self._pair, base_url=self._base_url)


@final
class _Use:
    """Follows one request and its redirects."""

    def __init__(self, bridge: Bridge, foreign: Any, planned: Planned) -> None:
        self._bridge = bridge
        self._foreign = foreign
        self._planned: Planned | None = planned
        self._was_refused = False

    def respond(self, response: Response, **options: Any) -> Response:
        """Look at an answer before requests does."""
        planned = self._planned
        if planned is None:
            return response
        if response.status_code == _REFUSED and not self._was_refused:
            self._was_refused = True
            response = self._ask_again(planned, response, options)
        planned = self._planned
        if planned is not None and response.is_redirect:
            self._follow(planned, response)
        return response

    def _ask_again(self, refused: Planned, response: Response, options: dict[str, Any]) -> Response:
        request = response.request
        if not _can_be_sent_again(request):
            return response
        if _is_small(response):
            # Gives the connection back before the renewal.
            _ = response.content
        planned = self._bridge.call(self._foreign().plan_again, refused).result()
        if planned is None:
            return response
        response.close()
        _take_out(request, refused)
        _put_in(request, planned)
        self._planned = planned
        # As requests' own digest authentication does.
        again: Response = response.connection.send(request, **options)
        again.history.append(response)
        again.request = request
        return again

    def _follow(self, planned: Planned, response: Response) -> None:
        """See to what goes on with a redirect: requests goes on with a copy of the request."""
        plan, request = planned.plan, response.request
        target = URL(response.url).join(URL(response.headers["Location"]))
        keeps_body = response.status_code in _BODY_GOES_ON
        if target.absolute and target.origin() == plan.origin:
            if not (keeps_body and request.body):
                self._plan_anew(planned, response, target)
            return
        self._planned = None
        refuse_unsafe(plan, target, has_body=keeps_body and bool(request.body))
        _take_out(request, planned)
        query = plan.url.query
        ours = {(name, value) for name in plan.injected.query for value in query.getall(name, [])}
        kept = [pair for pair in target.query.items() if pair not in ours]
        if len(kept) < len(target.query):
            response.headers["Location"] = str(target.with_query(kept))

    def _plan_anew(self, planned: Planned, response: Response, target: URL) -> None:
        """Put in what belongs to the next URL: a signature holds for one alone."""
        request = response.request
        _take_out(request, planned)
        method = "HEAD" if request.method == "HEAD" else "GET"
        call = self._bridge.call(self._foreign().plan, method, str(target), request.headers, None)
        self._planned = again = call.result()
        if again is not None:
            _put_in(request, again)
            response.headers["Location"] = request.url or ""


def _put_in(request: PreparedRequest, planned: Planned) -> None:
    plan = planned.plan
    headers = conceal(plan)
    for name in plan.injected.headers:
        request.headers[name] = headers[name]
    request.url = str(plan.url)
    if planned.recipe.wants_body and isinstance(plan.body, bytes):
        request.body = plan.body
        request.headers.pop("Transfer-Encoding", None)
        request.headers["Content-Length"] = str(len(plan.body))


def _take_out(request: PreparedRequest, planned: Planned) -> None:
    for name in planned.plan.injected.headers:
        request.headers.pop(name, None)


def _content(request: PreparedRequest) -> object:
    body: Any = request.body
    if isinstance(body, str):
        return body.encode()
    return body if body is None or isinstance(body, bytes) else NOT_IN_MEMORY


def _can_be_sent_again(request: PreparedRequest) -> bool:
    """Say so, and wind a file back; an iterator has begun."""
    if _content(request) is not NOT_IN_MEMORY:
        return True
    if not isinstance(getattr(request, "_body_position", None), int):
        return False
    rewind_body(request)
    return True


def _is_small(response: Response) -> bool:
    length = response.headers.get("Content-Length", "")
    return length.isdigit() and int(length) <= _MAX_KEPT
