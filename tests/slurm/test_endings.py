"""Worker jobs end by themselves, by SLURM's clock, or can't be replaced for a while: the sweep ends all the same."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from floodscan import scan
from floodscan.clusters import open_client, pool
from floodscan.errors import ClusterError
from tests.slurm.conftest import write_profile
from tests.slurm.slow import make_slow_demo
from tests.test_sameness import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from floodscan import ScanResult
    from tests.slurm.site import SlurmSite
    from tests.slurm.slow import SlowDemo

NEVER = ["--lifetime", "1h"]


@contextmanager
def slow_sweep(
    site: SlurmSite, events: Path, folder: Path, *, n_jobs: int, worker_args: list[str]
) -> Iterator[tuple[Future[ScanResult], SlowDemo, list[str]]]:
    """Sweep beside the test, and give the sweep, its catalog and its jobs once it is in its midst."""
    profile = write_profile(folder, worker_extra_args=worker_args)
    with (
        ThreadPoolExecutor(1) as beside,
        open_client("slurm", n_workers=n_jobs, profile=profile) as client,
    ):
        jobs = site.wait_for_jobs(n_jobs, state="RUNNING")
        catalog = make_slow_demo(folder, n_answered=3 * n_jobs)
        sweep = beside.submit(scan, events, catalog=catalog, out=folder / "out", client=client)
        try:
            catalog.wait_for_search()
            yield sweep, catalog, jobs
        finally:
            catalog.go_on()


def test_jobs_that_reach_their_lifetime_are_replaced(
    site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """Workers end themselves amid the work, which goes on in the jobs that replace theirs."""
    short = ["--lifetime", "40s", "--lifetime-stagger", "5s"]
    with slow_sweep(site, events, tmp_path, n_jobs=1, worker_args=short) as (
        sweep,
        catalog,
        before,
    ):
        site.wait_for_jobs(1, state="RUNNING", instead_of=before, seconds=120)
        catalog.go_on()
        assert sweep.result(120).ok
    assert written(tmp_path / "out") == reference
    assert site.jobs() == []


def test_jobs_that_reach_their_walltime_are_replaced(
    site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """SLURM itself ends all worker jobs in mid-sweep."""
    with slow_sweep(site, events, tmp_path, n_jobs=2, worker_args=NEVER) as (
        sweep,
        catalog,
        before,
    ):
        # a walltime has minutes; SLURM looks at the clock twice in one
        soon = (datetime.now() + timedelta(seconds=5)).isoformat(timespec="seconds")  # noqa: DTZ005 - SLURM's own clock
        for job in before:
            site.run("scontrol", "update", f"JobId={job}", f"EndTime={soon}")
        site.wait_for_jobs(2, state="RUNNING", instead_of=before, seconds=120)
        catalog.go_on()
        assert sweep.result(120).ok
    assert written(tmp_path / "out") == reference
    for job in before:
        assert "JobState=TIMEOUT" in site.run("scontrol", "show", "job", job)
    assert site.jobs() == []


def test_controller_that_is_busy_is_asked_again(site: SlurmSite, tmp_path: Path) -> None:
    """A job is lost while SLURM doesn't answer: it is replaced as soon as SLURM does."""
    with open_client("slurm", n_workers=2, profile=write_profile(tmp_path)):
        before = site.wait_for_jobs(2, state="RUNNING")
        site.run("scancel", before[0])
        controller = int((site.conf.parent / "slurmctld.pid").read_text())
        os.kill(controller, signal.SIGSTOP)
        time.sleep(5)
        os.kill(controller, signal.SIGCONT)
        site.wait_for_jobs(2, state="RUNNING", instead_of=before[:1], seconds=120)
    assert site.jobs() == []


