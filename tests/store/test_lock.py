"""One driver at a time, on systems with and without ``/proc``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest

from floodscan import OutputError
from floodscan.store import find_lock_holder, heartbeat, locked
from floodscan.store.heartbeat import Driver
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = ".driver.json"

WITHOUT_PROC = """
from pathlib import Path
from floodscan.store import heartbeat
heartbeat.Path = lambda path: Path(path.replace("/proc", "/nowhere"))
"""

HOLD = """
import sys, time
from pathlib import Path
from floodscan.store import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["with /proc", "without /proc"])
def prelude(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Hide ``/proc`` from this process; returns Python that hides it from another one too."""
    if request.param == "with /proc":
        return ""
    monkeypatch.setattr(heartbeat, "Path", lambda path: Path(path.replace("/proc", "/nowhere")))
    describe = heartbeat._describe.__wrapped__
    monkeypatch.setattr(heartbeat, "_describe", describe)
    return WITHOUT_PROC


@pytest.fixture
def start(prelude: str, tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Start a driver that holds the folder until it is killed."""

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", prelude + HOLD, str(tmp_path)]
        driver = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)  # noqa: S603
        assert driver.stdout
        assert driver.stdout.readline() == "locked\n"
        return driver

    return start


@pytest.mark.processes
def test_a_killed_driver_frees_its_folder_at_once(
    start: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A living one keeps the folder, a zombie does not."""
    driver = start()
    with pytest.raises(OutputError, match=f"process {driver.pid} on .* is writing to it"):
        locked(tmp_path).__enter__()
    driver.kill()
    wait_for(
        lambda: psutil.Process(driver.pid).status() == psutil.STATUS_ZOMBIE, "it is not killed"
    )
    assert find_lock_holder(tmp_path) is None
    driver.communicate()
    assert find_lock_holder(tmp_path) is None
    with locked(tmp_path):
        assert find_lock_holder(tmp_path) == Driver.here()


@pytest.mark.usefixtures("prelude")
def test_a_later_process_with_the_same_pid_is_another_driver(tmp_path: Path) -> None:
    """The time when it began differs."""
    earlier = msgspec.structs.replace(Driver.here(), began="1")
    (tmp_path / LOCK).write_bytes(msgspec.json.encode(earlier))
    assert find_lock_holder(tmp_path) is None


@pytest.mark.usefixtures("prelude")
@pytest.mark.parametrize("began", [Driver.here().began, "1"], ids=["same start", "other start"])
def test_pids_of_another_container_are_not_looked_up_here(began: str, tmp_path: Path) -> None:
    """It may share disk, host name and pid with this one: only the age of the lock file counts."""
    other = msgspec.structs.replace(Driver.here(), pid_space="another", began=began)
    (tmp_path / LOCK).write_bytes(msgspec.json.encode(other))
    assert find_lock_holder(tmp_path) == other
    os.utime(tmp_path / LOCK, (0, 0))
    assert find_lock_holder(tmp_path) is None
