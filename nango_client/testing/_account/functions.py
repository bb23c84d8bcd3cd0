"""Functions: the code that runs at Nango for an integration."""

from typing import Final, Literal

import attrs

from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.integrations import Integrations
from nango_client.testing._payloads.values import check_name
from nango_client.testing._payloads.wire import Wire, to_json, written

TYPES: Final = ("sync", "action", "on-event")

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
        if type not in TYPES:
            raise ValueError(f"a function is one of {', '.join(TYPES)}, not {type!r}")
        check_name("a function", name)
        wire: Wire = to_json(fields)
        with self._account.lock:
            integrations = self._account.of(Integrations)
            integrations.mention(provider_config_key, provider_config_key, "OAUTH2")
            self._account.of(Functions).put(provider_config_key, type, name, code, wire)
