"""A fleet of real processes with a real server: killed, stopped, and with wrong clocks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Self

import pytest
from engines import Engine

from nango_client import SystemClock
from nango_client.testing import MockNango

WORKER = Path(__file__).with_name("fleet_worker.py")
IDS = ["user-42"]


class Worker:
    """One process; `send` and `receive` are apart, so that several work at once."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, WORKER, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, **command: Any) -> Self:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, **command: Any) -> list[Any]:
        """Give the one result, and the seconds it took."""
        result: list[Any] = self.send(ids=IDS, **command).receive()["results"][0]
        return result

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def server() -> Iterator[MockNango]:
    with MockNango(clock=SystemClock()) as server:
        server.add_connection("user-42", "github")
        yield server


class Fleet:
    def __init__(self, server: MockNango, engine: Engine, encryption_key: str) -> None:
        self.settings: dict[str, Any] = {
            "redis": engine.url,
            "encryption_key": encryption_key,
            "api_key": server.api_key,
            "base_url": server.base_url,
        }
        self.workers: list[Worker] = []

    def grow(self, count: int, **settings: Any) -> list[Worker]:
        """Give new processes that are ready for commands."""
        made = [Worker({**self.settings, **settings}) for _ in range(count)]
        self.workers += made
        for worker in made:
            worker.send()
        for worker in made:
            worker.receive()
        return made


@pytest.fixture
def fleet(server: MockNango, engine: Engine, encryption_key: str) -> Iterator[Fleet]:
    fleet = Fleet(server, engine, encryption_key)
    yield fleet
    for worker in fleet.workers:
        worker.end()


def wait_for_requests(server: MockNango, count: int) -> None:
    give_up = time.monotonic() + 20
    while len(server.requests) < count:
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_eight_cold_processes_ask_once_for_each_of_500(fleet: Fleet, server: MockNango) -> None:
    """Exactly 500 requests, and everybody has the same tokens."""
    ids = [f"user-{number}" for number in range(500)]
    for name in ids:
        server.add_connection(name, "github")
    # A machine with fewer cores than processes is no slow store.
    workers = fleet.grow(8, store_timeout=5.0)

    for worker in workers:
        worker.send(ids=ids)
    answers = [worker.receive() for worker in workers]

    assert [answer["store"] for answer in answers] == [[]] * 8
    assert len(server.requests) == 500
    assert len({tuple(token for token, _ in answer["results"]) for answer in answers}) == 1
    assert sum(answer["hits"] for answer in answers) == 8 * 500 - 500


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_another_takes_over_from_a_holder_that_is_gone(
    fleet: Fleet, server: MockNango, end: str
) -> None:
    """Within the attempt time-out; one that is only stopped cannot overwrite what came since."""
    attempt = 1.0
    holder, other, third = fleet.grow(3, attempt=attempt, local_max_age=0.0)
    server.delay_next(0.8)
    holder.send(ids=IDS)
    wait_for_requests(server, 1)
    os.kill(holder.process.pid, signal.SIGKILL if end == "kill" else signal.SIGSTOP)

    token, elapsed = other.ask()

    assert token.startswith("fake-access-token")
    assert elapsed < attempt
    assert len(server.requests) == 2
    if end == "stop":
        newest = other.ask(options={"force_refresh": True})[0]
        os.kill(holder.process.pid, signal.SIGCONT)
        holder.receive()
        assert third.ask()[0] == newest


def test_a_long_fetch_keeps_its_lease(fleet: Fleet, server: MockNango) -> None:
    """It is prolonged while its holder works, so that others wait and do not ask."""
    holder, other = fleet.grow(2, attempt=1.2)
    server.delay_next(1.0)
    holder.send(ids=IDS)
    wait_for_requests(server, 1)

    token, _ = other.ask()

    assert token == holder.receive()["results"][0][0]
    assert len(server.requests) == 1


