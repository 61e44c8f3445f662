"""Events that crash their workers: only those events fail."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import shapely
from dask import config
from distributed import WorkerPlugin

from floodscan import ManifestError, scan
from floodscan.clusters import open_client
from floodscan.store import RunFolder
from tests.runs import result_bytes
from tests.sweeps import POISON, deadly_demo, demo_copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from distributed import Client, Worker

HEALTHY = demo_copies(20)
BAD = [
    replace(
        HEALTHY[0], event_id=name, bbox=POISON, aoi=shapely.box(*POISON), target_crs="EPSG:32647"
    )
    for name in ("bad-a", "bad-b")
]


class DeadlyWrite(WorkerPlugin):
    """Kills workers that write the manifest of one event, as a fault in a library would."""

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - distributed's
        """Replace the method that writes manifests."""
        write = RunFolder.write_manifests

        def write_or_die(folder: RunFolder, batch: str, manifests: Mapping[str, bytes]) -> None:
            if HEALTHY[3].event_id in manifests:
                os.kill(os.getpid(), signal.SIGKILL)
            write(folder, batch, manifests)

        RunFolder.write_manifests = write_or_die  # type: ignore[assignment, method-assign]


def no_second_chance() -> config.set:
    """Fail a task when its first worker crashed; Dask's default is the fourth."""
    return config.set({"distributed.scheduler.allowed-failures": 0})


@pytest.fixture(scope="module")
def client() -> Iterator[Client | None]:
    """Two workers."""
    with no_second_chance(), open_client("local", n_workers=2) as client:
        yield client


def test_only_the_events_that_crash_workers_fail(tmp_path: Path, client: Client) -> None:
    """Each has a reason; the rest of their batch has the results of a run without them."""
    (tmp_path / "deaths").mkdir()
    events = [*HEALTHY[:10], *BAD, *HEALTHY[10:]]
    result = scan(
        events, catalog=deadly_demo(tmp_path / "deaths"), client=client, out=tmp_path / "bad"
    )
    assert len(list((tmp_path / "deaths").iterdir())) > len(BAD)
    ends = {outcome.event_id: outcome for outcome in result.outcomes}
    for event in BAD:
        assert ends[event.event_id].status == "failed"
        assert "worker_lost (every worker that ran it crashed" in str(ends[event.event_id].reason)
        with pytest.raises(ManifestError, match="there is no manifest: worker_lost"):
            _ = result.manifests[event.event_id]
    assert result.counts["complete"] == len(HEALTHY)
    scan(HEALTHY, catalog="demo", out=tmp_path / "healthy")
    manifests = [
        {
            name: content
            for name, content in result_bytes(tmp_path / run).items()
            if name.startswith("manifests")
        }
        for run in ("bad", "healthy")
    ]
    assert manifests[0] == manifests[1]
    healthy = scan(HEALTHY, catalog="demo", out=tmp_path / "healthy").folder
    assert result.folder.read_candidates().equals(healthy.read_candidates())


def test_a_batch_whose_workers_crash_once_has_the_usual_results(
    tmp_path: Path, client: Client
) -> None:
    """No event fails."""
    events = [*HEALTHY[:4], BAD[0]]
    for name, most_deaths in (("unlucky", 1), ("calm", 0)):
        (tmp_path / f"{name}-deaths").mkdir()
        catalog = deadly_demo(tmp_path / f"{name}-deaths", most_deaths=most_deaths)
        result = scan(events, catalog=catalog, client=client, out=tmp_path / name)
        assert "worker_lost" not in "".join(outcome.reason or "" for outcome in result.outcomes)
    assert len(list((tmp_path / "unlucky-deaths").iterdir())) == 1
    assert result_bytes(tmp_path / "unlucky") == result_bytes(tmp_path / "calm")


def test_the_loss_of_a_node_after_the_search_for_bad_events_fails_no_event(tmp_path: Path) -> None:
    """A bad event crashes four workers until it is found; the fifth crash has another cause."""
    (tmp_path / "deaths").mkdir()
    catalog = deadly_demo(tmp_path / "deaths", unlucky_at=4)
    with no_second_chance(), open_client("local", n_workers=1) as client:
        result = scan([*HEALTHY[:4], BAD[0]], catalog=catalog, client=client, out=tmp_path / "out")
    assert len(list((tmp_path / "deaths").iterdir())) == 5
    assert {outcome.event_id for outcome in result.outcomes if outcome.status == "failed"} == {
        BAD[0].event_id
    }
    assert result.counts["complete"] == 4


def test_an_event_may_crash_its_worker_when_it_is_written(tmp_path: Path) -> None:
    """The rest of its batch is complete, and the folders of the trials are gone."""
    with no_second_chance(), open_client("local", n_workers=1) as client:
        assert client is not None
        client.register_plugin(DeadlyWrite())
        result = scan(HEALTHY[:5], catalog="demo", client=client, out=tmp_path / "out")
    failed = {
        outcome.event_id: str(outcome.reason)
        for outcome in result.outcomes
        if outcome.status == "failed"
    }
    assert list(failed) == [HEALTHY[3].event_id]
    assert "worker_lost" in failed[HEALTHY[3].event_id]
    assert result.counts["complete"] == 4
    assert not list((tmp_path / "out").glob(".*"))
