"""The checks of ``floodscan doctor`` for SLURM: on this machine, and by a job on a compute node."""

from __future__ import annotations

import secrets
import shlex
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from floodscan.cli.checks import Check, check
from floodscan.clusters.address import check_address, find_address
from floodscan.clusters.private import remove_abandoned
from floodscan.clusters.reliable_slurm.commands import (
    SlurmCommandError,
    call,
    cancel,
    last_lines,
    list_jobs,
    rehearse,
)
from floodscan.clusters.slurm import preview_script, refusal_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from floodscan.clusters.profile import Profile

_POLL_SECONDS = 0.5
_QUOTED_LINES = 3
_NODE = "compute node"


def check_site(profile: Profile) -> list[Check]:
    """Check on this machine that SLURM, the network and the shared folder can be used.

    Args:
        profile: The worker jobs.
    """
    return [
        _check("sbatch", lambda: call("sbatch", "--version").strip()),
        _check("interface", lambda: _find_interface(profile)),
        _check("shared folder", lambda: _write_shared(profile)),
        _check("job script", lambda: _rehearse_job(profile)),
    ]


def check_node(profile: Profile, catalog: str, *, wait_seconds: float) -> Iterator[Check]:
    """Submit a job that makes the checks of a compute node, and wait for its results.

    Args:
        profile: The worker jobs; the job gets their header and prologue.
        catalog: The catalog that the scan will search.
        wait_seconds: Time limit for a free node.
    """
    name = f"floodscan-doctor-{secrets.token_hex(4)}"
    with (
        _listening(find_address(profile)) as address,
        TemporaryDirectory(dir=profile.shared_folder) as made,
    ):
        folder = Path(made)
        (folder / "asked").touch()
        try:
            script = _probe_script(profile, name, folder, [catalog, *map(str, address)])
            call("sbatch", script=script)
            yield from _wait_for_answer(folder, name, wait_seconds)
        except SlurmCommandError as err:
            yield Check(_NODE, False, str(err))
        finally:
            cancel(name)


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return check(name, look)
    except SlurmCommandError as err:
        return Check(name, False, str(err))


def _find_interface(profile: Profile) -> str:
    address = find_address(profile)
    check_address(profile, address)
    return f"the nodes reach this machine at {address}"


def _rehearse_job(profile: Profile) -> str:
    with refusal_explained(profile):
        rehearse(preview_script(profile))
    values = profile.values
    return f"SLURM takes it for account {values['account']} on {values['queue']}"


def _write_shared(profile: Profile) -> str:
    profile.shared_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    removed = remove_abandoned(profile.shared_folder)
    with TemporaryDirectory(dir=profile.shared_folder):
        found = f"; removed the keys of {removed} killed drivers" if removed else ""
        return f"{profile.shared_folder} can be written{found}"


def _probe_script(profile: Profile, name: str, folder: Path, words: list[str]) -> str:
    """Write the job's script: the header and the prologue of worker jobs under another name."""
    head = [
        line
        for line in preview_script(profile).rstrip().splitlines()[:-1]
        if not line.startswith(("#SBATCH -J", "#SBATCH -o", "#SBATCH -e"))
    ]
    head.insert(1, f"#SBATCH -J {name}\n#SBATCH -o {_log_of(folder)}")
    python = profile.values.get("python", sys.executable)
    command = f"{python} -m floodscan.cli.probe {shlex.join([str(folder), *words])}"
    return "\n".join([*head, command, ""])


def _wait_for_answer(folder: Path, name: str, wait_seconds: float) -> list[Check]:
    deadline = time.monotonic() + wait_seconds
    answer = folder / "answer.json"
    while not answer.exists():
        if not list_jobs(name) and not answer.exists():
            log = _log_of(folder)
            printed = last_lines(log, _QUOTED_LINES) if log.exists() else "nothing"
            text = f"the job ended without an answer; it printed: {printed}"
            return [Check(_NODE, False, text)]
        if time.monotonic() > deadline:
            text = f"no node was free within {wait_seconds:g} s; use a longer --wait"
            return [Check(_NODE, False, text)]
        time.sleep(_POLL_SECONDS)
    return msgspec.json.decode(answer.read_bytes(), type=list[Check])


def _log_of(folder: Path) -> Path:
    return folder / "probe.log"


@contextmanager
def _listening(host: str) -> Iterator[tuple[str, int]]:
    with socket.create_server((host, 0)) as server:
        yield host, server.getsockname()[1]
