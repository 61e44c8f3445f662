"""Policy ``change-detection`` on real Sentinel-2 items and on the demo."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
import shapely
from pyproj import Transformer

import floodscan
from floodscan import Policy, Recipe, Sensor
from floodscan.assessment.quality import assess
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.geometry.areas import area_fracs
from floodscan.geometry.footprints import bbox_of, parse_footprints
from floodscan.model import Phase
from floodscan.planning.slots import plan_event
from floodscan.selection import select
from floodscan.selection.candidates import score
from tests.documents import GUIDE
from tests.selection.worlds import make_event
from tests.servers.records import real_items

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    Item = dict[str, Any]


def split_pairs(folder: Path) -> list[tuple[Item, Item]]:
    """Find pairs of items of one tile and time among the 1,000 real items."""
    groups: dict[tuple[str, str], dict[str, Item]] = defaultdict(dict)
    for item in real_items(folder):
        properties = item["properties"]
        if "s2:mgrs_tile" in properties and str(properties["datetime"]).startswith("2024"):
            groups[properties["s2:mgrs_tile"], str(properties["datetime"])[:19]][item["id"]] = item
    return [
        (one, other) for one, other in (tuple(g.values()) for g in groups.values() if len(g) == 2)
    ]


def test_the_real_split_granules_are_members_of_one_mosaic(foreign_data: Path) -> None:
    """Both items of all 13 pairs are chosen: none is a duplicate."""
    pairs = split_pairs(foreign_data)
    assert len(pairs) == 13
    recipe = Recipe(policy=Policy.CHANGE_DETECTION, relax=())
    asked = replace(recipe.sensors[Sensor.S2L2A], max_cloud_percent=100.1)
    recipe = replace(recipe, sensors={Sensor.S2L2A: asked})
    for pair in pairs:
        table = parse_items(decode_items(pair), collection=asked.collection, assets=asked.assets)
        area = shapely.union_all(shapely.from_wkb(table["geometry"].to_numpy()))
        day = table["datetime"][0].as_py().date()
        event = replace(
            make_event(), aoi=area, bbox=bbox_of(area), phase_dates=dict.fromkeys(Phase, day),
            onset=table["datetime"][0].as_py(),
        )  # fmt: skip
        plan = plan_event(event, recipe)
        chosen = select(score(table, plan.slots, recipe), [plan], recipe)
        rows = chosen.filter(chosen["selected"]).to_pylist()
        assert {row["item_id"] for row in rows} == {item["id"] for item in pair}
        assert len({row["phase"] for row in rows}) == 1


def test_real_items_across_the_antimeridian_are_chosen_and_measured(foreign_data: Path) -> None:
    """Each fills the slot of its day over its own footprint, on both sides of 180°."""
    items = [
        item
        for item in real_items(foreign_data)
        if item["collection"] == "sentinel-2-l2a" and _crosses(item)
    ]
    assert len(items) == 5
    for item in items:
        asked = replace(
            Recipe().sensors[Sensor.S2L2A],
            max_cloud_percent=100.1,
            assets=tuple(item["assets"])[:1],
        )
        recipe = Recipe(policy=Policy.CHANGE_DETECTION, sensors={Sensor.S2L2A: asked}, relax=())
        table = parse_items(decode_items([item]), collection=asked.collection, assets=asked.assets)
        (area,) = shapely.from_wkb(table["geometry"].to_numpy())
        moment = table["datetime"][0].as_py()
        event = replace(
            make_event(), aoi=area, bbox=bbox_of(area), onset=moment,
            phase_dates=dict.fromkeys(Phase, moment.date()),
            target_crs="EPSG:32660" if area.centroid.y > 0 else "EPSG:32760",
        )  # fmt: skip
        plan = plan_event(event, recipe)
        assert plan.targets[0].bbox[0] > plan.targets[0].bbox[2]
        chosen = select(score(table, plan.slots, recipe), [plan], recipe)
        assert chosen.filter(chosen["selected"])["item_id"].to_pylist() == [item["id"]]
        found = assess([plan], chosen, recipe)[event.event_id]
        share = _share_in_raster(area, table["proj_epsg"][0].as_py(), table["proj_bbox"][0].as_py())
        assert found.joint_frac["aoi"] == pytest.approx(share, abs=1e-3)
        optical = found.forecast.sets[Sensor.S2L2A]
        assert len(optical.missing) == len(Phase) - 1  # all phases have the same date


def _share_in_raster(area: BaseGeometry, epsg: int, edges: Sequence[float]) -> float:
    """Measure the share of an area that a raster covers, in the raster's own system.

    The sides of a footprint are straight in degrees, and those of its raster are not.
    """
    project = Transformer.from_crs("EPSG:4326", epsg, always_xy=True).transform
    dense = shapely.segmentize(area, 0.01)
    west, south, east, north = edges
    flat = shapely.transform(dense, lambda points: np.column_stack(project(*points.T)))
    return float(
        shapely.area(shapely.intersection(flat, shapely.box(west, south, east, north))) / flat.area
    )


def _crosses(item: Item) -> bool:
    (footprint,) = parse_footprints([orjson.dumps(item["geometry"])], [None])[0]
    west, _, east, _ = bbox_of(footprint)
    return west > east


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The demo's manifest under the policy."""
    out: Path = tmp_path_factory.mktemp("demo") / "out"
    run = floodscan.scan("demo", recipe=Recipe(policy=Policy.CHANGE_DETECTION), out=out)
    (manifest,) = run.manifests.values()
    return manifest.content


