"""The programs of the docs, as they are run in production."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from programs import ROOT, environment, server_of_ports

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")



def save(page: str, name: str, folder: Path) -> None:
    """Save a file that a page tells its readers to save."""
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    block = text.partition(f"<!-- block: file {name} -->\n```python\n")[2].partition("```\n")[0]
    assert block, name
    (folder / name).write_text(block, "utf-8")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False


@contextmanager
def background(
    command: list[str], folder: Path, env: dict[str, str], ends_by: signal.Signals
) -> Iterator[Path]:
    """Run a program meanwhile, and give the file of what it writes; it has to end well."""
    log = folder / "log.txt"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=stream, stderr=stream)
        try:
            yield log
            process.send_signal(ends_by)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
        return body


@pytest.mark.parametrize(
    ("page", "name", "application"),
    [
        ("django.md", "mysite.py", "mysite:application"),
        ("flask-and-scripts.md", "shop.py", "shop:app"),
    ],
)
def test_gunicorn_with_preload_and_four_workers(
    tmp_path: Path, page: str, name: str, application: str
) -> None:
    """No warning, no hang, no shared socket; one request for each key and process at most."""
    save(page, name, tmp_path)
    port = free_port()
    with server_of_ports() as (base_url, seen):
        # The four ask for themselves at the same time, so that none of them answers for all.
        env = environment(base_url, "fake-key", PYTHONWARNINGS="default")
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4"]
        command += ["--threads", "8", "--bind", f"127.0.0.1:{port}", application]
        with background(command, tmp_path, env, signal.SIGTERM) as log:
            wait_for(lambda: listens(port))
            urls = [f"http://127.0.0.1:{port}/account/u{number % 20}" for number in range(400)]
            with ThreadPoolExecutor(16) as pool:
                answers = set(pool.map(fetch, urls))

    assert len(answers) == 1
    assert b"API_KEY" in answers.pop()
    # Each process fetches a key once; so a key's requests come from different processes.
    by_port: dict[int, list[str]] = {}
    for key, source in seen:
        by_port.setdefault(source, []).append(key)
    for keys in by_port.values():
        assert len(keys) == len(set(keys))
    assert 20 <= len(seen) <= 80
    words = log.read_text()
    assert "Worker exiting" in words
    assert not [line for line in words.splitlines() if "Warning" in line or "nango" in line]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
def test_a_celery_worker_with_four_processes(tmp_path: Path) -> None:
    """No warning, no hang, no shared socket; the worker shuts down when it is told to."""
    save("celery-and-rq.md", "jobs.py", tmp_path)
    port = free_port()
    (tmp_path / "redis").mkdir()
    redis = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    with (
        server_of_ports() as (base_url, seen),
        background(redis, tmp_path / "redis", dict(os.environ), signal.SIGTERM),
    ):
        wait_for(lambda: listens(port))
        broker = f"redis://127.0.0.1:{port}/0"
        env = environment(base_url, "fake-key", BROKER_URL=broker, PYTHONWARNINGS="default")
        command = [sys.executable, "-m", "celery", "--app", "jobs", "worker", "--pool", "prefork"]
        command += ["--concurrency", "4", "--loglevel", "INFO", "--without-mingle"]
        with background(command, tmp_path, env, signal.SIGTERM) as log:
            wait_for(lambda: "ready." in log.read_text())
            program = (
                "from jobs import refresh_account\n"
                "jobs = [refresh_account.delay(f'u{n % 5}') for n in range(100)]\n"
                "print({job.get(timeout=30) for job in jobs})"
            )
            asked = subprocess.run(
                [sys.executable, "-c", program],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

    assert asked.stdout == "{'done'}\n", asked.stderr + log.read_text()
    ports: dict[int, list[str]] = {}
    for key, source in seen:
        ports.setdefault(source, []).append(key)
    for keys in ports.values():
        assert len(keys) == len(set(keys))
    assert 5 <= len(seen) <= 20
    assert not [line for line in log.read_text().splitlines() if "nango" in line.lower()]
