"""Providers: the catalogue of services that integrations are made for."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nango_client.testing._account.base import Account, Controls, Subject
from nango_client.testing._account.provider_api import ProviderApis
from nango_client.testing._payloads.values import check_name
from nango_client.testing._payloads.wire import Wire, to_json

# A few that tests like to name; others come with the first integration or connection of theirs.
_WELL_KNOWN: Final = {
    "github": "OAUTH2",
    "github-app": "APP",
    "gmail": "OAUTH2",
    "google": "OAUTH2",
    "hubspot": "OAUTH2",
    "notion": "OAUTH2",
    "salesforce": "OAUTH2",
    "slack": "OAUTH2",
    "stripe-api-key": "API_KEY",
    "twitter": "OAUTH1",
    "unauthenticated": "NONE",
}


class Providers(Subject):
    """The catalogue's entries by name, as the wire has them but for name and logo."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._entries: dict[str, Wire] = {}
        self._templates: dict[str, list[Any]] = {}
        self._with_developer_app: set[str] = set()
        for name, mode in _WELL_KNOWN.items():
            self.mention(name, mode)

    def add(self, name: str, entry: Wire, templates: list[Any], *, developer_app: bool) -> None:
        """Add an entry, or put it in the place of another."""
        self._entries[name] = entry
        self._templates[name] = templates
        (self._with_developer_app.add if developer_app else self._with_developer_app.discard)(name)

    def mention(self, name: str, auth_mode: str) -> None:
        """Make up an entry where there is none."""
        display_name = re.sub(r"[-_]+", " ", name).title()
        self._entries.setdefault(name, {"display_name": display_name, "auth_mode": auth_mode})

    def find(self, name: str) -> Wire | None:
        """Give an entry as it is answered, None where there is none."""
        if name not in self._entries:
            return None
        made_up: Wire = {} if name in self._templates else self._made_up_proxy(name)
        return {
            **made_up,
            "docs": f"https://nango.dev/docs/api-integrations/{name}",
            **self._entries[name],
            "name": name,
            "logo_url": self.logo(name),
        }

    def _made_up_proxy(self, name: str) -> Wire:
        """Give how the API of a provider is called of which a test has said nothing."""
        base_url = self.account.of(ProviderApis).base_url(name)
        if base_url is None:
            return {}
        # Tokens, user names and passwords have their places without a word of the entry.
        key = {"headers": {"authorization": "Bearer ${apiKey}"}}
        mode = self._entries[name]["auth_mode"]
        return {"proxy": {"base_url": base_url, **(key if mode == "API_KEY" else {})}}

    def logo(self, name: str) -> str:
        """Give the address of a provider's picture."""
        return f"{self.account.base_url}/images/template-logos/{name}.svg"

    def auth_mode(self, name: str) -> str:
        """Give how a provider of the catalogue authenticates."""
        mode: str = self._entries[name]["auth_mode"]
        return mode

    def has_developer_app(self, name: str) -> bool:
        """Say whether Nango has an app of its own there."""
        return name in self._with_developer_app

    def templates(self, name: str) -> list[Any]:
        """Give the templates of functions for a provider; none where there is no such provider."""
        return self._templates.get(name, [])

    def search(self, pattern: str) -> list[Wire]:
        """Give the entries whose name fits a pattern, in any case."""
        found = [name for name in self._entries if re.search(pattern, name, re.IGNORECASE)]
        return [entry for name in found if (entry := self.find(name))]


class ProviderControls(Controls):
    """What tests do with providers."""

    def add_provider(
        self,
        name: str,
        proxy: Mapping[str, object] | None = None,
        auth_mode: str = "OAUTH2",
        *,
        developer_app: bool = False,
        templates: Iterable[Mapping[str, object]] = (),
        **fields: object,
    ) -> None:
        """Add a provider to the catalogue, or put a new entry in the place of one.

        A provider that an integration or a connection names is made up where there is none, so
        this is needed only where its entry matters.

        Args:
            name: its name, such as ``"github"``.
            proxy: how its API is called: ``base_url``, ``headers``, ``query``, ``retry`` and so on.
            auth_mode: what its credentials are, such as ``"OAUTH2"`` or ``"API_KEY"``.
            developer_app: Nango has an app of its own there, which quickstart integrations use.
            templates: the functions that can be deployed for it, as the wire has them.
            fields: other members of its entry, such as ``display_name`` and ``categories``.

        Raises:
            TypeError: a field is not JSON.
            ValueError: no provider can have this name.
        """
        check_name("a provider", name)
        entry: Wire = to_json({"display_name": name, "auth_mode": auth_mode, **fields})
        if proxy is not None:
            entry["proxy"] = to_json(proxy)
        with self._account.lock:
            self._account.of(Providers).add(
                name, entry, to_json(list(templates)), developer_app=developer_app
            )