def test_what_is_dropped_during_a_long_fetch_does_not_come_back(
    fleet: Fleet, server: MockNango, engine: Engine
) -> None:
    """Also where its lease was prolonged after the drop."""
    (holder,) = fleet.grow(1, attempt=1.5)
    server.delay_next(1.2)
    holder.send(ids=IDS)
    wait_for_requests(server, 1)
    time.sleep(0.4)  # Its first prolonging is at 0.25 s, the second at 0.5 s.

    engine.ask("FLUSHALL")
    holder.receive()

    assert engine.ask("DBSIZE") == b":0\r\n"


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_process_with_a_wrong_clock_serves_no_token_that_is_over(
    fleet: Fleet, server: MockNango, jump: float
) -> None:
    """A clock that is an hour late is bounded by the store's, and one that is early by itself."""
    server.add_connection("user-42", "github", expires_in=31.5)
    right, wrong = fleet.grow(2, local_max_age=60.0)
    first = right.ask()[0]
    wrong.ask(jump=jump)
    began = time.monotonic()

    while wrong.ask()[0] == first:
        assert time.monotonic() - began < 10

    # 1.5 s until the margin; without it, the answer in memory would serve for a minute.
    assert time.monotonic() - began < 6


def test_the_store_killed_and_started_again(
    fleet: Fleet, server: MockNango, engine: Engine
) -> None:
    """Calls go on without it, and use it again when it is back."""
    one, two = fleet.grow(2, local_max_age=0.0, pause=0.5)
    one.ask()
    engine.kill()
    token, elapsed = one.ask()
    assert token.startswith("fake-access-token")
    assert elapsed < 1
    engine.start()
    time.sleep(0.6)

    assert one.ask()[0] == two.ask()[0]
    assert len(server.requests) == 2


def test_the_store_stopped_costs_one_call_its_time_limit(
    fleet: Fleet, server: MockNango, engine: Engine
) -> None:
    """And every 5 s another one."""
    (worker,) = fleet.grow(1, local_max_age=0.0)
    worker.ask()
    engine.freeze()

    times = [worker.ask()[1] for _ in range(30)]
    answer = worker.send(ids=IDS).receive()
    engine.thaw()

    # The rest is what a busy machine adds.
    assert 0.2 < times[0] < 1
    assert median(times[1:]) < 0.05
    assert answer["store"] == ["TimeoutError"]
    assert len(server.requests) == 1


def test_the_store_emptied(fleet: Fleet, server: MockNango, engine: Engine) -> None:
    """One request more for each connection, for all."""
    workers = fleet.grow(3, local_max_age=0.0)
    for worker in workers:
        worker.ask()
    engine.ask("FLUSHALL")
    engine.ask("SCRIPT", "FLUSH")
    tokens = {worker.ask()[0] for worker in workers}

    assert len(tokens) == 1
    assert len(server.requests) == 2


def test_the_store_full(fleet: Fleet, server: MockNango, engine: Engine) -> None:
    """Each process goes on with its own memory."""
    engine.ask("CONFIG", "SET", "maxmemory", "1")
    workers = fleet.grow(2, local_max_age=0.0)
    for worker in workers * 5:
        assert worker.ask()[0].startswith("fake-access-token")

    assert len(server.requests) == 2
    assert worker.send().receive()["store"] in (["OutOfMemoryError"], ["ResponseError"])


def test_a_dump_of_the_store_shows_nothing(
    fleet: Fleet, server: MockNango, engine: Engine, encryption_key: str
) -> None:
    """No token, id, address or key in readable form, in names or values."""
    server.add_connection(
        "user-42", "github", end_user={"id": "eu-1", "email": "ada@example.com"},
        tags={"team": "canary"},
    )  # fmt: skip
    (worker,) = fleet.grow(1)
    token, _ = worker.ask()

    names = engine.ask("KEYS", "*").split(b"\r\n")[2::2]
    values = [engine.ask("GET", name) for name in names]

    assert len(names) == 1
    shown = b"".join([*names, *values])
    for secret in (token, "user-42", "github", "ada@", "eu-1", "canary", server.api_key,
                   encryption_key, "fake", "OAUTH2", "127.0.0.1"):  # fmt: skip
        assert secret.encode() not in shown
