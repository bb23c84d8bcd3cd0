"""The rate limit of `MockNango`: windows of a minute."""

import pytest
from asking import Reply, ask

from nango_client.testing import FakeClock
from nango_client.testing._state import NangoState


def limits(reply: Reply) -> tuple[int, str, str, str]:
    """The status and the numbers of the limit."""
    headers = (f"X-RateLimit-{name}" for name in ("Limit", "Remaining", "Reset"))
    limit, remaining, reset = (reply.headers[name] for name in headers)
    return reply.status, limit, remaining, reset


def limited(limit: int | None, clock: FakeClock | None = None) -> NangoState:
    nango = NangoState(rate_limit=limit, clock=clock)
    nango.add_connection("user-42", "github", "API_KEY")
    return nango


def test_answers_tell_what_is_left() -> None:
    """Each answer carries the limit, what is left of it, and the end of the window."""
    nango = limited(2)

    assert limits(ask(nango)) == (200, "2", "1", "1800000060")
    assert limits(ask(nango)) == (200, "2", "0", "1800000060")


def test_beyond_the_limit_requests_are_refused() -> None:
    """The next request is a 429 that says how long to wait, cut to whole seconds."""
    nango = limited(1)
    ask(nango)
    nango.advance(10.25)

    reply = ask(nango)

    assert limits(reply) == (429, "1", "0", "1800000060")
    assert reply.headers["Retry-After"] == "49"
    assert reply.error == {
        "code": "too_many_request",
        "method": "GET",
        "path": "/connection/user-42",
    }


def test_the_wait_may_be_zero_seconds() -> None:
    """In the last second of a window the wait is cut down to nothing."""
    nango = limited(1)
    ask(nango)
    nango.advance(59.5)

    assert ask(nango).headers["Retry-After"] == "0"


def test_a_new_window_begins_after_a_minute() -> None:
    """After the window's end requests are answered, in a window that begins with the next one."""
    nango = limited(1)
    ask(nango)
    assert ask(nango).status == 429
    nango.advance(75)

    assert limits(ask(nango)) == (200, "1", "0", "1800000135")


def test_a_clock_that_is_set_back_begins_a_new_window() -> None:
    """Nobody waits longer than a window because a clock was wrong."""
    clock = FakeClock()
    nango = limited(1, clock)
    ask(nango)

    clock.jump(wall=-3600)

    assert ask(nango).status == 200


def test_all_keys_share_the_limit() -> None:
    """The limit is the account's, whichever key asks."""
    nango = limited(1)
    ask(nango)

    assert ask(nango, api_key=nango.add_key()).status == 429


def test_without_a_limit_nothing_is_refused() -> None:
    """The default limit shows in the headers, but there is always something left."""
    nango = limited(None)

    replies = [ask(nango) for _ in range(250)]

    assert {reply.status for reply in replies} == {200}
    assert limits(replies[0]) == (200, "200", "199", "1800000060")
    assert limits(replies[-1]) == (200, "200", "1", "1800000060")


def test_a_limit_of_nothing_refuses_all() -> None:
    """With a limit of 0 the first request is refused."""
    assert ask(limited(0)).status == 429


def test_a_negative_limit_is_refused() -> None:
    """A limit below nothing is a mistake."""
    with pytest.raises(ValueError, match="-1"):
        limited(-1)
