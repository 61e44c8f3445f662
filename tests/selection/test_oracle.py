"""The oracle on cases small enough to work out by hand."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import pytest

from tests.selection.oracle import DEM, S2, Row, choose
from tests.selection.strategies import random_case

AOI = [0.0, 0.0, 1.0, 1.0]
EVENT = {"event": date(2021, 7, 15)}
NOON = "2021-07-15T12:00:00Z"
Item = dict[str, Any]


@dataclass(frozen=True)
class Box:
    """A rectangle in degrees that can be written as GeoJSON."""

    west: float
    south: float
    east: float
    north: float

    def geojson(self) -> dict[str, Any]:
        """Return the rectangle as a GeoJSON Polygon."""
        low, high = [self.west, self.south], [self.east, self.north]
        ring = [low, [self.east, self.south], high, [self.west, self.north], low]
        return {"type": "Polygon", "coordinates": [ring]}


WHOLE = Box(-1, -1, 2, 2).geojson()
WEST_HALF = Box(0, 0, 0.5, 1).geojson()


def s1(
    item_id: str, geometry: object = WHOLE, *, time: str = NOON, also: Item | None = None
) -> Item:
    """Return a Sentinel-1 item that is eligible by default."""
    return {
        "id": item_id,
        "collection": "sentinel-1-rtc",
        "geometry": geometry,
        "properties": {"datetime": time, "sar:polarizations": ["VH", "VV"]} | (also or {}),
        "assets": {"vv": {"href": "a"}, "vh": {"href": "b"}},
    }


def s2(item_id: str, cloud: object, *, time: str = NOON, geometry: object = WHOLE) -> Item:
    """Return a Sentinel-2 item with all its bands."""
    return {
        "id": item_id,
        "collection": "sentinel-2-l2a",
        "geometry": geometry,
        "properties": {"datetime": time, "eo:cloud_cover": cloud},
        "assets": {band: {"href": band} for band in S2.assets},
    }


def dem(item_id: str, geometry: object) -> Item:
    """Return a DEM tile."""
    assets = {"data": {"href": "a"}}
    collection = DEM.collection
    return {"id": item_id, "collection": collection, "geometry": geometry, "assets": assets}


def ids(rows: list[Row]) -> list[str]:
    """Return the rows' item ids in order."""
    return [row.item_id for row in rows]


def overlap(geometry: object, aoi: Any = AOI, **item: object) -> float | None:  # noqa: ANN401
    """Return the overlap of one footprint; None if it is no candidate."""
    rows = choose([s1("a", geometry) | item], aoi, EVENT)
    return rows[0].overlap_frac if rows else None


def test_row_of_the_only_candidate() -> None:
    """A scene over the west half, two days early, is selected with half the overlap."""
    rows = choose([s1("a", WEST_HALF, time="2021-07-13T23:00:00Z")], AOI, EVENT)
    assert rows == [Row("event", "S1RTC", "a", 0.5, 2, -2, (), "selected", 1, selected=True)]


def test_sentinel_1_order() -> None:
    """Overlap comes first, then days, time, the orbit's text, its state and the id."""
    orbit = "sat:relative_orbit"
    items = [
        s1("half", WEST_HALF),
        s1("far", time="2021-07-16T00:00:00Z"),
        s1("late", time="2021-07-15T12:00:01Z"),
        s1("nine", also={orbit: 9}),
        s1("fifteen-b", also={orbit: 15, "sat:orbit_state": "descending"}),
        s1("fifteen-a", also={orbit: 15, "sat:orbit_state": "descending"}),
        s1("fifteen-c", also={orbit: 15, "sat:orbit_state": "ascending"}),
        s1("no-orbit"),
        s1("no-time", time="garbage"),
    ]
    rows = choose(items, AOI, EVENT)
    fifteens = ["fifteen-c", "fifteen-a", "fifteen-b"]
    assert ids(rows) == ["no-orbit", *fifteens, "nine", "late", "far", "no-time", "half"]
    assert [row.rank for row in rows] == list(range(1, 10))
    assert [row.selected for row in rows] == [True] + [False] * 8
    assert (rows[7].days_from_phase, rows[7].day_offset) == (999, None)


def test_sentinel_2_order() -> None:
    """Cloud outweighs days, days outweigh the time's text, and the rejected follow by id."""
    items = [
        s2("missing", None),
        s2("limit", 25),
        s2("clear", 0, time="2021-07-20T12:00:00Z"),
        s2("hazy", 24.9),
        s2("hazy-early", 24.9, time="2021-07-15T11:00:00Z"),
        s2("hazy-day-before", 24.9, time="2021-07-14T11:00:00Z"),
    ]
    rows = choose(items, AOI, EVENT)
    ranked = ["clear", "hazy-early", "hazy", "hazy-day-before"]
    assert ids(rows) == [*ranked, "limit", "missing"]
    assert [row.verdict for row in rows] == ["selected"] + ["eligible"] * 3 + ["too_cloudy"] * 2
    assert [row.rank for row in rows[4:]] == [None, None]


def test_every_dem_tile_with_overlap_is_selected() -> None:
    """Tiles are ranked by overlap, then id; one that only touches the AOI is rejected."""
    tiles = [dem("b", WEST_HALF), dem("a", WEST_HALF), dem("whole", WHOLE)]
    rows = choose([*tiles, dem("edge", Box(1, 0, 2, 1).geojson())], AOI, EVENT)
    assert ids(rows) == ["whole", "a", "b", "edge"]
    assert [row.selected for row in rows] == [True, True, True, False]
    assert rows[3] == Row(
        None, "DEM", "edge", 0.0, None, None, (), "no_overlap", None, selected=False
    )


