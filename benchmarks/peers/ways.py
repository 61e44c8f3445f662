"""The peers, each as its own documentation says, and floodscan."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import pyarrow as pa
import pystac_client
import rustac
import shapely

import floodscan
from benchmarks.peers.slots import (
    Found,
    choose,
    sensor_queries,
    slot_queries,
)
from floodscan import Policy, Recipe
from floodscan.catalogs import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.peers.slots import Choices, Query
    from floodscan import Event

    Json = dict[str, Any]
    Way = Callable[[str, Sequence[Event], int], Choices]

PAGE_ITEMS = 1000


def plain_loop(url: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Search slot by slot, one after the other, with item objects."""
    del in_flight
    client = pystac_client.Client.open(url)
    found = {
        event.event_id: [
            _read_item(item.to_dict(transform_hrefs=False))
            for query in slot_queries(event)
            for item in _search(client, query).items()
        ]
        for event in events
    }
    return choose(events, found)


def threads(url: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Search slot by slot in threads, with dictionaries."""
    return _search_in_threads(url, events, in_flight, slot_queries)


def expert(url: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Search once for each event and sensor in threads, with dictionaries."""
    return _search_in_threads(url, events, in_flight, sensor_queries)


def _search_in_threads(
    url: str, events: Sequence[Event], in_flight: int, ask: Callable[[Event], list[Query]]
) -> Choices:
    client = pystac_client.Client.open(url)
    queries = [query for event in events for query in ask(event)]
    with ThreadPoolExecutor(in_flight) as pool:
        answers = pool.map(lambda query: [*_search(client, query).items_as_dicts()], queries)
        return choose(events, _group(queries, answers))


def _search(client: pystac_client.Client, query: Query) -> pystac_client.ItemSearch:
    return client.search(
        collections=[query.collection],
        bbox=query.bbox,
        datetime=query.interval,
        limit=PAGE_ITEMS,
    )


def rustac_async(url: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Search once for each event and sensor with rustac, side by side."""
    return asyncio.run(_search_rustac(url, events, in_flight))


async def _search_rustac(url: str, events: Sequence[Event], in_flight: int) -> Choices:
    client, limit = rustac.ApiClient(url), asyncio.Semaphore(in_flight)

    async def ask(query: Query) -> list[Json]:
        async with limit:
            return await client.search(
                collections=[query.collection],
                bbox=list(query.bbox),
                datetime=query.interval,
                limit=PAGE_ITEMS,
            )

    queries = [query for event in events for query in sensor_queries(event)]
    return choose(events, _group(queries, await asyncio.gather(*map(ask, queries))))


def _group(queries: Sequence[Query], answers: Iterable[Sequence[Json]]) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = {}
    for query, items in zip(queries, answers, strict=True):
        found.setdefault(query.event_id, []).extend(map(_read_item, items))
    return found


def _read_item(item: Mapping[str, Any]) -> Found:
    return Found(
        item["collection"],
        item["id"],
        datetime.fromisoformat(item["properties"]["datetime"]),
        item["properties"].get("eo:cloud_cover"),
        shapely.from_geojson(orjson.dumps(item["geometry"])),
    )


_READ = """
    SELECT {event}, items.collection, items.id, items.datetime, items."eo:cloud_cover",
        ST_AsWKB(items.geometry)
    FROM read_parquet('{folder}/*.parquet', union_by_name = true) AS items {join}
"""
_NEAR = """
    items.collection = {query}collection
    AND items.bbox.xmin <= {query}east AND items.bbox.xmax >= {query}west
    AND items.bbox.ymin <= {query}north AND items.bbox.ymax >= {query}south
    AND ({query}first IS NULL OR items.datetime BETWEEN {query}first AND {query}last)
"""
_NAMES = ("event_id", "collection", "west", "south", "east", "north", "first", "last")


def duckdb_queries(folder: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Query files once for each event and sensor with DuckDB, by box and time."""
    del in_flight
    connection = duckdb.connect()
    sql = _READ.format(event="$event_id", folder=folder, join="WHERE" + _NEAR.format(query="$"))
    found: dict[str, list[Found]] = {event.event_id: [] for event in events}
    for row in _rows(events):
        _add(found, connection.execute(sql, dict(zip(_NAMES, row, strict=True))).fetchall())
    return choose(events, found)


def duckdb_join(folder: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Join files with a table of all queries in one query of DuckDB, by box and time."""
    del in_flight
    connection = duckdb.connect()
    columns = [pa.array(column) for column in zip(*_rows(events), strict=True)]
    connection.register("queries", pa.table(columns, names=list(_NAMES)))
    join = "JOIN queries ON" + _NEAR.format(query="queries.")
    sql = _READ.format(event="queries.event_id", folder=folder, join=join)
    found: dict[str, list[Found]] = {event.event_id: [] for event in events}
    _add(found, connection.execute(sql).fetchall())
    return choose(events, found)


def _rows(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    queries = [query for event in events for query in sensor_queries(event)]
    return [(q.event_id, q.collection, *q.bbox, q.start, q.end) for q in queries]


def _add(found: dict[str, list[Found]], rows: Iterable[tuple[Any, ...]]) -> None:
    for event_id, collection, item_id, time, cloud, footprint in rows:
        item = Found(collection, item_id, time, cloud, shapely.from_wkb(footprint))
        found[event_id].append(item)


def reference(source: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Scan with floodscan by its default policy, which fills each slot by itself."""
    return _scan(source, events, in_flight, Policy.REFERENCE)


def change_detection(source: str, events: Sequence[Event], in_flight: int) -> Choices:
    """Scan with floodscan by the policy that chooses all slots together."""
    return _scan(source, events, in_flight, Policy.CHANGE_DETECTION)


def _scan(source: str, events: Sequence[Event], in_flight: int, policy: Policy) -> Choices:
    with TemporaryDirectory() as name:
        result = floodscan.scan(
            events,
            catalog=source,
            recipe=Recipe(policy=policy),
            access=Access(max_in_flight=in_flight),
            out=Path(name) / "run",
        )
        rows = result.folder.read_candidates()
        chosen = rows.filter(rows["selected"]).select(["event_id", "phase", "sensor", "item_id"])
    choices: Choices = {event.event_id: {} for event in events}
    for event_id, phase, sensor, item_id in zip(*chosen.to_pydict().values(), strict=True):
        slot = "/".join(filter(None, (phase, sensor)))
        choices[event_id].setdefault(slot, []).append(item_id)
    return choices


API_WAYS: dict[str, Way] = {
    "plain loop": plain_loop,
    "threads": threads,
    "expert": expert,
    "rustac": rustac_async,
    "floodscan, reference": reference,
    "floodscan, change-detection": change_detection,
}
"""The ways that ask a STAC API."""

FILE_WAYS: dict[str, Way] = {
    "DuckDB, a query each": duckdb_queries,
    "DuckDB, one join": duckdb_join,
    "floodscan, reference": reference,
    "floodscan, change-detection": change_detection,
}
"""The ways that read stac-geoparquet files."""
