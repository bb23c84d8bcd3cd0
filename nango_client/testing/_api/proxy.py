"""Nango's proxy: a request in, one to the provider out, and back what the proxy leaves of it.

Source: API.md sections 6 and 12.
"""

import json
import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from multidict import CIMultiDict

from nango_client._provider.making.plans import Call as ProviderCall
from nango_client._provider.making.plans import ClientSecrets, Plan
from nango_client._provider.making.recipe import compile_entry
from nango_client._wire.converter import Unreadable, read
from nango_client.exceptions import InvalidArgumentError, UnsupportedProviderError
from nango_client.models import Connection
from nango_client.testing._account.connection import BACKING_OFF, RenewalError, StoredConnection
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.providers import Providers
from nango_client.testing._account.webhooks import Outbox
from nango_client.testing._api.connections import find_connection
from nango_client.testing._api.proxy_call import ask_provider
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Forward, Refusal, error_answer
from nango_client.testing._payloads.schema import (
    MISSING,
    Fields,
    one_of,
    optional,
    parse_query,
    text,
    whole_number,
)
from nango_client.testing._payloads.values import CONNECTION_HEADERS

if TYPE_CHECKING:
    from email.message import Message

routes: Final = Routes()

_HEADERS: Final = Fields(
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
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_PARTS: Final = "multipart/form-data"
_CORS: Final = {
    "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, Origin, "
    "X-Requested-With, Nango-Activity-Log-Id, Nango-Is-Dry-Run, Nango-Is-Sync, "
    "Provider-Config-Key, Connection-Id, Sentry-Trace, Baggage",
    "Access-Control-Max-Age": "600",
}


@routes("OPTIONS", "/proxy/{*}", query=None, auth="none")
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


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    routes(_method, "/proxy/{*}", "proxy", query=None, headers=_HEADERS, takes_any_type=True)(
        forward
    )


def _connection_of(call: Call) -> StoredConnection:
    """Give the connection that the headers name, its credentials renewed where that is due."""
    headers = call.request.headers
    connection_id, key = headers["Connection-Id"], headers["Provider-Config-Key"]
    integrations = call.account.of(Integrations)
    if key not in integrations.by_key:
        message = f"Integration {key} does not exist"
        answer = error_answer(404, "unknown_provider_config", message=message)
        raise Refusal(answer, None if key in integrations.removed else "no such integration")
    message = "Failed to get connection"
    connection = find_connection(call, connection_id, key, 400, "server_error", message=message)
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
        data, content_type = _body_for_provider(call)
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


def _body_for_provider(call: Call) -> tuple[bytes | None, str | None]:
    """Give the body that reaches the provider and, unless the caller names one, its type.

    JSON is read and written anew, forms become JSON, and so do parts, of which the files are lost;
    a ``Nango-Proxy-Content-Type`` of the same type saves these two. Of anything else the bytes
    stay, but not the type. Without a type there is no body.
    """
    request = call.request
    sent = request.headers.get("Content-Type", "")
    wanted = request.headers.get("Nango-Proxy-Content-Type", "")
    kind = sent.partition(";")[0].strip().lower()
    if not kind:
        return None, None
    if kind == _JSON:
        return (None, None) if call.body is MISSING else (_written(call.body), _JSON)
    if kind == _FORM:
        form = parse_query(request.body.decode(errors="replace"))
        if wanted.startswith(_FORM):
            return urlencode(form, doseq=True).encode(), _FORM
        return _written(form), _JSON
    if kind == _PARTS:
        if wanted == _PARTS:
            return request.body, sent
        return _written(_texts(sent, request.body)), _JSON
    return request.body, _FORM


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _texts(content_type: str, body: bytes) -> dict[str, str]:
    """Give the fields of a form that are no files."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed: Message = BytesParser(policy=HTTP).parsebytes(head + body)
    texts: dict[str, str] = {}
    for part in parsed.walk():
        name = part.get_param("name", header="Content-Disposition")
        if isinstance(name, str) and part.get_filename() is None:
            content = part.get_payload(decode=True)
            texts[name] = content.decode(errors="replace") if isinstance(content, bytes) else ""
    return texts
