"""The little language of a provider's entry: ``Bearer ${apiKey}``, ``${a.b} || fallback``.

A text is parsed once, in one pass, into a `Template`; rendering walks its parts once. Values are
data: what a value holds is never looked at again, neither for placeholders nor for commas. Nothing
is evaluated, and the only names are those of a `Scope` and the functions of `functions`.

Source: PROXY.md §3.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Protocol, cast

from nango_client._provider.making.moments import Now, parse_now
from nango_client._provider.making.refusals import to_bytes

_MARK = re.compile(r"\$\{|\}")
_CALL = re.compile(r"([A-Za-z][A-Za-z0-9]*)\(")
# Far more than any entry uses; rendering recurses.
_MAX_DEPTH: Final = 12

# What a function does with its arguments, already rendered; `Refused` says that it cannot.
Function = Callable[[tuple[str, ...], "Scope"], str]


class Unresolved(str):
    """The placeholder that has no value; it stands where the rendered text would."""

    __slots__ = ()


class Part(Protocol):
    """A piece of a template that is no plain text."""

    def render(self, scope: "Scope") -> str:
        """Give its text, or `Unresolved`."""
        ...

    def names(self) -> "Iterator[str]":
        """Give the names of the variables in it, outer ones first."""
        ...


class Scope:
    """What the placeholders of one place (URL, header, query, body) may stand for.

    Args:
        values: by first name: a text, a number, or a mapping for dotted names.
        request: gives the variables that depend on the request; None where there are none.
        now: the request's moment, the same in all its templates.
        random: the request's UUID, likewise; empty where the place has none.
        functions: the functions by name.
    """

    __slots__ = ("functions", "now", "random", "request", "values")

    def __init__(
        self,
        values: Mapping[str, object],
        functions: Mapping[str, Function],
        request: Mapping[str, Callable[[], str]] | None = None,
        now: datetime | None = None,
        random: str = "",
    ) -> None:
        self.values = values
        self.functions = functions
        self.request = request or {}
        self.now = now
        self.random = random


def text_of(value: object) -> str | None:
    """Give a value as JavaScript writes it into a text; None for what is no text and no number."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:  # noqa: PLR2004
        return str(int(value))
    return str(value)


class _Variable:
    """``${name}`` or ``${one.two}``."""

    __slots__ = ("_name", "_path")

    def __init__(self, name: str) -> None:
        self._name = name
        self._path = name.split(".")

    def names(self) -> Iterator[str]:
        yield self._name

    def render(self, scope: Scope) -> str:
        value: object = scope.values
        for step in self._path:
            if not isinstance(value, Mapping):
                return Unresolved(self._name)
            value = cast("Mapping[object, object]", value).get(step)
        if value is not None:
            text = text_of(value)
            return Unresolved(self._name) if text is None else text
        if self._name in scope.request:
            return scope.request[self._name]()
        if self._name == "random" and scope.random:
            return scope.random
        return Unresolved(self._name)


class _Moment:
    """``${now}`` and its forms."""

    __slots__ = ("_now",)

    def __init__(self, now: Now) -> None:
        self._now = now

    def names(self) -> Iterator[str]:
        yield "now"

    def render(self, scope: Scope) -> str:
        if scope.now is None:
            return Unresolved("now")
        try:
            return self._now.at(scope.now.astimezone(UTC))
        except OverflowError:
            return Unresolved("now")


class _Call:
    """``${function(text)}`` or ``${function(text, key)}``."""

    __slots__ = ("_arguments", "_name")

    def __init__(self, name: str, arguments: "tuple[Template, ...]") -> None:
        self._name = name
        self._arguments = arguments

    def names(self) -> Iterator[str]:
        yield f"{self._name}()"
        for argument in self._arguments:
            yield from argument.names

    def render(self, scope: Scope) -> str:
        function = scope.functions.get(self._name)
        if function is None:
            return Unresolved(self._name)
        rendered: list[str] = []
        for argument in self._arguments:
            text = argument.render(scope)
            if isinstance(text, Unresolved):
                return text
            rendered.append(text)
        return function(tuple(rendered), scope)


class _Nonsense:
    """A placeholder that never has a value: unfinished, nested too deep, or no name at all."""

    __slots__ = ()

    def names(self) -> Iterator[str]:
        return iter(())

    def render(self, scope: Scope) -> str:  # noqa: ARG002
        return Unresolved("?")


