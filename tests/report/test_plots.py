"""Pictures of a run: the right files, the same bytes each time, and the words on them."""

from __future__ import annotations

import copy
import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from PIL import Image

import floodscan
from floodscan.assessment.manifest import Manifest
from floodscan.assessment.manifest_files import read_manifest
from floodscan.cli.group import cli
from floodscan.errors import InputError, OutputError
from floodscan.geometry.footprints import repair
from floodscan.model import Event, Phase, Recipe, Sensor, SensorRecipe
from floodscan.report.coverage import count_slots, draw_coverage, list_slots
from floodscan.report.map import draw_map
from floodscan.report.plots import plot
from floodscan.report.timeline import draw_timeline
from floodscan.report.views import View
from floodscan.report.wording import percent, signed_days
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

DEMO_EVENT = "luxembourg_flood_2021_multimodal"
DEMO_FOLDER = Path(floodscan.__file__).parent / "data" / "demo"
AREA = shapely.box(5.7333, 49.4426, 6.5282, 50.1830)
HALF_A_TURN = 173.875
PICTURES = ("map", "timeline", "coverage")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan the demo."""
    out = tmp_path_factory.mktemp("demo") / "run"
    floodscan.scan("demo", out=out)
    return RunFolder(out)


@pytest.fixture(scope="module")
def clouded(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan with tiles, and with a cloud limit that no Sentinel-2 scene meets."""
    sentinel_2 = SensorRecipe(
        collection="sentinel-2-l2a", assets=("B02",), window_days=3, max_cloud_percent=0.5
    )
    recipe = Recipe(sensors={**Recipe().sensors, Sensor.S2L2A: sentinel_2}, tile_size_m=40_000)
    out = tmp_path_factory.mktemp("clouded") / "run"
    floodscan.scan([event_on(date(2021, 7, 7))], catalog="demo", recipe=recipe, out=out)
    return RunFolder(out)


def event_on(day: date) -> Event:
    """Make an event in the demo's area, with all phases on one day."""
    return Event(
        event_id="clouded",
        aoi=AREA,
        bbox=(5.7333, 49.4426, 6.5282, 50.1830),
        phase_dates=dict.fromkeys(Phase, day),
        onset=datetime(day.year, day.month, day.day, 6, 30, tzinfo=UTC),
        target_crs="EPSG:32632",
    )


def across_antimeridian(manifest: Manifest) -> Manifest:
    """Turn the Earth below a manifest, so that its area is across the antimeridian."""
    content = copy.deepcopy(manifest.content)
    west, south, east, north = content["event"]["bbox"]
    content["event"]["bbox"] = [west + HALF_A_TURN, south, east + HALF_A_TURN - 360, north]
    content["event"]["aoi"] = turned(content["event"]["aoi"])
    for item in content["items"]:
        item["geometry"] = turned(item["geometry"])
    return Manifest(content)


def turned(geometry: dict[str, Any]) -> dict[str, Any]:
    """Turn a GeoJSON shape by about half a turn, and cut it at the antimeridian."""
    moved = shapely.transform(
        shapely.geometry.shape(geometry), lambda points: points + np.array([HALF_A_TURN, 0])
    )
    cut: BaseGeometry = repair(np.array([moved], dtype=object))[0]
    mapping: dict[str, Any] = shapely.geometry.mapping(cut)
    return mapping


def words_of(svg: Path) -> str:
    """Return the text in an SVG, line by line."""
    return "\n".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", svg.read_text("utf-8")))


def manifest_of(run: RunFolder, event_id: str = DEMO_EVENT) -> Manifest:
    """Read an event's manifest."""
    return read_manifest(run.manifest_path(event_id))


def test_draws_three_pictures_into_the_run(demo: RunFolder) -> None:
    """There are three files in ``plots`` of the run, and no temporary ones."""
    drawn = plot(demo, DEMO_EVENT)
    assert [path.name for path in drawn] == [f"{DEMO_EVENT}_{name}.png" for name in PICTURES]
    assert {path.parent for path in drawn} == {demo.path / "plots"}
    assert sorted(drawn) == sorted((demo.path / "plots").iterdir())


