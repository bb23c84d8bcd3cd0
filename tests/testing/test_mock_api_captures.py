"""`MockNango` against the captured answers about connections, sessions, integrations and so on."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from captured import NAMES, Json, compare, exchange, load
from test_mock_captures import SET_UPS as OF_ONE_CONNECTION

from nango_client.testing import MockNango

SetUp = Callable[[MockNango, Json], None]

# Subjects whose captures are compared by tests of their own.
ELSEWHERE = (
    "api-action",
    "api-environments-",
    "api-limit-429-action",
    "api-limit-429-proxy",
    "api-proxy",
    "api-records",
    "api-sync",
)


def nothing(_server: MockNango, _capture: Json) -> None:
    pass


def rows(server: MockNango, capture: Json) -> None:
    """Add the captured connections, the oldest first, and newer ones for the pages before."""
    query = parse_qs(capture["request"]["query"])
    for row in reversed(capture["response"]["body"]["connections"]):
        given = {name: row[name] for name in ("id", "provider", "errors", "end_user", "tags")}
        server.add_connection(
            row["connection_id"],
            row["provider_config_key"],
            metadata=row["metadata"],
            created_at=row["created"],
            **given,
        )
    if "page" in query:
        for number in range(int(query["page"][0]) * int(query["limit"][0])):
            server.add_connection(f"newer-{number}", "github")
        return
    # One that no filter of the captures lets through, unless it is old enough for all.
    server.add_connection("old", "other", created_at="2020-01-01T00:00:00Z")


def integration(server: MockNango, capture: Json) -> None:
    """Add the captured integration, or the one that the request names."""
    data = (capture["response"]["body"] or {}).get("data", {})
    key = capture["request"]["path"].split("/")[2]
    body = capture["request"].get("body") or {}
    if "provider" in data:
        kind = (data.get("credentials") or {}).get("type")
        server.add_provider(data["provider"], auth_mode=kind or "AWS_SIGV4")
        given = {name: data[name] for name in ("display_name", "credentials") if data.get(name)}
        server.add_integration(key, data["provider"], **given)
    else:
        server.add_integration(key, "github")
    if "unique_key" in body:
        server.add_integration(body["unique_key"], "github")


def integrations(server: MockNango, capture: Json) -> None:
    for one in reversed(capture["response"]["body"]["data"]):
        server.add_integration(one["unique_key"], one["provider"])


def provider_of_integration(name: str, mode: str) -> SetUp:
    """Set up the integration that the body names."""

    def set_up(server: MockNango, capture: Json) -> None:
        server.add_provider(name, auth_mode=mode)
        server.add_integration(capture["request"]["body"]["provider_config_key"], name)

    return set_up


def providers(server: MockNango, capture: Json) -> None:
    """Put the captured entries into the catalogue."""
    data = capture["response"]["body"]["data"]
    for entry in data if isinstance(data, list) else [data]:
        server.add_provider(**{name: entry[name] for name in entry if name != "logo_url"})


def named_connection(server: MockNango, capture: Json) -> None:
    """Add the connection that path or body name."""
    request = capture["request"]
    body = request.get("body") or {}
    connection_id = body.get("connection_id") or request["path"].split("/")[2]
    query = parse_qs(request["query"])
    key = body.get("provider_config_key") or body.get("integration_id")
    server.add_connection(connection_id, key or query.get("provider_config_key", ["github"])[0])


def shown_connection(server: MockNango, capture: Json) -> None:
    """Add the connection that is answered."""
    body = capture["response"]["body"]
    fields = {name: body[name] for name in ("tags", "metadata")}
    server.add_connection(
        body["connection_id"], body["provider_config_key"], body["credentials"], None, **fields
    )


def deleted_connection(server: MockNango, capture: Json) -> None:
    named_connection(server, capture)
    exchange(server, capture["request"])


def session(body: Json, *, deleted: bool = False) -> SetUp:
    """Open a session and put its token into the request."""

    def set_up(server: MockNango, capture: Json) -> None:
        request = load("api-connect-session-create-minimal")["request"] | {"body": body}
        _, _, answer = exchange(server, request)
        found = re.search(rb'"token":"(\w+)"', answer)
        assert found
        headers = {"Authorization": f"Bearer {found[1].decode()}"}
        capture["request"]["headers"] = headers
        if deleted:
            delete = load("api-connect-session-delete")["request"] | {"headers": headers}
            assert exchange(server, delete)[0] == 204

    return set_up


TAGS = {"tags": {"end_user_id": "eu-4"}}


def allowed(server: MockNango, _capture: Json) -> None:
    for key in ("github", "testbed-apikey"):
        server.add_integration(key)


def functions(server: MockNango, capture: Json) -> None:
    """Deploy the captured functions; the fields that others ask for come with them."""
    body = capture["response"]["body"]
    server.add_provider("testbed-oauth2")
    server.add_integration("testbed-sync", "testbed-oauth2")
    data: Any = body.get("data", []) if isinstance(body, dict) else body
    for one in data if isinstance(data, list) else [data]:
        deploy(server, **one)
    if "pagination" in body:
        for number in range(body["pagination"]["total"] - len(data)):
            deploy(server, name=f"z{number}", type="action")


def deploy(server: MockNango, **fields: Any) -> None:
    server.add_function("testbed-sync", **fields)


def echo(server: MockNango, _capture: Json) -> None:
    deploy(server, name="echo", code="// source")


def configs(server: MockNango, capture: Json) -> None:
    """Deploy what the captured configuration tells of."""
    server.add_integration("testbed-sync", "testbed-oauth2")
    for one in capture["response"]["body"]:
        for kind in ("syncs", "actions"):
            for function in one[kind]:
                deploy(server, **function)


def tools(server: MockNango, capture: Json) -> None:
    server.add_integration("testbed-sync", "testbed-oauth2")
    for tool in capture["response"]["body"]["data"]:
        kind: Any = "sync" if tool["description"].startswith("Sync") else "action"
        deploy(server, name=tool["name"], type=kind, description=tool["description"])


def variables(server: MockNango, _capture: Json) -> None:
    server.set_environment_variables({"MY_VARIABLE": "made-up value", "EMPTY": " "})


def refused_by_the_provider(server: MockNango, capture: Json) -> None:
    headers = {
        name: value
        for name, value in capture["response"]["headers"].items()
        if name.startswith("X-RateLimit")
    }
    error = capture["response"]["body"]["error"]
    server.fail_next(400, code=error["code"], message=error["message"], headers=headers)


def used_up(server: MockNango, capture: Json) -> None:
    for _ in range(5):
        exchange(server, capture["request"])


SET_UPS: Mapping[str, SetUp] = {
    "api-connect-session-create-bad-email": nothing,
    "api-connect-session-create-full": allowed,
    "api-connect-session-create-minimal": nothing,
    "api-connect-session-create-no-scope": nothing,
    "api-connect-session-create-tags-only": nothing,
    "api-connect-session-create-unknown-default": nothing,
    "api-connect-session-delete": session(TAGS),
    "api-connect-session-delete-again": session(TAGS, deleted=True),
    "api-connect-session-get-deleted": session(TAGS, deleted=True),
    "api-connect-session-get-tags-only": session(TAGS),
    "api-connect-session-get-unknown-token": nothing,
    "api-connect-session-get-with-api-key": nothing,
    "api-connect-session-on-connections": session(TAGS),
    "api-connect-session-reconnect": named_connection,
    "api-connect-session-reconnect-tags": named_connection,
    "api-connections-create-api-key": provider_of_integration("testbed-apikey", "API_KEY"),
    "api-connections-create-basic": provider_of_integration("crisp", "INSTALL_PLUGIN"),
    "api-connections-create-basic-test-fails": refused_by_the_provider,
    "api-connections-create-empty": nothing,
    "api-connections-create-missing-credentials": nothing,
    "api-connections-create-none": provider_of_integration("unauthenticated", "NONE"),
    "api-connections-create-oauth1": provider_of_integration("twitter", "OAUTH1"),
    "api-connections-create-oauth2": provider_of_integration("github", "OAUTH2"),
    "api-connections-create-too-many-tags": provider_of_integration("github", "OAUTH2"),
    "api-connections-create-unknown-integration": nothing,
    "api-connections-create-webhook-override-bad": provider_of_integration("github", "OAUTH2"),
    "api-connections-delete": named_connection,
    "api-connections-delete-again": deleted_connection,
    "api-connections-delete-bad-id": nothing,
    "api-connections-delete-legacy-path": named_connection,
    "api-connections-list": rows,
    "api-connections-list-end-user": rows,
    "api-connections-list-integrations-two": rows,
    "api-connections-list-legacy-path": rows,
    "api-connections-list-page-0": rows,
    "api-connections-list-page-3": rows,
    "api-connections-list-search": rows,
    "api-connections-list-tags-two": rows,
    "api-connections-list-tags-unescaped-brackets": rows,
    "api-connections-list-tags-upper-value": rows,
    "api-connections-list-with-errors": rows,
    "api-connections-patch-empty": named_connection,
    "api-connections-patch-no-pck": named_connection,
    "api-connections-patch-tags": named_connection,
    "api-connections-patch-tags-get": shown_connection,
    "api-connections-patch-unknown-field": named_connection,
    "api-connections-patch-webhook": named_connection,
    "api-connections-patch-webhook-empty": named_connection,
    "api-environment-variables": variables,
    "api-functions-code": echo,
    "api-functions-get-sync": functions,
    "api-functions-get-unknown": echo,
    "api-functions-list": functions,
    "api-functions-list-actions": functions,
    "api-health": nothing,
    "api-integrations-create": nothing,
    "api-integrations-create-empty": nothing,
    "api-integrations-create-no-scope": nothing,
    "api-integrations-create-quickstart": nothing,
    "api-integrations-delete": integration,
    "api-integrations-get-bad-include": integration,
    "api-integrations-get-both": integration,
    "api-integrations-get-credentials-app": integration,
    "api-integrations-get-credentials-custom": integration,
    "api-integrations-get-credentials-integration-config": integration,
    "api-integrations-get-credentials-no-scope": integration,
    "api-integrations-get-webhook": integration,
    "api-integrations-list": integrations,
    "api-integrations-update": integration,
    "api-integrations-update-key-taken": integration,
    "api-limit-429-list": used_up,
    "api-metadata-set": named_connection,
    "api-metadata-set-get": shown_connection,
    "api-metadata-set-unknown": nothing,
    "api-metadata-set-unknown-integration": nothing,
    "api-metadata-update": named_connection,
    "api-providers-get-aws-sigv4": providers,
    "api-providers-get-github": providers,
    "api-providers-get-github-app-oauth": providers,
    "api-providers-list-search": providers,
    "api-providers-templates": nothing,
    "api-scripts-config": configs,
    "api-scripts-config-openai": tools,
    "api-unknown-sync-path": nothing,
    "api-webhook-signing-key-rotate": nothing,
    "list-limit-2": rows,
    "providers-github": providers,
}


@pytest.fixture
def server(name: str) -> Iterator[MockNango]:
    limit = int(load(name)["response"]["headers"].get("X-RateLimit-Limit", 200))
    with MockNango(rate_limit=None if limit == 200 else limit) as server:
        yield server


def test_no_capture_is_forgotten() -> None:
    """Each capture is compared, here or by the tests of its subject."""
    compared = SET_UPS.keys() | OF_ONE_CONNECTION.keys()

    assert [name for name in NAMES if name not in compared and not name.startswith(ELSEWHERE)] == []


@pytest.mark.parametrize("name", SET_UPS)
def test_it_answers_as_the_captured_server(server: MockNango, name: str) -> None:
    """Set up alike, it gives the same status, headers, codes, and JSON of the same shape."""
    capture = load(name)
    SET_UPS[name](server, capture)

    document = compare(server, capture)

    if name.startswith("api-connections-list"):
        expected = capture["response"]["body"]["connections"]
        assert [row["connection_id"] for row in document["connections"]] == [
            row["connection_id"] for row in expected
        ]
