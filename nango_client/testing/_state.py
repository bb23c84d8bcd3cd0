"""The state of a made-up Nango, and what it answers; no network, no threads of its own."""

import html
import json
import uuid
from collections.abc import Iterable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from nango_client.testing import _checks
from nango_client.testing._checks import Refusal
from nango_client.testing._clock import FakeClock
from nango_client.testing._connection import RenewalError, StoredConnection, stored_timestamp
from nango_client.testing._faults import Fault, Script, scripted_answer
from nango_client.testing._payloads import (
    TokenMaker,
    Wire,
    expires,
    made_up_credentials,
    parts_of,
    set_end,
)
from nango_client.testing._rate_limit import RateLimit
from nango_client.testing._wire import (
    HTML_TYPE,
    Answer,
    Reaction,
    RecordedRequest,
    UnexpectedRequest,
    error_answer,
    json_answer,
)

if TYPE_CHECKING:
    from datetime import datetime

    from nango_client import Clock, Credentials, EndUser


class ConnectionFields(TypedDict, total=False):
    """The members of a connection that a test may set; the others have plain values."""

    id: int
    provider: str | None
    errors: Iterable[Mapping[str, object]]
    end_user: "Mapping[str, object] | EndUser | None"
    tags: Mapping[str, str]
    metadata: Mapping[str, object] | None
    connection_config: Mapping[str, object]
    webhook_url_override: str | None
    account_id: int | None
    created_at: object
    updated_at: object
    last_fetched_at: "datetime | str"


