"""What asking costs: floodscan against a plain loop, behind 200 ms of latency and without any.

The plain loop is what a notebook does: pystac-client, one search per phase and sensor, objects, one
after the other, each item intersected with the area. It doesn't even sign. Both ask the same lean
API of the tests (PostgreSQL on the same cores would be what is measured), in the same run; start-up
(of servers, workers and imports) is excluded.

    uv run python -m benchmarks.client [--events 100] [--latency 0.2] [--workers 2] [--threads 4]
    [--in-flight 64]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import orjson
import pystac_client
import requests
import shapely
from dask import config
from distributed import Client, LocalCluster

import floodscan
from benchmarks.count_requests import regions_of
from benchmarks.generated_catalog import (
    generate_items,
    read_floods,
    write_catalog,
    write_events,
)
from floodscan import Recipe, Sensor
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.base import MissingPart
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.paging import SearchCounters, read_whole
from floodscan.catalogs.stac_api import _open
from floodscan.catalogs.transport import Budget
from floodscan.clusters.local import SETTINGS
from floodscan.model import Search, TimeWindow
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch, plan_event
from floodscan.testing.servers.launch import lean_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from floodscan import Event
    from floodscan.testing.servers.process import Server

RECIPE = Recipe()
REPEATS = 5


def plain_loop(url: str, events: Sequence[Event]) -> int:
    """Search and measure as a notebook does; gives the number of items met."""
    client = pystac_client.Client.open(url)
    n_items = 0
    for event in events:
        for search in plan_event(event, RECIPE).searches:
            n_items += plain_search(client, search, event)
    return n_items


def plain_search(client: pystac_client.Client, search: Search, event: Event) -> int:
    """Make one search with objects, and measure each item's overlap."""
    window = str(search.window) if search.window else None
    found = client.search(
        collections=[search.collection], bbox=search.bbox, datetime=window, limit=1000
    ).items()
    overlaps = [
        shapely.geometry.shape(item.geometry).intersection(event.aoi).area / event.aoi.area
        for item in found
    ]
    return len(overlaps)


