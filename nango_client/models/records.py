"""Records that syncs have stored, and the pages that they come in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from nango_client.models._base import LazyModel, Model, later, model, shown, whole


@model
class RecordMetadata(Model):
    """What Nango knows about a record.

    Example:
        >>> server.add_records("user-42", "github", "Issue", [{"id": "1", "title": "Hello"}])
        >>> page = await nango.records.page("user-42", "github", "Issue")
        >>> page.records[0].metadata.last_action
        'ADDED'
    """

    first_seen_at: datetime = shown()
    last_modified_at: datetime = shown()
    last_action: Literal["ADDED", "UPDATED", "DELETED"] = shown()
    deleted_at: datetime | None = shown(default=None)
    pruned_at: datetime | None = shown(default=None)
    """When its data was emptied to save room."""
    cursor: str = shown()


@model
class Record(LazyModel):
    """A record of a model, as a sync stored it.

    Example:
        >>> server.add_records("user-42", "github", "Issue", [{"id": "1", "title": "Hello"}])
        >>> async for record in nango.records.list("user-42", "github", "Issue"):
        ...     print(record.id, record.data["title"], record.is_deleted)
        1 Hello False
    """

    id: str = shown()
    data: Mapping[str, object] = whole(without="_nango_metadata")
    """Its fields, ``id`` included; only ``id`` where it was pruned."""
    metadata: RecordMetadata = later(wire="_nango_metadata")

    @property
    def cursor(self) -> str:
        """The checkpoint to store: ``records.list(cursor=...)`` goes on after this record."""
        return self.metadata.cursor

    @property
    def is_deleted(self) -> bool:
        """Whether the provider no longer has it."""
        return self.metadata.last_action == "DELETED"


@model
class RecordPage(Model):
    """One page of records.

    Example:
        >>> (await nango.records.page("user-42", "github", "Issue")).next_cursor is None
        True
    """

    records: tuple[Record, ...] = shown()
    next_cursor: str | None = shown(default=None, exact=True)
    """Where the next page begins; None on the last one, however short this one is."""
