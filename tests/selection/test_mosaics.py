"""The mosaics that fill slots: members, split granules, reprocessed scenes, and gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import shapely

from floodscan.geometry.footprints import bbox_of
from floodscan.model import Phase, Policy, Recipe, Relaxation, Sensor
from tests.selection.worlds import (
    ALL,
    LEFT,
    RIGHT,
    World,
    chosen_ids,
    day,
    make_event,
    s1_item,
    s2_item,
    verdict_of,
    world_of,
)

WIDE = (Relaxation(sensor=Sensor.S1RTC, window_days=20),)

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def test_a_mosaic_is_the_fewest_scenes_that_cover_what_the_pass_covers() -> None:
    """Two halves complete each other; a third scene inside them is redundant."""
    parts = {"left": LEFT, "right": RIGHT, "within": (9.9, 50.2, 10.4, 50.4)}
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name[0].upper()}") for name, box in parts.items()
    ]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["left", "right"]}
    assert verdict_of(table, "within", Phase.PRE_MONTH) == "redundant"


def test_without_mosaics_the_scene_that_covers_most_fills_the_slot() -> None:
    """The other scenes of its pass rank behind it, and slivers are rejected."""
    parts = {"left": (9.0, 49.0, 10.6, 52.0), "right": RIGHT, "within": (9.9, 50.2, 10.4, 50.4)}
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name[0].upper()}") for name, box in parts.items()
    ]
    table = world_of(*items, mosaics=False).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["left"]}
    assert verdict_of(table, "right", Phase.PRE_MONTH) == "eligible"
    assert verdict_of(table, "within", Phase.PRE_MONTH) == "covers_too_little"


def test_without_mosaics_a_pass_still_fills_one_phase() -> None:
    """Two frames of one pass, which both phases before the flood could take."""
    frames = [s1_item(name, day(-15, minute=n), ALL, take="1") for n, name in enumerate("ab")]
    table = world_of(*frames, mosaics=False, relax=WIDE).chosen()
    assert len(chosen_ids(table)) == 1


def test_the_newest_processing_supersedes_the_others() -> None:
    """Of one tile and datatake, the older baseline points at the newer one."""
    items = [
        s2_item("old", day(-30), ALL, baseline="03.01"),
        s2_item("new", day(-30), ALL, baseline="05.00"),
    ]
    table = world_of(*items).chosen()
    rows = {row["item_id"]: row for row in table.to_pylist()}
    assert (rows["old"]["verdict"], rows["old"]["superseded_by"]) == ("superseded", "new")
    assert (rows["new"]["verdict"], rows["new"]["superseded_by"]) == ("selected", None)


def test_all_older_processings_point_at_the_newest() -> None:
    """Not at the next newer one; both parts of a split granule stay."""
    boxes = {"a_0212": ALL, "b_0301": ALL, "c_0509": LEFT, "d_0510": LEFT, "e_0510": RIGHT}
    items = [
        s2_item(name, day(-30), box, baseline=f"{name[2:4]}.{name[4:]}")
        for name, box in boxes.items()
    ]
    table = world_of(*items).chosen()
    newer = {row["item_id"]: row["superseded_by"] for row in table.to_pylist()}
    assert newer == {
        "a_0212": "d_0510",
        "b_0301": "d_0510",
        "c_0509": "d_0510",
        "d_0510": None,
        "e_0510": None,
    }
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["d_0510", "e_0510"]}


def test_a_newer_processing_that_lacks_a_band_supersedes_nothing() -> None:
    """Only scenes that can be chosen supersede others."""
    items = [
        s2_item("old", day(-30), ALL),
        s2_item("new", day(-30), ALL, baseline="05.00", bands=("B02", "B03")),
    ]
    assert chosen_ids(world_of(*items).chosen()) == {("pre_month", "S2L2A"): ["old"]}


def test_split_granules_are_members_of_one_mosaic() -> None:
    """Two items of one tile, time and baseline with complementary footprints are both chosen."""
    items = [s2_item("one", day(-30), LEFT), s2_item("two", day(-30), RIGHT)]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["one", "two"]}


def test_a_part_of_a_split_granule_is_a_member_inside_a_whole_footprint() -> None:
    """A part's footprint may claim the whole tile; only a twin of the footprint is redundant."""
    items = [
        s2_item("whole", day(-30), ALL),
        s2_item("part", day(-30), LEFT),
        s2_item("twin", day(-30), ALL),
    ]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["twin", "part"]}
    assert verdict_of(table, "whole", Phase.PRE_MONTH) == "redundant"


