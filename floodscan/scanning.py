"""A run from events to a folder of choices; the command line and Python both start here.

``scan`` searches a catalog, and ``reselect`` chooses again from the candidates of an earlier run.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from floodscan.assessment.outcomes import count_outcomes
from floodscan.catalogs import PLANETARY_COMPUTER, Access, open_sources
from floodscan.catalogs.access import MAX_IN_FLIGHT
from floodscan.catalogs.early import early_forgotten
from floodscan.catalogs.sources import check_collections, find_request_seconds
from floodscan.clearsky.access import open_reader
from floodscan.clusters import FEW_EVENTS
from floodscan.clusters.given import prepare_given
from floodscan.engine.early_searches import begin_early
from floodscan.engine.joining import run_scan
from floodscan.engine.progress import Progress, sum_up
from floodscan.engine.record import (
    begin_record,
    describe_reselection,
    describe_scan,
    finish_record,
)
from floodscan.engine.resume import check_same, find_done
from floodscan.engine.run_batches import run_batches, share_limits
from floodscan.engine.work import ReselectionWork
from floodscan.errors import OutputError
from floodscan.inputs.event_files import list_all
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import DEMO, Recipe
from floodscan.pipeline import Run
from floodscan.planning.event_list import EventList
from floodscan.planning.prices import fit_prices
from floodscan.planning.scratch import IdSet
from floodscan.planning.slots import cut_batches
from floodscan.reselection import (
    Reselection,
    check_answerable,
    fit_checks,
    fit_ladder,
    has_default_ladder,
    read_finished,
)
from floodscan.result import ScanResult
from floodscan.schemas import EVENTS
from floodscan.selection.clearness import reads_area
from floodscan.store import FILES, PACKED, RunFolder, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from floodscan.catalogs import Catalog
    from floodscan.catalogs.rate_limiter import RateLimits
    from floodscan.clusters.given import GivenClient, Opener
    from floodscan.model import CloudScope, Event, Policy, SearchPrices
    from floodscan.pipeline import BatchResult
    from floodscan.planning.slots import Batch

    Json = dict[str, Any]
    Events = str | Path | Event | Sequence[Event] | EventList
    OnProgress = Callable[[int, int], None]

_log = logging.getLogger(__name__)

MOST_MANIFEST_FILES = 1000
"""Runs with more events pack their manifests, one file per batch."""


def scan(  # noqa: PLR0913 - one parameter per choice
    events: Events,
    *,
    catalog: str | Catalog | None = None,
    recipe: Recipe | None = None,
    out: str | Path | None = None,
    client: GivenClient = None,
    access: Access | None = None,
    search_on_driver: bool = False,
    retry_failed: bool = False,
    keep_going: bool = False,
    pack_manifests: bool | None = None,
    on_progress: OnProgress | None = None,
) -> ScanResult:
    """Find, score and choose scenes for flood events; continue the run that ``out`` holds.

    Args:
        events: Path of an event file, ``demo``, an Event or several.
        catalog: A Catalog, a name, a URL or a path; None is ``demo`` or ``planetary-computer``.
        recipe: The rules; None is the default recipe.
        out: Folder on a disk of all workers; None is a temporary one, removed with the result.
        client: A Dask client or cluster, an address, or a function, see ``prepare_given``.
        access: Limits for requests, and for reading scenes; None is moderate, without a cache.
        search_on_driver: True if only the worker on the driver's machine can search.
        retry_failed: True repeats batches of the run in ``out`` in which something failed.
        keep_going: True lets a bug fail only the events of its batch; False raises it.
        pack_manifests: True is a file per batch, False one per event; None packs large runs.
        on_progress: Called with the number of finished events and the number of all events.

    Raises:
        InputError, CatalogError: An argument or the catalog can't be used; nothing was written.
    """
    rules, access = recipe or Recipe(), access or Access()
    source, listed = open_source(catalog, events, recipe=rules), read_list(events, rules)
    with prepare_given(client) as opener, early_forgotten():
        run = _prepare_run(access, source, rules, listed, opener, out, packed=pack_manifests)
        run = replace(run, search_on_driver=search_on_driver, keep_going=keep_going)
        _finish(run, listed, opener, access.rates, retry=retry_failed, report=on_progress)
    return _conclude(run.folder, listed.ids, temporary=out is None)


def reselect(  # noqa: PLR0913 - one parameter per setting
    source: str | Path,
    *,
    out: str | Path,
    policy: Policy | None = None,
    cloud: CloudScope | None = None,
    recipe: Recipe | None = None,
    client: GivenClient = None,
    on_progress: OnProgress | None = None,
) -> ScanResult:
    """Choose again from the candidates of a finished run, without searching.

    Args:
        source: Folder of that run.
        out: Output folder; another one.
        policy: How scenes are chosen; None is the recipe's policy.
        cloud: Which clouds of optical scenes count; None is the recipe's rule.
        recipe: The rules; None is the recipe of that run. Steps of its ladder, or of the default
            ladder, that need a wider window than that run searched are left out.
        client: A client, a cluster, or an address, as for ``scan``; its workers read ``source``
            and write to ``out``. None runs all tasks in this process.
        on_progress: Called with the number of finished events and the number of all events.

    Raises:
        InputError: The run has not finished, its candidates are too few for these rules, or a
            folder or ``client`` can't be used; nothing was written.
    """
    held = RunFolder(Path(source).absolute())
    searched = read_finished(held)
    rules, not_checked = _rules_for(searched, policy, cloud, recipe, held)
    with prepare_given(client) as opener:
        folder = _choose_other_folder(held, out, packed=searched["manifests"] == PACKED)
        catalog_id, decisions = searched["catalog"]["id"], held.read_decisions()
        again = Reselection(
            source=held, out=folder, recipe=rules, catalog_id=catalog_id, decisions=decisions
        )
        _choose_again(again, searched, opener, not_checked=not_checked, report=on_progress)
    ids = (rows["event_id"].to_pylist() for _, rows in folder.events.batches(["event_id"]))
    return ScanResult(folder, IdSet(chain.from_iterable(ids)))


def read_list(events: Events, recipe: Recipe) -> EventList:
    """Read, check and list events, one at a time; return a list that is already one.

    Raises:
        EventError: The file can't be used.
    """
    if isinstance(events, EventList):
        return events
    return list_all(events, phase_offset_days=recipe.phase_offset_days)


def open_source(
    catalog: str | Catalog | None,
    events: object,
    *,
    recipe: Recipe,
    fallback: str | Catalog | None = None,
) -> Catalog:
    """Open the catalogs of a run by name, URL or path; None is the catalog for these events."""
    if catalog is None:
        catalog = DEMO if events == DEMO else PLANETARY_COMPUTER
    return open_sources(catalog, by_collection=recipe.sources, fallback=fallback)


def _is_begun(out: str | Path | None) -> bool:
    return out is not None and RunFolder(Path(out).absolute()).has_run()


def _prepare_run(  # noqa: PLR0913 - what a run is made of
    access: Access,
    catalog: Catalog,
    rules: Recipe,
    events: EventList,
    opener: Opener,
    out: str | Path | None,
    *,
    packed: bool | None,
) -> Run:
    """Check the catalog's collections, set the price of requests, name folder and reader."""
    source = access.keep(catalog)
    few = len(events) <= FEW_EVENTS and opener is nullcontext and not _is_begun(out)
    in_flight = access.max_in_flight or MAX_IN_FLIGHT
    with ThreadPoolExecutor(1) as pool:
        # the check runs here meanwhile: its few requests leave while the searches are planned
        planning = pool.submit(begin_early, source, rules, events, in_flight) if few else None
        catalog_id, checked, not_checked = check_collections(source, rules)
        early_plans = planning.result() if planning else {}
    folder = _choose_folder(out, n_events=len(events), packed=packed)
    prices = _price_requests(checked.searches, access, source, folder)
    return Run(
        catalog=source,
        catalog_id=catalog_id,
        recipe=replace(checked, searches=prices),
        folder=folder,
        early_plans=early_plans if checked is rules else {},  # other rules need other plans
        not_checked=not_checked,
        reader=open_reader(catalog, access, folder.scratch_path) if reads_area(rules) else None,
    )


