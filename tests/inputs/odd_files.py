"""Odd event files, as people and programs write them."""

from __future__ import annotations

import json
import struct

import geopandas as gpd
import shapely

HEAD = "event_id,west,south,east,north,event_date"
ROW = "e,6.0,49.0,6.5,49.5,2021-07-15"
WKT = "POLYGON ((6 49, 6.5 49, 6.5 49.5, 6 49.5, 6 49))"
SQUARE = {"type": "Polygon", "coordinates": [[[6, 49], [7, 49], [7, 50], [6, 50], [6, 49]]]}
FINE = {"event_id": "e", "event_date": "2021-07-15"}


def feature(geometry: object = SQUARE, **properties: object) -> dict[str, object]:
    """Make a GeoJSON feature."""
    return {"type": "Feature", "geometry": geometry, "properties": {**FINE, **properties}}


def collect(*features: object) -> bytes:
    """Make a GeoJSON file."""
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def toml(**fields: str) -> bytes:
    """Make a TOML file of one event with other fields."""
    kept = {
        "event_id": '"e"',
        "bbox": "[6.0, 49.0, 6.5, 49.5]",
        "event_date": "2021-07-15",
        **fields,
    }
    lines = [f"{name} = {value}" for name, value in kept.items()]
    return "\n".join(["[[event]]", *lines, ""]).encode()


def csv(*rows: str, head: str = HEAD) -> bytes:
    """Make a CSV file."""
    return "\n".join([head, *rows, ""]).encode()


def nest(depth: int, inner: object) -> object:
    """Nest a geometry in collections."""
    for _ in range(depth):
        inner = {"type": "GeometryCollection", "geometries": [inner]}
    return inner


