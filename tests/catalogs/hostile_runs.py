"""Scan the demo event once per hostile catalog, each in a process of its own on a terminal.

    python -m tests.catalogs.hostile_runs FOLDER URL…

prints a JSON object per URL, with its results in ``FOLDER/0``, ``FOLDER/1`` and so on. A search may
take 4 seconds; if the URL ends with ``#patient``, it may take 60.

All processes are forked from this one, because to import floodscan takes longer than most of the
scans.
"""

from __future__ import annotations

import json
import os
import pty
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import floodscan.catalogs
import floodscan.cli.output
import floodscan.scanning
from floodscan.catalogs import StacApiCatalog
from floodscan.catalogs.limits import Limits
from floodscan.cli.main import main

LIMITS = Limits(
    search_seconds=4.0,
    request_seconds=3.0,
    silence_seconds=3.0,
    tries=3,
    pause_seconds=0.02,
    max_pause_seconds=0.1,
)
"""Times for quick tests; the bounds on memory are those of every scan."""

PATIENT = "#patient"
_AT_ONCE = 3


def begin(folder: Path, url: str) -> tuple[int, int]:
    """Start a scan in a child on a pseudo-terminal; return its id and our end of the terminal."""
    process, terminal = pty.fork()
    if process:
        return process, terminal
    limits = replace(LIMITS, search_seconds=60.0) if url.endswith(PATIENT) else LIMITS
    os.environ |= {"COLUMNS": "100", "TERM": "xterm-256color"}
    floodscan.catalogs.StacApiCatalog = partial(  # type: ignore[misc,assignment]
        StacApiCatalog, limits=limits
    )
    words = ["scan", "demo", "--catalog", url.removesuffix(PATIENT), "--cluster", "none"]
    folders = ["--out", str(folder), "--cache", str(folder.with_suffix(".cache"))]
    sys.argv = ["floodscan", *words, *folders]
    main()
    os._exit(0)


def follow(begun: tuple[int, int], started: float) -> dict[str, object]:
    """Read what a scan prints until it ends, and return how it went."""
    process, terminal = begun
    arrived = bytearray()
    try:
        while piece := os.read(terminal, 65_536):
            arrived += piece
    except OSError:  # the child has closed its end
        pass
    os.close(terminal)
    _, status, usage = os.wait4(process, 0)
    return {
        "screen": arrived.decode(errors="replace"),
        "status": os.waitstatus_to_exitcode(status),
        "peak_mb": usage.ru_maxrss / 1024,
        "seconds": time.monotonic() - started,
    }


def run_all(folder: Path, urls: list[str]) -> None:
    """Scan from each catalog, some at once, and print how each scan went."""
    for start in range(0, len(urls), _AT_ONCE):
        begun = [
            (begin(folder / str(number), urls[number]), time.monotonic())
            for number in range(start, min(start + _AT_ONCE, len(urls)))
        ]
        with ThreadPoolExecutor(_AT_ONCE) as threads:  # ended before the next fork
            for found in threads.map(lambda each: follow(*each), begun):
                print(json.dumps(found), flush=True)  # noqa: T201 - the caller reads it


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), sys.argv[2:])
