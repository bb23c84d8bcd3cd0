"""From a provider's entry, a connection and a call to the request that is sent; no I/O.

::

    recipe = compile_entry(entry)                    # once for an entry
    plan = recipe.prepare(connection, call, now=…)   # for each request

Whoever sends it fetches the integration's secrets where `Recipe.needs_client_secrets` says so,
refuses private addresses where `Plan.check_address` is set, and takes what `Plan.injected` names
out of whatever goes to another origin. That a credential has ended is for the caller to see.

Source: PROXY.md §2; the differences are in docs/explanation/provider-requests.md.
"""

import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, final

from multidict import CIMultiDict
from yarl import URL

from nango_client._provider.making import urls
from nango_client._provider.making.bases import Base, base_given_in_code, base_of_value
from nango_client._provider.making.bodies import Body, write_body
from nango_client._provider.making.default_auth import default_header, sign_for_aws
from nango_client._provider.making.entries import Entry
from nango_client._provider.making.functions import PURE_FUNCTIONS, Target, functions_for
from nango_client._provider.making.plans import Call, ClientSecrets, Injected, Plan
from nango_client._provider.making.refusals import (
    CHECK_CONNECTION,
    Refused,
    shown_name,
    unsupported,
)
from nango_client._provider.making.templates import Function, Scope, Unresolved, is_complete
from nango_client._provider.making.variables import RENEWABLE, Variables, usable, wants_no_default
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import (
    AwsSigV4Credentials,
    Connection,
    Credentials,
    OAuth1Credentials,
)