class Template:
    """A parsed text, with at most one alternative to it.

    Args:
        parts: texts and placeholders, in order.
        alternative: what counts where these do not resolve, or give nothing.
    """

    def __init__(
        self, parts: "tuple[str | Part, ...]", alternative: "Template | None" = None
    ) -> None:
        self.parts = parts
        self.alternative = alternative

    @cached_property
    def constant(self) -> str | None:
        """The whole text, where there is no placeholder in it."""
        if self.alternative is None and all(isinstance(part, str) for part in self.parts):
            return "".join(cast("tuple[str, ...]", self.parts))
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The variables and functions in it, from left to right."""
        own = [name for part in self.parts if not isinstance(part, str) for name in part.names()]
        return (*own, *(self.alternative.names if self.alternative else ()))

    def mentions(self, name: str) -> bool:
        """Say whether a variable with this first name is in it."""
        return any(known == name or known.startswith(f"{name}.") for known in self.names)

    def render(self, scope: Scope) -> str:
        """Give the text, or the first placeholder that has no value, as `Unresolved`."""
        text = _render(self.parts, scope)
        if self.alternative is not None and (isinstance(text, Unresolved) or not text):
            return self.alternative.render(scope)
        return text


def _render(parts: "tuple[str | Part, ...]", scope: Scope) -> str:
    rendered: list[str] = []
    for part in parts:
        text = part if isinstance(part, str) else part.render(scope)
        if isinstance(text, Unresolved):
            return text
        rendered.append(text)
    return "".join(rendered)


def is_complete(text: str) -> bool:
    """Say whether a rendered text is whole: nothing of the language is left, whoever wrote it.

    Raises:
        Refused: it is no valid Unicode.
    """
    if isinstance(text, Unresolved) or "${" in text:
        return False
    if not text.isascii():
        to_bytes(text)
    return True


def parse(text: str) -> Template:
    """Parse a text of a provider's entry; every text has a meaning, if only a useless one."""
    parts = _parse_parts(text)
    for position, part in enumerate(parts):
        # A fallback is one only beside a placeholder.
        if isinstance(part, str) and "||" in part and len(parts) > 1:
            left, _, right = part.partition("||")
            right, more, _ = right.partition("||")
            rest = () if more else parts[position + 1 :]
            return Template(
                _strip((*parts[:position], left)), Template(_strip((right, *_until_bar(rest))))
            )
    return Template(parts)


def _until_bar(parts: "tuple[str | Part, ...]") -> "Iterator[str | Part]":
    for part in parts:
        if isinstance(part, str) and "||" in part:
            yield part.partition("||")[0]
            return
        yield part


def _strip(parts: "tuple[str | Part, ...]") -> "tuple[str | Part, ...]":
    """Take white space off both ends, and leave empty texts out."""
    kept: list[Any] = list(parts)
    if kept and isinstance(kept[0], str):
        kept[0] = kept[0].lstrip()
    if kept and isinstance(kept[-1], str):
        kept[-1] = kept[-1].rstrip()
    return tuple(part for part in kept if not isinstance(part, str) or part)


def _parse_parts(text: str) -> "tuple[str | Part, ...]":
    """Go over the marks ``${`` and ``}`` once, with the unfinished placeholders on a stack."""
    open_ones: list[list[str | Part]] = []
    parts: list[str | Part] = []
    deepest = 0
    end = 0
    for mark in _MARK.finditer(text):
        if mark.group() == "}" and not open_ones:
            continue
        if mark.start() > end:
            parts.append(text[end : mark.start()])
        end = mark.end()
        if mark.group() == "${":
            open_ones.append(parts)
            parts = []
            deepest = max(deepest, len(open_ones))
        else:
            inner, parts = parts, open_ones.pop()
            parts.append(_placeholder(tuple(inner)))
    if open_ones or deepest > _MAX_DEPTH:
        return (_Nonsense(),)
    if end < len(text):
        parts.append(text[end:])
    return tuple(parts)


def _placeholder(inner: "tuple[str | Part, ...]") -> Part:
    """Make what stands between ``${`` and its ``}``."""
    first = inner[0] if inner else None
    if not isinstance(first, str):
        return _Nonsense()
    call = _CALL.match(first)
    last = inner[-1]
    if call is not None and isinstance(last, str) and last.endswith(")"):
        body: list[str | Part] = list(inner)
        # The same text where there is but one.
        body[-1] = last[:-1]
        body[0] = cast("str", body[0])[call.end() :]
        return _Call(call[1], _arguments(call[1], body))
    if len(inner) > 1:
        return _Nonsense()
    now = parse_now(first)
    return _Moment(now) if now is not None else _Variable(first)


def _arguments(name: str, body: "list[str | Part]") -> tuple[Template, ...]:
    """Part the text of a call at its commas: by the last one, or for ``awsSigV4`` by all."""
    if name not in {"hmacSha1Hex", "ed25519Sign", "awsSigV4"}:
        return (Template(_strip_empty(body)),)
    arguments: list[list[str | Part]] = [[]]
    for part in body:
        if not isinstance(part, str):
            arguments[-1].append(part)
            continue
        first, *others = part.split(",")
        arguments[-1].append(first)
        for other in others:
            arguments.append([other])  # noqa: PERF401  a comprehension loses the type
    if name == "awsSigV4":
        return tuple(Template(_strip(tuple(argument))) for argument in arguments)
    message: list[str | Part] = []
    for number, argument in enumerate(arguments[:-1]):
        message += [",", *argument] if number else argument
    return Template(_strip_empty(message)), Template(_strip(tuple(arguments[-1])))


def _strip_empty(parts: "list[str | Part]") -> "tuple[str | Part, ...]":
    return tuple(part for part in parts if not isinstance(part, str) or part)