def test_png_is_wide_enough_to_read_and_not_blank(demo: RunFolder, tmp_path: Path) -> None:
    """It is twice as wide as a README, mostly white, and has colours."""
    for path in plot(demo, DEMO_EVENT, to=tmp_path)[:2]:
        image = Image.open(path)
        colours = image.convert("RGB").getcolors(maxcolors=256) or []
        white = sum(count for count, colour in colours if colour == (255, 255, 255))
        assert image.width == pytest.approx(1900, abs=100)
        assert 1000 < image.height < 1300
        assert 0.3 < white / (image.width * image.height) < 0.95
        assert len(colours) > 50


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_bytes_do_not_depend_on_the_users_style_or_on_threads(
    demo: RunFolder, tmp_path: Path, kind: str
) -> None:
    """Neither a user's matplotlibrc nor other threads change a byte."""
    first = [path.read_bytes() for path in plot(demo, DEMO_EVENT, to=tmp_path / "a", kind=kind)]
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "timezone": "Asia/Tokyo"}):
        second = [
            path.read_bytes() for path in plot(demo, DEMO_EVENT, to=tmp_path / "b", kind=kind)
        ]
    with ThreadPoolExecutor(2) as threads:
        folders = [tmp_path / "c", tmp_path / "d"]
        drawn = list(threads.map(lambda to: plot(demo, DEMO_EVENT, to=to, kind=kind), folders))
    assert second == first
    assert [[path.read_bytes() for path in paths] for paths in drawn] == [first, first]


def test_files_hold_no_date_and_no_version(demo: RunFolder, tmp_path: Path) -> None:
    """With such metadata, the bytes would differ every day."""
    png, svg = (plot(demo, DEMO_EVENT, to=tmp_path, kind=kind)[0] for kind in ("png", "svg"))
    assert not {"Software", "Creation Time"} & set(Image.open(io.BytesIO(png.read_bytes())).info)
    assert "dc:date" not in svg.read_text("utf-8")
    assert mpl.__version__ not in svg.read_text("utf-8")


def test_bundled_pictures_are_those_of_the_demo(demo: RunFolder, tmp_path: Path) -> None:
    """README and guide show them.

    To renew them, run ``floodscan scan demo --out run`` and ``floodscan plot run EVENT --to new``,
    and copy both files from ``new``.
    """
    drawn = plot(demo, DEMO_EVENT, to=tmp_path)[:2]
    for path, name in zip(drawn, ("luxembourg_map.png", "luxembourg_timeline.png"), strict=True):
        pixels, bundled = (
            np.asarray(Image.open(file).convert("RGB")) for file in (path, DEMO_FOLDER / name)
        )
        assert np.array_equal(pixels, bundled), f"{name} is out of date"


