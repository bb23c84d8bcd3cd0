"""`Lookup` with a cache behind its own that many processes share.

A call that memory cannot answer, or not without asking the store again, goes this way::

    store: get ----> an answer that may be served: into memory, and from there to the caller
      | none
    store: acquire the lease ----> another one has it: wait, look again
      | held
    store: get (it may have come meanwhile), Nango: fetch, store: set, release

Where the store cannot be used, the call goes on as if there were none.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final, final

from nango_client._clock import Clock
from nango_client._config import CachePolicy, Settings, TimeoutPolicy
from nango_client._credentials.cache import Ticket, TokenCache
from nango_client._credentials.envelope import SHARED_OPTIONS, Envelope, Failure, Names
from nango_client._credentials.keys import INCLUDE_REFRESH, Key, Pair, connection_request
from nango_client._credentials.lease import Lease
from nango_client._credentials.lookup import Lookup, Note, ends_entry
from nango_client._credentials.memory import Memory
from nango_client._credentials.shared import SharedCache, parts
from nango_client._credentials.store import Link, StoreCall, StoreUnavailableError
from nango_client._events import Reporter
from nango_client._http.lifecycle import Lifecycle
from nango_client._http.protocol import Request
from nango_client._http.requester import Requester
from nango_client._http.single_flight import Flight
from nango_client.exceptions import (
    APIStatusError,
    DecodeError,
    NangoError,
    RequestTimeoutError,
    TransportError,
)
from nango_client.models import Connection

# Ends the key of a renewal's flight, which nobody joins.
_RENEWAL: Final = "renewal"

# A lease outlives its holder by this part of an attempt's time limit, at most this many seconds.
_LEASE_PART: Final = 0.5
_LONGEST_LEASE: Final = 15.0

# Between two looks at a lease that another one holds passes this part of the time since the first
# look, within these limits in seconds: the longer all wait, the less they trouble the store.
_PAUSE_PART: Final = 0.25
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0

# How long the word lives that an answer is none to share, in seconds.
_PRIVATE_LIFE: Final = 1.0

# How long `invalidate_shared` waits for the store, in seconds.
_INVALIDATION_LIMIT: Final = 10.0


@final
class FleetLookup(Lookup):
    """Gives connections by key, and asks Nango once for all processes."""

    def __init__(
        self,
        requester: Requester,
        cache: TokenCache,
        lifecycle: Lifecycle,
        reporter: Reporter,
        *,
        clock: Clock,
        policy: CachePolicy,
        timeout: TimeoutPolicy,
        settings: Settings,
        shared: SharedCache,
    ) -> None:
        super().__init__(requester, cache, lifecycle, reporter, time=clock.time)
        self._vault, self._gate = parts(shared)
        self._names = Names(settings)
        self._link = Link(self._gate, clock, reporter)
        self._memory = Memory(cache, policy, clock, shared.local_max_age)
        self._policy = policy
        self._total = timeout.total
        self._lease_life = min(_LEASE_PART * timeout.attempt, _LONGEST_LEASE)
        # Tells our own failures from those of others: we do not remember ours.
        self._identity = secrets.token_urlsafe(12)
        self._leases = 0

    # What the caller sees at once.

    def _serve(self, key: Key) -> Connection | None:
        if self._memory.must_look(key) and self._link.is_open():
            return None
        return super()._serve(key)

    def _start(self, key: Key, request: Request) -> Flight[Key, Connection]:
        if request.runs_once:
            return self._flights.start(key, self._force, key, request)
        call = None if INCLUDE_REFRESH in key[2:] else self._link.call()
        if call is None:
            return super()._start(key, request)
        return self._flights.start(key, self._visit, key, request, call)

    def _renew(self, key: Key) -> None:
        renewal = (*key, _RENEWAL)
        if self._flights.get(renewal) is not None:
            return
        call = None if INCLUDE_REFRESH in key[2:] else self._link.call()
        if call is None:
            super()._renew(key)
            return
        request, connection = connection_request(key), self._cache.entries[key].connection
        self._flights.start(
            renewal, self._renew_for_all, key, request, connection, call, is_pinned=True
        )

    def invalidate(self, connection_id: str | None, provider_config_key: str | None) -> int:
        """As for one process; with the next call the store drops it too, before all else."""
        self._gate.pend(self._names.matching(connection_id, provider_config_key))
        return super().invalidate(connection_id, provider_config_key)

    async def compare(self, pair: Pair) -> Connection | None:
        """As for one process, after a look at what the store has."""
        call = self._link.call()
        if call is not None:
            with suppress(StoreUnavailableError):
                await self._look(call, self._names.of(pair), pair)
        return self._cache.peek(pair)

    async def may_force(self, pair: Pair, pause: float) -> bool:
        """Say whether nobody in the fleet has asked this within `pause` seconds; it counts now."""
        call = self._link.call()
        if call is None:
            return True
        try:
            # A lease that nobody releases.
            if await call.acquire(self._names.of_pause(pair), self._owner(), pause):
                return True
        except StoreUnavailableError:
            return True
        # Who has it drops what is stored in its next step; after that, its answer is waited for.
        await asyncio.sleep(_FIRST_PAUSE)
        await self.compare(pair)
        return False

    async def settle(self) -> None:
        """Have the store drop what is pending, if it can be told now."""
        if self._gate.pending:
            await self._flush(self._link.call())

    async def invalidate_shared(
        self, connection_id: str | None, provider_config_key: str | None
    ) -> int:
        """Drop what matches here and in the store; give the number of answers dropped there.

        Raises:
            TransportError: the store could not be told; the next call tells it, if it can.
        """
        patterns = self._names.matching(connection_id, provider_config_key)
        self.invalidate(connection_id, provider_config_key)
        failure: Exception
        try:
            if not self._gate.closed:
                async with asyncio.timeout(_INVALIDATION_LIMIT):
                    return await self._gate.drop(patterns)
            failure = StoreUnavailableError()
        except Exception as error:  # noqa: BLE001  engines are free in what they raise
            failure = error
        self._reporter.report("store", error=failure)
        raise TransportError(
            f"the shared cache's store could not be told ({type(failure).__name__}): other "
            "processes may go on serving what it holds"
        )

    def _may_wait(self, key: Key) -> bool:
        # A renewal has a flight of its own here.
        return self._flights.get((*key, _RENEWAL)) is None and super()._may_wait(key)

    # Tasks of their own; each works on one name in the store.

    async def _visit(self, key: Key, request: Request, call: StoreCall) -> Connection:
        """Give the store's answer, or else Nango's, to whoever waits."""
        name = self._names.of(key)
        lease = self._lease(call, name)
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            found = await self._find(call, lease, key, request, began + self._total)
            if isinstance(found, Connection):
                return found
            self._count_miss()
            waited = clock() - began
            async with _limit(self._total - waited if waited > _FIRST_PAUSE else None):
                return await self._fetch_for_all(lease, key, request, found)
        except StoreUnavailableError:
            return await self._go_without(key, request)
        finally:
            await lease.release()

    async def _find(
        self, call: StoreCall, lease: Lease, key: Key, request: Request, deadline: float
    ) -> Connection | Envelope:
        """Give an answer that may be served; else what the store has, once the lease is held.

        Raises:
            NangoError: the fetch of another process has failed with it.
            StoreUnavailableError: the store is of no use.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        seen, left = await self._look(call, lease.name, key)
        # One process alone does not remember its failures, but for some.
        ours = seen.failed_by if seen.failed_by.startswith(self._identity) else ""
        while True:
            if self._memory.holds(key, seen):
                connection = super()._serve(key)
                if connection is not None:
                    return connection
            if seen.failure is not None and seen.failed_by != ours and seen.has_failed(left):
                self._cache.coalesced += 1
                raise seen.failure.error(str(request.about))
            if seen.is_private:
                raise StoreUnavailableError
            if lease.is_held:
                return seen
            spent = call.left
            if not await lease.take():
                if clock() >= deadline:
                    raise RequestTimeoutError(
                        f"another process asks for {request.about}, and had no answer within "
                        f"{self._total:g} s"
                    )
                pause = max(_PAUSE_PART * (clock() - began), _FIRST_PAUSE)
                await asyncio.sleep(min(pause, _LONGEST_PAUSE))
                seen, left = await self._look(call, lease.name, key)
                # Waiting for the lease is apart.
                call.left = spent
            else:
                # It may have come between the last look and the lease.
                seen, left = await self._look(call, lease.name, key)

    async def _renew_for_all(
        self, key: Key, request: Request, connection: Connection, call: StoreCall
    ) -> Connection:
        """Renew an answer in the background, unless another process is at it."""
        lease = self._lease(call, self._names.of(key))
        try:
            if not await lease.take():
                self._memory.put_off_renewal(key)
                return connection
            seen, _ = await self._look(call, lease.name, key)
            if self._memory.holds(key, seen) and not self._memory.is_renewal_due(key):
                return connection
            self._count_renewal()
            return await self._fetch_for_all(lease, key, request, seen)
        except StoreUnavailableError:
            self._count_renewal()
            return await self._fetch(key, request)
        finally:
            await lease.release()

    async def _force(self, forced_key: Key, request: Request) -> Connection:
        """Make Nango renew, and let nothing from before be served any more."""
        key = forced_key[:-1]
        names = self._names.of_pair(key[:2])
        # Now, so that it is gone also where this process ends; and again after, since what
        # began meanwhile may hold the token that was replaced.
        self._gate.pend(names)
        call = self._link.call()
        lease = (
            self._lease(call, self._names.of(key)) if call and key[2:] in SHARED_OPTIONS else None
        )
        await self._flush(call)
        try:
            if lease is not None:
                await lease.take(steal=True)
        except StoreUnavailableError:
            lease = None
        self._count_miss()
        try:
            if lease is None:
                return await self._fetch_and_mark(forced_key, request, Note())
            return await self._fetch_for_all(
                lease, forced_key, request, Envelope.nothing(lease.name)
            )
        finally:
            if lease is not None and lease.has_stored:
                names.remove(lease.name)
            self._gate.pend(names)
            await self._flush(call)
            if lease is not None:
                await lease.release()

    async def _go_without(self, key: Key, request: Request) -> Connection:
        """Go on as if there were no store."""
        if self._cache.knows(key):
            connection = super()._serve(key)
            if connection is not None:
                return connection
        self._count_miss()
        return await self._fetch(key, request)

    async def _fetch(self, key: Key, request: Request, note: Note | None = None) -> Connection:
        note = note or Note()
        try:
            return await self._fetch_and_mark(key, request, note)
        except NangoError as error:
            if not note.ticket.is_void and ends_entry(error):
                self._gate.pend(self._names.of_pair(key[:2]))
            raise

    async def _fetch_and_mark(self, key: Key, request: Request, note: Note) -> Connection:
        connection = await super()._fetch(key, request, note)
        self._memory.mark(note.ticket.key, connection, note)
        return connection

    async def _fetch_for_all(
        self, lease: Lease, key: Key, request: Request, seen: Envelope
    ) -> Connection:
        """Ask Nango while holding the lease, and store what comes of it."""
        note = Note()
        plain_key = key[:-1] if request.runs_once else key

        def claim() -> tuple[bytes, float]:
            envelope, life = self._memory.pack_claim(seen, plain_key, lease.owner, 2 * self._total)
            return self._vault.seal(envelope), life

        lease.keep(claim)
        try:
            connection = await self._fetch_and_mark(key, request, note)
        except (TransportError, APIStatusError, DecodeError) as error:
            if not (note.ticket.is_void or note.ticket.forced):
                await self._share_failure(lease, note.ticket, seen, error)
            raise
        if not note.ticket.is_void:
            await self._share(lease, note, connection, seen)
        return connection

    async def _share(
        self, lease: Lease, note: Note, connection: Connection, seen: Envelope
    ) -> None:
        key = note.ticket.key
        packed = self._memory.pack(lease.name, lease.owner, key, connection, note, self._skew)
        if packed is not None:
            envelope, life = packed
            # It may take so long until the store counts.
            life -= self._gate.timeout
        else:
            envelope = Envelope(lease.name, "", dead=_PRIVATE_LIFE, is_private=True)
            life = 0.0 if seen.body else _PRIVATE_LIFE
        if life <= 0:
            return
        try:
            if not await self._store(lease, envelope, life):
                # Something newer is known of it.
                self._memory.drop(key, connection)
            elif packed is not None:
                self._memory.mark(key, connection, note, lease.owner)
        except StoreUnavailableError:
            return

    async def _share_failure(
        self, lease: Lease, ticket: Ticket, seen: Envelope, error: NangoError
    ) -> None:
        is_end = ends_entry(error)
        failure = Failure.of(error, self._policy.error_ttl)
        envelope, life = self._memory.pack_failure(seen, ticket.key, failure, lease.owner)
        stored = False
        with suppress(StoreUnavailableError):
            stored = await self._store(lease, envelope, life)
        if is_end:
            names = self._names.of_pair(ticket.pair)
            if stored:
                names.remove(lease.name)
            self._gate.pend(names)

    async def _store(self, lease: Lease, envelope: Envelope, life: float) -> bool:
        def is_claim(found: tuple[bytes, float] | None) -> bool:
            opened = None if found is None else self._vault.open(found[0], lease.name)
            return opened is not None and opened.claim == lease.owner

        return await lease.store(self._vault.seal(envelope), life, is_claim)

    async def _look(self, call: StoreCall, name: str, key: Key) -> tuple[Envelope, float]:
        """Give what the store has, and the seconds it has left; its answer goes into memory."""
        ticket = self._cache.begin(key, forced=False)
        try:
            found = await call.get(name)
            if ticket.is_void:
                # Dropped while it was on its way.
                return Envelope.nothing(name), 0.0
            envelope = None if found is None else self._vault.open(found[0], name)
            if found is None or envelope is None:
                self._memory.forget(key)
                return Envelope.nothing(name), 0.0
            self._memory.adopt(ticket, envelope, found[1], self._skew)
            return envelope, found[1]
        finally:
            self._cache.finish(ticket)

    async def _flush(self, call: StoreCall | None) -> None:
        if call is not None:
            with suppress(StoreUnavailableError):
                await call.flush()

    def _lease(self, call: StoreCall, name: str) -> Lease:
        return Lease(self._link, call, name, self._owner(), self._lease_life)

    def _owner(self) -> str:
        self._leases += 1
        return f"{self._identity}.{self._leases}"


@asynccontextmanager
async def _limit(seconds: float | None) -> AsyncGenerator[None]:
    """End what is inside after so many seconds.

    Raises:
        RequestTimeoutError: they were over.
    """
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            yield
    except TimeoutError:
        if not scope.expired():
            raise
        raise RequestTimeoutError("no answer within the time that waiting had left") from None
