"""The demo: a connection's story in chapters, each with what reached the servers."""

import re

import pytest

from nango_client._cli.main import main

CHAPTERS = {
    "1. A user connects": ["shows it; Ada signs in", "-> at Nango POST /connect/sessions"],
    "2. Nango tells your server by webhook": [
        "as it came AuthWebhook",
        "changed InvalidSignatureError",
        "whose it is ada",
        "-> at Nango GET /connections",
    ],
    "3. A token": ["1 fetched, 999 waited for it, 9000 hits", "-> at Nango GET /connection/ID"],
    "4. A call of GitHub": [
        "GET /user 200, ada",
        "-> at Nango GET /providers/github",
        "-> at GitHub GET /user",
    ],
    "5. The token ends": [
        "it expired 200, ada; renewed so far: 1",
        "it was revoked 200, ada; renewed so far: 2",
        "Ada withdrew it ReconnectRequiredError",
        "she reconnected 200, ada",
        "-> at Nango POST /connect/sessions/reconnect",
        "-> at GitHub GET /user, 4 times",  # three calls, one of them again after a 401
    ],
    "6. Nango is down": [
        "after 30 min 100 calls: 200, ada",
        "after 60 min ServerError",
        "-> at Nango GET /connection/ID, 6 times",  # two fetches, three tries each
        "-> at GitHub GET /user, 100 times",
    ],
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the demo prints where no account is set."""
    for name in ("NANGO_API_KEY", "NANGO_BASE_URL", "NANGO_WEBHOOK_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["demo"]) == 0
    return capsys.readouterr().out


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_demo_tells_the_whole_story(shown: str) -> None:
    """Each chapter shows what happened, at the servers too; nothing but this machine is reached."""
    _, *chapters = re.split(r"\n\n(?=\d\. )", shown)

    for chapter, (title, facts) in zip(chapters, CHAPTERS.items(), strict=True):
        lines = " ".join(chapter.split())
        assert chapter.startswith(title)
        for fact in facts:
            assert fact in lines, chapter


def test_the_demo_is_read_in_a_minute(shown: str) -> None:
    """It fits a terminal, and neither tokens nor the connection's real id make it noisy."""
    lines = shown.splitlines()

    assert len(lines) <= 50
    assert max(map(len, lines)) <= 88
    assert "fake-" not in shown
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", shown)
