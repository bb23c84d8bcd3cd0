"""``client.syncs``: running, pausing and watching syncs."""

import builtins
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, final

from nango_client._http.calls import Calls
from nango_client._http.protocol import (
    About,
    Request,
    about_connection,
    about_integration,
    check_id,
    json_body,
    query_string,
)
from nango_client._resources import arguments
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import SyncStatus, SyncVariant
from nango_client.models._base import Model, model

_SHORTEST: Final = timedelta(seconds=30)
_UNITS: Final = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


@model
class _Statuses(Model):
    syncs: tuple[SyncStatus, ...]


@model
class _Frequency(Model):
    frequency: str


@final
class Syncs:
    """The syncs of your connections, as ``client.syncs``.

    A ``connection_id`` of None means every connection of the integration, and has to be written
    out. Syncs are named ``"name"`` or ``"name::variant"``; None means all.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def trigger(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
        *,
        reset: bool = False,
        empty_cache: bool = False,
    ) -> None:
        """Run syncs now; Nango has accepted that when this returns.

        Args:
            connection_id: the connection's id, None for all of the integration.
            provider_config_key: the integration.
            syncs: which ones.
            reset: forget how far they came, end a run under way, and begin anew.
            empty_cache: with `reset`, forget the stored records too.

        Raises:
            InvalidArgumentError: `empty_cache` without `reset`, which Nango would ignore; or
                another bad argument.
            NotFoundError: there is no such connection.
            BadRequestError: there are no such syncs.
        """
        if empty_cache and not reset:
            raise InvalidArgumentError("empty_cache has an effect only together with reset=True")
        options = {"reset": True} if reset else None
        if options is not None and empty_cache:
            options["emptyCache"] = True
        request = _command("trigger", connection_id, provider_config_key, syncs, opts=options)
        await self._calls.do(request)

    async def start(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
    ) -> None:
        """Let syncs run by their schedule again.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: there are no such syncs.
        """
        await self._calls.do(_command("start", connection_id, provider_config_key, syncs))

    async def pause(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
    ) -> None:
        """Let syncs run no more until they are started again.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: there are no such syncs.
        """
        await self._calls.do(_command("pause", connection_id, provider_config_key, syncs))

    async def status(
        self,
        connection_id: str | None,
        provider_config_key: str,
        syncs: Iterable[str] | None = None,
    ) -> builtins.list[SyncStatus]:
        """Give how syncs do; those that Nango does not know are left out.

        Raises:
            NotFoundError: there is no such connection.
        """
        query = [("provider_config_key", check_id("provider_config_key", provider_config_key))]
        if connection_id is not None:
            query.append(("connection_id", check_id("connection_id", connection_id)))
        query.append(("syncs", "*" if syncs is None else ",".join(_names(syncs))))
        request = Request(
            "GET",
            "/sync/status",
            "/sync/status",
            query_string(query),
            _about(connection_id, provider_config_key),
        )
        return builtins.list((await self._calls.fetch(request, _Statuses)).syncs)

    async def set_frequency(
        self,
        connection_id: str,
        provider_config_key: str,
        sync: str,
        frequency: str | timedelta | None,
        *,
        variant: str | None = None,
    ) -> str:
        """Change how often a sync of a connection runs, and give what Nango made of it.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            sync: the sync's name.
            frequency: such as ``"every 2 hours"`` or a `timedelta` of whole seconds, 30 s or
                more; None for the default again.
            variant: of this variant.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: there is no such sync, or Nango does not understand the frequency.
        """
        path = "/sync/update-connection-frequency"
        request = Request(
            "PUT",
            path,
            path,
            "",
            about_connection(connection_id, provider_config_key),
            body=json_body(
                null=("frequency",),
                sync_name=arguments.name("sync", sync),
                provider_config_key=check_id("provider_config_key", provider_config_key),
                connection_id=check_id("connection_id", connection_id),
                frequency=_frequency(frequency),
                sync_variant=None if variant is None else arguments.name("variant", variant),
            ),
        )
        return (await self._calls.fetch(request, _Frequency)).frequency

    async def create_variant(
        self, connection_id: str, provider_config_key: str, sync: str, variant: str
    ) -> SyncVariant:
        """Make a variant of a sync for a connection, and start it.

        Raises:
            NotFoundError: there is no such connection.
            BadRequestError: the variant exists, its name is ``base``, or there is no such sync.
        """
        request = _variant("POST", connection_id, provider_config_key, sync, variant)
        return await self._calls.fetch(request, SyncVariant)

    async def delete_variant(
        self, connection_id: str, provider_config_key: str, sync: str, variant: str
    ) -> None:
        """Delete a variant of a sync with its records.

        Raises:
            NotFoundError: there is no such variant or connection.
        """
        await self._calls.do(_variant("DELETE", connection_id, provider_config_key, sync, variant))


def _about(connection_id: str | None, provider_config_key: str) -> About:
    if connection_id is None:
        return about_integration(provider_config_key)
    return about_connection(connection_id, provider_config_key)


def _command(
    verb: str,
    connection_id: str | None,
    provider_config_key: str,
    syncs: Iterable[str] | None,
    **members: Any,
) -> Request:
    body = json_body(
        # The server takes an empty list for all.
        syncs=[] if syncs is None else _names(syncs),
        provider_config_key=check_id("provider_config_key", provider_config_key),
        connection_id=None if connection_id is None else check_id("connection_id", connection_id),
        **members,
    )
    path = f"/sync/{verb}"
    about = _about(connection_id, provider_config_key)
    return Request("POST", path, path, "", about, runs_once=verb == "trigger", body=body)


def _variant(
    method: str, connection_id: str, provider_config_key: str, sync: str, variant: str
) -> Request:
    return Request(
        method,
        "/sync/{name}/variant/{variant}",
        f"/sync/{arguments.name('sync', sync)}/variant/{arguments.name('variant', variant)}",
        "",
        about_connection(connection_id, provider_config_key),
        runs_once=method == "POST",
        body=json_body(
            provider_config_key=check_id("provider_config_key", provider_config_key),
            connection_id=check_id("connection_id", connection_id),
        ),
    )


def _names(syncs: object) -> "list[str]":
    found = [check_id("syncs", each) for each in arguments.several("syncs", syncs)]
    for each in found:
        for part in each.split("::", 1):
            arguments.name("syncs", part)
    return found


def _frequency(value: str | timedelta | None) -> str | None:
    if not isinstance(value, timedelta):
        return None if value is None else check_id("frequency", value)
    seconds = value.total_seconds()
    if value < _SHORTEST or seconds % 1:
        raise InvalidArgumentError("frequency must be whole seconds, 30 or more")
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{int(seconds // size)} {unit}"
