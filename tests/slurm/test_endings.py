"""Worker jobs that end at their time limits, or that SLURM doesn't replace at once."""

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
from floodscan.errors import ClusterError
from tests.runs import result_bytes
from tests.slurm.conftest import open_slurm, write_profile
from tests.slurm.slow import make_hold, slow_demo, wait_until_held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from distributed import Client

    from floodscan import ScanResult
    from floodscan.testing.fake_catalog import HoldSearches
    from tests.slurm.site import SlurmSite

NEVER = ["--lifetime", "1h"]


@contextmanager
def slow_scan(
    site: SlurmSite, events: Path, folder: Path, *, n_jobs: int, worker_args: list[str]
) -> Iterator[tuple[Future[ScanResult], HoldSearches, list[str]]]:
    """Scan in a thread; yield the scan, the hold and its jobs once a search is held."""
    profile = write_profile(folder, worker_extra_args=worker_args)
    with (
        ThreadPoolExecutor(1) as beside,
        open_slurm(profile, n_jobs=n_jobs) as client,
    ):
        jobs = site.wait_for_jobs(n_jobs, state="RUNNING")
        hold = make_hold(folder, n_passed=3 * n_jobs)
        catalog = slow_demo(hold)
        running = beside.submit(scan, events, catalog=catalog, out=folder / "out", client=client)
        try:
            wait_until_held(hold)
            yield running, hold, jobs
        finally:
            hold.release()


def test_jobs_that_reach_their_lifetime_are_replaced(
    site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """Workers end amid their work, and the workers of new jobs continue it."""
    short = ["--lifetime", "20s", "--lifetime-stagger", "2s"]
    with slow_scan(site, events, tmp_path, n_jobs=1, worker_args=short) as (
        running,
        hold,
        before,
    ):
        site.wait_for_jobs(1, state="RUNNING", instead_of=before, seconds=120)
        hold.release()
        assert running.result(120).ok
    assert result_bytes(tmp_path / "out") == reference
    assert site.jobs() == []


def test_jobs_that_reach_their_walltime_are_replaced(
    site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """SLURM ends all worker jobs amid the scan."""
    with slow_scan(site, events, tmp_path, n_jobs=2, worker_args=NEVER) as (
        running,
        hold,
        before,
    ):
        # a walltime has minutes; SLURM looks at the clock twice a minute
        soon = (datetime.now() + timedelta(seconds=1)).isoformat(timespec="seconds")  # noqa: DTZ005 - SLURM's own clock
        for job in before:
            site.run("scontrol", "update", f"JobId={job}", f"EndTime={soon}")
        site.wait_for_jobs(2, state="RUNNING", instead_of=before, seconds=120)
        hold.release()
        assert running.result(120).ok
    assert result_bytes(tmp_path / "out") == reference
    for job in before:
        assert "JobState=TIMEOUT" in site.run("scontrol", "show", "job", job)
    assert site.jobs() == []


def test_controller_that_is_busy_is_asked_again(site: SlurmSite, tmp_path: Path) -> None:
    """If a job is lost while SLURM doesn't answer, it is replaced as soon as SLURM does."""
    with open_slurm(write_profile(tmp_path), n_jobs=2):
        before = site.wait_for_jobs(2, state="RUNNING")
        site.run("scancel", before[0])
        controller = int((site.conf.parent / "slurmctld.pid").read_text())
        os.kill(controller, signal.SIGSTOP)
        time.sleep(2)
        os.kill(controller, signal.SIGCONT)
        site.wait_for_jobs(2, state="RUNNING", instead_of=before[:1], seconds=120)
    assert site.jobs() == []


def test_refused_job_is_submitted_again_while_jobs_are_left(
    site: SlurmSite, tmp_path: Path
) -> None:
    """If the partition refuses jobs for a while, the scan continues with the jobs it has."""
    with open_slurm(write_profile(tmp_path), n_jobs=2, refused_seconds=0.2):
        before = site.wait_for_jobs(2, state="RUNNING")
        with draining(site):
            site.run("scancel", before[0])
            time.sleep(2)
            assert site.jobs("RUNNING") == [before[1]]
        site.wait_for_jobs(2, state="RUNNING", instead_of=before[:1], seconds=120)
    assert site.jobs() == []


def test_refusal_ends_the_scan_if_no_job_is_left(site: SlurmSite, tmp_path: Path) -> None:
    """The error quotes SLURM; the scan does not wait for workers that will not come."""
    with (
        pytest.raises(
            ClusterError,
            match=r"no worker job is left, and SLURM accepts no more: sbatch: .*not available",
        ),
        open_slurm(write_profile(tmp_path)) as client,
        draining(site),
    ):
        lose_the_job(site, client)
    assert site.jobs() == []


def lose_the_job(site: SlurmSite, client: Client) -> None:
    """Cancel the job amid a task, and wait for the task."""
    client.wait_for_workers(1, timeout=120)
    waiting = client.submit(time.sleep, 120)
    site.run("scancel", *site.jobs("RUNNING"))
    waiting.result(60)


@pytest.mark.parametrize(
    "said", ["Socket timed out on send/recv operation", "Job violates accounting/QOS policy"]
)
def test_first_jobs_that_are_not_taken_come_later(
    said: str, site: SlurmSite, tmp_path: Path
) -> None:
    """SLURM is busy, or has a limit, and refuses the second of two jobs: the first one starts."""
    words = f"echo 'sbatch: error: Batch job submission failed: {said}' >&2; exit 1"
    # the first call is the rehearsal
    with (
        spoilt("sbatch", "-eq 3", words, tmp_path),
        open_slurm(write_profile(tmp_path), n_jobs=2, refused_seconds=0.2),
    ):
        site.wait_for_jobs(2, state="RUNNING", seconds=120)
    assert site.jobs() == []


def test_jobs_that_were_not_cancelled_are_cancelled_again(site: SlurmSite, tmp_path: Path) -> None:
    """SLURM may accept a job after the others were cancelled, or lose a cancellation."""
    with (
        spoilt("scancel", "-eq 1", "exit 0", tmp_path),
        open_slurm(write_profile(tmp_path)),
    ):
        site.wait_for_jobs(1, state="RUNNING", seconds=120)
    assert site.jobs() == []


def test_jobs_that_stay_are_a_warning(
    site: SlurmSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A driver does not wait for ever; it names the jobs and the command that cancels them."""
    with (
        spoilt("scancel", "-ge 1", "exit 0", tmp_path),
        open_slurm(write_profile(tmp_path), cancelled_seconds=1.0),
    ):
        (job,) = site.wait_for_jobs(1, seconds=120)
        # the cluster raised this level and restores it at its end; ``set_level`` would restore it
        # to the raised one, for all tests that follow
        caplog.handler.setLevel(logging.WARNING)
    assert f"worker jobs are left: {job}; cancel them with scancel --name floodscan-" in caplog.text


@contextmanager
def spoilt(command: str, calls: str, words: str, folder: Path) -> Iterator[None]:
    """Replace some calls of a SLURM command by a shell command.

    Args:
        command: Name of SLURM's command.
        calls: Which calls, as a shell's comparison with their number, counted from 1.
        words: The shell command.
        folder: Folder for the count and the replacement.
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
    """Let the partition refuse new jobs; running jobs continue."""
    site.run("scontrol", "update", "PartitionName=cpu", "State=DRAIN")
    try:
        yield
    finally:
        site.run("scontrol", "update", "PartitionName=cpu", "State=UP")
