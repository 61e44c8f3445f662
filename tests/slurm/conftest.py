"""Fixtures of the tests on SLURM: the site, worker jobs, and events for a scan."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import yaml

from floodscan import scan
from floodscan.clusters.profile import load_profile
from floodscan.clusters.slurm import prepare_slurm
from floodscan.inputs.event_files import load_events
from tests.paths import REPO_ROOT
from tests.runs import result_bytes
from tests.services import open_service
from tests.slurm.network import in_namespaces, may_make_namespaces, on_loopback
from tests.slurm.site import ACCOUNT, SlurmSite, slurm_site
from tests.slurm.slow import short_waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client

N_EVENTS = 200

PROFILE = {
    "queue": "cpu",
    "account": ACCOUNT,
    "walltime": "00:10:00",
    "cores": 1,
    "processes": 1,
    "memory": "2GB",
    "job-mem": "0",
    "interface": "lo",
    "job-extra-directives": ["--qos=short", "--nodes=1", "--no-requeue"],
    "death-timeout": 30,
}


@pytest.fixture(scope="session")
def running_site() -> Iterator[SlurmSite]:
    """A SLURM of four nodes; without SLURM tests are skipped, but fail on CI."""
    with open_service(slurm_site(on_loopback())) as site:
        yield site


@pytest.fixture
def site(running_site: SlurmSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmSite]:
    """The site, with an empty queue before and after the test; SLURM's commands find it."""
    monkeypatch.setenv("SLURM_CONF", str(running_site.conf))
    yield running_site
    running_site.clear()


@pytest.fixture(scope="session")
def running_network_site() -> Iterator[SlurmSite]:
    """A SLURM whose nodes have a network without internet access; only root can make one."""
    with (
        open_service(in_namespaces(), on_ci=may_make_namespaces()) as network,
        open_service(slurm_site(network, silent_seconds=10)) as site,
    ):
        yield site


@pytest.fixture
def network_site(
    running_network_site: SlurmSite, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SlurmSite]:
    """That site, with an empty queue; drivers are child processes on its login node."""
    monkeypatch.setenv("SLURM_CONF", str(running_network_site.conf))
    monkeypatch.setenv("PYTHONPATH", str(REPO_ROOT))
    yield running_network_site
    running_network_site.clear()


def write_profile(folder: Path, **values: object) -> Path:
    """Write a profile of small worker jobs that the site accepts.

    Args:
        folder: Folder for the profile, and for files of the jobs.
        values: Values that differ from the usual ones.
    """
    folders = {
        "shared-temp-directory": str(folder / "private"),
        "local-directory": str(folder / "tmp"),
    }
    section = PROFILE | folders | {key.replace("_", "-"): value for key, value in values.items()}
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump({"jobqueue": {"slurm": section}}))
    return path


@contextmanager
def open_slurm(
    profile: Path, *, n_jobs: int = 1, n_searches: int | None = None, **waits: float
) -> Iterator[Client]:
    """Open a client of worker jobs, with short waits for SLURM.

    Args:
        profile: The worker jobs.
        n_jobs: Their number.
        n_searches: Searches at once of a worker on this machine; None if the nodes search.
        waits: Waits that differ from ``SHORT_WAITS``.
    """
    with (
        short_waits(**waits),
        prepare_slurm(load_profile(profile), n_jobs, n_searches=n_searches) as start,
        start() as client,
    ):
        yield client


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with copies of the demo event."""
    (demo,) = load_events("demo", phase_offset_days={})
    columns = ["event_id", "west", "south", "east", "north", "target_crs", *demo.phase_dates]
    fixed = [*demo.aoi.bounds, demo.target_crs, *demo.phase_dates.values()]
    rows = [",".join(map(str, [f"copy-{n:03}", *fixed])) for n in range(N_EVENTS)]
    path = tmp_path_factory.mktemp("events") / "events.csv"
    path.write_text("\n".join([",".join(columns), *rows, ""]))
    return path


@pytest.fixture(scope="session")
def reference(events: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of a scan of these events in this process."""
    out = tmp_path_factory.mktemp("reference") / "out"
    scan(events, catalog="demo", out=out)
    return result_bytes(out)
