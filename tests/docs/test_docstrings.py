"""Every public name has a docstring with an example, and the example gives what it shows."""

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from doc_blocks import compare, run_async

import nango_client
import nango_client.testing
from nango_client import webhooks

NAMES = [
    *((nango_client, name) for name in nango_client.__all__),
    # Its models are those at the top.
    *((webhooks, name) for name in webhooks.__all__ if name not in nango_client.__all__),
    *((nango_client.testing, name) for name in nango_client.testing.__all__),
]


def _docstring(home: Any, name: str) -> str:
    value = getattr(home, name)
    if inspect.isroutine(value):
        return inspect.cleandoc(value.__doc__ or "")
    if inspect.isclass(value):
        return inspect.cleandoc(value.__dict__["__doc__"])
    # A union has no docstring of its own; the one below the assignment stands for it.
    for statement, after in pairwise(_statements()):
        if (
            isinstance(statement, ast.Assign)
            and ast.unparse(statement.targets[0]) == name
            and isinstance(after, ast.Expr)
        ):
            return str(ast.literal_eval(after.value))
    return ""


@cache
def _statements() -> list[ast.stmt]:
    return [
        statement
        for path in sorted(Path(nango_client.__file__).parent.rglob("*.py"))
        for statement in ast.parse(path.read_text("utf-8")).body
    ]


@pytest.fixture
def namespace() -> Iterator[dict[str, Any]]:
    """Give what the page "API" says the examples can use."""
    names = {name: getattr(home, name) for home, name in NAMES}
    with nango_client.testing.MockNango() as server, asyncio.Runner() as runner:
        server.add_connection("user-42", "github")
        server.add_connection("user-42", "algolia", "API_KEY")
        server.add_connection("user-42", "ashby", "BASIC")
        nango = server.client(retry=nango_client.RetryPolicy(max_attempts=1))
        yield {**names, "server": server, "nango": nango, "runner": runner}
        runner.run(nango.close())


@pytest.mark.parametrize(("home", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_public_name_has_a_docstring_whose_example_runs(
    home: Any, name: str, namespace: dict[str, Any]
) -> None:
    """The first line says what the caller gets, and an example shows it."""
    runner = namespace.pop("runner")
    text = _docstring(home, name)
    examples = doctest.DocTestParser().get_examples(text)

    assert text.split("\n", 1)[0].rstrip().endswith((".", ":", "?")), text
    assert examples, f"{name} has no example"
    for example in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                # An expression's value is shown, as at the prompt.
                source = ast.unparse(ast.parse(example.source, mode="eval"))
            except SyntaxError:
                run_async(example.source, name, namespace, runner)
            else:
                run_async(f"_ = {source}", name, namespace, runner)
                if namespace["_"] is not None:
                    printed.write(repr(namespace["_"]) + "\n")
        compare(example.want or "", printed.getvalue(), f"{name}, line {example.lineno + 1}")


@pytest.mark.parametrize(("home", "name"), NAMES, ids=[name for _, name in NAMES])
def test_all_that_a_public_class_offers_has_a_docstring(home: Any, name: str) -> None:
    """Methods and properties say what they give."""
    value = getattr(home, name)
    if not inspect.isclass(value):
        return
    for member, found in inspect.getmembers(value):
        is_ours = member in {key for cls in value.__mro__ for key in _ours(cls)}
        if member.startswith("_") or not is_ours:
            continue
        if inspect.isroutine(found) or isinstance(found, property):
            assert inspect.getdoc(found), f"{name}.{member}"


def _ours(cls: type) -> list[str]:
    return list(vars(cls)) if cls.__module__.startswith("nango_client") else []
