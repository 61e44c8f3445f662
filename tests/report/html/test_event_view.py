"""An event in the report: its timeline, its map, its choices and warnings, in Chromium."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow.compute as pc
import pytest

import floodscan
from floodscan.assessment.labels import Reason
from floodscan.assessment.manifest_files import read_manifest
from floodscan.assessment.outcomes import give_up
from floodscan.model import Recipe, Sensor, SensorRecipe
from floodscan.pipeline import write
from floodscan.planning.slots import plan_event
from floodscan.planning.targets import AOI
from floodscan.report.html import write_report
from tests.report.html.browser import open_report
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from floodscan.store import RunFolder
    from tests.report.html.browser import OpenReport

NAME = DEMO.event_id


@pytest.fixture
def opened(browser: Browser, demo_report: Path) -> Iterator[OpenReport]:
    """The demo's event, opened by a deep link."""
    with open_report(browser, demo_report, event=f"event={NAME}") as report:
        report.page.wait_for_selector("#timeline svg")
        yield report


def test_nothing_of_an_event_is_drawn_before_it_is_opened(
    browser: Browser, demo_report: Path
) -> None:
    """The page has the packed details only; a click on the id unpacks and draws them."""
    with open_report(browser, demo_report) as report:
        assert report.run("document.getElementById('event').childNodes.length") == 0
        assert not report.page.locator("#event").is_visible()
        report.page.locator(f"#table a:text-is('{NAME}')").click()
        report.page.wait_for_selector("#timeline svg")
        assert report.run("decodeURIComponent(location.hash)") == f"#event={NAME}"
        report.page.locator("#event .close").click()
        report.page.wait_for_selector("#event", state="hidden")


def test_timeline_has_every_candidate(opened: OpenReport, demo_run: RunFolder) -> None:
    """One mark for each candidate of each slot of the area, counted by verdict in the legend."""
    rows = demo_run.read_candidates(NAME)
    drawn = rows.filter((pc.field("target_id") == AOI) & pc.field("phase").is_valid())
    assert opened.count("#timeline .band .candidate") == len(drawn)
    assert opened.count("#timeline .band") == 8
    legend = " ".join(opened.texts("#timeline .legend .key"))
    for count in pc.value_counts(drawn["verdict"]).to_pylist():
        assert f"{count['values'].replace('_', ' ')} ({count['counts']})" in legend
    assert opened.count("#timeline line.onset") == 1
    assert opened.count("#timeline rect.window") == 8


def test_pointer_and_arrow_keys_tell_all_of_a_candidate(
    opened: OpenReport, demo_run: RunFolder
) -> None:
    """A box names the scene, its verdict, its time, its cover, its cloud and its orbit."""
    chosen = read_manifest(demo_run.path, NAME).content["selected"]["event"]["S2L2A"]
    band = opened.page.locator("#timeline .band[aria-label^='event S2L2A']")
    band.locator(".candidate.chosen").hover(force=True)
    told = opened.page.locator("#tooltip").inner_text()
    assert chosen["id"] in told
    for words in ("selected, rank 1", "2021-07-21 10:40 UTC", "+6 d", "84.0 %", "tile 31UGR"):
        assert words in told, words
    assert f"{chosen['eo:cloud_cover']:.1f} %" in told
    band.focus()
    opened.page.keyboard.press("ArrowRight")
    first = opened.page.locator("#tooltip").inner_text()
    opened.page.keyboard.press("ArrowRight")
    assert opened.page.locator("#tooltip").inner_text() != first
    opened.page.keyboard.press("Escape")
    assert not opened.page.locator("#tooltip").is_visible()


def test_map_has_the_area_and_every_chosen_footprint(
    opened: OpenReport, demo_run: RunFolder
) -> None:
    """One panel for each phase and one for the DEM, with borders of Luxembourg in it."""
    selected = demo_run.read_candidates(NAME).filter(pc.field("selected"))
    assert opened.count("#event .panel") == 5
    assert opened.count("#event .footprint") == len(selected)
    assert opened.count("#event .footprint.DEM") == 4
    lines = opened.run(
        "[...document.querySelectorAll('#event .border')].map(p => p.getAttribute('d').length)"
    )
    assert min(lines) > 100
    inside = opened.run(
        """(() => { const box = (each) => document.querySelector(each).getBoundingClientRect();
        const panel = box('#event .panel svg');
        const area = box('#event .area');
        return panel.left < area.left && area.right < panel.right
          && panel.top < area.top && area.bottom < panel.bottom })()"""
    )
    assert inside
    opened.page.locator("#event .footprint.DEM").first.hover()
    assert "Copernicus_DSM" in opened.page.locator("#tooltip").inner_text()


