"""The credentials that can be imported into Nango, and what it makes of them."""

from collections.abc import Mapping
from typing import Final

from nango_client._wire.timestamps import parse_timestamp
from nango_client.testing._payloads.credentials import TokenMaker, made_up_credentials
from nango_client.testing._payloads.schema import Check, either, fields, one_of, optional, text
from nango_client.testing._payloads.wire import Wire, written

_OVERRIDE: Final = optional(
    fields(client_id=optional(text()), client_secret=optional(text(most=2048)))
)
_DATE: Final = optional(text(most=None))
_LONG: Final = text(most=None)

_KINDS: Final[Mapping[str, Mapping[str, Check]]] = {
    "OAUTH2": {
        "access_token": text(least=1, most=None),
        "refresh_token": optional(_LONG),
        "expires_at": _DATE,
        "config_override": _OVERRIDE,
    },
    "OAUTH2_CC": {
        "token": text(least=1, most=4096),
        "client_id": text(least=1),
        "client_secret": text(least=1, most=2048),
        "client_certificate": optional(text(most=10_000)),
        "client_private_key": optional(text(most=10_000)),
        "expires_at": _DATE,
    },
    "OAUTH1": {
        "oauth_token": text(least=1, most=2048),
        "oauth_token_secret": text(least=1, most=2048),
    },
    "API_KEY": {"apiKey": text(least=1, most=1024)},
    "BASIC": {"username": text(most=1024), "password": text(most=1024)},
    "TBA": {
        "token_id": text(least=1),
        "token_secret": text(least=1),
        "config_override": _OVERRIDE,
    },
    "APP": {"app_id": text(least=1), "installation_id": text(least=1)},
    "CUSTOM": {"app_id": text(least=1), "installation_id": text(least=1)},
    "NONE": {},
}

CREDENTIALS: Final[Check] = either(
    *(fields(type=one_of(kind), **members) for kind, members in _KINDS.items())
)

_WITH_RAW: Final = ("OAUTH2", "OAUTH2_CC", "OAUTH1")


def imported(given: Wire, fake: TokenMaker) -> Wire:
    """Give what is stored of credentials that were sent.

    Raises:
        ValueError: the date of expiry is none.
    """
    kind = given["type"]
    if kind == "NONE":
        return {}
    if kind in ("APP", "CUSTOM"):
        # The server fetches a token of the installation at once.
        return made_up_credentials("APP", fake)
    stored = dict(given)
    if "expires_at" in stored:
        stored["expires_at"] = written(parse_timestamp(stored["expires_at"]).timestamp())
    if kind == "TBA":
        stored.setdefault("config_override", {})
    return {**stored, "raw": stored} if kind in _WITH_RAW else stored