_METHOD = re.compile(r"[A-Za-z]{1,32}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS_HEADERS = re.compile(r"[\r\n\x00]")
# Controls, and what has no single byte in Latin-1.
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
# Headers that do not say who calls.
_ANONYMOUS: Final = re.compile(
    r"accept(-.*)?|content-.*|user-agent|cache-control|pragma|range|if-.*|prefer|expect|host|"
    r"connection|idempotency-key|x-request-id|x-correlation-id|traceparent|tracestate|baggage"
)


class ForeignOriginError(InvalidArgumentError):
    """The URL leads elsewhere than to the provider; callers see it as what it is derived from."""


def compile_entry(entry: Mapping[str, Any]) -> "Recipe":
    """Read a provider's entry once, for all its requests.

    Args:
        entry: as ``GET /providers/{name}`` gives it; whatever is wrong with it is said by
            `Recipe.prepare`.
    """
    return Recipe(entry)


@final
class Recipe:
    """How requests of one provider are made.

    Attributes:
        provider: its name.
        retry: what it says about trying again (`RetryRules`).
        wants_body: whether the whole body has to be in memory, to be signed or filled in.
        is_plain: whether what it puts in depends on the connection alone, but for signatures.
    """

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry = Entry(entry)
        self.provider = self._entry.provider
        self.wants_body = self._entry.wants_body
        self.is_plain = self._entry.is_plain
        self.retry = self._entry.retry

    def needs_client_secrets(self, connection: Connection) -> bool:
        """Say whether `prepare` has to be given the integration's id and secret."""
        return self._entry.uses_client or isinstance(connection.credentials, OAuth1Credentials)

    def is_renewable(self, connection: Connection) -> bool:
        """Say whether a 401 may be met by a forced renewal of this connection's credentials."""
        return connection.credentials.type in RENEWABLE

    def prepare(
        self,
        connection: Connection,
        call: Call,
        *,
        client: ClientSecrets | None = None,
        now: datetime | None = None,
        nonce: Callable[[], str] = secrets.token_hex,
        new_uuid: Callable[[], object] = uuid.uuid4,
    ) -> Plan:
        """Make the request.

        Args:
            connection: with credentials that have not ended.
            call: what the caller asks for.
            client: the integration's id and secret, where `needs_client_secrets` says so.
            now: the aware moment that signatures and templates name.
            nonce: gives a text that is used once, for OAuth 1.
            new_uuid: gives a UUID, for the templates that want one.

        Raises:
            InvalidArgumentError: the caller's path, parameters, headers or body cannot be sent.
            UnsupportedProviderError: it cannot be made right from here: the provider's entry, the
                connection's data or what is installed here stands in the way.
        """
        error: Exception
        try:
            making = _Making(self._entry, connection, client, call)
            return making.plan(now or datetime.now(UTC), nonce, new_uuid)
        except Refused as refusal:
            error = unsupported(self.provider, refusal.reason, refusal.advice)
        except InvalidArgumentError as fault:
            error = fault.replica()
        # Raised here, where no frame holds a secret.
        raise error


@final
class _Making:
    """One request, from what the caller gave to what is sent."""

    __slots__ = (
        *("_base", "_call", "_client", "_connection", "_credentials", "_entry", "_own"),
        *("_query_names", "_variables"),
    )

    def __init__(
        self,
        entry: Entry,
        connection: Connection,
        client: ClientSecrets | None,
        call: Call,
    ) -> None:
        self._entry = entry
        self._connection = connection
        self._client = client
        self._call = call
        if entry.needs_certificate:
            raise Refused("it asks for a client certificate")
        self._credentials: Credentials = usable(connection, entry.auth_mode)
        self._variables = Variables(connection, self._credentials, client)
        self._own = _caller_headers(call.headers)
        self._base = self._make_base()
        self._query_names: frozenset[str] = frozenset()
        self._check_placement()

    def plan(self, now: datetime, nonce: Callable[[], str], new_uuid: Callable[[], object]) -> Plan:
        entry, base, call = self._entry, self._base, self._call
        method = _checked_method(call.method)
        path, query, fragment = locate(call.path, base)
        query = self._complete_query(query, now)
        content_type = self._own.get("content-type") or self._providers_type()
        body = write_body(call, method, content_type, self._fill_in(now))
        target = Target(
            method=method,
            origin=base.origin,
            path=path,
            query=query.removeprefix("?"),
            endpoint=_endpoint(call.path) if entry.speaks_of_request else "",
            content_type=content_type or "",
            signed_type=self._own.get("content-type"),
            body=body,
        )
        headers: CIMultiDict[str] = CIMultiDict()
        if "authorization" not in self._own and "authorization" not in entry.headers:
            value = default_header(
                self._entry, self._connection, self._credentials, target, self._client, now, nonce
            )
            if value is not None:
                headers["Authorization"] = _checked_value(value)
        if entry.headers:
            self._add_providers_headers(headers, target, body, now, new_uuid)
        ours = {name.lower() for name in headers}
        self._add_own_headers(headers)
        if isinstance(self._credentials, AwsSigV4Credentials):
            ours |= sign_for_aws(headers, self._credentials, target, now)
        if body.content_type is not None and "content-type" not in headers:
            headers["Content-Type"] = body.content_type
        return Plan(
            method,
            URL(f"{base.origin}{path}{query}{fragment}", encoded=True),
            headers,
            body.content,
            Injected(frozenset(ours), self._query_names, body.filled_in, path=base.has_secret),
            check_address=base.from_data,
            renewable=self._connection.credentials.type in RENEWABLE,
        )

    def _make_base(self) -> Base:
        call, entry = self._call, self._entry
        if call.base_url is not None:
            return base_given_in_code(call.base_url)
        if entry.hides_key:
            raise Refused(
                "where its key goes is known to Nango alone",
                "call it through client.proxy, or pass base_url= and a header with the key",
            )
        config = self._connection.connection_config
        if isinstance(self._credentials, AwsSigV4Credentials):
            url = config.get("base_url")
            if isinstance(url, str) and url:
                return base_of_value(url)
        if entry.base is None:
            raise Refused("its entry has no base URL", "pass base_url=")
        if entry.base.fixed is not None:
            return entry.base.fixed
        scope = Scope(self._variables.in_url(), functions=PURE_FUNCTIONS)
        return entry.base.render(scope, config)

    def _check_placement(self) -> None:
        """Refuse to call without saying who does, where nobody has said how to say it."""
        if not wants_no_default(self._credentials) or self._entry.places_key:
            return
        if all(_ANONYMOUS.fullmatch(name.lower()) for name in self._own):
            raise Refused(
                "its entry does not say where the key goes",
                "put the key into a header of your own, with headers=, or call client.proxy",
            )

    def _complete_query(self, query: str, now: datetime) -> str:
        """Put the caller's params and the provider's keys into the query, where there are any."""
        query, new = urls.with_params(query, self._call.params)
        if self._entry.query:
            scope = Scope(self._variables.in_query_and_body(), PURE_FUNCTIONS, now=now)
            rendered = [(key, template.render(scope)) for key, template in self._entry.query]
            ours = [(key, text) for key, text in rendered if is_complete(text)]
            names = frozenset(key for key, _ in ours)
            new = [pair for pair in new if pair[0] not in names] + ours
            self._query_names = names
        return urls.with_pairs(query, new)

    def _fill_in(self, now: datetime) -> dict[str, Any] | None:
        if self._entry.body is None:
            return None
        scope = Scope(self._variables.in_query_and_body(), functions=PURE_FUNCTIONS, now=now)
        return self._entry.body.render(scope)

    def _providers_type(self) -> str | None:
        template = self._entry.headers.get("content-type")
        return template.constant if template is not None else None

    def _add_providers_headers(
        self,
        headers: CIMultiDict[str],
        target: Target,
        body: Body,
        now: datetime,
        new_uuid: Callable[[], object],
    ) -> None:
        entry = self._entry
        functions: Mapping[str, Function] = {}
        request: Mapping[str, Callable[[], str]] = {}
        random = ""
        if entry.speaks_of_request:
            functions, request = functions_for(target), target.variables()
            random = str(new_uuid())
        for name, template in entry.headers.items():
            if name in self._own and name != "user-agent":
                continue
            if name == "content-type" and body.is_opaque:
                # Whoever writes the body says what it is, the boundary of its parts included.
                continue
            text = template.constant
            if text is None:
                values = self._variables.in_header(template)
                text = template.render(Scope(values, functions, request, now, random))
            if not is_complete(text) or (name == "authorization" and not text):
                if template.mentions("connectionConfig") and name != "authorization":
                    continue
                raise _unresolved(name, text)
            if text or not template.mentions("connectionConfig"):
                headers[name] = _checked_value(text)

    def _add_own_headers(self, headers: CIMultiDict[str]) -> None:
        fixed_agent = "user-agent" in headers
        for name, value in self._own.items():
            if not (fixed_agent and name.lower() == "user-agent"):
                headers.add(name, value)


def _checked_method(method: object) -> str:
    if isinstance(method, str) and _METHOD.fullmatch(method):
        return method.upper()
    raise InvalidArgumentError("method is not one of HTTP")


def _caller_headers(headers: Any) -> CIMultiDict[str]:
    """Check the caller's headers, a mapping or pairs."""
    own: CIMultiDict[str] = CIMultiDict()
    if not headers:
        return own
    try:
        own.extend(headers)
        usable_ones = all(
            _HEADER_NAME.fullmatch(name) and not _BREAKS_HEADERS.search(value)
            for name, value in own.items()
        )
    except (TypeError, ValueError):
        usable_ones = False
    if not usable_ones:
        raise InvalidArgumentError(
            "headers are a mapping or pairs of texts; names are tokens, and values have no CR, LF "
            "or NUL"
        )
    return own


def locate(path: object, base: Base) -> tuple[str, str, str]:
    """Give encoded path, query and fragment of what the caller asks for."""
    if isinstance(path, URL):
        own, query, fragment = urls.raw_parts(path)
        if path.host is not None:
            _check_origin(f"{path.scheme}://{path.raw_authority}", base)
            return own or "/", query, fragment
        own = own.lstrip("/")
        return (f"{base.path}/{own}" if own else base.path or "/"), query, fragment
    if not isinstance(path, str):
        raise InvalidArgumentError("path is neither text nor yarl.URL")
    own, query, fragment = urls.split_path(path)
    prefix = base.path
    if (absolute := urls.split_origin(own)) is not None:
        origin, own = absolute
        _check_origin(origin, base)
        prefix = ""
    else:
        own = own.lstrip("/")
        own = f"/{own}" if own else ""
    return (
        urls.encode_path(prefix + own or "/"),
        urls.encode_query(query) if query else "",
        "#" + urls.encode_query(fragment[1:]) if fragment else "",
    )


def _check_origin(origin: str, base: Base) -> None:
    if urls.plain_origin(origin) != base.origin:
        raise ForeignOriginError(
            "an absolute URL is taken only on the origin of the provider's base URL: "
            "for another one pass base_url="
        )


def _endpoint(path: object) -> str:
    """Give the path as the caller wrote it, query included, with a leading slash."""
    text = str(path.relative()) if isinstance(path, URL) and path.host else str(path)
    if (absolute := urls.split_origin(text)) is not None:
        text = absolute[1]
    return text if text.startswith("/") else f"/{text}"


def _unresolved(header: str, text: str) -> Refused:
    own_header = f"pass {shown_name(header)} yourself, with headers="
    if not text:
        return Refused(f"header {shown_name(header)} would be empty", own_header)
    if not isinstance(text, Unresolved):
        return Refused(f"a value for header {shown_name(header)} is a template", CHECK_CONNECTION)
    name = str(text)
    if name in {"clientId", "clientSecret"}:
        return Refused(
            f"header {shown_name(header)} needs the integration's own {shown_name(name)}, which "
            "Nango does not give",
            f"use an integration with your own app and an API key that may read its credentials "
            f"(environment:integrations:read_credentials), or {own_header}",
        )
    return Refused(
        f"there is no value for {shown_name(name)} in header {shown_name(header)}", own_header
    )


def _checked_value(text: str) -> str:
    if _UNSENDABLE.search(text):
        raise Refused(
            "a header would hold a control character or one that is not Latin-1", CHECK_CONNECTION
        )
    return text
