"""The doctor's checks of SLURM and of a compute node."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner

from floodscan.cli.group import cli
from tests.slurm.conftest import write_profile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.site import SlurmSite


@pytest.mark.parametrize("name", ["demo", "{tmp}/d=1&touch ;e"], ids=["demo", "words of a shell"])
def test_all_is_well(name: str, site: SlurmSite, tmp_path: Path) -> None:
    """All checks pass, also for a catalog whose name has a shell's special characters."""
    catalog = name.format(tmp=tmp_path)
    if catalog != name:
        with as_file(files("floodscan.data") / "demo") as demo:
            shutil.copytree(demo, catalog)
    words = ["doctor", "--catalog", catalog, "--profile", str(write_profile(tmp_path)), "--json"]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.exception is None
    checks = orjson.loads(done.output)
    assert {check["name"]: check["ok"] for check in checks} == dict.fromkeys(
        [
            "catalog from here",
            "sbatch",
            "interface",
            "job script",
            "shared folder",
            "shared folder from a node",
            "driver from a node",
            "catalog from a node",
        ],
        True,
    )
    assert done.return_value == 0
    site.wait_for_jobs(0)
    assert list((tmp_path / "private").iterdir()) == []


def test_each_failed_check_is_one_line(site: SlurmSite, tmp_path: Path) -> None:
    """A compute node is not tried while a check on this machine fails."""
    path = write_profile(tmp_path, account="p999999", interface="ib7")
    done = CliRunner().invoke(
        cli, ["doctor", "--catalog", "demo", "--profile", str(path)], standalone_mode=False
    )
    assert done.return_value == 1
    wrong = [line for line in done.output.splitlines() if line.startswith("NO")]
    assert len(wrong) == 2
    assert "not a valid network interface" in wrong[0]
    assert "unknown account p999999" in wrong[1]
    assert site.jobs() == []


def test_prologue_that_fails_on_a_node_is_quoted(site: SlurmSite, tmp_path: Path) -> None:
    """The report has the job's own output."""
    path = write_profile(tmp_path, job_script_prologue=["echo no such module", "exit 1"])
    done = CliRunner().invoke(
        cli, ["doctor", "--catalog", "demo", "--profile", str(path)], standalone_mode=False
    )
    assert done.return_value == 1
    assert "no such module" in done.output.splitlines()[-1]
    site.wait_for_jobs(0)
