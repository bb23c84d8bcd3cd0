"""Integrations, providers, functions and the environment at `MockNango`."""

from typing import Any

import pytest
from asking import ask, delete, patch, post, send

from nango_client.testing._state import NangoState

OAUTH2 = {"type": "OAUTH2", "client_id": "i", "client_secret": "s"}
PEM = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----"
APP = {"type": "APP", "app_id": "1", "app_link": "https://example.com", "private_key": PEM}
NEW = {"provider": "github", "unique_key": "gh"}


@pytest.fixture
def nango() -> NangoState:
    return NangoState()


def shown(nango: NangoState, key: str = "gh", query: str = "") -> Any:
    reply = send(nango, f"/integrations/{key}?{query}")
    assert reply.status == 200
    return reply.document["data"]


def test_what_was_created_is_found(nango: NangoState) -> None:
    """A new integration has its provider's names, and shows credentials on demand alone."""
    reply = post(nango, "/integrations", {**NEW, "credentials": OAUTH2})

    assert reply.status == 200
    assert reply.document["data"] == shown(nango)
    assert reply.document["data"]["display_name"] == "Github"
    assert shown(nango, query="include=credentials")["credentials"] == {
        **OAUTH2,
        "scopes": None,
        "webhook_secret": None,
    }
    assert shown(nango, query="include=credentials&include=webhook")["webhook_url"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"unique_key": "github"}, ["uniqueKey"]),
        ({"provider": "nope"}, ["provider"]),
        ({"unique_key": "a/b"}, ["unique_key"]),
        ({"forward_webhooks": "yes"}, ["forward_webhooks"]),
        ({"display_name": ""}, ["display_name"]),
        ({"credentials": {**OAUTH2, "app_id": "1"}}, ["credentials"]),
        ({"integration_config": {"a": 1}}, ["integration_config", "a"]),
    ],
)
def test_a_malformed_integration_is_refused(
    nango: NangoState, body: dict[str, Any], path: list[str]
) -> None:
    """A key that is taken, an unknown provider and wrong fields are named by their path."""
    nango.add_integration("github")

    reply = post(nango, "/integrations", {**NEW, "credentials": OAUTH2, **body})

    assert (reply.status, reply.error["code"]) == (400, "invalid_body")
    assert [issue["path"] for issue in reply.error["errors"]] == [path]


@pytest.mark.parametrize(
    ("provider", "credentials"),
    [
        ("github", None),
        ("github", APP),
        ("github-app", OAUTH2),
        ("github-app", {**APP, "private_key": "secret"}),
    ],
)
def test_credentials_have_to_fit_the_provider(
    nango: NangoState, provider: str, credentials: dict[str, str] | None
) -> None:
    """Missing ones, ones of another kind and a key that is none are told by a message."""
    body: dict[str, Any] = {"provider": provider, "unique_key": "gh"}
    if credentials:
        body["credentials"] = credentials

    reply = post(nango, "/integrations", body)

    assert (reply.status, reply.error["code"]) == (400, "invalid_body")
    assert "errors" not in reply.error


def test_kinds_without_an_app_need_no_credentials(nango: NangoState) -> None:
    """An API key integration is made without credentials, and shows none."""
    reply = post(nango, "/integrations", {"provider": "stripe-api-key", "unique_key": "stripe"})

    assert reply.status == 200
    assert shown(nango, "stripe", "include=credentials")["credentials"] is None


def test_quickstart_needs_an_app_of_nangos_own(nango: NangoState) -> None:
    """With such an app the integration is made, and shows nothing of it."""
    nango.add_provider("acme", developer_app=True)
    nango.add_provider("keys", auth_mode="API_KEY", developer_app=True)

    made = post(nango, "/integrations/quickstart", {"provider": "acme", "unique_key": "a"})
    refused = post(nango, "/integrations/quickstart", {"provider": "keys", "unique_key": "k"})

    assert made.status == 200
    assert shown(nango, "a", "include=credentials")["credentials"]["client_secret"] == ""
    assert refused.error["message"].startswith("No Nango-provided developer app")
    nango.add_provider("acme")
    assert (
        post(nango, "/integrations/quickstart", {"provider": "acme", "unique_key": "b"}).error[
            "code"
        ]
        == "invalid_body"
    )


