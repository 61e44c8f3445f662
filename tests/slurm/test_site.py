"""The SLURM of the tests behaves like the real site."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.slurm.network import N_NODES
from tests.slurm.site import ACCOUNT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.site import SlurmSite


def test_jobs_run_on_nodes_of_their_own(site: SlurmSite, tmp_path: Path) -> None:
    """Four jobs run at once, each on its own node, and the fifth waits."""
    options = [
        "-A",
        ACCOUNT,
        "-t",
        "5",
        "--qos=short",
        "-o",
        f"{tmp_path}/%j",
        "--wrap",
        "sleep 60",
    ]
    for _ in range(N_NODES + 1):
        site.run("sbatch", *options)
    site.wait_for_jobs(N_NODES, state="RUNNING")
    assert len(site.jobs("PENDING")) == 1
    nodes = site.run("squeue", "-h", "-t", "R", "-o", "%N %C").split("\n")
    assert sorted(filter(None, nodes)) == [f"mel000{n} 256" for n in range(1, N_NODES + 1)]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["-t", "5"], "--account is mandatory"),
        (["-t", "5", "-A", "other"], "unknown account other"),
        (["-t", "5", "-A", ACCOUNT, "--qos=none"], "unknown qos none"),
        (["-A", ACCOUNT], "--time is mandatory"),
        (["-t", "60", "-A", ACCOUNT, "--qos=test"], "--time is above the limit"),
    ],
)
def test_refuses_the_same_jobs_as_the_site(options: list[str], word: str, site: SlurmSite) -> None:
    """The message names the reason."""
    with pytest.raises(subprocess.CalledProcessError) as refused:
        site.run("sbatch", *options, "--wrap", "true")
    assert word in refused.value.stderr
