"""A build from a broken or hostile API: the same items as a scan finds, or one clear error."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from floodscan import CatalogError, Recipe, scan
from floodscan.catalogs.archive_build.build import build_archive
from floodscan.catalogs.stac_api import StacApiCatalog
from floodscan.planning.slots import plan_event
from tests.catalogs.archive.layouts import RADAR
from tests.catalogs.hostile_runs import LIMITS
from tests.catalogs.test_hostile import READ
from tests.runs import result_bytes
from tests.servers.hostile import HostileApi, hostile_api
from tests.servers.hostile_kinds import KINDS, Search, changed
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Json = dict[str, Any]

SEARCHES = plan_event(DEMO, Recipe()).searches


@pytest.fixture(scope="module")
def api() -> Iterator[HostileApi]:
    """An API that misbehaves in many ways."""
    with hostile_api() as opened:
        yield opened


@pytest.mark.parametrize("kind", sorted(READ))
def test_odd_answers_are_archived_as_a_scan_reads_them(
    kind: str, api: HostileApi, tmp_path: Path
) -> None:
    """The results are those of the API."""
    built = build_archive(SEARCHES, StacApiCatalog(api.landing(kind)), tmp_path / "own")
    assert (built.n_dropped > 0) == (kind == "odd ids")
    scan(DEMO, catalog=api.landing(kind), out=tmp_path / "searched")
    scan(DEMO, catalog=str(tmp_path / "own"), out=tmp_path / "joined")
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")


@pytest.mark.parametrize("kind", ["half a page", "HTML", "same items", "next elsewhere"])
def test_a_search_without_a_whole_answer_ends_the_build(
    kind: str, api: HostileApi, tmp_path: Path
) -> None:
    """No file claims items that are not there."""
    catalog = StacApiCatalog(api.landing(kind), LIMITS)
    with pytest.raises(CatalogError, match=r"cop-dem-glo-30: .*; run the same command again"):
        build_archive(SEARCHES, catalog, tmp_path / "own")
    assert not [path for path in (tmp_path / "own").rglob("*") if path.is_file()]


def test_an_item_that_does_not_fit_is_named(
    api: HostileApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its file, and the types that have nothing in common."""

    def mix_types(search: Search) -> None:
        numbers = itertools.count()

        def change(item: Json) -> None:
            item["properties"]["odd"] = "text" if next(numbers) == 3 else 3

        search.send(changed(search, change))

    monkeypatch.setitem(KINDS, "mixed types", mix_types)
    catalog = StacApiCatalog(api.landing("mixed types"))
    radar = [search for search in SEARCHES if search.collection == RADAR]
    with pytest.raises(CatalogError, match=r"sentinel-1-rtc 2021-0\d: item S1\w+ can't be stored"):
        build_archive(radar, catalog, tmp_path / "own")
