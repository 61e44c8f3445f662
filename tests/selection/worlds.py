"""Small made-up events and the items around them, seeded.

The items are passes of both sensors on a few tracks, some of them cloudy, reprocessed or split.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import shapely

from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.geometry.footprints import bbox_of, bbox_polygon
from floodscan.model import Event, Phase, Policy, Recipe, Relaxation, Sensor
from floodscan.planning.slots import EventPlan, plan_event
from floodscan.planning.targets import AOI
from floodscan.selection import select, slot_numbers
from floodscan.selection.attributes import derive_attributes
from floodscan.selection.candidates import score
from floodscan.selection.clearness import judge_clouds
from floodscan.selection.hours import to_microseconds
from floodscan.selection.scenes import list_scenes
from floodscan.selection.target_options import TargetOptions, gather_options
from tests.selection.skies import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from floodscan.planning.targets import Target
    from tests.selection.skies import Sight

Item = dict[str, Any]

ALL = (9.0, 49.0, 12.0, 52.0)
LEFT = (9.0, 49.0, 10.5, 52.0)
RIGHT = (10.5, 49.0, 12.0, 52.0)

FLOOD = date(2021, 7, 15)
BANDS = Recipe().sensors[Sensor.S2L2A].assets
LADDERS = (
    Recipe().relax,
    (),
    (Relaxation(sensor=Sensor.S1RTC, mixed_track=True),),
    (
        Relaxation(sensor=Sensor.S1RTC, min_coverage=0.3),
        Relaxation(sensor=Sensor.S1RTC, mixed_track=True),
        Relaxation(sensor=Sensor.S2L2A, min_coverage=0.25),
        Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=60.0),
    ),
    (
        Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=60.0),
        Relaxation(sensor=Sensor.S1RTC, window_days=6),
        Relaxation(sensor=Sensor.S1RTC, window_days=9),
        Relaxation(sensor=Sensor.S2L2A, window_days=14),
    ),
)


@dataclass(frozen=True)
class World:
    """An event, the items around it, and the rules."""

    event: Event
    items: list[Item]
    recipe: Recipe
    sky: Callable[[dict[str, Any]], Sight] | None = None

    @property
    def plan(self) -> EventPlan:
        """The event's slots."""
        return plan_event(self.event, self.recipe)

    def scored(self, order: Random | None = None) -> pa.Table:
        """Score the items, shuffled if an order is given."""
        items = list(self.items)
        if order:
            order.shuffle(items)
        tables = [
            parse_items(
                decode_items(item for item in items if item["collection"] == asked.collection),
                collection=asked.collection,
                assets=asked.assets,
            )
            for asked in self.recipe.sensors.values()
        ]
        scored = score(pa.concat_tables(tables), self.plan.slots, self.recipe)
        return scored if self.sky is None else look(scored, self.targets, self.sky)

    @property
    def targets(self) -> dict[tuple[str, str], Target]:
        """The event's targets by event id and target id."""
        return {(self.event.event_id, target.target_id): target for target in self.plan.targets}

    def options(self) -> TargetOptions:
        """Gather the options of the AOI, as policy ``change-detection`` does."""
        scored = judge_clouds(self.scored(), self.recipe)
        events = {self.event.event_id: self.event}
        slots = slot_numbers(scored)
        attributes = derive_attributes(scored, slots, events, self.recipe)
        scenes = list_scenes(scored, slots, attributes, self.targets, self.recipe)
        peak = None if self.event.peak is None else to_microseconds(self.event.peak)
        own = scenes.get((self.event.event_id, AOI), {})
        return gather_options(own, self.recipe, peak=peak)

    def chosen(self, scored: pa.Table | None = None) -> pa.Table:
        """Choose among the scored candidates."""
        scored = self.scored() if scored is None else scored
        return select(scored, [self.plan], self.recipe)


