"""Every generated method hands all its arguments to its twin, and crosses as it should."""

import inspect
from typing import Any

import pytest

from nango_client import NangoClient, sync

KEY = "00000000-0000-4000-8000-000000000001"
NAMESPACES = (
    *("connections", "connect_sessions", "integrations", "providers", "environment"),
    *("functions", "records", "syncs", "actions"),
)


class Recorder:
    """Stands in for the bridge, and keeps what it was handed."""

    def __init__(self) -> None:
        self.twin = NangoClient(KEY)
        self.handed: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = []

    def client(self) -> NangoClient:
        return self.twin

    def __getattr__(self, name: str) -> Any:
        def hand(function: Any, *arguments: Any, **options: Any) -> None:
            self.handed.append((name, function, arguments, options))

        return hand


def methods() -> list[Any]:
    client = sync.NangoClient(KEY)
    found = []
    for name in ("", *NAMESPACES):
        owner = getattr(client, name) if name else client
        for method, value in inspect.getmembers(type(owner), inspect.isfunction):
            if not method.startswith("_") and value.__module__.endswith("_generated"):
                found.append(pytest.param(name, method, id=f"{name}.{method}"))
    return found


@pytest.mark.parametrize(("name", "method"), methods())
def test_a_twin_is_handed_all_arguments(name: str, method: str) -> None:
    """By position or by keyword, as it takes them; lists cross once a page."""
    client, bridge = sync.NangoClient(KEY), Recorder()
    vars(client)["_bridge"] = bridge
    owner: Any = client
    twin: Any = bridge.twin
    if name:
        twin = getattr(twin, name)
        owner = type(getattr(client, name))(bridge, lambda: twin)  # type: ignore[arg-type]
    parameters = inspect.signature(getattr(owner, method)).parameters.values()
    by_keyword = {p.name: object() for p in parameters if p.kind is p.KEYWORD_ONLY}
    by_position = [object() for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    getattr(owner, method)(*by_position, **by_keyword)

    way, function, arguments, options = bridge.handed[0]
    assert function == getattr(twin, method)
    assert list(arguments) == by_position
    assert options == by_keyword
    is_list = "AsyncIterator" in str(inspect.signature(function).return_annotation)
    is_awaited = inspect.iscoroutinefunction(function)
    assert way == ("iterate" if is_list else "call" if is_awaited else "in_loop")
