"""The keywords of a call, sorted into ours and those that aiohttp gets as they are."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import attrs
from aiohttp import BasicAuth, ClientResponse, ClientTimeout
from multidict import CIMultiDict

from nango_client.exceptions import InvalidArgumentError

_OWN: Final = frozenset(
    {"params", "headers", "json", "data", "cookies", "auth", "raise_for_status", "timeout"}
)
# A total of 0 would be none.
_EARLIEST: Final = 0.001
NO_LIMIT: Final = math.inf


@final
class Options:
    """The keywords of one call, which hold what no traceback may show.

    Args:
        given: by the caller.
    """

    __slots__ = ("get", "given")

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given: Mapping[str, Any] = given
        self.get: Callable[[str], Any] = given.get

    def rest(self) -> dict[str, Any]:
        """Give those that are aiohttp's alone."""
        if self.given.keys() <= _OWN:
            return {}
        return {name: value for name, value in self.given.items() if name not in _OWN}


def headers_of(defaults: CIMultiDict[str] | None, options: Options) -> Any:
    """Give the caller's headers: those of the call, and of the session where it has none of a name.

    Raises:
        InvalidArgumentError: they are no headers.
    """
    own, cookies, auth = options.get("headers"), options.get("cookies"), options.get("auth")
    if defaults is None and cookies is None and auth is None:
        return own
    headers: CIMultiDict[str] = CIMultiDict() if defaults is None else defaults.copy()
    headers.update(header_dict(own))
    if cookies is not None:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in _pairs(cookies))
    if auth is not None:
        if not isinstance(auth, BasicAuth):
            raise InvalidArgumentError("auth must be an aiohttp.BasicAuth")
        headers["Authorization"] = auth.encode()
    return headers


def header_dict(headers: Any) -> CIMultiDict[str]:
    """Give headers, a mapping or pairs of texts, as what looks names up in any case.

    Raises:
        InvalidArgumentError: they are neither.
    """
    made: CIMultiDict[str] = CIMultiDict()
    for name, value in _pairs(headers or ()):
        made.add(name, value)
    return made


def _pairs(value: Any) -> list[tuple[str, str]]:
    try:
        pairs: list[Any] = list(value.items() if hasattr(value, "items") else value)
    except TypeError:
        pairs = [None]
    if all(map(_is_pair, pairs)):
        return pairs
    raise InvalidArgumentError("headers and cookies are a mapping or a list of pairs of texts")


def _is_pair(pair: Any) -> bool:
    match pair:
        case (str(), str()):
            return True
        case _:
            return False


def limits_of(timeout: object) -> ClientTimeout:
    """Give the limits that the caller names: a number of seconds is for all together.

    Raises:
        InvalidArgumentError: it is none of what aiohttp takes.
    """
    if isinstance(timeout, ClientTimeout):
        return timeout
    if timeout is None:
        return ClientTimeout()
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0:
        return ClientTimeout(total=float(timeout), ceil_threshold=math.inf)
    raise InvalidArgumentError("timeout is a number of seconds, an aiohttp.ClientTimeout or None")


def remaining(limits: ClientTimeout, until: float) -> ClientTimeout:
    """Give the limits with what is left of the total."""
    if limits.total is None:
        return limits
    left = max(until - asyncio.get_running_loop().time(), _EARLIEST)
    return attrs.evolve(limits, total=left)


async def check_status(response: ClientResponse, check: Any) -> None:
    """Do what ``raise_for_status=`` asks for: True, or a function of the caller's."""
    if check is True:
        response.raise_for_status()
    elif check:
        try:
            await check(response)
        except BaseException:
            response.close()
            raise
