"""The guide's packaging page on real GeoTIFFs over HTTP: it gets the chips of the forecast.

The event is a small one at the places where mosaics of the demo join: the edges of two Sentinel-2
tiles, and of two frames of a Sentinel-1 pass.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import shapely

import floodscan
from floodscan import Policy, Recipe, Sensor
from tests.assessment.pixels import serve, write_scene
from tests.documents import GUIDE, NEEDS_PIXELS, read_blocks
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from pathlib import Path

    Json = dict[str, Any]

BBOX = (5.65, 49.70, 5.95, 49.82)
EVENT = replace(DEMO, aoi=shapely.box(*BBOX), bbox=BBOX)
BANDS = ("B02", "B05", "B09")  # of 10, 20 and 60 m
CHIPS = 60


def recipe_of(policy: Policy, **limits: Any) -> Recipe:  # noqa: ANN401 - rules of S2L2A
    """Make a recipe for three optical bands without a ladder."""
    sensors = Recipe().sensors
    optical = replace(sensors[Sensor.S2L2A], assets=BANDS, **limits)
    return Recipe(policy=policy, sensors={**sensors, Sensor.S2L2A: optical}, relax=())


CASES = {
    # recipe, empty slots, chips that are kept by readers of all items and of id
    "reference": (recipe_of(Policy.REFERENCE), 0, (54, 54)),
    "reference, empty slots": (recipe_of(Policy.REFERENCE, max_cloud_percent=1.0), 4, (60, 60)),
    "change-detection": (recipe_of(Policy.CHANGE_DETECTION, max_cloud_percent=40.0), 0, (60, 33)),
    "change-detection, an empty slot": (recipe_of(Policy.CHANGE_DETECTION), 1, (60, 36)),
}


def scan_with_pixels(recipe: Recipe, folder: Path, url: str, pixels: Path) -> Json:
    """Scan the event, write the pixels of its scenes, and point its manifest to the server."""
    run = floodscan.scan([EVENT], catalog="demo", recipe=recipe, out=folder / "floodscan-demo")
    content = run.manifests[EVENT.event_id].content
    for item in content["items"]:
        write_scene(item, pixels, BBOX)
    path = run.folder.manifest_path(EVENT.event_id)
    served = re.sub(rb"https://\w+\.floodscan-demo\.invalid", url.encode(), path.read_bytes())
    path.write_bytes(served)
    manifest: Json = orjson.loads(served)
    return manifest


def run_page() -> Json:
    """Run the script of the page; gives its variables."""
    variables: Json = {"__name__": "packaging"}
    for block in read_blocks(GUIDE / "packaging.md"):
        if block.mark == NEEDS_PIXELS:
            exec(compile(block.text, str(block), "exec"), variables)  # noqa: S102 - our own page
    return variables


@pytest.mark.processes
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::rasterio.errors.NotGeoreferencedWarning",
)  # of odc and rasterio themselves
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_page_gets_the_chips_of_the_forecast(
    case: tuple[Recipe, int, tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For both kinds of readers; with empty slots, for the sensor that has none."""
    recipe, n_empty, kept = case
    pixels = tmp_path / "pixels"
    pixels.mkdir()
    with serve(pixels) as url:
        manifest = scan_with_pixels(recipe, tmp_path, url, pixels)
        monkeypatch.chdir(tmp_path)
        found = run_page()
    coverage = manifest["coverage"]
    assert (coverage["empty_slots"], coverage["chips_total"]) == (n_empty, CHIPS)
    forecast = coverage["forecast"]["S1RTC" if n_empty else "all"]
    assert (forecast["mosaics"]["chips"], forecast["single_scenes"]["chips"]) == kept
    assert (len(found["chips"]), len(found["single_chips"])) == kept
    for valid, kind in ((found["valid"], "mosaics"), (found["single_valid"], "single_scenes")):
        assert valid.mean() == pytest.approx(forecast[kind]["valid_pixel_frac"], abs=0.001)
    layers = {"S1RTC": 2, "S2L2A": len(BANDS), "DEM": 1}
    assert {slot: array.shape for slot, array in found["chip"].items()} == {
        (sensor, phase): (n, 256, 256)
        for sensor, n in layers.items()
        if sensor in found["sensors"]
        for phase in (manifest["phase_order"] if sensor != "DEM" else [None])
    }
    assert all((array == 7).mean() >= 0.8 for array in found["chip"].values())
