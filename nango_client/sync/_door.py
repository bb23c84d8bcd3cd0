"""What the synchronous client does that the asynchronous one does otherwise."""

from types import TracebackType
from typing import NoReturn, Self, SupportsIndex

from nango_client.exceptions import ClientClosedError
from nango_client.sync._bridge import Bridge, Recipe


class Door:
    """Opens with a client, and closes it."""

    def __init__(self, recipe: Recipe) -> None:
        self._bridge = Bridge(recipe)

    def __repr__(self) -> str:
        bridge: Bridge | None = getattr(self, "_bridge", None)
        # There is none where a setting was unusable.
        return "<NangoClient not set up open>" if bridge is None else repr(bridge.client)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        self._bridge.client.__reduce_ex__(protocol)

    def __enter__(self) -> Self:
        if self._bridge.client.closed:
            raise ClientClosedError("this NangoClient is closed: make a new one")
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._bridge.close()
