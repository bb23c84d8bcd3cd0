"""``nango-client check``, ``connections`` and ``connect``: a look at a Nango environment."""

import argparse
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
import attrs

from nango_client._client import NangoClient
from nango_client._config import BASE_URL_VARIABLES, DEFAULT_BASE_URL, RetryPolicy, first_set
from nango_client._http.errors import is_nangos_word
from nango_client._http.headers import date_of
from nango_client._wire.converter import encode
from nango_client._wire.timestamps import format_timestamp
from nango_client.exceptions import (
    APIStatusError,
    AuthenticationError,
    NangoError,
    PermissionDeniedError,
    TransportError,
)
from nango_client.models import EndUser

# Clocks that are further apart than this make tokens look alive or dead that are not (seconds).
_MAX_SKEW: Final = 10.0
# Nothing has this name, so that nothing is read, renewed or changed.
_NOBODY: Final = "nango-client-check"


# What is printed of a connection: no names, addresses and tags of users.
_SHOWN: Final = ("id", "connection_id", "provider_config_key", "provider", "errors", "created")

# What is tried, by the scope that it takes (API.md section 0). Scopes are looked at before
# anything else, so that questions about nobody tell whether the key has them.
_TRIALS: Final[Mapping[str, Callable[[NangoClient], Awaitable[object]]]] = {
    "connections:list": lambda nango: nango.connections.first(connection_id=_NOBODY),
    "connections:read_credentials": lambda nango: nango.get_connection(
        _NOBODY, _NOBODY, include_refresh_token=True
    ),
    "integrations:list": lambda nango: nango.integrations.list(),
    "records:read": lambda nango: nango.records.page(_NOBODY, _NOBODY, "Nothing", limit=1),
    "syncs:read": lambda nango: nango.syncs.status(None, _NOBODY),
}


@attrs.frozen
class _Finding:
    name: str
    text: str
    is_wrong: bool = False

    def __str__(self) -> str:
        return f"{'wrong' if self.is_wrong else 'ok':<6} {self.name:<11} {self.text}"


class _Answers:
    """The headers of the last answer that had Nango's limits, and when it came."""

    def __init__(self) -> None:
        self.headers: Mapping[str, str] = {}
        self.received_at = 0.0

    async def note(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestEndParams,
    ) -> None:
        self.headers, self.received_at = end.response.headers.copy(), time.time()


async def check(options: argparse.Namespace) -> bool:
    """Print what is right and what is wrong, a line each; say whether all is right."""
    answers = _Answers()
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(answers.note)
    async with (
        aiohttp.ClientSession(
            trace_configs=[trace], cookie_jar=aiohttp.DummyCookieJar()
        ) as session,
        NangoClient(
            cache=None,
            session=session,
            retry=RetryPolicy(max_attempts=1),
            allow_insecure_http=options.allow_insecure_http,
        ) as nango,
    ):
        findings = [
            _Finding("base URL", first_set(BASE_URL_VARIABLES) or DEFAULT_BASE_URL),
            *await _try_key(nango),
            *_limits(answers),
            *_clocks(answers),
        ]
    for finding in findings:
        print(finding)
    return not any(finding.is_wrong for finding in findings)


async def _try_key(nango: NangoClient) -> list[_Finding]:
    may: list[str] = []
    may_not: list[str] = []
    for scope, trial in _TRIALS.items():
        try:
            await trial(nango)
        except PermissionDeniedError as error:
            if not is_nangos_word(error):
                return [_Finding("server", str(error), is_wrong=True)]
            may_not.append(scope)
        except AuthenticationError as error:
            return [_Finding("API key", str(error), is_wrong=True)]
        except APIStatusError as error:
            if error.code is None or error.retryable:
                return [_Finding("server", str(error), is_wrong=True)]
            # Let through, to be told that nobody is known.
            may.append(scope)
        except NangoError as error:
            where = "connection" if isinstance(error, TransportError) else "server"
            return [_Finding(where, str(error), is_wrong=True)]
        else:
            may.append(scope)
    text = f"may {', '.join(may) or 'do nothing that was tried'}"
    return [
        _Finding("API key", "works"),
        _Finding(
            "scopes", f"{text}; may not {', '.join(may_not)}" if may_not else text, is_wrong=not may
        ),
    ]


def _limits(answers: _Answers) -> list[_Finding]:
    limit = answers.headers.get("X-RateLimit-Limit", "")
    left = answers.headers.get("X-RateLimit-Remaining", "")
    if not (limit.isdigit() and left.isdigit()):
        return []
    text = f"{left} of {limit} requests a minute are left"
    return [_Finding("rate limit", text, is_wrong=int(left) == 0)]


def _clocks(answers: _Answers) -> list[_Finding]:
    date = date_of(answers.headers)
    if date is None:
        return []
    ahead = answers.received_at - date
    text = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
    return [_Finding("clock", text, is_wrong=abs(ahead) > _MAX_SKEW)]


async def connections(options: argparse.Namespace) -> None:
    """Print the connections of the environment, a line or a JSON object each."""
    async with NangoClient(cache=None, allow_insecure_http=options.allow_insecure_http) as nango:
        found = nango.connections.list(
            provider_config_key=options.integration, search=options.search
        )
        async for summary in found:
            if options.json:
                wire = encode(summary)
                shown = (
                    "id",
                    "connection_id",
                    "provider_config_key",
                    "provider",
                    "errors",
                    "created",
                )
                line = json.dumps({name: wire[name] for name in shown})
            else:
                broken = " !! " + ", ".join(issue.type for issue in summary.errors)
                line = "  ".join(
                    (
                        format_timestamp(summary.created_at),
                        f"{summary.provider_config_key:<20}",
                        summary.connection_id + (broken if summary.errors else ""),
                    )
                )
            print(line)


async def connect(options: argparse.Namespace) -> None:
    """Make a connect session and print its link, which is all that a user needs."""
    async with NangoClient(cache=None, allow_insecure_http=options.allow_insecure_http) as nango:
        session = await nango.connect_sessions.create(
            end_user=EndUser(id=options.end_user, email=options.email),
            allowed_integrations=options.integration,
        )
    link, ends = session.connect_link, format_timestamp(session.expires_at)
    if options.json:
        document: dict[str, Any] = {"connect_link": link, "expires_at": ends}
        print(json.dumps(document))
        return
    print(
        link or "this server gives no link: use the session's token with Nango's frontend library"
    )
    print(f"The link works until {ends}; whoever has it can connect.", file=sys.stderr)