def test_an_area_across_the_antimeridian_gets_its_mosaic() -> None:
    """Scenes on both sides and across it are one pass."""
    event = make_event(179.5)
    east, west = (179.0, 49.0, 180.0, 52.0), (-180.0, 49.0, -179.0, 52.0)
    parts = [
        s2_item("east", day(-30), east, tile="60UWA"),
        s2_item("west", day(-30), west, tile="01UBR"),
    ]
    across = [s2_item("across", day(-4), (179.0, 49.0, 181.0, 52.0), tile="01UCR")]
    table = World(event, parts + across, Recipe(policy=Policy.CHANGE_DETECTION)).chosen()
    assert chosen_ids(table) == {
        ("pre_month", "S2L2A"): ["east", "west"],
        ("pre_event", "S2L2A"): ["across"],
    }


def discs(*centres: tuple[float, float], radius: float) -> BaseGeometry:
    """Draw an area of small parts."""
    area: BaseGeometry = shapely.union_all(
        [shapely.Point(centre).buffer(radius) for centre in centres]
    )
    return area


AREAS = {
    "gauges": discs((10.1, 50.1), (10.9, 50.9), radius=0.005),
    "towns": discs((10.05, 50.4), (10.3, 50.9), (10.8, 50.2), (10.9, 50.95), radius=0.01),
    "river": shapely.LineString([(10, 50), (10.4, 50.7), (11, 51)]).buffer(0.0003),
    "ring": discs((10.5, 50.5), radius=0.4) - discs((10.5, 50.5), radius=0.39),
    "atoll": shapely.MultiPolygon(
        [shapely.box(179.9, -17, 179.91, -16.99), shapely.box(-179.5, -16.5, -179.49, -16.4)]
    ),
}


@pytest.mark.parametrize("name", AREAS)
def test_an_area_of_small_parts_gets_its_scenes(name: str) -> None:
    """A scene that covers all parts wins over a nearer scene that covers some of them."""
    area = AREAS[name]
    west, _, east, _ = bbox = bbox_of(area)
    half = (west - 1, -60.0, west + (east - west) % 360 * 0.6, 60.0)
    whole = (west - 1, -60.0, west + 2, 60.0)
    items = [make(f"{make.__name__}_near", day(-30), half) for make in (s1_item, s2_item)]
    items += [make(f"{make.__name__}_whole", day(-29), whole) for make in (s1_item, s2_item)]
    event = replace(make_event(), aoi=area, bbox=bbox)
    table = World(event, items, Recipe(policy=Policy.CHANGE_DETECTION)).chosen()
    assert chosen_ids(table) == {
        ("pre_month", "S1RTC"): ["s1_item_whole"],
        ("pre_month", "S2L2A"): ["s2_item_whole"],
    }


def test_a_scene_that_fills_a_gap_between_points_is_a_member() -> None:
    """The sample points do not see a gap this narrow."""
    edges = (10.4930, 10.5070)  # between two of the 64 columns of points
    boxes = {
        "west": (9, 49, edges[0], 52),
        "east": (edges[1], 49, 12, 52),
        "middle": (10.4, 49, 10.6, 52),
    }
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name[0].upper()}") for name, box in boxes.items()
    ]
    (members,) = chosen_ids(world_of(*items).chosen()).values()
    assert set(members) == set(boxes)
    parts = {
        "part": (9, 49, edges[0], 52),
        "strip": (edges[0], 49, edges[1], 52),
        "rest": (edges[1], 49, 12, 52),
    }
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name == 'rest'}") for name, box in parts.items()
    ]
    (members,) = chosen_ids(world_of(*items).chosen()).values()
    assert set(members) == set(parts)


def test_a_sliver_joins_no_mosaic() -> None:
    """It adds less than 0.1 % of the area; a strip of 0.2 % is a member."""
    for edge, n_members in ((10.9995, 1), (10.998, 2)):
        boxes = {"wide": (9, 49, edge, 52), "strip": (10.9, 49, 12, 52)}
        items = [s1_item(name, day(-30), box, take="1") for name, box in boxes.items()]
        (members,) = chosen_ids(world_of(*items).chosen()).values()
        assert members == ["wide", "strip"][:n_members]


def test_of_slivers_alone_one_is_taken() -> None:
    """Where any coverage is enough, the slot is filled."""
    items = [s1_item(f"{n}", day(-30), (9, 49, 10.01, 50 + n / 50), take="1") for n in (1, 2)]
    (members,) = chosen_ids(world_of(*items, min_coverage=0.0).chosen()).values()
    assert members == ["2"]
