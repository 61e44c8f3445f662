"""Generated archives hold the items of the generator, in every layout, with the same bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import shapely
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from floodscan import Recipe
from floodscan.catalogs import open_catalog
from floodscan.model import Search, TimeWindow
from floodscan.testing.archive_plan import Extent
from floodscan.testing.fake_catalog import FakeCatalog, ItemsInMemory
from floodscan.testing.synthetic import COLLECTIONS, Region, generate_items
from floodscan.testing.write_archive import Layout, main, write_archive

if TYPE_CHECKING:
    from pathlib import Path

BOX = (5.5, 49.2, 7.5, 50.4)
START, END = datetime(2017, 12, 20, tzinfo=UTC), datetime(2018, 2, 9, tzinfo=UTC)
SEED = 3
EXTENT = Extent(start=START, end=END, boxes=(BOX,), seed=SEED)


@cache
def items() -> list[dict[str, Any]]:
    """Generate the same items as STAC."""
    region = Region(BOX, START, END - timedelta(microseconds=1))
    return list(generate_items([region], seed=SEED))


def read(paths: list[Path], collection: str) -> pa.Table:
    """Read the rows of a collection, in the order of the files."""
    found = [path for path in paths if collection in str(path)]
    return pa.concat_tables([pq.read_table(path, partitioning=None) for path in found])


def by_id(table: pa.Table) -> pa.Table:
    """Sort rows by id, without metadata."""
    return table.sort_by("id").replace_schema_metadata()


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_rows_are_the_items(layout: Layout, collection: str, tmp_path: Path) -> None:
    """Every column of every item is that of the item as STAC, its type included."""
    paths = write_archive(tmp_path, EXTENT, layout=layout)
    here = [item for item in items() if item["collection"] == collection]
    expected = by_id(parse_stac_items_to_arrow(here).read_all())
    assert len(expected) > 5
    assert by_id(read(paths, collection)).equals(expected)


def test_items_are_of_all_kinds() -> None:
    """Both polarisations, all satellites and partly seen tiles are among the items."""
    kinds = {
        (item["properties"].get("platform"), len(item["assets"]), item["bbox"][0] > BOX[0])
        for item in items()
    }
    assert {platform for platform, _, _ in kinds} == {
        "SENTINEL-1A", "SENTINEL-1B", "Sentinel-2A", "Sentinel-2B", "TanDEM-X",
    }  # fmt: skip
    assert {n for platform, n, _ in kinds if str(platform).startswith("SENTINEL-1")} == {3, 4}
    assert {item["properties"]["datetime"][:7] for item in items()} > {"2017-12", "2018-02"}


def test_a_fake_api_and_the_archive_answer_with_equal_items(tmp_path: Path) -> None:
    """A search finds the same rows of ITEMS in both."""
    write_archive(tmp_path, EXTENT, layout=Layout.FILE)
    asked = {each.collection: each.assets for each in Recipe().sensors.values()}
    api = FakeCatalog(source=ItemsInMemory.read(items(), asked))
    archive = open_catalog(str(tmp_path))
    assert archive.describe(asked) == "floodscan-generated"
    window = TimeWindow(START, END)
    for collection, assets in asked.items():
        search = Search(collection, BOX, window if "dem" not in collection else None, assets)
        ours, theirs = (c.search(search).items.sort_by("item_id") for c in (archive, api))
        touching = shapely.intersects(shapely.from_wkb(theirs["geometry"]), shapely.box(*BOX))
        theirs = theirs.filter(pa.array(touching))
        ours = ours.filter(pc.is_in(ours["item_id"], theirs["item_id"]))
        assert len(theirs) > 5
        assert ours.equals(theirs)


@pytest.mark.processes
def test_the_same_options_write_the_same_bytes(tmp_path: Path) -> None:
    """Any number of workers writes the same files; another seed writes others."""
    alone = write_archive(tmp_path / "1", EXTENT)
    together = write_archive(tmp_path / "2", EXTENT, n_workers=2)
    names = [path.relative_to(tmp_path / "1") for path in alone]
    assert names == [path.relative_to(tmp_path / "2") for path in together]
    for one, other in zip(alone, together, strict=True):
        assert one.read_bytes() == other.read_bytes()
    reseeded = write_archive(tmp_path / "3", Extent(start=START, end=END, boxes=(BOX,), seed=4))
    covers, other_covers = (
        by_id(read(paths, COLLECTIONS[1]))["eo:cloud_cover"].to_numpy()
        for paths in (alone, reseeded)
    )
    assert np.mean(covers != other_covers) > 0.9


def test_files_are_named_as_the_layout_says(tmp_path: Path) -> None:
    """A flat folder has names as Planetary Computer's; hive folders have the year and month."""
    names = {
        layout: [str(p.relative_to(tmp_path / layout)) for p in found if "-1-rtc" in str(p)]
        for layout in Layout
        for found in [write_archive(tmp_path / layout, EXTENT, layout=layout)]
    }
    flat = "sentinel-1-rtc.parquet/part-{}_{}T00:00:00+00:00_{}T00:00:00+00:00.parquet"
    assert names == {
        Layout.FILE: ["sentinel-1-rtc.parquet"],
        Layout.FLAT: [
            flat.format("0000", "2017-12-20", "2018-01-01"),
            flat.format("0001", "2018-01-01", "2018-02-01"),
            flat.format("0002", "2018-02-01", "2018-02-09"),
        ],
        Layout.HIVE: [
            f"sentinel-1-rtc/year={day[:4]}/month={day[5:]}/part-0.parquet"
            for day in ("2017-12", "2018-01", "2018-02")
        ],
    }


