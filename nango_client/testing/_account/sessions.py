"""Connect sessions: a user's half hour in which to connect an account."""

import secrets
import uuid
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.connections import (
    Connections,
    set_missing_ends,
    wire_credentials,
)
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.webhooks import Outbox
from nango_client.testing._payloads.values import SESSION_PREFIX
from nango_client.testing._payloads.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nango_client import Credentials

_LIFETIME: Final = 30 * 60.0
_TOKEN_LIFETIME: Final = 3600.0


@attrs.frozen(kw_only=True)
class Session:
    """A connect session as the server keeps it."""

    token: str = attrs.field(repr=False)
    ends_at: float
    reconnects: tuple[str, str] | None = None
    """The ids of the connection that gets new credentials; None: one is made."""
    allowed_integrations: tuple[str, ...] = ()
    """Empty for all."""
    end_user: Wire | None = attrs.field(default=None, repr=False)
    tags: Wire = attrs.field(factory=dict[str, Any], repr=False)
    webhook_url_override: str | None = attrs.field(default=None, repr=False)
    integrations_config_defaults: Wire | None = attrs.field(default=None, repr=False)
    overrides: Wire | None = attrs.field(default=None, repr=False)


class Sessions(Subject):
    """The sessions that have not been ended, by token; some of them may have run out."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._by_token: dict[str, Session] = {}

    def open(self, **fields: Any) -> Session:
        """Begin a session."""
        made = Session(
            token=SESSION_PREFIX + secrets.token_hex(32),
            ends_at=self.account.clock.time() + _LIFETIME,
            **fields,
        )
        self._by_token[made.token] = made
        return made

    def is_open(self, token: str) -> bool:
        """Say whether there is such a session, and whether it has time left."""
        found = self._by_token.get(token)
        return found is not None and self.account.clock.time() < found.ends_at

    def get(self, token: str) -> Session:
        """Give the session of a token.

        Raises:
            LookupError: there is none, or it is over. The token is not quoted.
        """
        if token not in self._by_token:
            raise LookupError("no connect session has this token; was it deleted?")
        found = self._by_token[token]
        if not self.is_open(token):
            late = self.account.clock.time() - found.ends_at
            raise LookupError(f"the connect session ran out {late:.0f} s ago; it lives 30 minutes")
        return found

    def close(self, token: str) -> None:
        """End a session early."""
        del self._by_token[token]

    def complete(self, session: Session, key: str, credentials: Wire) -> str:
        """Make or renew the connection that a session is for; give its id."""
        connections = self.account.of(Connections)
        defaults = (session.integrations_config_defaults or {}).get(key, {})
        fields: Wire = {
            "tags": session.tags,
            "end_user": session.end_user,
            "webhook_url_override": session.webhook_url_override,
            "connection_config": dict(defaults.get("connection_config", {})),
        }
        ids = session.reconnects or (str(uuid.uuid4()), key)
        old = connections.by_ids.get(ids)
        if old is None:
            connections.put(ids, credentials, fields, lifetime=_TOKEN_LIFETIME)
            self._tell(ids, operation="creation", end_user=session.end_user)
            return ids[0]
        kept = {name: old.envelope[name] for name in ("id", "created_at", "metadata")}
        fields["connection_config"] |= old.envelope["connection_config"]
        fields["end_user"] = session.end_user or old.envelope["end_user"]
        renewed = connections.put(
            ids, credentials, fields | kept, lifetime=old.lifetime, renew_margin=old.renew_margin
        )
        renewed.refresh_count = old.refresh_count
        self._tell(ids, operation="override")
        return ids[0]

    def _tell(self, ids: tuple[str, str], **fields: Any) -> None:
        self.account.of(Outbox).tell("auth", ids, **fields)


class _HasToken(Protocol):
    @property
    def token(self) -> str: ...


class SessionControls(Controls):
    """What tests do with connect sessions."""

    def complete_connect_session(
        self,
        token_or_session: "str | _HasToken",
        provider_config_key: str,
        credentials: "Credentials | Mapping[str, object] | str | None" = None,
    ) -> str:
        """Do what the user does in the browser: connect an account; give the connection's id.

        The connection gets the session's tags, end user and webhook address. That of a reconnect
        session keeps its id and gets new credentials; what ailed its renewals is over.

        Args:
            token_or_session: the session, or its token.
            provider_config_key: the integration that the user picks.
            credentials: as for `add_connection`; None for made-up ones of the integration's kind.

        Raises:
            LookupError: there is no such session, it is over, or there is no such integration.
            TypeError: the credentials are not JSON.
            ValueError: the session allows other integrations only, or there is no such type.
        """
        token = token_or_session if isinstance(token_or_session, str) else token_or_session.token
        key = provider_config_key
        account = self._account
        with account.lock:
            sessions, integrations = account.of(Sessions), account.of(Integrations)
            session = sessions.get(token)
            if key not in integrations.by_key:
                known = ", ".join(integrations.by_key) or "none"
                raise LookupError(f"no integration {key!r}; known: {known}")
            if session.reconnects and session.reconnects[1] != key:
                raise ValueError(f"the session reconnects {session.reconnects[1]!r}, not {key!r}")
            if session.allowed_integrations and key not in session.allowed_integrations:
                allowed = ", ".join(session.allowed_integrations)
                raise ValueError(f"the session allows {allowed}, not {key!r}")
            wire = wire_credentials(credentials or integrations.auth_mode(key), account.fake)
            set_missing_ends(wire, account.clock.time() + _TOKEN_LIFETIME)
            return sessions.complete(session, key, wire)