def test_an_update_changes_what_was_sent(nango: NangoState) -> None:
    """Other members stay; configuration is merged; a missing webhook secret stays, "" deletes."""
    credentials = {**OAUTH2, "webhook_secret": "w"}
    nango.add_integration("gh", "github", credentials=credentials, custom={"a": "1"})
    nango.advance(1)

    data = patch(nango, "/integrations/gh", {"display_name": "Hub", "custom": {"b": "2"}})
    assert data.document["data"]["display_name"] == "Hub"
    assert data.document["data"]["updated_at"] == "2027-01-15T08:00:01.000Z"
    assert data.document["data"]["forward_webhooks"] is True

    def secret_after(**changes: str) -> Any:
        patch(nango, "/integrations/gh", {"credentials": {**OAUTH2, **changes}})
        return shown(nango, query="include=credentials")["credentials"]["webhook_secret"]

    assert secret_after(client_secret="new") == "w"
    assert secret_after(webhook_secret="") is None


def test_an_integration_with_connections_keeps_its_key(nango: NangoState) -> None:
    """It is renamed only while it has none."""
    nango.add_integration("gh", "github")

    assert patch(nango, "/integrations/gh", {"unique_key": "hub"}).status == 200
    assert send(nango, "/integrations/gh").status == 404
    nango.add_connection("user-42", "hub")
    assert patch(nango, "/integrations/hub", {"unique_key": "gh"}).error["code"] == "invalid_body"
    assert patch(nango, "/integrations/hub", {"unique_key": "hub"}).status == 200


def test_custom_fields_and_configuration_exclude_each_other(nango: NangoState) -> None:
    """A provider that names its configuration takes no custom fields."""
    nango.add_provider("aws", auth_mode="AWS_SIGV4", integration_config={"region": {}})
    nango.add_integration("aws")

    assert patch(nango, "/integrations/aws", {"custom": {"a": "b"}}).error["code"] == "invalid_body"
    config = {"integration_config": {"region": "eu"}}
    assert patch(nango, "/integrations/aws", config).status == 200


def test_a_deleted_integration_takes_its_connections_along(nango: NangoState) -> None:
    """Its connections and functions are gone, and asking for them is no surprise."""
    nango.add_connection("user-42", "github")
    nango.add_connection("user-42", "gitlab")
    nango.add_function("github", "echo")

    assert delete(nango, "/integrations/github").document == {"success": True}

    assert ask(nango).error["code"] == "unknown_provider_config"
    assert delete(nango, "/integrations/github").status == 404
    assert ask(nango, key="gitlab").status == 200
    nango.assert_no_unexpected_requests()
    nango.add_connection("user-42", "github")
    assert ask(nango).status == 200
    assert send(nango, "/integrations/github/functions").document["data"] == []


def test_an_unknown_integration_is_not_found(nango: NangoState) -> None:
    """The hint names those that are there."""
    nango.add_integration("gh", "github")

    reply = send(nango, "/integrations/hub")

    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert reply.headers["X-MockNango-Expected"] == "no such integration; known: gh"


def test_an_integration_can_be_set_up_whole(nango: NangoState) -> None:
    """A test sets its members; its connections outlive a change and name its provider."""
    nango.add_connection("user-42", "gh")
    nango.add_integration(
        "gh", "github", logo="https://example.com/x.svg", webhook_url="https://hook"
    )
    nango.add_connection("user-43", "gh")

    data = shown(nango, query="include=webhook")

    assert (data["logo"], data["webhook_url"]) == ("https://example.com/x.svg", "https://hook")
    assert ask(nango, key="gh").status == 200
    assert ask(nango, "user-43", "gh").document["provider"] == "github"


