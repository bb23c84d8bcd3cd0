"""``client.records``: what syncs have stored."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, final

from nango_client._http.calls import Calls
from nango_client._http.pages import pages
from nango_client._http.protocol import (
    Request,
    about_connection,
    check_id,
    connection_headers,
    json_body,
    query_string,
)
from nango_client._resources import arguments
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import Record, RecordPage
from nango_client.models._base import Model, model

_MAX_PAGE: Final = 10_000
_MAX_IDS: Final = 100
_MAX_CURSOR: Final = 1000
_OLDEST: Final = timedelta(days=365)

# Where a page begins, and the ids that are not yet asked for.
_Place = tuple[str | None, Sequence[str]]


@model
class _Pruned(Model):
    count: int
    has_more: bool


@final
class Records:
    """The records that syncs have stored, as ``client.records``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        *,
        variant: str | None = None,
        cursor: str | None = None,
        modified_after: datetime | None = None,
        filter: Literal["added", "updated", "deleted"] | None = None,  # noqa: A002
        ids: Iterable[str] | None = None,
        page_size: int = 1000,
    ) -> AsyncIterator[Record]:
        """Iterate over a model's records, in the order in which they changed.

        Store ``record.cursor`` once a record is dealt with: a later ``list(cursor=...)`` goes on
        after it, so that a break at any place loses nothing. A record that changes meanwhile comes
        again. Deleted records come too, see ``record.is_deleted``.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            model: the model's name, such as ``Issue``.
            variant: of this variant of the sync.
            cursor: only records after this one.
            modified_after: only records changed at this moment or later, at most 365 days ago; a
                cursor does the same without coming twice.
            filter: only records whose last change was of this kind.
            ids: only these; more than 100 are asked for in portions. Excludes `cursor`.
            page_size: how many to ask for at once, 1 to 10,000.

        Raises:
            InvalidArgumentError: Nango could not understand an argument, or would take it for
                something else; nothing was sent.
            NotFoundError: while iterating: there is no such connection.
        """
        wanted = self._wanted(
            connection_id, provider_config_key, model, variant, modified_after, filter, page_size
        )
        portions = None if ids is None else _ids(ids, cursor)

        async def fetch(place: _Place) -> tuple[Sequence[Record], _Place | None]:
            begin, rest = place
            page = await self._calls.fetch(wanted.request(begin, rest[:_MAX_IDS]), RecordPage)
            if page.next_cursor is not None:
                return page.records, (page.next_cursor, rest)
            remaining = rest[_MAX_IDS:]
            return page.records, (None, remaining) if remaining else None

        return pages(fetch, (_cursor("cursor", cursor), portions or ()))

    async def page(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        *,
        variant: str | None = None,
        cursor: str | None = None,
        modified_after: datetime | None = None,
        filter: Literal["added", "updated", "deleted"] | None = None,  # noqa: A002
        ids: Iterable[str] | None = None,
        limit: int = 100,
    ) -> RecordPage:
        """Give one page of records; see `list`, which loops over pages.

        Only ``next_cursor`` tells whether there are more: a page may be shorter than `limit`.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            model: the model's name.
            variant: see `list`.
            cursor: where the page begins.
            modified_after: see `list`.
            filter: see `list`.
            ids: only these, 100 at most.
            limit: how many at most, 1 to 10,000.

        Raises:
            InvalidArgumentError: see `list`.
            NotFoundError: there is no such connection.
        """
        wanted = self._wanted(
            connection_id, provider_config_key, model, variant, modified_after, filter, limit
        )
        chosen = () if ids is None else _ids(ids, cursor)
        if len(chosen) > _MAX_IDS:
            raise InvalidArgumentError(
                f"there are {len(chosen)} ids; a page takes {_MAX_IDS}, list() takes any number"
            )
        request = wanted.request(_cursor("cursor", cursor), chosen)
        return await self._calls.fetch(request, RecordPage)

    async def prune(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        *,
        until_cursor: str,
        variant: str | None = None,
        page_size: int = 1000,
    ) -> int:
        """Empty the data of all records up to a cursor, and give how many were emptied.

        Their ids and what Nango knows about them stay, so that later runs still see changes.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            model: the model's name.
            until_cursor: the last record to empty, itself included.
            variant: see `list`.
            page_size: how many to empty at once, 1 to 10,000.

        Raises:
            NotFoundError: there is no such connection.
        """
        request = Request(
            "PATCH",
            "/records/prune",
            "/records/prune",
            "",
            about_connection(connection_id, provider_config_key),
            body=json_body(
                model=arguments.model_name(model),
                until_cursor=_cursor("until_cursor", until_cursor),
                limit=arguments.whole_number("page_size", page_size, 1, _MAX_PAGE),
                variant=_variant(variant),
            ),
            headers=connection_headers(connection_id, provider_config_key),
        )
        emptied = 0
        while True:
            done = await self._calls.fetch(request, _Pruned)
            emptied += done.count
            # A server that empties none and speaks of more would be asked for ever.
            if not done.has_more or not done.count:
                return emptied

    def _wanted(
        self,
        connection_id: str,
        provider_config_key: str,
        model: str,
        variant: str | None,
        modified_after: datetime | None,
        chosen: str | None,
        limit: int,
    ) -> "_Wanted":
        query = [("model", arguments.model_name(model))]
        variant = _variant(variant)
        if variant is not None:
            query.append(("variant", variant))
        query.append(("limit", str(arguments.whole_number("limit", limit, 1, _MAX_PAGE))))
        if chosen is not None:
            query.append(("filter", _filter(chosen)))
        if modified_after is not None:
            query.append(("modified_after", self._timestamp(modified_after)))
        return _Wanted(connection_id, provider_config_key, query)

    def _timestamp(self, modified_after: datetime) -> str:
        text = arguments.timestamp("modified_after", modified_after)
        if datetime.fromtimestamp(self._calls.now(), UTC) - modified_after > _OLDEST:
            raise InvalidArgumentError(
                "modified_after is over 365 days ago, which Nango refuses: leave it out, or use a "
                "cursor"
            )
        return text


@final
class _Wanted:
    """What is asked for, whatever the page."""

    def __init__(
        self, connection_id: str, provider_config_key: str, query: "list[tuple[str, str]]"
    ) -> None:
        self._headers: Mapping[str, str] = connection_headers(connection_id, provider_config_key)
        self._about = about_connection(connection_id, provider_config_key)
        self._query = query

    def request(self, cursor: str | None, ids: Sequence[str]) -> Request:
        query = [*self._query, *(("ids", each) for each in ids)]
        if cursor is not None:
            query.append(("cursor", cursor))
        return Request(
            "GET", "/records", "/records", query_string(query), self._about, headers=self._headers
        )


def _variant(value: str | None) -> str | None:
    return None if value is None else arguments.name("variant", value)


def _filter(value: object) -> str:
    if isinstance(value, str) and "," in value:
        raise InvalidArgumentError(
            "filter takes one word: Nango drops deletions from some combinations (API.md section "
            "7); read all, and look at record.metadata.last_action"
        )
    return arguments.one_of("filter", value, "added", "updated", "deleted")


def _cursor(argument: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_CURSOR:
        raise InvalidArgumentError(
            f"{argument} must be the cursor of a record, 1 to {_MAX_CURSOR} characters"
        )
    return value


def _ids(values: object, cursor: str | None) -> Sequence[str]:
    if cursor is not None:
        raise InvalidArgumentError("ids and cursor exclude each other")
    return [check_id("ids", each) for each in arguments.several("ids", values)]
