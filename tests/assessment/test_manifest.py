"""Manifests: checked when read, signed on request, ready for the packaging step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odc.stac
import orjson
import pytest

from floodscan import ManifestError, ScanResult, read_manifest, scan

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
def test_items_are_ready_for_odc_stac(demo: ScanResult) -> None:
    """odc.stac lays out a data cube of the chosen optical scenes, without reading a pixel."""
    items = [
        item for item in demo.manifests[EVENT].items() if item.collection_id == "sentinel-2-l2a"
    ]
    cube = odc.stac.load(
        items,
        bands=["B03", "B11"],
        crs="EPSG:32632",
        resolution=100,
        chunks={},
        bbox=(6.0, 49.5, 6.2, 49.7),
    )
    assert set(cube.data_vars) == {"B03", "B11"}
    assert cube.sizes["time"] == 2


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