def test_what_no_integration_has_is_refused(nango: NangoState) -> None:
    """Mistyped fields, keys and names are errors of the test."""
    with pytest.raises(TypeError, match=r"no logos; it has created_at, .*logo"):
        nango.add_integration("gh", logos="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValueError, match="provider_config_key is 1 to 255"):
        nango.add_integration("a/b")
    with pytest.raises(ValueError, match="provider's name"):
        nango.add_integration("gh", "git hub")
    with pytest.raises(ValueError, match="provider's name"):
        nango.add_provider("git hub")


def test_providers_are_searched_by_name(nango: NangoState) -> None:
    """A search is a pattern in any case, where a dot stands for any character."""
    nango.add_provider("acme-one", categories=["crm"])
    nango.add_connection("user-42", "acme_two", "API_KEY")

    def found(search: str) -> list[str]:
        reply = send(nango, f"/providers?search={search}")
        return [entry["name"] for entry in reply.document["data"]]

    assert found("ACME.") == ["acme-one", "acme_two"]
    assert found("nope") == []
    assert "github" in found("git")
    assert send(nango, "/providers?search=(").error["code"] == "invalid_query_params"
    everything = send(nango, "/providers.json", headers={}).document
    assert everything["acme_two"]["auth_mode"] == "API_KEY"


def test_a_provider_has_the_entry_that_was_added(nango: NangoState) -> None:
    """Name and logo come by themselves; an unknown provider is a 404 and has no templates."""
    proxy = {"base_url": "https://api.example.com", "headers": {"x-key": "${apiKey}"}}
    templates = [{"name": "issues", "type": "sync"}]
    nango.add_provider("acme", proxy, "API_KEY", display_name="Acme", templates=templates)

    entry = send(nango, "/providers/acme").document["data"]

    assert (entry["proxy"], entry["display_name"]) == (proxy, "Acme")
    assert entry["logo_url"].endswith("/acme.svg")
    assert send(nango, "/providers/acme/templates").document == {"data": templates}
    assert send(nango, "/providers/nope/templates").document == {"data": []}
    reply = send(nango, "/providers/nope")
    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert "add_provider('nope')" in reply.headers["X-MockNango-Expected"]


def test_functions_come_in_pages(nango: NangoState) -> None:
    """Actions come before syncs, by name; type and search choose among them."""
    for name in ("echo", "crash"):
        nango.add_function("github", name)
    nango.add_function("github", "contacts", "sync", runs="every hour")
    nango.add_function("github", "hook", "on-event")

    def found(query: str) -> tuple[list[str], dict[str, int]]:
        document = send(nango, f"/integrations/github/functions?{query}").document
        return [one["name"] for one in document["data"]], document["pagination"]

    names = ["crash", "echo", "hook", "contacts"]
    assert found("") == (names, {"total": 4, "page": 0, "limit": 20})
    assert found("limit=3&page=1") == (["contacts"], {"total": 4, "page": 1, "limit": 3})
    assert found("type=action&search=ECH")[0] == ["echo"]
    assert send(nango, "/integrations/nope/functions").status == 404


def test_a_function_is_told_from_its_namesake_by_type(nango: NangoState) -> None:
    """With one name for two types the server asks which."""
    nango.add_function("github", "issues", "sync", code="// sync")
    nango.add_function("github", "issues", "action", code="// action")
    path = "/integrations/github/functions/issues"

    reply = send(nango, f"{path}/code")
    assert (reply.status, reply.error["code"]) == (409, "ambiguous_function")
    assert {one["type"] for one in reply.error["payload"]["matches"]} == {"sync", "action"}

    assert send(nango, f"{path}/code?type=sync").document == {"type": "sync", "code": "// sync"}
    assert delete(nango, path).error["code"] == "invalid_query_params"
    assert delete(nango, f"{path}?type=sync").document == {"data": {"success": True}}
    assert send(nango, path).document["data"]["type"] == "action"


def test_functions_of_a_repository_stay(nango: NangoState) -> None:
    """What is deployed from a repository cannot be deleted by the API."""
    nango.add_function("github", "issues", source="repo")

    reply = delete(nango, "/integrations/github/functions/issues?type=action")

    assert (reply.status, reply.error["code"]) == (400, "function_managed_by_deploy")


def test_an_input_becomes_the_parameters_of_a_tool(nango: NangoState) -> None:
    """The description for a language model has the properties of the function's input."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    nango.add_function(
        "github", "create-issue", input="Issue", json_schema={"definitions": {"Issue": schema}}
    )
    nango.add_function("github", "hook", "on-event")

    tools = send(nango, "/scripts/config?format=openai").document["data"]
    (config,) = send(nango, "/scripts/config").document

    assert [(tool["name"], tool["parameters"]) for tool in tools] == [("create-issue", schema)]
    assert [len(config[kind]) for kind in ("syncs", "actions", "on-events")] == [0, 1, 1]


def test_what_no_function_has_is_refused(nango: NangoState) -> None:
    """An unknown type and a name that no function can have are errors of the test."""
    with pytest.raises(ValueError, match="one of sync, action, on-event, not 'job'"):
        nango.add_function("github", "echo", "job")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="function's name"):
        nango.add_function("github", "echo it")


def test_the_signing_key_is_rotated(nango: NangoState) -> None:
    """The answer holds the new key, and so does the attribute."""
    before = nango.signing_key

    reply = post(nango, "/environment/webhook-signing-key/rotate", None)

    assert reply.document == {"data": {"webhook_signing_key": nango.signing_key}}
    assert nango.signing_key != before


def test_variables_are_set_whole(nango: NangoState) -> None:
    """Setting them again forgets those from before."""
    nango.set_environment_variables({"A": "1"})
    nango.set_environment_variables({"B": "2"})

    assert send(nango, "/environment-variables").document == [{"name": "B", "value": "2"}]
    key = nango.add_key(["environment:connections:read"])
    assert send(nango, "/environment-variables", key=key).status == 403
