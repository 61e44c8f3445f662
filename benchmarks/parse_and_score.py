"""Measure the CPU time per candidate from bytes to a ranked slot, against a plain loop.

The plain loop is what people write in a notebook: pystac objects, signed, and one shapely
intersection at a time. Both get the same pages in the same run, in turn, and must return the same
ids in the same order with the same overlaps.

    uv run python -m benchmarks.parse_and_score [--items FILE] [--n-items N] [--page-items N]
        [--repeats N]

``--items`` takes Sentinel-2 items from a stac-geoparquet file instead of the bundled demo. The
pages of a sweep are often small: ``--page-items`` sets the number of items on a page.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import planetary_computer
import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import shapely
from planetary_computer import sas
from planetary_computer.settings import Settings
from stac_geoparquet.arrow import stac_table_to_items

from floodscan import Event, Phase, Recipe, Sensor
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.lean_fields import lean_fields
from floodscan.catalogs.page_json import decode_page
from floodscan.model import Search, TimeWindow
from floodscan.planning.slots import EventPlan, Slot
from floodscan.planning.targets import plan_targets
from floodscan.selection import select
from floodscan.selection.candidates import score
from floodscan.testing.build_demo import build_items

if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, Any]
    Ranking = list[tuple[str, float]]

COLLECTION = "sentinel-2-l2a"
HOST = "sentinel2l2a01.blob.core.windows.net"
OPTICAL = Recipe().sensors[Sensor.S2L2A]


def main() -> None:
    """Measure both on whole and on lean pages, and print medians and their ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=Path)
    parser.add_argument("--n-items", type=int, default=1000)
    parser.add_argument("--page-items", type=int, default=250)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    items = load_items(given.items, n_items=given.n_items)
    event, day = middle(items)
    stock_token()
    pages = {
        "whole": paginate(items, given.page_items),
        "lean": paginate([project(item) for item in items], given.page_items),
    }
    expected = plain_loop(pages["whole"], event, day)
    for name, each in pages.items():
        check_ranking(floodscan_way(each, event, day), expected)
        print(f"{name}: {sum(map(len, each)) / len(items) / 1024:.1f} KB an item")
    ways: dict[str, Callable[[], object]] = {
        "plain loop, whole pages": lambda: plain_loop(pages["whole"], event, day)
    }
    for name, each in pages.items():
        ways[f"orjson.loads alone, {name} pages"] = partial(loads, each)
        ways[f"tables alone, {name} pages"] = partial(read_tables, each)
        ways[f"floodscan, {name} pages"] = partial(floodscan_way, each, event, day)
    report(measure(ways, repeats=given.repeats), n_items=len(items), n_ranked=len(expected))


def check_ranking(ranking: Ranking, expected: Ranking) -> None:
    """Raise where the scenes, their order or their overlaps differ."""
    if [item_id for item_id, _ in ranking] != [item_id for item_id, _ in expected]:
        raise RuntimeError("the scenes or their order differ")
    if any(abs(a - b) >= 1e-9 for (_, a), (_, b) in zip(ranking, expected, strict=True)):
        raise RuntimeError("the overlaps differ")


def report(timed: dict[str, list[float]], *, n_items: int, n_ranked: int) -> None:
    """Print the CPU time per item of each way."""
    plain = timed["plain loop, whole pages"]
    print(f"{n_items} items, {n_ranked} ranked, median of {len(plain)}")
    for name, seconds in timed.items():
        ratio = statistics.median(p / s for p, s in zip(plain, seconds, strict=True))
        cost = statistics.median(seconds) / n_items * 1e6
        print(f"{name:32} {cost:8.1f} µs CPU an item   plain / this {ratio:6.1f}")


def loads(pages: list[bytes]) -> list[Json]:
    """Read pages as JSON, and nothing else."""
    return [orjson.loads(page) for page in pages]


