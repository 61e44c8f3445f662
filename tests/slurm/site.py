"""A SLURM site: munged, slurmctld and several slurmd, with all files in a temporary folder.

    python -m tests.slurm.site COMMAND …

runs a command on such a site.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floodscan.testing.servers.process import ServerUnavailableError, child, wait_until
from tests.slurm.network import on_loopback

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tests.slurm.network import Network

ACCOUNT = "p200123"
_DAEMONS = ("munged", "slurmctld", "slurmd")
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")
_CLIENT_SECONDS = 20.0

# Nodes have as many CPUs and as much memory as MeluXina's, whatever this machine has. A job gets
# whole nodes. By default SLURM would listen on all interfaces, and slurmd would need cgroups.
_CONF = """\
ClusterName=floodscan
SlurmctldHost={login.host}({login.address})
SlurmctldPort={login.port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobSubmitPlugins=lua
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=10000,bf_interval=1
KillWait=3
ReturnToService=2
SlurmdTimeout={silent_seconds}
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
MailProg=/bin/true
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=48:00:00 DefaultTime=01:00:00 \
OverSubscribe=EXCLUSIVE State=UP
"""
_NODE = (
    "NodeName={node.name} NodeHostname={node.host} NodeAddr={node.address} Port={node.port} "
    "CPUs=256 Boards=1 SocketsPerBoard=1 CoresPerSocket=256 ThreadsPerCore=1 RealMemory=512000 State=UNKNOWN"
)


@dataclass(frozen=True, slots=True)
class SlurmSite:
    """A running SLURM; its commands find it by an environment variable.

    Attributes:
        conf: Value of the variable `SLURM_CONF`.
        network: Its machines.
    """

    conf: Path
    network: Network

    def run(self, *command: str) -> str:
        """Run one of SLURM's commands on the login node, and return its output."""
        done = subprocess.run(  # noqa: S603
            [*self.network.login.inside, *command],
            env={**os.environ, "SLURM_CONF": str(self.conf)},
            capture_output=True,
            text=True,
            timeout=_CLIENT_SECONDS,
            check=True,
        )
        return done.stdout

    def jobs(self, state: str | None = None) -> list[str]:
        """Return the ids of the jobs in the queue, or of one state of them, oldest first."""
        lines = [
            line.split() for line in self.run("squeue", "-h", "-S", "i", "-o", "%A %T").splitlines()
        ]
        return [job_id for job_id, found in lines if state in {None, found}]

    def submissions(self) -> int:
        """Return the number of jobs that were ever submitted, from the controller's log."""
        return (
            (self.conf.parent / "slurmctld.log")
            .read_text()
            .count("_slurm_rpc_submit_batch_job: JobId=")
        )

    def wait_for_jobs(
        self,
        count: int,
        *,
        state: str | None = None,
        instead_of: Collection[str] = (),
        seconds: float = 30.0,
    ) -> list[str]:
        """Wait for a number of jobs in the queue, and return their ids.

        Args:
            count: The number.
            state: Count only jobs in this state.
            instead_of: Jobs that must have left the queue.
            seconds: How long to wait at most.

        Raises:
            TimeoutError: The time is up.
        """
        deadline = time.monotonic() + seconds
        while len(jobs := self.jobs(state)) != count or not set(jobs).isdisjoint(instead_of):
            if time.monotonic() > deadline:
                expected = f"{count} jobs expected, none of {instead_of}"
                raise TimeoutError(f"{expected}; the queue holds: {self.run('squeue')}")
            time.sleep(0.1)
        return jobs

    def clear(self) -> None:
        """Cancel the jobs that a test left in the queue."""
        if jobs := self.jobs():
            self.run("scancel", *jobs)
            self.wait_for_jobs(0)


@contextlib.contextmanager
def slurm_site(network: Network, *, silent_seconds: int = 300) -> Iterator[SlurmSite]:
    """Run a SLURM, and end its processes at the end.

    Args:
        network: Its machines.
        silent_seconds: SLURM counts a node as down after so long without an answer.

    Yields:
        The site, once all of its nodes are idle.

    Raises:
        ServerUnavailableError: SLURM isn't installed, or didn't start.
    """
    programs = {name: _find(name) for name in _DAEMONS}
    # not in pytest's folder: munge needs a folder that every user can read
    folder = Path(tempfile.mkdtemp(prefix="floodscan-slurm-"))
    try:
        folder.chmod(0o755)
        site = SlurmSite(_configure(folder, network, silent_seconds), network)
        with contextlib.ExitStack() as stack:
            _start(programs, site, stack)
            yield site
            site.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find(name: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS])
    if found := shutil.which(name, path=path):
        return found
    raise ServerUnavailableError(
        f"SLURM isn't installed: no {name} (apt-get install slurm-wlm munge)"
    )


def _configure(folder: Path, network: Network, silent_seconds: int) -> Path:
    conf = folder / "slurm.conf"
    conf.write_text(
        _CONF.format(
            login=network.login,
            silent_seconds=silent_seconds,
            user=getpass.getuser(),
            folder=folder,
            nodes="\n".join(_NODE.format(node=node) for node in network.nodes),
        )
    )
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    shutil.copy(Path(__file__).with_name("site.lua"), folder / "job_submit.lua")
    for name in ("state", *(f"spool-{node.name}" for node in network.nodes)):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(1024))
    return conf


def _start(programs: dict[str, str], site: SlurmSite, stack: contextlib.ExitStack) -> None:
    folder = site.conf.parent
    munge_socket = folder / "munge.sock"
    munged = [
        programs["munged"],
        "--foreground",
        f"--socket={munge_socket}",
        f"--key-file={folder}/munge.key",
    ]
    munged += [
        f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log",
        f"--seed-file={folder}/munge.seed",
    ]
    log = folder / "munged.out"
    wait_until(munge_socket.exists, stack.enter_context(child(munged, log=log)), log=log)
    conf = str(site.conf)
    log = folder / "slurmctld.log"
    controller = stack.enter_context(
        child([*site.network.login.inside, programs["slurmctld"], "-D", "-c", "-f", conf], log=log)
    )
    for node in site.network.nodes:
        command = [*node.inside, programs["slurmd"], "-D", "-f", conf, "-N", node.name]
        stack.enter_context(child(command, log=folder / f"slurmd-{node.name}.log"))
    wait_until(lambda: _idle(site) == len(site.network.nodes), controller, log=log)


def _idle(site: SlurmSite) -> int:
    try:
        return site.run("sinfo", "-h", "-N", "-o", "%t").split().count("idle")
    except subprocess.CalledProcessError:
        return 0


def main() -> int:
    """Run a command on a site, and return its exit status."""
    with slurm_site(on_loopback()) as site:
        environment = {**os.environ, "SLURM_CONF": str(site.conf)}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode  # noqa: S603 - the user's own


if __name__ == "__main__":
    sys.exit(main())
