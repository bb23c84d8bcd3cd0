"""Nango's proxy: a request in, one to the provider out, and back what the proxy leaves of it."""

import json
import re
from typing import Any, Final

from multidict import CIMultiDict

from nango_client._provider.injection import compile_entry
from nango_client._provider.plans import Call as ProviderCall
from nango_client._provider.plans import ClientSecrets, Plan
from nango_client._wire.converter import Unreadable, read
from nango_client.exceptions import InvalidArgumentError, UnsupportedProviderError
from nango_client.models import Connection
from nango_client.testing._account import Call
from nango_client.testing._connection import BACKING_OFF, RenewalError, StoredConnection
from nango_client.testing._connections import Connections
from nango_client.testing._grammar import CONNECTION_HEADERS
from nango_client.testing._integrations import Integrations
from nango_client.testing._outbox import Outbox
from nango_client.testing._providers import Providers
from nango_client.testing._proxy_bodies import body_for_provider
from nango_client.testing._proxy_call import ask_provider
from nango_client.testing._schema import Fields, one_of, optional, text, whole_number
from nango_client.testing._wire import Answer, Forward, Refusal, error_answer

HEADERS: Final = Fields(
    {
        **CONNECTION_HEADERS,
        "retries": optional(whole_number(0)),
        "retry-on": optional(text(re.compile(r"\d+(,\d+)*"), most=None)),
        "decompress": optional(one_of("true", "false")),
        "base-url-override": optional(text(most=None)),
    },
    strict=False,
)
_PREFIX: Final = "nango-proxy-"
_CORS: Final = {
    "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, Origin, "
    "X-Requested-With, Nango-Activity-Log-Id, Nango-Is-Dry-Run, Nango-Is-Sync, "
    "Provider-Config-Key, Connection-Id, Sentry-Trace, Baggage",
    "Access-Control-Max-Age": "600",
}


def preflight(_: Call) -> Answer:
    """Answer what a browser asks before it calls."""
    return Answer(204, headers=CIMultiDict(_CORS))


def forward(call: Call) -> Forward:
    """Send a request on to the provider, with the connection's credentials."""
    connection = _connection_of(call)
    headers = call.request.headers
    plan = _plan(call, connection)
    retry_on = {int(status) for status in headers.get("Retry-On", "").split(",") if status}
    tries = int(headers.get("Retries", 0)) + 1

    async def ask() -> Answer:
        return await ask_provider(plan, tries, retry_on)

    return Forward(ask)


def _connection_of(call: Call) -> StoredConnection:
    """Give the connection that the headers name, its credentials renewed where that is due."""
    headers = call.request.headers
    connection_id, key = headers["Connection-Id"], headers["Provider-Config-Key"]
    integrations, connections = call.account.of(Integrations), call.account.of(Connections)
    if key not in integrations.by_key:
        message = f"Integration {key} does not exist"
        answer = error_answer(404, "unknown_provider_config", message=message)
        raise Refusal(answer, None if key in integrations.removed else "no such integration")
    connection = connections.by_ids.get((connection_id, key))
    if connection is None:
        answer = error_answer(400, "server_error", message="Failed to get connection")
        raise Refusal(answer, connections.hint(key, connection_id))
    try:
        connection.fetch(call.now, call.account.fake)
    except RenewalError as error:
        call.account.of(Outbox).tell_of_failure(connection.ids, error)
        answer = _not_renewed(error)
    else:
        return connection
    raise Refusal(answer)


def _not_renewed(error: RenewalError) -> Answer:
    if error.message == BACKING_OFF:
        return error_answer(424, "connection_refresh_backoff", message=error.message)
    message = f"Failed to get connection credentials: '{error.message}'"
    return error_answer(error.status, "server_error", message=message)


def _plan(call: Call, connection: StoredConnection) -> Plan:
    entry = call.account.of(Providers).find(connection.envelope["provider"]) or {}
    override = call.request.headers.get("Base-Url-Override")
    proxy: dict[str, Any] = entry.get("proxy") or {}
    if not override and not proxy.get("base_url"):
        message = "There is no base URL for this provider"
        hint = "the provider's entry has a base URL: MockNango.add_provider(name, proxy={...})"
        raise Refusal(error_answer(400, "missing_api_url", message=message), hint)
    document = json.dumps(connection.body()).encode()
    model = read(document, Connection, call.account.clock.time)
    if isinstance(model, Unreadable):
        message = "The connection cannot be used"
        raise Refusal(error_answer(400, "unsupported_auth", message=message), message)
    credentials = call.account.of(Integrations).by_key[connection.ids[1]].credentials or {}
    secrets = ClientSecrets(
        credentials.get("client_id") or "", credentials.get("client_secret") or ""
    )
    try:
        return compile_entry(entry).prepare(model, _provider_call(call, override), client=secrets)
    except UnsupportedProviderError as error:
        raise Refusal(
            error_answer(400, "unsupported_auth", message=str(error)), str(error)
        ) from None
    except InvalidArgumentError as error:
        answer = error_answer(400, "base_url_override_not_allowed", message=str(error))
        raise Refusal(answer, str(error)) from None


def _provider_call(call: Call, override: str | None) -> ProviderCall:
    request = call.request
    # Only these reach the provider, and axios' own.
    headers: dict[str, str] = {
        "accept": "application/json, text/plain, */*",
        "user-agent": "axios/1.18.0",
        "accept-encoding": "gzip, compress, deflate, br",
    }
    for name, value in request.headers.items():
        if name.lower().startswith(_PREFIX):
            headers[name.lower().removeprefix(_PREFIX)] = value
    data: bytes | None = None
    if request.method != "GET" and request.body:
        data, content_type = body_for_provider(call)
        if content_type is not None:
            headers.setdefault("content-type", content_type)
            if content_type.startswith("multipart/"):
                headers["content-type"] = content_type
    path = request.raw_path.removeprefix("/proxy")
    query = f"?{request.raw_query}" if request.raw_query else ""
    return ProviderCall(
        request.method,
        path + query,
        headers=headers,
        data=data,
        base_url=override or None,
    )
