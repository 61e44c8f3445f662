"""Keep runs in a table with earlier runs, summarize them by medians, and print them."""

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
    """Describe the machine and the versions of a measurement."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line for line in lines if line.startswith("model name")), "")
    name = model.partition(":")[2].strip() or platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{name}, {psutil.cpu_count()} cores, {memory:.0f} GiB",
        "load": psutil.getloadavg()[0],
        "python": platform.python_version(),
        "commit": _describe_commit(),
        **{f"{package}_version": version(package) for package in _PACKAGES},
    }


def _describe_commit() -> str:
    here = str(Path(__file__).parent)
    command = ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def keep(runs: Sequence[Json], path: Path) -> pd.DataFrame:
    """Write runs to a Parquet file, and return all of its runs.

    Earlier runs of the same kind on the same cluster are replaced.
    """
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
    """Take medians over repeats, and compare each with the smallest of its kind and cluster.

    Returns:
        A row for each kind, cluster and size: ``size`` (workers; in ``latency``, most requests at
        once), ``busy_places`` (mean requests at once), ``speed_up``, ``efficiency``, and the share
        of each step in the threads' time.
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
    """Compare the sizes of one kind on one cluster with the smallest."""
    sums = sums.sort_values("size").copy()
    # the sweeps differ in length, so rates are compared: seconds of waiting or events, per second
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
    """Write the tables: sizes, times and efficiency, and the share of each step."""
    return "\n\n".join(
        f"{kind} scaling on `{cluster}`\n\n{_table(each, kind)}\n\n{_steps(each)}"
        for (kind, cluster), each in sums.groupby(["kind", "cluster"])
    )


def _table(sums: pd.DataFrame, kind: str) -> str:
    size = "requests at once" if kind == LATENCY else "workers"
    head = f"| {size} | threads | events | searches | wall, s (range) | "
    head += "speed-up | efficiency | mean at once | cores |"
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
