"""Scenes over HTTP: how many requests they cost, and what is told of those that can't be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from floodscan.catalogs import StacApiCatalog
from floodscan.catalogs.cache import CachedCatalog
from floodscan.catalogs.pixel_access import CloudSource
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.clearsky.cache import ReadCache
from floodscan.testing.scene_classes import write_classes
from tests.clearsky.sites import PLACE, area_of, classes_of, reader_for, scene_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.clearsky.sites import Site

AREA = area_of(2.2, 50.0, 2.6, 50.3)


def test_a_scene_costs_one_or_two_requests(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at most 160 KB, however many areas there are."""
    with raster_site.reached(monkeypatch) as way:
        found = reader_for("cost").read(scene_of("clouds"), [AREA, area_of(1.7, 49.7, 2.9, 50.4)])
    assert found.unread is None
    assert found.source is CloudSource.OVERVIEW
    assert len(way.visits) == found.n_requests <= 2
    assert found.n_bytes <= 160_000
    assert len(found.grounds) == 2
    assert found.resolution_m is not None
    assert 159 < found.resolution_m < 161


def test_an_overview_that_ends_later_costs_a_second_request(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For no more than what is missing of it."""
    noise = np.random.default_rng(1).integers(4, 7, (686, 686), np.uint8)
    file = raster_site.folder / "noise.tif"
    write_classes(file, noise, PLACE)
    size = file.stat().st_size
    with raster_site.reached(monkeypatch):
        found = reader_for("noise").read(scene_of("noise"), [AREA])
    assert found.unread is None
    assert found.n_requests == 2
    assert 2**17 < found.n_bytes <= size < 160_000


def test_points_have_the_classes_of_the_overview(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The overview takes every eighth pixel, so most points lie in pixels of their own class."""
    with raster_site.reached(monkeypatch):
        (ground,) = reader_for("points").read(scene_of("clouds"), [AREA]).grounds
    assert ground.at_points is not None
    assert ground.shares.sum() == 1
    np.testing.assert_array_equal(np.bincount(ground.at_points, minlength=12) / 4096, ground.shares)
    whole = np.bincount(classes_of(1).ravel(), minlength=12)
    assert set(np.flatnonzero(ground.shares)) <= set(np.flatnonzero(whole))


def test_threads_share_one_token(raster_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One token for each container and process."""
    before = raster_site.sas.requests().total()
    with raster_site.reached(monkeypatch) as way, ThreadPoolExecutor(8) as threads:
        reader = reader_for("token")
        readings = list(threads.map(lambda _: reader.read(scene_of("clouds"), [AREA]), range(16)))
    assert [each.unread for each in readings] == [None] * 16
    assert raster_site.sas.requests().total() == before + 1
    assert len(way.visits) == sum(each.n_requests for each in readings)


def test_a_scene_is_read_once(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is in the cache is not read again, also for another area."""
    reader = reader_for("cache", cache=ReadCache(tmp_path, not_before=0.0))
    with raster_site.reached(monkeypatch) as way:
        first = reader.read(scene_of("clouds"), [AREA])
        n_visits = len(way.visits)
        again = reader.read(scene_of("clouds"), [AREA, area_of(2.3, 49.7, 2.4, 49.8)])
        assert len(way.visits) == n_visits
    assert not first.cached
    assert again.cached
    np.testing.assert_array_equal(first.grounds[0].shares, again.grounds[0].shares)
    assert first.resolution_m == again.resolution_m
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert b"sig=" not in b"".join(file.read_bytes() for file in files)


def test_old_reads_leave_the_cache_with_old_answers(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are in the same folder, and are removed together."""
    reader = reader_for("old", cache=ReadCache(tmp_path, not_before=0.0))
    with raster_site.reached(monkeypatch):
        reader.read(scene_of("clouds"), [AREA])
    answers = CachedCatalog(StacApiCatalog("http://127.0.0.1:9"), tmp_path, 0.0)
    (file,) = tmp_path.rglob("*.arrow")
    answers.forget(file.stat().st_mtime - 1)
    assert file.exists()
    answers.forget(file.stat().st_mtime + 1)
    assert not file.exists()


def test_a_damaged_file_of_the_cache_is_read_again(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A cache never makes a scene unreadable."""
    reader = reader_for("damage", cache=ReadCache(tmp_path, not_before=0.0))
    with raster_site.reached(monkeypatch):
        first = reader.read(scene_of("clouds"), [AREA])
        for file in tmp_path.rglob("*.arrow"):
            file.write_bytes(file.read_bytes()[:-100])
        again = reader.read(scene_of("clouds"), [AREA])
    assert not again.cached
    np.testing.assert_array_equal(first.grounds[0].shares, again.grounds[0].shares)


def test_at_most_so_many_reads_are_in_progress(
    raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate limiter of the reads holds for all threads."""
    limiter = LocalRateLimiter(RateLimits(max_in_flight=3), "three")
    reader = reader_for("three").limited_by(limiter)
    with raster_site.reached(monkeypatch, latency=0.05) as way, ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda _: reader.read(scene_of("clouds"), [AREA]), range(12)))
    assert way.most_at_once == 3
