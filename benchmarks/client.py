"""Compare floodscan with a plain loop: wall time behind latency, and the client's CPU without it.

The plain loop is what people write in a notebook: pystac-client, one search per phase and sensor
after the other, item objects, and an intersection with the area for each item. It does not even
sign. Both ask the same STAC API in the same run. It is the lean one, as PostgreSQL would need the
cores that are measured. The start of servers, workers and imports is not counted.

    uv run python -m benchmarks.client [--events 100] [--latency 0.2] [--only sweep|cpu]
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
from benchmarks.sweeps import latest_events, plan_searches, write_catalog
from floodscan import Recipe, Sensor
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.endpoint import Endpoint
from floodscan.clusters.local import SETTINGS
from floodscan.model import Search, TimeWindow
from floodscan.planning.slots import plan_event
from floodscan.testing.servers.launch import lean_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from floodscan import Event
    from floodscan.testing.servers.process import Server

RECIPE = Recipe()


def plain_loop(url: str, events: Sequence[Event]) -> int:
    """Search and measure as in a notebook, and return the number of items."""
    client = pystac_client.Client.open(url)
    n_items = 0
    for event in events:
        for search in plan_event(event, RECIPE).searches:
            n_items += plain_search(client, search, event)
    return n_items


def plain_search(client: pystac_client.Client, search: Search, event: Event) -> int:
    """Search with objects, and measure each item's overlap."""
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
    with slow_proxy(server.url, given.latency) as url:
        walls, requests_made, n_candidates = time_scans(server, url, events, given, folder)
        before, started = server.requests(), time.perf_counter()
        n_items = plain_loop(url, events)
        plain, plain_requests = time.perf_counter() - started, (server.requests() - before).total()
    ours = median(walls)
    print(
        f"{len(events)} events, latency {given.latency:g} s, {given.workers} workers of "
        f"{given.threads} threads, {given.in_flight} requests at once"
    )
    print(f"plain loop   {plain:8.2f} s  {plain_requests:5} requests  {n_items} items")
    print(f"floodscan    {ours:8.2f} s  {requests_made:5} requests  {n_candidates} candidates")
    print(f"             median of {', '.join(f'{wall:.2f}' for wall in walls)} s")
    print(f"ratio        {plain / ours:8.1f}    {plain_requests / requests_made:5.2f}")


def time_scans(
    server: Server, url: str, events: Sequence[Event], given: argparse.Namespace, folder: Path
) -> tuple[list[float], int, int]:
    """Scan three times; return the wall times, and the requests and candidates of the last."""
    access, walls = Access(max_in_flight=given.in_flight), []
    with open_workers(given) as client:
        for number in range(2):  # workers import, connect and warm up
            out = folder / f"warm-up-{number}"
            first = [replace(event, event_id=f"w{event.event_id}") for event in events[:16]]
            floodscan.scan(first, catalog=server.url, client=client, access=access, out=out)
        for number in range(3):
            before, started = server.requests(), time.perf_counter()
            out = folder / f"out-{number}"
            result = floodscan.scan(events, catalog=url, client=client, access=access, out=out)
            walls.append(time.perf_counter() - started)
    made = (server.requests() - before).total()
    return walls, made, sum(outcome.n_candidates for outcome in result.outcomes)


@contextmanager
def open_workers(given: argparse.Namespace) -> Iterator[Client]:
    """Start workers of several threads."""
    with (
        config.set(SETTINGS),
        LocalCluster(
            n_workers=given.workers, threads_per_worker=given.threads, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def compare_cpu(server: Server, events: Sequence[Event], *, repeats: int) -> None:
    """Print the client's CPU per item: on full pages, and on the answers of a sweep."""
    window = TimeWindow(datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    assets = RECIPE.sensors[Sensor.S2L2A].assets
    everything = Search("sentinel-2-l2a", (-180.0, -90.0, 180.0, 90.0), window, assets)
    client = pystac_client.Client.open(server.url)
    ways: dict[str, tuple[Sequence[Search], Callable[[], int]]] = {
        "full pages": ([everything], lambda: plain_search(client, everything, events[0])),
        "a sweep": (plan_searches(events, RECIPE), lambda: plain_loop(server.url, events[::4])),
    }
    for name, (searches, plain) in ways.items():
        compare_answers(name, server, searches, plain, repeats=repeats)


def compare_answers(
    name: str,
    server: Server,
    searches: Sequence[Search],
    plain: Callable[[], int],
    *,
    repeats: int,
) -> None:
    """Print the CPU per item of each way, on the answers to some searches."""
    bodies = [page for search in searches for page in fetch(server.url, search)]
    n_items = sum(len(orjson.loads(body)["features"]) for body in bodies)

    def cost(work: Callable[[], object], n_items: int) -> float:
        return cpu(work, repeats=repeats) / n_items * 1e6

    base = cost(lambda: [orjson.loads(body) for body in bodies], n_items)
    whole = cost(lambda: search_all(server.url, searches, lean=False), n_items)
    lean = cost(lambda: search_all(server.url, searches, lean=True), n_items)
    objects = cost(plain, plain())
    size = sum(map(len, bodies)) / n_items / 1024
    print(f"CPU of the client on {name}: {n_items} items of {size:.1f} KB on {len(bodies)} pages")
    print(f"  orjson.loads on the bytes alone      {base:7.1f} µs an item")
    print(
        f"  floodscan, whole, from HTTP to Arrow {whole:7.1f}   {whole / base:.2f} of orjson.loads"
    )
    print(f"  floodscan, lean, from HTTP to Arrow  {lean:7.1f}")
    print(f"  plain loop                           {objects:7.1f}   {objects / lean:.1f} of lean")


def search_all(url: str, searches: Sequence[Search], *, lean: bool) -> int:
    """Search as floodscan does, in this thread, and return the number of items."""
    catalog = StacApiCatalog(url, endpoint=Endpoint(f"{url}/search", lean=lean))
    return sum(len(catalog.search(search).items) for search in searches)


def fetch(url: str, search: Search) -> list[bytes]:
    """Get the pages of a search as bytes, with whole items."""
    body: dict[str, object] | None = {
        "collections": [*search.wanted],
        "bbox": search.bbox,
        "limit": 1000,
    }
    body |= {"datetime": str(search.window)} if search.window else {}
    pages = []
    while body:
        pages.append(requests.post(f"{url}/search", json=body, timeout=60).content)
        links = {link["rel"]: link for link in orjson.loads(pages[-1])["links"]}
        body = links["next"]["body"] if "next" in links else None
    return pages


def cpu(work: Callable[[], object], *, repeats: int) -> float:
    """Return the least CPU seconds of this process that some work takes."""
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


@contextmanager
def slow_proxy(upstream: str, latency: float) -> Iterator[str]:
    """Run the proxy in a process of its own, and give its URL."""
    command = [sys.executable, "-m", "floodscan.testing.servers.proxy", upstream]
    command += ["--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield str(process.stdout.readline()).strip()  # type: ignore[union-attr]
        finally:
            process.terminate()


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5, help="of the CPU comparison")
    parser.add_argument("--only", choices=["sweep", "cpu"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        events = latest_events(given.events, folder)
        write_catalog(events, RECIPE, folder)
        with lean_server(folder, landing_id="generated", log=folder / "server.log") as server:
            if given.only != "sweep":
                compare_cpu(server, events, repeats=given.repeats)
            if given.only != "cpu":
                compare_sweeps(server, events, given, folder)


if __name__ == "__main__":
    main()
