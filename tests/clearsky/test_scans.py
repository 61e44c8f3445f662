"""Scans that read the clouds over their areas, from files behind SAS tokens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

import floodscan
from floodscan import Access, Recipe
from floodscan.catalogs.pixel_access import PixelAccess
from floodscan.clusters import open_client
from floodscan.model import CloudScope, Policy
from floodscan.testing.build_demo import build_items
from floodscan.testing.fake_catalog import ItemsInMemory
from floodscan.testing.scene_classes import TilePlace, write_classes
from tests.clearsky.sites import COLLECTION, HOST, Site, classes_of
from tests.runs import result_bytes
from tests.sweeps import make_events

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan import ScanResult

AREA = Recipe(policy=Policy.CHANGE_DETECTION, tile_size_m=20_000).with_cloud(CloudScope.AREA)
PIXELS = PixelAccess(max_scenes=6, max_in_flight=4)
EVENTS = make_events(40)
FEW = EVENTS[:3]
SECRETS = (b"sig=", b"sig%3D", b"sp=rl")
FAULTS = ("429", "503", "reset", "truncated")


@pytest.fixture(scope="module")
def catalog(raster_site: Site) -> ItemsInMemory:
    """The demo's items, whose classes are at the site of files.

    Each tile has pixels of 160 m only, from the same sky at another place.
    """
    items = build_items()
    for number, item in enumerate(items[COLLECTION]):
        asset = item["assets"]["SCL"]
        west, _, _, north = asset["proj:bbox"]
        place = TilePlace(item["properties"]["proj:epsg"], west, north)
        sky = np.roll(classes_of(1)[::8, ::8], (37 * number, 91 * number), (0, 1))
        write_classes(raster_site.folder / f"{item['id']}.tif", sky, place)
        asset["href"] = f"{HOST}/{item['id']}.tif"
    recipe = Recipe()
    assets = {asked.collection: asked.assets for asked in recipe.sensors.values()}
    every = [item for found in items.values() for item in found]
    return ItemsInMemory.read(every, {**assets, COLLECTION: (*assets[COLLECTION], "SCL")})


@pytest.fixture(scope="module")
def calm(
    catalog: ItemsInMemory, raster_site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a scan of all events, beside its cache."""
    folder = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch, raster_site.reached(patch) as way:
        _scan(catalog, folder / "out", cache=folder / "cache")
        reads = pq.read_table(folder / "out" / "reads.parquet")
        assert len(way.visits) == sum(reads["n_requests"].to_pylist())
    return folder / "out"


def _scan(catalog: ItemsInMemory, out: Path, **changes: Any) -> ScanResult:  # noqa: ANN401
    cache = changes.pop("cache", None)
    options = {"recipe": AREA, "access": Access(cache=cache, pixels=PIXELS), **changes}
    return floodscan.scan(options.pop("events", EVENTS), catalog=catalog, out=out, **options)


