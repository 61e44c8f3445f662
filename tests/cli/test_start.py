"""The start of a scan: few events start no processes and import no heavy package."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.cli.test_help import HELP
from tests.runs import result_bytes

if TYPE_CHECKING:
    from pathlib import Path

NOT_NEEDED = {"dask", "distributed", "geopandas", "pandas"}


def test_few_events_need_no_workers_and_get_the_same_bytes(demo_out: Path, tmp_path: Path) -> None:
    """The demo runs in the process of the command, with the results of two worker processes."""
    command = [sys.executable, "-c", HELP, "scan", "demo", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    modules = set(done.stderr.split())
    assert {"floodscan", "pyarrow"} <= modules
    assert NOT_NEEDED.isdisjoint(modules)
    assert result_bytes(tmp_path / "out") == result_bytes(demo_out)
    again = [*command[:3], "reselect", str(demo_out), "--out", str(tmp_path / "again")]
    done = subprocess.run(again, capture_output=True, text=True, check=True)  # noqa: S603
    assert NOT_NEEDED.isdisjoint(done.stderr.split())
    assert result_bytes(tmp_path / "again") == result_bytes(demo_out)


def test_tables_become_frames_after_pandas_was_kept_out() -> None:
    """Readers of event files need it: geopandas reads Parquet through a table."""
    code = """
from floodscan.cli.without_pandas import keep_pandas_out
keep_pandas_out()
import sys
import pyarrow as pa
table = pa.table({"a": pa.array([1.5, None]), "b": pa.array(["x", "y"])})
assert "pandas" not in sys.modules
frame = table.to_pandas()
assert (frame["a"].isna().tolist(), frame["b"].tolist()) == ([False, True], ["x", "y"])
"""
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
