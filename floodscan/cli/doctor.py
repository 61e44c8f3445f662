"""Is everything there that a sweep needs? One line each, with what to do where it is not."""

from __future__ import annotations

import secrets
import shlex
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from floodscan.catalogs import open_catalog
from floodscan.clusters.address import check_address, find_address
from floodscan.clusters.commands import SlurmCommandError, call, cancel, list_jobs, submit
from floodscan.clusters.private import remove_abandoned
from floodscan.clusters.slurm import check_script, preview_script
from floodscan.errors import FloodscanError
from floodscan.model import DEFAULT_SENSORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from floodscan.clusters.profile import Profile

_POLL_SECONDS = 0.5
_CONNECT_SECONDS = 10.0


class Check(msgspec.Struct, frozen=True):
    """What was looked at, and how it is.

    Attributes:
        name: What was looked at.
        ok: Whether it is there.
        text: What was found, or what to do.
    """

    name: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What a compute node is asked to look at.

    Attributes:
        folder: Folder on the shared disk that holds a file named ``asked``.
        catalog: Catalog that workers will ask.
        address: Host and port on which the driver listens.
    """

    folder: Path
    catalog: str
    address: tuple[str, int]


def examine(*, profile: Profile | None, catalog: str, wait_seconds: float) -> Iterator[Check]:
    """Look at everything that a sweep needs, here and on a compute node.

    Args:
        profile: What worker jobs are like; None looks at this machine alone.
        catalog: The catalog that will be asked.
        wait_seconds: How long to wait for a compute node.
    """
    yield _check_catalog("catalog from here", catalog)
    if profile is None:
        return
    checks = [
        _check("sbatch", lambda: call(["sbatch", "--version"]).strip()),
        _check("interface", lambda: _find_interface(profile)),
        _check("shared folder", lambda: _write_shared(profile)),
        _check("job script", lambda: _take_job(profile)),
    ]
    yield from checks
    if all(check.ok for check in checks):
        yield from _ask_node(profile, catalog, wait_seconds)


def look_around(probe: Probe) -> list[Check]:
    """Look at what only a compute node can tell; runs there."""
    return [
        _check("shared folder from a node", lambda: _read_shared(probe.folder)),
        _check("driver from a node", lambda: _connect(probe.address)),
        _hint(_check_catalog("catalog from a node", probe.catalog)),
    ]


def _hint(check: Check) -> Check:
    if check.ok:
        return check
    return replace(
        check,
        text=f"{check.text}; where only nodes can't reach it: floodscan scan --search-on driver",
    )


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (FloodscanError, SlurmCommandError, OSError) as err:
        return Check(name, False, str(err))


def _check_catalog(name: str, catalog: str) -> Check:
    collections = [asked.collection for asked in DEFAULT_SENSORS.values()]
    return _check(name, lambda: f"{open_catalog(catalog).describe(collections)} answers")


def _find_interface(profile: Profile) -> str:
    address = find_address(profile)
    check_address(profile, address)
    return f"this machine is {address} to the nodes"


def _take_job(profile: Profile) -> str:
    check_script(profile, preview_script(profile))
    return f"taken for account {profile.values['account']} on {profile.values['queue']}"


def _write_shared(profile: Profile) -> str:
    profile.shared_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    removed = remove_abandoned(profile.shared_folder)
    with TemporaryDirectory(dir=profile.shared_folder):
        found = f"; the keys of {removed} killed drivers were removed" if removed else ""
        return f"{profile.shared_folder} can be written{found}"


def _read_shared(folder: Path) -> str:
    if not (folder / "asked").exists():
        raise FileNotFoundError(
            f"{folder} isn't what it is on the driver: name a folder that all nodes see"
        )
    return f"{folder.parent} is seen"


def _connect(address: tuple[str, int]) -> str:
    with socket.create_connection(address, timeout=_CONNECT_SECONDS):
        return f"{address[0]} is reached"


def _ask_node(profile: Profile, catalog: str, wait_seconds: float) -> Iterator[Check]:
    """Let a job look around on a node, and wait for what it says."""
    name = f"floodscan-doctor-{secrets.token_hex(4)}"
    with (
        _listening(find_address(profile)) as address,
        TemporaryDirectory(dir=profile.shared_folder) as made,
    ):
        folder = Path(made)
        (folder / "asked").touch()
        words = [str(folder), catalog, *map(str, address)]
        python = profile.values.get("python", sys.executable)
        command = f"{python} -m floodscan.cli.doctor {shlex.join(words)}"
        # the header and the prologue of worker jobs, under another name
        head = preview_script(profile).head.splitlines()
        log = folder / "probe.log"
        head = [
            line for line in head if not line.startswith(("#SBATCH -J", "#SBATCH -o", "#SBATCH -e"))
        ]
        head.insert(1, f"#SBATCH -J {name}\n#SBATCH -o {log}")
        try:
            submit("\n".join([*head, command, ""]))
            yield from _wait_for_answer(folder, name, wait_seconds)
        except SlurmCommandError as err:
            yield Check("compute node", False, str(err))
        finally:
            cancel(name)


def _wait_for_answer(folder: Path, name: str, wait_seconds: float) -> list[Check]:
    deadline = time.monotonic() + wait_seconds
    answer, log = folder / "answer.json", folder / "probe.log"
    while not answer.exists():
        if not list_jobs(name) and not answer.exists():
            said = (
                log.read_text(errors="replace").strip().splitlines()[-3:]
                if log.exists()
                else ["nothing"]
            )
            return [
                Check(
                    "compute node",
                    False,
                    f"the job ended without an answer; it said: {' / '.join(said)}",
                )
            ]
        if time.monotonic() > deadline:
            text = f"no node was free within {wait_seconds:g} s; give a longer --wait"
            return [Check("compute node", False, text)]
        time.sleep(_POLL_SECONDS)
    return msgspec.json.decode(answer.read_bytes(), type=list[Check])


@contextmanager
def _listening(host: str) -> Iterator[tuple[str, int]]:
    with socket.create_server((host, 0)) as server:
        yield host, server.getsockname()[1]


def _main(folder: str, catalog: str, host: str, port: str) -> None:
    probe = Probe(Path(folder), catalog, (host, int(port)))
    part = probe.folder / "answer.part"
    part.write_bytes(msgspec.json.encode(look_around(probe)))
    part.rename(probe.folder / "answer.json")


if __name__ == "__main__":
    _main(*sys.argv[1:])
