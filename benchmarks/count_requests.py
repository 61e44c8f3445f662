"""Requests per event: 200 floods against pgstac with a generated catalogue over their places, counted at the server.

The catalogue is full wherever and whenever any search looks, coalesced or not, and has the DEM's tiles of all land, so
that what a search brings beyond what was asked for is real. Nothing may be lost: the candidates must be those of the
plain procedure, one search per phase and sensor.

    uv run python -m benchmarks.count_requests [--events 200] [--api pgstac|lean]
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

import floodscan
from benchmarks.generated_catalogue import Region, generate_items, read_floods, write_catalogue, write_events
from floodscan import Recipe
from floodscan.catalogs import Access
from floodscan.clusters import open_client
from floodscan.listing import list_events
from floodscan.planning import cut_batches, plan_batch
from floodscan.recipe import SearchPrices
from tests.servers.launch import lean_server, pgstac_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from floodscan import Event
    from tests.servers.process import Server


def regions_of(events: Sequence[Event], recipe: Recipe) -> list[Region]:
    """Tell where and when the searches of a sweep look."""
    searches = [s for b in cut_batches(list_events(events), run_id="") for s in plan_batch(b, recipe).searches]
    return [Region(s.bbox, s.window.start, s.window.end) for s in searches if s.window]


@contextmanager
def serve(kind: str, folder: Path) -> Iterator[Server]:
    """Serve a catalogue."""
    start = pgstac_server if kind == "pgstac" else lean_server
    with start(folder, landing_id="generated", log=folder / "server.log") as server:
        yield server


def results(out: Path) -> dict[str, bytes]:
    """Read what must not hang on how it was asked for."""
    files = [*out.glob("candidates/*.parquet"), *out.glob("manifests/*.json")]
    return {file.name: file.read_bytes() for file in files}


def main() -> None:
    """Count the requests of both ways and compare their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--api", choices=["pgstac", "lean"], default="pgstac")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        write_events(folder / "events.csv", read_floods(given.events))
        together, apart = Recipe(), Recipe(searches=SearchPrices(request_items=0))
        events = floodscan.read_events(folder / "events.csv", phase_offset_days=together.phase_offset_days)
        n_items = write_catalogue(folder, generate_items(regions_of(events, together), world_dem=True))
        print(f"{len(events)} events, {n_items} items on {given.api}")
        with serve(given.api, folder) as server, open_client("local") as client:
            for label, recipe in (("one search per slot", apart), ("coalesced", together)):
                before = server.requests()
                out = folder / label.replace(" ", "-")
                access = Access(max_in_flight=8)
                floodscan.scan(events, catalog=server.url, recipe=recipe, client=client, access=access, out=out)
                asked = server.requests() - before
                searches = pq.read_table(out / "searches.parquet").to_pylist()
                print(
                    f"{label}: {asked['POST /search'] / len(events):.3f} searches an event, "
                    f"{asked.total() / len(events):.3f} requests an event with all others; "
                    f"{sum(s['n_items'] for s in searches)} items, the most in one search "
                    f"{max(s['n_items'] for s in searches)}, all complete: {all(s['complete'] for s in searches)}"
                )
        same = results(folder / "one-search-per-slot") == results(folder / "coalesced")
        print(f"same candidates and manifests, byte for byte: {same}")


if __name__ == "__main__":
    main()
