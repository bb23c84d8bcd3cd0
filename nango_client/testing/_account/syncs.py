"""Syncs: functions that fetch a connection's data from its provider again and again."""

import math
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.connections import Connections
from nango_client.testing._account.functions import Functions
from nango_client.testing._account.records import BASE, Changes, Records, Where
from nango_client.testing._payloads.values import check_model, check_name
from nango_client.testing._payloads.wire import Wire, written

FREQUENCY: Final = re.compile(
    r"(?P<every>every )?"
    r"((?P<amount>[0-9]+)?\s?(?P<unit>(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?))"
    r"|(?P<unit2>(month|week|half day|half hour|quarter hour)))"
)
SHORTEST: Final = 30.0
_BY_LETTER: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_BY_WORDS: Final = {
    "month": 30 * 86_400.0,
    "week": 7 * 86_400.0,
    "half day": 43_200.0,
    "half hour": 1800.0,
    "quarter hour": 900.0,
}


def seconds_of(frequency: str) -> float:
    """Give the seconds between two runs.

    Raises:
        ValueError: no frequency is written so.
    """
    found = FREQUENCY.fullmatch(frequency)
    if found is None:
        raise ValueError(f"a frequency is such as 'every 2 hours', not {frequency!r}")
    if found["unit2"]:
        return _BY_WORDS[found["unit2"]]
    return int(found["amount"] or 1) * _BY_LETTER[found["unit"][0]]


@attrs.define(kw_only=True)
class Sync:
    """A sync of a connection, or a variant of one. Times are epoch seconds."""

    connection_id: str
    key: str
    name: str
    variant: str = BASE
    models: tuple[str, ...]
    default_frequency: str
    frequency: str | None = None
    """One of the connection's own."""
    on_run: Callable[[], object] | None = attrs.field(default=None, repr=False)
    paused: bool = False
    id: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    started_at: float | None = None
    """When the last run began; None where there was none."""
    results: dict[str, Changes] | None = None
    kind: str = "INITIAL"
    error: Exception | None = None
    """What ended the last run."""

    @property
    def order(self) -> tuple[str, str, str]:
        """Where it stands in lists."""
        return self.name, self.connection_id, self.variant

    def where(self, model: str) -> Where:
        """Give where its records of a model lie."""
        return Where(self.connection_id, self.key, model, self.variant)

    def status(self, now: float, counts: Wire) -> Wire:
        """Give it as it is answered."""
        frequency = self.frequency or self.default_frequency
        outcome = "ERROR" if self.error else "SUCCESS"
        state = "STOPPED" if self.started_at is None else outcome
        wire: Wire = {
            "id": self.id,
            "connection_id": self.connection_id,
            "type": self.kind,
            "nextScheduledSyncAt": None if self.paused else written(self._next(now, frequency)),
            "name": self.name,
            "variant": self.variant,
            "status": "PAUSED" if self.paused else state,
            "frequency": frequency,
            "recordCount": counts,
            "checkpoint": None,
        }
        if self.started_at is not None:
            wire["finishedAt"] = written(self.started_at)
            wire["latestExecutionStatus"] = outcome
        if self.results is not None:
            wire["latestResult"] = {name: one.wire() for name, one in self.results.items()}
        return wire

    def _next(self, now: float, frequency: str) -> float:
        last = now if self.started_at is None else self.started_at
        step = seconds_of(frequency)
        return last + step * (math.floor((now - last) / step) + 1)


