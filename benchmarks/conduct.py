"""What clients do where things go wrong, counted at a server: ours, the Node client, a snippet."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from fetch import node_directory
from report import Row
from wire import INTEGRATION

from nango_client import SystemClock
from nango_client.testing import MockNango

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
NAMES = {
    "nango_client": "nango_client",
    "node": "@nangohq/node",
    "snippet": "a snippet with `requests`",
}
# Seconds; a little more than an attempt of ours may take.
PATIENCE = 35.0


@dataclass
class Conduct:
    """A table of words."""

    title: str
    columns: list[str]
    lines: list[list[str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def markdown(self) -> str:
        head = [f"### {self.title}", "", _line(["", *self.columns])]
        return "\n".join([*head, _line(["---"] * (len(self.columns) + 1)), *map(_line, self.lines)])


class Client:
    """A contestant's process, and the server that it calls."""

    def __init__(self, name: str, command: list[str], server: MockNango) -> None:
        self.server = server
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE
        )
        self._said: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._listen, daemon=True).start()
        assert self._said.get() == "ready", name

    def ask(
        self, connection_id: str, calls: int = 1, at_once: int = 1, *, patience: float | None = None
    ) -> dict[str, Any] | None:
        """Have it ask for tokens; give what it says, or None where it goes on waiting."""
        self.server.requests.clear()
        assert self._process.stdin is not None
        print(connection_id, calls, at_once, file=self._process.stdin, flush=True)
        try:
            said: dict[str, Any] = json.loads(self._said.get(timeout=patience))
        except Empty:
            return None
        return said

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line.strip())


def thousand_calls(client: Client) -> str:
    client.ask("one", 1000)
    return _counted(client)


def hundred_at_once(client: Client) -> str:
    client.ask("two", 100, 100)
    return _counted(client)


def too_many_requests(client: Client) -> str:
    client.server.fail_next(429, headers={"Retry-After": "1"})
    return _outcome(client.ask("three"))


def lost_connection(client: Client) -> str:
    client.server.drop_next()
    return _outcome(client.ask("four"))


def slash_in_the_id(client: Client) -> str:
    said = _outcome(client.ask("team/five"))
    return f"{said}, asked for `{client.server.requests[0].raw_path.partition('?')[0]}`"


def key_in_the_error(client: Client) -> str:
    said = client.ask("nobody")
    assert said is not None
    assert said["said"]
    return "yes" if client.server.api_key in said["said"] else "no"


def silence(client: Client, patience: float) -> str:
    client.server.delay_next(10 * patience)
    said = client.ask("six", patience=patience)
    return "still waits" if said is None else _outcome(said)


def run(*, quick: bool) -> list[Conduct]:
    patience = 0.1 if quick else PATIENCE
    asked: dict[str, Callable[[Client], str]] = {
        "1,000 calls for one token": thousand_calls,
        "100 calls at once for one token": hundred_at_once,
        "Nango answers 429, with `Retry-After: 1`": too_many_requests,
        "the connection is lost once": lost_connection,
        "a connection called `team/five`": slash_in_the_id,
        "the API key is in the fields of an error": key_in_the_error,
        f"{patience:g} s without an answer": lambda client: silence(client, patience),
    }
    commands = {
        name: [sys.executable, "conduct_worker.py", name] for name in ("nango_client", "snippet")
    }
    node = node_directory()
    if node is not None:
        commands["node"] = ["node", "conduct_worker.mjs", str(node), INTEGRATION]
    table = Conduct("Conduct", [NAMES[name] for name in NAMES if name in commands])
    table.lines = [[question] for question in asked]
    for name in NAMES:
        if name not in commands:
            continue
        with MockNango(clock=SystemClock()) as server:
            for connection in ("one", "two", "three", "four", "team/five", "six"):
                server.add_connection(connection, INTEGRATION)
            client = Client(name, [*commands[name], server.base_url, server.api_key], server)
            for line, answer in zip(table.lines, asked.values(), strict=True):
                line.append(answer(client))
            client.close()
    return [table]


def _counted(client: Client) -> str:
    count = len(client.server.requests)
    return f"{count:,} request" + "s" * (count != 1)


def _outcome(said: dict[str, Any] | None) -> str:
    return "a token" if said is not None and said["tokens"] else "an error"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
