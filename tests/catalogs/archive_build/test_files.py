"""The files of an own archive: valid for other tools, without secrets, in good row groups."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import geopandas
import numpy as np
import orjson
import pyarrow.parquet as pq
import pystac
import pytest
import shapely
from stac_geoparquet.arrow import stac_table_to_items

from floodscan import scan
from floodscan.catalogs import open_catalog
from floodscan.catalogs.archive.searched import SearchedItems
from floodscan.catalogs.archive_build import written_files
from floodscan.catalogs.archive_build.build import build_archive
from floodscan.catalogs.archive_build.planned_files import PlannedFile
from floodscan.catalogs.archive_build.sorted_items import MonthSink, SortedItems
from floodscan.catalogs.archive_build.written_files import FileFacts, write_file
from floodscan.catalogs.found_items import FoundItems
from floodscan.catalogs.limits import Limits
from floodscan.catalogs.page_json import decode_page, decode_whole_page
from floodscan.catalogs.stac_api import StacApiCatalog
from floodscan.model import Search, TimeWindow
from floodscan.testing.servers import catalog as catalog_files
from floodscan.testing.servers.launch import lean_server
from tests.catalogs.archive.layouts import DEM, OPTICAL, RADAR, WORLD
from tests.runs import result_bytes
from tests.servers import records
from tests.services import open_service
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.fixtures import StacApi

    Json = dict[str, Any]

EUROPE = (-10.0, 40.0, 20.0, 60.0)
SUMMER = TimeWindow.around(DEMO.onset.date(), 40)
URL = "https://api.example.org/search"
SECRET = "sig=hunter2"  # noqa: S105 - not a real one


def searches_of(*collections: str) -> list[Search]:
    """Make searches of a large box."""
    return [Search(name, EUROPE, None if name == DEM else SUMMER, ()) for name in collections]


@pytest.fixture(scope="module")
def own(lean_api: StacApi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of three collections."""
    out = tmp_path_factory.mktemp("own") / "archive"
    build_archive(searches_of(OPTICAL, RADAR, DEM), StacApiCatalog(lean_api.url), out)
    return out


def list_files(archive: Path) -> list[Path]:
    """List the files of an archive."""
    return sorted(archive.rglob("*.parquet"))


def test_the_items_are_those_of_the_api(own: Path, served_items: list[Json]) -> None:
    """Another tool reads from the files what the API serves, as valid STAC items."""
    served = {item["id"]: item for item in served_items}
    found = [item for path in list_files(own) for item in stac_table_to_items(pq.read_table(path))]
    assert len(found) == len({item["id"] for item in found}) > 300
    for item in found:
        original = served[item["id"]]
        hrefs = {key: asset["href"] for key, asset in original["assets"].items()}
        assert {key: asset["href"] for key, asset in item["assets"].items()} == hrefs
        assert shapely.geometry.shape(item["geometry"]).equals_exact(
            shapely.geometry.shape(original["geometry"])
        )
        read = pystac.Item.from_dict(item)
        assert read.datetime == pystac.Item.from_dict(original).datetime
        given = {name for name, value in item["properties"].items() if value is not None}
        assert given >= original["properties"].keys()


