"""What a provider's 401 is met with: other credentials, from the cache or by a forced renewal."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, final

import attrs

from nango_client._http.single_flight import SingleFlight
from nango_client._provider.making.variables import RENEWABLE
from nango_client._provider.remembered import landed
from nango_client.exceptions import NangoError
from nango_client.models import Connection, Credentials, TwoStepCredentials, UnknownCredentials
from nango_client.models._base import Model

Pair = tuple[str, str]

# At most one renewal of a connection is forced in this time, in seconds.
_PAUSE: Final = 60.0
_MANY: Final = 10_000
# They say when, not who.
_SAYS_NOTHING: Final = frozenset({"raw", "expires_at"})


@final
class Renewals:
    """Finds other credentials than those that a provider refused.

    Args:
        get_connection: the client's own.
        compare: gives what is cached of a connection, by the whole fleet.
        may_force: says whether nobody in the fleet has forced a renewal for so many seconds.
        flights: the client's, so that they end with it.
        monotonic: a clock, in seconds.
    """

    def __init__(
        self,
        get_connection: Callable[..., Coroutine[Any, Any, Connection]],
        compare: Callable[[Pair], Coroutine[Any, Any, Connection | None]],
        may_force: Callable[[Pair, float], Coroutine[Any, Any, bool]],
        flights: SingleFlight[Pair, Connection],
        monotonic: Callable[[], float],
    ) -> None:
        self._get_connection = get_connection
        self._compare = compare
        self._may_force = may_force
        self._flights = flights
        self._monotonic = monotonic
        self._forced_at: dict[Pair, float] = {}

    async def other_than(self, refused: Connection) -> Connection | None:
        """Give the connection with other credentials, or None where there are none to be had.

        Args:
            refused: the connection as it was used.
        """
        pair = (refused.connection_id, refused.provider_config_key)
        held = await self._compare(pair)
        if held is not None and not same(held.credentials, refused.credentials):
            return held
        if refused.credentials.type not in RENEWABLE:
            return None
        try:
            found = await self._renewed(pair, is_held=held is not None)
        except NangoError:
            return None
        if found is None or same(found.credentials, refused.credentials):
            return None
        return found

    async def _renewed(self, pair: Pair, *, is_held: bool) -> Connection | None:
        flight = self._flights.get(pair)
        if flight is None:
            now = self._monotonic()
            forced_at = self._forced_at.get(pair)
            if forced_at is not None and now - forced_at < _PAUSE:
                # A renewal may have come of which the cache knows nothing.
                return None if is_held else await self._get_connection(*pair)
            self._note(pair, now)
            flight = self._flights.start(pair, self._force, pair)
        return await landed(flight)

    async def _force(self, pair: Pair) -> Connection:
        is_first = await self._may_force(pair, _PAUSE)
        # What another process has forced comes, or has come, through the cache.
        return await self._get_connection(*pair, force_refresh=is_first)

    def _note(self, pair: Pair, now: float) -> None:
        if len(self._forced_at) >= _MANY:
            ended = now - _PAUSE
            self._forced_at = {key: at for key, at in self._forced_at.items() if at > ended}
        self._forced_at[pair] = now


def same(one: Credentials, other: Credentials) -> bool:
    """Say whether a provider could not tell them apart; when they end does not count."""
    if type(one) is not type(other):
        return False
    if isinstance(one, TwoStepCredentials | UnknownCredentials):
        return one == other  # Any part of theirs may be sent.
    return _proof(one) == _proof(other)


def _proof(credentials: Model) -> list[Any]:
    # attrs' own decorator is inside ours, where type checkers do not see it.
    kind: Any = type(credentials)
    fields = attrs.fields(kind)
    values = [getattr(credentials, f.name) for f in fields if f.name not in _SAYS_NOTHING]
    return [_proof(value) if isinstance(value, Model) else value for value in values]
