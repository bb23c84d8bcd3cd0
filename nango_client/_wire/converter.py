"""From the wire's JSON to models, and back, with cattrs.

Which fields may be of another shape without an error is said in `nango_client._wire.optional`.

Nothing that holds a body may be a local variable of a frame that raises: tracebacks with captured
locals end up in logs and error trackers. So `read` returns what it could not read, and its caller
raises with nothing but that field's path in hand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal, TypeVar, cast, final, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import AttributeValidationNote, BaseValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from nango_client._wire.jsonlib import loads
from nango_client._wire.optional import is_optional
from nango_client._wire.structure import Hook, make_model_hook
from nango_client._wire.timestamps import format_timestamp, parse_timestamp
from nango_client.models import (
    ApiKeyCredentials,
    BasicCredentials,
    Connection,
    Credentials,
    JsonValue,
    JwtCredentials,
    NoCredentials,
    SignatureCredentials,
    TbaCredentials,
    TwoStepCredentials,
    UnknownCredentials,
)
from nango_client.models._base import LazyModel, whole_field, wire_name
from nango_client.models._frozen import EMPTY, FrozenDict, FrozenList, freeze

# Kinds whose other fields differ by provider and are kept in `extra`.
_WITH_EXTRA: tuple[type, ...] = (JwtCredentials, TwoStepCredentials)
_WITHOUT_RAW = (
    ApiKeyCredentials,
    BasicCredentials,
    JwtCredentials,
    SignatureCredentials,
    TbaCredentials,
)

T = TypeVar("T")


@final
class Unreadable:
    """Says which field of a body could not be read; its path is empty where that is all of it."""

    __slots__ = ("path",)

    def __init__(self, path: str = "") -> None:
        self.path = path


def read(body: bytes, kind: type[T], now: Callable[[], float]) -> T | Unreadable:
    """Give the `kind` that a JSON document stands for, or the first field that is wrong.

    Args:
        body: the answer's body.
        kind: a model, or a tuple of models.
        now: gives the time at which the body was written, in epoch seconds.
    """
    try:
        document = loads(body)
    except ValueError:
        return Unreadable()
    if document.__class__ is not dict and attrs.has(kind):
        return Unreadable()
    try:
        # mypy takes no class for hashable.
        value: T = _structure_hook(kind)(document, kind)  # type: ignore[arg-type]
        return _finish(value, now)
    except Exception:  # noqa: BLE001  whatever a hook stumbles on is for the second pass to judge
        return _read_in_detail(document, kind, now)


def _read_in_detail(document: Any, kind: type[T], now: Callable[[], float]) -> T | Unreadable:
    """Decode with cattrs alone, which takes whatever is right and notes where it is.

    That costs too much for the first pass.
    """
    path: list[str] = []
    try:
        hook = _structure_hook(kind, detailed=True)  # type: ignore[arg-type]
        value: T = hook(document, kind)
        return _finish(value, now)
    except Exception as fault:  # noqa: BLE001
        path = _path(fault)
    return Unreadable(".".join(path))


def _path(fault: BaseException) -> list[str]:
    steps: list[str] = []
    owner: Any = None
    while True:
        for note in getattr(fault, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                steps.append(wire_name(getattr(attrs.fields(owner), note.name)))
            if isinstance(note, IterableValidationNote):
                steps.append(str(note.index))
        if not isinstance(fault, BaseValidationError):
            return [*steps, fault.field] if isinstance(fault, _FieldError) else steps
        owner, fault = fault.cl, fault.exceptions[0]


class _FieldError(ValueError):
    """A field inside a value that a hook of ours structures as a whole."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field


