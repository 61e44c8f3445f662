"""The address at which the nodes reach the driver."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from distributed.utils import get_ip_interface

from floodscan.clusters.reliable_slurm.commands import SlurmCommandError, call
from floodscan.errors import InputError

if TYPE_CHECKING:
    from floodscan.clusters.profile import Profile


def find_address(profile: Profile) -> str:
    """Return the address at which the nodes reach this machine.

    Raises:
        InputError: The profile names a network interface that this machine lacks.
    """
    if profile.host is not None:
        return profile.host
    interface = profile.values["interface"]
    try:
        address: str = get_ip_interface(interface)
    except ValueError as err:
        raise profile.refuse("interface", f"{err}") from err
    return address


def check_address(profile: Profile, address: str) -> None:
    """Refuse a loopback address if the nodes are other machines.

    Raises:
        InputError: The nodes could not connect, or SLURM doesn't list them.
    """
    if not _is_loopback(address):
        return
    try:
        # an unknown partition has no nodes
        named = ("--partition", profile.values["queue"], "--format", "%o")
        nodes = call("sinfo", "--noheader", "--Node", *named).split()
    except SlurmCommandError as err:
        raise InputError(f"{profile.source}: SLURM doesn't list its nodes: {err}") from err
    if remote := [node for node in nodes if not _is_here(node)]:
        field = "interface" if profile.host is None else "scheduler-options.host"
        text = f"{address} is the loopback of this machine, and {remote[0]} can't reach it"
        text = f"{text}; name the network between the nodes, such as ib0"
        raise profile.refuse(field, text)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _is_here(node: str) -> bool:
    return _is_loopback(node) or node == socket.gethostname().partition(".")[0]
