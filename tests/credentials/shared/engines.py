"""Real servers for the shared cache's tests: Redis, and Valkey where it is installed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

# Valkey is tested where it happens to be.
PROGRAMS = ["redis-server", *filter(shutil.which, ["valkey-server"])]


class Engine:
    """A server of its own on a socket in a folder of its own, which keeps nothing on disk."""

    def __init__(self, program: str, *options: str) -> None:
        self._program = program
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="nango")
        self._socket = Path(self._folder.name) / "s"
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                self._program, "--port", "0", "--unixsocket", str(self._socket),
                "--save", "", "--appendonly", "no", "--dir", self._folder.name, *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self._socket))
                except OSError:
                    assert self.process.poll() is None, "the server has ended"
                    time.sleep(0.005)
                    continue
                return
        raise AssertionError("the server does not listen")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *command: str | bytes) -> bytes:
        """Send one command and give the raw reply, of simple kinds."""
        parts = [part.encode() if isinstance(part, str) else part for part in command]
        packed = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(packed)
            return connection.recv(1 << 20)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._folder.cleanup()


def is_required() -> bool:
    """Say whether the tests run where a server has to be: in CI, or by the project's own tasks."""
    return bool(os.environ.get("CI")) or ".venvs" in Path(sys.prefix).parts


def path_of(program: str) -> str:
    """Give the path of a server's program; where there is none, fail or skip the test."""
    path = shutil.which(program)
    if path is None:
        text = f"{program} is not on the PATH: `python3 .ci/tasks.py test` brings redis-server"
        if is_required():
            pytest.fail(text)
        pytest.skip(text)
    return path
