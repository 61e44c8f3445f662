"""Events that end their workers: one bad event costs one event, and whoever was near it nothing."""

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
from tests.sweeps import POISON, DeadlyCatalog, demo_copies

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
    """Kills workers that write the manifest of one of the events, as a fault in a library would."""

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - distributed's
        """Come between."""
        write = RunFolder.write_manifests

        def write_or_die(folder: RunFolder, batch: str, manifests: Mapping[str, bytes]) -> None:
            if HEALTHY[3].event_id in manifests:
                os.kill(os.getpid(), signal.SIGKILL)
            write(folder, batch, manifests)

        RunFolder.write_manifests = write_or_die  # type: ignore[assignment, method-assign]


def no_second_chance() -> config.set:
    """Let a task be given up when it ended one worker, to save time."""
    return config.set({"distributed.scheduler.allowed-failures": 0})


@pytest.fixture(scope="module")
def client() -> Iterator[Client | None]:
    """Two workers."""
    with no_second_chance(), open_client("local", n_workers=2) as client:
        yield client


def test_a_bad_event_costs_one_event(tmp_path: Path, client: Client) -> None:
    """Each is a row with its reason.

    The others of their batch have the manifests that they have without them.
    """
    (tmp_path / "deaths").mkdir()
    events = [*HEALTHY[:10], *BAD, *HEALTHY[10:]]
    result = scan(
        events, catalog=DeadlyCatalog(tmp_path / "deaths"), client=client, out=tmp_path / "bad"
    )
    assert len(list((tmp_path / "deaths").iterdir())) > len(BAD)
    ends = {outcome.event_id: outcome for outcome in result.outcomes}
    for event in BAD:
        assert ends[event.event_id].status == "failed"
        assert "worker_lost (every worker that ran it crashed" in str(ends[event.event_id].reason)
        with pytest.raises(ManifestError, match="there is none: worker_lost"):
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


def test_a_batch_that_was_unlucky_ends_as_ever(tmp_path: Path, client: Client) -> None:
    """Where workers end for a while only, the bytes are those of a calm run, and nothing has failed."""
    events = [*HEALTHY[:4], BAD[0]]
    for name, most_deaths in (("unlucky", 1), ("calm", 0)):
        (tmp_path / f"{name}-deaths").mkdir()
        catalog = DeadlyCatalog(tmp_path / f"{name}-deaths", most_deaths=most_deaths)
        result = scan(events, catalog=catalog, client=client, out=tmp_path / name)
        assert "worker_lost" not in "".join(outcome.reason or "" for outcome in result.outcomes)
    assert len(list((tmp_path / "unlucky-deaths").iterdir())) == 1
    assert result_bytes(tmp_path / "unlucky") == result_bytes(tmp_path / "calm")


def test_a_node_lost_at_the_end_costs_nothing_more(tmp_path: Path) -> None:
    """Four workers end of a bad event until it is found, the fifth of something else, and its neighbours go on."""
    (tmp_path / "deaths").mkdir()
    catalog = DeadlyCatalog(tmp_path / "deaths", unlucky_at=4)
    with no_second_chance(), open_client("local", n_workers=1) as client:
        result = scan([*HEALTHY[:4], BAD[0]], catalog=catalog, client=client, out=tmp_path / "out")
    assert len(list((tmp_path / "deaths").iterdir())) == 5
    assert {outcome.event_id for outcome in result.outcomes if outcome.status == "failed"} == {
        BAD[0].event_id
    }
    assert result.counts["complete"] == 4


def test_an_event_that_can_not_be_written_costs_one_event(tmp_path: Path) -> None:
    """All goes well until its manifest is written.

    Its neighbours have theirs, and the trials leave nothing.
    """
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
