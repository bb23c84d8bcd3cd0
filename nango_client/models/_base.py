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


def _hide_by_default(
    _cls: type, fields: "list[attrs.Attribute[Any]]"
) -> "list[attrs.Attribute[Any]]":
    return [
        field.evolve(repr=field.name in _SHOWN, hash=field.name not in _UNHASHABLE)
        for field in fields
    ]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def model(cls: _C) -> _C:
    """Make `cls` a frozen attrs class whose ``repr`` shows only what `_SHOWN` names."""
    made = attrs.frozen(kw_only=True, order=False, field_transformer=_hide_by_default)(cls)
    made.__module__ = "nango_client"
    return made


class Model:
    """Copying gives the object itself, which cannot change; pickling secrets is refused."""

    __slots__ = ()

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
