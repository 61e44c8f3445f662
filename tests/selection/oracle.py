"""The reference policy as plain loops: one item, one slot, one shapely call at a time.

It is written from the policy's description alone, to be compared with the vectorised package. A
reader can check every line against the description; speed does not matter.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypeGuard

from shapely import MultiPolygon, Polygon, box, make_valid, unary_union
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

Item = dict[str, Any]
Ring = list[tuple[float, float]]
Rings = list[Ring]
Rectangle = tuple[float, float, float, float]
Measured = tuple[Item, float]  # an item and the share of the target that it covers

NAT_DAYS = 999
MISSING_CLOUD = 1000.0
CLOUD_LIMIT = 25.0
CLOSED_RING_LENGTH = 4
ANTIMERIDIAN = 180.0
CIRCLE = 360.0
TIME_PATTERN = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)


@dataclass(frozen=True)
class Sensor:
    """The default recipe of one sensor; `window_days` is None if dates do not count."""

    name: str
    collection: str
    assets: tuple[str, ...]
    window_days: int | None


S1 = Sensor("S1RTC", "sentinel-1-rtc", ("vv", "vh"), 4)
S2 = Sensor(
    "S2L2A",
    "sentinel-2-l2a",
    ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"),
    10,
)
DEM = Sensor("DEM", "cop-dem-glo-30", ("data",), None)


@dataclass(frozen=True)
class Row:
    """One candidate of one slot, as `choose` reports it."""

    phase: str | None
    sensor: str
    item_id: str
    overlap_frac: float
    days_from_phase: int | None
    day_offset: int | None
    missing_assets: tuple[str, ...]
    verdict: str
    rank: int | None
    selected: bool


def choose(
    items: list[Item], aoi: dict[str, Any] | list[float], phase_dates: dict[str, date]
) -> list[Row]:
    """Return the candidates of all slots of one event, ranked and judged.

    Args:
        items: Raw STAC items; repeats of a (collection, id) count once.
        aoi: GeoJSON Polygon or MultiPolygon, or a bbox west, south, east, north in degrees.
        phase_dates: The date of each phase, in the order in which rows are wanted.

    Returns:
        Rows by phase, S1RTC before S2L2A, the DEM last; ranked rows first, then rejected by id.
    """
    measured = measure(items, aoi)
    rows: list[Row] = []
    for phase, phase_date in phase_dates.items():
        for sensor in (S1, S2):
            rows += choose_slot(measured, sensor, phase, phase_date)
    return rows + choose_slot(measured, DEM, None, None)


def measure(items: list[Item], aoi: dict[str, Any] | list[float]) -> list[Measured]:
    """Return each item whose footprint meets the AOI's rectangles, once, with its overlap."""
    target = aoi_area(aoi)
    rectangles = aoi_rectangles(target)
    unique = {(item["collection"], item["id"]): item for item in items}
    measured = []
    for item in unique.values():
        footprint = item_footprint(item)
        if meets(item, footprint, rectangles):
            measured.append((item, overlap_frac(footprint, target)))
    return measured


def choose_slot(
    measured: list[Measured], sensor: Sensor, phase: str | None, phase_date: date | None
) -> list[Row]:
    """Judge and rank the candidates of one slot."""
    candidates = [
        (item, overlap)
        for item, overlap in measured
        if item["collection"] == sensor.collection and in_window(item, sensor, phase_date)
    ]
    candidates.sort(key=lambda one: sort_key(one, sensor, phase_date))
    rows = [make_row(candidate, sensor, phase, phase_date) for candidate in candidates]
    eligible = [row for row in rows if row.verdict == "eligible"]
    rejected = [row for row in rows if row.verdict != "eligible"]
    ranked = [replace(row, rank=rank) for rank, row in enumerate(eligible, start=1)]
    winners = len(ranked) if sensor is DEM else 1
    for place, row in enumerate(ranked[:winners]):
        ranked[place] = replace(row, verdict="selected", selected=True)
    return ranked + sorted(rejected, key=lambda row: row.item_id)


def make_row(
    candidate: Measured, sensor: Sensor, phase: str | None, phase_date: date | None
) -> Row:
    """Return the row of a candidate before it is ranked."""
    item, overlap = candidate
    return Row(
        phase=phase,
        sensor=sensor.name,
        item_id=item["id"],
        overlap_frac=overlap,
        days_from_phase=None if phase_date is None else days_from_phase(item, phase_date),
        day_offset=None if phase_date is None else day_offset(item, phase_date),
        missing_assets=missing_assets(item, sensor),
        verdict=rejection(candidate, sensor) or "eligible",
        rank=None,
        selected=False,
    )


def rejection(candidate: Measured, sensor: Sensor) -> str | None:
    """Return the first reason to reject a candidate; None if it is eligible."""
    item, overlap = candidate
    if overlap == 0:
        return "no_overlap"
    if missing_assets(item, sensor):
        return "missing_assets"
    if sensor is S1 and not has_polarizations(item):
        return "missing_polarizations"
    if sensor is S2 and not cloud(item) < CLOUD_LIMIT:
        return "too_cloudy"
    return None


