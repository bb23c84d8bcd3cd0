"""``client.actions``: running actions, at once or by themselves."""

from typing import Final, final

from nango_client._http.calls import Calls
from nango_client._http.decoding import decode_json
from nango_client._http.protocol import (
    About,
    Request,
    Response,
    connection_headers,
    json_body,
    segment,
)
from nango_client._resources import arguments
from nango_client._resources.polling import poll
from nango_client.exceptions import ActionPendingError, InvalidArgumentError, NotFoundError
from nango_client.models import ActionRun, JsonValue

# An action may wait 30 s and run 15 minutes (API.md section 9), and its answer has to travel.
LONGEST: Final = 930.0
_MAX_RETRIES: Final = 5


@final
class Actions:
    """The actions of your connections, as ``client.actions``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def trigger(
        self,
        connection_id: str,
        provider_config_key: str,
        name: str,
        input: JsonValue = None,  # noqa: A002  the wire's word
        *,
        timeout: float = LONGEST,  # noqa: ASYNC109  see below
    ) -> JsonValue:
        """Run an action and give what it returned, read-only. It is never run twice.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            name: the action's name.
            input: what it is given; any JSON but ``0``, ``""`` and ``False``, which Nango would
                replace by null.
            timeout: seconds for the whole call; an action may take 15 minutes.

        Raises:
            ActionError: the action failed.
            BadRequestError: the input is not what the action takes.
            NotFoundError: there is no such action or connection.
            RequestTimeoutError: it took longer; it may still run.
        """
        limit = arguments.seconds("timeout", timeout)
        request = _trigger(connection_id, provider_config_key, name, input, {}, limit)
        del input
        return await self._calls.read(request, _output)

    async def start(
        self,
        connection_id: str,
        provider_config_key: str,
        name: str,
        input: JsonValue = None,  # noqa: A002
        *,
        max_retries: int = 0,
    ) -> ActionRun:
        """Let an action run by itself; all that were started run one after the other.

        Args:
            connection_id: the connection's id.
            provider_config_key: the integration.
            name: the action's name.
            input: see `trigger`.
            max_retries: how often Nango may run it again where it fails, 0 to 5.

        Raises:
            NotFoundError: there is no such action or connection.
        """
        headers = {"X-Async": "true"}
        if arguments.whole_number("max_retries", max_retries, 0, _MAX_RETRIES):
            headers["X-Max-Retries"] = str(max_retries)
        request = _trigger(connection_id, provider_config_key, name, input, headers, None)
        del input
        return await self._calls.fetch(request, ActionRun)

    async def result(self, run: ActionRun | str) -> JsonValue:
        """Give what an action returned that was started; Nango keeps it for some days.

        Raises:
            ActionPendingError: it has not ended, is unknown, or returned nothing: Nango answers
                all three alike.
            ActionError: the action failed.
        """
        run_id = run.id if isinstance(run, ActionRun) else run
        request = Request(
            "GET",
            "/action/{id}",
            f"/action/{segment('run', run_id)}",
            "",
            About("the result of action run {}", run_id, check="its id"),
        )
        try:
            return await self._calls.read(request, _output)
        except NotFoundError as error:
            if error.code is None:
                raise
        raise ActionPendingError(
            f"there is no {request.about} yet: the action has not ended, or is unknown, or "
            "returned nothing; Nango answers all three alike"
        )

    async def wait(
        self,
        run: ActionRun | str,
        *,
        timeout: float = LONGEST,  # noqa: ASYNC109
        interval: float = 1.0,
    ) -> JsonValue:
        """Wait for what an action returns that was started.

        Args:
            run: what `start` gave, or its id.
            timeout: seconds to wait. An action that returns nothing is never seen to end.
            interval: seconds before asking for the second time; then half as long again each
                time, up to 15 s.

        Raises:
            WaitTimeoutError: there is no result yet.
            ActionError: the action failed.
        """

        async def ask() -> tuple[JsonValue] | None:
            try:
                return (await self.result(run),)
            except ActionPendingError:
                return None

        (output,) = await poll(
            self._calls,
            ask,
            timeout=arguments.seconds("timeout", timeout, zero=True),
            interval=arguments.seconds("interval", interval),
            awaited="the result of the action",
        )
        return output


def _trigger(
    connection_id: str,
    provider_config_key: str,
    name: str,
    value: JsonValue,
    headers: dict[str, str],
    limit: float | None,
) -> Request:
    if value is not None and not isinstance(value, dict | list) and not value:
        raise InvalidArgumentError(
            "input may not be 0, '' or False, which Nango would replace by null: put it into an "
            "object"
        )
    return Request(
        "POST",
        "/action/trigger",
        "/action/trigger",
        "",
        About("action {} for connection {}", name, connection_id, check="the input and all names"),
        runs_once=True,
        body=json_body(action_name=arguments.name("name", name), input=value),
        headers={**connection_headers(connection_id, provider_config_key), **headers},
        limit=limit,
    )


def _output(response: Response) -> JsonValue:
    return decode_json(response) if response.body else None