def load_items(path: Path | None, *, n_items: int) -> list[Json]:
    """Take items from a file or the demo, and repeat them under other ids up to a number."""
    table = None if path is None else pq.read_table(path)
    found = build_items()[COLLECTION] if table is None else list(stac_table_to_items(table))
    copies = -(-n_items // len(found))
    text = [
        json.dumps(item, default=str).replace("sentinel2l2a01.floodscan-demo.invalid", HOST)
        for item in found
    ]
    return [
        {**orjson.loads(t), "id": f"{i['id']}_{n}"}
        for n in range(copies)
        for i, t in zip(found, text, strict=True)
    ]


def middle(items: list[Json]) -> tuple[Event, date]:
    """Make an event of 0.8° × 0.7° in the middle of the items, on the middle day."""
    centres = [shapely.box(*item["bbox"]).centroid for item in items]
    x, y = statistics.median(c.x for c in centres), statistics.median(c.y for c in centres)
    day = sorted(item["properties"]["datetime"] for item in items)[len(items) // 2][:10]
    bbox = (x - 0.4, y - 0.35, x + 0.4, y + 0.35)
    dates = dict.fromkeys(Phase, date.fromisoformat(day))
    onset = datetime.fromisoformat(day).replace(tzinfo=UTC)
    aoi = shapely.box(*bbox)
    event = Event(
        event_id="e", aoi=aoi, bbox=bbox, phase_dates=dates, onset=onset, target_crs="EPSG:32632"
    )
    return event, date.fromisoformat(day)


def stock_token() -> None:
    """Put a token into the cache of the signing library, so that it needs no network."""
    url = f"{Settings.get().sas_url}/{HOST.split('.', maxsplit=1)[0]}/sentinel2-l2"
    token = {"msft:expiry": datetime.now(UTC) + timedelta(hours=1), "token": "st=now&sig=benchmark"}
    sas.TOKEN_CACHE[url] = sas.SASToken(**token)  # type: ignore[arg-type]


def paginate(items: list[Json], page_items: int = 250) -> list[bytes]:
    """Write items as the pages of a search."""
    chunks = [items[start : start + page_items] for start in range(0, len(items), page_items)]
    return [
        orjson.dumps({"type": "FeatureCollection", "features": chunk, "links": []})
        for chunk in chunks
    ]


def project(item: Json) -> Json:
    """Keep the members that the client asks for if the server conforms to ``fields``."""
    kept = copy.deepcopy(item)
    for path in lean_fields({COLLECTION: OPTICAL.assets})["exclude"]:
        *parents, name = path.split(".")
        node = kept
        for parent in parents:
            node = node.get(parent, {})
        node.pop(name, None)
    return kept


def plain_loop(pages: list[bytes], event: Event, day: date) -> Ranking:
    """Rank as in a notebook."""
    found = []
    for page in pages:
        for raw in json.loads(page)["features"]:
            item = pystac.Item.from_dict(raw)
            planetary_computer.sign_inplace(item)
            footprint = shapely.geometry.shape(item.geometry)
            overlap = footprint.intersection(event.aoi).area / event.aoi.area
            cloud = item.properties.get("eo:cloud_cover", 1000.0)
            if (
                overlap > 0
                and cloud < OPTICAL.max_cloud_percent
                and all(a in item.assets for a in OPTICAL.assets)
            ):
                days = abs((item.datetime.date() - day).days)  # type: ignore[union-attr]
                found.append((-round(overlap, 12), cloud, days, item.datetime, item.id))
    return [(key[-1], -key[0]) for key in sorted(found)]


def read_tables(pages: list[bytes]) -> list[pa.Table]:
    """Read pages as ITEMS tables."""
    return [
        parse_items(
            decode_page(page, OPTICAL.assets).features or [],
            collection=COLLECTION,
            assets=OPTICAL.assets,
        )
        for page in pages
    ]


def floodscan_way(pages: list[bytes], event: Event, day: date) -> Ranking:
    """Rank in arrays."""
    tables = read_tables(pages)
    targets = tuple(plan_targets(event, None))
    search = Search(COLLECTION, event.bbox, TimeWindow.around(day, 3660), OPTICAL.assets)
    slot = Slot(event.event_id, targets[0], Phase.EVENT, Sensor.S2L2A, day, search)
    plan = EventPlan(event, targets, (slot,), (search,))
    recipe = Recipe()
    ranked = select(score(pa.concat_tables(tables), [slot], recipe), [plan], recipe)
    ranked = ranked.filter(ranked["rank"].is_valid())
    return list(zip(ranked["item_id"].to_pylist(), ranked["overlap_frac"].to_pylist(), strict=True))


def measure(ways: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Time each way in turn, round by round, in seconds of this process's CPU."""
    timed: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            started = time.process_time()
            way()
            timed[name].append(time.process_time() - started)
    return timed


if __name__ == "__main__":
    main()
