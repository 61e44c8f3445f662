"""Random item sets for comparing the package with its oracle.

Coordinates and properties are drawn from few values, so that ties, touching edges and window edges
are common. Shapes are drawn on an unrolled quarter-degree grid, in which the antimeridian is an
ordinary meridian at 180. Then they are written in one of the ways that catalogs use.
"""

import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any

Item = dict[str, Any]
GeoJSON = dict[str, Any]
Ring = list[list[float]]
Rings = list[Ring]
Spatial = dict[str, Any]  # an item's `geometry` and `bbox`, either of which may be absent

GRID_DEG = 0.25
DEM_SHIFT_DEG = 0.0014
ANTIMERIDIAN = 180.0
CIRCLE = 360.0
MAX_ITEMS = 40
LONGITUDES = (6.0, -60.0, 0.0, 180.0)
LATITUDES = (49.0, -18.0, 0.0)
COLLECTIONS = ("sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30", "landsat-c2-l2")
BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
ASSETS = {
    "sentinel-1-rtc": ("vv", "vh"),
    "sentinel-2-l2a": BANDS,
    "cop-dem-glo-30": ("data",),
    "landsat-c2-l2": ("red",),
}
WINDOW_DAYS = (4, 10)
GARBAGE_TIMES = (None, "", "garbage", "2021-13-45T00:00:00Z", 20210715)
GARBAGE_GEOMETRIES: tuple[GeoJSON, ...] = (
    {"type": "Point", "coordinates": [6.0, 49.0]},
    {"type": "LineString", "coordinates": [[6.0, 49.0], [7.0, 50.0]]},
    {"type": "GeometryCollection", "geometries": []},
    {"type": "Polygon", "coordinates": [[["six", 49.0], [7.0, 49.0], [7.0, 50.0], [6.0, 49.0]]]},
    {"type": "Polygon", "coordinates": [[[6.0], [7.0], [8.0], [6.0]]]},
    {"type": "Polygon", "coordinates": None},
    {"type": "Polygon"},
    {},
)
EMPTY_GEOMETRIES: tuple[GeoJSON, ...] = (
    {"type": "Polygon", "coordinates": []},
    {"type": "MultiPolygon", "coordinates": []},
    {"type": "MultiPolygon", "coordinates": [[]]},
)


@dataclass(frozen=True)
class Case:
    """The input of one event: raw STAC items, an area of interest and dates."""

    items: list[Item]
    aoi: GeoJSON | list[float]
    phase_dates: dict[str, date]


@dataclass(frozen=True)
class Site:
    """Place and times of a case; `spatials` are the footprints so far, some are repeated."""

    rng: Random
    lon: float
    lat: float
    moments: list[datetime]
    spatials: list[Spatial]


def random_case(seed: int) -> Case:
    """Return the case of a seed: 0 to 40 items around an AOI, the same at every call."""
    rng = Random(seed)  # noqa: S311 - the same cases at every run are the point
    phase_dates = random_dates(rng)
    site = Site(rng, rng.choice(LONGITUDES), rng.choice(LATITUDES), [], [])
    site.moments.extend(random_moments(rng, phase_dates))
    aoi = antimeridian_aoi(site) if site.lon == ANTIMERIDIAN else random_aoi(site)
    items: list[Item] = []
    for _ in range(rng.choice((0, 1, 2, 5, 10, 20, 30, MAX_ITEMS))):
        repeats = bool(items) and chance(rng, 0.06)
        items.append(copy.deepcopy(rng.choice(items)) if repeats else random_item(site, items))
    return Case(items, aoi, phase_dates)


def random_dates(rng: Random) -> dict[str, date]:
    """Return four dates in order, so close that the windows share items."""
    event = date(2021, 7, 15) + timedelta(days=rng.randint(-20, 20))
    return {
        "pre_month": event - timedelta(days=rng.choice((30, 14))),
        "pre_event": event - timedelta(days=rng.choice((4, 8))),
        "event": event,
        "post_event": event + timedelta(days=rng.choice((3, 8))),
    }


def random_moments(rng: Random, phase_dates: dict[str, date]) -> list[datetime]:
    """Return a few acquisition times, some on or just beyond the edge of a window."""
    moments = []
    for _ in range(rng.randint(2, 7)):
        day = datetime.combine(rng.choice(list(phase_dates.values())), datetime.min.time(), UTC)
        margin = timedelta(days=rng.choice(WINDOW_DAYS))
        last = day + margin + timedelta(hours=23, minutes=59, seconds=59)
        second = timedelta(seconds=1)
        edges = (day - margin, day - margin - second, last, last + second, last + second / 2)
        near = day + timedelta(days=rng.randint(-3, 3), hours=10, seconds=31)
        moments.append(rng.choice(edges) if chance(rng, 0.4) else near)
        moments.append(near + rng.choice((timedelta(0), timedelta(milliseconds=24), second)))
    return moments


