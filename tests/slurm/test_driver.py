"""How a driver ends: refused before any work, stopped by a signal, or given up.

It leaves neither jobs nor keys.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import psutil
import pytest

from floodscan import scan
from floodscan.cli.main import main
from floodscan.clusters import open_client, prepare_client
from floodscan.clusters.resources import SCORE
from floodscan.errors import ClusterError, InputError
from floodscan.testing.servers.process import child
from floodscan.testing.servers.proxy import fault_proxy
from tests.runs import result_bytes
from tests.slurm.conftest import open_slurm, write_profile
from tests.slurm.network import N_NODES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.fixtures import StacApi
    from tests.slurm.site import SlurmSite

NOHUP = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"account": "p999999"}, ["field 'jobqueue.slurm.account'", "unknown account p999999"]),
        (
            {"job_extra_directives": ["--qos=none"]},
            ["field 'jobqueue.slurm.job-extra-directives'", "unknown qos none"],
        ),
        (
            {"walltime": "07:00:00"},
            ["field 'jobqueue.slurm.walltime'", "above the limit of the qos"],
        ),
        ({"queue": "gpu"}, ["field 'jobqueue.slurm.queue'", "invalid partition"]),
        ({"cores": 500}, ["field 'jobqueue.slurm.cores'", "node configuration is not available"]),
        (
            {"interface": "ib7"},
            ["field 'jobqueue.slurm.interface'", "'ib7' is not a valid network interface"],
        ),
    ],
)
def test_refusal_of_the_site_is_one_message(
    values: dict[str, object],
    words: list[str],
    site: SlurmSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It has the file, the field and the site's own words; nothing is submitted or written."""
    path = write_profile(tmp_path, **values)
    command = [
        "floodscan",
        "scan",
        "demo",
        "--cluster",
        "slurm",
        "--profile",
        str(path),
        "--out",
        str(tmp_path / "o"),
    ]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    output, message = capfd.readouterr()
    assert (output, message.count("\n")) == ("", 1)
    for word in (str(path), *words):
        assert word.lower() in message.lower()
    assert site.jobs() == []
    assert not (tmp_path / "o").exists()
    assert list((tmp_path / "private").glob("*")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--catalog", "http://127.0.0.1:9/"], "catalog http://127.0.0.1:9"),
        (["--catalog", "demo", "--out", "{tmp}"], "holds other files"),
    ],
    ids=["catalog", "out"],
)
def test_nothing_is_submitted_before_all_checks_passed(
    words: list[str],
    message: str,
    site: SlurmSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A catalog that doesn't answer, or a folder with other files, ends the command first."""
    before = site.submissions()
    command = ["floodscan", "scan", "demo", "--out", str(tmp_path / "o"), "--cluster", "slurm"]
    command += [
        "--profile",
        str(write_profile(tmp_path)),
        *(word.format(tmp=tmp_path) for word in words),
    ]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert message in capfd.readouterr().err
    assert site.submissions() == before
    assert not (tmp_path / "o").exists()


@dataclass
class SlowApi:
    """A STAC API that stops answering amid a scan until it is released.

    Attributes:
        url: Its URL.
        reached: Set when a search waits.
        released: Set it to let all searches be answered.
    """

    url: str = ""
    reached: Event = field(default_factory=Event)
    released: Event = field(default_factory=Event)

    def pause(self, number: int) -> None:
        """Let all searches but the first wait."""
        if number:
            self.reached.set()
            self.released.wait()


@pytest.fixture
def slow_api(lean_api: StacApi) -> Iterator[SlowApi]:
    """A slow STAC API on the lean test server."""
    api = SlowApi()
    with fault_proxy(lean_api.url, script=api.pause) as proxy:
        api.url = proxy.url
        yield api
        api.released.set()


def scan_command(
    events: Path, catalog: str, profile: Path, out: Path, *, n_jobs: int | str
) -> list[str]:
    """Return the command of a driver."""
    words = [str(events), "--catalog", catalog, "--out", str(out), "--profile", str(profile)]
    words += ["--cache", str(out.with_name("cache"))]
    return [
        sys.executable,
        "-m",
        "floodscan",
        "scan",
        *words,
        "--cluster",
        "slurm",
        "--workers",
        str(n_jobs),
    ]


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.skipif(NOHUP, reason="nohup has it ignored")),
    ],
)
def test_signal_stops_the_driver_and_leaves_nothing(
    number: signal.Signals,
    events: Path,
    reference: dict[str, bytes],
    slow_api: SlowApi,
    site: SlurmSite,
    tmp_path: Path,
) -> None:
    """Ctrl-C, SIGTERM and a lost terminal leave no job and no key; a new run continues."""
    log, out = tmp_path / "driver.log", tmp_path / "o"
    command = scan_command(events, slow_api.url, write_profile(tmp_path), out, n_jobs=2)
    with child(command, log=log) as driver:
        assert slow_api.reached.wait(120), log.read_text()
        driver.send_signal(number)
        assert driver.wait(180) == 128 + number
    assert site.jobs() == []
    assert list((tmp_path / "private").iterdir()) == []
    assert "run the same command again to continue" in log.read_text()
    slow_api.released.set()
    assert scan(events, catalog=slow_api.url, out=out).ok
    assert result_bytes(out) == reference


