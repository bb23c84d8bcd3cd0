"""Structure hooks for models: one generated function each, with checks and assignments written out.

cattrs calls a hook for every field, and a frozen class of attrs calls ``object.__setattr__`` for
each. Most fields are plain text, for which that costs more than the field itself;
``benchmarks/decode.py`` measures it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

import attrs

from nango_client._wire.optional import is_optional
from nango_client.exceptions import DecodeError
from nango_client.models._base import LazyModel, is_later, whole_field, wire_name

Hook = Callable[[Any, Any], Any]


def make_model_hook(
    cls: type[Any],
    hook_for: Callable[[Any], Hook],
    in_detail: Callable[[Any], Hook] | None = None,
) -> Hook:
    """Make the function that turns a JSON object into a `cls`.

    Text, whole numbers, truth values and literals are taken as they are, and nothing else in their
    place; of timestamps only those in UTC. Other fields have their hooks from `hook_for`, and where
    one of these fails, so does the whole: inside may be a timestamp that is only odd. An optional
    scalar (`is_optional`) has its default in place of anything else. For an `Organization` it
    reads::

        def structure(wire, _):
            self = new(draft)
            get = wire.get
            value = wire['id']
            if not (value.__class__ is str):
                raise TypeError
            self.id = value
            value = get('display_name', default_display_name)
            if not (value.__class__ is str or value is None):
                value = default_display_name
            self.display_name = value
            self.__class__ = cls
            return self

    Args:
        cls: an attrs class without validators and converters; the names of its fields are all that
            enters the source text. A field whose default is made from the instance is taken for
            one that the wire does not have.
        hook_for: gives the hook of a type that is no scalar.
        in_detail: gives the hook that takes whatever is right, for what a lazy model reads later.
    """
    scope: dict[str, Any] = {"cls": cls, "new": object.__new__, "draft": _unfrozen(cls)}
    fields: list[attrs.Attribute[Any]] = list(attrs.fields(cls))
    lines: list[str] = []
    if issubclass(cls, LazyModel):
        rest = [field for field in fields if is_optional(field) or is_later(field)]
        cls.__read_rest__ = staticmethod(_make_reader(cls, rest, hook_for, in_detail or hook_for))
        fields = [field for field in fields if not is_optional(field)]
        lines = ["self._unread = wire"]
    lines += [line for field in fields for line in _lines(field, wire_name(field), hook_for, scope)]
    source = "\n    ".join(
        [
            "def structure(wire, _):",
            "self = new(draft)",
            "get = wire.get",
            *lines,
            "self.__class__ = cls",
            "return self",
        ]
    )
    exec(source, scope)  # noqa: S102  see `cls` above
    hook: Hook = scope["structure"]
    return hook


def _make_reader(
    cls: type[Any],
    fields: "list[attrs.Attribute[Any]]",
    hook_for: Callable[[Any], Hook],
    in_detail: Callable[[Any], Hook],
) -> Callable[[Any], Mapping[str, Any]]:
    """Make the function that gives the values of these fields out of a wire's object."""
    hooks = [(each, wire_name(each), hook_for(each.type)) for each in fields]
    whole = whole_field(cls)

    def read(wire: Any) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        for field, name, hook in hooks:
            value = wire
            if whole is None or field.name != whole[0]:
                value = wire.get(name, field.default)
            else:
                value = {key: item for key, item in wire.items() if key != whole[1]}
            try:
                values[field.name] = hook(value, field.type)
            except Exception:  # noqa: BLE001  it may be anything
                values[field.name] = read_in_detail(field, value)
        return values

    def read_in_detail(field: "attrs.Attribute[Any]", value: Any) -> Any:
        try:
            return in_detail(field.type)(value, field.type)
        except Exception:  # noqa: BLE001
            if not is_later(field):
                return field.default
        del value
        raise DecodeError(
            f"the answer's field {wire_name(field)!r} is not what the API promises",
            path=wire_name(field),
        )

    return read


def _unfrozen(cls: type[Any]) -> type[Any]:
    """Give a twin of a frozen class whose instances may be filled and then become the class's."""
    plain = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), {"__slots__": (), **plain})


def _lines(
    field: "attrs.Attribute[Any]",
    wire_name: str,
    hook_for: Callable[[Any], Hook],
    scope: dict[str, Any],
) -> Iterator[str]:
    """Give the lines that read, check and set one field; `scope` gets what they name."""
    name = field.name
    default: Any = field.default
    if getattr(default, "takes_self", False):
        scope[f"derive_{name}"] = default.factory
        yield f"self.{name} = derive_{name}(self)"
        return
    if is_later(field):
        yield f"if wire[{wire_name!r}].__class__ is not dict: raise TypeError"
        return
    kind, may_be_null = _without_none(field.type)
    otherwise = [f"value = default_{name}" if is_optional(field) else "raise TypeError"]
    as_it_is: list[str] = []
    if kind in (str, int, bool):
        as_it_is.append(f"value.__class__ is {kind.__name__}")
    elif get_origin(kind) is Literal:
        scope[f"allowed_{name}"] = get_args(kind)
        as_it_is.append(f"value in allowed_{name}")
    elif kind is datetime:
        scope |= {"from_iso": datetime.fromisoformat, "utc": UTC}
        otherwise = ["value = from_iso(value)", "if value.tzinfo is not utc: raise ValueError"]
    else:
        scope[f"hook_{name}"], scope[f"kind_{name}"] = hook_for(kind), kind
        otherwise = [f"value = hook_{name}(value, kind_{name})"]
    if may_be_null:
        as_it_is.append("value is None")
    if default is attrs.NOTHING:
        yield f"value = wire[{wire_name!r}]"
    else:
        scope[f"default_{name}"] = default
        yield f"value = get({wire_name!r}, default_{name})"
        if default is not None:
            as_it_is.append(f"value is default_{name}")
    if as_it_is:
        yield f"if not ({' or '.join(as_it_is)}):"
        yield from (f"    {line}" for line in otherwise)
    else:
        yield from otherwise
    yield f"self.{name} = value"


def _without_none(kind: Any) -> tuple[Any, bool]:
    """Give what an optional type is besides None, and whether it is one."""
    parts = get_args(kind)
    if get_origin(kind) is UnionType and len(parts) == 2 and NoneType in parts:  # noqa: PLR2004
        return next(part for part in parts if part is not NoneType), True
    return kind, False
