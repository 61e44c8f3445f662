"""The result of a run in Python: tables, explanations, comparisons and pictures."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest
import shapely

import floodscan
from floodscan import InputError, ManifestError, Policy, Recipe, ScanResult
from floodscan.schemas import EVENTS, SEARCHES
from floodscan.testing.fake_catalog import NoItems
from tests.cli.conftest import EVENT, run_command
from tests.sweeps import DEMO, demo_copies

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[Policy, ScanResult]:
    """The demo by both policies."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        policy: floodscan.scan("demo", out=folder / policy, recipe=Recipe(policy=policy))
        for policy in Policy
    }


def test_events_are_a_table_in_the_order_of_the_input(tmp_path: Path) -> None:
    """The files have them in the order of their batches."""
    copies = demo_copies(5)[::-1]
    result = floodscan.scan(copies, catalog="demo", out=tmp_path / "out")
    table = result.events
    assert list(table.columns) == EVENTS.names
    assert list(table["event_id"]) == [event.event_id for event in copies]
    assert list(table.index) == [0, 1, 2, 3, 4]
    assert [*table["n_filled"]] == [outcome.n_filled for outcome in result.outcomes] == [9] * 5


def test_searches_are_a_table_with_the_searched_boxes(runs: dict[Policy, ScanResult]) -> None:
    """The demo is searched once per collection, within the bbox of its event."""
    table = runs[Policy.REFERENCE].searches
    assert list(table.columns) == [*SEARCHES.names, "geometry"]
    assert table.crs == "OGC:CRS84"
    searched = [collection for collections in table["collections"] for collection in collections]
    assert set(searched) == {"sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30"}
    assert shapely.equals(table.geometry.to_numpy(), shapely.box(*DEMO.bbox)).all()


def test_a_search_across_the_antimeridian_has_two_parts(tmp_path: Path) -> None:
    """Each part is on its side."""
    event = floodscan.Event(
        event_id="fiji",
        aoi=shapely.union_all([shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)]),
        bbox=(179.0, -18.0, -179.0, -17.0),
        phase_dates=DEMO.phase_dates,
        onset=DEMO.onset,
        target_crs="EPSG:32760",
    )
    result = floodscan.scan(event, catalog=NoItems(), out=tmp_path / "out")
    areas = shapely.area(result.searches.geometry.to_numpy())
    assert areas == pytest.approx([2.0] * len(areas))
    assert len(areas) == 3


def test_explain_and_compare_are_those_of_the_command(
    runs: dict[Policy, ScanResult],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """An event is named by its id, or given itself; another run is a result or a folder."""
    run = partial(run_command, monkeypatch, capfd)
    one, other = runs.values()
    explained = one.explain(EVENT, "event", "S2L2A")
    _, printed, _ = run("explain", one.folder.path, EVENT, "event", "S2L2A", "--json")
    assert orjson.loads(orjson.dumps(explained)) == orjson.loads(printed)
    assert one.explain(DEMO) == one.explain(EVENT)
    assert len(one.explain(EVENT)) == 9
    compared = one.compare(other)
    _, printed, _ = run("compare", one.folder.path, other.folder.path, "--json")
    assert orjson.loads(orjson.dumps(compared)) == orjson.loads(printed)
    assert one.compare(other.folder.path) == one.compare(str(other.folder.path)) == compared
    assert compared["differing"] == 7


def test_plot_returns_the_files(runs: dict[Policy, ScanResult], tmp_path: Path) -> None:
    """The map first."""
    files = runs[Policy.REFERENCE].plot(EVENT, to=tmp_path / "pictures", kind="svg")
    names = [f"{EVENT}_{name}.svg" for name in ("map", "timeline", "coverage")]
    assert [file.name for file in files] == names
    assert all(file.stat().st_size > 10_000 for file in files)


def test_mistakes_are_errors_of_floodscan(runs: dict[Policy, ScanResult], tmp_path: Path) -> None:
    """Unknown events and words, folders without a run, and events without a manifest."""
    result = runs[Policy.REFERENCE]
    with pytest.raises(InputError, match="has no event 'nobody'"):
        result.explain("nobody")
    with pytest.raises(InputError, match="neither a phase nor a sensor"):
        result.explain(EVENT, "pre-event")
    with pytest.raises(InputError, match="has no event 'nobody'"):
        result.plot("nobody")
    with pytest.raises(InputError, match="is it the output of a scan"):
        result.compare(tmp_path)
    failed = floodscan.scan("demo", catalog=NoItems(), out=tmp_path / "none")
    if not failed.folder.manifest_path(EVENT).exists():
        with pytest.raises(ManifestError):
            failed.explain(EVENT)
