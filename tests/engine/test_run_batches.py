"""The engine: few batches in flight, nothing left on the cluster, and visible bugs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import shapely

from floodscan import Recipe, scan
from floodscan.catalogs import open_catalog
from floodscan.clusters import open_client
from floodscan.engine.on_cluster import max_in_flight
from floodscan.engine.run_batches import run_batches
from floodscan.engine.work import ScanWork
from floodscan.inputs.event_files import load_events
from floodscan.pipeline import Run
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import Batch
from floodscan.store import RunFolder, find_lock_holder
from floodscan.store.heartbeat import Driver
from floodscan.testing.fake_catalog import FakeCatalog, NoItems, RaiseError
from tests.sweeps import POISON, demo_copies, faulty_demo
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client

    from floodscan.testing.fake_catalog import Fault


@pytest.fixture(scope="module")
def client() -> Iterator[Client | None]:
    """Two workers."""
    with open_client("local", n_workers=2) as client:
        yield client


def make_run(folder: Path, *faults: Fault) -> Run:
    """Make a run on a catalog without items."""
    store = RunFolder(folder)
    store.prepare()
    catalog = FakeCatalog(source=NoItems(), faults=faults)
    return Run(catalog=catalog, catalog_id="empty", recipe=Recipe(), folder=store)


def make_batches(n: int) -> Iterator[Batch]:
    """Make n batches of one event each."""
    (demo,) = load_events("demo", phase_offset_days=Recipe().phase_offset_days)
    listed = list_events(replace(demo, event_id=f"e{number:03}") for number in range(n))
    return (Batch(f"{number:03}", (event,)) for number, event in enumerate(listed.in_order()))


def test_batches_are_planned_when_they_are_submitted(tmp_path: Path, client: Client) -> None:
    """Never more than the limit are submitted and not done."""
    taken = 0
    bound = max_in_flight(client)

    def count() -> Iterator[Batch]:
        nonlocal taken
        for batch in make_batches(5 * bound):
            taken += 1
            yield batch

    done: list[str] = []
    for result in run_batches(ScanWork(make_run(tmp_path)), count(), client=client):
        done.append(result.name)
        assert taken <= len(done) + bound
    assert sorted(done) == [batch.name for batch in make_batches(5 * bound)]


def test_work_begins_before_all_batches_are_planned(tmp_path: Path, client: Client) -> None:
    """The first batch is done before the last batch that may be in flight is planned."""
    run, bound = make_run(tmp_path), max_in_flight(client)

    def batches_in_time() -> Iterator[Batch]:
        for number, batch in enumerate(make_batches(bound)):
            if number == bound - 1:
                wait_for(
                    lambda: run.folder.events.written_since(0),
                    "no batch is done before the last is planned",
                )
            yield batch

    assert len(list(run_batches(ScanWork(run), batches_in_time(), client=client))) == bound


def test_nothing_is_kept_on_the_cluster(tmp_path: Path, client: Client) -> None:
    """Results are released as soon as they are read."""
    for _ in run_batches(ScanWork(make_run(tmp_path)), make_batches(5), client=client):
        pass
    client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.validate_state())
    # the client reports the release of the last results later
    wait_for(
        lambda: client.run_on_scheduler(lambda dask_scheduler: not dask_scheduler.tasks),
        "tasks are kept",
    )


@pytest.mark.parametrize("in_process", [True, False])
def test_a_bug_is_raised_as_it_is(tmp_path: Path, in_process: bool, client: Client) -> None:  # noqa: FBT001 - a parameter
    """Only known faults are data; a bug ends the run with its own error."""
    run = make_run(tmp_path, RaiseError(ZeroDivisionError("bug in the search")))
    with pytest.raises(ZeroDivisionError, match="bug in the search"):
        list(run_batches(ScanWork(run), make_batches(2), client=None if in_process else client))


@pytest.mark.parametrize("in_process", [True, False])
def test_a_bug_fails_only_its_batch_if_the_run_keeps_going(
    tmp_path: Path,
    in_process: bool,  # noqa: FBT001 - a parameter
    client: Client,
) -> None:
    """The events of the other batches end as without it."""
    healthy = demo_copies(2)
    poisoned = replace(healthy[0], event_id="poisoned", bbox=POISON, aoi=shapely.box(*POISON))
    listed = list_events([*healthy, poisoned]).in_order()
    bug = RaiseError(KeyError(), box=POISON)
    batches = [Batch(event.place[-1], (event,)) for event in listed]
    run = replace(make_run(tmp_path), catalog=faulty_demo(bug), keep_going=True)
    results = run_batches(ScanWork(run), batches, client=None if in_process else client)
    counts = {result.name: result.counts for result in results}
    assert [counts[event.event_id]["complete"] for event in healthy] == [1, 1]
    assert counts["poisoned"]["failed"] == 1


def test_demo_catalog_travels(tmp_path: Path, client: Client) -> None:
    """A catalog is a small value that workers open for themselves."""
    run = replace(make_run(tmp_path), catalog=open_catalog("demo"))
    (result,) = run_batches(ScanWork(run), make_batches(1), client=client)
    assert result.counts["complete"] == 1


def test_the_cluster_is_closed_before_the_folder_is_unlocked(tmp_path: Path) -> None:
    """Also if the callback for progress raises, and the error is kept, as notebooks do."""
    writers: list[Driver | None] = []

    @contextmanager
    def open_and_look() -> Iterator[Client | None]:
        with open_client("local", n_workers=1) as client:
            try:
                yield client
            finally:
                writers.append(find_lock_holder(tmp_path))

    def interrupt(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as kept:
        scan(
            demo_copies(90),
            catalog="demo",
            out=tmp_path,
            client=open_and_look,
            on_progress=interrupt,
        )
    assert kept
    assert writers == [Driver.here()]
    assert find_lock_holder(tmp_path) is None


@pytest.mark.parametrize("in_process", [True, False])
def test_batches_that_are_planned_ahead_are_not_planned_again(
    tmp_path: Path,
    in_process: bool,  # noqa: FBT001 - a parameter
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their results are those of batches that are planned alone."""
    alone = ScanWork(make_run(tmp_path / "alone"))
    expected = {
        each.name: each.counts for each in run_batches(alone, make_batches(40), client=None)
    }
    monkeypatch.delattr(Run, "plan")
    work = ScanWork(make_run(tmp_path / "ahead"))
    ahead, cluster = work.plan_ahead(make_batches(40)), None if in_process else client
    found = {each.name: each.counts for each in run_batches(work, ahead, client=cluster)}
    assert found == expected