def _price_requests(
    prices: SearchPrices, access: Access, source: Catalog, folder: RunFolder
) -> SearchPrices:
    """Fit the price of a request to the catalog. A run that continues keeps its price."""
    if folder.has_run() and (held := folder.read_run().get("request_items")) is not None:
        return replace(prices, request_items=min(prices.request_items, held))
    seconds = find_request_seconds(source)
    return fit_prices(prices, request_seconds=seconds, in_flight=access.max_in_flight)


def _choose_folder(out: str | Path | None, *, n_events: int, packed: bool | None) -> RunFolder:
    """Name the folder. If ``packed`` is None, a run that is there decides, or else its size."""
    folder = RunFolder(Path(out or mkdtemp(prefix="floodscan-")).absolute())
    if packed is None:
        run = folder.read_run() if folder.has_run() else {}
        packed = run.get("manifests", PACKED if n_events > MOST_MANIFEST_FILES else FILES) == PACKED
    return replace(folder, packed=packed)


def _choose_other_folder(held: RunFolder, out: str | Path, *, packed: bool) -> RunFolder:
    """Name the folder of a reselection; it must not be the folder of the run itself."""
    if Path(out).resolve() == held.path.resolve():
        raise OutputError(f"{out}: is the run to choose from; choose another --out")
    return RunFolder(Path(out).absolute(), packed=packed)


