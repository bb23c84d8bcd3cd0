"""Functions: the code that runs at Nango for an integration."""

from typing import Any, Final, Literal

import attrs

from nango_client.testing._account import Account, Call, Controls, Subject, written
from nango_client.testing._grammar import NAME, fits
from nango_client.testing._integrations import Integrations
from nango_client.testing._integrations_api import find_integration
from nango_client.testing._payloads import Wire, to_json
from nango_client.testing._schema import fields, one_of, optional, text, whole_number
from nango_client.testing._wire import Answer, Refusal, error_answer, json_answer

_TYPES: Final = ("sync", "action", "on-event")
_DEFAULT_LIMIT: Final = 20

OF_TYPE: Final = fields(type=optional(one_of(*_TYPES)))
OF_DELETABLE_TYPE: Final = fields(type=one_of("sync", "action"))
LISTED: Final = fields(
    type=optional(one_of(*_TYPES)),
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
_MADE_UP: Final[dict[str, Wire]] = {
    "sync": {"returns": [], "json_schema": None, "runs": "every day"}
    | {"auto_start": False, "track_deletes": False},
    "action": {"returns": [], "json_schema": None},
    "on-event": {"event": "post-connection-creation"},
}


@attrs.frozen(kw_only=True)
class Function:
    """A function as the server keeps it."""

    wire: Wire
    """As the wire has it."""
    code: str = attrs.field(repr=False)

    @property
    def name(self) -> str:
        """Its name."""
        name: str = self.wire["name"]
        return name

    @property
    def type(self) -> str:
        """``sync``, ``action`` or ``on-event``."""
        kind: str = self.wire["type"]
        return kind


class Functions(Subject):
    """All functions, by integration, type and name."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._by_key: dict[str, dict[tuple[str, str], Function]] = {}
        self._last_id = 0

    def put(self, key: str, kind: str, name: str, code: str, fields: Wire) -> Function:
        """Deploy a function, or a new one in the place of one of the same type and name."""
        self._last_id += 1
        wire: Wire = {
            "name": name,
            "description": "",
            "scopes": [],
            "type": kind,
            **_MADE_UP[kind],
            "id": self._last_id,
            "enabled": True,
            "last_deployed": written(self.account.clock.time()),
            "source": "standalone",
            **fields,
        }
        made = Function(wire=wire, code=code)
        self._by_key.setdefault(key, {})[kind, name] = made
        return made

    def of_integration(self, key: str) -> list[Function]:
        """Give an integration's functions in the order of their names, actions before syncs."""
        found = self._by_key.get(key, {})
        return [found[ids] for ids in sorted(found)]

    def find(self, key: str, kind: str, name: str) -> Function | None:
        """Give a function, None where there is no such one."""
        return self._by_key.get(key, {}).get((kind, name))

    def forget_function(self, key: str, kind: str, name: str) -> None:
        """Drop a function."""
        del self._by_key[key][kind, name]

    def forget_integration(self, key: str) -> None:
        """Drop an integration's functions."""
        self._by_key.pop(key, None)


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


def get_function(call: Call) -> Answer:
    """Answer with a function."""
    return json_answer(200, {"data": _requested(call).wire})


def get_code(call: Call) -> Answer:
    """Answer with a function's source."""
    found = _requested(call)
    return json_answer(200, {"type": found.type, "code": found.code})


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


class FunctionControls(Controls):
    """What tests do with functions."""

    def add_function(
        self,
        provider_config_key: str,
        name: str,
        type: Literal["sync", "action", "on-event"] = "action",  # noqa: A002  Nango's word
        *,
        code: str = "",
        **fields: object,
    ) -> None:
        """Deploy a function to an integration, for what the API tells about functions.

        Args:
            provider_config_key: the integration, which is made where it does not exist.
            name: its name.
            type: ``"sync"``, ``"action"`` or ``"on-event"``.
            code: its source.
            fields: other members, such as ``description``, ``input``, ``json_schema``, ``runs``
                and ``source``; one from a ``"repo"`` cannot be deleted by the API.

        Raises:
            TypeError: a field is not JSON.
            ValueError: there is no such type, or no function can have this name.
        """
        if type not in _TYPES:
            raise ValueError(f"a function is one of {', '.join(_TYPES)}, not {type!r}")
        if not fits(NAME, name):
            raise ValueError(f"a function's name is letters, digits, _ and -: {name!r}")
        wire: Wire = to_json(fields)
        with self._account.lock:
            integrations = self._account.of(Integrations)
            integrations.mention(provider_config_key, provider_config_key, "OAUTH2")
            self._account.of(Functions).put(provider_config_key, type, name, code, wire)
