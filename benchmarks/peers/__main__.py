"""Compare ways from floods to scenes: time, CPU, requests, memory, and the worth of the choices.

    uv run python -m benchmarks.peers [--events 100] [--latency 0.2] [--in-flight 64]

All ways get the same events and the same items. Some ask the same STAC API, through a proxy that
delays each request; some read the same items from stac-geoparquet files. Each runs in a process of
its own, one after the other. The peers only search. So all of them choose alike among what they
find, slot by slot: the most overlap, then the least cloud, then the nearest day.

Memory counts from
the start of a way, with the processes that it starts.

The quality is measured on the items' metadata, alike for all. DuckDB finds items by their boxes,
without its extension ``spatial``: overlaps are measured afterwards, as for all other peers.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet as pq
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from benchmarks.peers.picture import draw
from benchmarks.peers.quality import measure_quality
from benchmarks.peers.ways import API_WAYS, FILE_WAYS
from benchmarks.sweeps import latest_events, serve_slowly, write_catalog
from floodscan import Recipe
from floodscan.catalogs.archive_build.file_metadata import describe_items
from floodscan.testing.servers import catalog
from floodscan.testing.synthetic import make_collection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.testing.servers.proxy import FaultProxy

    Row = dict[str, Any]
    Json = dict[str, Any]

RESULTS = Path(__file__).parent.parent / "results"
PINNED = ("pystac-client", "rustac", "duckdb", "shapely", "pyarrow", "floodscan")
MEASURED = ("wall_seconds", "cpu_seconds", "requests", "megabytes", "memory_mb")
COLUMNS = {
    "way": "way",
    "source": "source",
    "wall_seconds": "wall s",
    "cpu_seconds": "client CPU s",
    "requests": "requests",
    "megabytes": "MB received or read",
    "memory_mb": "MB of memory",
    "filled": "slots filled",
    "out_of_order": "events out of order",
    "reused": "events with a reused scene",
    "mixed_tracks": "events with mixed tracks",
    "joint_coverage": "joint coverage",
}


def run_way(kind: str, name: str, source: str, events: Path, in_flight: int) -> Row:
    """Run a way in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.peers.run"]
    command += [kind, name, source, str(events), str(in_flight)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    row: Row = orjson.loads(done.stdout)
    return {"way": name, "source": kind, **row}


def run_all(proxy: FaultProxy, files: Path, events: Path, given: argparse.Namespace) -> list[Row]:
    """Run all ways once, and count their requests and what they received or read."""
    rows = []
    for name in (way for way in API_WAYS if way not in given.without):
        requests, received = proxy.n_requests, proxy.n_bytes
        row = run_way("api", name, proxy.url, events, given.in_flight)
        row["requests"] = proxy.n_requests - requests
        rows.append({**row, "megabytes": (proxy.n_bytes - received) / 1e6})
    for name in FILE_WAYS:
        row = run_way("files", name, str(files), events, given.in_flight)
        rows.append({**row, "requests": 0, "megabytes": row["read_mb"]})
    return rows


def summarize(runs: Sequence[Row]) -> Row:
    """Take the medians of several runs of a way, whose choices must be the same."""
    first, *others = runs
    if any(run["choices"] != first["choices"] for run in others):
        raise RuntimeError(f"{first['way']} chose differently in another run")
    medians = {name: median(run[name] for run in runs) for name in MEASURED}
    return {**first, **medians}


def compare(given: argparse.Namespace) -> list[Row]:
    """Make the items, run all ways on them, and measure their choices."""
    with TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        events = latest_events(given.events, folder)
        write_catalog(events, Recipe(), folder)
        items = catalog.read(folder / catalog.ITEMS_FILE)
        files = write_files(items, folder / "files")
        with serve_slowly(folder, given.latency) as proxy:
            rounds = [
                run_all(proxy, files, folder / "events.csv", given) for _ in range(given.repeats)
            ]
    by_id = {item["id"]: item for item in items}
    rows = [summarize(runs) for runs in zip(*rounds, strict=True)]
    return [{**row, **measure_quality(events, row.pop("choices"), by_id).to_dict()} for row in rows]


def write_files(items: list[Json], folder: Path) -> Path:
    """Write a stac-geoparquet file for each collection, by time."""
    folder.mkdir()
    by_collection: dict[str, list[Json]] = {}
    for item in sorted(items, key=lambda item: str(item["properties"]["datetime"])):
        by_collection.setdefault(item["collection"], []).append(item)
    for name, members in by_collection.items():
        table = parse_stac_items_to_arrow(members).read_all()
        about = describe_items(make_collection(name), [-180, -90, 180, 90], catalog={"id": "peers"})
        pq.write_table(table.replace_schema_metadata(about), folder / f"{name}.parquet")
    return folder


def to_markdown(rows: list[Row], given: argparse.Namespace) -> str:
    """Write the page of results."""
    versions = ", ".join(f"{name} {version(name)}" for name in PINNED)
    lines = [
        f"| {' | '.join(COLUMNS.values())} |",
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(f"| {' | '.join(_cell(row[name]) for name in COLUMNS)} |" for row in rows),
    ]
    about = (
        f"{given.events} events, {given.latency:g} s latency, {given.in_flight} requests at once, "
        f"medians of {given.repeats} runs; "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."
    )
    return f"# Peers\n\n{about}\n\n" + "\n".join(lines) + "\n\n![Peers](peers.png)\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Compare, and write the table and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], help="ways to leave out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = compare(given)
    text = to_markdown(rows, given)
    (given.out / "peers.md").write_text(text, "utf-8")
    draw(rows, given.out / "peers.png", n_events=given.events)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
