"""Every capture of the account side: our method sends that request and reads that answer."""

from datetime import datetime
from typing import Any

import pytest
from replay import Call, capture, replay, same

from nango_client import (
    ApiKeyCredentials,
    AuthenticationError,
    BadRequestError,
    BasicCredentials,
    EndUser,
    IntegrationCredentials,
    NangoClient,
    NangoError,
    NoCredentials,
    NotFoundError,
    OAuth1Credentials,
    OAuth2Credentials,
    Organization,
    PermissionDeniedError,
    RateLimitError,
)

pytestmark = pytest.mark.asyncio

TOKEN = "nango_connect_session_" + "0" * 64
OAUTH2 = OAuth2Credentials(
    access_token="at-made-up",
    refresh_token="rt-made-up",
    expires_at=datetime.fromisoformat("2036-01-01T00:00:00Z"),
)
FULL_USER = EndUser(
    id="eu-2",
    email="eu2@example.com",
    display_name="EU Two",
    tags={"projectId": "1"},
    organization=Organization(id="org-2", display_name="Org"),
)


async def listed(nango: NangoClient, **filters: Any) -> list[Any]:
    return [item async for item in nango.connections.list(**filters)]


async def functions(nango: NangoClient, **filters: Any) -> list[Any]:
    return [item async for item in nango.functions.list("testbed-sync", **filters)]


