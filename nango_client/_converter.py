"""From the wire's JSON to models, and back, with cattrs.

Nothing that holds a body may be a local variable of a frame that raises: tracebacks with captured
locals end up in logs and error trackers. So `_try_decode` does the work and returns what it could
not read, and `decode_connection` raises with nothing but that field's path in hand.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Literal, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import AttributeValidationNote, BaseValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from nango_client._headers import server_time
from nango_client._jsonlib import loads
from nango_client._protocol import Response
from nango_client._structure import Hook, make_model_hook
from nango_client._timestamps import format_timestamp, parse_timestamp
from nango_client.exceptions import DecodeError
from nango_client.models import (
    ApiKeyCredentials,
    BasicCredentials,
    Connection,
    Credentials,
    JwtCredentials,
    NoCredentials,
    SignatureCredentials,
    TbaCredentials,
    TwoStepCredentials,
    UnknownCredentials,
)
from nango_client.models._frozen import EMPTY, FrozenDict, FrozenList, freeze

_WIRE_NAMES = {"api_key": "apiKey", "jwt_token": "jwtToken"}

# Kinds whose other fields differ by provider and are kept in `extra`.
_WITH_EXTRA: tuple[type, ...] = (JwtCredentials, TwoStepCredentials)
_WITHOUT_RAW = (
    ApiKeyCredentials,
    BasicCredentials,
    JwtCredentials,
    SignatureCredentials,
    TbaCredentials,
)

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")


def decode_connection(response: Response) -> Connection:
    """Give the connection that a successful answer holds.

    Raises:
        DecodeError: the answer is not JSON, or not what the API promises.
    """
    media_type = _media_type(response.headers.get("Content-Type"))
    if media_type is not None and not media_type.endswith(("/json", "+json")):
        raise DecodeError(
            f"expected JSON, but the answer (HTTP {response.status}) has the content type "
            f"{media_type}: check that base_url is the address of Nango's API"
        )
    result = _try_decode(response)
    if isinstance(result, Connection):
        return result
    if result is None:
        raise DecodeError(f"the answer (HTTP {response.status}) is not a JSON object")
    raise DecodeError(f"the answer's field {result!r} is not what the API promises", path=result)


# All answers carry the same one.
@lru_cache(maxsize=16)
def _media_type(value: str | None) -> str | None:
    """Give a ``Content-Type`` without its parameters, None where there is none."""
    if value is None:
        return None
    found = _MEDIA_TYPE.match(value)
    return found[0].lower() if found else "of no known form"


def _try_decode(response: Response) -> Connection | str | None:
    """Give the connection, the path of the first field that is wrong, or None: no JSON object."""
    try:
        document = loads(response.body)
    except ValueError:
        return None
    if document.__class__ is not dict:
        return None
    try:
        connection: Connection = _structure_hook()(document, Connection)
        if not connection.connection_config:  # Nearly always; a call would cost.
            return connection
        return _with_secondary_ends(connection, response)
    except Exception:  # noqa: BLE001  whatever a hook stumbles on is for the second pass to judge
        return _decode_in_detail(document, response)


def _decode_in_detail(document: dict[str, Any], response: Response) -> Connection | str:
    """Decode with cattrs alone, which takes whatever is right and notes where it is.

    That costs too much for the first pass.
    """
    path: list[str] = []
    try:
        connection: Connection = _structure_hook(detailed=True)(document, Connection)
        return _with_secondary_ends(connection, response)
    except Exception as fault:  # noqa: BLE001
        path = _path(fault)
    return ".".join(path)


def _path(fault: BaseException) -> list[str]:
    steps: list[str] = []
    while True:
        for note in getattr(fault, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                steps.append(_WIRE_NAMES.get(note.name, note.name))
            if isinstance(note, IterableValidationNote):
                steps.append(str(note.index))
        if not isinstance(fault, BaseValidationError):
            return [*steps, fault.field] if isinstance(fault, _FieldError) else steps
        fault = fault.exceptions[0]


class _FieldError(ValueError):
    """A field inside a value that a hook of ours structures as a whole."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field


@cache
def _structure_hook(*, detailed: bool = False) -> Hook:
    """Give the hook for a whole answer; made on first use, as an import should be quick."""
    converter = Converter(detailed_validation=detailed)
    # cattrs would turn null into the string 'None' and true into 1: take the exact type only.
    for primitive in (str, int):
        converter.register_structure_hook(primitive, _exactly(primitive))
    converter.register_structure_hook(datetime, parse_timestamp)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, object], _json_object)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, str], _tags)
    if detailed:
        converter.register_structure_hook_factory(attrs.has, _make_detailed_model_hook)
    else:
        converter.register_structure_hook_factory(attrs.has, _make_quick_model_hook)
        converter.register_structure_hook_factory(_is_tuple, _make_tuple_hook)
    converter.register_structure_hook_factory(
        lambda kind: kind == Credentials, _make_credentials_hook
    )
    return converter.get_structure_hook(Connection)


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


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _make_tuple_hook(kind: Any, converter: Converter) -> Hook:
    """Resolve the hook of the items once; cattrs itself looks it up on every call."""
    inner = get_args(kind)[0]
    structure = converter.get_structure_hook(inner)
    return lambda value, _: tuple([structure(item, inner) for item in value])


def _make_quick_model_hook(cls: type[Any], converter: Converter) -> Hook:
    return _with_extra(cls, make_model_hook(cls, converter, _WIRE_NAMES))


def _make_detailed_model_hook(cls: type[Any], converter: Converter) -> Hook:
    overrides: dict[str, Any] = {
        name: override(rename=_WIRE_NAMES[name]) for name in _names(cls) & _WIRE_NAMES.keys()
    }
    if cls is Connection:
        # Not a field of the wire; the model derives it.
        overrides["expires_at"] = override(omit=True)
    return _with_extra(cls, make_dict_structure_fn(cls, converter, **overrides))


def _with_extra(cls: type[Any], hook: Hook) -> Hook:
    """Let a hook collect what is no field of its own, for the kinds that keep that."""
    if cls not in _WITH_EXTRA:
        return hook
    known = _names(cls) - {"extra"}

    def with_extra(value: dict[str, Any], kind: Any) -> Any:
        extra = {key: item for key, item in value.items() if key not in known}
        return hook({**value, "extra": extra}, kind)

    return with_extra


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


def _with_secondary_ends(connection: Connection, response: Response) -> Connection:
    """Let the answer end with the first token in it that was alive when it came.

    Tokens in ``connection_config`` that were past already do not count: Nango does not renew all of
    them, and they would make the answer uncacheable for ever (WIRE.md, "200").
    """
    now = server_time(response.headers, response.received_at)
    ends = [end for end in _token_ends(connection.connection_config) if end.timestamp() > now]
    if connection.expires_at is not None:
        ends.append(connection.expires_at)
    end = min(ends, default=None)
    if end == connection.expires_at:
        return connection
    # attrs' own decorator is inside ours, where mypy does not see it.
    return attrs.evolve(connection, expires_at=end)  # type: ignore[misc]


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
            encoded[_WIRE_NAMES.get(name, name)] = encode(item)
    return encoded


def _is_left_out(owner: object, name: str, item: object) -> bool:
    """Say whether the wire has no such field: it leaves out what is absent from credentials."""
    if isinstance(owner, Connection):
        return name == "expires_at" or (name == "account_id" and item is None)
    if name == "raw":
        return not item and isinstance(owner, _WITHOUT_RAW)
    return item is None and isinstance(owner, get_args(Credentials))
