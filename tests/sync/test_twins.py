"""The synchronous client has what the asynchronous one has, under the same names."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nango_client
from nango_client import NangoClient, sync

ROOT = Path(nango_client.__file__).parents[1]
GENERATED = ROOT / "nango_client" / "sync" / "_generated.py"
NAMESPACES = (
    *("connections", "connect_sessions", "integrations", "providers", "environment"),
    *("functions", "records", "syncs", "actions"),
)
KEY = "00000000-0000-4000-8000-000000000001"
# aiohttp's own, or belonging to one event loop.
NOT_HERE = {"auth"}
# What gives whole answers here has its own limit for them.
ADDED = {"direct": {"max_body"}, "proxy": {"max_body"}}
LEFT_OUT = {"direct": {"session"}}


def public(thing: Any) -> dict[str, Any]:
    return {
        name: getattr(type(thing), name)
        for name in dir(type(thing))
        if not name.startswith("_") and name not in NAMESPACES
    }


def pairs() -> list[Any]:
    one, other = NangoClient(KEY), sync.NangoClient(KEY)
    found = [("client", one, other)]
    found += [(name, getattr(one, name), getattr(other, name)) for name in NAMESPACES]
    return [pytest.param(one, other, id=name) for name, one, other in found]


@pytest.mark.parametrize(("one", "other"), pairs())
def test_both_have_the_same_methods(one: Any, other: Any) -> None:
    """A method that is added on one side only is seen here."""
    assert set(public(one)) - NOT_HERE == set(public(other))


@pytest.mark.parametrize(("one", "other"), pairs())
def test_methods_take_the_same_arguments(one: Any, other: Any) -> None:
    """Names, kinds, defaults and order."""
    for name, twin in public(other).items():
        if isinstance(twin, property):
            continue
        mine = inspect.signature(public(one)[name]).parameters
        theirs = inspect.signature(twin).parameters
        left_out, added = LEFT_OUT.get(name, set()), ADDED.get(name, set())
        assert [
            (each.name, each.kind, each.default)
            for each in mine.values()
            if each.name not in left_out
        ] == [
            (each.name, each.kind, each.default)
            for each in theirs.values()
            if each.name not in added
        ], name


@pytest.mark.parametrize(("one", "other"), pairs()[1:])
def test_methods_have_the_same_documentation(one: Any, other: Any) -> None:
    """But for the words of asynchronous code."""
    for name, twin in public(other).items():
        mine = inspect.getdoc(public(one)[name]) or ""
        assert re.sub(r"\b(async|await) ", "", mine) == inspect.getdoc(twin), name


def test_the_constructors_take_the_same_arguments() -> None:
    """A session is refused, since it belongs to an event loop."""
    mine = inspect.signature(NangoClient).parameters
    theirs = inspect.signature(sync.NangoClient).parameters

    assert [(each.name, each.kind, each.default) for each in mine.values()] == [
        (each.name, each.kind, each.default) for each in theirs.values()
    ]
    with pytest.raises(nango_client.ConfigurationError, match="session"):
        sync.NangoClient(KEY, session=object())


def test_the_twins_are_what_the_sources_give(tmp_path: Path) -> None:
    """``python3 .ci/tasks.py generate`` was run after the last change."""
    target = tmp_path / "generated.py"

    subprocess.run([sys.executable, ".ci/generate_sync.py", target], cwd=ROOT, check=True)

    made, committed = (
        ast.unparse(_without_imports(ast.parse(path.read_text("utf-8"))))
        for path in (target, GENERATED)
    )
    assert made == committed


def _without_imports(tree: ast.Module) -> ast.Module:
    # Ruff has merged and sorted those of the committed file.
    tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return tree
