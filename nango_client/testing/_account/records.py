"""Records: what the syncs of a connection have stored, by model."""

import base64
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import attrs

from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.connections import Connections
from nango_client.testing._payloads.values import check_model, check_name
from nango_client.testing._payloads.wire import Wire, microseconds, stamp, to_json

BASE: Final = "base"
"""The variant of a sync that has no others."""

# Records that change together are ordered by their inner ids, which look random: so do these.
_IDS: Final = uuid.UUID("a4a6a0c8-3b0c-4f0f-9f5c-3d5a3a0f6d11")


class Where(NamedTuple):
    """Where records lie."""

    connection_id: str
    key: str
    model: str
    variant: str = BASE


class Place(NamedTuple):
    """A place in the order of records; of its text the server makes the cursor."""

    modified: int
    """Microseconds since the epoch."""
    inner_id: str

    def cursor(self) -> str:
        """Give the cursor that stands for it."""
        return base64.b64encode(f"{stamp(self.modified)}||{self.inner_id}".encode()).decode()

    @classmethod
    def read(cls, cursor: str) -> "Place":
        """Read a cursor.

        Raises:
            ValueError: it is none.
        """
        moment, _, inner_id = base64.b64decode(cursor, validate=True).decode().partition("||")
        return cls(microseconds(datetime.fromisoformat(moment)), str(uuid.UUID(inner_id)))


@attrs.define(kw_only=True)
class StoredRecord:
    """A record as the server keeps it. Times are microseconds since the epoch."""

    id: str
    inner_id: str
    data: Wire
    first_seen: int
    modified: int
    deleted: int | None = None
    pruned: int | None = None

    @property
    def place(self) -> Place:
        """Where it stands in the order."""
        return Place(self.modified, self.inner_id)

    @property
    def last_action(self) -> str:
        """What happened to it last, as the server works it out."""
        if self.deleted is not None:
            return "DELETED"
        return "ADDED" if self.first_seen == self.modified else "UPDATED"

    def wire(self) -> Wire:
        """Give it as it is answered."""
        metadata = {
            "first_seen_at": stamp(self.first_seen),
            "last_modified_at": stamp(self.modified),
            "last_action": self.last_action,
            "deleted_at": None if self.deleted is None else stamp(self.deleted),
            "pruned_at": None if self.pruned is None else stamp(self.pruned),
            "cursor": self.place.cursor(),
        }
        return {**self.data, "id": self.id, "_nango_metadata": metadata}


@attrs.define
class Changes:
    """How many records of a model have changed, in the order of the wire."""

    added: int = 0
    updated: int = 0
    deleted: int = 0

    def wire(self) -> Wire:
        """Give it as it is answered."""
        return attrs.asdict(self)


