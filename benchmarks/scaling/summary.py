"""Runs as a table: kept beside earlier ones, summed up by medians, and printed."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import psutil

from benchmarks.scaling.measure import STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.scaling.measure import Json

STRONG, WEAK, LATENCY = "strong", "weak", "latency"
KINDS = (STRONG, WEAK, LATENCY)

_PACKAGES = ("floodscan", "dask", "distributed", "dask-jobqueue", "numpy", "pyarrow", "shapely")
_GROUP = ["kind", "cluster", "n_workers", "in_flight"]


def describe_machine() -> Json:
    """Tell on what a figure was measured, with which versions."""
    model = next(
        (
            line
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    commit = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    done = subprocess.run(commit, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{model.partition(':')[2].strip() or platform.machine()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "load": psutil.getloadavg()[0],
        "python": platform.python_version(),
        "commit": done.stdout.strip(),
        **{f"{package}_version": version(package) for package in _PACKAGES},
    }


def keep(runs: Sequence[Json], path: Path) -> pd.DataFrame:
    """Write runs to a Parquet file, in the place of those of the same kind on the same cluster, and give all."""
    new = pd.DataFrame(runs).astype({"in_flight": "Int64"})
    if path.exists():
        old = pd.read_parquet(path)
        again = pd.MultiIndex.from_frame(old[["kind", "cluster"]]).isin(
            pd.MultiIndex.from_frame(new[["kind", "cluster"]])
        )
        new = pd.concat([old[~again], new], ignore_index=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    new.to_parquet(path, index=False)
    return new


def summarize(runs: pd.DataFrame) -> pd.DataFrame:
    """Take medians over repeats, and put each to the smallest of its kind on its cluster.

    Returns:
        A row for each kind, cluster and size, with ``size`` (workers; of ``latency``, searches on
        their way at most), ``busy_places`` (searches on their way in the mean), ``speed_up``,
        ``efficiency``, and each step's share of the threads' time.
    """
    sums = runs.groupby(_GROUP, dropna=False, as_index=False).median(numeric_only=True)
    spread = (
        runs.groupby(_GROUP, dropna=False)["wall_seconds"]
        .agg(["min", "max", "size"])
        .reset_index(drop=True)
    )
    sums[["least_seconds", "most_seconds", "n_repeats"]] = spread
    sums["size"] = sums["in_flight"].where(sums["kind"] == LATENCY, sums["n_workers"]).astype(int)
    return pd.concat(
        [_compare(each) for _, each in sums.groupby(["kind", "cluster"])], ignore_index=True
    )


def _compare(sums: pd.DataFrame) -> pd.DataFrame:
    """Put the sizes of one kind on one cluster to the smallest."""
    sums = sums.sort_values("size").copy()
    # of sweeps that differ in length, what is done in a second is compared: seconds of waiting, or
    # events
    done = sums["drawn_seconds"] if (sums["kind"] == LATENCY).all() else sums["n_events"]
    rate = done / sums["wall_seconds"]
    sums["speed_up"] = rate / rate.iloc[0] * sums["size"].iloc[0]
    sums["efficiency"] = sums["speed_up"] / sums["size"]
    sums["busy_places"] = sums["drawn_seconds"] / sums["wall_seconds"]
    sums["cores_busy"] = (sums["worker_cpu_seconds"] + sums["driver_cpu_seconds"]) / sums[
        "wall_seconds"
    ]
    seconds = sums[[f"{step}_seconds" for step in STEPS]].clip(lower=0)
    sums[list(STEPS)] = seconds.div(seconds.sum(axis=1), axis=0)
    return sums


def to_markdown(sums: pd.DataFrame) -> str:
    """Write the tables of a report: sizes, times, efficiency; and where the time went."""
    return "\n\n".join(
        f"{kind} scaling on `{cluster}`\n\n{_table(each, kind)}\n\n{_steps(each)}"
        for (kind, cluster), each in sums.groupby(["kind", "cluster"])
    )


def _table(sums: pd.DataFrame, kind: str) -> str:
    size = "searches at once" if kind == LATENCY else "workers"
    head = f"| {size} | threads | events | searches | wall, s (range) | speed-up | efficiency | on their way | cores |"
    cells = [
        "| {size} | {n_threads:.0f} | {n_events:.0f} | {n_searches:.0f}",
        "{wall_seconds:.2f} ({least_seconds:.2f} to {most_seconds:.2f})",
        "{speed_up:.2f} | {efficiency:.3f} | {busy_places:.2f} | {cores_busy:.2f} |",
    ]
    row = " | ".join(cells)
    return "\n".join(
        [head, f"|{'---:|' * 9}", *(row.format(**values) for values in sums.to_dict("records"))]
    )


def _steps(sums: pd.DataFrame) -> str:
    head = f"| share of the threads' time | {' | '.join(STEPS)} |"
    row = " | ".join(["| {size}", *(f"{{{step}:.1%}}" for step in STEPS)]) + " |"
    return "\n".join(
        [
            head,
            f"|{'---:|' * (len(STEPS) + 1)}",
            *(row.format(**each) for each in sums.to_dict("records")),
        ]
    )
