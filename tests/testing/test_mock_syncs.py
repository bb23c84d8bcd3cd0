"""Syncs at `MockNango`: what a run is, who starts and stops it, and variants."""

from typing import Any

import pytest
from asking import Reply, delete, post, send

from nango_client.testing._account.syncs import seconds_of
from nango_client.testing._state import NangoState

IDS = ("user-42", "github")
BOTH = {"provider_config_key": "github", "connection_id": "user-42"}


@pytest.fixture
def nango() -> NangoState:
    nango = NangoState()
    nango.add_connection(*IDS)
    return nango


def status(nango: NangoState, names: str = "*", more: str = "&connection_id=user-42") -> Any:
    path = f"/sync/status?provider_config_key=github&syncs={names}{more}"
    return send(nango, path).document["syncs"]


def command(nango: NangoState, verb: str, *names: Any, **more: Any) -> Reply:
    return post(nango, f"/sync/{verb}", {"syncs": names, **BOTH, **more})


def frequency(nango: NangoState, value: str | None, **more: Any) -> Reply:
    body = {"sync_name": "issues", "frequency": value, **BOTH, **more}
    return send(nango, "/sync/update-connection-frequency", method="PUT", body=body)


def variant(nango: NangoState, name: str, method: str = "POST", sync: str = "issues") -> Reply:
    return send(nango, f"/sync/{sync}/variant/{name}", method=method, body=BOTH)


def add_issues(nango: NangoState, *numbers: int) -> None:
    nango.add_records(*IDS, "Issue", [{"id": n} for n in numbers])


def test_a_run_counts_what_changed_since_the_one_before(nango: NangoState) -> None:
    """The first is made by adding the sync; each has its own results."""
    add_issues(nango, 1, 2)
    nango.add_sync(*IDS, "issues", ("Issue", "Label"))
    (first,) = status(nango)
    nango.advance(60)
    add_issues(nango, 2, 3)
    nango.delete_records(*IDS, "Issue", ["1"])

    command(nango, "trigger", "issues")

    (second,) = status(nango)
    nothing = {"added": 0, "updated": 0, "deleted": 0}
    added = {"added": 2, "updated": 0, "deleted": 0}
    assert first["latestResult"] == {"Issue": added, "Label": nothing}
    changed = {"added": 1, "updated": 1, "deleted": 1}
    assert second["latestResult"] == {"Issue": changed, "Label": nothing}
    assert second["recordCount"] == {"Issue": 2, "Label": 0}
    assert (first["status"], first["finishedAt"]) == ("SUCCESS", "2027-01-15T08:00:00.000Z")
    assert (second["status"], second["finishedAt"]) == ("SUCCESS", "2027-01-15T08:01:00.000Z")
    assert second["nextScheduledSyncAt"] == "2027-01-16T08:01:00.000Z"


def test_a_run_may_do_something_and_may_fail(nango: NangoState) -> None:
    """What it adds counts; what it raises makes it an error until one goes well."""
    outcomes: list[Exception | None] = [None, RuntimeError("it broke"), None]

    def run() -> None:
        add_issues(nango, len(outcomes))
        if error := outcomes.pop(0):
            raise error

    nango.add_sync(*IDS, "issues", ["Issue"], on_run=run)
    assert status(nango)[0]["latestResult"]["Issue"]["added"] == 1

    command(nango, "trigger")
    failed = status(nango)[0]
    assert (failed["status"], failed["latestExecutionStatus"]) == ("ERROR", "ERROR")

    command(nango, "trigger")
    assert status(nango)[0]["status"] == "SUCCESS"


def test_a_paused_sync_stays_paused_when_it_is_triggered(nango: NangoState) -> None:
    """How it went is told beside; started, it does not run again by that."""
    nango.add_sync(*IDS, "issues", ["Issue"], paused=True)
    assert "finishedAt" not in status(nango)[0]

    command(nango, "trigger", "issues")
    paused = status(nango)[0]
    assert (paused["status"], paused["latestExecutionStatus"]) == ("PAUSED", "SUCCESS")
    assert paused["nextScheduledSyncAt"] is None

    nango.advance(90_000)
    command(nango, "start", "issues")
    started = status(nango)[0]
    assert (started["status"], started["finishedAt"]) == ("SUCCESS", paused["finishedAt"])
    assert started["nextScheduledSyncAt"] == "2027-01-17T08:00:00.000Z"
    command(nango, "pause")
    assert status(nango)[0]["status"] == "PAUSED"


