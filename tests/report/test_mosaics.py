"""Pictures and tables of mosaics, of steps of the ladder, and of every verdict."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from PIL import Image
from rich.console import Console

import floodscan
from floodscan import Manifest, Policy, Recipe, Sensor
from floodscan.model import Relaxation
from floodscan.report.plots import plot
from floodscan.report.tables import show_choices
from floodscan.report.timeline import draw_timeline
from floodscan.report.wording import fold
from floodscan.selection import Verdict
from tests.report.test_plots import DEMO_EVENT, words_of

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.store import RunFolder

VERDICTS = sorted(map(str, Verdict))


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan the demo for change detection."""
    out = tmp_path_factory.mktemp("mosaics") / "run"
    return floodscan.scan("demo", out=out, recipe=Recipe(policy=Policy.CHANGE_DETECTION)).folder


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan with tiles, and with a cloud limit that no optical scene meets, even with all steps."""
    optical = replace(Recipe().sensors[Sensor.S2L2A], max_cloud_percent=0.5)
    recipe = Recipe(
        policy=Policy.CHANGE_DETECTION,
        sensors={**Recipe().sensors, Sensor.S2L2A: optical},
        relax=(
            Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=1),
            Relaxation(sensor=Sensor.S2L2A, window_days=15),
        ),
        tile_size_m=40_000,
    )
    return floodscan.scan(
        "demo", out=tmp_path_factory.mktemp("lacking") / "run", recipe=recipe
    ).folder


def manifest_of(run: RunFolder) -> Manifest:
    """Read the manifest of the demo's event."""
    return floodscan.read_manifest(run.path, DEMO_EVENT)


def members_of(manifest: Manifest) -> set[tuple[str, str, str]]:
    """List phase, sensor and id of all chosen scenes."""
    return {
        (phase, sensor, scene["id"])
        for phase, slots in manifest.content["selected"].items()
        for sensor, choice in slots.items()
        for scene in choice["items"]
    }


def scenes_of(svg: Path) -> list[tuple[str, str, str]]:
    """List the phase, sensor and id of all scenes that a picture names."""
    found: list[tuple[str, str, str]] = re.findall(
        r'id="(\w+)\.(S\w+)\.(\w+)"', svg.read_text("utf-8")
    )
    return found


def printed(manifest: Manifest) -> str:
    """Print the choices of a manifest."""
    screen = StringIO()
    show_choices(Console(file=screen, width=1000), manifest)
    return screen.getvalue()


def test_both_pictures_show_every_scene_of_a_mosaic(mosaics: RunFolder, tmp_path: Path) -> None:
    """Each has a footprint and a ring, and the legend counts all of them."""
    members = members_of(manifest_of(mosaics))
    assert len(members) == 23
    for path in plot(mosaics, DEMO_EVENT, to=tmp_path, kind="svg")[:2]:
        named = scenes_of(path)
        assert set(named) == members
        assert len(named) == len(members)
    assert "selected (23), labelled with days" in words_of(tmp_path / f"{DEMO_EVENT}_timeline.svg")


def test_both_pictures_describe_the_mosaic_and_not_its_first_scene(
    mosaics: RunFolder, tmp_path: Path
) -> None:
    """They show its coverage, mean cloud, number of scenes, SAR grade and steps of the ladder."""
    for path in plot(mosaics, DEMO_EVENT, to=tmp_path, kind="svg")[:2]:
        lines = words_of(path).splitlines()
        assert lines.count("100 % of area, SAR grade A") == 4
        assert lines.count("100 % of area, 32.5 % cloud") == 1
    # text on the map itself has a halo, so the SVG holds it as outlines
    assert lines.count("S1B, orbit 37 descending, +1 scene") == 3
    assert lines.count("S2B, tile 31UGR, +3 scenes") == 2
    assert lines.count("needs S2L2A.max_cloud_percent=50") == 1


def test_timeline_outlines_the_widest_window_if_a_step_widens_it(
    mosaics: RunFolder, tmp_path: Path
) -> None:
    """The reference policy takes no steps."""
    reference_run = floodscan.scan("demo", out=tmp_path / "run").folder
    shown = [
        words_of(plot(run, DEMO_EVENT, to=tmp_path, kind="svg")[1])
        for run in (mosaics, reference_run)
    ]
    assert ["widest window of the ladder" in words for words in shown] == [True, False]


