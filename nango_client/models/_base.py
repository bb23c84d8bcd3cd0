"""What all models share: frozen, slotted, keyword-only attrs classes that never show a secret."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    NoReturn,
    Self,
    SupportsIndex,
    TypeVar,
    dataclass_transform,
)

import attrs

from nango_client.models._frozen import EMPTY

_C = TypeVar("_C", bound=type)

JsonValue = Mapping[str, "JsonValue"] | Sequence["JsonValue"] | str | int | float | bool | None
"""Any JSON, read-only containers included.

Example:
    >>> nested: JsonValue = {"any": ["thing", 1, None]}
"""

# Keys of a field's metadata.
_SHOWN: Final = "nango_client.shown"
_WIRE: Final = "nango_client.wire"
_WHOLE: Final = "nango_client.whole"
_LATER: Final = "nango_client.later"
_EXACT: Final = "nango_client.exact"


def shown(*, default: Any = attrs.NOTHING, wire: str | None = None, exact: bool = False) -> Any:
    """Declare a field that a ``repr`` may show: an id, a name that identifies nobody, a time.

    Args:
        default: its value where the wire has none.
        wire: the wire's name for it, where that is another.
        exact: a value of another shape is an error, although the field has a default.
    """
    return attrs.field(default=default, metadata={_SHOWN: True, _WIRE: wire, _EXACT: exact})


def hidden(
    *,
    default: Any = attrs.NOTHING,
    wire: str | None = None,
    exact: bool = False,
    alias: str | None = None,
) -> Any:
    """Declare a field that never shows; by itself the same as no declaration.

    Args:
        default: its value where the wire has none.
        wire: the wire's name for it, where that is another.
        exact: a value of another shape is an error, although the field has a default.
        alias: the argument's name, where that is another.
    """
    return attrs.field(default=default, alias=alias, metadata={_WIRE: wire, _EXACT: exact})


def later(*, wire: str) -> Any:
    """Declare a field of a `LazyModel` that shows: an object that is read when it is asked for.

    That there is one is seen at once.
    """
    return attrs.field(metadata={_SHOWN: True, _WIRE: wire, _LATER: True})


def is_later(field: "attrs.Attribute[Any]") -> bool:
    """Say whether a field was declared `later`."""
    return _LATER in field.metadata


def whole(*, without: str = "") -> Any:
    """Declare a hidden field that holds the whole JSON object which the model was made from.

    Args:
        without: the wire's name of a member that is left out.
    """
    return attrs.field(default=EMPTY, metadata={_WHOLE: without})


def whole_field(cls: Any) -> tuple[str, str] | None:
    """Give the name of the field that is declared `whole`, and of the member that it leaves out."""
    for field in attrs.fields(cls):
        if _WHOLE in field.metadata:
            return field.name, field.metadata[_WHOLE]
    return None


def wire_name(field: "attrs.Attribute[Any]") -> str:
    """Give the name that the wire has for a model's field."""
    return field.metadata.get(_WIRE) or field.name


def is_exact(field: "attrs.Attribute[Any]") -> bool:
    """Say whether a field was declared ``exact``."""
    return bool(field.metadata.get(_EXACT))


def _hide_what_is_not_shown(
    _cls: type, fields: "list[attrs.Attribute[Any]]"
) -> "list[attrs.Attribute[Any]]":
    # `repr` is what other tools look at, too: rich, and whatever else walks attrs classes.
    return [
        field if field.metadata.get(_SHOWN) or not field.repr else field.evolve(repr=False)
        for field in fields
    ]


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(attrs.field, shown, hidden, later, whole),
)
def model(cls: _C) -> _C:
    """Make `cls`, a subclass of `Model`, a frozen attrs class; a field is hidden unless `shown`.

    What `Model` does for all is not generated for each: that would be half of the import's time.
    """
    made = attrs.frozen(
        kw_only=True,
        eq=False,
        repr=False,
        match_args=False,
        getstate_setstate=False,
        field_transformer=_hide_what_is_not_shown,
    )(cls)
    made.__module__ = "nango_client"
    return made


class Model:
    """Copying gives the object itself, which cannot change; pickling secrets is refused."""

    __slots__ = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        for field in _fields(type(self)):
            if field.repr:
                yield field.name, getattr(self, field.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model) or type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        # JSON containers count for equality, but have no hash.
        return hash((type(self), *(v for v in self._values() if not isinstance(v, Mapping | list))))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        text = (
            f"{type(self).__name__} holds secrets and is not pickled: pass the ids on and "
            "fetch the connection where it is used"
        )
        raise TypeError(text)

    def _values(self) -> list[Any]:
        return [getattr(self, field.name) for field in _fields(type(self))]


class LazyModel(Model):
    """A model that reads its optional fields, and those declared `later`, when first asked for one.

    Long lists are mostly skimmed. What is demanded of the wire is read, and checked, at once.
    """

    __slots__ = ("_unread",)

    _unread: Any
    """The wire's object; gone once it was read."""

    # Set where the wire is known; gives the values of the optional fields, by their names.
    __read_rest__: ClassVar[Callable[[Any], Mapping[str, Any]]]

    if not TYPE_CHECKING:
        # Type checkers would take any name for a field.
        def __getattr__(self, name: str) -> Any:
            try:
                unread = object.__getattribute__(self, "_unread")
            except AttributeError:
                # There is no such field, or another thread has just read it.
                return object.__getattribute__(self, name)
            for field, value in self.__read_rest__(unread).items():
                object.__setattr__(self, field, value)
            with suppress(AttributeError):
                object.__delattr__(self, "_unread")
            return object.__getattribute__(self, name)


def _fields(cls: Any) -> "tuple[attrs.Attribute[Any], ...]":
    # attrs' own decorator is inside ours, where type checkers do not see it.
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    return fields