def test_map_names_every_chosen_scene(demo: RunFolder, tmp_path: Path) -> None:
    """Each footprint has one id, made of phase, sensor and scene."""
    manifest = manifest_of(demo)
    draw_map(manifest, tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text("utf-8")
    for phase, scenes in manifest.content["selected"].items():
        for sensor, choice in scenes.items():
            assert text.count(f'id="{phase}.{sensor}.{choice["id"]}"') == 1
    for tile in manifest.content["dem_items"]:
        assert f'id="DEM.{tile["id"]}"' in text


def test_map_shows_time_days_coverage_and_cloud(demo: RunFolder, tmp_path: Path) -> None:
    """Days are signed."""
    draw_map(manifest_of(demo), tmp_path / "map.svg")
    words = words_of(tmp_path / "map.svg")
    assert "2021-07-15 05:51 UTC, 0 d" in words
    assert "2021-07-21 10:40 UTC, +10 d" in words
    assert "2021-07-15 05:51 UTC, \N{MINUS SIGN}3 d" in words
    assert "83.8 % of area, 3.3 % cloud" in words
    assert {"pre_month", "post_event", "S1RTC", "S2L2A", "DEM: 4 tiles", DEMO_EVENT} <= set(
        words.splitlines()
    )
    assert "catalog floodscan-demo" in words


def test_timeline_counts_candidates_and_marks_the_chosen(demo: RunFolder, tmp_path: Path) -> None:
    """The legend counts each verdict; only chosen scenes have a ring."""
    manifest = manifest_of(demo)
    candidates = demo.read_candidates(DEMO_EVENT)
    draw_timeline(manifest, candidates, tmp_path / "timeline.svg")
    words = words_of(tmp_path / "timeline.svg")
    imagery = candidates.to_pandas().dropna(subset=["phase"])
    for verdict, count in imagery["verdict"].value_counts().items():
        assert f"{str(verdict).replace('_', ' ')} ({count})" in words
    assert "onset 2021-07-15 00:00 UTC" in words
    rings = re.findall(r'id="(\w+)\.(\w+)\.(\w+)"', (tmp_path / "timeline.svg").read_text("utf-8"))
    assert {(phase, sensor): item_id for phase, sensor, item_id in rings} == {
        (phase, sensor): choice["id"]
        for phase, scenes in manifest.content["selected"].items()
        for sensor, choice in scenes.items()
    }


def test_empty_slots_show_their_reason(clouded: RunFolder, tmp_path: Path) -> None:
    """Both pictures show the reason of the manifest instead of a scene."""
    for path in plot(clouded, "clouded", to=tmp_path, kind="svg")[:2]:
        words = words_of(path).replace("\n", " ")
        assert words.count("no scene: all_rejected (too_cloudy") == 4
        assert "2021-07-10 05:42 UTC, +3 d" in words


def test_map_shows_the_tiles_of_an_area(
    demo: RunFolder, clouded: RunFolder, tmp_path: Path
) -> None:
    """The legend names tiles only if there are some."""
    draw_map(manifest_of(clouded, "clouded"), tmp_path / "tiles.svg")
    draw_map(manifest_of(demo), tmp_path / "whole.svg")
    assert "tiles" in words_of(tmp_path / "tiles.svg").splitlines()
    assert "tiles" not in words_of(tmp_path / "whole.svg").splitlines()


def test_event_without_candidates_draws(clouded: RunFolder, tmp_path: Path) -> None:
    """The timeline then has windows, dates and the onset."""
    nothing = clouded.read_candidates("clouded").slice(0, 0)
    draw_timeline(manifest_of(clouded, "clouded"), nothing, tmp_path / "timeline.svg")
    words = words_of(tmp_path / "timeline.svg")
    assert "selected (0)" in words
    assert "onset 2021-07-07 06:30 UTC" in words


@pytest.mark.parametrize(
    ("sensor", "words"), [(Sensor.S1RTC, "DEM: not in the recipe"), (Sensor.DEM, "DEM: 4 tiles")]
)
def test_recipe_with_one_sensor_draws(tmp_path: Path, sensor: Sensor, words: str) -> None:
    """Without imagery there are no bands; without the DEM, its panel says so."""
    recipe = Recipe(sensors={sensor: Recipe().sensors[sensor]})
    floodscan.scan([event_on(date(2021, 7, 7))], catalog="demo", recipe=recipe, out=tmp_path)
    map_path, timeline_path, coverage_path = plot(RunFolder(tmp_path), "clouded", kind="svg")
    assert "all filled slots" in words_of(coverage_path)
    assert words in words_of(map_path)
    assert "onset" in words_of(timeline_path)


def test_map_across_the_antimeridian_looks_like_other_maps(demo: RunFolder, tmp_path: Path) -> None:
    """An event that is moved there gives the same picture, except for borders and labels."""
    manifest = manifest_of(demo)
    draw_map(manifest, tmp_path / "here.png")
    draw_map(across_antimeridian(manifest), tmp_path / "there.png")
    draw_map(across_antimeridian(manifest), tmp_path / "there.svg")
    here, there = (
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        for name in ("here", "there")
    )
    assert here.shape == there.shape
    # only coasts, borders and labels differ
    assert (np.abs(here.astype(int) - there).max(axis=2) < 8).mean() > 0.95
    labels = words_of(tmp_path / "there.svg").splitlines()
    assert {"179°E", "180°", "179°W"} & set(labels) == {"179°E", "180°", "179°W"}


def test_shape_that_is_cut_at_the_antimeridian_is_drawn_whole() -> None:
    """Its parts are joined without a seam."""
    view = View.around((179.0, -10.0, -179.0, -8.0), 0.5)
    cut = shapely.MultiPolygon([shapely.box(178, -11, 180, -7), shapely.box(-180, -11, -177, -7)])
    whole = view.bring(cut)
    assert whole.geom_type == "Polygon"
    assert whole.bounds == (178, -11, 183, -7)
    assert whole.area == cut.area


def test_view_is_as_wide_as_high_on_the_ground() -> None:
    """At 60° N, a degree of longitude is half as long as a degree of latitude."""
    view = View.around((10.0, 59.5, 11.0, 60.5), 0.5)
    assert view.aspect == pytest.approx(2)
    assert view.half_height == pytest.approx(1)
    assert view.half_width == pytest.approx(1.6)
    assert view.proportion == pytest.approx(0.8)


def test_coverage_has_a_bar_for_each_slot(
    demo: RunFolder, clouded: RunFolder, tmp_path: Path
) -> None:
    """An empty slot says so; the last bar is that of all filled slots together."""
    draw_coverage(manifest_of(demo), tmp_path / "whole.svg")
    words = words_of(tmp_path / "whole.svg").splitlines()
    assert {"pre_month S1RTC", "event S2L2A", "DEM", "all filled slots"} <= set(words)
    assert (words.count("100 %"), words.count("83.8 %")) == (6, 5)  # one is the axis
    draw_coverage(manifest_of(clouded, "clouded"), tmp_path / "clouded.svg")
    assert words_of(tmp_path / "clouded.svg").splitlines().count("none") == 4


def test_places_that_all_slots_cover_are_the_joint_coverage(demo: RunFolder) -> None:
    """The map counts slots; its largest count covers what the manifest says."""
    manifest = manifest_of(demo)
    slots = list_slots(manifest)
    view = View.around(tuple(manifest.content["event"]["bbox"]), 0.1)
    counts = count_slots(manifest, slots, view)
    inside = counts[~np.isnan(counts)]
    joint = manifest.content["coverage"]["joint_frac"]["aoi"]
    assert (inside == len(slots)).mean() == pytest.approx(joint, abs=0.01)
    assert inside.min() == 5  # Sentinel-2 lacks the west and the south


def test_unknown_event_is_refused(demo: RunFolder, tmp_path: Path) -> None:
    """The message suggests the nearest id, and nothing is written."""
    with pytest.raises(InputError, match=f"did you mean '{DEMO_EVENT}'"):
        plot(demo, "luxembourg_flood_2021", to=tmp_path)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written_is_refused(demo: RunFolder, tmp_path: Path) -> None:
    """The message names the option to change."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another --to"):
        plot(demo, DEMO_EVENT, to=tmp_path / "file" / "plots")


def test_command_prints_the_files(demo: RunFolder, tmp_path: Path) -> None:
    """``floodscan plot`` prints one path per line."""
    command = ["plot", str(demo.path), DEMO_EVENT, "--to", str(tmp_path), "--format", "svg"]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    printed = [Path(line) for line in result.output.splitlines()]
    assert printed == [tmp_path / f"{DEMO_EVENT}_{name}.svg" for name in PICTURES]
    assert all(path.exists() for path in printed)


def test_percent_of_less_than_the_whole_is_never_100() -> None:
    """Rounding must not hide that a part is missing."""
    assert percent(1.0) == "100 %"
    assert percent(0.99999) == "99.9 %"
    assert percent(0.8403) == "84.0 %"


def test_days_are_signed() -> None:
    """The minus is a true minus sign; 0 has no sign."""
    assert [signed_days(days) for days in (3, 0, -2, None)] == [
        "+3 d",
        "0 d",
        "\N{MINUS SIGN}2 d",
        "",
    ]
