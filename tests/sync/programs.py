"""Runs programs as processes of their own, against a mock server in this one."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nango_client
from nango_client.testing import MockNango

ROOT = Path(nango_client.__file__).parents[1]
# What a program of ours must not hear of, or lean on; CPython's own word on forks and threads
# is no fault of the program.
STRICT = ("-X", "dev", "-W", "error", "-W", "ignore:This process:DeprecationWarning")


def environment(base_url: str, api_key: str, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NANGO_")}
    return {
        **kept,
        "NANGO_BASE_URL": base_url,
        "NANGO_API_KEY": api_key,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def run(program: str, server: MockNango) -> str:
    """Give what a program prints; it must end well, in time and without a word on stderr."""
    return run_against(server.base_url, server.api_key, program)


def run_against(base_url: str, api_key: str, program: str) -> str:
    """Run a program as `run` does, against another server."""
    done = subprocess.run(
        [sys.executable, *STRICT, "-c", program],
        env=environment(base_url, api_key),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # In asyncio's debug mode a slow machine adds remarks of its own.
    words = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, words) == (0, []), done.stdout + done.stderr
    return done.stdout


class _Ports(BaseHTTPRequestHandler):
    """Puts the port of whoever asks into the connection's metadata."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        self.server.seen.append((name, self.client_address[1]))  # type: ignore[attr-defined]
        body = json.dumps(_connection(name, self.client_address[1])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _connection(name: str, port: int) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00.000Z"
    return {
        "id": 1,
        "connection_id": name,
        "provider_config_key": "github",
        "provider": "github",
        "metadata": {"port": port},
        "created_at": moment,
        "updated_at": moment,
        "credentials": {"type": "API_KEY", "apiKey": "fake-key-0001"},
    }


@contextmanager
def server_of_ports() -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Run a server; give its address, and a list of who asked for what from which port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ports)
    server.daemon_threads = True
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
