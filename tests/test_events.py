"""What operators see: events and log records, and hooks that may fail."""

import asyncio
import logging

import attrs
import pytest

from nango_client import DecodeError, Event
from nango_client._events import Reporter, logger
from nango_client.testing import MockNango


def test_an_event_is_frozen_and_has_no_room_for_ids() -> None:
    """Its fields are the allow-list."""
    names = [field.name for field in attrs.fields(Event)]

    assert names == [
        "kind", "method", "route", "attempt", "status", "delay", "elapsed", "error",
    ]  # fmt: skip
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Event("hit").kind = "miss"  # type: ignore[misc]


def test_the_hook_is_given_events(caplog: pytest.LogCaptureFixture) -> None:
    """An error is named by its class."""
    events: list[Event] = []

    Reporter(events.append).report("attempt", attempt=1, status=503, error=ValueError("canary"))

    assert events == [Event("attempt", attempt=1, status=503, error="ValueError")]
    assert caplog.text == ""


def test_events_are_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """One line of name=value; hits are left out, they are too many."""
    caplog.set_level(logging.DEBUG, "nango_client")
    reporter = Reporter(None)

    reporter.report("retry", attempt=1, delay=0.5)
    reporter.report("hit")

    assert [record.getMessage() for record in caplog.records] == [
        "kind=retry method=GET route=/connection/{connection_id} attempt=1 delay=0.5"
    ]


@pytest.mark.parametrize("kind", [LookupError, asyncio.CancelledError])
def test_a_hook_that_raises_does_not_reach_the_call(
    caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    """Its exception is logged by its class, without its text."""

    def broken(_: Event) -> None:
        raise kind("canary")

    Reporter(broken).report("miss")

    assert f"the on_event hook raised {kind.__name__}" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_read_is_an_attempt_that_failed(
    nango_server: MockNango,
) -> None:
    """An operator sees that renewals bring nothing."""
    events: list[Event] = []
    nango_server.fail_next(200, body="<html>")

    async with nango_server.client(on_event=events.append) as client:
        with pytest.raises(DecodeError):
            await client.get_token("user-42", "github")

    assert [(e.kind, e.status, e.error) for e in events] == [
        ("miss", None, None),
        ("attempt", 200, "DecodeError"),
    ]


def test_the_logger_is_silent_by_default() -> None:
    """A library adds a NullHandler and leaves the rest to the application."""
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
