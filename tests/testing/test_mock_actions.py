"""Actions at `MockNango`: what they return, how they fail, and runs that nobody waits for."""

from typing import Any

import pytest
from asking import Reply, delete, send

from nango_client import ActionError, ActionPendingError
from nango_client.testing import MockNango
from nango_client.testing._state import NangoState

IDS = ("user-42", "github")
_UNSENT = object()


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    nango.add_connection(*IDS)
    return nango


def call(nango: NangoState, name: str = "act", given: Any = _UNSENT, **headers: str) -> Reply:
    body = {"action_name": name} | ({} if given is _UNSENT else {"input": given})
    sent = {
        "Authorization": f"Bearer {nango.api_key}",
        "Content-Type": "application/json",
        "Connection-Id": "user-42",
        "Provider-Config-Key": "github",
        **{f"X-{name.replace('_', '-')}": value for name, value in headers.items()},
    }
    return send(nango, "/action/trigger", method="POST", headers=sent, body=body)


def result(nango: NangoState, started: Reply) -> Reply:
    return send(nango, started.document["statusUrl"])


@pytest.mark.parametrize("value", [{"a": [1, None]}, [], "text", 0, None])
def test_an_action_returns_what_it_was_given(nango: NangoState, value: Any) -> None:
    """Any JSON is an answer."""
    nango.add_action("github", "act", value)

    reply = call(nango)

    assert (reply.status, reply.document) == (200, value)


@pytest.mark.parametrize(
    ("given", "seen"), [({}, {}), ([], []), (0, None), ("", None), (False, None), (7, 7)]
)
def test_a_function_is_called_with_the_input(nango: NangoState, given: Any, seen: Any) -> None:
    """But for what JavaScript takes for false: that is null."""
    nango.add_action("github", "act", lambda value: {"seen": value})

    assert call(nango, given=given).document == {"seen": seen}


def test_a_function_may_use_the_server(nango: NangoState) -> None:
    """It is called where that does no harm."""

    def act(_: Any) -> str:
        nango.add_connection("made-by-an-action", "github")
        return "done"

    nango.add_action("github", "act", act)

    assert call(nango).document == "done"
    assert nango.refresh_count("made-by-an-action", "github") == 0


class _PayloadError(Exception):
    def __init__(self) -> None:
        super().__init__()
        self.payload = {"type": "contact_exists"}


def _raise(error: Exception) -> Any:
    def act(_: Any) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (
            _PayloadError(),
            500,
            {"code": "action_script_runtime_error", "payload": {"type": "contact_exists"}},
        ),
        (
            ValueError("no"),
            500,
            {"code": "action_script_runtime_error", "payload": {"message": "no"}},
        ),
        (
            ActionError("", code="execution_timeout", payload=[1]),
            500,
            {"code": "execution_timeout", "payload": [1]},
        ),
        (
            ActionError("", upstream={"status": 409, "headers": {}, "body": {"a": 1}}),
            424,
            {
                "code": "script_http_error",
                "payload": {"a": 1},
                "upstream": {"status": 409, "headers": {}, "body": {"a": 1}},
            },
        ),
        (
            ActionError("", code="script_api_rate_limit_error", payload=0, upstream={}),
            424,
            {"code": "script_api_rate_limit_error", "payload": 0, "upstream": {}},
        ),
    ],
)
def test_an_exception_is_the_actions_failure(
    nango: NangoState, error: Exception, status: int, expected: Any
) -> None:
    """Given or raised, its payload and the answer of its own call are told."""
    nango.add_action("github", "given", error)
    nango.add_action("github", "raised", _raise(error))

    for name in ("given", "raised"):
        reply = call(nango, name)
        assert reply.status == status
        assert {key: reply.error[key] for key in expected} == expected
        assert reply.error.keys() - expected.keys() <= {"message"}


