"""The answer that every contestant gets: a connection of 1.2 kB, made by an end user with OAuth 2.

Its fields are those that a real server sent, its token is as long as Google's are.
"""

import json
from datetime import UTC, datetime, timedelta

INTEGRATION = "google-mail"
API_KEY = "3f1b2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"


def connection_id(number: int) -> str:
    """Give the id of connection `number`; all have the same length."""
    return f"customer-{number:08d}"


def document(number: int = 0) -> dict[str, object]:
    """Give a connection as a JSON object; each number has values of its own."""
    ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    token = f"ya29.a0AfH6SM{number:08d}" + "Qx7pL2vN9kR4" * 10
    name, email, end_user = "Ada Lovelace", f"ada.{number}@example.com", f"eu-{number:08d}"
    return {
        "id": 1000 + number,
        "connection_id": connection_id(number),
        "provider_config_key": INTEGRATION,
        "provider": INTEGRATION,
        "errors": [],
        "end_user": {
            "id": end_user,
            "display_name": name,
            "email": email,
            "tags": {"projectId": "1"},
            "organization": {"id": "org-1", "display_name": "Engines"},
        },
        "tags": {
            "projectid": "1",
            "end_user_id": end_user,
            "end_user_email": email,
            "organization_id": "org-1",
            "end_user_display_name": name,
            "organization_display_name": "Engines",
        },
        "metadata": {},
        "connection_config": {},
        "webhook_url_override": None,
        "created_at": "2026-11-24T00:18:46.679+00:00",
        "updated_at": "2026-11-24T00:18:46.679+00:00",
        "last_fetched_at": "2026-11-24T00:18:46.709+00:00",
        "credentials": {
            "type": "OAUTH2",
            "access_token": token,
            "expires_at": ends,
            "raw": {
                "access_token": token,
                "expires_in": 3599,
                "expires_at": ends,
                "scope": "https://www.googleapis.com/auth/gmail.readonly",
                "token_type": "Bearer",
            },
        },
    }


def body(number: int = 0) -> bytes:
    """Give a connection as the bytes of an answer."""
    return json.dumps(document(number), separators=(",", ":")).encode()


def template() -> tuple[bytes, bytes]:
    """Give what comes before and after the connection's id in an answer's body."""
    before, after = body().split(connection_id(0).encode())
    return before, after