def random_item(site: Site, items: list[Item]) -> Item:
    """Return a new item with an id that its collection does not have yet."""
    rng = site.rng
    collection = rng.choices(COLLECTIONS, weights=(40, 40, 18, 2))[0]
    taken = {item["id"] for item in items if item["collection"] == collection}
    item_id = random_id(rng)
    while item_id in taken:
        item_id = random_id(rng)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "collection": collection,
        "properties": random_properties(site, collection),
        "assets": random_assets(rng, collection),
        "links": [],
        **random_spatial(site, collection),
    }


def random_id(rng: Random) -> str:
    """Return a short id: one may be the start of another, and case matters."""
    return "".join(rng.choices("abAB019_-", k=rng.randint(1, 5)))


def random_properties(site: Site, collection: str) -> dict[str, Any]:
    """Return the properties that the policy reads; some may be missing."""
    rng = site.rng
    properties = random_times(site)
    if collection == "sentinel-1-rtc":
        names = ("VV VH", "VH VV", "VV VH HH", "VV", "VH", "HH HV", "")
        properties["sar:polarizations"] = rng.choices(names, (9, 9, 3, 1, 1, 1, 1))[0].split()
        properties["sat:relative_orbit"] = rng.choice((9, 15, 110, None))
        properties["sat:orbit_state"] = rng.choice(("ascending", "descending", None))
    else:
        clouds = (0, 0.0, 5, 5.0, 12.5, 24.999, 25, 25.0, 60, None, "10", True)
        weights = (4, 4, 4, 4, 4, 3, 1, 1, 1, 1, 1, 1)
        properties["eo:cloud_cover"] = rng.choices(clouds, weights)[0]
    for key in [key for key in properties if ":" in key]:
        if chance(rng, 0.05):
            del properties[key]
    return properties


def random_times(site: Site) -> dict[str, Any]:
    """Return the time properties of an item; one in ten has no time."""
    rng = site.rng
    known = time_text(rng, rng.choice(site.moments))
    other = time_text(rng, rng.choice(site.moments))
    garbage = rng.choice(GARBAGE_TIMES)
    forms: tuple[dict[str, Any], ...] = (
        {"datetime": known},
        {"datetime": known, "start_datetime": other},
        {"datetime": None, "start_datetime": known, "end_datetime": other},
        {"datetime": garbage, "start_datetime": known},
        {"start_datetime": known},
        {"datetime": garbage},
        {"datetime": garbage, "start_datetime": "garbage"},
        {},
    )
    return rng.choices(forms, weights=(66, 6, 8, 4, 4, 5, 2, 2))[0]


def time_text(rng: Random, moment: datetime) -> str:
    """Write a moment in one of several forms."""
    plain = moment.replace(tzinfo=None)
    east = moment.astimezone(timezone(timedelta(hours=2)))
    west = moment.astimezone(timezone(-timedelta(hours=9, minutes=30)))
    forms = (
        f"{plain.isoformat()}Z",
        f"{plain.isoformat(timespec='microseconds')}Z",
        plain.isoformat(),
        f"{plain.isoformat(sep=' ')}Z",
        plain.isoformat(sep=" "),
        moment.isoformat(),
        east.isoformat(),
        west.isoformat(sep=" "),
    )
    return rng.choices(forms, weights=(6, 6, 1, 1, 1, 1, 1, 1))[0]


def random_assets(rng: Random, collection: str) -> dict[str, Any]:
    """Return the collection's assets; sometimes one is missing or has no link."""
    assets: dict[str, Any] = {
        key: {"href": f"https://example.com/{key}.tif"} for key in ASSETS[collection]
    }
    assets["thumbnail"] = {"href": "https://example.com/thumbnail.png"}
    if chance(rng, 0.15):
        for key in rng.choices(ASSETS[collection], k=rng.randint(1, 3)):
            assets[key] = rng.choice(({}, {"href": ""}, {"href": None}, {"title": key}))
            if chance(rng, 0.6):
                del assets[key]
    return assets


