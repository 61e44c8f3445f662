"""The bundled demo: what is in its snapshot, and that the published choices follow from it."""

from __future__ import annotations

import json
import tomllib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import pytest
import shapely
from stac_geoparquet.arrow import stac_table_to_items

from floodscan.testing.build_demo import DEMO_FOLDER, build_collections, build_items, write_demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Item = dict[str, Any]

S1, S2, DEM = "sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30"
AOI = shapely.box(5.7333, 49.4426, 6.5282, 50.1830)
PHASES = {
    "pre_month": date(2021, 6, 15),
    "pre_event": date(2021, 7, 11),
    "event": date(2021, 7, 15),
    "post_event": date(2021, 7, 18),
}
BANDS = {"B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"}
ITEMS = build_items()
ALL = [item for members in ITEMS.values() for item in members]


def overlap(item: Item) -> float:
    """Return the share of the area that an item's footprint covers."""
    return float(shapely.geometry.shape(item["geometry"]).intersection(AOI).area / AOI.area)


def day(item: Item) -> date:
    """Return the UTC day of an item."""
    return date.fromisoformat(item["properties"]["datetime"][:10])


def near(collection: str, phase: date, days: int) -> list[Item]:
    """Return the items in a window of ``days`` either side of ``phase``."""
    return [item for item in ITEMS[collection] if abs(day(item) - phase) <= timedelta(days=days)]


def sentinel_1_order(phase: date) -> Callable[[Item], tuple[Any, ...]]:
    """Return the reference policy's order of Sentinel-1 scenes."""
    return lambda item: (
        -overlap(item),
        abs(day(item) - phase),
        item["properties"]["datetime"],
        item["id"],
    )


def sentinel_2_order(phase: date) -> Callable[[Item], tuple[Any, ...]]:
    """Return the reference policy's order of Sentinel-2 scenes."""
    return lambda item: (
        -overlap(item),
        item["properties"]["eo:cloud_cover"],
        abs(day(item) - phase),
        item["id"],
    )


def is_dual(item: Item) -> bool:
    """Tell whether a Sentinel-1 item has both polarisations, in whichever order."""
    return set(item["properties"]["sar:polarizations"]) == {"VV", "VH"} and {"vv", "vh"} <= set(
        item["assets"]
    )


def is_clear_and_whole(item: Item) -> bool:
    """Tell whether a Sentinel-2 item passes the cloud limit and has every band."""
    return item["properties"]["eo:cloud_cover"] < 25 and set(item["assets"]) >= BANDS


def addresses(value: object) -> Iterator[str]:
    """Yield every href in a STAC document."""
    if isinstance(value, dict):
        yield from (text for key, text in value.items() if key == "href")
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from addresses(member)


@pytest.mark.parametrize(
    ("phase", "datetime", "track"),
    [
        ("pre_month", "2021-06-16T05:42:53.246501Z", 139),
        ("pre_event", "2021-07-10T05:42:54.536403Z", 139),
        ("event", "2021-07-15T05:51:04.897499Z", 37),
        ("post_event", "2021-07-15T05:51:04.897499Z", 37),
    ],
)
def test_the_published_sentinel_1_scene_comes_first(phase: str, datetime: str, track: int) -> None:
    """The reference policy finds the published scene, which covers all of the area."""
    dual = filter(is_dual, near(S1, PHASES[phase], 4))
    best = min(dual, key=sentinel_1_order(PHASES[phase]))
    assert best["properties"]["datetime"] == datetime
    assert best["properties"]["sat:relative_orbit"] == track
    assert overlap(best) == 1.0


@pytest.mark.parametrize(
    ("phase", "prefix", "datetime", "cloud"),
    [
        (
            "pre_month",
            "S2A_MSIL2A_20210611T104021_R008_T31UGR_2021062",
            "2021-06-11T10:40:21.024000Z",
            16.999946,
        ),
        (
            "pre_event",
            "S2A_MSIL2A_20210721T104031_R008_T31UGR_2021072",
            "2021-07-21T10:40:31.024000Z",
            3.280537,
        ),
        (
            "event",
            "S2A_MSIL2A_20210721T104031_R008_T31UGR_2021072",
            "2021-07-21T10:40:31.024000Z",
            3.280537,
        ),
        (
            "post_event",
            "S2A_MSIL2A_20210721T104031_R008_T31UGR_2021072",
            "2021-07-21T10:40:31.024000Z",
            3.280537,
        ),
    ],
)
def test_the_published_sentinel_2_scene_comes_first(
    phase: str, prefix: str, datetime: str, cloud: float
) -> None:
    """The reference policy finds the published scene, its cloud and its overlap."""
    fit = filter(is_clear_and_whole, near(S2, PHASES[phase], 10))
    best = min(fit, key=sentinel_2_order(PHASES[phase]))
    assert best["id"].startswith(prefix)
    assert best["properties"]["datetime"] == datetime
    assert best["properties"]["eo:cloud_cover"] == cloud
    assert round(overlap(best), 6) == 0.840362


