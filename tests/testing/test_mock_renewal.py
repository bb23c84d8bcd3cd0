"""When `MockNango` makes new tokens, and how that fails."""

import pytest
from asking import ask

from nango_client.testing import FakeClock
from nango_client.testing._state import NangoState

RENEWED = [
    ("OAUTH2", "access_token"),
    ("OAUTH2_CC", "token"),
    ("APP", "access_token"),
    ("JWT", "token"),
    ("TWO_STEP", "token"),
    ("SIGNATURE", "token"),
    ("BILL", "session_id"),
    ("AWS_SIGV4", "session_token"),
]
BACKING_OFF = "A recent refresh attempt failed. Backing off before retrying."
GIVEN_UP = "The refresh limit has been reached for this connection."


@pytest.fixture
def nango() -> NangoState:
    return NangoState()


@pytest.mark.parametrize(("kind", "field"), RENEWED)
def test_tokens_are_renewed_within_the_margin(nango: NangoState, kind: str, field: str) -> None:
    """A token with less than 15 minutes left is renewed by the request, and not before."""
    nango.add_connection("user-42", "github", kind)
    first = ask(nango).credentials
    nango.advance(2700)
    at_the_margin = ask(nango).credentials

    nango.advance(1)
    renewed = ask(nango).credentials

    assert at_the_margin == first
    assert renewed[field] != first[field]
    assert renewed["expires_at"].startswith("2027-01-15T09:45:01")
    assert nango.refresh_count("user-42", "github") == 1


@pytest.mark.parametrize(("kind", "field"), RENEWED)
def test_a_renewal_leaves_no_old_token_behind(nango: NangoState, kind: str, field: str) -> None:
    """The provider's own answer holds the new token too."""
    nango.add_connection("user-42", "github", kind)
    old = ask(nango).credentials[field]

    renewed = ask(nango, force_refresh=True).credentials

    assert old not in str(renewed)
    assert kind in {"JWT", "SIGNATURE"} or str(renewed["raw"]).count(renewed[field]) == 1


@pytest.mark.parametrize("kind", ["OAUTH1", "API_KEY", "BASIC", "TBA", "NONE"])
def test_lasting_credentials_are_never_renewed(nango: NangoState, kind: str) -> None:
    """Credentials without an end stay, also when a renewal is forced."""
    nango.add_connection("user-42", "github", kind)
    first = ask(nango).credentials
    nango.advance(1_000_000)

    assert ask(nango, force_refresh=True).credentials == first
    assert nango.refresh_count("user-42", "github") == 0


def test_forcing_renews_every_time(nango: NangoState) -> None:
    """Each forced request makes another token."""
    nango.add_connection("user-42", "github")

    tokens = {ask(nango, force_refresh=True).credentials["access_token"] for _ in range(3)}

    assert len(tokens) == 3
    assert nango.refresh_count("user-42", "github") == 3


def test_a_renewal_keeps_the_refresh_token(nango: NangoState) -> None:
    """The refresh token serves for the next renewal too."""
    nango.add_connection("user-42", "github")
    first = ask(nango, refresh_token=True).credentials["refresh_token"]

    renewed = ask(nango, refresh_token=True, force_refresh=True).credentials

    assert renewed["refresh_token"] == first


@pytest.mark.parametrize("expires_in", [3600.0, -60.0])
def test_oauth_2_without_refresh_token_stays_as_it_is(nango: NangoState, expires_in: float) -> None:
    """It is answered as it is, expired or not, also when a renewal is forced."""
    wire = {"type": "OAUTH2", "access_token": "abc"}
    nango.add_connection("user-42", "github", wire, expires_in=expires_in)
    first = ask(nango)

    forced = ask(nango, force_refresh=True)

    assert forced.status == first.status == 200
    assert forced.credentials == first.credentials
    assert nango.refresh_count("user-42", "github") == 0


def test_short_lived_tokens_are_renewed_by_every_request(nango: NangoState) -> None:
    """A token that lives under 15 minutes is always within the margin."""
    nango.add_connection("user-42", "github", "JWT", expires_in=300)

    assert len({ask(nango).credentials["token"] for _ in range(3)}) == 3


