"""Without the optional packages the rest works, and an error names the missing extra."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from floodscan.extras import EXTRAS
from tests.clusters.test_profile import GOOD, write

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = """
import sys
missing, *words = sys.argv[1:]
sys.modules.update(dict.fromkeys(missing.split(",")))  # an import of these fails, as if not there
sys.argv[1:] = words
from floodscan.cli.main import main
main()
"""


def run_without(modules: frozenset[str], *words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process that can't import some modules."""
    command = [sys.executable, "-c", WITHOUT, ",".join(modules), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def test_extras_are_those_of_the_package() -> None:
    """For each extra that is declared, the modules of its packages are known."""
    names = {
        "dask-jobqueue": "dask_jobqueue",
        "pillow": "PIL",
        "python-calamine": "python_calamine",
        "stac-geoparquet": "stac_geoparquet",
    }
    declared: dict[str, set[str]] = {}
    for requirement in map(Requirement, requires("floodscan") or ()):
        if requirement.marker is not None:
            extra = str(requirement.marker).split('"')[1]
            name = requirement.name.lower()
            declared.setdefault(extra, set()).add(names.get(name, name))
    assert declared == EXTRAS


def test_a_scan_needs_no_extra(tmp_path: Path) -> None:
    """Scan and report; only then does a picture need the extra ``plot``."""
    nothing = EXTRAS["plot"] | EXTRAS["slurm"]
    out = tmp_path / "out"
    done = run_without(nothing, "scan", "demo", "--cluster", "none", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    event = "luxembourg_flood_2021_multimodal"
    done = run_without(nothing, "plot", out, event)
    assert done.returncode == 2
    assert done.stderr.startswith("error: floodscan plot: needs ")
    assert done.stderr.endswith("; run: pip install 'floodscan[plot]'\n")


def test_clouds_over_the_area_name_the_missing_extra(tmp_path: Path) -> None:
    """One message with the pip command, before anything is written; statistics alone need none."""
    out = tmp_path / "out"
    scan = ("scan", "demo", "--cloud", "area", "--cluster", "none", "--out", out)
    done = run_without(EXTRAS["clearsky"], *scan)
    message = "cloud = \"area\": needs rasterio; run: pip install 'floodscan[clearsky]'"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")
    assert not out.exists()
    statistics = ("--cloud-source", "statistics", "--no-cloud-fallback", "--max-scenes", 1)
    done = run_without(
        EXTRAS["clearsky"], *scan, *statistics, "--data-api", "http://127.0.0.1:9/api"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "clouds of 1 scenes read: 0 from the cache, 1 unread" in done.stdout
    assert "unread: 1 × the data API can't be reached: connection refused" in done.stdout


@pytest.mark.parametrize(
    ("missing", "words"), [("cryptography", []), ("dask_jobqueue", ["--dry-run"])]
)
def test_a_scan_on_slurm_names_the_missing_extra(
    missing: str, words: list[str], tmp_path: Path
) -> None:
    """One message with the pip command, and nothing is submitted."""
    command = ["scan", "demo", "--cluster", "slurm", "--profile", write_profile(tmp_path), *words]
    done = run_without(frozenset({missing}), *command)
    assert (done.returncode, done.stdout) == (2, "")
    message = f"--cluster slurm: needs {missing}; run: pip install 'floodscan[slurm]'"
    assert done.stderr == f"error: {message}\n"


def test_the_doctor_names_the_missing_extra(tmp_path: Path) -> None:
    """One message with the pip command."""
    command = ["doctor", "--catalog", "demo", "--profile", write_profile(tmp_path)]
    done = run_without(frozenset({"dask_jobqueue"}), *command)
    assert (done.returncode, done.stdout) == (2, "")
    message = "--profile: needs dask_jobqueue; run: pip install 'floodscan[slurm]'"
    assert done.stderr == f"error: {message}\n"


def test_a_build_of_an_archive_names_the_missing_extra(tmp_path: Path) -> None:
    """One message with the pip command, before the catalog is asked."""
    command = ["archive", "build", "demo", "--catalog", "http://127.0.0.1:1", "--out", tmp_path]
    done = run_without(EXTRAS["archive"], *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: floodscan archive build: needs stac_geoparquet; ")
    assert done.stderr.endswith("run: pip install 'floodscan[archive]'\n")


def write_profile(folder: Path) -> Path:
    """Write a profile for the loopback of this machine."""
    return write(folder, GOOD | {"interface": "lo", "shared-temp-directory": str(folder)})


def test_workers_need_no_extra() -> None:
    """The modules that tasks and a compute node's checks import do without the extras."""
    code = "import sys, floodscan.engine.graph, floodscan.cli.probe; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(EXTRAS["plot"] | EXTRAS["slurm"])
