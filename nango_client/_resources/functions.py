"""``client.functions``: the syncs, actions and event scripts of an integration."""

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Literal, final

from nango_client._http.calls import Calls
from nango_client._http.decoding import decode_json
from nango_client._http.pages import pages
from nango_client._http.protocol import (
    About,
    Request,
    Response,
    about_integration,
    check_id,
    query_string,
    segment,
)
from nango_client._resources import arguments
from nango_client.exceptions import DecodeError
from nango_client.models import Function, FunctionCode
from nango_client.models._base import Model, model

FunctionType = Literal["sync", "action", "on-event"]

_TYPES: Final = ("sync", "action", "on-event")
_MAX_PAGE: Final = 100


@model
class _One(Model):
    data: Function


@model
class _Page(Model):
    data: tuple[Function, ...]


@final
class Functions:
    """Functions of your Nango environment, as ``client.functions``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        provider_config_key: str,
        *,
        type: FunctionType | None = None,  # noqa: A002  the wire's word
        search: str | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Function]:
        """Iterate over the functions of an integration.

        Args:
            provider_config_key: the integration.
            type: only syncs, actions or event scripts.
            search: only those whose name holds this text.
            page_size: how many to ask for at once, 1 to 100.

        Raises:
            NotFoundError: while iterating: there is no such integration.
        """
        path = f"/integrations/{segment('provider_config_key', provider_config_key)}/functions"
        filters = _type(type)
        if search is not None:
            filters.append(("search", check_id("search", search)))
        limit = arguments.whole_number("page_size", page_size, 1, _MAX_PAGE)

        async def fetch(number: int) -> tuple[Sequence[Function], int | None]:
            query = [*filters, ("limit", str(limit))]
            if number:
                query.append(("page", str(number)))
            request = Request(
                "GET",
                "/integrations/{provider_config_key}/functions",
                path,
                query_string(query),
                about_integration(provider_config_key),
            )
            found = await self._calls.fetch(request, _Page)
            return found.data, number + 1 if len(found.data) >= limit else None

        return pages(fetch, 0)

    async def get(
        self,
        provider_config_key: str,
        name: str,
        *,
        type: FunctionType | None = None,  # noqa: A002
    ) -> Function:
        """Give one function.

        Args:
            provider_config_key: the integration.
            name: the function's name.
            type: which one, where a sync and an action have the same name.

        Raises:
            NotFoundError: there is no such function.
        """
        request = _about_one("GET", provider_config_key, name, "", _type(type))
        return (await self._calls.fetch(request, _One)).data

    async def get_code(
        self,
        provider_config_key: str,
        name: str,
        *,
        type: FunctionType | None = None,  # noqa: A002
    ) -> FunctionCode:
        """Give a function's TypeScript source.

        Raises:
            NotFoundError: there is no such function.
            APIStatusError: 409 where several have the name: give `type`.
        """
        request = _about_one("GET", provider_config_key, name, "/code", _type(type))
        return await self._calls.fetch(request, FunctionCode)

    async def delete(
        self,
        provider_config_key: str,
        name: str,
        *,
        type: Literal["sync", "action"],  # noqa: A002
    ) -> None:
        """Delete a function; Nango does it in the background.

        Raises:
            NotFoundError: there is no such function.
            BadRequestError: it was deployed from a repository, which would bring it back.
        """
        query = [("type", arguments.one_of("type", type, "sync", "action"))]
        await self._calls.do(_about_one("DELETE", provider_config_key, name, "", query))

    async def templates(self, provider: str) -> builtins.list[Function]:
        """Give the templates that Nango has for a provider; none for an unknown one."""
        request = Request(
            "GET",
            "/providers/{provider}/templates",
            f"/providers/{arguments.name('provider', provider)}/templates",
            "",
            About("the templates of provider {}", provider, check="its name"),
        )
        found = await self._calls.fetch(request, _Page)
        return builtins.list(found.data)

    async def config(
        self,
        *,
        format: Literal["nango", "openai"] = "nango",  # noqa: A002
    ) -> builtins.list[Mapping[str, object]]:
        """Give the definitions of all functions in the environment, as plain JSON.

        Args:
            format: ``nango`` for an object per integration; ``openai`` for one per function, with
                name, description and the JSON Schema of its parameters. Names are not unique
                across integrations there, and syncs are among them.
        """
        chosen = arguments.one_of("format", format, "nango", "openai")
        query = [] if chosen == "nango" else [("format", chosen)]
        request = Request(
            "GET",
            "/scripts/config",
            "/scripts/config",
            query_string(query),
            About("the definitions of functions"),
        )
        return await self._calls.read(request, _read_config)


def _about_one(
    method: str,
    provider_config_key: str,
    name: str,
    rest: str,
    query: "list[tuple[str, str]]",
) -> Request:
    key = segment("provider_config_key", provider_config_key)
    return Request(
        method,
        "/integrations/{provider_config_key}/functions/{name}" + rest,
        f"/integrations/{key}/functions/{arguments.name('name', name)}{rest}",
        query_string(query),
        About(
            "function {} of integration {}",
            name,
            provider_config_key,
            check="its name and the integration's key",
        ),
    )


def _type(value: object) -> "list[tuple[str, str]]":
    return [] if value is None else [("type", arguments.one_of("type", value, *_TYPES))]


def _read_config(response: Response) -> "list[Mapping[str, object]]":
    document = decode_json(response)
    found = document.get("data") if isinstance(document, Mapping) else document
    definitions = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    result: builtins.list[Mapping[str, object]] = [
        item for item in definitions if isinstance(item, Mapping)
    ]
    if definitions is not found or len(result) < len(definitions):
        raise DecodeError("the answer is not a list of definitions")
    return result
