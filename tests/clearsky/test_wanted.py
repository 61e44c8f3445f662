"""Which scenes are read: those that could still be chosen, the nearest to their dates first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from floodscan.catalogs import open_catalog
from floodscan.catalogs.pixel_access import CloudSource
from floodscan.clearsky import read_clearness
from floodscan.clearsky.base import Ground, Reading
from floodscan.clearsky.wanted import find_wanted
from floodscan.model import CloudScope, Policy, Recipe, Sensor
from floodscan.pipeline import Run, ask
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches
from floodscan.schemas import CANDIDATES
from floodscan.selection.candidates import score
from floodscan.store import RunFolder
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from floodscan.catalogs.rate_limiter import RateLimiter
    from floodscan.clearsky.base import Area, Reader, Scene
    from floodscan.planning.targets import Target

AREA = Recipe(tile_size_m=40_000).with_cloud(CloudScope.AREA)
CLEAREST = np.full(4096, 4, np.uint8)


@dataclass
class Sky:
    """A sky that is known without a request.

    Attributes:
        classes: The class at each sample point.
        hidden: Ids of scenes that can't be read.
        max_scenes: Most scenes of an event.
        seen: The scenes that were read.
    """

    classes: np.ndarray[Any, np.dtype[np.uint8]] = field(default_factory=lambda: CLEAREST)
    hidden: frozenset[str] = frozenset()
    max_scenes: int = 1000
    n_at_once: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def limited_by(self, rate_limiter: RateLimiter) -> Reader:
        """Return itself: there are no requests."""
        del rate_limiter
        return self

    def read(self, scene: Scene, areas: Sequence[Area]) -> Reading:
        """Return the same classes everywhere."""
        self.seen.append(scene.item_id)
        if scene.item_id in self.hidden:
            return Reading(unread="it is night", n_requests=1)
        grounds = tuple(Ground.at(self.classes) for _ in areas)
        return Reading(grounds=grounds, source=CloudSource.OVERVIEW, resolution_m=160.0)


def _score(recipe: Recipe, tmp_path: Path) -> tuple[pa.Table, dict[tuple[str, str], Target]]:
    """Score the demo under a recipe, and list its targets."""
    (batch,) = cut_batches(list_events([DEMO]), run_id="run")
    run = Run(
        catalog=open_catalog("demo"),
        catalog_id="demo",
        recipe=recipe,
        folder=RunFolder(tmp_path),
    )
    plan = run.plan(batch)
    answers = ask(run, plan.searches)
    slots = [slot for each in plan.plans for slot in each.slots]
    items = pa.concat_tables([answer.items for answer in answers])
    targets = {(slot.event_id, slot.target.target_id): slot.target for slot in slots}
    return score(items, slots, recipe), targets


def test_only_scenes_that_could_be_chosen_are_read(tmp_path: Path) -> None:
    """Of the sensor that asks for it; not those without overlap, or without an asset."""
    scored, targets = _score(AREA, tmp_path)
    lacking = pa.array(["missing_assets"] * 5 + scored["verdict"].to_pylist()[5:])
    place = CANDIDATES.get_field_index("verdict")
    s2 = scored.filter(pa.compute.equal(scored["sensor"], "S2L2A"))
    others = scored.filter(pa.compute.not_equal(scored["sensor"], "S2L2A"))
    s2 = s2.set_column(place, CANDIDATES.field(place), lacking[: len(s2)].cast(pa.string()))
    sky = Sky()
    found, reads = read_clearness(pa.concat_tables([s2, others]), targets, AREA, sky)
    rows = found.to_pylist()
    read = [row for row in rows if row["clear_source"] == "overview"]
    assert {row["sensor"] for row in read} == {"S2L2A"}
    assert {row["verdict"] for row in read} <= {"eligible", "too_cloudy"}
    assert all(row["overlap_frac"] > 0 for row in read)
    assert not [row for row in rows[:5] if row["clear_source"]]
    expected = {
        row["item_id"]
        for row in rows
        if row["sensor"] == "S2L2A"
        and row["overlap_frac"] > 0
        and row["verdict"] in {"eligible", "too_cloudy"}
    }
    assert sorted(sky.seen) == sorted(expected) == sorted(reads["item_id"].to_pylist())


def test_the_ladder_lets_more_scenes_be_read(tmp_path: Path) -> None:
    """Scenes outside of the window may be chosen by one of its steps."""
    wide = replace(AREA, policy=Policy.CHANGE_DETECTION)
    verdicts = []
    for recipe in (AREA, wide):
        scored, targets = _score(recipe, tmp_path)
        found, _ = read_clearness(scored, targets, recipe, Sky())
        read = found.filter(found["clear_source"].is_valid())
        verdicts.append(set(read["verdict"].to_pylist()))
    assert "outside_window" not in verdicts[0]
    assert "outside_window" in verdicts[1]


def test_the_nearest_scenes_to_any_phase_are_read(tmp_path: Path) -> None:
    """The cap counts scenes of an event, not rows; the rest has the reason."""
    scored, targets = _score(AREA, tmp_path)
    found, reads = read_clearness(scored, targets, AREA, Sky(max_scenes=7))
    assert len(reads) == 7
    rows = found.filter(pa.compute.equal(found["sensor"], "S2L2A")).to_pylist()
    days: dict[str, int] = {}
    for row in rows:
        if row["clear_source"] or row["unread"]:
            known = days.get(row["item_id"], 999)
            days[row["item_id"]] = min(known, row["days_from_phase"])
    order = sorted(days, key=lambda name: (days[name], name))
    assert sorted(order[:7]) == sorted(reads["item_id"].to_pylist())
    assert {row["unread"] for row in rows if row["item_id"] in order[7:]} - {None} == {
        "more than 7 scenes of the event are nearer to a phase's date"
    }


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("clear_frac", 4096),
        ("water_frac", 4096),
        ("shadow_frac", 0),
        ("dark_frac", 0),
        ("cloud_frac", 0),
        ("snow_frac", 0),
        ("nodata_frac", 0),
    ],
)
def test_shadow_and_dark_ground_are_clear_only_where_the_flood_may_be(
    name: str, points: int, tmp_path: Path
) -> None:
    """Turbid or dark water looks like them; the shares are the same in every phase."""
    classes = {
        "clear_frac": (4, 5, 7),
        "water_frac": (6,),
        "shadow_frac": (3,),
        "dark_frac": (2,),
        "cloud_frac": (8, 9, 10),
        "snow_frac": (11,),
        "nodata_frac": (0, 1, 12, 255),
    }
    scored, targets = _score(AREA, tmp_path)
    for value in classes[name]:
        sky = Sky(np.full(4096, value, np.uint8))
        found, _ = read_clearness(scored, targets, AREA, sky)
        rows = [row for row in found.to_pylist() if row["clear_points"] is not None]
        assert {row[name] for row in rows} == {1.0}
        assert all(sum(row[each] for each in classes) == 1 for row in rows)
        flooded = 4096 if name in {"shadow_frac", "dark_frac"} else points
        for row in rows:
            n_clear = int.from_bytes(row["clear_points"], "little").bit_count()
            assert n_clear == (flooded if row["phase"] in {"event", "post_event"} else points)


def test_bits_are_in_the_order_of_the_points(tmp_path: Path) -> None:
    """Bit i, from the lowest one, stands for point i."""
    scored, targets = _score(AREA, tmp_path)
    classes = np.full(4096, 9, np.uint8)
    classes[[0, 9, 4095]] = 4
    found, _ = read_clearness(scored, targets, AREA, Sky(classes))
    (points,) = set(found["clear_points"].to_pylist()) - {None}
    assert len(points) == 512
    assert int.from_bytes(points, "little") == 1 | 1 << 9 | 1 << 4095


def test_a_scene_that_can_not_be_read_has_no_shares(tmp_path: Path) -> None:
    """Only the reason, in all of its rows that could be chosen."""
    scored, targets = _score(AREA, tmp_path)
    (first, *_) = find_wanted(scored, AREA, 1000).scenes
    sky = Sky(hidden=frozenset({first.scene.item_id}))
    found, reads = read_clearness(scored, targets, AREA, sky)
    rows = [row for row in found.to_pylist() if row["unread"]]
    assert len(rows) == len(first.rows)
    assert {row["item_id"] for row in rows} == {first.scene.item_id}
    assert {row["unread"] for row in rows} == {"it is night"}
    assert {row[name] for row in rows for name in ("clear_frac", "clear_points")} == {None}
    assert reads["unread"].null_count == len(reads) - 1


def test_a_recipe_without_area_reads_nothing(tmp_path: Path) -> None:
    """No scene is wanted, and the assets that are searched are those of the recipe."""
    recipe = replace(AREA, sensors=Recipe().sensors)
    scored, _ = _score(recipe, tmp_path)
    assert find_wanted(scored, recipe, 1000).scenes == []
    (batch,) = cut_batches(list_events([DEMO]), run_id="run")
    run = Run(
        catalog=open_catalog("demo"), catalog_id="demo", recipe=AREA, folder=RunFolder(tmp_path)
    )
    optical = AREA.sensors[Sensor.S2L2A]
    assets = {s.assets for s in run.plan(batch).searches if s.collection == optical.collection}
    assert assets == {(*optical.assets, "SCL")}