def test_the_margin_is_the_connections_own(nango: NangoState) -> None:
    """A short margin hands out the same token for longer."""
    nango.add_connection("user-42", "github", renew_margin=30)
    first = ask(nango).credentials
    nango.advance(3570)

    assert ask(nango).credentials == first
    nango.advance(1)
    assert ask(nango).credentials != first


def test_an_expired_token_is_renewed_for_an_hour(nango: NangoState) -> None:
    """A connection that starts expired gets a token that lives."""
    nango.add_connection("user-42", "github", expires_in=-60)

    assert ask(nango).credentials["expires_at"] == "2027-01-15T09:00:00.000Z"


def test_a_token_without_end_is_renewed_by_force_only(nango: NangoState) -> None:
    """Without an end nothing is due, and a forced renewal gives none either."""
    nango.add_connection("user-42", "github", expires_in=None)
    first = ask(nango).credentials["access_token"]
    nango.advance(1_000_000)

    assert ask(nango).credentials["access_token"] == first
    forced = ask(nango, force_refresh=True).credentials
    assert forced["access_token"] != first
    assert "expires_at" not in forced


def test_a_renewed_app_token_ends_at_a_whole_second(nango: NangoState) -> None:
    """Right after its renewal the end of an app's token has no fraction, as on the wire."""
    nango.add_connection("user-42", "github", "APP")
    assert ask(nango).credentials["expires_at"] == "2027-01-15T09:00:00.000Z"

    assert ask(nango, force_refresh=True).credentials["expires_at"] == "2027-01-15T09:00:00Z"


def test_an_app_and_a_user_are_renewed_on_their_own(nango: NangoState) -> None:
    """Of two tokens together only the one that is due is renewed."""
    nango.add_connection(
        "user-42",
        "github",
        {
            "type": "CUSTOM",
            "app": {"type": "APP", "access_token": "app", "raw": {"token": "app"}},
            "user": {"type": "OAUTH2", "access_token": "user"},
            "raw": {"token": "app"},
        },
    )
    nango.advance(3000)

    renewed = ask(nango).credentials

    assert renewed["app"]["access_token"] != "app"
    assert renewed["raw"] == {"token": renewed["app"]["access_token"]}
    assert renewed["user"]["access_token"] == "user"


def test_a_user_without_an_app_is_renewed(nango: NangoState) -> None:
    """Before the app is approved there is a user's token alone."""
    user = {"type": "OAUTH2", "access_token": "user", "refresh_token": "r"}
    nango.add_connection("user-42", "github", {"type": "CUSTOM", "app": None, "user": user})

    renewed = ask(nango, force_refresh=True).credentials

    assert renewed["user"]["access_token"] != "user"
    assert renewed["app"] is None


@pytest.mark.parametrize("kind", ["APP", "CUSTOM"])
def test_the_apps_own_token_is_renewed_on_demand(nango: NangoState, kind: str) -> None:
    """The option for GitHub apps makes a new jwtToken and leaves the access token."""
    nango.add_connection("user-42", "github", kind)

    def tokens(*, sign: bool = False) -> tuple[str, str]:
        credentials = ask(nango, refresh_github_app_jwt_token=sign).credentials
        app = credentials.get("app", credentials)
        return app["access_token"], app["jwtToken"]

    access, own = tokens()

    assert tokens(sign=True)[0] == access
    assert tokens()[1] != own


