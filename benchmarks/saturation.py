"""Compare the wall time of a sweep with that of its own requests, sent by a bare HTTP client.

    uv run python -m benchmarks.saturation [--events 300] [--latency 1.7] [--in-flight 32]

The sweep is the command ``floodscan scan``, from its start as a process to its end, with all files
written. A proxy delays each request and keeps the searches. The bare client then sends the same
bodies again, as many at once, and reads the answers without decoding them. It is the least time
that the catalog allows. Both run in processes of their own, one after the other.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import orjson
import urllib3

from benchmarks.start_up import run
from benchmarks.sweeps import latest_events, serve_slowly, write_catalog
from floodscan import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.testing.servers.proxy import FaultProxy


class Times(NamedTuple):
    """Wall times of a sweep and of its bare requests, s, and the number of these."""

    sweep: float
    bare: float
    n_requests: int


def compare(
    n_events: int, *, latency: float, in_flight: int, repeats: int, words: Sequence[str] = ()
) -> list[Times]:
    """Run the sweep and its bare requests in turn.

    Args:
        n_events: The latest floods.
        latency: Delay of each request, s.
        in_flight: Requests at once.
        repeats: Number of runs of both.
        words: More options of ``floodscan scan``.
    """
    with TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        write_catalog(latest_events(n_events, folder), Recipe(), folder)
        with serve_slowly(folder, latency) as proxy:
            return [_run_both(proxy, folder, in_flight, words, number) for number in range(repeats)]


def _run_both(
    proxy: FaultProxy, folder: Path, in_flight: int, words: Sequence[str], number: int
) -> Times:
    n_before = len(proxy.visits)
    scan = ["scan", str(folder / "events.csv"), "--catalog", proxy.url, *words]
    scan += ["--max-in-flight", str(in_flight), "--out", str(folder / f"run-{number}")]
    scan += ["--cache", str(folder / f"cache-{number}")]  # an empty one
    sweep = run(scan)
    sent = [visit.body.decode() for visit in proxy.visits[n_before:]]
    path = folder / "searches.json"
    path.write_bytes(orjson.dumps(sent))
    bare = [sys.executable, "-m", "benchmarks.saturation", "--bare", str(path)]
    bare += [f"{proxy.url}/search", "--in-flight", str(in_flight)]
    done = subprocess.run(bare, stdout=subprocess.PIPE, check=True)
    return Times(sweep, float(done.stdout), len(sent))


def send_bare(path: Path, url: str, in_flight: int) -> float:
    """Send searches as fast as the catalog answers, and return the wall time, s."""
    bodies = orjson.loads(path.read_bytes())
    pool = urllib3.PoolManager(maxsize=in_flight, block=True)
    headers = {"content-type": "application/json"}

    def send(body: str) -> int:
        return len(pool.request("POST", url, body=body, headers=headers, timeout=60).data)

    started = perf_counter()
    with ThreadPoolExecutor(in_flight) as threads:
        list(threads.map(send, bodies))
    return perf_counter() - started


def report(found: Sequence[Times]) -> str:
    """Write the medians, and the ratio of each pair of runs."""
    sweep, bare, n_requests = (median(values) for values in zip(*found, strict=True))
    ratios = ", ".join(f"{each.bare / each.sweep:.2f}" for each in found)
    return (
        f"sweep {sweep:.2f} s, its {n_requests:.0f} requests by a bare client {bare:.2f} s; "
        f"ratios of the runs: {ratios}"
    )


def main() -> None:
    """Compare, or send the bare requests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--latency", type=float, default=1.7)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cluster", default="local")
    parser.add_argument("--bare", nargs=2, metavar=("FILE", "URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        path, url = given.bare
        print(send_bare(Path(path), url, given.in_flight))
        return
    found = compare(
        given.events,
        latency=given.latency,
        in_flight=given.in_flight,
        repeats=given.repeats,
        words=["--cluster", given.cluster],
    )
    print(f"{given.events} events, {given.latency:g} s latency, {given.in_flight} requests at once")
    print(report(found))


if __name__ == "__main__":
    main()