METADATA = {"plan": "free", "n": 1, "deep": {"a": [1, None, "é"]}}
CALLS: dict[str, Call] = {
    "api-connections-list": lambda n: listed(n, page_size=3),
    "api-connections-list-end-user": lambda n: listed(n, end_user_id="seed-user-1"),
    "api-connections-list-integrations-two": lambda n: listed(
        n, provider_config_key=["testbed-cc", "ghost-admin"]
    ),
    "api-connections-list-page-0": lambda n: listed(n, page_size=25),
    "api-connections-list-search": lambda n: listed(n, search="o2-fail", page_size=3),
    "api-connections-list-tags-two": lambda n: listed(n, tags={"team": "blue", "projectid": "1"}),
    "api-connections-list-tags-unescaped-brackets": lambda n: listed(n, tags={"team": "red"}),
    "api-connections-list-tags-upper-value": lambda n: listed(n, tags={"team": "RED"}),
    "api-connections-list-with-errors": lambda n: listed(n, connection_id="cc-fail"),
    "api-connections-create-oauth2": lambda n: n.connections.create(
        "github",
        OAUTH2,
        connection_id="c2-oauth2",
        metadata={"k": "v"},
        connection_config={"a": "b"},
        tags={"team": "green"},
    ),
    "api-connections-create-api-key": lambda n: n.connections.create(
        "testbed-apikey", ApiKeyCredentials(api_key="key-made-up"), connection_id="c2-key"
    ),
    "api-connections-create-oauth1": lambda n: n.connections.create(
        "twitter",
        OAuth1Credentials(oauth_token="t", oauth_token_secret="s"),
        connection_id="c2-oauth1",
    ),
    "api-connections-create-none": lambda n: n.connections.create(
        "unauthenticated", NoCredentials(), connection_id="c2-none"
    ),
    "api-connections-patch-tags": lambda n: n.connections.update(
        "c2-oauth2", "github", tags={"team": "yellow", "Upper": "X"}
    ),
    "api-connections-patch-empty": lambda n: n.connections.update("c2-oauth2", "github"),
    "api-connections-patch-webhook": lambda n: n.connections.update(
        "c2-oauth2", "github", webhook_url_override="https://hooks.example.com/x"
    ),
    "api-connections-patch-webhook-empty": lambda n: n.connections.update(
        "c2-oauth2", "github", webhook_url_override=""
    ),
    "api-connections-delete": lambda n: n.connections.delete("c2-oauth2", "github"),
    "api-metadata-set": lambda n: n.connections.set_metadata("github-noexp", "github", METADATA),
    "api-metadata-update": lambda n: n.connections.update_metadata(
        "github-noexp", "github", {"n": None, "deep": {"b": 2}}
    ),
    "api-connect-session-create-full": lambda n: n.connect_sessions.create(
        end_user=FULL_USER,
        **{
            name: value
            for name, value in capture("api-connect-session-create-full")["request"]["body"].items()
            if name not in {"end_user", "organization"}
        },
    ),
    "api-connect-session-create-minimal": lambda n: n.connect_sessions.create(
        end_user=EndUser(id="eu-3")
    ),
    "api-connect-session-create-tags-only": lambda n: n.connect_sessions.create(
        tags={"end_user_id": "eu-4", "end_user_email": "eu4@example.com"}
    ),
    "api-connect-session-reconnect": lambda n: n.connect_sessions.reconnect(
        "9c64b3de-81aa-4dc3-934c-45a6514c57f6", "testbed-apikey"
    ),
    "api-connect-session-reconnect-tags": lambda n: n.connect_sessions.reconnect(
        "9c64b3de-81aa-4dc3-934c-45a6514c57f6", "testbed-apikey", tags={"team": "red"}
    ),
    "api-connect-session-delete": lambda n: n.connect_sessions.delete(TOKEN),
    "api-integrations-list": lambda n: n.integrations.list(),
    "api-integrations-get-both": lambda n: n.integrations.get(
        "gh-two", include_webhook_url=True, include_credentials=True
    ),
    "api-integrations-get-webhook": lambda n: n.integrations.get(
        "gh-two", include_webhook_url=True
    ),
    "api-integrations-get-credentials-app": lambda n: n.integrations.get(
        "app-two", include_credentials=True
    ),
    "api-integrations-get-credentials-custom": lambda n: n.integrations.get(
        "github-app-oauth", include_credentials=True
    ),
    "api-integrations-get-credentials-integration-config": lambda n: n.integrations.get(
        "aws-two", include_credentials=True
    ),
    "api-integrations-create": lambda n: n.integrations.create(
        "gh-two",
        "github",
        display_name="GitHub two",
        credentials=IntegrationCredentials(
            type="OAUTH2", client_id="cid", client_secret="csecret", scopes="repo,user"
        ),
    ),
    "api-integrations-update": lambda n: n.integrations.update(
        "gh-two", display_name="Renamed", forward_webhooks=False
    ),
    "api-integrations-delete": lambda n: n.integrations.delete("gh-three"),
    "api-providers-get-github": lambda n: n.providers.get("github"),
    "api-providers-get-aws-sigv4": lambda n: n.providers.get("aws-sigv4"),
    "api-providers-get-github-app-oauth": lambda n: n.providers.get("github-app-oauth"),
    "api-providers-list-search": lambda n: n.providers.list(search="testbed"),
    "api-providers-templates": lambda n: n.functions.templates("github"),
    "api-environment-variables": lambda n: n.environment.variables(),
    "api-functions-list": lambda n: functions(n),
    "api-functions-list-actions": lambda n: functions(n, type="action", page_size=2),
    "api-functions-get-sync": lambda n: n.functions.get("testbed-sync", "contacts"),
    "api-functions-code": lambda n: n.functions.get_code("testbed-sync", "echo"),
    "api-scripts-config": lambda n: n.functions.config(),
    "api-scripts-config-openai": lambda n: n.functions.config(format="openai"),
}
FAILURES: dict[str, tuple[Call, type[NangoError]]] = {
    "api-connections-create-basic": (
        lambda n: n.connections.create(
            "crisp-plugin-install",
            BasicCredentials(username="u", password="p"),
            connection_id="c2-basic",
        ),
        BadRequestError,
    ),
    "api-connections-create-basic-test-fails": (
        lambda n: n.connections.create(
            "testbed-basic", BasicCredentials(username="u", password="p"), connection_id="c2-basic"
        ),
        BadRequestError,
    ),
    "api-connections-create-unknown-integration": (
        lambda n: n.connections.create("nope", OAUTH2, connection_id="c2-x"),
        NotFoundError,
    ),
    "api-connections-create-webhook-override-bad": (
        lambda n: n.connections.create(
            "github", OAUTH2, connection_id="c2-wh", webhook_url_override="not a url"
        ),
        BadRequestError,
    ),
    "api-connections-delete-again": (
        lambda n: n.connections.delete("c2-oauth2", "github"),
        NotFoundError,
    ),
    "api-connections-delete-bad-id": (
        lambda n: n.connections.delete("a*b", "github"),
        BadRequestError,
    ),
    "api-metadata-set-unknown": (
        lambda n: n.connections.set_metadata("nope", "github", {}),
        NotFoundError,
    ),
    "api-metadata-set-unknown-integration": (
        lambda n: n.connections.set_metadata("github-noexp", "nope", {}),
        NotFoundError,
    ),
    "api-connect-session-create-bad-email": (
        lambda n: n.connect_sessions.create(end_user=EndUser(id="e", email="no")),
        BadRequestError,
    ),
    "api-connect-session-create-no-scope": (
        lambda n: n.connect_sessions.create(end_user=EndUser(id="e")),
        PermissionDeniedError,
    ),
    "api-connect-session-create-unknown-default": (
        lambda n: n.connect_sessions.create(
            end_user=EndUser(id="e"), integrations_config_defaults={"nope": {"user_scopes": "x"}}
        ),
        BadRequestError,
    ),
    "api-connect-session-delete-again": (
        lambda n: n.connect_sessions.delete(TOKEN),
        AuthenticationError,
    ),
    "api-integrations-create-no-scope": (
        lambda n: n.integrations.create("x", "github"),
        PermissionDeniedError,
    ),
    "api-integrations-create-quickstart": (
        lambda n: n.integrations.create_quickstart("gh-quick", "github"),
        BadRequestError,
    ),
    "api-integrations-update-key-taken": (
        lambda n: n.integrations.update("gh-three", new_provider_config_key="github"),
        BadRequestError,
    ),
    "api-integrations-get-credentials-no-scope": (
        lambda n: n.integrations.get("gh-two", include_credentials=True),
        PermissionDeniedError,
    ),
    "api-functions-get-unknown": (
        lambda n: n.functions.get("testbed-sync", "nope"),
        NotFoundError,
    ),
    "api-limit-429-list": (
        lambda n: n.connections.first(connection_id="nobody", provider_config_key="x"),
        RateLimitError,
    ),
}
# What our methods add on purpose: the size of a page, so that the server's default cannot change.
ADDED = {
    "api-connections-list-end-user": {"limit": "500"},
    "api-connections-list-integrations-two": {"limit": "500"},
    "api-connections-list-tags-two": {"limit": "500"},
    "api-connections-list-tags-unescaped-brackets": {"limit": "500"},
    "api-connections-list-tags-upper-value": {"limit": "500"},
    "api-connections-list-with-errors": {"limit": "500"},
    "api-functions-list": {"limit": "100"},
    "api-limit-429-list": {"connectionId": "nobody", "integrationId": "x"},
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_method_sends_the_captured_request_and_reads_its_answer(name: str) -> None:
    """Method, path, query and body are equal, and so is every value of the answer."""
    body = capture(name)["response"]["body"]

    result = await replay(name, CALLS[name], ADDED.get(name, {}))

    if result is not None:
        body = body.get("connections", body.get("data", body)) if isinstance(body, dict) else body
        if name == "api-environment-variables":
            body = {variable["name"]: variable["value"] for variable in body}
        same(result, body)


@pytest.mark.parametrize("name", FAILURES)
async def test_a_method_raises_what_the_captured_answer_stands_for(name: str) -> None:
    """The class follows Nango's code, and no text holds what the server wrote."""
    call, cls = FAILURES[name]
    message = (capture(name)["response"]["body"].get("error") or {}).get("message")

    with pytest.raises(cls) as raised:
        await replay(name, call, ADDED.get(name, {}))

    assert type(raised.value) is cls
    assert message is None or message not in str(raised.value)
