"""What a request's values may be, and the complaints of a server that checks them with zod.

A check takes a value and where it stands, and gives its complaints; `MISSING` stands for a value
that was not sent.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs

from nango_client._wire.jsonlib import as_array, as_object

Issue = dict[str, Any]
Path = tuple[str | int, ...]
Check = Callable[[Any, Path], Iterator[Issue]]

MISSING: Final = object()

_TYPES: Final[Mapping[str, str]] = {
    "NoneType": "null",
    "bool": "boolean",
    "int": "number",
    "float": "number",
    "str": "string",
    "list": "array",
}
_SWITCHES: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "1", "yes", "on", "y", "enabled"), True),
    **dict.fromkeys(("false", "0", "no", "off", "n", "disabled"), False),
}
_EMAIL = re.compile(r"[^\s@.][^\s@]*@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,}")


def issue(code: str, message: str, path: Path) -> Issue:
    """Make one complaint, as the wire has it."""
    return {"code": code, "message": message, "path": list(path)}


def _wrong_type(expected: str, value: Any, path: Path) -> Issue:
    message = f"Invalid input: expected {expected}, received {_type(value)}"
    return issue("invalid_type", message, path)


def _type(value: Any) -> str:
    return "undefined" if value is MISSING else _TYPES.get(value.__class__.__name__, "object")


def _bounds(
    what: str, size: float, least: float | None, most: float | None, path: Path
) -> Iterator[Issue]:
    if least is not None and size < least:
        yield issue("too_small", f"Too small: expected {what.format(f'>={least:g}')}", path)
    if most is not None and size > most:
        yield issue("too_big", f"Too big: expected {what.format(f'<={most:g}')}", path)


def optional(check: Check) -> Check:
    """Let a value be left out; null is none that was left out."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if value is not MISSING:
            yield from check(value, path)

    return checked


def text(
    pattern: re.Pattern[str] | None = None, *, least: int = 0, most: int | None = 255
) -> Check:
    """Take a string of so many characters."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if not isinstance(value, str):
            yield _wrong_type("string", value, path)
            return
        if pattern is not None and not pattern.fullmatch(value):
            message = f"Invalid string: must match pattern /^{pattern.pattern}$/"
            yield issue("invalid_format", message, path)
        yield from _bounds("string to have {} characters", len(value), least, most, path)

    return checked


def email(value: Any, path: Path) -> Iterator[Issue]:
    """Take an e-mail address."""
    if isinstance(value, str) and not _EMAIL.fullmatch(value):
        yield issue("invalid_format", "Invalid email address", path)
    yield from text(least=5)(value, path)


def flag(value: Any, path: Path) -> Iterator[Issue]:
    """Take true or false."""
    if not isinstance(value, bool):
        yield _wrong_type("boolean", value, path)


def one_of(*values: str) -> Check:
    """Take one of some words."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if value not in values:
            words = "|".join(f'"{word}"' for word in values)
            yield issue("invalid_value", f"Invalid option: expected one of {words}", path)

    return checked


def whole_number(least: int, most: int | None = None) -> Check:
    """Take a number written in a query."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if not (isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value)):
            yield issue("invalid_type", "Invalid input: expected number, received NaN", path)
            return
        yield from _bounds("number to be {}", int(value), least, most, path)

    return checked


def integer(least: int, most: int) -> Check:
    """Take a whole number of a body."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if value.__class__ is not int:
            yield _wrong_type("number", value, path)
            return
        yield from _bounds("number to be {}", value, least, most, path)

    return checked


def switch(value: Any, path: Path) -> Iterator[Issue]:
    """Take a word for yes or no, as queries and headers have it."""
    if not isinstance(value, str) or value.lower() not in _SWITCHES:
        words = "|".join(f'"{word}"' for word in _SWITCHES)
        yield issue("invalid_value", f"Invalid option: expected one of {words}", path)


def is_on(value: str | None) -> bool:
    """Say whether a `switch` is on; one that was not sent is off."""
    return value is not None and _SWITCHES.get(value.lower(), False)


def any_object(value: Any, path: Path) -> Iterator[Issue]:
    """Take any JSON object."""
    if as_object(value) is None:
        yield _wrong_type("object", value, path)


def record(values: Check, keys: Check | None = None) -> Check:
    """Take an object whose members are all alike."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        members = as_object(value)
        if members is None:
            yield _wrong_type("record", value, path)
            return
        for name, member in members.items():
            if keys is not None:
                yield from keys(name, (*path, name))
            yield from values(member, (*path, name))

    return checked


def list_of(items: Check, *, least: int = 0, most: int | None = None) -> Check:
    """Take an array whose items are all alike."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if value.__class__ is not list:
            yield _wrong_type("array", value, path)
            return
        found = as_array(value)
        yield from _bounds("array to have {} items", len(found), least, most, path)
        for number, item in enumerate(found):
            yield from items(item, (*path, number))

    return checked


def either(*checks: Check) -> Check:
    """Take what one of the checks takes."""

    def checked(value: Any, path: Path) -> Iterator[Issue]:
        if all(any(check(value, path)) for check in checks):
            yield issue("invalid_union", "Invalid input", path)

    return checked


@attrs.frozen
class Fields:
    """Takes an object with these members and, where it is strict, no others."""

    members: Mapping[str, Check]
    strict: bool = True

    def __str__(self) -> str:
        return ", ".join(self.members) or "nothing"

    def __call__(self, value: Any, path: Path) -> Iterator[Issue]:
        """Give the complaints about it."""
        found = as_object(value)
        if found is None:
            yield _wrong_type("object", value, path)
            return
        for name, check in self.members.items():
            yield from check(found.get(name, MISSING), (*path, name))
        unknown = [name for name in found if name not in self.members]
        if unknown and self.strict:
            words = ", ".join(f'"{name}"' for name in unknown)
            plural = "s" if len(unknown) > 1 else ""
            yield issue("unrecognized_keys", f"Unrecognized key{plural}: {words}", path)


def fields(**members: Check) -> Fields:
    """Take an object with these members and no others."""
    return Fields(members)


def parse_query(raw: str) -> dict[str, Any]:
    """Read a query as Node's ``qs`` does: repeated names are lists, ``a[b]=c`` is an object."""
    query: dict[str, Any] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        outer, bracket, rest = name.partition("[")
        inner = rest.removesuffix("]")
        if not outer or not bracket or rest == inner:
            _put(query, name, value)
        elif inner.isdecimal() or not inner:
            items = query.setdefault(outer, [])
            if isinstance(items, list):
                items.append(value)  # pyright: ignore[reportUnknownMemberType]
        else:
            members = query.setdefault(outer, {})
            if isinstance(members, dict):
                _put(members, inner, value)  # pyright: ignore[reportUnknownArgumentType]
    return query


def _put(query: dict[str, Any], name: str, value: str) -> None:
    if name in query:
        before: Any = query[name]
        query[name] = [*(before if isinstance(before, list) else [before]), value]
    else:
        query[name] = value
