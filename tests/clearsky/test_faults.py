"""Every fault of a read: no crash, never taken for clear, the reason is told, and no token."""

from __future__ import annotations

import logging
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from floodscan.catalogs.guard import Guard
from floodscan.testing.scene_classes import PIXEL_M, TilePlace
from floodscan.testing.servers.launch import sas_server
from tests.clearsky.sites import (
    COLLECTION,
    HOST,
    PLACE,
    Site,
    area_of,
    reader_for,
    scene_of,
    write_tile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from floodscan.clearsky.base import Reading

AREA = area_of(2.2, 50.0, 2.6, 50.3)
SECRETS = ("sig=", "se=20", "sp=rl")

LASTING = {
    "400": "answered with HTTP status 400",
    "403": "answered with HTTP status 403",
    "404": "answered with HTTP status 404",
    "redirect": "answered with HTTP status 302",
    "429": "answered with HTTP status 429",
    "429 seconds": "answered with HTTP status 429",
    "429 date": "answered with HTTP status 429",
    "429 for an hour": "asked to wait for 3600 s",
    "500": "answered with HTTP status 500",
    "502": "answered with HTTP status 502",
    "503": "answered with HTTP status 503",
    "504": "answered with HTTP status 504",
    "520": "answered with HTTP status 520",
    "reset": "can't be reached or read",
    "truncated": "can't be reached or read",
    "slow drip": "was not done",
    "slow head": "was not done",
    "silence": "was silent for too long",
    "gzip cut off": "can't be unpacked",
    "gzip bomb": "answered with more than 1048576 bytes",
}
"""Faults of every read, and a part of the reason."""

PASSING = (
    *("403", "429", "429 seconds", "500", "502", "503", "504", "520", "reset", "truncated"),
    *("slow drip", "slow head", "silence", "gzip cut off", "gzip bomb"),
)
"""Faults of the first read alone, after which a scene is read as without any."""


@pytest.fixture(autouse=True)
def no_secret(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that nothing is logged that a token has in it."""
    with caplog.at_level(logging.DEBUG, "floodscan"):
        yield
    assert not [secret for secret in SECRETS if secret in caplog.text]


def _check_unread(found: Reading, reason: str) -> None:
    assert found.unread is not None
    assert reason in found.unread
    assert found.source is None
    assert found.grounds == ()
    assert not [secret for secret in SECRETS if secret in found.unread]


@pytest.mark.parametrize("fault", LASTING)
def test_a_lasting_fault_leaves_a_scene_unread(
    fault: str, raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few tries; the reason is told."""
    with raster_site.reached(monkeypatch, script=lambda _: fault) as way:
        found = reader_for(f"lasting {fault}").read(scene_of("clouds"), [AREA])
    _check_unread(found, LASTING[fault])
    assert 1 <= len(way.visits) == found.n_requests <= 6
    assert found.n_requests == found.n_retries + 1


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_changes_nothing(
    fault: str, raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same classes are read, with some more requests."""
    with raster_site.reached(monkeypatch, script=lambda n: fault if n in {2, 4} else None) as way:
        reader = reader_for(f"passing {fault}")
        calm, *others = [reader.read(scene_of("clouds"), [AREA]) for _ in range(3)]
    assert way.faults
    for each in others:
        assert each.unread is None
        np.testing.assert_array_equal(each.grounds[0].at_points, calm.grounds[0].at_points)


def test_a_refused_token_is_renewed_once(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server withdrew the token before it ended."""
    before = raster_site.sas.requests().total()
    with raster_site.reached(monkeypatch, script=lambda n: "403" if n == 0 else None):
        found = reader_for("renewed").read(scene_of("clouds"), [AREA])
    assert found.unread is None
    assert raster_site.sas.requests().total() == before + 2


def test_a_token_is_renewed_before_it_ends(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that ends within a minute may end during the read."""
    with sas_server(log=tmp_path / "sas.log", lifetime_seconds=50) as short:
        site = Site(raster_site.folder, raster_site.files, short)
        with site.reached(monkeypatch):
            reader = reader_for("short")
            unread = [reader.read(scene_of("clouds"), [AREA]).unread for _ in range(2)]
        assert unread == [None, None]
        assert short.requests().total() == 2


def test_a_token_that_has_ended_is_told(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The endpoint gives out tokens that ended a minute ago: the files refuse them."""
    with sas_server(log=tmp_path / "sas.log", lifetime_seconds=-60) as ended:
        site = Site(raster_site.folder, raster_site.files, ended)
        with site.reached(monkeypatch):
            found = reader_for("ended").read(scene_of("clouds"), [AREA])
        assert ended.requests().total() == 2
    _check_unread(found, "answered with HTTP status 403")


def test_a_missing_token_is_told(raster_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers where tokens should be."""
    monkeypatch.setattr("floodscan.catalogs.sas_tokens._TRIES", 0)
    with raster_site.reached(monkeypatch):
        monkeypatch.setenv("PC_SDK_SAS_URL", "http://127.0.0.1:9/token")
        _forget_settings()
        found = reader_for("missing").read(scene_of("clouds"), [AREA])
    _check_unread(found, "no SAS token from Planetary Computer (ConnectionError)")


def _forget_settings() -> None:
    from planetary_computer.settings import Settings  # noqa: PLC0415

    Settings.get.cache_clear()


def _write_raster(file: Path, **changes: object) -> None:
    """Write a tiled GeoTIFF without any block, which takes a few hundred bytes."""
    grid = rasterio.Affine(PIXEL_M, 0, PLACE.west, 0, -PIXEL_M, PLACE.north)
    options = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint8",
        "height": 5490,
        "width": 5490,
        "crs": f"EPSG:{PLACE.epsg}",
        "transform": grid,
        "compress": "deflate",
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "sparse_ok": True,
        **changes,
    }
    with rasterio.open(file, "w", **options):
        pass


def _write_text(file: Path) -> None:
    file.write_text("<html>Please log in</html>")


def _write_vrt(file: Path) -> None:
    file.write_text(
        '<VRTDataset rasterXSize="10" rasterYSize="10"><VRTRasterBand dataType="Byte" band="1">'
        "<SimpleSource><SourceFilename>/etc/passwd</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )


def _write_zip_bomb(file: Path) -> None:
    """Replace a block of the overview by bytes that unpack to a thousand times their number."""
    write_tile(file.parent, file.stem, seed=1, place=PLACE)
    content = bytearray(file.read_bytes())
    with rasterio.open(file) as raster:
        first, size = (
            int(raster.get_tag_item(f"BLOCK_{fact}_0_0", "TIFF", bidx=1, ovr=2))
            for fact in ("OFFSET", "SIZE")
        )
    content[first : first + size] = zlib.compress(bytes(size * 900)).ljust(size, b"\0")[:size]
    file.write_bytes(content)


WRONG_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "text": (_write_text, "is not a GeoTIFF, or is damaged"),
    "other format": (_write_vrt, "is not a GeoTIFF, or is damaged"),
    "empty": (lambda file: file.touch(), "answered with HTTP status 416"),
    "no overview": (_write_raster, "has no overview with pixels of 160 m"),
    "other size": (
        lambda file: _write_raster(file, height=100, width=100, transform=_coarse()),
        "covers other ground than its item says",
    ),
    "other zone": (
        lambda file: write_tile(file.parent, file.stem, seed=1, place=PLACE._replace(epsg=32632)),
        "has another coordinate system than its item says",
    ),
    "other place": (
        lambda file: write_tile(file.parent, file.stem, seed=1, place=TilePlace(32631, 0.0, 100.0)),
        "covers other ground than its item says",
    ),
    "many bands": (lambda file: _write_raster(file, count=3), "is not a raster of classes"),
    "large numbers": (
        lambda file: _write_raster(file, dtype="uint16"),
        "is not a raster of classes",
    ),
    "nowhere": (lambda file: _write_raster(file, crs=None), "has no place on the ground"),
    "huge raster": (
        lambda file: _write_raster(file, height=400_000, width=400_000, transform=_coarse()),
        "has no place on the ground",  # it is behind the places of 610,000 blocks
    ),
    "huge blocks": (
        lambda file: _write_raster(
            file, height=600, width=600, transform=_coarse(), blockxsize=32768, blockysize=32768
        ),
        "has an overview of too many pixels",
    ),
    "small blocks": (
        lambda file: _write_raster(
            file, height=1500, width=1500, transform=_coarse(), blockxsize=16, blockysize=16
        ),
        "has an overview of too many blocks",
    ),
}


def _coarse() -> rasterio.Affine:
    return rasterio.Affine(160.0, 0, PLACE.west, 0, -160.0, PLACE.north)


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_file_leaves_a_scene_unread(
    kind: str, raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no GeoTIFF, belongs to another scene, or would take too much memory."""
    write, reason = WRONG_FILES[kind]
    name = kind.replace(" ", "-")
    write(raster_site.folder / f"{name}.tif")
    with raster_site.reached(monkeypatch):
        found = reader_for(kind).read(scene_of(name), [AREA])
    _check_unread(found, reason)
    assert found.n_requests <= 2


def test_bytes_that_unpack_to_many_are_never_clear(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GDAL unpacks no more than a block has pixels, whatever follows."""
    _write_zip_bomb(raster_site.folder / "zip-bomb.tif")
    corner = area_of(1.65, 50.3, 1.9, 50.5)
    with raster_site.reached(monkeypatch):
        found = reader_for("zip bomb").read(scene_of("zip-bomb"), [corner])
    if found.unread is None:
        assert found.grounds[0].shares[0] == 1  # no data
    else:
        _check_unread(found, "is not a GeoTIFF, or is damaged")


HREFS = {
    "file:///etc/passwd": "no address that begins with https:// or http://",
    "/vsicurl/http://127.0.0.1/a.tif": "no address that begins with https:// or http://",
    "s3://bucket/a.tif": "no address that begins with https:// or http://",
    "http://[x/a.tif": "no address that begins with https:// or http://",
    "http://127.0.0.1:9/a.tif": "127.0.0.1 is not a public address",
    "http://localhost:9/a.tif": "localhost is not a public address",
    "http://169.254.169.254/latest/a.tif": "169.254.169.254 is not a public address",
    "http://10.1.2.3/a.tif": "10.1.2.3 is not a public address",
    "http://[::1]:9/a.tif": "::1 is not a public address",
    "http://[::ffff:127.0.0.1]:9/a.tif": "::ffff:127.0.0.1 is not a public address",
}


@pytest.mark.parametrize("href", HREFS)
def test_a_catalog_can_not_send_a_reader_anywhere(href: str, raster_site: Site) -> None:
    """Neither to a file of this machine, nor to a server in its network."""
    href_here = href.replace(":9/", f":{raster_site.files.url.rpartition(':')[2]}/")
    before = raster_site.files.requests().total()
    found = reader_for(href).read(scene_of("clouds", href=href_here), [AREA])
    _check_unread(found, HREFS[href])
    assert raster_site.files.requests().total() == before


def test_a_private_host_may_be_allowed(raster_site: Site) -> None:
    """The user names it; the redirect to another host is still not followed."""
    href = f"{raster_site.files.url}/{HOST.rpartition('/')[2]}/clouds.tif"
    reader = reader_for("private")
    line = replace(reader.line, guard=Guard(frozenset({"127.0.0.1"})))
    found = replace(reader, line=line).read(scene_of("clouds", href=href), [AREA])
    assert found.unread is None


def test_an_item_without_classes_is_told() -> None:
    """No request is sent."""
    scene = replace(scene_of("clouds"), href=None)
    found = reader_for("without").read(scene, [AREA])
    _check_unread(found, "its item has no scene classification")
    assert found.n_requests == 0
    assert scene.collection == COLLECTION
