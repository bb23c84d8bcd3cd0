"""Finds the fenced blocks of a Markdown page and runs them as a reader would.

What a block is follows from its language, and from a directive: an HTML comment right before it.

==========================================  ======================================================
``python``                                  runs; one with ``asyncio.run`` as a program of its own,
                                            others in one namespace per page, ``await`` allowed
``<!-- block: file NAME -->``, ``python``   is saved; a later block has to run or import it
``<!-- block: add to NAME -->``, python     is added at the end of a saved file, two lines below
``console``                                 lines after ``$`` run; others are their output
``<!-- block: background -->``, console     the one command goes on to the end of the page
``text`` after a block that runs            its output; ``...`` stands for anything
``json``, ``toml``                          has to parse
``<!-- block: not run, REASON -->``         any language: is not run, for a reason
==========================================  ======================================================

Anything else is an error, so that no block is left out without a word.
"""

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import json
import logging
import os
import re
import runpy
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import attrs
import pytest

import nango_client
from nango_client import SystemClock
from nango_client._cli.main import main as nango_client_command
from nango_client.testing import MockNango

ROOT: Final = Path(__file__).parents[2]

Kind = Literal[
    "fragment",
    "program",
    "file",
    "addition",
    "console",
    "background",
    "output",
    "data",
    "excused",
]

# pytest-asyncio warns without it; it is what will be the default.
_LOOP_SCOPE = "asyncio_default_fixture_loop_scope=function"

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
_DIRECTIVE = re.compile(r"<!-- block: (?P<text>.+?) -->")


