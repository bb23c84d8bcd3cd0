"""``client.connections``: the connections of a Nango environment."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, final

from nango_client._http.calls import Calls
from nango_client._http.pages import pages
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
from nango_client._resources.connection_requests import (
    check_that_one_user_is_meant,
    filters_of,
    metadata_request,
    optional_mapping,
    owner,
    request_for_one,
)
from nango_client._resources.importing import ImportableCredentials, wire_credentials
from nango_client._resources.polling import poll
from nango_client._resources.writes import Writes
from nango_client.exceptions import NotFoundError
from nango_client.models import Connection, ConnectionSummary, EndUser
from nango_client.models._base import Model, model
from nango_client.models._frozen import EMPTY

_MAX_PAGE: Final = 2000


@model
class _Page(Model):
    connections: tuple[ConnectionSummary, ...]


@final
class Connections:
    """The connections of your Nango environment, as ``client.connections``."""

    def __init__(
        self, calls: Calls, writes: Writes, get_connection: Callable[..., Awaitable[Connection]]
    ) -> None:
        self._calls = calls
        self._writes = writes
        self._get_connection = get_connection

    async def get(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        force_refresh: bool = False,
        include_refresh_token: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> Connection:
        """Give a connection with its credentials; the same as `NangoClient.get_connection`."""
        return await self._get_connection(
            connection_id,
            provider_config_key,
            force_refresh=force_refresh,
            include_refresh_token=include_refresh_token,
            refresh_github_app_jwt_token=refresh_github_app_jwt_token,
        )

    def list(
        self,
        *,
        provider_config_key: str | Iterable[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str] | None = None,
        end_user_id: str | None = None,
        organization_id: str | None = None,
        page_size: int = 500,
    ) -> AsyncIterator[ConnectionSummary]:
        """Iterate over the connections that match all filters, newest first.

        A page is asked for when its first item is wanted, so leaving early costs nothing more.
        A connection that comes twice, because others were made meanwhile, is given once.

        Args:
            provider_config_key: of this integration, or of one of these.
            connection_id: with this id; unique only within an integration.
            search: whose id, or whose end user's name or e-mail address, holds this text.
            tags: with all of these tags; the case of keys does not matter.
            end_user_id: made by this end user.
            organization_id: made by an end user of this organisation.
            page_size: how many to ask for at once, 1 to 2000.

        Raises:
            InvalidArgumentError: Nango could not understand a filter; nothing was sent.
            NangoError: while iterating, see `nango_client.exceptions`.
        """
        filters = filters_of(
            provider_config_key, connection_id, search, tags, end_user_id, organization_id
        )
        limit = arguments.whole_number("page_size", page_size, 1, _MAX_PAGE)
        seen = _Seen()

        async def fetch(number: int) -> tuple[Sequence[ConnectionSummary], int | None]:
            found = await self._page(filters, limit, number)
            # The server has no token for the next page: a short one is the last.
            following = number + 1 if len(found) >= limit else None
            return [item for item in found if seen.add(item.id)], following

        return pages(fetch, 0)

    async def first(
        self,
        *,
        provider_config_key: str | Iterable[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str] | None = None,
        end_user_id: str | None = None,
        organization_id: str | None = None,
    ) -> ConnectionSummary | None:
        """Give the newest connection that matches all filters of `list`, or None.

        Raises:
            InvalidArgumentError: there is no filter but the integration, so that it could be
                anybody's connection; or Nango could not understand one.
        """
        check_that_one_user_is_meant(connection_id, search, tags, end_user_id, organization_id)
        filters = filters_of(
            provider_config_key, connection_id, search, tags, end_user_id, organization_id
        )
        return next(iter(await self._page(filters, 1, 0)), None)

    async def create(
        self,
        provider_config_key: str,
        credentials: ImportableCredentials,
        *,
        connection_id: str | None = None,
        connection_config: Mapping[str, object] | None = None,
        metadata: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        end_user: EndUser | None = None,
        webhook_url_override: str | None = None,
    ) -> Connection:
        """Import credentials that you have, as a new connection or over an existing one.

        **What is left out of an existing connection is emptied**: tags, metadata and
        ``connection_config`` too (API.md section 12).

        Args:
            provider_config_key: the integration.
            credentials: a model of a kind that can be imported.
            connection_id: else Nango makes one up; with it the call may safely be sent again.
            connection_config: what the integration needs besides, such as a subdomain.
            metadata: what you want to keep with it.
            tags: at most 10.
            end_user: who it belongs to; becomes tags.
            webhook_url_override: where to send the connection's webhooks.

        Raises:
            InvalidArgumentError: these credentials cannot be imported, or another argument is bad.
            BadRequestError: Nango, or the provider, did not accept the credentials.
            NotFoundError: there is no such integration.
        """
        about = about_integration(check_id("provider_config_key", provider_config_key))
        if connection_id is not None:
            about = about_connection(check_id("connection_id", connection_id), provider_config_key)
        request = Request(
            "POST",
            "/connections",
            "/connections",
            "",
            about,
            runs_once=connection_id is None,
            body=json_body(
                provider_config_key=provider_config_key,
                credentials=wire_credentials(credentials),
                connection_id=connection_id,
                connection_config=optional_mapping("connection_config", connection_config),
                metadata=optional_mapping("metadata", metadata),
                webhook_url_override=webhook_url_override,
                **owner(tags, end_user),
            ),
        )
        del credentials, connection_config, metadata, tags, end_user
        changed = [] if connection_id is None else [(connection_id, provider_config_key)]
        return await self._writes.fetch(request, Connection, changed)

    async def update(
        self,
        connection_id: str,
        provider_config_key: str,
        *,
        tags: Mapping[str, str] | None = None,
        end_user: EndUser | None = None,
        webhook_url_override: str | None = None,
    ) -> None:
        """Change whose connection it is, or where its webhooks go.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            tags: **replace all tags**.
            end_user: alone it replaces all tags too, by those made from it; with `tags`, both
                count, and `tags` win.
            webhook_url_override: ``""`` clears it.

        Raises:
            NotFoundError: there is no such connection.
        """
        request = request_for_one(
            "PATCH",
            connection_id,
            provider_config_key,
            json_body(webhook_url_override=webhook_url_override, **owner(tags, end_user)),
        )
        del tags, end_user
        await self._writes.do(request, [(connection_id, provider_config_key)])

    async def delete(
        self, connection_id: str, provider_config_key: str, *, missing_ok: bool = False
    ) -> None:
        """Delete a connection with its syncs and records; no webhook tells of it.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            missing_ok: do nothing where Nango says that there is no such connection.

        Raises:
            NotFoundError: there is no such connection.
        """
        request = request_for_one("DELETE", connection_id, provider_config_key, None)
        try:
            await self._writes.do(request, [(connection_id, provider_config_key)])
        except NotFoundError as error:
            # Without Nango's code, something else answered.
            if not missing_ok or error.code is None:
                raise

    async def wait_for(
        self,
        *,
        provider_config_key: str | Iterable[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str] | None = None,
        end_user_id: str | None = None,
        organization_id: str | None = None,
        created_after: datetime | None = None,
        timeout: float = 600.0,  # noqa: ASYNC109  the limit is part of what is promised
        interval: float = 2.0,
    ) -> ConnectionSummary:
        """Wait until a connection matches all filters of `list`, and give the newest.

        A user who reconnects makes no new connection: a webhook tells of that.

        Args:
            provider_config_key: see `list`, as the other filters.
            connection_id: see `list`.
            search: see `list`.
            tags: see `list`.
            end_user_id: see `list`.
            organization_id: see `list`.
            created_after: only one made since this moment.
            timeout: seconds to wait.
            interval: seconds before asking for the second time; then half as long again each
                time, up to 15 s.

        Raises:
            WaitTimeoutError: there is none yet.
            InvalidArgumentError: see `first`.
        """
        check_that_one_user_is_meant(connection_id, search, tags, end_user_id, organization_id)
        filters = filters_of(
            provider_config_key, connection_id, search, tags, end_user_id, organization_id
        )
        if created_after is not None:
            arguments.moment("created_after", created_after)

        async def ask() -> ConnectionSummary | None:
            newest = next(iter(await self._page(filters, 1, 0)), None)
            too_old = newest and created_after and newest.created_at < created_after
            return None if too_old else newest

        return await poll(
            self._calls,
            ask,
            timeout=arguments.seconds("timeout", timeout, zero=True),
            interval=arguments.seconds("interval", interval),
            awaited="a connection",
        )

    async def get_metadata(
        self, connection_id: str, provider_config_key: str
    ) -> Mapping[str, object]:
        """Give what you stored with a connection, empty where nothing; renews no token.

        Raises:
            NotFoundError: there is no such connection.
        """
        filters = filters_of(provider_config_key, connection_id, None, None, None, None)
        found = await self._page(filters, 1, 0)
        for summary in found:
            return summary.metadata or EMPTY
        about = about_connection(connection_id, provider_config_key)
        raise NotFoundError(
            f"Nango has no {about}: check {about.check}, and that the API key belongs to the "
            "environment that holds it",
            status=404,
            code="not_found",
        )

    async def set_metadata(
        self,
        connection_id: str | Iterable[str],
        provider_config_key: str,
        metadata: Mapping[str, object],
    ) -> None:
        """Replace what is stored with a connection, or with several of an integration.

        Raises:
            NotFoundError: one of them does not exist; nothing was changed.
        """
        request, changed = metadata_request("POST", connection_id, provider_config_key, metadata)
        del metadata
        if changed:
            await self._writes.do(request, changed)

    async def update_metadata(
        self,
        connection_id: str | Iterable[str],
        provider_config_key: str,
        metadata: Mapping[str, object],
    ) -> None:
        """Merge top-level keys into what is stored with a connection, or with several.

        A key cannot be removed this way: None stays as a value. Nango reads, merges and writes, so
        of two calls at the same time one may be lost.

        Raises:
            NotFoundError: one of them does not exist; nothing was changed.
        """
        request, changed = metadata_request("PATCH", connection_id, provider_config_key, metadata)
        del metadata
        if changed:
            await self._writes.do(request, changed)

    async def _page(
        self, filters: Sequence[tuple[str, str]], limit: int, number: int
    ) -> Sequence[ConnectionSummary]:
        query = [*filters, ("limit", str(limit))]
        if number:
            query.append(("page", str(number)))
        request = Request(
            "GET",
            "/connections",
            "/connections",
            query_string(query),
            About("the list of connections", check="the filters"),
        )
        return (await self._calls.fetch(request, _Page)).connections


@final
class _Seen:
    """Ids that were given already; they lie close together, so bits in blocks take little room."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Note an id; say whether it is new."""
        block, bit = number >> 10, 1 << (number & 1023)
        known = self._blocks.get(block, 0)
        self._blocks[block] = known | bit
        return not known & bit