@cache
def _structure_hook(kind: Any, *, detailed: bool = False) -> Hook:
    """Give the hook for a whole answer; made on first use, as an import should be quick."""
    converter = Converter(detailed_validation=detailed)
    # cattrs would turn null into the string 'None' and true into 1: take the exact type only.
    for primitive in (str, int, bool):
        converter.register_structure_hook(primitive, _exactly(primitive))
    converter.register_structure_hook(datetime, parse_timestamp)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, object], _json_object)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, str], _tags)
    converter.register_structure_hook_factory(_is_mapping_of_others, _make_mapping_hook)
    converter.register_structure_hook_func(lambda kind: kind == JsonValue, _any_json)
    if detailed:
        converter.register_structure_hook_factory(attrs.has, _make_detailed_model_hook)
    else:
        converter.register_structure_hook_factory(attrs.has, _make_quick_model_hook)
        converter.register_structure_hook_factory(_is_tuple, _make_tuple_hook)
    converter.register_structure_hook_factory(
        lambda kind: kind == Credentials, _make_credentials_hook
    )
    return converter.get_structure_hook(kind)


def _exactly(primitive: type) -> Hook:
    def hook(value: object, _: object) -> object:
        if type(value) is not primitive:
            raise TypeError
        return value

    return hook


def _json_object(value: Any, _: object) -> Mapping[str, object]:
    if value.__class__ is dict:
        frozen: Mapping[str, object] = freeze(value) if value else EMPTY
        return frozen
    if value is None:
        return EMPTY
    raise TypeError


def _tags(value: Any, _: object) -> Mapping[str, object]:
    if value.__class__ is not dict:
        return _json_object(value, _)
    for tag in value.values():
        if tag.__class__ is not str:
            raise TypeError
    return FrozenDict(value) if value else EMPTY


def _is_mapping_of_others(kind: Any) -> bool:
    return get_origin(kind) is Mapping and get_args(kind)[1] not in (object, str)


def _make_mapping_hook(kind: Any, converter: Converter) -> Hook:
    inner = get_args(kind)[1]
    structure = converter.get_structure_hook(inner)
    return lambda value, _: FrozenDict({key: structure(item, inner) for key, item in value.items()})


def _any_json(value: Any, _: object) -> JsonValue:
    frozen: JsonValue = EMPTY if value is None else freeze(value)
    return frozen


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _make_tuple_hook(kind: Any, converter: Converter) -> Hook:
    """Resolve the hook of the items once; cattrs itself looks it up on every call."""
    inner = get_args(kind)[0]
    structure = converter.get_structure_hook(inner)
    return lambda value, _: tuple([structure(item, inner) for item in value])


def _make_quick_model_hook(cls: type[Any], converter: Converter) -> Hook:
    hook = make_model_hook(
        cls, converter.get_structure_hook, partial(_structure_hook, detailed=True)
    )
    # A lazy one keeps the whole object anyway, until it is asked for.
    return hook if issubclass(cls, LazyModel) else _with_extra(cls, hook)


def _make_detailed_model_hook(cls: type[Any], converter: Converter) -> Hook:
    overrides: dict[str, Any] = {
        field.name: override(
            rename=wire_name(field),
            struct_hook=_or_default(field, converter) if is_optional(field) else None,
        )
        for field in attrs.fields(cls)
    }
    if cls is Connection:
        # Not a field of the wire; the model derives it.
        overrides["expires_at"] = override(omit=True)
    return _with_extra(cls, make_dict_structure_fn(cls, converter, **overrides))


def _or_default(field: "attrs.Attribute[Any]", converter: Converter) -> Hook:
    structure = converter.get_structure_hook(field.type)

    def hook(value: object, kind: object) -> object:
        try:
            return structure(value, kind)
        except Exception:  # noqa: BLE001  it may be anything
            return field.default

    return hook


def _with_extra(cls: type[Any], hook: Hook) -> Hook:
    """Let a hook also keep what is no field of its own, or all of it, for the models that do."""
    field = whole_field(cls)
    if field is not None:
        return _with_whole(*field, hook)
    if cls not in _WITH_EXTRA:
        return hook
    known = _names(cls) - {"extra"}

    def with_extra(value: dict[str, Any], kind: Any) -> Any:
        extra = {key: item for key, item in value.items() if key not in known}
        return hook({**value, "extra": extra}, kind)

    return with_extra


