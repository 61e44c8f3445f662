"""An archive of any usual form gives the same items."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from floodscan import CatalogError, scan
from floodscan.catalogs import ArchiveCatalog, open_catalog
from floodscan.testing.build_demo import DEMO_FOLDER
from tests.catalogs.archive.layouts import (
    ASSETS,
    LAYOUTS,
    OPTICAL,
    RADAR,
    demo_table,
    find_all,
    replaced,
)
from tests.runs import result_bytes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def wanted() -> pa.Table:
    """All optical items of the demo."""
    return find_all(DEMO_FOLDER)


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_the_form_of_a_column_does_not_matter(
    layout: str, wanted: pa.Table, tmp_path: Path
) -> None:
    """Every row is the same, whatever tool wrote the file."""
    pq.write_table(LAYOUTS[layout](demo_table()), tmp_path / "items.parquet")
    found = find_all(tmp_path / "items.parquet")
    assert len(found) == len(wanted) > 100
    for name in wanted.column_names:
        assert found[name].to_pylist() == wanted[name].to_pylist(), name


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_the_size_of_row_groups_does_not_matter(
    rows: int, wanted: pa.Table, tmp_path: Path
) -> None:
    """One row group, or many; the coverage is the same too."""
    pq.write_table(demo_table(), tmp_path / "items.parquet", row_group_size=rows)
    assert find_all(tmp_path / "items.parquet").equals(wanted)
    coverages = [
        ArchiveCatalog.at(str(path)).measure_coverage(OPTICAL)
        for path in (tmp_path / "items.parquet", DEMO_FOLDER)
    ]
    assert coverages[0] == coverages[1]


def write_monthly(folder: Path, pattern: str) -> None:
    """Write the demo's archive by collection and month."""
    for collection in ASSETS:
        table = demo_table(collection)
        months = pa.compute.strftime(table["datetime"], format="%Y-%m")
        for month in months.unique().to_pylist():
            year, number = month.split("-")
            name = pattern.format(collection=collection, month=month, year=year, number=number)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            kept = table.filter(pa.compute.equal(months, month))
            pq.write_table(LAYOUTS["bbox as list"](kept) if number == "07" else kept, folder / name)


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("{collection}/part-{month}.parquet", "{folder}"),
        ("{collection}/year={year}/month={number}/0.parquet", "{folder}"),
        ("{collection}.parquet/part-{month}.geoparquet", "file:{folder}"),
        ("{collection}-{month}.parquet", "file://{folder}"),
        ("a/{collection}-{month}.parquet", "{folder}/*/*.parquet"),
        ("x/y/{collection}/{month}.parquet", "{folder}/**/*.parquet"),
        ("odd [1]/{collection}-{month}.parquet", "{folder}/odd [1]"),
    ],
)
def test_folders_patterns_and_file_addresses_give_the_same_bytes(
    pattern: str, address: str, tmp_path: Path
) -> None:
    """Recursive and hive folders, with files of several schemas."""
    write_monthly(tmp_path / "archive", pattern)
    (tmp_path / "archive" / "_metadata").write_bytes(b"no data")
    catalog = address.format(folder=tmp_path / "archive")
    scan("demo", catalog=catalog, out=tmp_path / "out")
    scan("demo", out=tmp_path / "reference")
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "reference")


def test_a_hive_folder_can_name_the_collection(wanted: pa.Table, tmp_path: Path) -> None:
    """The column is then not needed."""
    path = tmp_path / f"collection={OPTICAL}" / "items.parquet"
    path.parent.mkdir()
    pq.write_table(demo_table().drop_columns(["collection"]), path)
    assert find_all(tmp_path).equals(wanted)


def test_a_file_of_several_collections_is_read(tmp_path: Path) -> None:
    """Rows of other collections are left out."""
    tables = [demo_table(OPTICAL), demo_table(RADAR)]
    mixed = pa.concat_tables(tables, promote_options="default").sort_by("datetime")
    pq.write_table(mixed, tmp_path / "mixed.parquet", row_group_size=100)
    for collection in (OPTICAL, RADAR):
        assert find_all(tmp_path / "mixed.parquet", collection).equals(
            find_all(DEMO_FOLDER, collection)
        )


@pytest.mark.parametrize("name", [None, ""])
def test_a_row_without_an_id_is_left_out_and_counted(name: str | None, tmp_path: Path) -> None:
    """It costs no other row."""
    table = demo_table()
    ids = [name, *table["id"].to_pylist()[1:]]
    pq.write_table(replaced(table, "id", pa.array(ids, pa.string())), tmp_path / "items.parquet")
    assert len(find_all(tmp_path / "items.parquet")) == len(table) - 1
    index = ArchiveCatalog.at(str(tmp_path / "items.parquet")).read_index()
    assert index.table["n_without_id"].to_pylist() == [1]
    result = scan("demo", catalog=str(copy_with(table, ids, tmp_path)), out=tmp_path / "out")
    assert result.counts["filled"] == 9


