"""The guide's packaging page on real GeoTIFFs over HTTP: it gets the chips of the forecast.

The event is a small one at the places where mosaics of the demo join: the edges of two Sentinel-2
tiles, and of two frames of a Sentinel-1 pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import shapely

import floodscan
from floodscan import Policy, Recipe, Sensor
from tests.assessment.pixels import VALUE, serve, write_scene
from tests.documents import GUIDE, NEEDS_PIXELS, read_blocks
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan import Event

Json = dict[str, Any]

BBOX = (5.65, 49.70, 5.95, 49.82)
SMALL = replace(DEMO, aoi=shapely.box(*BBOX), bbox=BBOX)
BANDS = ("B02", "B05", "B09")  # of 10, 20 and 60 m


@dataclass(frozen=True)
class Case:
    """A scan and what packaging must find.

    Attributes:
        policy: The policy.
        kept: Chips that are kept by readers of all items, and by readers of id alone.
        n_empty: Number of empty slots.
        max_cloud_percent: Limit of optical scenes.
        event: The event.
        total: All chips of its grid.
        bands: Optical bands.
        radar: Radar bands.
    """

    policy: Policy
    kept: tuple[int, int]
    n_empty: int = 0
    max_cloud_percent: float = 25.0
    event: Event = SMALL
    total: int = 60
    bands: tuple[str, ...] = BANDS
    radar: tuple[str, ...] = ("vv", "vh")

    @property
    def recipe(self) -> Recipe:
        """The rules, without a ladder."""
        sensors = Recipe().sensors
        clear = replace(
            sensors[Sensor.S2L2A], assets=self.bands, max_cloud_percent=self.max_cloud_percent
        )
        own = {Sensor.S2L2A: clear, Sensor.S1RTC: replace(sensors[Sensor.S1RTC], assets=self.radar)}
        return Recipe(policy=self.policy, sensors={**sensors, **own}, relax=())


DEMO_CASE: Json = {"event": DEMO, "total": 1120, "bands": ("B02",), "radar": ("vv",)}
REFERENCE, CHANGE = Policy.REFERENCE, Policy.CHANGE_DETECTION
CASES = {
    "reference": Case(REFERENCE, (54, 54)),
    "reference, empty slots": Case(REFERENCE, (60, 60), n_empty=4, max_cloud_percent=1.0),
    "change-detection": Case(CHANGE, (60, 33), max_cloud_percent=40.0),
    "change-detection, an empty slot": Case(CHANGE, (60, 36), n_empty=1),
    # the published packaging found 890 chips too
    "the demo, reference": Case(REFERENCE, (890, 890), **DEMO_CASE),
    "the demo, change-detection": Case(CHANGE, (1120, 593), max_cloud_percent=40.0, **DEMO_CASE),
}


def scan_with_pixels(case: Case, folder: Path, url: str, pixels: Path) -> Json:
    """Scan the event, write the pixels of its scenes, and point its manifest to the server."""
    out = folder / "floodscan-demo"
    run = floodscan.scan([case.event], catalog="demo", recipe=case.recipe, out=out)
    path = run.folder.manifest_path(case.event.event_id)
    for item in orjson.loads(path.read_bytes())["items"]:
        write_scene(item, pixels, case.event.bbox)
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
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[pytest.mark.slow] if case.event is DEMO else [])
        for name, case in CASES.items()
    ],
)
def test_the_page_gets_the_chips_of_the_forecast(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For both kinds of readers; with empty slots, for the sensor that has none."""
    pixels = tmp_path / "pixels"
    pixels.mkdir()
    with serve(pixels) as url:
        manifest = scan_with_pixels(case, tmp_path, url, pixels)
        monkeypatch.chdir(tmp_path)
        found = run_page()
    coverage = manifest["coverage"]
    assert (coverage["empty_slots"], coverage["chips_total"]) == (case.n_empty, case.total)
    forecast = coverage["forecast"]["S1RTC" if case.n_empty else "all"]
    assert (forecast["mosaics"]["chips"], forecast["single_scenes"]["chips"]) == case.kept
    assert (len(found["chips"]), len(found["single_chips"])) == case.kept
    for valid, kind in ((found["valid"], "mosaics"), (found["single_valid"], "single_scenes")):
        assert valid.mean() == pytest.approx(forecast[kind]["valid_pixel_frac"], abs=0.001)
    check_chip(found, case, manifest["phase_order"])


def check_chip(found: Json, case: Case, phases: list[str]) -> None:
    """Check that a chip has the layers of each slot, and pixels in them."""
    layers = {"S1RTC": len(case.radar), "S2L2A": len(case.bands), "DEM": 1}
    assert {slot: array.shape for slot, array in found["chip"].items()} == {
        (sensor, phase): (n, 256, 256)
        for sensor, n in layers.items()
        if sensor in found["sensors"]
        for phase in (phases if sensor != "DEM" else [None])
    }
    assert all((array == VALUE).mean() >= 0.8 for array in found["chip"].values())
