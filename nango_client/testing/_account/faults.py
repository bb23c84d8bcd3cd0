"""Faults that a test has scripted for the next requests."""

from collections.abc import Mapping

import attrs

from nango_client.testing._account.base import Account, Controls
from nango_client.testing._account.scripted import failure
from nango_client.testing._messages import Answer, RecordedRequest


@attrs.define(kw_only=True)
class Fault:
    """Something that happens to the next requests, or the next for one connection."""

    times: int
    connection_id: str | None
    provider_config_key: str | None
    answer: Answer | None = None
    """What is answered; None: nothing, the connection is closed."""
    delay: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times is how many requests it happens to, 1 or more: {self.times}")

    def concerns(self, request: RecordedRequest) -> bool:
        """Say whether it is meant for this request."""
        return self.connection_id in (None, request.connection_id) and (
            self.provider_config_key in (None, request.provider_config_key)
        )


class Script:
    """Faults of one kind, in the order in which they were scripted."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Script one more."""
        self._faults.append(fault)

    def take(self, request: RecordedRequest) -> Fault | None:
        """Give the first fault for this request, used up once more."""
        for fault in self._faults:
            if fault.concerns(request):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault
        return None


class FaultControls(Controls):
    """What tests do to the answers to come."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._delays = Script()
        self._outcomes = Script()

    def fail_next(
        self,
        status: int,
        times: int = 1,
        *,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
        message: str | None = None,
        body: object = None,
        connection_id: str | None = None,
        provider_config_key: str | None = None,
    ) -> None:
        """Answer the next requests with a failure; they change nothing at the server.

        Args:
            status: the HTTP status, 200 to 599.
            times: how many requests it happens to.
            headers: headers to send besides, or instead, such as ``Retry-After``. A wrong
                ``Content-Length`` cuts the answer short: the connection is closed after it.
            code: Nango's ``error.code``; one that goes with the status by default.
            message: Nango's ``error.message``; none by default.
            body: a whole body instead: a JSON value, or a str or bytes that is sent as it is.
            connection_id: only requests for this connection.
            provider_config_key: only requests for connections of this integration.

        Raises:
            TypeError: both `body` and `code` or `message` are given, or `body` is not JSON.
            ValueError: there is no such status or header, or `times` is under 1.
        """
        self._add(
            self._outcomes,
            Fault(
                times=times,
                answer=failure(status, headers, code, message, body),
                connection_id=connection_id,
                provider_config_key=provider_config_key,
            ),
        )

    def delay_next(
        self,
        seconds: float,
        times: int = 1,
        *,
        connection_id: str | None = None,
        provider_config_key: str | None = None,
    ) -> None:
        """Hold the next answers back for some real seconds.

        The server does its part at once and the answer waits, so that two answers can overtake
        each other. A delayed request may fail or be dropped too.

        Args:
            seconds: how long; real time, not the clock's.
            times: how many requests it happens to.
            connection_id: only requests for this connection.
            provider_config_key: only requests for connections of this integration.

        Raises:
            ValueError: `times` is under 1.
        """
        self._add(
            self._delays,
            Fault(
                times=times,
                delay=seconds,
                connection_id=connection_id,
                provider_config_key=provider_config_key,
            ),
        )

    def drop_next(
        self,
        times: int = 1,
        *,
        connection_id: str | None = None,
        provider_config_key: str | None = None,
    ) -> None:
        """Close the connection on the next requests without an answer; the server does nothing.

        Args:
            times: how many requests it happens to.
            connection_id: only requests for this connection.
            provider_config_key: only requests for connections of this integration.

        Raises:
            ValueError: `times` is under 1.
        """
        self._add(
            self._outcomes,
            Fault(
                times=times, connection_id=connection_id, provider_config_key=provider_config_key
            ),
        )

    def _add(self, script: Script, fault: Fault) -> None:
        with self._account.lock:
            script.add(fault)
