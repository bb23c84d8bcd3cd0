"""The API key in a request's headers, told to who writes them and to nobody who only looks.

aiohttp has a request's headers in local variables, which tracebacks show, and hands them to traces;
recorders of requests keep them. All of these find a mask, which is an ordinary ``str``.
"""

from collections.abc import ItemsView, Mapping
from typing import Any, Final, Self, final

from aiohttp import ClientRequest
from multidict import CIMultiDict

_NAME: Final = "Authorization"
_MASK: Final = "***"


@final
class Hidden(str):
    """A text that no ``repr`` shows, for use inside the package: others may take a `str` alone."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{_MASK}'"


@final
class SealedHeaders(CIMultiDict[str]):
    """Headers whose ``Authorization`` only `items` tells, from which aiohttp writes a request."""

    __slots__ = ("_authorization",)

    _authorization: Hidden

    @classmethod
    def of(cls, headers: Mapping[str, str], authorization: Hidden) -> Self:
        """Give these headers with this ``Authorization``, in place of one that they have."""
        made = cls(headers)
        made[_NAME] = _MASK
        made._authorization = authorization
        return made

    def items(self) -> ItemsView[str, str]:
        # Copies what is inside, and does not come back here for it.
        written = CIMultiDict(self)
        written[_NAME] = str(self._authorization)
        return written.items()

    def copy(self) -> "SealedHeaders":
        return SealedHeaders.of(self, self._authorization)


def sealing_requests(authorization: Hidden) -> type[ClientRequest]:
    """Make the class of requests for a session whose every request has this ``Authorization``."""

    class SealedRequest(ClientRequest):
        # Constructors call it; to override these costs twice as much.
        def update_headers(self, headers: Any) -> None:
            super().update_headers(headers)
            self.headers = SealedHeaders.of(self.headers, authorization)

    return SealedRequest
