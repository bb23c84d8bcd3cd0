"""The reference of events names the route of every endpoint."""

import ast
import re

from doc_blocks import ROOT


def test_the_routes_of_all_namespaces_are_documented() -> None:
    """Whoever filters events by their route finds it in the table."""
    table = (ROOT / "docs" / "reference" / "events.md").read_text()

    literals: set[str] = set()
    for file in (ROOT / "nango_client" / "_resources").glob("*.py"):
        tree = ast.parse(file.read_text())
        formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        parts = {part for node in formatted for part in node.values}
        literals |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts
        }
    routes = {text for text in literals if re.fullmatch(r"(/[a-z{}_-]+){1,5}", text)} - {"/code"}

    assert len(routes) > 15
    assert [route for route in sorted(routes) if f"`{route}`" not in table] == []