def test_choices_have_reasons_and_runners_up(opened: OpenReport, demo_run: RunFolder) -> None:
    """Each slot names its scenes, why they won, and the next best."""
    manifest = read_manifest(demo_run.path, NAME).content
    rows = opened.texts(".choices tbody tr")
    assert len(rows) == 9
    for row, (phase, sensor) in zip(
        rows, ((p, s) for s in ("S1RTC", "S2L2A") for p in manifest["phase_order"]), strict=False
    ):
        choice = manifest["selected"][phase][sensor]
        assert f"{phase} {sensor}" in row
        assert choice["id"] in row
        assert choice["runner_up"]["id"] in row
        assert "Ahead of the runner-up by" in row
    assert all(item["id"] in rows[-1] for item in manifest["dem_items"])
    warnings = opened.texts("#event .scroll:not(.choices) tbody tr")
    assert len(warnings) == len(manifest["warnings"])
    assert all(
        each["text"] in row for each, row in zip(manifest["warnings"], warnings, strict=True)
    )


def test_manifest_is_one_click_away(opened: OpenReport, demo_report: Path) -> None:
    """The link is relative, so that a folder can be moved with its report."""
    href = opened.page.locator("#event .facts a").get_attribute("href")
    assert href == f"manifests/{NAME}.json"
    assert (demo_report.parent / unquote(href)).exists()


def test_unknown_event_is_named(browser: Browser, demo_report: Path) -> None:
    """A deep link of another run does no harm, whatever is in it."""
    with open_report(
        browser, demo_report, event="event=%3Cscript%3Ealert(1)%3C/script%3E"
    ) as report:
        assert report.texts("#event .notice") == [
            "This run has no event <script>alert(1)</script>."
        ]
        report.run("location.hash = 'event=%E0%A4%A'")
        report.page.wait_for_function(
            "() => document.querySelector('#event').innerText.includes('%E0')"
        )


def test_tiles_and_empty_slots(browser: Browser, tmp_path: Path) -> None:
    """Tiles are drawn and can be picked; an empty slot has its reason and a hint."""
    sentinel_2 = SensorRecipe(
        collection="sentinel-2-l2a", assets=("B02",), window_days=3, max_cloud_percent=0.5
    )
    recipe = Recipe(sensors={**Recipe().sensors, Sensor.S2L2A: sentinel_2}, tile_size_m=40_000)
    run = floodscan.scan(DEMO, catalog="demo", recipe=recipe, out=tmp_path / "run")
    manifest = run.manifests[NAME].content
    with open_report(browser, run.report(), event=f"event={NAME}") as report:
        n_tiles = len(manifest["tiles"])
        assert report.count("#event .panel:first-child .tile-edge") == n_tiles > 1
        (reason,) = {
            failure["reason"]
            for failure in manifest["failures"]
            if (failure["target_id"], failure["phase"]) == (AOI, "event")
        }
        row = next(
            text for text in report.texts(".choices tbody tr") if text.startswith("event S2L2A")
        )
        assert "no scene" in row
        assert reason in row
        tile = next(each for each in manifest["tiles"] if each["selected"]["event"]["S1RTC"])
        report.page.locator("#target").select_option(tile["target_id"])
        assert tile["selected"]["event"]["S1RTC"]["id"] in report.texts(".choices")[0]


def test_event_without_a_manifest_has_its_reason(browser: Browser, tmp_path: Path) -> None:
    """An event that crashed its workers is in the table, and its view says why."""
    run = floodscan.scan(DEMO, catalog="demo", out=tmp_path / "run")
    lost = give_up(
        plan_event(DEMO, Recipe()), Reason.WORKER_LOST, detail="3 workers", hint="more memory"
    )
    run.folder.prepare()
    write(run.folder, next(iter(run.folder.events.batches()))[0], [], given_up=[lost])
    with open_report(browser, write_report(run.folder), event=f"event={NAME}") as report:
        assert "worker_lost (3 workers)" in report.texts("#event .notice")[0]
        assert "1 event without a manifest is not on the map." in report.texts("#unplaced")
        assert re.search(r"worker lost, whole event\s+1", "\n".join(report.texts("#charts")))


@pytest.mark.parametrize(("sensor", "bands"), [(Sensor.S1RTC, 4), (Sensor.DEM, 0)])
def test_recipe_with_one_sensor(
    browser: Browser, tmp_path: Path, sensor: Sensor, bands: int
) -> None:
    """Without imagery the timeline has no bands; without the DEM the map has no panel for it."""
    recipe = Recipe(sensors={sensor: Recipe().sensors[sensor]})
    run = floodscan.scan(DEMO, catalog="demo", recipe=recipe, out=tmp_path / "run")
    with open_report(browser, run.report(), event=f"event={NAME}") as report:
        report.page.wait_for_selector("#timeline svg")
        assert report.count("#timeline .band") == bands
        assert report.count("#event .panel") == (5 if sensor is Sensor.DEM else 4)
        assert report.count(".choices tbody tr") == max(bands, 1)