def random_spatial(site: Site, collection: str) -> Spatial:
    """Return an item's geometry and bbox, often the same as of an earlier item."""
    rng = site.rng
    if site.spatials and chance(rng, 0.35):
        return copy.deepcopy(rng.choice(site.spatials))
    is_tile = collection == "cop-dem-glo-30" and chance(rng, 0.6)
    polygons = [dem_tile(site)] if is_tile else random_polygons(site)
    spatial = spoiled(rng, {"geometry": encode(rng, polygons), "bbox": encode_bbox(rng, polygons)})
    site.spatials.append(spatial)
    return copy.deepcopy(spatial)


def spoiled(rng: Random, spatial: Spatial) -> Spatial:
    """Return a geometry and bbox; one in three is unusual in some way."""
    kinds = ("", "3d", "empty member", "null", "absent", "empty", "garbage", "no bbox", "bad bbox")
    kind = rng.choices(kinds, weights=(66, 5, 6, 7, 3, 4, 3, 4, 2))[0]
    geometry = spatial["geometry"]
    if kind == "3d":
        lift(geometry["coordinates"])
    elif kind == "empty member":
        members = [geometry["coordinates"]] if geometry["type"] == "Polygon" else None
        members = geometry["coordinates"] if members is None else members
        members.insert(rng.randint(0, len(members)), [])
        spatial["geometry"] = {"type": "MultiPolygon", "coordinates": members}
    elif kind == "null":
        spatial["geometry"] = None
    elif kind == "absent":
        del spatial["geometry"]
    elif kind == "empty":
        spatial["geometry"] = copy.deepcopy(rng.choice(EMPTY_GEOMETRIES))
    elif kind == "garbage":
        spatial["geometry"] = copy.deepcopy(rng.choice(GARBAGE_GEOMETRIES))
    elif kind == "bad bbox":
        spatial["bbox"] = rng.choice(([], [1.0, 2.0, 3.0], None, [100.0, 10.0, 101.0, 11.0]))
    if kind == "no bbox" or (kind in ("null", "absent", "empty", "garbage") and chance(rng, 0.2)):
        del spatial["bbox"]
    return spatial


def lift(coordinates: list[Any]) -> None:
    """Give every position a height."""
    for child in coordinates:
        if isinstance(child[0], list):
            lift(child)
        else:
            child.append(12.5)


def shape(kind: str, west: float, south: float, east: float, north: float) -> list[Rings]:
    """Return the polygons of a named shape that fills a rectangle."""
    mid_x, mid_y = (west + east) / 2, (south + north) / 2
    quarter_x, quarter_y = (west + mid_x) / 2, (south + mid_y) / 2
    start, whole = [west, south], box_ring(west, south, east, north)
    right = box_ring(mid_x, south, east, north)
    notch = [[east, mid_y], [mid_x, mid_y], [mid_x, north]]
    shapes: dict[str, list[Rings]] = {
        "box": [[whole]],
        "triangle": [[[start, [east, south], [west, north], start]]],
        "bow-tie": [[[start, [east, north], [east, south], [west, north], start]]],
        "L": [[[start, [east, south], *notch, [west, north], start]]],
        "holed": [[whole, box_ring(quarter_x, quarter_y, mid_x, mid_y)[::-1]]],
        "pair": [[box_ring(west, south, quarter_x, mid_y)], [right]],
        "halves": [[box_ring(west, south, mid_x, north)], [right]],
    }
    return [[[[x, y] for x, y in ring] for ring in rings] for rings in shapes[kind]]


def box_ring(west: float, south: float, east: float, north: float) -> Ring:
    """Return a rectangle's ring, counter-clockwise."""
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def random_polygons(site: Site) -> list[Rings]:
    """Return a footprint near the AOI, in unrolled longitudes."""
    rng, lon, lat = site.rng, site.lon, site.lat
    if chance(rng, 0.3):
        return shape("box", lon - 2, lat - 2, lon + 3, lat + 3)
    west = lon + GRID_DEG * rng.randint(-6, 3)
    south = lat + GRID_DEG * rng.randint(-5, 3)
    east = west + GRID_DEG * rng.choice((1, 2, 4, 8))
    north = south + GRID_DEG * rng.choice((1, 2, 4, 8))
    kinds = ("box", "triangle", "bow-tie", "L", "holed", "pair", "halves")
    kind = rng.choices(kinds, weights=(8, 3, 2, 2, 2, 2, 1))[0]
    return shape(kind, west, south, east, north)


def dem_tile(site: Site) -> Rings:
    """Return a one-degree tile, slightly shifted, also across the antimeridian."""
    west = site.lon + site.rng.randint(-2, 1)
    south = site.lat + site.rng.randint(-1, 1) + DEM_SHIFT_DEG
    if west >= ANTIMERIDIAN:
        west -= CIRCLE
    west = round(west - DEM_SHIFT_DEG, 4)
    return [box_ring(west, south, round(west + 1, 4), south + 1)]


