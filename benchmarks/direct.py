"""CPU time of a call of a provider, and of the same call through a local proxy hop."""

import sys
from functools import partial
from pathlib import Path

from fetch import Worker
from report import Table, interleave, rows

HERE = Path(__file__).parent
LABELS = {
    "aiohttp": "raw aiohttp with a ready header",
    "direct": "client.direct",
    "auth": "aiohttp with client.auth",
    "proxy": "client.proxy, by a local hop",
}
REACH = {LABELS["direct"]: 1.15}


def run(*, quick: bool) -> list[Table]:
    launches, rounds, calls = (1, 1, 64) if quick else (16, 3, 640)
    measured: dict[int, list[dict[str, float]]] = {1: [], 64: []}
    server = Worker([sys.executable, str(HERE / "direct_server.py")])
    for _ in range(launches):  # New processes: where memory lies is luck, too.
        workers: dict[str, Worker] = {}
        for name, label in LABELS.items():
            command = [
                sys.executable,
                str(HERE / "direct_worker.py"),
                name,
                *server.greeting.split(),
            ]
            worker = workers[label] = Worker(command)
            assert worker.greeting.startswith("ready"), worker.greeting
            worker.measure(calls, 1)  # A warm-up.
            worker.measure(calls, 64)
        for at_once, results in measured.items():
            contestants = {n: partial(w.measure, calls, at_once) for n, w in workers.items()}
            results += interleave(contestants, rounds)
        for worker in workers.values():
            worker.close()
    server.close()
    tables = []
    for at_once, results in measured.items():
        amount = "one at a time" if at_once == 1 else f"{at_once} at once"
        found = rows(results, list(LABELS.values()), LABELS["aiohttp"], REACH)
        tables.append(Table(f"Call of a provider, {amount}", "µs of CPU", _NOTE, found))
    return tables


_NOTE = (
    "Entry and credentials come from memory. The proxy's hop costs its own CPU time besides, and "
    "its distance; only the client's is counted."
)
