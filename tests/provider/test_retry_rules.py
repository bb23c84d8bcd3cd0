"""What a provider's entry says about trying again."""

from typing import Any

import pytest
from multidict import CIMultiDict

from nango_client._provider.making.retry_rules import RetryRules

NOW = 1_795_780_800.0


def headers(**values: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in values.items()})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, None),
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "1.5", "X_Reset": "1795780810"}, 10.0),
        ({"X_Reset": "1795780810500"}, 10.5),
        ({"X_Reset": "Fri, 27 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"X_Reset": "2026-11-27T12:00:20Z"}, 20.0),
        ({"X_Reset": "2026-11-27T12:00:20"}, 20.0),
        ({"X_Reset": "1795780000", "Retry_After": "0"}, None),
        ({"X_Reset": "soon", "Retry_After": "soon"}, None),
        ({"X_Reset": "nan", "Retry_After": "inf"}, None),
    ],
)
def test_the_longest_wait_counts(answer: dict[str, str], expected: float | None) -> None:
    """Seconds, or a moment: epoch seconds or milliseconds, or a date; the past does not count."""
    rules = RetryRules.parse({"after": ["retry-after"], "at": "x-reset"})

    assert rules.wait(headers(**answer), NOW) == expected


@pytest.mark.parametrize("section", [None, [], {}, {"after": object(), "at": [None, ""]}])
def test_what_is_not_understood_asks_for_no_wait(section: Any) -> None:
    """It counts as absent."""
    rules = RetryRules.parse(section)

    assert rules.wait(headers(Retry_After="7"), NOW) is None