def _record(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = orjson.loads((out / "run.json").read_bytes())
    return record


def test_each_scene_is_read_once(calm: Path) -> None:
    """For all slots, targets and events of a batch, and what they need again is in the cache."""
    reads = pq.read_table(calm / "reads.parquet")
    names = reads.filter(reads["n_requests"].to_numpy() > 0)["item_id"].to_pylist()
    assert len(names) == len(set(names)) > 10
    assert len(reads) > len(names)


def test_the_record_counts_what_was_read(calm: Path) -> None:
    """Requests and bytes, beside the searches; and the settings that can change a result."""
    record, reads = _record(calm), pq.read_table(calm / "reads.parquet")
    assert record["reads"] == {
        "scenes": len(reads),
        "unread": 0,
        "cached": sum(reads["cached"].to_pylist()),
        "requests": sum(reads["n_requests"].to_pylist()),
        "retries": 0,
        "bytes": sum(reads["n_bytes"].to_pylist()),
    }
    assert record["clear_sky"] == {"sources": ["overview"], "data_api": None, "max_scenes": 6}


def test_candidates_have_the_clear_ground_of_their_targets(calm: Path) -> None:
    """Each row that could be chosen is read, or has the reason why it is not."""
    table = _candidates(calm)
    rows = table.filter(table["clear_source"].is_valid()).to_pylist()
    assert len(rows) > 500
    for row in rows:
        points = int.from_bytes(row["clear_points"], "little").bit_count() / 4096
        dry = row["clear_frac"] + row["water_frac"]
        wet = dry + row["shadow_frac"] + row["dark_frac"]
        assert points == (wet if row["phase"] in {"event", "post_event"} else dry)
        shares = [value for name, value in row.items() if name in SHARES]
        assert sum(shares) == pytest.approx(1)
    skipped = table.filter(table["unread"].is_valid())
    assert set(skipped["unread"].to_pylist()) == {
        "more than 6 scenes of the event are nearer to a phase's date"
    }


SHARES = {
    *("clear_frac", "cloud_frac", "shadow_frac", "dark_frac", "snow_frac", "water_frac"),
    "nodata_frac",
}


def _candidates(out: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    return pq.read_table(out / "candidates")


def test_the_scene_that_was_scored_is_not_read_without_area(
    catalog: ItemsInMemory, raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The default reads nothing, and leaves no trace of reading."""
    with raster_site.reached(monkeypatch) as way:
        _scan(catalog, tmp_path / "out", events=FEW, recipe=Recipe())
    assert way.visits == []
    assert not (tmp_path / "out" / "reads.parquet").exists()
    assert {"reads", "clear_sky"}.isdisjoint(_record(tmp_path / "out"))


def test_a_repeated_scan_reads_nothing(
    calm: Path,
    catalog: ItemsInMemory,
    raster_site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """All is in the cache, and the results are the same."""
    with raster_site.reached(monkeypatch) as way:
        _scan(catalog, tmp_path / "out", cache=calm.parent / "cache")
    assert way.visits == []
    assert result_bytes(tmp_path / "out") == result_bytes(calm)


class _StopError(Exception):
    """Stops a scan."""


def test_a_resumed_scan_has_the_same_bytes(
    calm: Path,
    catalog: ItemsInMemory,
    raster_site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Also without a cache of the user, and with faults on the way."""

    def stop(n_done: int, n_events: int) -> None:
        if 0 < n_done < n_events:
            raise _StopError

    out = tmp_path / "out"
    script = lambda n: FAULTS[n // 7 % 4] if n % 7 == 3 else None  # noqa: E731
    with raster_site.reached(monkeypatch, script=script) as way:
        with pytest.raises(_StopError):
            _scan(catalog, out, on_progress=stop)
        n_visits = len(way.visits)
        assert (out / ".reads").exists()
        _scan(catalog, out)
        assert n_visits < len(way.visits)
    assert len(way.faults) > 2
    assert not (out / ".reads").exists()
    assert result_bytes(out) == result_bytes(calm)
    assert _record(out)["reads"]["unread"] == 0


def test_workers_share_one_limit_and_give_the_same_bytes(
    calm: Path,
    catalog: ItemsInMemory,
    raster_site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Two workers read at most four files at once, and no file twice."""
    with (
        raster_site.reached(monkeypatch, latency=0.05) as way,
        open_client("local", n_workers=2) as client,
    ):
        _scan(catalog, tmp_path / "out", client=client, cache=tmp_path / "cache")
    assert 1 < way.most_at_once <= 4
    assert result_bytes(tmp_path / "out") == result_bytes(calm)


def test_no_token_is_left_anywhere(calm: Path) -> None:
    """Neither in results nor in the cache."""
    files = [file for file in calm.parent.rglob("*") if file.is_file()]
    assert len(files) > 50
    assert [file for file in files for secret in SECRETS if secret in file.read_bytes()] == []
    assert all(secret.decode() not in str(os.environ) for secret in SECRETS)


def test_scenes_that_can_not_be_read_are_read_by_a_retry(
    catalog: ItemsInMemory, raster_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The run ends all the same; ``retry_failed`` repeats the batch, and reads what was missing."""
    out = tmp_path / "out"
    with raster_site.reached(monkeypatch, script=lambda n: "404" if n % 2 else None):
        _scan(catalog, out, events=FEW)
        record, table = _record(out), _candidates(out)
    assert 0 < record["reads"]["unread"] < record["reads"]["scenes"]
    reasons = set(table["unread"].to_pylist())
    assert "its file answered with HTTP status 404" in reasons
    unread = table.filter(table["unread"].is_valid())
    assert unread["clear_points"].null_count == len(unread)
    with raster_site.reached(monkeypatch):
        _scan(catalog, out, events=FEW, retry_failed=True)
    assert _record(out)["reads"]["unread"] == 0
