"""Event files: readers of each type, and messages about invalid rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import orjson
import pytest
import shapely

from floodscan import EventError, Phase, Recipe, read_events
from floodscan.inputs.areas import utm_crs
from floodscan.inputs.event_files import list_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from floodscan import Event

OFFSETS = Recipe().phase_offset_days
SQUARE = shapely.box(6.0, 49.0, 6.5, 49.5)
TOML = """
[[event]]
event_id = "first"
bbox = [6.0, 49.0, 6.5, 49.5]
event_date = 2021-07-15
"""


def read(path: Path) -> list[Event]:
    """Read a file with the default offsets."""
    return read_events(path, phase_offset_days=OFFSETS)


def problem(path: Path, text: str | bytes) -> str:
    """Write a file, read it, and return the text of the error."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(EventError) as error:
        read(path)
    assert str(path) in str(error.value)
    return str(error.value)


def check_square(events: list[Event]) -> None:
    """Check that an event is the square of the phase dates of 15 July 2021."""
    assert [event.event_id for event in events] == ["first"]
    assert events[0].aoi.equals(SQUARE)
    assert events[0].phase_dates == {
        Phase.PRE_MONTH: date(2021, 6, 15),
        Phase.PRE_EVENT: date(2021, 7, 11),
        Phase.EVENT: date(2021, 7, 15),
        Phase.POST_EVENT: date(2021, 7, 18),
    }
    assert events[0].onset == datetime(2021, 7, 15, tzinfo=UTC)
    assert events[0].target_crs == "EPSG:32632"


def test_reads_toml(tmp_path: Path) -> None:
    """The phases follow from the event date by the offsets of the recipe."""
    file = tmp_path / "events.toml"
    file.write_text(TOML)
    check_square(read(file))


def test_reads_csv(tmp_path: Path) -> None:
    """The area is in the columns west, south, east and north."""
    file = tmp_path / "events.csv"
    file.write_text(
        "event_id,west,south,east,north,event_date,country\nfirst,6.0,49.0,6.5,49.5,2021-07-15,LU\n"
    )
    check_square(read(file))


def test_reads_geojson(tmp_path: Path) -> None:
    """Each feature is an event."""
    file = tmp_path / "events.geojson"
    geometry = orjson.loads(shapely.to_geojson(SQUARE))
    dates = {
        "pre_month": "2021-06-15",
        "pre_event": "2021-07-11",
        "event": "2021-07-15",
        "post_event": "2021-07-18",
    }
    feature = {
        "type": "Feature",
        "geometry": geometry,
        "properties": {"event_id": "first", "phase_dates": dates},
    }
    file.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": [feature]}))
    check_square(read(file))


@pytest.mark.parametrize("crs", ["OGC:CRS84", "EPSG:4326"])
def test_reads_geoparquet(tmp_path: Path, crs: str) -> None:
    """Each row is an event, with one column per phase or a date."""
    file = tmp_path / "events.parquet"
    frame = gpd.GeoDataFrame(
        {"event_id": ["first"], "event_date": [date(2021, 7, 15)]}, geometry=[SQUARE], crs=crs
    )
    frame.to_parquet(file)
    check_square(read(file))


def test_geoparquet_in_another_crs_is_converted_to_degrees(tmp_path: Path) -> None:
    """An AOI in metres covers the same area."""
    file = tmp_path / "events.parquet"
    frame = gpd.GeoDataFrame(
        {"event_id": ["first"], "event_date": ["2021-07-15"]}, geometry=[SQUARE], crs="OGC:CRS84"
    )
    frame.to_crs("EPSG:32632").to_parquet(file)
    (event,) = read(file)
    assert event.aoi.symmetric_difference(SQUARE).area < 1e-9


def write_squares(path: Path, squares: Iterable[shapely.Geometry]) -> None:
    """Write an event per geometry, in row groups of 700."""
    areas = list(squares)
    ids = [f"e{number}" for number in range(1, len(areas) + 1)]
    frame = gpd.GeoDataFrame(
        {"event_id": ids, "event_date": "2021-07-15"}, geometry=areas, crs="OGC:CRS84"
    )
    frame.to_parquet(path, row_group_size=700)


def test_a_long_geoparquet_is_read_part_by_part(tmp_path: Path) -> None:
    """All rows are events, in their order; an invalid row has its number in the file."""
    squares = [shapely.box(n / 100, 49.0, n / 100 + 0.5, 49.5) for n in range(2500)]
    write_squares(tmp_path / "events.parquet", squares)
    events = read(tmp_path / "events.parquet")
    assert [event.event_id for event in events] == [f"e{number}" for number in range(1, 2501)]
    assert all(event.aoi.equals(square) for event, square in zip(events, squares, strict=True))
    squares[2400] = shapely.Polygon()
    write_squares(tmp_path / "events.parquet", squares)
    with pytest.raises(EventError, match="row 2401, field 'geometry': has no area"):
        read(tmp_path / "events.parquet")


