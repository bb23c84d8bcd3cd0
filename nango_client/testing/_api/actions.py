"""What the API answers about actions."""

from typing import Final

from nango_client.testing._account.actions import Actions
from nango_client.testing._account.functions import Functions
from nango_client.testing._api.connections import ids_in_headers
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import Fields, is_on, optional, switch, whole_number
from nango_client.testing._payloads.values import CONNECTION_HEADERS, NAME

routes: Final = Routes()

_CALLED: Final = Fields({"action_name": NAME}, strict=False)

_HEADERS: Final = Fields(
    {
        **CONNECTION_HEADERS,
        "x-async": optional(switch),
        "x-max-retries": optional(whole_number(0, 5)),
    },
    strict=False,
)


@routes("POST", "/action/trigger", "actions:execute", headers=_HEADERS, body=_CALLED)
def trigger(call: Call) -> Answer:
    """Run an action, and answer with what it returned or, where nobody waits, with an id."""
    ids = ids_in_headers(call)
    key = ids[1]
    name, headers = call.body["action_name"], call.request.headers
    actions = call.account.of(Actions)
    action = actions.find(key, name)
    function = call.account.of(Functions).find(key, "action", name)
    if action is None or function is None:
        answer = error_answer(404, "not_found", message="Action not found")
        raise Refusal(answer, f"no such action; MockNango.add_action({key!r}, {name!r}) makes it")
    if not function.wire["enabled"]:
        raise Refusal(error_answer(404, "disabled_resource", message="The action is disabled"))
    # What JavaScript takes for false never reaches an action.
    sent = call.body.get("input")
    given = sent if sent or sent.__class__ in (dict, list) else None
    if not is_on(headers.get("X-Async")):
        return action.call(given).answer
    run_id = actions.start(ids, action, given, int(headers.get("X-Max-Retries", 0)))
    path = f"/action/{run_id}"
    accepted = json_answer(202, {"id": run_id, "statusUrl": path})
    accepted.headers["Location"] = path
    return accepted


@routes("GET", "/action/{id}", "actions:execute")
def get_result(call: Call) -> Answer:
    """Answer with what a run came to; unknown, under way and empty are all alike."""
    run_id = call.params["id"]
    run = call.account.of(Actions).run(run_id)
    if run is None or run.outcome.is_null or call.now < run.ends_at:
        answer = error_answer(404, "not_found", message=f"No action '{run_id}' found")
        raise Refusal(answer, "no action was started with this id" if run is None else None)
    return run.outcome.answer
