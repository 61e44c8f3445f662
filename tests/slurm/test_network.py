"""Scans on nodes with their own network: interfaces, lost connections, and refused strangers."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from floodscan.clusters.tls import make_security
from floodscan.testing.servers.process import LOOPBACK, child
from tests.runs import result_bytes
from tests.slurm.conftest import write_profile
from tests.slurm.network import INTERFACE, unplug
from tests.slurm.slow import make_hold, wait_until_held
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from floodscan.testing.fake_catalog import HoldSearches
    from tests.slurm.network import Machine
    from tests.slurm.site import SlurmSite

N_JOBS = 3


def floodscan(site: SlurmSite, *words: str, log: Path) -> int:
    """Run the command line on the login node, and return its exit status."""
    with child(
        [*site.network.login.inside, sys.executable, "-m", "floodscan", *words], log=log
    ) as driver:
        return driver.wait(300)


@contextmanager
def slow_scan(
    site: SlurmSite, events: Path, folder: Path, *, n_searches: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], HoldSearches, list[str]]]:
    """Run a driver on the login node; yield it, the hold and its jobs once a search is held."""
    profile = write_profile(folder, interface=INTERFACE)
    hold = make_hold(folder, n_passed=3 * N_JOBS)
    words = [events, folder / "out", profile, N_JOBS, hold.folder, hold.n_passed]
    words += [] if n_searches is None else [n_searches]
    command = [
        *site.network.login.inside,
        sys.executable,
        "-m",
        "tests.slurm.slow",
        *map(str, words),
    ]
    with child(command, log=folder / "driver.log") as driver:
        jobs = site.wait_for_jobs(N_JOBS, state="RUNNING", seconds=180)
        wait_until_held(hold)
        yield driver, hold, jobs


def test_gives_the_bytes_of_one_process(
    network_site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """The driver and its workers connect on the interface that the profile names."""
    log, out = tmp_path / "driver.log", tmp_path / "out"
    words = ["--catalog", "demo", "--out", str(out), "--cluster", "slurm", "--workers", str(N_JOBS)]
    words += ["--profile", str(write_profile(tmp_path, interface=INTERFACE))]
    assert floodscan(network_site, "scan", str(events), *words, log=log) == 0, log.read_text()
    assert result_bytes(out) == reference
    assert network_site.jobs() == []
    assert list((tmp_path / "private").iterdir()) == []


def test_loopback_is_refused_where_nodes_are_other_machines(
    network_site: SlurmSite, tmp_path: Path
) -> None:
    """The message names the field and a node that could not connect; nothing is submitted."""
    before, log = network_site.submissions(), tmp_path / "driver.log"
    words = ["--cluster", "slurm", "--profile", str(write_profile(tmp_path, interface="lo"))]
    assert (
        floodscan(network_site, "scan", "demo", "--out", str(tmp_path / "o"), *words, log=log) == 2
    )
    assert (
        "field 'jobqueue.slurm.interface': 127.0.0.1 is the loopback of this machine, "
        "and 10.99.0.2 can't reach it" in log.read_text()
    )
    assert network_site.submissions() == before


def test_network_that_nodes_do_not_share_is_an_error(
    network_site: SlurmSite, tmp_path: Path
) -> None:
    """A few jobs are tried, and the message quotes the last one; the doctor finds it, too."""
    log = tmp_path / "driver.log"
    network_site.run("ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8")
    network_site.run("ip", "address", "add", "10.77.0.1/24", "dev", "eth7")
    network_site.run("ip", "link", "set", "eth7", "up")
    words = ["--profile", str(write_profile(tmp_path, interface="eth7", death_timeout=2))]
    scan = ["scan", "demo", "--out", str(tmp_path / "o"), "--cluster", "slurm", *words]
    assert floodscan(network_site, *scan, log=log) == 2
    assert "worker jobs ended before a worker connected" in log.read_text()
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
    """A node loses its network amid a scan: its job is replaced, and the results are the same."""
    # Dask closes a connection after so long without an answer. With its 30 s the test takes longer,
    # and 11 s is the least that it accepts
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", "12s")
    with slow_scan(network_site, events, tmp_path) as (driver, hold, before):
        lost = node_of(network_site, before[0])
        unplug(lost)
        try:
            network_site.wait_for_jobs(N_JOBS, state="RUNNING", instead_of=before[:1], seconds=120)
        finally:
            unplug(lost, back=True)
        hold.release()
        assert driver.wait(120) == 0, (tmp_path / "driver.log").read_text()
    assert result_bytes(tmp_path / "out") == reference
    assert network_site.jobs() == []


def test_strangers_on_the_network_are_refused(
    network_site: SlurmSite, events: Path, tmp_path: Path
) -> None:
    """No open port answers without TLS, or to a certificate of another authority."""
    foreign: Any = make_security(tmp_path)
    files = [foreign.tls_ca_file, foreign.tls_worker_cert, foreign.tls_worker_key]
    with slow_scan(network_site, events, tmp_path, n_searches=1) as (driver, _, jobs):
        machines = [network_site.network.login, *(node_of(network_site, job) for job in jobs)]
        # the scheduler; a worker and its nanny on the login node and on each other node
        n_ports = 1 + 2 * (1 + N_JOBS)
        ports: list[str] = []

        def all_are_open() -> bool:
            ports[:] = [port for machine in machines for port in listening(machine)]
            return len(ports) >= n_ports

        wait_for(all_are_open, "not all of them listen", seconds=120)
        (stranger,) = set(network_site.network.nodes) - set(machines)
        command = [
            *stranger.inside,
            sys.executable,
            "-m",
            "tests.slurm.stranger",
            *map(str, files),
            *ports,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
        assert driver.poll() is None
    answers = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert len(answers) == 2 * len(ports)
    assert {answer for _, _, answer in answers} == {"b''"}


def listening(machine: Machine) -> list[str]:
    """Return the addresses at which Python listens on a machine, apart from the loopback."""
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
    """Return the machine that a job runs on."""
    name = site.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    (node,) = [node for node in site.network.nodes if node.name == name]
    return node
