"""Runs that an older floodscan wrote, without columns that this one reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import floodscan
from floodscan import OutputError
from floodscan.report.compare import compare
from floodscan.report.explain import explain
from floodscan.report.status import examine_run
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.store import RunFolder

EVENT = "copy-000"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Scan one event."""
    return floodscan.scan(demo_copies(1), catalog="demo", out=tmp_path / "run").folder


def drop_column(path: Path, name: str) -> None:
    """Write a file again without a column."""
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.drop_columns([name]), path)


def test_run_without_a_column_of_candidates_is_refused(run: RunFolder, tmp_path: Path) -> None:
    """The message names file and column."""
    (part,) = run.candidates_path.glob("*.parquet")
    drop_column(part, "pass_id")
    told = rf"{part}: another version of floodscan wrote it, without pass_id; scan again"
    with pytest.raises(OutputError, match=told):
        explain(run, EVENT)
    with pytest.raises(OutputError, match=told):
        floodscan.reselect(run.path, out=tmp_path / "again")
    drop_column(part, "verdict")
    with pytest.raises(OutputError, match="without verdict"):
        compare(run, run)


@pytest.mark.parametrize("merged", [True, False])
def test_run_without_a_column_of_events_is_refused(
    run: RunFolder, tmp_path: Path, *, merged: bool
) -> None:
    """Its part is not taken for a damaged one, whose events would count as missing."""
    path = run.events.whole
    drop_column(path, "reasons")
    if not merged:
        run.events.folder.mkdir()
        path = path.rename(run.events.folder / "b.parquet")
    told = rf"{path}: another version of floodscan wrote it, without reasons"
    with pytest.raises(OutputError, match=told):
        examine_run(run)
    with pytest.raises(OutputError, match=told):
        compare(run, run)
    with pytest.raises(OutputError, match=told):
        floodscan.reselect(run.path, out=tmp_path / "again")
    with pytest.raises(OutputError, match=told):
        floodscan.scan(demo_copies(1), catalog="demo", out=run.path)


def test_run_without_a_field_of_a_nested_column_is_refused(run: RunFolder) -> None:
    """A list of texts is not a list of reasons."""
    table = pq.read_table(run.events.whole)
    at = table.schema.get_field_index("reasons")
    texts = pa.array([["no_candidates"]], pa.list_(pa.string()))
    pq.write_table(table.set_column(at, "reasons", texts), run.events.whole)
    with pytest.raises(OutputError, match=r"without reasons\.target_id, reasons\.phase"):
        examine_run(run)