class NangoState:
    """Connections, API keys and scripted faults, and the answers that follow from them.

    Its methods may be called from any thread.

    Args:
        rate_limit: requests a minute, after which the answer is a 429; None for no limit.
        scopes: the scopes of `api_key`, such as ``environment:connections:read``; None for all.
        clock: what the time is read from; a `FakeClock` of its own by default. Another clock runs
            on under a `FakeClock`, so that `advance` works with it too.
    """

    def __init__(
        self,
        *,
        rate_limit: int | None = None,
        scopes: Iterable[str] | None = None,
        clock: "Clock | None" = None,
    ) -> None:
        self.clock: FakeClock = clock if isinstance(clock, FakeClock) else FakeClock(over=clock)
        """What the server reads the time from, and the clients that it makes."""
        self.requests: list[RecordedRequest] = []
        """All requests that came, oldest first; clear it as you like."""
        self.unexpected_requests: list[UnexpectedRequest] = []
        """Those to unknown paths, integrations and connections, with a bad key or malformed."""
        self._lock = RLock()
        self._fake = TokenMaker()
        self._keys: dict[str, frozenset[str] | None] = {}
        self._connections: dict[tuple[str, str], StoredConnection] = {}
        self._removed: set[tuple[str, str]] = set()
        self._integrations: set[str] = set()
        self._last_id = 0
        self._rate_limit = RateLimit(rate_limit)
        self._delays = Script()
        self._outcomes = Script()
        self.api_key: str = self.add_key(scopes)
        """A key for this server; another server refuses it."""

    def add_key(self, scopes: Iterable[str] | None = None) -> str:
        """Make one more API key, with these scopes or, with None, all of them."""
        if isinstance(scopes, str):
            raise TypeError(f"scopes is a collection of names: [{scopes!r}]")
        key = str(uuid.uuid4())
        with self._lock:
            self._keys[key] = None if scopes is None else frozenset(scopes)
        return key

    def advance(self, seconds: float) -> None:
        """Let time pass, for the server and for the clients that it made."""
        self.clock.advance(seconds)

    def add_connection(
        self,
        connection_id: str,
        provider_config_key: str,
        credentials: "Credentials | Mapping[str, object] | str | None" = None,
        expires_in: float | None = 3600.0,
        renew_margin: float = 900.0,
        **fields: Unpack[ConnectionFields],
    ) -> None:
        """Make a connection, or put a new one in the place of one with the same ids.

        Args:
            connection_id: its id.
            provider_config_key: its integration, which need not exist before.
            credentials: one of the client's models, a JSON object as the wire has it, or a type
                such as ``"API_KEY"`` for made-up ones; None for made-up OAuth 2 credentials with a
                refresh token.
            expires_in: seconds until the token ends where `credentials` do not say, and that
                renewed ones live; None for no end. A negative one has ended already.
            renew_margin: seconds before its end from which a request renews the token.
            fields: other members of the answer: ``id``, ``provider``, ``errors``, ``end_user``,
                ``tags``, ``metadata``, ``connection_config``, ``webhook_url_override``,
                ``account_id``, ``created_at``, ``updated_at``, ``last_fetched_at``.

        Raises:
            TypeError: a field is not one of these, or not JSON.
            ValueError: Nango takes no such id, or there is no such type.
        """
        if not _checks.CONNECTION_ID.fullmatch(connection_id):
            raise ValueError(f"connection_id is {_checks.ID_RULE}: {connection_id!r}")
        if not _checks.PROVIDER_CONFIG_KEY.fullmatch(provider_config_key):
            raise ValueError(f"provider_config_key is {_checks.KEY_RULE}: {provider_config_key!r}")
        if unknown := fields.keys() - ConnectionFields.__optional_keys__:
            raise TypeError(
                f"a connection has no {', '.join(sorted(unknown))}; it has "
                + ", ".join(sorted(ConnectionFields.__optional_keys__))
            )
        now = self.clock.time()
        with self._lock:
            wire = self._wire_credentials(credentials)
            for part in parts_of(wire):
                if expires(part) and not part.get("expires_at"):
                    set_end(part, None if expires_in is None else now + expires_in)
            self._last_id += 1
            envelope: Wire = {
                "id": self._last_id,
                "connection_id": connection_id,
                "provider_config_key": provider_config_key,
                "provider": provider_config_key,
                "errors": [],
                "end_user": None,
                "tags": {},
                "metadata": {},
                "connection_config": {},
                "webhook_url_override": None,
                "created_at": stored_timestamp(now),
                "updated_at": stored_timestamp(now),
                "last_fetched_at": stored_timestamp(now),
                **_to_json(fields),
            }
            self._connections[connection_id, provider_config_key] = StoredConnection(
                envelope=envelope, credentials=wire, lifetime=expires_in, renew_margin=renew_margin
            )
            self._integrations.add(provider_config_key)

    def _wire_credentials(
        self, credentials: "Credentials | Mapping[str, object] | str | None"
    ) -> Wire:
        if credentials is None:
            credentials = "OAUTH2"
        if isinstance(credentials, str):
            return made_up_credentials(credentials, self._fake)
        wire: Wire = _to_json(credentials)
        return wire

    def remove_connection(self, connection_id: str, provider_config_key: str) -> None:
        """Delete a connection; its integration stays.

        Raises:
            LookupError: there is no such connection.
        """
        with self._lock:
            self._find(connection_id, provider_config_key)
            del self._connections[connection_id, provider_config_key]
            self._removed.add((connection_id, provider_config_key))

    def break_refresh(
        self, connection_id: str, provider_config_key: str, *, exhausted: bool = False
    ) -> None:
        """Let all renewals fail from now on; a token that needs none is still given.

        The first request that needs a renewal is answered that it failed (400 for most kinds of
        credentials), and for 30 s after that others are answered to wait (424). `mend_refresh` ends
        the failures, not the 30 s.

        Args:
            connection_id: the connection's id.
            provider_config_key: its integration.
            exhausted: renewals have failed for days, so that the server has given up (424) until
                a request with ``force_refresh`` finds them mended.

        Raises:
            LookupError: there is no such connection.
        """
        with self._lock:
            connection = self._find(connection_id, provider_config_key)
            connection.broken = True
            connection.exhausted = exhausted

    def mend_refresh(self, connection_id: str, provider_config_key: str) -> None:
        """Let renewals work again.

        Raises:
            LookupError: there is no such connection.
        """
        with self._lock:
            self._find(connection_id, provider_config_key).broken = False

    def refresh_count(self, connection_id: str, provider_config_key: str) -> int:
        """Give the number of renewals that made a new token.

        Raises:
            LookupError: there is no such connection.
        """
        with self._lock:
            return self._find(connection_id, provider_config_key).refresh_count

    def _find(self, connection_id: str, provider_config_key: str) -> StoredConnection:
        try:
            return self._connections[connection_id, provider_config_key]
        except KeyError:
            pair = f"{connection_id}/{provider_config_key}"
            raise LookupError(f"no connection {pair}; {self._known()}") from None

    def fail_next(
        self,
        status: int,
        times: int = 1,
        *,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
        message: str | None = None,
        body: object = None,
        connection_id: str | None = None,
        provider_config_key: str | None = None,
    ) -> None:
        """Answer the next requests with a failure; they change nothing at the server.

        Args:
            status: the HTTP status, 200 to 599.
            times: how many requests it happens to.
            headers: headers to send besides, or instead, such as ``Retry-After``. A wrong
                ``Content-Length`` cuts the answer short: the connection is closed after it.
            code: Nango's ``error.code``; one that goes with the status by default.
            message: Nango's ``error.message``; none by default.
            body: a whole body instead: a JSON value, or a str or bytes that is sent as it is.
            connection_id: only requests for this connection.
            provider_config_key: only requests for connections of this integration.

        Raises:
            TypeError: both `body` and `code` or `message` are given, or `body` is not JSON.
            ValueError: there is no such status or header, or `times` is under 1.
        """
        self._add(
            self._outcomes,
            Fault(
                times=times,
                answer=scripted_answer(status, headers, code, message, body),
                connection_id=connection_id,
                provider_config_key=provider_config_key,
            ),
        )

    def delay_next(
        self,
        seconds: float,
        times: int = 1,
        *,
        connection_id: str | None = None,
        provider_config_key: str | None = None,
    ) -> None:
        """Hold the next answers back for some real seconds.

        The server does its part at once and the answer waits, so that two answers can overtake
        each other. A delayed request may fail or be dropped too.

        Args:
            seconds: how long; real time, not the clock's.
            times: how many requests it happens to.
            connection_id: only requests for this connection.
            provider_config_key: only requests for connections of this integration.

        Raises:
            ValueError: `times` is under 1.
        """
        self._add(
            self._delays,
            Fault(
                times=times,
                delay=seconds,
                connection_id=connection_id,
                provider_config_key=provider_config_key,
            ),
        )

    def drop_next(
        self,
        times: int = 1,
        *,
        connection_id: str | None = None,
        provider_config_key: str | None = None,
    ) -> None:
        """Close the connection on the next requests without an answer; the server does nothing.

        Args:
            times: how many requests it happens to.
            connection_id: only requests for this connection.
            provider_config_key: only requests for connections of this integration.

        Raises:
            ValueError: `times` is under 1.
        """
        self._add(
            self._outcomes,
            Fault(
                times=times, connection_id=connection_id, provider_config_key=provider_config_key
            ),
        )

    def _add(self, script: Script, fault: Fault) -> None:
        with self._lock:
            script.add(fault)

    def assert_no_unexpected_requests(self) -> None:
        """Fail if a request came that the server was not set up for.

        Raises:
            AssertionError: there was one; the text names them all, and what was expected.
        """
        with self._lock:
            lines = [f"  {unexpected}" for unexpected in self.unexpected_requests]
        if lines:
            raise AssertionError("unexpected requests reached MockNango:\n" + "\n".join(lines))

    def react(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reaction:
        """Take a request in and say what to do about it.

        Args:
            method: such as ``GET``.
            target: the path with the query, as sent.
            headers: the request's headers; looking them up ignores case.
            body: the request's body.
        """
        request = RecordedRequest.parse(method, target, headers, body)
        with self._lock:
            self.requests.append(request)
            slow = self._delays.take(request)
            outcome = self._outcomes.take(request)
            answer = outcome.answer if outcome else self._answer(request)
        if answer is not None:
            answer = answer.dated(self.clock.time())
        return Reaction(answer, slow.delay if slow else 0.0)

    def _answer(self, request: RecordedRequest) -> Answer:
        limits: dict[str, str] = {}
        try:
            answer = self._serve(request, limits)
        except Refusal as refusal:
            answer = refusal.answer
            if refusal.hint:
                unexpected = UnexpectedRequest(request, refusal.hint)
                self.unexpected_requests.append(unexpected)
                answer.headers["X-MockNango-Expected"] = ascii(refusal.hint)[1:-1]
        answer.headers.update(limits)
        return answer

    def _serve(self, request: RecordedRequest, limits: dict[str, str]) -> Answer:
        """Answer as the server does, its checks in its order.

        Raises:
            Refusal: any answer but a connection.
        """
        if request.method != "GET" or request.connection_id is None:
            raise _no_such_route(request)
        _checks.check_escapes(request)
        _checks.check_content_type(request.headers)
        scopes = _checks.check_key(request.headers, self._keys)
        now = self.clock.time()
        refused, counted = self._rate_limit.take(now)
        limits.update(counted)
        if refused:
            raise Refusal(
                error_answer(429, "too_many_request", method=request.method, path=request.raw_path)
            )
        _checks.check_read_scope(scopes)
        key, options = _checks.check_query(request.raw_query)
        _checks.check_connection_id(request.connection_id)
        _checks.check_options_scope(scopes, options)
        connection = self._requested(request.connection_id, key)
        reads_credentials = scopes is None or _checks.CREDENTIALS_SCOPE in scopes
        try:
            if reads_credentials:
                connection.fetch(
                    now,
                    self._fake,
                    force_refresh="force_refresh" in options,
                    refresh_github_app_jwt_token="refresh_github_app_jwt_token" in options,
                )
        except RenewalError as error:
            payload = {"connection": connection.body(with_credentials=False)}
            raise Refusal(
                error_answer(
                    error.status, "invalid_credentials", message=error.message, payload=payload
                )
            ) from None
        return json_answer(
            200,
            connection.body(
                with_credentials=reads_credentials,
                with_refresh_token="refresh_token" in options,
            ),
        )

    def _requested(self, connection_id: str, key: str) -> StoredConnection:
        if key not in self._integrations:
            swapped = (
                "; the two ids look swapped" if (key, connection_id) in self._connections else ""
            )
            raise Refusal(
                error_answer(
                    400,
                    "unknown_provider_config",
                    message=f"No such integration in this environment; {self._known()}{swapped}",
                ),
                f"no such integration; {self._known()}{swapped}",
            )
        connection = self._connections.get((connection_id, key))
        if connection is None and (connection_id, key) in self._removed:
            # One that the test has removed is no surprise.
            raise Refusal(error_answer(404, "not_found", message="Failed to find connection"))
        if connection is None:
            raise Refusal(
                error_answer(
                    404, "not_found", message=f"Failed to find connection; {self._known()}"
                ),
                f"no such connection; {self._known()}",
            )
        return connection

    def _known(self) -> str:
        names = ["/".join(ids) for ids in self._connections]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"known: {', '.join(names[:_SHOWN]) or 'none'}{more}"


_SHOWN = 10

_EXPECTED = "GET /connection/{connection_id}?provider_config_key={key}"


def _no_such_route(request: RecordedRequest) -> Refusal:
    hint = f"MockNango answers {_EXPECTED}"
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


def _to_json(value: Any) -> Any:
    """Give the wire's form of models, dates and mappings, as a copy."""
    from nango_client._wire.converter import encode

    return json.loads(json.dumps(encode(value)))
