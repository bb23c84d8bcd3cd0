"""CPU time of a fetch: client processes side by side, the server in a process of its own."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from report import Table, interleave, rows
from wire import API_KEY, INTEGRATION

HERE = Path(__file__).parent
LABELS = {
    "raw_protocol": "raw asyncio protocol + json.loads (the limit)",
    "aiohttp": "raw aiohttp + resp.json()",
    "aiohttp_settled": "raw aiohttp, after a large block was freed",
    "aiohttp_params": "raw aiohttp with params= and headers=",
    "nango_client": "nango_client, orjson",
    "nango_client_stdlib": "nango_client, json",
    "by_hand": "aiohttp + cattrs + tenacity by hand",
    "node": "@nangohq/node",
    "httpx": "httpx",
}
REACH = {LABELS["nango_client"]: 1.00, LABELS["nango_client_stdlib"]: 1.10}


class Worker:
    """A contestant's process."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE
        )
        self.greeting = self._read()

    def measure(self, calls: int, at_once: int) -> float:
        """Give the microseconds of CPU time per call."""
        assert self._process.stdin is not None
        print(calls, at_once, file=self._process.stdin, flush=True)
        return float(self._read())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def node_directory() -> Path | None:
    """Give the directory where @nangohq/node is installed: NANGO_NODE_DIRECTORY."""
    directory = os.environ.get("NANGO_NODE_DIRECTORY")
    return Path(directory) if directory and shutil.which("node") else None


def _commands(port: str) -> dict[str, list[str]]:
    commands = {
        name: [sys.executable, str(HERE / "fetch_worker.py"), name, port] for name in LABELS
    }
    node = node_directory()
    worker = str(HERE / "fetch_worker.mjs")
    commands["node"] = ["node", worker, port, str(node), INTEGRATION, API_KEY] if node else []
    return commands


def run(*, quick: bool) -> list[Table]:
    launches, rounds, calls = (1, 1, 64) if quick else (16, 3, 640)
    measured: dict[int, list[dict[str, float]]] = {1: [], 64: []}
    skipped: list[str] = []
    server = Worker([sys.executable, str(HERE / "server.py")])
    for _ in range(launches):  # New processes: where memory lies is luck, too.
        workers: dict[str, Worker] = {}
        skipped = []
        for name, command in _commands(server.greeting).items():
            worker = Worker(command) if command else None
            if worker is not None and worker.greeting.startswith("ready"):
                workers[LABELS[name]] = worker
                worker.measure(calls, 1)  # A warm-up; Node compiles what is hot.
                worker.measure(calls, 64)
            else:
                skipped.append(LABELS[name])
        for at_once, results in measured.items():
            contestants = {n: partial(w.measure, calls, at_once) for n, w in workers.items()}
            results += interleave(contestants, rounds)
        for worker in workers.values():
            worker.close()
    server.close()
    tables = []
    for at_once, results in measured.items():
        amount = "one at a time" if at_once == 1 else f"{at_once} at once"
        order = [label for label in LABELS.values() if label not in skipped]
        found = rows(results, order, LABELS["aiohttp"], REACH)
        tables.append(Table(f"Fetch, {amount}", "µs of CPU", _NOTE, found, skipped))
    return tables


_NOTE = (
    "Every call asks for another connection, so nothing comes from the cache; ours decodes into "
    "models, stores, and could retry."
)
