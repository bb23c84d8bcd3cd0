"""What is known about the syncs of a connection."""

from collections.abc import Mapping
from datetime import datetime

from nango_client.models._base import Model, hidden, model, shown
from nango_client.models._frozen import EMPTY


@model
class SyncResult(Model):
    """How many records of a model a run of a sync changed.

    Example:
        >>> SyncResult(added=3).added
        3
    """

    added: int = shown(default=0)
    updated: int = shown(default=0)
    deleted: int = shown(default=0)


@model
class SyncStatus(Model):
    """How a sync of a connection does.

    Example:
        >>> server.add_sync("user-42", "github", "issues", models=("Issue",))
        >>> [status.name for status in await nango.syncs.status("user-42", "github")]
        ['issues']
    """

    id: str = shown()
    name: str = shown()
    variant: str = shown(default="base")
    connection_id: str | None = shown(default=None)
    status: str = shown()
    """``RUNNING``, ``PAUSED``, ``STOPPED``, ``SUCCESS`` or ``ERROR``."""
    frequency: str | None = shown(default=None)
    finished_at: datetime | None = shown(default=None, wire="finishedAt")
    """None where it never ran."""
    next_scheduled_sync_at: datetime | None = shown(default=None, wire="nextScheduledSyncAt")
    latest_result: Mapping[str, SyncResult] = hidden(default=EMPTY, wire="latestResult")
    """By model."""
    record_count: Mapping[str, int] = hidden(default=EMPTY, wire="recordCount")
    """By model, all variants together."""
    checkpoint: Mapping[str, object] | None = None
    latest_execution_status: str | None = shown(default=None, wire="latestExecutionStatus")
    """How the last run went, also of a sync that is paused."""


@model
class SyncVariant(Model):
    """A variant of a sync: the same function with data of its own.

    Example:
        >>> SyncVariant(id='1', name='issues', variant='team-a').variant
        'team-a'
    """

    id: str = shown()
    name: str = shown()
    variant: str = shown()
