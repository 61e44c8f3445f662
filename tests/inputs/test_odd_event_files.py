"""Odd event files: each is read, or refused by one clear error; none ends in a traceback."""

from __future__ import annotations

import json
import os
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floodscan import EventError, Recipe, read_events
from tests.inputs.odd_files import ACCEPTED, FINE, HEAD, REFUSED, SQUARE, collect, feature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan import Event

ENDINGS = ["csv", "toml", "geojson", "parquet", "gpkg", "fgb", "shp", "zip"]
NOBODY = 65534
OFFSETS = Recipe().phase_offset_days


def read(path: Path) -> list[Event]:
    """Read a file; its notes are no failures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_events(path, phase_offset_days=OFFSETS)


def test_the_list_is_long() -> None:
    """At least a hundred odd files are tried."""
    assert len(ACCEPTED) + len(REFUSED) >= 100


@pytest.mark.parametrize("case", ACCEPTED)
def test_odd_file_is_read(case: str, tmp_path: Path) -> None:
    """It has one event."""
    name, content = ACCEPTED[case]
    (tmp_path / name).write_bytes(content)
    (event,) = read(tmp_path / name)
    assert event.onset == datetime(2021, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize("case", REFUSED)
def test_odd_file_is_refused(case: str, tmp_path: Path) -> None:
    """One error of one short line for each row, with the name of the file."""
    name, content, expected = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EventError) as error:
        read(tmp_path / name)
    lines = str(error.value).splitlines()
    assert expected in str(error.value)
    assert len(lines) <= 5
    assert all(line.startswith(f"{tmp_path / name}: ") for line in lines)
    assert max(map(len, lines)) < len(str(tmp_path)) + 700


@pytest.mark.parametrize("ending", ENDINGS)
def test_folder_and_missing_file_are_refused(ending: str, tmp_path: Path) -> None:
    """The message is that of the system."""
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(EventError, match=r"directory|regular file"):
        read(tmp_path / f"folder.{ending}")
    with pytest.raises(EventError, match="No such file"):
        read(tmp_path / f"none.{ending}")


@pytest.fixture
def stranger() -> Iterator[None]:
    """Be a user who may not read everything, as root may."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)


