"""CPU time of the import, over what it depends on anyway."""

import os
import subprocess
import sys
from statistics import median

from report import Row, Table, interleave

_BASE = "import aiohttp, cattrs, tenacity"
_OURS = "; from nango_client import NangoClient, Connection, NangoError, CachePolicy"
_CODE = "{}; import time; print(time.process_time())"
_CHECK = (
    _BASE + _OURS + "; import sys; print([name for name in "
    "('aiohttp.web', 'nango_client.testing') if name in sys.modules])"
)


def run(*, quick: bool) -> list[Table]:
    loaded = _run(_CHECK)
    assert loaded == "[]", f"imported without need: {loaded}"
    contestants = {
        "aiohttp + cattrs + tenacity": lambda: float(_run(_CODE.format(_BASE))) * 1e3,
        "and nango_client": lambda: float(_run(_CODE.format(_BASE + _OURS))) * 1e3,
    }
    measured = interleave(contestants, 1 if quick else 41)
    rows = [Row(name, median(one[name] for one in measured)) for name in contestants]
    difference = median(
        one["and nango_client"] - one["aiohttp + cattrs + tenacity"] for one in measured
    )
    rows.append(Row("difference", difference, None, None if quick else 30.0))
    note = "`aiohttp.web` and `nango_client.testing` are not imported."
    return [Table("Import", "ms of CPU", note, rows)]


def _run(code: str) -> str:
    command = [sys.executable, "-c", code]
    # With compiled modules, as pip installs them: the first run writes them.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environ)
    return found.stdout.strip()
