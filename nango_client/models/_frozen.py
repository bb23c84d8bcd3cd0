"""JSON containers that nobody can change, so that the cache may hand the same one to everybody.

They are subclasses of ``dict`` and ``list``: equal to plain ones, accepted by ``json.dumps``, and
small. Every way of copying gives a plain, changeable container.
"""

import copy
from collections.abc import Mapping
from typing import Any


def _refuse(self: object, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    text = "this value is shared and read-only: change a copy.deepcopy() of it, which is plain"
    raise TypeError(text)


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """A list that cannot be changed."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


EMPTY: Mapping[str, Any] = FrozenDict()
_CONTAINERS: frozenset[object] = frozenset({dict, list})
# What `FrozenDict` itself refuses.
_put = dict[str, Any].__setitem__


def freeze(value: Any) -> Any:
    """Give a read-only twin of a parsed JSON value; the parser bounds its depth."""
    kind: object = value.__class__
    if kind not in _CONTAINERS:
        return value
    # Most values are scalars: copying all and then replacing the containers is the fast way.
    if kind is dict:
        if not value:
            return EMPTY
        frozen = FrozenDict(value)
        for key, item in value.items():
            if item.__class__ in _CONTAINERS:
                _put(frozen, key, freeze(item))
        return frozen
    return FrozenList([freeze(item) if item.__class__ in _CONTAINERS else item for item in value])