def test_reads_an_aoi_from_a_file_beside(tmp_path: Path) -> None:
    """``aoi`` names a GeoJSON file, relative to the event file."""
    (tmp_path / "area.geojson").write_text(shapely.to_geojson(SQUARE))
    file = tmp_path / "events.toml"
    file.write_text(TOML.replace("bbox = [6.0, 49.0, 6.5, 49.5]", 'aoi = "area.geojson"'))
    check_square(read(file))


def test_bbox_across_the_antimeridian_becomes_two_boxes(tmp_path: Path) -> None:
    """A west greater than east crosses it; the event keeps the bbox as it is written."""
    file = tmp_path / "events.toml"
    file.write_text(TOML.replace("6.0, 49.0, 6.5, 49.5", "179.0, -18.0, -179.5, -17.0"))
    (event,) = read(file)
    assert event.aoi.area == pytest.approx(1.5)
    assert event.bbox == (179.0, -18.0, -179.5, -17.0)
    assert event.target_crs == "EPSG:32760"


def test_onset_keeps_its_zone(tmp_path: Path) -> None:
    """An onset with an offset is converted to UTC; without an offset it is UTC."""
    file = tmp_path / "events.toml"
    file.write_text(TOML + "onset = 2021-07-14T20:00:00+02:00\n")
    assert read(file)[0].onset == datetime(2021, 7, 14, 18, tzinfo=UTC)
    file.write_text(TOML + "onset = 2021-07-14T20:00:00\n")
    assert read(file)[0].onset == datetime(2021, 7, 14, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("box", "zone"),
    [
        ((5.7, 49.4, 6.5, 50.1), "EPSG:32632"),
        ((-70.0, -40.0, -69.0, -39.0), "EPSG:32719"),
        ((-180.0, 0.0, -179.0, 1.0), "EPSG:32601"),
        ((179.0, 0.0, 180.0, 1.0), "EPSG:32660"),
    ],
)
def test_utm_zone_is_that_of_the_centre(box: tuple[float, float, float, float], zone: str) -> None:
    """Zones are six degrees wide, from 180° west."""
    assert utm_crs(box) == zone


BAD_TOML = {
    "not TOML": ("[[event", "can't be read", ()),
    "no event": ("", "has no event in it", ()),
    "single brackets": ("[event]\nevent_id = 'x'", "[[event]]", ("event",)),
    "unknown key": (TOML + "colour = 'blue'\n", "unknown", ("event 1", "colour")),
    "unknown table": (TOML + "[[evnt]]\n", "did you mean 'event'?", ("evnt",)),
    "longitude out of range": (TOML.replace("6.5,", "186.5,"), "±180°", ("event 1", "bbox")),
    "latitude out of range": (TOML.replace("49.5]", "95.0]"), "±90°", ("event 1", "bbox")),
    "no area": (TOML.replace("49.5]", "49.0]"), "no area", ("event 1", "bbox")),
    "south above north": (TOML.replace("49.5]", "48.0]"), "above north", ("event 1", "bbox")),
    "three numbers": (TOML.replace(", 49.5]", "]"), "four numbers", ("event 1", "bbox")),
    "not a number": (TOML.replace("49.5]", "'north']"), "four numbers", ("event 1", "bbox")),
    "infinite": (TOML.replace("49.5]", "inf]"), "±90°", ("event 1", "bbox")),
    "nan": (TOML.replace("49.5]", "nan]"), "±90°", ("event 1", "bbox")),
    "no bbox": (TOML.replace("bbox =", "onset = 2021-07-15 #"), "is missing", ("event 1", "bbox")),
    "missing aoi file": (
        TOML.replace("bbox = [", "aoi = 'none.geojson' # ["),
        "No such file",
        ("event 1", "aoi"),
    ),
    "bad date": (
        TOML.replace("2021-07-15", "'15.7.2021'"),
        "not a date",
        ("event 1", "event_date"),
    ),
    "no date": (
        TOML.replace("event_date = 2021-07-15", ""),
        "is missing",
        ("event 1", "event_date"),
    ),
    "bad onset": (TOML + "onset = 'noon'\n", "not a time", ("event 1", "onset")),
    "no id": (TOML.replace('"first"', '""'), "is missing", ("event 1", "event_id")),
    "path as id": (TOML.replace('"first"', '"../x"'), "file name", ("event 1", "event_id")),
    "hidden file as id": (TOML.replace('"first"', '".x"'), "file name", ("event 1", "event_id")),
    "same id twice": (TOML + TOML, "twice", ("event 2", "event_id")),
    "unknown system": (
        TOML + "target_crs = 'EPSG:1'\n",
        "not a coordinate system",
        ("event 1", "target_crs"),
    ),
    "a system of elsewhere": (
        TOML.replace("6.0, 49.0, 6.5, 49.5", "96.0, 0.2, 96.5, 0.9")
        + "target_crs = 'EPSG:32632'\n",
        "EPSG:32647 does",
        ("event 1", "target_crs"),
    ),
    "degrees as system": (
        TOML + "target_crs = 'EPSG:4326'\n",
        "not a projected system",
        ("event 1", "target_crs"),
    ),
    "unknown phase": (
        TOML.replace("event_date = 2021-07-15", "phase_dates = {before = 2021-07-15}"),
        "unknown phase",
        ("event 1", "phase_dates.before"),
    ),
    "phase left out": (
        TOML.replace("event_date = 2021-07-15", "phase_dates = {event = 2021-07-15}"),
        "is missing",
        ("event 1", "phase_dates.pre_month"),
    ),
    "dates out of order": (
        TOML.replace(
            "event_date = 2021-07-15",
            "phase_dates = {pre_month=2021-07-01, pre_event=2021-06-01, "
            "event=2021-07-15, post_event=2021-07-16}",
        ),
        "out of order",
        ("event 1", "phase_dates"),
    ),
}


