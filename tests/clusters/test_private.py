"""Folders of keys: those of drivers that are gone are removed, and no others."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from floodscan.clusters import private
from floodscan.clusters.private import OWNER_FILE, SILENT_SECONDS, private_folder, remove_abandoned
from floodscan.store.heartbeat import Driver, send_heartbeats

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KILLED = """
import os, pathlib, signal, sys
from floodscan.clusters.private import private_folder
with private_folder(pathlib.Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def abandon(parent: Path) -> Path:
    """Let a driver be killed, and give the folder it left."""
    subprocess.run([sys.executable, "-c", KILLED, str(parent)], check=False)  # noqa: S603
    (left,) = parent.iterdir()
    return left


def test_folder_is_the_users_alone_and_goes(tmp_path: Path) -> None:
    """Even the folder above it is closed to others."""
    parent = tmp_path / "private"
    with private_folder(parent) as folder:
        assert [stat.S_IMODE(path.stat().st_mode) for path in (parent, folder)] == [0o700, 0o700]
    assert list(parent.iterdir()) == []


def test_next_driver_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    """That of a living one stays, whoever starts beside it."""
    with private_folder(tmp_path) as living:
        left = abandon(tmp_path / "other")
        left = left.rename(tmp_path / left.name)
        with private_folder(tmp_path) as next_one:
            assert set(tmp_path.glob("run-*")) == {living, next_one}
            assert not left.exists()


def test_process_id_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    """A driver is told by its beginning too."""
    with private_folder(tmp_path) as folder:
        owner = folder / OWNER_FILE
        held = msgspec.json.decode(owner.read_bytes(), type=Driver)
        owner.write_bytes(msgspec.json.encode(msgspec.structs.replace(held, began="1")))
        assert remove_abandoned(tmp_path) == 1


def test_driver_on_another_machine_has_time_to_give_a_sign(tmp_path: Path) -> None:
    """Its process can't be seen from here: only a long silence tells."""
    left = abandon(tmp_path)
    owner = left / OWNER_FILE
    held = msgspec.json.decode(owner.read_bytes(), type=Driver)
    owner.write_bytes(msgspec.json.encode(msgspec.structs.replace(held, host="another")))
    assert remove_abandoned(tmp_path) == 0
    silent = time.time() - SILENT_SECONDS - 1
    os.utime(owner, (silent, silent))
    assert remove_abandoned(tmp_path) == 1


def test_living_driver_gives_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long ago it began, it is never silent."""
    monkeypatch.setattr(private, "send_heartbeats", partial(send_heartbeats, beat_seconds=0.01))
    with private_folder(tmp_path) as folder:
        os.utime(folder / OWNER_FILE, (0, 0))
        deadline = time.monotonic() + 10
        while (folder / OWNER_FILE).stat().st_mtime == 0:
            assert time.monotonic() < deadline


def test_other_folders_stay(tmp_path: Path) -> None:
    """Results in a folder named alike are none of keys, however old."""
    for name, content in [("run-results", None), ("run-odd", b"{}")]:
        folder = tmp_path / name
        folder.mkdir()
        if content:
            (folder / OWNER_FILE).write_bytes(content)
        os.utime(folder, (0, 0))
    assert remove_abandoned(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2
