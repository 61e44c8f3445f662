"""Folders of keys: only the folders of drivers that are gone are removed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from floodscan.clusters.private import OWNER_FILE, SILENT_SECONDS, private_folder, remove_abandoned
from floodscan.store.heartbeat import Driver

if TYPE_CHECKING:
    from pathlib import Path

KILLED = """
import os, pathlib, signal, sys
from floodscan.clusters.private import private_folder
with private_folder(pathlib.Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def abandon(parent: Path) -> Path:
    """Let a driver be killed, and return the folder that it left."""
    subprocess.run([sys.executable, "-c", KILLED, str(parent)], check=False)  # noqa: S603
    (left,) = parent.iterdir()
    return left


def test_folder_is_private_and_temporary(tmp_path: Path) -> None:
    """Other users can open neither the folder nor its parent."""
    parent = tmp_path / "private"
    with private_folder(parent) as folder:
        assert [stat.S_IMODE(path.stat().st_mode) for path in (parent, folder)] == [0o700, 0o700]
    assert list(parent.iterdir()) == []


def test_next_driver_removes_the_folder_of_a_killed_one(tmp_path: Path) -> None:
    """The folder of a living driver stays."""
    with private_folder(tmp_path) as living:
        left = abandon(tmp_path / "other")
        left = left.rename(tmp_path / left.name)
        with private_folder(tmp_path) as next_one:
            assert set(tmp_path.glob("run-*")) == {living, next_one}
            assert not left.exists()


def test_process_id_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    """A driver is known by its start time, too."""
    with private_folder(tmp_path) as folder:
        owner = folder / OWNER_FILE
        held = msgspec.json.decode(owner.read_bytes(), type=Driver)
        owner.write_bytes(msgspec.json.encode(msgspec.structs.replace(held, began="1")))
        assert remove_abandoned(tmp_path) == 1


def test_driver_on_another_machine_is_gone_after_a_long_silence(tmp_path: Path) -> None:
    """Its process can't be seen from here, only its heartbeat."""
    left = abandon(tmp_path)
    owner = left / OWNER_FILE
    held = msgspec.json.decode(owner.read_bytes(), type=Driver)
    owner.write_bytes(msgspec.json.encode(msgspec.structs.replace(held, host="another")))
    assert remove_abandoned(tmp_path) == 0
    silent = time.time() - SILENT_SECONDS - 1
    os.utime(owner, (silent, silent))
    assert remove_abandoned(tmp_path) == 1


def test_living_driver_has_a_heartbeat(tmp_path: Path) -> None:
    """However long ago it started."""
    with private_folder(tmp_path, beat_seconds=0.01) as folder:
        os.utime(folder / OWNER_FILE, (0, 0))
        deadline = time.monotonic() + 10
        while (folder / OWNER_FILE).stat().st_mtime == 0:
            assert time.monotonic() < deadline


def test_other_folders_stay(tmp_path: Path) -> None:
    """A folder with a similar name may hold results, however old it is."""
    for name, content in [("run-results", None), ("run-odd", b"{}")]:
        folder = tmp_path / name
        folder.mkdir()
        if content:
            (folder / OWNER_FILE).write_bytes(content)
        os.utime(folder, (0, 0))
    assert remove_abandoned(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2
