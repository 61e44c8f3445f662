"""The job scripts of `jobs/`: a driver that submits worker jobs, and one allocation for all."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import yaml

from floodscan.clusters import preview_jobs
from floodscan.clusters.profile import load_profile
from floodscan.errors import ProfileError
from tests.paths import REPO_ROOT
from tests.runs import result_bytes
from tests.slurm.conftest import write_profile
from tests.slurm.site import ACCOUNT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.site import SlurmSite

JOBS = REPO_ROOT / "jobs"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that a user sets: profile and Python environment."""
    prologue = yaml.safe_load((JOBS / "meluxina.yaml").read_text())["jobqueue"]["slurm"][
        "job-script-prologue"
    ]
    path = write_profile(tmp_path, job_script_prologue=prologue, python="python")
    monkeypatch.setenv("FLOODSCAN_PROFILE", str(path))
    monkeypatch.setenv("FLOODSCAN_JOBS", str(JOBS))
    monkeypatch.setenv("FLOODSCAN_VENV", sys.prefix)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("sbatch_words", "scan_words"),
    [
        ([str(JOBS / "sweep.sbatch")], ["--workers", "2"]),
        (["-N", "2", str(JOBS / "sweep-one-allocation.sbatch")], []),
    ],
    ids=["driver job", "one allocation"],
)
def test_job_script_gives_the_bytes_of_one_process(
    sbatch_words: list[str],
    scan_words: list[str],
    site: SlurmSite,
    events: Path,
    reference: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """From sbatch to an empty queue, with the site's headers and environment."""
    log, out = tmp_path / "driver.log", tmp_path / "out"
    (tmp_path / "private").mkdir()
    scan = [str(events), "--catalog", "demo", "--out", str(out), *scan_words]
    site.run("sbatch", "-A", ACCOUNT, "--output", str(log), *sbatch_words, *scan)
    wait_for_the_end(site, log)
    assert result_bytes(out) == reference, log.read_text()
    assert list((tmp_path / "private").iterdir()) == []


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("sbatch_words", "cluster"),
    [([], "slurm"), (["-N", "2"], "allocation")],
    ids=["driver job", "one allocation"],
)
def test_scaling_job_measures_either_placement(
    sbatch_words: list[str], cluster: str, site: SlurmSite, tmp_path: Path
) -> None:
    """The same scan runs on one node, and then on two."""
    log, out = tmp_path / "driver.log", tmp_path / "out"
    (tmp_path / "private").mkdir()
    given = [
        "--cluster",
        cluster,
        "--workers",
        "1",
        "2",
        "--show",
        "strong",
        "--events",
        "8",
        "--repeats",
        "1",
    ]
    script = [str(JOBS / "scaling.sbatch"), *given, "--out", str(out)]
    site.run("sbatch", "-A", ACCOUNT, "--output", str(log), *sbatch_words, *script)
    wait_for_the_end(site, log)
    assert (out / "scaling.png").exists(), log.read_text()
    runs = pq.read_table(out / "scaling.parquet").to_pylist()
    assert [(run["cluster"], run["n_processes"]) for run in runs] == [(cluster, 1), (cluster, 2)]


@pytest.mark.usefixtures("environment")
def test_workers_of_an_allocation_that_end_at_once_end_the_scan(
    site: SlurmSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error quotes their output, and the job ends: nobody waits for results."""
    path = write_profile(tmp_path, job_script_prologue=["echo no such module >&2", "exit 1"])
    monkeypatch.setenv("FLOODSCAN_PROFILE", str(path))
    log = tmp_path / "driver.log"
    scan = ["demo", "--catalog", "demo", "--out", str(tmp_path / "out")]
    script = str(JOBS / "sweep-one-allocation.sbatch")
    site.run("sbatch", "-A", ACCOUNT, "-N", "1", "--output", str(log), script, *scan)
    wait_for_the_end(site, log)
    (error,) = [line for line in log.read_text().splitlines() if line.startswith("error: ")]
    assert error.startswith("error: the workers ended (1); the last one printed: ")
    assert "no such module" in error
    assert list((tmp_path / "private").iterdir()) == []


def wait_for_the_end(site: SlurmSite, log: Path, seconds: float = 120.0) -> None:
    """Wait until the queue is empty."""
    deadline = time.monotonic() + seconds
    while site.jobs():
        printed = log.read_text() if log.exists() else "nothing"
        assert time.monotonic() < deadline, f"{site.run('squeue')}; the driver printed: {printed}"
        time.sleep(0.2)


def test_profile_for_the_site_needs_an_account() -> None:
    """A user must replace only the account, and can't forget it."""
    with pytest.raises(ProfileError) as wanting:
        load_profile(JOBS / "meluxina.yaml")
    assert str(wanting.value).endswith(
        "account': is still the placeholder p200xxx: set your project's account"
    )
    assert len(wanting.value.problems) == 1


def test_profile_for_the_site_is_accepted(site: SlurmSite, tmp_path: Path) -> None:
    """With an account and an interface of this machine, `sbatch --test-only` accepts its header."""
    text = (JOBS / "meluxina.yaml").read_text().replace("p200xxx ", ACCOUNT).replace("ib0 ", "lo")
    text += f"    shared-temp-directory: {tmp_path}\n"
    (tmp_path / "profile.yaml").write_text(text)
    preview = tmp_path / "job.sh"
    preview.write_text(preview_jobs("slurm", profile=tmp_path / "profile.yaml"))
    site.run("sbatch", "--test-only", str(preview))
    assert "--hint=nomultithread" in preview.read_text()