def test_another_validator_finds_no_fault(own: Path) -> None:
    """The validator of the GeoParquet project; the format is that of stac-geoparquet 1.1."""
    validator = Path(sys.executable).parent / "geoparquet-validator"
    for path in list_files(own):
        done = subprocess.run(  # noqa: S603 - of the development dependencies
            [validator, "check", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        metadata = pq.read_metadata(path).metadata
        assert b'"version": "1.1.0"' in metadata[b"stac-geoparquet"]
        assert path.parent.name.encode() in metadata[b"stac-geoparquet"]


def test_duckdb_and_geopandas_open_the_files(own: Path) -> None:
    """A collection as one table, although its months may differ in columns."""
    for name in (OPTICAL, RADAR, DEM):
        n_rows = sum(pq.read_metadata(path).num_rows for path in (own / name).iterdir())
        query = f"SELECT count(*), min(bbox.xmin) FROM read_parquet('{own}/{name}/*.parquet', union_by_name=true)"  # noqa: E501, S608 - our own folder
        (row,) = duckdb.execute(query).fetchall()
        frame = geopandas.read_parquet(own / name)
        assert row[0] == len(frame) == n_rows > 0
        assert frame.crs == "OGC:CRS84"
        assert frame.geometry.is_valid.all()
        assert row[1] == frame.bounds["minx"].min()


def test_rows_are_sorted_and_cut_into_groups_of_one_size(
    lean_api: StacApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row group is a small area; small groups stand for large ones here."""
    build_archive(searches_of(OPTICAL), StacApiCatalog(lean_api.url), tmp_path / "whole")
    monkeypatch.setattr(written_files, "ROW_GROUP_ROWS", 14)
    build_archive(searches_of(OPTICAL), StacApiCatalog(lean_api.url), tmp_path / "cut")
    areas = {}
    for name in ("whole", "cut"):
        path = tmp_path / name / OPTICAL / "2021-07.parquet"
        metadata = pq.read_metadata(path)
        sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
        assert name == "whole" or (len(sizes) > 4 and min(sizes) >= 10 and max(sizes) <= 21)
        table = pq.read_table(path)
        bounds = [pq.ParquetFile(path).read_row_group(n)["bbox"] for n in range(len(sizes))]
        areas[name] = [np.ptp([box["xmin"] for box in each.to_pylist()]) for each in bounds]
        assert table["id"].to_pylist() == pq.read_table(path)["id"].to_pylist()
    assert np.mean(areas["cut"]) < areas["whole"][0] / 2


@pytest.mark.parametrize("n_rows", [1, 9_999, 10_000, 20_999, 21_000, 35_000, 123_456])
def test_row_groups_have_10_to_50_thousand_rows(n_rows: int) -> None:
    """Unless the file has fewer."""
    sizes = np.diff(written_files.cut_evenly(n_rows))
    assert sizes.sum() == n_rows
    assert sizes.max() <= 50_000
    assert sizes.min() >= min(n_rows, 10_000)


def make_odd(items: list[Json]) -> list[Json]:
    """Make items of the demo odd, each in another way."""
    odd = items[:12]
    odd[1]["bbox"] = [*odd[1]["bbox"][:2], 0.0, *odd[1]["bbox"][2:], 99.0]
    odd[2]["properties"]["datetime"] = odd[2]["properties"]["datetime"].replace("Z", "")
    odd[3]["properties"] |= {"created": "yesterday", "odd:only_here": [{"a": {}}]}
    odd[4]["assets"]["B02"]["href"] += f"?se=2030&{SECRET}"
    odd[5]["assets"]["B02"]["href"] = "../B02.tif"
    odd[6]["assets"]["B03"] = {
        "href": "javascript:alert(1)",
        "alternate": {"s3": {"href": "s3://b/k"}},
    }
    odd[7]["links"] = [{"rel": "derived_from", "href": f"https://user:hunter2@h/x?{SECRET}"}]
    odd[8]["assets"] = {}
    odd[9]["properties"]["proj:geometry"] = None
    odd[10]["properties"]["eo:cloud_cover"] = 3
    odd[11]["geometry"]["coordinates"] = [
        [[*point, 12.0] for point in ring] for ring in odd[11]["geometry"]["coordinates"]
    ]
    return items


def _far_from_event(item: Json) -> tuple[bool, float]:
    time = datetime.fromisoformat(item["properties"]["datetime"])
    return item["collection"] != OPTICAL, abs((time - DEMO.onset).total_seconds())


@pytest.fixture(scope="module")
def odd_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API with odd items."""
    folder = tmp_path_factory.mktemp("odd")
    items = make_odd(sorted(records.demo_items(), key=_far_from_event))
    assert {item["collection"] for item in items[:12]} == {OPTICAL}
    collections = records.collections_for(items, records.demo_collections())
    catalog_files.write(folder, collections=collections, items=items)
    server = lean_server(folder, landing_id="odd", log=folder / "server.log")
    with open_service(server) as opened:
        yield opened.url


@pytest.mark.parametrize(
    "members",
    [
        {"geometry": None},
        {"geometry": None, "bbox": None},
        {"geometry": {"type": "Polygon", "coordinates": "none"}},
        {"geometry": {"type": "Point", "coordinates": [6.0, 50.0]}},
        {"bbox": None},
        {"bbox": ["west", 1, 2, 3]},
        {"properties": 3, "assets": [], "links": {}},
        {"collection": None, "stac_extensions": "none"},
    ],
    ids=str,
)
def test_an_odd_item_is_found_as_in_the_answer_of_an_api(members: Json, tmp_path: Path) -> None:
    """Members that are missing, or of a wrong type."""
    item = next(item for item in records.demo_items() if item["collection"] == OPTICAL)
    page = orjson.dumps({"features": [{**item, **members}]})
    search = searches_of(OPTICAL)[0]
    search = replace(search, assets=("B02", "B03"))
    wanted = FoundItems(search, Limits())
    wanted.add(decode_page(page).features or [], URL)
    items = SortedItems()
    sink = MonthSink(search, PlannedFile(OPTICAL, None, ()), items)
    sink.add(decode_whole_page(page).features or [], URL)
    facts = FileFacts(
        {"id": OPTICAL}, {}, SearchedItems.of(OPTICAL, [replace(search, window=None)])
    )
    write_file(tmp_path / "x.parquet", items, facts, before=None)
    archive = open_catalog(str(tmp_path / "x.parquet"))
    found = archive.search(Search(OPTICAL, WORLD, None, search.assets)).items
    if len(found) == 0:  # an item of no place is in no answer of an archive, and never a candidate
        assert wanted.table()["geometry"][0].as_py() == shapely.to_wkb(shapely.Polygon())
    else:
        assert found.equals(wanted.table())


def test_odd_items_give_the_results_of_the_api(odd_api: str, tmp_path: Path) -> None:
    """Values of a wrong type, no geometry, heights, relative and refused hrefs."""
    own = tmp_path / "own"
    build_archive(searches_of(OPTICAL, RADAR, DEM), StacApiCatalog(odd_api), own)
    everything = b"".join(path.read_bytes() for path in list_files(own))
    texts = str([pq.read_table(path).to_pylist() for path in list_files(own)])
    assert "javascript:alert(1)" in texts
    for secret in ("hunter2", SECRET):
        assert secret not in texts
        assert secret.encode() not in everything
    scan("demo", catalog=odd_api, out=tmp_path / "searched")
    result = scan("demo", catalog=str(own), out=tmp_path / "joined")
    assert result.candidates["refused_assets"].notna().any()
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")
    assert open_catalog(str(own)).describe([OPTICAL]) == "odd"