def compare_sweeps(
    server: Server, events: Sequence[Event], given: argparse.Namespace, folder: Path
) -> None:
    """Print wall time and requests of both, through a proxy with latency."""
    with (
        slow_proxy(server.url, given.latency) as url,
        config.set(SETTINGS),
        LocalCluster(
            n_workers=given.workers, threads_per_worker=given.threads, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        access = Access(max_in_flight=given.in_flight)
        for number in range(2):  # workers import, connect and warm up
            warm_up = {"out": folder / f"warm-up-{number}", "client": client, "access": access}
            floodscan.scan(
                [replace(e, event_id=f"w{e.event_id}") for e in events[:16]],
                catalog=server.url,
                **warm_up,
            )
        walls = []
        for number in range(3):
            before, started = server.requests(), time.perf_counter()
            result = floodscan.scan(
                events, catalog=url, client=client, access=access, out=folder / f"out-{number}"
            )
            walls.append(time.perf_counter() - started)
        ours, our_requests = median(walls), (server.requests() - before).total()
        before, started = server.requests(), time.perf_counter()
        n_items = plain_loop(url, events)
        plain, plain_requests = time.perf_counter() - started, (server.requests() - before).total()
    n_candidates = sum(outcome.n_candidates for outcome in result.outcomes)
    print(
        f"{len(events)} events, latency {given.latency:g} s, {given.workers} workers of {given.threads} threads, "
        f"{given.in_flight} requests at once"
    )
    print(f"plain loop   {plain:8.2f} s  {plain_requests:5} requests  {n_items} items")
    print(f"floodscan    {ours:8.2f} s  {our_requests:5} requests  {n_candidates} candidates")
    print(f"             median of {', '.join(f'{wall:.2f}' for wall in walls)} s")
    print(f"ratio        {plain / ours:8.1f}    {plain_requests / our_requests:5.2f}")


def compare_cpu(server: Server, events: Sequence[Event]) -> None:
    """Print the CPU of the client per item, without latency: on answers of full pages, and on those of a sweep."""
    window = TimeWindow(datetime(2014, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    everything = Search(
        "sentinel-2-l2a", (-180.0, -90.0, 180.0, 90.0), window, RECIPE.sensors[Sensor.S2L2A].assets
    )
    client = pystac_client.Client.open(server.url)
    compare_answers(
        "full pages", server, [everything], lambda: plain_search(client, everything, events[0])
    )
    batches = [plan_batch(batch, RECIPE) for batch in cut_batches(list_events(events), run_id="")]
    searches = [search for batch in batches for search in batch.searches]
    compare_answers("a sweep", server, searches, lambda: plain_loop(server.url, events[::4]))


def compare_answers(
    name: str, server: Server, searches: Sequence[Search], plain: Callable[[], int]
) -> None:
    """Print what each way takes of an item on the answers of some searches."""
    bodies = [page for search in searches for page in fetch(server.url, search)]
    n_items = sum(len(orjson.loads(body)["features"]) for body in bodies)
    base = cpu(lambda: [orjson.loads(body) for body in bodies]) / n_items
    whole = cpu(lambda: read(server.url, searches, lean=False)) / n_items
    lean = cpu(lambda: read(server.url, searches, lean=True)) / n_items
    objects = cpu(plain) / plain()
    size = sum(map(len, bodies)) / n_items / 1024
    print(f"CPU of the client on {name}: {n_items} items of {size:.1f} KB on {len(bodies)} pages")
    print(f"  orjson.loads on the bytes alone     {base * 1e6:8.1f} µs an item")
    print(
        f"  floodscan, whole, from HTTP to Arrow {whole * 1e6:7.1f}   {whole / base:.2f} of orjson.loads"
    )
    print(f"  floodscan, lean, from HTTP to Arrow  {lean * 1e6:7.1f}")
    print(
        f"  plain loop                           {objects * 1e6:7.1f}   {objects / lean:.1f} of floodscan, lean"
    )


def read(url: str, searches: Sequence[Search], *, lean: bool) -> int:
    """Ask as floodscan does, in this thread, and make tables of the answers."""
    catalog = StacApiCatalog(url)
    api = replace(_open(catalog, Budget(catalog.limits)), lean=lean)
    limits = catalog.limits
    tables = [
        parse_items(page, collection=search.collection, assets=search.assets)
        for search in searches
        for page in read_whole(search, api.read, SearchCounters(Budget(limits)), limits)
        if not isinstance(page, MissingPart)
    ]
    return sum(map(len, tables))


def fetch(url: str, search: Search) -> list[bytes]:
    """Get the bytes of a search's pages of whole items."""
    body: dict[str, object] | None = {
        "collections": [search.collection],
        "bbox": search.bbox,
        "limit": 1000,
    }
    body |= {"datetime": str(search.window)} if search.window else {}
    pages = []
    while body:
        pages.append(requests.post(f"{url}/search", json=body, timeout=60).content)
        body = next(
            (link["body"] for link in orjson.loads(pages[-1])["links"] if link["rel"] == "next"),
            None,
        )
    return pages


def cpu(work: Callable[[], object]) -> float:
    """Measure the CPU seconds of this process that some work takes at best."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


@contextmanager
def slow_proxy(upstream: str, latency: float) -> Iterator[str]:
    """Run the tests' proxy in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "floodscan.testing.servers.proxy",
        upstream,
        "--latency",
        str(latency),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            yield str(process.stdout.readline()).strip()  # type: ignore[union-attr]
        finally:
            process.terminate()


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--only", choices=["sweep", "cpu"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        write_events(
            folder / "events.csv", read_floods(2 * given.events)[given.events :]
        )  # both Sentinels fly
        events = floodscan.read_events(
            folder / "events.csv", phase_offset_days=RECIPE.phase_offset_days
        )
        write_catalog(folder, generate_items(regions_of(events, RECIPE), world_dem=True))
        with lean_server(folder, landing_id="generated", log=folder / "server.log") as server:
            if given.only != "sweep":
                compare_cpu(server, events)
            if given.only != "cpu":
                compare_sweeps(server, events, given, folder)


if __name__ == "__main__":
    main()
