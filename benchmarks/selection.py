"""Measure the CPU time of both policies per event: 8 slots with 40 candidates each, on one core.

    uv run python -m benchmarks.selection [--events 10000]

The candidates are made up, from a fixed seed: each Sentinel-1 slot has ten passes of four frames on
five tracks, each Sentinel-2 slot has seven passes of three orbits over six tiles, with any cloud
cover. As in reality a frame has the same footprint in each pass, and so has a tile of an orbit; a
tile is a square of its UTM zone. The time to make them does not count.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from floodscan.assessment.quality import assess
from floodscan.geometry.projections import open_transformer
from floodscan.model import DEFAULT_SENSORS, Event, Phase, Policy, Recipe, Sensor
from floodscan.planning.slots import plan_event
from floodscan.schemas import CANDIDATES
from floodscan.selection import select
from floodscan.selection.passes import identify_passes, identify_tracks
from floodscan.testing.tile_grids import TILE_METRES

if TYPE_CHECKING:
    from floodscan.planning.slots import EventPlan

FLOOD = date(2021, 7, 15)
OFFSETS = {Phase.PRE_MONTH: -30, Phase.PRE_EVENT: -4, Phase.EVENT: 0, Phase.POST_EVENT: 3}
PER_SLOT = 40
EVENTS_AT_ONCE = 50
SWATH_DEGREES = 2.6
LIMIT_MS = 5.0


def make_events(first: int, number: int) -> list[Event]:
    """Make events all over the world."""
    events = []
    for index in range(first, first + number):
        west, south = (index * 7.3) % 340 - 170, (index * 3.1) % 110 - 55
        area = shapely.box(west, south, west + 0.8, south + 0.74)
        dates = {phase: FLOOD + timedelta(days=days) for phase, days in OFFSETS.items()}
        onset = datetime.combine(FLOOD, time.min, UTC)
        events.append(
            Event(
                event_id=f"e{index}", aoi=area, bbox=area.bounds, phase_dates=dates, onset=onset,
                target_crs=f"EPSG:{utm_zone(west, south)}",
            )
        )  # fmt: skip
    return events


def utm_zone(lon: float, lat: float) -> int:
    """Return the EPSG code of the zone of a place."""
    return (32600 if lat >= 0 else 32700) + int((lon + 180) // 6) + 1


def make_candidates(plan: EventPlan, rng: np.random.Generator) -> pa.Table:
    """Make the scored candidates of an event: 40 for each dated slot, and four DEM tiles."""
    slots = [slot for slot in plan.slots if slot.phase is not None]
    parts = [_slot_rows(plan, number, rng) for number in range(len(slots))]
    return pa.concat_tables([*parts, _dem_rows(plan)])


def _slot_rows(plan: EventPlan, number: int, rng: np.random.Generator) -> pa.Table:
    slot = plan.slots[number]
    radar = slot.sensor == Sensor.S1RTC
    days = DEFAULT_SENSORS[slot.sensor].window_days or 0
    n_passes, members = (10, 4) if radar else (7, 6)
    passes = np.repeat(np.arange(n_passes), members)[:PER_SLOT]
    offsets = rng.integers(-days, days + 1, n_passes)[passes]
    seconds = 20_000 + passes * 60 + np.arange(PER_SLOT) % members
    orbits, parts = passes % (5 if radar else 3), np.arange(PER_SLOT) % members
    footprints, edges = (
        (_frames(plan, orbits * members + parts), None) if radar else _tiles(plan, parts, orbits)
    )
    overlaps = _overlaps(plan, footprints)
    ids = [f"{slot.sensor}_{slot.phase}_{i:02}" for i in range(PER_SLOT)]
    cloud = rng.uniform(0, 100, PER_SLOT)
    cloudy = (cloud >= 25) & (not radar)
    verdicts = np.select([overlaps == 0, cloudy], ["no_overlap", "too_cloudy"], "eligible")
    return _table(
        {
            "event_id": plan.event.event_id, "target_id": "aoi",
            "phase": str(slot.phase), "sensor": str(slot.sensor),
            "collection": DEFAULT_SENSORS[slot.sensor].collection, "item_id": ids,
            "datetime": _times(slot.day or FLOOD, offsets, seconds),
            "days_from_phase": np.abs(offsets), "day_offset": offsets, "overlap_frac": overlaps,
            "cloud_cover": None if radar else cloud,
            "relative_orbit": orbits + 1, "orbit_state": "descending", "platform": "S",
            "datatake_id": [f"{slot.phase}_{p}" for p in passes],
            "mgrs_tile": None if radar else [f"31UG{i % members}" for i in range(PER_SLOT)],
            "processing_baseline": "05.00", "polarizations": [["VV", "VH"]] * PER_SLOT,
            "proj_epsg": None if radar else utm_zone(*plan.event.bbox[:2]), "proj_bbox": edges,
            "verdict": verdicts, "geometry": shapely.to_wkb(footprints),
        },
        PER_SLOT,
    )  # fmt: skip


def _overlaps(plan: EventPlan, footprints: np.ndarray) -> np.ndarray:
    area = plan.event.aoi
    covered: np.ndarray = shapely.area(shapely.intersection(footprints, area))
    return np.round(covered / area.area, 12)


def _times(day: date, offsets: np.ndarray, seconds: np.ndarray) -> list[datetime]:
    start = datetime.combine(day, time.min, UTC)
    shifts = zip(offsets.tolist(), seconds.tolist(), strict=True)
    return [start + timedelta(days=days, seconds=shift) for days, shift in shifts]


def _frames(plan: EventPlan, kinds: np.ndarray) -> np.ndarray:
    """Draw a slanted box near the event for each kind."""
    size, lean = 2.4, 0.2
    left, low = _corners(plan, kinds, size)
    corners = [
        (left, low),
        (left + size, low),
        (left + size + lean, low + size),
        (left + lean, low + size),
    ]
    return shapely.polygons(np.stack([np.column_stack(corner) for corner in corners], axis=1))


def _tiles(
    plan: EventPlan, tiles: np.ndarray, orbits: np.ndarray
) -> tuple[np.ndarray, list[list[float]]]:
    """Draw squares of the event's zone near it, cut by the swath of an orbit.

    Returns:
        The footprints, and the edges of the squares.
    """
    zone = f"EPSG:{utm_zone(*plan.event.bbox[:2])}"
    left, low = open_transformer("OGC:CRS84", zone).transform(*_corners(plan, tiles, 1.2))
    squares = shapely.box(left, low, left + TILE_METRES, low + TILE_METRES)
    to_degrees = open_transformer(zone, "OGC:CRS84").transform
    drawn = shapely.transform(squares, lambda points: np.column_stack(to_degrees(*points.T)))
    west, _ = _corners(plan, orbits, SWATH_DEGREES)
    swaths = shapely.box(west, -90, west + SWATH_DEGREES, 90)
    return shapely.intersection(drawn, swaths), shapely.bounds(squares).tolist()


def _corners(plan: EventPlan, kinds: np.ndarray, size: float) -> np.ndarray:
    """Place a south-western corner near the event for each kind."""
    west, south, _, _ = plan.event.bbox
    rng = np.random.default_rng(round(1000 * (west + 180)))
    shifts = rng.uniform(-size * 0.8, 0.4, (kinds.max() + 1, 2))
    corners: np.ndarray = (shifts[kinds] + (west, south)).T
    return corners


def _dem_rows(plan: EventPlan) -> pa.Table:
    west, south, _, _ = plan.event.bbox
    cells = [
        shapely.box(west - 1 + i, south - 1 + j, west + i + 0.5, south + j + 0.5)
        for i in (0, 1)
        for j in (0, 1)
    ]
    overlaps = _overlaps(plan, np.array(cells))
    return _table(
        {
            "event_id": plan.event.event_id, "target_id": "aoi",
            "sensor": "DEM", "collection": "cop-dem-glo-30",
            "item_id": [f"dem{i}" for i in range(4)], "overlap_frac": overlaps,
            "verdict": np.where(overlaps == 0, "no_overlap", "eligible"),
            "geometry": shapely.to_wkb(cells),
        },
        4,
    )  # fmt: skip


def _table(columns: dict[str, object], n: int) -> pa.Table:
    own = {
        "missing_assets": [[]] * n,
        "flags": [[]] * n,
        "selected": False,
        "assets": [[]] * n,
        **columns,
    }
    arrays = []
    for field in CANDIDATES:
        value = own.get(field.name)
        values = list(value) if isinstance(value, list | np.ndarray) else [value] * n
        arrays.append(pa.array(values, field.type))
    return pa.table(arrays, schema=CANDIDATES)


def identified(scored: pa.Table) -> pa.Table:
    """Fill the columns ``pass_id`` and ``track_id``, as scoring does."""
    ids = {"pass_id": identify_passes(scored), "track_id": identify_tracks(scored)}
    return pa.table([ids.get(name, scored[name]) for name in CANDIDATES.names], schema=CANDIDATES)


def measure(n_events: int) -> dict[str, list[float]]:
    """Time both policies and the checks of their choices.

    Returns:
        Milliseconds of CPU per event, a figure per batch.
    """
    rng = np.random.default_rng(20210715)
    recipes = {policy: Recipe(policy=policy) for policy in Policy}
    spent: dict[str, list[float]] = {}
    for first in range(0, n_events, EVENTS_AT_ONCE):
        number = min(EVENTS_AT_ONCE, n_events - first)
        plans = [
            plan_event(event, recipes[Policy.CHANGE_DETECTION])
            for event in make_events(first, number)
        ]
        scored = pa.concat_tables([make_candidates(plan, rng) for plan in plans]).combine_chunks()
        for policy, recipe in recipes.items():
            started = process_time()
            chosen = select(identified(scored), plans, recipe)
            selected = process_time()
            assess(plans, chosen, recipe)
            times = {policy: selected - started, f"{policy}, checks": process_time() - selected}
            for name, seconds in times.items():
                spent.setdefault(str(name), []).append(1000 * seconds / number)
    return spent


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pa.set_cpu_count(1)
    spent = measure(given.events)
    print(
        f"{given.events} events, 8 slots, {PER_SLOT} candidates each; milliseconds of CPU per event"
    )
    print(f"{'':24}{'mean':>8}{'median':>8}{'most':>8}  (of {len(spent['reference'])} batches)")
    for name, values in spent.items():
        print(f"{name:24}{sum(values) / len(values):8.2f}{median(values):8.2f}{max(values):8.2f}")
    mean = sum(spent["change-detection"]) / len(spent["change-detection"])
    print(f"change-detection is {'within' if mean <= LIMIT_MS else 'over'} its {LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()
