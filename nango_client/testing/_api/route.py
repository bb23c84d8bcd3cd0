"""An endpoint: who may call it, what it takes, and what answers; and one call of it."""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import unquote

import attrs

from nango_client.testing._account.base import Account
from nango_client.testing._messages import Answer, Forward, RecordedRequest
from nango_client.testing._payloads.schema import Check, Fields, fields
from nango_client.testing._payloads.values import CONNECTION_ID, NAME, PROVIDER_CONFIG_KEY, RUN_ID

_NOTHING: Final = fields()

_PARAMS: Final[Mapping[str, Check]] = {
    "connectionId": CONNECTION_ID,
    "uniqueKey": PROVIDER_CONFIG_KEY,
    "provider": NAME,
    "name": NAME,
    "variant": NAME,
    "id": RUN_ID,
}


@attrs.frozen(kw_only=True)
class Call:
    """A request that has passed all checks which need no look at the state."""

    account: Account
    request: RecordedRequest
    now: float
    """When it came, in epoch seconds."""
    params: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The parts of the path that the route names, decoded."""
    query: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    body: Any = None
    scopes: AbstractSet[str] | None = None
    """What the key may do; None for all."""
    token: str | None = None
    """The connect session's token, where the request came with one in the place of a key."""

    def allows(self, scope: str) -> bool:
        """Say whether the key may do something."""
        return covers(self.scopes, scope)

    def with_(self, **changes: Any) -> Self:
        """Give a copy with more in it."""
        return attrs.evolve(self, **changes)


def covers(scopes: AbstractSet[str] | None, scope: str) -> bool:
    """Say whether a key with these scopes has this one; ``x:*`` stands for all that begin so."""
    return scopes is None or any(
        scope == one or (one.endswith(":*") and scope.startswith(one[:-1])) for one in scopes
    )


Handler = Callable[[Call], Answer | Forward]
_H = TypeVar("_H", bound=Handler)


def _pattern(path: str) -> re.Pattern[str]:
    named = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
    return re.compile(named.replace(r"\{\*\}", ".*"), re.DOTALL)


@attrs.frozen(kw_only=True)
class Route:
    """An endpoint."""

    method: str
    path: str
    """With the names of its parameters in braces; ``{*}`` is any rest."""
    handler: Handler = attrs.field(repr=False)
    scopes: tuple[str, ...]
    """The key needs one of them; none are needed where there are none."""
    query: Check | None = attrs.field(repr=False)
    """What the query may be; None: it is not looked at."""
    headers: Fields | None = attrs.field(repr=False)
    """What some headers may be, by their names in lower case; None: none is looked at."""
    body: Check | None = attrs.field(repr=False)
    """What the body may be; None: it is not looked at."""
    takes_any_type: bool
    """Whether bodies may be something else than JSON."""
    auth: Literal["key", "session", "either", "none"]
    """An API key, a connect session's token, either, or nothing."""
    _pattern: re.Pattern[str] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: _pattern(self.path), takes_self=True),
    )

    @property
    def params(self) -> Fields:
        """What the parts of the path may be."""
        return Fields({name: _PARAMS[name] for name in self._pattern.groupindex})

    def match(self, request: RecordedRequest) -> dict[str, str] | None:
        """Give the parts of the path, decoded, where the request is for this endpoint."""
        if request.method != self.method:
            return None
        path = request.raw_path.removesuffix("/") if len(request.raw_path) > 1 else "/"
        found = self._pattern.fullmatch(path)
        return found and {name: unquote(value) for name, value in found.groupdict().items()}


class Routes:
    """The endpoints of a subject, in the order of the file: of two that match, the first answers.

    A decorator adds one: ``@routes("GET", "/providers/{provider}")``.
    """

    def __init__(self) -> None:
        self._all: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._all)

    def __call__(
        self,
        method: str,
        path: str,
        *scopes: str,
        query: Check | None = _NOTHING,
        headers: Fields | None = None,
        body: Check | None = None,
        takes_any_type: bool = False,
        auth: Literal["key", "session", "either", "none"] = "key",
    ) -> Callable[[_H], _H]:
        """Let a function answer an endpoint; see `Route`. Scopes come without ``environment:``."""

        def add(handler: _H) -> _H:
            route = Route(
                method=method,
                path=path,
                handler=handler,
                scopes=tuple(f"environment:{scope}" for scope in scopes),
                query=query,
                headers=headers,
                body=body,
                takes_any_type=takes_any_type,
                auth=auth,
            )
            self._all.append(route)
            return handler

        return add
