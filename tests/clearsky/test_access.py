"""Limits of reading, as a user sets them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from floodscan import Access, InputError
from floodscan.catalogs import PLANETARY_COMPUTER, Catalog, open_catalog
from floodscan.catalogs.pixel_access import CloudSource, PixelAccess
from floodscan.clearsky.access import open_reader

SCRATCH = Path("scratch")
OVERVIEW, STATISTICS = CloudSource.OVERVIEW, CloudSource.STATISTICS
PC = open_catalog(PLANETARY_COMPUTER)
DEMO = open_catalog("demo")
OWN = "http://127.0.0.1:9/api"


@pytest.mark.parametrize(
    ("catalog", "pixels", "sources", "data_api"),
    [
        (PC, PixelAccess(), (OVERVIEW, STATISTICS), "https://planetarycomputer."),
        (PC, PixelAccess(source=STATISTICS), (STATISTICS, OVERVIEW), "https://planetarycomputer."),
        (PC, PixelAccess(fallback=False), (OVERVIEW,), "https://planetarycomputer."),
        (DEMO, PixelAccess(), (OVERVIEW,), None),
        (DEMO, PixelAccess(data_api=f"{OWN}/"), (OVERVIEW, STATISTICS), OWN),
    ],
)
def test_sources_follow_from_the_catalog_and_the_limits(
    catalog: Catalog, pixels: PixelAccess, sources: tuple[CloudSource, ...], data_api: str | None
) -> None:
    """The data API of Planetary Computer serves its own scenes alone."""
    reader = open_reader(catalog, Access(pixels=pixels), SCRATCH)
    assert reader.sources == sources
    assert (reader.data_api or "").startswith(data_api or "")
    assert (reader.data_api is None) == (data_api is None)
    assert reader.facts["sources"] == [str(source) for source in sources]


def test_statistics_need_a_server() -> None:
    """No address of one is known for another catalog."""
    with pytest.raises(InputError, match="no server of statistics is known; name one with --data"):
        open_reader(DEMO, Access(pixels=PixelAccess(source=STATISTICS)), SCRATCH)


@pytest.mark.parametrize(
    "data_api", ["ftp://a/b", "a", "http://[x", f"{OWN}?key=secret", "http://me:secret@a.org/b"]
)
def test_an_address_with_a_secret_or_of_another_kind_is_refused(data_api: str) -> None:
    """It is recorded, so it must not hold a secret; and the message does not quote it."""
    with pytest.raises(InputError, match="--data-api: must be an http") as caught:
        open_reader(DEMO, Access(pixels=PixelAccess(data_api=data_api)), SCRATCH)
    assert "secret" not in str(caught.value)


def test_the_cache_is_that_of_the_searches(tmp_path: Path) -> None:
    """Or a folder of the run, for its time; ``refresh`` takes nothing that is older."""
    own = open_reader(DEMO, Access(pixels=PixelAccess()), SCRATCH)
    shared = open_reader(DEMO, Access(cache=tmp_path, pixels=PixelAccess()), SCRATCH)
    fresh = open_reader(DEMO, Access(cache=tmp_path, refresh=True, pixels=PixelAccess()), SCRATCH)
    assert own.cache is not None
    assert shared.cache is not None
    assert fresh.cache is not None
    assert own.cache.folder == SCRATCH
    assert shared.cache.folder == fresh.cache.folder == tmp_path
    assert replace(shared.cache, not_before=0.0) == replace(fresh.cache, not_before=0.0)
    assert fresh.cache.not_before > shared.cache.not_before
