"""Manifests: checked when read, signed on request, ready for the packaging step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import odc.stac
import orjson
import pytest

from floodscan import ManifestError, Policy, Recipe, ScanResult, Sensor, read_manifest, scan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.fixtures import SasEndpoint

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    """A run of the demo."""
    return scan("demo", out=tmp_path_factory.mktemp("demo") / "out")


def test_chosen_scenes_are_items_each_once(demo: ScanResult) -> None:
    """A scene that fills several slots is one item."""
    manifest = demo.manifests[EVENT]
    items = manifest.items()
    assert next(item.id for item in items) == manifest.scene_id("pre_month", "S1RTC")
    assert len(items) == 3 + 2 + 4
    assert all(
        ".invalid/" in asset.href and "?" not in asset.href
        for item in items
        for asset in item.assets.values()
    )


def test_hrefs_are_signed_on_request(
    tmp_path: Path, demo: ScanResult, local_signing: SasEndpoint
) -> None:
    """planetary_computer signs them; the file on disk stays unsigned."""
    text = demo.folder.manifest_path(EVENT).read_text()
    host = orjson.loads(text)["items"][0]["assets"]["vv"]["href"].split("/")[2]
    path = tmp_path / "m.json"
    path.write_text(text.replace(host, "sentinel1euwestrtc.blob.core.windows.net"))
    signed = read_manifest(path).items(sign=True)
    assert "sig=" in signed[0].assets["vv"].href
    assert local_signing.tokens() > 0
    assert "sig=" not in read_manifest(path).items()[0].assets["vv"].href


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"
)  # odc-geo's own
@pytest.mark.parametrize(
    ("sensor", "bands", "crs", "resolution", "n_times"),
    [
        ("S1RTC", {"vv", "vh"}, 32632, 10, 3),
        ("S2L2A", set(Recipe().sensors[Sensor.S2L2A].assets), 32631, 10, 2),
        ("DEM", {"data"}, 4326, 1 / 3600, 1),
    ],
)
def test_items_are_ready_for_odc_stac(
    demo: ScanResult, sensor: str, bands: set[str], crs: int, resolution: float, n_times: int
) -> None:
    """odc.stac lays out a data cube of each sensor's scenes on their own grid, without a pixel."""
    cube = odc.stac.load(demo.manifests[EVENT].items(sensor), chunks={})
    assert set(cube.data_vars) == bands
    assert cube.sizes["time"] == n_times
    assert cube.odc.geobox.crs.epsg == crs
    assert cube.odc.geobox.resolution.x == pytest.approx(resolution)


def test_items_of_a_phase_are_those_of_its_slot(tmp_path: Path) -> None:
    """In the order of the mosaic; none where the slot is empty."""
    cloudless = replace(Recipe().sensors[Sensor.S2L2A], max_cloud_percent=0.1)
    recipe = Recipe(
        policy=Policy.CHANGE_DETECTION,
        sensors={**Recipe().sensors, Sensor.S2L2A: cloudless},
        relax=(),
    )
    manifest = scan("demo", recipe=recipe, out=tmp_path / "out").manifests[EVENT]
    scenes = manifest.content["selected"]["pre_month"]["S1RTC"]["items"]
    assert len(scenes) > 1
    radar = [scene["id"] for scene in scenes]
    assert [item.id for item in manifest.items("S1RTC", "pre_month")] == radar
    assert [item.id for item in manifest.items(phase="pre_month")] == radar
    assert len(manifest.items("S2L2A", "pre_month")) == 0
    with pytest.raises(KeyError):
        manifest.items("S3")


def test_runner_up_and_margin_show_what_decided(demo: ScanResult) -> None:
    """With equal overlap and days, the time decides, and the margin says so."""
    choice = demo.manifests[EVENT].content["selected"]["pre_event"]["S1RTC"]
    assert choice["runner_up"]["margin"]["by"] == "datetime"
    assert choice["runner_up"]["margin"]["selected"] == choice["datetime"]


def lacks(key: str) -> Callable[[dict[str, Any]], None]:
    """Remove a key."""
    return lambda manifest: manifest.pop(key)


def swap_bbox(manifest: dict[str, Any]) -> None:
    """Make the bbox a text."""
    manifest["event"]["bbox"] = "5,49,6,50"


def add_key(manifest: dict[str, Any]) -> None:
    """Add a key that the schema does not have."""
    manifest["colour"] = "blue"


def spoil_overlap(manifest: dict[str, Any]) -> None:
    """Set a share above 1."""
    manifest["selected"]["event"]["S1RTC"]["aoi_overlap_frac"] = 1.5


@pytest.mark.parametrize(
    "spoil", [lacks("event"), lacks("selected"), swap_bbox, add_key, spoil_overlap]
)
def test_a_manifest_that_does_not_fit_the_schema_is_refused(
    spoil: Callable[[dict[str, Any]], None], demo: ScanResult, tmp_path: Path
) -> None:
    """The message names the file and the place in it."""
    manifest = orjson.loads(demo.folder.manifest_path(EVENT).read_bytes())
    spoil(manifest)
    path = tmp_path / "m.json"
    path.write_bytes(orjson.dumps(manifest))
    with pytest.raises(ManifestError, match=r"m.json: is not a manifest: \$"):
        read_manifest(path)


@pytest.mark.parametrize(("content", "expected"), [(b"{", "is not JSON"), (None, "No such file")])
def test_unreadable_manifest_is_reported(
    content: bytes | None, expected: str, tmp_path: Path
) -> None:
    """The message names a missing or broken file."""
    path = tmp_path / "m.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ManifestError, match=expected):
        read_manifest(path)
