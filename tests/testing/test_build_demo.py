"""The items of the bundled demo: what is published, what is modelled, and how they are stored."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import pytest
import shapely
from stac_geoparquet.arrow import stac_table_to_items

from floodscan.testing.build_demo import DEMO_FOLDER, build_collections, write_demo
from tests.testing.demo_items import (
    ALL,
    AOI,
    DEM,
    ITEMS,
    PHASES,
    S1,
    S2,
    day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def addresses(value: object) -> Iterator[str]:
    """Yield every href in a STAC document."""
    if isinstance(value, dict):
        yield from (text for key, text in value.items() if key == "href")
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from addresses(member)


def test_every_track_and_satellite_is_there() -> None:
    """Five Sentinel-1 tracks, three Sentinel-2 orbits and both satellites of each kind."""
    passes = {
        (i["properties"]["sat:orbit_state"], i["properties"]["sat:relative_orbit"])
        for i in ITEMS[S1]
    }
    assert passes == {
        ("descending", 37),
        ("descending", 139),
        ("ascending", 15),
        ("ascending", 88),
        ("ascending", 161),
    }
    assert {item["properties"]["platform"] for item in ITEMS[S1]} == {"SENTINEL-1A", "SENTINEL-1B"}
    assert {item["properties"]["platform"] for item in ITEMS[S2]} == {"Sentinel-2A", "Sentinel-2B"}
    assert {item["properties"]["sat:relative_orbit"] for item in ITEMS[S2]} == {8, 51, 108}


def test_orbit_numbers_agree_with_each_other() -> None:
    """Relative orbits follow from absolute ones by each satellite's own offset."""
    before = {"SENTINEL-1A": 73, "SENTINEL-1B": 27}
    for properties in (item["properties"] for item in ITEMS[S1]):
        orbits_flown = properties["sat:absolute_orbit"] - before[properties["platform"]]
        assert orbits_flown % 175 + 1 == properties["sat:relative_orbit"]
    before = {"Sentinel-2A": -2, "Sentinel-2B": 27}
    for properties in (item["properties"] for item in ITEMS[S2]):
        orbits_flown = (
            int(properties["s2:datatake_id"].split("_")[2]) - before[properties["platform"]]
        )
        assert orbits_flown % 143 + 1 == properties["sat:relative_orbit"]


def test_published_ids_are_met_in_full() -> None:
    """Ids that were published whole are met to the last digit."""
    published = {
        item["id"]: item for item in ALL if "id" in item["properties"]["floodscan:published"]
    }
    assert {name for name in published if name.startswith("S")} == {
        "S1A_IW_GRDH_1SDV_20210703T055051_20210703T055116_038609_048E45_rtc",
        "S1A_IW_GRDH_1SDV_20210715T055052_20210715T055117_038784_049389_rtc",
        "S1B_IW_GRDH_1SDV_20210716T054217_20210716T054242_027815_0351B0_rtc",
        "S2A_MSIL2A_20210718T103031_R108_T32ULA_20210719T012510",
        "S2A_MSIL2A_20210721T104031_R008_T32ULA_20210721T223912",
    }
    scene = published["S1A_IW_GRDH_1SDV_20210715T055052_20210715T055117_038784_049389_rtc"]
    assert scene["properties"]["s1:datatake_id"] == str(0x049389)


def test_every_published_start_is_met_by_an_item_that_says_so() -> None:
    """Published starts are met to the second, on the day and by the satellite."""
    told = {item["id"] for item in ITEMS[S1] if item["properties"]["floodscan:published"]}
    starts = {f"{name[:3]}_{name[17:32]}" for name in told}
    assert starts == {
        "S1B_20210610T054125", "S1B_20210610T054150", "S1A_20210616T054240", "S1A_20210703T055051",
        "S1A_20210710T054242", "S1A_20210713T171647", "S1A_20210715T055027", "S1A_20210715T055052",
        "S1B_20210716T054127", "S1B_20210716T054152", "S1B_20210716T054217", "S1B_20210717T173234",
        "S1A_20210718T172454", "S1B_20210719T171618", "S1B_20210721T055002",
    }  # fmt: skip


def test_every_item_says_what_is_published_and_what_is_modelled() -> None:
    """No field is in both lists, and addresses are always modelled."""
    for item in ALL:
        published = item["properties"]["floodscan:published"]
        modelled = item["properties"]["floodscan:modelled"]
        assert not set(published) & set(modelled)
        assert {"assets", "links"} <= set(modelled)
        assert ("id" in published) != ("id" in modelled)


def test_ids_are_unique_and_collections_are_their_own() -> None:
    """No id comes twice in the snapshot."""
    assert len({item["id"] for item in ALL}) == len(ALL)
    for collection, members in ITEMS.items():
        assert {item["collection"] for item in members} == {collection}


