"""The synchronous client has what the asynchronous one has, and no more."""

import inspect
import re
import runpy
from ast import Import, ImportFrom, parse, unparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nango_client
import nango_client.sync
from nango_client._provider.session import ProviderSession

ROOT = Path(nango_client.__file__).parents[1]
GENERATED = ROOT / "nango_client" / "sync" / "_generated.py"

IMPORTS = (Import, ImportFrom)

KEY = "fake-api-key-0001"


def members(kind: type) -> dict[str, Any]:
    return {name: found for name, found in vars(kind).items() if not name.startswith("_")}


def pairs() -> Iterator[tuple[str, type, type]]:
    theirs = nango_client.NangoClient(KEY)
    ours = nango_client.sync.NangoClient(KEY)
    yield "", type(theirs), type(ours)
    for name, namespace in vars(theirs).items():
        if not name.startswith("_"):
            yield f"{name}.", type(namespace), type(getattr(ours, name))
    yield "direct().", ProviderSession, nango_client.sync.ProviderSession


PAIRS = [pytest.param(theirs, ours, id=name or "client") for name, theirs, ours in pairs()]


def in_one_tongue(text: str | None) -> str:
    """Take out of a docstring what has to differ."""
    text = re.sub(r"async (with|for)", r"\1", text or "").replace("await ", "")
    about = r"^ *(session|max_body): .*\n|A borrowed session stays open. "
    return re.sub(about, "", text + "\n", flags=re.MULTILINE)


def in_one_type(annotation: Any) -> str:
    text = str(annotation).replace("AsyncIterator", "Iterator")
    text = text.replace("nango_client._provider.session.Provider", "Provider")
    text = text.replace("nango_client.sync.Provider", "Provider")
    return text.replace("ProviderRequest", "ProviderResponse")


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_both_clients_have_the_same_names(theirs: type, ours: type) -> None:
    """But for what belongs to aiohttp."""
    assert members(theirs).keys() - {"auth"} == members(ours).keys()


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_both_have_the_same_arguments_results_and_docstrings(theirs: type, ours: type) -> None:
    """What is awaited there is returned here, under the same types."""
    for name, twin in members(ours).items():
        found = members(theirs)[name]
        assert in_one_tongue(twin.__doc__) == in_one_tongue(found.__doc__), name
        if isinstance(found, property):
            continue
        assert not inspect.iscoroutinefunction(twin)
        wanted, given = inspect.signature(found), inspect.signature(twin)
        arguments = dict(given.parameters)
        arguments.pop("max_body", None)
        assert list(arguments.items()) == list(wanted.parameters.items()), name
        assert in_one_type(given.return_annotation) == in_one_type(wanted.return_annotation), name


def test_both_constructors_take_the_same() -> None:
    """By the same names, in the same order, with the same defaults."""
    wanted = inspect.signature(nango_client.NangoClient)

    assert inspect.signature(nango_client.sync.NangoClient) == wanted


@pytest.mark.parametrize("name", ["direct", "proxy"])
def test_whole_answers_have_a_limit(name: str) -> None:
    """Of 64 MiB, unless another is named."""
    parameter = inspect.signature(getattr(nango_client.sync.NangoClient, name)).parameters

    assert parameter["max_body"].default == 64 * 2**20


def test_the_generated_file_is_what_the_generator_gives() -> None:
    """A method that is added on one side only fails here: `python3 .ci/tasks.py generate`."""
    made = runpy.run_path(str(ROOT / ".ci" / "sync_client.py"))["generate"]()

    def statements(text: str) -> list[str]:
        found = [unparse(each) for each in parse(text).body if not isinstance(each, IMPORTS)]
        # The formatter puts parentheses around what does not fit into a line.
        return sorted(re.sub(r"\bdel \((.*)\)", r"del \1", each) for each in found)

    def imports(text: str) -> set[tuple[str, str]]:
        found = [each for each in parse(text).body if isinstance(each, IMPORTS)]
        return {(getattr(each, "module", ""), name.name) for each in found for name in each.names}

    written = GENERATED.read_text("utf-8")
    assert statements(made) == statements(written)
    assert imports(made) == imports(written)