def make_event(
    west: float = 10.0, *, onset: datetime | None = None, event_id: str = "flood"
) -> Event:
    """Make an event over one degree; from 179.5 on it crosses the antimeridian."""
    east = west + 1 if west + 1 <= 180 else west - 359
    aoi = bbox_polygon(west, 50.0, east, 51.0)
    offsets = {Phase.PRE_MONTH: -30, Phase.PRE_EVENT: -4, Phase.EVENT: 0, Phase.POST_EVENT: 3}
    return Event(
        event_id=event_id,
        aoi=aoi,
        bbox=bbox_of(aoi),
        phase_dates={phase: FLOOD + timedelta(days=days) for phase, days in offsets.items()},
        onset=onset or datetime.combine(FLOOD, time.min, UTC),
        target_crs="EPSG:32632",
    )


def ring(west: float, south: float, east: float, north: float) -> Item:
    """Write a box as GeoJSON; beyond 180° it jumps to the other edge of the map."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {
        "type": "Polygon",
        "coordinates": [[[x - 360 if x > 180 else x, y] for x, y in corners]],
    }


def s1_item(
    item_id: str,
    moment: datetime,
    box: tuple[float, float, float, float],
    **facts: Any,  # noqa: ANN401
) -> Item:
    """Make a Sentinel-1 item: ``orbit``, ``take`` and ``state`` may be given."""
    return {
        "id": item_id,
        "collection": "sentinel-1-rtc",
        "geometry": ring(*box),
        "properties": {
            "datetime": moment.isoformat(),
            "platform": "SENTINEL-1A",
            "sat:relative_orbit": facts.get("orbit", 37),
            "sat:orbit_state": facts.get("state", "descending"),
            "s1:datatake_id": facts.get("take", str(moment.toordinal())),
            "sar:polarizations": facts.get("polarizations", ["VV", "VH"]),
        },
        "assets": {key: {"href": f"https://x.invalid/{item_id}/{key}"} for key in ("vv", "vh")},
    }


def s2_item(
    item_id: str,
    moment: datetime,
    box: tuple[float, float, float, float],
    **facts: Any,  # noqa: ANN401
) -> Item:
    """Make a Sentinel-2 item: ``cloud``, ``tile``, ``baseline`` and ``take`` may be given."""
    baseline = facts.get("baseline", "03.01")
    take = facts.get("take", f"GS2A_{moment:%Y%m%dT%H%M%S}_031747")
    return {
        "id": item_id,
        "collection": "sentinel-2-l2a",
        "geometry": ring(*box),
        "properties": {
            "datetime": moment.isoformat(),
            "platform": "Sentinel-2A",
            "sat:relative_orbit": 8,
            "sat:orbit_state": "descending",
            "s2:datatake_id": take and f"{take}_N{baseline}",
            "s2:mgrs_tile": facts.get("tile", "31UGR"),
            "s2:processing_baseline": baseline,
            "eo:cloud_cover": facts.get("cloud", 5.0),
        },
        "assets": {
            key: {"href": f"https://x.invalid/{item_id}/{key}"} for key in facts.get("bands", BANDS)
        },
    }


def dem_item(west: float) -> Item:
    """Make a DEM item over the event."""
    return {
        "id": f"dem_{west}",
        "collection": "cop-dem-glo-30",
        "geometry": ring(west, 50.0, west + 1, 51.0),
        "properties": {"datetime": "2021-04-22T00:00:00Z"},
        "assets": {"data": {"href": "https://x.invalid/dem"}},
    }


def random_world(seed: int, *, n_passes: int = 9) -> World:
    """Make an event with a few passes of both sensors around it."""
    rng = Random(seed)  # noqa: S311 - a test's seed
    west = rng.choice((10.0, 10.0, 179.5))
    onset = datetime.combine(FLOOD, rng.choice((time(0), time(6), time(12), time(5, 3, 10))), UTC)
    event = make_event(west, onset=onset)
    items = [dem_item(west)] if rng.random() < 0.7 else []
    for number in range(n_passes):
        days = rng.choice((-30, -30, -4, -4, 0, 3, 3)) + rng.randint(-9, 9)
        moment = datetime.combine(FLOOD, time(rng.choice((5, 17))), UTC) + timedelta(
            days=days, minutes=number
        )
        make = random_radar if rng.random() < 0.5 else random_optical
        items += make(rng, number, moment, west)
    recipe = Recipe(
        policy=Policy.CHANGE_DETECTION,
        relax=rng.choice(LADDERS),
        onset_guard_minutes=rng.choice((0.0, 0.0, 600.0)),
        min_coverage=rng.choice((0.0, 0.1, 0.5)),
        event_first=rng.random() < 0.8,
    )
    if rng.random() < 0.5:
        event = replace(event, peak=onset + timedelta(hours=rng.randint(0, 200)))
    return World(event, items, recipe)


def random_box(rng: Random, west: float) -> tuple[float, float, float, float]:
    """Draw a box over all or a part of the event, on a coarse grid so that many boxes tie."""
    if rng.random() < 0.3:
        return west - 1, 49.0, west + 2, 52.0
    left, low = rng.choice((-0.5, 0.0, 0.25, 0.5)), rng.choice((-0.5, 0.0, 0.25, 0.5))
    return (
        west + left,
        50 + low,
        west + left + rng.choice((0.5, 0.75, 1.5)),
        50 + low + rng.choice((0.5, 0.75, 1.5)),
    )


def random_radar(rng: Random, number: int, moment: datetime, west: float) -> list[Item]:
    """Make the frames of a Sentinel-1 pass."""
    orbit, state = rng.choice(
        ((37, "descending"), (37, "descending"), (139, "descending"), (15, "ascending"))
    )
    take = f"{1000 + number}"
    takes: tuple[str | None, str | None] = (
        take,
        rng.choice((take, take, f"{2000 + number}", None)),
    )
    takes = rng.choice((takes, takes, (None, None)))
    pols = rng.choice((["VV", "VH"], ["VH", "VV"], ["VV"], ["VV", "VH"]))
    return [
        s1_item(
            f"S1_{number}_{frame}",
            moment + timedelta(seconds=25 * frame),
            random_box(rng, west),
            orbit=orbit, state=state, take=takes[frame], polarizations=pols,
        )
        for frame in range(rng.choice((1, 1, 2)))
    ]  # fmt: skip


def random_optical(rng: Random, number: int, moment: datetime, west: float) -> list[Item]:
    """Make the tiles of a Sentinel-2 pass; some are processed twice, some lack a band."""
    take = rng.choice((f"GS2A_{number}", f"GS2A_{number}", None))
    items: list[Item] = []
    for tile in range(rng.choice((1, 2, 3))):
        box = random_box(rng, west)
        for baseline in rng.choice((["03.01"], ["03.01"], ["03.01", "05.00"], ["05.00", "05.00"])):
            cloud = rng.choice((1.0, 5.0, 24.0, 40.0, None))
            bands = BANDS if rng.random() < 0.9 else BANDS[1:]
            item_id = f"S2_{number}_{tile}_{len(items)}"
            items.append(
                s2_item(
                    item_id,
                    moment,
                    box,
                    cloud=cloud,
                    tile=f"31UG{tile}",
                    baseline=baseline,
                    take=take,
                    bands=bands,
                )
            )
    return items


def area_of(item_ids: list[str], table: pa.Table) -> shapely.Geometry:
    """Join the footprints of some candidates."""
    rows = dict(zip(table["item_id"].to_pylist(), table["geometry"].to_pylist(), strict=True))
    return shapely.union_all(shapely.from_wkb([rows[item_id] for item_id in item_ids]))


def day(offset: int, hour: int = 5, minute: int = 0) -> datetime:
    """Return a moment some days from the flood."""
    return datetime(FLOOD.year, FLOOD.month, FLOOD.day, hour, minute, tzinfo=UTC) + timedelta(
        days=offset
    )


def world_of(*items: Item, **rules: Any) -> World:  # noqa: ANN401 - any rule of a recipe
    """Make a world of given items."""
    return World(make_event(), list(items), Recipe(policy=Policy.CHANGE_DETECTION, **rules))


def chosen_ids(table: pa.Table) -> dict[tuple[str, str], list[str]]:
    """List the chosen scenes of each slot, in the order of the mosaic."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in table.filter(table["selected"]).to_pylist():
        found[row["phase"], row["sensor"]].append(row["item_id"])
    return dict(found)


def verdict_of(table: pa.Table, item_id: str, phase: Phase) -> str:
    """Return the verdict on an item in a slot."""
    rows = [row for row in table.to_pylist() if (row["item_id"], row["phase"]) == (item_id, phase)]
    return str(rows[0]["verdict"])
