"""The programs of the docs under servers and workers that fork: gunicorn and Celery."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nango_client import SystemClock
from nango_client.testing import MockNango

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

ROOT = Path(__file__).parents[2]
LIMIT = 30.0


def save_program(page: str, name: str, folder: Path) -> None:
    """Save the file that a page tells its readers to save."""
    text = (ROOT / "docs/how-to" / page).read_text()
    block = text.partition(f"<!-- block: file {name} -->\n```python\n")[2].partition("```\n")[0]
    assert block, f"{page} has no {name}"
    (folder / name).write_text(block)


@pytest.fixture
def server() -> Iterator[MockNango]:
    with MockNango(clock=SystemClock()) as server:
        for number in range(20):
            server.add_connection(f"user-{number}", "github")
        yield server


@contextlib.contextmanager
def running(
    server: MockNango, folder: Path, *words: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module as a child; at its end it has to go in time, without a warning."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "default", "-m", *words],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "HOME": str(folder),
                "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
                "NANGO_BASE_URL": server.base_url,
                "NANGO_API_KEY": str(server.api_key),
                **environment,
            },
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT)
        finally:
            process.kill()
            process.wait()
    text = log.read_text()
    assert "Traceback" not in text, text
    assert not [line for line in text.splitlines() if is_warning(line)], text


def is_warning(line: str) -> bool:
    """Say whether it is one that is not of gunicorn's or Celery's own making."""
    if "Warning" not in line or "celery" in line.lower() or "Enable tracemalloc" in line:
        return False
    # Python 3.12 and newer say so of every fork beside a thread; that it works is what is tested.
    if "use of fork() may lead to deadlocks" in line:
        return False
    # The socket that gunicorn listens on, which its workers do not close.
    return not ("unclosed <socket" in line and "raddr" not in line)


def ask(port: int, user: str) -> tuple[int, object, str]:
    """Ask the app on a connection of its own; give status, body and the worker's id."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request("GET", f"/users/{user}/connected")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers["X-Worker"]
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(process: subprocess.Popen[bytes], is_so: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while not is_so():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.02)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


# The page's app, used before the fork too, and with the worker's number in its answers.
PRELOADED = """
import os

from {module} import nango, {app} as inner

nango.get_token("user-0", "github")


def application(environ, start_response):
    def start(status, headers, *rest):
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *rest)

    return inner(environ, start)
"""


@pytest.mark.parametrize(
    ("page", "module", "app"),
    [("django.md", "shop", "application"), ("flask-and-scripts.md", "web", "app")],
)
def test_gunicorn_with_preload_and_four_workers(
    server: MockNango, tmp_path: Path, page: str, module: str, app: str
) -> None:
    """What the parent had is kept, and each worker asks once for each connection it serves."""
    save_program(page, f"{module}.py", tmp_path)
    (tmp_path / "used.py").write_text(PRELOADED.format(module=module, app=app))
    port = free_port()
    words = ("gunicorn", "--preload", "--workers", "4", "--bind", f"127.0.0.1:{port}")

    with running(server, tmp_path, *words, "used:application") as process:
        wait_until(process, lambda: listens(port), tmp_path)
        answers = []
        deadline = time.monotonic() + LIMIT
        while len({worker for *_, worker in answers}) < 4 and time.monotonic() < deadline:
            answers += [ask(port, user) for user in ("user-0", "user-1", "user-2")]

    workers = {worker for *_, worker in answers}
    assert len(workers) == 4
    assert {(status, str(body)) for status, body, _ in answers} == {(200, "{'connected': True}")}
    asked = [request.connection_id for request in server.requests]
    assert asked.count("user-0") == 1
    assert 1 <= asked.count("user-1") <= 4
    assert 1 <= asked.count("user-2") <= 4
    server.assert_no_unexpected_requests()


CELERY = """
import jobs
from jobs import app

jobs.nango.get_token("user-0", "github")
app.conf.broker_transport_options = {
    "data_folder_in": "queue",
    "data_folder_out": "queue",
    "polling_interval": 0.05,
}
app.conf.worker_prefetch_multiplier = 1
"""


def test_a_celery_prefork_worker(server: MockNango, tmp_path: Path) -> None:
    """Jobs run in children of a process that has used the client, and end in time."""
    save_program("celery-and-rq.md", "jobs.py", tmp_path)
    (tmp_path / "used.py").write_text(CELERY)
    (tmp_path / "queue").mkdir()
    (tmp_path / "send.py").write_text(
        "import used, jobs\n"
        "for number in range(20):\n"
        '    jobs.look_up.delay(f"user-{number}")\n'
        "jobs.nango.close()\n"
    )
    celery = ("celery", "-A", "used", "worker", "--pool=prefork", "--concurrency=4", "-l", "INFO")

    with running(server, tmp_path, "send", BROKER_URL="filesystem://") as sender:
        assert sender.wait(LIMIT) == 0
    server.requests.clear()
    with running(server, tmp_path, *celery, BROKER_URL="filesystem://") as worker:
        log = tmp_path / "log"
        wait_until(worker, lambda: log.read_text().count(" succeeded in ") == 20, tmp_path)

    text = log.read_text()
    assert all(f"'user-{number}: github'" in text for number in range(20))
    asked = sorted(str(request.connection_id) for request in server.requests)
    assert asked == sorted(f"user-{number}" for number in range(20))
