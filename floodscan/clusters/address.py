"""The address on which nodes reach the driver."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from distributed.utils import get_ip_interface

from floodscan.clusters.commands import SlurmCommandError, list_node_addresses
from floodscan.errors import InputError

if TYPE_CHECKING:
    from floodscan.clusters.profile import Profile


def find_address(profile: Profile) -> str:
    """Find the address on which this machine is reached by the nodes.

    Raises:
        InputError: The profile names an interface that is not here.
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
    """See that the driver does not listen to this machine alone while its nodes are others.

    Raises:
        InputError: It would, or SLURM doesn't tell its nodes.
    """
    if not _is_loopback(address):
        return
    try:
        nodes = list_node_addresses(profile.values["queue"])
    except SlurmCommandError as err:
        raise InputError(f"{profile.source}: SLURM doesn't tell its nodes: {err}") from err
    if others := [node for node in nodes if not _is_here(node)]:
        field = "interface" if profile.host is None else "scheduler-options.host"
        text = f"{address} is the loopback of this machine, and {others[0]} can't reach it"
        text = f"{text}; name the network between nodes, as ib0"
        raise profile.refuse(field, text)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _is_here(node: str) -> bool:
    return _is_loopback(node) or node == socket.gethostname().partition(".")[0]
