"""The body of a provider's request: written once, so that what is signed is what is sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast, final
from urllib.parse import quote_plus

from nango_client._provider.making.plans import NOT_GIVEN, Call
from nango_client._provider.making.templates import Scope, Template, is_complete, parse, text_of
from nango_client.exceptions import InvalidArgumentError

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
# A request without a body says so nevertheless, as every call through Nango's proxy does.
_METHODS_WITH_TYPE: Final = frozenset({"POST", "PUT", "PATCH"})
_METHODS_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
_METHODS_FILLED_IN: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_MAX_DEPTH: Final = 100


@final
class Body:
    """A body as it is sent.

    Attributes:
        content: bytes, None, or the caller's own object where nobody can look into it.
        content_type: what to say of it where neither caller nor provider do.
        form: the fields, where it is a form.
        filled_in: the top-level members that come from the provider's entry.
    """

    __slots__ = ("content", "content_type", "filled_in", "form")

    def __init__(
        self,
        content: Any,
        content_type: str | None,
        form: "list[tuple[str, str]] | None" = None,
        filled_in: frozenset[str] = frozenset(),
    ) -> None:
        self.content = content
        self.content_type = content_type
        self.form = form
        self.filled_in = filled_in

    @property
    def is_opaque(self) -> bool:
        """Whether it is an object that is only known to whoever sends it."""
        return self.content is not None and not isinstance(self.content, bytes)


@final
class BodyTemplate:
    """The ``body`` of a provider's entry.

    Args:
        section: as the entry has it; what is neither text nor object in it is left out.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        self._fields = _parse_fields(section, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables in it."""
        return tuple(_names(self._fields))

    def render(self, scope: Scope) -> dict[str, Any]:
        """Give what resolves; objects that end up empty are left out."""
        return _render_fields(self._fields, scope)


def _parse_fields(section: Mapping[str, Any], depth: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, str):
            fields[name] = parse(value)
        elif isinstance(value, Mapping) and depth < _MAX_DEPTH:
            fields[name] = _parse_fields(cast("Mapping[str, Any]", value), depth + 1)
    return fields


def _names(fields: Mapping[str, Any]) -> Iterable[str]:
    for field in fields.values():
        yield from (field.names if isinstance(field, Template) else _names(field))


def _render_fields(fields: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    rendered: dict[str, Any] = {}
    for name, field in fields.items():
        if isinstance(field, Template):
            text = field.render(scope)
            if is_complete(text):
                rendered[name] = text
        elif inner := _render_fields(field, scope):
            rendered[name] = inner
    return rendered


def write_body(
    call: Call, method: str, content_type: str | None, fill_in: Mapping[str, Any] | None
) -> Body:
    """Write a caller's body, with the provider's members in it.

    Args:
        call: the request.
        method: its method, in upper case.
        content_type: what caller or provider say that it is.
        fill_in: members that the provider wants in it, or None where it wants none.

    Raises:
        InvalidArgumentError: it cannot be written, or cannot be filled in.
    """
    if method in _METHODS_WITHOUT_BODY:
        return Body(None, None)
    if method not in _METHODS_FILLED_IN:
        fill_in = None
    is_form = content_type is not None and content_type.lower().startswith(FORM)
    document: object = call.json
    if call.data is not None:
        if document is not NOT_GIVEN:
            raise InvalidArgumentError("json and data are two bodies: pass one")
        fields = _form_fields(call.data)
        if fields is None:
            return _raw(call.data, fill_in)
        if fill_in:
            fields = [pair for pair in fields if pair[0] not in fill_in]
            fields += _flatten(fill_in)
        return _form(fields, frozenset(fill_in or ()))
    filled_in: frozenset[str] = frozenset()
    if fill_in and (document is NOT_GIVEN or isinstance(document, Mapping)):
        document = _merge(cast("Mapping[str, Any]", document or {}), fill_in)
        filled_in = frozenset(fill_in)
    if document is NOT_GIVEN:
        return Body(None, FORM if method in _METHODS_WITH_TYPE else None)
    if is_form and isinstance(document, Mapping):
        return _form(_flatten(cast("Mapping[str, Any]", document)), filled_in)
    return Body(_write_json(document), JSON, None, filled_in)


def _raw(data: object, fill_in: Mapping[str, Any] | None) -> Body:
    if isinstance(data, str):
        try:
            return Body(data.encode(), "text/plain; charset=utf-8")
        except UnicodeEncodeError:
            pass
        raise InvalidArgumentError("the body is no valid Unicode")
    if isinstance(data, bytes | bytearray | memoryview):
        return Body(bytes(cast("bytes", data)), None)
    if fill_in:
        raise InvalidArgumentError(
            "this provider wants its key in the body: pass json, or the fields of a form"
        )
    return Body(data, None)


def _merge(own: Mapping[str, Any], fill_in: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(own)
    for name, value in fill_in.items():
        mine = merged.get(name)
        if isinstance(value, Mapping) and isinstance(mine, Mapping):
            merged[name] = _merge(cast("Mapping[str, Any]", mine), cast("Mapping[str, Any]", value))
        else:
            merged[name] = value
    return merged


def _write_json(document: Any) -> bytes:
    try:
        text = json.dumps(
            document,
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
            default=_plain_container,
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        pass
    raise InvalidArgumentError("json holds what JSON cannot")


def _plain_container(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, Sequence):
        return list(cast("Sequence[object]", value))
    raise TypeError


def _form_fields(data: object) -> list[tuple[str, str]] | None:
    """Read aiohttp's forms; None for what is no form, or one with files."""
    if isinstance(data, Mapping):
        data = cast("Mapping[object, object]", data).items()
    elif not isinstance(data, list | tuple):
        return None
    fields: list[tuple[str, str]] = []
    for item in cast("Iterable[Any]", data):
        match item:
            case (str(name), str() | int() | float() as value):
                fields.append((name, str(value)))
            case _:
                return None
    return fields


def _form(fields: list[tuple[str, str]], filled_in: frozenset[str]) -> Body:
    try:
        content = "&".join(f"{_quote(name)}={_quote(value)}" for name, value in fields).encode()
    except UnicodeEncodeError:
        content = None
    if content is None:
        raise InvalidArgumentError("the form is no valid Unicode")
    return Body(content, FORM, fields, filled_in)


def _quote(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


def _flatten(value: object, prefix: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Write an object as fields: ``nested[a][0]``."""
    if depth > _MAX_DEPTH:
        raise InvalidArgumentError("json is nested too deep for a form")
    items: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
    elif isinstance(value, list | tuple):
        items = enumerate(cast("Sequence[object]", value))
    else:
        if isinstance(value, bool):
            return [(prefix, "true" if value else "false")]
        return [(prefix, text_of(value) or "")]
    fields: list[tuple[str, str]] = []
    for name, item in items:
        fields += _flatten(item, f"{prefix}[{name}]" if prefix else str(name), depth + 1)
    return fields