def test_starting_a_sync_that_never_ran_runs_it(nango: NangoState) -> None:
    """As the server does."""
    nango.add_sync(*IDS, "issues", ["Issue"], paused=True)

    command(nango, "start", "issues")

    assert status(nango)[0]["latestExecutionStatus"] == "SUCCESS"


@pytest.mark.parametrize(
    "way",
    [{"opts": {"reset": True, "emptyCache": True}}, {"sync_mode": "full_refresh_and_clear_cache"}],
)
def test_an_emptied_cache_is_filled_anew(nango: NangoState, way: Any) -> None:
    """What lives is added again, what was deleted is forgotten."""
    nango.add_sync(*IDS, "issues", ["Issue"])
    add_issues(nango, 1, 2)
    nango.delete_records(*IDS, "Issue", ["1"])

    command(nango, "trigger", **way)

    (sync,) = status(nango)
    assert sync["latestResult"]["Issue"] == {"added": 1, "updated": 0, "deleted": 0}
    assert (sync["type"], sync["recordCount"]) == ("INITIAL", {"Issue": 1})


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        ({}, "INCREMENTAL"),
        ({"opts": {"emptyCache": True}}, "INCREMENTAL"),
        ({"opts": {"reset": True}}, "INITIAL"),
        ({"full_resync": True}, "INITIAL"),
        ({"sync_mode": "incremental"}, "INCREMENTAL"),
        ({"sync_mode": "full_refresh"}, "INITIAL"),
    ],
)
def test_records_stay_unless_reset_and_emptying_come_together(
    nango: NangoState, way: Any, kind: str
) -> None:
    """A reset alone begins anew and finds nothing changed."""
    add_issues(nango, 1)
    nango.add_sync(*IDS, "issues", ["Issue"])

    command(nango, "trigger", **way)

    (sync,) = status(nango)
    assert sync["latestResult"]["Issue"]["added"] == 0
    assert sync["type"] == kind


def test_old_and_new_options_exclude_each_other(nango: NangoState) -> None:
    """The server refuses them together."""
    reply = command(nango, "trigger", opts={"reset": True}, full_resync=True)

    assert (reply.status, reply.error["code"]) == (400, "invalid_body")


def test_the_integration_may_be_named_by_a_header(nango: NangoState) -> None:
    """Older clients do."""
    nango.add_sync(*IDS, "issues", ["Issue"], paused=True)
    headers = {
        "Authorization": f"Bearer {nango.api_key}",
        "Content-Type": "application/json",
        "Provider-Config-Key": "github",
    }

    send(nango, "/sync/trigger", method="POST", headers=headers, body={"syncs": ["issues"]})

    assert "finishedAt" in status(nango)[0]


def test_unknown_syncs_are_refused_all_together(nango: NangoState) -> None:
    """One unknown name among others, and nothing runs; the hint names those that are there."""
    nango.add_sync(*IDS, "issues", ["Issue"], paused=True)
    variant(nango, "team-a")
    command(nango, "pause")

    for names in (["nope"], ["issues", "nope"], ["issues::nope"]):
        assert command(nango, "trigger", *names).error["code"] == "no_syncs_found"

    assert "finishedAt" not in status(nango, "issues")[0]
    assert "known: issues, issues::team-a" in str(nango.unexpected_requests[-1])
    nango.add_connection("user-43", "github")
    assert command(nango, "start", connection_id="user-43").error["code"] == "no_syncs_found"


def test_unknown_integrations_and_connections_have_three_answers(nango: NangoState) -> None:
    """Which one depends on the endpoint; none is a surprise where a test has deleted it."""
    nango.add_sync(*IDS, "issues", ["Issue"])
    assert command(nango, "pause", provider_config_key="x").error["code"] == (
        "unknown_provider_config"
    )
    assert len(nango.unexpected_requests) == 1
    nango.remove_connection(*IDS)

    assert command(nango, "pause").error["code"] == "unknown_connection"
    assert frequency(nango, None).error["code"] == "unknown_connection"
    assert send(
        nango, "/sync/status?provider_config_key=github&connection_id=user-42&syncs=*"
    ).error == {"code": "invalid_body", "message": "Connection not found"}
    assert status(nango, more="") == []
    delete(nango, "/integrations/github")
    assert command(nango, "pause").error["code"] == "unknown_provider_config"
    assert len(nango.unexpected_requests) == 1


