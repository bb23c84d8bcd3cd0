"""Imports inside the package run one way: up the table of rooms in docs/contributing.md."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nango_client

PACKAGE = Path(nango_client.__file__).parent
TABLE = PACKAGE.parent / "docs" / "contributing.md"
# The public names are imported lazily from everywhere; `__main__` is the command line.
DOORS = {"__init__", "__main__"}


def rooms() -> dict[str, int]:
    """Give each room's row in the table, from the top."""
    lines = TABLE.read_text("utf-8").partition("| Room in ")[2].splitlines()[2:]
    cells = [line.split("|")[1] for line in lines if line.startswith("|")]
    rows = [re.findall(r"`([\w/]+?)(?:/|\.py)`", cell) for cell in cells]
    return {name: number for number, names in enumerate(rows) for name in names}


ROOMS = rooms()

# Rooms inside of rooms, and what each may import of the room that it is in.
INNER = {
    "_provider/making": set[str](),
    "testing/_payloads": set[str](),
    "testing/_account": {"_payloads", "_clock", "_http", "_messages"},
    "testing/_api": {"_payloads", "_account", "_messages"},
}


def room_of(module: str) -> str:
    """Give the first part of a module's name below the package."""
    return module.removeprefix("nango_client").removeprefix(".").partition(".")[0] or "__init__"


def imports(path: Path) -> Iterator[str]:
    """Give the modules of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            if (node.module or "").partition(".")[0] == "nango_client":
                yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("nango_client"))


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem not in DOORS)


def test_every_file_has_a_room() -> None:
    """The table names all rooms, and no others."""
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}

    assert found == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_from_its_own_room_and_from_those_above(path: Path) -> None:
    """No arrow runs down the table."""
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    for module in imports(path):
        other = room_of(module)
        assert other == "__init__" or ROOMS[other] <= ROOMS[room], f"{room} imports {module}"


def test_every_folder_inside_a_room_is_known() -> None:
    """No room is divided without a word of which part may import which."""
    folders = {path.parent.relative_to(PACKAGE) for path in FILES}

    assert {path.as_posix() for path in folders if len(path.parts) > 1} == set(INNER)


@pytest.mark.parametrize("folder", INNER)
def test_a_folder_inside_a_room_imports_those_below_it(folder: str) -> None:
    """The parts of a room too are used one way."""
    outer, inner = folder.split("/")
    for path in (PACKAGE / folder).glob("*.py"):
        for module in imports(path):
            if room_of(module) == outer:
                part = module.split(".")[2]
                assert part in INNER[folder] | {inner}, f"{path} imports {module}"


def test_only_guests_import_guests() -> None:
    """What ships to production does not load the kit for tests."""
    guests = ("testing", "_cli")
    inside = [path for path in FILES if path.relative_to(PACKAGE).parts[0] not in guests]

    assert not [path for path in inside if {room_of(name) for name in imports(path)} & {*guests}]


def test_no_modules_import_each_other() -> None:
    """Inside a room too, every module can be imported first."""
    names = {
        ".".join(("nango_client", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in FILES
    }

    TopologicalSorter({name: set(imports(path)) for name, path in names.items()}).prepare()
