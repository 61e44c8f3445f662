"""The fake catalog answers from its source and fails where it is asked to."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from floodscan import CatalogError, Recipe
from floodscan.catalogs import open_catalog
from floodscan.model import Search, TimeWindow
from floodscan.testing.build_demo import build_items
from floodscan.testing.fake_catalog import (
    FakeCatalog,
    HoldSearches,
    Incomplete,
    ItemsInMemory,
    KillProcess,
    NoItems,
    RaiseError,
    WithoutItems,
)
from floodscan.testing.made_up_items import MadeUpItems
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.testing.fake_catalog import Fault

BOX = (5.7333, 49.4426, 6.5282, 50.1830)
JULY = TimeWindow(datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 7, 31, tzinfo=UTC))
RADAR = Search("sentinel-1-rtc", BOX, JULY, ("vv", "vh"))
OPTICAL = Search("sentinel-2-l2a", BOX, JULY, ("B02",))
ELEVATION = Search("cop-dem-glo-30", BOX, None, ("data",))


def test_without_faults_the_answers_are_those_of_the_source() -> None:
    """The default source is the bundled demo."""
    fake, demo = FakeCatalog(), open_catalog("demo")
    assert fake.describe(["sentinel-1-rtc"]) == demo.describe(["sentinel-1-rtc"])
    assert fake.search(RADAR) == demo.search(RADAR)


@pytest.mark.parametrize(
    ("fault", "n_items", "complete"),
    [
        (Incomplete("sentinel-2-l2a"), len(open_catalog("demo").search(OPTICAL).items), False),
        (WithoutItems("sentinel-2-l2a"), 0, True),
    ],
)
def test_a_fault_changes_the_answers_about_its_collection(
    fault: Fault, n_items: int, *, complete: bool
) -> None:
    """Answers about other collections stay as they are."""
    fake = FakeCatalog(faults=(fault,))
    answer = fake.search(OPTICAL)
    assert (len(answer.items), answer.complete) == (n_items, complete)
    assert fake.search(RADAR) == open_catalog("demo").search(RADAR)


def test_an_error_is_raised_where_it_is_meant() -> None:
    """Searches in other collections and at other places are answered."""
    away = CatalogError("fake", "is away")
    here = FakeCatalog(faults=(RaiseError(away, box=(5.8, 49.5, 5.9, 49.6)),))
    radar = FakeCatalog(faults=(RaiseError(away, collection="sentinel-1-rtc"),))
    for failing, answering, fake in (
        (RADAR, replace(RADAR, bbox=(7.0, 49.0, 8.0, 50.0)), here),
        (RADAR, OPTICAL, radar),
    ):
        fake.search(answering)
        with pytest.raises(CatalogError, match="is away"):
            fake.search(failing)


def test_the_first_fault_sees_a_search_first() -> None:
    """An error of the first fault hides the second fault."""
    first, second = (RaiseError(CatalogError("fake", text)) for text in ("first", "second"))
    with pytest.raises(CatalogError, match="first"):
        FakeCatalog(faults=(first, second)).search(RADAR)


def test_a_source_without_items_finds_nothing() -> None:
    """Any collection exists, and has no items."""
    source = NoItems()
    assert source.describe(["anything"]) == "no-items"
    assert len(source.search(RADAR).items) == 0


def test_items_in_memory_are_found_by_box() -> None:
    """The demo's items from memory are those of its archive, and of other collections none."""
    assets = {asked.collection: asked.assets for asked in Recipe().sensors.values()}
    items = [item for items in build_items().values() for item in items]
    source = ItemsInMemory.read(items, assets)
    found = source.search(ELEVATION).items["item_id"].to_pylist()
    assert sorted(found) == sorted(
        open_catalog("demo").search(ELEVATION).items["item_id"].to_pylist()
    )
    nowhere = Search("nasadem", BOX, None, ("data",))
    assert len(source.search(nowhere).items) == 0


def test_made_up_items_are_the_same_each_time() -> None:
    """A footprint is seen every third day, and a neighbouring search finds the same items."""
    source = MadeUpItems()
    ids = set(source.search(RADAR).items["item_id"].to_pylist())
    days = sorted(item_id[-8:] for item_id in ids if item_id.startswith("sentinel-1-rtc_2_24_"))
    assert days == [f"202107{day:02}" for day in range(int(days[0][-2:]), 32, 3)]
    wider = replace(RADAR, bbox=(4.0, 49.0, 8.0, 51.0))
    assert ids < set(source.search(wider).items["item_id"].to_pylist())
    assert len(MadeUpItems(lean=True).make_page(OPTICAL)) < len(source.make_page(OPTICAL)) / 2


def test_held_searches_wait_for_their_release(tmp_path: Path) -> None:
    """The first search passes, the second one is held until it is released."""
    hold = HoldSearches(tmp_path, 1)
    fake = FakeCatalog(faults=(hold,))
    fake.search(ELEVATION)
    assert not hold.is_holding()
    second = threading.Thread(target=fake.search, args=(ELEVATION,))
    second.start()
    wait_for(hold.is_holding, "no search is held")
    assert second.is_alive()
    hold.release()
    second.join(timeout=60)
    assert not second.is_alive()


@pytest.mark.processes
def test_a_process_that_searches_at_the_place_is_killed(tmp_path: Path) -> None:
    """A search elsewhere is answered; after the last death the place is harmless."""
    fault = KillProcess(box=(5.8, 49.5, 5.9, 49.6), deaths=tmp_path, most_deaths=1)
    fake = FakeCatalog(faults=(fault,))
    fake.search(Search("cop-dem-glo-30", (0.0, 0.0, 1.0, 1.0), None, ("data",)))
    code = f"import pickle; c, s = pickle.loads({pickle.dumps((fake, ELEVATION))!r}); c.search(s)"
    for expected in (-9, 0):
        done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - our own
        assert done.returncode == expected
        assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.processes
def test_the_package_needs_no_test_tools() -> None:
    """Neither pytest nor Dask is imported with the fakes."""
    modules = "fake_catalog, made_up_items, stac_items, tile_grids"
    code = f"import sys; from floodscan.testing import {modules}"
    code += "; assert not {'pytest', 'dask', 'distributed'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own