def sort_key(
    candidate: Measured, sensor: Sensor, phase_date: date | None
) -> tuple[float | int | str, ...]:
    """Return the key by which the eligible candidates of a slot are sorted, the best first."""
    item, overlap = candidate
    if sensor is DEM or phase_date is None:
        return (-overlap, item["id"])
    days = days_from_phase(item, phase_date)
    if sensor is S1:
        return (-overlap, days, time_text(item), *orbit_texts(item), item["id"])
    return (-overlap, cloud(item), days, time_text(item), item["id"])


def properties(item: Item) -> dict[str, Any]:
    """Return the item's properties; an empty dict if they are absent."""
    return item.get("properties") or {}


def is_number(value: object) -> TypeGuard[int | float]:
    """True if a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def missing_assets(item: Item, sensor: Sensor) -> tuple[str, ...]:
    """Return the required assets that the item lacks, or has without a link."""
    assets = item.get("assets") or {}
    missing = []
    for key in sensor.assets:
        asset = assets.get(key)
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str) or href == "":
            missing.append(key)
    return tuple(missing)


def has_polarizations(item: Item) -> bool:
    """True if the item has both VV and VH, in any order, maybe with others."""
    values = properties(item).get("sar:polarizations")
    return isinstance(values, list) and "VV" in values and "VH" in values


def cloud(item: Item) -> float:
    """Return the cloud cover in percent; 1000 if it is missing."""
    value = properties(item).get("eo:cloud_cover")
    return float(value) if is_number(value) else MISSING_CLOUD


def orbit_texts(item: Item) -> tuple[str, str]:
    """Return relative orbit and orbit state as text: "15" comes before "9"."""
    orbit = properties(item).get("sat:relative_orbit")
    state = properties(item).get("sat:orbit_state")
    return (str(int(orbit)) if is_number(orbit) else "", state if isinstance(state, str) else "")


def parse_time(text: object) -> datetime | None:
    """Return the UTC moment that a text names; None if it names none."""
    if not isinstance(text, str) or not TIME_PATTERN.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def item_time(item: Item) -> datetime | None:
    """Return the item's `datetime`, else its `start_datetime`, else None."""
    first, second = properties(item).get("datetime"), properties(item).get("start_datetime")
    return parse_time(first) or parse_time(second)


def time_text(item: Item) -> str:
    """Return the canonical text of the item's time; "" if it is unknown."""
    moment = item_time(item)
    return "" if moment is None else moment.isoformat(timespec="microseconds")[:-6] + "Z"


def in_window(item: Item, sensor: Sensor, phase_date: date | None) -> bool:
    """True if the item's time lies in the slot's window, or is unknown."""
    moment = item_time(item)
    if moment is None or sensor.window_days is None or phase_date is None:
        return True
    margin = timedelta(days=sensor.window_days)
    first = datetime.combine(phase_date - margin, time(0, 0, 0), tzinfo=UTC)
    last = datetime.combine(phase_date + margin, time(23, 59, 59), tzinfo=UTC)
    return first <= moment <= last


def day_offset(item: Item, phase_date: date) -> int | None:
    """Return the item's UTC calendar day minus the phase's, in days."""
    moment = item_time(item)
    return None if moment is None else (moment.date() - phase_date).days


def days_from_phase(item: Item, phase_date: date) -> int:
    """Return the number of calendar days between item and phase; 999 if unknown."""
    offset = day_offset(item, phase_date)
    return NAT_DAYS if offset is None else abs(offset)


def meets(item: Item, footprint: BaseGeometry, rectangles: list[Rectangle]) -> bool:
    """True if an item touches one of the AOI's rectangles."""
    if not footprint.is_empty:
        return any(footprint.intersects(box(*rectangle)) for rectangle in rectangles)
    own = bbox_rectangles(item.get("bbox"))
    return any(rectangles_touch(one, other) for one in own for other in rectangles)


def rectangles_touch(one: Rectangle, other: Rectangle) -> bool:
    """True if two closed rectangles have a point in common."""
    meet_x = one[0] <= other[2] and other[0] <= one[2]
    return meet_x and one[1] <= other[3] and other[1] <= one[3]


def overlap_frac(footprint: BaseGeometry, target: BaseGeometry) -> float:
    """Return the share of the target's area under the footprint, to 12 decimals."""
    share = footprint.intersection(target).area / target.area
    return round(min(max(share, 0.0), 1.0), 12)


def item_footprint(item: Item) -> BaseGeometry:
    """Return an item's footprint; empty if it cannot be read."""
    geometry = item.get("geometry")
    if geometry is None:
        return rectangles_area(bbox_rectangles(item.get("bbox")))
    return geojson_area(geometry)