def test_the_demo_has_one_sar_track_in_all_phases(demo: dict[str, Any]) -> None:
    """Relative orbit 37 on 15 June, 9, 15 and 21 July."""
    choices = [demo["selected"][phase]["S1RTC"] for phase in demo["phase_order"]]
    assert [choice["relative_orbit"] for choice in choices] == [37] * 4
    days = [choice["datetime"][:10] for choice in choices]
    assert days == ["2021-06-15", "2021-07-09", "2021-07-15", "2021-07-21"]
    assert {choice["grade"] for choice in choices} == {"A"}


def test_the_demo_has_four_optical_passes_on_their_side_of_the_onset(demo: dict[str, Any]) -> None:
    """Each covers the whole area; the choice of the overcast phase names its step."""
    choices = [demo["selected"][phase]["S2L2A"] for phase in demo["phase_order"]]
    days = [choice["datetime"][:10] for choice in choices]
    assert days == ["2021-06-11", "2021-07-06", "2021-07-21", "2021-07-26"]
    assert all(choice["coverage_frac"] > 0.99 for choice in choices)
    assert [choice["relaxed"] for choice in choices] == [[], ["S2L2A.max_cloud_percent=50"], [], []]
    for choice in choices:
        shares = [item["share"] for item in choice["items"]]
        assert choice["id"] == choice["items"][0]["id"]
        assert shares[0] == max(shares)
        assert sum(shares) == pytest.approx(choice["coverage_frac"])


def test_the_demo_covers_the_whole_area(demo: dict[str, Any]) -> None:
    """The reference policy's choices cover 0.838 together and make 890 chips."""
    assert demo["coverage"]["joint_frac"] == {"aoi": 1.0}
    assert demo["coverage"]["forecast"]["all"]["mosaics"] == {
        "valid_pixel_frac": 1.0,
        "chips": 1120,
    }
    # the event has a date without an hour, and the scene is from that day
    assert [(each["code"], each["sensor"]) for each in demo["warnings"]] == [
        ("onset_assumed", "S1RTC"),
        ("late_event", "S2L2A"),
    ]


@pytest.mark.parametrize(
    ("min_coverage", "orbit", "chips"), [(0.5, 37, 593), (0.8, 88, 779)], ids=["default", "wider"]
)
def test_the_demo_without_mosaics_has_the_chips_that_the_guide_names(
    tmp_path: Path, min_coverage: float, orbit: int, chips: int
) -> None:
    """Each slot has one scene, so both kinds of readers get the same."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION, mosaics=False, min_coverage=min_coverage)
    run = floodscan.scan("demo", recipe=recipe, out=tmp_path / "out")
    (manifest,) = run.manifests.values()
    choices = [c for slots in manifest.content["selected"].values() for c in slots.values()]
    assert [len(choice["items"]) for choice in choices] == [1] * 8
    assert {choice["relative_orbit"] for choice in choices} == {8, orbit}
    whole = manifest.content["coverage"]["forecast"]["all"]
    assert whole["mosaics"] == whole["single_scenes"]
    assert whole["mosaics"]["chips"] == chips
    page = (GUIDE / "policies.md").read_text("utf-8")
    assert f"{chips} of 1,120 chips" in " ".join(page.split())


def test_a_share_is_of_equal_area() -> None:
    """Half a box is half of its area."""
    assert area_fracs([shapely.box(0, 0, 1, 1)], shapely.box(0, 0, 2, 1)) == [pytest.approx(0.5)]