ACCEPTED: dict[str, tuple[str, bytes]] = {
    "csv as it should be": ("e.csv", csv(ROW)),
    "csv with BOM": ("e.csv", b"\xef\xbb\xbf" + csv(ROW)),
    "csv in UTF-16": ("e.csv", csv(ROW).decode().encode("utf-16")),
    "csv in big-endian UTF-16": ("e.csv", b"\xfe\xff" + csv(ROW).decode().encode("utf-16-be")),
    "csv of Windows": ("e.csv", csv(ROW).replace(b"\n", b"\r\n")),
    "csv of old Macs": ("e.csv", csv(ROW).replace(b"\n", b"\r")),
    "csv with empty lines": ("e.csv", csv("", ROW, "", ",,,,,")),
    "csv that starts with empty lines": ("e.csv", b"\n\n" + csv(ROW)),
    "csv without a last line end": ("e.csv", csv(ROW).rstrip()),
    "csv with quotes": ("e.csv", csv('"e","6.0","49.0","6.5","49.5","2021-07-15"')),
    "csv with a long field": ("e.csv", csv(f"{ROW},{'x' * 200_000}", head=f"{HEAD},notes")),
    "csv with a geometry": (
        "e.csv",
        csv(f'e,2021-07-15,"{WKT}"', head="event_id,event_date,geometry"),
    ),
    "csv of geopandas": (
        "e.csv",
        gpd.GeoDataFrame([FINE], geometry=[shapely.from_wkt(WKT)]).to_csv().encode(),
    ),
    "csv with empty names": ("e.csv", csv(f"{ROW},,", head=f"{HEAD},,")),
    "csv with other columns twice": ("e.csv", csv(f"{ROW},1,2", head=f"{HEAD},a,a")),
    "csv with an id of digits": ("e.csv", csv(ROW.replace("e,", "0042,", 1))),
    "csv with NUL in another column": ("e.csv", csv(f"{ROW},\0", head=f"{HEAD},notes")),
    "csv with emoji in another column": ("e.csv", csv(f"{ROW},🌊", head=f"{HEAD},notes")),
    "upper case ending": ("E.CSV", csv(ROW)),
    "toml with BOM": ("e.toml", b"\xef\xbb\xbf" + toml()),
    "toml in UTF-16": ("e.toml", toml().decode().encode("utf-16")),
    "toml with a box of texts": ("e.toml", toml(bbox='["6", "49", "6.5", "49.5"]')),
    "toml with a box as text": ("e.toml", toml(bbox='"[6, 49, 6.5, 49.5]"')),
    "toml with an id that is a number": ("e.toml", toml(event_id="7")),
    "toml with a system that is a number": ("e.toml", toml(target_crs="32632")),
    "geojson with BOM": ("e.geojson", b"\xef\xbb\xbf" + collect(feature())),
    "geojson in UTF-16": ("e.geojson", collect(feature()).decode().encode("utf-16")),
    "geojson of one feature": ("e.json", json.dumps(feature()).encode()),
    "geojson with heights": (
        "e.geojson",
        collect(
            feature(
                {"type": "Polygon", "coordinates": [[[*p, 300] for p in SQUARE["coordinates"][0]]]}
            )
        ),
    ),
    "geojson with nulls": ("e.geojson", collect(feature(onset=None, target_crs=None, aoi=None))),
    "geojson with a bowtie": (
        "e.geojson",
        collect(
            feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]})
        ),
    ),
    "geojson with an open ring": (
        "e.geojson",
        collect(feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]})),
    ),
    "geojson with an empty member": (
        "e.geojson",
        collect(feature({"type": "MultiPolygon", "coordinates": [[], SQUARE["coordinates"]]})),
    ),
    "geojson with an empty hole": (
        "e.geojson",
        collect(feature({"type": "Polygon", "coordinates": [*SQUARE["coordinates"], []]})),
    ),
    "geojson with other properties": (
        "e.geojson",
        collect(feature(country={"a": [1, 2]}, n=1e308)),
    ),
    "geojson with the crs of geopandas": (
        "e.geojson",
        gpd.GeoDataFrame([FINE], geometry=[shapely.from_wkt(WKT)], crs=4326).to_json().encode(),
    ),
}

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "empty csv": ("e.csv", b"", "no event"),
    "csv of line ends": ("e.csv", b"\n\n\n", "no event"),
    "csv of a BOM": ("e.csv", b"\xef\xbb\xbf", "no event"),
    "csv of a header": ("e.csv", csv(), "no event"),
    "csv of NUL": ("e.csv", b"\0" * 100, "columns are missing"),
    "csv of one word": ("e.csv", b"hello", "columns are missing"),
    "csv without a header": ("e.csv", ROW.encode(), "columns are missing"),
    "csv of 100,000 columns": ("e.csv", b",".join([b"x"] * 100_000), "and 99980 more"),
    "csv in Latin-1": (
        "e.csv",
        csv(f"{ROW},Vall\u00e9e", head=f"{HEAD},n").decode().encode("latin-1"),
        "UTF-8",
    ),
    "odd number of bytes in UTF-16": ("e.csv", b"\xff\xfea", "UTF-16"),
    "png as csv": ("e.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "UTF-8"),
    "xlsx as csv": ("e.csv", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0\xbf\xd4", "UTF-8"),
    "geojson as csv": ("e.csv", collect(feature()), "columns are missing"),
    "csv as geojson": ("e.geojson", csv(ROW), "can't be read"),
    "csv as parquet": ("e.parquet", csv(ROW), "can't be read"),
    "csv as toml": ("e.toml", csv(ROW), "can't be read"),
    "csv as gpkg": ("e.gpkg", csv(ROW), "can't be read"),
    "csv as fgb": ("e.fgb", csv(ROW), "can't be read"),
    "csv as shp": ("e.shp", csv(ROW), "can't be read"),
    "csv as zip": ("e.shp.zip", csv(ROW), "can't be read"),
    "column twice": (
        "e.csv",
        csv(f"{ROW},x", head=f"{HEAD},Event ID"),
        "field 'event_id': is there twice",
    ),
    "too many fields": ("e.csv", csv(f"{ROW},1,2"), "line 2: has 8 fields"),
    "too few fields": ("e.csv", csv("e,6.0"), "line 2, field 'bbox'"),
    "quote without an end": ("e.csv", csv(f'"{ROW}'), "line 2, field 'bbox'"),
    "line after a long text": (
        "e.csv",
        csv(f'{ROW},"a\nb"', f"{ROW},", head=f"{HEAD},n"),
        "line 4, field 'event_id'",
    ),
    "words as box": ("e.csv", csv("e,a,b,c,d,2021-07-15"), "field 'bbox': must be four numbers"),
    "nan as box": ("e.csv", csv("e,nan,49,7,50,2021-07-15"), "field 'bbox'"),
    "huge box": ("e.csv", csv("e,1e400,49,7,50,2021-07-15"), "field 'bbox'"),
    "point as WKT": (
        "e.csv",
        csv("e,2021-07-15,POINT (6 49)", head="event_id,event_date,wkt"),
        "is a POINT",
    ),
    "broken WKT": (
        "e.csv",
        csv('e,2021-07-15,"POLYGON ((6 49, 7"', head="event_id,event_date,wkt"),
        "as WKT",
    ),
    "KML as WKT": (
        "e.csv",
        csv("e,2021-07-15,<Polygon/>", head="event_id,event_date,geometry"),
        "is not WKT",
    ),
    "deep WKT": (
        "e.csv",
        csv(f"e,2021-07-15,{'GEOMETRYCOLLECTION (' * 50_000}", head="event_id,event_date,wkt"),
        "line 2, field 'geometry'",
    ),
    "year 1": ("e.csv", csv(ROW.replace("2021", "0001")), "line 2, field 'event_date'"),
    "year 9999": ("e.csv", csv(ROW.replace("2021", "9999")), "line 2, field 'event_date'"),
    "onset of year 1": (
        "e.csv",
        csv(f"{ROW},0001-01-01T00:00+14:00", head=f"{HEAD},onset"),
        "line 2, field 'onset'",
    ),
    "30 February": ("e.csv", csv(ROW.replace("07-15", "02-30")), "not a date"),
    "american date": ("e.csv", csv(ROW.replace("2021-07-15", "7/15/2021")), "not a date"),
    "seconds as date": ("e.csv", csv(ROW.replace("2021-07-15", "1626307200")), "not a date"),
    "long id": ("e.csv", csv(f"{'x' * 129}{ROW[1:]}"), "field 'event_id'"),
    "id with an escape": ("e.csv", csv(f"\x1b[2J{ROW[1:]}"), "field 'event_id'"),
    "id in Cyrillic": ("e.csv", csv(f"Люксембург{ROW[1:]}"), "field 'event_id'"),
    "event that is a number": ("e.toml", b"event = [1]", "event 1: must be a table"),
    "events that are texts": ("e.toml", b'event = ["a", {}]', "event 1: must be a table"),
    "event that is a date": ("e.toml", b"event = 2021-07-15", "[[event]]"),
    "empty toml": ("e.toml", b"", "no event"),
    "toml of an empty list": ("e.toml", b"event = []", "no event"),
    "deep toml": ("e.toml", b"event = " + b"[" * 100_000, "can't be read"),
    "toml of NUL": ("e.toml", b"\0\0", "can't be read"),
    "toml with a key twice": ("e.toml", b"event = 1\nevent = 2", "can't be read"),
    "toml with a date of year 0": ("e.toml", toml(event_date="0000-01-01"), "can't be read"),
    "number as date": ("e.toml", toml(event_date="15"), "field 'event_date'"),
    "true as date": ("e.toml", toml(event_date="true"), "field 'event_date'"),
    "list as date": ("e.toml", toml(event_date="[2021, 7, 15]"), "field 'event_date'"),
    "time as date": ("e.toml", toml(event_date="18:00:00"), "field 'event_date'"),
    "year 9999 in toml": ("e.toml", toml(event_date="9999-12-31"), "field 'event_date'"),
    "year 1 in toml": (
        "e.toml",
        toml(event_date="0001-01-01T00:00:00+05:00"),
        "field 'event_date'",
    ),
    "phases that are a list": ("e.toml", toml(phase_dates="[1]"), "field 'phase_dates'"),
    "phases with numbers": (
        "e.toml",
        toml(phase_dates="{pre_month=1, pre_event=2, event=3, post_event=4}"),
        "phase_dates.",
    ),
    "onset that is a table": ("e.toml", toml(onset="{a = 1}"), "field 'onset'"),
    "box of one number": ("e.toml", toml(bbox="6"), "field 'bbox'"),
    "box of a date": ("e.toml", toml(bbox="2021-07-15"), "field 'bbox'"),
    "box of six": ("e.toml", toml(bbox="[1, 2, 3, 4, 5, 6]"), "field 'bbox'"),
    "box that is a table": ("e.toml", toml(bbox="{west = 1}"), "field 'bbox'"),
    "box of huge integers": ("e.toml", toml(bbox=f"[1{'0' * 400}, 1, 2, 3]"), "field 'bbox'"),
    "box in digits": ("e.toml", toml(bbox='"1234"'), "field 'bbox'"),
    "id that is a list": ("e.toml", toml(event_id='["a"]'), "field 'event_id'"),
    "id that is not a number": ("e.toml", toml(event_id="nan"), "field 'event_id'"),
    "id of two lines": ("e.toml", toml(event_id='"a\\nb"'), "field 'event_id'"),
    "system that is true": ("e.toml", toml(target_crs="true"), "field 'target_crs'"),
    "system that is a list": ("e.toml", toml(target_crs="['EPSG', 32632]"), "field 'target_crs'"),
    "system of no Earth": (
        "e.toml",
        toml(target_crs="'+proj=utm +zone=32 +a=1 +b=1'"),
        "field 'target_crs'",
    ),
    "long system": ("e.toml", toml(target_crs=f"'{'x' * 100_000}'"), "field 'target_crs'"),
    "aoi with NUL": ("e.toml", toml(bbox='""', aoi='"a\\u0000b.geojson"'), "field 'aoi'"),
    "aoi that is a folder": ("e.toml", toml(bbox='""', aoi='"."'), "field 'aoi'"),
    "aoi with a long name": (
        "e.toml",
        toml(bbox='""', aoi=f'"{"x" * 5000}.geojson"'),
        "field 'aoi'",
    ),
    "aoi that is the event file": ("e.toml", toml(bbox='""', aoi='"e.toml"'), "field 'aoi'"),
    "empty geojson": ("e.geojson", b"", "can't be read"),
    "geojson of null": ("e.geojson", b"null", "must be a FeatureCollection"),
    "geojson of a list": ("e.geojson", b"[]", "must be a FeatureCollection"),
    "geojson of NaN": ("e.geojson", b"NaN", "can't be read"),
    "geojson of a text": ("e.geojson", b'"x"', "must be a FeatureCollection"),
    "deep geojson": ("e.geojson", b"[" * 100_000, "can't be read"),
    "geojson without features": ("e.geojson", collect(), "no event"),
    "features that are a table": (
        "e.geojson",
        b'{"type": "FeatureCollection", "features": {}}',
        "type",
    ),
    "features that are no objects": (
        "e.geojson",
        collect(1, "a", None, [], True),
        "feature 5: must be",
    ),
    "properties that are a list": (
        "e.geojson",
        collect({"type": "Feature", "geometry": SQUARE, "properties": [1]}),
        "feature 1",
    ),
    "no properties": (
        "e.geojson",
        collect({"type": "Feature", "geometry": SQUARE}),
        "columns are missing",
    ),
    "bare geometry": (
        "e.geojson",
        json.dumps(SQUARE).encode(),
        "columns are missing: event_id; a date",
    ),
    "geometry that is a number": ("e.geojson", collect(feature(5)), "field 'geometry'"),
    "geometry without a type": ("e.geojson", collect(feature({})), "field 'geometry'"),
    "geometry of an unknown type": ("e.geojson", collect(feature({"type": "Blob"})), "is a Blob"),
    "geometry that is a type of list": (
        "e.geojson",
        collect(feature({"type": [1]})),
        "field 'geometry'",
    ),
    "geometry without coordinates": ("e.geojson", collect(feature({"type": "Polygon"})), "no area"),
    "coordinates that are a text": (
        "e.geojson",
        collect(feature({"type": "Polygon", "coordinates": "x"})),
        "no polygon",
    ),
    "coordinates that are null": (
        "e.geojson",
        collect(feature({"type": "Polygon", "coordinates": [[[None, 1]] * 4]})),
        "no polygon",
    ),
    "ring of two": (
        "e.geojson",
        collect(feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]})),
        "polygon",
    ),
    "coordinates in metres": (
        "e.geojson",
        collect(
            feature(
                {
                    "type": "Polygon",
                    "coordinates": [[[3e5, 5e6], [4e5, 5e6], [4e5, 6e6], [3e5, 5e6]]],
                }
            )
        ),
        "is it WGS 84?",
    ),
    "huge coordinates": (
        "e.geojson",
        collect(
            feature({"type": "Polygon", "coordinates": [[[0, 0], [1e300, 0], [1, 10**30], [0, 0]]]})
        ),
        "is it WGS 84?",
    ),
    "deep geometry": ("e.geojson", collect(feature(nest(200, SQUARE))), "is a GeometryCollection"),
    "deeper geometry": (
        "e.geojson",
        b'{"type": "FeatureCollection", "features": [{"geometry": '
        + b'{"a": ' * 5000
        + b"1"
        + b"}" * 5000,
        "can't be read",
    ),
    "id that is an object": (
        "e.geojson",
        collect(feature(event_id={"a": "b" * 1000})),
        "field 'event_id'",
    ),
    "dates that are texts": (
        "e.geojson",
        collect(feature(phase_dates="2021")),
        "field 'phase_dates'",
    ),
    "unknown crs": (
        "e.geojson",
        json.dumps(
            {
                "type": "FeatureCollection",
                "crs": {"properties": {"name": "x:1"}},
                "features": [feature()],
            }
        ).encode(),
        "field 'crs'",
    ),
    "whole Earth": (
        "e.geojson",
        collect(feature(shapely.geometry.mapping(shapely.box(-180, -90, 180, 90)))),
        "wider than half the Earth",
    ),
    "empty parquet": ("e.parquet", b"", "can't be read"),
    "parquet of its first bytes": ("e.parquet", b"PAR1", "can't be read"),
    "parquet of zeros": ("e.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "can't be read"),
    "empty gpkg": ("e.gpkg", b"", "can't be read"),
    "gpkg of its first bytes": ("e.gpkg", b"SQLite format 3\0" + b"\0" * 200, "can't be read"),
    "empty fgb": ("e.fgb", b"", "can't be read"),
    "fgb of its first bytes": ("e.fgb", b"fgb\x03fgb\0" + b"\xff" * 50, "must have one layer"),
    "empty shp": ("e.shp", b"", "can't be read"),
    "shp without its other files": ("e.shp", struct.pack(">i", 9994) + b"\0" * 96, "can't be read"),
    "empty zip": ("e.shp.zip", b"PK\x05\x06" + b"\0" * 18, "can't be read"),
    "unknown ending": ("e.xlsx", b"PK", "unknown type of file"),
    "no ending": ("events", csv(ROW), "unknown type of file"),
    "only an ending": (".csv", csv(ROW), "unknown type of file"),
}