def test_no_address_leads_anywhere() -> None:
    """Every link and asset is at a host that cannot exist."""
    hosts = {urlsplit(href).hostname or "" for href in addresses([*ALL, *build_collections()])}
    assert hosts
    assert all(host.endswith(".floodscan-demo.invalid") for host in hosts)


def test_items_and_collections_are_stac() -> None:
    """They can be read by pystac, and boxes belong to their footprints."""
    for item in ALL:
        parsed = pystac.Item.from_dict(item)
        assert parsed.bbox == pytest.approx(shapely.geometry.shape(item["geometry"]).bounds)
        assert shapely.geometry.shape(item["geometry"]).is_valid
    assert [pystac.Collection.from_dict(each).id for each in build_collections()] == [S1, S2, DEM]


def test_acquisitions_lie_in_june_and_july_and_in_order() -> None:
    """Items are sorted by time."""
    for collection in (S1, S2):
        days = [day(item) for item in ITEMS[collection]]
        assert days == sorted(days)
        assert days[0] >= date(2021, 6, 1)
        assert days[-1] <= date(2021, 7, 31)


def test_frames_begin_with_a_blank_in_their_times() -> None:
    """The real items do so as well."""
    first = next(item for item in ITEMS[S1] if "_20210715T055052_20210715T055117_" in item["id"])
    assert first["properties"]["start_datetime"] == "2021-07-15 05:50:52.397999+00:00"


def test_bands_carry_their_grid() -> None:
    """Bounding box, shape and transform are those of the tile at the resolution of the band."""
    scene = next(item for item in ITEMS[S2] if "T31UGR" in item["id"])
    assert scene["properties"]["proj:epsg"] == 32631
    band = scene["assets"]["B05"]
    assert band["proj:bbox"] == [699960.0, 5490240.0, 809760.0, 5600040.0]
    assert band["proj:shape"] == [5490, 5490]
    assert band["proj:transform"] == [20.0, 0.0, 699960.0, 0.0, -20.0, 5600040.0]


@pytest.mark.parametrize("name", [S1, S2, DEM])
def test_bundled_tables_hold_the_items(name: str) -> None:
    """Items come back from the table as they were, times aside, which change their spelling."""
    table = pq.read_table(DEMO_FOLDER / f"{name}.parquet")
    assert table.schema.field("datetime").type == pa.timestamp("us", tz="UTC")
    read = list(stac_table_to_items(table))
    times = {"datetime", "start_datetime", "end_datetime"}
    for item, expected in zip(read, ITEMS[name], strict=True):
        for one in (item, expected := json.loads(json.dumps(expected))):
            one["properties"] = {
                key: value for key, value in one["properties"].items() if key not in times
            }
        assert json.loads(json.dumps(item)) == expected


@pytest.mark.parametrize("name", [S1, S2, DEM])
def test_bundled_tables_say_what_they_are(name: str) -> None:
    """The metadata name the format, the collection and the catalog."""
    metadata = pq.read_schema(DEMO_FOLDER / f"{name}.parquet").metadata
    stac = json.loads(metadata[b"stac-geoparquet"])
    assert stac["version"] == "1.1.0"
    assert stac["collections"] == {
        each["id"]: each for each in build_collections() if each["id"] == name
    }
    assert json.loads(metadata[b"geo"])["columns"]["geometry"]["encoding"] == "WKB"
    assert json.loads(metadata[b"floodscan:catalog"])["id"] == "floodscan-demo"


def test_the_bundled_event_is_the_published_one() -> None:
    """Its area, dates and grid are those of the published procedure."""
    (event,) = tomllib.loads((DEMO_FOLDER / "event.toml").read_text(encoding="utf-8"))["event"]
    assert event["event_id"] == "luxembourg_flood_2021_multimodal"
    assert shapely.box(*event["bbox"]).equals(AOI)
    assert event["target_crs"] == "EPSG:32632"
    assert event["phase_dates"] == PHASES


def test_the_builder_writes_the_bundled_files(tmp_path: Path) -> None:
    """The bundle is what the script makes, byte by byte."""
    written = write_demo(tmp_path)
    assert len(written) == 4
    for path in written:
        bundled = DEMO_FOLDER / path.name
        # Another release of Arrow may lay the same table out in other bytes.
        if path.suffix == ".parquet" and _writer(path) != _writer(bundled):
            assert pq.read_table(path).equals(pq.read_table(bundled), check_metadata=True)
        else:
            assert path.read_bytes() == bundled.read_bytes()


def test_the_bundle_is_small() -> None:
    """It is part of the package."""
    assert sum(path.stat().st_size for path in DEMO_FOLDER.iterdir()) < 600_000


def _writer(path: Path) -> str:
    return str(pq.read_metadata(path).created_by)