def test_four_dem_tiles_overlap_the_area_as_published_and_their_ring_does_not() -> None:
    """Overlaps are the published ones to the last digit."""
    overlaps = {item["assets"]["data"]["title"]: round(overlap(item), 6) for item in ITEMS[DEM]}
    assert len(overlaps) == 16
    assert {tile: share for tile, share in overlaps.items() if share} == {
        "N49_00_E006_00": 0.500505,
        "N49_00_E005_00": 0.252518,
        "N50_00_E006_00": 0.164177,
        "N50_00_E005_00": 0.082799,
    }


def test_full_tiles_overlap_the_area_as_the_grid_says() -> None:
    """The pass in the middle covers its six tiles whole."""
    orbit_8 = [item for item in ITEMS[S2] if item["properties"]["sat:relative_orbit"] == 8]
    assert {(item["properties"]["s2:mgrs_tile"], round(overlap(item), 6)) for item in orbit_8} == {
        ("31UFQ", 0.049520),
        ("31UFR", 0.206414),
        ("31UGQ", 0.214993),
        ("31UGR", 0.840362),
        ("32ULA", 0.343100),
        ("32ULV", 0.089234),
    }
    assert {item["properties"]["s2:nodata_pixel_percentage"] for item in orbit_8} == {0.0}


@pytest.mark.parametrize("when", [date(2021, 6, 15), date(2021, 7, 9), date(2021, 7, 21)])
def test_two_frames_of_track_37_cover_the_area_jointly_where_neither_does_alone(when: date) -> None:
    """A policy that joins the frames of a pass can stay on one track."""
    frames = [item for item in ITEMS[S1] if day(item) == when and is_dual(item) and overlap(item)]
    assert [item["properties"]["sat:relative_orbit"] for item in frames] == [37, 37]
    assert all(overlap(item) < 1 for item in frames)
    assert shapely.union_all([shapely.geometry.shape(item["geometry"]) for item in frames]).covers(
        AOI
    )


@pytest.mark.parametrize(
    ("when", "track"),
    [
        (date(2021, 7, 11), 161),
        (date(2021, 7, 16), 139),
        (date(2021, 7, 17), 161),
        (date(2021, 7, 18), 88),
        (date(2021, 7, 19), 15),
    ],
)
def test_single_frames_of_nearer_passes_cover_only_part_of_the_area(when: date, track: int) -> None:
    """A cut between frames or the edge of the swath crosses the area."""
    shares = [overlap(item) for item in ITEMS[S1] if day(item) == when]
    tracks = {item["properties"]["sat:relative_orbit"] for item in ITEMS[S1] if day(item) == when}
    assert tracks == {track}
    assert 0 < max(shares) < 1


def test_a_mosaic_of_one_clear_pass_covers_the_area() -> None:
    """All six tiles are clear and leave no gap."""
    for when in (date(2021, 6, 11), date(2021, 7, 21)):
        tiles = [item for item in ITEMS[S2] if day(item) == when]
        assert len(tiles) == 6
        assert all(is_clear_and_whole(item) for item in tiles)
        assert shapely.union_all(
            [shapely.geometry.shape(item["geometry"]) for item in tiles]
        ).covers(AOI)


def test_a_higher_cloud_limit_adds_a_scene_before_the_flood() -> None:
    """The clearest whole scene before the flood lies just above the default limit."""
    clouds = [
        item["properties"]["eo:cloud_cover"]
        for item in near(S2, PHASES["pre_event"], 10)
        if overlap(item) > 0.84 and day(item) < PHASES["event"]
    ]
    assert min(clouds) == pytest.approx(31.402768)


def test_another_clear_pass_follows_the_chosen_one() -> None:
    """It is cloudier than the chosen one, so that it comes second."""
    later = [item for item in ITEMS[S2] if day(item) == date(2021, 7, 26) and overlap(item) > 0.84]
    assert [3.280537 < item["properties"]["eo:cloud_cover"] < 25 for item in later] == [True]


def test_a_scene_in_one_polarisation_would_win_but_for_the_other() -> None:
    """It covers all of the area on the phase date itself."""
    phase = PHASES["pre_month"]
    best = min(near(S1, phase, 4), key=sentinel_1_order(phase))
    assert best["properties"]["sar:polarizations"] == ["VV"]
    assert "_1SSV_" in best["id"]
    assert "vh" not in best["assets"]


def test_a_scene_without_a_band_would_win_but_for_it() -> None:
    """It is clearer than the published choice."""
    phase = PHASES["pre_month"]
    best = min(near(S2, phase, 10), key=sentinel_2_order(phase))
    assert set(best["assets"]) & BANDS == BANDS - {"B09"}


def test_polarisations_come_in_the_other_order_once() -> None:
    """That frame covers a part of the area."""
    turned = [item for item in ITEMS[S1] if item["properties"]["sar:polarizations"] == ["VH", "VV"]]
    assert [overlap(item) > 0 for item in turned] == [True]


def test_some_bounding_boxes_overlap_the_area_where_the_footprint_does_not() -> None:
    """A search by box returns them, a measure of overlap rejects them."""

    def boxes_only(item: Item) -> bool:
        return shapely.box(*item["bbox"]).intersection(AOI).area > 0 and overlap(item) == 0

    assert any(map(boxes_only, ITEMS[S1]))


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
