"""The checks of ``floodscan doctor`` that only a compute node can make; a SLURM job runs them.

python -m floodscan.cli.probe FOLDER CATALOG HOST PORT

FOLDER is on the shared disk and holds a file ``asked``; the results go there as ``answer.json``.
The module needs no packages of SLURM's drivers: an environment for workers alone can run it.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from floodscan.cli.checks import Check, check, check_catalog

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What the compute node checks.

    Attributes:
        folder: Folder on the shared disk that holds a file named ``asked``.
        catalog: Catalog that workers will search.
        address: Host and port on which the driver listens.
    """

    folder: Path
    catalog: str
    address: tuple[str, int]


def look_around(probe: Probe) -> list[Check]:
    """Make all checks of a compute node."""
    return [
        check("shared folder from a node", lambda: _read_shared(probe.folder)),
        check("driver from a node", lambda: _connect(probe.address)),
        _with_hint(check_catalog("catalog from a node", probe.catalog)),
    ]


def _with_hint(found: Check) -> Check:
    if found.ok:
        return found
    hint = "if only the nodes can't reach it, use floodscan scan --search-on driver"
    return replace(found, text=f"{found.text}; {hint}")


def _read_shared(folder: Path) -> str:
    if not (folder / "asked").exists():
        message = f"{folder} is another folder on this node; name a folder that all nodes share"
        raise FileNotFoundError(message)
    return f"{folder.parent} is the same folder here"


def _connect(address: tuple[str, int]) -> str:
    with socket.create_connection(address, timeout=_CONNECT_SECONDS):
        return f"connected to {address[0]}"


def main(folder: str, catalog: str, host: str, port: str) -> None:
    """Make the checks and write their results."""
    probe = Probe(Path(folder), catalog, (host, int(port)))
    unfinished = probe.folder / "answer.part"
    unfinished.write_bytes(msgspec.json.encode(look_around(probe)))
    unfinished.rename(probe.folder / "answer.json")


if __name__ == "__main__":
    main(*sys.argv[1:])
