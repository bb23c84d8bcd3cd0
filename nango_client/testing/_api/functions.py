"""What the API answers about functions."""

from typing import Any, Final

from nango_client.testing._account.functions import TYPES, Function, Functions
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._api.integrations import find_integration
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import fields, one_of, optional, text, whole_number
from nango_client.testing._payloads.wire import Wire

routes: Final = Routes()

_DEFAULT_LIMIT: Final = 20

_OF_TYPE: Final = fields(type=optional(one_of(*TYPES)))
_OF_DELETABLE_TYPE: Final = fields(type=one_of("sync", "action"))
_LISTED: Final = fields(
    type=optional(one_of(*TYPES)),
    search=optional(text(least=1)),
    page=optional(whole_number(0)),
    limit=optional(whole_number(1, 100)),
)

# Members of every function's configuration about which the kit has nothing to say.
_CONFIG: Final[Wire] = {
    "attributes": {},
    "version": "1.0.0",
    "webhookSubscriptions": [],
    "sdk_version": "0.71.4-zero",
    "models": [],
    "features": [],
}


@routes("GET", "/integrations/{uniqueKey}/functions", "functions:list", query=_LISTED)
def list_functions(call: Call) -> Answer:
    """Answer with a page of an integration's functions."""
    found = _matching(call)
    if "search" in call.query:
        words = call.query["search"].lower()
        found = [one for one in found if words in one.name.lower()]
    limit, page = int(call.query.get("limit", _DEFAULT_LIMIT)), int(call.query.get("page", 0))
    data = [one.wire for one in found[page * limit : (page + 1) * limit]]
    pagination = {"total": len(found), "page": page, "limit": limit}
    return json_answer(200, {"data": data, "pagination": pagination})


@routes("GET", "/integrations/{uniqueKey}/functions/{name}", "functions:read", query=_OF_TYPE)
def get_function(call: Call) -> Answer:
    """Answer with a function."""
    return json_answer(200, {"data": _requested(call).wire})


@routes("GET", "/integrations/{uniqueKey}/functions/{name}/code", "functions:read", query=_OF_TYPE)
def get_code(call: Call) -> Answer:
    """Answer with a function's source."""
    found = _requested(call)
    return json_answer(200, {"type": found.type, "code": found.code})


@routes(
    "DELETE",
    "/integrations/{uniqueKey}/functions/{name}",
    "functions:delete",
    query=_OF_DELETABLE_TYPE,
)
def delete_function(call: Call) -> Answer:
    """Drop a function, unless it belongs to a repository."""
    found = _requested(call)
    if found.wire["source"] == "repo":
        message = "What a repository deploys is deleted by deploying it without"
        raise Refusal(error_answer(400, "function_managed_by_deploy", message=message))
    call.account.forget_function(call.params["uniqueKey"], found.type, found.name)
    return json_answer(200, {"data": {"success": True}})


def _matching(call: Call) -> list[Function]:
    found = call.account.of(Functions).of_integration(find_integration(call).unique_key)
    return [one for one in found if call.query.get("type") in (None, one.type)]


def _requested(call: Call) -> Function:
    all_ = _matching(call)
    found = [one for one in all_ if one.name == call.params["name"]]
    if not found:
        known = ", ".join(f"{one.type} {one.name}" for one in all_) or "none"
        answer = error_answer(404, "not_found", message="Function does not exist")
        raise Refusal(answer, f"no such function; known: {known}")
    if len(found) > 1:
        matches = [{"type": one.type, "name": one.name} for one in found]
        raise Refusal(
            error_answer(
                409,
                "ambiguous_function",
                message="Functions of several types have this name",
                payload={"matches": matches},
            ),
            "the query names the function's type",
        )
    return found[0]


@routes("GET", "/scripts/config", "integrations:list_functions", query=None)
def list_configs(call: Call) -> Answer:
    """Answer with all functions, by integration, or as descriptions for a language model."""
    functions, integrations = call.account.of(Functions), call.account.of(Integrations)
    with_functions = [
        (integration, found)
        for key, integration in integrations.by_key.items()
        if (found := functions.of_integration(key))
    ]
    if call.query.get("format") == "openai":
        order = [
            one
            for _, found in with_functions
            for kind in ("sync", "action")
            for one in found
            if one.type == kind
        ]
        return json_answer(200, {"data": [_as_tool(one) for one in order]})
    names = {"actions": "action", "syncs": "sync", "on-events": "on-event"}
    configs = [
        {
            "providerConfigKey": integration.unique_key,
            "provider": integration.provider,
            **{
                name: [_as_config(one) for one in found if one.type == kind]
                for name, kind in names.items()
            },
        }
        for integration, found in with_functions
    ]
    return json_answer(200, configs)


def _as_config(function: Function) -> Wire:
    method = "GET" if function.type == "sync" else "POST"
    path = f"/{function.name}" if function.type == "sync" else f"/actions/{function.name}"
    more = {"sync_type": "full"} if function.type == "sync" else {}
    endpoints = [{"method": method, "path": path, "group": None}]
    return {**_CONFIG, **more, "endpoints": endpoints, **function.wire}


def _as_tool(function: Function) -> Wire:
    schema: Wire = function.wire.get("json_schema") or {}
    described = schema.get("definitions", {}).get(function.wire.get("input"), {})
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": described.get("properties", {}),
        "required": described.get("required", []),
    }
    description = function.wire["description"]
    return {"name": function.name, "description": description, "parameters": parameters}
