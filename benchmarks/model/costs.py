"""Measure what each stage of a sweep costs, alone, and what a cluster adds to it.

The stages work on the answers of a generated catalog, in one process:

    a request, an item        the slots are asked for by few large searches, and by many small ones
    an event                  its answers are empty
    a candidate, a choice     its answers are whole, and thinned to every fourth item

The join of an archive is measured alone too, see ``joins``.

Then a sweep runs on a local cluster with one worker. What its worker took in addition to the stages
is the worker's cost of a task. What its driver took in addition to the tasks is that of an event.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import event_cost
from benchmarks.model.joins import measure_join
from benchmarks.model.runs import Case, run_alone
from benchmarks.sweeps import latest_events, plan_searches
from floodscan import Policy, Recipe, pipeline
from floodscan.catalogs import StacApiCatalog
from floodscan.model import Search, SearchPrices, Sensor, TimeWindow
from floodscan.pipeline import Run
from floodscan.planning.estimate import Costs, sum_worker_cpu
from floodscan.planning.slots import SEARCHES_PER_TASK
from floodscan.store import RunFolder
from floodscan.testing.made_up_items import MadeUpItems
from floodscan.testing.servers.launch import lean_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.event_cost import Answered
    from benchmarks.model.runs import Ran
    from floodscan import Event

_BOX, _DAYS = (5.0, 49.0, 7.0, 51.0), 10
_THIN = 4


def measure_costs(
    n_events: int, *, repeats: int, task: float, folder: Path, archive: Path | None
) -> dict[Policy, Costs]:
    """Measure the costs of a sweep by each policy.

    Args:
        n_events: The latest floods.
        repeats: Repeats of each measurement, whose median counts.
        task: CPU seconds of the driver and the scheduler for a task, see ``simulation``.
        folder: An empty folder. ``events.csv`` and the catalog for them stay there.
        archive: A generated archive for the join; None makes one.
    """
    events = latest_events(n_events, folder)
    found = event_cost.search_all(events, list(Policy), folder)
    with lean_server(folder, landing_id="generated", log=folder / "server.log") as server:
        request, item = _measure_answers(server.url, events, repeats)
        ran = run_alone(Case(1, n_events), server.url, folder / "events.csv", folder / "run")
    joins = measure_join(n_events, repeats=repeats, folder=folder, archive=archive)
    costs, item_bytes = {}, _measure_item_bytes()
    for policy, answered in found.items():
        event, candidate, choice = _measure_choices(answered, policy, folder, repeats)
        costs[policy] = Costs(
            event=event,
            request=request,
            item=item,
            stored_megabyte=joins[0],
            joined_item=joins[1],
            candidate=candidate,
            choice=choice,
            worker_task=0.0,
            driver_event=0.0,
            task=task,
            item_bytes=item_bytes,
        )
    return _add_cluster(costs, ran)


def _add_cluster(costs: Mapping[Policy, Costs], ran: Ran) -> dict[Policy, Costs]:
    """Add what a sweep by the default policy took on a cluster in addition to its stages."""
    usual = costs[Recipe().policy]
    worker_cpu = ran.worker_cpu - sum_worker_cpu(ran.size, usual)
    driver_cpu = ran.driver_cpu - ran.size.n_tasks * usual.task
    worker_task = max(worker_cpu, 0.0) / ran.size.n_tasks
    driver_event = max(driver_cpu, 0.0) / ran.size.n_events
    return {
        policy: replace(alone, worker_task=worker_task, driver_event=driver_event)
        for policy, alone in costs.items()
    }


def _measure_answers(url: str, events: Sequence[Event], repeats: int) -> tuple[float, float]:
    """Return the CPU seconds of a request and of an item."""
    counts, seconds = [], []
    for price in (0, SearchPrices().request_items):
        searches = plan_searches(events, Recipe(searches=SearchPrices(request_items=price)))
        runs = [_ask(url, searches) for _ in range(repeats)]
        counts.append(runs[0][1:])
        seconds.append(median(run[0] for run in runs))
    request, item = np.linalg.solve(np.array(counts, float), seconds)
    return float(request), float(item)


def _ask(url: str, searches: Sequence[Search]) -> tuple[float, int, int]:
    """Ask as the tasks of a sweep do; return CPU seconds, requests and items."""
    run = Run(
        catalog=StacApiCatalog(url),
        catalog_id="",
        recipe=Recipe(),
        folder=RunFolder(Path("unused")),
    )
    started, n_requests, n_items = process_time(), 0, 0
    for first in range(0, len(searches), SEARCHES_PER_TASK):
        answers = pipeline.ask(run, searches[first : first + SEARCHES_PER_TASK])
        n_requests += sum(answer.n_requests for answer in answers)
        n_items += sum(len(answer.items) for answer in answers)
    return process_time() - started, n_requests, n_items


def _measure_choices(
    answered: Answered, policy: Policy, folder: Path, repeats: int
) -> tuple[float, float, float]:
    """Return the CPU seconds of an event, of a candidate, and of the choices of an event."""
    thinned = [
        (plan, {search: replace(a, items=a.items[::_THIN]) for search, a in answers.items()})
        for plan, answers in answered
    ]
    cases = (event_cost.empty(answered), thinned, answered)
    event, few, many = (
        event_cost.measure(case, policy, folder / f"{policy}-{n}", repeats=repeats)["all"] / 1e3
        for n, case in enumerate(cases)
    )
    n_few, n_many = (event_cost.count_candidates(case, policy) for case in cases[1:])
    candidate = (many - few) / (n_many - n_few)
    return event, candidate, many - event - candidate * n_many


def _measure_item_bytes() -> float:
    """Return the mean size of items that have only the members that floodscan reads."""
    items, window = MadeUpItems(lean=True), TimeWindow.around(date(2021, 7, 15), _DAYS)
    searches = [
        Search(asked.collection, _BOX, window, asked.assets)
        for sensor, asked in Recipe().sensors.items()
        if sensor is not Sensor.DEM
    ]
    n_items = sum(len(items.search(search).items) for search in searches)
    return sum(len(items.make_page(search)) for search in searches) / n_items
