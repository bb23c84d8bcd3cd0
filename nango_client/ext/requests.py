"""Credentials for requests: ``pip install "nango-client[requests]"``."""

import contextlib
from typing import Any, Final, final
from urllib.parse import urljoin

from yarl import URL

from nango_client._provider.foreign import NOT_IN_MEMORY
from nango_client._provider.sources import Planned
from nango_client.exceptions import ConfigurationError, TransportError
from nango_client.sync._client import NangoClient
from nango_client.sync._foreign import Foreign

try:
    import requests
    from requests import PreparedRequest, Response
    from requests.auth import AuthBase
    from requests.exceptions import UnrewindableBodyError
    from requests.sessions import SessionRedirectMixin
    from requests.utils import requote_uri, rewind_body
except ImportError:
    raise ImportError(
        'nango_client.ext.requests needs requests: pip install "nango-client[requests]"'
    ) from None

_REFUSED: Final = 401
# Only these send the body again, as requests has it.
_KEEPS_BODY: Final = frozenset({307, 308})


@final
class NangoAuth(AuthBase):
    """Puts a connection's credentials into requests to the origin of the provider's base URL.

    A 401 renews them as ``client.direct`` does. They follow redirects within that origin; what
    goes to another is sent without them, and so is all that follows. It may be shared by threads
    and sessions.

    Args:
        client: gives the credentials.
        connection_id: the connection's id.
        provider_config_key: the integration's key.
        base_url: instead of the provider's own.

    Raises:
        ConfigurationError: the client is an asynchronous one.
        InvalidArgumentError: an argument is none that could be meant.

    Example:
        >>> with NangoClient() as nango:
        ...     auth = NangoAuth(nango, "user-42", "github")
        ...     response = requests.get("https://api.github.com/user", auth=auth, timeout=10)
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
            raise ConfigurationError("NangoAuth for requests needs a nango_client.sync.NangoClient")
        self._foreign = Foreign(client, connection_id, provider_config_key, base_url)

    def __repr__(self) -> str:
        return "<NangoAuth>"

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put the credentials in; requests asks for this."""
        planned = self._foreign.plan(r.method or "", r.url or "", r.headers, _content(r))
        if planned is not None:
            _put_in(r, planned)
            hooked: Any = r  # Its stubs leave this method open.
            hooked.register_hook("response", _Exchange(self._foreign, planned).see)
        return r


@final
class _Exchange:
    """One call, from its first request to the answer that the caller gets.

    requests copies each request of a chain of redirects from the one before. So what shall be in
    the next is put into the one that was answered.
    """

    def __init__(self, foreign: Foreign, planned: Planned) -> None:
        self._foreign = foreign
        # None once the call has left the provider's origin.
        self._planned: Planned | None = planned
        self._was_refused = False

    def see(self, response: Response, **options: Any) -> Response:
        """Renew the credentials after a 401, and prepare the request that follows a redirect."""
        if self._planned is not None and response.status_code == _REFUSED:
            response = self._renewed(self._planned, response, options)
        if self._planned is not None and response.is_redirect:
            self._planned = self._follow(self._planned, response)
        return response

    def _renewed(self, planned: Planned, response: Response, options: dict[str, Any]) -> Response:
        if self._was_refused:
            return response
        self._was_refused = True
        again = self._foreign.plan_again(planned)
        if again is None or not _is_rewound(response.request):
            return response
        request = _detached(response)
        _take_out(request, planned)
        _put_in(request, again)
        self._planned = again
        # Read, so that its connection can be used again.
        with contextlib.suppress(requests.RequestException):
            _ = response.content
        response.close()
        answer: Response = response.connection.send(request, **options)
        answer.history.append(response)
        return answer

    def _follow(self, planned: Planned, response: Response) -> Planned | None:
        """Put what is ours into the next request, or keep it out; None for the latter."""
        request = _detached(response)
        mixin = SessionRedirectMixin()
        target = urljoin(response.url, requote_uri(mixin.get_redirect_target(response) or ""))
        probe = request.copy()
        mixin.rebuild_method(probe, response)
        keeps_body = response.status_code in _KEEPS_BODY and bool(request.body)
        found = self._foreign.plan_next(planned, probe.method or "", target, with_body=keeps_body)
        _take_out(request, planned)
        if found is not None:
            _put_in(request, found, with_body=keeps_body)
            # It is the plan's own origin then, whoever reads the address.
            response.headers["Location"] = str(found.plan.url)
            return found
        if planned.plan.injected.body and keeps_body:
            host = planned.plan.url.host
            raise TransportError(
                f"{host} redirects to another origin with a body that holds a key",
                retryable=False,
                host=host,
            )
        with contextlib.suppress(ValueError):  # It is no URL: requests says so.
            there = URL(target, encoded=True)
            cleaned = planned.plan.without_keys(there)
            if cleaned is not there:
                response.headers["Location"] = str(cleaned)
        return None


def _detached(response: Response) -> PreparedRequest:
    """Give the request that requests goes on with; the response keeps a copy as it was sent."""
    request = response.request
    response.request = request.copy()
    return request


def _content(request: PreparedRequest) -> object:
    body: Any = request.body  # Its stubs know bytes alone.
    if isinstance(body, str):
        body = body.encode()
    if body is None or isinstance(body, bytes):
        return body or None
    return NOT_IN_MEMORY


def _take_out(request: PreparedRequest, planned: Planned) -> None:
    for name in planned.plan.injected.headers:
        request.headers.pop(name, None)


def _put_in(request: PreparedRequest, planned: Planned, *, with_body: bool = True) -> None:
    plan = planned.plan
    for name in plan.injected.headers:
        request.headers[name] = plan.headers[name]
    request.url = str(plan.url)
    if with_body and planned.recipe.wants_body and isinstance(plan.body, bytes):
        request.body = plan.body
        request.prepare_content_length(plan.body)


def _is_rewound(request: PreparedRequest) -> bool:
    """Say whether the body can be sent again: a file is rewound, a generator is spent."""
    body: Any = request.body
    if body is None or isinstance(body, str | bytes):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True