class Syncs(Subject):
    """All syncs, with their variants."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._all: dict[tuple[str, str, str, str], Sync] = {}

    def add(self, sync: Sync) -> Sync:
        """Make a sync, or a new one in the place of one."""
        self._all[sync.connection_id, sync.key, sync.name, sync.variant] = sync
        return sync

    def find(self, connection_id: str, key: str, name: str, variant: str = BASE) -> Sync | None:
        """Give a sync, None where there is no such one."""
        return self._all.get((connection_id, key, name, variant))

    def of_integration(self, key: str, connection_id: str | None = None) -> list[Sync]:
        """Give an integration's syncs, or those of one of its connections, by name."""
        found = [
            one
            for one in self._all.values()
            if one.key == key and connection_id in (None, one.connection_id)
        ]
        return sorted(found, key=lambda one: one.order)

    def status(self, sync: Sync) -> Wire:
        """Give a sync as it is answered."""
        records = self.account.of(Records)
        counts = {
            model: records.count(sync.connection_id, sync.key, model) for model in sync.models
        }
        return sync.status(self.account.clock.time(), counts)

    def start(self, sync: Sync) -> bool:
        """Let a sync run by its schedule; one that never ran runs at once: say whether it did."""
        sync.paused = False
        runs = sync.started_at is None
        if runs:
            self.run(sync)
        return runs

    def run(self, sync: Sync, *, reset: bool = False, empty_cache: bool = False) -> None:
        """Run a sync, from beginning to end."""
        records = self.account.of(Records)
        sync.kind = "INITIAL" if reset or sync.started_at is None else "INCREMENTAL"
        sync.started_at = self.account.clock.time()
        sync.error = None
        if reset and empty_cache:
            for model in sync.models:
                records.refill(sync.where(model))
        try:
            if sync.on_run is not None:
                sync.on_run()
        except Exception as error:  # noqa: BLE001  whatever a sync raises ends its run
            sync.error = error
            return
        sync.results = {model: records.take_changes(sync.where(model)) for model in sync.models}

    def drop(self, sync: Sync) -> None:
        """Forget a sync and its records."""
        del self._all[sync.connection_id, sync.key, sync.name, sync.variant]
        for model in sync.models:
            self.account.of(Records).drop(sync.where(model))

    def forget_connection(self, connection_id: str, key: str) -> None:
        """Drop a connection's syncs."""
        for one in self.of_integration(key, connection_id):
            self.drop(one)

    def forget_function(self, key: str, kind: str, name: str) -> None:
        """Drop what ran a function."""
        if kind == "sync":
            for one in [one for one in self.of_integration(key) if one.name == name]:
                self.drop(one)


class SyncControls(Controls):
    """What tests do with syncs."""

    def add_sync(
        self,
        connection_id: str,
        provider_config_key: str,
        name: str,
        models: Iterable[str],
        *,
        frequency: str = "every day",
        paused: bool = False,
        on_run: Callable[[], object] | None = None,
    ) -> None:
        """Make a sync of a connection, or a new one in the place of one of the same name.

        Unless it is paused, it has run once. A run takes no time. What it has done is what
        `add_records` and `delete_records` changed since the run before. The clock starts none.

        Args:
            connection_id: the connection's id.
            provider_config_key: its integration, which gets a function of that name.
            name: the sync's name.
            models: the models of its records, such as ``("Issue",)``.
            frequency: how often it runs, such as ``"every 2 hours"``.
            paused: it is not started, and has never run.
            on_run: is called in each run, in the server's thread; it may call `add_records` and
                `delete_records`, and the run fails with what it raises.

        Raises:
            LookupError: there is no such connection.
            TypeError: `models` is one text.
            ValueError: a name or the frequency is not as Nango takes it.
        """
        if isinstance(models, str):
            raise TypeError(f"models is a collection of names: [{models!r}]")
        check_name("a sync", name)
        names = tuple(models)
        for model in names:
            check_model(model)
        if seconds_of(frequency) < SHORTEST:
            raise ValueError(f"a sync runs every {SHORTEST:.0f} s at most, not {frequency}")
        with self._account.lock:
            self._account.of(Connections).get(connection_id, provider_config_key)
            fields: dict[str, Any] = {"returns": list(names), "runs": frequency}
            functions, syncs = self._account.of(Functions), self._account.of(Syncs)
            functions.put(provider_config_key, "sync", name, "", fields)
            made = syncs.add(
                Sync(
                    connection_id=connection_id,
                    key=provider_config_key,
                    name=name,
                    models=names,
                    default_frequency=frequency,
                    on_run=on_run,
                    paused=paused,
                )
            )
            if not paused:
                syncs.run(made)
