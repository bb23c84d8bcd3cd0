"""What the API answers about providers."""

from typing import Final

from nango_client.testing._account.providers import Providers
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import fields, optional
from nango_client.testing._payloads.values import PROVIDER_CONFIG_KEY

routes: Final = Routes()

_SEARCH: Final = fields(search=optional(PROVIDER_CONFIG_KEY))


@routes("GET", "/providers", query=_SEARCH, auth="either")
def list_providers(call: Call) -> Answer:
    """Answer with the catalogue, or what a search finds in it."""
    pattern = call.query.get("search", "")
    return json_answer(200, {"data": call.account.of(Providers).search(pattern)})


@routes("GET", "/providers/{provider}", auth="either")
def get_provider(call: Call) -> Answer:
    """Answer with one entry."""
    name = call.params["provider"]
    entry = call.account.of(Providers).find(name)
    if entry is None:
        answer = error_answer(404, "not_found", message=f"Unknown provider {name}")
        raise Refusal(answer, f"no such provider: MockNango.add_provider({name!r}) makes it")
    return json_answer(200, {"data": entry})


@routes("GET", "/providers/{provider}/templates")
def list_templates(call: Call) -> Answer:
    """Answer with the functions that can be deployed for a provider."""
    return json_answer(200, {"data": call.account.of(Providers).templates(call.params["provider"])})


@routes("GET", "/providers.json", query=None, auth="none")
def catalogue(call: Call) -> Answer:
    """Answer with the whole catalogue, to anybody."""
    entries = call.account.of(Providers).search("")
    return json_answer(200, {entry["name"]: entry for entry in entries})