def test_every_verdict_has_a_mark_and_is_counted(mosaics: RunFolder, tmp_path: Path) -> None:
    """A candidate without a time can't be drawn, but is counted."""
    assert {"too_cloudy", "selected", "superseded", "out_of_order"} < set(VERDICTS)
    candidates = mosaics.read_candidates(DEMO_EVENT)
    rows = candidates.filter((pc.field("target_id") == "aoi") & pc.field("phase").is_valid()).slice(
        0, len(VERDICTS)
    )
    verdicts = pa.array(VERDICTS)
    times = pc.if_else(pc.equal(verdicts, Verdict.NO_TIME), None, rows["datetime"])
    for name, values in {"verdict": verdicts, "datetime": times}.items():
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    for kind in ("svg", "png"):
        draw_timeline(manifest_of(mosaics), rows, tmp_path / f"timeline.{kind}")
    words = words_of(tmp_path / "timeline.svg")
    labels = {verdict.replace("_", " ") for verdict in VERDICTS} - {"no time"} | {
        "time unknown, not drawn"
    }
    assert {label for label in labels if f"{label} (1)" not in words} == set()
    pixels = np.asarray(Image.open(tmp_path / "timeline.png").convert("L"))
    assert (pixels[:, -12:] == 255).all()


def test_reasons_are_folded_without_breaking_the_keys_of_the_recipe(
    lacking: RunFolder, tmp_path: Path
) -> None:
    """They are whole words in few lines, with keys as in a recipe."""
    failures = manifest_of(lacking).failures
    reason = next(f["reason"] for f in failures if (f["target_id"], f["phase"]) == ("aoi", "event"))
    assert len(reason) > 100
    for path in plot(lacking, DEMO_EVENT, to=tmp_path, kind="svg")[:2]:
        lines = words_of(path).splitlines()
        (start,) = [
            n
            for n in range(len(lines))
            if " ".join(lines[n : n + 9]).startswith(f"no scene: {reason}")
        ]
        assert all(len(line) <= 34 for line in lines[start : start + 6])


def test_folded_text_breaks_only_long_words() -> None:
    """It breaks them after ``_``, ``=`` or ``.``.

    A count stays with its word, and text beyond the last line is cut.
    """
    text = "all_rejected (too_cloudy 11) after S2L2A.max_cloud_percent=50"
    assert fold(text, width=30, lines=9).splitlines() == [
        "all_rejected (too_cloudy 11)", "after", "S2L2A.max_cloud_percent=50",
    ]  # fmt: skip
    assert fold(text, width=16, lines=9).splitlines() == [
        "all_rejected", "(too_cloudy 11)", "after", "S2L2A.max_cloud_", "percent=50",
    ]  # fmt: skip
    assert fold(text, width=16, lines=2).splitlines() == ["all_rejected", "(too_cloudy 11)…"]
    assert fold("x" * 40, width=16, lines=2).splitlines() == ["x" * 16, "x" * 15 + "…"]
    assert fold("", width=16, lines=2) == ""


def test_table_shows_the_coverage_of_a_mosaic_and_the_sar_grade(mosaics: RunFolder) -> None:
    """The coverage of its first scene alone would be less."""
    lines = printed(manifest_of(mosaics)).splitlines()
    rows = {tuple(line.split()[:2]): re.split(" {2,}", line) for line in lines[2:10]}
    at = re.split(" {2,}", lines[1]).index("coverage")
    assert [rows["pre_month", sensor][at] for sensor in ("S1RTC", "S2L2A")] == ["1.000", "1.000"]
    assert rows["pre_event", "S2L2A"][at + 1] == "32.514"
    assert "SAR grade A" in lines


def test_coverage_counts_only_the_empty_slots_of_its_own_area(lacking: RunFolder) -> None:
    """Empty slots of tiles are listed, but not counted there."""
    manifest = manifest_of(lacking)
    assert len(manifest.failures) > manifest.content["coverage"]["empty_slots"] == 4
    assert "joint coverage: none, because 4 slots are empty; of the others 1.000000" in printed(
        manifest
    )
