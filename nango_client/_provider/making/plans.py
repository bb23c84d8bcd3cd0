"""What goes into the making of a provider's request, and what comes out of it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, final

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from nango_client.models import PreparedRequest


@final
class _NotGiven:
    __slots__ = ()

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = _NotGiven()
"""No JSON body; None is one."""

Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | str | None
Headers = Mapping[str, str] | Iterable[tuple[str, str]] | None


@final
class ClientSecrets:
    """The developer app of an integration: what OAuth 1 and three providers' headers need.

    Args:
        client_id: the app's id; empty where Nango hides it.
        client_secret: its secret, likewise.
    """

    __slots__ = ("client_id", "client_secret")

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self.client_secret = client_secret


@final
class Call:
    """What the caller asks for. It has no `repr` of its own, for what is in it.

    Args:
        method: as HTTP has it; upper case.
        path: below the base URL, or an absolute URL on its origin; a `str` is percent-encoded
            where it must be, a `yarl.URL` is taken as it is. Never a template.
        params: as aiohttp takes them; a key that the path has already is replaced.
        headers: the caller's; they win over all but a provider's ``User-Agent``.
        json: a JSON body.
        data: bytes, a text, or the fields of a form; anything else is passed on unseen.
        base_url: replaces the provider's, in code that the caller wrote.
    """

    __slots__ = ("base_url", "data", "headers", "json", "method", "params", "path")

    def __init__(
        self,
        method: str,
        path: str | URL,
        *,
        params: Params = None,
        headers: Headers = None,
        json: Any = NOT_GIVEN,
        data: Any = None,
        base_url: str | URL | None = None,
    ) -> None:
        self.method: str = method
        self.path: str | URL = path
        self.params: Params = params
        self.headers: Headers = headers
        self.json: Any = json
        self.data: Any = data
        self.base_url: str | URL | None = base_url

    def redirected(self, method: str, url: URL, *, with_body: bool) -> "Call":
        """Give the call of the same caller to which a redirect of this one leads."""
        following = Call(method, url, headers=self.headers, base_url=self.base_url)
        if with_body:
            following.json, following.data = self.json, self.data
        return following


@final
class Injected:
    """The names of what we put into a request; the caller's own are not among them.

    They have to be left out of what follows a redirect to another origin, and their values hidden.

    Attributes:
        headers: in lower case.
        query: the query's keys.
        body: the top-level members of the JSON object or the form; where there are any, the body
            may hold a key.
        path: whether a credential stands in the URL's path.
    """

    __slots__ = ("body", "headers", "path", "query")

    def __init__(
        self,
        headers: frozenset[str] = frozenset(),
        query: frozenset[str] = frozenset(),
        body: frozenset[str] = frozenset(),
        *,
        path: bool = False,
    ) -> None:
        self.headers = headers
        self.query = query
        self.body = body
        self.path = path


@final
class Concealed(str):
    """A text that looks like any other, but not in a ``repr``: aiohttp's answers show headers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@final
class Plan:
    """A request that is ready to be sent.

    Attributes:
        method: in upper case.
        url: the encoded URL; it must not be encoded again.
        headers: all headers, the caller's included.
        body: bytes, None, or the caller's own object where that is opaque (`data`).
        injected: the names of what is ours in it.
        check_address: True where the connection's data decides who is called: addresses that are
            loopback, private, link-local or metadata services must be refused, on the address
            that is connected to.
        renewable: True where a 401 may be met by a forced renewal of the credentials.
    """

    __slots__ = ("body", "check_address", "headers", "injected", "method", "renewable", "url")

    def __init__(
        self,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        body: Any,
        injected: Injected,
        *,
        check_address: bool = False,
        renewable: bool = False,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.injected = injected
        self.check_address = check_address
        self.renewable = renewable

    @property
    def origin(self) -> URL:
        """Scheme, host and port: where what is ours may go."""
        return self.url.origin()

    def without_keys(self, url: URL) -> URL:
        """Take what is ours in the query out of a URL that a provider made of it."""
        query = self.url.query
        ours = {(name, value) for name in self.injected.query for value in query.getall(name, [])}
        pairs = list(url.query.items())
        kept = [pair for pair in pairs if pair not in ours]
        return url if len(kept) == len(pairs) else url.with_query(kept)

    def prepared(self) -> PreparedRequest:
        """Give the same for any other HTTP library; the body has to be bytes, or none."""
        return PreparedRequest(
            method=self.method,
            url=str(self.url),
            headers=CIMultiDictProxy(self.headers),
            body=self.body,
        )


def conceal(plan: Plan) -> CIMultiDict[str]:
    """Give the headers of `plan`; what is ours in them no longer shows."""
    headers = plan.headers
    for name in plan.injected.headers:
        value = headers[name]
        if type(value) is not Concealed:
            headers[name] = Concealed(value)
    return headers
