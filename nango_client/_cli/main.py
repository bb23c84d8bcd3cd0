"""The command ``nango-client``: what it takes, and which part of it does what."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from nango_client._wire.jsonlib import as_array, as_object
from nango_client.exceptions import NangoError

_INSECURE: Final = "NANGO_ALLOW_INSECURE_HTTP"
_MASK: Final = "********"
# What may be printed without --show-secrets: ids, types and times, by the wire's names, ...
_SHOWN: Final = frozenset(
    {
        "id",
        "connection_id",
        "provider_config_key",
        "provider",
        "account_id",
        "type",
        "log_id",
        "created_at",
        "updated_at",
        "last_fetched_at",
        "expires_at",
    }
)
# ... and the objects in which to look for them; all others are hidden whole.
_OPENED: Final = frozenset({"credentials", "app", "user", "end_user", "organization", "errors"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code: 0, 1 for a failure, 2 for bad usage."""
    options = _parser().parse_args(arguments)
    succeeded = True
    try:
        succeeded = asyncio.run(_run(options))
        sys.stdout.flush()
    except NangoError as error:
        print(f"nango-client: {error}", file=sys.stderr)
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"nango-client: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    else:
        return 0 if succeeded else 1
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nango-client", description="Fetch credentials from Nango."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    # For every command that talks to a server.
    server = argparse.ArgumentParser(add_help=False)
    server.add_argument(
        "--allow-insecure-http",
        action="store_true",
        default=os.environ.get(_INSECURE, "").strip().lower() in {"1", "true", "yes", "on"},
        help="accept an http:// address that is not this machine's; "
        f"the API key then travels in clear text (else {_INSECURE}=1)",
    )
    commands.add_parser("demo", help="show the client at work; needs no account")
    get = commands.add_parser(
        "get",
        parents=[server],
        help="fetch one connection; the API key comes from NANGO_API_KEY",
    )
    get.add_argument("connection_id")
    get.add_argument("provider_config_key")
    get.add_argument("--show-secrets", action="store_true", help="do not mask what may be secret")
    get.add_argument("--json", action="store_true", help="print JSON with the wire's names")
    commands.add_parser(
        "check", parents=[server], help="say whether base URL, API key, scopes and clock are right"
    )
    connections = commands.add_parser(
        "connections", parents=[server], help="list connections, newest first"
    )
    connections.add_argument("--integration", metavar="KEY", help="only of this integration")
    connections.add_argument("--search", metavar="TEXT", help="in id, end user's name or e-mail")
    connections.add_argument("--json", action="store_true", help="print a JSON object a line")
    connect = commands.add_parser(
        "connect", parents=[server], help="print a link with which a user can connect"
    )
    connect.add_argument("--end-user", metavar="ID", required=True, help="your id of the user")
    connect.add_argument("--email", metavar="ADDRESS", help="the user's e-mail address")
    connect.add_argument(
        "--integration", metavar="KEY", action="append", help="allow this one; may be repeated"
    )
    connect.add_argument("--json", action="store_true", help="print JSON")
    request = commands.add_parser(
        "request", parents=[server], help="call a provider's API, with the credentials put in"
    )
    request.add_argument("connection_id")
    request.add_argument("provider_config_key")
    request.add_argument("method", help="such as GET")
    request.add_argument("path", help="such as /user; joined to the provider's base URL")
    request.add_argument("--proxy", action="store_true", help="send it through Nango's proxy")
    request.add_argument(
        "-H", dest="header", metavar="'NAME: VALUE'", action="append", help="a header; repeatable"
    )
    request.add_argument("-d", dest="data", metavar="DATA", help="the body")
    request.add_argument(
        "-i", dest="include", action="store_true", help="print status and headers first"
    )
    mock = commands.add_parser("mock", help="run a mock Nango server until Ctrl-C")
    mock.add_argument("--port", type=_port, default=3003, help="default: 3003; 0 takes a free one")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


async def _run(options: argparse.Namespace) -> bool:
    """Run a command; say whether all is well."""
    match options.command:
        case "check" | "connections" | "connect" as command:
            from nango_client._cli import account

            if command == "check":
                return await account.check(options)
            await (account.connections if command == "connections" else account.connect)(options)
        case "request":
            from nango_client._cli.request import request

            await request(options)
        case "demo":
            from nango_client._cli.demo import run_demo

            await run_demo()
        case "get":
            await _get(options)
        case _:
            await _mock(options.port)
    return True


async def _get(options: argparse.Namespace) -> None:
    from nango_client._client import NangoClient
    from nango_client._wire.converter import encode

    async with NangoClient(cache=None, allow_insecure_http=options.allow_insecure_http) as nango:
        connection = await nango.get_connection(options.connection_id, options.provider_config_key)
    wire = encode(connection)
    if not options.show_secrets:
        wire = mask(wire)
    if options.json:
        print(json.dumps(wire, indent=2))
        return
    for name, value in _flatten(wire):
        print(f"{name}: {value}")


def mask(wire: dict[str, Any]) -> dict[str, Any]:
    """Give the wire's form of a connection with all that may be secret or personal hidden."""
    return {name: _mask_field(name, value) for name, value in wire.items()}


def _mask_field(name: str, value: Any) -> Any:
    if name in _OPENED and value:
        opened = as_object(value)
        return mask(opened) if opened is not None else [mask(item) for item in as_array(value)]
    return value if name in _SHOWN or not value else _MASK


def _flatten(wire: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give a dotted name and a value for each field."""
    for name, value in wire.items():
        inner = as_object(value)
        if inner:
            yield from _flatten(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value) if isinstance(value, dict | list) else value


async def _mock(port: int) -> None:
    from nango_client._clock import SystemClock
    from nango_client.testing import MockNango

    stop = asyncio.Event()
    # Also where a shell started us with Ctrl-C ignored, and whichever thread the signal reaches.
    with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with MockNango(port=port, clock=SystemClock()) as server:
        server.add_connection("user-42", "github", tags={"end_user_id": "user-42"})
        server.add_connection("user-42", "algolia", "API_KEY")
        server.add_connection("user-42", "ashby", "BASIC")
        server.provider("github").respond("GET", "/user", json={"login": "ada"})
        print(f"export NANGO_BASE_URL={server.base_url}")
        print(f"export NANGO_API_KEY={server.api_key}")
        print(
            "Connections: user-42 github, user-42 algolia, user-42 ashby. Ctrl-C ends the server."
        )
        sys.stdout.flush()
        await stop.wait()
