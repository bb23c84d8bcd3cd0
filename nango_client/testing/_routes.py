"""The endpoints of the server, in one table."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final, Literal
from urllib.parse import unquote

import attrs

from nango_client.testing import _actions as actions
from nango_client.testing import _connections_api as connections
from nango_client.testing import _environment as environment
from nango_client.testing import _functions as functions
from nango_client.testing import _integrations_api as integrations
from nango_client.testing import _providers as providers
from nango_client.testing import _proxy as proxy
from nango_client.testing import _records_api as records
from nango_client.testing import _sessions_api as sessions
from nango_client.testing import _syncs_api as syncs
from nango_client.testing._account import Call
from nango_client.testing._grammar import CONNECTION_ID, NAME, OF_CONNECTION, PROVIDER_CONFIG_KEY
from nango_client.testing._schema import Check, Fields, fields
from nango_client.testing._wire import Answer, Forward, RecordedRequest

NOTHING: Final = fields()

_PARAMS: Final[Mapping[str, Check]] = {
    "connectionId": CONNECTION_ID,
    "uniqueKey": PROVIDER_CONFIG_KEY,
    "provider": NAME,
    "name": NAME,
    "variant": NAME,
    "id": actions.RUN_ID,
}


def _pattern(path: str) -> re.Pattern[str]:
    named = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
    return re.compile(named.replace(r"\{\*\}", ".*"), re.DOTALL)


@attrs.frozen
class Route:
    """An endpoint: who may call it, what it takes, and what answers."""

    method: str
    path: str
    """With the names of its parameters in braces; ``{*}`` is any rest."""
    handler: Callable[[Call], Answer | Forward] = attrs.field(repr=False)
    scopes: tuple[str, ...] = ()
    """The key needs one of them; none are needed where there are none."""
    query: Check | None = attrs.field(default=NOTHING, kw_only=True, repr=False)
    """What the query may be; None: it is not looked at."""
    headers: Fields | None = attrs.field(default=None, kw_only=True, repr=False)
    """What some headers may be, by their names in lower case; None: none is looked at."""
    body: Check | None = attrs.field(default=None, kw_only=True, repr=False)
    """What the body may be; None: it is not looked at."""
    takes_any_type: bool = attrs.field(default=False, kw_only=True)
    """Whether bodies may be something else than JSON."""
    auth: Literal["key", "session", "either", "none"] = attrs.field(default="key", kw_only=True)
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


def _scopes(*names: str) -> tuple[str, ...]:
    return tuple(f"environment:{name}" for name in names)


_LIST_CONNECTIONS = _scopes("connections:list", "connections:list_credentials")
_READ_CONNECTIONS = _scopes("connections:read", "connections:read_credentials")
_LIST_INTEGRATIONS = _scopes("integrations:list", "integrations:list_credentials")
_READ_INTEGRATIONS = _scopes("integrations:read", "integrations:read_credentials")

ROUTES: Final[tuple[Route, ...]] = (
    *(
        route
        # The first is what older servers know.
        for root in ("/connection", "/connections")
        for route in (
            Route(
                "GET",
                root,
                connections.list_connections,
                _LIST_CONNECTIONS,
                query=connections.LISTED,
            ),
            Route(
                "GET",
                root + "/{connectionId}",
                connections.get_connection,
                _READ_CONNECTIONS,
                query=connections.FETCHED,
            ),
            Route(
                "DELETE",
                root + "/{connectionId}",
                connections.delete_connection,
                _scopes("connections:delete"),
                query=connections.OF_INTEGRATION,
            ),
        )
    ),
    Route(
        "POST",
        "/connections",
        connections.create_connection,
        _scopes("connections:create"),
        body=connections.CREATED,
    ),
    Route(
        "POST",
        "/connections/metadata",
        connections.set_metadata,
        _scopes("connections:update"),
        body=connections.METADATA,
    ),
    Route(
        "PATCH",
        "/connections/metadata",
        connections.update_metadata,
        _scopes("connections:update"),
        body=connections.METADATA,
    ),
    Route(
        "PATCH",
        "/connections/{connectionId}",
        connections.update_connection,
        _scopes("connections:update"),
        query=connections.OF_INTEGRATION,
        body=connections.UPDATED,
    ),
    Route(
        "GET", "/integrations", integrations.list_integrations, _LIST_INTEGRATIONS, auth="either"
    ),
    Route(
        "POST",
        "/integrations",
        integrations.create_integration,
        _scopes("integrations:create"),
        body=integrations.CREATED,
    ),
    Route(
        "POST",
        "/integrations/quickstart",
        integrations.create_quickstart,
        _scopes("integrations:create"),
        body=integrations.QUICKSTARTED,
    ),
    Route(
        "GET",
        "/integrations/{uniqueKey}",
        integrations.get_integration,
        _READ_INTEGRATIONS,
        query=integrations.INCLUDE,
    ),
    Route(
        "PATCH",
        "/integrations/{uniqueKey}",
        integrations.update_integration,
        _scopes("integrations:update"),
        body=integrations.UPDATED,
    ),
    Route(
        "DELETE",
        "/integrations/{uniqueKey}",
        integrations.delete_integration,
        _scopes("integrations:delete"),
    ),
    Route(
        "GET",
        "/integrations/{uniqueKey}/functions",
        functions.list_functions,
        _scopes("functions:list"),
        query=functions.LISTED,
    ),
    Route(
        "GET",
        "/integrations/{uniqueKey}/functions/{name}",
        functions.get_function,
        _scopes("functions:read"),
        query=functions.OF_TYPE,
    ),
    Route(
        "GET",
        "/integrations/{uniqueKey}/functions/{name}/code",
        functions.get_code,
        _scopes("functions:read"),
        query=functions.OF_TYPE,
    ),
    Route(
        "DELETE",
        "/integrations/{uniqueKey}/functions/{name}",
        functions.delete_function,
        _scopes("functions:delete"),
        query=functions.OF_DELETABLE_TYPE,
    ),
    Route(
        "GET",
        "/scripts/config",
        functions.list_configs,
        _scopes("integrations:list_functions"),
        query=None,
    ),
    Route(
        "POST",
        "/connect/sessions",
        sessions.create_session,
        _scopes("connect_sessions:write"),
        body=sessions.CREATED,
    ),
    Route(
        "POST",
        "/connect/sessions/reconnect",
        sessions.create_reconnect_session,
        _scopes("connect_sessions:write"),
        body=sessions.RECONNECTED,
    ),
    Route("GET", "/connect/session", sessions.get_session, auth="session"),
    Route("DELETE", "/connect/session", sessions.delete_session, auth="session"),
    Route("GET", "/providers", providers.list_providers, query=providers.SEARCH, auth="either"),
    Route("GET", "/providers/{provider}", providers.get_provider, auth="either"),
    Route("GET", "/providers/{provider}/templates", providers.list_templates),
    Route("GET", "/providers.json", providers.catalogue, query=None, auth="none"),
    Route(
        "GET",
        "/records",
        records.list_records,
        _scopes("records:read"),
        query=records.LISTED,
        headers=OF_CONNECTION,
    ),
    Route(
        "PATCH",
        "/records/prune",
        records.prune_records,
        _scopes("records:write"),
        headers=OF_CONNECTION,
        body=records.PRUNED,
    ),
    Route("POST", "/sync/trigger", syncs.trigger, _scopes("syncs:execute"), body=syncs.TRIGGERED),
    Route("POST", "/sync/start", syncs.start, _scopes("syncs:execute"), body=syncs.COMMANDED),
    Route("POST", "/sync/pause", syncs.pause, _scopes("syncs:execute"), body=syncs.COMMANDED),
    Route("GET", "/sync/status", syncs.get_status, _scopes("syncs:read"), query=syncs.ASKED),
    Route(
        "PUT",
        "/sync/update-connection-frequency",
        syncs.set_frequency,
        _scopes("syncs:update"),
        body=syncs.TIMED,
    ),
    Route(
        "POST",
        "/sync/{name}/variant/{variant}",
        syncs.create_variant,
        _scopes("syncs:variant:create"),
        body=syncs.OF_CONNECTION,
    ),
    Route(
        "DELETE",
        "/sync/{name}/variant/{variant}",
        syncs.delete_variant,
        _scopes("syncs:variant:delete"),
        body=syncs.OF_CONNECTION,
    ),
    Route(
        "POST",
        "/action/trigger",
        actions.trigger,
        _scopes("actions:execute"),
        headers=actions.HEADERS,
        body=actions.CALLED,
    ),
    Route("GET", "/action/{id}", actions.get_result, _scopes("actions:execute")),
    *(
        Route(
            method,
            "/proxy/{*}",
            proxy.forward,
            _scopes("proxy"),
            query=None,
            headers=proxy.HEADERS,
            takes_any_type=True,
        )
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
    Route("OPTIONS", "/proxy/{*}", proxy.preflight, query=None, auth="none"),
    Route("GET", "/environment-variables", environment.list_variables, _scopes("variables:read")),
    Route(
        "POST",
        "/environment/webhook-signing-key/rotate",
        environment.rotate_signing_key,
        _scopes("webhook_signing_key:rotate"),
    ),
    Route("GET", "/health", environment.health, query=None, auth="none"),
)


def nearest(request: RecordedRequest) -> str:
    """Name the endpoints that a request which found none may have meant."""
    paths = {route.path for route in ROUTES}
    near = get_close_matches(request.path, paths, n=2, cutoff=0.0)
    return ", ".join(f"{one.method} {one.path}" for one in ROUTES if one.path in near)
