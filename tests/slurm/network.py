"""The machines of a SLURM site: this machine under several names, or network namespaces.

A namespace has a network without internet access. Its name has the id of the process that made it:
test runs don't disturb each other, and the next run removes the namespaces of a killed one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floodscan.testing.servers.process import LOOPBACK, ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

N_NODES = 4
INTERFACE = "ib0"
_PREFIX = "fstest"
_SWITCH = "switch"
_LOGIN = "login"
_NAMES = [_LOGIN, *(f"mel{number:04}" for number in range(1, N_NODES + 1))]
_ADDRESSES = {name: f"10.99.0.{number}" for number, name in enumerate(_NAMES, start=1)}
_CAPABILITIES = (12, 21)  # CAP_NET_ADMIN, CAP_SYS_ADMIN
_ENTER = 'hostname "$0" && mount --bind "$1" /etc/hosts && shift && exec "$@"'


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of a site.

    Attributes:
        name: SLURM's name of it.
        host: Its own host name.
        address: Address for the other machines.
        port: Port of SLURM's daemon.
        inside: Words that run a command there if they precede it.
    """

    name: str
    host: str
    address: str
    port: int
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """The machines of a site.

    Attributes:
        login: Machine of the controller and of the user's commands.
        nodes: Machines that run jobs.
    """

    login: Machine
    nodes: tuple[Machine, ...]


def on_loopback() -> Network:
    """Give this machine several names, each with its own port."""
    host = socket.gethostname().split(".")[0]
    with contextlib.ExitStack() as stack:
        # all ports stay open until the last is chosen, so that they differ
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in _NAMES]
        ports = [each.getsockname()[1] for each in sockets]
    login, *nodes = [
        Machine(name, host, LOOPBACK, port) for name, port in zip(_NAMES, ports, strict=True)
    ]
    return Network(login, tuple(nodes))


def may_make_namespaces() -> bool:
    """Return True if this process may change networks and mounts; often not in containers."""
    (held,) = [
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if "CapEff" in line
    ]
    return all(int(held, 16) >> number & 1 for number in _CAPABILITIES)


@contextlib.contextmanager
def in_namespaces() -> Iterator[Network]:
    """Make a network namespace for each machine, with an address on ``ib0``.

    Yields:
        The network. At the end it is removed, and its processes are killed.

    Raises:
        ServerUnavailableError: This process may not make namespaces.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise ServerUnavailableError(
            "only root can make network namespaces, with ip (apt-get install iproute2)"
        )
    _remove_abandoned()
    own = f"{_PREFIX}-{os.getpid()}"
    try:
        with tempfile.NamedTemporaryFile("w") as hosts:
            hosts.write(f"{LOOPBACK} localhost\n")
            hosts.writelines(f"{address} {name}\n" for name, address in _ADDRESSES.items())
            hosts.flush()
            yield _lay(own, Path(hosts.name))
    finally:
        for name in _namespaces():
            if name.startswith(f"{own}-"):
                _remove(name)


def unplug(machine: Machine, *, back: bool = False) -> None:
    """Disconnect a machine from the network, or connect it again."""
    _ip(
        "-n",
        f"{_PREFIX}-{os.getpid()}-{_SWITCH}",
        "link",
        "set",
        machine.name,
        "up" if back else "down",
    )


def _lay(own: str, hosts: Path) -> Network:
    switch = f"{own}-{_SWITCH}"
    try:
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        login, *nodes = [_connect(own, name, hosts) for name in _NAMES]
    except subprocess.CalledProcessError as error:
        raise ServerUnavailableError(f"no network namespaces: {error.stderr.strip()}") from error
    return Network(login, tuple(nodes))


def _connect(own: str, name: str, hosts: Path) -> Machine:
    switch, namespace, address = f"{own}-{_SWITCH}", f"{own}-{name}", _ADDRESSES[name]
    _ip("netns", "add", namespace)
    _ip(
        "-n",
        switch,
        "link",
        "add",
        name,
        "type",
        "veth",
        "peer",
        "name",
        INTERFACE,
        "netns",
        namespace,
    )
    _ip("-n", switch, "link", "set", name, "master", "bridge", "up")
    _ip("-n", namespace, "address", "add", f"{address}/24", "dev", INTERFACE)
    for interface in ("lo", INTERFACE):
        _ip("-n", namespace, "link", "set", interface, "up")
    # each of these programs replaces itself by the next, so signals to the child reach the command
    inside = (
        "nsenter",
        f"--net=/run/netns/{namespace}",
        "unshare",
        "--uts",
        "--mount",
        "sh",
        "-c",
        _ENTER,
    )
    return Machine(
        name, name, address, 6817 if name == _LOGIN else 6818, (*inside, name, str(hosts))
    )


def _namespaces() -> list[str]:
    return [
        line.split()[0]
        for line in _ip("netns", "list").splitlines()
        if line.startswith(f"{_PREFIX}-")
    ]


def _remove_abandoned() -> None:
    for name in _namespaces():
        if not Path("/proc", name.split("-")[1]).exists():
            _remove(name)


def _remove(namespace: str) -> None:
    for pid in _ip("netns", "pids", namespace).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _ip("netns", "delete", namespace)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return done.stdout