@pytest.mark.parametrize("case", BAD_TOML)
def test_invalid_toml_is_reported_with_row_and_field(tmp_path: Path, case: str) -> None:
    """The message has file, row and field, and says what to do."""
    text, expected, place = BAD_TOML[case]
    message = problem(tmp_path / "events.toml", text)
    assert expected in message
    for part in place:
        assert part in message


def test_all_invalid_rows_are_reported_at_once(tmp_path: Path) -> None:
    """The message lists the first twenty invalid rows, and counts the rest."""
    rows = "".join(f"x{n},6,49,6,49.5,2021-07-15\n" for n in range(23))
    message = problem(tmp_path / "events.csv", "event_id,west,south,east,north,event_date\n" + rows)
    assert [f"line {n}," in message for n in range(2, 25)] == [True] * 20 + [False] * 3
    assert "and 3 more problems" in message


def test_invalid_geometries_are_reported(tmp_path: Path) -> None:
    """The message names the feature of each empty, flat or linear area."""
    areas = [
        "POLYGON EMPTY",
        "POLYGON ((0 0, 1 1, 0 0, 0 0))",
        "LINESTRING (0 0, 1 1)",
        "POLYGON ((0 0, 1 0, 200 1, 0 0))",
    ]
    features = [
        {
            "type": "Feature",
            "geometry": orjson.loads(shapely.to_geojson(shapely.from_wkt(wkt))),
            "properties": {"event_id": f"e{n}", "event_date": "2021-07-15"},
        }
        for n, wkt in enumerate(areas)
    ]
    features.append(
        {
            "type": "Feature",
            "geometry": None,
            "properties": {"event_id": "e9", "event_date": "2021-07-15"},
        }
    )
    message = problem(
        tmp_path / "e.geojson", orjson.dumps({"type": "FeatureCollection", "features": features})
    )
    for number, expected in enumerate(
        ["no area", "no area", "is a LineString", "±180°", "is missing"], 1
    ):
        assert f"feature {number}" in message
        assert expected in message.splitlines()[number - 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("events.txt", "x"),
        ("events.geojson", "{"),
        ("events.geojson", '{"type": "Feature"}'),
        ("events.parquet", "not parquet"),
        ("events.csv", "\udcff".encode("utf-8", "surrogateescape")),
    ],
)
def test_unreadable_file_is_reported(tmp_path: Path, name: str, text: str | bytes) -> None:
    """The type may be unknown, or the content may not fit the type."""
    assert problem(tmp_path / name, text)


def test_missing_file_is_reported(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(EventError, match=r"none\.toml: No such file"):
        read(tmp_path / "none.toml")


def test_a_file_is_listed_with_each_id_once(tmp_path: Path) -> None:
    """The ids are in the order of the file; a second one is reported with its line."""
    file = tmp_path / "events.csv"
    rows = [f"{name},6,49,6.5,49.5,2021-07-15\n" for name in ("b", "a", "c", "a")]
    header = "event_id,west,south,east,north,event_date\n"
    file.write_text(header + "".join(rows[:3]))
    listed = list_all(file, phase_offset_days=OFFSETS)
    assert list(listed.ids) == ["b", "a", "c"]
    assert [event.place[-1] for event in listed.in_order()] == ["a", "b", "c"]
    file.write_text(header + "".join(rows))
    with pytest.raises(EventError, match="line 5, field 'event_id': 'a' is used twice"):
        list_all(file, phase_offset_days=OFFSETS)


def test_given_events_are_listed_with_each_id_once(tmp_path: Path) -> None:
    """A second event of the same id is reported with its number."""
    file = tmp_path / "events.toml"
    file.write_text(TOML)
    (event,) = read(file)
    assert list(list_all(event, phase_offset_days=OFFSETS).ids) == ["first"]
    with pytest.raises(EventError, match="event 2, field 'event_id': 'first' is used twice"):
        list_all([event, event], phase_offset_days=OFFSETS)
