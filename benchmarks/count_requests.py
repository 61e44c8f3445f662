"""Requests per event: 200 floods against pgstac with a generated catalog over their places, counted at the server.

The catalog is full wherever and whenever any search looks, coalesced or not, and has the DEM's
tiles of all land, so that what a search brings beyond what was asked for is real. Nothing may be
lost: the candidates must be those of the plain procedure, one search per phase and sensor, also
where answers are longer than a page.

    uv run python -m benchmarks.count_requests [--events 200] [--api pgstac|lean|none] [--page-items
    100]
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

import floodscan
from benchmarks.generated_catalog import (
    Region,
    generate_items,
    read_floods,
    write_catalog,
    write_events,
)
from floodscan import Recipe
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.transport import Limits
from floodscan.clusters import open_client
from floodscan.model import SearchPrices
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.testing.servers.launch import lean_server, pgstac_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from floodscan import Event
    from floodscan.model import Search
    from floodscan.testing.servers.process import Server


def plan_searches(events: Sequence[Event], recipe: Recipe) -> list[Search]:
    """List the searches of a sweep."""
    return [
        s
        for b in cut_batches(list_events(events), run_id="")
        for s in plan_batch(b, recipe).searches
    ]


def regions_of(events: Sequence[Event], recipe: Recipe) -> list[Region]:
    """Tell where and when the searches of a sweep look."""
    return [
        Region(s.bbox, s.window.start, s.window.end)
        for s in plan_searches(events, recipe)
        if s.window
    ]


@contextmanager
def serve(kind: str, folder: Path) -> Iterator[Server]:
    """Serve a catalog."""
    start = pgstac_server if kind == "pgstac" else lean_server
    with start(folder, landing_id="generated", log=folder / "server.log") as server:
        yield server


def results(out: Path) -> dict[str, bytes]:
    """Read what must not hang on how it was asked for."""
    files = [*out.glob("candidates/*.parquet"), *out.glob("manifests/*.json")]
    return {file.name: file.read_bytes() for file in files}


def sweep(
    events: Sequence[Event],
    recipe: Recipe,
    server: Server,
    client: Client,
    limits: Limits,
    out: Path,
) -> str:
    """Scan events, and tell what it took."""
    before = server.requests()
    catalog = StacApiCatalog(server.url, limits)
    floodscan.scan(
        events,
        catalog=catalog,
        recipe=recipe,
        client=client,
        access=Access(max_in_flight=8),
        out=out,
    )
    asked = server.requests() - before
    searches = pq.read_table(out / "searches.parquet").to_pylist()
    return (
        f"{asked['POST /search'] / len(events):.3f} searches an event, "
        f"{asked.total() / len(events):.3f} requests an event with all others; "
        f"{sum(s['n_items'] for s in searches)} items, the most in one search "
        f"{max(s['n_items'] for s in searches)}, all complete: {all(s['complete'] for s in searches)}"
    )


def main() -> None:
    """Count the requests of all ways and compare their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument(
        "--api", choices=["pgstac", "lean", "none"], default="pgstac", help="none: plan only"
    )
    parser.add_argument("--page-items", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        write_events(folder / "events.csv", read_floods(given.events))
        together, apart = Recipe(), Recipe(searches=SearchPrices(request_items=0))
        events = floodscan.read_events(
            folder / "events.csv", phase_offset_days=together.phase_offset_days
        )
        planned = [len(plan_searches(events, recipe)) / len(events) for recipe in (apart, together)]
        print("planned: {:.3f} searches an event, coalesced {:.3f}".format(*planned))
        if given.api == "none":
            return
        n_items = write_catalog(
            folder, generate_items(regions_of(events, together), world_dem=True)
        )
        print(f"{len(events)} events, {n_items} items on {given.api}")
        ways = {
            "one search per slot": (apart, Limits()),
            "coalesced": (together, Limits()),
            f"coalesced, {given.page_items} items a page": (
                together,
                Limits(page_items=given.page_items),
            ),
        }
        found = []
        with serve(given.api, folder) as server, open_client("local") as client:
            for label, (recipe, limits) in ways.items():
                out = folder / label.replace(" ", "-")
                print(f"{label}: {sweep(events, recipe, server, client, limits, out)}")
                found.append(results(out))
        print(
            f"same candidates and manifests, byte for byte: {all(each == found[0] for each in found)}"
        )


if __name__ == "__main__":
    main()
