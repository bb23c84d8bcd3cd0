"""The variables of a Nango environment."""

from collections.abc import Iterator, Mapping
from typing import NoReturn, SupportsIndex, final

from nango_client.models._base import Model, hidden, model, shown


@model
class Variable(Model):
    """One variable, as the wire has it."""

    name: str = shown()
    value: str = hidden()


@final
class Variables(Mapping[str, str]):
    """Names and values, read-only; its ``repr`` shows names alone.

    Example:
        >>> Variables({"STRIPE_KEY": "shh"})
        <Variables STRIPE_KEY>
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Variables {', '.join(self._values) or 'none'}>"

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError("environment variables hold secrets and are not pickled")
