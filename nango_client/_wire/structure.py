"""Structure hooks for models: one generated function each, with checks and assignments written out.

cattrs calls a hook for every field, and a frozen class of attrs calls ``object.__setattr__`` for
each. Most fields are plain text, for which that costs more than the field itself;
``benchmarks/decode.py`` measures it.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

import attrs

from nango_client._wire.optional import is_optional
from nango_client.models._base import wire_name

Hook = Callable[[Any, Any], Any]


def make_model_hook(cls: type[Any], hook_for: Callable[[Any], Hook]) -> Hook:
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
    """
    scope: dict[str, Any] = {"cls": cls, "new": object.__new__, "draft": _unfrozen(cls)}
    lines = [
        line
        for field in attrs.fields(cls)
        for line in _lines(field, wire_name(field), hook_for, scope)
    ]
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
