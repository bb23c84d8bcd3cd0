"""Lists in pages, and waiting for what is to come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scripted import Scripted

from nango_client import (
    BadRequestError,
    NotFoundError,
    RetryPolicy,
    TimeoutPolicy,
    WaitTimeoutError,
)

pytestmark = pytest.mark.asyncio

CREATED = datetime(2026, 11, 27, 12, tzinfo=UTC)


def summary(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "connection_id": f"user-{number}",
        "provider_config_key": "github",
        "created": CREATED.isoformat(),
    }


def page(*numbers: int) -> tuple[int, Any]:
    return 200, {"connections": [summary(number) for number in numbers]}


async def test_pages_are_asked_for_one_after_the_other_until_one_is_short() -> None:
    """Only what is wanted is asked for."""
    async with Scripted(page(9, 8), page(7, 6), page(5)) as server, server.client() as nango:
        found = [item.id async for item in nango.connections.list(page_size=2)]

        assert found == [9, 8, 7, 6, 5]
        assert [dict(asked.query) for asked in server.requests] == [
            {"limit": "2"},
            {"limit": "2", "page": "1"},
            {"limit": "2", "page": "2"},
        ]


async def test_leaving_after_the_first_item_costs_one_request() -> None:
    """A page is asked for when its first item is wanted."""
    async with Scripted(page(9, 8), page(7)) as server, server.client() as nango:
        items = nango.connections.list(page_size=2)
        assert server.requests == []
        async for item in items:
            assert item.id == 9
            break

        assert len(server.requests) == 1


async def test_a_connection_that_comes_twice_is_given_once() -> None:
    """Others that are made meanwhile push it to the next page, or pages further."""
    pages = [page(9, 8), page(8, 7), page(9, 6), page(6, 5000), page(4)]
    async with Scripted(*pages) as server, server.client() as nango:
        found = [item.id async for item in nango.connections.list(page_size=2)]

        assert found == [9, 8, 7, 6, 5000, 4]


async def test_the_first_is_one_request_for_one_row() -> None:
    """The newest that matches, or None."""
    async with Scripted(page(9), page()) as server, server.client() as nango:
        newest = await nango.connections.first(tags={"End_User_Id": "u"})
        nobody = await nango.connections.first(organization_id="o")

        assert newest is not None
        assert newest.connection_id == "user-9"
        assert nobody is None
        assert [dict(asked.query) for asked in server.requests] == [
            {"tags[end_user_id]": "u", "limit": "1"},
            {"endUserOrganizationId": "o", "limit": "1"},
        ]


async def test_metadata_is_read_without_touching_the_credentials() -> None:
    """By the list; empty where there is none, an error where there is no connection."""
    with_metadata = {**summary(1), "metadata": {"a": 1}}
    answers = [(200, {"connections": [with_metadata]}), page(1), page()]
    async with Scripted(*answers) as server, server.client() as nango:
        assert await nango.connections.get_metadata("user-1", "github") == {"a": 1}
        assert await nango.connections.get_metadata("user-1", "github") == {}
        with pytest.raises(NotFoundError) as raised:
            await nango.connections.get_metadata("user-1", "github")

        assert "connection 'user-1' of integration 'github'" in str(raised.value)
        assert dict(server.requests[0].query) == {
            "integrationId": "github",
            "connectionId": "user-1",
            "limit": "1",
        }


async def test_waiting_ends_with_the_connection() -> None:
    """It asks until there is one."""
    async with Scripted(page(), page(), page(9)) as server, server.client() as nango:
        found = await nango.connections.wait_for(end_user_id="u", interval=0.001)

        assert found.id == 9
        assert len(server.requests) == 3


async def test_waiting_does_not_take_what_was_there_before() -> None:
    """A moment sets apart the connection that is waited for."""
    async with Scripted(page(9)) as server, server.client() as nango:
        found = await nango.connections.wait_for(search="u", created_after=CREATED)
        assert found.id == 9
        with pytest.raises(WaitTimeoutError):
            await nango.connections.wait_for(
                search="u", created_after=CREATED + timedelta(seconds=1), timeout=0.0
            )


TROUBLE = [
    None,
    (500, {}),
    (401, "login"),
    (403, "<title>"),
    (404, "404 page not found"),
    (429, {}),
]


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_is_no_reason_to_stop_waiting(trouble: Any) -> None:
    """Only an answer of Nango's that speaks against it is."""
    async with (
        Scripted(trouble, page(9)) as server,
        server.client(retry=RetryPolicy(max_attempts=1)) as nango,
    ):
        found = await nango.connections.wait_for(search="u", interval=0.001)

        assert found.id == 9


