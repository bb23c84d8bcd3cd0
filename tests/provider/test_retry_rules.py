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


@pytest.mark.parametrize(
    ("section", "asking"),
    [
        (None, {429, 500, 503}),
        ({"error_code": ["4x9", "5xx"]}, {409, 429, 500, 503}),
        ({"error_code": [403, "500-502", "nonsense", "\u0664\u0660\u0663", None]}, {403, 500}),
        ({"error_code": "503"}, {503}),
        ({"error_code": 7}, {429, 500, 503}),
        ([], {429, 500, 503}),
    ],
)
def test_a_list_of_statuses_replaces_the_usual_ones(section: Any, asking: set[int]) -> None:
    """Single ones, classes and ranges; what cannot be read is left out."""
    rules = RetryRules.parse(section)

    statuses = (200, 301, 403, 404, 409, 429, 500, 503)
    assert {status for status in statuses if rules.asks_for_retry(status, headers())} == asking


def test_nothing_left_makes_any_error_one_to_try_again() -> None:
    """Only where the header says so, and only for errors."""
    rules = RetryRules.parse({"remaining": "x-left", "after": {"a": 1}, "at": object()})

    assert rules.asks_for_retry(403, headers(X_Left="0"))
    assert not rules.asks_for_retry(403, headers(X_Left="1"))
    assert not rules.asks_for_retry(200, headers(X_Left="0"))
    assert (rules.after, rules.at) == (("a",), ())
