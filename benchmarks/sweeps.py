"""Sweeps over the latest real floods, and generated catalogs that have items for every search."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from floodscan import Recipe, read_events
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.testing.floods import read_floods, write_events
from floodscan.testing.servers import catalog
from floodscan.testing.servers.launch import lean_server
from floodscan.testing.servers.proxy import fault_proxy
from floodscan.testing.synthetic import COLLECTIONS, Region, generate_items, make_collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from floodscan import Event
    from floodscan.model import Search
    from floodscan.testing.servers.proxy import FaultProxy


def latest_events(n_events: int, folder: Path) -> list[Event]:
    """Write the latest floods as an event table, as users have them, and read it."""
    path = folder / "events.csv"
    write_events(path, read_floods()[-n_events:])
    return read_events(path, phase_offset_days=Recipe().phase_offset_days)


def plan_searches(events: Sequence[Event], recipe: Recipe) -> list[Search]:
    """List the searches of a sweep over one STAC API."""
    batches = cut_batches(list_events(events), run_id="")
    plans = (plan_batch(batch, recipe, find_api=lambda _: "api") for batch in batches)
    return [search for plan in plans for search in plan.searches]


def write_catalog(events: Sequence[Event], recipe: Recipe, folder: Path) -> int:
    """Write a catalog with items wherever and whenever the sweep searches.

    So the extra items of a merged search are as many as they really are. All satellites are taken
    to have flown since 1970, because many floods are older than the satellites.

    Returns:
        The number of items.
    """
    searches = plan_searches(events, recipe)
    items = generate_items(
        [Region(s.bbox, s.window.start, s.window.end) for s in searches if s.window],
        dem_boxes=[search.bbox for search in searches],
        from_first=False,
    )
    return catalog.write(folder, collections=map(make_collection, COLLECTIONS), items=items)


@contextmanager
def serve_slowly(folder: Path, latency: float) -> Iterator[FaultProxy]:
    """Serve the catalog in a folder through a proxy that delays each request by some seconds."""
    log = folder / "server.log"
    with (
        lean_server(folder, landing_id="generated", log=log) as server,
        fault_proxy(server.url, latency=latency) as proxy,
    ):
        yield proxy
