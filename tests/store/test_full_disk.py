"""A disk that becomes full during a run: files stay complete, and with space the run goes on."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from floodscan import OutputError, scan
from floodscan.clusters import open_client
from tests.runs import result_bytes
from tests.sweeps import demo_copies
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENTS = demo_copies(130)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small disk; this needs root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(f"CI must mount a small disk: {done.stderr}")
        pytest.skip(f"a small disk can't be mounted: {done.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def grow(disk: Path) -> None:
    """Give a disk more space."""
    command = ["mount", "-o", "remount,size=200m", str(disk)]
    subprocess.run(command, check=True)  # noqa: S603


@pytest.mark.parametrize("cluster", ["none", "local"])
def test_a_run_goes_on_after_a_full_disk(cluster: str, tmp_path: Path) -> None:
    """The error says what to do. Only complete files are left.

    Later the results have the bytes of a run on a large disk.
    """
    with small_disk(tmp_path / "disk", "2m") as disk, open_client(cluster, n_workers=2) as client:
        with pytest.raises(
            OutputError, match="No space left on device; solve that and start the same scan"
        ):
            scan(EVENTS, catalog="demo", out=disk / "out", client=client)
        # other batches finish their files, or remove them, soon after the first batch has failed
        wait_for(lambda: not list((disk / "out").rglob("*.tmp")), "incomplete files are left")
        grow(disk)
        assert scan(EVENTS, catalog="demo", out=disk / "out", client=client).counts[
            "complete"
        ] == len(EVENTS)
        written = result_bytes(disk / "out")
    scan(EVENTS, catalog="demo", out=tmp_path / "calm")
    assert written == result_bytes(tmp_path / "calm")


def test_a_run_starts_again_on_a_disk_that_was_full(tmp_path: Path) -> None:
    """Only folders fit at first; with space, the same command works in the same folder."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        with pytest.raises(OSError, match="No space left"):
            (disk / "full").write_bytes(bytes(1_000_000))
        with pytest.raises(OutputError, match="can't be written: No space left on device"):
            scan(EVENTS[:1], catalog="demo", out=disk / "out")
        assert (disk / "out" / "candidates").is_dir()
        grow(disk)
        assert scan(EVENTS[:1], catalog="demo", out=disk / "out").counts["complete"] == 1