def test_a_frequency_is_that_of_the_connection(nango: NangoState) -> None:
    """It is shown with "every", answered without, and null brings the default back."""
    nango.add_sync(*IDS, "issues", ["Issue"], frequency="every 2 hours")

    assert frequency(nango, "every 30s").document == {"frequency": "30s"}
    assert status(nango)[0]["frequency"] == "every 30s"
    assert frequency(nango, None).document == {"frequency": "2 hours"}
    assert status(nango)[0]["frequency"] == "every 2 hours"
    assert "30 seconds" in frequency(nango, "every 29 seconds").error["message"]
    assert frequency(nango, "every day", sync_variant="x").error["code"] == "unknown_sync"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("every hour", 3600),
        ("every 5 mins", 300),
        ("10 secs", 10),
        ("every 2 days", 172_800),
        ("half day", 43_200),
        ("every quarter hour", 900),
    ],
)
def test_frequencies_are_words(text: str, seconds: float) -> None:
    """A number with a unit, or a word."""
    assert seconds_of(text) == seconds


def test_a_variant_has_records_and_runs_of_its_own(nango: NangoState) -> None:
    """It is named with two colons or as an object, runs when it is made, and leaves nothing."""
    nango.add_sync(*IDS, "issues", ["Issue"])
    made = variant(nango, "team-a").document
    nango.add_records(*IDS, "Issue", [{"id": "1"}], variant="team-a")

    command(nango, "trigger", {"name": "issues", "variant": "team-a"})
    command(nango, "pause", "issues::team-a")

    base, ours = status(nango)
    assert (ours["id"], ours["variant"], ours["status"]) == (made["id"], "team-a", "PAUSED")
    assert ours["latestResult"]["Issue"]["added"] == 1
    assert base["latestResult"]["Issue"]["added"] == 0
    assert base["recordCount"] == ours["recordCount"] == {"Issue": 1}
    assert [one["variant"] for one in status(nango, "issues")] == ["base"]
    assert [one["variant"] for one in status(nango, "issues::team-a,%20issues")] == [
        "base",
        "team-a",
    ]
    assert variant(nango, "team-a", "DELETE").document == {"success": True}
    assert status(nango)[0]["recordCount"] == {"Issue": 0}
    assert variant(nango, "team-a", "DELETE").error["code"] == "not_found"


def test_variants_have_limits(nango: NangoState) -> None:
    """Of one sync there are 100, none is called base, and none is of an unknown sync."""
    nango.add_sync(*IDS, "issues", ["Issue"])

    assert variant(nango, "Base").error["code"] == "invalid_variant"
    assert variant(nango, "x", sync="nope").error["code"] == "unknown_sync"
    assert all(variant(nango, f"v{number}").status == 200 for number in range(100))
    assert variant(nango, "one-more").error["code"] == "resource_capped"


def test_a_sync_whose_function_is_deleted_is_gone(nango: NangoState) -> None:
    """Its records are too; another function of that name leaves it."""
    nango.add_sync(*IDS, "issues", ["Issue"])
    nango.add_function("github", "issues", "action")
    add_issues(nango, 1)

    delete(nango, "/integrations/github/functions/issues?type=action")
    assert len(status(nango)) == 1
    delete(nango, "/integrations/github/functions/issues?type=sync")

    assert status(nango) == []


def test_mistakes_of_a_test_are_told(nango: NangoState) -> None:
    """Names, models and frequencies that Nango does not take, and unknown connections."""
    with pytest.raises(LookupError, match="no connection nobody/github"):
        nango.add_sync("nobody", "github", "issues", ["Issue"])
    with pytest.raises(TypeError, match=r"\['Issue'\]"):
        nango.add_sync(*IDS, "issues", "Issue")
    with pytest.raises(ValueError, match="a sync's name"):
        nango.add_sync(*IDS, "my issues", ["Issue"])
    with pytest.raises(ValueError, match="a model's name"):
        nango.add_sync(*IDS, "issues", ["issue"])
    with pytest.raises(ValueError, match="a frequency is such as"):
        nango.add_sync(*IDS, "issues", ["Issue"], frequency="often")
    with pytest.raises(ValueError, match="every 30 s at most"):
        nango.add_sync(*IDS, "issues", ["Issue"], frequency="every 29 s")
