"""Run the benchmarks: `python benchmarks/run.py [--quick] [--only NAME] [--save]`.

Prints Markdown tables. `--quick` runs everything once, to see that it works; its numbers mean
nothing. `--save` keeps what was printed in `results.md`, which the docs include, and draws their
plots.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import fetch
import plots

BENCHMARKS = (
    *("fetch", "direct", "decode", "hits", "shared", "herd", "memory", "imports", "lists"),
    *("webhooks", "sync", "conduct"),
)
PACKAGES = (
    "nango-client", "aiohttp", "attrs", "cattrs", "tenacity", "yarl", "multidict", "orjson",
    "msgspec", "redis", "cryptography", "httpx", "async-lru", "cachetools", "aiocache", "cashews",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results.md"


def versions() -> str:
    """Say what ran, on what."""
    found = [f"{platform.python_implementation()} {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    node = fetch.node_directory()
    if node is not None:
        manifest = node / "node_modules/@nangohq/node/package.json"
        made = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        found.append(f"Node {made.stdout.strip().removeprefix('v')}")
        found.append(f"@nangohq/node {json.loads(manifest.read_text())['version']}")
    return f"{', '.join(found)}; {platform.system()}, {os.cpu_count()} {platform.machine()} CPUs."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=BENCHMARKS, action="append")
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    print(versions(), flush=True)
    tables = []
    began = time.perf_counter()
    for name in arguments.only or BENCHMARKS:
        for table in importlib.import_module(name).run(quick=arguments.quick):
            if arguments.quick:
                for row in table.rows:
                    row.reach = None
            print(f"\n{table.markdown()}", flush=True)
            tables.append(table)
    print(f"\nTook {time.perf_counter() - began:.0f} s.")
    if arguments.save:
        parts = [versions(), *(table.markdown().rstrip() for table in tables)]
        RESULTS.write_text("\n\n".join(parts) + "\n")
        plots.draw(tables)


if __name__ == "__main__":
    main()