def _with_whole(field: str, without: str, hook: Hook) -> Hook:
    """Let a hook also keep the object that it gets, but for one member."""

    def with_whole(value: dict[str, Any], kind: Any) -> Any:
        rest = value.copy()
        rest.pop(without, None)
        return hook(value | {field: rest}, kind)

    return with_whole


def _names(cls: type[Any]) -> set[str]:
    return {field.name for field in attrs.fields(cls)}


def _make_credentials_hook(_: object, converter: Converter) -> Hook:
    kinds = {
        tag: cls
        for cls in get_args(Credentials)
        if get_origin(tags := attrs.fields(cls).type.type) is Literal
        for tag in get_args(tags)
    }
    hooks: dict[str, Hook] = {}

    def structure(wire: Any, _: object) -> Any:
        if wire.__class__ is not dict:
            raise TypeError
        if not wire:
            return NoCredentials()
        tag = wire.get("type")
        if type(tag) is not str:
            raise _FieldError("type")
        hook = hooks.get(tag)
        if hook is None:
            if tag not in kinds:
                return _unknown(tag, wire)
            hook = hooks[tag] = converter.get_structure_hook(kinds[tag])
        return hook(wire, kinds[tag])

    return structure


def _unknown(tag: str, value: dict[str, Any]) -> UnknownCredentials:
    return UnknownCredentials(type=tag, raw=freeze(value), expires_at=_readable_end(value))


def _readable_end(value: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_timestamp(value.get("expires_at"))
    except ValueError:
        return None


def _finish(value: T, now: Callable[[], float]) -> T:
    """Let a connection end with the first token in it that was alive when it came.

    Tokens in ``connection_config`` that were past already do not count: Nango does not renew all of
    them, and they would make the answer uncacheable for ever (WIRE.md, "200").
    """
    if not isinstance(value, Connection) or not value.connection_config:
        return value
    written_at = now()
    ends = [end for end in _token_ends(value.connection_config) if end.timestamp() > written_at]
    if value.expires_at is not None:
        ends.append(value.expires_at)
    end = min(ends, default=None)
    if end == value.expires_at:
        return value
    # attrs' own decorator is inside ours, where mypy does not see it.
    return attrs.evolve(value, expires_at=end)  # type: ignore[misc]


def _token_ends(value: object) -> Iterator[datetime]:
    """Give the readable ends of all objects inside a JSON value that hold a token of their own."""
    items: Iterable[object] = ()
    if isinstance(value, FrozenDict):
        items = value.values()
    elif isinstance(value, FrozenList):
        items = value
    for item in items:
        if isinstance(item, FrozenDict) and any("token" in name.lower() for name in item):
            end = _readable_end(item)
            if end is not None:
                yield end
        yield from _token_ends(item)


def encode(value: Any) -> Any:
    """Give the wire's form of a model: its names, ISO timestamps, plain containers."""
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, UnknownCredentials):
        return encode(value.raw)
    if isinstance(value, NoCredentials):
        return {}
    if attrs.has(value.__class__):
        return _encode_model(value)
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in cast("Iterable[Any]", value)]
    return value


def _encode_model(value: Any) -> dict[str, Any]:
    encoded: dict[str, Any] = {}
    for field in attrs.fields(value.__class__):
        name: str = field.name
        item = getattr(value, name)
        if name == "extra":
            encoded |= encode(item)
        elif not _is_left_out(value, name, item):
            encoded[wire_name(field)] = encode(item)
    return encoded


def _is_left_out(owner: object, name: str, item: object) -> bool:
    """Say whether the wire has no such field: it leaves out what is absent from credentials."""
    if isinstance(owner, Connection):
        return name == "expires_at" or (name == "account_id" and item is None)
    if name == "raw":
        return item == EMPTY and isinstance(owner, _WITHOUT_RAW)
    return item is None and isinstance(owner, get_args(Credentials))