def test_first_reason_is_the_verdict() -> None:
    """No overlap outweighs missing assets; missing assets outweigh missing polarisations."""
    single = {"sar:polarizations": ["VV"]}
    no_assets: Item = {"assets": {"vv": {"href": ""}}}
    items = [
        s1("a", Box(1, 1, 2, 2).geojson(), also=single) | no_assets,
        s1("b", also=single) | no_assets,
        s1("c", also=single),
        s1("d", also={"sar:polarizations": ["VV", "HH", "VH"]}),
    ]
    rows = choose(items, AOI, EVENT)
    verdicts = {row.item_id: (row.verdict, row.missing_assets) for row in rows}
    assert verdicts == {
        "d": ("selected", ()),
        "a": ("no_overlap", ("vv", "vh")),
        "b": ("missing_assets", ("vv", "vh")),
        "c": ("missing_polarizations", ()),
    }


@pytest.mark.parametrize(
    ("time", "offset"),
    [
        ("2021-07-11T00:00:00Z", -4),
        ("2021-07-10T23:59:59Z", None),
        ("2021-07-19 23:59:59", 4),
        ("2021-07-19T23:59:59.5Z", None),
        ("2021-07-20T00:00:00Z", None),
        ("2021-07-20T01:00:00+02:00", 4),
    ],
)
def test_window_is_closed_to_the_second(time: str, offset: int | None) -> None:
    """The window reaches from midnight to the last whole second, in UTC."""
    assert [row.day_offset for row in choose([s1("a", time=time)], AOI, EVENT)] == (
        [] if offset is None else [offset]
    )


def test_start_datetime_stands_in() -> None:
    """`start_datetime` replaces a `datetime` that cannot be read."""
    rows = choose(
        [s1("a", time="garbage", also={"start_datetime": "2021-07-16T00:00:00Z"})], AOI, EVENT
    )
    assert [row.day_offset for row in rows] == [1]


def test_footprints_without_geometry() -> None:
    """A null geometry is its bbox; an empty or unreadable one covers nothing."""
    bbox = [0.0, 0.0, 0.5, 1.0]
    empty = {"type": "Polygon", "coordinates": []}
    assert overlap(None, bbox=bbox) == 0.5
    assert overlap(None, bbox=[0.0, 0.0, -9.0, 0.5, 1.0, 9.0]) == 0.5
    assert overlap(None) is None
    assert overlap(empty, bbox=bbox) == 0.0
    assert overlap({"type": "Point", "coordinates": [0, 0]}, bbox=bbox) == 0.0
    assert overlap(empty, bbox=[1.5, 0.0, 2.0, 1.0]) is None
    assert overlap(empty) is None


def test_unusual_polygons() -> None:
    """Empty members drop out, holes count, and a bow-tie is its two triangles."""
    west = WEST_HALF["coordinates"]
    hole = [[0.25, 0.25], [0.25, 0.75], [0.75, 0.75], [0.75, 0.25], [0.25, 0.25]]
    bow_tie = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    assert overlap({"type": "MultiPolygon", "coordinates": [[], west]}) == 0.5
    assert overlap({"type": "Polygon", "coordinates": [*WHOLE["coordinates"], hole]}) == 0.75
    assert overlap({"type": "Polygon", "coordinates": [bow_tie]}) == 0.5


def test_candidates_meet_the_bounds_of_the_aoi() -> None:
    """A scene in the empty corner of a triangle is a candidate that covers nothing."""
    triangle = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]]}
    assert overlap(Box(0.75, 0.75, 2, 2).geojson(), triangle) == 0.0
    assert overlap(WEST_HALF, triangle) == 0.75
    assert overlap(Box(1.25, 0, 2, 2).geojson(), triangle) is None


def test_antimeridian() -> None:
    """Split, jumping, out of range or by bbox, a footprint across 180 covers both sides."""
    aoi = [179.0, 0.0, -179.0, 1.0]
    halves = [Box(179.5, 0, 180, 1).geojson(), Box(-180, 0, -179.5, 1).geojson()]
    split = {"type": "MultiPolygon", "coordinates": [half["coordinates"] for half in halves]}
    assert overlap(split, aoi) == 0.5
    assert overlap(Box(179.5, 0, -179.5, 1).geojson(), aoi) == 0.5
    assert overlap(Box(179.5, 0, 180.5, 1).geojson(), aoi) == 0.5
    assert overlap(Box(-180.5, 0, -179.5, 1).geojson(), aoi) == 0.5
    assert overlap(None, aoi, bbox=[179.5, 0.0, -179.5, 1.0]) == 0.5
    assert overlap(halves[0], split) == 0.5
    assert overlap(Box(-10, 0, 10, 1).geojson(), split) is None


def test_repeats_count_once() -> None:
    """An item that an answer holds twice is one candidate."""
    assert ids(choose([s1("b"), s1("a"), s1("b")], AOI, EVENT)) == ["a", "b"]


def test_random_cases_are_json_and_repeatable() -> None:
    """A seed gives the same case, which survives JSON; order does not change the choice."""
    seen = set()
    for seed in range(300):
        case = random_case(seed)
        assert case == random_case(seed)
        assert orjson.loads(orjson.dumps([case.items, case.aoi])) == [case.items, case.aoi]
        rows = choose(case.items, case.aoi, case.phase_dates)
        assert rows == choose(case.items[::-1], case.aoi, case.phase_dates)
        seen |= {row.verdict for row in rows}
    rejections = {"no_overlap", "missing_assets", "missing_polarizations", "too_cloudy"}
    assert seen == {"selected", "eligible"} | rejections
