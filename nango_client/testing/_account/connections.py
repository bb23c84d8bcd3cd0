"""Connections: somebody's account at a provider, with its credentials."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from nango_client.testing._account.base import Account, Controls, Subject, check_members
from nango_client.testing._account.connection import StoredConnection
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._payloads.credentials import (
    TokenMaker,
    expires,
    made_up_credentials,
    parts_of,
    set_end,
)
from nango_client.testing._payloads.values import (
    check_connection_id,
    check_key,
    stored_end_user,
    tags_of,
)
from nango_client.testing._payloads.wire import Wire, stored_timestamp, to_json

if TYPE_CHECKING:
    from datetime import datetime

    from nango_client import Credentials, EndUser

_SHOWN = 10


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


class Connections(Subject):
    """All connections, by their two ids."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.by_ids: dict[tuple[str, str], StoredConnection] = {}
        self.removed: set[tuple[str, str]] = set()
        """Those that were deleted: that somebody asks for one of them is no surprise."""
        self._last_id = 0
        self._newest_first: list[StoredConnection] | None = None

    def put(
        self,
        ids: tuple[str, str],
        credentials: Wire,
        fields: Wire,
        *,
        lifetime: float | None = 3600.0,
        renew_margin: float = 900.0,
    ) -> StoredConnection:
        """Make a connection, or a new one in the place of one with the same ids."""
        connection_id, key = ids
        integration = self.account.of(Integrations).by_key[key]
        now = stored_timestamp(self.account.clock.time())
        self._last_id += 1
        made = StoredConnection(
            envelope={
                "id": self._last_id,
                "connection_id": connection_id,
                "provider_config_key": key,
                "provider": integration.provider,
                "errors": [],
                "end_user": None,
                "tags": {},
                "metadata": {},
                "connection_config": {},
                "webhook_url_override": None,
                "created_at": now,
                "updated_at": now,
                "last_fetched_at": now,
                **fields,
            },
            credentials=credentials,
            lifetime=lifetime,
            renew_margin=renew_margin,
        )
        self.by_ids[ids] = made
        self._newest_first = None
        return made

    def newest_first(self) -> list[StoredConnection]:
        """Give all of them, the newest first."""
        if self._newest_first is None:
            ages = {id(one): one.age for one in self.by_ids.values()}
            self._newest_first = sorted(
                self.by_ids.values(), key=lambda one: ages[id(one)], reverse=True
            )
        return self._newest_first

    def of_integration(self, key: str) -> list[StoredConnection]:
        """Give an integration's connections."""
        return [one for ids, one in self.by_ids.items() if ids[1] == key]

    def get(self, connection_id: str, key: str) -> StoredConnection:
        """Give a connection that a test names.

        Raises:
            LookupError: there is no such connection; the text names those that are there.
        """
        try:
            return self.by_ids[connection_id, key]
        except KeyError:
            pair = f"{connection_id}/{key}"
            raise LookupError(f"no connection {pair}; {self.known()}") from None

    def remove(self, connection_id: str, key: str) -> None:
        """Drop a connection, and whatever else belongs to it."""
        del self.by_ids[connection_id, key]
        self.removed.add((connection_id, key))
        self._newest_first = None
        self.account.forget_connection(connection_id, key)

    def forget_integration(self, key: str) -> None:
        """Drop an integration's connections."""
        for one in self.of_integration(key):
            self.remove(*one.ids)

    def hint(self, key: str, *connection_ids: str) -> str | None:
        """Say that there are no such connections; None where they have been deleted."""
        if all((one, key) in self.removed for one in connection_ids):
            return None
        return f"no such connection; {self.known()}"

    def known(self) -> str:
        """Name the connections that are there, or some of them."""
        names = ["/".join(ids) for ids in self.by_ids]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"known: {', '.join(names[:_SHOWN]) or 'none'}{more}"


def wire_credentials(
    credentials: "Credentials | Mapping[str, object] | str", fake: TokenMaker
) -> Wire:
    """Give the wire's form of credentials; a type's name stands for made-up ones.

    Raises:
        TypeError: they are not JSON.
        ValueError: there is no such type.
    """
    if isinstance(credentials, str):
        return made_up_credentials(credentials, fake)
    wire: Wire = to_json(credentials)
    return wire


def set_missing_ends(credentials: Wire, end: float | None) -> None:
    """Give an end (epoch seconds) to tokens of a kind that ends, where none is set."""
    for part in parts_of(credentials):
        if expires(part) and not part.get("expires_at"):
            set_end(part, end)


class ConnectionControls(Controls):
    """What tests do with connections."""

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
            provider_config_key: its integration, which is made where it does not exist.
            credentials: one of the client's models, a JSON object as the wire has it, or a type
                such as ``"API_KEY"`` for made-up ones; None for made-up OAuth 2 credentials with a
                refresh token.
            expires_in: seconds until the token ends where `credentials` do not say, and that
                renewed ones live; None for no end. A negative one has ended already.
            renew_margin: seconds before its end from which a request renews the token.
            fields: other members of the answer: ``id``, ``provider``, ``errors``, ``end_user``,
                ``tags`` (by default those that the server makes of the end user), ``metadata``,
                ``connection_config``, ``webhook_url_override``, ``account_id``, ``created_at``,
                ``updated_at``, ``last_fetched_at``.

        Raises:
            TypeError: a field is not one of these, or not JSON.
            ValueError: Nango takes no such id, or there is no such type.
        """
        check_connection_id(connection_id)
        check_key(provider_config_key)
        check_members("a connection", fields, ConnectionFields.__optional_keys__)
        account = self._account
        with account.lock:
            wire = wire_credentials(credentials or "OAUTH2", account.fake)
            now = account.clock.time()
            set_missing_ends(wire, None if expires_in is None else now + expires_in)
            given: Wire = to_json(fields)
            if given.get("end_user"):
                given["end_user"] = stored_end_user(given["end_user"])
                given.setdefault("tags", tags_of(given["end_user"]))
            mode = credentials if isinstance(credentials, str) else wire.get("type", "NONE")
            provider = given.get("provider") or provider_config_key
            account.of(Integrations).mention(provider_config_key, provider, mode)
            account.of(Connections).put(
                (connection_id, provider_config_key),
                wire,
                given,
                lifetime=expires_in,
                renew_margin=renew_margin,
            )

    def remove_connection(self, connection_id: str, provider_config_key: str) -> None:
        """Delete a connection; its integration stays.

        Raises:
            LookupError: there is no such connection.
        """
        with self._account.lock:
            self._find(connection_id, provider_config_key)
            self._account.of(Connections).remove(connection_id, provider_config_key)

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
        with self._account.lock:
            connection = self._find(connection_id, provider_config_key)
            connection.broken = True
            connection.exhausted = exhausted

    def mend_refresh(self, connection_id: str, provider_config_key: str) -> None:
        """Let renewals work again.

        Raises:
            LookupError: there is no such connection.
        """
        with self._account.lock:
            self._find(connection_id, provider_config_key).broken = False

    def refresh_count(self, connection_id: str, provider_config_key: str) -> int:
        """Give the number of renewals that made a new token.

        Raises:
            LookupError: there is no such connection.
        """
        with self._account.lock:
            return self._find(connection_id, provider_config_key).refresh_count

    def _find(self, connection_id: str, provider_config_key: str) -> StoredConnection:
        return self._account.of(Connections).get(connection_id, provider_config_key)
