"""The receivers in README do what it says; running the page only defines them."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from doc_blocks import ROOT, blocks

from nango_client import webhooks

KEY = "2b8e4a17-6c3d-4f90-9a5e-d1c7f3b60e42"
BODY = b'{"type": "order"}'


def _namespace_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the block of README that defines `name`."""
    monkeypatch.setenv("NANGO_WEBHOOK_SIGNING_KEY", KEY)
    (found,) = (block for block in blocks(Path(ROOT / "README.md")) if f" {name}(" in block.text)
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(found.text, namespace)  # noqa: S102
    return namespace


@pytest.mark.asyncio
async def test_the_asynchronous_receiver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes what Nango signed and nothing else."""
    app = _namespace_of("nango_hook", monkeypatch)["app"]

    async with TestClient(TestServer(app)) as http:
        good = await http.post("/hooks/nango", data=BODY, headers=webhooks.sign(BODY, KEY))
        bad = await http.post("/hooks/nango", data=BODY)

    assert (good.status, bad.status) == (204, 401)
    assert capsys.readouterr().out == "UnknownWebhook None\n"


def test_the_synchronous_receiver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes what Nango signed and nothing else."""
    http = _namespace_of("receive_hook", monkeypatch)["hooks"].test_client()

    good = http.post("/hooks/nango", data=BODY, headers=webhooks.sign(BODY, KEY))
    bad = http.post("/hooks/nango", data=BODY)

    assert (good.status_code, bad.status_code) == (204, 401)
    assert capsys.readouterr().out == "UnknownWebhook None\n"


def test_the_comparison_is_what_the_benchmarks_have_found() -> None:
    """Each line of it stands in their results."""
    text = Path(ROOT / "README.md").read_text("utf-8")
    results = Path(ROOT / "benchmarks/results.md").read_text("utf-8")
    section = text.split("## Compared\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|") and "---" not in line]

    found = [re.sub(r"^\|\s+\|", "|  |", line) in results for line in lines]

    assert len(found) == 8
    assert all(found)