def copy_with(table: pa.Table, ids: list[str | None], folder: Path) -> Path:
    """Copy the demo's archive with other ids in its optical file."""
    archive = folder / "archive"
    shutil.copytree(DEMO_FOLDER, archive, copy_function=shutil.copyfile)
    changed = replaced(table, "id", pa.array(ids, pa.string()))
    pq.write_table(changed, archive / f"{OPTICAL}.parquet")
    return archive


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("datetime", pa.array([1.5]), "column datetime is of type double, but must be a time"),
        ("id", pa.array([1]), "column id is of type int64, but must be text"),
        ("geometry", pa.array(["POINT (1 2)"]), "must be WKB or GeoArrow polygons"),
        ("assets", pa.array([1]), "must be a struct, a map or JSON text"),
    ],
)
def test_a_column_of_another_type_is_refused_at_the_start(
    column: str, values: pa.Array, message: str, tmp_path: Path
) -> None:
    """One error names the file, the column and what it must be; nothing is written."""
    table = demo_table()
    odd = replaced(table, column, pa.concat_arrays([values] * len(table)))
    pq.write_table(odd, tmp_path / "items.parquet")
    with pytest.raises(CatalogError, match=message) as error:
        scan("demo", catalog=str(tmp_path / "items.parquet"), out=tmp_path / "out")
    assert "items.parquet: column" in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("items.parquet", "no such file or folder"),
        ("nowhere/*.parquet", "no .parquet file there"),
        ("empty", "no .parquet file there"),
        ("abfs://items/x.parquet", "names no storage account"),
    ],
)
def test_a_missing_archive_is_reported(
    address: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In plain words."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogError, match=message):
        open_catalog(address).describe([])


def test_values_of_a_wrong_type_count_as_missing(tmp_path: Path) -> None:
    """As in the items of an API."""
    odd = {"eo:cloud_cover": ["12.5", "clear"], "proj:epsg": ["EPSG:32632", "?"]}
    table = demo_table().slice(0, 2)
    for name, values in odd.items():
        table = replaced(table, name, pa.array(values))
    pq.write_table(table, tmp_path / "items.parquet")
    found = find_all(tmp_path / "items.parquet")
    assert found["cloud_cover"].to_pylist() == [None, None]
    assert sorted(found["proj_epsg"].to_pylist(), key=str) == [32632, None]


def test_an_href_that_is_no_address_of_a_file_is_refused(tmp_path: Path) -> None:
    """As in an API; a relative one stays as it is, because the item's address is not known."""
    hrefs = {"B02": "javascript:alert(1)", "B03": "B03.tif", "B04": "https://e.org/B04.tif?sig=1"}
    assets = json.dumps({key: {"href": href} for key, href in hrefs.items()})
    table = replaced(demo_table().slice(0, 1), "assets", pa.array([assets]))
    pq.write_table(table, tmp_path / "items.parquet")
    (row,) = find_all(tmp_path / "items.parquet").to_pylist()
    assert dict(row["assets"]) == {"B03": "B03.tif", "B04": "https://e.org/B04.tif"}
    assert dict(row["refused_assets"]) == {"B02": "its href begins with javascript:"}


def test_footprints_have_the_form_of_those_of_an_api(tmp_path: Path) -> None:
    """Heights are dropped, one part is no multipolygon, and a point is no footprint."""
    table = demo_table().slice(0, 5)
    outline = shapely.from_wkb(table["geometry"][0].as_py())
    odd = [
        shapely.force_3d(outline, 5.0),
        shapely.MultiPolygon([outline]),
        shapely.Point(6, 49),
        outline,
        shapely.from_wkt("POLYGON Z EMPTY"),
    ]
    pq.write_table(
        replaced(table, "geometry", pa.array(shapely.to_wkb(np.array(odd)))),
        tmp_path / "items.parquet",
    )
    rows = find_all(tmp_path / "items.parquet").select(["item_id", "geometry"]).to_pylist()
    found = {row["item_id"]: row["geometry"] for row in rows}
    wkb = [found[item_id] for item_id in table["id"].to_pylist()]
    assert wkb[0] == wkb[1] == wkb[3] == shapely.to_wkb(outline)
    assert shapely.from_wkb(wkb[2]).is_empty
    assert wkb[4] == shapely.to_wkb(shapely.Polygon())