def test_a_broken_renewal_does_no_harm_before_it_is_due(nango: NangoState) -> None:
    """A token that needs no renewal is answered."""
    nango.add_connection("user-42", "github")

    nango.break_refresh("user-42", "github")

    assert ask(nango).status == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("OAUTH2", 400),
        ("OAUTH2_CC", 400),
        ("AWS_SIGV4", 502),
        ("BILL", 500),
        ("JWT", 500),
        ("CUSTOM", 400),
    ],
)
def test_a_failed_renewal_is_answered_instead_of_the_token(
    nango: NangoState, kind: str, status: int
) -> None:
    """Within the margin a failure is the answer, with the connection but without credentials."""
    nango.add_connection("user-42", "github", kind, tags={"end_user_email": "ada@example.com"})
    nango.break_refresh("user-42", "github")
    nango.advance(3000)

    reply = ask(nango)

    assert reply.status == status
    assert reply.error["code"] == "invalid_credentials"
    assert reply.error["payload"]["connection"]["credentials"] == {}
    assert reply.error["payload"]["connection"]["errors"][0]["type"] == "auth"
    assert nango.refresh_count("user-42", "github") == 0


@pytest.mark.parametrize("kind", ["OAUTH2_CC", "BILL"])
def test_some_failures_embed_the_servers_data(nango: NangoState, kind: str) -> None:
    """The message of these kinds holds a database row, so that careless logging shows."""
    nango.add_connection("user-42", "github", kind)
    nango.break_refresh("user-42", "github")

    assert '"credentials_iv":"fake-iv"' in ask(nango, force_refresh=True).error["message"]


def test_after_a_failure_the_server_waits_30_seconds(nango: NangoState) -> None:
    """Requests after a failed renewal are told to wait, then the next renewal is tried."""
    nango.add_connection("user-42", "github", expires_in=60)
    nango.break_refresh("user-42", "github")
    assert ask(nango).status == 400
    nango.advance(29)
    reply = ask(nango)
    assert (reply.status, reply.error["message"]) == (424, BACKING_OFF)

    nango.advance(1)

    assert ask(nango).status == 400


def test_a_mended_renewal_works_after_the_wait(nango: NangoState) -> None:
    """The server does not notice that the provider works again before it tries."""
    nango.add_connection("user-42", "github", expires_in=60)
    nango.break_refresh("user-42", "github")
    ask(nango)
    nango.mend_refresh("user-42", "github")
    assert ask(nango).status == 424

    nango.advance(30)
    reply = ask(nango)

    assert reply.status == 200
    assert reply.document["errors"] == []
    assert nango.refresh_count("user-42", "github") == 1


def test_a_clock_that_is_set_back_ends_the_wait() -> None:
    """The wait is measured by the wall clock and never longer than 30 seconds."""
    clock = FakeClock()
    nango = NangoState(clock=clock)
    nango.add_connection("user-42", "github", expires_in=60)
    nango.break_refresh("user-42", "github")
    ask(nango)

    clock.jump(wall=-10)

    assert ask(nango).status == 400


def test_forcing_passes_over_the_wait(nango: NangoState) -> None:
    """A forced request asks the provider although the server is waiting."""
    nango.add_connection("user-42", "github", expires_in=60)
    nango.break_refresh("user-42", "github")
    ask(nango)

    assert ask(nango, force_refresh=True).status == 400
    nango.mend_refresh("user-42", "github")
    assert ask(nango, force_refresh=True).status == 200
    assert ask(nango).status == 200


def test_an_exhausted_connection_is_given_up(nango: NangoState) -> None:
    """After days of failures the server tries no more, until a forced request succeeds."""
    nango.add_connection("user-42", "github", expires_in=60)
    nango.break_refresh("user-42", "github", exhausted=True)

    reply = ask(nango)
    assert (reply.status, reply.error["message"]) == (424, GIVEN_UP)
    assert ask(nango, force_refresh=True).status == 400
    nango.mend_refresh("user-42", "github")
    assert ask(nango).error["message"] == GIVEN_UP
    assert ask(nango, force_refresh=True).status == 200
    assert ask(nango).status == 200


def test_unreadable_ends_are_left_alone(nango: NangoState) -> None:
    """A date that nobody can read is answered as given, so that clients can be tried with it."""
    wire = {"type": "OAUTH2", "access_token": "a", "refresh_token": "r", "expires_at": "soon"}
    nango.add_connection("user-42", "github", wire)

    assert ask(nango).credentials["expires_at"] == "soon"
