"""README and guide on SLURM: their commands from the first look at a site to finished sweeps."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import geopandas
import orjson
import pytest
import shapely
import yaml

from floodscan.cli.group import cli
from tests.documents import GUIDE, NOT_RUN, ROOT, Follower, read_blocks
from tests.slurm.conftest import write_profile
from tests.slurm.site import ACCOUNT
from tests.slurm.test_placements import wait_for_the_end

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.site import SlurmSite


class SlurmFollower(Follower):
    """Follows documents on the tests' site: with its account, and a profile that fits its nodes."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, site: SlurmSite) -> None:
        super().__init__(folder, patch, api_url="")
        self.site = site
        shutil.copytree(ROOT / "jobs", folder / "jobs")
        patch.setenv("FLOODSCAN_VENV", sys.prefix)
        self._set_profile()

    def _set_profile(self) -> None:
        """Set what a person sets in the copy of the profile."""
        shipped = yaml.safe_load((ROOT / "jobs" / "meluxina.yaml").read_text("utf-8"))
        prologue = shipped["jobqueue"]["slurm"]["job-script-prologue"]
        profile = write_profile(self.folder, job_script_prologue=prologue, python="python")
        profile.rename(self.folder / "jobs" / "mine.yaml")

    def run(self, words: list[str]) -> int:
        """Run a command."""
        if words[0] == "sbatch":
            account = [ACCOUNT if word == "p200xxx" else word for word in words[1:]]
            self.submit(*account, "--catalog", "demo")
            return 0
        status = super().run(words)
        if words[0] == "cp":
            self._set_profile()
        return status

    def adapt_python(self, text: str) -> str:
        """Set the site's account and interface, and ports and logs of the tests."""
        options = {
            "job_extra_directives": ["--qos=short"],
            "job_mem": "0",
            "log_directory": str(self.folder / "logs"),
            "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        }
        text = text.replace("p200xxx", ACCOUNT).replace("ib0", "lo")
        return text.replace("**site)", f"**site, **{options!r})")

    def submit(self, *words: str) -> None:
        """Submit a job, and wait until it has ended and all its events are complete."""
        log = self.folder / "driver.log"
        self.site.run("sbatch", "--output", str(log), *words)
        wait_for_the_end(self.site, log)
        run = orjson.loads(
            (self.folder / words[words.index("--out") + 1] / "run.json").read_bytes()
        )
        assert run["counts"]["complete"] == run["planned"]["events"], log.read_text()


class CautiousFollower(SlurmFollower):
    """Submits nothing: the site says whether it would take a job, and the scan takes its options.

    That the job scripts work is shown by ``test_placements``.
    """

    def submit(self, *words: str) -> None:
        """Ask the site and the command whether they would take these words."""
        self.site.run("sbatch", "--test-only", *words)
        script = next(number for number, word in enumerate(words) if word.endswith(".sbatch"))
        cli.commands["scan"].make_context("scan", [*words[script + 1 :]])


@pytest.mark.parametrize(
    ("document", "follower"),
    [
        (ROOT / "README.md", SlurmFollower),
        (GUIDE / "slurm.md", CautiousFollower),
        (GUIDE / "clusters.md", SlurmFollower),
    ],
    ids=["README", "slurm", "clusters"],
)
def test_document_works_on_a_site(
    document: Path,
    follower: type[SlurmFollower],
    site: SlurmSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The site is found good, the script is shown, and jobs are taken."""
    read = read_blocks(document)
    blocks = [block for block in read if block.needs_slurm or block.language == "csv"]
    wanted = ("sbatch", "SLURMCluster")
    run = [block for block in blocks if not block.mark.startswith(NOT_RUN)]
    assert any(word in block.text for block in run for word in wanted)
    _write_events(tmp_path / "events.parquet")
    follower(tmp_path, monkeypatch, site).follow(blocks)


def _write_events(path: Path) -> None:
    """Write the events that the guide takes for granted: two towns by the Sauer and the Kyll."""
    columns = {"event_id": ["bollendorf", "kordel"], "event_date": ["2021-07-15", "2021-07-15"]}
    areas = shapely.box([6.28, 6.55], [49.80, 49.78], [6.45, 6.72], [49.92, 49.90])
    geopandas.GeoDataFrame(columns, geometry=areas, crs="EPSG:4326").to_parquet(path)
