"""A disk that fills up while results are written: nothing is torn, and with room again the run goes on."""

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
    """Mount a disk of little room; only root can."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603 - the system's own
    if done.returncode:
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(f"CI must mount a small disk: {done.stderr}")
        pytest.skip(f"a small disk can't be mounted: {done.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


@pytest.mark.parametrize("cluster", ["none", "local"])
def test_a_full_disk_is_told_and_mended(cluster: str, tmp_path: Path) -> None:
    """One error that says what to do.

    Whole files alone are there; then the bytes of a run that never failed.
    """
    with small_disk(tmp_path / "disk", "2m") as disk, open_client(cluster, n_workers=2) as client:
        with pytest.raises(
            OutputError, match="No space left on device; solve that and start the same scan"
        ):
            scan(EVENTS, catalog="demo", out=disk / "out", client=client)
        # what other batches were writing when the first of them failed is whole soon, or gone
        wait_for(
            lambda: not list((disk / "out").rglob("*.tmp")), "files that are not whole are left"
        )
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)  # noqa: S603, S607
        assert scan(EVENTS, catalog="demo", out=disk / "out", client=client).counts[
            "complete"
        ] == len(EVENTS)
        written = result_bytes(disk / "out")
    scan(EVENTS, catalog="demo", out=tmp_path / "calm")
    assert written == result_bytes(tmp_path / "calm")


def test_a_disk_that_is_full_from_the_start_is_mended(tmp_path: Path) -> None:
    """Nothing but folders fits; with room the same command works there."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        with pytest.raises(OSError, match="No space left"):
            (disk / "full").write_bytes(bytes(1_000_000))
        with pytest.raises(OutputError, match="can't be written: No space left on device"):
            scan(EVENTS[:1], catalog="demo", out=disk / "out")
        assert (disk / "out" / "candidates").is_dir()
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)  # noqa: S603, S607
        assert scan(EVENTS[:1], catalog="demo", out=disk / "out").counts["complete"] == 1