async def test_an_answer_that_speaks_against_it_ends_the_waiting() -> None:
    """Asking again would not change it."""
    refusal = (400, {"error": {"code": "invalid_query_params"}})
    async with Scripted(refusal) as server, server.client() as nango:
        with pytest.raises(BadRequestError):
            await nango.connections.wait_for(search="u")

        assert len(server.requests) == 1


async def test_a_limit_of_the_client_does_not_end_the_waiting() -> None:
    """A request that hangs is trouble too, and the limit of the whole is kept."""
    from nango_client.testing import MockNango

    with MockNango() as server:
        server.add_connection("user-42", "github")
        server.delay_next(5)
        policies = {"retry": RetryPolicy(max_attempts=1), "timeout": TimeoutPolicy(attempt=0.1)}
        async with server.client(**policies) as nango:  # type: ignore[typeddict-item]
            found = await nango.connections.wait_for(search="user", interval=0.01)

        assert found.connection_id == "user-42"
        assert len(server.requests) == 2


async def test_waiting_in_vain_is_a_timeout() -> None:
    """Also in the sense of the builtin."""
    async with Scripted(page()) as server, server.client() as nango:
        with pytest.raises(WaitTimeoutError) as raised:
            await nango.connections.wait_for(search="u", timeout=0.05, interval=0.01)

        assert isinstance(raised.value, TimeoutError)
        assert "0.05 s" in str(raised.value)


async def test_nothing_is_asked_before_the_end_that_a_429_names() -> None:
    """Where that is beyond the limit, the waiting ends without another request."""
    async with (
        Scripted((429, {}), headers={"Retry-After": "30"}) as server,
        server.client(retry=RetryPolicy(max_attempts=1)) as nango,
    ):
        with pytest.raises(WaitTimeoutError):
            await nango.connections.wait_for(search="u", timeout=0.05, interval=0.001)

        assert len(server.requests) == 1


async def test_a_request_that_hangs_beyond_the_limit_is_given_up() -> None:
    """The limit of the whole counts for a request as well."""
    from nango_client.testing import MockNango

    with MockNango() as server:
        server.delay_next(5, times=9)
        async with server.client() as nango:
            with pytest.raises(WaitTimeoutError):
                await nango.connections.wait_for(search="u", timeout=0.05)


async def test_variables_show_their_names_alone() -> None:
    """They are a mapping that cannot be pickled or changed."""
    import pickle

    wire = [{"name": "A", "value": "canary"}, {"name": "B", "value": ""}]
    async with Scripted((200, wire), (200, [])) as server, server.client() as nango:
        variables = await nango.environment.variables()
        none = await nango.environment.variables()

    assert dict(variables) == {"A": "canary", "B": ""}
    assert len(variables) == 2
    assert repr(variables) == "<Variables A, B>"
    assert repr(none) == "<Variables none>"
    with pytest.raises(TypeError):
        pickle.dumps(variables)


@pytest.mark.parametrize("body", [{}, {"data": 1}, {"data": [1]}, 5, "x", {"data": "x"}])
async def test_definitions_of_another_form_are_an_error(body: Any) -> None:
    """The answer is a list, bare or as data."""
    from nango_client import DecodeError

    async with Scripted((200, body)) as server, server.client() as nango:
        with pytest.raises(DecodeError):
            await nango.functions.config(format="openai")


async def test_an_item_that_cannot_be_read_is_named_by_its_place() -> None:
    """Where it is in the list, and in the item."""
    from nango_client import DecodeError

    wrong = {**summary(1), "id": "x"}
    async with (
        Scripted((200, {"connections": [summary(2), wrong]})) as server,
        server.client() as nango,
    ):
        with pytest.raises(DecodeError) as raised:
            await nango.connections.first(search="u")

        assert raised.value.path == "connections.1.id"


@pytest.mark.parametrize("rest", ["not JSON", {"data": {"token": 1}}, []])
async def test_an_answer_that_cannot_be_read_names_the_field(rest: Any) -> None:
    """Never its value."""
    from nango_client import DecodeError

    async with Scripted((200, rest)) as server, server.client() as nango:
        with pytest.raises(DecodeError):
            await nango.connect_sessions.create(tags={"a": "b"})