def test_killed_driver_leaves_nothing_for_long(
    events: Path, reference: dict[str, bytes], slow_api: SlowApi, site: SlurmSite, tmp_path: Path
) -> None:
    """After kill -9, running jobs end, and queued jobs end when they start.

    The next driver removes the keys, and the same command continues.
    """
    path = write_profile(tmp_path, death_timeout=8)
    log, out, private = tmp_path / "driver.log", tmp_path / "o", tmp_path / "private"
    command = scan_command(events, slow_api.url, path, out, n_jobs=N_NODES + 1)
    with child([*command, "--search-on", "driver"], log=log) as driver:
        assert slow_api.reached.wait(120), log.read_text()
        site.wait_for_jobs(N_NODES, state="RUNNING", seconds=120)
        beside = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
    slow_api.released.set()
    assert beside
    assert psutil.wait_procs(beside, timeout=120)[1] == []
    (left,) = private.iterdir()
    site.wait_for_jobs(0, seconds=180)
    with prepare_client("slurm", profile=path):
        (living,) = private.iterdir()
        assert living != left
        with prepare_client("slurm", profile=path):
            assert living.exists()
    assert list(private.iterdir()) == []
    with child(
        scan_command(events, slow_api.url, write_profile(tmp_path), out, n_jobs=2), log=log
    ) as driver:
        assert driver.wait(180) == 0, log.read_text()
    assert result_bytes(out) == reference


@pytest.mark.parametrize("n_searches", [None, 1], ids=["on nodes", "on driver"])
def test_jobs_that_end_at_once_end_the_scan(
    n_searches: int | None, site: SlurmSite, tmp_path: Path
) -> None:
    """If the prologue fails on the nodes, four jobs are tried; the error quotes the last one.

    A worker on the driver's machine connects, but does not show that jobs work.
    """
    before = site.submissions()
    path = write_profile(tmp_path, job_script_prologue=["echo no such module >&2", "exit 1"])
    with (
        pytest.raises(
            ClusterError, match=r"worker jobs ended before a worker connected.*no such module"
        ),
        open_slurm(path, n_searches=n_searches) as client,
    ):
        client.submit(sum, [1], resources={SCORE: 1}).result(120)
    assert site.jobs() == []
    assert site.submissions() == before + 4


def test_slurm_needs_a_profile() -> None:
    """The message names the option and a file to start from."""
    with pytest.raises(InputError, match=r"--profile.*jobs/meluxina\.yaml"), open_client("slurm"):
        pass