def test_rows_are_sorted_by_month_and_then_in_space(tmp_path: Path) -> None:
    """A row group is a month of a part of the area."""
    (path,) = (
        path
        for path in write_archive(tmp_path, EXTENT, layout=Layout.FILE, row_group_rows=15)
        if "-2-l2a" in str(path)
    )
    file = pq.ParquetFile(path)
    counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert max(counts) == 15
    months, areas = [], []
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=["datetime", "bbox"])
        months.append(sorted(set(pc.strftime(table["datetime"], "%Y-%m").to_pylist())))
        areas.append(_area(table))
    assert all(len(month) == 1 for month in months)
    assert months == sorted(months)
    assert np.median(areas) < 0.8 * _area(file.read(["bbox"]))


def _area(table: pa.Table) -> float:
    west, south, east, north = (
        pc.struct_field(table["bbox"], name) for name in ("xmin", "ymin", "xmax", "ymax")
    )
    box = (pc.min(west), pc.min(south), pc.max(east), pc.max(north))
    return float(shapely.box(*(edge.as_py() for edge in box)).area)


@pytest.mark.parametrize("n_items", [1, 40, 333])
def test_an_archive_has_as_many_items_as_wanted(n_items: int, tmp_path: Path) -> None:
    """They are the earliest ones, of both satellites together."""
    extent = Extent(start=START, n_items=n_items, boxes=(BOX,), seed=SEED)
    paths = write_archive(tmp_path, extent)
    times = [
        time
        for path in paths
        if "dem" not in str(path)
        for time in _starts(pq.read_table(path, partitioning=None))
    ]
    assert len(times) == n_items
    both = [item for item in items() if item["collection"] != COLLECTIONS[2]]
    known = sorted(_starts(parse_stac_items_to_arrow(both).read_all()))
    assert sorted(times)[:200] == known[: min(n_items, 200)]


def _starts(table: pa.Table) -> list[datetime]:
    names = [name for name in ("start_datetime", "datetime") if name in table.column_names]
    starts: list[datetime] = pc.coalesce(*(table[name] for name in names)).to_pylist()
    return starts


def test_files_say_what_they_are(tmp_path: Path) -> None:
    """The metadata are those of stac-geoparquet, with the box of all files."""
    for path in write_archive(tmp_path, EXTENT):
        metadata = pq.read_schema(path).metadata
        table = pq.read_table(path, partitioning=None)
        (collection,) = set(table["collection"].to_pylist())
        assert list(json.loads(metadata[b"stac-geoparquet"])["collections"]) == [collection]
        geometry = json.loads(metadata[b"geo"])["columns"]["geometry"]
        bounds = shapely.total_bounds(shapely.from_wkb(table["geometry"]))
        assert shapely.box(*geometry["bbox"]).covers(shapely.box(*bounds))
        assert geometry["geometry_types"] == ["Polygon"]


def test_an_archive_needs_an_end_and_an_area(tmp_path: Path) -> None:
    """Otherwise it would have no end, or no items: no satellite sees the North Pole."""
    with pytest.raises(ValueError, match="an end or a number"):
        Extent(start=START)
    with pytest.raises(ValueError, match="touches the area"):
        write_archive(tmp_path, Extent(start=START, n_items=9, boxes=((0.0, 88.0, 1.0, 89.0),)))


def test_the_command_reports_its_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file is counted, and the last line is their size."""
    words = ["--start", "2018-03-01", "--end", "2018-03-20", "--workers", "1"]
    words += ["--bbox", *map(str, BOX), "--out", str(tmp_path)]
    main(words)
    lines = capsys.readouterr().out.splitlines()
    assert "items in 1 months" in lines[0]
    assert lines[-1].endswith(f"in {tmp_path}")
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path)])