def test_a_function_that_returns_no_json_has_failed(nango: NangoState) -> None:
    """The action's failure says so."""
    nango.add_action("github", "act", lambda _: object())

    assert "not" in call(nango).error["payload"]["message"]


def test_runs_end_one_after_the_other(nango: NangoState) -> None:
    """Each takes its time by the server's clock, and none is found before its end."""
    nango.add_action("github", "act", lambda value: value, async_delay=10)
    first, second = (call(nango, given=number, Async="true") for number in (1, 2))

    nango.advance(10)
    assert result(nango, first).document == 1
    assert result(nango, second).error["code"] == "not_found"
    nango.advance(10)
    assert result(nango, second).document == 2
    nango.advance(5 * 86_400 + 1)
    assert result(nango, second).status == 404
    assert [one.request.path for one in nango.unexpected_requests] == [second.headers["Location"]]


def test_a_run_that_fails_is_tried_again(nango: NangoState) -> None:
    """As often as the request allows, and only where nobody waits."""
    left = [1, 2, 3]

    def act(_: Any) -> str:
        if left:
            raise ValueError(left.pop())
        return "done"

    nango.add_action("github", "act", act)

    assert call(nango, Max_Retries="5").status == 500
    assert result(nango, call(nango, Async="yes", Max_Retries="1")).status == 500
    assert result(nango, call(nango, Async="1", Max_Retries="0")).document == "done"
    assert call(nango, Async="perhaps").error["errors"][0]["path"] == ["x-async"]
    assert call(nango, Max_Retries="6").error["errors"][0]["path"] == ["x-max-retries"]


def test_only_actions_that_are_deployed_and_enabled_run(nango: NangoState) -> None:
    """A deployed function of which nothing is known returns nothing."""
    nango.add_action("github", "act", 1)
    nango.add_action("github", "other", 1)
    nango.add_function("github", "bare")
    nango.add_function("github", "off", enabled=False)
    nango.add_function("github", "issues", "sync")

    assert call(nango, "bare").document is None
    assert call(nango, "off").error["code"] == "disabled_resource"
    delete(nango, "/integrations/github/functions/act?type=action")
    delete(nango, "/integrations/github/functions/issues?type=sync")
    assert call(nango, "act").error == {"code": "not_found", "message": "Action not found"}
    assert "add_action('github', 'act')" in str(nango.unexpected_requests[-1])
    delete(nango, "/integrations/github")
    nango.add_connection(*IDS)
    nango.add_function("github", "act")
    nango.add_function("github", "other")
    assert [call(nango, name).document for name in ("act", "other")] == [None, None]


@pytest.mark.parametrize("run_id", ["7", "nope", "00000000-0000-4000-8000-00000000000g"])
def test_a_runs_id_is_a_uuid(nango: NangoState, run_id: str) -> None:
    """Anything else is refused before it is looked for."""
    assert send(nango, f"/action/{run_id}").error["code"] == "invalid_uri_params"


def test_mistakes_of_a_test_are_told(nango: NangoState) -> None:
    """Names, delays and results that cannot be."""

    async def act(_: Any) -> None: ...

    with pytest.raises(ValueError, match="an action's name"):
        nango.add_action("github", "my action")
    with pytest.raises(ValueError, match="async_delay is seconds"):
        nango.add_action("github", "act", async_delay=-1)
    with pytest.raises(TypeError, match="coroutine"):
        nango.add_action("github", "act", act)
    with pytest.raises(TypeError):
        nango.add_action("github", "act", object())


@pytest.mark.asyncio
async def test_a_client_starts_an_action_and_fetches_the_result() -> None:
    """Pending until the clock has moved on."""
    async with MockNango() as server, server.client() as nango:
        server.add_connection(*IDS)
        server.add_action("github", "act", {"number": 7}, async_delay=60)

        run = await nango.actions.start(*IDS, "act")
        with pytest.raises(ActionPendingError):
            await nango.actions.result(run)
        server.advance(60)

        assert await nango.actions.result(run) == {"number": 7}
