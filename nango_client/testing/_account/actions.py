"""Actions: functions that are called for a connection, and what came of those calls."""

import inspect
import uuid
from typing import TYPE_CHECKING, Any, Final

import attrs

from nango_client._wire.jsonlib import as_object
from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.functions import Functions
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._account.webhooks import Outbox
from nango_client.testing._messages import Answer, error_answer, json_answer
from nango_client.testing._payloads.values import check_name
from nango_client.testing._payloads.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: Final = 5 * 86_400.0


@attrs.frozen
class Outcome:
    """What a call of an action came to."""

    answer: Answer
    is_null: bool = False


@attrs.frozen(kw_only=True)
class Action:
    """What an action does when it is called."""

    result: object = attrs.field(default=None, repr=False)
    delay: float = 0.0
    """Seconds until a run that nobody waits for has ended."""

    def call(self, given: Any, retries: int = 0) -> Outcome:
        """Run it, again where it fails and may."""
        try:
            value = to_json(self._value(given))
        except Exception as error:  # noqa: BLE001  whatever an action raises is its answer
            return self.call(given, retries - 1) if retries else Outcome(_failure(error))
        return Outcome(json_answer(200, value), is_null=value is None)

    def _value(self, given: Any) -> object:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result(given) if callable(self.result) else self.result


def _failure(error: Exception) -> Answer:
    """Give the answer for what an action raised."""
    payload: object = getattr(error, "payload", None)
    upstream = as_object(to_json(getattr(error, "upstream", None)))
    code: object = getattr(error, "code", None)
    if upstream is not None:
        body = upstream.get("body") if payload is None else payload
        shown = code if isinstance(code, str) else "script_http_error"
        return error_answer(424, shown, payload=to_json(body), upstream=upstream)
    return error_answer(
        500,
        code if isinstance(code, str) else "action_script_runtime_error",
        message="The action script failed with a runtime error",
        payload=to_json({"message": str(error)} if payload is None else payload),
    )


@attrs.frozen(kw_only=True)
class Run:
    """A call of an action that nobody waits for."""

    ends_at: float
    outcome: Outcome


class Actions(Subject):
    """What the actions do, by integration and name, and their runs."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._by_name: dict[tuple[str, str], Action] = {}
        self._runs: dict[str, Run] = {}
        self._busy_until = 0.0
        self._unannounced: list[tuple[tuple[str, str], str]] = []

    def put(self, key: str, name: str, action: Action) -> None:
        """Deploy an action, or a new one in the place of one."""
        self._by_name[key, name] = action

    def find(self, key: str, name: str) -> Action | None:
        """Give an action, None where there is no such one; it may be one that does nothing."""
        if self.account.of(Functions).find(key, "action", name) is None:
            return None
        return self._by_name.get((key, name), Action())

    def start(self, ids: tuple[str, str], action: Action, given: Any, retries: int) -> str:
        """Run an action after all those before; give the run's id."""
        run_id, now = str(uuid.uuid4()), self.account.clock.time()
        self._busy_until = max(now, self._busy_until) + action.delay
        outcome = action.call(given, retries)
        self._runs[run_id] = Run(ends_at=self._busy_until, outcome=outcome)
        self._unannounced.append((ids, run_id))
        self.announce()
        return run_id

    def announce(self) -> None:
        """Tell of the runs that have ended meanwhile."""
        now, left = self.account.clock.time(), self._unannounced
        ended = [one for one in left if self._runs[one[1]].ends_at <= now]
        self._unannounced = [one for one in left if one not in ended]
        for ids, run_id in ended:
            self.account.of(Outbox).tell("async_action", ids, id=run_id)

    def run(self, run_id: str) -> Run | None:
        """Give a run, None where there is no such one or it was long ago."""
        found = self._runs.get(run_id.lower())
        if found is None or self.account.clock.time() - found.ends_at > _KEPT:
            return None
        return found

    def forget_function(self, key: str, kind: str, name: str) -> None:
        """Drop what a function does."""
        if kind == "action":
            self._by_name.pop((key, name), None)

    def forget_integration(self, key: str) -> None:
        """Drop what an integration's functions do."""
        for one in [one for one in self._by_name if one[0] == key]:
            del self._by_name[one]


class ActionControls(Controls):
    """What tests do with actions."""

    def add_action(
        self,
        provider_config_key: str,
        name: str,
        result: "object | Callable[[Any], object] | Exception" = None,
        async_delay: float = 0.0,
    ) -> None:
        """Deploy an action to an integration, or a new one in the place of one of that name.

        Args:
            provider_config_key: the integration, which is made where it does not exist.
            name: its name.
            result: what it returns, any JSON; or a function of its input that returns this or
                raises, and is called in the server's thread; or an exception, with which it fails.
                The failure's payload is the exception's ``payload`` or, without one, its text; with
                an ``upstream`` (a mapping: ``status``, ``headers``, ``body``) the action's own HTTP
                call has failed. An `ActionError` fits.
            async_delay: seconds of the server's clock from the start of a run that nobody waits for
                to its end; such runs go one after the other.

        Raises:
            TypeError: the result is not JSON, or a coroutine function.
            ValueError: no action can have this name, or the delay is negative.
        """
        check_name("an action", name)
        if not async_delay >= 0:
            raise ValueError(f"async_delay is seconds, not {async_delay}")
        if inspect.iscoroutinefunction(result):
            raise TypeError("an action's function is no coroutine function")
        if not isinstance(result, Exception) and not callable(result):
            result = to_json(result)
        with self._account.lock:
            integrations = self._account.of(Integrations)
            integrations.mention(provider_config_key, provider_config_key, "OAUTH2")
            self._account.of(Functions).put(provider_config_key, "action", name, "", {})
            action = Action(result=result, delay=async_delay)
            self._account.of(Actions).put(provider_config_key, name, action)
