"""Measure what a person waits for: the help, the demo, and one event at a slow catalog.

    uv run python -m benchmarks.start_up [--repeats 5] [--latency 1.7]

Each command is a process of its own, timed from its start to its end. The first run of each, which
fills caches of the disk, does not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.sweeps import latest_events, serve_slowly, write_catalog
from floodscan import Recipe
from floodscan.cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_HELP_SECONDS = 0.4
LIMIT_DEMO_SECONDS = 2.0
LIMIT_OWN_SECONDS = 0.5
"""What one event may take in addition to two round trips."""


def run(words: Sequence[str]) -> float:
    """Run a command of floodscan, and return its wall time, s."""
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "floodscan", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode not in {ExitStatus.OK, ExitStatus.INCOMPLETE}:
        raise RuntimeError(f"floodscan {words[0]} ended with status {done.returncode}")
    return perf_counter() - started


def measure(repeats: int, latency: float) -> dict[str, tuple[list[float], float]]:
    """Run all commands; return the wall times of each, ascending, and its limit, s."""
    with TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        write_catalog(latest_events(1, folder), Recipe(), folder)
        with serve_slowly(folder, latency) as proxy:
            scan = ["scan", str(folder / "events.csv"), "--catalog", proxy.url]
            commands = {
                "--help": (["--help"], LIMIT_HELP_SECONDS),
                "scan demo": (["scan", "demo"], LIMIT_DEMO_SECONDS),
                f"one event, {latency:g} s of latency": (scan, 2 * latency + LIMIT_OWN_SECONDS),
            }
            times: dict[str, list[float]] = {label: [] for label in commands}
            for number in range(repeats + 1):
                for label, (words, _) in commands.items():
                    out = folder / f"{number}-{len(words)}"
                    own = ["--out", str(out / "run")] if words[0] == "scan" else []
                    own += ["--cache", str(out / "cache")] if words == scan else []
                    times[label].append(run([*words, *own]))
    return {label: (sorted(times[label][1:]), limit) for label, (_, limit) in commands.items()}


def report(found: dict[str, tuple[list[float], float]]) -> str:
    """Write the medians as a table."""
    lines = ["| command | median, s | range | wanted |", "|---|---:|---|---:|"]
    for label, (times, limit) in found.items():
        span = f"{times[0]:.2f}-{times[-1]:.2f}"
        lines.append(f"| {label} | {median(times):.2f} | {span} | ≤ {limit:g} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--latency", type=float, default=1.7)
    given = parser.parse_args()
    print(report(measure(given.repeats, given.latency)))


if __name__ == "__main__":
    main()