def _finish(
    run: Run,
    events: EventList,
    opener: Opener,
    rates: RateLimits,
    *,
    retry: bool,
    report: OnProgress | None,
) -> None:
    """Run the batches that are left."""
    head = describe_scan(run)
    cut = partial(cut_batches, events, run_id=head["run_id"])
    planned = frozenset(batch.name for batch in cut())
    with _taken(run.folder, head):
        run = replace(run, decisions=run.folder.read_decisions())
        done = find_done(run.folder, planned, events.ids, retry_failed=retry)
        record = begin_record(run.folder, head, n_events=len(events), n_batches=len(planned))
        _log.info(
            "scan of %d events in %d batches, of which %d are done; catalog %s, output %s",
            len(events),
            len(planned),
            len(done.batches),
            run.catalog.location,
            run.folder.path,
        )
        progress = Progress(run.folder, done.counts, len(events), report)
        if left := planned - done.batches:
            todo = (batch for batch in cut() if batch.name in left)
            with _open_engine(run, todo, opener, rates) as results:
                progress.follow(results)
        # workers of a driver that was killed may have written batches since ``find_done``
        run.folder.keep(planned)
        finish_record(run.folder, record, progress.counts)
    _log.info("finished: %s", sum_up(progress.counts))


def _choose_again(
    again: Reselection,
    searched: Json,
    opener: Opener,
    *,
    not_checked: Mapping[str, str],
    report: OnProgress | None,
) -> None:
    """Choose again for all batches of a run."""
    head = describe_reselection(searched, again.recipe, not_checked)
    planned = searched["planned"]
    n_events, n_batches = planned["events"], planned["batches"]
    with _taken(again.out, head):
        record = begin_record(again.out, head, n_events=n_events, n_batches=n_batches)
        _log.info(
            "choosing again for %d events in %d batches of %s, output %s",
            n_events,
            n_batches,
            again.source.path,
            again.out.path,
        )
        # the source may have got more events since an earlier call: then its batches differ
        again.out.keep(frozenset())
        again.out.write_decisions(again.decisions)
        progress = Progress(again.out, count_outcomes(EVENTS.empty_table()), n_events, report)
        work, batches = ReselectionWork(again), again.batches()
        with opener() as client, closing(run_batches(work, batches, client=client)) as results:
            progress.follow(results)
        finish_record(again.out, record, progress.counts)
    _log.info("finished: %s", sum_up(progress.counts))


@contextmanager
def _taken(folder: RunFolder, head: Json) -> Iterator[None]:
    """Keep other processes and other runs out of a folder."""
    check_same(folder, head)
    folder.prepare()
    with locked(folder.path):
        # another driver may have started or ended a run since the first check
        check_same(folder, head)
        folder.prepare()
        folder.remove_scraps()
        yield


@contextmanager
def _open_engine(
    run: Run, batches: Iterable[Batch], opener: Opener, rates: RateLimits
) -> Iterator[Iterator[BatchResult]]:
    """Open the cluster, and yield the results of batches; at the end close it, also on errors.

    The generator of results is closed too: an error whose traceback is kept, as notebooks do,
    would keep it alive, and its tasks would go on.
    """
    with (
        opener() as client,
        share_limits(run, client, rates) as ready,
        closing(run_scan(ready, batches, client=client)) as results,
    ):
        yield results


def _rules_for(
    searched: Json,
    policy: Policy | None,
    cloud: CloudScope | None,
    recipe: Recipe | None,
    held: RunFolder,
) -> tuple[Recipe, dict[str, str]]:
    """Return the rules of a reselection, and check that the candidates of a run are enough.

    Returns:
        The rules, and why a collection of what was acquired is not searched.
    """
    first = recipe_from_dict(searched["recipe"], source=str(held.run_path))
    rules = recipe or first
    if policy is not None:
        rules = replace(rules, policy=policy)
    if cloud is not None:
        rules = rules.with_cloud(cloud)
    if recipe is None or has_default_ladder(recipe):
        rules = fit_ladder(rules, first)
    rules, not_checked = fit_checks(rules, first, searched)
    check_answerable(rules, first, held)
    return rules, not_checked


def _conclude(folder: RunFolder, ids: IdSet, *, temporary: bool) -> ScanResult:
    result = ScanResult(folder, ids)
    if temporary:
        finalize(result, rmtree, folder.path, ignore_errors=True)
    return result
