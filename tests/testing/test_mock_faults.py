"""Failures, delays and drops that a test scripts."""

import pytest
from asking import ask, send

from nango_client.testing._state import NangoState


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    nango.add_connection("user-42", "github")
    nango.add_connection("user-43", "github")
    nango.add_connection("user-42", "gitlab")
    return nango


def reaction(nango: NangoState, connection_id: str = "user-42") -> tuple[bool, float]:
    """Whether a request is answered, and after which delay."""
    target = f"/connection/{connection_id}?provider_config_key=github"
    reaction = nango.react("GET", target, {"Authorization": f"Bearer {nango.api_key}"})
    return reaction.answer is not None, reaction.delay


def test_the_next_requests_fail_so_many_times(nango: NangoState) -> None:
    """A scripted failure happens as often as told, then all is well."""
    nango.fail_next(503, 2)

    assert [ask(nango).status for _ in range(3)] == [503, 503, 200]


def test_failures_come_in_the_order_scripted(nango: NangoState) -> None:
    """Several scripted failures wait for one another."""
    nango.fail_next(503)
    nango.fail_next(429, times=2)
    nango.fail_next(500)

    assert [ask(nango).status for _ in range(5)] == [503, 429, 429, 500, 200]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unknown_account"), (429, "too_many_request"), (502, "server_error")]
)
def test_a_failure_has_nangos_shape(nango: NangoState, status: int, code: str) -> None:
    """Without a body of its own a failure is Nango's error object, without a message."""
    nango.fail_next(status)

    assert ask(nango).document == {"error": {"code": code}}


def test_code_and_message_can_be_given(nango: NangoState) -> None:
    """The error object holds what the test wants."""
    nango.fail_next(400, code="invalid_credentials", message="no")

    assert ask(nango).error == {"code": "invalid_credentials", "message": "no"}


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        ({"a": [1]}, "application/json; charset=utf-8", b'{"a":[1]}'),
        ([], "application/json; charset=utf-8", b"[]"),
        ("<h1>é</h1>", "text/html; charset=utf-8", "<h1>é</h1>".encode()),
        (b"\xff", None, b"\xff"),
    ],
)
def test_a_body_can_be_given(
    nango: NangoState, body: object, content_type: str | None, sent: bytes
) -> None:
    """A JSON value, a text or bytes are sent as they are, each with a fitting content type."""
    nango.fail_next(502, body=body)

    answer = nango.react("GET", "/", {}).answer

    assert answer is not None
    assert answer.body == sent
    assert answer.headers.get("Content-Type") == content_type


def test_headers_can_be_given(nango: NangoState) -> None:
    """Given headers are sent, in the place of ours too, whatever their case."""
    nango.fail_next(
        429, headers={"Retry-After": "3", "content-type": "text/plain", "date": "never"}
    )

    answer = nango.react("GET", "/", {}).answer

    assert answer is not None
    assert answer.headers["Retry-After"] == "3"
    assert answer.headers.getall("Content-Type") == ["text/plain"]
    assert answer.headers.getall("Date") == ["never"]


def test_a_failure_carries_no_limits_of_its_own(nango: NangoState) -> None:
    """A scripted 429 asks for no wait unless told to."""
    nango.fail_next(429)

    assert not {"Retry-After", "X-RateLimit-Reset"} & ask(nango).headers.keys()


def test_every_time_a_failure_is_dated_anew(nango: NangoState) -> None:
    """The date of a failure that happens twice is each time's own."""
    nango.fail_next(503, times=2)
    first = ask(nango).headers["Date"]
    nango.advance(1)

    assert first == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert ask(nango).headers["Date"] == "Fri, 15 Jan 2027 08:00:01 GMT"


def test_a_status_without_body_has_none(nango: NangoState) -> None:
    """A 204 has neither body nor content type."""
    nango.fail_next(204)

    answer = nango.react("GET", "/", {}).answer

    assert answer is not None
    assert answer.body == b""
    assert "Content-Type" not in answer.headers


def test_a_failure_changes_nothing_at_the_server(nango: NangoState) -> None:
    """A request that fails renews nothing."""
    nango.fail_next(503)
    ask(nango, force_refresh=True)

    assert nango.refresh_count("user-42", "github") == 0


@pytest.mark.parametrize(
    ("status", "more", "text"),
    [
        (99, {}, "200 to 599"),
        (600, {}, "200 to 599"),
        (503, {"times": 0}, "1 or more"),
        (503, {"headers": {"A": "b\r\nC: d"}}, "header"),
        (503, {"headers": {"A": "\u20ac"}}, "header"),
        (503, {"headers": {"": "a"}}, "header"),
    ],
)
def test_what_http_cannot_carry_is_refused(
    nango: NangoState, status: int, more: dict[str, object], text: str
) -> None:
    """A failure that could not be sent is refused when it is scripted."""
    with pytest.raises(ValueError, match=text):
        nango.fail_next(status, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("more", [{"code": "a"}, {"message": "a"}])
def test_a_body_excludes_code_and_message(nango: NangoState, more: dict[str, str]) -> None:
    """A whole body and parts of one contradict each other."""
    with pytest.raises(TypeError, match="not both"):
        nango.fail_next(400, body={}, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_failure_can_be_for_one_connection(nango: NangoState) -> None:
    """Requests for others pass while a failure waits for its connection."""
    nango.fail_next(503, connection_id="user-43")
    nango.fail_next(500, connection_id="user-42", provider_config_key="gitlab")

    assert ask(nango, "user-42", "github").status == 200
    assert ask(nango, "user-43", "github").status == 503
    assert ask(nango, "user-42", "gitlab").status == 500
    assert ask(nango, "user-43", "github").status == 200


def test_a_failure_can_be_for_one_integration(nango: NangoState) -> None:
    """An outage may concern all connections of a provider."""
    nango.fail_next(503, 2, provider_config_key="github")

    assert ask(nango, "user-42", "gitlab").status == 200
    assert [ask(nango, name).status for name in ("user-42", "user-43")] == [503, 503]


def test_a_failure_for_a_connection_leaves_other_paths(nango: NangoState) -> None:
    """Paths that name no connection are not concerned."""
    nango.fail_next(503, connection_id="user-42")

    assert send(nango, "/nope").status == 200


def test_delays_are_for_the_next_requests(nango: NangoState) -> None:
    """Answers are held back as often as told, for one connection if told so."""
    nango.delay_next(0.5, 2, connection_id="user-42", provider_config_key="github")

    assert reaction(nango, "user-43") == (True, 0.0)
    assert [reaction(nango) for _ in range(3)] == [(True, 0.5), (True, 0.5), (True, 0.0)]


def test_drops_are_for_the_next_requests(nango: NangoState) -> None:
    """Requests go unanswered as often as told, for one connection if told so."""
    nango.drop_next(2, connection_id="user-42")

    assert reaction(nango, "user-43") == (True, 0.0)
    assert [reaction(nango)[0] for _ in range(3)] == [False, False, True]


def test_a_delayed_request_may_fail_as_well(nango: NangoState) -> None:
    """A delay and a failure scripted together happen to the same request."""
    nango.delay_next(0.5)
    nango.drop_next()

    assert [reaction(nango) for _ in range(2)] == [(False, 0.5), (True, 0.0)]


def test_unanswered_requests_are_recorded_too(nango: NangoState) -> None:
    """What reached the server counts, whatever became of it."""
    nango.drop_next()
    nango.fail_next(503)
    reaction(nango)
    reaction(nango)

    assert [request.connection_id for request in nango.requests] == ["user-42", "user-42"]
