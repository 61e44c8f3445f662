"""Ctrl-C at any moment ends a command: with status 130, and without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from floodscan.cli.interrupts import Interrupts
from tests.sweeps import make_events, write_table
from tests.waiting import wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Run

pytestmark = pytest.mark.processes

LOSES_INTERRUPTS = """
import sys, time, weakref
from floodscan.cli import group
from floodscan.cli.interrupts import INTERRUPTS
from floodscan.cli.main import main

class Thing:
    pass

def callback(_):
    print("started", flush=True)
    time.sleep(60)

def lose(work):
    thing = Thing()
    if work == "callback":
        kept = weakref.ref(thing, callback)
        del thing
    else:
        try:
            callback(None)
        except BaseException:
            pass
    return 0

def go_on():
    INTERRUPTS.clean_up()
    end = time.monotonic() + 60
    try:
        lose(sys.argv[1])
        while time.monotonic() < end:
            time.sleep(0.01)
    finally:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            time.sleep(0.01)
        print("cleaned up", flush=True)

group.run = go_on
main()
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many events that no scan of them ends before it is interrupted."""
    return write_table(tmp_path_factory.mktemp("events") / "events.csv", make_events(600))


def is_ready(process: subprocess.Popen[str]) -> bool:
    """Return whether a process handles SIGALRM, which the command line does after SIGINT."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1 << signal.SIGALRM - 1)


def interrupt(words: list[str], seconds: float) -> tuple[int, str, str]:
    """Run a command and press Ctrl-C some seconds after it can handle it.

    A terminal sends the signal to the command and to all processes that it started.
    """
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: is_ready(process), "the command doesn't start")
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    try:
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, output, errors


@pytest.mark.parametrize(("cluster", "last"), [("none", 1.2), ("local --workers 2", 2.5)])
def test_ctrl_c_is_heeded_at_any_moment(
    cluster: str, last: float, events: Path, tmp_path: Path
) -> None:
    """20 moments: imports, the start of the cluster, the first batches."""

    def check(number: int) -> str:
        out = str(tmp_path / f"out-{number}")
        words = ["-m", "floodscan", "scan", str(events), "--catalog", "demo", "--out", out]
        words += ["--cluster", *cluster.split()]
        status, output, errors = interrupt(words, number / 20 * last)
        clean = (status, output) == (130, "") and "Traceback" not in errors
        return "" if clean else f"{number}: {status} {output} {errors}"

    with ThreadPoolExecutor(2) as threads:
        assert [*filter(None, threads.map(check, range(20)))] == []


@pytest.mark.parametrize("where", ["callback", "except"])
def test_an_interrupt_that_is_dropped_comes_again(where: str) -> None:
    """Python drops it in callbacks, and some packages catch it; the cleanup is not disturbed."""
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", LOSES_INTERRUPTS, where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, "cleaned up\n", "")


def test_a_command_in_the_background_still_ignores_ctrl_c(run: Run) -> None:
    """A shell without job control starts such commands so that they do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Interrupts().begin()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert run("guide")[0] == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
