"""The threat model names tests that exist."""

import re

import pytest
from doc_blocks import ROOT

PAGE = (ROOT / "docs" / "explanation" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    """A line of the page is held by a test of that name."""
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_every_line_names_its_test() -> None:
    """No threat stands there without what holds it."""
    covered = PAGE.partition("## What is not covered")[0]
    threats = re.split(r"^- ", covered, flags=re.MULTILINE)[1:]

    assert len(threats) > 20
    assert all("Held by `tests/" in threat for threat in threats)
