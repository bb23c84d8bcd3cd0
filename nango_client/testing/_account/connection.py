"""One connection at the server: its credentials, when they are renewed, and how that fails."""

import json
from typing import Any, Final

import attrs

from nango_client._wire.jsonlib import as_object
from nango_client._wire.timestamps import parse_timestamp
from nango_client.testing._payloads.credentials import (
    TokenMaker,
    end_of,
    is_renewable,
    parts_of,
    renew,
    replace_secrets,
    without_refresh_tokens,
)
from nango_client.testing._payloads.wire import Wire, stored_timestamp

_BACKOFF: Final = 30.0
_DEFAULT_LIFETIME: Final = 3600.0

_JUST_FAILED = (
    "The external API returned an error when trying to refresh the access token. "
    "Please try again later."
)
BACKING_OFF: Final = "A recent refresh attempt failed. Backing off before retrying."
_GIVEN_UP = "The refresh limit has been reached for this connection."


class RenewalError(Exception):
    """The server could not renew, and answers so instead of giving the token."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.was_tried = message not in (BACKING_OFF, _GIVEN_UP)


@attrs.define(kw_only=True)
class StoredConnection:
    """A connection and what the server knows about renewing it. Times are epoch seconds."""

    envelope: Wire
    """All members of the answer but the credentials."""
    credentials: Wire
    lifetime: float | None
    """Seconds that a new token lives; None: it has no date of expiry."""
    renew_margin: float
    broken: bool = False
    exhausted: bool = False
    failed_at: float | None = None
    refresh_count: int = 0

    @property
    def ids(self) -> tuple[str, str]:
        """Its own id and its integration's key."""
        return self.envelope["connection_id"], self.envelope["provider_config_key"]

    @property
    def age(self) -> tuple[float, int]:
        """When it was made, and in which order: the newest has the greatest."""
        try:
            created = parse_timestamp(self.envelope["created_at"]).timestamp()
        except ValueError:
            created = 0.0  # a test has set something else
        return created, self.envelope["id"]

    def fetch(
        self,
        now: float,
        fake: TokenMaker,
        *,
        force_refresh: bool = False,
        refresh_github_app_jwt_token: bool = False,
    ) -> None:
        """Do what the server does before it answers: renew what is due, or all with force.

        Raises:
            RenewalError: it could not, or does not try.
        """
        due = [
            part
            for part in parts_of(self.credentials)
            if self._is_due(part, now, force_refresh=force_refresh)
        ]
        if due:
            if not force_refresh:
                self._refuse_to_try(now)
            self._renew(due, now, fake)
        if refresh_github_app_jwt_token:
            for part in parts_of(self.credentials):
                replace_secrets(part, ("jwtToken",), fake)
        self.envelope["last_fetched_at"] = stored_timestamp(now)

    def _is_due(self, part: Wire, now: float, *, force_refresh: bool) -> bool:
        if not is_renewable(part):
            return False
        end = end_of(part)
        return force_refresh or (end is not None and end - now < self.renew_margin)

    def _refuse_to_try(self, now: float) -> None:
        if self.exhausted:
            raise RenewalError(424, _GIVEN_UP)
        if self.failed_at is not None and 0 <= now - self.failed_at < _BACKOFF:
            raise RenewalError(424, BACKING_OFF)

    def _renew(self, due: list[Wire], now: float, fake: TokenMaker) -> None:
        if self.broken:
            self.failed_at = now
            self.envelope["errors"] = [{"type": "auth", "log_id": fake("log")}]
            raise self._failure()
        lifetime = self.lifetime
        if lifetime is not None and lifetime <= 0:
            lifetime = _DEFAULT_LIFETIME
        for part in due:
            renew(part, None if lifetime is None else now + lifetime, fake)
        if app := as_object(self.credentials.get("app")):
            self.credentials["raw"] = app.get("raw", {})
        self.refresh_count += 1
        self.exhausted, self.failed_at = False, None
        self.envelope["errors"] = []
        self.envelope["updated_at"] = stored_timestamp(now)

    def _failure(self) -> RenewalError:
        kind = self.credentials["type"]
        if kind == "AWS_SIGV4":
            return RenewalError(
                502, "Failed to retrieve AWS credentials from the configured STS endpoint."
            )
        if kind == "JWT":
            return RenewalError(500, "Failed to sign a token with the stored private key.")
        # For some kinds the server's text holds its database row, secrets of its own included.
        if kind == "OAUTH2_CC":
            return RenewalError(
                400, f"Failed to fetch client credentials token: {self._database_row()}"
            )
        if kind == "BILL":
            return RenewalError(
                500,
                "An unhandled error of type 'bill_tokens_fetch_error' with payload "
                f"'{self._database_row()}' has occurred",
            )
        return RenewalError(400, _JUST_FAILED)

    def _database_row(self) -> str:
        row = {
            **self.envelope,
            "credentials_iv": "fake-iv",
            "credentials_tag": "fake-tag",
            "refresh_exhausted": self.exhausted,
        }
        return json.dumps({"connection": row}, separators=(",", ":"))

    def summary(self) -> Wire:
        """Give the connection as lists show it."""
        shown = ("id", "connection_id", "provider_config_key", "provider", "errors", "end_user")
        return {
            **{name: self.envelope.get(name) for name in shown},
            "tags": self.envelope["tags"],
            "metadata": self.envelope["metadata"],
            "created": self.envelope["created_at"],
        }

    def body(self, *, with_credentials: bool = True, with_refresh_token: bool = False) -> Wire:
        """Give the answer's document."""
        document: dict[str, Any] = {
            **self.envelope,
            "credentials": self.credentials if with_credentials else {},
        }
        if not with_refresh_token:
            for name in ("connection_config", "credentials"):
                document[name] = without_refresh_tokens(document[name])
        return document