@pytest.mark.parametrize("ending", ENDINGS)
def test_unreadable_file_is_refused(
    ending: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The message is that of the system."""
    (tmp_path / f"e.{ending}").write_bytes(b"")
    (tmp_path / f"e.{ending}").chmod(0)
    request.getfixturevalue("stranger")
    with pytest.raises(EventError, match="Permission denied"):
        read(tmp_path / f"e.{ending}")


PARQUET: dict[str, tuple[dict[str, Any], str]] = {
    "missing geometry": ({"geometry": [None]}, "row 1, field 'geometry'"),
    "broken geometry": ({"geometry": [b"\x01\x03"]}, "row 1, field 'geometry'"),
    "text as geometry": ({"geometry": ["x"]}, "row 1"),
    "number as id": ({"event_id": pa.array([-7])}, "row 1, field 'event_id'"),
    "bytes as id": ({"event_id": [b"\xff"]}, "row 1, field 'event_id'"),
    "year 1": (
        {"event_date": pa.array([-62135596800], pa.timestamp("s"))},
        "row 1, field 'event_date'",
    ),
    "no date of Python": ({"event_date": pa.array([10**12], pa.timestamp("s"))}, "can't be read"),
    "null as date": (
        {"event_date": pa.array([None], pa.timestamp("ns"))},
        "row 1, field 'event_date'",
    ),
    "duration as date": (
        {"event_date": pa.array([5], pa.duration("s"))},
        "row 1, field 'event_date'",
    ),
}


@pytest.mark.parametrize("case", PARQUET)
def test_odd_parquet_is_refused(case: str, tmp_path: Path) -> None:
    """One error, with row and field where one row is to blame."""
    columns, expected = PARQUET[case]
    fine = {
        "event_id": ["e"],
        "event_date": ["2021-07-15"],
        "geometry": [shapely.box(6, 49, 7, 50).wkb],
    }
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB"}},
    }
    table = pa.table({**fine, **columns}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(EventError) as error:
        read(tmp_path / "e.parquet")
    assert expected in str(error.value)
    assert len(error.value.problems) == 1


GEO: dict[str, object] = {
    "list": [],
    "no columns": {"primary_column": "geometry"},
    "another column": {"primary_column": "area", "columns": {"area": {"encoding": "WKB"}}},
    "a list as column": {"primary_column": ["geometry"], "columns": {}},
    "columns of numbers": {"primary_column": "geometry", "columns": {"geometry": 1}},
    "an unknown encoding": {
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "x"}},
    },
    "an unknown system": {
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "crs": {"type": "x"}}},
    },
    "a number as system": {
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "crs": 1.5}},
    },
}


@pytest.mark.parametrize("case", GEO)
def test_odd_description_of_parquet_is_refused(case: str, tmp_path: Path) -> None:
    """As are other broken files."""
    table = pa.table({**FINE_COLUMNS, "geometry": [shapely.box(6, 49, 7, 50).wkb]})
    table = table.replace_schema_metadata({"geo": json.dumps(GEO[case])})
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(EventError):
        read(tmp_path / "e.parquet")


def test_table_without_geometries_is_refused(tmp_path: Path) -> None:
    """A Parquet file of pandas says that it is no GeoParquet."""
    pd.DataFrame([FINE]).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(EventError, match="is not GeoParquet"):
        read(tmp_path / "e.parquet")


FINE_COLUMNS = {name: [value] for name, value in FINE.items()}
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["Polygon", "MultiPolygon", "2021-07-15", "e", "EPSG:32632"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "coordinates",
                    "geometry",
                    "properties",
                    "features",
                    "event_id",
                    "event_date",
                    "bbox",
                    "onset",
                    "phase_dates",
                    "event",
                    "target_crs",
                    "aoi",
                    "crs",
                    "name",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def is_read_or_refused(path: Path, content: bytes) -> None:
    """Read a file; only an error of events may come out."""
    path.write_bytes(content)
    try:
        read(path)
    except EventError as err:
        assert str(path) in str(err)  # noqa: PT017 - an error need not come


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "event_id",
                "event_date",
                "geometry",
                "onset",
                "bbox",
                "phase_dates",
                "target_crs",
                "event",
            ]
        ),
        _JSON,
        max_size=3,
    )
)
def test_any_values_of_a_feature_are_read_or_refused(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    """Whatever JSON stands for a field."""
    odd = feature(**{name: value for name, value in changes.items() if name != "geometry"})
    odd["geometry"] = changes.get("geometry", SQUARE)
    is_read_or_refused(tmp_path / "e.geojson", collect(odd))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=_JSON)
def test_any_json_is_read_or_refused(content: object, tmp_path: Path) -> None:
    """Whatever JSON stands for the whole file."""
    is_read_or_refused(tmp_path / "e.json", json.dumps(content).encode())


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cells=st.lists(st.text(max_size=12), min_size=6, max_size=6))
def test_any_cells_are_read_or_refused(cells: list[str], tmp_path: Path) -> None:
    """Whatever text stands in a line of CSV."""
    content = f"{HEAD}\n{','.join(cells)}\n".encode("utf-8", "surrogatepass")
    is_read_or_refused(tmp_path / "e.csv", content)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ending=st.sampled_from(["gpkg", "fgb", "parquet", "geojson"]),
    place=st.floats(0, 1),
    byte=st.binary(min_size=1, max_size=8),
)
def test_damaged_file_is_read_or_refused(
    ending: str, place: float, byte: bytes, tmp_path: Path
) -> None:
    """Wherever some bytes are changed."""
    made = tmp_path / f"made.{ending}"
    if not made.exists():
        frame = gpd.GeoDataFrame([FINE] * 3, geometry=[shapely.box(6, 49, 7, 50)] * 3, crs=4326)
        frame["event_id"] = ["a", "b", "c"]
        frame.to_parquet(made) if ending == "parquet" else frame.to_file(made)
    content = bytearray(made.read_bytes())
    start = int(place * (len(content) - 1))
    content[start : start + len(byte)] = byte
    is_read_or_refused(tmp_path / f"damaged.{ending}", bytes(content))