def aoi_area(aoi: dict[str, Any] | list[float]) -> BaseGeometry:
    """Return the AOI as polygons, each on one side of the antimeridian."""
    return geojson_area(aoi) if isinstance(aoi, dict) else rectangles_area(bbox_rectangles(aoi))


def aoi_rectangles(target: BaseGeometry) -> list[Rectangle]:
    """Return the AOI's bounds: two of the same height if it crosses the antimeridian."""
    if target.bounds[0] > -ANTIMERIDIAN or target.bounds[2] < ANTIMERIDIAN:
        return [target.bounds]
    left = [part for part in polygons_in(target) if part.centroid.x > 0]
    right = [part for part in polygons_in(target) if part.centroid.x <= 0]
    _, south, _, north = target.bounds
    spans = [MultiPolygon(side).bounds for side in (left, right) if side]
    return [(west, south, east, north) for west, _, east, _ in spans]


def bbox_rectangles(bbox: list[Any] | None) -> list[Rectangle]:
    """Return the rectangles of a bbox: two across the antimeridian, none if unreadable."""
    match bbox:
        case [west, south, east, north] | [west, south, _, east, north, _]:
            pass
        case _:
            return []
    if not all(is_number(number) for number in (west, south, east, north)):
        return []
    if west > east:
        return [(west, south, ANTIMERIDIAN, north), (-ANTIMERIDIAN, south, east, north)]
    if west >= -ANTIMERIDIAN and east <= ANTIMERIDIAN:
        return [(west, south, east, north)]
    turned = [(west + turn, east + turn) for turn in (-CIRCLE, 0.0, CIRCLE)]
    clipped = [(max(left, -ANTIMERIDIAN), min(right, ANTIMERIDIAN)) for left, right in turned]
    return [(left, south, right, north) for left, right in clipped if left < right]


def rectangles_area(rectangles: list[Rectangle]) -> BaseGeometry:
    """Return rectangles as one area."""
    return unary_union([box(*one) for one in rectangles if one[0] < one[2] and one[1] < one[3]])


def geojson_area(geometry: object) -> BaseGeometry:
    """Return a GeoJSON geometry as one valid area; empty if it cannot be read."""
    try:
        members = read_members(geometry)
    except (TypeError, ValueError):
        return Polygon()
    parts: list[Polygon] = []
    for rings in members:
        # a ring that jumps must be unrolled before it can be repaired
        shell, *holes = unroll(rings)
        for polygon in polygons_in(make_valid(Polygon(shell, holes))):
            parts += wrap(polygon)
    return unary_union(parts)


def unroll(rings: Rings) -> Rings:
    """Shift a polygon's negative longitudes a circle east if it crosses the antimeridian."""
    if not any(jumps(ring) for ring in rings):
        return rings
    return [[(x + CIRCLE if x < 0 else x, y) for x, y in ring] for ring in rings]


def jumps(ring: Ring) -> bool:
    """True if two neighbouring vertices lie more than half a circle apart."""
    return any(abs(after[0] - before[0]) > ANTIMERIDIAN for before, after in pairwise(ring))


def wrap(polygon: Polygon) -> list[Polygon]:
    """Cut a polygon at the antimeridian and move the parts beyond it back into range."""
    west, south, east, north = polygon.bounds
    if west >= -ANTIMERIDIAN and east <= ANTIMERIDIAN:
        return [polygon]
    parts = []
    for turn in (-CIRCLE, 0.0, CIRCLE):
        band = box(turn - ANTIMERIDIAN, south - 1, turn + ANTIMERIDIAN, north + 1)
        inside = polygon.intersection(band)
        parts += [translate(part, xoff=-turn) for part in polygons_in(inside)]
    return parts


def polygons_in(geometry: BaseGeometry) -> Iterator[Polygon]:
    """Yield the polygons of a geometry; lines and points that a repair left have no area."""
    if isinstance(geometry, Polygon):
        if not geometry.is_empty:
            yield geometry
        return
    for part in getattr(geometry, "geoms", ()):
        yield from polygons_in(part)


def read_members(geometry: object) -> list[Rings]:
    """Return the rings of each polygon of a GeoJSON geometry, empty ones left out."""
    match geometry:
        case {"type": "Polygon", "coordinates": [*rings]}:
            members = [rings]
        case {"type": "MultiPolygon", "coordinates": [*members]}:
            pass
        case _:
            raise ValueError
    read = [[read_ring(positions) for positions in rings] for rings in members]
    return [[ring for ring in rings if ring] for rings in read if rings and rings[0]]


def read_ring(positions: list[object]) -> Ring:
    """Return one closed ring as longitude, latitude pairs; heights are left out."""
    ring = []
    for position in positions:
        match position:
            case [x, y, *_] if is_number(x) and is_number(y):
                ring.append((float(x), float(y)))
            case _:
                raise ValueError
    if ring and (len(ring) < CLOSED_RING_LENGTH or ring[0] != ring[-1]):
        raise ValueError
    return ring
