"""Nodes without internet access: the driver's machine searches, the nodes do everything else."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from dask.utils import key_split
from distributed import get_task_stream

from floodscan import InputError, scan
from floodscan.clusters import prepare_client, preview_jobs
from floodscan.clusters.search_worker import SEARCH_WORKER
from floodscan.engine.graph import TaskKind
from floodscan.testing.servers.process import (
    CATALOG_VARIABLE,
    LANDING_VARIABLE,
    LOOPBACK,
    URL_VARIABLE,
    child,
    wait_until,
)
from tests.runs import result_bytes
from tests.servers.fixtures import LANDING_ID
from tests.slurm.conftest import write_profile
from tests.slurm.network import INTERFACE
from tests.slurm.site import ACCOUNT
from tests.slurm.test_network import floodscan, listening
from tests.slurm.test_placements import wait_for_the_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client

    from tests.servers.fixtures import StacApi
    from tests.slurm.network import Machine
    from tests.slurm.site import SlurmSite

PORT = 8000
URL = f"http://{LOOPBACK}:{PORT}"


@contextmanager
def stac_api(machine: Machine, catalog_folder: Path, log: Path) -> Iterator[None]:
    """Serve a catalog that only one machine reaches."""
    command = [
        *machine.inside,
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "floodscan.testing.servers.lean:create_app",
    ]
    command += ["--host", LOOPBACK, "--port", str(PORT), "--log-level", "warning"]
    env = {CATALOG_VARIABLE: str(catalog_folder), LANDING_VARIABLE: LANDING_ID, URL_VARIABLE: URL}
    with child(command, log=log, env=env) as server:
        wait_until(lambda: answers(machine), server, log=log, seconds=120.0)
        yield


def answers(machine: Machine) -> bool:
    """Return True if something listens at the catalog's port."""
    knock = [*machine.inside, "bash", "-c", f": </dev/tcp/{LOOPBACK}/{PORT}"]
    return subprocess.run(knock, capture_output=True, check=False).returncode == 0  # noqa: S603


def test_worker_jobs_need_no_catalog(
    network_site: SlurmSite,
    events: Path,
    catalog_folder: Path,
    reference: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """With a catalog that only the driver's machine reaches, the results are the same."""
    login, log = network_site.network.login, tmp_path / "driver.log"
    words = [
        "--catalog",
        URL,
        "--cache",
        str(tmp_path / "cache"),
        "--out",
        str(tmp_path / "out"),
        "--cluster",
        "slurm",
    ]
    words += ["--profile", str(write_profile(tmp_path, interface=INTERFACE)), "--workers", "2"]
    with stac_api(login, catalog_folder, tmp_path / "api.log"):
        assert (
            floodscan(network_site, "scan", str(events), *words, "--search-on", "driver", log=log)
            == 0
        )
    assert result_bytes(tmp_path / "out") == reference
    assert network_site.jobs() == []
    assert listening(login) == []
    assert list((tmp_path / "private").iterdir()) == []


def test_nodes_of_an_allocation_need_no_catalog(
    network_site: SlurmSite,
    events: Path,
    catalog_folder: Path,
    reference: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """So are they if the driver runs on the first node of an allocation."""
    first, log = network_site.network.nodes[0], tmp_path / "driver.log"
    words = ["--catalog", URL, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    words += [
        "--profile",
        str(write_profile(tmp_path, interface=INTERFACE)),
        "--cluster",
        "allocation",
    ]
    scan = [sys.executable, "-m", "floodscan", "scan", str(events), *words, "--search-on", "driver"]
    sbatch = [
        "sbatch",
        "-A",
        ACCOUNT,
        "-t",
        "5",
        "-N",
        "2",
        "-w",
        first.name,
        "-c",
        "2",
        "--output",
        str(log),
    ]
    with stac_api(first, catalog_folder, tmp_path / "api.log"):
        network_site.run(*sbatch, "--wrap", f"exec {' '.join(scan)}")
        wait_for_the_end(network_site, log)
    assert result_bytes(tmp_path / "out") == reference, log.read_text()


def test_doctor_finds_that_nodes_have_no_internet_access(
    network_site: SlurmSite, catalog_folder: Path, tmp_path: Path
) -> None:
    """Only the catalog from a node fails, and the report names the option that helps."""
    log = tmp_path / "doctor.log"
    words = ["--catalog", URL, "--profile", str(write_profile(tmp_path, interface=INTERFACE))]
    with stac_api(network_site.network.login, catalog_folder, tmp_path / "api.log"):
        assert floodscan(network_site, "doctor", *words, log=log) == 1
    (wrong,) = [line for line in log.read_text().splitlines() if line.startswith("NO")]
    assert "catalog from a node" in wrong
    assert "--search-on driver" in wrong


def test_only_searches_stay_with_the_driver(
    site: SlurmSite,
    events: Path,
    reference: dict[str, bytes],
    lean_api: StacApi,
    tmp_path: Path,
) -> None:
    """The worker on the driver's machine only searches, and the node does everything else.

    An archive is on the shared disk: nothing is searched, and the node joins it.
    """
    on_node = {(TaskKind.CHOOSE, False), (TaskKind.WRITE, False)}
    with (
        prepare_client(
            "slurm", n_workers=1, profile=write_profile(tmp_path), n_searches=2
        ) as start,
        start() as client,
    ):
        assert client is not None
        assert list_tasks(client, events, lean_api.url, tmp_path / "api") == {
            (TaskKind.SEARCH, True),
            *on_node,
        }
        assert list_tasks(client, events, "demo", tmp_path / "archive") == {
            (TaskKind.JOIN, False),
            *on_node,
        }
    assert result_bytes(tmp_path / "api") == result_bytes(tmp_path / "archive") == reference
    assert site.jobs() == []


def list_tasks(client: Client, events: Path, catalog: str, out: Path) -> set[tuple[str, bool]]:
    """Scan, and list the kinds of tasks, and whether each ran on the driver's machine."""
    with get_task_stream(client) as stream:
        scan(events, catalog=catalog, out=out, client=client, search_on_driver=True)
    names = {
        address: str(facts["name"])
        for address, facts in client.scheduler_info(-1)["workers"].items()
    }
    return {
        (key_split(task["key"]), names[task["worker"]] == SEARCH_WORKER) for task in stream.data
    }


def test_dry_run_shows_the_resources_of_nodes(tmp_path: Path) -> None:
    """A worker offers its threads for everything but searches."""
    script = preview_jobs(
        "slurm", profile=write_profile(tmp_path, cores=8, processes=4), n_searches=32
    )
    assert "--resources floodscan-score=2" in script


@pytest.mark.parametrize("cluster", ["none", "local", "tcp://127.0.0.1:1"])
def test_only_slurm_has_nodes_apart_from_the_driver(cluster: str) -> None:
    """For other clusters the option is refused before anything is started."""
    with pytest.raises(
        InputError, match=r"--search-on driver: --cluster .* has no nodes apart from the driver"
    ):
        prepare_client(cluster, n_searches=1)