def test_refusal_is_tried_again_while_jobs_are_left(
    site: SlurmSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partition takes no jobs for a while: the sweep goes on with what is left, and is refilled afterwards."""
    monkeypatch.setattr(pool, "_REFUSED_SECONDS", 1.0)
    with open_client("slurm", n_workers=2, profile=write_profile(tmp_path)):
        before = site.wait_for_jobs(2, state="RUNNING")
        with draining(site):
            site.run("scancel", before[0])
            time.sleep(6)
            assert site.jobs("RUNNING") == [before[1]]
        site.wait_for_jobs(2, state="RUNNING", instead_of=before[:1], seconds=120)
    assert site.jobs() == []


def test_refusal_ends_the_sweep_when_no_job_is_left(site: SlurmSite, tmp_path: Path) -> None:
    """One error in SLURM's own words, in place of waiting for workers that will not come."""

    def lose_the_job() -> None:
        site.run("scancel", *site.wait_for_jobs(1, state="RUNNING"))
        time.sleep(60)

    with (
        pytest.raises(
            ClusterError,
            match=r"no worker job is left, and SLURM takes no more: sbatch: .*not available",
        ),
        open_client("slurm", n_workers=1, profile=write_profile(tmp_path)),
        draining(site),
    ):
        lose_the_job()
    assert site.jobs() == []


@pytest.mark.parametrize(
    "said", ["Socket timed out on send/recv operation", "Job violates accounting/QOS policy"]
)
def test_first_jobs_that_are_not_taken_come_later(
    said: str, site: SlurmSite, tmp_path: Path
) -> None:
    """The second of the first two is not taken, by a busy SLURM or by a limit: the sweep begins with the other."""
    words = f"echo 'sbatch: error: Batch job submission failed: {said}' >&2; exit 1"
    # the first call asks only whether a job would be taken
    with (
        spoilt("sbatch", "-eq 3", words, tmp_path),
        open_client("slurm", n_workers=2, profile=write_profile(tmp_path)),
    ):
        site.wait_for_jobs(2, state="RUNNING", seconds=120)
    assert site.jobs() == []


def test_jobs_that_were_not_cancelled_are_cancelled_again(site: SlurmSite, tmp_path: Path) -> None:
    """One was taken after all others were cancelled, or SLURM forgot."""
    with (
        spoilt("scancel", "-eq 1", "exit 0", tmp_path),
        open_client("slurm", n_workers=1, profile=write_profile(tmp_path)),
    ):
        site.wait_for_jobs(1, state="RUNNING", seconds=120)
    assert site.jobs() == []


def test_jobs_that_stay_are_told(
    site: SlurmSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A driver does not wait for ever, nor go without a word."""
    monkeypatch.setattr(pool, "_GONE_SECONDS", 1.0)
    with (
        spoilt("scancel", "-ge 1", "exit 0", tmp_path),
        open_client("slurm", n_workers=1, profile=write_profile(tmp_path)),
    ):
        (job,) = site.wait_for_jobs(1, seconds=120)
        caplog.set_level(logging.WARNING)  # a cluster of distributed's has silenced it
    assert f"worker jobs are left: {job}; cancel them by scancel --name floodscan-" in caplog.text


@contextmanager
def spoilt(command: str, calls: str, words: str, folder: Path) -> Iterator[None]:
    """Let some calls of a SLURM command do something else meanwhile, and all others what they do.

    Args:
        command: Name of the command.
        calls: Which calls, as a shell compares their number, counted from 1.
        words: What the shell does in their place.
        folder: Where to count.
    """
    programs, log = folder / "spoilt", folder / f"{command}.calls"
    programs.mkdir()
    program = programs / command
    lines = ["#!/bin/bash", f"echo >>{log}", f"if [ $(wc -l <{log}) {calls} ]; then {words}; fi"]
    program.write_text("\n".join([*lines, f'exec {shutil.which(command)} "$@"', ""]))
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        yield


@contextmanager
def draining(site: SlurmSite) -> Iterator[None]:
    """Let the partition take no more jobs meanwhile; what runs there goes on."""
    site.run("scontrol", "update", "PartitionName=cpu", "State=DRAIN")
    try:
        yield
    finally:
        site.run("scontrol", "update", "PartitionName=cpu", "State=UP")
