"""The published choices follow from the items of the demo."""

from __future__ import annotations

from datetime import date

import pytest
import shapely

from tests.testing.demo_items import (
    AOI,
    BANDS,
    DEM,
    ITEMS,
    PHASES,
    S1,
    S2,
    Item,
    day,
    is_clear_and_whole,
    is_dual,
    near,
    overlap,
    sentinel_1_order,
    sentinel_2_order,
)


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