class Records(Subject):
    """All records, by where they lie and by id."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.page_size: int | None = None
        self._stored: dict[Where, dict[str, StoredRecord]] = {}
        self._changes: dict[Where, Changes] = {}
        self._last_change = 0

    def at(self, where: Where) -> list[StoredRecord]:
        """Give the records that lie there, in the order in which they changed."""
        return sorted(self._stored.get(where, {}).values(), key=lambda one: one.place)

    def put(self, where: Where, data: Mapping[str, Wire]) -> None:
        """Store records by their ids, all at one moment; those that are there get new data."""
        now, here = self._next_moment(), self._stored.setdefault(where, {})
        changes = self._changes.setdefault(where, Changes())
        for id_, fields in data.items():
            old = here.get(id_)
            if old is None:
                inner_id = str(uuid.uuid5(_IDS, repr((*where, id_))))
                here[id_] = StoredRecord(
                    id=id_, inner_id=inner_id, data=fields, first_seen=now, modified=now
                )
                changes.added += 1
            else:
                old.data, old.modified, old.deleted, old.pruned = fields, now, None, None
                changes.updated += 1

    def delete(self, where: Where, ids: Iterable[str]) -> None:
        """Mark records as deleted, all at one moment.

        Raises:
            LookupError: one is not there; then none is marked.
        """
        here = self._stored.get(where, {})
        if unknown := [one for one in ids if one not in here]:
            raise LookupError(f"no record {', '.join(unknown)} of {where.model}")
        now, changes = self._next_moment(), self._changes.setdefault(where, Changes())
        for one in (here[id_] for id_ in ids):
            if one.deleted is None:
                one.modified = one.deleted = now
                changes.deleted += 1

    def prune(self, where: Where, until: Place, limit: int) -> int:
        """Empty the oldest records up to a place; give how many."""
        now = self._next_moment()
        emptied = [one for one in self.at(where) if one.place <= until and one.pruned is None]
        for one in emptied[:limit]:
            one.data, one.pruned = {}, now
        return len(emptied[:limit])

    def refill(self, where: Where) -> None:
        """Forget all that lies there, and store anew what had not been deleted."""
        kept = {one.id: one.data for one in self.at(where) if one.deleted is None}
        self.drop(where)
        self.put(where, kept)

    def drop(self, where: Where) -> None:
        """Forget what lies there."""
        self._stored.pop(where, None)
        self._changes.pop(where, None)

    def take_changes(self, where: Where) -> Changes:
        """Give what changed since this was last asked."""
        return self._changes.pop(where, Changes())

    def count(self, connection_id: str, key: str, model: str) -> int:
        """Count the records of a model that are not deleted, of all variants."""
        return sum(
            one.deleted is None
            for where, here in self._stored.items()
            if where[:3] == (connection_id, key, model)
            for one in here.values()
        )

    def _next_moment(self) -> int:
        # A clock that stands still, or is set back, must not hide a change from who reads on.
        now = microseconds(datetime.fromtimestamp(self.account.clock.time(), UTC))
        self._last_change = max(now, self._last_change + 1)
        return self._last_change

    def forget_connection(self, connection_id: str, key: str) -> None:
        """Drop a connection's records."""
        for where in [one for one in self._stored if one[:2] == (connection_id, key)]:
            self.drop(where)


class RecordControls(Controls):
    """What tests do with records."""

    @property
    def records_page_size(self) -> int | None:
        """The most records on a page; None for no limit but the request's.

        A server ends pages early where records are large; only their ``next_cursor`` tells
        whether there are more.
        """
        with self._account.lock:
            return self._account.of(Records).page_size

    @records_page_size.setter
    def records_page_size(self, size: int | None) -> None:
        if size is not None and size < 1:
            raise ValueError(f"a page has room for one record at least, not {size}")
        with self._account.lock:
            self._account.of(Records).page_size = size

    def add_records(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        records: Iterable[Mapping[str, object]],
        *,
        variant: str = BASE,
    ) -> None:
        """Store records as a sync does: new ones are added, those that are there are updated.

        All records of a call change at the same moment, and those of the next call later, also
        while the clock stands still.

        Args:
            connection_id: the connection's id.
            provider_config_key: its integration.
            model: the model's name, such as ``"Issue"``.
            records: their fields; each has an ``id``, a text or a number.
            variant: the variant of the sync.

        Raises:
            LookupError: there is no such connection.
            TypeError: a field is not JSON.
            ValueError: a record has no id, or no model or variant can have this name.
        """
        data: dict[str, Wire] = {}
        for record in records:
            wire: Wire = to_json(record)
            data[_record_id(wire)] = wire
        with self._account.lock:
            where = self._where(connection_id, provider_config_key, model, variant)
            self._account.of(Records).put(where, data)

    def delete_records(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        ids: Iterable[str],
        *,
        variant: str = BASE,
    ) -> None:
        """Mark records as deleted, as a sync does that no longer finds them at the provider.

        Args:
            connection_id: the connection's id.
            provider_config_key: its integration.
            model: the model's name.
            ids: the ids of the records.
            variant: the variant of the sync.

        Raises:
            LookupError: there is no such connection or record.
            TypeError: `ids` is one text.
            ValueError: no model or variant can have this name.
        """
        if isinstance(ids, str):
            raise TypeError(f"ids is a collection: [{ids!r}]")
        wanted = [str(one) for one in ids]
        with self._account.lock:
            where = self._where(connection_id, provider_config_key, model, variant)
            self._account.of(Records).delete(where, wanted)

    def _where(self, connection_id: str, key: str, model: str, variant: str) -> Where:
        check_model(model)
        check_name("a variant", variant)
        self._account.of(Connections).get(connection_id, key)
        return Where(connection_id, key, model, variant)


def _record_id(record: Wire) -> str:
    found: Any = record.get("id")
    if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
        raise ValueError(f"a record has an id, a text or a number: {sorted(record)}")
    return str(found)
