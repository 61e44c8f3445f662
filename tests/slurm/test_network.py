"""Sweeps where every node has a network of its own and no way out: interfaces, cuts, and who may talk to whom."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from floodscan.clusters.tls import make_security
from floodscan.testing.servers.process import LOOPBACK, child
from tests.slurm.conftest import write_profile
from tests.slurm.network import INTERFACE, unplug
from tests.slurm.slow import make_slow_demo
from tests.test_sameness import written
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from tests.slurm.network import Machine
    from tests.slurm.site import SlurmSite
    from tests.slurm.slow import SlowDemo

N_JOBS = 3


def floodscan(site: SlurmSite, *words: str, log: Path) -> int:
    """Run the command line on the login node and give its exit status."""
    with child(
        [*site.network.login.inside, sys.executable, "-m", "floodscan", *words], log=log
    ) as driver:
        return driver.wait(300)


@contextmanager
def slow_sweep(
    site: SlurmSite, events: Path, folder: Path, *, n_searches: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], SlowDemo, list[str]]]:
    """Let a driver on the login node sweep.

    Give it, its catalog and its jobs once it is in its midst.
    """
    profile, catalog = (
        write_profile(folder, interface=INTERFACE),
        make_slow_demo(folder, n_answered=3 * N_JOBS),
    )
    words = [events, folder / "out", profile, N_JOBS, catalog.counted, catalog.n_answered]
    words += [] if n_searches is None else [n_searches]
    command = [
        *site.network.login.inside,
        sys.executable,
        "-m",
        "tests.slurm.slow",
        *map(str, words),
    ]
    with child(command, log=folder / "driver.log") as driver:
        jobs = site.wait_for_jobs(N_JOBS, state="RUNNING", seconds=60)
        catalog.wait_for_search()
        yield driver, catalog, jobs


def test_gives_the_bytes_of_one_process(
    network_site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """Driver and workers meet on the interface that the profile names."""
    log, out = tmp_path / "driver.log", tmp_path / "out"
    words = ["--catalog", "demo", "--out", str(out), "--cluster", "slurm", "--workers", str(N_JOBS)]
    words += ["--profile", str(write_profile(tmp_path, interface=INTERFACE))]
    assert floodscan(network_site, "scan", str(events), *words, log=log) == 0, log.read_text()
    assert written(out) == reference
    assert network_site.jobs() == []
    assert list((tmp_path / "private").iterdir()) == []


def test_loopback_is_refused_where_nodes_are_other_machines(
    network_site: SlurmSite, tmp_path: Path
) -> None:
    """Nothing is submitted.

    The message names the field and a node that would look for the driver in vain.
    """
    before, log = network_site.submissions(), tmp_path / "driver.log"
    words = ["--cluster", "slurm", "--profile", str(write_profile(tmp_path, interface="lo"))]
    assert (
        floodscan(network_site, "scan", "demo", "--out", str(tmp_path / "o"), *words, log=log) == 2
    )
    assert (
        "field 'jobqueue.slurm.interface': 127.0.0.1 is this machine alone, and 10.99.0.2"
        in log.read_text()
    )
    assert network_site.submissions() == before


def test_network_that_nodes_do_not_share_is_told(network_site: SlurmSite, tmp_path: Path) -> None:
    """An interface that is there and leads elsewhere: a few jobs are tried, then their own words are told."""
    log = tmp_path / "driver.log"
    network_site.run("ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8")
    network_site.run("ip", "address", "add", "10.77.0.1/24", "dev", "eth7")
    network_site.run("ip", "link", "set", "eth7", "up")
    words = ["--profile", str(write_profile(tmp_path, interface="eth7", death_timeout=2))]
    scan = ["scan", "demo", "--out", str(tmp_path / "o"), "--cluster", "slurm", *words]
    assert floodscan(network_site, *scan, log=log) == 2
    assert "and no worker came" in log.read_text()
    assert floodscan(network_site, "doctor", "--catalog", "demo", *words, log=log) == 1
    assert [
        line.split()[0] for line in log.read_text().splitlines() if "driver from a node" in line
    ] == ["NO"]


def test_node_that_is_cut_off_is_replaced(
    network_site: SlurmSite,
    events: Path,
    reference: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cable of a node is pulled in mid-sweep: full strength again without a hand, and the same bytes."""
    # so long a silence on a connection means that it is cut; the default of 30 s works alike, and
    # takes longer
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", "12s")
    with slow_sweep(network_site, events, tmp_path) as (driver, catalog, before):
        lost = node_of(network_site, before[0])
        unplug(lost)
        try:
            network_site.wait_for_jobs(N_JOBS, state="RUNNING", instead_of=before[:1], seconds=120)
        finally:
            unplug(lost, back=True)
        catalog.go_on()
        assert driver.wait(120) == 0, (tmp_path / "driver.log").read_text()
    assert written(tmp_path / "out") == reference
    assert network_site.jobs() == []


def test_strangers_on_the_network_find_closed_doors(
    network_site: SlurmSite, events: Path, tmp_path: Path
) -> None:
    """Whatever listens on a node's address answers neither plainly nor to the certificate of another authority."""
    foreign: Any = make_security(tmp_path)
    files = [foreign.tls_ca_file, foreign.tls_worker_cert, foreign.tls_worker_key]
    with slow_sweep(network_site, events, tmp_path, n_searches=1) as (driver, _, jobs):
        machines = [network_site.network.login, *(node_of(network_site, job) for job in jobs)]
        # the scheduler; a worker and its nanny beside it, and on each node
        n_doors = 1 + 2 * (1 + N_JOBS)
        doors: list[str] = []

        def all_are_open() -> bool:
            doors[:] = [door for machine in machines for door in listening(machine)]
            return len(doors) >= n_doors

        wait_for(all_are_open, "not everybody listens", seconds=120)
        (stranger,) = set(network_site.network.nodes) - set(machines)
        knock = [
            *stranger.inside,
            sys.executable,
            "-m",
            "tests.slurm.stranger",
            *map(str, files),
            *doors,
        ]
        said = subprocess.run(knock, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
        assert driver.poll() is None
    answers = [line.split(maxsplit=2) for line in said.stdout.splitlines()]
    assert len(answers) == 2 * len(doors)
    assert {answer for _, _, answer in answers} == {"b''"}


def listening(machine: Machine) -> list[str]:
    """List where Python listens on a machine to others than itself."""
    command = [
        *machine.inside,
        "ss",
        "--listening",
        "--tcp",
        "--numeric",
        "--processes",
        "--no-header",
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
    local = [line.split()[3] for line in lines if "python" in line]
    return [address for address in local if not address.startswith((LOOPBACK, "[::1]"))]


def node_of(site: SlurmSite, job: str) -> Machine:
    """Tell the machine that a job runs on."""
    name = site.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    (node,) = [node for node in site.network.nodes if node.name == name]
    return node
