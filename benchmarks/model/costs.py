"""Measure what the parts of a sweep cost, by sweeps that have them in different proportions."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import floodscan
from benchmarks.scaling.events import make_events
from benchmarks.scaling.steps import take_seconds
from floodscan import Recipe
from floodscan.clusters.local import open_local_client
from floodscan.model import Search, SearchPrices, Sensor, TimeWindow
from floodscan.planning.estimate import Costs, SweepSize
from floodscan.testing.fake_catalog import NoItems
from floodscan.testing.made_up_items import MadeUpItems

if TYPE_CHECKING:
    from distributed import Client

    from floodscan.catalogs import Catalog

_WARM_UP_EVENTS = 48
_BOX, _DAYS = (5.0, 49.0, 7.0, 51.0), 10
_WIDE_PRICE = 2000  # of a request, in items: searches are merged until many items are extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measured sweep.

    Attributes:
        size: How much it did.
        n_tasks: Number of its tasks.
        worker_cpu: CPU seconds of the worker.
        driver_cpu: CPU seconds of the driver and its scheduler.
        seconds: Wall time.
    """

    size: SweepSize
    n_tasks: int
    worker_cpu: float
    driver_cpu: float
    seconds: float


def measure_points(n_events: int) -> list[Point]:
    """Run sweeps with and without items, with merged searches and one for each slot."""
    merged, alone, wide = (
        Recipe(searches=replace(SearchPrices(), request_items=price))
        for price in (SearchPrices().request_items, 0, _WIDE_PRICE)
    )
    few, many = MadeUpItems(lean=True, every_days=12), MadeUpItems(lean=True)
    sweeps: list[tuple[Catalog, Recipe]] = [
        (NoItems(), merged), (NoItems(), alone), (few, alone), (many, merged), (many, alone),
        (many, wide),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as name, open_local_client(1) as client:
        client.wait_for_workers(1)
        _run(many, merged, _WARM_UP_EVENTS, client, Path(name) / "warm")
        return [
            _run(catalog, recipe, n_events, client, Path(name) / str(number))
            for number, (catalog, recipe) in enumerate(sweeps)
        ]


def _run(catalog: Catalog, recipe: Recipe, n_events: int, client: Client, out: Path) -> Point:
    out.mkdir()
    events = make_events(n_events, out)
    before = take_seconds(client)["cpu"]
    started, driver = time.perf_counter(), time.process_time()
    result = floodscan.scan(events, catalog=catalog, recipe=recipe, out=out / "run", client=client)
    seconds, driver = time.perf_counter() - started, time.process_time() - driver
    searches = result.folder.searches.read(["n_requests", "n_items"])
    size = SweepSize(
        n_events=n_events,
        n_requests=sum(searches["n_requests"].to_pylist()),
        n_items=sum(searches["n_items"].to_pylist()),
        n_candidates=result.counts["candidates"],
        n_choices=n_events if result.counts["candidates"] else 0,
    )
    return Point(
        size=size,
        n_tasks=round(size.n_tasks),
        worker_cpu=take_seconds(client)["cpu"] - before,
        driver_cpu=driver,
        seconds=seconds,
    )


def measure_item_bytes() -> float:
    """Return the mean size of items that have only the members that floodscan reads."""
    items, window = MadeUpItems(lean=True), TimeWindow.around(date(2021, 7, 15), _DAYS)
    searches = [
        Search(asked.collection, _BOX, window, asked.assets)
        for sensor, asked in Recipe().sensors.items()
        if sensor is not Sensor.DEM
    ]
    n_items = sum(len(items.search(search).items) for search in searches)
    return sum(len(items.make_page(search)) for search in searches) / n_items


def fit_costs(points: list[Point]) -> Costs:
    """Split the CPU times of sweeps among what they did, by least squares of relative errors."""
    done = [[*asdict(point.size).values()] for point in points]
    scheduled = [[point.size.n_events, point.n_tasks] for point in points]
    of_worker = _fit(done, [point.worker_cpu for point in points])
    of_driver = _fit(scheduled, [point.driver_cpu for point in points])
    names = [field.name for field in fields(Costs)]
    found = [*of_worker, *of_driver, measure_item_bytes()]
    return Costs(**dict(zip(names, found, strict=True)))


def _fit(counts: list[list[float]], seconds: list[float]) -> list[float]:
    relative = np.array(counts) / np.array(seconds)[:, None]
    found, *_ = np.linalg.lstsq(relative, np.ones(len(seconds)), rcond=None)
    return [float(value) for value in np.maximum(found, 0.0)]