def random_aoi(site: Site) -> GeoJSON | list[float]:
    """Return an AOI on one side of the antimeridian."""
    rng = site.rng
    west = site.lon + GRID_DEG * rng.randint(-3, 0)
    east = site.lon + GRID_DEG * rng.choice((1, 2, 4))
    return aoi_in(rng, west, site.lat + GRID_DEG * rng.randint(-2, 0), east)


def aoi_in(rng: Random, west: float, south: float, east: float) -> GeoJSON | list[float]:
    """Return a bbox or an AOI of some shape between two longitudes."""
    north = south + GRID_DEG * rng.choice((1, 2, 4, 6))
    if chance(rng, 0.4):
        return [west, south, east, north]
    kind = rng.choice(("box", "triangle", "L", "holed", "pair"))
    polygons = shape(kind, west, south, east, north)
    if len(polygons) > 1 or chance(rng, 0.2):
        return {"type": "MultiPolygon", "coordinates": polygons}
    return {"type": "Polygon", "coordinates": polygons[0]}


def antimeridian_aoi(site: Site) -> GeoJSON | list[float]:
    """Return an AOI that crosses the antimeridian, touches it or ends close to it."""
    rng = site.rng
    west, east = 180 - GRID_DEG * rng.randint(1, 4), -180 + GRID_DEG * rng.randint(1, 4)
    south, other = (site.lat + GRID_DEG * rng.randint(-2, 0) for _ in range(2))
    north, other_north = (low + GRID_DEG * rng.choice((1, 2, 4)) for low in (south, other))
    kind = rng.choice(("bbox", "split", "split", "west", "east"))
    if kind == "bbox":
        return [west, south, east, north]
    if kind == "west":
        return aoi_in(rng, west - GRID_DEG, south, 180 - GRID_DEG * rng.randint(0, 1))
    if kind == "east":
        return aoi_in(rng, -180 + GRID_DEG * rng.randint(0, 1), south, east + GRID_DEG)
    left = [box_ring(west, south, 180.0, north)]
    if chance(rng, 0.4):
        left = [[[west, south], [180.0, south], [180.0, north], [west, south]]]
    right = shape(rng.choice(("box", "triangle", "L")), -180.0, other, east, other_north)
    return {"type": "MultiPolygon", "coordinates": [left, *right]}


def encode(rng: Random, polygons: list[Rings]) -> GeoJSON:
    """Write unrolled polygons as GeoJSON, in one of the ways to cross the antimeridian."""
    members = [member for rings in polygons for member in encode_polygon(rng, rings)]
    if len(members) > 1 or chance(rng, 0.15):
        return {"type": "MultiPolygon", "coordinates": members}
    return {"type": "Polygon", "coordinates": members[0]}


def encode_polygon(rng: Random, rings: Rings) -> list[Rings]:
    """Write one unrolled polygon: split, jumping, or with longitudes out of range."""
    longitudes = [x for x, _ in rings[0]]
    west, east = min(longitudes), max(longitudes)
    if east <= ANTIMERIDIAN:
        return [rings]
    lower = [[[x - CIRCLE, y] for x, y in ring] for ring in rings]
    if west >= ANTIMERIDIAN:
        return [lower]
    south, north = rings[0][0][1], rings[0][2][1]
    way = rng.choice(("split", "jump", "jump", "high", "low"))
    if way == "split" and rings == [box_ring(west, south, east, north)]:
        halves = (box_ring(west, south, 180, north), box_ring(-180, south, east - CIRCLE, north))
        return [[half] for half in halves]
    if way in ("high", "low"):
        return [rings if way == "high" else lower]
    return [[[[x - CIRCLE if x > ANTIMERIDIAN else x, y] for x, y in ring] for ring in rings]]


def encode_bbox(rng: Random, polygons: list[Rings]) -> list[float]:
    """Return the bounds of unrolled polygons; west > east across the antimeridian."""
    positions = [position for rings in polygons for position in rings[0]]
    west, east = min(x for x, _ in positions), max(x for x, _ in positions)
    south, north = min(y for _, y in positions), max(y for _, y in positions)
    if west >= ANTIMERIDIAN:
        west -= CIRCLE
    if east > ANTIMERIDIAN:
        east -= CIRCLE
    if chance(rng, 0.15):
        return [west, south, 0.0, east, north, 100.0]
    return [west, south, east, north]


def chance(rng: Random, share: float) -> bool:
    """Return True in a share of the calls."""
    return rng.random() < share