@attrs.frozen
class Block:
    """A fenced block and what is to be done with it."""

    page: Path
    line: int
    language: str
    text: str
    kind: Kind
    name: str = ""
    """Of a file, or the reason why the block is not run."""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def pages() -> list[Path]:
    """Give all pages that may hold blocks."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", *(page for page in found if "_build" not in page.parts)]


def fences(page: Path) -> Iterator[tuple[int, str, str, str]]:
    """Give line number, language, text and directive of each fenced block."""
    lines = page.read_text().splitlines()
    directive = ""
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening is None:
            if lines[number].strip():
                comment = _DIRECTIVE.fullmatch(lines[number].strip())
                directive = comment["text"] if comment else ""
            number += 1
            continue
        begin = number + 1
        end = begin
        while not lines[end].strip().startswith(opening["ticks"]):
            end += 1
        indent = len(opening["indent"])
        text = "\n".join(line[indent:] for line in lines[begin:end]) + "\n"
        yield begin + 1, opening["info"].strip(), text, directive
        directive = ""
        number = end + 1


def blocks(page: Path) -> list[Block]:
    """Give the blocks of a page.

    Raises:
        AssertionError: it cannot be told what one of them is.
    """
    found: list[Block] = []
    for line, language, text, directive in fences(page):
        if language.startswith("{"):
            assert not language.startswith(("{code", "{sourcecode", "{prompt")), (page, line)
            continue
        before = found[-1].kind if found else None
        kind, name = _kind_of(language, text, directive, before)
        assert kind, f"{page}:{line}: what is this {language!r} block? {directive}"
        found.append(Block(page, line, language, text, kind, name))
    for index, block in enumerate(found):
        if block.kind == "file":
            stem = Path(block.name).stem
            later = [other.text for other in found[index + 1 :] if other.kind != "excused"]
            is_test = stem.startswith("test_") and any("pytest" in text for text in later)
            assert is_test or any(re.search(rf"\b{stem}\b", text) for text in later), (
                f"{block}: no later block uses {block.name}"
            )
    return found


def _kind_of(
    language: str, text: str, directive: str, before: Kind | None
) -> tuple[Kind | None, str]:
    word, _, rest = directive.partition(" ")
    if directive.startswith("not run, "):
        return "excused", directive.removeprefix("not run, ")
    if language == "python":
        if word == "file":
            return "file", rest
        if directive.startswith("add to "):
            return "addition", directive.removeprefix("add to ")
        return ("program" if "asyncio.run(" in text else "fragment"), ""
    if language == "console":
        return ("background" if word == "background" else "console"), ""
    if language == "text" and before in {"fragment", "program", "console"}:
        return "output", ""
    if language in {"json", "toml"}:
        return "data", ""
    return None, ""


class Reader:
    """Does what a page says, in an empty folder, with a mock Nango server in the environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._namespace: dict[str, Any] = {"__name__": "page"}
        self._output = ""

    def __enter__(self) -> Self:
        stack = self._stack
        stack.enter_context(contextlib.chdir(self._folder))
        self.server = stack.enter_context(sample_server())
        port = _free_port()
        environment = {
            "NANGO_BASE_URL": self.server.base_url,
            "NANGO_API_KEY": self.server.api_key,
            "PYTHONPATH": str(Path(nango_client.__file__).parents[1]),
            # Where a stand-in for a provider listens, on pages that have one.
            "PORT": str(port),
            "GITHUB_API": f"http://127.0.0.1:{port}",
        }
        stack.enter_context(_environment(environment))
        stack.enter_context(_modules_of(self._folder))
        stack.enter_context(_plain_logging())
        self._runner = stack.enter_context(asyncio.Runner())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, value, traceback)

    def read(self, block: Block) -> None:
        """Do what one block says.

        Raises:
            AssertionError: it does not give what the page shows.
        """
        match block.kind:
            case "fragment" | "program":
                # Blank lines in front keep line numbers in tracebacks those of the page.
                source = "\n" * (block.line - 1) + block.text
                with self._captured():
                    self._run_python(source, block)
            case "file":
                file = self._folder / block.name
                file.write_text(block.text)
                # The tests have helpers in modules of their own, perhaps under the same name.
                self._stack.enter_context(_module_hidden(file.stem))
            case "addition":
                file = self._folder / block.name
                file.write_text(f"{file.read_text()}\n\n{block.text}")
            case "console":
                self._run_console(block)
            case "background":
                self._start(block)
            case "output":
                compare(block.text, self._output, str(block))
            case "data":
                (json.loads if block.language == "json" else tomllib.loads)(block.text)
            case "excused":
                pass

    def _run_python(self, source: str, block: Block) -> None:
        if block.kind == "program":
            code = compile(source, str(block.page), "exec", dont_inherit=True)
            exec(code, {"__name__": "__main__"})  # noqa: S102
            return
        run_async(source, str(block.page), self._namespace, self._runner)

    def _run_console(self, block: Block) -> None:
        # Each command with the output that is shown after it.
        for entry in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = entry.partition("\n")
            with self._captured():
                self._run_command(shlex.split(command, comments=True))
            if shown.strip():
                compare(shown, self._output, str(block))

    def _run_command(self, words: list[str]) -> None:
        match words:
            case ["export", assignment]:
                name, _, value = assignment.partition("=")
                os.environ[name] = value
            case ["nango-client", *arguments] | ["python", "-m", "nango_client", *arguments]:
                nango_client_command(arguments)
            case ["python", "-m", "pytest", *arguments] | ["pytest", *arguments]:
                self._run_pytest(arguments)
            case ["python", script, *arguments]:
                saved, sys.argv = sys.argv, [script, *arguments]
                try:
                    runpy.run_path(script, run_name="__main__")
                finally:
                    sys.argv = saved
                    # The next program starts anew, with what the files hold then.
                    _forget_modules_of(self._folder)
            case _:
                raise AssertionError(f"the docs' reader does not know the command {words}")

    def _run_pytest(self, arguments: list[str]) -> None:
        """Run pytest as a reader has it after ``pip install``: with our plugin and one for asyncio.

        It runs in this process, because a process of its own would take seconds.
        """
        plugins = ("no:cacheprovider", "pytest_asyncio.plugin", "nango_client.testing.plugin")
        options = [*(f"-p{plugin}" for plugin in plugins), "-o", _LOOP_SCOPE]
        with _environment(dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")):
            code = pytest.main([*options, *arguments])
        # The next run of a page may find other files under the same names.
        _forget_modules_of(self._folder)
        assert code == 0, sys.stdout.getvalue() if isinstance(sys.stdout, io.StringIO) else code

    def _start(self, block: Block) -> None:
        words = shlex.split(block.text.removeprefix("$ "), comments=True)
        assert words[0] == "python", block
        process = subprocess.Popen([sys.executable, *words[1:]], stdout=subprocess.DEVNULL)

        def stop() -> None:
            process.terminate()
            process.wait()

        self._stack.callback(stop)
        _wait_for_port(int(os.environ["PORT"]))

    @contextlib.contextmanager
    def _captured(self) -> Iterator[None]:
        """Note what is printed."""
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
        # In asyncio's debug mode a slow machine adds remarks of its own.
        lines = stream.getvalue().splitlines(keepends=True)
        self._output = "".join(line for line in lines if not line.startswith("Executing <"))


def run_async(
    source: str, name: str, namespace: dict[str, Any], runner: asyncio.Runner, mode: str = "exec"
) -> None:
    """Run Python that may `await` outside of functions."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, name, mode, flags=flags, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        coroutine = eval(code, namespace)  # noqa: S307
        runner.run(coroutine)
    else:
        exec(code, namespace)  # noqa: S102


def compare(shown: str, printed: str, where: str) -> None:
    """Check what was printed against what a page shows; ``...`` stands for anything."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    same = doctest.OutputChecker().check_output(shown, printed, options)
    assert same, f"{where} shows\n{shown}\nbut the output was\n{printed}"


@contextlib.contextmanager
def sample_server() -> Iterator[MockNango]:
    """Run a server with the connections that ``nango-client mock`` has."""
    with MockNango(clock=SystemClock()) as server:
        server.add_connection("user-42", "github", tags={"end_user_id": "user-42"})
        server.add_connection("user-42", "algolia", "API_KEY")
        server.add_connection("user-42", "ashby", "BASIC")
        server.provider("github").respond("GET", "/user", json={"login": "ada"})
        yield server


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    saved = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("NANGO_"):
            del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextlib.contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """Let modules be imported from `folder`, and forget them at the end."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _forget_modules_of(folder)


@contextlib.contextmanager
def _module_hidden(name: str) -> Iterator[None]:
    """Let a name be imported anew, and give the module back at the end."""
    hidden = sys.modules.pop(name, None)
    try:
        yield
    finally:
        sys.modules.pop(name, None)
        if hidden is not None:
            sys.modules[name] = hidden


def _forget_modules_of(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@contextlib.contextmanager
def _plain_logging() -> Iterator[None]:
    """Take pytest's handlers away, so that ``logging.basicConfig`` works as it does for readers."""
    loggers = [logging.root, logging.getLogger("nango_client")]
    saved = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    logging.root.handlers = []
    try:
        yield
    finally:
        for logger, handlers, level in saved:
            logger.handlers = handlers
            logger.setLevel(level)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        assert time.monotonic() < deadline, "the background command does not listen"
        time.sleep(0.02)
