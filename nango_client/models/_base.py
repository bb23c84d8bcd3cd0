"""What all models share: frozen, slotted, keyword-only attrs classes that never show a secret."""

from typing import Any, NoReturn, Self, SupportsIndex, TypeVar, dataclass_transform

import attrs

_C = TypeVar("_C", bound=type)

# The only fields that a `repr` may show: ids, types and times. A new field is hidden until it is
# named here.
_SHOWN = frozenset(
    {
        "id",
        "connection_id",
        "provider_config_key",
        "provider",
        "account_id",
        "type",
        "log_id",
        "credentials",
        "app",
        "user",
        "errors",
        "end_user",
        "organization",
        "created_at",
        "updated_at",
        "last_fetched_at",
        "expires_at",
    }
)


# JSON mappings count for equality, but have no hash.
_UNHASHABLE = frozenset(
    {"raw", "extra", "metadata", "tags", "connection_config", "config_override"}
)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def model(cls: _C) -> _C:
    """Make `cls`, a subclass of `Model`, a frozen attrs class.

    What `Model` does for all is not generated for each: that would be half of the import's time.
    """
    made = attrs.frozen(
        kw_only=True, eq=False, repr=False, match_args=False, getstate_setstate=False
    )(cls)
    made.__module__ = "nango_client"
    return made


class Model:
    """Copying gives the object itself, which cannot change; pickling secrets is refused."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fields() if name in _SHOWN)
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model) or type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(
            (type(self), *(value for name, value in self._fields() if name not in _UNHASHABLE))
        )

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

    def _fields(self) -> list[tuple[str, Any]]:
        # attrs' own decorator is inside ours, where type checkers do not see it.
        cls: Any = type(self)
        return [(field.name, getattr(self, field.name)) for field in attrs.fields(cls)]
