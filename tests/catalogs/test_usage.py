"""What a sweep takes from each source, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from floodscan import Recipe, scan
from floodscan.catalogs import open_sources, usage
from floodscan.catalogs.archive import reading
from floodscan.catalogs.sources import find_archive
from floodscan.catalogs.usage import SourceUse, UsageCounter, add_reads
from floodscan.engine import joining
from floodscan.planning.estimate import SweepSize
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.report.plans import show_sources
from tests.catalogs.archive.layouts import DEM, OPTICAL, RADAR
from tests.catalogs.test_sources import write_archive
from tests.sweeps import make_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan import Event
    from floodscan.catalogs import Catalog

API = "https://example.org/stac"
EVENTS = make_events(12)
NO_SIZE = SweepSize(n_events=0, n_requests=0, n_items=0, n_candidates=0, n_choices=0)


Uses = dict[tuple[str, str], SourceUse]


def measure(catalog: Catalog) -> Uses:
    """Plan the events with a catalog; the use of each collection and source."""
    n_batches, uses = measure_all(catalog, EVENTS)
    assert n_batches == 1
    return uses


def measure_all(catalog: Catalog, events: Sequence[Event]) -> tuple[int, Uses]:
    """Plan events with a catalog; the number of batches, and the use as ``measure`` gives it."""
    counter = UsageCounter(catalog)
    batches = (
        plan_batch(batch, Recipe(), joins=lambda s: find_archive(catalog, s) is not None)
        for batch in cut_batches(list_events(events), run_id="")
    )
    n_batches = len(list(counter.count(batches)))
    return n_batches, {(use.collection, use.source): use for use in counter.list_uses()}


@pytest.fixture
def half(tmp_path: Path) -> str:
    """An archive that ends in the middle of the demo's time."""
    return str(write_archive(tmp_path / "archive"))


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an entry for each row group that is read from now on."""
    read: list[int] = []
    original = reading._join

    def follow(*args: object) -> object:
        read.append(1)
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "_join", follow)
    return read


def test_an_api_takes_searches() -> None:
    """Neighbours share some of them."""
    uses = measure(open_sources(API))
    assert set(uses) == {(name, API) for name in (RADAR, OPTICAL, DEM)}
    assert sum(use.n_slots for use in uses.values()) == 12 * 9
    assert all(0 < use.n_searches < use.n_slots for use in uses.values())
    assert {use.n_row_groups for use in uses.values()} == {None}


def test_an_archive_takes_the_row_groups_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no search."""
    uses = measure(open_sources("demo"))
    read = count_reads(monkeypatch)
    scan(EVENTS, catalog="demo", out=tmp_path / "out")
    assert sum(use.n_row_groups or 0 for use in uses.values()) == len(read) == 3
    assert all(use.n_bytes > 1000 for use in uses.values())
    assert {use.n_searches for use in uses.values()} == {0}
    assert uses[RADAR, "demo"].coverage == "2021-06-01/2021-07-31"
    assert uses[DEM, "demo"].coverage is None


@pytest.mark.parametrize(
    ("lot_events", "small", "n_lots"), [(1, 0.1, 3), (60, 0.1, 2), (60, 0.9, 1)]
)
def test_each_lot_reads_its_own_row_groups(
    lot_events: int, small: float, n_lots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as the sweep does; the sources name each row group once."""
    events = make_events(100)
    _, once = measure_all(open_sources("demo"), events)
    for module in (joining, usage):
        monkeypatch.setattr(module, "LOT_EVENTS", lot_events)
        monkeypatch.setattr(module, "SMALL_LOT", small)
    n_batches, by_lot = measure_all(open_sources("demo"), events)
    assert n_batches == 3
    read = count_reads(monkeypatch)
    scan(events, catalog="demo", out=tmp_path / "out")
    size = add_reads(NO_SIZE, list(by_lot.values()))
    assert size.n_row_groups == len(read) == 3 * n_lots
    assert size.n_bytes == n_lots * sum(use.n_bytes for use in by_lot.values())
    for key, use in once.items():
        assert (by_lot[key].n_row_groups, by_lot[key].n_bytes) == (use.n_row_groups, use.n_bytes)
        assert (use.n_groups_read, use.n_bytes_read) == (use.n_row_groups, use.n_bytes)


def test_slots_outside_an_archive_are_counted(half: str) -> None:
    """As many as the run then reports."""
    uses = measure(open_sources(half))
    planned = sum(use.n_not_covered for use in uses.values())
    result = scan(EVENTS, catalog=half)
    reasons = [str(each.code) for outcome in result.outcomes for each in outcome.reasons]
    assert planned == reasons.count("not_covered") > 12


def test_a_fallback_takes_what_is_not_covered(half: str) -> None:
    """Each collection may have two sources then, and both say why."""
    alone = measure(open_sources(half))
    both = measure(open_sources(half, fallback=API))
    for name in (RADAR, OPTICAL):
        assert both[name, API].n_slots == alone[name, half].n_not_covered
        assert both[name, half].n_slots + both[name, API].n_slots == 48
        assert both[name, half].n_not_covered == 0
        assert both[name, API].why.startswith("fallback: the archive does not cover")
    assert (DEM, API) not in both


def test_sources_are_shown(half: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With coverage and what is not covered, at 100 columns."""
    sources = open_sources(API, by_collection={RADAR: half})
    show_sources(Console(width=100), measure(sources).values())
    shown = capsys.readouterr().out
    assert "named in the recipe" in shown
    assert "1 row group" in shown
    assert "the archive covers 2021-06-01/2021-07-03" in shown
    assert "slots are not covered; they stay empty without --fallback-catalog" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_rows_without_an_id_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are left out of the sweep."""
    archive = write_archive(tmp_path / "archive")
    table = pq.read_table(archive / f"{DEM}.parquet")
    ids = [None, *table["id"].to_pylist()[1:]]
    place = table.schema.get_field_index("id")
    pq.write_table(table.set_column(place, "id", [ids]), archive / f"{DEM}.parquet")
    show_sources(Console(width=100), measure(open_sources(str(archive))).values())
    assert f"{DEM}: 1 rows without an id are left out" in capsys.readouterr().out
